"""The claims: sentences of ``replication/claims.csv``, and every cell of Tables 1-8."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from mvemotion.audit.claims import read_claims
from mvemotion.paths import replication_file
from mvemotion.published import (
    NETWORK_TABLES,
    published_confusions,
    published_splits,
    published_table,
)
from mvemotion.recomputation import BEST
from mvemotion.specs import EMOTIONS, list_networks

COMMANDS = {  # by the tier that a claim needs
    0: "mvemotion replicate --tier 0",
    1: "mvemotion replicate --tier 1 --profile paper --data DATASET --weights FILES",
    2: "mvemotion replicate --profile paper --data DATASET",
}
AUDIT = "audit"  # the rule of claims that an audit of the clips decides
OF_AUDIT = "mvemotion replicate --profile paper --data DATASET --only table1"
SCORES = {"Test Accuracy": "accuracy", "F1-Score": "f1", "ROC AUC Score": "auc"}
SPLITS = {"Training": "Train", "Validation": "Validation", "Testing": "test"}  # Table 1's: ours


@dataclass(frozen=True)
class Claim:
    """One checkable claim.

    Attributes
    ----------
    id : str
        Unique; of a cell, ``table-3/music_a1_se/auc``.
    place, quote : str
        Where in the paper, and its words or number.
    kind : str
        ``count``, ``score``, ``comparison``, ``correlation``, ``arithmetic`` or ``data``.
    tier : int
        The lowest tier of ``mvemotion replicate`` that can decide it.
    rule : str
        What decides it: see `mvemotion.claims.rules`.
    own : str
        Tier 0's check of the paper's own numbers, where it is not the rule itself.
    family : str
        Comparisons of one family share Holm's correction.
    """

    id: str
    place: str
    quote: str
    kind: str
    tier: int
    rule: str
    own: str = ""
    family: str = ""

    @property
    def networks(self) -> tuple[str, ...]:
        """Ids of the networks that the rule names, in the paper's order."""
        words = set(self.rule.replace(";", " ").split())
        return tuple(name for name in list_networks() if name in words)

    @property
    def command(self) -> str:
        """What checks it."""
        return OF_AUDIT if self.rule.split(" ")[0] == AUDIT else COMMANDS[self.tier]


def list_claims() -> tuple[Claim, ...]:
    """Every claim: sentences in the paper's order, on classes and matrices; then the cells."""
    with replication_file("claims.csv").open(newline="", encoding="utf-8") as file:
        rows = [Claim(**row | {"tier": int(row["tier"])}) for row in csv.DictReader(file)]
    sentences = (*rows, *_section_3(), *_confusions())
    return (*sentences, *_table_1(), *_network_tables(), *_table_7(), *_table_8())


def _section_3() -> Iterator[Claim]:
    """What Section 3 says of the classes, as far as the audit measures it."""
    told = read_claims()
    for row in told[told["cue"] != ""].itertuples():
        yield Claim(
            id=f"section-3/{row.emotion}/{row.cue}",
            place=f"Section 3, of {row.emotion}",
            quote=row.quote,
            kind="data",
            tier=1,
            rule=f"{AUDIT} {row.emotion} {row.cue} {row.direction}",
        )


def _confusions() -> Iterator[Claim]:
    """The matrices that the authors published; the paper prints one of them."""
    for one in (one for one in published_confusions() if one.is_of_paper):
        yield Claim(
            id=f"confusion/{one.id}",
            place="Figure 5" if one.id == BEST else "Authors' output",
            quote=f"confusion matrix of {one.checkpoint}",
            kind="correlation",
            tier=2,
            rule=f"errors {one.id}",
        )


def _table_1() -> Iterator[Claim]:
    for row in published_table(1).to_dict("records"):
        emotion = row["Emotion Class"]
        for printed, split in SPLITS.items():
            count = row[f"{printed} Samples"]
            yield Claim(
                id=f"table-1/{emotion}/{printed}",
                place=f"Table 1 row {row['row']}",
                quote=str(count),
                kind="data",
                tier=2,
                rule=f"clips {split} {count} {emotion}",
            )


def _network_tables() -> Iterator[Claim]:
    with_output = published_splits()  # and with a confusion matrix
    for number in NETWORK_TABLES:
        for row in published_table(number).to_dict("records"):
            place = f"Table {number} row {row['row']}"
            for column, name in SCORES.items():
                yield Claim(
                    id=f"table-{number}/{row['id']}/{name}",
                    place=place,
                    quote=f"{column} {row[column]}",
                    kind="score",
                    tier=2,
                    rule=f"score {row['id']} {column} {row[column]}",
                    own=f"{name}:{row['id']}" if row["id"] in with_output else "",
                )
            yield Claim(
                id=f"table-{number}/{row['id']}/parameters",
                place=place,
                quote=f"{row['Parameters']:,}",
                kind="count",
                tier=0,
                rule=f"parameters {row['id']} {row['Parameters']}",
                own=f"sum-of-parts:{row['id']}" if "+" in row["id"] else "",
            )


def _table_7() -> Iterator[Claim]:
    for row in published_table(7).to_dict("records"):
        for emotion in EMOTIONS:
            yield Claim(
                id=f"table-7/{row['Ground truth']}/{emotion}",
                place=f"Table 7, clip of {row['Ground truth']}",
                quote=f"{emotion} {row[emotion]}",
                kind="score",
                tier=1,
                rule="unnamed-clip",
            )


def _table_8() -> Iterator[Claim]:
    for row in published_table(8).to_dict("records"):
        yield Claim(
            id=f"table-8/{row['row']}/{row['Dataset']}",
            place=f"Table 8 row {row['row']}",
            quote=f"{row['Method']} {row['Score']}",
            kind="arithmetic",
            tier=0,
            rule=f"check table-8:{row['row']}:{row['Dataset']}",
        )
