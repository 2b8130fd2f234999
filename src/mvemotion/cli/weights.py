"""``mvemotion import-keras``."""

import argparse
from pathlib import Path

from mvemotion.cli.arguments import command


def add_commands(commands) -> None:
    """Add the command that turns Keras weights into ours."""
    parser = command(commands, run_import_keras, "turn the authors' Keras weights into ours")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "Every tensor must find exactly one place, and the file's names and order of layers must\n"
        "leave no choice; otherwise nothing is written. What remains is then shown by\n"
        "`mvemotion evaluate OUT --store STORE`: its accuracy against the published one."
    )
    parser.add_argument("file", type=Path, metavar="FILE.h5", help="of Keras 2 or 3")
    parser.add_argument("--network", required=True, help="an id of `mvemotion networks`")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.safetensors")
    parser.add_argument(
        "--statistics-from",
        type=Path,
        metavar="STORE",
        help="standardise by its training split, not by the split at hand as the authors do",
    )
    parser.add_argument(
        "--swap-pathways",
        action="store_true",
        help="exchange slow and fast inputs, as in the authors' evaluation (discrepancy D4)",
    )
    parser.add_argument(
        "--accept-unlike-norms",
        action="store_true",
        help="write A0 even where its BatchNorms cannot all be in place",
    )
    parser.add_argument(
        "--branches",
        type=lambda text: tuple(text.split(",")),
        default=(),
        metavar="A,B,...",
        help="the order in which its script made the streams, where the file leaves that open",
    )


def run_import_keras(options: argparse.Namespace) -> None:
    """``mvemotion import-keras``."""
    from mvemotion.keras_import import import_keras
    from mvemotion.runs import save_weights
    from mvemotion.specs import PAPER_FORMAT

    clip_format, statistics = PAPER_FORMAT, None
    if options.statistics_from:
        clip_format, statistics = _training_split(options.statistics_from, options.network)
    imported = import_keras(
        options.file,
        options.network,
        branches=options.branches,
        clip_format=clip_format,
        statistics=statistics,
        swap_pathways=options.swap_pathways,
    )
    _check_norms(imported, options)
    save_weights(options.out, imported.trained)
    print("\n".join([*_findings(imported), *_next_step(options)]))


def _check_norms(imported, options: argparse.Namespace) -> None:
    """Raise DataError if a BatchNorm of A0 must be in a wrong place, unless that was accepted."""
    from mvemotion.errors import DataError

    agreed, blocks = imported.shared_statistics
    if agreed < blocks and not options.accept_unlike_norms:
        raise DataError(
            f"{options.file}: in {blocks - agreed} of {blocks} blocks of A0 the BatchNorms differ "
            "in the statistics of the input that they share; in trained weights none does: one is "
            "in a wrong place, or these were never trained. Nothing was written; "
            "--accept-unlike-norms writes it all the same"
        )


def _training_split(folder: Path, network_id: str) -> tuple:
    """Sizes and training statistics of a store, for the network's inputs."""
    from mvemotion.data.batches import input_pipeline
    from mvemotion.data.store import Store
    from mvemotion.specs import find_network

    store, streams = Store(folder), find_network(network_id).streams
    return store.clip_format, input_pipeline(store, streams, "Train").statistics


def _findings(imported) -> list[str]:
    """What was found, line by line, and what had to be assumed."""
    from mvemotion.networks import count_parameters

    trained = imported.trained
    lines = [
        f"network       {trained.network_id}, "
        f"{count_parameters(trained.network).total:,} parameters, every tensor in its place",
        f"created       {imported.creation}",
        f"standardises  by statistics of {'Train' if trained.statistics else 'the split at hand'}",
    ]
    if len(imported.branches) > 1:
        source = "as listed" if imported.is_concatenation_seen else "assumed: the file has no list"
        lines.append(f"concatenates  {', '.join(imported.branches)} ({source})")
    agreed, blocks = imported.shared_statistics
    if blocks:
        verdict = "as in trained weights" if agreed == blocks else "NOT as in trained weights"
        lines.append(f"A0 BatchNorm  {agreed} of {blocks} blocks share statistics: {verdict}")
    return lines


def _next_step(options: argparse.Namespace) -> list[str]:
    """How to check the result against what the paper prints."""
    return [
        f"written to    {options.out}",
        f"now check it  mvemotion evaluate {options.out} --store STORE",
        *(f"published     {line}" for line in _published(options.network)),
    ]


def _published(network_id: str) -> list[str]:
    """The authors' own scores of this network, of each checkpoint where there are several."""
    from mvemotion.published import published_confusions, published_table
    from mvemotion.specs import find_network

    found = [c for c in published_confusions() if c.id == network_id]
    if found:
        return [f"accuracy {c.accuracy:.4f}, AUC {c.auc:.3f} ({c.checkpoint})" for c in found]
    table = published_table(find_network(network_id).table).set_index("id")
    if network_id not in table.index:
        return ["not in the paper"]
    row = table.loc[network_id]
    return [f"accuracy {row['Test Accuracy']:.4f}, AUC {row['ROC AUC Score']:.3f}"]
