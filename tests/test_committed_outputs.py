"""What is committed of notebooks and solutions: outputs of this very code, whole, and no more."""

import re
import socket
import tempfile
from pathlib import Path

import pytest

import mvemotion
from mvemotion.notebook_format import code_digest
from mvemotion.paths import notebooks_dir
from mvemotion.report.notebook_pages import WIDGET
from test_notebooks import code_cells, read, texts

PATHS = sorted(notebooks_dir().glob("**/[0-9][0-9]_*.ipynb"))
MAX_BYTES = 500_000

pytestmark = pytest.mark.parametrize(
    "path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)


def test_it_is_small_and_clean(path):
    notebook = read(path)
    assert path.stat().st_size <= MAX_BYTES
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info", "mvemotion"}
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_its_outputs_come_from_one_clean_run(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not any(output.output_type == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert outputs


def test_its_outputs_came_from_this_code_in_profile_smoke(path):
    noted = read(path).metadata.get("mvemotion", {})
    assert noted.get("code_sha256") == code_digest(read(path)), "`make notebooks` renews them"
    assert noted["profile"] == "smoke"
    assert noted["commit"]


def test_its_pictures_say_what_they_show_and_no_widget_shows_nothing(path):
    for output in (output for cell in code_cells(path) for output in cell.outputs):
        kinds = output.get("data", {})
        assert WIDGET not in kinds
        assert all(output.metadata[kind]["alt"] for kind in kinds if kind.startswith("image/"))


def test_its_outputs_do_not_say_where_or_by_whom_they_were_made(path):
    everything = "\n".join(texts(cell) for cell in code_cells(path))
    checkout = Path(mvemotion.__file__).resolve().parents[2]
    places = {str(checkout), str(Path.home()), tempfile.gettempdir(), "/home/", "/Users/", " at 0x"}
    assert not [place for place in places if place in everything]
    host = socket.gethostname()
    assert len(host) < 4 or not re.search(rf"\b{re.escape(host)}\b", everything)
