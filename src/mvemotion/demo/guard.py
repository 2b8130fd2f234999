"""Who may ask, and what the browser may do with the answers."""

import ipaddress
import socket
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class Guard:
    """Middleware: refuses strangers' pages, and adds the headers above to every answer.

    Parameters
    ----------
    app : ASGIApp
    names : collection of str
        What the host may be called, besides its addresses.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]):
        self._app = app
        self._names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope), scope["method"])
        app = JSONResponse({"error": refusal}, status_code=403) if refusal else self._app
        await app(scope, receive, _with_headers(send))

    def _refusal(self, headers: Headers, method: str) -> str:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_known(host, self._names):
            names = ", ".join(sorted(self._names))
            return f"host {host!r}: this page answers to addresses and to {names} alone"
        if method in ("GET", "HEAD"):
            return ""
        site = headers.get("sec-fetch-site", "same-origin")
        if origin is None and site not in ("same-origin", "none"):
            return f"a request from a {site} page; open this page itself"
        if origin is not None and origin.partition("://")[2] != host:
            return f"origin {origin!r}: open this page itself"
        return ""


def is_known(host: str, names: Collection[str]) -> bool:
    """Whether a Host header can be meant for us.

    A page of another site that had its name point to this computer (DNS rebinding) comes with
    that name, never with a bare address; so addresses are fine, and of names only ours.

    Examples
    --------
    >>> is_known("127.0.0.1:8000", ["localhost"]), is_known("[::1]:8000", [])
    (True, True)
    >>> is_known("evil.example", ["localhost"])
    False
    """
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return name.lower() in names


def own_names(host: str) -> set[str]:
    """What this computer is called, and what the server was told to listen on."""
    return {"localhost", socket.gethostname().lower(), host.lower()}


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
