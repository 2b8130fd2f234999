"""Training: it learns, it repeats, it resumes, and it refuses what does not fit."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mvemotion import training
from mvemotion.data.batches import (
    ClipDataset,
    InputPipeline,
    augment_music,
    balanced_batches,
    clip_loader,
    input_pipeline,
)
from mvemotion.errors import DataError, DivergedError, InputError
from mvemotion.files import read_json, write_json
from mvemotion.history import best_epoch
from mvemotion.networks import create_network
from mvemotion.runs import (
    TrainedNetwork,
    TrainingConfig,
    is_complete,
    load_weights,
    save_weights,
)
from mvemotion.specs import alternative, find_network
from mvemotion.training import train, training_clips
from stores import TINY, make_store

FACELESS = ("Train/Sad/0", "test/Sad/0")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    clips = {"Train": 4, "Validation": 1, "test": 1}
    return make_store(tmp_path_factory.mktemp("store"), clips, faceless=FACELESS)


def config(network="music_a2", **settings):
    return TrainingConfig(network, **({"epochs": 2, "learning_rate": 1e-3} | settings))


def weights(run):
    return load_file(run / "weights.safetensors")


def assert_same_weights(first, second):
    ours, theirs = weights(first), weights(second)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_training_learns_what_can_be_learnt(store, tmp_path):
    # BatchNorm's moving averages keep 99 % a step (Keras), so validation needs hundreds of steps
    settings = config(epochs=30, batch_size=2)
    run = train(settings, store, tmp_path / "run")
    history = pd.read_csv(run / "history.csv")
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]
    assert history["validation_accuracy"].max() >= 0.6


def test_settled_norms_are_those_of_the_training_clips(store, tmp_path):
    lagging = train(config(epochs=1), store, tmp_path / "lagging")
    settled = train(config(epochs=1, settle_norms=True), store, tmp_path / "settled")
    dataset = ClipDataset(store, store.clips("Train"), ("music",))
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_sampler=[list(range(24))])))
    inputs = input_pipeline(store, ("music",), "Train")(batch)
    errors = {}
    for run in (lagging, settled):
        network = load_weights(run / "weights.safetensors").network
        norm = network.stages[0].blocks["music"].norm_o
        seen = []
        norm.register_forward_pre_hook(lambda _, x, seen=seen: seen.append(x[0]))
        network(inputs)
        mean = seen[0].mean((0, 2, 3))
        errors[run.name] = ((norm.running_mean - mean).abs() / mean.abs().clamp_min(1e-3)).max()
    assert errors["settled"] < 0.01 < errors["lagging"]


def test_settings_newer_than_a_run_are_at_their_defaults(store, tmp_path):
    run = train(config(), store, tmp_path / "run")
    older = read_json(run / "config.json")
    del older["settle_norms"]
    write_json(run / "config.json", older)
    train(config(), store, run)
    with pytest.raises(DataError, match="other settle_norms"):
        train(config(settle_norms=True), store, run)


@pytest.mark.slow
def test_shuffled_labels_cannot_be_generalised(tmp_path):
    store = make_store(tmp_path / "store", {"Train": 4, "Validation": 6}, learnable=False)
    run = train(config(epochs=20, batch_size=2, learning_rate=3e-3), store, tmp_path / "run")
    assert pd.read_csv(run / "history.csv")["validation_accuracy"].max() < 0.5


def test_the_same_seed_gives_the_same_weights(store, tmp_path):
    first = train(config(seed=3), store, tmp_path / "first")
    second = train(config(seed=3), store, tmp_path / "second")
    other = train(config(seed=4), store, tmp_path / "other")
    assert_same_weights(first, second)
    assert not torch.equal(weights(first)["head.weight"], weights(other)["head.weight"])


def test_an_interrupted_run_ends_as_if_it_had_not_been(store, tmp_path):
    def interrupt(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    settings = config(epochs=4, batch_size=5, augment=True)  # order and masks are random
    whole = train(settings, store, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(settings, store, tmp_path / "parts", on_epoch=interrupt)
    assert not is_complete(tmp_path / "parts")
    epochs = []
    parts = train(settings, store, tmp_path / "parts", on_epoch=epochs.append)
    assert [row["epoch"] for row in epochs] == [3, 4]
    assert_same_weights(whole, parts)


@pytest.mark.slow
def test_a_killed_run_resumes_with_the_next_epoch(store, tmp_path):
    run, epochs = tmp_path / "run", 400
    command = [sys.executable, "-m", "mvemotion", "train", "music_a2", "--epochs", str(epochs)]
    command += ["--store", str(store.root), "--out", str(run), "--device", "cpu"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (run / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_complete(run)
    rows = []

    def stop_after_one(row):
        rows.append(row)
        raise KeyboardInterrupt

    settings = TrainingConfig("music_a2", epochs=epochs)
    with pytest.raises(KeyboardInterrupt):
        train(settings, store, run, device="cpu", on_epoch=stop_after_one)
    assert rows[0]["epoch"] > 1


@pytest.mark.slow
def test_two_processes_share_a_training(store, tmp_path):
    command = [sys.executable, "-m", "mvemotion", "train", "music_a2", "--epochs", "2"]
    command += ["--store", str(store.root), "--out", str(tmp_path / "run"), "--device", "cpu"]
    done = subprocess.run(
        [*command, "--devices", "2"],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch   1") == 1
    assert done.stdout.count("trained music_a2") == 1
    record = read_json(tmp_path / "run" / "run.json")
    assert record["processes"] == 2
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["validation_accuracy"].mul(6).round(9).isin(range(7)).all()  # all six clips
    assert load_weights(tmp_path / "run" / "weights.safetensors").network_id == "music_a2"


def test_one_loader_reads_both_splits(store, tmp_path, monkeypatch):
    """Beside a GPU each loader has workers of its own, who keep half a GB until the end."""
    loaders = []

    def noted(*arguments):
        loaders.append(clip_loader(*arguments))
        return loaders[-1]

    monkeypatch.setattr(training, "clip_loader", noted)
    run = train(config(epochs=1), store, tmp_path / "run", device="cpu")
    assert [len(loader.dataset) for loader in loaders] == [30]
    assert read_json(run / "run.json")["clips"] == {"Train": 24, "Validation": 6}


def test_a_complete_run_is_left_alone(store, tmp_path):
    run = train(config(), store, tmp_path / "run")
    before = (run / "run.json").stat().st_mtime_ns
    train(config(), store, run, on_epoch=lambda row: pytest.fail("trained again"))
    assert (run / "run.json").stat().st_mtime_ns == before
    assert not (run / "last.ckpt").exists()


def test_a_run_folder_of_another_configuration_is_refused(store, tmp_path):
    train(config(), store, tmp_path / "run")
    with pytest.raises(DataError, match=r"other seed .*choose another folder"):
        train(config(seed=9), store, tmp_path / "run")


def test_a_run_folder_of_other_clips_is_refused(store, tmp_path):
    train(config(), store, tmp_path / "run")
    other = make_store(tmp_path / "other", {"Train": 2})
    with pytest.raises(DataError, match="other store_checksum"):
        train(config(), other, tmp_path / "run")


def test_without_validation_clips_the_last_epoch_is_kept(tmp_path):
    store = make_store(tmp_path / "store", {"Train": 1})
    record = read_json(train(config(), store, tmp_path / "run") / "run.json")
    assert record["best_epoch"] == 2
    assert "no usable Validation clip" in record["best_epoch_by"]


def test_an_empty_training_split_is_refused(tmp_path):
    store = make_store(tmp_path / "store", {"test": 1})
    with pytest.raises(DataError, match="0 usable clips in split 'Train'"):
        train(config(), store, tmp_path / "run")


def test_a_training_split_without_any_face_is_refused_where_faces_are_needed(tmp_path):
    faceless = ("Train/Sad/0", "Train/Fear/0")
    emotions = ("Fear", "Sad")
    store = make_store(tmp_path / "store", {"Train": 1}, emotions=emotions, faceless=faceless)
    with pytest.raises(DataError, match="0 with a face; video_a2"):
        train(config("video_a2+music_a2+face_a2"), store, tmp_path / "run")
    assert is_complete(train(config("music_a2"), store, tmp_path / "music"))


def test_a_loss_that_is_not_finite_ends_the_training_and_says_so(store, tmp_path):
    settings = config(learning_rate=1e30, optimizer="sgd", epochs=5)
    with pytest.raises(DivergedError, match="learning rate below 1e\\+30"):
        train(settings, store, tmp_path / "run")
    assert not is_complete(tmp_path / "run")


def test_a_device_that_is_not_there_leaves_no_folder_behind(store, tmp_path):
    device = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(InputError, match=device):
        train(config(), store, tmp_path / "run", device=device)
    assert not (tmp_path / "run").exists()


def test_any_seed_up_to_32_bits_trains(store, tmp_path):
    assert is_complete(train(config(seed=2**32 - 1), store, tmp_path / "run"))


def test_a_damaged_run_folder_says_which_file(store, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json: not readable"):
        train(config(), store, tmp_path / "run")


def test_face_networks_learn_from_clips_with_a_face_only(store):
    assert "Train/Sad/0" not in set(training_clips(store, "face_a2")["id"])
    fused = training_clips(store, "video_a2+music_a2+face_a2")
    assert "Train/Sad/0" in set(fused["id"])


def test_a_missing_face_is_a_neutral_input_not_a_black_picture(store):
    clips = store.clips("Train")
    dataset = ClipDataset(store, clips, ("face",))
    faceless = clips.index[clips["id"] == "Train/Sad/0"].item()
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_sampler=[[faceless, 0]])))
    face = input_pipeline(store, ("face",), "Train")(batch)["face"]
    assert face[0].abs().max() == 0
    assert face[1].abs().max() > 0


def test_inputs_have_zero_mean_and_unit_variance_over_the_training_split(store):
    streams = ("music", "video", "video_slow", "video_c3d")
    dataset = ClipDataset(store, store.clips("Train"), streams)
    batches = [list(range(len(dataset)))]
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_sampler=batches)))
    inputs = input_pipeline(store, streams, "Train")(batch)
    for name in ("music", "video"):
        assert inputs[name].mean().abs() < 1e-3
        assert (inputs[name].std() - 1).abs() < 1e-3
    assert inputs["video_slow"].shape[2:] == (16, 16, 4)
    assert inputs["video_c3d"].shape[2:] == (20, 20, 16)
    assert inputs["video"].is_contiguous(memory_format=torch.channels_last_3d)


def test_slow_frames_are_the_stored_frames_at_equal_intervals(store):
    dataset = ClipDataset(store, store.clips("Train"), ("video",))
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_sampler=[[0, 1]])))
    pipeline = InputPipeline(("video", "video_slow"), TINY, {"video": (0.0, 1.0)})
    inputs = pipeline(batch)
    raw = store.read(store.clips("Train")["id"][0], ["video"])["video"]
    expected = raw[:, :, [0, 5, 10, 15]].transpose(3, 0, 1, 2)
    np.testing.assert_array_equal(inputs["video_slow"][0].numpy(), expected)


@pytest.mark.parametrize(("count", "size"), [(9, 4), (50, 8), (1, 4), (8, 8), (17, 16)])
def test_batches_hold_every_clip_once_and_differ_by_one_at_most(count, size):
    batches = balanced_batches(range(count), size)
    assert sorted(index for batch in batches for index in batch) == list(range(count))
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_the_best_epoch_has_the_best_accuracy_then_the_lowest_loss():
    def row(epoch, accuracy, loss):
        return {"epoch": epoch, "validation_accuracy": accuracy, "validation_loss": loss}

    rows = [row(1, 0.5, 0.9), row(2, 0.6, 0.8), row(3, 0.6, 0.7), row(4, 0.6, float("nan"))]
    assert best_epoch(rows) == 3


def test_spec_augment_masks_music_and_leaves_video_alone():
    torch.manual_seed(0)
    streams = {"music": torch.ones(2, 2, 128, 200), "video": torch.ones(2, 3, 8, 8, 4)}
    augmented = augment_music(streams)
    masked = augmented["music"] == 0
    assert masked.any()
    assert (masked[:, 0] == masked[:, 1]).all()  # both channels of a clip alike
    assert (masked[0] != masked[1]).any()  # clips not
    assert augmented["video"] is streams["video"]
    assert streams["music"].min() == 1


def test_weights_carry_what_their_inputs_need(store, tmp_path):
    trained = load_weights(train(config(), store, tmp_path / "run") / "weights.safetensors")
    assert trained.network_id == "music_a2"
    assert trained.clip_format == TINY
    assert trained.statistics["music"] == store.statistics("Train")["music"]


@pytest.mark.parametrize("options", [{"mmtm": "concatenate"}, {"swap_pathways": True}])
def test_weights_carry_the_alternatives_that_they_were_trained_with(options, store, tmp_path):
    settings = config("video_a3_mmtm", epochs=1, **options)
    run = train(settings, store, tmp_path / "run")
    trained = load_weights(run / "weights.safetensors")
    assert trained.network.spec == alternative(find_network("video_a3_mmtm"), **options)
    copy = load_weights(save_weights(tmp_path / "copy.safetensors", trained))
    assert copy.network.spec == trained.network.spec
    assert copy.training == asdict(settings) | {"store_checksum": store.checksum()}
    with pytest.raises(DataError, match=f"other {next(iter(options))}"):
        train(config("video_a3_mmtm", epochs=1), store, run)


def test_weights_of_before_there_were_alternatives_still_load(store, tmp_path):
    path = train(config(epochs=1), store, tmp_path / "run") / "weights.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert (metadata.pop("mmtm"), metadata.pop("swap_pathways")) == ("sum", "false")
    assert metadata.pop("preparation")
    assert metadata.pop("training")
    save_file(load_file(path), path, metadata)
    assert load_weights(path).network.spec == find_network("music_a2")
    assert load_weights(path).preparation == {}


def test_a_file_that_is_not_a_weights_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(DataError, match="no such weights file"):
        load_weights(path)
    for content in ("not weights", ""):
        path.write_text(content)
        with pytest.raises(DataError, match=r"not a safetensors file .*name the weights"):
            load_weights(path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A weights file: its metadata and its tensors."""
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    trained = TrainedNetwork(create_network("music_a2"), "music_a2", TINY, "train", {})
    save_weights(path, trained)
    with safe_open(path, "pt") as file:
        return file.metadata(), load_file(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"emotions": '["Joy", "Anger"]'},
            r"classes \['Joy', 'Anger'\]; \['Excited', .*this order",
        ),
        ({"network": "music_a9"}, r"file\.safetensors: .*not one of the .* closest: music_a"),
        ({"network": "music_a3"}, r"not fit music_a3: lacks .* and \d+ more; .*head\.weight is"),
        ({"clip_format": '{"fps": 25}'}, r"file\.safetensors: .*argument 'fps'"),
        ({"clip_format": '{"frames": 0}'}, r"file\.safetensors: .*frames is 0"),
        ({"statistics": '{"music": [1.0]}'}, r"file\.safetensors: .*expected 2, got 1"),
        ({"statistics": "{"}, r"file\.safetensors: metadata .*take the version that saved"),
    ],
)
def test_weights_whose_metadata_do_not_fit_are_refused(saved, changes, message, tmp_path):
    metadata, tensors = saved
    save_file(tensors, tmp_path / "file.safetensors", metadata | changes)
    with pytest.raises(DataError, match=message):
        load_weights(tmp_path / "file.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda bias: {}, "not fit music_a2: lacks head.bias;"),
        (lambda bias: {"head.bias": bias, "tail": bias.clone()}, "music_a2: holds also tail;"),
        (lambda bias: {"head.bias": bias[:4].clone()}, r"head\.bias is \[4\], \[6\] needed"),
    ],
    ids=["lacking", "surplus", "of another shape"],
)
def test_weights_whose_tensors_do_not_fit_are_refused(saved, change, message, tmp_path):
    metadata, tensors = saved
    rest = {name: tensor for name, tensor in tensors.items() if name != "head.bias"}
    path = tmp_path / "file.safetensors"
    save_file(rest | change(tensors["head.bias"]), path, metadata)
    with pytest.raises(DataError, match=message):
        load_weights(path)


def test_metadata_that_another_program_wrote_are_refused(saved, tmp_path):
    path = tmp_path / "file.safetensors"
    save_file(saved[1], path, {"format": "pt"})
    with pytest.raises(DataError, match=r"lacks .*'clip_format'.* not saved by mvemotion"):
        load_weights(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "must be positive"),
        ({"optimizer": "adamw"}, "choose from adam, sgd"),
        ({"standardize": "none"}, "choose from train, split"),
        ({"network": "music_a9"}, "closest: "),
        ({"learning_rate": float("nan")}, "a finite number"),
        ({"seed": -1}, "from 0 to"),
        ({"mmtm": "concatenate"}, "music_a2 has no MMTM"),
        ({"swap_pathways": True}, "music_a2 has no slow and fast branch"),
        ({"precision": "8-bit"}, "choose from 32-true"),
    ],
)
def test_settings_that_do_not_exist_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        TrainingConfig(**({"network": "music_a2"} | settings))
