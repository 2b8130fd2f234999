"""Asking a server: what is repeated, how long it waits, and where it refuses to go."""

import shutil
import socket
import subprocess
from email.utils import formatdate
from pathlib import Path

import pytest

from http_server import Cut, Hang, Site, Status, Trickle
from mvemotion.errors import DownloadError
from mvemotion.fetch.addresses import check_redirect, check_url
from mvemotion.fetch.client import Client, Patience, TransientError

NOW = 1_800_000_000.0


@pytest.fixture
def site():
    with Site() as site:
        yield site


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(waits) -> Client:
    return Client(sleep=waits.append, now=lambda: NOW)


# --- What is tried again --------------------------------------------------------------------------
@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_fault_that_may_pass_is_waited_out(site, client, waits, code):
    site.put("/a", b"content", faults=[Status(code), Status(code)])
    assert client.get_bytes(site.url("/a")) == b"content"
    assert len(site.visits) == 3
    assert 0.5 <= waits[0] <= 1.5
    assert 1.0 <= waits[1] <= 3.0


def test_waits_are_not_the_same_for_everyone(site):
    lists = [[], []]
    for waits in lists:
        site.put("/a", b"content", faults=[Status(503)] * 4)
        Client(sleep=waits.append).get_bytes(site.url("/a"))
    assert lists[0] != lists[1]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 451])
def test_a_refusal_is_not_repeated(site, client, waits, code):
    site.put("/a", b"content", faults=[Status(code)])
    with pytest.raises(DownloadError, match=rf"/a: HTTP {code} .*browser"):
        client.get_bytes(site.url("/a"))
    assert (len(site.visits), waits) == (1, [])


def test_patience_ends(site, client, waits):
    site.put("/a", b"content", faults=[Status(503)] * 99)
    with pytest.raises(DownloadError, match=r"HTTP 503 .*given up after 5 attempts.*same command"):
        client.get_bytes(site.url("/a"))
    assert len(site.visits) == 5
    assert len(waits) == 4


@pytest.mark.parametrize("code", [403, 429, 503])
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "70"},
        {"Retry-After": formatdate(NOW + 70, usegmt=True)},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 70)},
    ],
    ids=["seconds", "date", "limit"],
)
def test_the_server_says_how_long_to_wait(site, client, waits, headers, code):
    site.put("/a", b"content", faults=[Status(code, headers)])
    assert client.get_bytes(site.url("/a")) == b"content"
    assert waits == [pytest.approx(70.5, abs=0.5)]


def test_a_date_in_the_past_means_now(site, client, waits):
    past = {"Retry-After": formatdate(NOW - 70, usegmt=True)}
    site.put("/a", b"content", faults=[Status(503, past)])
    client.get_bytes(site.url("/a"))
    assert waits == [pytest.approx(0.5, abs=0.5)]


def test_nonsense_in_retry_after_counts_as_nothing(site, client, waits):
    site.put("/a", b"content", faults=[Status(503, {"Retry-After": "soon"})])
    client.get_bytes(site.url("/a"))
    assert waits == [pytest.approx(1.0, abs=0.5)]


def test_a_limit_that_ends_in_an_hour_is_explained_and_not_waited_for(site, client, waits):
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 3600)}
    site.put("/a", b"content", faults=[Status(403, limit)])
    with pytest.raises(DownloadError, match=r"limit of requests reached.*wait 60 minutes"):
        client.get_bytes(site.url("/a"))
    assert waits == []


def test_a_cut_connection_is_tried_again(site, client, waits):
    site.put("/a", b"content", faults=[Cut(3)])
    assert client.get_bytes(site.url("/a")) == b"content"
    assert len(waits) == 1


@pytest.mark.parametrize("after", [0, 3])
def test_a_server_that_falls_silent_is_not_waited_for_for_ever(site, waits, after):
    site.put("/a", b"content", faults=[Hang(after)] * 5)
    client = Client(Patience(timeout_s=0.2), sleep=waits.append)
    with pytest.raises(DownloadError, match="no answer in time"):
        client.get_bytes(site.url("/a"))
    assert len(waits) == 4


def test_a_trickle_is_given_up(site, waits):
    site.put("/a", b"x" * 1000, faults=[Trickle(0.03)] * 5)
    client = Client(Patience(pace_s=0.1), sleep=waits.append)
    with pytest.raises(DownloadError, match=r"\d bytes in 0 s, too slow"):
        client.get_bytes(site.url("/a"))


def test_no_server_at_all_is_said_in_words(client, waits):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1: Connection refused; given up"):
        client.get_bytes(f"http://127.0.0.1:{port}/")
    assert len(waits) == 4


def test_a_stopped_client_asks_nothing_any_more(site, client):
    site.put("/a", b"content")
    client.stop()
    with pytest.raises(DownloadError, match="stopped; run the same command again"):
        client.get_bytes(site.url("/a"))
    assert site.visits == []


@pytest.mark.parametrize(
    ("step", "end", "attempts"),
    [(10, 40, 6), (10, 10, 3), (2, 8, 3), (0, 0, 3)],
    ids=["four times", "once, then never further", "too little", "none"],
)
def test_progress_restores_the_patience(step, end, attempts):
    calls = []

    def broken():
        calls.append(min(step * (len(calls) + 1), end))
        raise TransientError("broken")

    client = Client(Patience(attempts=3, progress_bytes=10), sleep=lambda seconds: None)
    with pytest.raises(DownloadError, match="given up after 3 attempts"):
        client.persist(broken, lambda: calls[-1] if calls else 0)
    assert len(calls) == attempts


# --- JSON -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><title>Log in</title>", b'{"files": [', b"[1, 2]", b"", b"\xff"]
)
def test_what_is_no_json_object_is_shown(site, client, content):
    site.put("/a", content)
    with pytest.raises(DownloadError, match=r"no JSON object but .*login page or proxy"):
        client.get_json(site.url("/a"))


def test_compressed_bytes_are_refused_since_sizes_would_not_fit(site, client):
    site.put("/a", b"", faults=[Status(200, {"Content-Encoding": "gzip"}, b"...")])
    with pytest.raises(DownloadError, match="'gzip', though plain bytes were asked for"):
        client.get_bytes(site.url("/a"))


# --- Redirects ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://zenodo.org/a", "https://zenodo.org/b"),
        ("https://zenodo.org/a", "https://files.example.org/b"),
        ("http://127.0.0.1:1/a", "http://localhost:2/b"),
        ("http://127.0.0.1:1/a", "http://[::1]:2/b"),
        ("http://localhost/a", "https://zenodo.org/b"),
    ],
)
def test_redirects_within_https_or_this_machine_are_followed(old, new):
    check_redirect(old, new)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("https://zenodo.org/a", "http://zenodo.org/a", "leaving https is refused"),
        ("https://zenodo.org/a", "http://127.0.0.1/a", "leaving https is refused"),
        ("https://zenodo.org/a", "file:///etc/passwd", "leaving https is refused"),
        ("HTTPS://zenodo.org/a", "HTTP://zenodo.org/a", "leaving https is refused"),
        ("http://127.0.0.1/a", "http://zenodo.org/a", "only https is allowed"),
        ("http://127.0.0.1/a", "http://127.0.0.1.example.org/a", "only https is allowed"),
        ("http://127.0.0.1/a", "http://localhost.example.org/a", "only https is allowed"),
        ("http://127.0.0.1/a", "http://10.0.0.1/a", "only https is allowed"),
        ("http://127.0.0.1/a", "file:///etc/passwd", "only https is allowed"),
        ("http://127.0.0.1/a", "ftp://127.0.0.1/a", "only https is allowed"),
        ("https://zenodo.org/a", "https:///a", "only https is allowed"),
        ("https://zenodo.org/a", "https://me:secret@example.org/", "a login in it"),
        ("http://127.0.0.1/a", "http://127.0.0.1@example.org/", "a login in it"),
    ],
)
def test_other_redirects_are_refused(old, new, reason):
    with pytest.raises(DownloadError, match=reason):
        check_redirect(old, new)


def test_a_login_in_an_address_is_not_repeated_in_the_message():
    with pytest.raises(DownloadError) as caught:
        check_url("https://me:secret@example.org/")
    assert "secret" not in str(caught.value)


def test_a_redirect_to_another_host_is_followed(site, client):
    site.put("/a", b"", faults=[Status(302, {"Location": site.url("/b", host="localhost")})])
    site.put("/b", b"content")
    assert client.get_bytes(site.url("/a")) == b"content"
    assert [visit.headers["Host"].split(":")[0] for visit in site.visits] == [
        "127.0.0.1",
        "localhost",
    ]


def test_a_relative_redirect_is_followed(site, client):
    site.put("/x/a", b"", faults=[Status(307, {"Location": "../b c"})])
    site.put("/b%20c", b"content")
    assert client.get_bytes(site.url("/x/a")) == b"content"


def test_plain_http_to_the_world_is_refused_before_anything_is_asked(site, client):
    site.put("/a", b"", faults=[Status(301, {"Location": "http://example.org/"})])
    with pytest.raises(DownloadError, match=r"http://example.org/: only https is allowed"):
        client.get_bytes(site.url("/a"))


def test_a_circle_of_redirects_ends(site, client, waits):
    site.put("/a", b"", faults=[Status(302, {"Location": "/a"})] * 99)
    with pytest.raises(DownloadError, match="more than 5 redirects"):
        client.get_bytes(site.url("/a"))
    assert (len(site.visits), waits) == (6, [])


def test_no_login_and_no_cookie_is_ever_sent(site, client, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\ndefault login me password it\n")
    monkeypatch.setenv("NETRC", str(netrc))
    cookie = {"Set-Cookie": "session=secret; Path=/"}
    there = cookie | {"Location": site.url("/b", host="localhost")}
    site.put("/a", b"", faults=[Status(302, there), Status(503, cookie)])
    site.put("/b", b"content", faults=[Status(503, cookie)])
    client.get_bytes(site.url("/a"))
    client.get_bytes(site.url("/b"))
    assert len(site.visits) >= 4
    assert not [v for v in site.visits if {"Authorization", "Cookie"} & set(v.headers)]


# --- https, for real ------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A key and a certificate for 127.0.0.1 and localhost, in one file."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl command to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -batch"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run([*command.split(), "-addext", names, *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
    return both


def test_https_is_not_left_for_http_even_on_this_machine(site, client, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    site.put("/b", b"content")
    with Site(certificate) as secure:
        secure.put("/a", b"", faults=[Status(302, {"Location": site.url("/b")})])
        with pytest.raises(DownloadError, match="leaving https is refused"):
            client.get_bytes(secure.url("/a"))
    assert site.visits == []


def test_https_is_followed_to_another_host(client, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with Site(certificate) as secure:
        there = secure.url("/b", host="localhost")
        secure.put("/a", b"", faults=[Status(302, {"Location": there})])
        secure.put("/b", b"content")
        assert client.get_bytes(secure.url("/a")) == b"content"


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(client, certificate, waits):
    with Site(certificate) as secure:
        secure.put("/a", b"content")
        with pytest.raises(DownloadError, match="certificate is not trusted"):
            client.get_bytes(secure.url("/a"))
        assert secure.visits == []
    assert waits == []
