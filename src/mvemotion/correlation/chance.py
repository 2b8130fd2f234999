"""The three claims of Section 5.3 on kin emotions, held against what chance makes of outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mvemotion.comparisons import ALPHA, holm
from mvemotion.correlation.outputs import Outputs
from mvemotion.errors import InputError
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import resample

EXCHANGEABLE = -1 / (len(EMOTIONS) - 1)  # correlation of six shares of one that differ in nothing
PERMUTATIONS = 1999
STATISTICS = ("Pearson's r", "Spearman's rho", "mean output")
OTHERS = np.array([[k for k in range(len(EMOTIONS)) if k != own] for own in range(len(EMOTIONS))])


def correlate(values: np.ndarray, method: str = "pearson") -> np.ndarray:
    """Correlation of every two outputs over clips, float64 (K, K).

    Parameters
    ----------
    values : array of float, (n, K)
    method : str
        ``"pearson"``, or ``"spearman"``: of ranks.

    Returns
    -------
    array
        NaN where an output never changes.

    Raises
    ------
    InputError
        If there is no such method.
    """
    if method not in ("pearson", "spearman"):
        raise InputError(f"method {method!r}: choose pearson or spearman")
    ranked = rankdata(values, axis=0) if method == "spearman" else values
    centred = ranked - ranked.mean(axis=0)
    spread = np.linalg.norm(centred, axis=0)
    scale = np.outer(spread, spread)
    is_moving = scale > 1e-12 * max(scale.max(), 1)
    return np.divide(centred.T @ centred, scale, out=np.full(scale.shape, np.nan), where=is_moving)


def mean_outputs(outputs: Outputs) -> np.ndarray:
    """Mean of each output (columns) on the clips of each emotion (rows), float64 (K, K).

    Table 7 over all clips instead of six. Rows of emotions without clips are NaN.
    """
    is_class = np.eye(len(EMOTIONS))[outputs.targets]
    clips = is_class.sum(axis=0)[:, None]
    sums = is_class.T @ outputs.values
    return np.divide(sums, clips, out=np.full(sums.shape, np.nan), where=clips > 0)


# --- The three claims -----------------------------------------------------------------------------
@dataclass(frozen=True)
class _Question:
    claim: str
    says: str
    statistic: str
    measure: Callable[[Outputs], float]
    sign: int = 1  # of the difference from chance that the claim predicts
    keeps_columns: bool = True  # chance, too, gives each emotion as often as the network does


def _pair_questions(first: str, second: str, says: str, sign: int) -> list[_Question]:
    pair = [EMOTIONS.index(first), EMOTIONS.index(second)]
    measures = (
        lambda outputs: correlate(outputs.values[:, pair])[0, 1],
        lambda outputs: correlate(outputs.values[:, pair], "spearman")[0, 1],
        lambda outputs: mean_outputs(outputs)[pair, pair[::-1]].mean(),
    )
    claim = f"{first} and {second}"
    named = zip(STATISTICS, measures, strict=True)
    return [_Question(claim, says, name, measure, sign) for name, measure in named]


def _sharing_question(emotion: str, says: str) -> _Question:
    """Of its mean output alone: no share of one can be correlated with all the others."""
    index = EMOTIONS.index(emotion)

    def elsewhere(outputs: Outputs) -> float:
        return mean_outputs(outputs)[OTHERS[index], index].mean()

    return _Question(emotion, says, STATISTICS[-1], elsewhere, keeps_columns=False)


QUESTIONS = (
    *_pair_questions("Fear", "Tension", "correlated", 1),
    *_pair_questions("Excited", "Sad", "not correlated", -1),
    _sharing_question("Neutral", "features of the others"),
)


def examine_claims(
    outputs: Outputs,
    reading: str = "sigmoid",
    *,
    statistics: Sequence[str] = STATISTICS,
    dataset: str = "paper",
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> pd.DataFrame:
    """What Section 5.3 says of three emotions and pairs of them, held against chance.

    Chance is a network of equal quality that puts no two emotions together: on each clip, the
    logits of the five emotions that it is *not* are shuffled among them, in the same way on all
    clips of one source video, before they are read. What a clip's logits have in common stays, and
    so does the logit of its own emotion; with them whatever shares of one, common parts and one
    right answer a clip do to correlations. In questions about pairs, each emotion moreover keeps
    its mean logit on other emotions' clips (residuals are shuffled, after Freedman and Lane 1983),
    so that a network that is fond of *Tension* does not seem to put it together with everything.

    Parameters
    ----------
    outputs : Outputs
        Logits, or `answers`.
    reading : str
        ``"sigmoid"``, ``"softmax"``, or ``"answer"`` for `answers`.
    statistics : sequence of str
        Of `STATISTICS`. *Mean output* is that of two emotions on the clips of one another, or of
        one on the clips of all others. It alone suits `answers`: two of them never go together on
        a clip, so that their correlation only tells how often each was given.
    dataset : str
        Only on ``"paper"`` is there a verdict on the paper.
    seed : int
        Of the permutations and the bootstrap.
    permutations : int

    Returns
    -------
    DataFrame
        A row a question: ``claim``, what the paper ``says``, ``statistic``, its ``value``, 95 %
        interval ``low`` to ``high`` (bootstrap over source videos within each emotion; missing
        with fewer than 5 videos in one), ``chance`` (the mean over permutations) and its central
        95 %, ``chance_low`` to ``chance_high``, two-sided ``p_value``, ``p_holm`` (corrected over
        the rows), and ``verdict``: *matches* if the value differs from chance at 5 % as said,
        *close* if only by its sign, else *differs*; *untested* on other clips than the paper's, or
        where a class has no clip.
    """
    asked = [question for question in QUESTIONS if question.statistic in statistics]
    read = outputs.read(reading)
    values = np.array([question.measure(read) for question in asked])
    draws = np.random.default_rng(seed)
    by_chance = _by_chance(outputs, asked, draws, reading=reading, permutations=permutations)
    chance = by_chance.mean(axis=0)
    is_as_far = np.abs(by_chance - chance) >= np.abs(values - chance) - 1e-12
    low, high = _intervals(read, asked, seed)
    names = [(question.claim, question.says, question.statistic) for question in asked]
    frame = pd.DataFrame(names, columns=["claim", "says", "statistic"])
    frame = frame.assign(value=values, low=low, high=high, chance=chance)
    frame["chance_low"], frame["chance_high"] = np.quantile(by_chance, [0.025, 0.975], axis=0)
    p_values = (1 + is_as_far.sum(axis=0)) / (1 + permutations)
    frame["p_value"] = np.where(np.isnan(values), np.nan, p_values)
    is_there = frame["p_value"].notna()
    frame.loc[is_there, "p_holm"] = holm(frame.loc[is_there, "p_value"])
    signs = np.array([question.sign for question in asked])
    return frame.assign(verdict=_verdicts(frame, signs, dataset))


def _verdicts(frame: pd.DataFrame, signs: np.ndarray, dataset: str) -> np.ndarray:
    has_sign = (frame["value"] - frame["chance"]) * signs > 0
    is_untested = frame["p_holm"].isna() | (dataset != "paper")
    cases = [is_untested, has_sign & (frame["p_holm"] < ALPHA), has_sign]
    return np.select(cases, ["untested", "matches", "close"], "differs")


def _intervals(outputs: Outputs, asked: Sequence[_Question], seed: int) -> np.ndarray:
    """95 % percentile interval of every statistic, (2, questions)."""
    weights, facts = resample(outputs.targets, outputs.sources, seed=seed)
    if facts["note"]:
        return np.full((2, len(asked)), np.nan)
    resampled = []
    for counts in weights.astype(int):
        index = np.repeat(np.arange(len(counts)), counts)
        again = replace(outputs, values=outputs.values[index], targets=outputs.targets[index])
        resampled.append([question.measure(again) for question in asked])
    return np.nanquantile(resampled, [0.025, 0.975], axis=0)


def _by_chance(
    outputs: Outputs,
    asked: Sequence[_Question],
    draws: np.random.Generator,
    *,
    reading: str,
    permutations: int,
) -> np.ndarray:
    """Every statistic after each permutation, (permutations, questions)."""
    videos = np.unique(outputs.sources, return_inverse=True)[1]
    places = np.tile(np.arange(len(EMOTIONS) - 1), (videos.max() + 1, 1))
    stays = {True: _column_effects(outputs), False: np.zeros(len(EMOTIONS))}
    kinds = {question.keeps_columns for question in asked}
    found = []
    for _ in range(permutations):
        order = draws.permuted(places, axis=1)[videos]
        shuffled = {kind: _shuffle(outputs, stays[kind], order).read(reading) for kind in kinds}
        found.append([question.measure(shuffled[question.keeps_columns]) for question in asked])
    return np.array(found)


def _shuffle(outputs: Outputs, effects: np.ndarray, order: np.ndarray) -> Outputs:
    """What is left beside `effects` (K,) of the other emotions' outputs, in each clip's order."""
    others, rest = OTHERS[outputs.targets], outputs.values - effects
    clips, values = np.arange(len(rest))[:, None], rest.copy()
    values[clips, others] = rest[clips, np.take_along_axis(others, order, axis=1)]
    return replace(outputs, values=values + effects)


def _column_effects(outputs: Outputs) -> np.ndarray:
    """How fond the network is of each emotion on clips of others, beside each clip's level, (K,).

    Least squares of value = level of the clip + effect of the emotion; the levels are eliminated.
    """
    is_other = 1 - np.eye(len(EMOTIONS))[outputs.targets]
    others = len(EMOTIONS) - 1
    level = (is_other * outputs.values).sum(axis=1, keepdims=True) / others
    normal = np.diag(is_other.sum(axis=0)) - is_other.T @ is_other / others
    return np.linalg.lstsq(normal, (is_other * (outputs.values - level)).sum(axis=0))[0]
