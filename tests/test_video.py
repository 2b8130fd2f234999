"""Pictures come out at their exact index, whatever is skipped, damaged, late or turned."""

import av
import numpy as np
import pytest

from media_files import Movie, barcode, damage_packet, read_barcode, turn, write_movie
from mvemotion.errors import ClipError, DataError
from mvemotion.media.container import open_recording
from mvemotion.media.sampling import frame_indices
from mvemotion.media.video import PictureConverter, closed_groups

SEVERAL_GROUPS = Movie(seconds=4.0, group=12, b_frames=2)


def read_pictures(path, wanted, *, duration_s=30.0):
    """Pictures by index, and the track that they were read from."""
    converter = PictureConverter()
    with open_recording(path, duration_s) as recording:
        video = recording.video
        pictures = video.read(
            lambda available: frame_indices(available, wanted),
            lambda _index, frame: converter.full(frame),
        )
    return pictures, video


def decode_everything(path) -> list[np.ndarray]:
    """The oracle: PyAV's plain sequential decoding, in the order in which pictures come out."""
    converter, pictures = PictureConverter(), []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        for packet in container.demux(video=0):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            pictures += [converter.full(frame) for frame in frames]
    return pictures


def assert_same_as_sequential(path, wanted):
    expected = decode_everything(path)
    pictures, video = read_pictures(path, wanted)
    assert list(pictures) == sorted(set(frame_indices(len(expected), wanted)))
    for index, picture in pictures.items():
        np.testing.assert_array_equal(picture, expected[index])
    return video


# --- Which indices --------------------------------------------------------------------------------
def test_the_eight_slow_frames_are_every_ninth_of_the_sixty_four():
    assert frame_indices(64, 8).tolist() == list(range(0, 64, 9))


@pytest.mark.parametrize(("available", "wanted"), [(64, 64), (750, 64), (719, 32), (100, 2)])
def test_indices_hold_both_ends_and_are_within_half_a_frame_of_equal_intervals(available, wanted):
    indices = frame_indices(available, wanted)
    exact = np.linspace(0, available - 1, wanted)
    assert indices[0] == 0
    assert indices[-1] == available - 1
    assert np.abs(indices - exact).max() <= 0.5 + 1e-9
    assert len(set(indices)) == wanted


def test_too_few_frames_are_repeated_in_order():
    assert frame_indices(2, 4).tolist() == [0, 0, 1, 1]
    assert frame_indices(1, 3).tolist() == [0, 0, 0]


def test_no_frames_cannot_be_spread():
    with pytest.raises(DataError, match="at least 1"):
        frame_indices(0, 64)


# --- Which pictures -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "movie",
    [
        SEVERAL_GROUPS,
        Movie(seconds=4.0, b_frames=0),
        Movie(seconds=4.0, b_frames=3, has_open_groups=True),
        Movie(seconds=3.0, video_start_s=1.2),
        Movie(seconds=3.0, codec="libx265"),
        Movie(seconds=3.0, codec="mpeg4"),
        Movie(seconds=2.0, codec="libvpx-vp9", b_frames=0),
    ],
    ids=["b-frames", "no b-frames", "open groups", "late", "hevc", "mpeg4", "vp9"],
)
@pytest.mark.parametrize("wanted", [4, 16])
def test_pictures_carry_their_index_and_equal_sequential_decoding(tmp_path, movie, wanted):
    path = write_movie(tmp_path / "clip.mp4", movie)
    pictures, video = read_pictures(path, wanted)
    assert [read_barcode(p) for p in pictures.values()] == list(pictures)
    assert_same_as_sequential(path, wanted)
    assert video._is_indexed == (movie.codec != "libvpx-vp9")  # found without decoding everything


def test_pictures_that_nothing_needs_are_not_decoded(tmp_path):
    path = write_movie(tmp_path / "clip.mp4", SEVERAL_GROUPS)
    with open_recording(path, 30.0) as recording:
        video = recording.video
        wanted = {video._display[0]: 0, video._display[-1]: 99}
        decoded = len(list(video._decode_needed(wanted)))
    assert decoded < len(video) / 4


def test_only_the_clips_own_seconds_are_read(tmp_path):
    path = write_movie(tmp_path / "clip.mp4", Movie(seconds=6.0))
    pictures, _ = read_pictures(path, 5, duration_s=2.0)
    assert max(pictures) == 2 * 25 - 1
    with open_recording(path, 2.0) as recording:
        assert len(recording.video._packets) < 3 * 25
        assert recording.audio.samples < 3 * 44_100


def test_a_late_start_is_recorded(tmp_path):
    path = write_movie(tmp_path / "clip.mp4", Movie(seconds=2.0, video_start_s=1.2, audio_s=3.2))
    with open_recording(path, 30.0) as recording:
        assert recording.video.start_s == pytest.approx(1.2)
        assert recording.video.span_s == pytest.approx(2.0)
        assert recording.audio.start_s == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("number", [0, 1, 13, 30, 99])
def test_a_damaged_packet_leaves_the_index_as_a_sequential_reader_counts(tmp_path, number):
    path = write_movie(tmp_path / "clip.mp4", Movie(seconds=4.0, b_frames=0))
    damage_packet(path, number)
    assert len(decode_everything(path)) < 100
    assert_same_as_sequential(path, 16)


def test_pictures_before_the_first_keyframe_do_not_shift_the_index(tmp_path):
    path = write_movie(tmp_path / "whole.mp4", SEVERAL_GROUPS)
    cut = tmp_path / "cut.mp4"
    with av.open(str(path)) as whole, av.open(str(cut), "w") as container:
        streams = {s: container.add_stream_from_template(s) for s in whole.streams}
        for packet in whole.demux():
            if packet.dts is None or (packet.stream.type == "video" and packet.pos < 9_000):
                continue
            packet.stream = streams[packet.stream]
            container.mux(packet)
    assert_same_as_sequential(cut, 16)


def test_a_video_stream_that_never_decodes_is_no_video(tmp_path):
    path = write_movie(tmp_path / "clip.mp4", Movie(seconds=0.4, b_frames=0))
    for number in range(10):
        damage_packet(path, number)
    with pytest.raises(ClipError, match="no picture of it decodes"):
        read_pictures(path, 4)


def test_groups_are_cut_at_closed_keyframes_only(tmp_path):
    for has_open_groups, groups in ((False, 9), (True, 1)):
        movie = Movie(seconds=4.0, group=12, b_frames=2, has_open_groups=has_open_groups)
        path = write_movie(tmp_path / f"{has_open_groups}.mp4", movie)
        with open_recording(path, 30.0) as recording:
            packets = recording.video._packets
            assert sum(p.is_keyframe for p in packets) == recording.video.keyframes
            assert len(closed_groups(packets)) == groups


# --- What they look like --------------------------------------------------------------------------
def test_a_picture_is_squashed_not_cropped(tmp_path):
    path = write_movie(tmp_path / "clip.mp4", Movie(seconds=1.0))
    converter = PictureConverter()
    with open_recording(path, 30.0) as recording:
        squashed = recording.video.read(lambda n: [n - 1], lambda _, f: converter.squash(f, 32))
    picture = squashed[24]
    assert picture.shape == (32, 32, 3)
    assert picture.dtype == np.uint8
    assert read_barcode(picture) == 24


def test_luma_is_the_pictures_brightness(tmp_path):
    path = write_movie(tmp_path / "clip.mp4", Movie(seconds=1.0))
    converter = PictureConverter()
    with open_recording(path, 30.0) as recording:
        luma = recording.video.read(lambda n: [9], lambda _, frame: converter.luma(frame))[9]
    assert luma.shape == (64, 96)
    assert read_barcode(luma) == 9


def test_a_picture_marked_as_turned_is_put_upright(tmp_path):
    path = write_movie(tmp_path / "clip.mp4", Movie(seconds=1.0))
    turn(path)  # players then turn it a quarter clockwise
    picture = read_pictures(path, 2)[0][24]
    assert picture.shape == (96, 64, 3)
    assert read_barcode(np.rot90(picture)) == 24
    assert np.abs(picture.astype(int) - np.rot90(barcode(24, 64, 96), -1)).mean() < 30
