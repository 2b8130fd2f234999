"""Row zero of every table: what a classifier scores that neither looks nor listens."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier

from mvemotion.data.store import Store
from mvemotion.errors import DataError
from mvemotion.evaluation import save_scores
from mvemotion.specs import EMOTIONS

CONTAINER_NUMBERS = (  # what the file's headers say; never its pictures or sound
    *("size_bytes", "duration_s", "fps", "width", "height", "video_frames", "keyframes"),
    *("video_start_s", "video_bit_rate", "audio_rate_hz", "audio_channels", "audio_bit_rate"),
)
CONTAINER_WORDS = ("container", "encoder", "video_codec", "video_profile", "audio_codec")
BASELINES = ("dummy", "metadata")
LABELS = {
    "dummy": "DummyClassifier (most frequent training class)",
    "metadata": "Random forest on container metadata alone",
}


def evaluate_baseline(
    name: str, store: Store, folder: Path, *, split: str = "test", seed: int = 0
) -> dict:
    """Fit a baseline on Train, score it on `split`, write its metrics under `folder`.

    Parameters
    ----------
    name : str
        ``"dummy"``: scikit-learn's DummyClassifier, always the most frequent class.
        ``"metadata"``: a random forest on the container's metadata (codec, bit rates, sizes ...):
        a shortcut in the sense of Section 3, the score to beat before speaking of emotion.
    store : Store
    folder : Path
        Where ``<split>/metrics.json`` goes.
    split : str
        The split to score.
    seed : int
        Of the forest.

    Returns
    -------
    dict
        As `mvemotion.evaluation.evaluate`.

    Raises
    ------
    DataError
        If one of the two splits has no usable clip.
    """
    train, test = store.clips("Train"), store.clips(split)
    if train.empty or test.empty:
        raise DataError(f"{store.root}: no usable clip in Train or {split!r}; see its manifest.csv")
    classifier = _classifier(name, seed)
    known = container_features(pd.concat([train, test], ignore_index=True))
    classifier.fit(known.iloc[: len(train)], train["emotion"])
    probabilities = np.zeros((len(test), len(EMOTIONS)))
    columns = [EMOTIONS.index(emotion) for emotion in classifier.classes_]
    probabilities[:, columns] = classifier.predict_proba(known.iloc[len(train) :])
    origin = {"name": name, "split": split, "store_checksum": store.checksum()}
    return save_scores(Path(folder) / split, test, probabilities, origin)


def container_features(clips: pd.DataFrame) -> pd.DataFrame:
    """One row a clip: the container's numbers, and its words as indicator columns."""
    numbers = clips[list(CONTAINER_NUMBERS)].astype(float)
    words = clips[list(CONTAINER_WORDS)].fillna("none").astype(str)
    return pd.concat([numbers, pd.get_dummies(words, dtype=float)], axis=1)


def _classifier(name: str, seed: int):
    if name == "dummy":
        return DummyClassifier(strategy="prior")
    return RandomForestClassifier(n_estimators=500, random_state=seed)
