"""Where plan, jobs and engine find one another's files in a results folder; cheap to import."""

PLAN = "plan.json"
JOURNAL = "progress.jsonl"
OUTCOME = "outcome.json"  # of a run: done or failed, and why
BASELINES = "baselines/.done"


def notebook_mark(name: str) -> str:
    """The file that says that a notebook has been run to its end."""
    return f"notebooks/.{name}.done"
