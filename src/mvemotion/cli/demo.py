"""``mvemotion demo``."""

import argparse
from pathlib import Path

from mvemotion.cli.arguments import add_confidence, add_device, command, positive


def add_commands(commands) -> None:
    """Add the command that serves the page for one's own videos."""
    parser = command(
        commands, run_demo, "serve a page that shows the emotions of one's own videos over time"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="RUN_OR_FILE",
        help="a run's folder, or a .safetensors file; those of the package if not given",
    )
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free")
    parser.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 lets others of the network in, too"
    )
    parser.add_argument("--max-upload-mb", type=positive, default=500, help="of one file")
    parser.add_argument("--max-minutes", type=float, default=20.0, help="of one recording")
    parser.add_argument("--hop", type=float, default=5.0, help="seconds between windows")
    add_confidence(parser)
    add_device(parser)


def run_demo(options: argparse.Namespace) -> None:
    """``mvemotion demo``: until it is stopped."""
    from mvemotion.errors import InputError

    try:
        from mvemotion.demo.server import serve
        from mvemotion.demo.uploads import Limits
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("starlette", "uvicorn", "anyio"):
            raise
        raise InputError(
            f"mvemotion demo needs {package}, which is not installed; "
            "pip install 'mvemotion[demo]', in a checkout: make setup"
        ) from error
    serve(
        options.weights,
        host=options.host,
        port=options.port,
        hop_s=options.hop,
        device=options.device,
        calibrated=options.calibrated,
        abstain_below=options.abstain,
        limits=Limits(upload_mb=options.max_upload_mb, minutes=options.max_minutes),
    )
