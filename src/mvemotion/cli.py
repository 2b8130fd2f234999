"""The command ``mvemotion``. Heavy imports wait until a command runs: ``--help`` is instant."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from mvemotion import __version__
from mvemotion.errors import DataError, MvemotionError
from mvemotion.specs import EMOTIONS, SPLITS

EXIT_CODES = """\
exit codes:
  0  done
  1  a check failed
  2  bad input: an argument, network or profile that does not exist or does not fit
  3  bad data: a folder, clip, store or run whose content is not what it must be
  4  a notebook failed
  130  interrupted; run the same command again to go on
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    # Threads that wait by spinning slow training tenfold as soon as another program runs too;
    # waiting asleep costs some percent alone. Set before torch is imported, inherited by kernels.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        return options.run(options) or 0
    except MvemotionError as error:
        print(f"mvemotion {options.command}: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"mvemotion {options.command}: {error}", file=sys.stderr)
        return DataError.exit_code
    except KeyboardInterrupt:
        print("\ninterrupted; run the same command again to go on", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(
        prog="mvemotion",
        description="Replication of multimodal emotion classification for music videos "
        "(Sensors 2021, 21, 4927).",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mvemotion {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_networks, _synthesize, _prepare, _train, _evaluate, _replicate):
        add(commands)
    return parser


def _command(commands, run: Callable, help_text: str) -> argparse.ArgumentParser:
    name = run.__name__.removeprefix("run_")
    parser = commands.add_parser(
        name,
        help=help_text,
        description=help_text[0].upper() + help_text[1:] + ".",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _networks(commands) -> None:
    parser = _command(commands, run_networks, "list every network of Tables 2-6, counted")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--check", action="store_true", help="exit 1 if a reproducible count or split is off"
    )


def _synthesize(commands) -> None:
    parser = _command(commands, run_synthesize, "generate labelled synthetic music videos")
    parser.add_argument("out", type=Path, help="folder to write to, in the dataset's layout")
    parser.add_argument("--train", type=_positive, default=4, help="clips per class")
    parser.add_argument("--validation", type=_positive, default=2, help="clips per class")
    parser.add_argument("--test", type=_positive, default=2, help="clips per class")
    parser.add_argument("--duration", type=float, default=6.0, help="seconds a clip")
    parser.add_argument("--difficulty", type=float, default=0.5, help="overlap of classes, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)


def _prepare(commands) -> None:
    parser = _command(commands, run_prepare, "turn a folder of music videos into a store")
    parser.add_argument("raw", type=Path, help="<Split>/<Class>/[video/]*.mp4")
    parser.add_argument("store", type=Path, help="folder of the store; goes on where it stopped")
    parser.add_argument("--profile", help="take the input sizes of this profile, not the paper's")
    parser.add_argument(
        "--faces",
        default="sampled",
        help="frames searched for faces: sampled (those of the video input), every-K, all "
        "(as in the paper; many times slower) or none",
    )
    parser.add_argument(
        "--detector", choices=("quick", "plain"), default="quick", help="plain: untuned, full size"
    )
    parser.add_argument("--workers", type=_positive, help="processes; all cores if not given")
    parser.add_argument(
        "--strict", action="store_true", help="exit 3 at the end if one is unusable"
    )


def _train(commands) -> None:
    parser = _command(commands, run_train, "train one network on a store")
    parser.add_argument("network", help="an id of `mvemotion networks`")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--epochs", type=_positive, default=20)
    parser.add_argument("--batch-size", type=_positive, default=8)
    parser.add_argument("--optimizer", choices=("adam", "sgd"), default="adam")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument(
        "--standardize",
        choices=("train", "split"),
        default="train",
        help="statistics of the training split, or of each whole split as the authors do",
    )
    parser.add_argument("--augment", action="store_true", help="SpecAugment on music")
    parser.add_argument(
        "--settle-norms", action="store_true", help="for short trainings: see assumption 21"
    )
    parser.add_argument("--precision", default="32-true", help="as Lightning names it")
    parser.add_argument("--seed", type=int, default=0)
    _add_device(parser)
    parser.add_argument("--devices", type=_positive, default=1, help="GPUs or processes (DDP)")


def _evaluate(commands) -> None:
    parser = _command(commands, run_evaluate, "score a run on a split of a store")
    parser.add_argument("run_dir", type=Path, metavar="RUN", help="folder of a complete run")
    parser.add_argument("--store", type=Path, help="the run's own store if not given")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--batch-size", type=_positive, default=8)
    _add_device(parser)


def _replicate(commands) -> None:
    parser = _command(commands, run_replicate, "run the ordered notebooks: Tables 2-6, Figures 5-6")
    parser.add_argument("--profile", default="smoke", help="a name, or a .toml file")
    parser.add_argument("--data", type=Path, help="raw clips; the embedded ones if not given")
    parser.add_argument("--results", type=Path, help="results/<profile> if not given")
    parser.add_argument("--seed", type=int, default=0)
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return value


def run_networks(options: argparse.Namespace) -> int:
    """``mvemotion networks``."""
    import json
    from dataclasses import asdict

    from mvemotion.census import census, failures, render

    rows = census()
    print(json.dumps([asdict(row) for row in rows], indent=2) if options.json else render(rows))
    found = failures(rows) if options.check else []
    for failure in found:
        print(failure, file=sys.stderr)
    return 1 if found else 0


def run_synthesize(options: argparse.Namespace) -> None:
    """``mvemotion synthesize``."""
    from mvemotion.data.synthetic import synthesize

    counts = (options.train, options.validation, options.test)
    clips = synthesize(
        options.out,
        clips_per_class=dict(zip(SPLITS, counts, strict=True)),
        duration_s=options.duration,
        difficulty=options.difficulty,
        seed=options.seed,
    )
    print(f"{len(clips)} clips of {len(EMOTIONS)} classes in {options.out}")


def run_prepare(options: argparse.Namespace) -> None:
    """``mvemotion prepare``."""
    from mvemotion.data.prepare import prepare, summarize
    from mvemotion.profiles import load_profile
    from mvemotion.specs import PAPER_FORMAT

    clip_format = load_profile(options.profile).clip_format if options.profile else PAPER_FORMAT
    manifest = prepare(
        options.raw,
        options.store,
        clip_format=clip_format,
        faces=options.faces,
        detector=options.detector,
        workers=options.workers,
        strict=options.strict,
    )
    print(summarize(manifest))


def run_train(options: argparse.Namespace) -> None:
    """``mvemotion train``."""
    from dataclasses import fields

    from lightning.fabric.utilities import rank_zero_only

    from mvemotion.data.store import Store
    from mvemotion.runs import TrainingConfig
    from mvemotion.training import train

    config = TrainingConfig(**{f.name: getattr(options, f.name) for f in fields(TrainingConfig)})
    run = train(
        config,
        Store(options.store),
        options.out,
        device=options.device,
        devices=options.devices,
        on_epoch=_print_epoch,
    )
    rank_zero_only(print)(f"trained {config.network}: {run / 'weights.safetensors'}")


def run_evaluate(options: argparse.Namespace) -> None:
    """``mvemotion evaluate``."""
    from mvemotion.data.store import Store
    from mvemotion.evaluation import evaluate

    store = Store(options.store) if options.store else None
    metrics = evaluate(
        options.run_dir,
        store,
        split=options.split,
        device=options.device,
        batch_size=options.batch_size,
    )
    for name in ("accuracy", "f1_macro", "f1_rounded", "auc"):
        value, reason = metrics[name], metrics["not_available"].get(name)
        print(f"{name:11s} {f'n/a ({reason})' if value is None else f'{value:.4f}'}")
    print(f"n           {metrics['n']}\nwritten to  {options.run_dir / options.split}")


def run_replicate(options: argparse.Namespace) -> None:
    """``mvemotion replicate``."""
    from mvemotion.pipeline import replicate

    results = replicate(
        options.profile,
        data=options.data,
        results=options.results,
        device=options.device,
        seed=options.seed,
    )
    print(f"tables, figures and executed notebooks: {results}")


def _print_epoch(row: dict) -> None:
    numbers = " ".join(
        f"{name} {row[name]:.4f}"
        for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
        if row[name] is not None
    )
    print(f"epoch {row['epoch']:3d}  {numbers}  {row['seconds']:.1f} s", flush=True)
