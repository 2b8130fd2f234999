"""Fits each baseline on Train and scores it on another split, as the networks are."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mvemotion.baselines.container import container_features
from mvemotion.data.store import Store
from mvemotion.errors import DataError
from mvemotion.evaluation import save_scores
from mvemotion.specs import EMOTIONS

ROW_ZERO = ("dummy", "metadata")  # neither looks nor listens
LABELS = {
    "dummy": "DummyClassifier (most frequent training class)",
    "metadata": "Random forest on container metadata alone",
    "music_svm": "SVM on librosa's features of the sound",
    "music_forest": "Random forest on librosa's features of the sound",
}
TREES = 500
FOLDS = 5  # of the SVM's calibration, at most


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
        ``"music_svm"``, ``"music_forest"``: on `mvemotion.baselines.music_features`
        (assumption 24), which are kept in ``music_features`` beside `folder`.
    store : Store
    folder : Path
        Where ``<split>/metrics.json`` goes.
    split : str
        The split to score.
    seed : int
        Of forests, and of the folds that calibrate the SVM.

    Returns
    -------
    dict
        As `mvemotion.evaluation.evaluate`.

    Raises
    ------
    DataError
        If one of the two splits has no usable clip, or their sound cannot be heard again.
    """
    start = time.perf_counter()
    train, test = store.clips("Train"), store.clips(split)
    if train.empty or test.empty:
        raise DataError(f"{store.root}: no usable clip in Train or {split!r}; see its manifest.csv")
    known = _features(name, store, pd.concat([train, test], ignore_index=True), Path(folder))
    classifier = _classifier(name, train["emotion"], seed)
    classifier.fit(known[: len(train)], train["emotion"])
    probabilities = np.zeros((len(test), len(EMOTIONS)))
    columns = [EMOTIONS.index(emotion) for emotion in classifier.classes_]
    probabilities[:, columns] = classifier.predict_proba(known[len(train) :])
    origin = {"name": name, "split": split, "store_checksum": store.checksum(), "seed": seed}
    origin |= {"features": known.shape[1], "wall_seconds": round(time.perf_counter() - start, 1)}
    return save_scores(Path(folder) / split, test, probabilities, origin)


def _features(name: str, store: Store, clips: pd.DataFrame, folder: Path) -> np.ndarray:
    """What a baseline knows of each clip, float64 (n, features)."""
    if name in ROW_ZERO:
        return container_features(clips).to_numpy()
    from mvemotion.baselines.music_features import read_music_features  # needs decoders

    return read_music_features(store, folder.parent / "music_features").loc[clips["id"]].to_numpy()


def _classifier(name: str, emotions: pd.Series, seed: int) -> ClassifierMixin:
    if name == "dummy" or emotions.nunique() < 2:
        return DummyClassifier(strategy="prior")
    if name == "music_svm":
        return _calibrated_svm(int(emotions.value_counts().min()), seed)
    return RandomForestClassifier(n_estimators=TREES, random_state=seed)


class _SoftmaxSVC(SVC):
    """With shares of one made of its decisions as they are: float64 (n, classes)."""

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        decisions = self.decision_function(features)
        if decisions.ndim == 1:  # of two classes: in favour of the second
            decisions = np.stack([np.zeros_like(decisions), decisions], axis=1)
        return softmax(decisions, axis=1)


def _calibrated_svm(fewest: int, seed: int) -> ClassifierMixin:
    """An SVM with a Gaussian kernel, whose decisions a temperature turns into probabilities.

    The temperature is found on held-out folds and leaves each clip's most probable class the SVM's
    own. A class of a single clip cannot be held out: then the temperature is 1.
    """
    svm = make_pipeline(StandardScaler(), SVC(random_state=seed))
    if fewest < 2:
        return make_pipeline(StandardScaler(), _SoftmaxSVC(random_state=seed))
    folds = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=seed)
    return CalibratedClassifierCV(svm, method="temperature", cv=folds, ensemble=False)
