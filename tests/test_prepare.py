"""A raw folder becomes a store: exact, and every clip used or named with its reason."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from media_files import Movie, read_barcode, write_movie
from mvemotion.data import clip_file, convert
from mvemotion.data.clip_file import clip_path
from mvemotion.data.manifest import COLUMNS
from mvemotion.data.prepare import summarize
from mvemotion.data.sources import hash_file
from mvemotion.data.store import Store
from mvemotion.errors import ClipError, DataError
from mvemotion.files import write_bytes
from mvemotion.media.audio import fit_duration, resample
from mvemotion.media.container import open_recording
from mvemotion.media.sampling import frame_indices
from mvemotion.media.spectrograms import log_mel_and_phase
from mvemotion.specs import SAMPLE_RATES_HZ, audio_frames
from raw_clips import KINDS, REDUCED, lay_out, quietly, stamps, usual_raw, write_kinds


@pytest.fixture(scope="module")
def movies(tmp_path_factory) -> dict[str, Path]:
    """One file of each kind, written once."""
    return write_kinds(tmp_path_factory.mktemp("movies"), *KINDS)


@pytest.fixture
def raw(tmp_path, movies) -> Path:
    return usual_raw(tmp_path / "raw", movies)


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
        patch.setattr(clip_file, "write_bytes", fill_up)
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

    monkeypatch.setattr(clip_file, "write_bytes", refuse)
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
