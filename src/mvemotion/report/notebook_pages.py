"""Executed notebooks as pages: without what Papermill injected, with words for every picture."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from mvemotion.errors import DataError
from mvemotion.notebook_format import is_injected, nbformat
from mvemotion.report.links import mend_links, refer

CHECK = "# NBVAL_CHECK_OUTPUT"
WIDGET = "application/vnd.jupyter.widget-view+json"
LEFT_OUT = "application/javascript"  # needs scripts from elsewhere
INTERACTIVE = (  # where a widget is, whose own text is the call that makes it
    "Interactive: run this cell in JupyterLab (make lab). The pictures below stand for it here."
)
SHOWN_PARAMETERS = ("profile", "seed", "device")  # the others are paths of one machine
LONGEST_ALT = 320
HANGING = r"(\s+(at|by|for|from|in|of|on|with))?[\s,:;(]*$"  # before what is computed in a title


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read an executed notebook.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise DataError(f"{path}: no notebook ({error}); replicate again, or remove it") from error


def title_and_question(notebook: nbformat.NotebookNode) -> tuple[str, str]:
    """The heading of the first cell, and the question in italics below it, as plain words."""
    text = notebook.cells[0].source if notebook.cells else ""
    title = re.search(r"^# +(.+)$", text, re.M)
    question = re.search(r"^\*([^*\n][^\n]*)\*$", text, re.M)
    return title[1].strip() if title else "", _plain(question[1]) if question else ""


def run_facts(notebook: nbformat.NotebookNode) -> dict:
    """What Papermill noted: the parameters that mean something elsewhere, seconds and the end."""
    noted = notebook.metadata.get("papermill", {})
    given = noted.get("parameters", {})
    return {
        "parameters": {name: given[name] for name in SHOWN_PARAMETERS if name in given},
        "seconds": noted.get("duration"),
        "time": (noted.get("end_time") or "")[:10],
    }


def prepare_notebook(
    notebook: nbformat.NotebookNode, pages: set[str], *, up: str = "../"
) -> nbformat.NotebookNode:
    """The notebook as Sphinx is to read it; the one given is changed.

    Parameters
    ----------
    notebook : NotebookNode
    pages : set of str
        What its links may lead to, relative to it; others become plain text.
    up : str
        From its folder to that of the report.
    """
    notebook.cells = [cell for cell in notebook.cells if not is_injected(cell)]
    for cell, alt in zip(notebook.cells, list(_alternative_texts(notebook)), strict=True):
        if cell.cell_type == "markdown":
            cell.source = refer(mend_links(cell.source, pages), up=up)
        elif cell.cell_type == "code":
            _prepare_code(cell, alt)
    notebook.metadata.pop("widgets", None)
    notebook.metadata.setdefault("language_info", {}).setdefault("pygments_lexer", "ipython3")
    if how := _how_executed(notebook):
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell(how))
    return notebook


def describe_pictures(notebook: nbformat.NotebookNode) -> None:
    """Give each picture without an alternative text the one that its page in the report has."""
    for cell, alt in zip(notebook.cells, list(_alternative_texts(notebook)), strict=True):
        for output in cell.get("outputs", []):
            for kind in output.get("data", {}):
                if kind.startswith("image/"):
                    output.metadata.setdefault(kind, {}).setdefault("alt", alt)


def replace_widgets(outputs: list[nbformat.NotebookNode]) -> None:
    """Let words stand where a widget is, which shows nothing without its kernel."""
    for output in outputs:
        data = output.get("data", {})
        if data.pop(WIDGET, None):
            data["text/plain"] = INTERACTIVE


def _how_executed(notebook: nbformat.NotebookNode) -> str:
    """With what parameters it was run, since the cell of parameters shows the defaults."""
    facts = run_facts(notebook)
    given = [f"{name} `{value}`" for name, value in facts["parameters"].items()]
    return f"*Executed with {', '.join(given)}, {facts['time']}.*" if given else ""


def _prepare_code(cell: nbformat.NotebookNode, alt: str) -> None:
    cell.source = cell.source.removeprefix(CHECK).lstrip("\n")
    cell.metadata["mystnb"] = {"image": {"alt": alt}}
    replace_widgets(cell.outputs)
    for output in cell.outputs:
        output.get("data", {}).pop(LEFT_OUT, None)
    cell.outputs = [output for output in cell.outputs if not _is_emptied(output)]


def _is_emptied(output: nbformat.NotebookNode) -> bool:
    return output.output_type in ("display_data", "execute_result") and not output.data


# --- Alternative texts ----------------------------------------------------------------------------
def _alternative_texts(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """For each cell: the titles in its code, else its section; then what the text tells to see."""
    section = ""
    following = [*notebook.cells[1:], None]
    for cell, after in zip(notebook.cells, following, strict=True):
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ +(.+)$", cell.source, re.M)
            section = headings[-1] if headings else section
            yield ""
            continue
        what = "; ".join(_titles(cell.source)) or f"Picture of the section “{_plain(section)}”"
        yield _cut(f"{what}. {_seen(after)}".strip())


def _titles(source: str) -> list[str]:
    """The words given as ``title=`` in a cell; those of the saved figure alone, if it is saved."""
    try:
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    except SyntaxError:  # magics
        return []
    saving = [call for call in calls if getattr(call.func, "id", "") == "save_figure"]
    keywords = [word for call in saving or calls for word in call.keywords if word.arg == "title"]
    return [text for word in keywords if (text := _words(word.value))]


def _words(value: ast.expr) -> str:
    """A string of the source, as far as it is written there: up to what is computed in it."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return _plain(value.value)
    first = value.values[:1] if isinstance(value, ast.JoinedStr) else []
    known = [part.value for part in first if isinstance(part, ast.Constant)]
    return re.sub(HANGING, "", _plain(known[0])) if known else ""


def _seen(cell: nbformat.NotebookNode | None) -> str:
    """What the text after a picture says of it."""
    text = cell.source if cell is not None and cell.cell_type == "markdown" else ""
    found = re.match(r"\*\*Look\.\*\* (.+)", text)
    return _plain(found[1]) if found else ""


def _plain(text: str) -> str:
    """Without the marks of Markdown, on one line."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\s+", " ", re.sub(r"[*`$]", "", text)).strip()


def _cut(text: str) -> str:
    """Whole sentences as far as they fit, since an alternative text is heard from end to end."""
    if len(text) <= LONGEST_ALT:
        return text
    end = text.rfind(". ", 0, LONGEST_ALT)
    return text[: end + 1] if end > 0 else text[: LONGEST_ALT - 1] + "…"
