"""What the report says of a replication that has not ended, and how it is gone on with."""

import pytest
from bs4 import BeautifulSoup

from mvemotion.cli import main
from mvemotion.errors import ReplicationError
from mvemotion.files import read_json, write_json
from mvemotion.pipeline import engine
from mvemotion.pipeline.places import OUTCOME, PLAN, notebook_mark
from mvemotion.pipeline.plan import command_again
from mvemotion.report.pages import write_pages
from mvemotion.report.results_folder import read_results
from report_files import tier0_folder
from small_replications import (
    SHOWS_TABLE_3,
    give_tier_0,
    small_notebooks,
    small_profile,
    small_store,
    teach,
)

AGAIN = "mvemotion replicate --profile tiny --store 'my store' --seeds 3"


@pytest.fixture
def unfinished(tmp_path):
    """A folder whose one run has begun, in a replication that had options."""
    root = tmp_path / "elsewhere"
    write_json(root / "runs" / "music_a2" / "seed-0" / "config.json", {"network": "music_a2"})
    write_json(root / PLAN, {"command": AGAIN, "work": {"profile": "tiny"}})
    return root


def test_an_unfinished_run_is_named_with_the_command_as_it_was_given(unfinished, tmp_path):
    found = read_results(unfinished, tier0_folder())
    write_pages(found, tmp_path / "source")
    index = BeautifulSoup((tmp_path / "source" / "index.md").read_text(), "html.parser")
    lines = {tag.text: tag.code.text for tag in index.select(".missing li") if tag.code}
    told = next(words for words in lines if words.startswith("Not finished:"))
    assert "Not finished: music_a2 (seed-0)." in told
    assert lines[told] == AGAIN
    assert found.profile == "tiny"


@pytest.mark.slow
def test_a_folder_with_an_unfinished_run_has_a_report(unfinished):
    tier0 = ["--tier0", str(tier0_folder())]
    assert main(["report", str(unfinished), *tier0]) == 0
    assert "Not finished: music_a2" in (unfinished / "report" / "index.html").read_text()


def test_the_command_to_go_on_has_the_options_that_were_given_and_no_others():
    usual = {"device": "auto", "seed": 0, "seeds": 1, "jobs": None, "data": None}
    assert command_again("smoke", **usual) == "mvemotion replicate --profile smoke"
    given = usual | {"data": "raw clips", "device": "cuda", "seeds": 5, "engine_profile": "slurm"}
    assert command_again("mine.toml", **given) == (
        "mvemotion replicate --profile mine.toml --device cuda --seeds 5 --data 'raw clips' "
        "--engine-profile slurm"
    )


# --- A report that cannot be written --------------------------------------------------------------
@pytest.fixture
def without_report(tmp_path, monkeypatch):
    """Replicates without any job, every one having ended as told; the report cannot be written."""
    teach(monkeypatch, small_notebooks(tmp_path), SHOWS_TABLE_3)
    monkeypatch.setattr(engine, "build_report", lambda root: {}["a page"])
    profile, store = small_profile(tmp_path, rows=["music_a2"]), small_store(tmp_path).root
    results = give_tier_0(tmp_path / "r")

    def replicate(outcome: dict) -> dict:
        def end(root, command, plan, lock):
            write_json(root / "runs" / "music_a2" / "seed-0" / OUTCOME, outcome)
            for name in plan["notebooks"]:
                write_json(root / notebook_mark(name), {})
            return engine._Ended(0, jobs=1)

        monkeypatch.setattr(engine, "_run", end)
        engine.replicate(profile, store=store, results=results, device="cpu")

    return replicate


def test_a_report_that_fails_hides_no_failure_of_a_job(without_report, capsys):
    outcome = {"status": "failed", "error": "the loss is nan", "traceback": "in line 3"}
    with pytest.raises(ReplicationError, match="1 of 2 jobs failed: music_a2/seed-0") as raised:
        without_report(outcome)
    told = capsys.readouterr().err
    assert "music_a2/seed-0: the loss is nan\nin line 3" in told
    assert told.index("in line 3") < told.index("KeyError: 'a page'")
    assert raised.value.exit_code == 4


def test_a_report_that_fails_alone_is_the_error(without_report, tmp_path):
    with pytest.raises(KeyError, match="a page"):
        without_report({"status": "done"})
    asked = f"--store {tmp_path / 'store'} --results {tmp_path / 'r'} --device cpu"
    command = read_json(tmp_path / "r" / PLAN)["command"].replace("'", "")
    assert command == f"mvemotion replicate --profile {tmp_path / 'mine.toml'} {asked}"
