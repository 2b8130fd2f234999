"""Whether the synthetic clips teach what they should: each modality something, three together more.

    OMP_NUM_THREADS=2 .venv/bin/python benchmarks/synthetic.py

Draws the clips at the default difficulty, prepares them at reduced sizes and trains four networks
of the paper on them, each with several seeds; then the largest once more on shuffled training
labels, which must bring it back to chance. Goes on where it stopped. Prints a table and writes a
JSON: the run of median accuracy with its Wilson interval, and the three modalities against each
one alone on the same test clips (exact McNemar test).
"""

import argparse
import os
import shutil
import time
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest

from alternatives import commits_of_trainings
from mvemotion.data.manifest import read_manifest, write_manifest
from mvemotion.data.prepare import prepare
from mvemotion.data.store import Store
from mvemotion.data.synthetic import synthesize
from mvemotion.evaluation import evaluate
from mvemotion.files import read_json, write_json
from mvemotion.provenance import provenance
from mvemotion.runs import TrainingConfig
from mvemotion.specs import EMOTIONS, ClipFormat
from mvemotion.statistics import accuracy_interval
from mvemotion.training import train

ALONE = ("music_a2", "video_a2", "face_a2")
TOGETHER = "video_a2+music_a2+face_a2"
NETWORKS = (*ALONE, TOGETHER)
CLIPS = {
    "clips_per_class": {"Train": 40, "Validation": 10, "test": 40},
    "duration_s": 4.0,
    "size": (192, 144),
    "fps": 12,
}
DIFFICULTY = signature(synthesize).parameters["difficulty"].default
SIZES = ClipFormat(
    duration_s=4.0, mel_bands=32, frame_size=24, frames=8, slow_frames=4, c3d_size=24, c3d_frames=8
)
TRAINING = {"epochs": 8, "batch_size": 12, "learning_rate": 2e-3, "settle_norms": True}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("results/benchmarks/synthetic"))
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each network")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/synthetic.json"))
    options = parser.parse_args()
    store = prepared(options.work)
    rows = {
        name: measure(name, [store] * options.seeds, options.work / "runs") for name in NETWORKS
    }
    shuffled = [
        with_shuffled_labels(store, options.work / f"shuffled_{seed}", seed)
        for seed in range(options.seeds)
    ]
    rows["shuffled"] = measure(TOGETHER, shuffled, options.work / "runs_shuffled")
    result = {
        "clips": CLIPS | {"difficulty": DIFFICULTY, "store_checksum": store.checksum()},
        "training": TRAINING,
        "threads": torch.get_num_threads(),
        "networks": rows,
        "three_against_one": {name: compare(rows[TOGETHER], rows[name]) for name in ALONE},
        "commits_of_trainings": commits_of_trainings(options.work),
        "provenance": provenance(),
    }
    print(as_table(result))
    write_json(options.out, without_answers(result))


def prepared(work: Path) -> Store:
    synthesize(work / "raw", **CLIPS)
    prepare(work / "raw", work / "store", clip_format=SIZES)
    return Store(work / "store")


def with_shuffled_labels(store: Store, root: Path, seed: int) -> Store:
    """The same clips, linked; in what is learnt from, every class gets all labels equally often.

    A plain permutation of a few hundred labels leaves some of the association by luck.
    """
    if not root.exists():
        shutil.copytree(store.root, root, copy_function=os.link)
    manifest, rng = read_manifest(store.root), np.random.default_rng(seed)
    learnt = manifest[manifest["split"].isin(("Train", "Validation"))]
    for number, (_, rows) in enumerate(learnt.groupby(["split", "emotion"])):
        labels = np.resize(np.roll(EMOTIONS, number), len(rows))
        manifest.loc[rows.index, "emotion"] = rng.permutation(labels)
    write_manifest(root, manifest)
    return Store(root)


def measure(network: str, stores: list[Store], runs: Path) -> dict:
    """One training a store: test accuracies, and which clips the median run got right."""
    results = [train_and_score(network, store, runs, seed) for seed, store in enumerate(stores)]
    middle = sorted(results, key=lambda result: result["accuracy"])[(len(results) - 1) // 2]
    hits, n = sum(middle["is_right"]), len(middle["is_right"])
    return {
        "network": network,
        "accuracy": round(hits / n, 3),
        "interval": [round(end, 3) for end in accuracy_interval(hits, n)],
        "test_clips": n,
        "accuracy_of_each_seed": [round(result["accuracy"], 3) for result in results],
        "training_cpu_seconds": [result["cpu_seconds"] for result in results],
        "is_right": middle["is_right"],
    }


def train_and_score(network: str, store: Store, runs: Path, seed: int) -> dict:
    run, start = runs / network / str(seed), time.process_time()
    if not (run / "cpu_seconds.json").exists():
        train(TrainingConfig(network=network, seed=seed, **TRAINING), store, run, device="cpu")
        write_json(run / "cpu_seconds.json", round(time.process_time() - start, 1))
    metrics = evaluate(run, store, device="cpu", batch_size=24)
    answers = pd.read_csv(run / "test" / "predictions.csv")
    return {
        "accuracy": metrics["accuracy"],
        "is_right": (answers["predicted"] == answers["emotion"]).tolist(),
        "cpu_seconds": read_json(run / "cpu_seconds.json"),
    }


def compare(together: dict, alone: dict) -> dict:
    """Clips that only one of the two got right, and how probable such a split is by chance."""
    pairs = list(zip(together["is_right"], alone["is_right"], strict=True))
    gained, lost = pairs.count((True, False)), pairs.count((False, True))
    p = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    return {"only_three_right": gained, "only_one_right": lost, "p": float(f"{p:.2g}")}


def as_table(result: dict) -> str:
    lines = [
        "| network | accuracy | 95 % interval | every seed | p, three against it |",
        "|---" * 5 + "|",
    ]
    for name, row in result["networks"].items():
        low, high = row["interval"]
        p = result["three_against_one"].get(name, {"p": ""})["p"]
        seeds = ", ".join(f"{a:.2f}" for a in row["accuracy_of_each_seed"])
        lines.append(f"| {name} | {row['accuracy']:.2f} | {low:.2f}-{high:.2f} | {seeds} | {p} |")
    return "\n".join(lines)


def without_answers(result: dict) -> dict:
    rows = {
        name: {key: value for key, value in row.items() if key != "is_right"}
        for name, row in result["networks"].items()
    }
    return result | {"networks": rows}


if __name__ == "__main__":
    main()
