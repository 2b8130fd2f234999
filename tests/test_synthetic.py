"""The synthetic dataset: what is drawn and played is what the factors say, and it can be learnt."""

import dataclasses
import hashlib
import os
import subprocess
import sys

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mvemotion.data.synthetic import (
    RULES,
    Factors,
    draw_factors,
    plan_shots,
    render,
    synthesize,
    write_clip,
)
from mvemotion.data.synthetic.face import LIPS, Expression, Pose, draw_face, draw_look
from mvemotion.data.synthetic.picture import render_frames
from mvemotion.errors import DataError, InputError
from mvemotion.specs import EMOTIONS, SPLITS

SMALL = {"duration_s": 1.5, "size": (128, 96), "fps": 10}


def _fingerprint(factors: Factors) -> str:
    frames, waveform = render(factors)
    content = hashlib.sha256(waveform.tobytes())
    for frame in frames:
        content.update(frame.tobytes())
    return content.hexdigest()


def _changed(emotion: str = "Neutral", **changes) -> Factors:
    return dataclasses.replace(draw_factors(emotion, **SMALL), **changes)


def _read(path) -> tuple[np.ndarray, np.ndarray]:
    """Frames (T, H, W, 3) and mono waveform of an MP4 file."""
    with av.open(str(path)) as file:
        frames = np.stack([f.to_ndarray(format="rgb24") for f in file.decode(video=0)])
    with av.open(str(path)) as file:
        chunks = [frame.to_ndarray() for frame in file.decode(audio=0)]
    return frames, np.concatenate(chunks, axis=1).mean(axis=0)


# --- Factors --------------------------------------------------------------------------------------
@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_every_factor_stays_on_its_scale(difficulty):
    for index in range(30):
        for emotion in EMOTIONS:
            row = draw_factors(emotion, index=index, difficulty=difficulty).to_row()
            for name, rule in RULES.items():
                if hasattr(rule, "values"):
                    assert row[name] in rule.values
                else:
                    assert rule.low <= row[name] <= rule.high


def test_rules_and_clips_have_the_same_factors():
    assert set(RULES) < {field.name for field in dataclasses.fields(Factors)}


@pytest.mark.parametrize(
    ("high", "low", "factor"),  # each a claim of Section 3
    [
        ("Excited", "Sad", "pitch_range"),  # "large pitch variations"
        ("Excited", "Fear", "mouth_curve"),  # "images of a smile on a face"
        ("Excited", "Fear", "brightness"),  # "bright lighting" against "dark background"
        ("Tension", "Relaxation", "tempo_bpm"),  # "high tempo" against "slow tempo"
        ("Fear", "Excited", "dissonance"),  # "dissonant" against "uniform harmony"
        ("Fear", "Sad", "eye_open"),  # "wide eyes"
        ("Tension", "Relaxation", "cuts_per_s"),  # "fast-changing visual scenes"
        ("Tension", "Sad", "figures"),  # "crowded" against "a single person in a scene"
        ("Tension", "Fear", "brow_angle"),  # "aggressive facial expressions"
        ("Excited", "Relaxation", "loudness_db"),  # "high volume" against "low volume"
    ],
)
def test_classes_differ_as_the_paper_says(high, low, factor):
    means = {
        emotion: np.mean([getattr(draw_factors(emotion, index=i), factor) for i in range(60)])
        for emotion in (high, low)
    }
    assert means[high] > means[low]


def test_difficulty_widens_the_overlap_of_classes():
    def spread(difficulty):
        clips = [draw_factors("Sad", index=i, difficulty=difficulty) for i in range(60)]
        return np.std([clip.tempo_bpm for clip in clips])

    assert 2 * spread(0.0) < spread(0.5) < spread(1.0)


def test_odd_parts_come_with_difficulty_and_one_at_a_time():
    easy = [draw_factors("Sad", index=i, difficulty=0.0).odd_part for i in range(50)]
    hard = [draw_factors("Sad", index=i, difficulty=1.0) for i in range(200)]
    assert set(easy) == {""}
    assert 0.5 < np.mean([clip.odd_part != "" for clip in hard]) < 0.7
    assert {clip.odd_part for clip in hard} == {"", "sound", "picture", "face"}
    assert all((clip.odd_part == "") == (clip.odd_emotion == "") for clip in hard)


def test_some_clips_of_every_class_have_no_face():
    for emotion in EMOTIONS:
        share = np.mean([draw_factors(emotion, index=i).has_face for i in range(80)])
        assert 0.4 < share < 0.97


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"emotion": "Joy"}, "emotion 'Joy': not one of Excited"),
        ({"split": "Test"}, "split 'Test': not one of Train, Validation, test"),
        ({"index": -1}, "index -1"),
        ({"difficulty": 1.5}, "difficulty 1.5: choose from 0"),
        ({"duration_s": 0.2}, r"duration 0.2 s: a clip lasts one second"),
        ({"size": (161, 120)}, r"size \(161, 120\): H.264 needs even"),
        ({"size": (64, 64)}, r"size \(64, 64\): .* from \(96, 72\) up"),
        ({"fps": 1}, "1 frames per second: choose 5 to 60"),
    ],
)
def test_arguments_out_of_range_are_named(options, message):
    with pytest.raises(InputError, match=message):
        draw_factors(**({"emotion": "Sad"} | options))


# --- Rendering ------------------------------------------------------------------------------------
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
    assert _fingerprint(factors) == _fingerprint(draw_factors(emotion, **SMALL))


def test_another_process_without_vector_instructions_gives_the_same_bits():
    code = (
        "from test_synthetic import EMOTIONS, SMALL, _fingerprint, draw_factors;"
        "print([_fingerprint(draw_factors(e, **SMALL)) for e in EMOTIONS])"
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
    here = [_fingerprint(draw_factors(emotion, **SMALL)) for emotion in EMOTIONS]
    assert done.stdout.strip() == str(here), done.stderr


def test_clips_of_one_class_differ():
    clips = [
        draw_factors("Sad", split, i, seed=s, **SMALL)
        for split in SPLITS
        for i in (0, 1)
        for s in (0, 1)
    ]
    assert len({_fingerprint(clip) for clip in clips}) == len(clips)


@pytest.mark.parametrize("loudness_db", [-34.0, -22.0, -10.0])
def test_the_sound_is_as_loud_as_its_factor(loudness_db):
    waveform = render(_changed(loudness_db=loudness_db))[1]
    assert 10 * np.log10(np.mean(waveform**2.0)) == pytest.approx(loudness_db, abs=0.2)


def test_a_higher_melody_raises_the_spectral_centroid():
    def centroid(pitch):
        waveform = render(_changed(pitch_midi=pitch, percussion=0.0))[1][:, 0]
        spectrum = np.abs(np.fft.rfft(waveform)) ** 2
        return np.sum(np.arange(len(spectrum)) * spectrum) / np.sum(spectrum)

    assert centroid(56.0) < centroid(70.0) < centroid(84.0)


@pytest.mark.parametrize("scene", RULES["scene"].values)
@pytest.mark.parametrize("brightness", [0.15, 0.35, 0.6])
def test_the_picture_is_as_bright_as_its_factor(scene, brightness):
    clip = _changed(scene=scene, brightness=brightness, has_face=False, warmth=0.0, saturation=0.8)
    frames = np.stack(list(render(clip)[0]))
    luma = frames @ np.array([0.299, 0.587, 0.114]) / 255
    assert luma.mean() == pytest.approx(brightness, abs=0.08)


def test_more_motion_changes_more_pixels():
    def change(motion):
        clip = _changed(motion=motion, cuts_per_s=0.05, has_face=False)
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
    assert not any(shot.is_close for shot in plan_shots(_changed(has_face=False)))
    assert plan_shots(_changed(has_face=True))[0].is_close


# --- Faces ----------------------------------------------------------------------------------------
@pytest.fixture(scope="module", params=[(320, 180), (160, 120)])
def shots_seen(request):
    """(Shot, its first frame in grey and 320 pixels wide) of three clips of each class."""
    seen = []
    for emotion in EMOTIONS:
        for index in range(3):
            clip = draw_factors(emotion, index=index, size=request.param, duration_s=2.0, fps=5)
            frames = list(render_frames(clip))
            for shot in plan_shots(clip):
                grey = cv2.cvtColor(frames[shot.first], cv2.COLOR_RGB2GRAY)
                seen.append((shot, cv2.resize(grey, (320, 320 * grey.shape[0] // grey.shape[1]))))
    return seen


@pytest.mark.parametrize("name", ["alt2", "default"])
def test_a_haar_cascade_finds_the_drawn_faces_and_no_others(shots_seen, name):
    cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_{name}.xml")
    hits, others = [], []
    for shot, grey in shots_seen:
        boxes = np.reshape(cascade.detectMultiScale(grey, 1.1, 3, minSize=(20, 20)), (-1, 4))
        is_face = np.abs(boxes[:, 0] + boxes[:, 2] / 2 - 320 * shot.face_x) < 32
        hits += [is_face.any()] if shot.is_close else []
        others.append(np.sum(~is_face) if shot.is_close else len(boxes))
    assert len(hits) > 10
    assert np.mean(hits) > 0.9
    assert np.mean(others) < 0.1


def _draw(**changes) -> np.ndarray:
    """A face of half height 100 pixels in the middle of a green picture."""
    calm = {"mouth_curve": 0.0, "mouth_open": 0.0, "eye_open": 0.5, "brow_angle": 0.0}
    picture = np.full((300, 300, 3), (0, 120, 0), np.uint8)
    look = draw_look(draw_factors("Sad"))
    draw_face(picture, Pose(150, 130, 100, 0.0), look, Expression(**calm | changes))
    return picture


def _is_near(picture: np.ndarray, colour) -> np.ndarray:
    return np.abs(picture.astype(int) - colour).max(axis=2) < 25


@pytest.mark.parametrize(("curve", "sign"), [(-0.8, -1), (0.8, 1)])
def test_a_smile_lifts_the_corners_of_the_mouth_and_grief_drops_them(curve, sign):
    rows, columns = np.nonzero(_is_near(_draw(mouth_curve=curve), LIPS))
    is_corner = np.abs(columns - 150) > 18
    lift = rows[~is_corner].mean() - rows[is_corner].mean()  # rows count downwards
    assert sign * lift > 2


def test_wide_eyes_show_more_white_and_an_open_mouth_more_dark():
    def white(eye_open):
        return np.sum(_is_near(_draw(eye_open=eye_open), (238, 236, 232)))

    def dark(mouth_open):
        return np.sum(_is_near(_draw(mouth_open=mouth_open), (66, 18, 22)))

    assert white(0.1) < white(0.5) < white(1.0)
    assert dark(0.0) < dark(0.5) < dark(1.0)


def test_a_frown_lowers_the_inner_ends_of_the_brows():
    def inner_row(brow_angle):
        above_eye = _draw(brow_angle=brow_angle)[70:120, 130:142].sum(axis=2)
        return np.unravel_index(above_eye.argmin(), above_eye.shape)[0]

    assert inner_row(-0.8) < inner_row(0.8)


# --- Files ----------------------------------------------------------------------------------------
def test_a_file_holds_what_was_rendered(tmp_path):
    factors = draw_factors("Tension", **SMALL)
    write_clip(tmp_path / "clip.mp4", factors)
    frames, waveform = _read(tmp_path / "clip.mp4")
    drawn, played = render(factors)
    drawn = np.stack(list(drawn))
    assert frames.shape == drawn.shape
    assert np.abs(frames.astype(int) - drawn).mean() < 8
    played = played.mean(axis=1)
    assert len(waveform) >= len(played)
    assert np.corrcoef(waveform[: len(played)], played)[0, 1] > 0.95


def test_a_file_is_h264_in_yuv420p_with_stereo_aac(tmp_path):
    write_clip(tmp_path / "clip.mp4", draw_factors("Sad", **SMALL))
    with av.open(str(tmp_path / "clip.mp4")) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt, video.frames) == ("h264", "yuv420p", 15)
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", 44_100, 2)
        assert float(video.average_rate) == 10
        assert video.start_time == audio.start_time == 0


FEW = {"clips_per_class": {"Train": 1}, "progress": False, "workers": 1, **SMALL}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    return folder, synthesize(folder, **FEW)


def test_the_folders_are_those_of_the_published_dataset(dataset):
    folder, table = dataset
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.mp4"))
    assert files == sorted(table["path"])
    assert files == [f"Train/{e}/video/{e.lower()}_train_0000.mp4" for e in EMOTIONS]
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "factors.csv", keep_default_na=False), table, check_dtype=False
    )


def test_a_second_run_keeps_whole_files_and_mends_damaged_ones(dataset):
    folder, table = dataset
    whole, damaged = (folder / path for path in table["path"][:2])
    content = damaged.read_bytes()
    damaged.write_bytes(content[:2000])
    written = whole.stat().st_mtime_ns
    synthesize(folder, **FEW)
    assert whole.stat().st_mtime_ns == written
    assert damaged.read_bytes() == content
    assert not list(folder.rglob("*.part"))


def test_a_larger_dataset_contains_the_smaller_one(dataset):
    _, table = dataset
    for row in table.to_dict("records"):
        again = draw_factors(row["emotion"], "Train", 0, **SMALL)
        assert {"path": row["path"], **again.to_row()} == row


def test_a_folder_of_other_settings_is_refused(dataset):
    folder, _ = dataset
    with pytest.raises(DataError, match=r"made with other settings .* choose another folder"):
        synthesize(folder, **FEW | {"seed": 1})


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(InputError, match="'Test': 1; give each of Train, Validation, test"):
        synthesize(tmp_path, clips_per_class={"Test": 1}, progress=False)


# --- Learning -------------------------------------------------------------------------------------
def _sound_features(waveform: np.ndarray) -> list[float]:
    """Loudness, spectral centroid, onset strength and how widely pitch classes are spread."""
    frames = waveform[: len(waveform) // 2048 * 2048].reshape(-1, 2048) * np.hanning(2048)
    power = np.abs(np.fft.rfft(frames)) ** 2 + 1e-9
    hertz = np.arange(power.shape[1]) * 44_100 / 2048
    centroid = power @ hertz / power.sum(axis=1)
    onset = np.maximum(np.diff(np.log(power), axis=0), 0).mean(axis=1)
    loudness = np.log(power.sum(axis=1))
    series = (loudness, np.log(centroid), onset)
    long = np.abs(np.fft.rfft(waveform)) ** 2
    hertz = np.fft.rfftfreq(len(waveform), 1 / 44_100)
    is_tonal = (hertz > 80) & (hertz < 2000)
    tone = np.round(12 * np.log2(hertz[is_tonal] / 440)).astype(int) % 12
    chroma = np.bincount(tone, np.sqrt(long[is_tonal]), 12)
    chroma /= chroma.sum()
    rubs = [chroma @ np.roll(chroma, step) for step in (1, 2, 3, 4, 5, 6)]
    return [f(s) for s in series for f in (np.mean, np.std)] + [-chroma @ np.log(chroma), *rubs]


def _picture_features(frames: np.ndarray) -> list[float]:
    """Brightness, contrast, saturation, warmth, motion and cuts."""
    pixels = frames.astype(np.float32)
    change = np.abs(np.diff(pixels, axis=0)).mean(axis=(1, 2, 3))
    warmth = (pixels[..., 0] - pixels[..., 2]).mean()
    detail = np.abs(np.diff(pixels.mean(axis=3), axis=2)).mean()
    colour = pixels.std(axis=3).mean()
    return [
        pixels.mean(), pixels.std(), colour, warmth, detail, np.median(change), np.mean(change > 25)
    ]  # fmt: skip


def _face_features(frames: np.ndarray, cascade) -> np.ndarray:
    """The largest face of the first frame that shows one, (144,) grey values, standardised."""
    for frame in frames[1::5]:
        grey = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), None, fx=2, fy=2)
        boxes = cascade.detectMultiScale(grey, 1.1, 3, minSize=(50, 50))
        if len(boxes):
            x, y, width, height = max(boxes, key=lambda box: box[2])
            crop = cv2.resize(grey[y : y + height, x : x + width], (12, 12)).astype(float)
            return ((crop - crop.mean()) / crop.std()).ravel()
    return np.zeros(144)


def _accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """Mean over two rounds of five-fold cross-validation."""
    model = make_pipeline(
        VarianceThreshold(), StandardScaler(), LinearDiscriminantAnalysis("lsqr", shrinkage="auto")
    )
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    return cross_val_score(model, features, labels, cv=folds).mean()


@pytest.mark.slow
def test_classes_can_be_learnt_from_the_files_and_three_modalities_beat_each_one(tmp_path):
    table = synthesize(tmp_path, clips_per_class={"Train": 16}, progress=False, **SMALL)
    cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_alt2.xml")
    clips = [_read(tmp_path / path) for path in table["path"]]
    alone = {
        "music": np.array([_sound_features(waveform) for _, waveform in clips]),
        "video": np.array([_picture_features(frames) for frames, _ in clips]),
        "face": np.array([_face_features(frames, cascade) for frames, _ in clips]),
    }
    together, labels = np.hstack(list(alone.values())), table["emotion"].to_numpy()
    scores = {name: _accuracy(features, labels) for name, features in alone.items()}
    best = _accuracy(together, labels)
    assert best > 0.55, (best, scores)
    assert all(0.25 < score < best - 0.03 for score in scores.values()), (best, scores)
    shuffled = np.random.default_rng(0).permutation(labels)
    assert 0.06 < _accuracy(together, shuffled) < 0.28  # chance is 0.167
