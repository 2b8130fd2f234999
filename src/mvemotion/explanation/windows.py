"""Why a network answered as it did in one window of a recording."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from mvemotion.data.window_inputs import Window
from mvemotion.errors import ClipError, InputError
from mvemotion.explanation.activation_maps import activation_maps
from mvemotion.explanation.attribution import Ablation
from mvemotion.explanation.pictures import draw_modality
from mvemotion.media.windows import Recording
from mvemotion.prediction import Predictor
from mvemotion.runs import TrainedNetwork
from mvemotion.specs import EMOTIONS, STREAMS, ClipFormat


@dataclass(frozen=True)
class WindowExplanation:
    """Why a window was answered as it was.

    Attributes
    ----------
    start_s, stop_s : float
        The window, in seconds of the recording.
    emotion : str
        The one that is explained.
    probability : float
        Its share of the softmax output, at the predictor's temperature.
    probabilities : np.ndarray
        All shares, float64 (K,).
    attribution : dict of float
        By how much the probability falls without each modality (`Ablation`); 0 for ``face`` in a
        window without one.
    maps : dict of np.ndarray
        For each stream, where in it the emotion was found (`activation_maps`): float32 in [0, 1],
        (M, L) or (H, W, T). All 0 where nothing raised the logit, and for a face that is not there.
    alone : dict of float
        The probability with each modality alone.
    note : str
        What is unusual about the window, such as ``"no face"``; mostly empty.
    arrays : dict of np.ndarray
        What the network was given, as a store holds it.
    times_s : dict of np.ndarray
        When the pictures in ``video`` and ``face`` were shown, in seconds of the recording.
    clip_format : ClipFormat
        Sizes of `arrays`.
    """

    start_s: float
    stop_s: float
    emotion: str
    probability: float
    probabilities: np.ndarray
    attribution: dict[str, float]
    maps: dict[str, np.ndarray] = field(repr=False)
    alone: dict[str, float]
    note: str
    arrays: dict[str, np.ndarray] = field(repr=False)
    times_s: dict[str, np.ndarray] = field(repr=False)
    clip_format: ClipFormat = field(repr=False)

    def pictures(self) -> dict[str, bytes]:
        """A PNG of each modality: what the network was given, and its maps over it.

        Music is its log-mel spectrogram, one panel for each of several; video and face are eight
        frames at equal intervals, with the mean of the maps of several pathways.
        """
        return {modality: draw_modality(self, modality) for modality in self.attribution}


def explain_window(
    path: str | Path,
    weights: str | Path | TrainedNetwork | Predictor,
    *,
    start_s: float = 0.0,
    emotion: str | None = None,
    device: str = "auto",
) -> WindowExplanation:
    """Why a network answers as it does in one window of a recording.

    Parameters
    ----------
    path : str or Path
        Anything that FFmpeg reads.
    weights : str, Path, TrainedNetwork or Predictor
        A weights file, the folder of a run, or what was made of one before.
    start_s : float
        Where the window begins, in seconds of the recording.
    emotion : str, optional
        One of `EMOTIONS`; by default the most probable one.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``; a `Predictor` keeps the one it has.

    Raises
    ------
    ClipError
        If the file cannot be read, or the window lacks what the network needs.
    InputError
        If there is no such emotion, or the recording ends before the window begins.

    Examples
    --------
    >>> why = explain_window("video.mp4", "runs/music_a2", start_s=30)  # doctest: +SKIP
    >>> why.attribution  # doctest: +SKIP
    {'music': 0.41}
    """
    predictor = weights if isinstance(weights, Predictor) else Predictor(weights, device=device)
    return next(explain_windows(path, predictor, [start_s], emotion=emotion))


def explain_windows(
    path: str | Path,
    predictor: Predictor,
    starts_s: Sequence[float],
    *,
    emotion: str | None = None,
) -> Iterator[WindowExplanation]:
    """`explain_window` for several windows of one recording, which is read once.

    Parameters
    ----------
    path : str or Path
    predictor : Predictor
    starts_s : sequence of float
        Increasing.
    emotion : str, optional
    """
    recording = predictor.open(path)
    _check_starts(recording, starts_s)
    for window in predictor.windows(recording, starts_s):
        yield explain(predictor, window, emotion=emotion)


def explain(
    predictor: Predictor, window: Window, *, emotion: str | None = None
) -> WindowExplanation:
    """`explain_window` for a window that was read already.

    Raises
    ------
    ClipError
        If the window lacks what the network needs.
    InputError
        If there is no such emotion.
    """
    trained = predictor.trained
    if window.item is None:
        raise ClipError(
            window.note,
            f"the window at {window.start_s:g} s lacks what {trained.network_id} needs; choose "
            "another one",
        )
    ablation = ablate(predictor, window)
    probabilities = ablation.probabilities()
    index = int(probabilities.argmax()) if emotion is None else _index(emotion)
    maps = activation_maps(predictor.network, predictor.inputs([window]), index)
    return WindowExplanation(
        start_s=window.start_s,
        stop_s=window.start_s + trained.clip_format.duration_s,
        emotion=EMOTIONS[index],
        probability=float(probabilities[index]),
        probabilities=probabilities,
        attribution=ablation.falls(index),
        maps={name: _only_if_there(name, x, window) for name, x in maps.items()},
        alone=ablation.alone(index),
        note=window.note,
        arrays={STREAMS[n].array: window.item[STREAMS[n].array].numpy() for n in maps},
        times_s=window.times_s,
        clip_format=trained.clip_format,
    )


def ablate(predictor: Predictor, window: Window) -> Ablation:
    """A window's answers with modalities taken away, read as the predictor reads them."""
    streams = predictor.inputs([window])
    return Ablation(predictor.network, streams, temperature=predictor.temperature)


def _only_if_there(stream: str, heat: np.ndarray, window: Window) -> np.ndarray:
    """No map of a face where there is none: what its branch makes of nothing is no place."""
    is_missing = STREAMS[stream].modality == "face" and not window.item["has_face"]
    return np.zeros_like(heat) if is_missing else heat


def _index(emotion: str) -> int:
    if emotion not in EMOTIONS:
        raise InputError(f"emotion {emotion!r}: choose from {', '.join(EMOTIONS)}")
    return EMOTIONS.index(emotion)


def _check_starts(recording: Recording, starts_s: Sequence[float]) -> None:
    for start_s in starts_s:
        if not 0 <= start_s < recording.duration_s:
            raise InputError(
                f"window at {start_s:g} s: {recording.path.name} lasts {recording.duration_s:.1f} "
                "s; choose a start from 0 to less than that"
            )
    if any(later <= earlier for earlier, later in pairwise(starts_s)):
        raise InputError(f"windows at {', '.join(f'{s:g}' for s in starts_s)} s: must increase")
