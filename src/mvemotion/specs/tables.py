"""The networks of Tables 2-6, one row each, in the paper's order and grouping; then references.

Printed scores and parameter counts are not here but in ``replication/published``.
"""

from dataclasses import dataclass, replace
from difflib import get_close_matches

from mvemotion.errors import InputError
from mvemotion.specs.architectures import (
    A0,
    A1,
    A2,
    A2_WIDE,
    C3D,
    R2PLUS1D_18,
    Architecture,
    C3DArchitecture,
    TorchvisionArchitecture,
)
from mvemotion.specs.inputs import MODALITIES, STREAMS

MMTM_JOINS = ("sum", "concatenate")  # of the squeezed streams


@dataclass(frozen=True)
class Branch:
    """What one stream passes through."""

    stream: str
    architecture: Architecture | C3DArchitecture | TorchvisionArchitecture
    reductions: tuple[int, ...] = ()  # of the SE unit after each block; empty: no SE
    has_last_norm: bool = True  # False: block 5 has no BatchNorm (compact rows of Table 6)
    has_half_width: bool = False  # True: block 5 has half the output filters (ditto)

    def __post_init__(self):
        if self.stream not in STREAMS:
            raise InputError(f"stream {self.stream!r}: not one of {', '.join(STREAMS)}")
        if self.reductions and len(self.reductions) != len(self.architecture.blocks):
            raise InputError(f"stream {self.stream}: {self.reductions} needs a value per block")

    @property
    def widths(self) -> tuple[int, ...]:
        """Output channels of each block."""
        widths = [block.out for block in self.architecture.blocks]
        if self.has_half_width:
            widths[-1] //= 2
        return tuple(widths)


@dataclass(frozen=True)
class Exchange:
    """An MMTM between two streams after every block (Section 4.2)."""

    between: tuple[str, str]
    reductions: tuple[int, ...] = (4, 8, 16, 16, 16)
    joins_by: str = "sum"  # of the squeezed streams; "concatenate": as Joze et al. (D11)

    def __post_init__(self):
        if len(self.reductions) != len(A1.blocks):
            raise InputError(f"MMTM {self.between}: {self.reductions} needs a value per block")
        if self.joins_by not in MMTM_JOINS:
            raise InputError(f"MMTM {self.joins_by!r}: choose from {', '.join(MMTM_JOINS)}")


@dataclass(frozen=True)
class Network:
    """One row of Tables 2-6, or a reference beside them.

    `known`: published, exact, inferred, open or added (not printed); of references, reference.
    """

    id: str
    table: int
    row: int
    label: str
    known: str
    branches: tuple[Branch, ...]
    exchange: Exchange | None = None
    swaps_pathways: bool = False  # the slow branch gets the fast input and the other way (D4)

    def __post_init__(self):
        if len(set(self.streams)) != len(self.streams):
            raise InputError(f"network {self.id}: a stream joins twice in {self.streams}")
        if len(self.branches) > 1 and any(
            isinstance(branch.architecture, C3DArchitecture) for branch in self.branches
        ):
            raise InputError(f"network {self.id}: C3D stands alone, it does not fuse")
        if self.exchange is None:
            return
        widths = {b.stream: b.widths for b in self.branches}
        first, second = self.exchange.between
        if first == second or not {first, second} <= set(widths):
            raise InputError(
                f"network {self.id}: {self.exchange.between} are not two streams of it"
            )
        if widths[first] != widths[second]:
            raise InputError(
                f"network {self.id}: MMTM joins equal widths, not {widths[first]}, {widths[second]}"
            )

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the inputs, in the order in which their features are concatenated."""
        return tuple(branch.stream for branch in self.branches)

    @property
    def is_c3d(self) -> bool:
        """Whether it is C3D, whatever its filters and dropout."""
        return isinstance(self.branches[0].architecture, C3DArchitecture)

    @property
    def pathways(self) -> tuple[tuple[str, str], ...]:
        """Slow and fast stream of each modality that has both."""
        pairs = ((f"{modality}_slow", f"{modality}_fast") for modality in MODALITIES)
        return tuple(pair for pair in pairs if set(pair) <= set(self.streams))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities used, in the paper's order music, video, face."""
        used = {STREAMS[name].modality for name in self.streams}
        return tuple(m for m in MODALITIES if m in used)


SE_A0_3D = (4, 4, 8, 16, 16)  # published
SE_A0_2D = (4, 4, 8, 8, 8)  # inferred: assumption 4
SE_A1 = (4, 8, 8, 16, 16)  # published
SE_A1_VIDEO = (4, 8, 16, 16, 16)  # inferred: assumption 4
SE_A2_3D = (4, 4, 8, 8, 16)  # inferred: assumption 4
SE_A2_2D = (2, 4, 4, 8, 8)  # inferred: assumption 4
SE_A2_FUSED = (4, 8, 8, 16, 16)  # published; only inside Table 6 row 1


def _c3d(modality: str) -> tuple[Branch, ...]:
    return (Branch(f"{modality}_c3d", C3D),)


def _one(stream: str, architecture: Architecture, **options) -> tuple[Branch, ...]:
    return (Branch(stream, architecture, **options),)


def _pair(modality: str, fast: Architecture) -> tuple[Branch, ...]:
    """A3: the slow branch is A1, the fast one A2 (narrow) or A2_WIDE."""
    return (Branch(f"{modality}_slow", A1), Branch(f"{modality}_fast", fast))


def _mmtm(modality: str) -> Exchange:
    return Exchange((f"{modality}_slow", f"{modality}_fast"))


VIDEO_A3 = _pair("video", A2_WIDE)
MUSIC_A0, MUSIC_A0_SE = _one("music", A0), _one("music", A0, reductions=SE_A0_2D)
MUSIC_A1, MUSIC_A2 = _one("music", A1), _one("music", A2)
FACE_A1, FACE_A2 = _one("face", A1), _one("face", A2)
FACE_A2_SE = _one("face", A2, reductions=SE_A2_FUSED)
NOBN = {"has_last_norm": False}
HALF = {"has_half_width": True}
HALF_NOBN = NOBN | HALF

# fmt: off
TABLE_2 = (
    Network("face_c3d",     2, 1, "C3D",                              "exact",     _c3d("face")),
    Network("face_a0",      2, 2, "A0 without SE (Face_A0_noSE)",     "exact",     _one("face", A0)),
    Network("face_a0_se",   2, 3, "A0 with SE (Face_A0_SE)",          "published", _one("face", A0, reductions=SE_A0_3D)),
    Network("face_a1",      2, 4, "A1 without SE (Face_A1_noSE)",     "exact",     FACE_A1),
    Network("face_a1_se",   2, 5, "A1 with SE (Face_A1_SE)",          "exact",     _one("face", A1, reductions=SE_A1)),
    Network("face_a2",      2, 6, "A2 without SE (Face_A2_noSE)",     "exact",     FACE_A2),
    Network("face_a2_se",   2, 7, "A2 with SE (Face_A2_SE)",          "inferred",  _one("face", A2, reductions=SE_A2_3D)),
    Network("face_a3",      2, 8, "A3 without MMTM (Face_A3_noMMTM)", "exact",     _pair("face", A2_WIDE)),
    Network("face_a3_mmtm", 2, 9, "A3 with MMTM (Face_A3_MMTM)",      "exact",     _pair("face", A2_WIDE), _mmtm("face")),
)
TABLE_3 = (
    Network("music_a0",      3, 1, "A0 without SE (Music_A0_noSE)",     "exact",     MUSIC_A0),
    Network("music_a0_se",   3, 2, "A0 with SE (Music_A0_SE)",          "inferred",  MUSIC_A0_SE),
    Network("music_a1",      3, 3, "A1 without SE (Music_A1_noSE)",     "exact",     MUSIC_A1),
    Network("music_a1_se",   3, 4, "A1 with SE (Music_A1_SE)",          "published", _one("music", A1, reductions=SE_A1)),
    Network("music_a2",      3, 5, "A2 without SE (Music_A2_noSE)",     "exact",     MUSIC_A2),
    Network("music_a2_se",   3, 6, "A2 with SE (Music_A2_SE)",          "inferred",  _one("music", A2, reductions=SE_A2_2D)),
    Network("music_a3",      3, 7, "A3 without MMTM (Music_A3_noMMTM)", "exact",     _pair("music", A2)),
    Network("music_a3_mmtm", 3, 8, "A3 with MMTM (Music_A3_MMTM)",      "exact",     _pair("music", A2_WIDE), _mmtm("music")),
)
TABLE_4 = (
    Network("video_c3d",     4, 1, "C3D",                               "exact",     _c3d("video")),
    Network("video_a0",      4, 2, "A0 without SE (Video_A0_noSE)",     "exact",     _one("video", A0)),
    Network("video_a0_se",   4, 3, "A0 with SE (Video_A0_SE)",          "exact",     _one("video", A0, reductions=SE_A0_3D)),
    Network("video_a1",      4, 4, "A1 without SE (Video_A1_noSE)",     "exact",     _one("video", A1)),
    Network("video_a1_se",   4, 5, "A1 with SE (Video_A1_SE)",          "inferred",  _one("video", A1, reductions=SE_A1_VIDEO)),
    Network("video_a2",      4, 6, "A2 without SE (Video_A2_noSE)",     "exact",     _one("video", A2)),
    Network("video_a2_se",   4, 7, "A2 with SE (Video_A2_SE)",          "inferred",  _one("video", A2, reductions=SE_A2_3D)),
    Network("video_a3",      4, 8, "A3 without MMTM (Vodeo_A3_noMMTM)", "exact",     _pair("video", A2)),
    Network("video_a3_mmtm", 4, 9, "A3 with MMTM (Vodeo_A3_MMTM)",      "published", VIDEO_A3, _mmtm("video")),
)
TABLE_5 = (
    Network("video_a3_mmtm+music_a0", 5, 1, "Vodeo_A3_MMTM + Music_A0_noSE", "published", VIDEO_A3 + MUSIC_A0, _mmtm("video")),
    Network("video_a3_mmtm+music_a1", 5, 2, "Vodeo_A3_MMTM + Music_A1_noSE", "exact",     VIDEO_A3 + MUSIC_A1, _mmtm("video")),
    Network("video_a3_mmtm+music_a2", 5, 3, "Vodeo_A3_MMTM + Music_A2_noSE", "exact",     VIDEO_A3 + MUSIC_A2, _mmtm("video")),
)
TABLE_6 = (
    # Row 1 is labelled Music_A0_SE; its count and the authors' definition have no SE there (discrepancy D2).
    Network("video_a3_mmtm+music_a0+face_a2_se", 6, 1, "Vodeo_A3_MMTM + Music_A0_SE + Face_A2_SE",     "published", VIDEO_A3 + MUSIC_A0 + FACE_A2_SE, _mmtm("video")),
    Network("video_a3_mmtm+music_a0_se+face_a2", 6, 2, "Vodeo_A3_MMTM + Music_A0_SE + Face_A2_noSE",   "open",      VIDEO_A3 + MUSIC_A0_SE + FACE_A2, _mmtm("video")),
    Network("video_a3_mmtm+music_a0+face_a2",    6, 3, "Vodeo_A3_MMTM + Music_A0_noSE + Face_A2_noSE", "exact",     VIDEO_A3 + MUSIC_A0 + FACE_A2, _mmtm("video")),
    Network("video_a3_mmtm+music_a0_se+face_a1", 6, 4, "Vodeo_A3_MMTM + Music_A0_SE + Face_A1_noSE",   "open",      VIDEO_A3 + MUSIC_A0_SE + FACE_A1, _mmtm("video")),
    Network("video_a3_mmtm+music_a0+face_a1",    6, 5, "Vodeo_A3_MMTM + Music_A0_noSE + Face_A1_noSE", "exact",     VIDEO_A3 + MUSIC_A0 + FACE_A1, _mmtm("video")),
    # Rows 6-10, the compact ones: what is left out of block 5 is inferred from the counts (assumption 5).
    Network("video_a1+music_a0+face_a2", 6, 6,  "Video_A1_noSE + Music_A0_noSE + Face_A2_noSE", "inferred", _one("video", A1, **NOBN) + _one("music", A0, **NOBN) + _one("face", A2, **NOBN)),
    Network("video_a2+music_a0+face_a2", 6, 7,  "Video_A2_noSE + Music_A0_noSE + Face_A2_noSE", "inferred", _one("video", A2, **HALF_NOBN) + _one("music", A0, **HALF_NOBN) + _one("face", A2, **HALF_NOBN)),
    Network("video_a2+music_a2+face_a2", 6, 8,  "Video_A2_noSE + Music_A2_noSE + Face_A2_noSE", "inferred", _one("video", A2, **HALF_NOBN) + _one("music", A2, **HALF_NOBN) + _one("face", A2, **HALF_NOBN)),
    Network("video_a1+music_a1+face_a1", 6, 9,  "Video_A1_noSE + Music_A1_noSE + Face_A1_noSE", "inferred", _one("video", A1, **HALF_NOBN) + _one("music", A1, **HALF_NOBN) + _one("face", A1, **HALF)),
    Network("video_a1+music_a1+face_a2", 6, 10, "Video_A1_noSE + Music_A1_noSE + Face_A2_noSE", "inferred", _one("video", A1, **HALF_NOBN) + _one("music", A1, **HALF_NOBN) + _one("face", A2, **NOBN)),
)
# Not printed: the rows without which the MMTM ablation of Tables 3 and 4 does not compare like with like (D1).
LIKE_FOR_LIKE = (
    Network("music_a3_wide", 3, 0, "A3 wide without MMTM (like for like)", "added", _pair("music", A2_WIDE)),
    Network("video_a3_wide", 4, 0, "A3 wide without MMTM (like for like)", "added", VIDEO_A3),
)
# Not of the paper at all: what stands beside its rows, to show what they are worth (assumption 25).
REFERENCE_NETWORKS = (
    Network("face_r2plus1d_18",  2, 0, "R(2+1)D-18 of torchvision, from scratch", "reference", _one("face", R2PLUS1D_18)),
    Network("video_r2plus1d_18", 4, 0, "R(2+1)D-18 of torchvision, from scratch", "reference", _one("video", R2PLUS1D_18)),
)
# fmt: on
REFERENCE_CLASSIFIERS = {"music_svm": 3, "music_forest": 3}  # no networks; the table of each

NETWORKS = TABLE_2 + TABLE_3 + TABLE_4 + TABLE_5 + TABLE_6


def list_networks(table: int | None = None) -> tuple[str, ...]:
    """Ids of the 39 printed networks in the paper's order, then the like-for-like rows.

    Parameters
    ----------
    table : int, optional
        2 to 6: only the rows of that table, and its like-for-like row where it lacks one.

    Examples
    --------
    >>> list_networks(table=5)
    ('video_a3_mmtm+music_a0', 'video_a3_mmtm+music_a1', 'video_a3_mmtm+music_a2')
    >>> len(list_networks())
    41
    """
    rows = NETWORKS + LIKE_FOR_LIKE
    return tuple(row.id for row in rows if table in (None, row.table))


def list_references(table: int | None = None) -> tuple[str, ...]:
    """Ids of what is held against the paper's rows without being one: classifiers, networks.

    Parameters
    ----------
    table : int, optional
        2 to 6: only those of that table's modality.

    Examples
    --------
    >>> list_references()
    ('music_svm', 'music_forest', 'face_r2plus1d_18', 'video_r2plus1d_18')
    >>> list_references(table=4)
    ('video_r2plus1d_18',)
    """
    tables = REFERENCE_CLASSIFIERS | {row.id: row.table for row in REFERENCE_NETWORKS}
    return tuple(name for name, place in tables.items() if table in (None, place))


def find_network(network_id: str) -> Network:
    """The row, or the reference network, with this id.

    Raises
    ------
    InputError
        If no row has it; the message names the closest ids.
    """
    rows = {row.id: row for row in NETWORKS + LIKE_FOR_LIKE + REFERENCE_NETWORKS}
    if network_id in rows:
        return rows[network_id]
    close = get_close_matches(network_id, rows, n=3)
    raise InputError(
        f"network {network_id!r}: not one of the {len(rows)} ids that `mvemotion networks` lists"
        + (f"; closest: {', '.join(close)}" if close else "")
    )


def has_alternative(spec: Network, option: str) -> bool:
    """Whether a row has what an option of `alternative` changes; true of any other setting.

    Examples
    --------
    >>> has_alternative(find_network("music_a2"), "mmtm")
    False
    """
    needed = {"mmtm": spec.exchange is not None, "swap_pathways": bool(spec.pathways)}
    return needed.get(option, True)


def alternative(spec: Network, *, mmtm: str = "sum", swap_pathways: bool = False) -> Network:
    """A row with what the paper and other material disagree on the other way round.

    Parameters
    ----------
    spec : Network
    mmtm : str
        ``"concatenate"``: MMTM joins the squeezed streams as Joze et al. do (discrepancy D11).
    swap_pathways : bool
        True: the slow branch is given the fast branch's input, and the other way round, as in the
        authors' evaluation (discrepancy D4).

    Raises
    ------
    InputError
        If the network has no MMTM, or no slow and fast branch.

    Examples
    --------
    >>> alternative(find_network("video_a3_mmtm"), mmtm="concatenate").exchange.joins_by
    'concatenate'
    """
    if mmtm != "sum":
        if spec.exchange is None:
            raise InputError(f"mmtm {mmtm!r}: {spec.id} has no MMTM; leave it at 'sum'")
        spec = replace(spec, exchange=replace(spec.exchange, joins_by=mmtm))
    if swap_pathways and not spec.pathways:
        raise InputError(f"swap_pathways: {spec.id} has no slow and fast branch to swap")
    return replace(spec, swaps_pathways=swap_pathways)
