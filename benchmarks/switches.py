"""What each way of being quick gains: every network with all of them, and without one in turn.

    .venv/bin/python benchmarks/switches.py

Steps with and without take turns, each in a process of its own with one thread; a ratio above one
is what the network would take longer without. Writes results/switches.json.
"""

import argparse
import sys
from itertools import product
from pathlib import Path
from statistics import median

from cells import Cell
from networks import ONE_THREAD, has_bfloat16, seconds
from torch_cell import SWITCHES

from mvemotion.files import read_json, write_json
from mvemotion.provenance import git_commit, provenance

HERE = Path(__file__).parent
NETWORKS = ("music_a0", "music_a1_se", "face_a2_se")
MODES = ("forward", "training")
HOW = (
    "the median of how many times longer steps of one clip take without, in alternating turns, "
    "seconds of one core, one step before to warm up"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "switches.json")
    options = parser.parse_args()
    precisions = ("float32", "bfloat16") if has_bfloat16() else ("float32",)
    found = finished(options.out)
    for name, precision, mode in product(options.networks, precisions, MODES):
        cells = found.setdefault(name, {}).setdefault(precision, {})
        if mode not in cells:
            cells[mode] = measure([name, str(options.batch), mode, precision], options.repeats)
            record = {"networks": found, "how": HOW, "provenance": provenance()}
            write_json(options.out, record)
            print(name, precision, mode, cells[mode], flush=True)
    print(table(found))


def finished(out: Path) -> dict:
    """What a run at this commit has left."""
    record = read_json(out) if out.exists() else None
    is_current = record and record["provenance"]["commit"] == git_commit()
    return record["networks"] if is_current else {}


def measure(arguments: list[str], repeats: int) -> dict[str, float]:
    """Without each switch, how many times longer a step takes."""
    command = [sys.executable, str(HERE / "torch_cell.py")]
    sides = {
        side: Cell([*command, side, *arguments], ONE_THREAD)
        for side in ("ours", *(f"without {switch}" for switch in SWITCHES))
    }
    for _ in range(repeats):
        for cell in sides.values():
            cell.run()
    for cell in sides.values():
        cell.close()
    ours = seconds(sides.pop("ours"))
    return {
        side: round(median(a / b for a, b in zip(seconds(cell), ours, strict=True)), 2)
        for side, cell in sides.items()
    }


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
        ratios = [networks[name][precision][mode][f"without {switch}"] for name, mode in columns]
        lines.append(f"| {switch} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
