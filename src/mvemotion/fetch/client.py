"""HTTP as downloads need it: never downgraded, without credentials, repeated politely."""

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead
from http.cookiejar import DefaultCookiePolicy
from typing import TypeVar
from urllib.parse import urljoin

import requests
import urllib3
from tqdm import tqdm

from mvemotion import __version__
from mvemotion.errors import DownloadError
from mvemotion.fetch.addresses import check_redirect, check_url, host_of

Result = TypeVar("Result")

TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)
MAX_REDIRECTS = 5
CHUNK_BYTES = 1 << 16
HEADERS = {
    "User-Agent": f"mvemotion/{__version__}",
    "Accept": "application/json, */*;q=0.5",
    "Accept-Encoding": "identity",  # sizes and ranges count the file's own bytes
}
ADVICE = {
    401: "the server wants a login; see in a browser whether the data are still public",
    403: "the server refuses; see in a browser whether the data are still public",
    404: "nothing is there; see in a browser whether it has moved",
    410: "it was removed; see in a browser what took its place",
}


class TransientError(DownloadError):
    """A fault that may pass; `wait_s` is the wait that the server asks for, if it does."""

    def __init__(self, message: str, *, wait_s: float | None = None):
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Patience:
    """How often a client tries again, and how long it waits."""

    attempts: int = 5  # in a row, without progress in between
    progress_bytes: int = 1 << 20  # new bytes that count as progress
    first_wait_s: float = 1.0  # doubled after every attempt
    longest_wait_s: float = 300.0  # a server that asks for more is left alone
    timeout_s: float = 30.0  # to connect, and from byte to byte
    slowest_bytes_per_s: float = 1000.0  # on average over `pace_s`
    pace_s: float = 60.0


class Client:
    """One user agent, usable from several threads.

    Parameters
    ----------
    patience : Patience
        Waits and limits.
    sleep : callable, optional
        Called with seconds in place of waiting.
    now : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        patience: Patience | None = None,
        *,
        sleep: Callable[[float], object] | None = None,
        now: Callable[[], float] = time.time,
    ):
        self._patience = patience or Patience()
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._now = now
        self._local = threading.local()

    def stop(self) -> None:
        """Make every thread that uses this client end, before it hands out another byte."""
        self._stopped.set()

    def get_json(self, url: str) -> dict:
        """The JSON object at an address.

        Raises
        ------
        DownloadError
            If it cannot be had, or is no JSON object.
        """
        content = self.get_bytes(url)
        try:
            value = json.loads(content)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            start = content[:40].decode("utf-8", "replace")
            raise DownloadError(
                f"{url}: no JSON object but {start!r}; a login page or proxy may be in the way, "
                "or the server is down: open the address in a browser, and try again later"
            )
        return value

    def get_bytes(self, url: str) -> bytes:
        """The whole content at an address; raises DownloadError if it cannot be had."""

        def attempt() -> bytes:
            with self.open(url) as response:
                return b"".join(self.chunks(response))

        return self.persist(attempt)

    @contextmanager
    def open(
        self, url: str, headers: dict[str, str] | None = None, accept: tuple[int, ...] = (200,)
    ) -> Iterator[requests.Response]:
        """Ask once, following redirects; the body is left to `chunks`.

        Raises
        ------
        TransientError
            If the fault may pass.
        DownloadError
            If it will not, or a redirect breaks the rules of `check_redirect`.
        """
        with self._follow(url, headers or {}) as response:
            self._check_status(response, accept)
            encoding = response.headers.get("Content-Encoding", "identity")
            if encoding != "identity":
                raise DownloadError(
                    f"{url}: sent as {encoding!r}, though plain bytes were asked for; a proxy may "
                    "be in the way: try another network"
                )
            yield response

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as it arrives.

        Raises
        ------
        TransientError
            If it is cut, stalls, or comes more slowly than the patience allows.
        """
        host = host_of(response.url)
        since, received = time.monotonic(), 0
        while True:
            try:
                chunk = response.raw.read1(CHUNK_BYTES)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise TransientError(f"{host}: {_reason(error)}") from error
            self._check_running()
            if not chunk:
                return
            yield chunk
            received += len(chunk)
            elapsed_s = time.monotonic() - since
            if elapsed_s >= self._patience.pace_s:
                if received < self._patience.slowest_bytes_per_s * elapsed_s:
                    raise TransientError(f"{host}: {received} bytes in {elapsed_s:.0f} s, too slow")
                since, received = time.monotonic(), 0

    def persist(
        self, attempt: Callable[[], Result], position: Callable[[], int] = lambda: 0
    ) -> Result:
        """Call until it succeeds, waiting longer each time; progress restores the patience.

        Parameters
        ----------
        attempt : callable
            Raises `TransientError` where another attempt may help.
        position : callable
            Bytes had so far.

        Raises
        ------
        DownloadError
            When the patience ends.
        """
        failures, furthest = 0, position()
        while True:
            self._check_running()
            try:
                return attempt()
            except TransientError as error:
                if position() >= furthest + self._patience.progress_bytes:
                    failures, furthest = 0, position()
                failures += 1
                self._wait(error, failures)

    def _check_running(self) -> None:
        if self._stopped.is_set():
            raise DownloadError("stopped; run the same command again to go on")

    def _wait(self, error: TransientError, failures: int) -> None:
        patience = self._patience
        if failures >= patience.attempts:
            raise DownloadError(
                f"{error}; given up after {failures} attempts: check the network, and run the same "
                "command again to go on from here"
            ) from error
        if error.wait_s is not None and error.wait_s > patience.longest_wait_s:
            raise DownloadError(
                f"{error}; the server asks to wait {error.wait_s / 60:.0f} minutes: run the same "
                "command again after that to go on from here"
            ) from error
        wait_s = patience.first_wait_s * 2 ** (failures - 1) * random.uniform(0.5, 1.5)
        wait_s = min(wait_s, patience.longest_wait_s)
        if error.wait_s is not None:
            wait_s = error.wait_s + random.uniform(0, patience.first_wait_s)
        tqdm.write(f"{error}; trying again in {wait_s:.1f} s", file=sys.stderr)
        self._sleep(wait_s)

    # --- One request ------------------------------------------------------------------------------
    def _follow(self, url: str, headers: dict[str, str]) -> requests.Response:
        check_url(url)
        start = url
        for _ in range(MAX_REDIRECTS + 1):
            response = self._request(url, headers)
            target = self._session().get_redirect_target(response)
            if target is None:
                return response
            response.close()
            target = urljoin(url, target)
            check_redirect(url, target)
            url = target
        raise DownloadError(
            f"{start}: more than {MAX_REDIRECTS} redirects, the last to {url}; open the address in "
            "a browser, and try again later"
        )

    def _request(self, url: str, headers: dict[str, str]) -> requests.Response:
        timeout_s = self._patience.timeout_s
        try:
            return self._session().get(
                url, headers=headers, stream=True, timeout=timeout_s, allow_redirects=False
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise DownloadError(
                    f"{host_of(url)}: its certificate is not trusted; a proxy may be in the way: "
                    "try another network, or name the proxy's in REQUESTS_CA_BUNDLE"
                ) from error
            raise TransientError(f"{host_of(url)}: {_reason(error)}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise DownloadError(f"{url}: {error}; open the address in a browser") from error

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.headers.update(HEADERS)
            session.auth = lambda request: request  # nothing from ~/.netrc or the address
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._local.session = session
        return self._local.session

    def _check_status(self, response: requests.Response, accept: tuple[int, ...]) -> None:
        status = response.status_code
        if status in accept:
            return
        found = f"{response.url}: HTTP {status} {response.reason or ''}".rstrip()
        wait_s = self._asked_wait_s(response)
        if status in TRANSIENT_STATUS or (status == 403 and wait_s is not None):
            limit = " (limit of requests reached)" if _is_rate_limited(response) else ""
            raise TransientError(found + limit, wait_s=wait_s)
        advice = ADVICE.get(status, "open the address in a browser, and try again later")
        raise DownloadError(f"{found}; {advice}")

    def _asked_wait_s(self, response: requests.Response) -> float | None:
        """From ``Retry-After`` in seconds or as a date, else from GitHub's and Zenodo's limits."""
        text = response.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self._now())
        except (TypeError, ValueError):
            reset = response.headers.get("X-RateLimit-Reset", "")
        if _is_rate_limited(response) and reset.isascii() and reset.isdigit():
            return max(0.0, float(reset) - self._now())
        return None


def json_field(value: dict, name: str, kind: type, *, url: str):
    """``value[name]``; raises DownloadError if it is not there, or of another kind."""
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise DownloadError(
            f"{url}: {name!r} is {found!r} in the answer, not of type {kind.__name__}; its format "
            "may have changed: download by hand, or look for a newer mvemotion"
        )
    return found


def _is_rate_limited(response: requests.Response) -> bool:
    return response.headers.get("X-RateLimit-Remaining") == "0"


def _reason(error: BaseException) -> str:
    """What is at the bottom of a chain of errors."""
    while error.__context__ is not None:
        error = error.__context__
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, IncompleteRead):  # urllib3's is one too
        return "the connection broke off"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
