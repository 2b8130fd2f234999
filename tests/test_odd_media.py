"""Files as people have them: each ends as ``data_cards/odd_media.md`` says."""

import pytest

from odd_media import CASES, NETWORKS, PAGE, outcome, page, predictors, write_case


@pytest.fixture(scope="module")
def used():
    return predictors()


@pytest.fixture(scope="module")
def rows():
    return [
        tuple(line.strip("| ").split(" | "))
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ][2:]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: CASES[number].what)
def test_a_file_ends_as_the_page_says(number, used, rows, tmp_path):
    case = CASES[number]
    path = write_case(case, tmp_path / "case")
    assert rows[number] == (case.what, *(outcome(used[name], path) for name in NETWORKS))


def test_the_page_is_what_its_rows_make(rows):
    assert PAGE.read_text(encoding="utf-8") == page(rows)
    assert len(rows) == len(CASES)
