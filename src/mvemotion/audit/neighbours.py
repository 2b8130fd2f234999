"""Pairs of clips worth comparing, found in time nearly proportional to the number of clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from mvemotion.audit.evidence import EQUAL_BITS, weigh_colours, weigh_spectrum
from mvemotion.audit.fingerprints import Fingerprint

TREES, LEAF = 8, 256  # how often the clips are sorted into parts, and how many one part holds
COMPONENTS = 48  # dimensions in which they are sorted
TABLES, KEY_BITS = 8, 20  # how often pictures are sorted by some bits of their coarse hash
COARSE_BITS = np.arange(1, 64)  # without the first, the mean, which is always set
COMMON = 32  # clips above which a key says nothing: a title card, a bare wall


@dataclass(frozen=True)
class Found:
    """Pairs of clips, and what it took to find them.

    Attributes
    ----------
    pairs : np.ndarray
        int64 (n, 2): indices, the smaller first, rows ascending and unique.
    compared : int
        Comparisons made, of pairs of clips or of pictures.
    """

    pairs: np.ndarray
    compared: int


def find_alike(prints: Sequence[Fingerprint], *, least_weight: float) -> Found:
    """Pairs whose colours and spectra together weigh at least so much for one source.

    The clips are sorted into parts of neighbours (`leaves`), and compared within each.
    """
    if not prints:
        return Found(np.empty((0, 2), np.int64), 0)
    colours = np.stack([entry["colours"] for entry in prints]).astype(np.float32)
    spectra = np.stack([entry["spectrum"] for entry in prints]).astype(np.float32)
    found, compared = [], 0
    for part in map(np.sort, leaves(np.hstack([colours, spectra]))):
        weight = weigh_colours(_products(colours[part])) + weigh_spectrum(_products(spectra[part]))
        rows, columns = np.nonzero(np.triu(weight >= least_weight, 1))
        found.append(part[rows] * len(prints) + part[columns])
        compared += len(part) * (len(part) - 1) // 2
    return Found(_decode(found, len(prints)), compared)


def _products(vectors: np.ndarray) -> np.ndarray:
    """Inner products of all pairs of rows, NaN where a row is all zeros."""
    products = vectors @ vectors.T
    is_blank = ~vectors.any(axis=1)
    products[is_blank] = products[:, is_blank] = np.nan
    return products


def leaves(points: np.ndarray) -> Iterator[np.ndarray]:
    """Parts of at most `LEAF` neighbours; each point is in one part of every tree.

    A tree halves the points at the median along a line through two of them, drawn at random, then
    each half, and so on. Neighbours are seldom parted in every tree.

    Parameters
    ----------
    points : np.ndarray
        float (n, d).

    Yields
    ------
    np.ndarray
        Indices of one part. Up to `LEAF` points are a single part.
    """
    if len(points) <= LEAF:
        yield np.arange(len(points))
        return
    pca = PCA(min(COMPONENTS, points.shape[1]), svd_solver="randomized", random_state=0)
    low, draws = pca.fit_transform(points), np.random.default_rng(0)
    for _ in range(TREES):
        yield from _halve(low, np.arange(len(points)), draws)


def _halve(points: np.ndarray, part: np.ndarray, draws: np.random.Generator) -> Iterator:
    if len(part) <= LEAF:
        yield part
        return
    start, end = points[draws.choice(part, 2, replace=False)]
    order = np.argsort(points[part] @ (end - start), kind="stable")
    for half in np.array_split(part[order], 2):
        yield from _halve(points, half, draws)


def find_equal_pictures(prints: Sequence[Fingerprint]) -> Found:
    """Pairs that have a picture in common.

    Pictures meet under keys made of some bits of their coarse hashes, several times over with
    other bits. Of two whose coarse hashes differ in six bits of 64, every second pair meets; keys
    that very many clips have are passed over.
    """
    counts = [len(entry["frame_hashes"]) for entry in prints]
    clip = np.repeat(np.arange(len(prints)), counts)
    pictures = np.concatenate(
        [np.empty((0, 4), np.uint64), *(entry["frame_hashes"] for entry in prints)]
    )
    draws = np.random.default_rng(0)
    found, compared = [], 0
    for _ in range(TABLES):
        keys = _gather(pictures[:, 0], draws.choice(COARSE_BITS, KEY_BITS, replace=False))
        for a, b in _meetings(keys, clip):
            differing = np.bitwise_count(pictures[a] ^ pictures[b]).sum(1, dtype=np.int64)
            is_equal = differing <= EQUAL_BITS
            found.append(np.unique(clip[a[is_equal]] * len(prints) + clip[b[is_equal]]))
            compared += len(a)
    return Found(_decode(found, len(prints)), compared)


def _gather(words: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Some bits of uint64 (n,) side by side: int64 (n,)."""
    keys = np.zeros(len(words), np.int64)
    for bit in bits.astype(np.uint64):
        keys = keys << 1 | (words >> bit & np.uint64(1)).astype(np.int64)
    return keys


def _meetings(keys: np.ndarray, clip: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices of pictures of two clips under one key, those of the earlier clip first."""
    _, order = np.unique(keys * (clip.max(initial=0) + 1) + clip, return_index=True)
    keys = keys[order]  # ascending, and under one key by clip; one picture of a clip is enough
    _, place, clips = np.unique(keys, return_inverse=True, return_counts=True)
    is_telling = clips[place] <= COMMON
    keys, order = keys[is_telling], order[is_telling]
    for step in range(1, min(COMMON, len(keys))):
        meet = np.flatnonzero(keys[step:] == keys[:-step])
        yield order[meet], order[meet + step]


def _decode(codes: list[np.ndarray], count: int) -> np.ndarray:
    """Unique pairs (n, 2) of their codes, first * count + second."""
    unique = np.unique(np.concatenate([np.empty(0, np.int64), *codes]))
    return np.stack(np.divmod(unique, max(count, 1)), axis=1)
