"""Table 8 as data: results of earlier studies, the paper's own, and ours."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mvemotion.comparisons import PAPER_SUPPORT, score_verdict
from mvemotion.errors import InputError
from mvemotion.profiles import DATASETS
from mvemotion.published import published_table
from mvemotion.specs import EMOTIONS, find_network
from mvemotion.statistics import accuracy_interval

PRINTED_ROWS = {  # the networks behind the paper's own two rows: the first of Tables 5 and 6
    "video_a3_mmtm+music_a0": 7,
    "video_a3_mmtm+music_a0+face_a2_se": 8,
}
NUMBERS = (
    "score",
    "low",
    "high",
    "chance",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "f1_macro",
)
MANY_TAGS = ("CAL500", "CAL500exp")  # 18 tags, several to a clip: guessing one of 18 is no measure


def compare_earlier(ours: Mapping[str, dict | None], *, dataset: str) -> pd.DataFrame:
    """Table 8 as printed and as Section 5.4 means it, and our own rows below.

    Parameters
    ----------
    ours : mapping of str to dict or None
        Test metrics of our networks by id; None of those that were not run.
    dataset : str
        ``"synthetic"``, ``"sample"`` or ``"paper"``.

    Returns
    -------
    DataFrame
        The paper's columns (capitals), with ``reference_in_text``, ``score`` and ``measure``
        (``accuracy`` or ``F1``) read from them, ``clips``, ``low`` and ``high`` (95 %: Wilson's of
        an accuracy on a known number of clips; of our F1, which is the authors', the bootstrapped
        one), ``chance`` (one of K, where a clip has one of K labels), ``is_ours``, ``id``,
        ``accuracy``, ``accuracy_low``, ``accuracy_high``, ``f1_macro``, ``score_verdict``.

    Raises
    ------
    InputError
        If there is no such dataset.
    """
    if dataset not in DATASETS:
        raise InputError(f"dataset {dataset!r}: choose from {', '.join(DATASETS)}")
    printed = pd.DataFrame(map(_printed_row, published_table(8).to_dict("records")))
    rows = [_our_row(name, metrics, dataset) for name, metrics in ours.items()]
    frame = pd.concat([printed, pd.DataFrame(rows, columns=printed.columns)], ignore_index=True)
    return frame.astype({"clips": "Int64"} | dict.fromkeys(NUMBERS, "float64"))


def earlier_for_reading(frame: pd.DataFrame) -> pd.DataFrame:
    """The table of `compare_earlier` as text; a missing score is *not run*, or *n/a*.

    The latter is that of a split in which an emotion has no clip. Printed rows, which stand beside
    nothing of ours, have a dash for a verdict.
    """
    missing = np.where(frame["clips"].isna(), "not run", "n/a")
    score = frame["score"].map("{:.3f}".format).where(frame["score"].notna(), missing)
    bounds = frame["low"].map("{:.3f}–".format) + frame["high"].map("{:.3f}".format)
    return pd.DataFrame(
        {
            "Method": frame["Method"],
            "in the text": frame["reference_in_text"].fillna(""),
            "Dataset": frame["Dataset"],
            "Input": frame["Data Type"],
            "Classes": frame["Emotion Class"],
            "Measure": frame["measure"],
            "Score": score,
            "95 %": bounds.where(frame["low"].notna(), ""),
            "Clips": frame["clips"].astype(object).fillna(""),
            "Guess": frame["chance"].map("{:.3f}".format).where(frame["chance"].notna(), ""),
            "Verdict": frame["score_verdict"].str.split(":").str[0].where(frame["is_ours"], "–"),
        }
    )


def _printed_row(row: dict) -> dict:
    score, measure = row["Score"].split(" ", maxsplit=1)
    value, clips = float(score), row["clips_in_text"]
    is_counted = "Accuracy" in measure and not pd.isna(clips)
    low, high = accuracy_interval(round(value * clips), int(clips)) if is_counted else (None, None)
    has_one_label = row["Dataset"] not in MANY_TAGS
    return {
        **{name: row[name] for name in ("Method", "Dataset", "Data Type", "Emotion Class")},
        "Score": row["Score"],
        "reference_in_text": _reference(row["reference_in_text"]),
        "score": value,
        "measure": "accuracy" if "Accuracy" in measure else "F1",
        "clips": clips,
        "low": low,
        "high": high,
        "chance": 1 / row["Emotion Class"] if has_one_label else None,
        "is_ours": False,
        **dict.fromkeys(("id", "accuracy", "accuracy_low", "accuracy_high", "f1_macro")),
        "score_verdict": "",
    }


def _reference(number: float) -> str:
    return "" if pd.isna(number) else f"[{number:.0f}]"


def _our_row(network_id: str, metrics: dict | None, dataset: str) -> dict:
    network = find_network(network_id)
    row = {
        "Method": f"Ours: {network.label}",
        "Dataset": dataset,
        "Data Type": ", ".join(network.modalities).capitalize(),
        "Emotion Class": len(EMOTIONS),
        "measure": "F1",
        "chance": 1 / len(EMOTIONS),
        "is_ours": True,
        "id": network_id,
    }
    if metrics is None:
        return row | {"score_verdict": "untested: not run"}
    n, accuracy = metrics["n"], metrics["accuracy"]
    low, high = metrics.get("intervals", {}).get("f1_rounded") or (None, None)
    bounds = accuracy_interval(round(accuracy * n), n)
    return row | {
        "score": metrics["f1_rounded"],
        "clips": n,
        "low": low,
        "high": high,
        "accuracy": accuracy,
        "accuracy_low": bounds[0],
        "accuracy_high": bounds[1],
        "f1_macro": metrics["f1_macro"],
        "score_verdict": _verdict(network_id, metrics, dataset),
    }


def _verdict(network_id: str, metrics: dict, dataset: str) -> str:
    interval = metrics.get("intervals", {}).get("f1_rounded")
    if network_id not in PRINTED_ROWS:
        return "not printed"
    if dataset != "paper":
        return f"untested: the profile's dataset is {dataset}"
    if metrics["support"] != PAPER_SUPPORT:
        return "untested: not the paper's 300 test clips"
    if interval is None:
        return "untested: no interval of the F1"
    table = published_table(8).set_index("row")
    printed = float(table.loc[PRINTED_ROWS[network_id], "Score"].split(" ")[0])
    return score_verdict(printed, metrics["f1_rounded"], interval)
