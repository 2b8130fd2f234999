"""The command line: quick help, exit codes, and the whole road on a dozen clips."""

import json
import subprocess
import sys

import pytest

from mvemotion.cli import build_parser, main
from mvemotion.files import read_json
from stores import make_store

COMMANDS = (
    "networks",
    "fetch",
    "synthesize",
    "prepare",
    "audit",
    "train",
    "evaluate",
    "import-keras",
    "predict",
    "demo",
    "replicate",
    "claims",
    "report",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_imports_no_heavy_library(command):
    code = (
        "import sys; from mvemotion.cli import main\n"
        f"try: main(['{command}', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'lightning_fabric', 'av', 'cv2'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"mvemotion {command}" in done.stdout


def test_every_command_is_tested_for_its_help():
    actions = build_parser()._subparsers._group_actions
    assert set(actions[0].choices) == set(COMMANDS)


def test_networks_check_passes_and_names_the_two_open_rows(capsys):
    assert main(["networks", "--check"]) == 0
    assert capsys.readouterr().out.count("open") >= 2


def test_networks_sets_references_apart(capsys):
    main(["networks"])
    rows, references = capsys.readouterr().out.split("Reference, not in the paper")
    assert "r2plus1d" not in rows
    assert "video_r2plus1d_18" in references


def test_networks_json_holds_all_rows(capsys):
    main(["networks", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 41
    assert rows[2]["id"] == "face_a0_se"
    assert rows[2]["parameters"] == 19_409_478


def test_a_network_that_does_not_exist_exits_2_and_names_close_ones(tmp_path, capsys):
    make_store(tmp_path / "store", {"Train": 1})
    out = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "run")]
    assert main(["train", "music_a1_sse", *out]) == 2
    assert "music_a1_se" in capsys.readouterr().err


def test_a_store_that_does_not_exist_exits_3(tmp_path, capsys):
    out = ["--store", str(tmp_path / "none"), "--out", str(tmp_path / "run")]
    assert main(["train", "music_a2", *out]) == 3
    assert "mvemotion prepare" in capsys.readouterr().err


def test_a_folder_without_clips_exits_3(tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    assert main(["prepare", str(tmp_path / "raw"), str(tmp_path / "store")]) == 3
    assert "raw" in capsys.readouterr().err


def test_a_profile_that_does_not_exist_exits_2(capsys):
    assert main(["replicate", "--profile", "smokey"]) == 2
    assert "choose from" in capsys.readouterr().err


def test_a_profile_that_needs_clips_says_how_to_give_them(tmp_path, capsys):
    assert main(["replicate", "--profile", "sample", "--results", str(tmp_path)]) == 2
    assert "DATA=folder" in capsys.readouterr().err


def test_train_and_evaluate_leave_a_whole_run(tmp_path, capsys):
    make_store(tmp_path / "store", {"Train": 1, "Validation": 1, "test": 1})
    store, run = str(tmp_path / "store"), tmp_path / "run"
    train = ["train", "music_a2", "--store", store, "--out", str(run), "--epochs", "1"]
    assert main([*train, "--device", "cpu"]) == 0
    assert main(["evaluate", str(run), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "epoch   1" in printed
    assert "accuracy" in printed
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("config.json", "history.csv", "run.json", "test"),
        *("weights.json", "weights.safetensors"),
    }
    assert read_json(run / "run.json")["parameters"] == 261_297


@pytest.mark.slow
def test_clips_are_synthesized_and_prepared(tmp_path, capsys):
    raw, store = str(tmp_path / "raw"), str(tmp_path / "store")
    counts = ["--train", "1", "--validation", "1", "--test", "1", "--duration", "3"]
    assert main(["synthesize", raw, *counts]) == 0
    assert main(["prepare", raw, store, "--profile", "tiny", "--strict"]) == 0
    assert "18 clips" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tier", "0", "--data", "clips"], "--tier 0 reads no clips; leave out --data"),
        (["--tier", "1"], "name them: --weights FILE"),
        (["--tier", "2", "--weights", "a.safetensors"], "tier 2 reads none; add --tier 1"),
        (["--tier", "0", "--seeds", "3"], "tier 0 trains nothing"),
    ],
)
def test_options_that_a_tier_would_ignore_exit_2(options, message, capsys):
    assert main(["replicate", *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_the_ledger_computes_tier_0_first_and_says_that_it_has_no_results(tmp_path, capsys):
    tier0 = tmp_path / "tier0"
    assert main(["claims", "--tier0", str(tier0), "--json"]) == 0
    printed = capsys.readouterr()
    assert "what needs clips or weights stays untested" in printed.err
    assert f"no tier 0 of this version in {tier0}: computing it first" in printed.err
    claims = {claim["id"]: claim for claim in json.loads(printed.out)}
    assert claims["table-3/music_a2/parameters"]["verdict"] == "matches"
    assert (tier0 / "summary.md").exists()


@pytest.mark.slow
def test_tier_0_and_the_ledger_need_no_data(tmp_path, capsys):
    tier0 = tmp_path / "tier0"
    assert main(["replicate", "--tier", "0", "--results", str(tier0)]) == 0
    assert "37 of 39 printed counts exact" in capsys.readouterr().out
    assert main(["claims", "--tier0", str(tier0), "--json"]) == 0
    claims = {claim["id"]: claim for claim in json.loads(capsys.readouterr().out)}
    assert claims["table-3/music_a2/parameters"]["verdict"] == "matches"
    assert claims["music-dominant"]["own"] == "yes"
    assert (tier0 / "ledger.md").exists()


def test_the_ledger_of_a_folder_without_runs_exits_3(tmp_path, capsys):
    assert main(["claims", "--results", str(tmp_path)]) == 3
    assert "no scored run" in capsys.readouterr().err
