"""Claims about single emotions and pairs of them (Section 5.3), on the best network.

``confused A and B``   among the five most confused of the 15 pairs
``hardest A``          a lower recall than all others
``alike A and B``      among the five pairs whose clips get most probability of one another
``unlike A and B``     among the five that get least
``shared A``           the emotion that the other emotions' clips get most probability of
"""

from itertools import combinations

import numpy as np
import pandas as pd

from mvemotion.claims.claim import Claim
from mvemotion.claims.evidence import Results, Run, Tier0, comparable
from mvemotion.claims.finding import DIFFERS, MATCHES, UNTESTED, Finding, untested
from mvemotion.recomputation import BEST
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import confused_pairs

ABOUT_EMOTIONS = ("confused", "hardest", "alike", "unlike", "shared")
CHECKPOINT = "music_video_face_mm_best2"  # of Table 6 row 1
TOP = 5  # of the 15 pairs: the upper third
PAIRS = len(list(combinations(EMOTIONS, 2)))
PROBABILITIES = [f"p_{emotion}" for emotion in EMOTIONS]


def own_emotions(claim: Claim, tier0: Tier0) -> tuple[str, str]:
    """What the published confusion matrix of the best network says."""
    rule, _, what = claim.rule.partition(" ")
    found = tier0.confusion_rank(CHECKPOINT, what)
    if rule == "confused" and found:
        holds, detail = found["rank"] <= TOP, f"{found['clips']} clips, {_of_pairs(found['rank'])}"
    elif rule == "hardest" and (recalls := tier0.recalls(CHECKPOINT)):
        holds, detail = _hardest(pd.Series(recalls), what)
    else:
        return "", ""
    return "yes" if holds else "no", detail


def decide_emotions(claim: Claim, results: Results) -> Finding:
    """The same of our best network, all its runs together."""
    runs = results.runs.get(BEST, ())
    if not runs:
        return untested(f"not run: {BEST}")
    rule, _, what = claim.rule.partition(" ")
    holds, ours = _measure(rule, what, runs)
    reason = comparable(results, runs)
    verdict = UNTESTED if reason else MATCHES if holds else DIFFERS
    name = "metrics.json" if rule in ("confused", "hardest") else "predictions.csv"
    return Finding(ours, verdict, reason, results.relative(runs[0].folder / name))


def _measure(rule: str, what: str, runs: tuple[Run, ...]) -> tuple[bool, str]:
    if rule in ("confused", "hardest"):
        matrix = np.sum([run.metrics["confusion"] for run in runs], axis=0)
        return _confused(matrix, what) if rule == "confused" else _hardest(_recalls(matrix), what)
    given = _given(runs)
    return _shared(given, what) if rule == "shared" else _alike(given, what, rule == "alike")


def _confused(matrix: np.ndarray, pair: str) -> tuple[bool, str]:
    pairs = confused_pairs(matrix)
    clips = int(pairs.set_index("pair").loc[pair, "clips"])
    rank = 1 + int((pairs["clips"] > clips).sum())
    return clips > 0 and rank <= TOP, f"{clips} clips, {_of_pairs(rank)}"


def _hardest(recalls: pd.Series, emotion: str) -> tuple[bool, str]:
    others = recalls.drop(emotion)
    text = f"recall {recalls[emotion]:.2f}, of the others {others.idxmin()} {others.min():.2f}"
    return recalls[emotion] < others.min(), text


def _recalls(matrix: np.ndarray) -> pd.Series:
    return pd.Series(matrix.diagonal() / matrix.sum(1).clip(1), index=list(EMOTIONS))


def _given(runs: tuple[Run, ...]) -> pd.DataFrame:
    """Mean probability of each emotion (columns) on the clips of each (rows)."""
    clips = pd.concat([run.predictions for run in runs])
    means = clips.groupby("emotion")[PROBABILITIES].mean().reindex(list(EMOTIONS))
    return means.set_axis(list(EMOTIONS), axis=1)


def _alike(given: pd.DataFrame, pair: str, should_be: bool) -> tuple[bool, str]:
    both = pd.Series(
        {f"{a} and {b}": given.loc[a, b] + given.loc[b, a] for a, b in combinations(EMOTIONS, 2)}
    ).round(9)
    rank, below = 1 + int((both > both[pair]).sum()), int((both < both[pair]).sum())
    holds = rank <= TOP if should_be else below < TOP
    return holds, f"mean probability of one another {both[pair] / 2:.2f}, {_of_pairs(rank)}"


def _shared(given: pd.DataFrame, emotion: str) -> tuple[bool, str]:
    others = pd.Series({e: given[e].drop(e).mean() for e in EMOTIONS})
    rank = 1 + int((others > others[emotion]).sum())
    return rank == 1, f"mean probability on other clips {others[emotion]:.2f}, number {rank} of 6"


def _of_pairs(rank: int) -> str:
    return f"number {rank} of {PAIRS} pairs"
