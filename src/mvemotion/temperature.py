"""A trained network's temperature: fitted on Validation, kept beside its weights, applied later."""

import hashlib
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from scipy.special import softmax

from mvemotion.calibration import (
    calibration_scores,
    doubts,
    fit_temperature,
    is_at_bound,
    reliability,
)
from mvemotion.data.store import Store
from mvemotion.errors import DataError
from mvemotion.evaluation import LOGITS, evaluate
from mvemotion.figures import house_style, plot_reliability, save_figure
from mvemotion.files import read_json, write_json
from mvemotion.provenance import provenance
from mvemotion.specs import EMOTIONS

FITTED_ON = "Validation"  # never on the clips that are scored
SUFFIX = ".calibration.json"


def calibrate(
    run: Path, store: Store, folder: Path, *, device: str = "auto", batch_size: int = 8
) -> dict:
    """Fit the temperature of a run on Validation; say what it changes there and on test clips.

    Parameters
    ----------
    run : Path
        A complete run folder, or a weights file.
    store : Store
    folder : Path
        Where scores go, and ``reliability.png``; the temperature goes beside the weights.
    device, batch_size
        As for `evaluate`.

    Returns
    -------
    dict
        ``temperature``, whether it is ``at_bound`` of the search, ``doubts`` about it in
        sentences, ``fitted_on`` (split and ``n``) and, for each split, the scores of
        `calibration_scores` ``before`` and ``after``. It is also written beside the weights, as
        ``<weights>.calibration.json``.

    Raises
    ------
    DataError
        If the store has no Validation clip.
    """
    if store.clips(FITTED_ON).empty:
        raise DataError(
            f"{store.root}: no usable clip in split {FITTED_ON!r} to fit a temperature to; a "
            "temperature fitted to the clips that are scored would flatter"
        )
    splits = [split for split in (FITTED_ON, "test") if len(store.clips(split))]
    options = {"out": folder, "device": device, "batch_size": batch_size}
    answers = {}
    for split in splits:
        evaluate(run, store, split=split, **options)
        answers[split] = _answers(folder / split / "predictions.csv")
    temperature = fit_temperature(*answers[FITTED_ON])
    weights = weights_file(run)
    found = {
        "temperature": temperature,
        "at_bound": is_at_bound(temperature),
        "doubts": doubts(temperature, len(answers[FITTED_ON][1])),
        "fitted_on": {"split": FITTED_ON, "n": len(answers[FITTED_ON][1])},
        "store_checksum": store.checksum(),
        "weights_sha256": _sha256(weights),
        "splits": {split: _change(*answers[split], temperature) for split in splits},
    }
    write_json(weights.with_suffix(SUFFIX), found | {"provenance": provenance()})
    _draw(answers[splits[-1]], temperature, folder / "reliability.png", splits[-1])
    return found


def read_temperature(weights: Path) -> float:
    """The temperature that `calibrate` left beside these weights.

    Raises
    ------
    DataError
        If there is none, or it was fitted to other weights.
    """
    weights = weights_file(weights)
    path = weights.with_suffix(SUFFIX)
    if not path.is_file():
        raise DataError(f"{path}: not there; `mvemotion evaluate RUN --calibrate` writes it")
    found = read_json(path)
    if found["weights_sha256"] != _sha256(weights):
        raise DataError(
            f"{path}: fitted to other weights than {weights.name} as it is now; calibrate again"
        )
    return float(found["temperature"])


def weights_file(run: Path) -> Path:
    """The weights in a run's folder, or the file itself."""
    return Path(run) / "weights.safetensors" if Path(run).is_dir() else Path(run)


def _answers(path: Path) -> tuple:
    """Logits (n, K) and true class indices (n,) of a ``predictions.csv``."""
    predictions = pd.read_csv(path)
    return predictions[LOGITS].to_numpy(), predictions["emotion"].map(EMOTIONS.index).to_numpy()


def _change(logits, targets, temperature: float) -> dict:
    return {
        "n": len(targets),
        "before": calibration_scores(logits, targets),
        "after": calibration_scores(logits / temperature, targets),
    }


def _draw(answers: tuple, temperature: float, path: Path, split: str) -> None:
    logits, targets = answers
    titles = (f"{split}, as trained", f"{split}, at temperature {temperature:.2f}")
    with house_style():
        figure = Figure(figsize=(9, 4), layout="constrained")
        for ax, title, scale in zip(figure.subplots(1, 2), titles, (1.0, temperature), strict=True):
            table = reliability(softmax(logits / scale, axis=1), targets)
            plot_reliability(table, ax=ax, title=title)
    save_figure(figure, path, title="Reliability before and after temperature scaling")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
