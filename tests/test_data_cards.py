"""The data cards: whole, with the paper's numbers and commands that exist; valid Croissant."""

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import mlcroissant
import pytest

from mvemotion.cli import build_parser
from mvemotion.data.sources import scan
from mvemotion.data.synthetic import RULES, synthesize
from mvemotion.data.synthetic.factors import DESCRIBED, OVERLAP, Level
from mvemotion.paths import replication_file
from mvemotion.specs import EMOTIONS, SPLITS
from synthetic_clips import SMALL

FOLDER = Path(__file__).parents[1] / "data_cards"
CARDS = ("paper_dataset", "public_sample", "synthetic")
SECTIONS = (
    *("Origin", "Get it", "Composition", "Annotation", "Known flaws", "Intended use"),
    *("Unsuitable use", "Rights", "Ethics", "Maintenance", "How to cite"),
)
COUNTS = ("Training Samples", "Validation Samples", "Testing Samples")


def text(card: str) -> str:
    return (FOLDER / f"{card}.md").read_text(encoding="utf-8")


def metadata(card: str) -> dict:
    return json.loads((FOLDER / f"{card}.croissant.json").read_text(encoding="utf-8"))


def rows(markdown: str) -> list[list[str]]:
    """Cells of every table row."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def table_1() -> list[dict]:
    with replication_file("published", "table_1.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- Cards ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("card", CARDS)
def test_every_card_has_every_section_with_something_in_it(card):
    parts = re.split(r"^## (.+)\n", text(card), flags=re.M)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert [name for name in found if name in SECTIONS] == list(SECTIONS)
    assert all(len(found[name].strip()) > 20 for name in SECTIONS)


@pytest.mark.parametrize("card", CARDS)
def test_every_command_of_a_card_parses(card):
    blocks = re.findall(r"```sh\n(.*?)```", text(card), re.S)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    assert len(lines) >= 3
    for line in lines:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "mvemotion"
        assert build_parser().parse_args(arguments).run


@pytest.mark.parametrize("card", [*CARDS, "README"])
def test_every_link_to_a_file_or_section_leads_somewhere(card):
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", text(card)):
        path, _, section = target.partition("#")
        page = FOLDER / path if path else FOLDER / f"{card}.md"
        assert page.exists(), target
        titles = re.findall(r"^#+ (.+)", page.read_text(encoding="utf-8"), re.M)
        anchors = {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}
        assert not section or section in anchors, target


def test_the_papers_card_prints_table_1():
    printed = [row for row in rows(text("paper_dataset")) if row[0] in EMOTIONS]
    assert printed == [
        [r["Emotion Class"], r["Emotion Adjectives"], *(r[c] for c in COUNTS)] for r in table_1()
    ]
    totals = [sum(int(r[c]) for r in table_1()) for c in COUNTS]
    assert ["**all**", "", *(f"**{n}**" for n in totals)] in rows(text("paper_dataset"))
    assert f"{sum(totals):,} clips" in text("paper_dataset")


def test_the_samples_card_counts_the_clips_of_the_reported_results():
    reported = json.loads(replication_file("reported", "sample.json").read_text())["clips"]
    assert ["usable", *(str(reported[split]) for split in SPLITS)] in rows(text("public_sample"))


def test_the_synthetic_card_prints_every_factor_as_it_is():
    printed = [row for row in rows(text("synthetic")) if row[0].strip("`") in RULES]
    expected = [line for part in ("sound", "picture", "face") for line in _factor_rows(part)]
    assert sorted([row[0], row[2], *row[3:8]] for row in printed) == sorted(expected)


def _factor_rows(part: str) -> list[list[str]]:
    lines = []
    for name, rule in RULES.items():
        if rule.part != part:
            continue
        if isinstance(rule, Level):
            values = {f"{rule.low:g} to {rule.high:g}": rule.means}
        elif rule.values == (False, True):
            values = {"yes or no": [weights[1] for weights in rule.weights]}
        else:
            values = {f"`{v}`": [w[k] for w in rule.weights] for k, v in enumerate(rule.values)}
        lines += [[f"`{name}`", scale, *(f"{x:g}" for x in row)] for scale, row in values.items()]
    return lines


def test_the_synthetic_card_names_the_classes_in_order_and_the_overlaps():
    headers = [row for row in rows(text("synthetic")) if row[0] == "factor"]
    assert [row[3:8] for row in headers] == [list(DESCRIBED)] * 3
    for part, overlap in OVERLAP.items():
        assert re.search(rf"{overlap * 100:.0f} %\s+\({part}\)", text("synthetic"))


def test_the_synthetic_card_prints_the_measured_accuracies():
    measured = json.loads((FOLDER.parent / "benchmarks/results/synthetic.json").read_text())
    expected = [
        [
            f"`{row['network']}`" + (", shuffled labels" if name == "shuffled" else ""),
            f"{row['accuracy']:.2f}",
            "{:.2f} to {:.2f}".format(*row["interval"]),
            ", ".join(f"{accuracy:.2f}" for accuracy in row["accuracy_of_each_seed"]),
        ]
        for name, row in measured["networks"].items()
    ]
    assert [row[:4] for row in rows(text("synthetic")) if "_a2" in row[0]] == expected


# --- Croissant ------------------------------------------------------------------------------------
@pytest.mark.parametrize("card", CARDS)
def test_croissant_is_valid_without_a_warning_but_for_versions_nobody_gave(card):
    issues = mlcroissant.Dataset(jsonld=metadata(card)).metadata.ctx.issues
    assert issues.errors == set()
    # Neither the record nor the repository is known to have a version; it is not ours to give.
    unexplained = [w for w in issues.warnings if '"https://schema.org/version"' not in w]
    assert unexplained == []
    assert len(issues.warnings) == (0 if card == "synthetic" else 1)


@pytest.mark.parametrize("card", CARDS)
def test_croissant_says_what_the_card_says(card):
    found = metadata(card)
    assert "http://mlcommons.org/croissant/1.0" in found["conformsTo"]
    assert {"rai:dataCollection", "rai:dataBiases", "rai:dataLimitations"} < set(found)
    assert "10.3390/s21144927" in found["citeAs"]
    assert f"{card}.croissant.json" in text(card)


def test_croissant_invents_no_checksum():
    files = [entry for card in CARDS for entry in metadata(card)["distribution"]]
    assert not any(key in entry for entry in files for key in ("md5", "sha256", "contentSize"))


@pytest.mark.parametrize("card", CARDS)
def test_croissant_lists_splits_and_emotions_as_the_package_does(card):
    dataset = mlcroissant.Dataset(jsonld=metadata(card))
    assert [row["splits/name"].decode() for row in _records(dataset, "splits")] == list(SPLITS)
    assert [row["emotions/name"].decode() for row in _records(dataset, "emotions")] == list(
        EMOTIONS
    )


def test_croissant_of_the_paper_holds_table_1():
    dataset = mlcroissant.Dataset(jsonld=metadata("paper_dataset"))
    columns = ("training", "validation", "testing")
    counts = [[r[f"emotions/{c}"] for c in columns] for r in _records(dataset, "emotions")]
    assert counts == [[int(r[c]) for c in COUNTS] for r in table_1()]


def _records(dataset: mlcroissant.Dataset, name: str) -> list[dict]:
    """Records of a set, with all text as bytes."""
    return [
        {k: v.encode() if isinstance(v, str) else v for k, v in record.items()}
        for record in dataset.records(name)
    ]


@pytest.mark.parametrize("card", ["paper_dataset", "public_sample"])
def test_croissant_takes_id_split_and_emotion_from_a_path(card):
    path = "Validation/Relaxation/video/LLT_RELAX(6)-7-of-9.mp4"
    clips = next(s for s in metadata(card)["recordSet"] if s["@id"] == "clips")
    regexes = {
        field["name"]: field["source"]["transform"]["regex"]
        for field in clips["field"]
        if "transform" in field["source"]
    }
    for prefix in ("", "record-1/"):
        found = {name: re.match(regex, prefix + path)[1] for name, regex in regexes.items()}
        assert found == {
            "id": path.removesuffix(".mp4"),
            "split": "Validation",
            "emotion": "Relaxation",
        }


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    counts = {"Train": 1, "test": 1}
    table = synthesize(folder, clips_per_class=counts, workers=0, progress=False, **SMALL)
    shutil.copy(FOLDER / "synthetic.croissant.json", folder / "croissant.json")
    return folder, table


@pytest.mark.slow
def test_croissant_reads_a_generated_folder_record_by_record(generated):
    folder, table = generated
    records = _records(mlcroissant.Dataset(jsonld=str(folder / "croissant.json")), "clips")
    assert len(records) == len(table) == 12
    for record, row in zip(records, table.to_dict("records"), strict=True):
        assert set(record) == {f"clips/{column}" for column in table.columns}
        for column, value in row.items():
            if value != "":  # no odd part: mlcroissant reads what is empty as missing
                expected = value.encode() if isinstance(value, str) else value
                assert record[f"clips/{column}"] == expected


@pytest.mark.slow
@pytest.mark.parametrize("card", CARDS)
def test_croissants_file_set_is_what_prepare_finds(generated, card):
    folder, _ = generated
    files = next(e for e in metadata(card)["distribution"] if e["@id"] == "videos")
    included = {path for pattern in files["includes"] for path in folder.glob(pattern)}
    assert included == {source.path for source in scan(folder)}
    assert len(included) == 12
