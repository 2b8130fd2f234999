"""Synthetic clips as networks get them, from factors that are set by hand or by sliders."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace

import ipywidgets as widgets
import numpy as np
from IPython.display import Audio
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mvemotion.data.synthetic import RULES, Factors
from mvemotion.data.synthetic.preview import preview
from mvemotion.data.synthetic.sound import SAMPLE_RATE_HZ, render_sound
from mvemotion.figures.clips import plot_filmstrip, plot_log_mel
from mvemotion.specs import ClipFormat

LEVELS_DB = (-60.0, 40.0)  # one scale for all, else a quiet clip would look like a loud one
SHOWN = 6  # frames
SLIDERS = {  # factor: what its slider says
    "tempo_bpm": "tempo (bpm)",
    "loudness_db": "loudness (dB)",
    "pitch_midi": "pitch (MIDI)",
    "dissonance": "dissonance",
    "brightness": "brightness",
    "saturation": "saturation",
    "cuts_per_s": "cuts (a second)",
    "figures": "figures",
}


def plot_settings(
    factors: Factors,
    settings: Mapping[str, Mapping[str, float]],
    *,
    axes: Sequence[Sequence[Axes]],
    clip_format: ClipFormat,
) -> Sequence[Sequence[Axes]]:
    """What networks get of a clip with some of its factors changed, a row a setting.

    Parameters
    ----------
    factors : Factors
        Of the clip as it was.
    settings : mapping of str to mapping of str to float
        What is changed, by the title to print; an empty mapping is the clip as it was.
    axes : sequence of Axes, (settings, 2)
        Frames on the left, log-mel spectrograms on the right.
    clip_format : ClipFormat
        Sizes of the arrays that are made and shown.
    """
    for (title, changes), pair in zip(settings.items(), axes, strict=True):
        _plot_clip(preview(replace(factors, **changes), clip_format), pair, clip_format.duration_s)
        pair[0].set_title(title)
    return axes


def explore_factors(factors: Factors, *, clip_format: ClipFormat) -> widgets.VBox:
    """Sliders for eight factors of a clip; what networks get of it follows, and its sound.

    On paper, or without a kernel behind them, they show nothing: `plot_settings` stands for them.
    Picture and sound are widgets, not captured outputs: these can stop a notebook that is run
    without anybody there, waiting for each other.
    """
    controls = {name: _slider(name, getattr(factors, name)) for name in SLIDERS}
    picture = widgets.Image(format="png", layout={"max_width": "100%"})
    player = widgets.Audio(format="wav", autoplay=False, loop=False)

    def update(_change=None) -> None:
        changed = replace(factors, **{name: slider.value for name, slider in controls.items()})
        picture.value = _draw_clip(changed, clip_format)
        sound = render_sound(changed).mean(axis=1)  # its loudness is to be heard:
        player.value = Audio(sound, rate=SAMPLE_RATE_HZ, normalize=False).data

    for slider in controls.values():
        slider.observe(update, "value")
    update()
    layout = {"grid_template_columns": "repeat(2, 31em)"}
    grid = widgets.GridBox(list(controls.values()), layout=layout)
    return widgets.VBox([grid, picture, player])


def _draw_clip(factors: Factors, clip_format: ClipFormat) -> bytes:
    """As PNG."""
    figure = Figure((11, 2.2), layout="constrained")
    pair = figure.subplots(1, 2, width_ratios=(3, 2))
    _plot_clip(preview(factors, clip_format), pair, clip_format.duration_s)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=90)
    return content.getvalue()


def _plot_clip(arrays: dict[str, np.ndarray], pair: Sequence[Axes], duration_s: float) -> None:
    film, sound = pair
    plot_filmstrip(arrays["video"], ax=film, shown=SHOWN)
    plot_log_mel(arrays["music"], ax=sound, duration_s=duration_s)
    sound.images[0].set_clim(*LEVELS_DB)


def _slider(name: str, value: float) -> widgets.Widget:
    """Over the scale that clips are drawn from; it acts when it is let go."""
    rule = RULES[name]
    options = {"min": rule.low, "max": rule.high, "value": value, "continuous_update": False}
    look = {
        "description": SLIDERS[name],
        "layout": {"width": "30em"},
        "style": {"description_width": "8em"},
    }
    if isinstance(value, int):
        return widgets.IntSlider(**options, **look)
    step = 1.0 if rule.high - rule.low > 10 else 0.05
    return widgets.FloatSlider(**options, **look, step=step, readout_format=".3g")
