"""The solutions as documents: one for each notebook, executed, exercise by exercise.

That 03 and 04 run is shown by nbval, in `test_notebook_outputs.py`; the others train or search
longer than a test should, and run whenever `make notebooks` renews them all.
"""

import ast
import re
from pathlib import Path

import pytest

from mvemotion.paths import notebooks_dir
from test_notebooks import CHECK, PARAMETERS, code_cells, parse, prose, read, texts

PATHS = sorted((notebooks_dir() / "solutions").glob("*.ipynb"))
GRADES = ["•", "••", "•••"]

pytestmark = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def exercises(path: Path) -> dict[str, str]:
    """The exercises of the notebook that a solution is of, by their dots."""
    part = prose(path.parents[1] / path.name).split("## Exercises")[1].split("## Where next")[0]
    return dict(re.findall(r"^\*\*(•+)\*\* (.+)$", part, flags=re.MULTILINE))


def sections(path: Path) -> dict[str, list]:
    """Cells by the dots of the heading before them; those before the first are left out."""
    found: dict[str, list] = {}
    for cell in read(path).cells:
        heading = re.match(r"## (•+)$", cell.source.splitlines()[0])
        if heading:
            found[heading[1]] = []
        if found:
            found[list(found)[-1]].append(cell)
    return found


def test_it_is_of_a_notebook_and_opens_with_its_title_and_a_way_back(path):
    cell = read(path).cells[0]
    assert (path.parents[1] / path.name).exists()
    assert cell.cell_type == "markdown"
    assert re.match(r"# Solutions[.:] \w", cell.source)
    assert f"](../{path.name})" in cell.source


def test_it_has_the_parameters_of_every_notebook(path):
    cell = read(path).cells[1]
    assert cell.metadata.get("tags") == ["parameters"]
    assert all(re.fullmatch(r"\w+ = \S+  # .+", line) for line in cell.source.splitlines())
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in parse(cell).body}
    assert values == PARAMETERS


def test_it_answers_every_exercise_in_its_own_section(path):
    assert list(exercises(path)) == GRADES
    assert list(sections(path)) == GRADES


def test_every_exercise_is_restated_as_it_is_and_answered_in_words_of_ones_own(path):
    for dots, cells in sections(path).items():
        asked = plain(exercises(path)[dots])
        said = plain(" ".join(c.source for c in cells if c.cell_type == "markdown"))
        assert asked in plain(cells[0].source)
        assert len(said.replace(asked, "").split()) >= 15, dots


def plain(text: str) -> str:
    """Words without emphasis; links lead from one folder further down."""
    return re.sub(r"[*>]", "", text).replace("](../", "](")


def test_harder_exercises_are_answered_by_running_something(path):
    for dots in ("••", "•••"):
        cells = [cell for cell in sections(path)[dots] if cell.cell_type == "code"]
        assert any(cell.outputs for cell in cells), dots


def test_its_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", prose(path)):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_its_code_is_short_and_imports_in_its_setup_alone(path):
    for cell in code_cells(path):
        lines = cell.source.splitlines()
        assert len(lines) <= 15
        assert max(map(len, lines)) <= 100
        assert not any(line.lstrip().startswith(("!", "%")) for line in lines)
        has_import = any(isinstance(n, ast.Import | ast.ImportFrom) for n in ast.walk(parse(cell)))
        assert has_import == (cell.metadata.get("tags") == ["setup"])


def test_its_checked_cells_print_and_do_not_depend_on_profile_or_clips(path):
    for cell in (cell for cell in code_cells(path) if CHECK in cell.source):
        assert cell.source.startswith(CHECK)
        assert texts(cell).strip(), "nbval compares nothing where nothing was kept"
        names = {node.id for node in ast.walk(parse(cell)) if isinstance(node, ast.Name)}
        assert not names & {"workspace", "clips", *PARAMETERS}
