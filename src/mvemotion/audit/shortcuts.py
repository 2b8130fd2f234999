"""How well a clip's class can be told without looking or listening (shortcuts, Section 3)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold

from mvemotion.audit.borders import BAR_COLUMNS, BORDER_COLUMNS
from mvemotion.baselines import container_features
from mvemotion.specs import SPLITS
from mvemotion.statistics import accuracy_interval

FOLDS = 5
TREES = 200
PERMUTATIONS = 2000
CROSS_VALIDATION = "across sources"
SHOWN_FEATURES = 3

Fold = tuple[np.ndarray, np.ndarray]  # indices of the training and the test clips


@dataclass(frozen=True)
class Kind:
    """One kind of thing that says nothing of emotion, and how it becomes numbers."""

    name: str
    label: str
    explained: str
    features: Callable[[pd.DataFrame], pd.DataFrame]


OF_CONTENT = ("size_bytes", "keyframes", "video_bit_rate", "audio_bit_rate")


def _settings(clips: pd.DataFrame) -> pd.DataFrame:
    return container_features(clips).drop(columns=list(OF_CONTENT))


# fmt: off
KINDS = (
    Kind("container", "Container metadata",
         "all that the file's headers give (encoder, codecs, profiles, bit rates, picture size, "
         "frame rate, duration, counts of pictures and key frames), and the file's size; bit rates "
         "and size also follow the content", container_features),
    Kind("settings", "Encoding settings",
         "the same without bit rates, file size and key frames: how the file was made, not what "
         "it shows", _settings),
    Kind("bars", "Black bars",
         "widths of the black bars on the four sides", lambda clips: clips[list(BAR_COLUMNS)]),
    Kind("borders", "Outermost pixels",
         "level, spread and change of the outermost line of pixels on each side: frames, bars and "
         "blanking, but also the scene where it reaches the edge",
         lambda clips: clips[list(BORDER_COLUMNS)]),
)
# fmt: on


@dataclass(frozen=True)
class Score:
    """How well one kind of features alone told the class.

    Attributes
    ----------
    kind : str
        A name of `KINDS`.
    design : str
        `CROSS_VALIDATION`, where the forest is never asked about a source that it has seen, or
        ``Train to Validation`` and ``Train to test``, the splits as they are.
    hits, n : int
        Clips told right, and clips asked about.
    chance : float
        Share of the most frequent class among them: the best that a constant answer gets right.
    low, high : float
        95 % Wilson interval of the accuracy.
    p : float
        How often labels that are exchanged between sources fit the answers as well.
    features : tuple of str
        The features that the forest relied on most.
    missing : str
        Why there is no score; then the numbers are None.
    """

    kind: str
    design: str
    hits: int | None = None
    n: int | None = None
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    p: float | None = None
    features: tuple[str, ...] = ()
    missing: str = ""


def score_shortcuts(clips: pd.DataFrame, groups: pd.Series, *, seed: int = 0) -> pd.DataFrame:
    """Predict the class from each of `KINDS` alone, with a random forest.

    Parameters
    ----------
    clips : pd.DataFrame
        Decodable clips: ``id``, ``split``, ``emotion`` and the measured columns.
    groups : pd.Series
        Source of each clip, by id: clips of one source are never on both sides, or remembering
        the source would pass for telling the class.
    seed : int
        Of the folds, the forests and the permutations.

    Returns
    -------
    pd.DataFrame
        The fields of `Score`, a row for each kind and design.
    """
    clips = clips.sort_values("id", ignore_index=True)
    sources = clips["id"].map(groups).to_numpy()
    designs = _designs(clips, sources, seed)
    rows = []
    for kind in KINDS:
        task = _Task(kind.features(clips), clips["emotion"].to_numpy(), sources, seed)
        for design, parts in designs.items():
            found = {"missing": parts} if isinstance(parts, str) else task.score(parts)
            rows.append(asdict(Score(kind.name, design, **found)))
    return pd.DataFrame(rows)


def _designs(clips: pd.DataFrame, sources: np.ndarray, seed: int) -> dict[str, list[Fold] | str]:
    """For each design, its training and test clips, or why there are none."""
    designs: dict[str, list[Fold] | str] = {CROSS_VALIDATION: _folds(clips, sources, seed)}
    train = np.flatnonzero(clips["split"] == SPLITS[0])
    for split in SPLITS[1:]:
        asked = np.flatnonzero(clips["split"] == split)
        lacking = [name for name, rows in ((SPLITS[0], train), (split, asked)) if not len(rows)]
        reason = f"no clip in {' and '.join(lacking)}"
        designs[f"{SPLITS[0]} to {split}"] = reason if lacking else [(train, asked)]
    return designs


def _folds(clips: pd.DataFrame, sources: np.ndarray, seed: int) -> list[Fold] | str:
    count = pd.Series(sources).groupby(clips["emotion"].to_numpy()).nunique()
    folds = min(FOLDS, int(count.min()))
    if folds < 2 or len(count) < 2:
        return f"two classes of two sources each are needed; {count.idxmin()} has {count.min()}"
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(clips)), clips["emotion"], sources))


@dataclass(frozen=True)
class _Task:
    """What is known of each clip, and what is asked."""

    known: pd.DataFrame
    emotions: np.ndarray
    sources: np.ndarray
    seed: int

    def score(self, folds: list[Fold]) -> dict:
        """The fields of `Score` for these training and test clips."""
        answers = np.empty(len(self.emotions), object)
        weights = np.zeros(self.known.shape[1])
        for train, asked in folds:
            forest = RandomForestClassifier(TREES, random_state=self.seed)
            forest.fit(self.known.iloc[train], self.emotions[train])
            answers[asked] = forest.predict(self.known.iloc[asked])
            weights += forest.feature_importances_
        asked = np.concatenate([rows for _, rows in folds])
        hits, n = int((answers == self.emotions)[asked].sum()), len(asked)
        low, high = accuracy_interval(hits, n)
        return {
            **{"hits": hits, "n": n, "accuracy": hits / n, "low": low, "high": high},
            "chance": float(pd.Series(self.emotions[asked]).value_counts(normalize=True).max()),
            "p": self._p_value(answers, asked),
            "features": tuple(self.known.columns[np.argsort(-weights)[:SHOWN_FEATURES]]),
        }

    def _p_value(self, answers: np.ndarray, asked: np.ndarray) -> float:
        """Share of exchanges of the labels between sources that fit the answers as well.

        The forests are not fitted again: exact for a split, and a little too large for folds.
        """
        rng = np.random.default_rng(self.seed)
        pairs = pd.DataFrame({"source": self.sources[asked], "emotion": self.emotions[asked]})
        source = pairs.groupby(["source", "emotion"]).ngroup()
        labels = pairs["emotion"].groupby(source).first().to_numpy()
        found = (answers[asked] == self.emotions[asked]).sum()
        exchanged = (rng.permutation(labels)[source] for _ in range(PERMUTATIONS))
        as_good = sum((answers[asked] == truth).sum() >= found for truth in exchanged)
        return (1 + int(as_good)) / (1 + PERMUTATIONS)
