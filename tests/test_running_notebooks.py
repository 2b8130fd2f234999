"""One notebook through Papermill: whole or not at all; and back into the committed one."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image

import mvemotion
from mvemotion.errors import DataError, InputError, NotebookError
from mvemotion.files import write_json, write_text
from mvemotion.notebook_format import code_digest
from mvemotion.pipeline import renewing
from mvemotion.pipeline.notebooks import check_parameters, run_notebook
from mvemotion.pipeline.places import PLAN, notebook_mark
from mvemotion.pipeline.renewing import copy_outputs, renew_committed
from mvemotion.provenance import WORK, git_commit
from mvemotion.report.notebook_pages import INTERACTIVE
from small_notebooks import write_notebook
from small_replications import PARAMETERS


def test_a_notebook_runs_with_its_parameters(tmp_path):
    source = write_notebook(tmp_path / "one.ipynb", "seed = 0", "print(seed + 1)")
    target = run_notebook(source, tmp_path / "out" / "one.ipynb", {"seed": 41})
    outputs = [cell.outputs[0].text for cell in nbformat.read(target, 4).cells if cell.outputs]
    assert outputs == ["42\n"]


def test_what_a_notebook_makes_says_which_work_it_is_a_part_of(tmp_path, monkeypatch):
    monkeypatch.setenv(WORK, json.dumps({"store_checksum": "abc", "seed": 3}))
    figure = (
        "from matplotlib.figure import Figure\n"
        "from mvemotion.figures import save_figure\n"
        f"save_figure(Figure(), {str(tmp_path / 'one.png')!r}, title='one')"
    )
    source = write_notebook(tmp_path / "one.ipynb", "seed = 0", figure)
    target = run_notebook(source, tmp_path / "out" / "one.ipynb", {"seed": 3})
    noted = nbformat.read(target, 4).metadata["mvemotion"]
    with Image.open(tmp_path / "one.png") as picture:
        drawn = json.loads(picture.text["Description"])
    for facts in (noted, drawn):
        assert facts["work"] == {"store_checksum": "abc", "seed": 3}
        assert facts["commit"] == git_commit()
    assert noted["kernel_peak_memory_mb"] > 10


def test_a_parameter_that_is_not_declared_is_an_error(tmp_path):
    source = write_notebook(tmp_path / "one.ipynb", "seed = 0")
    with pytest.raises(InputError, match="no parameter sead; it declares seed"):
        check_parameters(source, {"sead": 1})


def test_a_failing_notebook_is_kept_beside_and_the_good_one_stays(tmp_path):
    source = write_notebook(tmp_path / "one.ipynb", "seed = 0", "print(1)")
    target = run_notebook(source, tmp_path / "out" / "one.ipynb", {})
    good = target.read_bytes()
    write_notebook(source, "seed = 0", "raise ValueError('broken')")
    with pytest.raises(NotebookError, match=r"cell 2 failed: ValueError: broken"):
        run_notebook(source, target, {})
    assert target.read_bytes() == good
    assert {path.name for path in target.parent.iterdir()} == {"one.ipynb", "one.failed.ipynb"}


def test_committed_notebooks_get_outputs_but_no_injected_cell(tmp_path):
    source = write_notebook(tmp_path / "one.ipynb", "seed = 0", "print(seed + 1)")
    target = run_notebook(source, tmp_path / "out" / "one.ipynb", {"seed": 41})
    copy_outputs(target, source)
    kept = nbformat.read(source, 4)
    assert [cell.source for cell in kept.cells] == ["seed = 0", "print(seed + 1)"]
    assert [cell.execution_count for cell in kept.cells] == [1, 2]
    assert kept.cells[1].outputs[0].text == "42\n"


def test_committed_pictures_say_what_they_show_unless_they_do_already(tmp_path):
    picture = "from IPython.display import Image, display\n"
    picture += "title = 'x'; display(Image(data=b'\\x89PNG', format='png'{alt}))"
    cells = [picture.format(alt=alt) for alt in ("", ", alt='one dot'")]
    source = write_notebook(tmp_path / "one.ipynb", "seed = 0", *cells)
    target = run_notebook(source, tmp_path / "out" / "one.ipynb", {})
    copy_outputs(target, source)
    outputs = [cell.outputs[0] for cell in nbformat.read(source, 4).cells if cell.outputs]
    mine, theirs = (output.metadata["image/png"]["alt"] for output in outputs)
    assert mine.startswith("Picture of the section")
    assert theirs == "one dot"


def test_outputs_of_another_version_of_a_notebook_are_refused(tmp_path):
    source = write_notebook(tmp_path / "one.ipynb", "seed = 0", "print(1)")
    target = run_notebook(source, tmp_path / "out" / "one.ipynb", {})
    write_notebook(source, "seed = 0", "print(2)")
    with pytest.raises(DataError, match="replicate again"):
        copy_outputs(target, source)


def test_widgets_give_way_to_words_in_committed_notebooks(tmp_path):
    slider = "from ipywidgets import IntSlider\nIntSlider(3)"
    source = write_notebook(tmp_path / "one.ipynb", "seed = 0", slider)
    target = run_notebook(source, tmp_path / "out" / "one.ipynb", {})
    copy_outputs(target, source)
    (output,) = nbformat.read(source, 4).cells[1].outputs
    assert output.data == {"text/plain": INTERACTIVE}


# --- All committed ones ---------------------------------------------------------------------------
@pytest.fixture
def course(tmp_path, monkeypatch):
    """A results folder with a notebook that was replicated, whose solution has not run."""
    work = {"profile": "smoke"}
    workspace = work | {"store": "", "results": "", "device": "cpu"}
    write_json(tmp_path / "r" / PLAN, {"workspace": workspace, "seed": 0, "work": work})
    folder = tmp_path / "notebooks"
    (folder / "solutions").mkdir(parents=True)
    monkeypatch.setattr(renewing, "notebooks_dir", lambda: folder)
    monkeypatch.setenv(WORK, json.dumps(work))
    shows = "import os\nprint(profile, 'MVEMOTION_PROFILE' in os.environ)"
    notebook = write_notebook(folder / "01_one.ipynb", PARAMETERS, "print(1)")
    write_notebook(folder / "solutions" / "01_one.ipynb", PARAMETERS, shows)
    run_notebook(notebook, tmp_path / "r" / "notebooks" / "01_one.ipynb", {})
    write_text(tmp_path / "r" / notebook_mark("01_one"), "")
    return tmp_path / "r"


def committed() -> list[nbformat.NotebookNode]:
    """The notebook and its solution."""
    return [nbformat.read(path, 4) for path in sorted(renewing.notebooks_dir().rglob("*.ipynb"))]


def test_committed_notebooks_note_the_code_profile_and_commit_of_their_outputs(course, monkeypatch):
    monkeypatch.setenv("MVEMOTION_PROFILE", "tiny")  # wins in a notebook that nobody gives one
    renew_committed(course)
    notebook, solution = committed()
    assert solution.cells[1].outputs[0].text == "smoke False\n"
    for one in (notebook, solution):
        noted = one.metadata["mvemotion"]
        expected = {"code_sha256": code_digest(one), "profile": "smoke", "commit": git_commit()}
        assert noted == expected
        one.cells[1].source += "  # edited"
        assert noted["code_sha256"] != code_digest(one)


def test_renewing_goes_on_with_the_solutions_that_have_not_run(course, capsys):
    second = renewing.notebooks_dir() / "solutions" / "02_two.ipynb"
    write_notebook(second, PARAMETERS, "1 / 0")
    with pytest.raises(NotebookError, match="ZeroDivisionError"):
        renew_committed(course)
    assert "mvemotion" not in committed()[0].metadata
    write_notebook(second, PARAMETERS, "print(2)")
    capsys.readouterr()
    renew_committed(course)
    assert capsys.readouterr().out.split() == ["solutions/02_two", "2"]
    solution = renewing.notebooks_dir() / "solutions" / "01_one.ipynb"
    assert renewing.is_fresh(course, solution)
    write_text(course / notebook_mark("01_one"), "")
    assert not renewing.is_fresh(course, solution)


def test_what_jupyter_strips_of_notebooks_leaves_the_note(course):
    renew_committed(course)
    path = renewing.notebooks_dir() / "01_one.ipynb"
    recipe = (Path(mvemotion.__file__).parents[2] / "Makefile").read_text()
    (options,) = re.findall(r"-m nbstripout ((?:.|\\\n)+?) +\\?\n?\s*notebooks/", recipe)
    command = [sys.executable, "-m", "nbstripout", *shlex.split(options.replace("\\\n", " "))]
    subprocess.run([*command, str(path)], check=True)
    kept = nbformat.read(path, 4)
    assert kept.metadata["mvemotion"]["code_sha256"] == code_digest(kept)
    assert kept.cells[1].outputs[0].text == "1\n"
