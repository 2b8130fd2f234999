"""The drawn faces: a Haar cascade finds them, and they show what the factors say."""

import cv2
import numpy as np
import pytest

from mvemotion.data.synthetic import draw_factors, plan_shots
from mvemotion.data.synthetic.face import LIPS, Expression, Pose, draw_face, draw_look
from mvemotion.data.synthetic.picture import render_frames
from mvemotion.specs import EMOTIONS


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
