"""What the discrepancies change: each alternative against what we do, on the same test clips.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/alternatives.py
    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/alternatives.py --raw path/to/clips

Trains video A3 on pictures of 24 x 24 (the paper's are 128 x 128) of synthetic clips, or of those
of `--raw`: as we do, with slow and fast inputs exchanged (D4), with a concatenating MMTM (D11),
without MMTM, wide and narrow (D1), and in bfloat16 (assumption 20). Two alternatives are ours used
otherwise: inputs exchanged in the evaluation alone (D4), and the statistics of the whole test split
(assumption 8).

A difference is the alternative's accuracy less ours, mean over the seeds. Its interval is the
package's bootstrap (source videos within each emotion), and is absent where that refuses one. Each
seed's clips are counted and tested (exact McNemar, Holm over the seed's alternatives). Goes on
where it stopped.
"""

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mvemotion.comparisons import compare_paired, holm
from mvemotion.data.prepare import prepare
from mvemotion.data.store import Store
from mvemotion.data.synthetic import synthesize
from mvemotion.evaluation import evaluation_clips, predict_probabilities, source_videos
from mvemotion.files import read_json, write_json
from mvemotion.networks import count_parameters, create_network
from mvemotion.provenance import provenance
from mvemotion.runs import TrainedNetwork, TrainingConfig, load_weights
from mvemotion.specs import EMOTIONS, ClipFormat
from mvemotion.statistics import resample, seeds_summary
from mvemotion.training import train

OURS = "video_a3_mmtm"
TRAINED = {  # settings of the trainings, as they differ from ours
    "ours": {},
    "swapped in training and evaluation (D4)": {"swap_pathways": True},
    "concatenating MMTM (D11)": {"mmtm": "concatenate"},
    "no MMTM, wide: like for like (D1)": {"network": "video_a3_wide"},
    "no MMTM, narrow: as printed (D1)": {"network": "video_a3"},
    "trained in bfloat16 (assumption 20)": {"precision": "bf16-mixed"},
}
SYNTHETIC = {
    "clips_per_class": {"Train": 16, "Validation": 5, "test": 16},
    "duration_s": 4.0,
    "size": (192, 144),
    "fps": 12,
}
SIZES = ClipFormat(
    duration_s=4.0,
    mel_bands=32,
    frame_size=24,
    frames=16,
    slow_frames=2,  # an eighth of the frames, as in the paper
    c3d_size=24,
    c3d_frames=16,
)
TRAINING = {"epochs": 6, "batch_size": 12, "learning_rate": 1e-3, "settle_norms": True}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, help="clips to prepare in place of synthetic ones")
    parser.add_argument("--work", type=Path, help="results/benchmarks/... by default")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each network")
    parser.add_argument("--out", type=Path, help="benchmarks/results/....json by default")
    options = parser.parse_args()
    name = "alternatives_sample" if options.raw else "alternatives"
    work = options.work or Path("results/benchmarks", name)
    store = prepared(options.raw, work)
    runs = [trained(store, work, seed) for seed in range(options.seeds)]
    hits = [{name: is_right(network, store) for name, network in run.items()} for run in runs]
    result = {
        "clips": "synthetic" if options.raw is None else "real",
        "counts": store.clips().groupby("split").size().to_dict(),
        "test_counts": store.clips("test").groupby("emotion").size().to_dict(),
        "store_checksum": store.checksum(),
        "clip_format": asdict(store.clip_format),
        "training": TRAINING,
        "ours": seeds_summary([row["ours"].mean() for row in hits]),
        "parameters": parameters(),
        "alternatives": compared(hits, store.clips("test")),
        "commits_of_trainings": commits_of_trainings(work / "runs"),
        "provenance": provenance(),
    }
    write_json(options.out or Path("benchmarks/results", f"{name}.json"), result)
    print(table(result).to_string(index=False))


def prepared(raw: Path | None, work: Path) -> Store:
    """A store at reduced sizes, of the given clips or of synthetic ones; no faces."""
    clip_format = SIZES if raw is None else replace(SIZES, duration_s=30.0)
    if raw is None:
        raw = work / "raw"
        synthesize(raw, **SYNTHETIC)
    prepare(raw, work / "store", clip_format=clip_format, faces="none")
    return Store(work / "store")


def trained(store: Store, work: Path, seed: int) -> dict[str, TrainedNetwork]:
    """Every network of one seed, by name; the last two are ours, used otherwise."""
    found = {}
    for number, (name, settings) in enumerate(TRAINED.items()):
        config = TrainingConfig(**({"network": OURS, "seed": seed} | TRAINING | settings))
        run = train(config, store, work / "runs" / f"{number}_seed{seed}")
        record = read_json(run / "run.json")
        print(f"seed {seed}, {name}: {record['wall_seconds']} s", flush=True)
        found[name] = load_weights(run / "weights.safetensors")
    ours = found["ours"]
    swapped = create_network(OURS, clip_format=store.clip_format, swap_pathways=True)
    swapped.load_state_dict(ours.network.state_dict())
    found["swapped in evaluation alone (D4)"] = replace(ours, network=swapped)
    found["whole-split statistics (assumption 8)"] = replace(ours, standardize="split")
    return found


def commits_of_trainings(runs: Path) -> list[str]:
    """The code they were made by, which may be older than that of their scores."""
    return sorted({read_json(path)["commit"] for path in runs.rglob("run.json")})


def is_right(network: TrainedNetwork, store: Store) -> np.ndarray:
    """Which test clips the network has right: bool (n,)."""
    clips = evaluation_clips(store, network, "test")
    predicted = predict_probabilities(network, store, clips, batch_size=32).argmax(1)
    return predicted == clips["emotion"].map(EMOTIONS.index).to_numpy()


def parameters() -> dict[str, int]:
    """Total parameters of every network that is trained."""
    keys = ("mmtm", "swap_pathways")
    return {
        name: count_parameters(
            create_network(s.get("network", OURS), **{k: s[k] for k in keys if k in s})
        ).total
        for name, s in TRAINED.items()
    }


def compared(hits: list[dict[str, np.ndarray]], clips: pd.DataFrame) -> dict[str, dict]:
    """Each alternative against ours, from the right answers of every seed on the same clips."""
    tests = [counted(row) for row in hits]
    return {
        name: {
            "accuracy": seeds_summary([row[name].mean() for row in hits]),
            **mean_difference([row[name].astype(float) - row["ours"] for row in hits], clips),
            "by_seed": [test[name] for test in tests],
        }
        for name in hits[0]
        if name != "ours"
    }


def mean_difference(differences: list[np.ndarray], clips: pd.DataFrame) -> dict:
    """Mean over seeds and clips, and its interval over source videos within each emotion."""
    of_clip = np.mean(differences, axis=0)
    targets = clips["emotion"].map(EMOTIONS.index).to_numpy()
    weights, facts = resample(targets, source_videos(clips))
    means = weights @ of_clip / weights.sum(1)
    bounds = None if facts["note"] else np.quantile(means, [0.025, 0.975]).tolist()
    return {"difference": float(of_clip.mean()), "interval": bounds} | facts


def counted(row: dict[str, np.ndarray]) -> dict[str, dict]:
    """One seed's clips, and its exact McNemar test, for each alternative."""
    counts = {name: pair(theirs, row["ours"]) for name, theirs in row.items() if name != "ours"}
    corrected = holm([count["p_value"] for count in counts.values()])
    return {
        name: count | {"p_holm": p_value}
        for (name, count), p_value in zip(counts.items(), corrected, strict=True)
    }


def pair(theirs: np.ndarray, ours: np.ndarray) -> dict:
    """How many clips both, one or neither of two networks has right, and their exact test."""
    found = compare_paired(theirs, ours)
    return {
        "both_right": int((theirs & ours).sum()),
        "only_alternative": found.only_first,
        "only_ours": found.only_second,
        "both_wrong": int((~theirs & ~ours).sum()),
        "p_value": found.p_value,
    }


def table(result: dict) -> pd.DataFrame:
    """One row an alternative, as text."""
    rows = {name: table_row(row) for name, row in result["alternatives"].items()}
    ours = {"ours": {"accuracy": f"{result['ours']['mean']:.3f}"}}
    frame = pd.DataFrame.from_dict(ours | rows, orient="index").fillna("")
    return frame.rename_axis("video_a3_mmtm, but").reset_index()


def table_row(row: dict) -> dict[str, str]:
    """Its accuracy, difference and interval; each seed's discordant clips and corrected test."""
    seeds = row["by_seed"]
    bounds = row["interval"]
    return {
        "accuracy": f"{row['accuracy']['mean']:.3f}",
        "difference": f"{row['difference']:+.3f}",
        "95 % interval": "[{:+.3f}, {:+.3f}]".format(*bounds) if bounds else "none",
        "only it : only ours": ", ".join(
            f"{seed['only_alternative']}:{seed['only_ours']}" for seed in seeds
        ),
        "p (Holm)": ", ".join(f"{seed['p_holm']:.3f}" for seed in seeds),
    }


if __name__ == "__main__":
    main()
