"""The census reports every row, and its check fails when a count or a split is off."""

import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from mvemotion.census import census, failures, render, summary
from mvemotion.parts import count_parts
from mvemotion.published import published_splits
from mvemotion.specs import A1, C3D, Branch, Network, find_network, list_networks


@pytest.fixture(scope="module")
def rows():
    return census()


def _tampered(rows, network_id, **changes):
    return [replace(row, **changes) if row.id == network_id else row for row in rows]


def test_the_census_holds_every_network_in_order(rows):
    assert tuple(row.id for row in rows) == list_networks()


def test_37_printed_counts_are_exact_two_are_open_and_two_rows_are_added(rows):
    found = [row.status for row in rows]
    assert {s: found.count(s) for s in set(found)} == {"exact": 37, "open": 2, "added": 2}


def test_only_added_rows_have_no_printed_count(rows):
    for row in rows:
        assert (row.printed is None) == (row.status == "added") == (row.row == 0)
        assert row.printed is None or row.difference == row.parameters - row.printed


def test_trainable_and_non_trainable_add_up(rows):
    assert all(row.trainable + row.non_trainable == row.parameters for row in rows)


def test_open_rows_are_reported_with_their_difference_and_are_no_failures(rows):
    differences = {row.id: row.difference for row in rows if row.status == "open"}
    assert differences == {
        "video_a3_mmtm+music_a0_se+face_a2": 90_880,
        "video_a3_mmtm+music_a0_se+face_a1": 342_046,
    }
    assert failures(rows) == []


def test_a_count_that_is_off_is_a_failure(rows):
    wrong = _tampered(rows, "music_a2", parameters=261_299, difference=2, status="off")
    assert failures(wrong) == [
        "music_a2: 261,299 parameters; Table 3 row 5 prints 261,297 (+2)",
    ]


@pytest.mark.parametrize("network_id", published_splits())
def test_a_split_that_is_off_is_a_failure_though_its_total_is_right(rows, network_id):
    right = next(row for row in rows if row.id == network_id)
    wrong = _tampered(
        rows,
        network_id,
        trainable=right.trainable + 8,
        non_trainable=right.non_trainable - 8,
    )
    (sentence,) = failures(wrong)
    assert sentence.startswith(f"{network_id}: {right.trainable + 8:,} trainable")
    assert "4 of 5 published" in summary(wrong)


def test_a_row_that_was_not_built_is_a_failure(rows):
    (sentence,) = failures([row for row in rows if row.id != "face_a1"])
    assert sentence.startswith("face_a1: printed in the paper with 11,876,982 parameters")


def test_the_text_shows_each_row_under_its_table(rows):
    blocks = render(rows).split("\n\n")
    assert [block.split(".")[0] for block in blocks[:5]] == [f"Table {n}" for n in range(2, 7)]
    for row in rows:
        (line,) = [s for s in blocks[row.table - 2].splitlines() if f" {row.id} " in s]
        assert f"{row.parameters:,}" in line
        assert line.endswith(row.status)


def test_the_text_is_aligned_and_fits_a_terminal(rows):
    lines = [line for line in render(rows).splitlines() if line.endswith(("exact", "open"))][:-1]
    assert len({len(line) - len(line.split()[-1]) for line in lines if "splits" not in line}) == 1
    assert max(map(len, render(rows).splitlines())) <= 100


def test_the_text_ends_in_what_it_adds_up_to(rows):
    assert render(rows).splitlines()[-2:] == [
        "37 of 39 printed counts exact, 2 open, 0 off; 2 networks added",
        "5 of 5 published trainable / non-trainable splits exact",
    ]


def test_a_row_is_plain_data(rows):
    kinds = {type(value) for row in rows for value in asdict(row).values()}
    assert kinds <= {str, int, float, type(None)}


@pytest.mark.parametrize(
    "network_id",
    [
        name
        if name in ("face_c3d", "music_a2_se", "video_a3_mmtm+music_a0+face_a2_se")
        else pytest.param(name, marks=pytest.mark.slow)
        for name in list_networks()
    ],
)
def test_the_parts_of_a_network_add_up_to_it(rows, network_id):
    row, parts = next(row for row in rows if row.id == network_id), count_parts(network_id)
    assert sum(part.parameters for part in parts) == row.parameters
    assert round(sum(part.flops for part in parts) / 1e9, 3) == row.gflops


@pytest.mark.parametrize("network_id", ["music_a0", "video_a3_mmtm", "face_c3d"])
def test_what_a_block_computes_is_its_convolutions_by_formula(network_id):
    blocks = [part for part in count_parts(network_id) if part.kind == "block"]
    for part in blocks:
        assert sum(c.flops for c in part.convolutions) == part.flops
        norms = part.parameters - sum(c.parameters for c in part.convolutions)
        has_norms = network_id != "face_c3d"
        assert norms >= 4 * part.shape[0] if has_norms else norms == 0


def test_se_and_mmtm_cost_what_their_formulas_say():
    parts, spec = count_parts("video_a3_mmtm"), find_network("video_a3_mmtm")
    for part, r in zip(
        (p for p in parts if p.kind == "MMTM"), spec.exchange.reductions, strict=True
    ):
        c = spec.branches[0].widths[part.number - 1]
        assert part.parameters == 4 * c * (c // r) + 2 * c
    (branch,) = find_network("music_a1_se").branches
    units = [part for part in count_parts("music_a1_se") if part.kind == "SE"]
    for part, c, r in zip(units, branch.widths, branch.reductions, strict=True):
        assert part.parameters == 2 * c * (c // r) + c


def test_parts_say_what_leaves_them():
    shapes = [part.shape for part in count_parts("music_a1")]
    assert shapes[:2] == [(32, 64, 646), (64, 32, 323)]  # an odd size rounds up: 'same' pooling
    assert shapes[-2:] == [(512, 4, 41), (6,)]
    groups = [part.shape for part in count_parts("video_c3d") if part.kind == "block"]
    assert groups[0] == (64, 112, 56, 16)
    assert groups[-1] == (512, 7, 4, 2)


def test_parts_of_a_specification_of_ones_own_are_counted_too():
    narrow = replace(A1, blocks=(replace(A1.blocks[0], out=16), *A1.blocks[1:]))
    spec = Network("own", 3, 0, "", "added", (Branch("music", narrow),))
    own, printed = count_parts(spec)[0], count_parts("music_a1")[0]
    assert (own.shape[0], printed.shape[0]) == (16, 32)
    assert own.parameters < printed.parameters


def test_a_c3d_of_ones_own_has_the_same_parts():
    branch = Branch("video_c3d", replace(C3D, dropout=0.5))
    own = replace(find_network("video_c3d"), id="own", branches=(branch,))
    assert count_parts(own) == count_parts("video_c3d")


def test_the_census_imports_no_library_that_takes_longer_than_its_work():
    code = (
        "import sys; from mvemotion.cli import main; main(['networks'])\n"
        "slow = {'torchvision', 'sympy', 'torch._dynamo', 'torch.utils.flop_counter'}\n"
        "sys.exit(f'imported {slow & set(sys.modules)}' if slow & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
