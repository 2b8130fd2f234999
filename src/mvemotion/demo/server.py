"""Load the network, bind the port, serve until stopped."""

import math
import socket
from pathlib import Path

import uvicorn

from mvemotion.demo.app import Demo
from mvemotion.demo.uploads import DEFAULT_LIMITS, Limits
from mvemotion.errors import InputError
from mvemotion.paths import shipped_weights
from mvemotion.prediction import Predictor
from mvemotion.temperature import read_temperature
from mvemotion.timeline import check_hop

EVERYWHERE = ("0.0.0.0", "::")
GRACE_S = 3  # for answers under way when the server is stopped


def serve(
    weights: str | Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    hop_s: float = 5.0,
    device: str = "auto",
    calibrated: bool = False,
    abstain_below: float = 0.0,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Serve the page until the process is told to stop, and say where.

    Parameters
    ----------
    weights : path, optional
        A weights file or the folder of a run; those that come with the package if not given.
    host, port : str, int
        What to listen on; port 0 takes a free one.
    hop_s : float
        Seconds from one window to the next.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    calibrated : bool
        Probabilities at the temperature that `mvemotion.temperature.calibrate` left.
    abstain_below : float
        The least probability that names an emotion; below it the page says ``uncertain``.
    limits : Limits
        Of uploads and of what is kept.

    Raises
    ------
    InputError
        If the port is taken, the host is not one of this computer, or an option does not fit.
    DataError
        If the weights do not, or no temperature was fitted to them.
    """
    check_hop(hop_s)
    if not 0 < limits.minutes < math.inf:
        raise InputError(f"--max-minutes {limits.minutes}: must be finite, and more than 0")
    with listen(host, port) as listener:
        file = _weights_file(weights)
        options = {"temperature": read_temperature(file) if calibrated else 1.0}
        # One window at a time: progress is shown, and a cancelled job ends, at every window.
        options |= {"abstain_below": abstain_below, "batch_size": 1}
        predictor = Predictor(file, device=device, **options)
        demo = Demo(predictor, file, hop_s=hop_s, limits=limits, host=host)
        print(f"{predictor.trained.network_id} from {file}")
        print(f"open {address(listener)} in a browser; stop with Ctrl+C", flush=True)
        try:
            make_server(demo).run(sockets=[listener])
        except KeyboardInterrupt:
            print("stopped; uploads and results are removed")


def make_server(demo: Demo) -> uvicorn.Server:
    """A server of the demo, quiet and without proxies' headers."""
    return uvicorn.Server(
        uvicorn.Config(
            demo.app(),
            lifespan="on",
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address.

    Raises
    ------
    InputError
        If that is not possible.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"cannot listen on {host}, port {port} ({error}); choose another --port, or --host "
            "127.0.0.1"
        ) from error


def address(listener: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    if host in EVERYWHERE:
        host = socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _weights_file(weights: str | Path | None) -> Path:
    path = Path(weights) if weights else shipped_weights()
    return path / "weights.safetensors" if path.is_dir() else path
