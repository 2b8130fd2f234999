"""A small results folder with everything a report shows: trained, failed, drawn and executed."""

import base64
import io
import tempfile
from functools import cache
from pathlib import Path

import nbformat
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mvemotion.figures import save_figure
from mvemotion.files import write_json, write_text
from mvemotion.profiles import Profile
from mvemotion.published import NETWORK_TABLES, published_parameters
from mvemotion.replication import Workspace
from mvemotion.specs import EMOTIONS
from stores import TINY, make_store

_FOLDER = tempfile.TemporaryDirectory()  # until the process ends
TRAINED, FAILED = "music_a2", "face_a2_se"
TRACEBACK = 'Traceback (most recent call last):\n  File "<x>", line 1\nDivergedError: loss & <nan>'
FORMULA = r"A squeeze is $s_c = \frac{1}{HW}\sum_{h,w} x_{chw}$, and"
DISPLAYED = (
    r"$$\hat y = \operatorname{softmax}\left(W \, [s_{music}; s_{video}; s_{face}] + b\right)$$"
)
EXTERNAL = "https://widgets.example/embed.js"


@cache
def results_folder() -> Path:
    """One network trained with two seeds, one that failed, two notebooks and one unfinished."""
    root = Path(_FOLDER.name) / "mini"
    store = make_store(root / "store", {"Train": 1, "Validation": 1, "test": 1})
    profile = Profile(
        name="mini",
        description="for tests",
        dataset="synthetic",
        rows=(TRAINED, FAILED),
        references=("music_svm",),  # left out: these clips have no files of their own
        clip_format=TINY,
        training={"epochs": 1, "batch_size": 3},
    )
    workspace = Workspace(profile, root, store, device="cpu")
    for seed in (0, 1):
        workspace.train_row(TRAINED, seed=seed)
    for number in NETWORK_TABLES:
        workspace.compare_table(number)
    write_json(root / "summary.json", workspace.summary())
    outcome = {"status": "failed", "error": "the loss is nan", "traceback": TRACEBACK}
    write_json(root / "runs" / FAILED / "seed-0" / "outcome.json", outcome | {"seconds": 75.2})
    for name in ("table_3", "figure_5", "figure_6", "roc"):
        save_figure(_figure(), root / "figures" / f"{name}.png", title=f"Title of {name}")
    outputs = ",".join(f"s_{emotion}" for emotion in EMOTIONS)
    clips = "Sad,test/Sad/a,Fear,0.1,0.75,0.2,0.3,0.25,0.4\nFear,,,,,,,,\n"
    write_text(root / "tables" / "table_7.csv", f"Ground truth,id,predicted,{outputs}\n{clips}")
    _write_notebooks(root / "notebooks")
    return root


@cache
def tier0_folder() -> Path:
    """Tier 0 with every printed count as if counted, two but one: of the first network."""
    counts = published_parameters()
    rows = [{"id": name, "parameters": count} for name, count in counts.items()]
    rows[0]["parameters"] += 6
    folder = Path(_FOLDER.name) / "tier0"
    write_json(folder / "tier0.json", {"census": rows})
    return folder


def notebook(title: str, *, formulas: bool = False) -> nbformat.NotebookNode:
    """An executed notebook as Papermill leaves it."""
    cells = [
        new_markdown_cell(f"# {title}\n\n*What does it show?*\n\n- one goal"),
        new_code_cell('profile = "smoke"', metadata={"tags": ["parameters"]}),
        new_code_cell('store = "/home/x/store"', metadata={"tags": ["injected-parameters"]}),
        new_markdown_cell("## Training\n\nSee [04](04_a.ipynb), [99](99_gone.ipynb), D5 (D5)."),
        new_code_cell("# NBVAL_CHECK_OUTPUT\nprint(1)", outputs=[new_output("stream", text="1\n")]),
        new_code_cell(_LONG_LINE, outputs=[_wide_table(), _widget()]),
        new_code_cell('plot_roc(ax=ax, title=f"ROC of {row}")', outputs=[_picture()]),
        new_markdown_cell("**Look.** The *dotted* line is chance, as in [04](04_a.ipynb). More."),
        new_code_cell("plot_history(runs)", outputs=[_picture()]),
    ]
    if formulas:
        cells.insert(4, new_markdown_cell(f"{FORMULA}\n\n{DISPLAYED}"))
    noted = {"parameters": {"profile": "mini", "seed": 0, "store": "/home/x"}, "duration": 12.5}
    noted["end_time"] = "2026-01-02T03:04:05+00:00"
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    return new_notebook(cells=cells, metadata={"papermill": noted, "widgets": widgets})


_LONG_LINE = f"frame = make({', '.join(f'argument_{n}={n}' for n in range(30))})"


def _write_notebooks(folder: Path) -> None:
    written = {
        "04_a": notebook("Faces"),
        "05_table3_music": notebook("Music", formulas=True),
        "06_b.failed": notebook("Video"),
        "solutions/05_table3_music": notebook("Solutions of 05"),
    }
    for name, content in written.items():
        write_text(folder / f"{name}.ipynb", nbformat.writes(content))


def _wide_table() -> nbformat.NotebookNode:
    cells = "".join(f"<td>column {n}</td>" for n in range(40))
    html = f'<table border="1" class="dataframe"><tr>{cells}</tr></table>'
    return new_output("execute_result", {"text/html": html, "text/plain": "a table"})


def _widget() -> nbformat.NotebookNode:
    kinds = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    script = {"application/javascript": f'require(["{EXTERNAL}"])'}
    return new_output("display_data", kinds | script | {"text/plain": "a slider at 3"})


def _picture() -> nbformat.NotebookNode:
    stream = io.BytesIO()
    _figure().savefig(stream, format="png")
    data = {"image/png": base64.b64encode(stream.getvalue()).decode(), "text/plain": "<Figure>"}
    return new_output("display_data", data)


def _figure() -> Figure:
    figure = Figure(figsize=(9, 3))
    figure.subplots().plot([0, 1], [0, 1])
    return figure
