"""Windows of a long recording hold what a plain, whole decoding puts there."""

import tracemalloc

import numpy as np
import pytest

from media_files import Movie, damage_packet, read_barcode, turn, write_bare, write_movie
from mvemotion.errors import ClipError
from mvemotion.media.container import open_recording
from mvemotion.media.sampling import frame_indices
from mvemotion.media.video import PictureConverter
from mvemotion.media.windows import Recording

LONG = Movie(seconds=8.0, group=12, b_frames=2)
WANTED = 5


def read(path, starts_s, length_s=2.0, **options):
    """Excerpts, their pictures whole, five of each window."""
    converter = PictureConverter()
    return list(
        Recording(path, **options).read(
            starts_s,
            length_s,
            choose=lambda available: {"picture": np.unique(frame_indices(available, WANTED))},
            converters={"picture": converter.full},
        )
    )


def barcodes(excerpt) -> list[int]:
    return [read_barcode(picture) for picture in excerpt.pictures["picture"].values()]


def expected_barcodes(first, available) -> list[int]:
    return [first + i for i in np.unique(frame_indices(available, WANTED)).tolist()]


@pytest.mark.parametrize(
    "movie",
    [
        LONG,
        Movie(seconds=8.0, group=1000),
        Movie(seconds=8.0, has_open_groups=True),
        Movie(seconds=8.0, codec="libvpx-vp9"),
        Movie(seconds=8.0, codec="mpeg4", b_frames=0),
    ],
    ids=["closed groups", "one group", "open groups", "vp9", "mpeg4"],
)
def test_each_window_shows_its_own_pictures(tmp_path, movie):
    suffix = ".webm" if "vp9" in movie.codec else ".mp4"
    movie = Movie(**{**vars(movie), "has_audio": suffix == ".mp4"})
    path = write_movie(tmp_path / f"long{suffix}", movie)
    starts = [0.0, 1.0, 2.6, 6.0]
    excerpts = read(path, starts, needed={"video"})
    assert [barcodes(excerpt) for excerpt in excerpts] == [
        expected_barcodes(round(25 * start), 50) for start in starts
    ]


def test_the_first_window_is_what_a_clip_of_that_length_would_be(tmp_path):
    path = write_movie(tmp_path / "long.mp4", LONG)
    excerpt = read(path, [0.0])[0]
    with open_recording(path, 2.0) as clip:
        np.testing.assert_array_equal(
            excerpt.waveform, clip.audio.waveform[: len(excerpt.waveform)]
        )
        assert len(excerpt.waveform) == round(2.25 * 44_100)
        assert excerpt.available == len(clip.video)


def test_the_sound_of_a_window_is_that_stretch_of_the_whole(tmp_path):
    path = write_movie(tmp_path / "long.mp4", LONG)
    with open_recording(path, 100.0) as whole:
        waveform = whole.audio.waveform
    for excerpt in read(path, [0.0, 1.5, 4.75, 6.0]):
        first = round(excerpt.start_s * 44_100)
        np.testing.assert_array_equal(
            excerpt.waveform, waveform[first : first + round(2.25 * 44_100)]
        )


def test_pictures_are_converted_once_however_many_windows_show_them(tmp_path):
    path = write_movie(tmp_path / "long.mp4", LONG)
    seen = []
    recording = Recording(path)
    excerpts = recording.read(
        [0.0, 0.2, 0.4],
        2.0,
        choose=lambda available: {"all": range(available)},
        converters={"all": lambda frame: seen.append(frame.pts)},
    )
    assert [excerpt.available for excerpt in excerpts] == [50, 50, 50]
    assert len(seen) == len(set(seen)) == 60


def test_a_damaged_picture_is_left_out_and_later_windows_go_on(tmp_path):
    path = write_movie(tmp_path / "long.mp4", Movie(seconds=8.0, group=12, b_frames=0))
    damage_packet(path, 110)
    excerpts = read(path, [0.0, 4.0, 6.0])
    assert barcodes(excerpts[0]) == expected_barcodes(0, 50)
    assert barcodes(excerpts[2]) == expected_barcodes(150, 50)
    assert excerpts[1].available in (49, 50)
    assert len(excerpts[1].pictures["picture"]) == WANTED


def test_turned_pictures_stand_upright(tmp_path):
    path = write_movie(tmp_path / "long.mp4", LONG)
    turn(path)
    assert read(path, [0.0])[0].pictures["picture"][0].shape == (96, 64, 3)


def test_sound_that_ends_early_leaves_windows_without(tmp_path):
    path = write_movie(tmp_path / "long.mp4", Movie(seconds=8.0, audio_s=3.0))
    lengths = [len(excerpt.waveform) / 44_100 for excerpt in read(path, [0.0, 2.0, 6.0])]
    assert lengths == [pytest.approx(2.25), pytest.approx(1.0, abs=0.05), 0.0]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_sound_that_begins_late_keeps_its_time(tmp_path, suffix):
    movie = Movie(seconds=8.0, audio_s=4.5, audio_start_s=3.5)
    windows = read(write_movie(tmp_path / f"late.{suffix}", movie), [0.0, 2.0, 3.5, 6.5])
    assert len(windows[0].waveform) == 0
    silent = windows[1].waveform[: round(1.45 * 44_100)]
    heard = windows[1].waveform[round(1.6 * 44_100) :]
    assert len(windows[1].waveform) == round(2.25 * 44_100)
    assert np.abs(silent).max() < 0.01 < 0.2 < np.abs(heard).max()
    assert np.abs(windows[2].waveform[4410:6615]).max() > 0.2
    assert len(windows[3].waveform) / 44_100 == pytest.approx(1.5, abs=0.06)


def test_a_clip_whose_sound_begins_late_is_its_first_window(tmp_path):
    movie = Movie(seconds=4.0, audio_s=3.0, audio_start_s=1.0)
    path = write_movie(tmp_path / "late.mp4", movie)
    excerpt = read(path, [0.0])[0]
    with open_recording(path, 2.0) as clip:
        waveform = clip.audio.stretch(0, clip.audio.end)
    np.testing.assert_array_equal(excerpt.waveform, waveform[: len(excerpt.waveform)])
    assert np.abs(waveform[:42_000]).max() < 0.01


def test_sound_a_trifle_late_is_taken_from_its_first_sample(tmp_path):
    movie = Movie(seconds=4.0, audio_start_s=0.1)
    path = write_movie(tmp_path / "prompt.mkv", movie)
    with open_recording(path, 2.0) as clip:
        assert clip.audio.start_s == pytest.approx(0.1, abs=0.03)
        assert clip.audio.lead == 0


def test_pictures_without_times_follow_at_the_rate_of_the_file(tmp_path):
    path = write_bare(tmp_path / "bare.h264", Movie(seconds=4.0, has_audio=False, b_frames=0))
    assert Recording(path, needed={"video"}).duration_s == pytest.approx(4.0)
    excerpt = read(path, [2.0], needed={"video"})[0]
    assert barcodes(excerpt) == expected_barcodes(50, 50)


def test_duration_is_that_of_what_is_needed(tmp_path):
    path = write_movie(tmp_path / "long.mp4", Movie(seconds=8.0, audio_s=3.0))
    assert Recording(path).duration_s == pytest.approx(8.0, abs=0.05)
    assert Recording(path, needed={"audio"}).duration_s == pytest.approx(3.0, abs=0.06)


def test_a_welcome_video_may_be_missing_and_a_needed_one_may_not(tmp_path):
    path = write_movie(tmp_path / "sound.m4a", Movie(seconds=3.0, has_video=False))
    excerpt = read(path, [0.0], needed={"audio"}, welcome={"video"})[0]
    assert excerpt.available == 0
    assert excerpt.pictures == {}
    with pytest.raises(ClipError, match=r"no video.*streams found: audio"):
        Recording(path)


def test_a_file_cut_short_ends_where_it_is_cut(tmp_path):
    path = write_movie(tmp_path / "long.mkv", LONG)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    recording = Recording(path)
    assert 2.5 < recording.duration_s < 5.5
    assert len(read(path, [0.0, 1.0])) == 2


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path):
    def peak(seconds) -> int:
        path = write_movie(tmp_path / f"{seconds}.mp4", Movie(seconds=seconds, group=25))
        starts = [float(start) for start in range(0, seconds - 1, 2)]
        tracemalloc.start()
        for _ in Recording(path).read(
            starts,
            2.0,
            choose=lambda available: {"picture": range(available)},
            converters={"picture": PictureConverter().full},
        ):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(4)  # pays for what is made on first use
    assert peak(40) < 1.3 * peak(10)
