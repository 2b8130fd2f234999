"""The authors' NPZ and HDF5 arrays become a store like that of the videos, or say why not."""

import json
import os
import shutil
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from media_files import Movie, face_picture, write_movie
from mvemotion.baselines import evaluate_baseline
from mvemotion.data.batches import check_inputs
from mvemotion.data.bundles import find_bundles
from mvemotion.data.clip_file import read_row
from mvemotion.data.prepare import prepare, summarize
from mvemotion.data.store import Store
from mvemotion.errors import DataError, InputError
from mvemotion.evaluation import evaluate
from mvemotion.runs import TrainingConfig
from mvemotion.specs import EMOTIONS, PAPER_FORMAT, ClipFormat, audio_frames
from mvemotion.training import train
from stores import TINY, make_store

FORMAT = ClipFormat(
    duration_s=2.0, mel_bands=32, frame_size=32, frames=16, slow_frames=4, c3d_size=28, c3d_frames=8
)
COLUMNS = audio_frames(22_050, TINY)


def quietly(raw: Path, store: Path, **options) -> Store:
    prepare(raw, store, workers=0, progress=False, **options)
    return Store(store)


def clips(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random clips of `TINY`'s sizes as the authors' arrays, classes in turn."""
    rng = np.random.default_rng(seed)
    side, frames = TINY.frame_size, TINY.frames
    pictures = rng.integers(0, 256, (2, count, side, side, frames, 3), dtype=np.uint8)
    pictures[:, 0, 0, 0, 0], pictures[:, 0, 0, 0, 1] = 0, 255
    return {
        "melphase": rng.normal(-30, 20, (count, TINY.mel_bands, COLUMNS, 2)).astype("f4"),
        "video3D_fast": pictures[0],
        "video3D_slow": pictures[0][:, :, :, ::5],  # 0, 5, 10, 15 of 16
        "face_fast": pictures[1],
        "target": np.eye(6)[np.arange(count) % 6],
    }


def save(path: Path, arrays: dict[str, np.ndarray], *, save_npz=np.savez) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".h5":
        with path.open("wb") as file:
            save_npz(file, **arrays)
        return path
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    return path


def save_one_by_one(root: Path, split: str, arrays: dict[str, np.ndarray]) -> None:
    """Every clip as an HDF5 file of its own, in the folder of its class."""
    for index, target in enumerate(arrays["target"]):
        clip = {name: array[index] for name, array in arrays.items() if name != "target"}
        save(root / split / EMOTIONS[target.argmax()] / "hdf5" / f"{index:05d}.h5", clip)


def stamps(root: Path) -> dict[str, int]:
    return {p.stem: p.stat().st_mtime_ns for p in (root / "clips").rglob("*.safetensors")}


# --- There and back -------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def from_videos(tmp_path_factory) -> Store:
    """A store of real MP4 files, some of which show faces."""
    root = tmp_path_factory.mktemp("videos")
    kinds = (Movie(seconds=2.2), Movie(seconds=2.2, draw=face_picture, height=120, width=160))
    movies = [write_movie(root / f"{i}.mp4", kind) for i, kind in enumerate(kinds)]
    for split in ("Train", "test"):
        for number, emotion in enumerate(EMOTIONS):
            folder = root / "raw" / split / emotion / "video"
            folder.mkdir(parents=True)
            shutil.copy(movies[number % 2], folder / "a.mp4")
    return quietly(root / "raw", root / "store", clip_format=FORMAT)


def exported(store: Store, split: str) -> dict[str, np.ndarray]:
    """The clips of a store in the authors' shapes, as its user would write them."""
    table = store.clips(split)
    read = [store.read(clip_id) for clip_id in table["id"]]
    video = np.stack([clip["video"] for clip in read])
    return {
        "melphase": np.stack([np.transpose(clip["music"], (1, 2, 0)) for clip in read]),
        "video3D_fast": video,
        "video3D_slow": video[:, :, :, [0, 5, 10, 15]],
        "face_fast": np.stack([clip["face"] for clip in read]),
        "target": np.stack([np.arange(6) == EMOTIONS.index(e) for e in table["emotion"]]) * 1.0,
    }


def as_npz(root: Path, split: str, arrays: dict) -> None:
    save(root / f"mv_{split.lower()}_db.npz", arrays)


def as_compressed_npz(root: Path, split: str, arrays: dict) -> None:
    save(root / f"{split}.zip", arrays, save_npz=np.savez_compressed)


def as_hdf5(root: Path, split: str, arrays: dict) -> None:
    save(root / split.upper() / "all.h5", arrays)


def as_chunked_hdf5(root: Path, split: str, arrays: dict) -> None:
    with h5py.File(root / split, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, chunks=True, compression="gzip")


def as_hdf5_groups(root: Path, split: str, arrays: dict) -> None:
    with h5py.File(root / "everything.h5", "a") as file:
        for index in range(len(arrays["target"])):
            for name, array in arrays.items():
                file[f"{split}/clip {index}/{name}"] = array[index]


SHAPES = (
    *(as_npz, as_compressed_npz, as_hdf5, as_chunked_hdf5, as_hdf5_groups),
    save_one_by_one,
)


@pytest.mark.parametrize("write", SHAPES)
def test_exported_clips_come_back_as_they_were(from_videos, tmp_path, write):
    (tmp_path / "raw").mkdir()
    for split in ("Train", "test"):
        write(tmp_path / "raw", split, exported(from_videos, split))
    store = quietly(tmp_path / "raw", tmp_path / "store", clip_format=FORMAT)
    assert store.clip_format == FORMAT
    assert store.arrays == ("music", "video", "face", "face_source")
    assert (store.manifest["detail"] == "").all()
    for split in ("Train", "test"):
        ours, theirs = store.clips(split), from_videos.clips(split)
        assert list(ours["emotion"]) == list(theirs["emotion"])
        assert list(ours["face_frames"] > 0) == list(theirs["face_frames"] > 0)
        assert len(set(ours["face_frames"] > 0)) == 2
        for our_id, their_id in zip(ours["id"], theirs["id"], strict=True):
            expected = from_videos.read(their_id)
            for name, array in store.read(our_id, ["music", "video", "face"]).items():
                np.testing.assert_array_equal(array, expected[name])
                assert array.dtype == expected[name].dtype
        expected = from_videos.statistics(split)
        assert store.statistics(split) == {n: expected[n] for n in ("music", "video", "face")}


def test_the_same_arrays_give_the_same_checksum_in_any_container(tmp_path):
    arrays = clips(3)
    for write in (as_npz, as_hdf5):
        write(tmp_path / write.__name__, "Train", arrays)
    rows = [
        quietly(tmp_path / w.__name__, tmp_path / f"{w.__name__}-store").manifest["sha256"]
        for w in (as_npz, as_hdf5)
    ]
    assert rows[0].equals(rows[1])
    assert rows[0].nunique() == 3


@pytest.mark.slow
def test_a_network_answers_to_bundled_clips_as_to_the_videos_they_came_from(from_videos, tmp_path):
    for split in ("Train", "test"):
        as_npz(tmp_path / "raw", split, exported(from_videos, split))
    store = quietly(tmp_path / "raw", tmp_path / "store", clip_format=FORMAT)
    config = TrainingConfig("video_a2+music_a2+face_a2", epochs=1)
    run = train(config, from_videos, tmp_path / "run", device="cpu")
    answers = []
    for one in (from_videos, store):
        evaluate(run, one, device="cpu")
        answers.append(pd.read_csv(run / "test" / "predictions.csv"))
    columns = ["emotion", *(f"p_{emotion}" for emotion in EMOTIONS)]
    pd.testing.assert_frame_equal(answers[0][columns], answers[1][columns])


def test_bundled_clips_train_score_and_stand_beside_baselines(tmp_path):
    for split in ("Train", "Validation", "test"):
        as_npz(tmp_path / "raw", split, clips(6, seed=len(split)))
    store = quietly(tmp_path / "raw", tmp_path / "store")
    run = train(TrainingConfig("music_a2", epochs=1), store, tmp_path / "run", device="cpu")
    assert evaluate(run, device="cpu")["n"] == 6
    for name in ("dummy", "metadata"):
        metrics = evaluate_baseline(name, store, tmp_path / name)
        assert metrics["accuracy"] == pytest.approx(1 / 6)  # nothing is known of any container


# --- What a store of bundles lacks ----------------------------------------------------------------
def test_a_network_whose_inputs_are_not_there_is_refused_before_it_begins(tmp_path):
    as_npz(tmp_path / "raw", "Train", clips(6))
    store = quietly(tmp_path / "raw", tmp_path / "store")
    needs = r"music_a3_mmtm needs music_slow \(sound at 32,000 Hz\) and music_fast .* hold music, "
    with pytest.raises(DataError, match=needs + r".*prepare a store from the videos"):
        train(TrainingConfig("music_a3_mmtm"), store, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_network_is_not_scored_on_clips_without_its_inputs(tmp_path):
    trained_on = make_store(tmp_path / "trained on", {"Train": 1, "test": 1})
    run = train(TrainingConfig("face_a2", epochs=1), trained_on, tmp_path / "run", device="cpu")
    arrays = clips(6)
    as_npz(tmp_path / "raw", "test", {n: arrays[n] for n in ("melphase", "target")})
    store = quietly(tmp_path / "raw", tmp_path / "store", clip_format=TINY)
    assert store.arrays == ("music",)
    assert store.clip_format == trained_on.clip_format
    with pytest.raises(DataError, match="face_a2 needs face, but these clips hold music; choose"):
        evaluate(run, store, device="cpu")
    check_inputs(store, "music_a2")


# --- What is found --------------------------------------------------------------------------------
def test_videos_win_over_arrays_beside_them(tmp_path):
    write_movie(tmp_path / "raw/Train/Sad/video/a.mp4", Movie(seconds=2.2))
    save_one_by_one(tmp_path / "raw", "Train", clips(6))
    store = quietly(tmp_path / "raw", tmp_path / "store", clip_format=FORMAT, faces="none")
    assert list(store.manifest["path"]) == ["Train/Sad/video/a.mp4"]


def test_neither_names_nor_other_files_matter(tmp_path):
    save(tmp_path / "raw/test/data.bin", clips(2))
    save(tmp_path / "raw/weights.h5", {"kernel": np.zeros(3)})
    save(tmp_path / "raw/.hidden/train.npz", clips(2))
    (tmp_path / "raw/video3D_fast.npz").write_bytes(b"not at all")
    store = quietly(tmp_path / "raw", tmp_path / "store")
    assert list(store.clips()["id"]) == ["test/Excited/data-00000", "test/Fear/data-00001"]
    assert set(store.clips()["path"]) == {"test/data.bin"}


def test_a_folder_without_clips_says_what_it_holds_and_what_it_should(tmp_path):
    save(tmp_path / "a.npz", {"x": np.zeros((3, 4), "f4"), "target": np.zeros((3, 6))})
    save(tmp_path / "deep/b.h5", {"kernel": np.zeros(7, "i2")})
    for name in ("1.wav", "2.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    with pytest.raises(DataError) as caught:
        prepare(tmp_path, tmp_path / "store")
    message = str(caught.value)
    for part in (
        "2 .wav (1.wav, 2.wav)",
        "1 .npz (a.npz)",
        "a.npz holds x float32 (3, 4), target float64 (3, 6)",
        "b.h5 holds kernel int16 (7,)",
        "expected are videos, or NPZ or HDF5 files with arrays melphase (128, 1292, 2)",
    ):
        assert part in message
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("mv_test_db.npz", "test"),
        ("TRAIN.npz", "Train"),
        ("training/x.npz", "Train"),
        ("Val/x.npz", "Validation"),
        ("my-validation-2.npz", "Validation"),
        ("test/training_day.npz", "test"),  # a whole name counts more than a word
        ("train/test.npz", "Train"),  # and the outer one more than the inner
    ],
)
def test_the_split_is_read_from_names(tmp_path, name, split):
    save(tmp_path / name, clips(1))
    assert find_bundles(tmp_path)[0].sources[0].split == split


@pytest.mark.parametrize("name", ["contest.npz", "x.npz", "train_or_test.npz"])
def test_a_file_that_does_not_say_its_split_is_refused(tmp_path, name):
    save(tmp_path / name, clips(1))
    with pytest.raises(DataError, match=rf"{name}: no split: .* put one of the words train, "):
        find_bundles(tmp_path)


def test_clips_of_the_same_name_keep_ids_of_their_own(tmp_path):
    for number, folder in enumerate(("x", "Y", "y/z")):
        save(tmp_path / "raw/train" / folder / "a.npz", clips(1, seed=number))
    first = quietly(tmp_path / "raw", tmp_path / "store").clips()
    assert first["id"].str.lower().nunique() == 3
    assert first["sha256"].nunique() == 3
    assert first["id"].str.startswith("Train/Excited/a-00000-").all()


def test_the_papers_shapes_give_the_papers_format(tmp_path):
    pictures = np.zeros((1, 128, 128, 64, 3), np.uint8)
    pictures[..., 32:, :] = 9
    arrays = {
        "melphase": np.zeros((1, 128, 1292, 2), np.float16),
        "video3D_fast": pictures,
        "video3D_slow": pictures[:, :, :, ::9],
        "face_fast": pictures,
        "target": np.array([[0, 0, 0, 0, 1, 0]]),
    }
    save(tmp_path / "raw/train.npz", arrays, save_npz=np.savez_compressed)
    store = quietly(tmp_path / "raw", tmp_path / "store")
    assert store.clip_format == PAPER_FORMAT
    assert list(store.clips()["id"]) == ["Train/Sad/train-00000"]


def test_other_shapes_give_a_format_that_has_them(tmp_path):
    save(tmp_path / "raw/train.npz", clips(1))
    store = quietly(tmp_path / "raw", tmp_path / "store")
    found = store.clip_format
    assert audio_frames(22_050, found) == COLUMNS
    assert found.duration_s == pytest.approx(1.0, abs=0.02)
    assert replace(found, duration_s=1.0, c3d_size=TINY.c3d_size) == TINY


def test_a_profile_that_does_not_fit_the_arrays_is_refused(tmp_path):
    save(tmp_path / "raw/train.npz", clips(1))
    with pytest.raises(InputError, match=r"'frame_size': 16.*'frame_size': 32.*leave the profile"):
        quietly(tmp_path / "raw", tmp_path / "store", clip_format=FORMAT)


def test_arrays_have_no_bars_to_cut_off(tmp_path):
    save(tmp_path / "raw/train.npz", clips(1))
    with pytest.raises(InputError, match="bars are cut off videos, and it holds none"):
        quietly(tmp_path / "raw", tmp_path / "store", crop_bars=True)


# --- Labels ---------------------------------------------------------------------------------------
def test_class_numbers_are_as_good_as_one_hot_rows(tmp_path):
    numbers = np.array([5, 0, 2, 2])
    for kind, target in {"numbers": numbers, "one hot": np.eye(6, dtype=bool)[numbers]}.items():
        save(tmp_path / kind / "test.npz", clips(4) | {"target": target})
        sources = find_bundles(tmp_path / kind)[0].sources
        assert [s.emotion for s in sources] == ["Tension", "Excited", "Neutral", "Neutral"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.array([1, 2, 3, 6]), r"class numbers \[6\]; 0 to 5 are needed, for Excited, Fear"),
        (np.array([1.0, 2.0, 3.0, np.nan]), r"class numbers \[nan\]"),
        (np.zeros((4, 7)), r"target float64 \(4, 7\) for 4 clips; \(4, 6\) one-hot"),
        (np.zeros((3, 6)), r"target float64 \(3, 6\) for 4 clips"),
        (np.array(["Sad"] * 4), r"target str.* for 4 clips"),
    ],
)
def test_targets_that_are_no_classes_are_refused(tmp_path, target, message):
    save(tmp_path / "test.npz", clips(4) | {"target": target})
    with pytest.raises(DataError, match=message):
        find_bundles(tmp_path)


def test_a_row_that_is_not_one_hot_costs_its_clip_alone(tmp_path):
    arrays = clips(4)
    arrays["target"][1] = [0.4, 0.6, 0, 0, 0, 0]
    arrays["target"][2] = np.nan
    save(tmp_path / "raw/test.npz", arrays)
    manifest = quietly(tmp_path / "raw", tmp_path / "store").manifest.set_index("id")
    assert sorted(manifest["status"]) == ["no class", "no class", "ok", "ok"]
    assert manifest.loc["test/unlabelled/test-00001", "detail"].startswith("clip 1: its row of")


def test_the_target_must_not_contradict_the_folder(tmp_path):
    arrays = {name: array[1] for name, array in clips(2).items()}  # of class Fear
    save(tmp_path / "raw/train/Fear/a.h5", arrays)
    save(tmp_path / "raw/train/Sad/b.h5", arrays)
    manifest = quietly(tmp_path / "raw", tmp_path / "store").manifest.set_index("id")
    assert manifest["status"].to_dict() == {"Train/Fear/a": "ok", "Train/Sad/b": "two classes"}
    assert "target says Fear, the path Sad" in manifest.loc["Train/Sad/b", "detail"]


def test_a_clip_without_any_class_is_refused(tmp_path):
    arrays = clips(2)
    del arrays["target"]
    save(tmp_path / "test/x.npz", arrays)
    with pytest.raises(DataError, match=r"x.npz: no class: no target, and no folder"):
        find_bundles(tmp_path)


# --- Shapes and types -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("video3D_fast", lambda x: np.moveaxis(x, 3, 1), r"must be \(rows, as many columns, fr"),
        ("face_fast", lambda x: np.moveaxis(x, -1, 1), r"uint8 \(4, 3, 16, 16, 12\): the axes"),
        ("melphase", lambda x: np.moveaxis(x, -1, 1), r"must be \(mel bands, audio frames, 2\)"),
        ("melphase", lambda x: x[..., 0], r"all of the same number of clips"),
        ("melphase", lambda x: x[:3], r"all of the same number of clips"),
        ("face_fast", lambda x: x[:, :8, :8], r"both must have the same shape"),
        ("melphase", lambda x: x.astype(complex), r"real numbers are needed"),
        ("video3D_fast", np.asfortranarray, r"again after numpy.ascontiguousarray"),
    ],
)
def test_other_axes_and_types_are_refused_with_what_was_found(tmp_path, name, change, message):
    arrays = clips(4)
    for pictures in ("video3D_fast", "face_fast", "video3D_slow"):
        arrays[pictures] = arrays[pictures][:, :, :, :12]
    save(tmp_path / "test.npz", arrays | {name: change(arrays[name])})
    with pytest.raises(DataError, match=rf"test.npz: other arrays: .*{name} .*{message}"):
        find_bundles(tmp_path)


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (self.where,))


def test_nothing_is_ever_unpickled(tmp_path):
    bomb = Bomb()
    bomb.where = str(tmp_path / "exploded")
    arrays = clips(1)
    for name in ("melphase", "target"):
        objects = np.empty(1, object)
        objects[0] = bomb
        save(tmp_path / "raw/test.npz", arrays | {name: objects})
        with pytest.raises(DataError, match=rf"{name} object \(1,\)"):
            prepare(tmp_path / "raw", tmp_path / "store", workers=0)
    assert not (tmp_path / "exploded").exists()


def test_files_of_other_arrays_are_not_mixed(tmp_path):
    save(tmp_path / "raw/train.npz", clips(3))
    less = clips(2)
    del less["face_fast"]
    save(tmp_path / "raw/test.npz", less)
    with pytest.raises(DataError, match=r"test.npz: other arrays: .* but most clips .*face_fast"):
        prepare(tmp_path / "raw", tmp_path / "store", workers=0)


def test_a_lone_clip_of_other_arrays_is_named_and_left_out(tmp_path):
    save_one_by_one(tmp_path / "raw", "train", clips(3))
    odd = {name: array[0] for name, array in clips(1).items() if name in ("melphase", "target")}
    save(tmp_path / "raw/train/Excited/odd.h5", odd)
    manifest = quietly(tmp_path / "raw", tmp_path / "store").manifest.set_index("id")
    assert manifest["status"].value_counts().to_dict() == {"ok": 3, "other arrays": 1}
    assert manifest.loc["Train/Excited/odd", "status"] == "other arrays"


# --- What the numbers mean ------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i4", "u2"])
def test_pictures_from_0_to_255_are_stored_as_they_are(tmp_path, kind):
    arrays = clips(2)
    expected = arrays["video3D_fast"]
    noise = 0.3 if kind.startswith("f") else 0
    arrays["video3D_fast"] = np.clip(expected + noise, 0, 255).astype(kind)
    save(tmp_path / "raw/test.npz", arrays)
    store = quietly(tmp_path / "raw", tmp_path / "store")
    found = [store.read(i, ["video"])["video"] for i in store.clips()["id"]]
    np.testing.assert_array_equal(np.stack(found), expected)


def test_pictures_from_0_to_1_are_stored_as_bytes(tmp_path):
    arrays = clips(2)
    expected = arrays["face_fast"]
    save(tmp_path / "raw/test.npz", arrays | {"face_fast": (expected / 255).astype("f4")})
    store = quietly(tmp_path / "raw", tmp_path / "store")
    found = [store.read(i, ["face"])["face"] for i in store.clips()["id"]]
    np.testing.assert_array_equal(np.stack(found), expected)


@pytest.mark.parametrize("one_by_one", [False, True])
def test_standardised_pictures_share_one_scale_over_all_splits(tmp_path, one_by_one):
    sources = {}
    for split, (mean, deviation) in {"Train": (120, 60), "test": (100, 75)}.items():
        arrays = clips(4, seed=len(split))
        sources[split] = ((arrays["video3D_fast"].astype("f8") - mean) / deviation).astype("f4")
        arrays["video3D_fast"] = sources[split]
        arrays["video3D_slow"] = sources[split][:, :, :, ::5]
        (save_one_by_one if one_by_one else as_npz)(tmp_path / "raw", split, arrays)
    store = quietly(tmp_path / "raw", tmp_path / "store")
    low = min(array.min() for array in sources.values())
    high = max(array.max() for array in sources.values())
    assert store.options["bundles"]["video"] == pytest.approx([low, high])
    for split, expected in sources.items():
        found = np.stack([store.read(i, ["video"])["video"] for i in store.clips(split)["id"]])
        back = low + found / 255 * (high - low)
        assert np.abs(back - expected).max() <= (high - low) / 255 * 0.501
    assert (store.clips()["detail"] == "").all()


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (lambda x: x, lambda x: (x / 255).astype("f4"), "0 to 1 and 0 to 255; all files must use"),
        (lambda x: x / 255, lambda x: x / 99 - 1, "0 to 1 and standardised; all files"),
        (lambda x: x * 1.5, lambda x: x * 1.5, "values from 0 to 382.5; needed are 0 to 255"),
        (lambda x: x.astype("i2") - 9, lambda x: x, "values from -9 to 246; needed"),
    ],
)
def test_scales_that_do_not_agree_or_are_unknown_are_refused(tmp_path, train, test, message):
    for split, change in {"train": train, "test": test}.items():
        arrays = clips(2)
        save(tmp_path / f"raw/{split}.npz", arrays | {"face_fast": change(arrays["face_fast"])})
    with pytest.raises(DataError, match=rf"face_fast: .*{message}"):
        prepare(tmp_path / "raw", tmp_path / "store", workers=0, progress=False)
    assert not (tmp_path / "store").exists()


def test_power_becomes_decibels(tmp_path):
    arrays = clips(3)
    power = np.random.default_rng(1).lognormal(0, 4, arrays["melphase"].shape[:3]).astype("f4")
    arrays["melphase"][..., 0] = power
    save(tmp_path / "raw/test.npz", arrays)
    store = quietly(tmp_path / "raw", tmp_path / "store")
    assert store.options["bundles"]["is_power"] is True
    for index, clip_id in enumerate(store.clips()["id"]):
        decibels = 10 * np.log10(power[index])
        expected = np.maximum(decibels, decibels.max() - 80)
        music = store.read(clip_id, ["music"])["music"]
        np.testing.assert_allclose(music[0], expected, atol=0.04)
        np.testing.assert_array_equal(music[1], arrays["melphase"][index, ..., 1].astype("f2"))


def test_power_and_decibels_are_not_mixed(tmp_path):
    for split, is_power in {"train": True, "test": False}.items():
        arrays = clips(2)
        if is_power:
            arrays["melphase"][..., 0] = 1e4
        save(tmp_path / f"raw/{split}.npz", arrays)
    with pytest.raises(DataError, match=r"Train 10000 to 10000.*: power and decibels"):
        prepare(tmp_path / "raw", tmp_path / "store", workers=0, progress=False)


def test_clips_that_are_not_finite_or_too_large_are_named(tmp_path):
    arrays = clips(4)
    arrays["face_fast"] = arrays["face_fast"].astype("f4")
    arrays["melphase"][0, 3, 4, 1] = np.nan
    arrays["face_fast"][1, 2, 2] = np.inf
    arrays["melphase"][2, 0, 0, 1] = 1e6
    save(tmp_path / "raw/test.npz", arrays)
    manifest = quietly(tmp_path / "raw", tmp_path / "store").manifest.sort_values("emotion")
    assert list(manifest["status"]) == ["not finite", "not finite", "out of range", "ok"]
    details = list(manifest["detail"])
    assert f"clip 0: 1 of {16 * COLUMNS * 2} values of melphase are NaN" in details[0]
    assert "clip 1: 48 of 12288 values of face_fast" in details[1]
    assert "melphase reaches 1e+06; at most 65504 is needed" in details[2]


def test_pictures_of_one_value_are_no_face(tmp_path):
    arrays = clips(3)
    arrays["face_fast"] = (arrays["face_fast"].astype("f4") - 120) / 70
    arrays["face_fast"][1] = -120 / 70
    save(tmp_path / "raw/test.npz", arrays)
    store = quietly(tmp_path / "raw", tmp_path / "store")
    assert list(store.clips()["face_frames"]) == [16, 0, 16]
    lacking = store.read("test/Fear/test-00001")
    assert (lacking["face_source"] == -1).all()
    assert not lacking["face"].any()
    assert list(store.read("test/Excited/test-00000")["face_source"]) == list(range(16))
    assert "1 clips show no face (1 Fear)" in summarize(store.manifest)


def test_slow_frames_that_are_others_are_remarked_and_counted(tmp_path):
    arrays = clips(5)
    arrays["video3D_slow"] = arrays["video3D_slow"].copy()
    arrays["video3D_slow"][:2] = 7
    save(tmp_path / "raw/test.npz", arrays)
    store = quietly(tmp_path / "raw", tmp_path / "store")
    assert list(store.manifest["status"]) == ["ok"] * 5
    assert "2 used, with a remark: video3D_slow is not taken evenly" in summarize(store.manifest)


# --- Memory, damage, and starting again -----------------------------------------------------------
@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_memory_holds_a_few_clips_however_large_the_file(tmp_path, kind):
    count, shape = 60, (128, 1292, 2)
    path = tmp_path / "raw" / "train.bin"
    path.parent.mkdir()
    target = np.arange(count) % 6
    if kind == "npz":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            header = {"descr": "<f8", "fortran_order": False, "shape": (count, *shape)}
            with archive.open("melphase.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array_header_1_0(stream, header)
                for _ in range(count):
                    stream.write(bytes(8 * 128 * 1292 * 2))
            with archive.open("target.npy", "w") as stream:
                np.lib.format.write_array(stream, target)
    else:
        with h5py.File(path, "w") as file:
            file["target"] = target
            file.create_dataset("melphase", (count, *shape), "f8", chunks=(1, *shape), shuffle=True)
    tracemalloc.start()
    store = quietly(path.parent, tmp_path / "store")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(store.clips()) == count
    clip = 8 * 128 * 1292 * 2
    assert peak < 6 * clip  # of 60


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize("name", ["test.npz", "test.h5"])
def test_a_truncated_file_of_many_clips_ends_the_work(tmp_path, name):
    cut(save(tmp_path / name, clips(3)))
    with pytest.raises(DataError, match=rf"{name}: unreadable: .*fetch or copy the file again"):
        find_bundles(tmp_path)


def test_a_truncated_file_of_one_clip_costs_that_clip_alone(tmp_path):
    save_one_by_one(tmp_path / "raw", "Train", clips(3))
    cut(tmp_path / "raw/Train/Fear/hdf5/00001.h5")
    manifest = quietly(tmp_path / "raw", tmp_path / "store").manifest.set_index("id")
    assert manifest.loc["Train/Fear/00001", "status"] == "unreadable"
    assert manifest["status"].value_counts().to_dict() == {"ok": 2, "unreadable": 1}


def test_a_header_that_lies_about_the_size_is_refused(tmp_path):
    path = tmp_path / "test.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("melphase.npy", "w") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 128, 1292, 2)}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(bytes(1000))
    with pytest.raises(DataError, match=r"unreadable: .*melphase.npy has 1000 bytes for float32"):
        find_bundles(tmp_path)


@pytest.mark.parametrize("save_npz", [np.savez, np.savez_compressed])
def test_a_damaged_archive_never_ends_as_a_store(tmp_path, save_npz):
    save(tmp_path / "raw/test.npz", clips(2, seed=1))  # read first
    path = save(tmp_path / "raw/train.npz", clips(5), save_npz=save_npz)
    whole, store = path.read_bytes(), tmp_path / "store"
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("face_fast.npy")
    damaged = bytearray(whole)
    damaged[member.header_offset + member.compress_size // 2] ^= 255
    path.write_bytes(damaged)
    for _ in range(2):  # nor when started again
        with pytest.raises(DataError, match=r"train.npz: unreadable: .*stored so far are kept"):
            quietly(tmp_path / "raw", store)
        assert not (store / "manifest.csv").exists()
    kept = {name: time for name, time in stamps(store).items() if name.startswith("test")}
    assert len(kept) == 2
    path.write_bytes(whole)
    os.utime(path, (1, 1))
    quietly(tmp_path / "raw", store)
    assert stamps(store).items() >= kept.items()
    undisturbed = quietly(tmp_path / "raw", tmp_path / "undisturbed")
    assert Store(store).checksum() == undisturbed.checksum()


@pytest.mark.parametrize("write", [as_npz, as_compressed_npz, as_hdf5, save_one_by_one])
def test_a_stopped_run_goes_on_with_what_is_missing(tmp_path, write):
    write(tmp_path / "raw", "Train", clips(7))
    first = quietly(tmp_path / "raw", tmp_path / "store")
    before, table = stamps(first.root), first.manifest
    assert quietly(tmp_path / "raw", tmp_path / "store").manifest.equals(table)
    assert stamps(first.root) == before
    (first.root / "manifest.csv").unlink()
    for path in sorted((first.root / "clips").rglob("*.safetensors"))[2:5]:
        path.unlink()
    again = quietly(tmp_path / "raw", tmp_path / "store")
    assert again.manifest.equals(table)
    assert sum(stamps(again.root)[name] != before[name] for name in before) == 3
    assert read_row(again.root, table["id"][3])["sha256"] == table["sha256"][3]


def test_files_that_changed_beyond_the_stores_scale_are_refused(tmp_path):
    arrays = clips(3)
    arrays["video3D_fast"] = (arrays["video3D_fast"].astype("f4") - 120) / 60
    path = save(tmp_path / "raw/train.npz", arrays)
    quietly(tmp_path / "raw", tmp_path / "store")
    for change in (arrays["video3D_fast"] * 2, clips(3)["video3D_fast"]):
        save(path, arrays | {"video3D_fast": change})
        with pytest.raises(DataError, match=r"begun with pictures from -2 to 2\.25"):
            quietly(tmp_path / "raw", tmp_path / "store")


def test_a_store_of_videos_takes_no_bundles_nor_the_other_way_round(from_videos, tmp_path):
    as_npz(tmp_path / "raw", "Train", exported(from_videos, "Train"))
    shutil.copytree(from_videos.root, tmp_path / "videos")
    with pytest.raises(DataError, match=r"prepared with .*bundles=None \(now {'video'"):
        quietly(tmp_path / "raw", tmp_path / "videos", clip_format=FORMAT)
    store = quietly(tmp_path / "raw", tmp_path / "bundles", clip_format=FORMAT)
    with pytest.raises(DataError, match=r"faces=None \(now 'sampled'\)"):
        quietly(from_videos.root.parent / "raw", store.root, clip_format=FORMAT)


def test_the_reading_is_recorded_with_the_store(tmp_path):
    save(tmp_path / "raw/train.npz", clips(1))
    store = quietly(tmp_path / "raw", tmp_path / "store")
    description = json.loads((store.root / "store.json").read_text())
    reading = {"video": [0.0, 255.0], "face": [0.0, 255.0], "is_power": False}
    assert description["options"] == {"bundles": reading}
    assert description["arrays"] == ["music", "video", "face", "face_source"]
