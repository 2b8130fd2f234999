"""Drawings show what the specification says, all of it, and can be read."""

from dataclasses import replace
from functools import cache
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from PIL import Image

from mvemotion.drawings import (
    block_size,
    costs_size,
    draw_block,
    draw_costs,
    draw_kernels,
    draw_network,
    draw_receptive_fields,
    kernels_size,
    network_size,
    receptive_fields,
    show,
    variants,
)
from mvemotion.drawings.grammar import MODALITY_COLOURS
from mvemotion.drawings.interactive import explore_costs, explore_networks
from mvemotion.drawings.showing import DPI, to_png
from mvemotion.errors import InputError
from mvemotion.layers import DenseBlock, convolution
from mvemotion.networks import count_parameters, create_network
from mvemotion.parts import count_parts
from mvemotion.specs import (
    A0,
    A1,
    A2,
    A2_WIDE,
    Branch,
    Exchange,
    Network,
    alternative,
    find_network,
    list_networks,
)

FEW = ("music_a0", "music_a2_se", "video_c3d", "music_a3", "video_a3_mmtm+music_a0+face_a2_se")
ROWS = [
    name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in list_networks()
]
FIVE_LANES = Network(
    "five",
    6,
    0,
    "five lanes, two exchanges could not be told apart",
    "added",
    (
        Branch("video_slow", A1),
        Branch("video_fast", A2_WIDE),
        Branch("music", A0, reductions=(4, 4, 8, 8, 8)),
        Branch("face_slow", A1),
        Branch("face_fast", A2, has_half_width=True, has_last_norm=False),
    ),
    Exchange(("video_slow", "video_fast")),
)


def axes(size):
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    return figure.add_axes((0, 0, 1, 1))


@cache
def drawn(network):
    return draw_network(network, ax=axes(network_size(network)))


def words(ax, role):
    return [text.get_text() for text in ax.texts if text.get_gid() == role]


def numbers(ax, role):
    return [int("".join(c for c in w if c.isdigit())) for w in words(ax, role)]


def extents(artists):
    return np.array([artist.get_window_extent().extents for artist in artists])


def overlaps(ax):
    """Pairs of words whose boxes share more than a pixel on both axes."""
    texts = [text for text in ax.texts if text.get_text()]
    left, bottom, right, top = extents(texts).T
    wide = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    high = np.minimum.outer(top, top) - np.maximum.outer(bottom, bottom)
    pairs = np.argwhere(np.triu((wide > 1) & (high > 1), k=1))
    return [(texts[a].get_text(), texts[b].get_text()) for a, b in pairs]


def strays(ax):
    """Words that leave the figure, or the box that their middle is in."""
    ax.figure.draw_without_rendering()
    texts = [text for text in ax.texts if text.get_text()]
    places = extents(texts)
    boxes = [ax.figure.bbox.extents, *extents(p for p in ax.patches if is_box(p))]
    found = []
    for text, (left, bottom, right, top) in zip(texts, places, strict=True):
        x, y = (left + right) / 2, (bottom + top) / 2
        holding = [b for b in boxes if b[0] < x < b[2] and b[1] < y < b[3]]
        fits = [b[0] <= left and b[1] <= bottom and right <= b[2] and top <= b[3] for b in holding]
        if not holding or not all(fits):
            found.append(text.get_text())
    return found


def is_box(patch):
    return isinstance(patch, FancyBboxPatch)


def test_strays_and_overlaps_are_seen():
    ax = axes((2, 1))
    ax.set_axis_off()
    ax.text(0.1, 0.5, "first words")
    ax.text(0.12, 0.5, "second words")
    ax.text(0.6, 0.2, "leaves the figure")
    assert overlaps(ax) == [("first words", "second words")]
    assert strays(ax) == ["leaves the figure"]


@pytest.mark.parametrize("network_id", ROWS)
def test_the_words_of_every_row_lie_in_their_boxes_and_apart(network_id):
    ax = drawn(network_id)
    assert strays(ax) == []
    assert overlaps(ax) == []


@pytest.mark.parametrize("network_id", ROWS)
def test_every_row_has_a_lane_for_each_stream(network_id):
    spec = find_network(network_id)
    assert words(drawn(network_id), "stream") == [s.replace("_", " ") for s in spec.streams]
    lanes = {t.get_position()[1] for t in drawn(network_id).texts if t.get_gid() == "stream"}
    assert len(lanes) == len(spec.streams)


@pytest.mark.parametrize("network_id", ROWS)
def test_the_parameters_of_every_row_add_up_to_what_the_network_has(network_id):
    with torch.device("meta"):
        total = count_parameters(create_network(network_id)).total
    assert sum(numbers(drawn(network_id), "parameters")) == total
    assert words(drawn(network_id), "total")[0] == f"{total:,} parameters"


@pytest.mark.parametrize("network_id", ["video_a3_mmtm", "video_a2+music_a2+face_a2"])
def test_its_words_scale_with_it(network_id):
    width, height = network_size(network_id)
    ax = draw_network(network_id, ax=axes((width / 2, height)))
    assert strays(ax) == []
    assert overlaps(ax) == []


def test_five_lanes_can_be_read():
    ax = drawn(FIVE_LANES)
    assert len(words(ax, "stream")) == 5
    assert strays(ax) == []
    assert overlaps(ax) == []
    assert words(ax, "departure") == ["half width, no BatchNorm"]


def test_units_stand_on_the_lanes_that_the_specification_gives_them():
    ax = drawn("video_a3_mmtm+music_a0+face_a2_se")
    lanes = {t.get_text(): t.get_position()[1] + 0.17 for t in ax.texts if t.get_gid() == "stream"}
    units = [t for t in ax.texts if t.get_gid() == "unit"]
    heights = {t.get_text(): t.get_position()[1] + 0.15 for t in units}
    assert sorted(t.get_text() for t in units) == ["MMTM"] * 5 + ["SE"] * 5
    assert heights["SE"] == pytest.approx(lanes["face"])
    assert heights["MMTM"] == pytest.approx((lanes["video slow"] + lanes["video fast"]) / 2)
    assert words(drawn("music_a2_se"), "reduction") == ["r 2", "r 4", "r 4", "r 8", "r 8"]
    assert words(drawn("music_a0"), "unit") == []


def test_another_specification_makes_another_drawing():
    spec = find_network("music_a2")
    first, *rest = A2.blocks
    changed = replace(A2, blocks=(replace(first, kx=11, out=10), *rest))
    other = drawn(replace(spec, branches=(Branch("music", changed),)))
    was = drawn("music_a2")
    assert words(was, "kernel")[:2] == ["x9", "y9"]
    assert words(other, "kernel")[:2] == ["x11", "y9"]
    assert words(other, "width")[0] == "10"
    assert words(other, "parameters")[0] != words(was, "parameters")[0]
    assert widest_kernel(other) > widest_kernel(was) * 0.99
    assert words(other, "total") != words(was, "total")


def widest_kernel(ax):
    kernels = [p.get_xy() for p in ax.patches if isinstance(p, Polygon) and len(p.get_xy()) == 5]
    return max(np.ptp(corners[:, 0]) / np.ptp(corners[:, 1]) for corners in kernels)


def test_swapped_pathways_are_drawn_with_the_inputs_that_they_get():
    swapped = drawn(alternative(find_network("video_a3_mmtm"), swap_pathways=True))
    inputs = [w for w in words(swapped, "shape") if w.startswith("3 ")]
    assert inputs == ["3 × 128 × 128 × 64", "3 × 128 × 128 × 8"]


def test_an_open_count_is_drawn_beside_the_printed_one():
    (_, note) = words(drawn("video_a3_mmtm+music_a0_se+face_a2"), "total")
    assert note.endswith("the paper prints 28,589,478 parameters")


def test_shares_of_the_concatenation_are_those_of_the_features():
    ax = drawn("video_a3_mmtm+music_a0+face_a2_se")
    heights = np.array([p.get_height() for p in ax.patches if isinstance(p, Rectangle)])
    np.testing.assert_allclose(heights / heights.sum(), np.array([512, 512, 256, 128]) / 1408)
    assert numbers(ax, "features") == [512, 512, 256, 128, 1408]


def test_modalities_are_told_apart_in_grey_too():
    grey = sorted(np.dot(to_rgb(c), (0.2126, 0.7152, 0.0722)) for c in MODALITY_COLOURS.values())
    assert np.diff(grey).min() > 0.1


def test_a_network_that_is_not_there_is_named():
    with pytest.raises(InputError, match="network 'music_a9': not one of the 43 ids"):
        draw_network("music_a9", ax=axes((4, 2)))


BLOCKS = [
    ("video_a0", 1, ""),
    ("music_a0", 5, ""),
    ("music_a1", 5, ""),
    ("video_a3_mmtm", 5, "video_fast"),
    ("video_a2+music_a2+face_a2", 5, "music"),
]


@pytest.mark.parametrize(("network_id", "number", "stream"), BLOCKS)
def test_a_block_can_be_read_and_adds_up(network_id, number, stream):
    ax = draw_block(network_id, number, ax=axes(block_size()), stream=stream)
    stream = stream or find_network(network_id).streams[0]
    (part,) = [
        p
        for p in count_parts(network_id)
        if (p.kind, p.number, p.streams) == ("block", number, (stream,))
    ]
    assert strays(ax) == []
    assert overlaps(ax) == []
    assert sum(numbers(ax, "parameters")) == part.parameters
    assert words(ax, "name")[:3] == ["conv_x", "conv_y", "conv_z"]


def test_only_standard_convolutions_have_a_norm_behind_each_concatenation():
    standard = draw_block("music_a0", 1, ax=axes(block_size()))
    separable = draw_block("music_a1", 1, ax=axes(block_size()))
    assert words(standard, "channels").count("BatchNorm") == 4
    assert words(separable, "channels").count("BatchNorm") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("video_c3d", 1), "C3D has no dense residual block"),
        (("video_r2plus1d_18", 1), "has no dense residual block"),
        (("music_a1", 6), "block 6: music_a1 has 1 to 5"),
        (("music_a1", 0), "block 0: music_a1 has 1 to 5"),
    ],
)
def test_a_block_that_is_not_there_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        draw_block(*arguments, ax=axes((4, 2)))


def test_a_stream_that_is_not_there_is_named():
    with pytest.raises(InputError, match="stream 'face': video_a3_mmtm has video_slow, video_fast"):
        draw_block("video_a3_mmtm", 1, ax=axes((4, 2)), stream="face")


@pytest.mark.parametrize("modality", ["music", "video"])
def test_kernels_are_all_drawn_to_one_scale(modality):
    networks = [f"{modality}_a{n}" for n in range(3)]
    ax = draw_kernels(networks, ax=axes(kernels_size(networks)))
    assert strays(ax) == []
    assert overlaps(ax) == []
    shown = [tuple(map(int, w.split("×"))) for w in words(ax, "kernel")]
    built = [create_meta(name) for name in networks]
    assert shown == [k for network in built for k in kernels_of(network)]
    faces = [p for p in ax.patches if isinstance(p, Polygon)]
    fronts = faces if modality == "music" else faces[::3]
    cells = [np.ptp(p.get_xy()[:, 0]) / k[1] for p, k in zip(fronts, shown, strict=True)]
    np.testing.assert_allclose(cells, cells[0])


def create_meta(network_id):
    with torch.device("meta"):
        return create_network(network_id)


def kernels_of(network):
    layers = (torch.nn.Conv2d, torch.nn.Conv3d)
    return [layer.kernel_size for layer in network.modules() if isinstance(layer, layers)]


def test_kernels_of_pictures_and_of_music_do_not_share_a_scale():
    with pytest.raises(InputError, match="kernels of music_a1, video_a1: of music or of pictures"):
        draw_kernels(["music_a1", "video_a1"], ax=axes((4, 2)))
    with pytest.raises(InputError, match="kernels of video_a3: give networks of one stream"):
        draw_kernels(["video_a3"], ax=axes((4, 2)))


@pytest.mark.parametrize("rank", [2, 3])
def test_the_costs_of_the_variants_are_those_of_real_layers(rank):
    for variant in variants(5, channels=3, filters=8, positions=10, rank=rank):
        x = convolution(3, variant.x.filters, variant.x.kernel)
        y = convolution(11, variant.y.filters, variant.y.kernel)
        assert variant.parameters == count_parameters(torch.nn.ModuleList([x, y])).total
        assert variant.flops == 20 * (x.weight.numel() + y.weight.numel())


def test_the_last_variant_is_the_pair_of_the_separable_blocks_and_the_first_that_of_a0():
    first, *_, last = variants(5, channels=3, filters=16, positions=1)
    part = count_parts("video_a1")[0]
    assert [(c.kernel, c.filters) for c in part.convolutions[:2]] == [
        (c.kernel, c.filters) for c in (last.x, last.y)
    ]
    assert first.x.kernel == first.y.kernel == (5, 5, 5)
    assert first.sees == (9, 9, 9)
    assert last.sees == (5, 9, 5)


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("n", [1, 13])
def test_costs_can_be_read(rank, n):
    compared = variants(n, channels=64, filters=64, positions=1_048_576, rank=rank)
    ax = draw_costs(compared, ax=axes(costs_size()))
    assert strays(ax) == []
    assert overlaps(ax) == []


@pytest.mark.parametrize("wrong", [{"n": 4}, {"channels": 0}, {"rank": 4}, {"n": -1}])
def test_costs_of_impossible_kernels_are_refused(wrong):
    arguments = {"n": 3, "channels": 3, "filters": 3, "positions": 3} | wrong
    with pytest.raises(InputError, match="give an odd side, counts from 1, and rank 2 or 3"):
        variants(arguments.pop("n"), **arguments)


@pytest.mark.parametrize(
    ("architecture", "stream", "axis"),
    [(A0, "music", 0), (A1, "music", 1), (A2, "music", 0), (A2, "music", 1), (A1, "video", 0)]
    + [(A1, "video", 1), (A2, "video", 2)],
)
def test_receptive_fields_are_what_an_impulse_reaches(architecture, stream, axis):
    """Two blocks of positive weights without biases pass on every impulse that they can see."""
    rank = 2 if stream == "music" else 3
    spec = Network("x", 0, 0, "", "added", (Branch(stream, architecture),))
    expected = receptive_fields(spec)[1, axis]
    channels, blocks = 1, []
    for block in architecture.blocks[:2]:
        options = {"is_separable": architecture.is_separable, "filters": 1}
        thin = replace(block, fx=1, fy=1, f=1)
        blocks.append(DenseBlock(channels, thin, rank, **options).double().eval())
    network = torch.nn.Sequential(*blocks)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.1 if parameter.ndim > 2 else float(parameter.eq(1).all()))
    size = [4] * rank
    size[axis] = int(4 * ((expected + 11) // 4))
    impulses = torch.zeros(size[axis], channels, *size, dtype=torch.float64)
    index = [2] * rank
    for place in range(size[axis]):
        index[axis] = place
        impulses[(place, 0, *index)] = 1.0
    with torch.no_grad():
        answers = network(impulses).movedim(2 + axis, 1).flatten(2).sum(2)
    middle = size[axis] // 8
    assert int((answers[:, middle] > 0).sum()) == expected


def test_receptive_fields_grow_and_end_wider_for_larger_kernels():
    a1, a2 = receptive_fields("video_a1"), receptive_fields("video_a2")
    assert (np.diff(a1, axis=0) > 0).all()
    assert (a2 > a1).all()


def test_a_frame_is_drawn_for_each_block_within_the_clip():
    ax = draw_receptive_fields("music_a1", ax=axes((6, 3)))
    frames = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert len(frames) == 5
    assert all(p.get_x() >= 0 and p.get_x() + p.get_width() <= 30 for p in frames)
    assert ax.get_ylim() == (0, 128)
    assert [t.get_text() for t in ax.texts] == ["5", "4", "3", "2", "1"]


def test_blocks_that_see_everything_share_a_frame():
    ax = draw_receptive_fields("video_a3_mmtm", ax=axes((6, 3)), stream="video_fast")
    assert [t.get_text() for t in ax.texts] == ["4, 5", "3", "2", "1"]


def test_receptive_fields_of_c3d_or_of_an_absent_stream_are_refused():
    with pytest.raises(InputError, match="receptive fields of face in music_a1"):
        receptive_fields("music_a1", stream="face")
    with pytest.raises(InputError, match="receptive fields of video_c3d in video_c3d"):
        receptive_fields("video_c3d")


def test_a_drawing_is_shown_in_few_colours_and_then_closed():
    plt.switch_backend("agg")
    figure, ax = plt.subplots(figsize=block_size())
    draw_block("video_a0", 1, ax=ax)
    whole = BytesIO()
    figure.savefig(whole, format="png", dpi=DPI, bbox_inches="tight")
    png = to_png(figure)
    assert len(png) < len(whole.getvalue()) / 2
    few, many = (np.asarray(Image.open(b).convert("RGB"), float) for b in (BytesIO(png), whole))
    assert few.shape == many.shape
    assert np.abs(few - many).mean() < 1
    show(figure, alt="block 1 of A0")
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("explore", "index", "value"), [(explore_costs, 1, 9), (explore_networks, 0, "music_a2")]
)
def test_moving_a_slider_or_choosing_from_a_menu_changes_the_picture(explore, index, value):
    panel = explore()
    *controls, picture = panel.children
    before = picture.value
    controls[index].value = value
    assert {before[:4], picture.value[:4]} == {b"\x89PNG"}
    assert picture.value != before
