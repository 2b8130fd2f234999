"""``mvemotion audit``."""

import argparse
from pathlib import Path

from mvemotion.cli.arguments import command, positive


def add_commands(commands) -> None:
    """Add the command that looks for what a dataset hides."""
    parser = command(
        commands, run_audit, "find shared sources, shortcuts and faults among a dataset's clips"
    )
    parser.add_argument("source", type=Path, help="a store, or a folder of labelled videos")
    parser.add_argument(
        "--out", type=Path, help="STORE/audit, or results/audit/NAME of a folder, if not given"
    )
    parser.add_argument("--raw", type=Path, help="where a store's videos are now, if moved")
    parser.add_argument(
        "--rejected", type=Path, help="CSV (id_a, id_b) of candidate pairs found wrong by eye"
    )
    parser.add_argument(
        "--sheets", type=int, default=20, help="contact sheets at most, 6 pairs each"
    )
    parser.add_argument("--workers", type=positive, help="processes; all cores if not given")
    parser.add_argument("--seed", type=int, default=0)


def run_audit(options: argparse.Namespace) -> None:
    """``mvemotion audit``."""
    from mvemotion.audit import audit, in_short

    found, folder = audit(
        options.source,
        options.out,
        raw=options.raw,
        rejected=options.rejected,
        sheets=options.sheets,
        seed=options.seed,
        workers=options.workers,
    )
    for _, sentence in in_short(found):
        print(f"- {sentence}")
    print(f"page: {folder / 'index.html'}")
