"""What is drawn and played is what the factors say, bit by bit the same everywhere."""

import dataclasses
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from mvemotion.data.synthetic import RULES, draw_factors, plan_shots, render
from mvemotion.data.synthetic.score import GRACE_S, Note, compose
from mvemotion.specs import EMOTIONS, SPLITS
from synthetic_clips import SMALL, changed, fingerprint


def test_a_clip_has_the_promised_shapes_types_and_range():
    factors = draw_factors("Excited", **SMALL)
    frames, waveform = render(factors)
    frames = list(frames)
    assert len(frames) == 15
    assert {(f.shape, f.dtype.name, f.flags.c_contiguous) for f in frames} == {
        ((96, 128, 3), "uint8", True)
    }
    assert waveform.shape == (66_150, 2)
    assert waveform.dtype == np.float32
    assert np.abs(waveform).max() < 1


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_same_factors_give_the_same_bits(emotion):
    factors = draw_factors(emotion, **SMALL)
    assert fingerprint(factors) == fingerprint(draw_factors(emotion, **SMALL))


def test_another_process_without_vector_instructions_gives_the_same_bits():
    code = (
        "from synthetic_clips import SMALL, draw_factors, fingerprint;"
        "from mvemotion.specs import EMOTIONS;"
        "print([fingerprint(draw_factors(e, **SMALL)) for e in EMOTIONS])"
    )
    plain = {
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4",
        "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,FMA3,FP16,AVX,SSE4.2,SSE4.1,SSSE3",
        "OPENCV_IPP": "disabled",
        "PYTHONPATH": os.path.dirname(__file__),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | plain, capture_output=True, text=True
    )
    here = [fingerprint(draw_factors(emotion, **SMALL)) for emotion in EMOTIONS]
    assert done.stdout.strip() == str(here), done.stderr


def test_clips_of_one_class_differ():
    clips = [
        draw_factors("Sad", split, i, seed=s, **SMALL)
        for split in SPLITS
        for i in (0, 1)
        for s in (0, 1)
    ]
    assert len({fingerprint(clip) for clip in clips}) == len(clips)


@pytest.mark.parametrize("loudness_db", [-34.0, -22.0, -10.0])
def test_the_sound_is_as_loud_as_its_factor(loudness_db):
    waveform = render(changed(loudness_db=loudness_db))[1]
    assert 10 * np.log10(np.mean(waveform**2.0)) == pytest.approx(loudness_db, abs=0.2)


def test_a_higher_melody_raises_the_spectral_centroid():
    def centroid(pitch):
        waveform = render(changed(pitch_midi=pitch, percussion=0.0))[1][:, 0]
        spectrum = np.abs(np.fft.rfft(waveform)) ** 2
        return np.sum(np.arange(len(spectrum)) * spectrum) / np.sum(spectrum)

    assert centroid(56.0) < centroid(70.0) < centroid(84.0)


@pytest.mark.parametrize("scene", RULES["scene"].values)
@pytest.mark.parametrize("brightness", [0.15, 0.35, 0.6])
def test_the_picture_is_as_bright_as_its_factor(scene, brightness):
    clip = changed(scene=scene, brightness=brightness, has_face=False, warmth=0.0, saturation=0.8)
    frames = np.stack(list(render(clip)[0]))
    luma = frames @ np.array([0.299, 0.587, 0.114]) / 255
    assert luma.mean() == pytest.approx(brightness, abs=0.08)


def test_more_motion_changes_more_pixels():
    def change(motion):
        clip = changed(motion=motion, cuts_per_s=0.05, has_face=False)
        frames = np.stack(list(render(clip)[0])).astype(int)
        return np.abs(np.diff(frames, axis=0)).mean()

    assert change(0.02) < change(0.3) < change(0.9)


@pytest.mark.parametrize("cuts_per_s", [0.05, 0.5, 2.0])
def test_shots_tile_the_clip_and_are_cut_as_often_as_the_factor_says(cuts_per_s):
    clip = dataclasses.replace(draw_factors("Tension", duration_s=30), cuts_per_s=cuts_per_s)
    shots = plan_shots(clip)
    assert [shot.first for shot in shots[1:]] == [shot.last for shot in shots[:-1]]
    assert (shots[0].first, shots[-1].last) == (0, 750)
    assert (len(shots) - 1) / 30 == pytest.approx(cuts_per_s, rel=0.3, abs=0.05)


def test_without_a_face_no_shot_is_close_and_with_one_the_first_is():
    assert not any(shot.is_close for shot in plan_shots(changed(has_face=False)))
    assert plan_shots(changed(has_face=True))[0].is_close


def _melody(**changes) -> list[Note]:
    notes = compose(changed(**{"duration_s": 8.0, "tempo_bpm": 120.0} | changes))
    return [note for note in notes if note.voice == "melody"]


def test_an_ornament_is_a_short_step_from_above():
    plain, adorned = _melody(ornaments=0.0, repetition=0.0), _melody(ornaments=1.0, repetition=0.0)
    assert not any(note.length_s == GRACE_S for note in plain)
    graces = [pair for pair in pairwise(adorned) if pair[0].length_s == GRACE_S]
    assert len(graces) > 5
    for grace, main in graces:
        assert 1 <= grace.pitch - main.pitch <= 4
        assert main.start_s == pytest.approx(grace.start_s + GRACE_S)


def test_repetition_brings_the_first_phrase_again():
    def phrases(repetition):
        bars = [[], [], [], []]  # of four beats
        for note in _melody(repetition=repetition):
            bars[int(note.start_s // 2)].append((round(note.start_s % 2, 6), note.pitch))
        return bars

    assert phrases(1.0) == 4 * [phrases(1.0)[0]]
    assert len({tuple(bar) for bar in phrases(0.0)}) == 4


def test_a_lute_is_brighter_than_a_flute():
    def centroid(instrument):
        calm = {"percussion": 0.0, "dissonance": 0.0, "pitch_midi": 70.0, "attack_ms": 10.0}
        waveform = render(changed(instrument=instrument, **calm))[1][:, 0]
        spectrum = np.abs(np.fft.rfft(waveform)) ** 2
        return np.sum(np.arange(len(spectrum)) * spectrum) / np.sum(spectrum)

    assert centroid("flute") < centroid("lute")


def test_a_gesture_is_seen_on_the_first_figure_alone():
    def frame(gesture):
        calm = {"figures": 3, "has_face": False, "motion": 0.02, "brightness": 0.4}
        clip = changed(gesture=gesture, scene="room", cuts_per_s=0.05, **calm)
        return next(iter(render(clip)[0])).astype(int)

    free = frame("free")
    for gesture in ("playing", "hands_on_head"):
        columns = np.nonzero(np.abs(frame(gesture) - free).max(axis=(0, 2)) > 60)[0]
        assert 0 < np.ptp(columns) < 128 / 3
