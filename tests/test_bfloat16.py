"""Training in bfloat16: it learns as in 32 bits, its gradients are right, its losses 32 bits."""

import os
import subprocess
import sys
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F

from mvemotion.layers import channels_last_
from mvemotion.networks import create_network
from mvemotion.norms import BatchNorm
from mvemotion.processes import share_norms
from mvemotion.runs import TrainingConfig, is_complete
from mvemotion.specs import ClipFormat, stream_shape
from mvemotion.training import train
from plain_layers import make_plain
from stores import make_store

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
LOSSES = ["train_loss", "validation_loss"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    clips = {"Train": 6, "Validation": 4}
    return make_store(tmp_path_factory.mktemp("store"), clips)


def history(store, run, precision, **settings) -> pd.DataFrame:
    settings = {"epochs": 2, "learning_rate": 1e-3, "batch_size": 6} | settings
    config = TrainingConfig("music_a2", precision=precision, **settings)
    return pd.read_csv(train(config, store, run, device="cpu") / "history.csv")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_as_in_32_bits(seed, store, tmp_path):
    """On average the curves differ by less than a tenth of where they begin."""
    settings = {"epochs": 6, "settle_norms": True, "seed": seed}
    full, short = (
        history(store, tmp_path / precision, precision, **settings)
        for precision in ("32-true", "bf16-mixed")
    )
    first = full["train_loss"].iloc[0]
    assert short["train_loss"].iloc[-1] < 0.5 * first
    assert (short["train_loss"] - full["train_loss"]).abs().mean() < 0.1 * first
    chance = 1 / 6
    assert short["validation_accuracy"].iloc[1:].mean() > 2 * chance


@pytest.mark.parametrize(
    ("network_id", "clip_format"),
    [
        pytest.param(
            "music_a2", ClipFormat(duration_s=10.0, mel_bands=128), marks=pytest.mark.slow
        ),
        ("video_a2", ClipFormat(frame_size=32, frames=8, slow_frames=4, c3d_frames=8)),
    ],
)
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_gradients_are_those_without_onednn(network_id, clip_format):
    """Its kernels have been wrong on some processors; rounding alone turns gradients less."""
    torch.manual_seed(0)
    network = channels_last_(create_network(network_id, clip_format=clip_format))
    streams = {name: _clips(name, clip_format) for name in network.streams}
    found = _gradients(deepcopy(network), streams)
    with torch.backends.mkldnn.flags(enabled=False):
        alone = _gradients(deepcopy(network), streams)
        plain = _gradients(make_plain(deepcopy(network)), streams)
    assert _cosines(found, alone).min() > 0.9
    exact = _gradients(
        deepcopy(network).double(), {name: x.double() for name, x in streams.items()}
    )
    cosines = _cosines(found, exact)
    assert cosines.median() > 0.9
    assert cosines.min() > 0.5
    assert cosines.median() > _cosines(plain, exact).median() - 0.02


def _clips(stream: str, clip_format: ClipFormat) -> torch.Tensor:
    """Six clips of noise, each brighter than the one before."""
    x = torch.randn(6, *stream_shape(stream, clip_format))
    x += torch.arange(6.0).view(6, *[1] * (x.ndim - 1))
    return x.contiguous(memory_format=LAYOUTS[x.ndim])


def _gradients(network, streams) -> dict[str, torch.Tensor]:
    """In bfloat16 where the streams are 32 bits; of every parameter that is not a lone number."""
    is_exact = next(iter(streams.values())).dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16, enabled=not is_exact):
        logits = network(streams)
    loss = F.cross_entropy(logits if is_exact else logits.float(), torch.arange(6))
    loss.backward()
    return {n: p.grad.double().flatten() for n, p in network.named_parameters() if p.numel() > 1}


def _cosines(found: dict, expected: dict) -> pd.Series:
    return pd.Series({n: F.cosine_similarity(found[n], expected[n], 0).item() for n in expected})


def test_losses_and_settled_norms_are_not_in_16_bits(store, tmp_path):
    found = history(store, tmp_path / "run", "bf16-mixed", settle_norms=True)
    losses = torch.tensor(found[LOSSES].to_numpy())
    assert (losses.bfloat16().double() != losses).all()
    exact = history(store, tmp_path / "full", "32-true", settle_norms=True)
    np.testing.assert_allclose(found["train_loss"], exact["train_loss"], rtol=0.2)


@pytest.mark.slow
def test_two_processes_train_in_bfloat16(store, tmp_path):
    command = [sys.executable, "-m", "mvemotion", "train", "music_a2", "--device", "cpu"]
    command += ["--store", str(store.root), "--out", str(tmp_path / "run"), "--epochs", "1"]
    command += ["--devices", "2", "--batch-size", "4", "--precision", "bf16-mixed"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr
    assert is_complete(tmp_path / "run")


@pytest.fixture
def lone_process():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_shared_norms_add_up_in_32_bits(lone_process):
    """Its statistics are those of 32 bits, though what it normalises and gives has 16."""
    torch.manual_seed(0)
    x = (torch.randn(4, 8, 32, 65) + 3).bfloat16()
    alone, shared = torch.nn.ModuleList([BatchNorm(8)]), torch.nn.ModuleList([BatchNorm(8)])
    shared = share_norms(shared, torch.device("cpu"))
    expected, found = alone[0](x.float()), shared[0](x)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, atol=0, rtol=2**-8)
    torch.testing.assert_close(shared[0].state_dict(), alone[0].state_dict())
