"""A raw folder becomes a store: exact, restartable, every clip used or named with its reason."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from media_files import Movie, face_picture, read_barcode, write_movie
from mvemotion.data import convert, store
from mvemotion.data.prepare import prepare, summarize
from mvemotion.data.sources import hash_file, scan
from mvemotion.data.store import COLUMNS, Store, clip_path
from mvemotion.data.workers import run_each
from mvemotion.errors import ClipError, DataError, InputError
from mvemotion.files import write_bytes
from mvemotion.media.audio import fit_duration, log_mel_and_phase, resample
from mvemotion.media.container import open_recording
from mvemotion.media.sampling import frame_indices
from mvemotion.specs import SAMPLE_RATES_HZ, ClipFormat, audio_frames

REDUCED = ClipFormat(
    duration_s=2.0,
    mel_bands=32,
    frame_size=32,
    frames=16,
    slow_frames=4,
    c3d_size=28,
    c3d_frames=16,
)
FACES = Movie(seconds=2.2, draw=face_picture, height=120, width=160)


def quietly(raw: Path, store: Path, **options):
    settings = {"clip_format": REDUCED, "workers": 0, "progress": False} | options
    return prepare(raw, store, **settings)


@pytest.fixture(scope="module")
def movies(tmp_path_factory) -> dict[str, Path]:
    """One file of each kind, written once."""
    root = tmp_path_factory.mktemp("movies")
    kinds = {
        "good": Movie(seconds=2.2, b_frames=2),
        "faces": FACES,
        "late": Movie(seconds=1.5, video_start_s=0.7, audio_s=2.2),
        "mono": Movie(seconds=2.2, channels=1, audio_rate_hz=48_000),
        "nearly": Movie(seconds=2.2, audio_s=1.9),
        "no audio": Movie(seconds=2.2, has_audio=False),
        "no video": Movie(seconds=2.2, has_video=False),
        "short": Movie(seconds=2.2, audio_s=1.0),
        "few pictures": Movie(seconds=0.6, audio_s=2.2),
    }
    return {kind: write_movie(root / f"{kind}.mp4", movie) for kind, movie in kinds.items()}


@pytest.fixture
def raw(tmp_path, movies) -> Path:
    return lay_out(
        tmp_path / "raw",
        {
            "Train/Excited/video/14.mp4": movies["good"],
            "Train/Sad/DEAP DB (42).mp4": movies["faces"],
            "test/Fear/video/ünïcode ☂.mp4": movies["mono"],
        },
    )


def lay_out(root: Path, files: dict[str, Path]) -> Path:
    for name, source in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / name)
    return root


# --- What is in the store -------------------------------------------------------------------------
def test_every_array_has_its_shape_and_type(raw, tmp_path):
    manifest = quietly(raw, tmp_path / "store")
    assert list(manifest["status"]) == ["ok"] * 3
    store = Store(tmp_path / "store")
    for clip_id in store.clips()["id"]:
        arrays = store.read(clip_id)
        for name, rate_hz in SAMPLE_RATES_HZ.items():
            assert arrays[name].shape == (2, 32, audio_frames(rate_hz, REDUCED))
            assert arrays[name].dtype == np.float16
        for name in ("video", "face"):
            assert arrays[name].shape == (32, 32, 16, 3)
            assert arrays[name].dtype == np.uint8
        assert arrays["face_source"].shape == (16,)
        assert arrays["face_source"].dtype == np.int32


def test_the_video_holds_the_frames_at_equal_intervals(raw, tmp_path):
    quietly(raw, tmp_path / "store", faces="none")
    video = Store(tmp_path / "store").read("Train/Excited/14", ["video"])["video"]
    expected = frame_indices(2 * 25, 16).tolist()  # of the first two seconds
    assert [read_barcode(video[:, :, t]) for t in range(16)] == expected


def test_the_music_is_that_of_the_files_own_sound(raw, tmp_path):
    quietly(raw, tmp_path / "store", faces="none")
    arrays = Store(tmp_path / "store").read("Train/Excited/14", SAMPLE_RATES_HZ)
    with open_recording(raw / "Train/Excited/video/14.mp4", 2.0) as recording:
        waveform = recording.audio.waveform
    for name, rate_hz in SAMPLE_RATES_HZ.items():
        sound = fit_duration(resample(waveform, 44_100, rate_hz), rate_hz, 2.0)
        expected = log_mel_and_phase(sound, rate_hz, clip_format=REDUCED).numpy()
        np.testing.assert_allclose(arrays[name][0], expected[0], atol=0.04)


@pytest.mark.parametrize(("policy", "searched"), [("sampled", 16), ("every-2", 25), ("all", 50)])
def test_faces_come_from_the_searched_frames_that_show_one(raw, tmp_path, policy, searched):
    manifest = quietly(raw, tmp_path / "store", faces=policy).set_index("id")
    frames = {"sampled": frame_indices(50, 16), "every-2": range(0, 50, 2), "all": range(50)}
    with_face = [i for i in frames[policy] if i % 3 == 0]
    row = manifest.loc["Train/Sad/DEAP_DB_(42)"]
    assert row["face_searched"] == searched
    assert row["face_frames"] == len(with_face)
    arrays = Store(tmp_path / "store").read("Train/Sad/DEAP_DB_(42)", ["face", "face_source"])
    assert set(arrays["face_source"]) <= set(with_face)
    assert (np.diff(arrays["face_source"]) >= 0).all()
    if len(with_face) <= 16:
        assert set(arrays["face_source"]) == set(with_face)
    assert (arrays["face"].std(axis=(0, 1, 3)) > 10).all()


def test_a_clip_without_a_face_is_never_passed_off_as_one(raw, tmp_path):
    manifest = quietly(raw, tmp_path / "store").set_index("id")
    assert manifest.loc["Train/Excited/14", "face_frames"] == 0
    arrays = Store(tmp_path / "store").read("Train/Excited/14", ["face", "face_source"])
    assert not arrays["face"].any()
    assert (arrays["face_source"] == -1).all()
    assert "show no face" in summarize(manifest.reset_index())


def test_the_manifest_says_what_each_file_is(tmp_path, movies):
    raw = lay_out(
        tmp_path / "raw", {f"Train/Sad/{k}.mp4": movies[k] for k in ("late", "mono", "nearly")}
    )
    manifest = quietly(raw, tmp_path / "store", faces="none").set_index("id")
    late, mono, nearly = (manifest.loc[f"Train/Sad/{k}"] for k in ("late", "mono", "nearly"))
    assert late["video_start_s"] == pytest.approx(0.7, abs=0.03)
    assert late["video_frames"] == 33  # of 2 s from the file's start, at 25 a second from 0.7 s on
    assert (mono["audio_channels"], mono["audio_rate_hz"]) == (1, 48_000)
    assert (mono["width"], mono["height"], mono["fps"]) == (96, 64, 25)
    assert (mono["video_codec"], mono["audio_codec"], mono["keyframes"]) == ("h264", "aac", 5)
    assert nearly["padded_s"] == pytest.approx(0.1, abs=0.04)
    assert nearly["audio_s"] + nearly["padded_s"] == pytest.approx(2.0)
    assert list(COLUMNS) == ["id", *manifest.columns]


# --- What cannot be used --------------------------------------------------------------------------
@pytest.fixture
def broken(raw, movies) -> dict[str, str]:
    """Unusable files beside the usable ones, and the reason for each."""
    good = movies["good"].read_bytes()
    contents = {
        "cut.mp4": (good[: len(good) // 2], "unreadable"),  # the index stands at the end
        "empty.mp4": (b"", "unreadable"),
        "text.mp4": (b"these are not the pictures you are looking for\n" * 99, "unreadable"),
        "silent.mp4": (movies["no audio"].read_bytes(), "no audio"),
        "blind.mp4": (movies["no video"].read_bytes(), "no video"),
        "short.mp4": (movies["short"].read_bytes(), "too short"),
        "few.mp4": (movies["few pictures"].read_bytes(), "too short"),
    }
    folder = raw / "Validation" / "Tension" / "video"
    folder.mkdir(parents=True)
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    return {f"Validation/Tension/{Path(n).stem}": reason for n, (_, reason) in contents.items()}


def test_every_unusable_clip_is_named_with_its_reason(raw, broken, tmp_path):
    manifest = quietly(raw, tmp_path / "store", faces="none")
    failed = manifest[manifest["status"] != "ok"].set_index("id")
    assert failed["status"].to_dict() == broken
    assert failed["detail"].str.contains("replace").all()
    assert failed["sha256"].str.len().eq(64).all()
    assert len(manifest) == 3 + len(broken)
    summary = summarize(manifest)
    assert summary.startswith("3 of 10 clips usable")
    for clip_id, reason in broken.items():
        assert f"{reason}: " in summary
        assert f"video/{Path(clip_id).name}.mp4" in summary
    store = Store(tmp_path / "store")
    assert len(store.clips()) == 3
    assert not any(clip_path(store.root, clip_id).exists() for clip_id in broken)


def test_a_file_that_may_not_be_opened_is_named(raw, tmp_path, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ClipError, match="unreadable: Permission denied; make it readable"):
        hash_file(raw / "Train/Excited/video/14.mp4")


def test_a_fault_in_torch_or_soxr_costs_the_one_clip_alone(raw, tmp_path, monkeypatch):
    def refuse_48_khz(waveform, rate_hz, new_rate_hz):
        if rate_hz == 48_000:
            raise RuntimeError("input rate over 44 kHz")
        return resample(waveform, rate_hz, new_rate_hz)

    monkeypatch.setattr(convert, "resample", refuse_48_khz)
    status = quietly(raw, tmp_path / "store", faces="none").set_index("path")[["status", "detail"]]
    reason, detail = status.loc["test/Fear/video/ünïcode ☂.mp4"]
    assert reason == "unreadable"
    assert detail.startswith("RuntimeError: input rate over 44 kHz; replace or remove")
    assert sorted(status["status"]) == ["ok", "ok", "unreadable"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_the_work_and_blames_no_clip(raw, tmp_path, monkeypatch, number):
    written = []

    def fill_up(path, content):
        if written:
            raise OSError(number, os.strerror(number), str(path))
        written.append(write_bytes(path, content))

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_bytes", fill_up)
        with pytest.raises(DataError, match=rf"{os.strerror(number)}; .*run the same command"):
            quietly(raw, tmp_path / "store", faces="none")
    before = stamps(tmp_path / "store")
    assert len(before) == 1
    manifest = quietly(raw, tmp_path / "store", faces="none")
    assert list(manifest["status"]) == ["ok"] * 3
    assert stamps(tmp_path / "store").items() >= before.items()


def test_other_faults_of_the_disk_are_not_called_a_full_one(raw, tmp_path, monkeypatch):
    def refuse(path, content):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(store, "write_bytes", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        quietly(raw, tmp_path / "store", faces="none")


def test_strict_makes_them_an_error_after_all_is_done(raw, broken, tmp_path):
    with pytest.raises(DataError, match=r"7 of 10 clips cannot be used(.|\n)*short.mp4: too short"):
        quietly(raw, tmp_path / "store", faces="none", strict=True)
    assert len(Store(tmp_path / "store").clips()) == 3


def test_a_file_cut_short_that_still_holds_enough_is_used(tmp_path, movies):
    long = write_movie(tmp_path / "long.mp4", Movie(seconds=6.0))
    front = tmp_path / "raw" / "Train" / "Sad" / "front.mkv"
    remux(long, front)
    content = front.read_bytes()
    front.write_bytes(content[: int(len(content) * 0.7)])
    assert list(quietly(front.parents[2], tmp_path / "store")["status"]) == ["ok"]


def remux(source: Path, target: Path) -> None:
    import av

    target.parent.mkdir(parents=True)
    with av.open(str(source)) as whole, av.open(str(target), "w") as container:
        streams = {s: container.add_stream_from_template(s) for s in whole.streams}
        for packet in whole.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                container.mux(packet)


# --- Starting again -------------------------------------------------------------------------------
def stamps(store: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in store.rglob("*.safetensors")}


def test_a_second_run_does_nothing_and_says_the_same(raw, broken, tmp_path):
    first = quietly(raw, tmp_path / "store")
    before = stamps(tmp_path / "store")
    assert quietly(raw, tmp_path / "store").equals(first)
    assert stamps(tmp_path / "store") == before
    assert Store(tmp_path / "store").manifest.equals(first)


def test_only_changed_files_are_prepared_again(raw, tmp_path, movies):
    first = quietly(raw, tmp_path / "store", faces="none").set_index("id")
    before = stamps(tmp_path / "store")
    changed, touched = raw / "Train/Excited/video/14.mp4", raw / "Train/Sad/DEAP DB (42).mp4"
    shutil.copy(movies["late"], changed)
    os.utime(touched, ns=(1, 1))
    second = quietly(raw, tmp_path / "store", faces="none").set_index("id")
    after = stamps(tmp_path / "store")
    assert {name for name in after if after[name] != before[name]} == {"14.safetensors"}
    same = first["sha256"] == second["sha256"]
    assert not same["Train/Excited/14"]
    assert same.sum() == 2


def test_a_removed_source_leaves_the_store(raw, tmp_path):
    quietly(raw, tmp_path / "store", faces="none")
    (raw / "Train/Excited/video/14.mp4").unlink()
    manifest = quietly(raw, tmp_path / "store", faces="none")
    assert "Train/Excited/14" not in set(manifest["id"])
    assert not clip_path(tmp_path / "store", "Train/Excited/14").exists()


def test_a_source_that_broke_leaves_the_store(raw, tmp_path):
    quietly(raw, tmp_path / "store", faces="none")
    (raw / "Train/Excited/video/14.mp4").write_bytes(b"")
    manifest = quietly(raw, tmp_path / "store", faces="none").set_index("id")
    assert manifest.loc["Train/Excited/14", "status"] == "unreadable"
    assert not clip_path(tmp_path / "store", "Train/Excited/14").exists()


def test_leftovers_go_and_damaged_clips_are_made_again(raw, tmp_path):
    store = tmp_path / "store"
    first = quietly(raw, store, faces="none")
    clip = clip_path(store, "Train/Excited/14")
    clip.write_bytes(clip.read_bytes()[:-100])
    leftover = clip.with_name(".14.123.part.safetensors")
    leftover.write_bytes(b"half")
    with pytest.raises(DataError, match="damaged"):
        Store(store).read("Train/Excited/14")
    assert quietly(raw, store, faces="none").equals(first)
    assert Store(store).read("Train/Excited/14")["video"].any()
    assert not leftover.exists()


def test_a_store_made_with_other_options_is_refused(raw, tmp_path):
    quietly(raw, tmp_path / "store", faces="none")
    with pytest.raises(DataError, match=r"faces='none' \(now 'all'\)"):
        quietly(raw, tmp_path / "store", faces="all")
    with pytest.raises(DataError, match=r"duration_s=2.0 \(now 30.0\)"):
        prepare(raw, tmp_path / "store", faces="none", workers=0)


def test_a_store_of_other_clips_is_refused(raw, tmp_path, movies):
    quietly(raw, tmp_path / "store", faces="none")
    other = lay_out(tmp_path / "other", {"Train/Fear/x.mp4": movies["good"]})
    with pytest.raises(DataError, match="none of its 3 clips is in the raw folder"):
        quietly(other, tmp_path / "store", faces="none")


def test_a_folder_with_other_things_in_it_is_no_place_for_a_store(raw, tmp_path):
    with pytest.raises(InputError, match="not empty, and no store"):
        quietly(raw, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"faces": "some"}, "face search 'some'"),
        ({"detector": "best"}, "face detector 'best'"),
        ({"workers": -1}, "-1 workers"),
    ],
)
def test_unknown_options_are_refused(raw, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        quietly(raw, tmp_path / "store", **options)


# --- Processes ------------------------------------------------------------------------------------
KILLED = """
from pathlib import Path
from mvemotion.data.prepare import prepare
from mvemotion.specs import ClipFormat
if __name__ == "__main__":
    prepare({raw!r}, {store!r}, clip_format={format!r}, workers=2, progress=False)
"""


@pytest.mark.slow
def test_a_killed_run_leaves_whole_clips_and_is_continued(tmp_path, movies):
    kinds = ("good", "faces", "late", "mono") * 2
    names = [f"Train/Sad/{i}.mp4" for i in range(len(kinds))]
    files = {name: movies[kind] for name, kind in zip(names, kinds, strict=True)}
    raw, store = lay_out(tmp_path / "raw", files), tmp_path / "store"
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(raw=str(raw), store=str(store), format=REDUCED))
    process = subprocess.Popen([sys.executable, str(script)], start_new_session=True)
    wait_for(lambda: len(list(store.rglob("*.safetensors"))) >= 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not group_is_alive(process.pid))  # its workers end with it

    before = stamps(store)
    assert 2 <= len(before) < len(kinds)
    with pytest.raises(DataError, match="continues where it stopped"):
        Store(store)
    resumed = quietly(raw, store)
    assert {name: stamps(store)[name] for name in before} == before
    assert resumed.equals(quietly(raw, tmp_path / "undisturbed"))
    for clip_id in resumed["id"]:
        expected = Store(tmp_path / "undisturbed").read(clip_id)
        for name, array in Store(store).read(clip_id).items():
            np.testing.assert_array_equal(array, expected[name])


def wait_for(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_job_that_ends_its_process_is_named_and_the_others_are_done():
    deadly = "__import__('os').abort()"
    jobs = [("1 + 1",), (deadly,), ("2 + 2",), ("3 + 3",)]
    results = dict(run_each(eval, jobs, workers=2))
    assert results == {("1 + 1",): 2, (deadly,): None, ("2 + 2",): 4, ("3 + 3",): 6}


# --- Which files are clips ------------------------------------------------------------------------
def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def ids(root: Path) -> list[str]:
    return [source.id for source in scan(root)]


def test_clips_are_found_with_and_without_a_video_folder_in_any_case(tmp_path):
    touch(tmp_path, "TRAIN/sad/video/a.mp4", "Test/Fear/b.MP4", "validation/Excited/c/d.mkv")
    sources = scan(tmp_path)
    assert [s.id for s in sources] == ["Train/Sad/a", "Validation/Excited/c/d.mkv", "test/Fear/b"]
    assert [(s.split, s.emotion) for s in sources] == [
        ("Train", "Sad"),
        ("Validation", "Excited"),
        ("test", "Fear"),
    ]


def test_sound_files_hidden_files_and_placeholders_are_passed_over(tmp_path):
    touch(
        tmp_path,
        "Train/Sad/video/a.mp4",
        "Train/Sad/video/.a.mp4",
        "Train/Sad/video/placeholder",
        "Train/Sad/audio/a.mp4",
        "Train/Sad/hdf5/a.h5",
        "Train/.cache/Sad/a.mp4",
        "README.md",
    )
    assert ids(tmp_path) == ["Train/Sad/a"]


def test_ids_are_safe_for_every_file_system_and_readable(tmp_path):
    touch(tmp_path, "Train/Sad/DEAP DB?(42): x.mp4", "Train/Sad/ü ☂.mp4")
    assert ids(tmp_path) == ["Train/Sad/DEAP_DB_(42)_x", "Train/Sad/ü_"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Train/Sad/a.mp4", "Train/Sad/video/a.mp4"),
        ("Train/Sad/a.mp4", "Train/Sad/a.avi"),
        ("Train/Sad/a b.mp4", "Train/Sad/a_b.mp4"),
        ("Train/Sad/a.mp4", "Train/Sad/A.mp4"),
        ("Train/Sad/x/a.mp4", "Train/Sad/y/a.mp4"),
    ],
)
def test_two_files_never_share_an_id(tmp_path, first, second):
    found = ids(touch(tmp_path, first, second))
    assert len({clip_id.lower() for clip_id in found}) == 2
    assert ids(tmp_path) == found


@pytest.mark.parametrize("name", ["Train/Relax/a.mp4", "Train/Excitation/video/a.mp4"])
def test_a_folder_of_clips_that_is_no_class_is_an_error_not_a_guess(tmp_path, name):
    touch(tmp_path, "Train/Sad/a.mp4", name)
    with pytest.raises(DataError, match="is none of Excited, Fear"):
        scan(tmp_path)


def test_a_folder_of_clips_that_is_no_split_is_an_error(tmp_path):
    touch(tmp_path, "Train/Sad/a.mp4", "val/Sad/a.mp4")
    with pytest.raises(DataError, match="'val' is none of Train, Validation, test"):
        scan(tmp_path)


def test_a_folder_without_clips_says_what_was_found_and_expected(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(DataError, match=r"no clip found among \['notes.txt'\]; clips must lie in"):
        scan(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        scan(tmp_path / "absent")
