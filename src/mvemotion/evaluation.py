"""Scores of a trained network on a split, with the probabilities of every clip."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score
from tqdm import tqdm

from mvemotion.data.batches import ClipDataset, InputPipeline, balanced_batches, clip_loader
from mvemotion.data.store import Store
from mvemotion.errors import DataError
from mvemotion.files import read_json, write_atomically, write_json
from mvemotion.layers import channels_last_
from mvemotion.provenance import provenance
from mvemotion.runs import TrainedNetwork, is_complete, load_weights
from mvemotion.specs import EMOTIONS
from mvemotion.training import input_pipeline, open_fabric

PROBABILITIES = [f"p_{emotion}" for emotion in EMOTIONS]


def evaluate(
    run: Path,
    store: Store | None = None,
    *,
    split: str = "test",
    device: str = "auto",
    batch_size: int = 8,
) -> dict:
    """Score a run on a split; writes ``<run>/<split>/metrics.json`` and ``predictions.csv``.

    Parameters
    ----------
    run : Path
        A complete run folder of `train`.
    store : Store, optional
        The clips; the store that the run was trained on if not given.
    split : str
        ``"test"``, ``"Validation"`` or ``"Train"``.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``; always in 32-bit precision.
    batch_size : int
        Clips at a time.

    Returns
    -------
    dict
        The metrics; see `score`.

    Raises
    ------
    DataError
        If the run is not complete, its clips have another format, or the split is empty.
    """
    run = Path(run)
    if not is_complete(run):
        raise DataError(f"{run}: no complete run (run.json is missing); train it first")
    store = store or Store(read_json(run / "run.json")["store"])
    trained = load_weights(run / "weights.safetensors")
    clips = evaluation_clips(store, trained, split)
    probabilities = predict_probabilities(
        trained, store, clips, device=device, batch_size=batch_size
    )
    origin = {"name": trained.network_id, "split": split, "store_checksum": store.checksum()}
    return save_scores(run / split, clips, probabilities, origin)


def evaluation_clips(store: Store, trained: TrainedNetwork, split: str) -> pd.DataFrame:
    """Every usable clip of the split, also those without a face (assumption 11).

    Raises
    ------
    DataError
        If there is none, or the store's clips have another format than the network's.
    """
    if store.clip_format != trained.clip_format:
        raise DataError(
            f"{store.root}: clips prepared as {store.clip_format}, but {trained.network_id} was "
            f"trained on {trained.clip_format}; prepare a store of that format"
        )
    clips = store.clips(split)
    if clips.empty:
        raise DataError(f"{store.root}: no usable clip in split {split!r}; see its manifest.csv")
    return clips


@torch.no_grad()
def predict_probabilities(
    trained: TrainedNetwork,
    store: Store,
    clips: pd.DataFrame,
    *,
    device: str = "auto",
    batch_size: int = 8,
) -> np.ndarray:
    """Softmax probabilities, float64 (n, K), in the order of `clips` and of `EMOTIONS`."""
    fabric = open_fabric(device)
    network = fabric.to_device(channels_last_(trained.network)).eval()
    pipeline = _pipeline(trained, store, clips)
    dataset = ClipDataset(store, clips, network.streams)
    batches = balanced_batches(range(len(dataset)), batch_size)
    loader = clip_loader(dataset, fabric.device, batches)
    parts = []
    for batch in tqdm(loader, desc=trained.network_id, unit="batch", leave=False, disable=None):
        logits = network(pipeline(fabric.to_device(batch)))
        parts.append(logits.double().softmax(1).cpu().numpy())
    return np.concatenate(parts)


def score(probabilities: np.ndarray, targets: np.ndarray) -> dict:
    """Metrics of Section 5 from probabilities (n, K) and true class indices (n,).

    Returns
    -------
    dict
        ``n``, ``accuracy``, ``f1_macro`` (of the most probable class), ``f1_rounded`` (the
        authors': rounded probabilities as a multi-label indicator, discrepancy D5), ``auc`` (macro
        one-vs-rest), ``confusion`` (rows true, columns predicted) and ``support``. A metric that
        needs a class the split lacks is None, with the reason in ``not_available``.

    Raises
    ------
    DataError
        If a probability is not finite.
    """
    if not np.isfinite(probabilities).all():
        raise DataError("probabilities are not finite; train again with a lower learning rate")
    predicted, labels = probabilities.argmax(1), range(len(EMOTIONS))
    indicator = np.eye(len(EMOTIONS), dtype=int)[targets]
    return {
        "n": len(targets),
        "accuracy": float((predicted == targets).mean()),
        **_macro_scores(probabilities, indicator),
        "confusion": confusion_matrix(targets, predicted, labels=labels).tolist(),
        "support": dict(zip(EMOTIONS, indicator.sum(0).tolist(), strict=True)),
    }


def save_scores(folder: Path, clips: pd.DataFrame, probabilities: np.ndarray, origin: dict) -> dict:
    """Write ``metrics.json`` and ``predictions.csv`` of a classifier on some clips.

    Parameters
    ----------
    folder : Path
        Where to.
    clips : pd.DataFrame
        Rows of the manifest.
    probabilities : np.ndarray
        (n, K), in the order of `clips`.
    origin : dict
        What tells these scores from others: name, split and the store's checksum.

    Returns
    -------
    dict
        `origin` and the metrics of `score`.

    Raises
    ------
    DataError
        If a probability is not finite.
    """
    predictions = clips[["id", "emotion", "face_frames"]].copy()
    predictions["predicted"] = [EMOTIONS[index] for index in probabilities.argmax(1)]
    predictions[PROBABILITIES] = probabilities
    write_atomically(folder / "predictions.csv", lambda part: predictions.to_csv(part, index=False))
    targets = clips["emotion"].map(EMOTIONS.index).to_numpy()
    metrics = origin | score(probabilities, targets)
    metrics["without_face"] = int((clips["face_frames"] == 0).sum())
    write_json(folder / "metrics.json", metrics | {"provenance": provenance()})
    return metrics


def _macro_scores(probabilities: np.ndarray, indicator: np.ndarray) -> dict:
    """Averages over the classes, or None and why: a class without clips has no F1 and no AUC."""
    names = ("f1_macro", "f1_rounded", "auc")
    missing = [e for e, count in zip(EMOTIONS, indicator.sum(0), strict=True) if count == 0]
    if missing:
        reason = f"no clip of class {', '.join(missing)} in the split"
        return dict.fromkeys(names) | {"not_available": dict.fromkeys(names, reason)}
    one_hot = np.eye(len(EMOTIONS), dtype=int)[probabilities.argmax(1)]
    values = (
        f1_score(indicator, one_hot, average="macro", zero_division=0),
        f1_score(indicator, probabilities.round(), average="macro", zero_division=0),
        roc_auc_score(indicator, probabilities, average="macro"),
    )
    return dict(zip(names, map(float, values), strict=True)) | {"not_available": {}}


def _pipeline(trained: TrainedNetwork, store: Store, clips: pd.DataFrame) -> InputPipeline:
    streams = trained.network.streams
    if trained.standardize == "split":
        return input_pipeline(store, streams, clips["split"].iloc[0])
    return InputPipeline(streams, trained.clip_format, trained.statistics)
