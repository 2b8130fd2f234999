"""Black bars are found to the line, and nothing else is taken for one."""

import numpy as np
import pytest

from media_files import Movie, barcode, face_picture, read_barcode, write_movie
from mvemotion.data.store import Store
from mvemotion.errors import DataError
from mvemotion.media.bars import Bars, find_bars
from mvemotion.media.sampling import frame_indices
from raw_clips import quietly

HEIGHT, WIDTH = 90, 160


def scenes(count: int = 16, seed: int = 0) -> np.ndarray:
    """Pictures of coarse random patches, from dim to bright: uint8 (F, H, W)."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(30, 200, (count, HEIGHT // 10, WIDTH // 10))
    return patches.repeat(10, 1).repeat(10, 2).astype(np.uint8)


def boxed(luma: np.ndarray, bars: Bars, black: int = 16) -> np.ndarray:
    framed = np.full_like(luma, black)
    for picture, source in zip(framed, luma, strict=True):
        bars.crop(picture)[:] = bars.crop(source)
    return framed


@pytest.mark.parametrize(
    "bars",
    [
        Bars(),
        Bars(12, 12),
        Bars(13, 9),
        Bars(left=20, right=21),
        Bars(11, 12, 17, 16),
        Bars(1, 0, 0, 2),
        Bars(18, 18, 32, 32),
        Bars(30, 30),
    ],
)
@pytest.mark.parametrize("black", [0, 16])
def test_bars_are_found_to_the_line(bars, black):
    assert find_bars(boxed(scenes(), bars, black)) == bars


def test_compression_noise_does_not_hide_them():
    noise = np.random.default_rng(1).integers(0, 9, (16, HEIGHT, WIDTH))
    luma = boxed(scenes(), Bars(12, 12)) + noise.astype(np.uint8)
    assert find_bars(luma) == Bars(12, 12)


def test_fades_and_black_frames_do_not_hide_them():
    luma = boxed(scenes(), Bars(12, 12))
    for index, light in enumerate((0.0, 0.05, 0.2, 0.5)):
        luma[index] = 16 + (luma[index] - 16) * light
    assert find_bars(luma) == Bars(12, 12)


def test_subtitles_do_not_hide_them():
    luma = boxed(scenes(), Bars(20, 20))
    for index in range(0, 16, 2):
        luma[index, 74:82, 30:130:3] = 235  # strokes of letters, inside the lower bar
        luma[index, 74:82, 31:130:9] = 235
    assert find_bars(luma) == Bars(20, 20)


def test_a_logo_that_stays_does_not_hide_them():
    luma = boxed(scenes(), Bars(20, 20))
    luma[:, 5:14, 8:40] = 200
    assert find_bars(luma) == Bars(20, 20)


def test_subtitles_in_the_picture_make_no_bar():
    luma = scenes()
    luma[:, 76:86, 20:140] = 16
    luma[:, 79:83, 30:130:3] = 235
    assert find_bars(luma).is_none


def test_a_stage_in_the_dark_has_no_bars():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    light = 220 * np.exp(-((rows - 50) ** 2 + (columns - 80) ** 2) / 900)
    flicker = np.linspace(0.5, 1, 16)[:, None, None]
    assert find_bars((16 + light * flicker).astype(np.uint8)).is_none


def test_a_dark_sky_above_a_straight_horizon_is_no_bar():
    luma = scenes()
    luma[:, :25] = 16
    assert find_bars(luma).is_none


def test_bars_of_some_scenes_only_are_left():
    luma = scenes()
    luma[:8] = boxed(luma[:8], Bars(12, 12))
    assert find_bars(luma).is_none


@pytest.mark.parametrize("level", [0, 16, 24])
def test_a_black_clip_tells_nothing(level):
    assert find_bars(np.full((5, HEIGHT, WIDTH), level, np.uint8)).is_none


def test_no_more_than_a_third_of_a_side_is_cut():
    assert find_bars(boxed(scenes(), Bars(34, 34))).is_none


def test_a_single_frame_is_enough_where_it_is_bright():
    assert find_bars(boxed(scenes(1), Bars(12, 12))) == Bars(12, 12)


def test_the_crop_is_what_is_between_the_bars():
    picture = np.arange(24).reshape(4, 6)
    np.testing.assert_array_equal(Bars(1, 0, 2, 3).crop(picture), picture[1:, 2:3])
    assert Bars().crop(picture).shape == (4, 6)


@pytest.mark.parametrize(
    "luma", [np.zeros((4, 6), np.uint8), np.zeros((1, 4, 6)), np.zeros((0, 4, 6), np.uint8)]
)
def test_other_arrays_are_refused(luma):
    with pytest.raises(DataError, match=r"frames as uint8 \(F, H, W\) are needed"):
        find_bars(luma)


# --- In a store -----------------------------------------------------------------------------------
def letterboxed(index: int, height: int, width: int) -> np.ndarray:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[16:-16] = barcode(index, height - 32, width)
    return picture


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    root = tmp_path_factory.mktemp("raw")
    for name, movie in {
        "boxed": Movie(seconds=2.2, draw=letterboxed, height=96),
        "plain": Movie(seconds=2.2),
    }.items():
        write_movie(root / "Train" / "Sad" / f"{name}.mp4", movie)
    return root


def test_cropping_leaves_the_picture_alone(raw, tmp_path):
    manifest = quietly(raw, tmp_path / "store", crop_bars=True).set_index("id")
    sides = ["bar_top", "bar_bottom", "bar_left", "bar_right"]
    assert manifest.loc["Train/Sad/boxed", sides].tolist() == [16, 16, 0, 0]
    assert manifest.loc["Train/Sad/plain", sides].tolist() == [0, 0, 0, 0]
    store = Store(tmp_path / "store")
    boxed, plain = (store.read(f"Train/Sad/{name}")["video"] for name in ("boxed", "plain"))
    expected = frame_indices(50, 16).tolist()
    assert [read_barcode(boxed[:, :, t]) for t in range(16)] == expected
    assert np.abs(boxed[2:-2].astype(int) - plain[2:-2]).mean() < 2
    assert boxed[0].mean() > 25  # 0 in a bar, 30 and 230 in the picture


def test_bars_stay_unless_cropping_is_asked_for(raw, tmp_path):
    manifest = quietly(raw, tmp_path / "store", faces="none")
    assert manifest["bar_top"].isna().all()
    assert Store(tmp_path / "store").read("Train/Sad/boxed")["video"][:4].mean() < 5


def test_a_store_holds_cropped_clips_or_others_but_not_both(raw, tmp_path):
    quietly(raw, tmp_path / "store", faces="none")
    assert "crop_bars" not in Store(tmp_path / "store").options  # as in stores older than it
    with pytest.raises(DataError, match=r"crop_bars=None \(now True\)"):
        quietly(raw, tmp_path / "store", faces="none", crop_bars=True)
    quietly(raw, tmp_path / "cropped", faces="none", crop_bars=True)
    with pytest.raises(DataError, match=r"crop_bars=True \(now None\)"):
        quietly(raw, tmp_path / "cropped", faces="none")
    assert Store(tmp_path / "cropped").checksum() != Store(tmp_path / "store").checksum()


def test_faces_are_searched_between_the_bars(tmp_path):
    def framed(index: int, height: int, width: int) -> np.ndarray:
        picture = np.zeros((height, width, 3), np.uint8)
        picture[20:-20] = face_picture(index, height - 40, width)
        return picture

    movie = Movie(seconds=2.2, draw=framed, height=160, width=160)
    write_movie(tmp_path / "raw" / "Train" / "Sad" / "a.mp4", movie)
    manifest = quietly(tmp_path / "raw", tmp_path / "store", crop_bars=True)
    expected = sum(i % 3 == 0 for i in frame_indices(50, 16))
    assert manifest.loc[0, ["face_frames", "bar_top", "bar_bottom"]].tolist() == [expected, 20, 20]
    face = Store(tmp_path / "store").read("Train/Sad/a", ["face"])["face"]
    assert (face.min(axis=(0, 1, 3)) > 10).all()  # no bar in any crop
