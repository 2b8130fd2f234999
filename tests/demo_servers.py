"""The web demo with a tiny network, served for real on a free port."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import torch

from mvemotion.demo.app import Demo
from mvemotion.demo.server import address, listen, make_server
from mvemotion.networks import create_network
from mvemotion.prediction import Predictor
from mvemotion.runs import TrainedNetwork, save_weights
from mvemotion.specs import STREAMS, ClipFormat

ALL_THREE = "video_a2+music_a2+face_a2"
TINY = ClipFormat(
    duration_s=2.0,
    mel_bands=16,
    frame_size=32,
    frames=16,
    slow_frames=4,
    c3d_size=20,
    c3d_frames=16,
)


def tiny_weights(path: Path, network_id: str = ALL_THREE) -> Path:
    """Weights, not trained, of a network for windows of two seconds."""
    torch.manual_seed(0)
    network = create_network(network_id, clip_format=TINY).eval()
    network.head.weight.data *= 0.03  # else softmax saturates, and hides all differences
    arrays = {STREAMS[name].array for name in network.streams}
    statistics = {name: (-40.0, 20.0) if "music" in name else (120.0, 60.0) for name in arrays}
    return save_weights(path, TrainedNetwork(network, network_id, TINY, "train", statistics))


@contextmanager
def serving(weights: Path, *, abstain_below: float = 0.0, **options) -> Iterator[str]:
    """The demo's address, for as long as it is served."""
    predictor = Predictor(weights, device="cpu", batch_size=1, abstain_below=abstain_below)
    demo = Demo(predictor, weights, **options)
    with listen("127.0.0.1", 0) as listener:
        server = make_server(demo)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield address(listener)
        finally:
            server.should_exit = True
            thread.join(30)


def wait_until(is_so, patience_s: float = 300.0):
    """The first true answer; fails if none comes."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        if answer := is_so():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {patience_s} s")


def send(url: str, path: Path, name: str = "clip.mp4") -> requests.Response:
    """Upload a file as the page does."""
    with path.open("rb") as file:
        return requests.post(f"{url}api/analyses", params={"name": name}, data=file, timeout=60)


def progress(url: str, key: str) -> dict:
    """How far an analysis is."""
    return requests.get(f"{url}api/analyses/{key}", timeout=60).json()


def ended(url: str, key: str) -> dict:
    """The last word on an analysis."""
    return wait_until(lambda: _if_ended(progress(url, key)))


def _if_ended(state: dict) -> dict | None:
    return state if state["state"] not in ("queued", "working") else None
