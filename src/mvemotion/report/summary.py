"""The first page: what this is, what the clips can show, what was found, failed and is missing."""

import json

from mvemotion.claims.ledger import OWN, VERDICTS
from mvemotion.comparisons import PAPER_SUPPORT
from mvemotion.provenance import provenance
from mvemotion.published import TABLES
from mvemotion.report.notebook_pages import read_notebook, run_facts
from mvemotion.report.origins import duration, peak_memory_mb
from mvemotion.report.results_folder import DONE, FAILED, ResultsFolder, RunRecord
from mvemotion.report.table_rows import tally
from mvemotion.specs import list_networks
from mvemotion.statistics import accuracy_interval

DATASETS = {
    "synthetic": (
        "These clips were drawn by a program, each emotion with colours, motion and sounds of its "
        "own. They show that every step works, from the file to the verdict. They say nothing "
        "about music videos, and no score here is compared with the paper’s."
    ),
    "sample": (
        "These are clips of the public sample, not the paper’s dataset. They show that the whole "
        "replication runs on real music videos. Scores stand beside the paper’s for orientation; "
        "none is compared."
    ),
    "paper": (
        "These are the clips of the paper’s dataset. Scores are compared with the paper’s where "
        "the test clips are its 300, fifty of each emotion."
    ),
}
UNKNOWN = (
    "No file in this folder says what clips these are (summary.json is written at the end of a "
    "replication). No score is compared with the paper’s."
)


def overview(found: ResultsFolder) -> dict:
    """What the first page shows."""
    ledger, facts = found.ledger, provenance()
    return {
        "clips": what_clips_show(found),
        "counts": {word: int((ledger["verdict"] == word).sum()) for word in VERDICTS},
        "own": {word: int((ledger["own"] == word).sum()) for word in OWN},
        "claims": len(ledger),
        "tables": [tally(found, number) for number in TABLES],
        "failures": [_failure(run, found) for run in found.failed],
        "failed_notebooks": [path.stem for path in found.failed_notebooks],
        "work": _work(found),
        "missing": missing(found),
        "commit": facts["commit"],
        "time": facts["time_utc"],
    }


def what_clips_show(found: ResultsFolder) -> list[str]:
    """Plain sentences on what these clips can and cannot show."""
    sentences = [DATASETS.get(found.dataset, UNKNOWN)]
    support = found.summary.get("classes", {}).get("test", {})
    n = sum(support.values())
    if not n:
        return sentences
    low, high = accuracy_interval(n // 2, n)
    clips = "one test clip" if n == 1 else f"{n} test clips"
    sentences.append(
        f"There {'is' if n == 1 else 'are'} {clips}: each moves an accuracy by {100 / n:.2g} "
        f"points, and the 95 % interval of a network that has half of them right reaches from "
        f"{low:.2f} to {high:.2f}."
    )
    if found.dataset == "paper" and support != PAPER_SUPPORT:
        sentences.append("They are not the paper’s 300 test clips, so that no score is compared.")
    return sentences


def missing(found: ResultsFolder) -> list[tuple[str, str]]:
    """What a whole report would have, and the command that makes it."""
    rows, command = list_networks(), found.command
    done = {run.network for run in found.runs if run.status == DONE} & set(rows)
    unfinished = [
        f"{run.network} ({run.name})" for run in found.runs if run.status not in (DONE, FAILED)
    ]
    left_out = found.plan.get("left_out", {})
    lacking = [
        (not done, "No network has been run.", command),
        (
            bool(done) and len(done) < len(rows),
            f"{len(rows) - len(done)} of {len(rows)} networks have no score here: they failed, or "
            "this profile leaves them out. Profile paper trains all.",
            "mvemotion replicate --profile paper --data DATASET",
        ),
        (bool(unfinished), f"Not finished: {', '.join(unfinished)}.", command),
        (not found.summary, "There is no summary.json: the replication has not ended.", command),
        (not found.notebooks, "No notebook has been executed.", command),
        (not found.figures("*"), "No figure has been drawn.", command),
        (not found.baselines, "There is no row zero: what knowing nothing scores.", command),
        (
            not (found.root / "audit" / "index.html").is_file(),
            "The clips have not been audited for shared sources and shortcuts.",
            f"{command} --only table1",
        ),
    ]
    found_missing = [(words, command) for is_missing, words, command in lacking if is_missing]
    silent = {n: one["left_out"] for n, one in found.baselines.items() if "left_out" in one}
    found_missing += [(f"{name} is left out: {why}.", command) for name, why in silent.items()]
    return found_missing + [(f"{row} is left out: {why}", "") for row, why in left_out.items()]


def figure_origin(description: str) -> str:
    """Commit and day from a picture's metadata; empty if it has none of ours."""
    try:
        facts = json.loads(description)
        return f"commit {facts['commit']}, {facts['time_utc'][:10]}"
    except (ValueError, KeyError, TypeError):
        return ""


def _failure(run: RunRecord, found: ResultsFolder) -> dict:
    log = f"logs/{run.network}.{run.name}.log"
    return {
        "label": f"{run.network}, {run.name}",
        "anchor": run.anchor,
        "error": run.outcome.get("error") or "no message",
        "traceback": run.outcome.get("traceback", "").strip(),
        "after": duration(run.outcome["seconds"]) if run.outcome.get("seconds") else "",
        "log": log if (found.root / log).is_file() else "",
    }


def _work(found: ResultsFolder) -> dict:
    """What it took: times are of the jobs, one after the other, however many ran at once."""
    training = sum(run.seconds or 0 for run in found.runs)
    notebooks = [run_facts(read_notebook(path))["seconds"] or 0 for path in found.notebooks]
    solutions = sum(path.parent.name == "solutions" for path in found.notebooks)
    memory = [peak_memory_mb(run.record) for run in found.runs]
    known = [one for one in memory if one]
    return {
        "networks": len({run.network for run in found.runs if run.status == DONE}),
        "runs": sum(run.status == DONE for run in found.runs),
        "training": duration(training) if training else "",
        "notebooks": len(notebooks) - solutions,
        "solutions": solutions,
        "notebook_time": duration(sum(notebooks)) if notebooks else "",
        "memory_mb": max(known) if known else None,
        "devices": sorted({run.record["device"] for run in found.runs if "device" in run.record}),
    }
