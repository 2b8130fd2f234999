"""Writes what was measured into both README.md, between their marks; a test holds it there.

.venv/bin/python benchmarks/readme.py
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mvemotion.files import read_json, write_text
from mvemotion.networks import count_flops
from sample_results import sample_results
from switches import table as table_of

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
MODES = {"forward": "A forward pass", "training": "A training step"}
SIDES = {"ours": "32 bits", "ours bfloat16": "bfloat16"}


def main() -> None:
    for readme in (ROOT / "README.md", ROOT / "benchmarks" / "README.md"):
        write_text(readme, put(readme.read_text(encoding="utf-8")))


def put(text: str) -> str:
    """A page with today's numbers."""
    for name, block in BLOCKS.items():
        between = rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)"
        text = re.sub(between, lambda _, block=block: block(), text, flags=re.DOTALL)
    return text


def times() -> str:
    """What the main page says of time, in Markdown."""
    everything = read_json(RESULTS / "networks_cpu.json")
    since = measured_since(everything, read_json(RESULTS / "networks_cpu_a0.json"))
    networks = everything | {"networks": without(everything["networks"], since)}
    overheads = read_json(RESULTS / "overheads.json")
    preprocessing = read_json(RESULTS / "preprocessing.json")
    return "\n".join(
        [
            *introduction(networks),
            *tables(networks["networks"]),
            *apart(since),
            *reading(overheads),
            *preparing(preprocessing),
            "",
            whole(read_json(RESULTS / "wall_times.json")),
            "",
        ]
    )


def introduction(record: dict) -> list[str]:
    return [
        "Seconds a clip of one core of a shared server, at the paper's input sizes, the median of "
        f"{record['settings']['repeats']} steps, measured by `make bench` ({processor(record)}; a "
        f"matrix product reaches {limits(record['networks'])}), "
        "written to [benchmarks/results](benchmarks/results);",
        "[benchmarks/README.md](benchmarks/README.md) says what paid. *Share*: operations a second "
        "against those of PyTorch's matrix product in the same precision, which some convolutions "
        "outrun, A0 on video and faces by far: it multiplies spectra, which takes a fraction of "
        "the operations that are counted; a training step counts as three forward passes. "
        "*Plain*, *Keras*: how many times longer",
        f"PyTorch's own operations in the paper's order and {keras(record)} take, both in 32 "
        "bits, than ours in 32 bits; last, Keras in 32 bits against ours in bfloat16. †: one side "
        "after another, since all together might not fit into memory; elsewhere they took turns.",
        "",
    ]


def measured_since(record: dict, other: dict) -> dict:
    """The other one, if it is newer or has more, and would leave some of the first."""
    ours, others = (set(each["networks"]) for each in (record, other))
    times = [each["provenance"]["time_utc"] for each in (record, other)]
    is_wanted = times[0] < times[1] or not others <= ours
    return other if is_wanted and not ours <= others else {}


def without(networks: dict, since: dict) -> dict:
    """Networks that have not been measured again, because they are computed otherwise now."""
    return {name: cell for name, cell in networks.items() if name not in since.get("networks", {})}


def apart(record: dict) -> list[str]:
    """Of networks that have been measured later than the others, and elsewhere."""
    if not record:
        return []
    return [
        "A0 on faces (on video it has the same layers) was measured later, on another machine "
        f"({processor(record)}; a matrix product reaches {limits(record['networks'])}):",
        "",
        *tables(record["networks"]),
    ]


def keras(record: dict) -> str:
    """Keras 3.15.1 on tensorflow 2.21.0, for example."""
    versions = record["settings"].get("keras", {"Keras": "(not measured)"})
    return " on ".join(f"{name} {version}" for name, version in versions.items())


def measured(networks: dict) -> list[str]:
    """Ours in 32 bits, and in bfloat16 if the machine has it."""
    return [side for side in SIDES if all(side in cell for *_, cell in cells(networks))]


def limits(networks: dict) -> str:
    sides = measured(networks)
    return " and ".join(f"{limit(networks, side):.0f} GFLOP/s in {SIDES[side]}" for side in sides)


def limit(networks: dict, side: str) -> float:
    """The median of all that was measured beside the steps."""
    found = sorted(cell[side]["ceiling_gflop_per_s"] for *_, cell in cells(networks))
    return found[len(found) // 2]


def cells(networks: dict) -> Iterator[tuple[str, str, str, dict]]:
    """(network, batch, mode, what was measured)"""
    for name, batches in networks.items():
        for batch, modes in batches.items():
            for mode, cell in modes.items():
                yield name, batch.split()[-1], mode, cell


def tables(networks: dict) -> list[str]:
    return [row for mode in MODES for row in table(networks, mode)]


def table(networks: dict, mode: str) -> list[str]:
    sides = measured(networks)
    head = [MODES[mode], "GFLOP", "batch"]
    head += [title for side in sides for title in (SIDES[side], "share")]
    head += ["plain", "Keras", *(["Keras / bfloat16"] if len(sides) > 1 else [])]
    found = [(name, batch, cell) for name, batch, m, cell in cells(networks) if m == mode]
    lines = [line([f"`{n}`", *row(n, batch, cell, sides)]) for n, batch, cell in found]
    return [line(head), "|---|" + "---:|" * (len(head) - 1), *lines, ""]


def line(columns: list[str]) -> str:
    return f"| {' | '.join(columns)} |"


def row(name: str, batch: str, cell: dict, sides: list[str]) -> list[str]:
    columns = [gflop(name), f"{batch} †" if "one_by_one" in cell else batch]
    for side in sides:
        columns += [f"{cell[side]['seconds']:.2f} s", f"{cell[side]['share_of_ceiling']:.0%}"]
    columns += [times_longer(cell, side, "ours") for side in ("plain", "keras")]
    return columns + [times_longer(cell, "keras", side) for side in sides if side != "ours"]


@cache
def gflop(name: str) -> str:
    """Of a forward pass; the network is built for it, and stands in four rows."""
    return f"{count_flops(name) / 1e9:.1f}"


def times_longer(cell: dict, side: str, than: str) -> str:
    if "left_out" in cell.get(side, {"left_out": ""}):
        return "–"
    if than == "ours":
        return f"{cell[side]['times_ours']:.1f}"
    return f"{cell[side]['seconds'] / cell[than]['seconds']:.1f}"


def processor(record: dict) -> str:
    return record["provenance"]["machine"]["processor"]


def reading(record: dict) -> list[str]:
    given = [
        f"{cell['read_for_each_learned']:.0f} clips while `{name}` learns one"
        for name, cell in record["reading"].items()
    ]
    starting = record["starting"]
    return [
        f"On {processor(record)}: a store gives {' and '.join(given)}. `mvemotion --help` "
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
        f"On {processor(record)}: `prepare` takes {without['seconds']:.1f} s a clip and core "
        "without faces and "
        f"{faces['seconds']:.1f} s with faces searched in the 64 frames: "
        f"{without['times_bare_decode']:.1f} and {faces['times_bare_decode']:.1f} times a bare "
        f"decode of the same files ({bare['seconds']:.1f} s; {clips}),",
        f"and {min(naive):.0f} to {max(naive):.0f} times less than the usual libraries without "
        f"further thought. Two workers on two cores are {workers['times_faster_with_two']:.1f} "
        f"times as fast as one. A worker peaks at {peaks['worker']:.0f} MB even in 4K or with an",
        f"hour's recording; the process that makes all workers' spectrograms, at "
        f"{peaks['spectrograms']:.0f} MB, most of it PyTorch.",
    ]


def whole(record: dict) -> str:
    setup, replicate, test = (f"{record['minutes'][n]:.0f}" for n in ("setup", "replicate", "test"))
    cores = record["provenance"]["machine"]["cores"]
    return (
        f"On {processor(record)} with {cores} cores, from a fresh clone and no package at hand: "
        f"set-up takes {setup} min, then `make replicate` {replicate}, `make test` {test}."
    )


def networks_with_amx() -> str:
    """The same tables of another processor, in Markdown."""
    record = read_json(RESULTS / "networks_cpu_amx.json")
    networks = record["networks"]
    head = (
        f"On one core of {processor(record)} (a matrix product reaches {limits(networks)}), at "
        f"commit {record['provenance']['commit']}:"
    )
    return "\n".join([head, "", *tables(networks)])


def switches() -> str:
    """What each way of being quick gains, in Markdown."""
    record, a0 = (read_json(RESULTS / f"{name}.json") for name in ("switches", "switches_a0"))
    tables = [
        f"On one core of {processor(record)}: {record['how']}.",
        table_of(record["networks"]),
        f"A0 on faces, of {a0['settings']['repeats']} turns, on one core of {processor(a0)}:",
        table_of(a0["networks"]),
    ]
    return "\n\n".join(tables) + "\n"


BLOCKS = {
    "times": times,
    "sample results": sample_results,
    "switches": switches,
    "networks with AMX": networks_with_amx,
}


if __name__ == "__main__":
    main()
