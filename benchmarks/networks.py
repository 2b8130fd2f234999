"""How quick the networks are: against Keras, a plain port and this machine's matrix product.

    .venv/bin/python benchmarks/networks.py                  # on a CPU
    .venv/bin/python benchmarks/networks.py --device cuda    # on a GPU; Keras plays no part

On a CPU every network is measured at batches of 1 and 4, forward and in training, each in a process
of its own with one thread. Ours, Keras' (`--keras-python`, see README.md) and the plain port take
turns. Seconds are the processor's: on a quiet machine those of the clock, on a shared one nearly
so. Where all sides together might not fit into memory, they follow one another ("one_by_one").
A finished network is not measured again at the same commit.
"""

import argparse
import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from statistics import median

import torch

from cells import Cell, TooSlowError, available_mb
from mvemotion.files import read_json, write_json
from mvemotion.networks import count_flops
from mvemotion.provenance import provenance

HERE = Path(__file__).parent
FAMILIES = (
    *("music_a0", "music_a1_se", "music_a2", "face_a2_se"),
    *("video_a3_mmtm", "video_c3d", "video_a3_mmtm+music_a0+face_a2_se", "face_a0"),
)
OTHERS = ("plain", "keras")
BATCHES = (1, 4)
PASSES = {"forward": 1, "training": 3}  # operations of a step, in forward passes
PATIENCE_S = 120  # for the first step of another side; ours is measured however long it takes
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
    **{"TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
}
HOW = (
    "seconds of one core a clip: the median of alternating steps after one to warm up; training: "
    "cross-entropy, gradients, Adam, counted as three forward passes; share: of a 2048 matrix "
    "product beside each step; peak: resident memory of the process; Keras: compiled, with oneDNN "
    "(its default here may be many times slower), no XLA; one_by_one: where all sides together "
    "might not fit into memory, each ran after the one before"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    in_order = "ascending: the memory of a larger one is foretold from a smaller one's"
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES, help=in_order)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--sides", nargs="+", choices=OTHERS, default=OTHERS, help="beside ours")
    parser.add_argument("--keras-python", type=Path, help="an interpreter with Keras, TensorFlow")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.out = options.out or HERE / "results" / f"networks_{options.device}.json"
    if options.device == "cuda":
        from gpu import measure_gpu

        return measure_gpu(options.families, options.out)
    measure_cpu(options)
    print(table(read_json(options.out)["networks"]))


def measure_cpu(options: argparse.Namespace) -> None:
    settings = {"repeats": options.repeats, "sides": [*options.sides]}
    if "keras" in options.sides:
        settings["keras"] = keras_versions(options)
    origin = {"how": HOW, "settings": settings, "bfloat16": bfloat16_note()}
    origin["provenance"] = provenance()
    found = finished(options.out, settings)
    for name, batch, mode in product(options.families, options.batches, PASSES):
        batches = found.setdefault(name, {})
        cells = batches.setdefault(f"batch {batch}", {})
        if mode not in cells:
            cells[mode] = measure(name, batch, mode, batches, options)
            write_json(options.out, {"networks": found, **origin})
            print(name, f"batch {batch}", mode, cells[mode], flush=True)


def finished(out: Path, settings: dict) -> dict:
    """What a run with these settings has left at this commit and on such a machine.

    Nothing, if its tree had changes.
    """
    record = read_json(out) if out.exists() else {}
    here = provenance()
    if record.get("settings") != settings or (here["commit"] or "-dirty").endswith("-dirty"):
        return {}
    there = record["provenance"]
    is_same = all(there[name] == here[name] for name in ("commit", "machine", "versions"))
    return record["networks"] if is_same else {}


def keras_versions(options: argparse.Namespace) -> dict[str, str]:
    """Of Keras and its backend, by name, as their interpreter has them."""
    program = (
        "import importlib, json, keras; name = keras.backend.backend(); "
        "backend = importlib.import_module(name); "
        "print(json.dumps({'Keras': keras.__version__, name: backend.__version__}))"
    )
    command, environment = keras_interpreter(options)
    answer = subprocess.run(
        [command, "-c", program],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return json.loads(answer.stdout)


def keras_interpreter(options: argparse.Namespace) -> tuple[str, dict[str, str]]:
    """The one that is named, with TensorFlow; or this one, with Keras on PyTorch."""
    backend = "tensorflow" if options.keras_python else "torch"
    command = str(options.keras_python or sys.executable)
    return command, ONE_THREAD | {"KERAS_BACKEND": backend}


def bfloat16_note() -> str:
    return "measured" if has_bfloat16() else "not measured: no bf16 here"


def has_bfloat16() -> bool:
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def measure(name: str, batch: int, mode: str, found: dict, options: argparse.Namespace) -> dict:
    """One cell of the table: all sides alternate; each has its median, range and peak.

    Where they might need more memory than there is, one side begins when the one before has ended.
    `found` are this network's cells so far, by batch and mode.
    """
    sides = contenders(name, batch, mode, options)
    is_apart = needed_mb(found, batch, mode) > available_mb()
    result = {"one_by_one": True} if is_apart else {}
    groups = [{side: how} for side, how in sides.items()] if is_apart else [sides]
    operations = PASSES[mode] * count_flops(name)
    cells = {}
    for group in groups:
        cells |= in_turns(group, found, result, batch, options.repeats)
    for side, cell in cells.items():
        result[side] |= compared(side, cell, cells["ours"])
        if side.startswith("ours"):
            result[side] |= shares(cell, operations, result[side]["seconds"])
    return result


def needed_mb(found: dict, batch: int, mode: str) -> float:
    """Memory of all sides at once, at most: as if all that a smaller batch takes grew with it."""
    peaks = [
        sum(side.get("peak_mb", 0) for side in modes[mode].values() if isinstance(side, dict))
        * (batch / int(smaller.split()[-1]))
        for smaller, modes in found.items()
        if mode in modes
    ]
    return max(peaks, default=0)


def in_turns(group: dict, found: dict, result: dict, batch: int, repeats: int) -> dict[str, Cell]:
    """The sides that were measured, ended again; `result` gets what they took."""
    cells = {}
    for side, how in group.items():
        try:
            cells[side] = start(side, how, found)
        except TooSlowError:
            result[side] = {"left_out": f"no first step within {PATIENCE_S} s"}
    for _ in range(repeats):
        for cell in cells.values():
            cell.run()
    for side, cell in cells.items():
        result[side] = summary(cell, batch)
    return cells


def start(side: str, how: tuple, found: dict) -> Cell:
    """A side of one cell; if it was left out at a smaller batch, it is not tried again."""
    earlier = [cell.get(side, {}) for modes in found.values() for cell in modes.values()]
    if any("left_out" in cell for cell in earlier):
        raise TooSlowError
    return Cell(*how, patience_s=None if side.startswith("ours") else PATIENCE_S)


def compared(side: str, cell: Cell, ours: Cell) -> dict:
    if side == "ours":
        return {}
    turns = zip(seconds(cell), seconds(ours), strict=True)
    return {"times_ours": round(median(theirs / of_ours for theirs, of_ours in turns), 2)}


def contenders(name: str, batch: int, mode: str, options: argparse.Namespace) -> dict:
    """{side: (command, environment)}"""
    arguments = [name, str(batch), mode]
    ours = [sys.executable, str(HERE / "torch_cell.py")]
    sides = {"ours": ([*ours, "ours", *arguments, "float32"], ONE_THREAD)}
    if has_bfloat16():
        sides["ours bfloat16"] = ([*ours, "ours", *arguments, "bfloat16"], ONE_THREAD)
    if "plain" in options.sides:
        sides["plain"] = ([*ours, "plain", *arguments, "float32"], ONE_THREAD)
    if "keras" in options.sides:
        keras, environment = keras_interpreter(options)
        sides["keras"] = ([keras, str(HERE / "keras_cell.py"), *arguments], environment)
    return sides


def seconds(cell: Cell) -> list[float]:
    return [took["processor_s"] for took in cell.times]


def summary(cell: Cell, batch: int) -> dict:
    took = [second / batch for second in seconds(cell)]
    return {
        "seconds": round(median(took), 4),
        "range": [round(min(took), 4), round(max(took), 4)],
        "peak_mb": round(cell.close()),
    }


def shares(cell: Cell, operations: float, took: float) -> dict:
    ceiling = median(step["ceiling_gflop_per_s"] for step in cell.times)
    achieved = operations / took / 1e9
    return {
        "gflop_per_s": round(achieved, 1),
        "ceiling_gflop_per_s": round(ceiling, 1),
        "share_of_ceiling": round(achieved / ceiling, 2),
    }


def table(networks: dict) -> str:
    """Markdown: a line for each network and batch."""
    lines = [
        "| network | batch | | s a clip | of the ceiling | MB | Keras | plain |",
        "|---" * 8 + "|",
    ]
    for name, batches in networks.items():
        for batch, modes in batches.items():
            lines += [line(name, batch, mode, cell) for mode, cell in modes.items()]
    return "\n".join(lines)


def line(name: str, batch: str, mode: str, cell: dict) -> str:
    ours = cell["ours"]
    others = [times_ours(cell.get(side, {})) for side in ("keras", "plain")]
    cells = (f"`{name}`", batch.split()[-1], mode, f"{ours['seconds']:.3f}")
    cells += (f"{ours['share_of_ceiling']:.0%}", f"{ours['peak_mb']}", *others)
    return "| " + " | ".join(cells) + " |"


def times_ours(side: dict) -> str:
    return f"{side['times_ours']:.2f}" if "times_ours" in side else "-"


if __name__ == "__main__":
    main()
