"""The census of the networks: our parameter counts beside the paper's, row by row.

What `mvemotion networks` prints and checks. Networks are built on PyTorch's meta device (shapes
without values), so that all 41 take seconds and no memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mvemotion.networks import ParameterCount, count_meta_flops, count_parameters, create_network
from mvemotion.published import published_parameters, published_splits
from mvemotion.specs import REFERENCE_NETWORKS, Network, find_network, list_networks

TITLES = {  # the paper's; Table 4 has lost its own and is worded like its neighbours
    2: "Test results using facial expression",
    3: "Test results using music information",
    4: "Test results using video information",
    5: "Test results using music and video information",
    6: "Integrated test results using music, video, and facial expressions",
}
COLUMNS = ("row", "id", "ours", "paper", "difference", "GFLOP", "status")


# Not printed, but they follow: Table 2's row 8 on video, and on music the printed A3 with MMTM
# (7,941,004) less its MMTM units (91,072).
LIKE_FOR_LIKE_PARAMETERS = {"video_a3_wide": 24_083_846, "music_a3_wide": 7_849_932}

# R(2+1)D-18 with six classes, on video and face alike; a test counts it anew. To build it, the
# part of torchvision that is imported takes longer than all the paper's networks.
REFERENCE_COUNT = ParameterCount(total=31_328_553, trainable=31_303_203, non_trainable=25_350)
REFERENCE_GFLOPS = 423.381


@dataclass(frozen=True)
class CensusRow:
    """One network: the paper's place and count, and ours (Keras' convention)."""

    id: str
    table: int
    row: int  # in the paper's table, from 1; 0: not printed
    label: str
    parameters: int
    printed: int | None  # None: not printed
    difference: int | None  # ours - printed
    trainable: int
    non_trainable: int
    gflops: float  # of one clip's forward pass at the paper's input size
    # "exact", "open" (known not to come out), "added" (not printed), "off", or "reference"
    status: str


def census() -> list[CensusRow]:
    """Build and count every network, in the paper's order, the like-for-like rows after it."""
    printed = published_parameters()
    return [_take(find_network(name), printed.get(name)) for name in list_networks()]


def reference_census() -> list[CensusRow]:
    """The same of the reference networks, which are not among the paper's; none is built."""
    return [_row(spec, None, REFERENCE_COUNT, REFERENCE_GFLOPS) for spec in REFERENCE_NETWORKS]


def failures(rows: Sequence[CensusRow]) -> list[str]:
    """Each reproducible count and published split that is off or missing, as a sentence.

    Open rows are no failures: their difference is reported, not hidden.

    Parameters
    ----------
    rows : sequence of CensusRow
        What `census` returns.

    Returns
    -------
    list of str
        Empty if all is as it should be.
    """
    found = {row.id: row for row in rows}
    missing = [
        f"{name}: printed in the paper with {count:,} parameters, but not among the networks built"
        for name, count in published_parameters().items()
        if name not in found
    ]
    off = [_describe(row) for row in rows if row.status == "off"]
    return missing + off + _split_failures(found)


def render(rows: Sequence[CensusRow]) -> str:
    """The census as plain text: a block for each table of the paper, then what it adds up to."""
    blocks = [
        _block(table, [row for row in rows if row.table == table])
        for table in sorted({row.table for row in rows})
    ]
    return "\n\n".join([*blocks, summary(rows)])


def render_references(rows: Sequence[CensusRow]) -> str:
    """What `reference_census` returns as plain text: a block of its own."""
    lines = [_line(COLUMNS), *(_line(_cells(row)) for row in rows)]
    return "\n".join(["Reference, not in the paper", *lines])


def summary(rows: Sequence[CensusRow]) -> str:
    """Two lines: how many printed counts and how many published splits come out exactly."""
    printed = [row for row in rows if row.printed is not None]
    count = {s: sum(row.status == s for row in rows) for s in ("exact", "open", "added", "off")}
    splits = len(published_splits())
    good_splits = splits - len(_split_failures({row.id: row for row in rows}))
    return (
        f"{count['exact']} of {len(printed)} printed counts exact, {count['open']} open, "
        f"{count['off']} off; {count['added']} networks added\n"
        f"{good_splits} of {splits} published trainable / non-trainable splits exact"
    )


def _describe(row: CensusRow) -> str:
    if row.printed is None:
        return f"{row.id}: {row.parameters:,} parameters; {LIKE_FOR_LIKE_PARAMETERS[row.id]:,} due"
    return (
        f"{row.id}: {row.parameters:,} parameters; "
        f"Table {row.table} row {row.row} prints {row.printed:,} ({row.difference:+,})"
    )


def _take(spec: Network, printed: int | None) -> CensusRow:
    with torch.device("meta"):
        network = create_network(spec.id).eval()
    return _row(spec, printed, count_parameters(network), count_meta_flops(network) / 1e9)


def _row(spec: Network, printed: int | None, counted: ParameterCount, gflops: float) -> CensusRow:
    difference = None if printed is None else counted.total - printed
    return CensusRow(
        id=spec.id,
        table=spec.table,
        row=spec.row,
        label=spec.label,
        parameters=counted.total,
        printed=printed,
        difference=difference,
        trainable=counted.trainable,
        non_trainable=counted.non_trainable,
        gflops=round(gflops, 3),
        status=_status(spec, counted.total, difference),
    )


def _status(spec: Network, total: int, difference: int | None) -> str:
    if spec.known == "reference":
        return "reference"
    if difference is None:
        return "added" if total == LIKE_FOR_LIKE_PARAMETERS[spec.id] else "off"
    if difference == 0:
        return "exact"
    return "open" if spec.known == "open" else "off"


def _split_failures(found: dict[str, CensusRow]) -> list[str]:
    return [
        f"{name}: {row.trainable:,} trainable and {row.non_trainable:,} non-trainable parameters; "
        f"the authors' summary prints {split.trainable:,} and {split.non_trainable:,}"
        for name, split in published_splits().items()
        if (row := found.get(name)) is not None
        and (row.trainable, row.non_trainable) != (split.trainable, split.non_trainable)
    ]


def _block(table: int, rows: list[CensusRow]) -> str:
    lines = [_line(COLUMNS), *(_line(_cells(row)) for row in rows)]
    return "\n".join([f"Table {table}. {TITLES[table]}", *lines])


def _cells(row: CensusRow) -> tuple[str, ...]:
    is_printed = row.printed is not None
    return (
        str(row.row) if is_printed else "+",
        row.id,
        f"{row.parameters:,}",
        f"{row.printed:,}" if is_printed else "-",
        f"{row.difference:+,}" if row.difference else "0" if is_printed else "-",
        f"{row.gflops:.1f}",
        row.status,
    )


def _line(cells: Sequence[str]) -> str:
    row, name, ours, paper, difference, gflop, status = cells
    return f"{row:>4}  {name:<34} {ours:>11} {paper:>11} {difference:>10} {gflop:>6}  {status}"
