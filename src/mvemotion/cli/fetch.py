"""``mvemotion fetch``."""

import argparse
from pathlib import Path

from mvemotion.cli.arguments import command


def add_commands(commands) -> None:
    """Add the command that downloads the published data."""
    parser = command(commands, run_fetch, "download the published clips, verified and resumable")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "sources:\n"
        "  zenodo  the paper's dataset, Zenodo record 4542796\n"
        "  sample  the authors' public sample on GitHub, its clips alone\n\n"
        "Stopped at any time, the same command goes on where it was. What came is in\n"
        "DIR/fetch.lock.json. Music videos belong to others: see data_cards/."
    )
    parser.add_argument("source", choices=("zenodo", "sample"))
    parser.add_argument(
        "dir",
        type=Path,
        nargs="?",
        metavar="DIR",
        help="folder to download to (default: data/SOURCE)",
    )
    parser.add_argument(
        "--update", action="store_true", help="accept that the source has changed since last time"
    )
    parser.add_argument(
        "--everything", action="store_true", help="sample: also sound and arrays made from clips"
    )
    parser.add_argument("--server", help=argparse.SUPPRESS)  # in place of the real ones, in tests


def run_fetch(options: argparse.Namespace) -> None:
    """``mvemotion fetch``."""
    folder = options.dir or Path("data") / options.source
    fetch = {"zenodo": _fetch_zenodo, "sample": _fetch_sample}[options.source]
    fetch(options, folder)
    print(f"every file verified: {folder / 'fetch.lock.json'}")
    print(f"next: mvemotion prepare {folder} STORE")


def _fetch_zenodo(options: argparse.Namespace, folder: Path) -> None:
    from mvemotion.errors import InputError
    from mvemotion.fetch.zenodo import BASE_URL, fetch_zenodo

    if options.everything:
        raise InputError("--everything: for sample alone; zenodo is always fetched whole")
    fetch_zenodo(folder, base_url=options.server or BASE_URL, update=options.update)


def _fetch_sample(options: argparse.Namespace, folder: Path) -> None:
    from mvemotion.fetch.github import Hosts, fetch_sample

    server = options.server
    hosts = Hosts(f"{server}/api", f"{server}/raw", f"{server}/media") if server else Hosts()
    fetch_sample(folder, everything=options.everything, update=options.update, hosts=hosts)
