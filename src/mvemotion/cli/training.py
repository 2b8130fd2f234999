"""``mvemotion networks``, ``train`` and ``evaluate``."""

import argparse
import sys
from pathlib import Path

from mvemotion.cli.arguments import add_device, add_splits, command, positive
from mvemotion.specs import SPLITS


def add_commands(commands) -> None:
    """Add the commands that count, train and score networks."""
    _networks(commands)
    _train(commands)
    _evaluate(commands)


def _networks(commands) -> None:
    parser = command(
        commands, run_networks, "list every network of Tables 2-6, and references, counted"
    )
    parser.add_argument("--json", action="store_true", help="print the paper's rows as JSON")
    parser.add_argument(
        "--check", action="store_true", help="exit 1 if a reproducible count or split is off"
    )


def _train(commands) -> None:
    parser = command(commands, run_train, "train one network on a store")
    parser.add_argument("network", help="an id of `mvemotion networks`")
    parser.add_argument("--store", type=Path, required=True)
    add_splits(parser, default="as prepared")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--epochs", type=positive, default=20)
    parser.add_argument("--batch-size", type=positive, default=8)
    parser.add_argument("--optimizer", choices=("adam", "sgd"), default="adam")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument(
        "--standardize",
        choices=("train", "split"),
        default="train",
        help="statistics of the training split, or of each whole split as the authors do",
    )
    parser.add_argument(
        "--mmtm",
        choices=("sum", "concatenate"),
        default="sum",
        help="of the squeezed streams; concatenate: as Joze et al. (discrepancy D11)",
    )
    parser.add_argument(
        "--swap-pathways",
        action="store_true",
        help="exchange slow and fast inputs, as in the authors' evaluation (discrepancy D4)",
    )
    parser.add_argument("--augment", action="store_true", help="SpecAugment on music")
    parser.add_argument(
        "--settle-norms", action="store_true", help="for short trainings: see assumption 21"
    )
    parser.add_argument("--precision", default="32-true", help="as Lightning names it")
    parser.add_argument("--seed", type=int, default=0)
    add_device(parser)
    parser.add_argument("--devices", type=positive, default=1, help="GPUs or processes (DDP)")


def _evaluate(commands) -> None:
    parser = command(commands, run_evaluate, "score a run, or weights, on a split of a store")
    parser.add_argument(
        "run_or_weights",
        type=Path,
        metavar="RUN",
        help="folder of a complete run, or a .safetensors file of weights",
    )
    parser.add_argument("--store", type=Path, help="the run's own store if not given")
    add_splits(parser, default="as in training")
    parser.add_argument(
        "--out", type=Path, help="folder of the scores; if not given, in the run, or beside weights"
    )
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="also fit a temperature on Validation, for `predict --calibrated`",
    )
    parser.add_argument("--batch-size", type=positive, default=8)
    add_device(parser)


def run_networks(options: argparse.Namespace) -> int:
    """``mvemotion networks``."""
    import json
    from dataclasses import asdict

    from mvemotion.census import census, failures, reference_census, render, render_references

    rows = census()
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(f"{render(rows)}\n\n{render_references(reference_census())}")
    found = failures(rows) if options.check else []
    for failure in found:
        print(failure, file=sys.stderr)
    return 1 if found else 0


def run_train(options: argparse.Namespace) -> None:
    """``mvemotion train``."""
    from dataclasses import fields

    from lightning_fabric.utilities import rank_zero_only

    from mvemotion.data.store import Store
    from mvemotion.runs import TrainingConfig
    from mvemotion.training import train

    config = TrainingConfig(**{f.name: getattr(options, f.name) for f in fields(TrainingConfig)})
    run = train(
        config,
        Store(options.store, options.splits),
        options.out,
        device=options.device,
        devices=options.devices,
        on_epoch=_print_epoch,
    )
    rank_zero_only(print)(f"trained {config.network}: {run / 'weights.safetensors'}")


def run_evaluate(options: argparse.Namespace) -> None:
    """``mvemotion evaluate``."""
    from mvemotion.evaluation import evaluate, open_run_store, scores_folder

    is_chosen = options.store or options.splits
    metrics = evaluate(
        options.run_or_weights,
        open_run_store(options.run_or_weights, options.store, options.splits)
        if is_chosen
        else None,
        out=options.out,
        split=options.split,
        device=options.device,
        batch_size=options.batch_size,
    )
    folder = scores_folder(options.run_or_weights, options.split, options.out)
    _print_metrics(metrics)
    print(f"n           {metrics['n']}\nwritten to  {folder}")
    if options.calibrate:
        _calibrate(options, folder.parent)


def _print_metrics(metrics: dict) -> None:
    for name in ("accuracy", "f1_macro", "f1_rounded", "auc"):
        value, reason = metrics[name], metrics["not_available"].get(name)
        print(f"{name:11s} {f'n/a ({reason})' if value is None else f'{value:.4f}'}")
    print(f"ece         {metrics['calibration']['ece']:.4f}")


def _calibrate(options: argparse.Namespace, folder: Path) -> None:
    from mvemotion.evaluation import open_run_store
    from mvemotion.temperature import SUFFIX, calibrate, weights_file

    run = options.run_or_weights
    store = open_run_store(run, options.store, options.splits)
    found = calibrate(run, store, folder, device=options.device, batch_size=options.batch_size)
    for split, scores in found["splits"].items():
        change = f"ece {scores['before']['ece']:.4f} -> {scores['after']['ece']:.4f}"
        print(f"{split:11s} {change} at temperature {found['temperature']:.3f}")
    for doubt in found["doubts"]:
        print(f"mvemotion evaluate: {doubt}", file=sys.stderr)
    end = ", where the search ends" if found["at_bound"] else ""
    print(f"temperature {found['temperature']:.3f}{end}, from {found['fitted_on']['n']} clips")
    print(f"written to  {weights_file(run).with_suffix(SUFFIX)}; `predict --calibrated` uses it")


def _print_epoch(row: dict) -> None:
    numbers = " ".join(
        f"{name} {row[name]:.4f}"
        for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
        if row[name] is not None
    )
    print(f"epoch {row['epoch']:3d}  {numbers}  {row['seconds']:.1f} s", flush=True)
