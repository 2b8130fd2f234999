"""The largest face is found, cut out square, and spread over the clip in the order of time."""

import numpy as np
import pytest

from media_files import draw_face
from mvemotion.errors import InputError
from mvemotion.media.faces import (
    DETECTORS,
    crop_face,
    fill_positions,
    find_largest_face,
    parse_policy,
    searched_frames,
)
from mvemotion.media.sampling import frame_indices


def picture_with_faces(*squares, height=180, width=320) -> np.ndarray:
    luma = np.full((height, width), 130, np.uint8)
    for row, column, side in squares:
        draw_face(luma, row, column, side)
    return luma


def overlap(box, square) -> float:
    """Intersection over union of two squares (row, column, side)."""
    sides = [
        min(a + box[2], b + square[2]) - max(a, b) for a, b in zip(box[:2], square[:2], strict=True)
    ]
    shared = max(sides[0], 0) * max(sides[1], 0)
    return shared / (box[2] ** 2 + square[2] ** 2 - shared)


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_a_face_is_found_where_it_is(detector):
    square = (45, 115, 90)
    assert overlap(find_largest_face(picture_with_faces(square), detector), square) > 0.6


def test_a_face_in_a_large_picture_is_given_in_its_own_pixels():
    square = (200, 500, 260)
    luma = picture_with_faces(square, height=720, width=1280)
    assert overlap(find_largest_face(luma, DETECTORS["coarse"]), square) > 0.6


def test_the_largest_of_two_faces_is_taken():
    small, large = (60, 20, 60), (30, 170, 110)
    luma = picture_with_faces(small, large)
    assert overlap(find_largest_face(luma, DETECTORS["coarse"]), large) > 0.5


def test_what_is_small_for_its_picture_is_no_face():
    small = (60, 20, 30)
    wide, tall = picture_with_faces(small), picture_with_faces(small, height=320)
    assert overlap(find_largest_face(wide, DETECTORS["coarse"]), small) > 0.5
    assert find_largest_face(tall, DETECTORS["coarse"]) is None  # 15 % of 320 are 48 pixels


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_a_plain_picture_has_no_face(detector):
    assert find_largest_face(picture_with_faces(), detector) is None


def test_a_face_at_the_border_stays_inside_the_picture():
    luma = picture_with_faces((10, 205, 110), height=160, width=320)
    row, column, side = find_largest_face(luma, DETECTORS["coarse"])
    assert 0 <= row <= row + side <= 160
    assert 0 <= column <= column + side <= 320


def test_a_crop_is_the_square_itself():
    picture = np.zeros((100, 160, 3), np.uint8)
    picture[20:60, 30:70] = (200, 100, 50)
    for size in (16, 40, 64):
        crop = crop_face(picture, (20, 30, 40), size)
        assert crop.shape == (size, size, 3)
        assert (crop == (200, 100, 50)).all()


# --- Where to search ------------------------------------------------------------------------------
def test_policies_search_the_frames_they_name():
    assert searched_frames("sampled", 750, 64).tolist() == frame_indices(750, 64).tolist()
    assert searched_frames("sampled", 3, 5).tolist() == [0, 1, 2]
    assert searched_frames("every-4", 10, 64).tolist() == [0, 4, 8]
    assert searched_frames("all", 5, 2).tolist() == [0, 1, 2, 3, 4]
    assert searched_frames("none", 5, 2).tolist() == []


@pytest.mark.parametrize("policy", ["every", "every-0", "every--1", "every-x", "some", ""])
def test_an_unknown_policy_is_refused(policy):
    with pytest.raises(InputError, match="'every-K'"):
        parse_policy(policy)


# --- How to fill ----------------------------------------------------------------------------------
@pytest.mark.parametrize("found", [1, 7, 9, 63, 64, 65, 200])
def test_faces_fill_every_position_in_the_order_of_time(found):
    positions = fill_positions(found, 64)
    assert len(positions) == 64
    assert (np.diff(positions) >= 0).all()
    assert positions[0] == 0
    assert positions[-1] == found - 1


@pytest.mark.parametrize("found", [1, 7, 9, 63])
def test_too_few_faces_are_repeated_equally_often_but_for_one(found):
    repeats = np.bincount(fill_positions(found, 64), minlength=found)
    assert set(repeats) <= {64 // found, 64 // found + 1}
