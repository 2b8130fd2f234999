"""The workspace and the notebook runner: only what is missing is done, and nothing is lost."""

import json
import os
import shutil
from dataclasses import asdict

import nbformat
import pandas as pd
import pytest

from mvemotion import pipeline
from mvemotion.data.splits import write_splits
from mvemotion.errors import DataError, InputError, NotebookError
from mvemotion.files import read_json
from mvemotion.pipeline import check_parameters, copy_outputs, run_notebook, score_weights
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


def notebook(path, *cells):
    content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    content.cells[0].metadata["tags"] = ["parameters"]
    content.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(content, path)
    return path


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


def test_notebooks_of_a_replication_work_on_its_split(workspace, turned, tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    names = ("profile", "store", "results", "device", "seed")
    declared = "\n".join(f"{name} = ''" for name in names)
    opened = (
        "from mvemotion.replication import open_workspace\n"
        "w = open_workspace(profile, store=store, results=results, device=device)\n"
        "print(w.store.splits, *w.store.clips('Train')['id'])"
    )
    notebook(folder / "01_one.ipynb", declared, opened)
    monkeypatch.setattr(pipeline, "notebooks_dir", lambda: folder)
    profile, store = str(tmp_path / "mine.toml"), workspace.store
    results = pipeline.replicate(
        profile, store=store.root, splits=turned, results=tmp_path / "other", device="cpu"
    )
    cells = nbformat.read(results / "notebooks" / "01_one.ipynb", 4).cells
    printed = next(cell.outputs[0].text for cell in cells if cell.outputs)
    assert printed.split() == ["turned", *store.clips("test")["id"]]
    assert "MVEMOTION_SPLITS" not in os.environ
    assert read_json(results / "summary.json")["splits"] == "turned"


def test_a_profile_without_its_own_clips_asks_for_data(tmp_path):
    for name in list_profiles():
        if not load_profile(name).synthetic:
            with pytest.raises(InputError, match="DATA=folder"):
                open_workspace(name, results=tmp_path / name)


def test_a_notebook_runs_with_its_parameters_and_only_once(workspace, tmp_path):
    source = notebook(tmp_path / "one.ipynb", "seed = 0", "print(seed + 1)")
    target = tmp_path / "out" / "one.ipynb"
    assert run_notebook(source, target, {"seed": 41}, workspace)
    outputs = [cell.outputs[0].text for cell in nbformat.read(target, 4).cells if cell.outputs]
    assert outputs == ["42\n"]
    assert not run_notebook(source, target, {"seed": 41}, workspace)


def test_a_notebook_runs_again_when_it_changed(workspace, tmp_path):
    source = notebook(tmp_path / "one.ipynb", "seed = 0", "print(1)")
    target = tmp_path / "out" / "one.ipynb"
    run_notebook(source, target, {}, workspace)
    notebook(source, "seed = 0", "print(2)")
    assert run_notebook(source, target, {}, workspace)


def test_a_notebook_runs_again_when_what_it_made_is_gone(workspace, tmp_path):
    table = workspace.root / "tables" / "table_9.csv"
    table.parent.mkdir(parents=True)
    source = notebook(tmp_path / "one.ipynb", "seed = 0", f"open({str(table)!r}, 'w').write('1')")
    target = tmp_path / "out" / "one.ipynb"
    run_notebook(source, target, {}, workspace)
    table.unlink()
    assert run_notebook(source, target, {}, workspace)
    assert table.exists()


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


def test_a_parameter_that_is_not_declared_is_an_error(tmp_path):
    source = notebook(tmp_path / "one.ipynb", "seed = 0")
    with pytest.raises(InputError, match="no parameter sead; it declares seed"):
        check_parameters(source, {"sead": 1})


def test_a_failing_notebook_is_kept_beside_and_the_good_one_stays(workspace, tmp_path):
    source = notebook(tmp_path / "one.ipynb", "seed = 0", "print(1)")
    target = tmp_path / "out" / "one.ipynb"
    run_notebook(source, target, {}, workspace)
    good = target.read_bytes()
    notebook(source, "seed = 0", "raise ValueError('broken')")
    with pytest.raises(NotebookError, match=r"cell 2 failed: ValueError: broken"):
        run_notebook(source, target, {}, workspace)
    assert target.read_bytes() == good
    assert (tmp_path / "out" / "one.failed.ipynb").exists()
    assert {path.name for path in target.parent.iterdir()} == {"one.ipynb", "one.failed.ipynb"}


def test_committed_notebooks_get_outputs_but_no_injected_cell(workspace, tmp_path):
    source = notebook(tmp_path / "one.ipynb", "seed = 0", "print(seed + 1)")
    target = tmp_path / "out" / "one.ipynb"
    run_notebook(source, target, {"seed": 41}, workspace)
    copy_outputs(target, source)
    kept = nbformat.read(source, 4)
    assert [cell.source for cell in kept.cells] == ["seed = 0", "print(seed + 1)"]
    assert [cell.execution_count for cell in kept.cells] == [1, 2]
    assert kept.cells[1].outputs[0].text == "42\n"


def test_outputs_of_another_version_of_a_notebook_are_refused(workspace, tmp_path):
    source = notebook(tmp_path / "one.ipynb", "seed = 0", "print(1)")
    target = tmp_path / "out" / "one.ipynb"
    run_notebook(source, target, {}, workspace)
    notebook(source, "seed = 0", "print(2)")
    with pytest.raises(DataError, match="replicate again"):
        copy_outputs(target, source)


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


def test_a_notebook_runs_again_when_another_seed_has_run(workspace, tmp_path):
    source = notebook(tmp_path / "one.ipynb", "seed = 0", "print(seed)")
    target = tmp_path / "out" / "one.ipynb"
    run_notebook(source, target, {"seed": 0}, workspace)
    workspace.train_row("music_a2", seed=0)  # its own: nothing new
    assert not run_notebook(source, target, {"seed": 0}, workspace)
    workspace.train_row("music_a2", seed=1)
    assert run_notebook(source, target, {"seed": 0}, workspace)


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
