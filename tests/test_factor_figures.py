"""Clips drawn for a figure: the same as through a file, and each factor where it belongs."""

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.io import wavfile

from mvemotion.data.convert import Options, convert_clip
from mvemotion.data.synthetic import RULES, draw_factors, write_clip
from mvemotion.data.synthetic.preview import preview
from mvemotion.errors import ClipError
from mvemotion.figures.factors import SLIDERS, explore_factors, plot_settings
from mvemotion.specs import ClipFormat

FORMAT = ClipFormat(
    duration_s=2.0, mel_bands=32, frame_size=32, frames=8, slow_frames=4, c3d_size=28, c3d_frames=8
)
CLIP = draw_factors("Excited", difficulty=0, duration_s=2.0, size=(96, 72), fps=10)


@pytest.fixture(scope="module")
def arrays():
    return preview(CLIP, FORMAT)


def test_it_is_what_a_file_of_the_clip_becomes_but_for_the_encoder(arrays, tmp_path):
    path = write_clip(tmp_path / "clip.mp4", CLIP)
    stored, _ = convert_clip(path, Options(FORMAT, faces="none", detector="quick"))
    assert set(stored) - set(arrays) == {"face", "face_source"}
    for name, array in arrays.items():
        assert (array.shape, array.dtype) == (stored[name].shape, stored[name].dtype)
    alike = np.corrcoef(*(a["video"].reshape(-1).astype(float) for a in (arrays, stored)))
    assert alike[0, 1] > 0.98
    levels = np.stack([a["music"][0].astype(float) for a in (arrays, stored)])
    loud = levels[0] > levels[0].max() - 30
    assert np.abs(levels[0] - levels[1])[loud].mean() < 1.5


def test_a_clip_shorter_than_asked_for_is_refused():
    with pytest.raises(ClipError, match="too short"):
        preview(CLIP, replace(FORMAT, duration_s=4.0))


def test_picture_factors_leave_the_sound_and_sound_factors_the_picture(arrays):
    dark = preview(replace(CLIP, brightness=0.2), FORMAT)
    quiet = preview(replace(CLIP, loudness_db=CLIP.loudness_db - 12), FORMAT)
    assert dark["video"].mean() < arrays["video"].mean() - 20
    assert np.array_equal(dark["music"], arrays["music"])
    assert np.array_equal(quiet["video"], arrays["video"])
    fall_db = arrays["music"][0].astype(float).max() - quiet["music"][0].astype(float).max()
    assert fall_db == pytest.approx(12, abs=1.5)


def test_settings_are_rows_on_one_scale_of_levels():
    axes = Figure().subplots(2, 2)
    settings = {"as it was": {}, "quiet and dark": {"loudness_db": -34.0, "brightness": 0.2}}
    plot_settings(CLIP, settings, axes=axes, clip_format=FORMAT)
    assert [film.get_title() for film in axes[:, 0]] == list(settings)
    assert axes[0, 1].images[0].get_clim() == axes[1, 1].images[0].get_clim()
    for before, after in (axes[:, 0], axes[:, 1]):
        assert before.images[0].get_array().mean() > after.images[0].get_array().mean() + 5


def test_sliders_stand_at_the_clip_and_redraw_it_as_they_are_moved():
    grid, picture, player = explore_factors(CLIP, clip_format=FORMAT).children
    sliders = dict(zip(SLIDERS, grid.children, strict=True))
    assert {name: slider.value for name, slider in sliders.items()} == {
        name: getattr(CLIP, name) for name in SLIDERS
    }
    bright, loud = middle_of_film(picture.value), peak(player.value)
    sliders["brightness"].value = -1.0
    assert sliders["brightness"].value == RULES["brightness"].low
    assert middle_of_film(picture.value) < bright - 30
    assert peak(player.value) == loud
    sliders["loudness_db"].value -= 12
    assert peak(player.value) == pytest.approx(loud / 10 ** (12 / 20), rel=0.05)


@pytest.mark.parametrize("folder", ["src", "notebooks"])
def test_no_widget_captures_output(folder):
    """Such widgets and Papermill can wait for each other for ever."""
    root = Path(__file__).parents[1] / folder
    paths = [*root.rglob("*.py"), *root.rglob("[0-9]*.ipynb")]
    assert paths
    captures = ("widgets.Output(", "interactive_output(", "interact(", "interactive(")
    for path in paths:
        source = path.read_text(encoding="utf-8")
        assert not any(name in source for name in captures), path


def middle_of_film(png: bytes) -> float:
    """Mean brightness of the frames' part of the picture, 0 to 255."""
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    rows, columns = pixels.shape
    return float(pixels[rows // 3 : 2 * rows // 3, columns // 5 : columns // 2].mean())


def peak(wav: bytes) -> int:
    """Of 16-bit samples."""
    _, samples = wavfile.read(io.BytesIO(wav))
    return int(np.abs(samples.astype(int)).max())
