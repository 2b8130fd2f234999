"""Intervals of scores that are means over several runs of one network."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mvemotion.evaluation import source_videos
from mvemotion.reporting.tables import targets_and_probabilities
from mvemotion.statistics import BOOTSTRAPPED, bootstrap_mean_intervals

OTHER_CLIPS = "the runs were scored on different clips: no interval of their mean"


def intervals_over_runs(folders: Iterable[Path]) -> dict:
    """95 % bootstrap intervals of the mean scores of several runs.

    Parameters
    ----------
    folders : iterable of Path
        Of each run, where its ``predictions.csv`` of the same split is.

    Returns
    -------
    dict
        As `mvemotion.statistics.bootstrap_mean_intervals`. Where the runs were not scored on the
        same clips, each interval is None and ``note`` says so.
    """
    paths = (Path(folder) / "predictions.csv" for folder in folders)
    runs = [pd.read_csv(path).sort_values("id", ignore_index=True) for path in paths]
    clips = runs[0][["id", "emotion"]]
    if not all(clips.equals(run[["id", "emotion"]]) for run in runs):
        return dict.fromkeys(BOOTSTRAPPED) | {"note": OTHER_CLIPS}
    targets, probabilities = zip(*map(targets_and_probabilities, runs), strict=True)
    return bootstrap_mean_intervals(targets[0], probabilities, sources=source_videos(clips))
