"""Claims about single emotions and pairs of them (Section 5.3), on the best network.

``confused A and B``   among the five most confused of the 15 pairs, also in 95 % of resamples
``hardest A``          a lower recall than all others, also in 95 % of resamples
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
from mvemotion.claims.finding import CLOSE, DIFFERS, MATCHES, UNTESTED, Finding, untested
from mvemotion.correlation.chance import examine_claims
from mvemotion.correlation.outputs import Outputs
from mvemotion.evaluation import PROBABILITIES, source_videos
from mvemotion.recomputation import BEST
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import confused_pairs, resample

ABOUT_EMOTIONS = ("confused", "hardest", "alike", "unlike", "shared")
CHECKPOINT = "music_video_face_mm_best2"  # of Table 6 row 1
TOP = 5  # of the 15 pairs: the upper third
PAIRS = len(list(combinations(EMOTIONS, 2)))
AGREED = 0.95  # of resamples of the clips, for a match
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
    draws, note = _resampled(runs)
    if note:  # too few clips to resample
        return CLOSE if holds else DIFFERS, f"{ours}; {note}"
    share = float(np.mean(_pair_is_confused(draws, what) if is_pair else _is_hardest(draws, what)))
    verdict = DIFFERS if not holds else MATCHES if share >= AGREED else CLOSE
    return verdict, f"{ours}; the claim holds in {share:.0%} of resamples"


def _resampled(runs: tuple[Run, ...]) -> tuple[np.ndarray, str]:
    """Confusion matrices (RESAMPLES, K, K) of resampled clips, each with its mean over the runs.

    With a note where there are too few clips for that.
    """
    answers = pd.concat([run.predictions.set_index("id") for run in runs])
    said = pd.get_dummies(answers["predicted"], dtype=float).reindex(columns=EMOTIONS, fill_value=0)
    said = said.groupby(level="id").mean()
    clips = answers["emotion"].groupby(level="id").first().reset_index()
    targets = clips["emotion"].map(EMOTIONS.index).to_numpy()
    weights, facts = resample(targets, source_videos(clips))
    shares = said.to_numpy()
    rows = [weights[:, targets == k] @ shares[targets == k] for k in range(len(EMOTIONS))]
    return np.stack(rows, axis=1), facts.get("note", "")


def _pair_is_confused(matrices: np.ndarray, pair: str) -> np.ndarray:
    """Whether a pair is among the `TOP` most confused in each of (R, K, K)."""
    first, second = np.triu_indices(len(EMOTIONS), 1)
    clips = matrices[:, first, second] + matrices[:, second, first]
    names = [f"{EMOTIONS[a]} and {EMOTIONS[b]}" for a, b in zip(first, second, strict=True)]
    own = clips[:, names.index(pair), None]
    return (own[:, 0] > 0) & ((clips > own).sum(1) < TOP)


def _is_hardest(matrices: np.ndarray, emotion: str) -> np.ndarray:
    """Whether an emotion has the lowest recall in each of (R, K, K)."""
    recalls = matrices.diagonal(axis1=1, axis2=2) / matrices.sum(2).clip(1)
    own = EMOTIONS.index(emotion)
    return recalls[:, own] < np.delete(recalls, own, axis=1).min(1)


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
