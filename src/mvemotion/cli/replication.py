"""``mvemotion replicate`` and ``mvemotion claims``."""

import argparse
import sys
from pathlib import Path

from mvemotion.cli.arguments import add_device, add_splits, command, positive
from mvemotion.errors import InputError

TIERS = """\
tiers:
  0  recompute what follows from the published numbers: seconds, no data
  1  score given weights (--weights) beside the paper's tables: data, no training
  2  train every row of the profile once and run the ordered notebooks (the default)
  3  the same with several seeds (--seeds, 5 if not given): mean and standard deviation
"""
ALL_SEEDS = 5  # of tier 3
NO_RESULTS = (
    "No --results: what needs clips or weights stays untested; tier 0 alone decides. Make some by "
    "`mvemotion replicate`."
)
OF_THE_SUMMARY = (
    "own: whether the paper's own numbers bear a claim out; between claims and own: what our "
    "results say"
)


def add_commands(commands) -> None:
    """Add the commands that replicate the paper and keep its claims."""
    _replicate(commands)
    _claims(commands)


def _replicate(commands) -> None:
    parser = command(commands, run_replicate, "replicate the paper, and write a report")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = TIERS
    parser.add_argument("--tier", type=int, choices=(0, 1, 2, 3), default=2, help="see below")
    parser.add_argument("--profile", default="smoke", help="a name, or a .toml file (smoke)")
    parser.add_argument("--data", type=Path, help="raw clips; the embedded ones if not given")
    parser.add_argument("--store", type=Path, help="prepared clips, instead of --data")
    parser.add_argument("--results", type=Path, help="results/<profile>, tier0 or tier1, if absent")
    add_splits(parser, default="as prepared")
    parser.add_argument(
        "--weights", type=Path, nargs="+", metavar="FILE", help=".safetensors, or folders of them"
    )
    parser.add_argument("--seed", type=int, default=0, help="the first one (0)")
    parser.add_argument("--seeds", type=positive, help="how many; 1, or 5 in tier 3")
    parser.add_argument(
        "--jobs",
        type=positive,
        help="at a time; if absent, one a core, or one a GPU and one beside",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="WHAT",
        help="tables, figures or notebooks, with what they need: table3, figure5, 09",
    )
    parser.add_argument(
        "--engine-profile", type=Path, metavar="FOLDER", help="a profile of Snakemake, as for Slurm"
    )
    add_device(parser)


def _claims(commands) -> None:
    parser = command(commands, run_claims, "set every claim of the paper beside what was found")
    parser.add_argument(
        "--results", type=Path, help="a folder of `mvemotion replicate`; tier 0 alone if not given"
    )
    parser.add_argument(
        "--tier0",
        type=Path,
        help="made if missing, or of another version; results/tier0 if not given",
    )
    parser.add_argument("--json", action="store_true", help="print every claim as JSON")


def run_replicate(options: argparse.Namespace) -> None:
    """``mvemotion replicate``."""
    _check_tier(options)
    if options.tier == 0:
        _recompute(options)
    elif options.tier == 1:
        _score_weights(options)
    else:
        _train(options)


def run_claims(options: argparse.Namespace) -> None:
    """``mvemotion claims``."""
    from mvemotion.claims import Results, Tier0, build_ledger, summarize_ledger, write_ledger
    from mvemotion.paths import results_dir

    results = Results(options.results) if options.results else None
    tier0 = Tier0(_prepared_tier_0(options.tier0 or results_dir() / "tier0"))
    if results is None:
        print(NO_RESULTS, file=sys.stderr)
    ledger = build_ledger(tier0, results)
    folder = results.root if results else tier0.path.parent
    write_ledger(ledger, folder)
    if options.json:
        print(ledger.to_json(orient="records", indent=2, force_ascii=False))
        return
    print(f"{summarize_ledger(ledger)}\n\n{OF_THE_SUMMARY}")
    print(f"every claim: {folder / 'ledger.md'}, ledger.csv")


def _prepared_tier_0(folder: Path) -> Path:
    """The folder, with tier 0 computed if it is missing or of another commit: seconds."""
    from mvemotion.claims import Tier0
    from mvemotion.recomputation.report import recompute

    if not Tier0(folder).is_current():
        print(f"no tier 0 of this version in {folder}: computing it first", file=sys.stderr)
        recompute(folder)
    return folder


def _check_tier(options: argparse.Namespace) -> None:
    """Raise InputError for options that the tier would silently ignore."""
    clips = [name for name in ("data", "store", "splits") if getattr(options, name)]
    if options.tier == 0 and clips:
        raise InputError(f"--tier 0 reads no clips; leave out --{clips[0]}, or choose tier 1 to 3")
    if options.tier == 1 and not options.weights:
        raise InputError("--tier 1 scores given weights; name them: --weights FILE ...")
    if options.tier != 1 and options.weights:
        raise InputError(f"--weights: tier {options.tier} reads none; add --tier 1")
    given = [name for name in ("seeds", "jobs", "only", "engine_profile") if getattr(options, name)]
    if options.tier < 2 and given:
        name = given[0].replace("_", "-")
        raise InputError(
            f"--{name}: tier {options.tier} trains nothing; leave it out, or choose tier 2 or 3"
        )


def _recompute(options: argparse.Namespace) -> None:
    from mvemotion.paths import results_dir
    from mvemotion.recomputation.report import recompute

    root = options.results or results_dir() / "tier0"
    print(recompute(root))
    print(f"tables and figure: {root}")


def _score_weights(options: argparse.Namespace) -> None:
    from mvemotion.pipeline.given_weights import score_weights

    results = score_weights(
        options.weights,
        options.profile,
        data=options.data,
        store=options.store,
        results=options.results,
        splits=options.splits,
        device=options.device,
    )
    print(f"scores and tables: {results}")


def _train(options: argparse.Namespace) -> None:
    from mvemotion.pipeline.engine import replicate

    results = replicate(
        options.profile,
        data=options.data,
        store=options.store,
        results=options.results,
        splits=options.splits,
        device=options.device,
        seed=options.seed,
        seeds=options.seeds or (ALL_SEEDS if options.tier == 3 else 1),
        jobs=options.jobs,
        only=tuple(options.only),
        engine_profile=options.engine_profile,
    )
    print(f"report: {results / 'report' / 'index.html'}; all that it is made of: {results}")
