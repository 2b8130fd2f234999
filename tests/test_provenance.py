"""A result names the commit that made it, and whether its tree had changes."""

import subprocess

import pytest

from mvemotion import provenance
from mvemotion.provenance import git_commit


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with one commit, which the package seems to be in."""
    (tmp_path / "src" / "mvemotion").mkdir(parents=True)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "src/mvemotion/provenance.py"))
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    for path in (tmp_path / "code.py", results / "found.json"):
        path.write_text("1")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "First")
    return tmp_path


def git(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_clean_tree_is_named_by_its_commit(checkout):
    assert git_commit() == git(checkout, "rev-parse", "HEAD")[:12]


def test_a_changed_tree_is_called_dirty(checkout):
    (checkout / "code.py").write_text("2")
    assert git_commit().endswith("-dirty")


def test_results_just_written_are_no_change_of_what_was_measured(checkout):
    (checkout / "benchmarks" / "results" / "found.json").write_text("2")
    assert git_commit() == git(checkout, "rev-parse", "HEAD")[:12]


def test_without_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "src/mvemotion/provenance.py"))
    assert git_commit() is None
