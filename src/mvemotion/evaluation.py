"""Scores of a trained network on a split, with the probabilities of every clip."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score
from tqdm import tqdm

from mvemotion.calibration import calibration_scores
from mvemotion.data.batches import (
    ClipDataset,
    InputPipeline,
    balanced_batches,
    check_inputs,
    clip_loader,
    input_pipeline,
)
from mvemotion.data.splits import group_by_name
from mvemotion.data.store import Store
from mvemotion.devices import open_fabric
from mvemotion.errors import DataError, InputError
from mvemotion.files import read_json, write_json, write_table
from mvemotion.layers import channels_last_
from mvemotion.provenance import cost, provenance
from mvemotion.runs import TrainedNetwork, is_complete, load_weights
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import bootstrap_intervals

PROBABILITIES = [f"p_{emotion}" for emotion in EMOTIONS]
LOGITS = [f"logit_{emotion}" for emotion in EMOTIONS]


def evaluate(
    run: Path,
    store: Store | None = None,
    *,
    out: Path | None = None,
    split: str = "test",
    device: str = "auto",
    batch_size: int = 8,
) -> dict:
    """Score a run on a split; writes ``<run>/<split>/metrics.json`` and ``predictions.csv``.

    Parameters
    ----------
    run : Path
        A complete run folder of `train`, or a weights file alone.
    store : Store, optional
        The clips; those of `open_run_store` if not given.
    out : Path, optional
        Where to make the split's folder; see `scores_folder`.
    split : str
        ``"test"``, ``"Validation"`` or ``"Train"``.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``; always in 32 bits, on a GPU without TF32.
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
    InputError
        If weights come without a store.
    """
    run, folder = Path(run), scores_folder(run, split, out)
    options = {"split": split, "device": device, "batch_size": batch_size}
    if not run.is_file() and not is_complete(run):
        raise DataError(f"{run}: no complete run (run.json is missing); train it first")
    weights = run if run.is_file() else run / "weights.safetensors"
    return evaluate_weights(weights, store or open_run_store(run), folder, **options)


def open_run_store(run: Path, root: Path | None = None, splits: str | Path | None = None) -> Store:
    """The clips of a run, split as in its training, unless another store or split is named.

    On another split, a network would be scored on clips that it has learned from.

    Raises
    ------
    InputError
        If it is weights without the record of a run beside them, and no store is named.
    """
    path = Path(run).with_name("run.json") if Path(run).is_file() else Path(run) / "run.json"
    record = read_json(path) if path.exists() else {}
    root = root or record.get("store")
    if root is None:
        raise InputError(f"{run}: weights alone do not say which clips; pass --store STORE")
    return Store(root, splits or record.get("splits"))


def scores_folder(run: Path, split: str, out: Path | None = None) -> Path:
    """Where `evaluate` writes: the split's folder in `out`, in the run, or beside a weights file.

    Examples
    --------
    >>> scores_folder(Path("runs/music_a2"), "test").as_posix()
    'runs/music_a2/test'
    """
    run = Path(run)
    return Path(out or (run.with_suffix("") if run.is_file() else run)) / split


def evaluate_weights(
    weights: Path,
    store: Store,
    folder: Path,
    *,
    split: str = "test",
    device: str = "auto",
    batch_size: int = 8,
) -> dict:
    """Score a weights file on a split; writes ``metrics.json`` and ``predictions.csv`` in `folder`.

    Parameters, errors and the returned metrics are those of `evaluate`.
    """
    trained = load_weights(weights)
    clips = evaluation_clips(store, trained, split)
    logits = predict_logits(trained, store, clips, device=device, batch_size=batch_size)
    origin = {
        "name": trained.network_id,
        "split": split,
        "store_checksum": store.checksum(),
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "device": open_fabric(device).device.type,
        "training": trained.training,
    }
    return save_scores(folder, clips, softmax(logits, axis=1), origin, logits=logits)


def evaluation_clips(store: Store, trained: TrainedNetwork, split: str) -> pd.DataFrame:
    """Every usable clip of the split, also those without a face (assumption 11).

    Raises
    ------
    DataError
        If there is none, the store's clips have another format than the network's, or they lack
        an array that it reads.
    """
    check_inputs(store, trained.network_id)
    if store.clip_format != trained.clip_format:
        there, learned = asdict(store.clip_format), asdict(trained.clip_format)
        differing = [f"{n} {there[n]} (not {learned[n]})" for n in there if there[n] != learned[n]]
        raise DataError(
            f"{store.root}: clips prepared with {', '.join(differing)}, not as those that "
            f"{trained.network_id} was trained on; prepare a store of that format"
        )
    clips = store.clips(split)
    if clips.empty:
        raise DataError(f"{store.root}: no usable clip in split {split!r}; see its manifest.csv")
    return clips


def predict_probabilities(
    trained: TrainedNetwork,
    store: Store,
    clips: pd.DataFrame,
    *,
    device: str = "auto",
    batch_size: int = 8,
) -> np.ndarray:
    """Softmax probabilities, float64 (n, K), in the order of `clips` and of `EMOTIONS`."""
    logits = predict_logits(trained, store, clips, device=device, batch_size=batch_size)
    return softmax(logits, axis=1)


@torch.no_grad()
def predict_logits(
    trained: TrainedNetwork,
    store: Store,
    clips: pd.DataFrame,
    *,
    device: str = "auto",
    batch_size: int = 8,
) -> np.ndarray:
    """What a network gives before any softmax, float64 (n, K), as `predict_probabilities`."""
    fabric = open_fabric(device)
    network = fabric.to_device(channels_last_(trained.network)).eval()
    pipeline = _pipeline(trained, store, clips)
    dataset = ClipDataset(store, clips, network.streams)
    batches = balanced_batches(range(len(dataset)), batch_size)
    loader = clip_loader(dataset, fabric.device, batches)
    parts = []
    for batch in tqdm(loader, desc=trained.network_id, unit="batch", leave=False, disable=None):
        parts.append(network(pipeline(fabric.to_device(batch))).double().cpu().numpy())
    return np.concatenate(parts)


def score(
    probabilities: np.ndarray, targets: np.ndarray, *, sources: Sequence[str] | None = None
) -> dict:
    """Metrics of Section 5 from probabilities (n, K) and true class indices (n,).

    Parameters
    ----------
    probabilities : np.ndarray
        (n, K).
    targets : np.ndarray
        (n,), indices of `EMOTIONS`.
    sources : sequence of str, optional
        The video of each clip, for the intervals; see `mvemotion.statistics.bootstrap_intervals`.

    Returns
    -------
    dict
        ``n``, ``accuracy``, ``f1_macro`` (of the most probable class), ``f1_rounded`` (the
        authors': rounded probabilities as a multi-label indicator, discrepancy D5), ``auc`` (macro
        one-vs-rest), ``confusion`` (rows true, columns predicted) and ``support``. A metric that
        needs a class the split lacks is None, with the reason in ``not_available``. ``intervals``
        has the bootstrapped 95 % interval of each.

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
        "intervals": bootstrap_intervals(targets, probabilities, sources=sources),
    }


def save_scores(
    folder: Path,
    clips: pd.DataFrame,
    probabilities: np.ndarray,
    origin: dict,
    *,
    logits: np.ndarray | None = None,
) -> dict:
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
    logits : np.ndarray, optional
        (n, K), what the probabilities are the softmax of, where there is such a thing: softmax
        forgets what the six have in common, and Section 5.3 reads them through a sigmoid.

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
    if logits is not None:
        predictions[LOGITS] = logits
    write_table(folder / "predictions.csv", predictions)
    targets = clips["emotion"].map(EMOTIONS.index).to_numpy()
    metrics = origin | score(probabilities, targets, sources=source_videos(clips))
    if logits is not None:
        metrics["calibration"] = calibration_scores(logits, targets)
    metrics["without_face"] = int((clips["face_frames"] == 0).sum())
    write_json(folder / "metrics.json", metrics | {"provenance": provenance() | cost()})
    return metrics


def source_videos(clips: pd.DataFrame) -> list[str]:
    """The video of each clip, as far as names tell; the same name in two classes is two.

    Parameters
    ----------
    clips : pd.DataFrame
        Columns ``id`` and ``emotion``: rows of the manifest, or of ``predictions.csv``.
    """
    groups = group_by_name(clips["id"], clips["emotion"])
    return [f"{e}/{group}" for e, group in zip(clips["emotion"], groups, strict=True)]


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
