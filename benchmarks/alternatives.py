"""What the discrepancies change: each alternative against what we do, on the same test clips.

    OMP_NUM_THREADS=2 .venv/bin/python benchmarks/alternatives.py

Trains video A3 at reduced sizes on synthetic clips, or on those of `--raw`: as we do, with slow and
fast inputs exchanged (D4), with a concatenating MMTM (D11), and without MMTM, wide and narrow (D1).
Two alternatives are ours used otherwise: inputs exchanged in the evaluation alone (D4), and the
statistics of the whole test split (assumption 8). A difference is the alternative's accuracy less
ours; its interval is bootstrapped over clips, each with its mean over the seeds. Goes on where it
stopped.
"""

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from mvemotion.comparisons import compare_paired
from mvemotion.data.prepare import prepare
from mvemotion.data.store import Store
from mvemotion.data.synthetic import synthesize
from mvemotion.evaluation import evaluation_clips, predict_probabilities
from mvemotion.files import read_json, write_json
from mvemotion.networks import count_parameters, create_network
from mvemotion.provenance import provenance
from mvemotion.runs import TrainedNetwork, TrainingConfig, load_weights
from mvemotion.specs import EMOTIONS, ClipFormat
from mvemotion.statistics import seeds_summary
from mvemotion.training import train

OURS = "video_a3_mmtm"
TRAINED = {  # settings of the trainings, as they differ from ours
    "ours": {},
    "swapped in training and evaluation (D4)": {"swap_pathways": True},
    "concatenating MMTM (D11)": {"mmtm": "concatenate"},
    "no MMTM, wide: like for like (D1)": {"network": "video_a3_wide"},
    "no MMTM, narrow: as printed (D1)": {"network": "video_a3"},
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
    parser.add_argument("--work", type=Path, default=Path("results/benchmarks/alternatives"))
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each network")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/alternatives.json"))
    options = parser.parse_args()
    store = prepared(options.raw, options.work)
    runs = [trained(store, options.work, seed) for seed in range(options.seeds)]
    hits = [{name: is_right(network, store) for name, network in run.items()} for run in runs]
    result = {
        "clips": "synthetic" if options.raw is None else "real",
        "counts": store.clips().groupby("split").size().to_dict(),
        "store_checksum": store.checksum(),
        "clip_format": asdict(store.clip_format),
        "training": TRAINING,
        "ours": seeds_summary([row["ours"].mean() for row in hits]),
        "parameters": parameters(),
        "alternatives": {
            name: compared([row[name] for row in hits], [row["ours"] for row in hits])
            for name in hits[0]
            if name != "ours"
        },
        "provenance": provenance(),
    }
    write_json(options.out, result)
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


def compared(theirs: list[np.ndarray], ours: list[np.ndarray]) -> dict:
    """The difference of accuracy over seeds, its interval over clips, and each seed's test."""
    difference = np.mean(np.array(theirs, float) - np.array(ours, float), axis=0)
    interval = [0.0, 0.0]
    if difference.any():  # no clip differs in any seed: nothing to resample
        found = bootstrap((difference,), np.mean, method="percentile", rng=0)
        interval = [float(bound) for bound in found.confidence_interval]
    pairs = [compare_paired(a, b) for a, b in zip(theirs, ours, strict=True)]
    return {
        "accuracy": seeds_summary([a.mean() for a in theirs]),
        "difference": float(difference.mean()),
        "interval": interval,
        "by_seed": [asdict(pair) for pair in pairs],
    }


def table(result: dict) -> pd.DataFrame:
    """One row an alternative, as text."""
    rows = {
        name: {
            "accuracy": f"{row['accuracy']['mean']:.3f}",
            "difference": f"{row['difference']:+.3f}",
            "95 % interval": "[{:+.3f}, {:+.3f}]".format(*row["interval"]),
            "McNemar p by seed": ", ".join(f"{pair['p_value']:.3f}" for pair in row["by_seed"]),
        }
        for name, row in result["alternatives"].items()
    }
    ours = {"ours": {"accuracy": f"{result['ours']['mean']:.3f}"}}
    frame = pd.DataFrame.from_dict(ours | rows, orient="index").fillna("")
    return frame.rename_axis("video_a3_mmtm, but").reset_index()


if __name__ == "__main__":
    main()
