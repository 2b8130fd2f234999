"""What each way of being quick gains: three networks with all of them, and without one in turn.

    .venv/bin/python benchmarks/switches.py
    .venv/bin/python benchmarks/switches.py --networks face_a0 --switches spectra --repeats 3 \\
        --out benchmarks/results/switches_a0.json

Steps with and without take turns, each in a process of its own with one thread; a ratio above one
is what the network would take longer without. Writes results/switches.json.
"""

import argparse
import sys
from itertools import product
from pathlib import Path
from statistics import median

import torch

from cells import Cell
from mvemotion.files import write_json
from mvemotion.provenance import provenance
from networks import ONE_THREAD, finished, has_bfloat16, seconds
from torch_cell import SWITCHES

HERE = Path(__file__).parent
NETWORKS = ("music_a0", "music_a1_se", "face_a2_se")
MODES = ("forward", "training")
HOW = (
    "the median of how many times longer a step takes without, in alternating turns, seconds of "
    "one core, one step before to warm up; what is switched off gives way to what comes next "
    "(instead of bands, folds) or to PyTorch's own"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--switches", nargs="+", choices=SWITCHES, default=[*SWITCHES])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "switches.json")
    options = parser.parse_args()
    precisions = ("float32", "bfloat16") if has_bfloat16() else ("float32",)
    settings = {"batch": options.batch, "repeats": options.repeats}
    if options.switches != [*SWITCHES]:
        settings["switches"] = options.switches
    found = finished(options.out, settings)
    for name, precision, mode in product(options.networks, precisions, MODES):
        cells = found.setdefault(name, {}).setdefault(precision, {})
        if mode not in cells:
            cells[mode] = measure(name, mode, precision, options)
            record = {"networks": found, "how": HOW, "settings": settings}
            write_json(options.out, record | {"provenance": provenance()})
            print(name, precision, mode, cells[mode], flush=True)
    print(table(found))


def measure(name: str, mode: str, precision: str, options: argparse.Namespace) -> dict[str, float]:
    """Without each switch that has something to do, how many times longer a step takes."""
    command = [sys.executable, str(HERE / "torch_cell.py")]
    step = (name, options.batch, mode, precision)
    arguments = [str(each) for each in step]
    acting = [f"without {switch}" for switch in options.switches if acts(switch, *step)]
    sides = {side: Cell([*command, side, *arguments], ONE_THREAD) for side in ("ours", *acting)}
    for _ in range(options.repeats):
        for cell in sides.values():
            cell.run()
    for cell in sides.values():
        cell.close()
    ours = seconds(sides.pop("ours"))
    return {
        side: round(median(a / b for a, b in zip(seconds(cell), ours, strict=True)), 2)
        for side, cell in sides.items()
    }


def acts(switch: str, name: str, batch: int, mode: str, precision: str) -> bool:
    """Whether it changes anything of such a step."""
    is_short, is_2d, has_a0 = precision == "bfloat16", name.startswith("music"), "_a0" in name
    rules = {
        "spectra": "face_a0" in name or "video_a0" in name,
        "banded kernels": not has_a0,
        "whole tiles": is_short and is_2d,
        "weight gradients apart": (
            mode == "training"
            and is_2d
            and not is_short
            and torch.backends.cpu.get_cpu_capability() == "AVX2"
        ),
        "single clips twice": batch == 1 and not is_2d and not is_short,
        "pooling by axes": mode == "forward" or not is_2d,
        "pooling before concatenation": not has_a0,
        "BatchNorm by its formula": not is_short,
        "fused Adam": mode == "training",
    }
    return rules.get(switch, True)


def table(networks: dict) -> str:
    """Markdown, for each precision: a line a switch, two columns a network."""
    precisions = {precision: None for found in networks.values() for precision in found}
    return "\n\n".join(_table(networks, precision) for precision in precisions)


def _table(networks: dict, precision: str) -> str:
    columns = [(name, mode) for name in networks for mode in MODES]
    lines = [
        f"| {precision} | {' | '.join(f'`{name}`, {mode}' for name, mode in columns)} |",
        "|---|" + "---:|" * len(columns),
    ]
    for switch in SWITCHES:
        cells = [networks[name][precision][mode] for name, mode in columns]
        ratios = [cell.get(f"without {switch}") for cell in cells]
        if any(ratios):
            lines.append(f"| {switch} | {' | '.join(map(_ratio, ratios))} |")
    return "\n".join(lines)


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


if __name__ == "__main__":
    main()
