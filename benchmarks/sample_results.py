"""The main page's table of results on real clips, from `replication/reported/sample.json`."""

from pathlib import Path

from mvemotion.baselines import LABELS
from mvemotion.files import read_json
from mvemotion.published import published_table
from mvemotion.specs import find_network
from mvemotion.statistics import accuracy_interval

REPORTED = Path(__file__).resolve().parents[1] / "replication" / "reported" / "sample.json"
SPLITS = ("Validation", "test")
HEAD = (
    "| | validation | test | test macro F1 | test AUC | all seeds | epochs "
    "| paper |\n|---|---|---|" + "---:|" * 5
)


def sample_results() -> str:
    """The whole block, in Markdown."""
    reported = read_json(REPORTED)
    lines = [row(LABELS[name], scores) for name, scores in reported["baselines"].items()]
    for name, scores in reported["networks"].items():
        lines.append(row(f"`{name}`", scores, *of_a_network(name, reported)))
    return "\n".join([*introduction(reported), "", HEAD, *lines, ""])


def introduction(reported: dict) -> list[str]:
    counts = [f"{count} {split}" for split, count in reported["clips"].items()]
    run = next(iter(reported["networks"].values()))["run"]
    seeds = max(row["accuracy"]["seeds"] for row in reported["over_seeds"].values())
    return [
        f"{sum(reported['clips'].values())} clips of the authors' public sample "
        f"({', '.join(counts)}), the paper's input sizes, profile `{reported['profile']}`, on a "
        f"CPU ({run['machine']['processor']}). Right answers of the first of {seeds} seeds, "
        "with 95 % Wilson intervals;",
        "*all seeds*: test accuracy, mean (lowest to highest); *paper*: its test accuracy. Every "
        "number is in [sample.json](replication/reported/sample.json), with its settings, commit "
        "and versions; the verdict on each claim of the paper,",
        "as far as such a run can give one, in "
        "[sample_ledger.csv](replication/reported/sample_ledger.csv).",
    ]


def row(label: str, scores: dict, seeds: str = "", epochs: str = "", paper: str = "") -> str:
    test = scores["test"]
    cells = [label, *(hits(scores[split]) for split in SPLITS)]
    cells += [f"{test['f1_macro']:.2f}", f"{test['auc']:.2f}", seeds, epochs, paper]
    return f"| {' | '.join(cells)} |"


def hits(scores: dict) -> str:
    n = scores["n"]
    right = round(scores["accuracy"] * n)
    low, high = accuracy_interval(right, n)
    return f"{right} of {n} ({low:.2f}–{high:.2f})"


def of_a_network(name: str, reported: dict) -> tuple[str, str, str]:
    """Its accuracy over all seeds, its epochs, and what the paper prints."""
    over = reported["over_seeds"].get(name, {}).get("accuracy")
    seeds = f"{over['mean']:.2f} ({over['min']:.2f}–{over['max']:.2f})" if over else ""
    return seeds, str(reported["networks"][name]["config"]["epochs"]), printed(name)


def printed(name: str) -> str:
    table = published_table(find_network(name).table).set_index("id")
    return f"{table.loc[name, 'Test Accuracy']:.3f}"
