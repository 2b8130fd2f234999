"""Emotion over time: what a network said of each window of a recording (Figure 7)."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from scipy.special import expit, softmax

from mvemotion.errors import InputError
from mvemotion.figures import EMOTION_COLOURS, LINES, save_figure
from mvemotion.files import read_json, write_json, write_table, write_text
from mvemotion.paths import shipped_weights
from mvemotion.provenance import provenance
from mvemotion.specs import EMOTIONS

READINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "softmax": lambda logits: softmax(logits, axis=1),  # shares of one: what training optimised
    "sigmoid": expit,  # each emotion by itself: Section 5.3 and Figure 7
}
SUFFIXES = (".json", ".csv", ".srt", ".png")
MOST_THUMBNAILS = 12
LEAST_HOP_S = 0.1  # pictures change no faster, and windows would be without number
CAUTION = (
    "Not for real use: these weights learned from synthetic clips only; on real videos their "
    "answers are arbitrary, and confident all the same."
)


@dataclass(frozen=True)
class Timeline:
    """One network's answer to one recording, window by window.

    Attributes
    ----------
    source : str
        Name of the file.
    network : str
        Id of the network.
    duration_s, window_s : float
        Length of the recording, and of each window.
    starts_s : np.ndarray
        float64 (N,), where windows begin; increasing.
    logits : np.ndarray
        float64 (N, K); a row of NaN where a window lacks what the network needs.
    notes : tuple of str
        What is unusual about each window; mostly empty.
    thumbnails : tuple of np.ndarray
        uint8 (H, W, 3), the picture in each window's middle; empty arrays where there is none.
    abstain_below : float
        The least probability that names an emotion; below it the answer is ``"uncertain"``.
    temperature : float
        What the logits are divided by before they are read; see `mvemotion.temperature`.
    weights_sha256 : str
        Of the weights file; empty where a network was given instead of one.
    """

    source: str
    network: str
    duration_s: float
    window_s: float
    starts_s: np.ndarray
    logits: np.ndarray
    notes: tuple[str, ...]
    thumbnails: tuple[np.ndarray, ...] = field(repr=False, default=())
    abstain_below: float = 0.0
    temperature: float = 1.0
    weights_sha256: str = ""

    @property
    def times_s(self) -> np.ndarray:
        """Middle of each window, float64 (N,): the moment that its answer stands for."""
        return self.starts_s + self.window_s / 2

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, float64 (N, K)."""
        return self.read("softmax")

    def read(self, reading: str) -> np.ndarray:
        """The logits as ``"softmax"`` or ``"sigmoid"`` values, float64 (N, K).

        Raises
        ------
        InputError
            If there is no such reading.
        """
        if reading not in READINGS:
            raise InputError(f"reading {reading!r}: choose from {', '.join(READINGS)}")
        return READINGS[reading](self.logits / self.temperature)

    @property
    def emotions(self) -> tuple[str, ...]:
        """The most probable emotion of each window; ``"uncertain"``, or empty without an answer."""
        return tuple(self._name(row) for row in self.probabilities)

    def _name(self, probabilities: np.ndarray) -> str:
        if np.isnan(probabilities).any():
            return ""
        is_sure = probabilities.max() >= self.abstain_below
        return EMOTIONS[int(probabilities.argmax())] if is_sure else "uncertain"

    def to_frame(self) -> pd.DataFrame:
        """One row a window.

        Returns
        -------
        pd.DataFrame
            ``start_s``, ``end_s``, ``emotion``, ``p_<emotion>`` (softmax), ``s_<emotion>``
            (sigmoid) and ``note``.
        """
        frame = pd.DataFrame({"start_s": self.starts_s, "end_s": self.starts_s + self.window_s})
        frame["emotion"] = self.emotions
        for letter, reading in (("p", "softmax"), ("s", "sigmoid")):
            frame[[f"{letter}_{emotion}" for emotion in EMOTIONS]] = self.read(reading)
        return frame.assign(note=self.notes)

    def to_dict(self) -> dict:
        """All but the thumbnails, as a JSON-ready dict."""
        rows = json.loads(self.to_frame().to_json(orient="records", double_precision=8))
        facts = {
            name: getattr(self, name)
            for name in (
                *("source", "network", "weights_sha256", "duration_s", "window_s"),
                *("abstain_below", "temperature"),
            )
        }
        return facts | {"emotions": list(EMOTIONS), "windows": rows}

    def to_srt(self) -> str:
        """Subtitles: each answer from halfway since the last one until halfway to the next."""
        middles = (self.times_s[1:] + self.times_s[:-1]) / 2
        bounds = np.concatenate([[0.0], middles, [self.duration_s]])
        cues = []
        for index, (emotion, row) in enumerate(zip(self.emotions, self.probabilities, strict=True)):
            words = f"{EMOTIONS[row.argmax()]} {row.max():.0%}" if emotion else self.notes[index]
            if emotion in ("", "uncertain"):
                words = f"{emotion} ({words})".strip()
            span = f"{_clock(bounds[index])} --> {_clock(bounds[index + 1])}"
            cues.append(f"{index + 1}\n{span}\n{words}\n")
        return "\n".join(cues)

    @property
    def caution(self) -> str:
        """What to say of the weights wherever their answers are shown; empty unless shipped."""
        try:
            card = shipped_weights().with_suffix(".json")
        except InputError:
            return ""
        return CAUTION if self.weights_sha256 == read_json(card)["sha256"] else ""

    def plot(self, *, reading: str = "softmax", ax: Axes | None = None) -> Axes:
        """One curve per emotion over time, thumbnails below; see `plot_timeline`.

        Without `ax` the picture is the Axes' ``figure``: in a notebook, end the cell with
        ``timeline.plot().figure``.
        """
        if ax is None:
            ax = Figure(figsize=(10, 4.2), layout="constrained").subplots()
        return plot_timeline(self, ax=ax, reading=reading)

    def save(self, path: Path, *, reading: str = "softmax") -> Path:
        """Write as ``.json``, ``.csv``, ``.srt`` (subtitles) or ``.png`` (the plot), by the name.

        Parameters
        ----------
        path : Path
        reading : str
            Of the plot.

        Raises
        ------
        InputError
            If the name ends in something else.
        """
        path = Path(path)
        if path.suffix == ".json":
            write_json(path, self.to_dict() | {"provenance": provenance()})
        elif path.suffix == ".csv":
            write_table(path, self.to_frame())
        elif path.suffix == ".srt":
            write_text(path, self.to_srt())
        elif path.suffix == ".png":
            title = f"Emotion over time: {self.source}, {self.network} (Figure 7)"
            axes = self.plot(reading=reading)
            if self.caution:
                axes.figure.supxlabel(self.caution, fontsize="small", color="0.35")
            save_figure(axes.figure, path, title=title)
        else:
            raise InputError(f"{path}: the name must end in {', '.join(SUFFIXES)}")
        return path


def plot_timeline(timeline: Timeline, *, ax: Axes, reading: str = "softmax") -> Axes:
    """One curve per emotion, in per cent, at the middle of each window (Figure 7).

    The legend names the emotions from the highest on average to the lowest.

    Parameters
    ----------
    timeline : Timeline
    reading : str
        ``"softmax"``, or the paper's ``"sigmoid"``.
    """
    values = 100 * timeline.read(reading)
    for index, emotion in enumerate(EMOTIONS):
        style = {"color": EMOTION_COLOURS[emotion], "ls": LINES[index % len(LINES)]}
        ax.plot(timeline.times_s, values[:, index], marker="o", ms=3, label=emotion, **style)
    ax.set(
        xlim=(0, max(timeline.duration_s, timeline.window_s)),
        ylim=(0, 100),
        ylabel=f"{reading.capitalize()} output (%)",
        title=f"{timeline.source}: {timeline.network}, {timeline.window_s:g} s a point",
    )
    ax.set_xlabel("Time (s)", labelpad=62 if len(timeline.thumbnails) else 4)
    order = np.argsort(-np.nansum(values, axis=0), kind="stable")
    curves = [ax.lines[index] for index in order]
    ax.legend(handles=curves, loc="upper left", bbox_to_anchor=(1, 1))
    _draw_thumbnails(ax, timeline)
    return ax


def _draw_thumbnails(ax: Axes, timeline: Timeline) -> None:
    """Pictures in a row under the axis, each under its moment; not more than there is room for."""
    there = [i for i, picture in enumerate(timeline.thumbnails) if picture.size]
    chosen = np.linspace(0, len(there) - 1, min(len(there), MOST_THUMBNAILS)).round().astype(int)
    for index in dict.fromkeys(np.array(there, int)[chosen].tolist()):
        picture = timeline.thumbnails[index]
        image = OffsetImage(picture, zoom=50 / picture.shape[1])
        place = (timeline.times_s[index], 0)
        frame = {
            "xycoords": ax.get_xaxis_transform(),
            "boxcoords": "offset points",
            "frameon": False,
        }
        box = AnnotationBbox(image, place, xybox=(0, -46), annotation_clip=False, **frame)
        ax.add_artist(box)


def _clock(time_s: float) -> str:
    """Hours, minutes, seconds and milliseconds as subtitles have them."""
    milliseconds = round(1000 * time_s)
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{milliseconds:03d}"


def window_starts(duration_s: float, window_s: float, hop_s: float, *, tail_s: float) -> Sequence:
    """Where windows begin: every hop, and one that ends with the recording.

    Parameters
    ----------
    duration_s : float
        Of the recording; one shorter than a window gets one window.
    window_s, hop_s : float
    tail_s : float
        What is left after the last hop gets a window only if it is longer than this.

    Returns
    -------
    list of float

    Raises
    ------
    InputError
        If the hop is below `LEAST_HOP_S`.

    Examples
    --------
    >>> window_starts(72.0, 30.0, 15.0, tail_s=0.25)
    [0.0, 15.0, 30.0, 42.0]
    """
    if not hop_s >= LEAST_HOP_S:
        raise InputError(f"hop of {hop_s:g} s: must be {LEAST_HOP_S:g} or more; the default is 5")
    last_s = max(duration_s - window_s, 0.0)
    starts = [index * hop_s for index in range(int(last_s // hop_s) + 1)]
    return [*starts, last_s] if last_s - starts[-1] > tail_s else starts
