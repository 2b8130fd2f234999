"""Several processes train one network as one would, and end together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from mvemotion.errors import ReplicationError
from stores import make_store

TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    clips = {"Train": 4, "Validation": 1, "test": 1}
    return make_store(tmp_path_factory.mktemp("store"), clips).root


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def training(store: Path, run: Path, *options: str, start: tuple[str, ...] = ()) -> list[str]:
    command = [sys.executable, *start, "-m", "mvemotion", "train", "music_a2", "--device", "cpu"]
    return [*command, "--store", str(store), "--out", str(run), *options]


def wait_for(condition, limit_s: float = 120.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.05)


# --- What they compute ----------------------------------------------------------------------------
@pytest.mark.slow
def test_two_processes_train_as_one_with_twice_the_batch(store, tmp_path):
    # In double precision: what is left is a difference of rounding alone.
    common = ("--epochs", "3", "--learning-rate", "1e-3", "--settle-norms")
    common += ("--precision", "64-true")
    two = ("--batch-size", "4")
    runs = {
        "one": training(store, tmp_path / "one", *common, "--batch-size", "8"),
        "two": training(store, tmp_path / "two", *common, *two, "--devices", "2"),
        "torchrun": training(store, tmp_path / "torchrun", *common, *two, start=TORCHRUN),
    }
    for command in runs.values():
        subprocess.run(command, check=True, capture_output=True, timeout=240)
    histories = {name: pd.read_csv(tmp_path / name / "history.csv") for name in runs}
    weights = {name: load_file(tmp_path / name / "weights.safetensors") for name in runs}
    columns = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    assert histories["one"]["train_loss"].iloc[-1] < 0.5 * histories["one"]["train_loss"].iloc[0]
    for name in ("two", "torchrun"):
        np.testing.assert_allclose(
            histories[name][columns], histories["one"][columns], rtol=1e-6, err_msg=name
        )
        assert weights[name].keys() == weights["one"].keys()
        for key, value in weights["one"].items():
            scale = np.abs(value).max()
            np.testing.assert_allclose(weights[name][key], value, atol=1e-7 * scale, err_msg=key)


# --- How they end ---------------------------------------------------------------------------------
@pytest.fixture
def begun(store, tmp_path):
    """A training in two processes, in its third epoch at least; and its second process."""
    command = training(store, tmp_path / "run", "--epochs", "30", "--devices", "2")
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        first = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)
    wait_for(lambda: "epoch   2" in (tmp_path / "out").read_text())
    (second,) = children(first.pid)
    yield first, second
    if first.poll() is None:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_when_one_is_killed_the_training_ends_with_a_sentence_and_can_go_on(store, tmp_path, begun):
    first, second = begun
    os.kill(second, signal.SIGKILL)
    assert first.wait(30) == ReplicationError.exit_code
    assert not is_alive(second)
    told = (tmp_path / "err").read_text()
    assert "process 2 of 2 ended by signal 9 (out of memory?); the training has ended" in told
    assert "Traceback" not in told
    before = (tmp_path / "out").read_text().count("epoch ")
    command = training(store, tmp_path / "run", "--epochs", "30", "--devices", "2")
    resumed = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert resumed.stdout.startswith(f"epoch {before + 1:3d}")
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["epoch"].tolist() == list(range(1, 31))


@pytest.mark.slow
def test_when_the_first_is_killed_the_others_end_too(tmp_path, begun):
    first, second = begun
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    wait_for(lambda: not is_alive(second), 15)
    told = (tmp_path / "err").read_text()
    assert f"process {first.pid}, which started this one, has ended" in told
