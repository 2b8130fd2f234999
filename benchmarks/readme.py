"""Writes what was measured into README.md, between its marks; a test holds it there.

.venv/bin/python benchmarks/readme.py
"""

import re
from pathlib import Path

from mvemotion.files import read_json, write_text
from mvemotion.networks import count_flops

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(?<=<!-- times -->\n).*?(?=<!-- end of times -->)", re.DOTALL)
MODES = ("forward", "training")
HEAD = (
    "| | GFLOP | batch | a clip | of the limit | plain | Keras | a training step, a clip "
    "| of the limit | plain | Keras |\n|---|" + "---:|" * 10
)


def main() -> None:
    readme = ROOT / "README.md"
    write_text(readme, put(readme.read_text(encoding="utf-8")))


def put(text: str) -> str:
    """The README with today's numbers."""
    return BLOCK.sub(lambda _: times(RESULTS), text)


def times(results: Path) -> str:
    """The whole block, in Markdown."""
    networks = read_json(results / "networks_cpu.json")
    overheads = read_json(results / "overheads.json")
    preprocessing = read_json(results / "preprocessing.json")
    return "\n".join(
        [
            *introduction(networks),
            HEAD,
            *rows(networks["networks"]),
            "",
            *reading(overheads),
            *preparing(preprocessing),
            "",
        ]
    )


def introduction(record: dict) -> list[str]:
    machine = record["provenance"]["machine"]
    ceilings = [
        cell["ours"]["ceiling_gflop_per_s"]
        for batches in record["networks"].values()
        for modes in batches.values()
        for cell in modes.values()
    ]
    return [
        f"Seconds of one core of a shared server ({machine['processor']}, "
        f"{sorted(ceilings)[len(ceilings) // 2]:.0f} GFLOP/s in a matrix product; bfloat16 "
        f"{record['bfloat16']}) at the paper's input sizes in 32 bits, measured by `make bench`,",
        "written to [benchmarks/results](benchmarks/results); "
        "[benchmarks/README.md](benchmarks/README.md) says what paid. *Of the limit*: operations a "
        "second as a share of those in a matrix product.",
        "*Plain*, *Keras*: how many times longer the same network takes as PyTorch's own "
        "operations in the paper's order, and in Keras on TensorFlow.",
        "",
    ]


def rows(networks: dict) -> list[str]:
    return [
        row(name, batch.split()[-1], modes)
        for name, batches in networks.items()
        for batch, modes in batches.items()
    ]


def row(name: str, batch: str, modes: dict) -> str:
    cells = [f"`{name}`", f"{count_flops(name) / 1e9:.1f}", batch]
    for mode in MODES:
        cells += mode_cells(modes[mode]) if mode in modes else ["–"] * 4
    return "| " + " | ".join(cells) + " |"


def mode_cells(cell: dict) -> list[str]:
    ours = cell["ours"]
    others = [
        f"{cell[side]['times_ours']:.1f}" if "times_ours" in cell.get(side, {}) else "–"
        for side in ("plain", "keras")
    ]
    return [f"{ours['seconds']:.2f} s", f"{100 * ours['share_of_ceiling']:.0f} %", *others]


def reading(record: dict) -> list[str]:
    given = [
        f"{cell['read_for_each_learned']:.0f} to `{name}`"
        for name, cell in record["reading"].items()
    ]
    starting = record["starting"]
    return [
        f"While one clip is learned, the store gives {' and '.join(given)}. `mvemotion --help` "
        f"takes {starting['mvemotion --help']['seconds']:.1f} s, `mvemotion networks` "
        f"{starting['mvemotion networks']['seconds']:.1f} s, of which importing torch is "
        f"{starting['import torch']['seconds']:.1f} s.",
        "",
    ]


def preparing(record: dict) -> list[str]:
    bare, without, faces = record["cost"]["cells"].values()
    naive = record["naive"]["prepare_is_times_faster"]
    peaks = {
        who: max(clip[who]["peak_mb"] for clip in record["memory"].values())
        for who in ("worker", "spectrograms")
    }
    clips = ", ".join(f"{count} of {kind}" for kind, count in record["clips"].items())
    workers = record["workers"]
    return [
        f"`prepare` takes {without['seconds']:.1f} s a clip and core without faces and "
        f"{faces['seconds']:.1f} s with faces searched in the 64 frames: "
        f"{without['times_bare_decode']:.1f} and {faces['times_bare_decode']:.1f} times a bare "
        f"decode of the same files ({bare['seconds']:.1f} s; {clips}),",
        f"and {min(naive):.0f} to {max(naive):.0f} times less than the usual libraries without "
        f"further thought. Two workers on two cores are {workers['times_faster_with_two']:.1f} "
        f"times as fast as one. A worker peaks at {peaks['worker']:.0f} MB even in 4K or with an",
        f"hour's recording; the process that makes all workers' spectrograms, at "
        f"{peaks['spectrograms']:.0f} MB, most of it PyTorch.",
    ]


if __name__ == "__main__":
    main()
