"""What the report says: every number with its verdict and origin, failures and gaps first."""

import hashlib
import json
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from mvemotion.baselines import LABELS
from mvemotion.claims import list_claims
from mvemotion.claims.ledger import VERDICTS
from mvemotion.errors import DataError, InputError
from mvemotion.files import read_json, write_json, write_text
from mvemotion.published import NETWORK_TABLES, published_parameters, published_table
from mvemotion.report import build_report
from mvemotion.report.links import anchor_entries, numbered_entries, refer
from mvemotion.report.notebook_pages import INTERACTIVE, prepare_notebook
from mvemotion.report.origins import Lettered, config_hash, origins
from mvemotion.report.pages import PACKAGE, write_pages
from mvemotion.report.paper_figures import FIGURES
from mvemotion.report.results_folder import read_results
from mvemotion.report.summary import what_clips_show
from mvemotion.report.table_rows import network_rows, table_notes
from mvemotion.specs import EMOTIONS, list_networks
from report_files import (
    EXTERNAL,
    FAILED,
    TRACEBACK,
    TRAINED,
    notebook,
    results_folder,
    tier0_folder,
)


@pytest.fixture(scope="module")
def found():
    return read_results(results_folder(), tier0_folder())


@pytest.fixture(scope="module")
def source(found, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages") / "source"
    write_pages(found, folder)
    return folder


def page(source: Path, name: str) -> BeautifulSoup:
    """What the HTML of a page's Markdown holds."""
    return BeautifulSoup((source / f"{name}.md").read_text(), "html.parser")


# --- Tables ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("table", NETWORK_TABLES)
def test_every_row_of_a_table_stands_beside_the_papers_numbers(found, table):
    rows = {row.network: row for row in network_rows(found, table)}
    assert [name for name in rows if name] == list(list_networks(table))
    for printed in published_table(table).to_dict("records"):
        cells = rows[printed["id"]].cells
        assert float(cells["accuracy"].paper) == pytest.approx(printed["Test Accuracy"], abs=5e-5)
        assert float(cells["auc"].paper) == printed["ROC AUC Score"]
        assert int(cells["parameters"].paper.replace(",", "")) == printed["Parameters"]


def test_references_stand_above_the_papers_networks_with_a_reason_where_left_out(source, found):
    table = page(source, "table-3").select_one("table.compared tbody")
    rules = [row.text.strip() for row in table.select("tr.rule")]
    assert rules == ["Reference, not in the paper", "The paper’s networks"]
    rows = table.find_all("tr")
    first, second = (rows.index(row) for row in table.select("tr.rule"))
    assert [row.th.text for row in rows[first + 1 : second]] == list(LABELS.values())[:3]
    assert "reference" not in str(rows[second + 1 :])
    assert [cell.text for cell in rows[second - 1].find_all("td")][1::2][:3] == ["left out"] * 3
    assert "own files lie is not known" in page(source, "table-3").select_one(".notes").text
    assert all(not row.is_reference for row in network_rows(found, 4)[2:])
    operations = {row.network: row.gflops for row in network_rows(found, 3)}
    assert (operations["music_a0"], operations[""]) == ("19.9", "")


def test_our_number_has_an_interval_a_verdict_and_its_run_as_origin(found):
    row = next(row for row in network_rows(found, 3) if row.network == TRAINED)
    runs = [run for run in found.runs if run.network == TRAINED]
    scores = [run.metrics["test"]["accuracy"] for run in runs]
    cell = row.cells["accuracy"]
    assert cell.ours == f"{sum(scores) / 2:.3f}"
    low, high = map(float, cell.interval.split("–"))
    assert low <= float(cell.ours) <= high
    assert "2 runs" in cell.note
    assert cell.verdict == "untested"
    assert "synthetic" in cell.reason
    assert cell.link == f"provenance.html#run-{TRAINED}-seed-0"
    assert "seed-0, seed-1" in cell.origin
    assert row.clips == 6


def test_counts_are_judged_against_tier_0(found):
    verdicts = {
        row.network: row.cells["parameters"].verdict
        for table in NETWORK_TABLES
        for row in network_rows(found, table)
        if row.cells["parameters"].paper
    }
    first = next(iter(published_parameters()))
    assert [name for name, verdict in verdicts.items() if verdict == "differs"] == [first]
    assert set(verdicts.values()) == {"matches", "differs"}


def test_rows_that_were_not_run_have_no_number_and_no_link(found):
    rows = [row for row in network_rows(found, 2) if row.network]
    assert len(rows) == len(list_networks(2))
    for row in rows:
        assert not row.cells["accuracy"].ours
        assert not row.cells["accuracy"].link
        assert row.cells["parameters"].link == "provenance.html#tier-0"


def test_each_reason_is_told_once_with_the_rows_that_it_holds_for(found):
    notes = table_notes(network_rows(found, 3))
    assert len({note for note, _ in notes}) == len(notes)
    reason = next(whom for note, whom in notes if "synthetic" in note)
    assert reason == TRAINED


def test_a_table_links_every_number_of_ours_to_a_row_of_the_origins(source):
    anchors = {tag["id"] for tag in page(source, "provenance").select("[id]")} | {"tier-0", "data"}
    for number in (1, *NETWORK_TABLES):
        links = [tag["href"] for tag in page(source, f"table-{number}").select("a.number-link")]
        assert links
        for link in links:
            target, _, anchor = link.partition("#")
            assert target == "provenance.html"
            assert anchor in anchors


def test_a_network_that_failed_is_called_so_in_its_table(source):
    row = page(source, "table-2").find("code", string=FAILED).find_parent("tr")
    assert [tag.text for tag in row.select("a.verdict")] == ["failed"] * 3
    assert row.select_one("a.verdict")["href"] == f"provenance.html#run-{FAILED}-seed-0"


def test_table_1_shows_the_clips_at_hand(source):
    table = page(source, "table-1").select_one("table")
    rows = [row.th.contents[0] for row in table.select("tbody tr")]
    assert rows == [*EMOTIONS, "Total"]
    assert [tag.text for tag in table.select("tbody tr:last-child .number-link")] == ["6"] * 3


def test_our_clips_of_table_7_stand_below_the_papers_in_its_form(source):
    table = page(source, "table-7").select("table")[1]
    first, second = table.select("tbody tr")
    values = ["0.100", "0.750", "0.200", "0.300", "0.250", "0.400"]
    assert [tag.text for tag in first.select("td")] == [*values, "Fear"]
    assert [tag.text for tag in first.select("td.own")] == ["0.250"]
    assert [tag.text for tag in second.select("td")] == [""] * 7
    assert second.select_one("th").text == "Fearno clip"


# --- The first page -------------------------------------------------------------------------------
def test_a_failure_stands_first_with_its_traceback_in_a_fold(source):
    box = page(source, "index").select_one(".failures")
    assert "1 network failed, 1 notebook did not finish" in box.h2.text
    assert box.select_one("details pre").text == TRACEBACK
    assert "1 min 15 s" in box.summary.text
    assert box.find("a", string="06_b.failed")["href"] == "notebooks/06_b.failed.html"


def test_verdicts_are_counted_over_every_claim(source, found):
    tally = page(source, "index").select(".tally div")
    assert [box.dt.text for box in tally] == list(VERDICTS)
    assert sum(int(box.dd.text) for box in tally) == len(found.ledger)


def test_what_is_missing_has_the_command_that_makes_it(source):
    lines = {tag.text: tag.code.text for tag in page(source, "index").select(".missing li")}
    audit = next(command for words, command in lines.items() if "audited" in words)
    assert audit == "mvemotion replicate --profile mini --only table1"
    assert any(words.startswith("40 of 41 networks have no score") for words in lines)


def test_a_folder_with_next_to_nothing_says_so_on_every_page(tmp_path):
    write_json(tmp_path / "bare" / "plan.json", {"left_out": {"video_c3d": "its input is missing"}})
    write_pages(read_results(tmp_path / "bare", tier0_folder()), tmp_path / "source")
    missing = page(tmp_path / "source", "index").select_one(".missing").text
    parts = ("No network", "summary.json", "No notebook", "No figure", "row zero", "video_c3d")
    for part in parts:
        assert part in missing
    assert "not known" in page(tmp_path / "source", "table-1").text
    assert "No network has been run" in page(tmp_path / "source", "provenance").text
    assert "None has been executed" in page(tmp_path / "source", "notebooks/index").text


def test_the_audit_is_taken_along(tmp_path):
    write_text(tmp_path / "audit" / "index.html", "<p>audited</p>")
    write_json(tmp_path / "summary.json", {"dataset": "sample"})
    write_pages(read_results(tmp_path, tier0_folder()), tmp_path / "source")
    assert (tmp_path / "source" / "extra" / "audit" / "index.html").is_file()
    assert page(tmp_path / "source", "index").select_one("a[href='audit/index.html']")
    assert "audited" not in page(tmp_path / "source", "index").select_one(".missing").text


@pytest.mark.parametrize(
    ("dataset", "test", "words"),
    [
        ("synthetic", 2, "drawn by a program"),
        ("sample", 2, "12 test clips: each moves an accuracy by 8.3 points"),
        ("paper", 2, "not the paper’s 300 test clips"),
        (None, 2, "No file in this folder says what clips these are"),
    ],
)
def test_the_report_says_what_its_clips_can_show(tmp_path, dataset, test, words):
    summary = {"classes": {"test": dict.fromkeys(EMOTIONS, test)}}
    write_json(tmp_path / "summary.json", summary | ({"dataset": dataset} if dataset else {}))
    found = read_results(tmp_path, tier0_folder())
    assert words in " ".join(what_clips_show(found))


def test_the_papers_own_300_clips_are_compared(tmp_path):
    summary = {"dataset": "paper", "classes": {"test": dict.fromkeys(EMOTIONS, 50)}}
    write_json(tmp_path / "summary.json", summary)
    sentences = " ".join(what_clips_show(read_results(tmp_path, tier0_folder())))
    assert "no score is compared" not in sentences
    assert "0.44 to 0.56" in sentences  # Wilson's interval of 150 in 300


# --- Claims, entries, figures ---------------------------------------------------------------------
def test_every_sentence_is_there_with_its_verdict(source, found):
    shown = page(source, "claims").select(".ledger .claim")
    cells = [x for x in list_claims() if x.id.startswith("table-") and x.place != "Table 1 Total"]
    assert len(shown) == len(list_claims()) - len(cells)
    for claim in shown:
        row = found.ledger.loc[claim["id"].removeprefix("claim-")]
        assert claim["data-verdict"] == row["verdict"]
        assert row["quote"] in claim.text


def test_every_filter_has_a_rule_of_the_style_sheet(source):
    style = (PACKAGE / "static" / "report.css").read_text()
    values = {tag["value"] for tag in page(source, "claims").select(".filters input")} - {"any"}
    assert values
    for value in values:
        assert f'[value="{value}"]:checked) .claim:not([data-' in style


def test_every_figure_of_the_paper_is_described_and_ours_has_words(source):
    figures = page(source, "figures")
    assert figures.text.count("## Figure ") == len(FIGURES) == 7
    pictures = {tag["src"]: tag["alt"] for tag in figures.select("img")}
    assert set(pictures) == {f"files/figures/{n}.png" for n in ("figure_5", "figure_6", "roc")}
    assert pictures["files/figures/figure_5.png"].startswith("Title of figure_5. ")
    assert all(len(alt) > 10 for alt in pictures.values())
    assert "--only figure7" in figures.text


def test_every_numbered_entry_has_an_anchor_and_its_citations_are_links(source):
    text = (source / "discrepancies.md").read_text()
    assert all(f"({name})=\n" in text for name in numbered_entries() if name.startswith("d"))
    assert "(assumption-7)=\n**7." in (source / "assumptions.md").read_text()
    assert "discrepancy [D9](discrepancies.md#d9)" in (source / "assumptions.md").read_text()


def test_an_entry_that_does_not_exist_is_no_link():
    assert refer("(D5), discrepancy D999, assumption 999") == (
        "([D5](discrepancies.md#d5)), discrepancy D999, assumption 999"
    )
    assert anchor_entries("text **D5. x**", "") == "text **D5. x**"


# --- Notebooks ------------------------------------------------------------------------------------
@pytest.fixture
def prepared():
    return prepare_notebook(notebook("Music"), {"04_a.ipynb", "index.md"})


def test_what_papermill_injected_is_not_shown_but_told(prepared):
    text = nbformat.writes(prepared)
    assert "injected-parameters" not in text
    assert "/home/x" not in "".join(cell.source for cell in prepared.cells)
    assert prepared.cells[1].source == "*Executed with profile `mini`, seed `0`, 2026-01-02.*"


def test_links_lead_to_pages_that_there_are(prepared):
    training = next(cell.source for cell in prepared.cells if "Training" in cell.source)
    assert "[04](04_a.ipynb), 99, D5 ([D5](../discrepancies.md#d5))." in training


def test_outputs_that_need_a_network_give_way_to_their_text(prepared):
    assert EXTERNAL not in nbformat.writes(prepared)
    assert "widgets" not in prepared.metadata
    assert any(
        output.get("data", {}) == {"text/plain": INTERACTIVE}
        for cell in prepared.cells
        for output in cell.get("outputs", [])
    )


def test_a_picture_is_told_by_its_title_its_section_and_what_to_look_at(prepared):
    pictures = [
        cell.metadata["mystnb"]["image"]["alt"]
        for cell in prepared.cells
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
    ]
    assert pictures == [
        "ROC. The dotted line is chance, as in 04. More.",
        "Picture of the section “Training”.",
    ]


def test_marks_for_the_tests_of_notebooks_are_not_shown(prepared):
    assert any(cell.source == "print(1)" for cell in prepared.cells)


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    write_text(tmp_path / "notebooks" / "01_x.ipynb", "{}")
    with pytest.raises(DataError, match=r"01_x\.ipynb: no notebook"):
        write_pages(read_results(tmp_path, tier0_folder()), tmp_path / "source")


# --- Origins --------------------------------------------------------------------------------------
def test_every_run_has_its_commit_configuration_data_time_and_memory(found):
    shown = origins(found)
    rows = {row["run"].anchor: row for row in shown["runs"]}
    assert set(rows) == {f"run-{TRAINED}-seed-0", f"run-{TRAINED}-seed-1", f"run-{FAILED}-seed-0"}
    row, folder = rows[f"run-{TRAINED}-seed-1"], found.root / "runs" / TRAINED / "seed-1"
    config = read_json(folder / "config.json")
    assert row["seed"] == 1
    assert row["config_hash"] == config_hash(config)
    assert row["checksum"] == config["store_checksum"] == shown["data"]["store_checksum"]
    assert row["trained_by"] == read_json(folder / "run.json")["commit"]
    assert row["memory_mb"] > 100
    assert row["wall"].endswith(" s")
    assert shown["environments"].records[row["environment"]]["torch"]
    assert shown["settings"].records[row["settings"]]["batch_size"] == 3
    assert rows[f"run-{FAILED}-seed-0"]["run"].status == "failed"


def test_the_manifest_is_known_by_its_hash_and_ffmpeg_by_its_version(found):
    shown = origins(found)
    manifest = (found.root / "store" / "manifest.csv").read_bytes()
    assert shown["data"]["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert set(shown["report"]["ffmpeg_libraries"]) >= {"libavcodec", "libavformat"}


def test_equal_records_share_a_letter_and_others_do_not():
    lettered = Lettered()
    letters = [lettered.letter({"n": n % 30, "m": 0}, str(n)) for n in range(60)]
    assert letters[:30] == letters[30:]
    assert len(set(letters)) == 30
    assert letters[25:28] == ["Z", "AA", "AB"]
    assert [(name, differs) for name, _, differs in lettered.rows] == [("n", True), ("m", False)]


# --- The site -------------------------------------------------------------------------------------
def test_mathjax_is_the_file_that_its_readme_names():
    folder = PACKAGE / "static" / "mathjax"
    text = (folder / "README.md").read_text()
    digest = hashlib.sha256((folder / "tex-svg-full.js").read_bytes()).hexdigest()
    assert re.search(r"SHA-256: `(\w+)`", text)[1] == digest
    assert "Apache License" in (folder / "LICENSE").read_text()
    version = re.search(r"\*\*(\d+\.\d+\.\d+)\*\*", text)[1]
    assert f'"{version}"' in (folder / "tex-svg-full.js").read_text()


def test_a_folder_without_results_is_refused_and_left_alone(tmp_path):
    with pytest.raises(InputError, match="no results in it"):
        build_report(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    write_text(tmp_path / "mine" / "thesis.txt", "years of work")
    with pytest.raises(InputError, match="no report of ours"):
        build_report(results_folder(), tmp_path / "mine", tier0=tier0_folder())
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.slow
def test_a_build_that_fails_leaves_the_old_report(tmp_path):
    root, out = tmp_path / "results", tmp_path / "out"
    (root / "figures").mkdir(parents=True)
    index = build_report(root, out, tier0=tier0_folder())
    old = index.read_text()
    write_text(root / "notebooks" / "01_x.ipynb", "not JSON")
    with pytest.raises(DataError, match=r"01_x\.ipynb: no notebook"):
        build_report(root, out, tier0=tier0_folder())
    assert index.read_text() == old
    assert json.loads((out / "report.json").read_text())["profile"] == "results"
    assert {path.name for path in tmp_path.iterdir()} == {"results", "out", ".out.lock"}


@pytest.mark.slow
def test_what_sphinx_warns_of_is_told_and_stops_nothing(tmp_path, capsys):
    root = tmp_path / "results"
    untitled = nbformat.v4.new_markdown_cell("A ```{no-such-directive}```\n\n```{nor-this}\n```")
    write_text(root / "notebooks" / "01_x.ipynb", nbformat.writes(_only(untitled)))
    index = build_report(root, tier0=tier0_folder())
    warnings = capsys.readouterr().err.splitlines()
    assert "notebooks/01_x.ipynb" in warnings[1]
    assert all("nor-this" in line for line in warnings[1:])
    page = BeautifulSoup((index.parent / "notebooks" / "01_x.html").read_text(), "html.parser")
    assert page.h1.text.startswith("01_x")


@pytest.mark.slow
def test_what_a_killed_build_set_aside_is_put_back(tmp_path):
    root, out = tmp_path / "results", tmp_path / "out"
    (root / "figures").mkdir(parents=True)
    write_text(tmp_path / ".out.part" / "old" / "report.json", "{}")
    write_text(root / "summary.json", "not JSON")
    with pytest.raises(DataError, match="not readable as JSON"):
        build_report(root, out, tier0=tier0_folder())
    assert (out / "report.json").read_text() == "{}"
    assert not (tmp_path / ".out.part").exists()


@pytest.mark.slow
def test_two_builds_differ_in_their_time_alone(tmp_path, capsys):
    sites = [tmp_path / name for name in ("one", "two")]
    for site in sites:
        build_report(results_folder(), site, tier0=tier0_folder())
    assert "Sphinx" not in capsys.readouterr().err
    names = [sorted(p.relative_to(site) for p in site.rglob("*") if p.is_file()) for site in sites]
    assert names[0] == names[1]
    differing = [
        str(name) for name in names[0] if len({_timeless(site / name) for site in sites}) > 1
    ]
    assert differing == []


def _timeless(path: Path) -> bytes:
    """A file's content without times of this very day's form, and what the process had cost."""
    dates = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"
    return re.sub(dates + rb"|process_\w+\W+[\d.]+", b"", path.read_bytes())


def _only(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[cell])
