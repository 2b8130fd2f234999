"""A clip goes into the store whole and comes out equal; statistics need no pixel."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from mvemotion.data.clip_file import ARRAYS, clip_path, read_row, write_clip
from mvemotion.data.manifest import to_manifest
from mvemotion.data.store import Store, describe
from mvemotion.errors import DataError, InputError
from stores import TINY, make_store

COUNTS = {"Train": 2, "test": 1}
FACELESS = ("Train/Sad/0", "test/Fear/0")


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path / "store", COUNTS, faceless=FACELESS)


def test_arrays_come_out_as_another_reader_sees_them(store):
    for clip_id in ("Train/Sad/0", "test/Excited/0"):
        expected = load_file(clip_path(store.root, clip_id))
        arrays = store.read(clip_id)
        assert tuple(arrays) == ARRAYS
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, expected[name])
            assert array.dtype == expected[name].dtype


def test_only_the_arrays_asked_for_are_read(store):
    assert list(store.read("Train/Sad/0", ["video", "music"])) == ["video", "music"]


def test_changing_an_array_does_not_change_the_store(store):
    store.read("Train/Sad/1", ["video"])["video"][:] = 0
    assert store.read("Train/Sad/1", ["video"])["video"].any()


def test_video_seen_channels_first_is_channels_last_in_memory(store):
    torch = pytest.importorskip("torch")
    video = torch.from_numpy(store.read("Train/Sad/1", ["video"])["video"])[None]
    assert video.permute(0, 4, 1, 2, 3).is_contiguous(memory_format=torch.channels_last_3d)


def test_clips_are_sorted_and_chosen_by_split(store):
    assert len(store.clips()) == 18
    train = store.clips("Train")
    assert list(train["id"]) == sorted(train["id"])
    assert set(train["split"]) == {"Train"}
    assert list(train.index) == list(range(12))


def test_unusable_clips_are_in_the_manifest_only(tmp_path):
    rows = [
        {"id": "b", "status": "ok", "split": "Train", "face_frames": 3, "sha256": "1"},
        {"id": "a", "status": "no audio", "split": "Train", "detail": "streams: video"},
    ]
    store = make_store(tmp_path / "store", {"Train": 1})
    store.manifest = to_manifest(rows)
    assert list(store.manifest["id"]) == ["a", "b"]
    assert list(store.clips()["id"]) == ["b"]
    assert store.manifest["face_frames"].isna().tolist() == [True, False]


@pytest.mark.parametrize("name", ["music", "music_slow", "music_fast", "video"])
def test_statistics_are_those_of_all_values_together(store, name):
    everything = np.stack([store.read(i, [name])[name] for i in store.clips("Train")["id"]])
    everything = everything.astype(np.float64)
    mean, deviation = store.statistics("Train")[name]
    assert mean == pytest.approx(everything.mean())
    assert deviation == pytest.approx(everything.std())
    axes = (0, 1, 2, 3) if name == "video" else (0, 2, 3)
    means, deviations = store.statistics("Train", channelwise=True)[name]
    np.testing.assert_allclose(means, everything.mean(axis=axes))
    np.testing.assert_allclose(deviations, everything.std(axis=axes))


def test_face_statistics_leave_out_clips_without_a_face(store):
    ids = [i for i in store.clips("Train")["id"] if i not in FACELESS]
    faces = np.stack([store.read(i, ["face"])["face"] for i in ids]).astype(np.float64)
    mean, deviation = store.statistics("Train")["face"]
    assert mean == pytest.approx(faces.mean())
    assert deviation == pytest.approx(faces.std())


def test_an_array_that_no_clip_has_is_left_out_of_the_statistics(tmp_path):
    ids = [f"Train/{e}/0" for e in ("Excited", "Fear", "Neutral", "Relaxation", "Sad", "Tension")]
    store = make_store(tmp_path / "store", {"Train": 1}, faceless=tuple(ids))
    assert set(store.statistics("Train")) == {"music", "music_slow", "music_fast", "video"}


def test_a_split_without_clips_has_no_statistics(store):
    with pytest.raises(DataError, match="no clip in split 'Validation'"):
        store.statistics("Validation")


def test_the_checksum_sees_what_was_prepared_and_nothing_else(store, tmp_path):
    again = make_store(tmp_path / "again", COUNTS, faceless=FACELESS)
    assert again.checksum() == store.checksum()
    for column, value in (("sha256", "0" * 64), ("split", "test"), ("emotion", "Sad")):
        changed = Store(store.root)
        changed.manifest.loc[3, column] = value
        assert changed.checksum() != store.checksum()
    moved = Store(store.root)
    moved.manifest["path"] = "elsewhere.mp4"
    assert moved.checksum() == store.checksum()


def test_a_manifest_survives_its_file(tmp_path):
    names = ["NA", "007", "nul", "a,b", 'quo"te', "naïve ☂"]
    rows = [{"id": n, "status": "ok", "encoder": "", "width": 3, "fps": 0.1} for n in names]
    store = make_store(tmp_path / "store", {"Train": 1})
    manifest = to_manifest(rows)
    (store.root / "manifest.csv").write_text(manifest.to_csv(index=False), encoding="utf-8")
    assert Store(store.root).manifest.equals(manifest)


def test_the_row_travels_with_the_clip(store):
    row = read_row(store.root, "Train/Sad/1")
    expected = store.clips().set_index("id").loc["Train/Sad/1"]
    assert {key: row[key] for key in ("split", "emotion", "sha256")} == {
        key: expected[key] for key in ("split", "emotion", "sha256")
    }
    assert read_row(store.root, "Train/Sad/99") is None


def test_an_unfinished_write_leaves_no_clip(tmp_path, monkeypatch, store):
    arrays = store.read("Train/Sad/1")

    def fail(*_paths):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_clip(tmp_path, "x", arrays, {"id": "x"})
    assert not clip_path(tmp_path, "x").exists()


@pytest.mark.parametrize("names", [[], ["face"], ["face_source", "video"]])
def test_a_clip_of_no_array_or_half_a_face_is_refused(store, tmp_path, names):
    with pytest.raises(InputError, match=r"give some of music, .*, the last two together"):
        write_clip(tmp_path, "x", store.read("Train/Sad/1", names), {})


def test_an_array_that_no_store_knows_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"arrays \['smell'\]; give some of music"):
        write_clip(tmp_path, "x", {"smell": np.zeros(3)}, {})


def test_a_store_may_hold_some_arrays_only(store):
    held = ("music", "face", "face_source")
    for clip_id in store.clips()["id"]:
        arrays = {name: np.array(array) for name, array in store.read(clip_id, held).items()}
        write_clip(store.root, clip_id, arrays, read_row(store.root, clip_id))
    description = describe(TINY, {"faces": "sampled"}, held)
    (store.root / "store.json").write_text(json.dumps(description))
    less = Store(store.root)
    assert less.arrays == held
    assert tuple(less.read("Train/Sad/1")) == held
    assert set(less.statistics("Train")) == {"music", "face"}
    assert less.statistics("Train")["music"] == store.statistics("Train")["music"]
    with pytest.raises(InputError, match=r"\['video'\]: a clip holds music, face, face_source"):
        less.read("Train/Sad/1", ["video"])


def test_a_store_that_does_not_say_so_holds_all_arrays(store):
    assert "arrays" not in json.loads((store.root / "store.json").read_text())
    assert "arrays" not in describe(TINY, {}, reversed(ARRAYS))
    assert store.arrays == ARRAYS


def test_wrong_names_are_refused(store):
    with pytest.raises(DataError, match="no such clip in the store"):
        store.read("Train/Sad/99")
    with pytest.raises(InputError, match=r"arrays \['video_fast'\]: a clip holds music"):
        store.read("Train/Sad/1", ["video_fast"])


def test_a_folder_that_is_no_finished_store_is_refused(tmp_path, store):
    with pytest.raises(DataError, match="not a finished store"):
        Store(tmp_path)
    (store.root / "manifest.csv").unlink()
    with pytest.raises(DataError, match="continues where it stopped"):
        Store(store.root)


def test_a_store_of_another_version_or_class_order_is_refused(store):
    path = store.root / "store.json"
    description = json.loads(path.read_text())
    for change in ({"version": 99}, {"emotions": description["emotions"][::-1]}):
        path.write_text(json.dumps(description | change))
        with pytest.raises(DataError, match="prepare into a new folder"):
            Store(store.root)
    path.write_text("{")
    with pytest.raises(DataError, match="damaged"):
        Store(store.root)
    for damaged in ({"clip_format": {"frames": -1}}, {"clip_format": {"x": 1}}, {"options": 3}):
        path.write_text(json.dumps(description | damaged))
        with pytest.raises(DataError, match=r"store\.json: damaged \(.*prepare into a new folder"):
            Store(store.root)


def test_a_damaged_manifest_is_named(store):
    path = store.root / "manifest.csv"
    path.write_text(path.read_text().replace("1000", "many"))
    with pytest.raises(DataError, match=r"manifest\.csv: damaged .*run `mvemotion prepare` again"):
        Store(store.root).clips()


def test_a_manifest_of_an_older_version_lacks_columns_and_is_read(store):
    clips = store.clips()
    table = clips.drop(columns=[name for name in clips if name.startswith("bar_")])
    table.to_csv(store.root / "manifest.csv", index=False)
    assert Store(store.root).clips().equals(clips)


def test_the_clip_format_is_the_stores_own(store):
    assert store.clip_format == TINY
    assert store.options == {"faces": "sampled"}


def test_reading_a_store_needs_no_decoder():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['av', 'soxr', 'librosa', 'cv2']));"
        "import mvemotion.data.store"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
