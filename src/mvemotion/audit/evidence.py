"""How alike two clips are, and what that says about their having one source.

Each kind of likeness counts as the natural logarithm of a likelihood ratio: how much more often
clips of one source are so alike than clips of two. The weights come from a logistic regression
that told the two ends of one clip (10 s each, 10 s apart: one source) from ends of different clips
on 89 music videos, 7,806 pairs; no name, label or known pair took part in it.
"""

from dataclasses import dataclass

import numpy as np

from mvemotion.audit.fingerprints import HOP, Fingerprint
from mvemotion.audit.signals import RATE_HZ

COLOUR_WEIGHTS = (4.7, -0.6)  # of the logit of the colours' agreement, and the constant
SPECTRUM_WEIGHTS = (5.9, -2.2)  # of the inverse hyperbolic tangent of the spectra's correlation
MOST = 9.0  # that either may say for or against: about log(7806), the pairs it was measured on
REPEAT = 5.0  # of an equal picture, and of a repeated bar: neither in 3,903 unrelated pairs

EQUAL_BITS = 56  # of 256, up to which two pictures are equal; unrelated ones differ in 76 or more
ALIKE_BITS = 64  # ditto, where the sound has told which pictures belong together
HOP_S = HOP / RATE_HZ
RUN = round(2.0 / HOP_S)  # hashes in the least stretch of sound that can be equal, two seconds
EQUAL_RUN = 0.32  # mean agreement (0 by chance, 1: all bits) of a repeated bar; unrelated: 0.27
SAME_RUN = 0.5  # ditto, of the very same seconds, whatever the encoders
MOST_RUNS, BESIDE = 16, 5  # stretches looked at, and hashes that their shifts differ by at least
NEAR_S = 0.3  # between pictures of the same moment
WHOLE = 0.9  # of both clips, from which an overlap is a duplicate


@dataclass(frozen=True)
class Run:
    """The stretch of sound in which two clips agree best.

    Attributes
    ----------
    agreement : float
        Mean over two seconds: 0 by chance, 1 if all bits are equal.
    lag_s : float
        What the first clip sounds at t, the second sounds at t - lag_s.
    start_s, length_s : float
        Where it begins in the first clip, and how long it goes on.
    """

    agreement: float
    lag_s: float
    start_s: float
    length_s: float

    def holds(self, times_s: np.ndarray) -> np.ndarray:
        """Which times of the first clip are within."""
        return (times_s >= self.start_s) & (times_s <= self.start_s + self.length_s)


@dataclass(frozen=True)
class Likeness:
    """What speaks for or against one source of two clips.

    Attributes
    ----------
    colours : float
        Bhattacharyya coefficient, 0 to 1, greys counted less; NaN where one shows nothing.
    spectrum : float
        Correlation of the spectra's steps; NaN where one is silent.
    equal_pictures : int
        Pictures of the one that the other shows, too.
    run : Run
        The best stretch of sound, or the one that stands in both.
    overlap_s : float
        Seconds that stand in both.
    is_duplicate : bool
        Whether they have (nearly) all their seconds in common.
    """

    colours: float
    spectrum: float
    equal_pictures: int
    run: Run
    overlap_s: float
    is_duplicate: bool

    @property
    def weight(self) -> float:
        """Log likelihood ratio of one source against two."""
        repeats = (self.equal_pictures > 0) + (self.run.agreement >= EQUAL_RUN)
        alike = weigh_colours(self.colours) + weigh_spectrum(self.spectrum)
        return float(alike + REPEAT * repeats)


def compare(a: Fingerprint, b: Fingerprint) -> Likeness:
    """All that two fingerprints tell, in about 4 ms."""
    runs = find_runs(a, b)
    shared_s = [overlap_s(a, b, run) for run in runs]
    longest_s = max(shared_s)
    whole_s = WHOLE * HOP_S * max(len(a["sound_hashes"]), len(b["sound_hashes"]))
    return Likeness(
        colours=_agreement(a["colours"], b["colours"]),
        spectrum=_agreement(a["spectrum"], b["spectrum"]),
        equal_pictures=_count_equal(a["frame_hashes"], b["frame_hashes"]),
        run=runs[shared_s.index(longest_s)],
        overlap_s=longest_s,
        is_duplicate=longest_s >= whole_s or bool((a["content"] == b["content"]).all()),
    )


def weigh_colours(agreement: np.ndarray) -> np.ndarray:
    """Log likelihood ratio of the colours' agreement, 0 to 1; 0 where it is NaN."""
    share = np.clip(agreement, 1e-3, 1 - 1e-3)
    return _weigh(np.log(share / (1 - share)), COLOUR_WEIGHTS)


def weigh_spectrum(correlation: np.ndarray) -> np.ndarray:
    """Log likelihood ratio of the spectra's correlation, -1 to 1; 0 where it is NaN."""
    return _weigh(np.arctanh(np.clip(correlation, -0.999, 0.999)), SPECTRUM_WEIGHTS)


def _weigh(likeness: np.ndarray, weights: tuple[float, float]) -> np.ndarray:
    slope, constant = weights
    return np.nan_to_num(np.clip(slope * likeness + constant, -MOST, MOST), nan=0.0)


def _agreement(a: np.ndarray, b: np.ndarray) -> float:
    is_there = bool(a.any() and b.any())
    return float(a.astype(np.float32) @ b.astype(np.float32)) if is_there else np.nan


# --- Pictures -------------------------------------------------------------------------------------
def _count_equal(a: np.ndarray, b: np.ndarray) -> int:
    is_equal = _distances(a, b) <= EQUAL_BITS
    return int(min(is_equal.any(0).sum(), is_equal.any(1).sum()))


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differing bits of picture hashes uint64 (m, 4) and (n, 4): int (m, n)."""
    return np.bitwise_count(a[:, None] ^ b[None]).sum(-1, dtype=np.int64)


# --- Sound ----------------------------------------------------------------------------------------
def find_runs(a: Fingerprint, b: Fingerprint) -> list[Run]:
    """Two seconds of sound that agree best over all shifts, and how far they go on.

    Returns
    -------
    list of Run
        Best first; after it, at most 15 more that could be the very same seconds, since music made
        of loops agrees with itself at many shifts.
    """
    agreement = _signs(a["sound_hashes"]) @ _signs(b["sound_hashes"]).T / 32
    if min(agreement.shape) < RUN:
        return [Run(0.0, 0.0, 0.0, 0.0)]
    by_lag = _by_lag(agreement)
    lags = np.arange(by_lag.shape[1]) - (agreement.shape[1] - 1)
    windows = _mean_windows(by_lag, lags, agreement.shape[1])
    best = _best_lags(windows.max(axis=0))
    return [_run(by_lag[:, column], windows[:, column], int(lags[column])) for column in best]


def _mean_windows(by_lag: np.ndarray, lags: np.ndarray, length: int) -> np.ndarray:
    """Mean agreement over two seconds from each hash on; -1 where the second clip has none."""
    total = np.cumsum(by_lag, axis=0)
    windows = total[RUN - 1 :].copy()
    windows[1:] -= total[:-RUN]
    start = np.arange(len(windows))[:, None] - lags  # in the second clip
    windows[(start < 0) | (start > length - RUN)] = -RUN
    return windows / RUN


def _best_lags(agreement: np.ndarray) -> list[int]:
    """The best place, and the best of others from `SAME_RUN` on that are not beside a better."""
    chosen = [int(agreement.argmax())]
    for place in np.argsort(-agreement, kind="stable")[: (agreement >= SAME_RUN).sum()].tolist():
        if len(chosen) < MOST_RUNS and min(abs(place - other) for other in chosen) >= BESIDE:
            chosen.append(place)
    return chosen


def _run(agreement: np.ndarray, windows: np.ndarray, lag: int) -> Run:
    """The best stretch at one shift, to where on average half of its agreement is left."""
    middle = windows.argmax() + RUN // 2
    smooth = np.convolve(agreement, np.full(RUN, 1 / RUN), mode="same")
    off = np.flatnonzero(smooth < smooth[middle] / 2)
    before, after = off[off < middle], off[off > middle]
    first = int(before[-1]) + 1 if len(before) else 0
    last = int(after[0]) - 1 if len(after) else len(smooth) - 1
    length_s = (last - first + 1) * HOP_S
    return Run(float(windows.max()), lag * HOP_S, first * HOP_S, length_s)


def _signs(hashes: np.ndarray) -> np.ndarray:
    """Bits as -1 and 1, all 0 of silence: uint32 (L,) -> float32 (L, 32)."""
    octets = np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 4)
    signs = np.unpackbits(octets, axis=1).astype(np.float32) * 2 - 1
    return signs * (hashes != 0)[:, None]


def _by_lag(matrix: np.ndarray) -> np.ndarray:
    """Diagonals as columns, the lowest first, 0 where there is none: (m, n) -> (m, m + n - 1)."""
    rows, columns = matrix.shape
    cells = np.zeros(rows * (rows + columns), matrix.dtype)
    cells.reshape(rows, rows + columns)[:, :columns] = matrix[:, ::-1]
    return cells[: rows * (rows + columns - 1)].reshape(rows, rows + columns - 1)


def overlap_s(a: Fingerprint, b: Fingerprint, run: Run) -> float:
    """Seconds that stand in both clips: equal sound, and at those times alike pictures.

    Sequenced music repeats itself to the bit, so that equal sound alone tells of one source only;
    but where all pictures of those seconds are flat, the sound has to do.
    """
    if run.agreement < SAME_RUN:
        return 0.0
    times_a, times_b = a["frame_times_s"], b["frame_times_s"] + run.lag_s
    in_a, in_b = run.holds(times_a), run.holds(times_b)
    if not (in_a.any() and in_b.any()):
        return run.length_s
    is_near = np.abs(times_a[in_a][:, None] - times_b[in_b][None]) <= NEAR_S
    is_alike = _distances(a["frame_hashes"][in_a], b["frame_hashes"][in_b]) <= ALIKE_BITS
    return run.length_s if (is_near & is_alike).any(1).mean() >= 0.5 else 0.0
