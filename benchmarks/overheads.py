"""What is spent beside the networks: reading clips of a store, and starting the program.

    .venv/bin/python benchmarks/overheads.py --store path/to/store

Clips a second that the loader gives (read, collated, standardised) against those that a training
step of the same network takes, turn by turn on one thread, for the quickest network of all and the
quickest of three modalities; and seconds from a command to its end against an empty Python program.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from cells import timed
from mvemotion.data.batches import ClipDataset, clip_loader, input_pipeline
from mvemotion.data.store import Store
from mvemotion.files import write_json
from mvemotion.provenance import provenance
from mvemotion.specs import find_network
from torch_cell import build_step

NETWORKS, BATCH = ("music_a2", "video_a2+music_a2+face_a2"), 4
PROGRAMS = {
    "import mvemotion": ["-c", "import mvemotion"],
    "mvemotion --help": ["-m", "mvemotion", "--help"],
    "import torch": ["-c", "import torch"],
    "mvemotion networks": ["-m", "mvemotion", "networks"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True, help="clips of the paper's sizes")
    parser.add_argument("--repeats", type=int, default=7)
    default = Path(__file__).parent / "results" / "overheads.json"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    torch.set_num_threads(1)
    store, repeats = Store(options.store), options.repeats
    result = {
        "reading": {name: measure_reading(store, name, repeats) for name in NETWORKS},
        "starting": measure_starting(repeats),
        "provenance": provenance(),
    }
    write_json(options.out, result)
    print(options.out.read_text())


def measure_reading(store: Store, network_id: str, repeats: int) -> dict:
    """Clips a second, medians; how many are read while one is learned."""
    learn = build_step("ours", network_id, BATCH, "training", torch.float32)
    turns = {"read": reader(store, network_id), "learn": learn}
    for turn in turns.values():
        turn()  # to warm up: the clips are in the page cache from here on
    took = {name: [] for name in turns}
    for _ in range(repeats):
        for name, turn in turns.items():
            took[name].append(timed(turn)["processor_s"] / BATCH)
    return {
        "read_per_s": round(1 / median(took["read"]), 1),
        "range": [round(1 / max(took["read"]), 1), round(1 / min(took["read"]), 1)],
        "learned_per_s": round(1 / median(took["learn"]), 2),
        "read_for_each_learned": round(median(took["learn"]) / median(took["read"]), 1),
    }


def reader(store: Store, network_id: str) -> Callable[[], None]:
    """What gives the next batch of a network's inputs, forever."""
    streams = find_network(network_id).streams
    dataset = ClipDataset(store, store.clips("Train"), streams)
    pipeline = input_pipeline(store, streams, "Train")

    def batches():
        while True:
            order = torch.randperm(len(dataset)).split(BATCH)
            full = [part.tolist() for part in order if len(part) == BATCH]
            yield from clip_loader(dataset, torch.device("cpu"), full)

    endless = batches()
    return lambda: pipeline(next(endless))


def measure_starting(repeats: int) -> dict:
    """Seconds of one core from start to end, and how many times an empty program's."""
    empty, result = ["-c", "pass"], {}
    took = {name: [] for name in PROGRAMS}
    for _ in range(repeats):
        nothing = seconds(empty)
        for name, arguments in PROGRAMS.items():
            took[name].append((seconds(arguments), nothing))
    for name, turns in took.items():
        result[name] = {
            "seconds": round(median(turn for turn, _ in turns), 3),
            "times_empty": round(median(turn / nothing for turn, nothing in turns), 1),
        }
    return result


def seconds(arguments: list[str]) -> float:
    """Of the processor, by a program from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
