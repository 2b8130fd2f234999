"""The command ``mvemotion``. Heavy imports wait until a command runs: ``--help`` is instant."""

import argparse
import os
import sys

from mvemotion import __version__
from mvemotion.cli import (
    audit,
    data,
    demo,
    fetch,
    prediction,
    replication,
    report,
    training,
    weights,
)
from mvemotion.errors import DataError, MvemotionError

EXIT_CODES = """\
exit codes:
  0  done
  1  a check failed
  2  bad input: an argument, network or profile that does not exist or does not fit
  3  bad data: a folder, clip, store or run whose content is not what it must be
  4  a network or a notebook of a replication failed
  5  no network, or a server that does not answer as needed; try again later
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
    for group in (fetch, data, audit, training, weights, prediction, demo, replication, report):
        group.add_commands(commands)
    return parser
