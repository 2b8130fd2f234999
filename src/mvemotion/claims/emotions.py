"""Claims about single emotions and pairs of them (Section 5.3), on the best network.

``confused A and B``   among the five most confused of the 15 pairs
``hardest A``          a lower recall than all others
``alike A and B``      their clips get more probability of one another than chance gives them
``unlike A and B``     less than chance gives them
``shared A``           the other emotions' clips get more probability of it than chance gives them

The last three are the questions of `mvemotion.correlation.chance`.
"""

from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from mvemotion.claims.claim import Claim
from mvemotion.claims.evidence import Results, Run, Tier0, comparable
from mvemotion.claims.finding import DIFFERS, MATCHES, UNTESTED, Finding, untested
from mvemotion.correlation.chance import examine_claims
from mvemotion.correlation.outputs import Outputs
from mvemotion.evaluation import PROBABILITIES, source_videos
from mvemotion.recomputation import BEST
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import confused_pairs

ABOUT_EMOTIONS = ("confused", "hardest", "alike", "unlike", "shared")
CHECKPOINT = "music_video_face_mm_best2"  # of Table 6 row 1
TOP = 5  # of the 15 pairs: the upper third
PAIRS = len(list(combinations(EMOTIONS, 2)))
LEAST = 1e-9  # of a probability, for its logarithm


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
    found, ours = _measure(rule, what, runs)
    reason = comparable(results, runs)
    verdict = UNTESTED if reason else found
    name = "metrics.json" if rule in ("confused", "hardest") else "predictions.csv"
    return Finding(ours, verdict, reason, results.relative(runs[0].folder / name))


def _measure(rule: str, what: str, runs: tuple[Run, ...]) -> tuple[str, str]:
    if rule not in ("confused", "hardest"):
        return _beside_chance(what, runs)
    matrix = np.sum([run.metrics["confusion"] for run in runs], axis=0)
    is_pair = rule == "confused"
    holds, ours = _confused(matrix, what) if is_pair else _hardest(_recalls(matrix), what)
    return MATCHES if holds else DIFFERS, ours


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


def _beside_chance(what: str, runs: tuple[Run, ...]) -> tuple[str, str]:
    """By a test: matches if it is significant as said, close if it only has the sign."""
    rows = _examined(tuple(run.folder for run in runs)).set_index("claim")
    row = rows.loc[what]
    text = f"mean probability {row['value']:.2f}, by chance {row['chance']:.2f}"
    return row["verdict"], f"{text}, p = {row['p_holm']:.2g}"


@lru_cache(maxsize=4)
def _examined(folders: tuple[Path, ...]) -> pd.DataFrame:
    """The questions of Section 5.3 on all runs together; a clip of several runs counts once."""
    clips = pd.concat([pd.read_csv(folder / "predictions.csv") for folder in folders])
    shares = clips[PROBABILITIES].to_numpy().clip(LEAST, None)
    outputs = Outputs(
        values=np.log(shares),  # of which softmax makes the shares again
        targets=clips["emotion"].map(EMOTIONS.index).to_numpy(),
        ids=tuple(clips["id"]),
        sources=tuple(source_videos(clips)),
    )
    return examine_claims(outputs, "softmax", statistics=("mean output",))


def _of_pairs(rank: int) -> str:
    return f"number {rank} of {PAIRS} pairs"
