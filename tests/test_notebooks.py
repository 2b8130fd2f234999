"""The notebooks as documents: their parts and their cells.

That they run, and that cells marked NBVAL_CHECK_OUTPUT still print the same, is shown by nbval, in
`test_notebook_outputs.py`.
"""

import ast
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from mvemotion.claims import list_claims
from mvemotion.media.sampling import frame_indices
from mvemotion.parts import count_parts
from mvemotion.paths import notebooks_dir, replication_file
from mvemotion.published import published_confusions, published_table
from mvemotion.reporting import networks_table
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import confused_pairs
from mvemotion.timeline import window_starts

PATHS = sorted(notebooks_dir().glob("[0-9][0-9]_*.ipynb"))
PARAMETERS = {
    "profile": "smoke",
    "data": "",
    "store": "",
    "results": "",
    "seed": 0,
    "device": "auto",
}
LAST_PARTS = ["Compare with the paper", "What we learned", "Exercises", "Where next"]
TABLES = {"04": 2, "05": 3, "06": 4, "07": 5, "08": 6}
CHECK = "# NBVAL_CHECK_OUTPUT"

pytestmark = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path: Path):
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path: Path) -> str:
    return "\n\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")


def texts(cell) -> str:
    """All text of a cell's outputs."""
    parts = []
    for output in cell.outputs:
        parts.append(output.get("text", ""))
        parts += [str(v) for k, v in output.get("data", {}).items() if k.startswith("text/")]
    return "\n".join(parts)


def listed(name: str, prefix: str = "") -> set[str]:
    """Numbers of the entries of a list of the replication: ``**3. Frames searched.** ...``."""
    text = replication_file(name).read_text(encoding="utf-8")
    return set(re.findall(rf"^\*\*({prefix}\d+)\. ", text, flags=re.MULTILINE))


def test_it_opens_with_title_question_aims_time_and_paper(path):
    cell = read(path).cells[0]
    lines = cell.source.splitlines()
    assert cell.cell_type == "markdown"
    assert lines[0].startswith("# ")
    assert any(line.startswith("*") and line.endswith("?*") for line in lines)
    order = ["**You will be able to**", "**Time.**", "CPU", "GPU", "**Paper:**", "**Needs:**"]
    places = [cell.source.find(words) for words in order]
    assert -1 not in places
    assert places == sorted(places)


def test_its_parameters_come_second_with_a_comment_each(path):
    cell = read(path).cells[1]
    assert cell.metadata.get("tags") == ["parameters"]
    assert all(re.fullmatch(r"\w+ = \S+  # .+", line) for line in cell.source.splitlines())
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in parse(cell).body}
    assert values == PARAMETERS


def test_its_setup_opens_the_workspace_with_every_parameter(path):
    setup = next(c for c in code_cells(path) if c.metadata.get("tags") == ["setup"])
    call = next(
        node
        for node in ast.walk(parse(setup))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "open_workspace"
    )
    assert [argument.id for argument in call.args] == ["profile"]
    assert {k.arg: k.value.id for k in call.keywords} == {
        name: name for name in ("data", "store", "results", "device")
    }


def test_its_parts_are_in_order(path):
    parts = re.findall(r"^## (.+)$", prose(path), flags=re.MULTILINE)
    assert parts[0] == "Setup"
    assert parts[-len(LAST_PARTS) :] == LAST_PARTS
    assert len(parts) == len(set(parts))


def test_it_asks_before_it_runs_and_looks_after(path):
    cells = read(path).cells
    assert prose(path).count("**Predict.**") >= 3
    assert prose(path).count("**Look.**") >= 3
    kinds = "".join("m" if c.cell_type == "markdown" else "c" for c in cells)
    assert kinds.startswith("mcmc")
    assert "cccc" not in kinds


def test_its_exercises_rise_from_one_dot_to_three(path):
    exercises = prose(path).split("## Exercises")[1].split("## Where next")[0]
    assert re.findall(r"^\*\*(•+)\*\* ", exercises, flags=re.MULTILINE) == ["•", "••", "•••"]


def test_quotations_name_their_section(path):
    quotes = re.findall(r"(?:^> .+\n?)+", prose(path), flags=re.MULTILINE)
    assert quotes
    assert all(re.search(r"\(Section \d(\.\d)?\)$", quote.strip()) for quote in quotes)


def test_it_says_that_other_clips_say_nothing_about_the_papers_scores(path):
    comparison = prose(path).split("## Compare with the paper")[1]
    assert "**nothing about the paper's scores**" in " ".join(comparison.split())
    assert "ntested*" in comparison


def test_its_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", prose(path)):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_it_ends_with_a_link_to_the_next_one(path):
    onward = re.findall(r"\]\((.+?)\)", prose(path).split("## Where next")[1])
    (following,) = PATHS[PATHS.index(path) + 1 :][:1] or [path.parent / "solutions" / path.name]
    assert onward[0] == str(following.relative_to(path.parent))


def test_the_assumptions_and_discrepancies_it_names_exist(path):
    sources = "\n".join(cell.source for cell in read(path).cells)
    assumptions = re.findall(r"\bassumptions? ((?:\w*\d+(?:, | and )?)+)", sources, re.IGNORECASE)
    discrepancies = set(re.findall(r"\bD\d+\b", sources))
    assert discrepancies
    assert set(re.findall(r"\w*\d+", " ".join(assumptions))) <= listed("assumptions.md")
    assert discrepancies <= listed("discrepancies.md", "D")
    assert "numbered assumption" not in sources, "name its number"


def test_the_index_lists_it(path):
    assert f"]({path.name})" in (path.parent / "README.md").read_text(encoding="utf-8")


def test_its_code_is_short_and_leaves_the_work_to_the_package(path):
    forbidden = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.While)
    for cell in code_cells(path):
        lines = cell.source.splitlines()
        assert len(lines) <= 15
        assert max(map(len, lines)) <= 100
        assert not any(line.lstrip().startswith(("!", "%")) for line in lines)
        assert "sys.path" not in cell.source
        nodes = list(ast.walk(parse(cell)))
        assert not any(isinstance(node, forbidden) for node in nodes)
        loops = [ast.unparse(node) for node in nodes if isinstance(node, ast.For)]
        assert not any("train" in loop for loop in loops)


def test_it_imports_in_its_setup_alone(path):
    for cell in code_cells(path):
        has_import = any(isinstance(n, ast.Import | ast.ImportFrom) for n in ast.walk(parse(cell)))
        assert has_import == (cell.metadata.get("tags") == ["setup"])


def test_checked_cells_print_and_do_not_depend_on_profile_or_clips(path):
    checked = [cell for cell in code_cells(path) if CHECK in cell.source]
    assert checked
    for cell in checked:
        assert cell.source.startswith(CHECK)
        assert cell.execution_count
        assert texts(cell).strip(), "nbval compares nothing where nothing was kept"
        names = {node.id for node in ast.walk(parse(cell)) if isinstance(node, ast.Name)}
        assert not names & {"workspace", "clips", *PARAMETERS}


def test_its_numbers_are_those_of_the_package_today(path):
    everything = "\n".join(texts(cell) for cell in code_cells(path))
    best = next(c for c in published_confusions() if c.checkpoint.endswith("best2"))
    table_1 = published_table(1).drop(columns=["row", "Emotion Adjectives"])
    table_8 = published_table(8).drop(columns=["row", "clips_in_text"])
    table_8 = table_8.astype({"reference_in_text": "Int64"})
    mistaken = pd.Series(best.matrix.sum(axis=0) - best.matrix.diagonal(), index=EMOTIONS)
    claims = pd.DataFrame([(one.kind, one.tier) for one in list_claims()], columns=["kind", "tier"])
    tiers = pd.crosstab(claims["kind"], claims["tier"], margins=True, margins_name="all")
    smallest = sum(part.parameters for part in count_parts("video_a2+music_a2+face_a2"))
    exchanges = [p.parameters for p in count_parts("video_a3_mmtm") if p.kind == "MMTM"]
    expected = {
        "00": f"{smallest} parameters",
        "01": table_1.to_string(index=False),
        "02": " ".join(map(str, frame_indices(64, 8))),
        "03": str(exchanges),
        **{name: networks_table(table).to_string() for name, table in TABLES.items()},
        "09": confused_pairs(best.matrix).head(6).to_string(index=False),
        "10": mistaken.to_string(),
        "11": f"{len(window_starts(180, 30, 10, tail_s=0.25))} windows",
        "12": table_8.to_string(index=False, na_rep=""),
        "13": tiers.to_string(),
    }
    assert expected[path.stem[:2]] in everything


def parse(cell) -> ast.Module:
    return ast.parse(cell.source)


def test_it_shows_a_picture(path):
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
