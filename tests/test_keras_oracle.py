"""Our networks and an independent build in Keras are the same functions of the same weights."""

from copy import deepcopy

import numpy as np
import pytest
import torch

import keras_oracle
from mvemotion.networks import create_network
from mvemotion.published import published_parameters, published_splits
from mvemotion.specs import ClipFormat, stream_shape

A1_SE = {"blocks": "A1", "se": (4, 8, 8, 16, 16)}
A3 = {"video_slow": {"blocks": "A1"}, "video_fast": {"blocks": "A2 wide"}}
VIDEO_MMTM = ("video_slow", "video_fast")
MUSIC_MMTM = ("music_slow", "music_fast")
HALF_NOBN = {"half": True, "nobn": True}
NETWORKS = {  # id: (branches, exchange); from the paper's tables, not from mvemotion.specs
    "music_a0_se": ({"music": {"blocks": "A0", "se": (4, 4, 8, 8, 8)}}, ()),
    "music_a1_se": ({"music": A1_SE}, ()),
    "music_a3_mmtm": (
        {"music_slow": {"blocks": "A1"}, "music_fast": {"blocks": "A2 wide"}},
        MUSIC_MMTM,
    ),
    "face_a0_se": ({"face": {"blocks": "A0", "se": (4, 4, 8, 16, 16)}}, ()),
    "face_a2_se": ({"face": {"blocks": "A2", "se": (4, 4, 8, 8, 16)}}, ()),
    "video_a3_mmtm": (A3, VIDEO_MMTM),
    "video_a3_mmtm+music_a0": (A3 | {"music": {"blocks": "A0"}}, VIDEO_MMTM),
    "video_a3_mmtm+music_a0+face_a2_se": (
        A3 | {"music": {"blocks": "A0"}, "face": {"blocks": "A2", "se": (4, 8, 8, 16, 16)}},
        VIDEO_MMTM,
    ),
    "video_a2+music_a0+face_a2": (
        {
            "video": {"blocks": "A2"} | HALF_NOBN,
            "music": {"blocks": "A0"} | HALF_NOBN,
            "face": {"blocks": "A2"} | HALF_NOBN,
        },
        (),
    ),
    "video_a1+music_a1+face_a1": (
        {
            "video": {"blocks": "A1"} | HALF_NOBN,
            "music": {"blocks": "A1"} | HALF_NOBN,
            "face": {"blocks": "A1", "half": True},
        },
        (),
    ),
}
SHAPES = {  # odd or not square, so that no two axes can be taken for one another
    "music": (2, 37, 61),
    "music_slow": (2, 37, 75),
    "music_fast": (2, 37, 21),
    "video": (3, 21, 34, 11),
    "video_slow": (3, 21, 34, 3),
    "video_fast": (3, 21, 34, 11),
    "face": (3, 19, 35, 13),
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _pair(network_id, rng, shapes=SHAPES):
    """Our network and Keras', with the same random weights."""
    branches, mmtm = NETWORKS[network_id]
    ours = create_network(network_id).eval()
    _randomise(ours, rng)
    last = {name: (*shape[1:], shape[0]) for name, shape in shapes.items()}
    theirs = keras_oracle.network(branches, last, mmtm=mmtm)
    _copy_weights(ours, theirs, {layer.name: _our_name(layer.name) for layer in theirs.layers})
    return ours, theirs


def _our_name(layer: str) -> str:
    """Where our network keeps the weights of a Keras layer such as ``face-2-se-reduce``."""
    if "-" not in layer:
        return layer
    stream, block, *rest = layer.split("-")
    stage = f"stages.{int(block) - 1}"
    gate = {"reduce": "channel", "expand": "channel", "project": "spatial"}.get(rest[-1])
    if rest[0] == "se":
        return f"{stage}.excitations.{stream}.{gate}.{rest[1]}"
    if rest[0] == "mmtm":
        return f"{stage}.exchange.{gate}.{stream}.{rest[1]}"
    return f"{stage}.blocks.{stream}.{rest[0]}"


@torch.no_grad()
def _randomise(network, rng):
    """Nothing keeps a start value that would hide it: biases, BatchNorm's four numbers."""
    spread = {"bias": (-0.3, 0.3), "running_mean": (-0.5, 0.5), "running_var": (0.5, 2.0)}
    for name, tensor in network.state_dict().items():
        key = name.rpartition(".")[2]
        is_gamma = key == "weight" and tensor.ndim == 1
        low, high = (0.5, 1.5) if is_gamma else spread.get(key, (None, None))
        if low is not None:
            tensor.copy_(torch.from_numpy(rng.uniform(low, high, tuple(tensor.shape))))


def _copy_weights(ours, theirs, names):
    """Give Keras our weights; every one of ours must find its place."""
    state = ours.state_dict()
    for layer in theirs.layers:
        if layer.weights:
            keys = [key for key in state if key.rpartition(".")[0] == names[layer.name]]
            layer.set_weights([_to_keras(state.pop(k)) for k in keys if "num_batches" not in k])
    assert [key for key in state if "num_batches" not in key] == []


def _to_keras(tensor):
    """(out, in, axes...) to (axes..., in, out); vectors stay."""
    array = tensor.numpy()
    return array if array.ndim < 2 else np.moveaxis(array, (0, 1), (-1, -2))


def _clips(rng, shapes, *, batch=2):
    return {name: rng.normal(size=(batch, *s)).astype("float32") for name, s in shapes.items()}


def _ours(network, clips):
    with torch.no_grad():
        return network({name: torch.from_numpy(x) for name, x in clips.items()}).numpy()


def _theirs(model, clips, *, training=False):
    last = {name: np.ascontiguousarray(np.moveaxis(x, 1, -1)) for name, x in clips.items()}
    return model(last, training=training).detach().numpy()


def _assert_same_logits(ours, theirs):
    """Before the softmax, relative to the largest: saturated outputs would prove nothing."""
    assert np.isfinite(theirs).all()
    assert np.ptp(theirs, axis=0).max() > 1e-2 * np.abs(theirs).max(), "clips look all alike"
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


@pytest.mark.parametrize("network_id", NETWORKS)
def test_a_network_gives_keras_logits_and_has_keras_count(network_id, rng):
    ours, theirs = _pair(network_id, rng)
    clips = _clips(rng, {name: SHAPES[name] for name in ours.streams})
    _assert_same_logits(_ours(ours, clips), _theirs(theirs, clips))
    assert theirs.count_params() == published_parameters()[network_id]


def test_music_a1_se_gives_keras_logits_at_the_papers_input_size(rng):
    shapes = {"music": stream_shape("music")}
    ours, theirs = _pair("music_a1_se", rng, shapes)
    clips = _clips(rng, shapes)
    _assert_same_logits(_ours(ours, clips), _theirs(theirs, clips))


@pytest.mark.parametrize("network_id", published_splits())
def test_keras_itself_counts_the_published_splits(network_id):
    branches, mmtm = NETWORKS[network_id]
    last = {name: (*shape[1:], shape[0]) for name, shape in SHAPES.items()}
    model = keras_oracle.network(branches, last, mmtm=mmtm)
    split = published_splits()[network_id]
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == split.trainable
    assert sum(np.prod(w.shape) for w in model.non_trainable_weights) == split.non_trainable


@pytest.mark.parametrize("network_id", ["music_a0_se", "video_a3_mmtm"])
def test_a_training_step_moves_the_batch_norm_means_as_keras_does(network_id, rng):
    ours, theirs = _pair(network_id, rng)
    clips = _clips(rng, {name: SHAPES[name] for name in ours.streams}, batch=3)
    before = {key: value.clone() for key, value in ours.state_dict().items()}
    ours.train()
    _assert_same_logits(_ours(ours, clips), _theirs(theirs, clips, training=True))
    after = ours.state_dict()
    norms = [layer for layer in theirs.layers if "norm" in layer.name]
    assert len(norms) == {"music_a0_se": 25, "video_a3_mmtm": 10}[network_id]
    for layer in norms:
        key = f"{_our_name(layer.name)}.running_mean"
        moved = (after[key] - before[key]).numpy()
        expected = layer.moving_mean.numpy() - before[key].numpy()
        assert np.abs(moved - expected).max() <= 1e-3 * np.abs(expected).max(), layer.name


C3D_NAMES = ("1a", "2a", "3a", "3b", "4a", "4b", "5a", "5b")
C3D_LAYERS = {  # Keras' name: ours
    **{f"conv{n}": f"features.conv{at}" for n, at in enumerate(C3D_NAMES, start=1)},
    **{"dense1": "dense.fc6", "dense2": "dense.fc7", "head": "head"},
}


@pytest.mark.parametrize(
    ("side", "frames", "count"),
    [(40, 20, None), pytest.param(112, 32, 57_544_966, marks=pytest.mark.slow)],
)
def test_c3d_gives_keras_logits(side, frames, count, rng):
    ours = create_network(
        "video_c3d", clip_format=ClipFormat(c3d_size=side, c3d_frames=frames)
    ).eval()
    _randomise(ours, rng)
    theirs = keras_oracle.c3d("video_c3d", (side, side, frames, 3))
    _copy_weights(_with_keras_flattening(ours, theirs), theirs, C3D_LAYERS)
    clips = _clips(rng, {"video_c3d": (3, side, side, frames)})
    _assert_same_logits(_ours(ours, clips), _theirs(theirs, clips))
    assert count is None or theirs.count_params() == count


def _with_keras_flattening(ours, theirs):
    """A copy whose first dense layer reads channels last, as Keras flattens, not first."""
    rows, columns, frames, channels = theirs.get_layer("flatten").input.shape[1:]
    copied = deepcopy(ours)
    weight = copied.dense[0].weight.data
    cubes = weight.view(-1, channels, rows, columns, frames)
    copied.dense[0].weight.data = cubes.permute(0, 2, 3, 4, 1).reshape(weight.shape)
    return copied
