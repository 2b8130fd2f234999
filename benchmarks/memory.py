"""Does the memory of `mvemotion predict` grow with the length of a recording?

    .venv/bin/python benchmarks/memory.py

Repeats a synthetic clip, without encoding it again, until it lasts ten minutes and two hours, and
predicts both in processes of their own: a music network, and the three modalities of the weights
that come with the package. Writes the peak of each process's resident memory, and their ratio.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av

from mvemotion.data.synthetic import synthesize
from mvemotion.files import write_json
from mvemotion.networks import create_network
from mvemotion.paths import shipped_weights
from mvemotion.provenance import provenance
from mvemotion.runs import TrainedNetwork, save_weights
from mvemotion.specs import PAPER_FORMAT

MINUTES = (10, 120)
HOP_S = 30.0
PREDICT = """
import sys
from mvemotion.cli import main
code = main(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
sys.exit(code)
"""  # the last word is the peak of its resident memory, in KiB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs=2, default=MINUTES)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory.json"))
    options = parser.parse_args()
    origin = {"provenance": provenance()}
    with tempfile.TemporaryDirectory() as folder:
        weights = {"music_a2": music(Path(folder)), "three modalities": shipped_weights()}
        recordings = {m: recording(Path(folder), m) for m in options.minutes}
        found = {name: {} for name in weights}
        for minutes, path in recordings.items():
            for name, file in weights.items():
                found[name][f"{minutes:g} min"] = row = measure(file, path, folder)
                print(f"{name:18s}{minutes:6g} min {row['peak_mb']:7.0f} MB", flush=True)
                write_json(options.out, {"hop_s": HOP_S, "networks": found, **origin})
    for rows in found.values():
        short, long = (row["peak_mb"] for row in rows.values())
        rows["ratio"] = round(long / short, 3)
    write_json(options.out, {"hop_s": HOP_S, "networks": found, **origin})


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


def measure(weights: Path, path: Path, folder: str) -> dict:
    """Peak memory and seconds of one recording, in a process of its own.

    The process says itself what its peak was: what the system tells its parent of it, `ru_maxrss`,
    is never less than what the parent held when it began.
    """
    command = [sys.executable, "-c", PREDICT, "predict", str(path), "--weights", str(weights)]
    command += ["--hop", str(HOP_S), "--formats", "json", "--out", folder, "--device", "cpu"]
    start = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # each thread has buffers of its own
    child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - start
    peak_mb = int(child.stdout.split()[-1]) / 1024
    return {"peak_mb": round(peak_mb, 1), "seconds": round(seconds, 1)}


if __name__ == "__main__":
    main()
