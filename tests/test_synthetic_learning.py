"""The synthetic classes can be learnt; shuffled labels cannot. More: benchmarks/synthetic.py."""

import numpy as np
import pytest

from mvemotion.data.manifest import read_manifest, write_manifest
from mvemotion.data.prepare import prepare
from mvemotion.data.store import Store
from mvemotion.data.synthetic import synthesize
from mvemotion.evaluation import evaluate
from mvemotion.runs import TrainingConfig
from mvemotion.specs import EMOTIONS
from mvemotion.statistics import accuracy_interval
from mvemotion.training import train
from stores import TINY
from synthetic_clips import SMALL

CHANCE = 1 / len(EMOTIONS)


def _test_hits(store: Store, run) -> tuple[int, int]:
    """Right answers, and clips, of a small network of the paper after a short training."""
    settings = {"epochs": 20, "batch_size": 8, "learning_rate": 2e-3, "settle_norms": True}
    train(TrainingConfig(network="music_a2", **settings), store, run, device="cpu")
    scores = evaluate(run, store, device="cpu")
    return round(scores["accuracy"] * scores["n"]), scores["n"]


@pytest.mark.slow
def test_a_network_learns_the_labels_and_nothing_from_shuffled_ones(tmp_path):
    here = {"workers": 0, "progress": False}
    counts = {"Train": 10, "test": 8}
    synthesize(tmp_path / "raw", clips_per_class=counts, **SMALL, **here)
    prepare(tmp_path / "raw", tmp_path / "store", clip_format=TINY, faces="none", **here)
    store = Store(tmp_path / "store")
    hits, n = _test_hits(store, tmp_path / "true")
    assert accuracy_interval(hits, n)[0] > CHANCE

    # Clips of a class are answered alike: one shuffle may be right for a whole class by chance.
    shuffled = [_shuffled_hits(store, seed, tmp_path / f"shuffled-{seed}") for seed in range(3)]
    assert accuracy_interval(sum(shuffled), len(shuffled) * n)[0] < CHANCE
    assert np.mean(shuffled) < 0.75 * hits


def _shuffled_hits(store: Store, seed: int, run) -> int:
    """Right answers after a training on labels in random order; those to test on stay."""
    manifest = read_manifest(store.root)
    is_learnt, true = manifest["split"] == "Train", manifest["emotion"].copy()
    rng = np.random.default_rng(seed)
    manifest.loc[is_learnt, "emotion"] = rng.permutation(true[is_learnt])
    write_manifest(store.root, manifest)
    hits, _ = _test_hits(Store(store.root), run)
    write_manifest(store.root, manifest.assign(emotion=true))
    return hits
