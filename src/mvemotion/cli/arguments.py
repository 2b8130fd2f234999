"""What the parsers of several commands share."""

import argparse
from collections.abc import Callable


def command(commands, run: Callable, help_text: str) -> argparse.ArgumentParser:
    """Add the command that `run` carries out; ``run_import_keras`` becomes ``import-keras``."""
    parser = commands.add_parser(
        run.__name__.removeprefix("run_").replace("_", "-"),
        help=help_text,
        description=help_text[0].upper() + help_text[1:] + ".",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_device(parser: argparse.ArgumentParser) -> None:
    """``--device``."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="what computes; auto: a GPU if there is one",
    )


def add_confidence(parser: argparse.ArgumentParser) -> None:
    """``--calibrated`` and ``--abstain``: how sure a network is, and has to be."""
    parser.add_argument(
        "--calibrated",
        action="store_true",
        help="probabilities at the temperature that `evaluate --calibrate` found",
    )
    parser.add_argument(
        "--abstain",
        type=float,
        default=0.0,
        help="below this probability (0 to 1), say uncertain; networks tend to be too sure, so "
        "use it with --calibrated",
    )


def add_splits(parser: argparse.ArgumentParser, *, default: str) -> None:
    """``--splits``; `default` says what happens without it."""
    parser.add_argument(
        "--splits",
        metavar="NAME_OR_FILE",
        help="which clip is in which split: STORE/splits/NAME.csv, another CSV file (id,split), or "
        f"`prepared`, the store's own; {default} if not given",
    )


def positive(text: str) -> int:
    """A whole number from 1, as an argument's type."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return value
