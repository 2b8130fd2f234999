"""The pictures of an explanation: what each modality gave the network, and the maps over it."""

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mvemotion.figures.explanations import add_heat_bar, plot_heard, plot_seen
from mvemotion.figures.style import house_style
from mvemotion.media.sampling import frame_indices
from mvemotion.media.spectrograms import mel_filters
from mvemotion.specs import SAMPLE_RATES_HZ, STREAMS, ClipFormat

if TYPE_CHECKING:
    from mvemotion.explanation.windows import WindowExplanation

SHOWN = 8  # frames of a strip
WIDTH = 5.0  # inches: letters stay readable on a phone
DPI = 170


def draw_modality(found: "WindowExplanation", modality: str) -> bytes:
    """One PNG of what a modality gave the network, with the maps of its streams over it."""
    with house_style():
        return _draw_music(found) if modality == "music" else _draw_pictures(found, modality)


def shown_heat(found: "WindowExplanation", modality: str) -> tuple[np.ndarray, np.ndarray]:
    """The frames of a strip and the mean of its pathways' maps at their times.

    Returns
    -------
    chosen : np.ndarray
        Positions of the shown frames in the modality's array, (N,).
    heat : np.ndarray
        float32 (N, h, w).
    """
    clip_format = found.clip_format
    chosen = np.unique(frame_indices(clip_format.frames, min(SHOWN, clip_format.frames)))
    maps = [_at(heat, name, chosen, clip_format) for name, heat in _maps(found, modality).items()]
    return chosen, np.mean(maps, axis=0)


@cache
def band_centres_hz(sample_rate_hz: int, window: int, bands: int) -> np.ndarray:
    """Centre of gravity of each mel filter, float64 (M,)."""
    filters = mel_filters(sample_rate_hz, window, bands).double().numpy()
    bins_hz = np.linspace(0, sample_rate_hz / 2, filters.shape[1])
    return filters @ bins_hz / filters.sum(1)


def own_frames(stream: str, clip_format: ClipFormat) -> np.ndarray:
    """Positions, in the array that a video or face stream is read from, of its frames."""
    return frame_indices(clip_format.frames, getattr(clip_format, STREAMS[stream].frames))


def _maps(found: "WindowExplanation", modality: str) -> dict[str, np.ndarray]:
    return {name: x for name, x in found.maps.items() if STREAMS[name].modality == modality}


def _at(heat: np.ndarray, stream: str, chosen: np.ndarray, clip_format: ClipFormat) -> np.ndarray:
    """A stream's map (H, W, T) at frames of the array it is read from, each at its nearest own."""
    own = own_frames(stream, clip_format)
    nearest = np.abs(own[None, :] - chosen[:, None]).argmin(1)
    return np.moveaxis(heat[..., nearest], -1, 0)


def _draw_music(found: "WindowExplanation") -> bytes:
    maps, clip_format = _maps(found, "music"), found.clip_format
    figure = Figure(figsize=(WIDTH, 0.6 + 2.7 * len(maps)), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(maps), squeeze=False)[:, 0]
    for ax, (name, heat) in zip(panels, maps.items(), strict=True):
        rate_hz = SAMPLE_RATES_HZ[STREAMS[name].array]
        plot_heard(
            found.arrays[STREAMS[name].array][0],
            heat,
            ax=ax,
            span_s=(found.start_s, found.stop_s),
            centres_hz=band_centres_hz(rate_hz, clip_format.window, clip_format.mel_bands),
            title=_title(found, heat, f"{name.replace('_', ', ')} pathway" * ("_" in name)),
        )
    return _finish(figure, panels)


def _draw_pictures(found: "WindowExplanation", modality: str) -> bytes:
    chosen, heat = shown_heat(found, modality)
    times_s = found.times_s[modality]
    if not len(times_s):
        chosen, heat = chosen[:0], heat[:0]
    figure = Figure(figsize=(WIDTH, 3.3), dpi=DPI, layout="constrained")
    ax = figure.subplots()
    frames = np.moveaxis(found.arrays[modality][:, :, chosen], 2, 0)
    names = list(_maps(found, modality))
    title = _title(found, heat, "both pathways, averaged" * (len(names) > 1))
    plot_seen(frames, heat, ax=ax, times_s=times_s[chosen], title=title)
    return _finish(figure, [ax])


def _title(found: "WindowExplanation", heat: np.ndarray, which: str) -> str:
    """Empty for the usual case."""
    nothing = f"nothing here raised {found.emotion}" if heat.size and not heat.any() else ""
    return "; ".join(filter(None, (which, nothing)))


def _finish(figure: Figure, panels: list[Axes]) -> bytes:
    add_heat_bar(panels)
    content = BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
