"""Films of known emotions: what is where in them, and how much of it a window sees."""

import numpy as np
import pandas as pd
import pytest

from mvemotion.data.synthetic.film import emotion_shares, make_film
from mvemotion.errors import InputError
from mvemotion.media.playback import shrink_picture
from mvemotion.specs import EMOTIONS
from synthetic_clips import read_media

SMALL = {"scene_s": 2, "size": (128, 96), "fps": 10}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "films" / "two.mp4"
    return path, make_film(path, ["Sad", "Excited", "Sad"], **SMALL)


def test_a_film_is_as_long_as_its_scenes(film):
    path, scenes = film
    frames, waveform = read_media(path)
    assert len(frames) == 3 * 2 * 10
    assert len(waveform) == pytest.approx(3 * 2 * 44_100, abs=2 * 1024)
    assert scenes["emotion"].tolist() == ["Sad", "Excited", "Sad"]
    assert scenes["start_s"].tolist() == [0, 2, 4]
    assert scenes["end_s"].tolist() == [2, 4, 6]


def test_the_same_emotion_comes_again_in_another_clip(film):
    frames, _ = read_media(film[0])
    assert np.abs(frames[:20].astype(int) - frames[40:60]).mean() > 5


def test_a_film_that_is_there_is_kept_and_another_one_replaced(film):
    path, scenes = film
    made = path.stat().st_mtime_ns
    pd.testing.assert_frame_equal(make_film(path, scenes["emotion"].tolist(), **SMALL), scenes)
    assert path.stat().st_mtime_ns == made
    assert len(make_film(path, ["Fear"], **SMALL)) == 1
    assert len(read_media(path)[0]) == 20


@pytest.mark.parametrize(("emotions", "scene_s"), [([], 2), (["Sad"], 1.5)])
def test_scenes_that_cannot_be_are_refused(tmp_path, emotions, scene_s):
    with pytest.raises(InputError, match="give some, of whole seconds"):
        make_film(tmp_path / "film.mp4", emotions, **SMALL | {"scene_s": scene_s})


def test_shares_of_windows_within_the_film_add_up_to_one():
    scenes = pd.DataFrame(
        {"start_s": [0, 7, 19], "end_s": [7, 19, 40], "emotion": ["Sad", "Fear", "Sad"]}
    )
    starts = np.arange(0, 30.5, 0.5)
    shares = emotion_shares(scenes, starts, 10.0)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    seconds = [  # counted in tenths of a second
        np.mean([7 <= s + k / 10 + 0.05 < 19 for k in range(100)]) for s in starts
    ]
    np.testing.assert_allclose(shares[:, EMOTIONS.index("Fear")], seconds, atol=0.011)


def test_what_a_window_sees_beyond_the_film_is_of_no_emotion():
    scenes = pd.DataFrame({"start_s": [0], "end_s": [20], "emotion": ["Neutral"]})
    assert emotion_shares(scenes, [15.0], 10.0).sum() == pytest.approx(0.5)


def test_a_picture_is_shrunk_in_proportion():
    import cv2

    noise = np.random.default_rng(0).integers(0, 255, (60, 120, 3), dtype=np.uint8)
    png = cv2.imencode(".png", noise)[1].tobytes()
    jpeg = shrink_picture(png, width=40)
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (20, 40, 3)
    assert jpeg[:2] == b"\xff\xd8"
