"""The workspace of a replication: only what is missing is done, and nothing is lost."""

import json
import shutil
from dataclasses import asdict

import pandas as pd
import pytest

from mvemotion.data.splits import write_splits
from mvemotion.errors import DataError, InputError
from mvemotion.files import read_json
from mvemotion.pipeline.given_weights import score_weights
from mvemotion.profiles import list_profiles, load_profile
from mvemotion.replication import open_workspace
from stores import TINY, make_store


@pytest.fixture
def profile(tmp_path):
    sizes = "\n".join(f"{name} = {value}" for name, value in asdict(TINY).items())
    text = f"""
    description = "test"
    dataset = "synthetic"
    rows = ["music_a2", "video_a2+music_a2+face_a2"]
    [training]
    epochs = 1
    [clip_format]
    {sizes}
    """
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.fixture
def workspace(tmp_path, profile):
    store = make_store(tmp_path / "store", {"Train": 1, "Validation": 1, "test": 1})
    return open_workspace(profile, store=store.root, results=tmp_path / "results", device="cpu")


def test_a_table_is_trained_once_and_compared_with_the_paper(workspace, capsys):
    workspace.train_table(3)
    workspace.train_table(3)
    lines = capsys.readouterr().out.splitlines()
    assert "trained in" in lines[0]
    assert "done before" in lines[1]
    frame = workspace.compare_table(3)
    assert len(frame) == 2 + 8 + 1  # baselines, printed rows, the like-for-like row
    assert (workspace.root / "tables" / "table_3.csv").exists()


def test_the_summary_holds_every_number_and_what_made_it(workspace):
    workspace.train_row("music_a2")
    summary = workspace.summary()
    assert list(summary["networks"]) == ["music_a2"]
    row = summary["networks"]["music_a2"]
    assert row["test"]["n"] == row["Validation"]["n"] == 6
    assert row["run"]["versions"]["torch"]
    assert summary["baselines"]["dummy"]["test"]["accuracy"] == pytest.approx(1 / 6)
    json.dumps(summary, allow_nan=False)


def test_a_row_that_was_not_trained_has_no_metrics_and_says_what_to_do(workspace):
    assert workspace.metrics("music_a2") is None
    with pytest.raises(DataError, match="train it first"):
        workspace.predictions("music_a2")


def test_the_best_row_has_the_most_modalities(workspace):
    with pytest.raises(DataError, match="no row has been trained"):
        workspace.best_row()
    workspace.train_row("music_a2")
    assert workspace.best_row() == "music_a2"
    workspace.train_row("video_a2+music_a2+face_a2")
    assert workspace.best_row() == "video_a2+music_a2+face_a2"


def test_a_store_of_other_sizes_is_refused(tmp_path):
    store = make_store(tmp_path / "store", {"Train": 1})
    with pytest.raises(DataError, match="profile smoke needs"):
        open_workspace("smoke", store=store.root, results=tmp_path / "results")


def test_environment_variables_choose_where_nothing_can_be_injected(workspace, monkeypatch):
    monkeypatch.setenv("MVEMOTION_STORE", str(workspace.store.root))
    monkeypatch.setenv("MVEMOTION_RESULTS", str(workspace.root))
    monkeypatch.setenv("MVEMOTION_PROFILE", str(workspace.root.parent / "mine.toml"))
    opened = open_workspace("paper", data="", store="", results="")
    assert opened.root == workspace.root
    assert opened.profile.name == "mine"


@pytest.fixture
def turned(workspace):
    """A split file of the workspace's store in which Train and test change places."""
    clips = workspace.store.clips()[["id", "split"]]
    clips["split"] = clips["split"].replace({"Train": "test", "test": "Train"})
    return write_splits(workspace.store.root / "splits" / "turned.csv", clips)


def test_a_workspace_on_another_split_has_its_own_results(workspace, turned, profile, tmp_path):
    store = workspace.store.root
    with pytest.raises(InputError, match=r"'turned': results .* need a folder of their own"):
        open_workspace(profile, store=store, splits="turned")
    other = open_workspace(profile, store=store, splits="turned", results=tmp_path / "other")
    assert set(other.store.clips("Train")["id"]) == set(workspace.store.clips("test")["id"])
    assert other.store.checksum() != workspace.store.checksum()


def test_a_profile_without_its_own_clips_asks_for_data(tmp_path):
    for name in list_profiles():
        if not load_profile(name).synthetic:
            with pytest.raises(InputError, match="DATA=folder"):
                open_workspace(name, results=tmp_path / name)


def test_scores_of_other_clips_are_not_taken_for_these(workspace, tmp_path, profile):
    before = workspace.baseline("dummy")
    store = make_store(tmp_path / "more", {"Train": 1, "test": 2})
    other = open_workspace(profile, store=store.root, results=workspace.root, device="cpu")
    assert (before["n"], other.baseline("dummy")["n"]) == (6, 12)


def test_a_row_that_diverges_does_not_stop_the_others(workspace, monkeypatch, capsys):
    monkeypatch.setitem(workspace.profile.training, "learning_rate", 1e30)
    monkeypatch.setitem(workspace.profile.training, "optimizer", "sgd")
    monkeypatch.setitem(workspace.profile.training, "epochs", 3)
    workspace.train_table(3)
    assert "diverged" in capsys.readouterr().out
    assert len(workspace.compare_table(3)) == 11


def test_a_row_that_ran_with_several_seeds_shows_their_mean(workspace):
    for seed in (0, 1):
        workspace.train_row("music_a2", seed=seed)
    found = workspace.compare_table(3).set_index("id").loc["music_a2"]
    both = [workspace.metrics("music_a2", seed=seed)["accuracy"] for seed in (0, 1)]
    assert found["runs"] == 2
    assert found["accuracy"] == pytest.approx(sum(both) / 2)
    over_seeds = workspace.summary()["over_seeds"]
    assert over_seeds["music_a2"]["accuracy"]["seeds"] == 2
    assert over_seeds["music_a2"]["accuracy"]["mean"] == pytest.approx(sum(both) / 2)


def test_given_weights_are_scored_beside_the_table_without_training(workspace, profile, tmp_path):
    workspace.train_row("music_a2")
    run = workspace.run_dir("music_a2")
    kept = tmp_path / "kept"
    kept.mkdir()
    shutil.copy(run / "weights.safetensors", kept / "best1.safetensors")
    options = {"store": workspace.store.root, "results": tmp_path / "tier1", "device": "cpu"}
    root = score_weights([kept, run / "weights.safetensors"], profile, **options)
    scored = read_json(root / "runs" / "music_a2" / "best1" / "test" / "metrics.json")
    trained = workspace.metrics("music_a2")
    assert scored["confusion"] == trained["confusion"]
    assert (root / "runs" / "music_a2" / "seed-0" / "test" / "predictions.csv").exists()
    table = pd.read_csv(root / "tables" / "table_3.csv").set_index("id")
    assert table.loc["music_a2", ["runs", "accuracy"]].tolist() == [2, trained["accuracy"]]
    assert read_json(root / "summary.json")["dataset"] == "synthetic"


def test_a_folder_without_weights_is_refused(profile, tmp_path):
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        score_weights([tmp_path], profile)
