"""Builds the site: pages, then Sphinx, then one step that puts it in the place of the old one."""

import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mvemotion.claims import Tier0
from mvemotion.errors import InputError
from mvemotion.files import locked, write_json
from mvemotion.paths import results_dir
from mvemotion.provenance import provenance
from mvemotion.recomputation.report import recompute
from mvemotion.report.pages import write_pages
from mvemotion.report.results_folder import ResultsFolder, check_results, read_results

MARK = "report.json"  # in a report: what made it, and that the folder may be replaced
MATHJAX = "mathjax/tex-svg-full.js"
PAPER = "https://doi.org/10.3390/s21144927"
HARMLESS = ("misc.highlighting_failure",)  # a cell with magics or a shell line stays uncoloured


def build_report(root: Path, out: Path | None = None, *, tier0: Path | None = None) -> Path:
    """Make the report of a results folder.

    Parameters
    ----------
    root : Path
        A folder of ``mvemotion replicate``. Whatever it lacks, the report says so.
    out : Path, optional
        Where the report goes; ``root/report`` if not given. An older report there is replaced in
        one step; an interrupted build leaves it as it was.
    tier0 : Path, optional
        The folder of ``mvemotion replicate --tier 0``; if not given, ``root/tier0`` or else
        ``results/tier0``. Where it is missing, tier 0 is recomputed for this report alone.

    Returns
    -------
    Path
        Its ``index.html``.

    Raises
    ------
    InputError
        If `root` holds no results, `out` is a folder of something else, or another process is
        building there.
    DataError
        If a file of the results cannot be read.
    """
    root, out = Path(root), Path(out) if out else Path(root) / "report"
    check_results(root)
    _check_replaceable(out)
    with _workplace(out) as work:
        found = read_results(root, _tier0(tier0, root, work))
        write_pages(found, work / "source")
        run_sphinx(work / "source", work / "site", found)
        write_json(work / "site" / MARK, provenance() | {"profile": found.profile})
        _replace(out, work / "site", work / "old")
    return out / "index.html"


def run_sphinx(source: Path, site: Path, found: ResultsFolder) -> None:
    """Build the site from its pages; what Sphinx warns of is printed, and stops nothing."""
    from sphinx.application import Sphinx
    from sphinx.util.console import strip_escape_sequences
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    warnings = io.StringIO()
    with patch_docutils(source), docutils_namespace():
        app = Sphinx(
            source,
            None,
            site,
            source.parent / "doctrees",
            "html",
            confoverrides=_settings(found),
            status=None,
            warning=warnings,
            freshenv=True,
        )
        app.build(force_all=True)
    text = strip_escape_sequences(warnings.getvalue()).replace(f"{source}{os.sep}", "").strip()
    if text:
        print(f"report: built, but Sphinx warns:\n{text}", file=sys.stderr)
    for name in (".buildinfo", "objects.inv"):
        (site / name).unlink(missing_ok=True)
    shutil.rmtree(site / "_sources", ignore_errors=True)


def _settings(found: ResultsFolder) -> dict:
    """Sphinx's configuration; nothing in it leads to another host."""
    return {
        "project": "mvemotion",
        "html_title": f"Replication report: {found.profile}",
        "language": "en",
        "extensions": ["myst_nb", "sphinx.ext.mathjax"],
        "suppress_warnings": list(HARMLESS),
        "myst_enable_extensions": ["dollarmath", "amsmath"],
        "nb_execution_mode": "off",
        "nb_merge_streams": True,
        "nb_output_stderr": "remove",  # progress bars; what failed stands in its own cell
        "nb_render_markdown_format": "myst",
        "nb_ipywidgets_js": {},
        "mathjax_path": MATHJAX,
        "mathjax3_config": {"options": {"enableMenu": False}},
        "smartquotes": False,
        "templates_path": ["_templates"],
        "html_static_path": ["_static"],
        "html_extra_path": ["extra"],
        "html_css_files": ["report.css"],
        "html_theme": "pydata_sphinx_theme",
        "html_theme_options": _theme(found),
        "html_sidebars": {"**": ["report-nav.html"]},
        "html_copy_source": False,
        "html_use_index": False,
        "html_show_search_summary": False,  # fetches pages, which browsers refuse from a disk
        "html_permalinks_icon": "#",
        "html_context": {"default_mode": "auto", "paper": PAPER},
    }


def _theme(found: ResultsFolder) -> dict:
    return {
        "logo": {"text": f"mvemotion · {found.profile}", "alt_text": "First page of the report"},
        "navbar_center": [],
        "navbar_end": ["theme-switcher"],
        "navbar_persistent": ["search-button"],
        "search_bar_text": "Search this report",
        "primary_sidebar_end": [],
        "article_header_start": [],
        "secondary_sidebar_items": {"notebooks/[0-9]*": ["page-toc"]},
        "show_toc_level": 2,
        "footer_start": ["report-footer.html"],
        "footer_end": [],
        "pygments_light_style": "a11y-high-contrast-light",
        "pygments_dark_style": "a11y-high-contrast-dark",
    }


# --- Tier 0 and the folders -----------------------------------------------------------------------
def _tier0(given: Path | None, root: Path, work: Path) -> Path:
    """The one that is given, or the first that this commit wrote, or else a new one."""
    if given and (Path(given) / "tier0.json").is_file():
        return Path(given)
    candidates = () if given else (root / "tier0", results_dir() / "tier0")
    found = [folder for folder in candidates if Tier0(folder).is_current()]
    if not found:
        recompute(work / "tier0")
    return found[0] if found else work / "tier0"


def _check_replaceable(out: Path) -> None:
    """Refuse to replace a folder that is not one of our reports."""
    if not out.exists() or (out / MARK).is_file():
        return
    if not out.is_dir() or any(out.iterdir()):
        raise InputError(f"{out}: exists and is no report of ours; name another with --out")


@contextmanager
def _workplace(out: Path) -> Iterator[Path]:
    """A folder beside `out` for one build at a time; what a killed one left is cleared away."""
    work = out.with_name(f".{out.name}.part")
    busy = f"{out}: another process is building this report; wait until it has ended"
    with locked(out.with_name(f".{out.name}.lock"), busy=busy):
        _settle(out, work)
        try:
            work.mkdir(parents=True)
            yield work
        finally:
            _settle(out, work)


def _settle(out: Path, work: Path) -> None:
    """Put the old report back if it was set aside and nothing took its place; then clear up."""
    if (work / "old").exists() and not out.exists():
        os.replace(work / "old", out)
    shutil.rmtree(work, ignore_errors=True)


def _replace(out: Path, new: Path, old: Path) -> None:
    if out.exists():
        os.replace(out, old)
    os.replace(new, out)
