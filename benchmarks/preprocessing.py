"""What `prepare` costs a clip: against a bare decode, the naive way, in memory, over workers.

    .venv/bin/python benchmarks/preprocessing.py path/to/clips

Clips are converted, hashed and stored as `prepare` does, on one thread, in turns with decoding them
and no more. Times are seconds of processor time, which other programs on the machine disturb least;
ratios are of one clip in one round, and their median is given with the middle half. The naive way
does what the paper's words say with the usual libraries and no further thought.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import av
import cv2
import librosa
import numpy as np
import pandas as pd
import torch

from memory import recording
from mvemotion.data.clip_file import write_clip
from mvemotion.data.convert import Options, convert_clip
from mvemotion.data.prepare import prepare
from mvemotion.data.sources import hash_file, scan
from mvemotion.files import write_json
from mvemotion.provenance import provenance
from mvemotion.specs import PAPER_FORMAT, SAMPLE_RATES_HZ

FACES = ("none", "sampled")
UHD = (3840, 2160)
WORKERS_CLIPS = (4, 24)
CONVERT = """
import multiprocessing
import sys
from pathlib import Path
from mvemotion.data.convert import Options, convert_clip
from mvemotion.data.spectrogram_process import spectrogram_process
from mvemotion.specs import PAPER_FORMAT
with spectrogram_process() as make_spectrogram:
    options = Options(PAPER_FORMAT, "sampled", "coarse")
    convert_clip(Path(sys.argv[1]), options, make_spectrogram=make_spectrogram)
    (helper,) = multiprocessing.active_children()
    for process in ("self", helper.pid):
        facts = dict(line.split(":", 1) for line in open(f"/proc/{process}/status"))
        print(*(facts[name].split()[0] for name in ("VmHWM", "RssFile")))
"""  # prints peaks of resident memory, and the libraries' share, in KiB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="raw clips, as `mvemotion prepare` takes them")
    parser.add_argument("--clips", type=int, default=10, help="how many of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--naive", type=int, default=2, help="clips prepared the naive way")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/preprocessing.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sources = scan(options.data)
    chosen = sources[:: max(len(sources) // options.clips, 1)][: options.clips]
    paths, load = [source.path for source in chosen], os.getloadavg()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "clips": dict(Counter(map(kind, paths))),
            "cost": measure_cost(paths, options.rounds, folder),
            "naive": measure_naive(paths[: options.naive], folder),
            "memory": measure_memory(folder),
            "workers": measure_workers(sources, folder),
            "load_average": {"before": load, "after": os.getloadavg()},
            "provenance": provenance(),
        }
    write_json(options.out, result)
    print(options.out.read_text())


def kind(path: Path) -> str:
    """Size and codec of a clip's pictures."""
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        return f"{codec.width}x{codec.height} {codec.name}"


# --- Cost -----------------------------------------------------------------------------------------
def measure_cost(paths: list[Path], rounds: int, folder: Path) -> dict:
    """Processor seconds a clip of `prepare`, and the same relative to decoding it."""
    rows = []
    prepare_clip(paths[0], "sampled", folder)  # what is set up once
    for path in paths * rounds:
        before = cpu_seconds(decode, path)
        row = {faces: cpu_seconds(prepare_clip, path, faces, folder) for faces in FACES}
        bare = (before + cpu_seconds(decode, path)) / 2
        rows.append({"bare": bare} | row)
    times = pd.DataFrame(rows)
    cells = {"bare decode": {"seconds": round(times["bare"].median(), 3)}}
    for faces in FACES:
        low, ratio, high = (times[faces] / times["bare"]).quantile([0.25, 0.5, 0.75]).round(2)
        cells[f"faces {faces}"] = {
            "seconds": round(times[faces].median(), 3),
            "times_bare_decode": ratio,
            "middle_half": [low, high],
        }
    return {"clips": len(paths), "rounds": rounds, "cells": cells}


def prepare_clip(path: Path, faces: str, folder: Path) -> None:
    """All that `prepare` does with one clip."""
    digest = hash_file(path)
    arrays, facts = convert_clip(path, Options(PAPER_FORMAT, faces, "coarse"))
    write_clip(folder, "clip", arrays, facts | {"sha256": digest})


def decode(path: Path) -> None:
    """Every picture and sample, and nothing done with them."""
    with av.open(str(path)) as container:
        for stream in container.streams:
            stream.thread_type = "NONE"
        for packet in container.demux(container.streams.video[0], container.streams.audio[0]):
            packet.decode()


# --- The naive way --------------------------------------------------------------------------------
def measure_naive(paths: list[Path], folder: Path) -> dict:
    """Processor seconds a clip, and how many times faster `prepare` is."""
    slow = [cpu_seconds(naive_clip, path) for path in paths]
    quick = [cpu_seconds(prepare_clip, path, "sampled", folder) for path in paths]
    ratios = [s / q for s, q in zip(slow, quick, strict=True)]
    return {
        "clips": len(paths),
        "seconds": [round(s, 1) for s in slow],
        "prepare_is_times_faster": [round(ratio, 1) for ratio in ratios],
    }


def naive_clip(path: Path) -> dict[str, np.ndarray]:
    """OpenCV from the first picture to the last, a face sought in each; librosa for the sound."""
    arrays = {}
    for name, rate_hz in SAMPLE_RATES_HZ.items():
        waveform, _ = librosa.load(naive_sound(path), sr=rate_hz, duration=30.0)
        power = librosa.feature.melspectrogram(y=waveform, sr=rate_hz)
        spectrum = librosa.stft(waveform)
        mel = librosa.filters.mel(sr=rate_hz, n_fft=2048) @ spectrum
        arrays[name] = np.stack([librosa.power_to_db(power), np.angle(mel)]).astype(np.float16)
    detector = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml")
    pictures, faces, capture = [], [], cv2.VideoCapture(str(path))
    while (read := capture.read())[0]:
        pictures.append(cv2.resize(read[1], (128, 128)))
        for x, y, width, height in detector.detectMultiScale(
            cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY), 1.1, 5
        )[:1]:
            faces.append(cv2.resize(read[1][y : y + height, x : x + width], (128, 128)))
    for name, found in {"video": pictures, "face": faces or pictures}.items():
        chosen = np.linspace(0, len(found) - 1, 64).astype(int)
        arrays[name] = np.stack([found[i] for i in chosen], axis=2)
    return arrays


def naive_sound(path: Path) -> str:
    """The sound as a WAV file: librosa reads no MP4 by itself."""
    wav = Path(tempfile.gettempdir()) / f"naive-{os.getpid()}.wav"
    with av.open(str(path)) as given, av.open(str(wav), "w") as made:
        stream = made.add_stream("pcm_s16le", rate=given.streams.audio[0].rate)
        for frame in given.decode(audio=0):
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return str(wav)


# --- Memory ---------------------------------------------------------------------------------------
def measure_memory(folder: Path) -> dict:
    """Peak resident memory in MB of a worker that converts one clip, faces and all.

    ``own_mb`` leaves out the libraries' files, which all workers of a machine share;
    ``spectrograms`` is the process that serves all of them.
    """
    half_minute = recording(folder, 0.5)
    clips = {
        "small, 30 s": half_minute,
        "an hour long": recording(folder, 60),
        "4K, 30 s": enlarge(half_minute, folder / "4k.mkv"),
    }
    return {name: peak_memory(path) for name, path in clips.items()}


def peak_memory(path: Path) -> dict[str, dict[str, float]]:
    """Of a worker of its own and of the process that makes spectrograms for it."""
    command = [sys.executable, "-c", CONVERT, str(path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    peaks = [map(int, line.split()) for line in child.stdout.splitlines()[-2:]]
    return {
        who: {"peak_mb": round(peak / 1024, 1), "own_mb": round((peak - files) / 1024, 1)}
        for who, (peak, files) in zip(("worker", "spectrograms"), peaks, strict=True)
    }


def enlarge(source: Path, target: Path) -> Path:
    """The same clip in 4K."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        sound = made.add_stream_from_template(given.streams.audio[0])
        video = made.add_stream("libx264", rate=given.streams.video[0].average_rate)
        video.width, video.height, video.pix_fmt = *UHD, "yuv420p"
        video.options = {"preset": "ultrafast"}
        for packet in given.demux(given.streams.video[0], given.streams.audio[0]):
            if packet.dts is not None and packet.stream.type == "audio":
                packet.stream = sound
                made.mux(packet)
                continue
            for frame in packet.decode() if packet.stream.type == "video" else ():
                made.mux(video.encode(frame.reformat(*UHD, "yuv420p")))
        made.mux(video.encode(None))
    return target


# --- Workers --------------------------------------------------------------------------------------
def measure_workers(sources: list, folder: Path) -> dict:
    """Seconds a clip of `prepare` with one worker and with two, once all have started.

    They are what some clips take beyond a few. Wall time tells how linear it is on a machine that
    does nothing else; processor time, which should not grow, on any.
    """
    few, many = sources[: WORKERS_CLIPS[0]], sources[: WORKERS_CLIPS[1]]
    wall, cpu = {}, {}
    for workers in (1, 2):
        start, more = (prepare_seconds(part, workers, folder) for part in (few, many))
        a_clip = (more - start) / (len(many) - len(few))
        wall[workers], cpu[workers] = a_clip.round(2).tolist()
    return {
        "clips": len(many) - len(few),
        "wall_seconds": wall,
        "processor_seconds": cpu,
        "times_faster_with_two": round(wall[1] / wall[2], 2),
        "times_the_work_with_two": round(cpu[2] / cpu[1], 2),
    }


def prepare_seconds(sources: list, workers: int, folder: Path) -> np.ndarray:
    """(by the clock, of processors) of a whole `prepare`."""
    rows = [{"path": s.path.resolve(), "label": s.emotion, "split": s.split} for s in sources]
    with tempfile.TemporaryDirectory(dir=folder) as name:
        clips = Path(name) / "clips.csv"
        pd.DataFrame(rows).to_csv(clips, index=False)
        start, used = time.perf_counter(), children_seconds()
        prepare(clips, Path(name) / "store", workers=workers, progress=False)
        return np.array([time.perf_counter() - start, children_seconds() - used])


def children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_seconds(function, *arguments) -> float:
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


if __name__ == "__main__":
    main()
