"""Fingerprints of clips: what survives an encoder, what tells sources apart, what says nothing."""

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from cut_clips import cut, encode_again, make_video
from mvemotion.audit.evidence import (
    COLOUR_WEIGHTS,
    MOST,
    RUN,
    compare,
    find_runs,
    weigh_colours,
    weigh_spectrum,
)
from mvemotion.audit.fingerprints import fingerprint
from mvemotion.audit.signals import RATE_HZ, Signals

SOURCES = 6


@pytest.fixture(scope="module")
def videos():
    return [make_video(seed) for seed in range(SOURCES)]


@pytest.fixture(scope="module")
def starts(videos):
    return [fingerprint(cut(video, 0, 10)) for video in videos]


@pytest.fixture(scope="module")
def ends(videos):
    """Other seconds of the same videos, from another encoder."""
    return [fingerprint(encode_again(cut(video, 14, 24))) for video in videos]


def _clip(frames: np.ndarray, waveform: np.ndarray) -> Signals:
    return Signals(waveform.astype(np.float32), frames, np.arange(len(frames)) / 4, {})


def _flat(level: int, count: int = 40) -> np.ndarray:
    return np.full((count, 90, 160, 3), level, np.uint8)


def _noise(seed: int, shape=10 * RATE_HZ) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, shape)


# --- One clip -------------------------------------------------------------------------------------
def test_a_fingerprint_has_the_promised_types_and_is_small(starts):
    shown = len(starts[0]["frame_times_s"])
    found = {name: (array.dtype.name, array.shape) for name, array in starts[0].items()}
    assert found == {
        "content": ("uint8", (16,)),
        "colours": ("float16", (872,)),
        "spectrum": ("float16", (154,)),
        "frame_hashes": ("uint64", (shown, 4)),
        "frame_times_s": ("float32", (shown,)),
        "sound_hashes": ("uint32", (1 + 10 * RATE_HZ // 2048,)),
    }
    assert shown == 40
    assert sum(array.nbytes for array in starts[0].values()) < 5000


def test_the_same_signals_give_the_same_fingerprint(videos, starts):
    again = fingerprint(cut(videos[0], 0, 10))
    for name, array in starts[0].items():
        np.testing.assert_array_equal(array, again[name])


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_and_silence_say_nothing(level):
    found = fingerprint(_clip(_flat(level), np.zeros(10 * RATE_HZ)))
    assert not found["colours"].any()
    assert not found["spectrum"].any()
    assert not found["sound_hashes"].any()
    assert found["frame_hashes"].shape == (0, 4)


def test_flat_pictures_within_a_clip_are_left_out(videos):
    clip = cut(videos[0], 0, 10)
    frames = clip.frames.copy()
    frames[:7], frames[30:33] = 0, 250
    found = fingerprint(dataclasses.replace(clip, frames=frames))
    np.testing.assert_allclose(
        found["frame_times_s"], [*np.arange(7, 30) / 4, *np.arange(33, 40) / 4]
    )


def test_bars_do_not_change_the_colours(videos):
    clip = cut(videos[0], 0, 5)
    framed = np.zeros((20, 120, 160, 3), np.uint8)
    framed[:, 15:105] = clip.frames
    plain, barred = fingerprint(clip), fingerprint(dataclasses.replace(clip, frames=framed))
    assert compare(plain, barred).colours > 0.98


@pytest.mark.parametrize("gain", [0.05, 0.5, 2.0])
def test_volume_changes_nothing_that_is_heard(videos, gain):
    clip = cut(videos[1], 0, 10)
    louder = dataclasses.replace(clip, waveform=np.float32(gain) * clip.waveform)
    likeness = compare(fingerprint(clip), fingerprint(louder))
    assert likeness.spectrum > 0.999
    assert likeness.run.agreement > 0.98


def test_a_very_short_clip_is_no_obstacle(starts):
    short = fingerprint(_clip(_flat(90, 1), _noise(0, 700)))
    assert compare(short, starts[0]).overlap_s == 0.0
    assert find_runs(short, starts[0])[0].agreement == 0.0


# --- Two clips ------------------------------------------------------------------------------------
def test_other_seconds_of_a_video_are_told_from_other_videos(starts, ends):
    weights = np.array([[compare(a, b).weight for b in ends] for a in starts])
    is_same = np.eye(SOURCES, dtype=bool)
    assert weights[is_same].min() > 8
    assert weights[~is_same].max() < 3


def test_other_seconds_of_a_video_are_no_overlap(starts, ends):
    assert [compare(a, b).overlap_s for a, b in zip(starts, ends, strict=True)] == [0.0] * SOURCES


def test_seconds_in_both_clips_are_measured_through_another_encoder(videos, starts):
    for video, start in zip(videos, starts, strict=True):
        likeness = compare(start, fingerprint(encode_again(cut(video, 6, 16))))
        assert likeness.overlap_s == pytest.approx(4.0, abs=0.7)
        assert likeness.run.lag_s == pytest.approx(6.0, abs=0.1)
        assert not likeness.is_duplicate


def test_likeness_is_mutual(videos, starts, ends):
    later = fingerprint(cut(videos[0], 6, 16))
    for other in (later, ends[0], ends[1]):
        here, there = compare(starts[0], other), compare(other, starts[0])
        assert here.weight == there.weight
        assert here.run.agreement == pytest.approx(there.run.agreement)
        assert here.overlap_s == pytest.approx(there.overlap_s, abs=0.2)
    assert compare(later, starts[0]).run.lag_s == pytest.approx(-6.0, abs=0.1)


def test_a_clip_from_another_encoder_is_a_duplicate(videos, starts):
    assert compare(starts[2], fingerprint(encode_again(cut(videos[2], 0, 10)))).is_duplicate
    assert not compare(starts[2], starts[3]).is_duplicate


def test_equal_content_is_a_duplicate_even_if_it_says_nothing():
    black = fingerprint(_clip(_flat(0), np.zeros(10 * RATE_HZ)))
    grey = fingerprint(_clip(_flat(1), np.zeros(10 * RATE_HZ)))
    assert compare(black, dict(black)).is_duplicate
    assert not compare(black, grey).is_duplicate
    assert compare(black, grey).weight == 0.0


def test_flat_pictures_leave_the_sound_to_decide(starts):
    sounds = [make_video(9), make_video(10)]
    prints = [
        fingerprint(_clip(_flat(0), cut(v, a, a + 10).waveform)) for v in sounds for a in (0, 14)
    ]
    assert compare(prints[0], prints[1]).weight > 2
    assert compare(prints[2], prints[3]).weight > 2
    assert compare(prints[0], prints[2]).weight < 0


def test_the_same_loop_under_other_pictures_is_no_overlap(videos):
    bar = cut(videos[0], 0, 4).waveform
    clips = [_clip(cut(video, 0, 8).frames, np.tile(bar, 2)) for video in videos[:2]]
    likeness = compare(*map(fingerprint, clips))
    assert likeness.run.agreement > 0.95
    assert likeness.overlap_s == 0.0


def test_pictures_tell_which_round_of_a_loop_two_clips_share(videos):
    looped = dataclasses.replace(videos[0], waveform=np.tile(cut(videos[0], 0, 3).waveform, 8))
    likeness = compare(*(fingerprint(cut(looped, a, a + 12)) for a in (0, 6)))
    assert likeness.run.lag_s == pytest.approx(6.0, abs=0.1)
    assert likeness.overlap_s > 5


def test_one_picture_in_common_counts(videos, starts):
    clip = cut(videos[1], 0, 10)
    frames = clip.frames.copy()
    frames[20] = cut(videos[0], 0, 10).frames[3]
    likeness = compare(starts[0], fingerprint(dataclasses.replace(clip, frames=frames)))
    assert likeness.equal_pictures == 1
    assert likeness.weight > compare(starts[0], starts[1]).weight + 4


def test_black_and_white_alone_never_makes_one_source(videos):
    grey = [cut(video, 0, 5).frames.mean(axis=3, keepdims=True) for video in videos]
    clips = [_clip(np.repeat(frames, 3, axis=3).astype(np.uint8), np.zeros(1)) for frames in grey]
    prints = [fingerprint(clip) for clip in clips]
    weights = [compare(a, b).weight for a, b in combinations(prints, 2)]
    assert max(weights) < np.log(100)  # the odds against it among as few as 100 clips


# --- Weights --------------------------------------------------------------------------------------
def test_weights_grow_with_likeness_and_are_bounded():
    shares, correlations = np.linspace(0, 1, 101), np.linspace(-1, 1, 101)
    for weights in (weigh_colours(shares), weigh_spectrum(correlations)):
        assert (np.diff(weights) >= 0).all()
        assert weights[[0, -1]].tolist() == [-MOST, MOST]


def test_what_is_not_there_weighs_nothing():
    assert weigh_colours(np.nan) == weigh_spectrum(np.nan) == 0.0
    assert weigh_colours(0.5) == COLOUR_WEIGHTS[1]


def test_a_stretch_of_sound_is_found_where_it_was_put():
    draws = np.random.default_rng(0)
    a, b = draws.integers(1, 2**32, (2, 200), dtype=np.uint32)
    b[30 : 30 + 3 * RUN] = a[100 : 100 + 3 * RUN]
    run = find_runs({"sound_hashes": a}, {"sound_hashes": b})[0]
    hop_s = 2048 / RATE_HZ
    assert run.agreement == pytest.approx(1.0)
    assert run.lag_s == pytest.approx(70 * hop_s)
    assert run.start_s == pytest.approx(100 * hop_s, abs=4 * hop_s)
    assert run.length_s == pytest.approx(3 * RUN * hop_s, abs=8 * hop_s)
