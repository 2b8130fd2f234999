"""The benchmark for a GPU runs whole on a CPU, in small: no GPU is needed to know that it works."""

import pytest
import torch

import gpu
from gpu_input import measure_input, write_store
from mvemotion.errors import InputError
from mvemotion.specs import list_networks
from stores import TINY

CPU = torch.device("cpu")
CEILING = 1e12


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(gpu, "REPEATS", 1)


@pytest.mark.slow  # torch.compile imports and traces for several seconds
def test_a_network_is_measured_forward_in_training_compiled_and_as_in_the_profile():
    small = {"batches": (2, 4), "backend": "eager", "clip_format": TINY}
    found = gpu.measure_network("music_a2", CPU, CEILING, **small)
    assert list(found) == ["forward", "training", "compiled", "profile"]
    assert found["profile"]["batch"] == 16
    for way in found.values():
        assert way["clips_per_s"] > 0
        assert way["share_of_ceiling"] >= 0


@pytest.mark.slow
def test_compiled_outputs_are_those_of_the_network_and_names_stay():
    torch.manual_seed(0)
    network = gpu.create_network("music_a2", clip_format=TINY).eval()
    cell = gpu.Cell("music_a2", 2, clip_format=TINY)
    streams = {"music": gpu.random_batch("music", cell, CPU)}
    names, expected = list(network.state_dict()), network(streams)
    network.compile(backend="eager")
    torch.testing.assert_close(network(streams), expected)
    assert list(network.state_dict()) == names


def test_a_compiler_that_fails_is_told_and_stops_nothing():
    cell = gpu.Cell("music_a2", 2, backend="no such compiler", clip_format=TINY)
    assert "no such compiler" in gpu.rate_or_why_not(cell, CPU, CEILING)["failed"]


def test_batches_grow_until_there_is_no_more_room(monkeypatch):
    def limited(cell, device, ceiling):
        if cell.batch > room:
            raise torch.OutOfMemoryError
        return {"batch": cell.batch, "clips_per_s": cell.batch}

    monkeypatch.setattr(gpu, "rate", limited)
    cells = [gpu.Cell("music_a2", batch) for batch in (1, 2, 4)]
    room = 2
    assert gpu.best(cells, CPU, CEILING)["batch"] == 2
    room = 0
    with pytest.raises(InputError, match=r"a batch of 1 takes more memory .* other --families"):
        gpu.best(cells, CPU, CEILING)


def test_clips_are_read_learned_and_both(tmp_path):
    store = write_store(tmp_path, 6, TINY)
    found = measure_input("music_a2", store, CPU, 3)
    assert found["workers"] == 0
    assert all(found[f"{way}_per_s"] > 0 for way in ("read", "learned", "read_and_learned"))


def measured(rate: float) -> dict:
    return {key: {"clips_per_s": rate} for key in ("training", "profile")}


def test_the_paper_takes_its_networks_times_clips_and_epochs():
    networks = dict.fromkeys(gpu.paper_networks(), measured(10.0))
    assert len(networks) == len(list_networks()) + 2
    due = len(networks) * gpu.PAPER_CLIPS * gpu.PAPER_EPOCHS / 3600
    quick = gpu.estimate_paper(networks, 1e9)
    assert list(quick.values()) == pytest.approx([due / 10] * 2, rel=1e-3)
    assert list(gpu.estimate_paper(networks, 5.0).values()) == pytest.approx(
        [due / 5] * 2, rel=1e-3
    )


def test_networks_that_were_not_measured_are_as_quick_as_their_likes():
    slow = {"music_a2": measured(100.0), "video_a2": measured(1.0)}
    quick = slow | {"video_a2": measured(2.0)}
    hours = [gpu.estimate_paper(networks, 1e9)["as in the profile"] for networks in (slow, quick)]
    assert hours[0] > 1.5 * hours[1]


def test_there_is_no_estimate_without_its_measurement():
    networks = {"music_a2": measured(10.0) | {"profile": {"failed": "OutOfMemoryError: "}}}
    found = gpu.estimate_paper(networks, 1e9)
    assert found["as in the profile"] is None
    assert found["bfloat16, best batch"] > 0
