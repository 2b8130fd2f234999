"""The files around the package say what the package does."""

import hashlib
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

import mvemotion
from mvemotion.census import census
from mvemotion.cli import build_parser
from readme import put

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DATA_CARDS = sorted(f"data_cards/{path.name}" for path in (ROOT / "data_cards").glob("*.md"))
PAPER_AUTHORS = ["Pandeya", "Bhattarai", "Lee"]
# Of the schema of Citation File Format 1.2.0: what we use of it, and must have.
CITATION_KEYS = {
    *("cff-version", "message", "type", "title", "version", "license", "authors"),
    *("abstract", "keywords", "preferred-citation", "references"),
}
REFERENCE_KEYS = {
    *("type", "title", "authors", "journal", "year", "volume", "issue", "start", "notes"),
    *("date-published", "publisher", "license", "doi", "url"),
}
TEXTS = [
    path
    for pattern in ("*.md", "*.toml", "*.yml", "*.lock", "Makefile", "*/**/*.md", "src/**/*.py")
    for path in ROOT.glob(pattern)
    if not {".venv", "results"} & set(path.relative_to(ROOT).parts)
]


def test_the_readme_prints_the_counts_that_are_counted():
    text = (ROOT / "README.md").read_text()
    printed = re.findall(
        r"^\| [\d+]+ \| `(\S+)` \| ([\d,]+) \| ([\d,]+|not printed) \|", text, re.M
    )
    expected = [
        (row.id, f"{row.parameters:,}", f"{row.printed:,}" if row.printed else "not printed")
        for row in sorted(census(), key=lambda row: row.table)
    ]
    assert printed == expected


def test_environment_yml_asks_for_the_packages_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    extras = PROJECT["optional-dependencies"].values()
    wanted = sum(extras, PROJECT["dependencies"])
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert sorted(pip) == sorted([*wanted, "-e ."])
    assert f"python{PROJECT['requires-python']}" in environment["dependencies"]


def test_the_lock_pins_every_direct_dependency():
    lock = (ROOT / "requirements.lock").read_text()
    names = [re.match(r"[\w-]+", entry)[0] for entry in PROJECT["dependencies"]]
    missing = [name for name in names if not re.search(rf"^{name}==", lock, re.M)]
    assert missing == []


def test_the_version_is_one():
    assert mvemotion.__version__ == PROJECT["version"]


def test_the_model_card_prints_the_scores_that_were_reported():
    reported = json.loads((ROOT / "replication" / "reported" / "demo.json").read_text())
    card = (ROOT / "data_cards" / "demo_weights.md").read_text()
    row = reported["networks"]["video_a2+music_a2+face_a2"]
    test, metadata = row["test"], reported["baselines"]["metadata"]["test"]
    low, high = test["intervals"]["accuracy"]
    scores = f"{test['accuracy']:.2f} ({low:.2f}–{high:.2f})** | {test['f1_macro']:.2f}"
    assert f"**{scores} | {test['auc']:.2f} |" in card
    low, high = metadata["intervals"]["accuracy"]
    assert f"alone | {metadata['accuracy']:.2f} ({low:.2f}–{high:.2f}) |" in card
    assert f"{test['without_face']} of the {test['n']} test clips show none" in card
    assert f"Epoch {row['run']['best_epoch']} of {row['config']['epochs']} was kept" in card


def test_the_model_card_is_of_the_weights_in_the_package():
    reported = json.loads((ROOT / "replication" / "reported" / "demo.json").read_text())
    weights = ROOT / "src" / "mvemotion" / "weights" / "demo.safetensors"
    facts = json.loads(weights.with_suffix(".json").read_text())
    assert facts["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert facts["time_utc"] == reported["networks"][facts["network"]]["run"]["time_utc"]
    card = (ROOT / "data_cards" / "demo_weights.md").read_text()
    assert f"{facts['parameters']:,} parameters" in card


def test_codemeta_and_the_citation_say_what_pyproject_says():
    codemeta = json.loads((ROOT / "codemeta.json").read_text())
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert codemeta["version"] == citation["version"] == PROJECT["version"]
    assert codemeta["description"] == PROJECT["description"]
    assert codemeta["keywords"] == PROJECT["keywords"]
    assert codemeta["license"].endswith("/" + PROJECT["license"])
    assert codemeta["runtimePlatform"] == f"Python {PROJECT['requires-python']}"
    for ours, theirs in zip(
        (codemeta["referencePublication"], codemeta["supportingData"]),
        citation["references"],
        strict=True,
    ):
        assert ours["@id"] == f"https://doi.org/{theirs['doi']}"
        assert ours["name"] == theirs["title"]
        assert [p["familyName"] for p in ours["author"]] == PAPER_AUTHORS
        assert [p["family-names"] for p in theirs["authors"]] == PAPER_AUTHORS
    assert citation["preferred-citation"] == citation["references"][0]


def test_the_citation_has_the_structure_of_its_format():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert set(citation) == CITATION_KEYS
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= set(reference) <= REFERENCE_KEYS
        assert reference["type"] in ("article", "data")
        assert re.fullmatch(r"10\.\d{4,}/\S+", reference["doi"])


def test_the_package_is_cited_by_its_authors_as_a_group_and_under_no_invented_address():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["authors"] == [{"name": "The mvemotion authors"}]
    assert not {"repository-code", "url", "doi"} & set(citation)


def commands(text: str) -> list[list[str]]:
    """Arguments of every `mvemotion` command in the shell blocks of a Markdown text."""
    blocks = re.findall(r"^```sh\n(.+?)^```", text, re.M | re.S)
    lines = [part for block in blocks for line in block.splitlines() for part in line.split("&&")]
    words = [shlex.split(line, comments=True) for line in lines]
    return [rest for first, *rest in filter(None, words) if first.endswith("mvemotion")]


@pytest.mark.parametrize(
    "name",
    ["README.md", "replication/appendix.md", "notebooks/README.md", *DATA_CARDS],
)
def test_every_command_that_a_text_shows_is_understood(name):
    text = (ROOT / name).read_text()
    found = commands(text)
    assert bool(found) == bool(re.search(r"^\S*mvemotion \w", text, re.M))
    for arguments in found:
        build_parser().parse_args(arguments)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_names_a_registry_or_a_path_of_one_machine(path):
    found = re.findall(
        r"https?://[^\s)>\"'`]*(?:simple|pypi|artifact)[^\s)>\"'`]*|/work/", path.read_text()
    )
    assert found == []


def test_every_link_of_the_texts_leads_somewhere():
    texts = [path for path in TEXTS if path.suffix == ".md"]
    links = [
        (path.parent / link, path.name)
        for path in texts
        for link in re.findall(r"\]\((?!http|#)([^)#]+)", path.read_text())
    ]
    assert len(links) > len(texts)
    assert [f"{name}: {link}" for link, name in links if not link.exists()] == []


def test_assumptions_that_the_checklist_names_are_there():
    text = (ROOT / "replication" / "assumptions.md").read_text()
    known = set(map(int, re.findall(r"^\*\*(\d+)\. ", text, re.M)))
    named = re.findall(
        r"\[assumptions? ([\d, -]+)\]", (ROOT / "replication/REFORMS.md").read_text()
    )
    numbers = {int(number) for entry in named for number in re.findall(r"\d+", entry)}
    assert numbers
    assert numbers <= known


def test_the_checklist_answers_its_32_questions_on_both_sides():
    text = (ROOT / "replication/REFORMS.md").read_text()
    rows = re.findall(r"^\| \d[a-g] \|([^|]+)\|([^|]+)\|([^|]+)\|$", text, re.M)
    assert len(rows) == 32
    assert all(cell.strip() for row in rows for cell in row)


def test_discrepancy_d5_prints_both_f1_scores_of_the_reported_runs():
    text = (ROOT / "replication/discrepancies.md").read_text()
    entry = text.split("**D5.")[1].split("**D6.")[0]
    reported = {
        name: json.loads((ROOT / f"replication/reported/{name}.json").read_text())["networks"]
        for name in ("demo", "sample")
    }
    rows = [reported["demo"]["video_a2+music_a2+face_a2"]["test"]]
    rows += [row["Validation"] for row in reported["sample"].values()]
    rows.append(reported["sample"]["music_a1_se"]["test"])
    expected = [(f"{row['f1_macro']:.3f}", f"{row['f1_rounded']:.3f}") for row in rows]
    assert re.findall(r"(0\.\d{3}) and (0\.\d{3})", entry) == expected


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("README.md", {"times": "prepare", "sample results": "of 27"}),
        ("benchmarks/README.md", {"switches": "folding", "networks with AMX": "Intel"}),
    ],
)
def test_the_pages_say_what_was_measured(page, words):
    text = (ROOT / page).read_text()
    for name, word in words.items():
        assert word in re.search(rf"<!-- {name} -->(.+)<!-- end of {name} -->", text, re.S)[1]
    assert put(text) == text, "benchmarks/readme.py writes it anew"
