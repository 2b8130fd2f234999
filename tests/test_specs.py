"""The rows are the paper's, and a row that cannot be is refused where it is written."""

import dataclasses

import pytest

from mvemotion.errors import InputError
from mvemotion.specs import (
    A0,
    A1,
    A2,
    A2_WIDE,
    C3D,
    LIKE_FOR_LIKE,
    NETWORKS,
    PAPER_FORMAT,
    STREAMS,
    Branch,
    ClipFormat,
    Exchange,
    Network,
    audio_frames,
    find_network,
    list_networks,
    stream_shape,
)

ROWS = NETWORKS + LIKE_FOR_LIKE
SLOW_FAST = (Branch("video_slow", A1), Branch("video_fast", A2_WIDE))


def _network(*branches, exchange=None):
    return Network("made_up", 2, 1, "made up", "added", branches, exchange)


def test_tables_2_to_6_have_9_8_9_3_and_10_rows():
    assert [sum(row.table == n for row in NETWORKS) for n in range(2, 7)] == [9, 8, 9, 3, 10]


def test_rows_stand_in_the_order_of_the_paper():
    places = [(row.table, row.row) for row in NETWORKS]
    assert places == sorted(places)
    assert len(set(places)) == 39
    assert all(row.row == 1 or (row.table, row.row - 1) in places for row in NETWORKS)


def test_ids_are_unique_and_all_listed():
    assert len(set(list_networks())) == len(ROWS) == 41
    assert [find_network(name) for name in list_networks()] == list(ROWS)


def test_the_rows_of_one_table_end_in_its_like_for_like_row():
    assert list_networks(table=3)[-1] == "music_a3_wide"
    assert list_networks(table=4)[-1] == "video_a3_wide"
    assert sum(len(list_networks(table=n)) for n in range(2, 7)) == 41


def test_like_for_like_rows_differ_from_the_printed_ones_in_the_exchange_alone():
    for added in LIKE_FOR_LIKE:
        printed = find_network(added.id.replace("wide", "mmtm"))
        assert added.branches == printed.branches
        assert added.exchange is None
        assert printed.exchange is not None


def test_two_rows_are_open():
    assert [(row.table, row.row) for row in ROWS if row.known == "open"] == [(6, 2), (6, 4)]


def test_a_table_uses_the_modalities_of_its_caption():
    used = {n: {row.modalities for row in ROWS if row.table == n} for n in range(2, 7)}
    assert used == {
        2: {("face",)},
        3: {("music",)},
        4: {("video",)},
        5: {("music", "video")},
        6: {("music", "video", "face")},
    }


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("music", (2, 128, 1292)),
        ("music_slow", (2, 128, 1876)),
        ("music_fast", (2, 128, 469)),
        ("video", (3, 128, 128, 64)),
        ("video_fast", (3, 128, 128, 64)),
        ("video_slow", (3, 128, 128, 8)),
        ("face", (3, 128, 128, 64)),
        ("face_fast", (3, 128, 128, 64)),
        ("face_slow", (3, 128, 128, 8)),
        ("video_c3d", (3, 112, 112, 32)),
        ("face_c3d", (3, 112, 112, 32)),
    ],
)
def test_streams_have_the_papers_shapes(name, shape):
    assert stream_shape(name) == shape


def test_all_streams_have_a_shape_in_a_reduced_format():
    sizes = {"frame_size": 24, "frames": 16, "slow_frames": 4, "c3d_size": 16, "c3d_frames": 16}
    small = ClipFormat(6.0, mel_bands=32, **sizes)
    assert all(min(stream_shape(name, small)) > 0 for name in STREAMS)
    assert stream_shape("music", small) == (2, 32, 259)
    assert stream_shape("video_slow", small) == (3, 24, 24, 4)


def test_spectrogram_columns_grow_with_duration_and_rate():
    assert audio_frames(22_050, ClipFormat(duration_s=15.0)) == 646
    assert audio_frames(44_100) == 2584
    assert audio_frames(22_050, PAPER_FORMAT) == 1292


@pytest.mark.parametrize("field", dataclasses.fields(ClipFormat), ids=lambda field: field.name)
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "8", None, True])
def test_a_size_that_is_not_positive_is_refused_by_name(field, value):
    message = rf"clip format: {field.name} is {value!r}; give a positive"
    with pytest.raises(InputError, match=message):
        ClipFormat(**{field.name: value})


def test_seconds_may_be_broken_and_counts_may_not():
    assert ClipFormat(duration_s=2.5).duration_s == 2.5
    with pytest.raises(InputError, match=r"hop is 512.0; give a positive whole number"):
        ClipFormat(hop=512.0)


@pytest.mark.parametrize(
    ("part", "whole"), [("slow_frames", "frames"), ("c3d_frames", "frames"), ("hop", "window")]
)
def test_a_part_may_be_as_great_as_the_whole_and_no_greater(part, whole):
    limit = getattr(PAPER_FORMAT, whole)
    assert getattr(ClipFormat(**{part: limit}), part) == limit
    with pytest.raises(InputError, match=rf"{part} is {limit + 1}; at most {whole}, {limit}: "):
        ClipFormat(**{part: limit + 1})


def test_a_lone_stream_cannot_exchange():
    lone = Branch("video_slow", A1)
    with pytest.raises(InputError, match=r"made_up: .* are not two streams of it"):
        _network(lone, exchange=Exchange(("video_slow", "video_fast")))
    with pytest.raises(InputError, match=r"made_up: .* are not two streams of it"):
        _network(lone, exchange=Exchange(("video_slow", "video_slow")))


def test_unequal_widths_cannot_exchange():
    narrow = (Branch("video_slow", A1), Branch("video_fast", A2))
    with pytest.raises(InputError, match=r"MMTM joins equal widths, not \(32, 64.* \(8, 16"):
        _network(*narrow, exchange=Exchange(("video_slow", "video_fast")))


def test_a_stream_joins_once():
    with pytest.raises(InputError, match=r"made_up: a stream joins twice in \('music', 'music'\)"):
        _network(Branch("music", A0), Branch("music", A1))


def test_a_branch_takes_a_known_stream():
    with pytest.raises(InputError, match=r"stream 'lyrics': not one of music, music_slow"):
        Branch("lyrics", A0)


@pytest.mark.parametrize("reductions", [(4, 8), (4, 8, 8, 16, 16, 16)])
def test_squeeze_and_excitation_needs_a_reduction_for_each_block(reductions):
    with pytest.raises(InputError, match=r"stream music: .* needs a value per block"):
        Branch("music", A1, reductions=reductions)


def test_half_width_halves_the_last_block_alone():
    assert Branch("face", A1, has_half_width=True).widths == (32, 64, 128, 256, 256)


def test_slow_and_wide_fast_branches_have_equal_widths():
    slow, fast = SLOW_FAST
    assert slow.widths == fast.widths == (32, 64, 128, 256, 512)


@pytest.mark.parametrize("architecture", [A0, A1, A2, A2_WIDE], ids=lambda a: a.name)
def test_every_kernel_is_odd_and_every_block_doubles_its_filters(architecture):
    for block in architecture.blocks:
        assert all(n % 2 for n in (block.kx, block.ky, block.kz, block.ks, block.ko))
        assert block.out == 2 * block.f
        assert block.fy == (1 if architecture.is_separable else block.f)


def test_c3d_pools_after_each_group():
    assert len(C3D.filters) == len(C3D.pools) == 5
    assert C3D.pools[0] == (1, 2, 2)


def test_an_unknown_id_is_refused_with_the_closest_ids():
    with pytest.raises(InputError, match=r"'music_a1_es': not one of the 43 ids.*music_a1_se"):
        find_network("music_a1_es")


def test_an_id_like_no_other_points_to_the_command_that_lists_them():
    with pytest.raises(InputError, match=r"ids that `mvemotion networks` lists$"):
        find_network("xyzzy")
