"""``mvemotion synthesize`` and ``mvemotion prepare``."""

import argparse
from pathlib import Path

from mvemotion.cli.arguments import command, positive
from mvemotion.specs import EMOTIONS, SPLITS


def add_commands(commands) -> None:
    """Add the commands that make clips and stores."""
    _synthesize(commands)
    _prepare(commands)


def _synthesize(commands) -> None:
    parser = command(commands, run_synthesize, "generate labelled synthetic music videos")
    parser.add_argument("out", type=Path, help="folder to write to, in the dataset's layout")
    parser.add_argument("--train", type=positive, default=4, help="clips per class")
    parser.add_argument("--validation", type=positive, default=2, help="clips per class")
    parser.add_argument("--test", type=positive, default=2, help="clips per class")
    parser.add_argument("--duration", type=float, default=6.0, help="seconds a clip")
    parser.add_argument("--difficulty", type=float, default=0.5, help="overlap of classes, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)


def _prepare(commands) -> None:
    parser = command(commands, run_prepare, "turn a folder of music videos into a store")
    parser.add_argument(
        "raw", type=Path, help="folder <Split>/<Class>/[video/] or <Class>/, or CSV: path,label,..."
    )
    parser.add_argument("store", type=Path, help="folder of the store; goes on where it stopped")
    parser.add_argument("--profile", help="take the input sizes of this profile, not the paper's")
    parser.add_argument(
        "--faces",
        default="sampled",
        help="frames searched for faces: sampled (those of the video input), every-K, all "
        "(as in the paper; many times slower) or none",
    )
    parser.add_argument(
        "--detector",
        choices=("coarse", "quick", "plain"),
        default="coarse",
        help="quick: in finer steps and for smaller faces, twice the time; plain: untuned, full "
        "size, eight times",
    )
    parser.add_argument(
        "--crop-bars", action="store_true", help="cut black bars off the pictures: assumption 22"
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs=len(SPLITS),
        metavar="SHARE",
        help=f"of {', '.join(SPLITS)}, where RAW does not say; 0.7 0.15 0.15 if not given",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split that is drawn then")
    parser.add_argument("--workers", type=positive, help="processes; all cores if not given")
    machines = parser.add_mutually_exclusive_group()
    machines.add_argument(
        "--shard", metavar="I/N", help="only the I-th of N shares, as one of N machines"
    )
    machines.add_argument(
        "--merge",
        type=Path,
        nargs="*",
        metavar="SHARD_STORE",
        help="once all shares are done, finish STORE, with the clips of these other stores",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit 3 at the end if one is unusable"
    )


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
    from mvemotion.data.draw import SHARES
    from mvemotion.data.prepare import DRAWN, prepare, summarize
    from mvemotion.data.shards import parse_shard
    from mvemotion.profiles import load_profile
    from mvemotion.specs import PAPER_FORMAT

    clip_format = load_profile(options.profile).clip_format if options.profile else PAPER_FORMAT
    manifest = prepare(
        options.raw,
        options.store,
        clip_format=clip_format,
        faces=options.faces,
        detector=options.detector,
        crop_bars=options.crop_bars,
        shares=dict(zip(SPLITS, options.shares, strict=True)) if options.shares else SHARES,
        seed=options.seed,
        workers=options.workers,
        shard=parse_shard(options.shard) if options.shard else None,
        merge=options.merge,
        strict=options.strict,
    )
    print(summarize(manifest))
    if options.shard:
        print(f"shard {options.shard} is done; when all are, finish the store with --merge")
    if (options.store / DRAWN).exists():
        print(f"splits drawn by source: {options.store / DRAWN}")
