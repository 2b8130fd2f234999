"""One notebook through Papermill: whole or not at all."""

import json

import nbformat
import pytest
from PIL import Image

from mvemotion.errors import DataError, InputError, NotebookError
from mvemotion.pipeline.notebooks import check_parameters, copy_outputs, run_notebook
from mvemotion.provenance import WORK, git_commit
from small_notebooks import write_notebook


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
