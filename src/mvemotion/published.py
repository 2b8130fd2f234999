"""What the paper prints, as data: Tables 1-8, parameter splits and confusion matrices.

The files are in ``replication/published``; its README says where each number comes from and which
of them contradict one another. Nothing here was measured by this replication.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mvemotion.errors import InputError
from mvemotion.paths import replication_file
from mvemotion.specs import EMOTIONS

if TYPE_CHECKING:
    import pandas as pd

TABLES = tuple(range(1, 9))
NETWORK_TABLES = (2, 3, 4, 5, 6)


@dataclass(frozen=True)
class PublishedSplit:
    """Parameters of one network as the authors' Keras printed them."""

    total: int
    trainable: int
    non_trainable: int


@dataclass(frozen=True)
class PublishedConfusion:
    """The authors' test output of one checkpoint over the paper's 300 test clips.

    Attributes
    ----------
    id : str
        The network, an id of `mvemotion.list_networks`.
    checkpoint : str
        The authors' name of the weights: Table 6 row 1 has two.
    matrix : ndarray of int, (6, 6)
        Clips by true (rows) and predicted (columns) emotion, both in the order of `EMOTIONS`.
    accuracy, auc : float
        As printed; `auc` is the macro one-vs-rest ROC-AUC.
    """

    id: str
    checkpoint: str
    matrix: np.ndarray
    accuracy: float
    auc: float

    @property
    def is_of_paper(self) -> bool:
        """Whether the paper prints its scores: not of ``best1``, the worse of the row's two."""
        return not self.checkpoint.endswith("best1")


def published_table(number: int) -> "pd.DataFrame":
    """One table of the paper, its columns verbatim.

    Parameters
    ----------
    number : int
        1 to 8.

    Returns
    -------
    DataFrame
        The paper's columns in its order (capitalised), after the added ones (lower case): `row`
        counts from 1; `id`, in Tables 2-6, is the network's.

    Raises
    ------
    InputError
        If the paper has no such table.

    Examples
    --------
    >>> published_table(3).set_index("id").loc["music_a1_se", "Test Accuracy"]
    np.float64(0.6466)
    """
    import pandas as pd

    if number not in TABLES:
        raise InputError(f"table {number!r}: the paper has Tables 1 to 8; pass one of 1, ..., 8")
    return pd.read_csv(replication_file("published", f"table_{number}.csv"))


def published_parameters() -> dict[str, int]:
    """Printed parameter count of each of the 39 networks of Tables 2-6, by id.

    Examples
    --------
    >>> published_parameters()["music_a2"]
    261297
    """
    return {
        row["id"]: int(row["Parameters"])
        for number in NETWORK_TABLES
        for row in _read(f"table_{number}.csv")
    }


def published_splits() -> dict[str, PublishedSplit]:
    """Total, trainable and non-trainable parameters of the five published summaries, by id."""
    fields = ("total", "trainable", "non_trainable")
    return {
        row["id"]: PublishedSplit(*(int(row[field]) for field in fields))
        for row in _read("splits.csv")
    }


def published_confusions() -> tuple[PublishedConfusion, ...]:
    """The six confusion matrices that the authors published, single modalities first."""
    cells: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in _read("confusion_matrices.csv"):
        cells.setdefault((row["id"], row["checkpoint"]), []).append(row)
    return tuple(_confusion(*key, rows) for key, rows in cells.items())


def _confusion(network_id: str, checkpoint: str, rows: list[dict[str, str]]) -> PublishedConfusion:
    matrix = np.zeros((len(EMOTIONS), len(EMOTIONS)), dtype=int)
    for row in rows:
        cell = EMOTIONS.index(row["true"]), EMOTIONS.index(row["predicted"])
        matrix[cell] = int(row["count"])
    accuracy, auc = float(rows[0]["accuracy"]), float(rows[0]["auc"])
    return PublishedConfusion(network_id, checkpoint, matrix, accuracy, auc)


def _read(name: str) -> list[dict[str, str]]:
    path: Path = replication_file("published", name)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
