"""Section 3's sentences on the six classes, each held against the clips."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import kruskal, rankdata
from statsmodels.stats.multitest import multipletests

from mvemotion.audit.cues import CUE_BY_NAME, CUES
from mvemotion.errors import DataError
from mvemotion.paths import replication_file
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import FEWEST_CLIPS, RESAMPLES

HOLDS, FAILS, OPEN, UNTESTED = "holds", "does not hold", "cannot tell", "untested"
LEVEL = 0.05
PERMUTATIONS = 5000
CHUNK = 500  # permutations at a time, so that memory stays small
NEGLIGIBLE = 0.574  # AUC of Cliff's delta 0.147, up to which Romano et al. call it negligible
RULE = (
    f"A claim holds if the class differs from the classes of which the paper does not say the "
    f"same, in the claimed direction, with Holm’s adjusted p below {LEVEL} over all tested claims. "
    f"It does not hold if it differs so in the other direction, or if the whole 95 % interval of "
    f"the AUC lies below {NEGLIGIBLE} (a difference of negligible size). Otherwise, or where one "
    f"side has fewer than {FEWEST_CLIPS} sources, these clips cannot tell."
)


@cache
def read_claims() -> pd.DataFrame:
    """The paper's sentences as data: ``published/section_3.csv``.

    Returns
    -------
    pd.DataFrame
        ``sentence`` (of the paragraph below Table 1, from 1), ``quote``, ``emotion``, ``cue`` and
        ``direction`` (``"high"`` or ``"low"``), both empty where nothing can be measured, and
        ``note``.

    Raises
    ------
    DataError
        If a row names a class, cue or direction that does not exist.
    """
    path = replication_file("published", "section_3.csv")
    claims = pd.read_csv(path, keep_default_na=False)
    allowed = {
        "emotion": EMOTIONS,
        "cue": ("", *CUE_BY_NAME),
        "direction": ("", "high", "low"),
    }
    for column, values in allowed.items():
        for value in claims.loc[~claims[column].isin(values), column]:
            raise DataError(f"{path}: {column} {value!r}; one of {', '.join(values)} is needed")
    return claims


def means_by_class(clips: pd.DataFrame, groups: pd.Series, *, seed: int = 0) -> pd.DataFrame:
    """Mean of every cue in every class.

    Parameters
    ----------
    clips : pd.DataFrame
        Decodable clips: ``id``, ``emotion`` and a column for each of `CUES`.
    groups : pd.Series
        Source of each clip, by id.
    seed : int
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        ``cue``, ``emotion``, ``clips``, ``sources``, ``mean``, and ``low`` and ``high``, its 95 %
        interval by bootstrap over sources: missing where there are fewer than 5.
    """
    rows = []
    for cue in CUES:
        for emotion in EMOTIONS:
            sample = _sample(clips, groups, cue.name, clips["emotion"] == emotion)
            row = {"cue": cue.name, "emotion": emotion, "clips": len(sample)}
            rows.append(row | _mean_with_interval(sample, np.random.default_rng(seed)))
    return pd.DataFrame(rows)


def differences(clips: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Whether the classes differ at all in a cue: Kruskal and Wallis' test on means of sources.

    Returns
    -------
    pd.DataFrame
        ``cue``, ``sources``, ``epsilon_squared`` (share of the ranks' variance that the classes
        explain), ``p`` and ``p_holm``, adjusted over the cues; missing where fewer than two classes
        have values.
    """
    rows = []
    for cue in CUES:
        sample = _sample(clips, groups, cue.name, slice(None))
        means = sample.groupby(["source", "emotion"])["value"].mean().reset_index()
        parts = [part["value"].to_numpy() for _, part in means.groupby("emotion")]
        is_possible = len(parts) > 1 and np.ptp(means["value"]) > 0
        statistic, p = kruskal(*parts) if is_possible else (np.nan, np.nan)
        share = statistic / (len(means) - 1) if is_possible else np.nan
        rows.append({"cue": cue.name, "sources": len(means), "epsilon_squared": share, "p": p})
    return _with_holm(pd.DataFrame(rows))


def judge_claims(clips: pd.DataFrame, groups: pd.Series, *, seed: int = 0) -> pd.DataFrame:
    """Each sentence of Section 3 with what the clips show, and a verdict by `RULE`.

    Parameters
    ----------
    clips, groups
        As for `means_by_class`.
    seed : int
        Of permutations and bootstrap.

    Returns
    -------
    pd.DataFrame
        The columns of `read_claims`; ``against``, the classes of which the paper does not say the
        same; ``clips`` and ``sources`` of the class; ``rank`` of its mean among the classes in the
        claimed direction, 1 first; ``auc``, the chance that a clip of the class shows more of what
        is claimed than one of the others, with ``low`` and ``high``, its 95 % interval by bootstrap
        over sources; ``p`` by permutation of sources, two-sided, and ``p_holm``; ``verdict``.
    """
    claims = read_claims()
    means = clips.groupby("emotion")[list(CUE_BY_NAME)].mean().T
    rows = [
        _judge(claim, claims, clips, groups, seed) | {"rank": _rank(claim, means)}
        if claim.cue
        else {}
        for claim in claims.itertuples()
    ]
    found = pd.DataFrame(rows, index=claims.index).reindex(columns=FOUND)
    table = _with_holm(pd.concat([claims, found], axis=1))
    table["verdict"] = [_verdict(row) for row in table.itertuples()]
    return table


FOUND = ("against", "clips", "sources", "other_sources", "rank", "auc", "low", "high", "p")


def _judge(claim, claims: pd.DataFrame, clips, groups, seed: int) -> dict:
    alike = claims[(claims["cue"] == claim.cue) & (claims["direction"] == claim.direction)]
    others = [emotion for emotion in EMOTIONS if emotion not in set(alike["emotion"])]
    sample = _sample(clips, groups, claim.cue, clips["emotion"].isin([claim.emotion, *others]))
    if claim.direction == "low":
        sample["value"] = -sample["value"]
    is_class = sample["emotion"] == claim.emotion
    count = sample.groupby(is_class)["source"].nunique()
    row = {
        "against": ", ".join(others),
        "clips": int(is_class.sum()),
        "sources": int(count.get(True, 0)),
        "other_sources": int(count.get(False, 0)),
    }
    if count.min() < FEWEST_CLIPS or len(count) < 2:
        return row
    task = _Comparison.of(sample, is_class.to_numpy())
    low, high = task.interval(np.random.default_rng(seed))
    p = task.p_value(np.random.default_rng(seed))
    return row | {"auc": task.auc(), "low": low, "high": high, "p": p}


def _rank(claim, means: pd.DataFrame) -> float:
    order = means.loc[claim.cue].rank(ascending=claim.direction == "low")
    return order.get(claim.emotion, np.nan)


def _verdict(row) -> str:
    if not row.cue:
        return UNTESTED
    if pd.isna(row.auc):
        return OPEN
    is_clear = row.p_holm < LEVEL
    if row.high < NEGLIGIBLE or (is_clear and row.auc < 0.5):
        return FAILS
    return HOLDS if is_clear and row.auc > 0.5 else OPEN


def _with_holm(table: pd.DataFrame) -> pd.DataFrame:
    table["p_holm"] = np.nan
    is_tested = table["p"].notna()
    if is_tested.any():
        p = table.loc[is_tested, "p"].astype(float)
        table.loc[is_tested, "p_holm"] = multipletests(p, method="holm")[1]
    return table


# --- Clips in clusters ----------------------------------------------------------------------------
def _sample(clips: pd.DataFrame, groups: pd.Series, cue: str, chosen) -> pd.DataFrame:
    """``value``, ``emotion`` and ``source`` of the chosen clips that have the cue."""
    rows = clips.loc[chosen, ["id", "emotion", cue]].rename(columns={cue: "value"})
    rows["source"] = rows["id"].map(groups)
    return rows[rows["value"].notna()].sort_values("source", ignore_index=True)


def _mean_with_interval(sample: pd.DataFrame, rng) -> dict:
    row = {"sources": sample["source"].nunique(), "mean": sample["value"].mean()}
    row |= {"low": np.nan, "high": np.nan}
    if row["sources"] < FEWEST_CLIPS:
        return row
    sums = sample.groupby("source")["value"].agg(["sum", "size"]).to_numpy(float)
    drawn = _draw(len(sums), rng) @ sums
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return row | {"low": float(low), "high": float(high)}


def _draw(count: int, rng) -> np.ndarray:
    """How often each of `count` sources is drawn, with replacement: float (RESAMPLES, count)."""
    return rng.multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(float)


@dataclass(frozen=True)
class _Comparison:
    """A class against others, by source; sources of the class come first.

    Attributes
    ----------
    wins : np.ndarray
        float (own sources, other sources): pairs of clips of which the class's has more; ties half.
    own, other : np.ndarray
        float: clips of each source.
    rank_sums : np.ndarray
        float (sources,): of the clips' ranks among all.
    """

    wins: np.ndarray
    own: np.ndarray
    other: np.ndarray
    rank_sums: np.ndarray

    @classmethod
    def of(cls, sample: pd.DataFrame, is_class: np.ndarray) -> "_Comparison":
        """From ``value`` and ``source`` of each clip, sorted by source."""
        values, ranks = sample["value"].to_numpy(), rankdata(sample["value"])
        wins = (np.sign(values[is_class][:, None] - values[~is_class]) + 1) / 2
        starts = [_starts(sample["source"][part]) for part in (is_class, ~is_class)]
        wins = np.add.reduceat(np.add.reduceat(wins, starts[0], axis=0), starts[1], axis=1)
        parts = list(zip((is_class, ~is_class), starts, strict=True))
        own, other = (np.diff([*start, part.sum()]).astype(float) for part, start in parts)
        rank_sums = [np.add.reduceat(ranks[part], start) for part, start in parts]
        return cls(wins, own, other, np.concatenate(rank_sums))

    def auc(self) -> float:
        """Chance that a clip of the class has more than one of the others."""
        return float(self.wins.sum() / (self.own.sum() * self.other.sum()))

    def interval(self, rng) -> tuple[float, float]:
        """95 % interval of the AUC, by bootstrap over the sources of either side."""
        own, other = _draw(len(self.own), rng), _draw(len(self.other), rng)
        wins = ((own @ self.wins) * other).sum(1)
        low, high = np.quantile(wins / ((own @ self.own) * (other @ self.other)), [0.025, 0.975])
        return float(low), float(high)

    def p_value(self, rng) -> float:
        """How often an AUC so far from a half comes of sources that are dealt at random."""
        clips = np.concatenate([self.own, self.other])
        far = abs(self.auc() - 0.5) - 1e-12
        count = sum(
            int((np.abs(_dealt(clips, self.rank_sums, len(self.own), rng) - 0.5) >= far).sum())
            for _ in range(PERMUTATIONS // CHUNK)
        )
        return (1 + count) / (1 + PERMUTATIONS)


def _dealt(clips: np.ndarray, rank_sums: np.ndarray, chosen: int, rng) -> np.ndarray:
    """AUC of `chosen` sources taken at random against the rest, `CHUNK` times."""
    lots = rng.random((CHUNK, len(clips)))
    is_own = (lots <= np.partition(lots, chosen - 1, axis=1)[:, chosen - 1 : chosen]).astype(float)
    own = is_own @ clips
    wins = is_own @ rank_sums - own * (own + 1) / 2
    return wins / (own * (clips.sum() - own))


def _starts(sources: pd.Series) -> np.ndarray:
    """Positions at which another source begins."""
    names = sources.to_numpy()
    return np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
