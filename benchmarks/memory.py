"""Does the memory of `mvemotion predict` grow with the length of a recording?

    .venv/bin/python benchmarks/memory.py

Repeats a synthetic clip, without encoding it again, until it lasts ten minutes and two hours, and
predicts both in processes of their own: a music network, and the three modalities of the weights
that come with the package. Writes the peak of each process's resident memory, and their ratio.
"""

import argparse
import os
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import torch

from mvemotion.data.synthetic import synthesize
from mvemotion.files import write_json
from mvemotion.networks import create_network
from mvemotion.paths import shipped_weights
from mvemotion.provenance import provenance
from mvemotion.runs import TrainedNetwork, save_weights
from mvemotion.specs import PAPER_FORMAT

MINUTES = (10, 120)
HOP_S = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs=2, default=MINUTES)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        weights = {"music_a2": music(Path(folder)), "three modalities": shipped_weights()}
        recordings = {m: recording(Path(folder), m) for m in options.minutes}
        found = {name: measure(path, recordings, folder) for name, path in weights.items()}
    print(f"{'':18s}" + "".join(f"{m:>9g} min" for m in options.minutes) + "   ratio")
    for name, row in found.items():
        peaks = "".join(f"{part['peak_mb']:10.0f} MB" for part in row["recordings"])
        print(f"{name:18s}{peaks}{row['ratio']:8.2f}")
    write_json(options.out, {"hop_s": HOP_S, "networks": found, "provenance": provenance()})


def music(folder: Path) -> Path:
    """Weights of a music network at the paper's sizes, untrained: memory does not mind."""
    network = create_network("music_a2").eval()
    statistics = {"music": (-20.0, 20.0)}
    trained = TrainedNetwork(network, "music_a2", PAPER_FORMAT, "train", statistics)
    return save_weights(folder / "music.safetensors", trained)


def recording(folder: Path, minutes: float) -> Path:
    """A synthetic clip of 30 s, over and over: packets are copied, later each time."""
    options = {"clips_per_class": {"test": 1}, "duration_s": 30.0, "fps": 12, "progress": False}
    synthesize(folder / "clips", **options)
    source = min((folder / "clips").rglob("*.mp4"))
    path = folder / f"{minutes:g}.mkv"
    with av.open(str(source)) as given, av.open(str(path), "w") as made:
        streams = {s.index: made.add_stream_from_template(s) for s in given.streams}
        packets = [p for p in given.demux() if p.dts is not None]
        start = min(p.dts * p.time_base for p in packets)
        length_s = max((p.pts + p.duration) * p.time_base for p in packets) - start
        for turn in range(round(60 * minutes / float(length_s))):
            for packet in packets:
                copy_later(packet, turn * length_s, streams[packet.stream_index], made)
    return path


def copy_later(packet: av.Packet, shift_s: Fraction, stream, made) -> None:
    """Write a packet at a later time, and leave it as it was."""
    pts, dts, base, index = packet.pts, packet.dts, packet.time_base, packet.stream
    packet.pts, packet.dts = pts + int(shift_s / base), dts + int(shift_s / base)
    packet.stream, packet.time_base = stream, base
    made.mux(packet)
    packet.stream, packet.pts, packet.dts, packet.time_base = index, pts, dts, base


def measure(weights: Path, recordings: dict[float, Path], folder: str) -> dict:
    """Peak memory and seconds of each recording, in a process of its own."""
    torch.set_num_threads(1)
    rows = []
    for minutes, path in recordings.items():
        command = [sys.executable, "-m", "mvemotion", "predict", str(path)]
        command += ["--weights", str(weights), "--hop", str(HOP_S), "--formats", "json"]
        start = time.perf_counter()
        child = os.posix_spawn(sys.executable, [*command, "--out", folder], os.environ)
        _, status, usage = os.wait4(child, 0)
        if status:
            sys.exit(f"{' '.join(command)} ended with {status}")
        seconds = round(time.perf_counter() - start, 1)
        peak_mb = round(usage.ru_maxrss / 1024, 1)
        rows.append({"minutes": minutes, "peak_mb": peak_mb, "seconds": seconds})
    return {"recordings": rows, "ratio": round(rows[-1]["peak_mb"] / rows[0]["peak_mb"], 3)}


if __name__ == "__main__":
    main()
