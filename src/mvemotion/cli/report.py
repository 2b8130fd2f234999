"""``mvemotion report``."""

import argparse
from pathlib import Path

from mvemotion.cli.arguments import command


def add_commands(commands) -> None:
    """Add the command that makes a results folder readable."""
    parser = command(commands, run_report, "make a static site of a results folder")
    parser.add_argument("results", type=Path, help="a folder of `mvemotion replicate`")
    parser.add_argument("--out", type=Path, help="RESULTS/report if not given")
    parser.add_argument(
        "--tier0",
        type=Path,
        help="RESULTS/tier0 or results/tier0 if absent, or recomputed",
    )


def run_report(options: argparse.Namespace) -> None:
    """``mvemotion report``."""
    from mvemotion.report import build_report

    print(f"report: {build_report(options.results, options.out, tier0=options.tier0)}")
