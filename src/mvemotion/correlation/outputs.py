"""What a network answers to clips: its six outputs, before and after a sigmoid (Table 7)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit, softmax

from mvemotion.data.store import Store
from mvemotion.errors import InputError
from mvemotion.evaluation import LOGITS, evaluate, scores_folder, source_videos
from mvemotion.files import read_json
from mvemotion.published import published_table
from mvemotion.specs import EMOTIONS

READINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": expit,  # each emotion by itself: Section 5.3
    "softmax": lambda logits: softmax(logits, axis=1),  # shares of one: what training optimised
    "answer": lambda answers: answers,  # no logits, but 1 for one emotion and 0 for the others
}
SIGMOIDS = [f"s_{emotion}" for emotion in EMOTIONS]


@dataclass(frozen=True)
class Outputs:
    """What a network answered to clips.

    Attributes
    ----------
    values : np.ndarray
        float64 (n, K): logits, or a reading of them.
    targets : np.ndarray
        int (n,), each clip's true emotion as an index of `EMOTIONS`.
    ids, sources : tuple of str
        Of each clip: its name, and the video that it was cut from.
    """

    values: np.ndarray
    targets: np.ndarray
    ids: tuple[str, ...]
    sources: tuple[str, ...]

    def read(self, reading: str) -> "Outputs":
        """Logits as ``"sigmoid"`` or ``"softmax"`` outputs, or `answers` as they are.

        Raises
        ------
        InputError
            If there is no such reading.
        """
        if reading not in READINGS:
            raise InputError(f"reading {reading!r}: choose from {', '.join(READINGS)}")
        return replace(self, values=READINGS[reading](self.values))


def read_outputs(run: Path, store: Store, *, split: str = "test", device: str = "auto") -> Outputs:
    """Logits of a run on the clips of a split, which is scored again where they were not kept.

    Raises
    ------
    DataError
        As `mvemotion.evaluation.evaluate`, if the run cannot be scored.
    """
    folder = scores_folder(run, split)
    if not _has_logits(folder, store):
        evaluate(run, store, split=split, device=device)
    clips = pd.read_csv(folder / "predictions.csv")
    return Outputs(
        values=clips[LOGITS].to_numpy(),
        targets=clips["emotion"].map(EMOTIONS.index).to_numpy(),
        ids=tuple(clips["id"]),
        sources=tuple(source_videos(clips)),
    )


def _has_logits(folder: Path, store: Store) -> bool:
    """Whether there are scores, with logits, of the clips as they are now."""
    if not (folder / "metrics.json").exists():
        return False
    columns = pd.read_csv(folder / "predictions.csv", nrows=0).columns
    is_current = read_json(folder / "metrics.json").get("store_checksum") == store.checksum()
    return is_current and set(LOGITS) <= set(columns)


def printed_outputs() -> Outputs:
    """Logits of Table 7's six clips, so that their sigmoids are what is printed."""
    table = published_table(7)
    names = tuple(table["Ground truth"])
    targets = np.array([EMOTIONS.index(name) for name in names])
    return Outputs(logit(table[list(EMOTIONS)].to_numpy()), targets, names, names)


def answers(matrix: np.ndarray) -> Outputs:
    """The clips behind a confusion matrix: 1 for the emotion that each was taken for, else 0.

    Parameters
    ----------
    matrix : array of int, (K, K)
        Clips by true (rows) and predicted (columns) emotion. It does not say which of them were
        cut from one video, so each counts as a video of its own.
    """
    counts = np.asarray(matrix)
    targets, predicted = np.indices(counts.shape).reshape(2, -1).repeat(counts.ravel(), axis=1)
    ids = tuple(str(number) for number in range(len(targets)))
    return Outputs(np.eye(len(EMOTIONS))[predicted], targets, ids, ids)


def scale_common(outputs: Outputs, factor: float) -> Outputs:
    """Logits whose mean over the six emotions is multiplied, clip by clip.

    Softmax outputs, and with them loss, accuracy and AUC, stay what they were; sigmoid outputs
    and their correlations do not.
    """
    common = outputs.values.mean(axis=1, keepdims=True)
    return replace(outputs, values=outputs.values + (factor - 1) * common)


def example_clips(outputs: Outputs) -> pd.DataFrame:
    """One clip of each emotion, as Table 7 shows: the one most confidently right.

    Parameters
    ----------
    outputs : Outputs
        Logits.

    Returns
    -------
    DataFrame
        In the order of `EMOTIONS`: ``emotion``, ``id``, ``predicted`` and the sigmoid outputs
        ``s_<emotion>``. Confidence is the softmax probability of the true emotion. Where no clip
        of an emotion was recognised, it is the one that came nearest; an emotion without clips has
        no row.
    """
    shares, predicted = outputs.read("softmax").values, outputs.values.argmax(axis=1)
    own = np.take_along_axis(shares, outputs.targets[:, None], axis=1)[:, 0]
    best_first = np.lexsort((-own, predicted != outputs.targets))
    rows = []
    for index, emotion in enumerate(EMOTIONS):
        for clip in best_first[outputs.targets[best_first] == index][:1]:
            said = {"id": outputs.ids[clip], "predicted": EMOTIONS[predicted[clip]]}
            values = dict(zip(SIGMOIDS, outputs.read("sigmoid").values[clip], strict=True))
            rows.append({"emotion": emotion} | said | values)
    return pd.DataFrame(rows, columns=["emotion", "id", "predicted", *SIGMOIDS])
