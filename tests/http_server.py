"""A local server that behaves like Zenodo or GitHub, and misbehaves on demand."""

import hashlib
import json
import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

os.environ["NO_PROXY"] = "127.0.0.1,localhost"  # where a proxy is set, it cannot know this server

RECORD_ID = 4542796
COMMIT = "c0ffee" + "0" * 34
REPOSITORY = "yagyapandeya/Supervised-Music-Video-Emotion-Classification"


# --- What can go wrong in one answer --------------------------------------------------------------
@dataclass(frozen=True)
class Status:
    """Another status than 200, with headers such as Retry-After or Location."""

    code: int
    headers: dict = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Cut:
    """The connection closes after so many bytes of the body, though more were announced."""

    after: int


@dataclass(frozen=True)
class Hang:
    """Nothing more comes after so many bytes, and the connection stays open."""

    after: int


@dataclass(frozen=True)
class Trickle:
    """One byte at a time, with a pause after each."""

    pause_s: float


@dataclass(frozen=True)
class Other:
    """Other content than the page's own, this once."""

    content: bytes


@dataclass(frozen=True)
class Unannounced:
    """No Content-Length: the body ends, after so many bytes, with the connection."""

    after: int


@dataclass(frozen=True)
class Headers:
    """Headers that are added, or that replace the right ones."""

    headers: dict


# --- The server -----------------------------------------------------------------------------------
@dataclass
class Page:
    """What stands at a path; each fault spoils one answer, in turn."""

    content: bytes
    etag: str | None = None
    takes_ranges: bool = True
    faults: Iterable = ()

    def __post_init__(self):
        self.faults = deque(self.faults)


@dataclass
class Visit:
    """One request, and what was sent for it."""

    path: str
    headers: dict
    status: int = 0
    sent: int = 0  # bytes of the body


class Site:
    """A server on this machine, until the end of the ``with`` block.

    `pages` maps paths (with their query, if that matters) to pages; `visits` logs requests.
    """

    def __init__(self, certificate: Path | None = None):
        self.pages: dict[str, Page] = {}
        self.visits: list[Visit] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"

    def __enter__(self) -> "Site":
        arguments = {"poll_interval": 0.01}
        threading.Thread(target=self._server.serve_forever, kwargs=arguments, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str = "", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self._server.server_port}{path}"

    def put(self, path: str, content: bytes | dict | list, **page) -> Page:
        """Put bytes, or JSON, at a path."""
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        self.pages[path] = Page(content, **page)
        return self.pages[path]

    def visits_to(self, path: str) -> list[Visit]:
        return [visit for visit in self.visits if visit.path == path]


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self):
            self.visit = Visit(self.path, dict(self.headers))
            site.visits.append(self.visit)
            page = site.pages.get(self.path) or site.pages.get(urlsplit(self.path).path)
            if page is None:
                return self._answer(404, {}, b"not found")
            fault = page.faults.popleft() if page.faults else None
            if isinstance(fault, Status):
                return self._answer(fault.code, fault.headers, fault.body)
            content = fault.content if isinstance(fault, Other) else page.content
            self._serve(page, content, fault)

        def _serve(self, page, content, fault):
            headers = {"ETag": page.etag} if page.etag else {}
            status, start = 200, self._range_start(page)
            if start is not None and start >= len(content):
                return self._answer(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
            if start is not None:
                last = len(content) - 1
                status, headers["Content-Range"] = 206, f"bytes {start}-{last}/{len(content)}"
                content = content[start:]
            if isinstance(fault, Headers):
                headers |= fault.headers
            self._answer(status, headers, content, fault)

        def _range_start(self, page) -> int | None:
            wanted = self.headers.get("Range")
            if not wanted or not page.takes_ranges:
                return None
            if self.headers.get("If-Range", page.etag) != page.etag:
                return None
            return int(wanted.removeprefix("bytes=").removesuffix("-"))

        def _answer(self, status, headers, body, fault=None):
            self.visit.status = status
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if isinstance(fault, Unannounced):
                self.send_header("Connection", "close")
            elif "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self._send(body, fault)

        def _send(self, body, fault):
            if isinstance(fault, Trickle):
                for i in range(len(body)):
                    self._write(body[i : i + 1])
                    if site.closing.wait(fault.pause_s):
                        return
            elif isinstance(fault, Cut | Hang | Unannounced):
                self._write(body[: fault.after])
                if isinstance(fault, Hang):
                    site.closing.wait(30)
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._write(body)

        def _write(self, body):
            self.visit.sent += len(body)  # first: a client that has it all may look at once
            self.wfile.write(body)
            self.wfile.flush()

        def handle(self):
            with suppress(OSError):  # the client left, which is what many tests are about
                super().handle()

        def log_message(self, *_):
            pass

    return Handler


# --- Zenodo ---------------------------------------------------------------------------------------
SHAPES = ("list", "bare list", "entries", "link")


def publish_record(
    site: Site, files: dict[str, bytes], *, shape: str = "list", algorithm: str = "md5"
) -> dict[str, Page]:
    """Put a record on a site, in one of the formats that Zenodo has had; its files' pages."""
    api = f"/api/records/{RECORD_ID}"
    record = {"id": RECORD_ID, "metadata": {"title": "Music videos"}}
    entries, pages = [], {}
    for name, content in files.items():
        path = f"{api}/files/{quote(name, safe='')}/content"
        pages[name] = site.put(path, content, etag=f'"{hashlib.md5(content).hexdigest()}"')
        entries.append(_entry(site, path, name, content, shape=shape, algorithm=algorithm))
    if shape in ("list", "bare list"):
        record["files"] = entries
    elif shape == "entries":
        by_name = {e["key"]: {k: v for k, v in e.items() if k != "key"} for e in entries}
        record["files"] = {"enabled": True, "entries": by_name}
    else:
        record |= {"files": {"enabled": True}, "links": {"files": site.url(f"{api}/files")}}
        site.put(f"{api}/files", {"enabled": True, "entries": entries})
    site.put(api, record)
    return pages


def _entry(site: Site, path: str, name: str, content: bytes, *, shape: str, algorithm: str) -> dict:
    digest = hashlib.new(algorithm, content).hexdigest()
    url = site.url(path)
    if shape == "list":
        size = {"key": name, "size": len(content)}
        return size | {"checksum": f"{algorithm}:{digest}", "links": {"self": url}}
    if shape == "bare list":
        size = {"filename": name, "filesize": len(content)}
        return size | {"checksum": digest, "links": {"download": url}}
    links = {"self": url.removesuffix("/content"), "content": url}
    return {
        "key": name,
        "size": len(content),
        "checksum": f"{algorithm}:{digest}",
        "links": links,
    }


# --- GitHub ---------------------------------------------------------------------------------------
def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def publish_repository(
    site: Site, files: dict[str, bytes], *, commit: str = COMMIT, longest: int = 1000
) -> dict[str, Page]:
    """Put a repository on a site; recursive trees of over `longest` entries come truncated."""
    api = f"/api/repos/{REPOSITORY}"
    site.put(api, {"default_branch": "master"})
    site.put(f"{api}/commits/master", {"sha": commit})
    folders = {str(p) for name in files for p in PurePosixPath(name).parents}
    for folder in folders:
        sha = commit if folder == "." else _tree_sha(folder)
        inside = [
            _tree_entry(name, folder, files)
            for name in sorted(folders | set(files))
            if name not in (".", folder) and (folder == "." or name.startswith(f"{folder}/"))
        ]
        direct = [entry for entry in inside if "/" not in entry["path"]]
        site.put(f"{api}/git/trees/{sha}", {"tree": direct, "truncated": False})
        answer = {"tree": inside[:longest], "truncated": len(inside) > longest}
        site.put(f"{api}/git/trees/{sha}?recursive=1", answer)
    return {
        name: site.put(f"/raw/{REPOSITORY}/{commit}/{quote(name)}", content)
        for name, content in files.items()
    }


def _tree_sha(folder: str) -> str:
    return hashlib.sha1(folder.encode()).hexdigest()


def _tree_entry(name: str, folder: str, files: dict[str, bytes]) -> dict:
    path = name if folder == "." else name.removeprefix(f"{folder}/")
    if name not in files:
        return {"path": path, "type": "tree", "sha": _tree_sha(name)}
    content = files[name]
    return {"path": path, "type": "blob", "size": len(content), "sha": git_sha1(content)}


def wait_until(condition, *, seconds: float = 10.0) -> None:
    """Return as soon as a condition holds; fail if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the condition did not come true")
        time.sleep(0.01)
