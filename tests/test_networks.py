"""Every row of Tables 2-6: its count, its shapes, its gradients, its inputs by name."""

import hashlib
from functools import cache

import pytest
import torch
import torch.nn.functional as F

from mvemotion.errors import InputError
from mvemotion.flops import by_running
from mvemotion.layers import DenseBlock
from mvemotion.networks import count_flops, count_parameters, create_network
from mvemotion.published import published_parameters, published_splits
from mvemotion.specs import NETWORKS, PAPER_FORMAT, ClipFormat, list_networks, stream_shape

SMALL = ClipFormat(
    duration_s=1.0,
    mel_bands=13,
    frame_size=14,
    frames=17,
    slow_frames=3,
    c3d_size=16,
    c3d_frames=16,
)
LARGE = 15_000_000  # parameters; drawing them is what takes the time
OPEN = "no natural reading of the paper's row gives its count"


def _build(network_id, clip_format=SMALL, *, seed=0):
    torch.manual_seed(seed)
    return create_network(network_id, clip_format=clip_format)


def _streams(network, clip_format=SMALL, *, batch=2):
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.randn(batch, *stream_shape(name, clip_format), generator=generator)
        for name in network.streams
    }


@cache
def _build_meta(network_id):
    """At the paper's sizes, shapes without values."""
    with torch.device("meta"):
        return create_network(network_id)


def _count(network_id):
    return count_parameters(_build_meta(network_id))


def _printed_rows():
    for row in NETWORKS:
        marks = [pytest.mark.xfail(strict=True, reason=OPEN)] if row.known == "open" else []
        yield pytest.param(row.id, marks=marks)


def _all_rows():
    for name in list_networks():
        is_large = published_parameters().get(name, 2 * LARGE) > LARGE
        yield pytest.param(name, marks=[pytest.mark.slow] if is_large else [])


@pytest.mark.parametrize("network_id", _printed_rows())
def test_a_network_has_the_printed_count(network_id):
    assert _count(network_id).total == published_parameters()[network_id]


@pytest.mark.parametrize(
    ("network_id", "difference"),
    [
        ("video_a3_mmtm+music_a0_se+face_a2", 90_880),
        ("video_a3_mmtm+music_a0_se+face_a1", 342_046),
    ],
)
def test_an_open_network_as_labelled_is_off_by_a_known_number(network_id, difference):
    assert _count(network_id).total - published_parameters()[network_id] == difference


@pytest.mark.parametrize("network_id", published_splits())
def test_a_network_has_the_published_trainable_and_non_trainable_counts(network_id):
    count, published = _count(network_id), published_splits()[network_id]
    assert count.total == published.total
    assert count.trainable == published.trainable
    assert count.non_trainable == published.non_trainable


@pytest.mark.parametrize(
    ("network_id", "total"), [("video_a3_wide", 24_083_846), ("music_a3_wide", 7_849_932)]
)
def test_like_for_like_networks_have_the_counts_that_the_paper_lacks(network_id, total):
    assert _count(network_id).total == total


def test_freezing_moves_parameters_from_trainable_to_non_trainable():
    network = _build("music_a2")
    before = count_parameters(network)
    network.head.requires_grad_(False)
    after = count_parameters(network)
    assert after.total == before.total
    assert before.trainable - after.trainable == 128 * 6 + 6


@pytest.mark.parametrize("network_id", _all_rows())
def test_a_network_gives_finite_logits_and_a_gradient_for_every_parameter(network_id):
    network = _build(network_id)
    _revive_lone_filters(network)
    logits = network(_streams(network))
    assert logits.shape == (2, 6)
    assert logits.isfinite().all()
    F.cross_entropy(logits, torch.tensor([0, 5])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("network_id", ["music_a0_se", "video_a3_mmtm", "face_a2_se"])
def test_one_clip_is_scored_as_it_is_in_a_batch(network_id):
    network = _build(network_id).eval()
    streams = _streams(network, batch=3)
    with torch.no_grad():
        together = network(streams)
        alone = network({name: x[1:2] for name, x in streams.items()})
    largest = together.abs().max().item()
    torch.testing.assert_close(alone, together[1:2], rtol=0, atol=1e-4 * largest)


def test_every_stream_moves_the_logits():
    network = _build("video_a3_mmtm+music_a0+face_a2_se").eval()
    streams = _streams(network)
    with torch.no_grad():
        logits = network(streams)
        for name, x in streams.items():
            assert not torch.allclose(network(streams | {name: x + 1}), logits), name


def test_streams_are_taken_by_name_whatever_their_order():
    network = _build("video_a3_mmtm+music_a2").eval()
    streams = _streams(network)
    reversed_streams = dict(reversed(streams.items()))
    with torch.no_grad():
        assert torch.equal(network(streams), network(reversed_streams))


def test_slow_and_fast_are_not_interchangeable():
    network = _build("video_a3_mmtm").eval()
    streams = _streams(network)
    swapped = {"video_slow": streams["video_fast"], "video_fast": streams["video_slow"]}
    with torch.no_grad():
        assert not torch.allclose(network(streams), network(swapped))


def test_swapped_pathways_are_the_other_input_by_name():
    """Discrepancy D4; global pooling takes 17 frames where 3 are expected, or 64 and 8."""
    plain = _build("video_a3_mmtm+music_a2").eval()
    swapped = create_network("video_a3_mmtm+music_a2", swap_pathways=True).eval()
    swapped.load_state_dict(plain.state_dict())
    streams = _streams(plain)
    other = streams | {
        "video_slow": streams["video_fast"],
        "video_fast": streams["video_slow"],
    }
    assert streams["video_slow"].shape != streams["video_fast"].shape
    with torch.no_grad():
        assert torch.equal(swapped(streams), plain(other))
        assert not torch.allclose(swapped(streams), plain(streams))


@pytest.mark.parametrize("network_id", ["face_a3_mmtm", "music_a3_mmtm", "video_a3_mmtm"])
def test_a_concatenating_mmtm_has_the_same_names_and_a_known_surplus(network_id):
    """Each of two gates reads 2 c values rather than c: 2 c (c // r) weights more a block (D11)."""
    with torch.device("meta"):
        network = create_network(network_id, mmtm="concatenate")
    widths, reductions = (32, 64, 128, 256, 512), (4, 8, 16, 16, 16)
    surplus = sum(2 * c * (c // r) for c, r in zip(widths, reductions, strict=True))
    assert count_parameters(network).total == published_parameters()[network_id] + surplus
    assert network.state_dict().keys() == _build_meta(network_id).state_dict().keys()


def test_video_a3_with_a_concatenating_mmtm_has_24_219_462_parameters():
    with torch.device("meta"):
        network = create_network("video_a3_mmtm", mmtm="concatenate")
    assert count_parameters(network).total == 24_219_462


@pytest.mark.parametrize(
    ("network_id", "options", "message"),
    [
        ("music_a1_se", {"mmtm": "concatenate"}, "music_a1_se has no MMTM"),
        ("video_a3_mmtm", {"mmtm": "mean"}, "choose from sum, concatenate"),
        ("music_a2", {"swap_pathways": True}, "no slow and fast branch"),
        ("face_c3d", {"swap_pathways": True}, "no slow and fast branch"),
    ],
)
def test_an_alternative_that_changes_nothing_is_refused(network_id, options, message):
    with pytest.raises(InputError, match=message):
        create_network(network_id, **options)


@pytest.mark.parametrize("network_id", ["music_a2", "face_a3", "face_c3d"])
def test_wrong_missing_and_surplus_streams_are_refused(network_id):
    network = _build_meta(network_id)
    given = {name: torch.zeros(1) for name in network.streams}
    first = network.streams[0]
    missing = {name: x for name, x in given.items() if name != first}
    renamed = missing | {"musik": given[first]}
    surplus = given | {"video": torch.zeros(1)}
    for streams in (missing, renamed, surplus):
        with pytest.raises(InputError, match=f"takes exactly .*{first}.*; pass {{name: tensor}}"):
            network(streams)


def test_an_unknown_network_is_refused():
    with pytest.raises(InputError, match=r"'music_a4': not one of the 43 ids"):
        create_network("music_a4")


@pytest.mark.parametrize("network_id", ["music_a2_se", "face_a2", "video_a2+music_a2+face_a2"])
def test_the_same_seed_gives_the_same_weights_and_another_does_not(network_id):
    first, again, other = (_build(network_id, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    weights = [key for key in first if "conv" in key and key.endswith("weight")]
    assert not any(torch.equal(first[key], other[key]) for key in weights)


def test_no_two_names_share_one_tensor():
    for network_id in list_networks():
        state = _build_meta(network_id).state_dict(keep_vars=True)
        assert len({id(tensor) for tensor in state.values()}) == len(state), network_id


def test_the_names_of_one_stage_are_those_of_the_figures():
    network = _build_meta("video_a3_mmtm+music_a0_se+face_a2")
    norms = [f"norm_{n}.{p}" for n in "xyzso" for p in ("weight", "bias")]
    convs = [f"conv_{n}.{p}" for n in "xyzso" for p in ("weight", "bias")]
    last_norm = ["norm_o.weight", "norm_o.bias"]
    expected = {
        *(f"blocks.music.{name}" for name in convs + norms),
        *(f"blocks.{s}.{n}" for s in ("video_slow", "video_fast", "face") for n in convs),
        *(f"blocks.{s}.{n}" for s in ("video_slow", "video_fast", "face") for n in last_norm),
        *(f"excitations.music.{n}.weight" for n in _gates()),
        *(f"exchange.{n}.weight" for s in ("video_slow", "video_fast") for n in _gates(f".{s}")),
    }
    assert {name for name, _ in network.stages[0].named_parameters()} == expected


def test_the_names_of_all_networks_have_not_changed():
    """Saved weights are found by these names: whoever changes them breaks every checkpoint."""
    digest = hashlib.sha256()
    for network_id in list_networks():
        state = _build_meta(network_id).state_dict()
        for name in sorted(state):
            digest.update(f"{network_id} {name} {tuple(state[name].shape)}\n".encode())
    assert digest.hexdigest()[:16] == "6db034325e7d90af"


def test_c3d_passes_28672_features_to_its_first_dense_layer():
    network = _build_meta("video_c3d")
    features = network.features(torch.empty(1, *stream_shape("video_c3d"), device="meta"))
    assert tuple(features.shape) == (1, 512, 7, 4, 2)
    assert network.dense[0].in_features == 28_672


@pytest.mark.parametrize("clip_format", [ClipFormat(c3d_size=15), ClipFormat(c3d_frames=15)])
def test_c3d_refuses_a_clip_that_its_poolings_would_leave_nothing_of(clip_format):
    with pytest.raises(InputError, match=r"C3D input \(3, .*: its five poolings need at least"):
        create_network("face_c3d", clip_format=clip_format)


@pytest.mark.parametrize(
    ("network_id", "gflops"),
    [
        ("face_a0", 462.9),
        ("face_a1", 37.4),
        ("face_a2", 8.3),
        ("video_a3_mmtm", 57.8),
        ("video_c3d", 154.0),
        ("music_a0", 19.9),
        ("music_a1", 7.1),
        ("music_a2", 0.6),
        ("video_a3_mmtm+music_a0+face_a2_se", 86.0),
    ],
)
def test_a_forward_pass_costs_what_it_should(network_id, gflops):
    assert count_flops(network_id) / 1e9 == pytest.approx(gflops, abs=0.05)


def test_operations_are_those_that_pytorch_counts():
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):  # on a CPU, some convolutions multiply by zeros besides
        network = _build("video_a3_mmtm+music_a0+face_a2_se").eval()
        streams = _streams(network, batch=1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(streams)
    ours = count_flops("video_a3_mmtm+music_a0+face_a2_se", clip_format=SMALL)
    assert ours == counter.get_total_flops()


ODD = ClipFormat(
    duration_s=7.3,
    mel_bands=50,
    frame_size=67,
    frames=37,
    slow_frames=5,
    c3d_size=51,
    c3d_frames=33,
)


@pytest.mark.parametrize("clip_format", [PAPER_FORMAT, ODD], ids=["paper", "odd sizes"])
@pytest.mark.parametrize(
    ("network_id", "options"),
    [
        ("music_a3_mmtm", {}),
        ("music_a3_mmtm", {"mmtm": "concatenate"}),
        ("video_a3_mmtm+music_a0_se+face_a2", {"swap_pathways": True}),
        ("face_a0_se", {}),
        ("video_c3d", {}),
    ],
)
def test_operations_by_arithmetic_are_those_of_a_pass_of_shapes(network_id, options, clip_format):
    with torch.device("meta"):
        network = create_network(network_id, clip_format=clip_format, **options).eval()
    shapes = {name: stream_shape(name, clip_format) for name in network.streams}
    assert network.multiply_adds(shapes) == by_running(network, shapes)


def _revive_lone_filters(network):
    """conv_y of A1 and A2 has one filter; so small an input may leave it at zero throughout."""
    for module in network.modules():
        if isinstance(module, DenseBlock):
            torch.nn.init.constant_(module.conv_y.bias, 5.0)


def _gates(stream: str = "") -> list[str]:
    return [f"channel{stream}.reduce", f"channel{stream}.expand", f"spatial{stream}.project"]
