"""Keras weights in our networks: the same outputs, or a refusal; never a silent swap."""

import hashlib
import json
import zipfile
from functools import cache

import h5py
import numpy as np
import pytest
import torch
from safetensors import safe_open

from keras_oracle import c3d as keras_c3d
from keras_oracle import keras
from keras_oracle import network as block_by_block
from keras_scripts import (
    HEAD,
    as_file,
    automatic_names,
    branch_by_branch,
    randomise,
    save_keras2,
    save_keras3,
)
from mvemotion.cli import main
from mvemotion.errors import DataError, InputError
from mvemotion.keras_import import import_keras
from mvemotion.keras_import.creation import network_slots
from mvemotion.keras_import.matching import assign_layers, concatenation
from mvemotion.networks import create_network
from mvemotion.published import published_splits
from mvemotion.runs import load_weights
from mvemotion.specs import C3D, PAPER_FORMAT, ClipFormat, find_network, list_networks
from stores import TINY, make_store
from test_keras_oracle import NETWORKS, SHAPES, _our_name

LAST = {name: (*shape[1:], shape[0]) for name, shape in SHAPES.items()}
LAST |= {"face_slow": LAST["video_slow"], "face_fast": LAST["video_fast"]}
LARGE = [name for name in published_splits() if name != "music_a1_se"]
THREE = "video_a3_mmtm+music_a0+face_a2_se"


# --- Round trips: a Keras model with random weights, its file, our network ------------------------
@pytest.fixture(scope="module")
def models():
    """{network: (Keras model with random weights, {automatic name: the oracle's name})}."""
    patch, made = pytest.MonkeyPatch(), {}

    def make(network_id, build=branch_by_branch):
        if (network_id, build) not in made:
            branches, mmtm = NETWORKS[network_id]
            with automatic_names(patch) as meant:
                model = build(branches, LAST, mmtm=mmtm)
            randomise(model, np.random.default_rng(len(made)))
            made[network_id, build] = model, meant
        return made[network_id, build]

    return make


def outputs(model, network):
    """(theirs, ours): logits of the same two random clips."""
    rng = np.random.default_rng(7)
    clips = {s: rng.normal(size=(2, *LAST[s])).astype("float32") for s in network.streams}
    theirs = model(clips, training=False).detach().numpy()
    with torch.no_grad():
        streams = {s: torch.from_numpy(np.moveaxis(x, -1, 1).copy()) for s, x in clips.items()}
        return theirs, network(streams).numpy()


def difference(model, network):
    """Largest difference of logits, relative to the largest logit."""
    theirs, ours = outputs(model, network)
    assert np.ptp(theirs, axis=0).max() > 1e-2 * np.abs(theirs).max(), "clips look all alike"
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


def save_whole(model, path):
    model.save(path)
    return path


def save_numbered(model, path):
    path = path.with_suffix(".weights.h5")
    model.save_weights(path)
    return path


def save_shifted(model, path):
    return save_keras2(model, path, start=412, chunks=3)


LAYOUTS = {
    "Keras 2 weights": save_keras2,
    "Keras 2 weights, numbered from 412, names in chunks": save_shifted,
    "Keras 3 legacy weights": save_keras3,
    "whole model": save_whole,
    "Keras 3 .weights.h5": save_numbered,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_keras_logits(layout, models, tmp_path):
    model, _ = models("music_a1_se")
    path = LAYOUTS[layout](model, tmp_path / "weights.h5")
    assert difference(model, import_keras(path, "music_a1_se").trained.network) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "save"),
    [
        (branch_by_branch, save_shifted),
        (block_by_block, save_keras3),
        (block_by_block, save_numbered),
    ],
)
@pytest.mark.parametrize("network_id", LARGE)
def test_a_published_network_gives_keras_logits(network_id, build, save, models, tmp_path):
    model, _ = models(network_id, build)
    imported = import_keras(save(model, tmp_path / "weights.h5"), network_id)
    assert imported.branches == find_network(network_id).streams
    assert difference(model, imported.trained.network) < 1e-4


def test_layers_of_a_lone_branch_may_have_any_names(models, tmp_path):
    model, _ = models("music_a1_se")
    path = save_keras2(model, tmp_path / "w.h5", rename=lambda name: name[::-1])
    assert difference(model, import_keras(path, "music_a1_se").trained.network) < 1e-4


@pytest.mark.slow
def test_c3ds_first_dense_layer_reads_what_keras_flattened(tmp_path):
    size = ClipFormat(c3d_size=40, c3d_frames=20)
    model = keras_c3d("video_c3d", (40, 40, 20, 3))
    randomise(model, np.random.default_rng(0))
    path = save_keras3(model, tmp_path / "c3d.h5")
    network = import_keras(path, "video_c3d", clip_format=size).trained.network
    rng = np.random.default_rng(1)
    clips = rng.normal(size=(2, 40, 40, 20, 3)).astype("float32")
    theirs = model({"video_c3d": clips}).detach().numpy()
    with torch.no_grad():
        ours = network({"video_c3d": torch.from_numpy(clips).movedim(-1, 1)}).numpy()
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


# --- Creation: any natural order is found, by names and list together -----------------------------
ROLES = [f"{kind}_{letter}" for letter in "xyzso" for kind in ("conv", "norm")]
GATES = ["reduce", "expand", "project"]
STREAMS = ("music", "face", "video_slow", "video_fast")  # an order that is not ours


def part(name):
    """(stream, block, role, whether it is a gate of MMTM) of the oracle's ``face-2-se-reduce``."""
    stream, block, *rest = name.split("-")
    return STREAMS.index(stream), int(block), rest[-1], rest[0] == "mmtm"


def by_branch(name, roles=(*ROLES, *GATES)):
    stream, block, role, is_mmtm = part(name)
    return min(stream, 2), block, is_mmtm, stream, roles.index(role)


def by_block(name):
    stream, block, role, is_mmtm = part(name)
    return block, is_mmtm, stream, [*ROLES, *GATES].index(role)


def skip_first(name):
    return by_branch(name, ["conv_s", "norm_s", *ROLES[:6], *ROLES[8:], *GATES])


def skip_first_but_normalised_later(name):
    return by_branch(name, ["conv_s", *ROLES[:6], *ROLES[7:], *GATES])


def layer_by_layer(name):
    stream, block, role, is_mmtm = part(name)
    return block, is_mmtm, [*ROLES, *GATES].index(role), stream


def fast_gates_first(name):
    unit, block, is_mmtm, stream, role = by_branch(name)
    return unit, block, is_mmtm, -stream if is_mmtm else stream, role


ORDERS = {
    function.__name__: function
    for function in (
        *(by_branch, by_block, skip_first, skip_first_but_normalised_later),
        *(layer_by_layer, fast_gates_first),
    )
}


def oracle_branches(spec):
    """A row of ours as the oracle's arguments."""
    return {
        branch.stream: {
            "blocks": branch.architecture.name,
            "se": branch.reductions,
            "nobn": not branch.has_last_norm,
            "half": branch.has_half_width,
        }
        for branch in spec.branches
    }


@cache
def shapes_only(network_id, build=branch_by_branch, concatenated=()):
    """(Keras model without values, {automatic name: the oracle's name})."""
    spec, patch = find_network(network_id), pytest.MonkeyPatch()
    options = {"concatenated": concatenated} if concatenated else {}
    pair = spec.exchange.between if spec.exchange else ()
    with keras.device("meta"), automatic_names(patch) as meant:
        return build(oracle_branches(spec), LAST, mmtm=pair, **options), meant


@cache
def slots(network_id):
    with torch.device("meta"):
        return network_slots(create_network(network_id))


def without_head(file):
    layers = tuple(layer for layer in file.layers if layer.names[0] != HEAD)
    return type(file)(file.path, layers, file.listed)


def assigned(network_id, file, **options):
    return assign_layers(slots(network_id), without_head(file), find_network(network_id), **options)


def assert_right(assignment, meant, model, file):
    """Every slot holds the very layer of the model that the oracle meant for it."""
    weighted = [layer.name for layer in model.layers if layer.weights]
    meant_by_layer = {
        layer: _our_name(meant[name]) for layer, name in zip(file.layers, weighted, strict=True)
    }
    wrong = {slot: la for slot, la in assignment.items() if meant_by_layer[la] != slot}
    assert wrong == {}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "network_id", ["video_a3_mmtm", pytest.param(THREE, marks=pytest.mark.slow)]
)
def test_a_natural_order_of_creation_is_found(network_id, order):
    model, meant = shapes_only(network_id)
    file = as_file(model, created=lambda name: ORDERS[order](meant[name]))
    assert_right(assigned(network_id, file)[0], meant, model, file)


DENSE_ROWS = [n for n in list_networks() if find_network(n).branches[0].architecture is not C3D]
ALIKE = ["video_a2+music_a0+face_a2", "video_a2+music_a2+face_a2"]  # video and face


@pytest.mark.slow
@pytest.mark.parametrize("network_id", [n for n in DENSE_ROWS if n not in ALIKE])
def test_every_layer_of_every_network_finds_its_place(network_id):
    model, meant = shapes_only(network_id)
    file = as_file(model)
    assert_right(assigned(network_id, file)[0], meant, model, file)


@pytest.mark.slow
@pytest.mark.parametrize("network_id", ALIKE)
def test_branches_that_are_alike_need_to_be_told_apart(network_id):
    model, meant = shapes_only(network_id)
    file = as_file(model)
    with pytest.raises(
        DataError, match=r"branches of .* are alike; say in which order .*--branches"
    ):
        assigned(network_id, file)
    streams = find_network(network_id).streams
    right = assigned(network_id, file, branches=streams)[0]
    assert_right(right, meant, model, file)
    reverse = assigned(network_id, file, branches=streams[::-1])[0]
    assert reverse["stages.0.blocks.face.conv_x"] == right["stages.0.blocks.video.conv_x"]


def test_names_without_numbers_cannot_tell_branches_apart():
    model, _ = shapes_only("video_a3_mmtm")
    file = as_file(model)
    layers = tuple(type(la)((la.names[0][::-1],), la.tensors, la.shapes) for la in file.layers)
    with pytest.raises(DataError, match="only Keras' automatic names"):
        assigned("video_a3_mmtm", type(file)(file.path, layers, file.listed))


# --- Creation and list contradict each other: refused ---------------------------------------------
def exchanged(meant, first, second):
    """Numbers as if these two layers had been created in each other's place."""
    other = {first: second, second: first}
    return lambda name: by_branch(other.get(meant[name], meant[name]))


@pytest.mark.parametrize(
    ("network_id", "first", "second"),
    [
        ("face_a0_se", "face-2-norm_x", "face-2-norm_y"),
        ("face_a0_se", "face-3-norm_y", "face-3-norm_z"),
        ("face_a0_se", "face-1-norm_z", "face-1-norm_s"),
        ("face_a0_se", "face-4-norm_s", "face-4-norm_o"),
        ("video_a3_mmtm", "video_slow-2-conv_o", "video_fast-2-conv_o"),
        ("video_a3_mmtm", "video_slow-3-norm_o", "video_fast-3-norm_o"),
        ("video_a3_mmtm", "video_slow-4-mmtm-expand", "video_fast-4-mmtm-expand"),
    ],
)
def test_names_and_list_that_disagree_are_refused(network_id, first, second):
    model, meant = shapes_only(network_id)
    file = as_file(model, created=exchanged(meant, first, second))
    with pytest.raises(DataError, match=r"every shape fits .*, but not in place: .* listed"):
        assigned(network_id, file)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layer",
    ["4-conv_z", "5-conv_o", "5-norm_o", "5-mmtm-reduce", "5-mmtm-expand", "5-mmtm-project"],
)
def test_an_exchange_of_equal_layers_would_change_the_outputs(layer, models, tmp_path):
    model, meant = models("video_a3_mmtm", branch_by_branch)
    names = {oracle: name for name, oracle in meant.items()}
    pair = names[f"video_slow-{layer}"], names[f"video_fast-{layer}"]
    path = save_keras2(model, tmp_path / "swapped.h5", swapped=pair)
    assert difference(model, import_keras(path, "video_a3_mmtm").trained.network) > 1e-3


# --- The head: in which order the branches were concatenated --------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(
    "order",
    [
        ("video_slow", "video_fast", "music"),
        ("video_fast", "video_slow", "music"),
        ("music", "video_slow", "video_fast"),
    ],
)
def test_the_order_of_concatenation_is_read_from_the_list(order):
    network_id = "video_a3_mmtm+music_a0"
    spec, (model, _) = find_network(network_id), shapes_only(network_id, concatenated=order)
    file = without_head(as_file(model))
    fit = assigned(network_id, file)
    assert concatenation(fit, slots(network_id), file, spec, ()) == (order, True)
    other = (*order[1:], order[0])
    with pytest.raises(DataError, match="concatenated in one of the orders"):
        concatenation(fit, slots(network_id), file, spec, other)


@pytest.mark.slow
def test_without_a_list_branches_are_assumed_to_be_concatenated_as_created():
    spec, (model, meant) = find_network(THREE), shapes_only(THREE)
    file = as_file(model, created=lambda name: by_branch(meant[name]))  # music, face, video
    file = without_head(type(file)(file.path, file.layers))
    found = concatenation(assigned(THREE, file), slots(THREE), file, spec, ())
    assert found == (("music", "face", "video_slow", "video_fast"), False)


@pytest.mark.slow
def test_another_order_of_concatenation_gives_keras_logits(monkeypatch, tmp_path):
    network_id, order = "video_a3_mmtm+music_a0", ("music", "video_fast", "video_slow")
    branches, mmtm = NETWORKS[network_id]
    with automatic_names(monkeypatch):
        model = branch_by_branch(branches, LAST, mmtm=mmtm, concatenated=order)
    randomise(model, np.random.default_rng(0))
    imported = import_keras(save_keras2(model, tmp_path / "w.h5"), network_id)
    assert imported.branches == order
    assert difference(model, imported.trained.network) < 1e-4


# --- What trained weights have in common ----------------------------------------------------------
def test_trained_norms_share_the_statistics_of_their_input(monkeypatch, tmp_path, capsys):
    branches, _ = NETWORKS["music_a0_se"]
    with automatic_names(monkeypatch) as meant:
        model = branch_by_branch(branches, LAST)
    clips = {"music": np.random.default_rng(0).normal(size=(3, *LAST["music"])).astype("float32")}
    for _ in range(3):
        model(clips, training=True)
    path = save_keras2(model, tmp_path / "w.h5")
    assert import_keras(path, "music_a0_se").shared_statistics == (5, 5)
    names = {oracle: name for name, oracle in meant.items()}
    pair = names["music-2-norm_x"], names["music-2-norm_o"]  # of equal width
    path = save_keras2(model, tmp_path / "swapped.h5", swapped=pair)
    assert import_keras(path, "music_a0_se").shared_statistics == (4, 5)
    out = tmp_path / "ours.safetensors"
    command = ["import-keras", str(path), "--network", "music_a0_se", "--out", str(out)]
    assert main(command) == 3
    assert "1 of 5 blocks" in capsys.readouterr().err
    assert not out.exists()
    assert main([*command, "--accept-unlike-norms"]) == 0
    assert load_weights(out).source["shared_statistics"] == [4, 5]


def nest(file):
    """All layers within one, as Keras 2 saves a model in a model: moving statistics come last."""
    names = [name.decode() for name in file.attrs["layer_names"] if name != HEAD.encode()]
    weights = [f"{n}/{w.decode()}" for n in names for w in file[n].attrs["weight_names"]]
    weights.sort(key=lambda weight: "moving" in weight)  # stable
    group = file.create_group("model_1")
    for weight in weights:
        file.move(weight, f"model_1/{weight.partition('/')[2]}")
    group.attrs["weight_names"] = [w.partition("/")[2].encode() for w in weights]
    file.attrs["layer_names"] = [b"model_1", HEAD.encode()]


def test_a_model_within_a_model_is_read(music, models):
    with h5py.File(music, "r+") as file:
        nest(file)
    network = import_keras(music, "music_a1_se").trained.network
    assert difference(models("music_a1_se")[0], network) < 1e-4


# --- Files that are refused -----------------------------------------------------------------------
@pytest.fixture
def music(models, tmp_path):
    """A file of music_a1_se, to be spoilt."""
    return save_keras2(models("music_a1_se")[0], tmp_path / "music.h5")


def remove_layer(file):
    names = list(file.attrs["layer_names"])
    names.remove(b"conv2d_4")
    file.attrs["layer_names"] = names


def add_layer(file):
    file.attrs["layer_names"] = [*file.attrs["layer_names"], b"conv2d_99"]
    file.create_group("conv2d_99").attrs["weight_names"] = [b"conv2d_99/kernel:0"]
    file["conv2d_99/conv2d_99/kernel:0"] = np.zeros((3, 3, 2, 2), "f4")


def replace_tensor(name, value):
    def spoil(file):
        del file[name]
        file[name] = value

    return spoil


KERNEL, VARIANCE = "conv2d_1/conv2d_1/kernel:0", "batch_normalization_1/batch_normalization_1/"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove_layer, r"only in the file: nothing; only in the network: .*\.conv_s \(3x1x2x16"),
        (add_layer, r"only in the file: conv2d_99 \(3x3x2x2\); only in the network: nothing"),
        (replace_tensor(KERNEL, np.zeros((1, 5, 3, 16), "f4")), r"conv2d_1 \(1x5x3x16 \+ 16\)"),
        (replace_tensor(KERNEL, np.zeros((1, 5, 2, 16), "i4")), "int32, not a tensor of floats"),
        (replace_tensor(KERNEL, np.full((1, 5, 2, 16), np.nan, "f4")), "not finite"),
        (replace_tensor(KERNEL, np.void(b"cos\nsystem\n.")), "not a tensor of floats"),
        (replace_tensor(f"{VARIANCE}moving_variance:0", -np.ones(32, "f4")), "negative values"),
        (lambda file: file.__delitem__(KERNEL), "is nothing, not a tensor"),
        (lambda file: file.__delitem__("conv2d_1"), "not a whole HDF5 file"),
        (lambda file: file.attrs.__delitem__("layer_names"), "no Keras weights"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(spoil, message, music):
    with h5py.File(music, "r+") as file:
        spoil(file)
    with pytest.raises(DataError, match=message):
        import_keras(music, "music_a1_se")


def test_objects_in_a_file_are_not_read(music):
    with h5py.File(music, "r+") as file:
        del file[KERNEL]
        texts = file.create_dataset(KERNEL, (1,), dtype=h5py.string_dtype())
        texts[0] = "os.system"
    with pytest.raises(DataError, match="is object, not a tensor of floats"):
        import_keras(music, "music_a1_se")


def test_a_tensor_in_another_file_is_not_read(music, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1 * 5 * 2 * 16 * 4))
    with h5py.File(music, "r+") as file:
        del file[KERNEL]
        outside = [(str(secret), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(KERNEL, (1, 5, 2, 16), dtype="f4", external=outside)
    with pytest.raises(DataError, match="points to another file"):
        import_keras(music, "music_a1_se")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_file_is_refused(share, music):
    content = music.read_bytes()
    music.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="not a whole HDF5 file"):
        import_keras(music, "music_a1_se")


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "weights.h5"
    with pytest.raises(DataError, match="no such file"):
        import_keras(path, "music_a2")
    path.write_text("not weights")
    with pytest.raises(DataError, match="not a whole HDF5 file"):
        import_keras(path, "music_a2")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(DataError, match="unzip it"):
        import_keras(path, "music_a2")
    with h5py.File(path, "w") as file:
        file["songs"] = np.zeros(3)
    with pytest.raises(DataError, match="holds \\['songs'\\], no Keras weights"):
        import_keras(path, "music_a2")


def test_the_network_that_would_fit_is_named(music):
    with pytest.raises(
        DataError, match=r"does not fit music_a1: .* those of music_a1_se: give that"
    ):
        import_keras(music, "music_a1")
    with h5py.File(music, "r+") as file:
        add_layer(file)
    with pytest.raises(DataError, match=r"closest, with 9\d% of the layers: music_a1_se$"):
        import_keras(music, "music_a2")


def test_branches_that_are_not_the_networks_are_refused(music):
    with pytest.raises(InputError, match="give music, each once"):
        import_keras(music, "music_a1_se", branches=("video",))


# --- The command ----------------------------------------------------------------------------------
def test_imported_weights_are_evaluated_on_a_store(music, tmp_path, capsys):
    store, out = (
        make_store(tmp_path / "store", {"Train": 1, "test": 1}),
        tmp_path / "ours.safetensors",
    )
    command = ["import-keras", str(music), "--network", "music_a1_se", "--out", str(out)]
    assert main([*command, "--statistics-from", str(store.root)]) == 0
    printed = capsys.readouterr().out
    assert "3,994,533 parameters" in printed
    assert "published     accuracy 0.6467, AUC 0.890 (music_net_wt_best)" in printed
    trained = load_weights(out)
    assert (trained.clip_format, trained.standardize) == (TINY, "train")
    assert trained.statistics == {"music": store.statistics("Train")["music"]}
    assert main(["evaluate", str(out), "--store", str(store.root), "--device", "cpu"]) == 0
    assert (tmp_path / "ours" / "test" / "metrics.json").is_file()
    scores = ["--out", str(tmp_path / "scores")]
    assert main(["evaluate", str(out), "--store", str(store.root), *scores]) == 0
    assert (tmp_path / "scores" / "test" / "predictions.csv").is_file()
    assert main(["evaluate", str(out)]) == 2
    assert "pass --store" in capsys.readouterr().err


def test_imported_weights_say_which_file_they_are_and_what_was_found_in_it(music, tmp_path):
    out = tmp_path / "ours.safetensors"
    assert main(["import-keras", str(music), "--network", "music_a1_se", "--out", str(out)]) == 0
    source = load_weights(out).source
    assert source["file"] == music.name
    assert source["sha256"] == hashlib.sha256(music.read_bytes()).hexdigest()
    assert (source["layout"], source["keras_version"]) == ("legacy", "2.2.4")
    assert (source["branches"], source["is_concatenation_seen"]) == (["music"], True)
    assert source["creation"]
    with safe_open(out, "pt") as file:
        made_by = json.loads(file.metadata()["provenance"])
    assert made_by["versions"]["mvemotion"]
    assert "time_utc" not in made_by  # the same weights are the same bytes


def test_without_a_store_imported_weights_standardise_by_the_split_at_hand(music, tmp_path):
    out = tmp_path / "ours.safetensors"
    assert main(["import-keras", str(music), "--network", "music_a1_se", "--out", str(out)]) == 0
    trained = load_weights(out)
    assert (trained.clip_format, trained.standardize) == (PAPER_FORMAT, "split")
    assert trained.statistics == {}


@pytest.mark.slow
def test_imported_weights_can_be_given_the_authors_swapped_inputs(models, tmp_path):
    path = save_keras2(models("video_a3_mmtm")[0], tmp_path / "video.h5")
    out = tmp_path / "ours.safetensors"
    command = ["import-keras", str(path), "--network", "video_a3_mmtm", "--out", str(out)]
    assert main([*command, "--swap-pathways"]) == 0
    network, rng = load_weights(out).network, np.random.default_rng(0)
    clips = {s: rng.normal(size=(1, *SHAPES[s])).astype("f4") for s in network.streams}
    other = dict(zip(clips, reversed(clips.values()), strict=True))
    with torch.no_grad():
        ours = network({s: torch.from_numpy(x) for s, x in clips.items()}).numpy()
        plain = import_keras(path, "video_a3_mmtm").trained.network
        expected = plain({s: torch.from_numpy(x) for s, x in other.items()}).numpy()
    np.testing.assert_array_equal(ours, expected)


def test_a_refused_file_leaves_nothing_behind(music, tmp_path, capsys):
    out = tmp_path / "ours.safetensors"
    assert main(["import-keras", str(music), "--network", "music_a1", "--out", str(out)]) == 3
    assert not out.exists()
    command = ["import-keras", str(music), "--network", "music_a1_se", "--out", str(out)]
    assert main([*command, "--swap-pathways"]) == 2
    assert "no slow and fast branch" in capsys.readouterr().err
