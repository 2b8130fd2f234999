"""The pages, as Markdown and notebooks for Sphinx, from what a results folder holds."""

import os
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape
from PIL import Image

from mvemotion.claims.ledger import LEGEND, OWN, VERDICTS
from mvemotion.course import LESSONS
from mvemotion.files import write_text
from mvemotion.notebook_format import nbformat
from mvemotion.paths import replication_file
from mvemotion.published import TABLES
from mvemotion.report import summary
from mvemotion.report.links import anchor_entries, refer, refer_in_html
from mvemotion.report.notebook_pages import (
    prepare_notebook,
    read_notebook,
    run_facts,
    title_and_question,
)
from mvemotion.report.origins import HASH, duration, origins
from mvemotion.report.paper_figures import FIGURES
from mvemotion.report.results_folder import ResultsFolder
from mvemotion.report.table_rows import (
    KINDS,
    TITLES,
    clip_rows,
    in_words,
    network_rows,
    own_probability_rows,
    probability_rows,
    study_rows,
    table_notes,
    tally,
)
from mvemotion.reporting import earlier_for_reading, save_table
from mvemotion.specs import EMOTIONS

PACKAGE = Path(__file__).parent
MARKS = {"matches": "✓", "close": "≈", "differs": "≠", "yes": "✓", "no": "✗", "cannot tell": "?"}
COPIED = "files"  # of the site: pictures and tables of the results folder, as they are
PLOT_OF_TABLE = "Numbers of the table above, with their 95 % intervals."
MOST_ROWS = 60  # of a table of the results folder that has no form of its own


def write_pages(found: ResultsFolder, source: Path) -> None:
    """Write everything that Sphinx is to read into the folder `source`.

    ``extra`` is copied to the site as it is; the rest becomes pages.
    """
    shutil.copytree(PACKAGE / "static", source / "_static")
    shutil.copytree(PACKAGE / "templates" / "site", source / "_templates")
    environment = _environment(found)
    lessons = _write_notebooks(found, source)
    _copy_files(found, source / "extra")

    def write(name: str, template: str, **content) -> None:
        text = environment.get_template(f"{template}.md.jinja").render(**content)
        write_text(source / f"{name}.md", text)

    write("index", "index", **summary.overview(found))
    for number in TABLES:
        write(f"table-{number}", _template(number), **_table(found, number))
    write("figures", "figures", **_figures(found))
    write("claims", "claims", **_claims(found))
    write("provenance", "provenance", **origins(found))
    write("notebooks/index", "notebooks", notebooks=lessons)
    _write_entries(source)


def _environment(found: ResultsFolder) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PACKAGE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": duration,
        "in_words": in_words,
        "slug": _slug,
        "breakable": _breakable,
        "referring": refer_in_html,
    }
    environment.globals |= {
        "found": found,
        "marks": MARKS,
        "verdicts": VERDICTS,
        "emotions": EMOTIONS,
        "hash_digits": HASH,
        "lesson_of": partial(_lesson_of, found),
    }
    return environment


def _slug(words: str) -> str:
    return words.replace(" ", "-")


def _breakable(network: str) -> Markup:
    """An id that may be broken where its parts meet."""
    return escape(network).replace("+", Markup("+<wbr>"))


# --- Tables ---------------------------------------------------------------------------------------
def _template(number: int) -> str:
    return {1: "table_clips", 7: "table_probabilities", 8: "table_studies"}.get(number, "table")


def _table(found: ResultsFolder, number: int) -> dict:
    content = {
        "number": number,
        "title": TITLES[number],
        "tally": tally(found, number),
        "pictures": [_picture(path, PLOT_OF_TABLE) for path in found.figures(f"table_{number}*")],
    }
    if number == 1:
        return content | {"rows": clip_rows(found)}
    if number == 7:
        return content | {"rows": probability_rows(), "ours": own_probability_rows(found)}
    if number == 8:
        return content | {"rows": study_rows(found), "ours": _own_tables(found, number)}
    rows = network_rows(found, number)
    return content | {"rows": rows, "kinds": KINDS, "notes": table_notes(rows)}


def _own_tables(found: ResultsFolder, number: int) -> list[dict]:
    """Tables of the results folder that a notebook made, less what the page shows already."""
    tables = []
    for path in sorted(found.root.glob(f"tables/table_{number}*.csv")):
        frame = _ours_alone(pd.read_csv(path))
        rows = [[_number(value) for value in row] for row in frame.head(MOST_ROWS).to_numpy()]
        shown = {"name": path.name, "columns": list(frame.columns), "rows": rows}
        tables.append(shown | {"total": len(frame)})
    return tables


def _ours_alone(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the paper's rows beside which ours stand (Table 8)."""
    return earlier_for_reading(frame[frame["is_ours"]]) if "is_ours" in frame else frame


def _number(value) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3f}" if value % 1 else f"{value:.0f}"
    return str(value)


def _lesson_of(found: ResultsFolder, answer: str) -> str:
    """The page of the notebook that answers a table or figure; empty if it was not executed."""
    executed = {path.stem for path in found.notebooks}
    names = [lesson.name for lesson in LESSONS if answer in lesson.answers]
    return next((f"notebooks/{name}.html" for name in names if name in executed), "")


# --- Figures --------------------------------------------------------------------------------------
def _figures(found: ResultsFolder) -> dict:
    shown = {one.number: found.figures(f"figure_{one.number}*") for one in FIGURES}
    known = {path for paths in shown.values() for path in paths}
    known |= set(found.figures("table_*"))
    others = [path for path in found.figures("*") if path not in known]
    return {
        "figures": [(one, [_picture(p, one.ours) for p in shown[one.number]]) for one in FIGURES],
        "others": [_picture(path) for path in others],
        "errors": [row for name, row in found.ledger.iterrows() if name.startswith("confusion/")],
    }


def _picture(path: Path, alt: str = "") -> dict:
    """Where a picture is on the site, its size, title, and what made it."""
    with Image.open(path) as image:
        width, height = image.size
        title = image.info.get("Title") or path.stem.replace("_", " ")
        made = image.info.get("Description", "")
    return {
        "path": f"{COPIED}/figures/{path.name}",
        "width": width,
        "height": height,
        "title": title,
        "alt": f"{title}. {alt}".strip() if alt else f"{title}.",
        "origin": summary.figure_origin(made),
    }


def _copy_files(found: ResultsFolder, extra: Path) -> None:
    """Pictures, what is shown as data, and the audit's page, which links to nothing outside it."""
    pictures, tables = extra / COPIED / "figures", extra / COPIED / "tables"
    for folder, paths in (
        (pictures, found.figures("*")),
        (tables, found.root.glob("tables/*.csv")),
    ):
        folder.mkdir(parents=True)
        for path in paths:
            shutil.copyfile(path, folder / path.name)
    for number, frame in found.tables.items():
        save_table(frame, tables / f"table_{number}.csv")
    save_table(found.ledger, extra / COPIED / "ledger.csv")
    if (found.root / "audit" / "index.html").is_file():
        shutil.copytree(found.root / "audit", extra / "audit")


# --- Claims, entries and notebooks ----------------------------------------------------------------
def _claims(found: ResultsFolder) -> dict:
    ledger = found.ledger
    is_cell = ledger["id"].str.startswith("table-") & (ledger["place"] != "Table 1 Total")
    cells = ledger[is_cell]
    said = cells[cells["verdict"].isin(("close", "differs")) | (cells["own"] == "no")]
    sentences = ledger[~is_cell]
    return {
        "legend": LEGEND.replace("*", ""),
        "sentences": sentences.to_dict("records"),
        "cells": said.to_dict("records"),
        "cell_counts": [tally(found, number) for number in TABLES],
        "total": len(ledger),
        "counts": Counter(sentences["verdict"]),
        "own": {word: int((sentences["own"] == word).sum()) for word in OWN},
    }


def _write_entries(source: Path) -> None:
    """The numbered discrepancies and assumptions, each with an anchor of its own."""
    for name, prefix in (("discrepancies", ""), ("assumptions", "assumption-")):
        text = replication_file(f"{name}.md").read_text(encoding="utf-8")
        write_text(source / f"{name}.md", anchor_entries(refer(text), prefix))


def _write_notebooks(found: ResultsFolder, source: Path) -> list[dict]:
    """Write the notebooks to be shown; returns what their index says of them."""
    shown = [*found.notebooks, *found.failed_notebooks]
    names = {path: _page_name(path, found.root) for path in shown}
    pages = [*(f"{name}.ipynb" for name in names.values()), "index.md"]
    lessons = []
    for path, name in names.items():
        notebook = read_notebook(path)
        title, question = title_and_question(notebook)
        facts = run_facts(notebook) | {"name": name, "title": title or name, "question": question}
        lessons.append(facts | {"is_failed": path in found.failed_notebooks})
        if not title:  # a page needs one
            notebook.cells.insert(0, nbformat.v4.new_markdown_cell(f"# {name}"))
        target = source / "notebooks" / f"{name}.ipynb"
        folder = os.path.dirname(name)
        near = {os.path.relpath(page, folder or ".") for page in pages}
        prepared = prepare_notebook(notebook, near, up="../../" if folder else "../")
        write_text(target, nbformat.writes(prepared))
    return lessons


def _page_name(path: Path, root: Path) -> str:
    """Of a notebook, under ``notebooks``."""
    return path.relative_to(root / "notebooks").with_suffix("").as_posix()
