"""Table 7 as data: a clip of each emotion and its six sigmoid outputs, printed and ours."""

import numpy as np
import pandas as pd

from mvemotion.published import published_table

NO_VERDICT = "untested: the paper does not say which clips these are"


def compare_outputs(examples: pd.DataFrame) -> pd.DataFrame:
    """Table 7 beside our own clips.

    Parameters
    ----------
    examples : DataFrame
        What `mvemotion.correlation.example_clips` returns.

    Returns
    -------
    DataFrame
        The paper's rows, in its order: ``Ground truth`` and an output of each emotion; then, in
        small letters, ours: ``id``, ``predicted``, ``s_<emotion>``, ``score_verdict`` and
        ``note``. Emotions without a clip of ours have missing values.
    """
    printed = published_table(7).drop(columns="row")
    ours = examples.rename(columns={"emotion": "Ground truth"})
    frame = printed.merge(ours, on="Ground truth", how="left")
    cases = [frame["id"].isna(), frame["predicted"] != frame["Ground truth"]]
    notes = ["no clip of this emotion", "no clip of this emotion was recognised; the nearest"]
    return frame.assign(score_verdict=NO_VERDICT, note=np.select(cases, notes, ""))
