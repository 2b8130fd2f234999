"""Emotion over time: what a network said of each window of a recording (Figure 7)."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit, softmax

from mvemotion.errors import InputError
from mvemotion.figures import (
    add_thumbnails,
    house_style,
    mark_threshold,
    plot_curves,
    save_figure,
)
from mvemotion.figures.style import say, short_name
from mvemotion.files import read_json, write_json, write_table, write_text
from mvemotion.paths import shipped_weights
from mvemotion.provenance import provenance
from mvemotion.specs import EMOTIONS

READINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "softmax": lambda logits: softmax(logits, axis=1),  # shares of one: what training optimised
    "sigmoid": expit,  # each emotion by itself: Section 5.3 and Figure 7
}
SUFFIXES = (".json", ".csv", ".srt", ".png")
LONGEST_NAME = 44  # letters of a file's name in a title
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
        """All but the thumbnails, with the caution that they need, as a JSON-ready dict."""
        rows = json.loads(self.to_frame().to_json(orient="records", double_precision=8))
        facts = {
            name: getattr(self, name)
            for name in (
                *("source", "network", "weights_sha256", "duration_s", "window_s"),
                *("abstain_below", "temperature", "caution"),
            )
        }
        return facts | {"emotions": list(EMOTIONS), "windows": rows}

    def to_srt(self) -> str:
        """Subtitles: each answer from halfway since the last one until halfway to the next.

        The first one begins with the caution, if these answers need one.
        """
        middles = (self.times_s[1:] + self.times_s[:-1]) / 2
        bounds = np.concatenate([[0.0], middles, [self.duration_s]])
        cues = []
        for index, (emotion, row) in enumerate(zip(self.emotions, self.probabilities, strict=True)):
            words = f"{EMOTIONS[row.argmax()]} {row.max():.0%}" if emotion else self.notes[index]
            if emotion in ("", "uncertain"):
                words = f"{emotion} ({words})".strip()
            words = f"{self.caution}\n{words}" if self.caution and not index else words
            span = f"{_clock(bounds[index])} --> {_clock(bounds[index + 1])}"
            cues.append(f"{index + 1}\n{span}\n{words}\n")
        return "\n".join(cues)

    @property
    def caution(self) -> str:
        """What to say of the weights wherever their answers are shown; empty unless shipped."""
        return CAUTION if is_shipped(self.weights_sha256) else ""

    @property
    def conditions(self) -> str:
        """What "uncertain" means, and the temperature, in words; empty where neither is set."""
        return describe_reading(self.abstain_below, self.temperature)

    def plot(self, *, reading: str = "softmax", ax: Axes | None = None) -> Axes:
        """One curve per emotion over time, thumbnails below; see `plot_timeline`.

        Without `ax` the picture is the Axes' ``figure``, in the look of all figures: in a
        notebook, end the cell with ``timeline.plot().figure``.
        """
        if ax is not None:
            return plot_timeline(self, ax=ax, reading=reading)
        with house_style():
            ax = Figure(figsize=(10, 4.2), layout="constrained").subplots()
            return plot_timeline(self, ax=ax, reading=reading)

    def save(self, path: Path, *, reading: str = "softmax") -> Path:
        """Write as ``.json``, ``.csv``, ``.srt`` (subtitles) or ``.png`` (the plot), by the name.

        The table has three columns more than `to_frame`, so that the file stands alone:
        ``abstain_below``, ``temperature`` and ``caution``.

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
            facts = ("abstain_below", "temperature", "caution")
            write_table(path, self.to_frame().assign(**{f: getattr(self, f) for f in facts}))
        elif path.suffix == ".srt":
            write_text(path, self.to_srt())
        elif path.suffix == ".png":
            self._save_plot(path, reading)
        else:
            raise InputError(f"{path}: the name must end in {', '.join(SUFFIXES)}")
        return path

    def _save_plot(self, path: Path, reading: str) -> None:
        figure = self.plot(reading=reading).figure
        if self.caution:
            with house_style():
                figure.supxlabel(self.caution, fontsize="small", color="0.35")
        title = f"Emotion over time (Figure 7): {_title(self, reading)}".replace("\n", "; ")
        save_figure(figure, path, title=title)


def describe_reading(abstain_below: float, temperature: float) -> str:
    """Below what an answer is uncertain, and the temperature; empty where neither is set.

    Examples
    --------
    >>> describe_reading(0.6, 1.371)
    'uncertain: below 60 %; read at temperature 1.37'
    """
    unsure = f"uncertain: below {100 * abstain_below:g} %" if abstain_below else ""
    heated = f"read at temperature {temperature:.2f}" if temperature != 1 else ""
    return "; ".join(filter(None, (unsure, heated)))


def is_shipped(weights_sha256: str) -> bool:
    """Whether weights are those that come with the package, wherever the file lies."""
    try:
        card = shipped_weights().with_suffix(".json")
    except InputError:
        return False
    return weights_sha256 == read_json(card)["sha256"]


def plot_timeline(
    timeline: Timeline, *, ax: Axes, reading: str = "softmax", is_narrow: bool = False
) -> Axes:
    """One curve per emotion, in per cent, at the middle of each window (Figure 7).

    The legend names the emotions from the highest on average to the lowest; below the axis are as
    many thumbnails as there is room for.

    Parameters
    ----------
    timeline : Timeline
    reading : str
        ``"softmax"``, or the paper's ``"sigmoid"``.
    is_narrow : bool
        For a phone: no title, and the legend above.
    """
    end_s = max(timeline.duration_s, timeline.window_s)
    options = {"ax": ax, "end_s": end_s, "is_narrow": is_narrow}
    plot_curves(100 * timeline.read(reading), timeline.times_s, **options)
    ax.set_ylabel(f"{reading.capitalize()} output (%)")
    if not is_narrow:
        ax.set_title(_title(timeline, reading), parse_math=False)  # names may hold dollars
    if timeline.abstain_below and reading == "softmax":
        mark_threshold(100 * timeline.abstain_below, ax=ax)
    if not any(timeline.emotions):
        reasons = ", ".join(filter(None, dict.fromkeys(timeline.notes)))
        say(ax, f"No window has an answer: {reasons}")
    return add_thumbnails(timeline.thumbnails, timeline.times_s, ax=ax)


def _title(timeline: Timeline, reading: str) -> str:
    name = short_name(timeline.source, LONGEST_NAME)
    first = f"{name}: {timeline.network}, {timeline.window_s:g} s a point"
    return "\n".join(filter(None, (first, timeline.conditions if reading == "softmax" else "")))


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
        If the hop is none; see `check_hop`.

    Examples
    --------
    >>> window_starts(72.0, 30.0, 15.0, tail_s=0.25)
    [0.0, 15.0, 30.0, 42.0]
    """
    check_hop(hop_s)
    last_s = max(duration_s - window_s, 0.0)
    starts = [index * hop_s for index in range(int(last_s // hop_s) + 1)]
    return [*starts, last_s] if last_s - starts[-1] > tail_s else starts


def check_hop(hop_s: float) -> None:
    """Refuse a hop that gives windows without number, or none.

    Raises
    ------
    InputError
        If it is not finite, or below `LEAST_HOP_S`.
    """
    if not LEAST_HOP_S <= hop_s < math.inf:
        raise InputError(
            f"hop of {hop_s:g} s: must be finite, and {LEAST_HOP_S:g} or more; the default is 5"
        )
