"""``mvemotion predict``."""

import argparse
import sys
from pathlib import Path

from mvemotion.cli.arguments import add_confidence, add_device, command, positive

FORMATS = ("json", "csv", "srt", "png")


def add_commands(commands) -> None:
    """Add the command that runs a trained network on anyone's videos."""
    parser = command(commands, run_predict, "emotion over time in videos of any length (Figure 7)")
    parser.add_argument(
        "videos", type=Path, nargs="+", metavar="VIDEO", help="a file, or a folder of them"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="RUN_OR_FILE",
        help="a run's folder, or a .safetensors file; those of the package, which are not for real "
        "use, if not given",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), help="folder for the results; a folder's are as in it"
    )
    parser.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=["json", "png"], help="what to write"
    )
    parser.add_argument("--hop", type=float, default=5.0, help="seconds between windows")
    parser.add_argument(
        "--reading", choices=("softmax", "sigmoid"), default="softmax", help="of the picture"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="also write a page on why: which modality, and where in it (takes longer)",
    )
    add_confidence(parser)
    parser.add_argument("--faces", help="as in mvemotion prepare; as for training, if absent")
    parser.add_argument("--detector", choices=("coarse", "quick", "plain"), help="ditto")
    parser.add_argument("--batch-size", type=positive, default=4, help="windows at a time")
    add_device(parser)


def run_predict(options: argparse.Namespace) -> int:
    """``mvemotion predict``: every file that can be read, then exit 3 if one could not."""
    from mvemotion.cli.recordings import find_recordings, name_outputs
    from mvemotion.errors import ClipError, DataError
    from mvemotion.timeline import check_hop

    check_hop(options.hop)
    outputs = name_outputs(find_recordings(options.videos), options.out)
    _make_folder(options.out)
    predictor = _predictor(options)
    failures = 0
    for video, output in outputs.items():
        try:
            _predict(video, output, predictor, options)
        except ClipError as error:
            _say(f"{video}: {error}", file=sys.stderr)
            failures += 1
    return DataError.exit_code if failures else 0


def _predictor(options: argparse.Namespace):
    from mvemotion.paths import shipped_weights
    from mvemotion.prediction import SHIPPED_NOTICE, Predictor
    from mvemotion.temperature import read_temperature

    if options.weights is None:
        print(f"mvemotion predict: {SHIPPED_NOTICE}", file=sys.stderr)
    weights = options.weights or shipped_weights()
    return Predictor(
        weights,
        device=options.device,
        batch_size=options.batch_size,
        faces=options.faces,
        detector=options.detector,
        abstain_below=options.abstain,
        temperature=read_temperature(weights) if options.calibrated else 1.0,
    )


def _predict(video: Path, output: Path, predictor, options: argparse.Namespace) -> None:
    timeline = predictor.predict(video, hop_s=options.hop, progress=True)
    _say(f"{video}: {', '.join(_shares(timeline))}")
    for suffix in options.formats:
        path = output.with_name(f"{output.name}.{suffix}")
        _say(f"{video}: {timeline.save(path, reading=options.reading)}")
    if options.explain:
        _explain(video, predictor, timeline, output.with_suffix(".explanation"))


def _explain(video: Path, predictor, timeline, folder: Path) -> None:
    from mvemotion.explanation import explain_recording, write_page

    found = explain_recording(video, predictor, timeline, progress=True)
    _say(f"{video}: {write_page(found, folder)}")


def _make_folder(out: Path) -> None:
    """Before any work, for it would be lost."""
    from mvemotion.errors import InputError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--out {out}: {error.strerror}; a folder that can be written is needed; name another"
        ) from error


def _say(words: str, **options) -> None:
    """Print; a file's name need not be text, and must not end a batch."""
    print(words.encode(errors="replace").decode(), **options)


def _shares(timeline) -> list[str]:
    """How many windows each answer has, most first, in words."""
    from collections import Counter

    counts = Counter(emotion or "no answer" for emotion in timeline.emotions)
    return [f"{emotion} {count} of {counts.total()}" for emotion, count in counts.most_common()]
