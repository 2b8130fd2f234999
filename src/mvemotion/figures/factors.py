"""Synthetic clips as networks get them, from factors that are set by hand or by sliders."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio, display
from matplotlib.axes import Axes

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


def explore_factors(factors: Factors, *, clip_format: ClipFormat) -> None:
    """Sliders for eight factors of a clip; what networks get of it follows, and its sound.

    On paper, or without a kernel behind them, they show nothing: `plot_settings` stands for them.
    """
    controls = {name: _slider(name, getattr(factors, name)) for name in SLIDERS}

    def draw(**values) -> None:
        changed = replace(factors, **values)
        _, axes = plt.subplots(1, 2, figsize=(11, 2.2), width_ratios=(3, 2))
        _plot_clip(preview(changed, clip_format), axes, clip_format.duration_s)
        plt.show()
        sound = render_sound(changed).mean(axis=1)
        display(Audio(sound, rate=SAMPLE_RATE_HZ, normalize=False))  # loudness is to be heard

    grid = widgets.GridBox(
        list(controls.values()), layout={"grid_template_columns": "repeat(2, 31em)"}
    )
    display(widgets.VBox([grid, widgets.interactive_output(draw, controls)]))


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
