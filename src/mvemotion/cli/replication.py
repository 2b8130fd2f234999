"""``mvemotion replicate``."""

import argparse
from pathlib import Path

from mvemotion.cli.arguments import add_device, command


def add_commands(commands) -> None:
    """Add the command that runs the ordered notebooks."""
    _replicate(commands)


def _replicate(commands) -> None:
    parser = command(commands, run_replicate, "run the ordered notebooks: Tables 2-6, Figures 5-6")
    parser.add_argument("--profile", default="smoke", help="a name, or a .toml file")
    parser.add_argument("--data", type=Path, help="raw clips; the embedded ones if not given")
    parser.add_argument("--results", type=Path, help="results/<profile> if not given")
    parser.add_argument("--seed", type=int, default=0)
    add_device(parser)


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
