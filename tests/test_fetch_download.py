"""One file: every interruption resumed, every wrong content found out."""

import errno
import hashlib
import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from http_server import (
    Cut,
    Hang,
    Headers,
    Other,
    Page,
    Site,
    Status,
    Unannounced,
    git_sha1,
    wait_until,
)
from mvemotion.errors import DataError, DownloadError
from mvemotion.fetch.checksums import checksums, normalize
from mvemotion.fetch.client import Client, Patience
from mvemotion.fetch.download import Part, RemoteFile, download

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def site():
    with Site() as site:
        yield site


@pytest.fixture
def client() -> Client:
    return Client(sleep=lambda seconds: None)


@pytest.fixture
def page(site) -> Page:
    return site.put("/film.mp4", CONTENT, etag='"one"')


def film(site: Site, **changes) -> RemoteFile:
    facts = {"name": "film.mp4", "url": site.url("/film.mp4"), "size": len(CONTENT)}
    return RemoteFile(**facts | {"checksum": MD5} | changes)


def begin(site: Site, folder: Path, count: int, *, etag: str | None = '"one"') -> Part:
    """Leave what an earlier download of so many bytes would have left."""
    part = Part(film(site), folder)
    part.begin(etag)
    part.path.write_bytes(CONTENT[:count])
    return part


def ranges(site: Site) -> list[str | None]:
    return [visit.headers.get("Range") for visit in site.visits]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- Right content --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "checksum",
    [
        MD5,
        SHA256,
        f"sha512:{hashlib.sha512(CONTENT).hexdigest()}",
        f"git-sha1:{git_sha1(CONTENT)}",
    ],
)
def test_a_file_is_in_place_once_its_checksum_is_right(site, page, client, tmp_path, checksum):
    assert download(film(site, checksum=checksum), tmp_path, client) == SHA256
    assert (tmp_path / "film.mp4").read_bytes() == CONTENT
    assert names(tmp_path) == {"film.mp4"}


def test_a_name_with_folders_makes_them(site, page, client, tmp_path):
    download(film(site, name="Train/Sad/a (1).mp4"), tmp_path, client)
    assert (tmp_path / "Train" / "Sad" / "a (1).mp4").read_bytes() == CONTENT


def test_an_empty_file_is_a_file(site, client, tmp_path):
    site.put("/film.mp4", b"")
    empty = film(site, size=0, checksum="md5:d41d8cd98f00b204e9800998ecf8427e")
    download(empty, tmp_path, client)
    assert (tmp_path / "film.mp4").read_bytes() == b""


def test_bytes_are_counted_up_to_the_size_whatever_happens(site, page, client, tmp_path):
    page.faults.extend([Cut(100_000), Other(CONTENT[::-1]), Cut(70_000), Status(503)])
    page.takes_ranges = False
    counts = []
    download(film(site), tmp_path, client, advance=counts.append)
    assert sum(counts) == len(CONTENT)


# --- Interruptions --------------------------------------------------------------------------------
def test_a_cut_connection_is_resumed_and_only_the_missing_bytes_are_sent(
    site, page, client, tmp_path
):
    page.faults.extend([Cut(100_000), Cut(50_000)])
    download(film(site), tmp_path, client)
    assert (tmp_path / "film.mp4").read_bytes() == CONTENT
    assert ranges(site) == [None, "bytes=100000-", "bytes=150000-"]
    assert [visit.status for visit in site.visits] == [200, 206, 206]
    assert [visit.headers.get("If-Range") for visit in site.visits] == [None, '"one"', '"one"']
    assert sum(visit.sent for visit in site.visits) == len(CONTENT)


def test_a_server_that_falls_silent_is_asked_for_the_rest(site, page, tmp_path):
    page.faults.append(Hang(123_456))
    download(film(site), tmp_path, Client(Patience(timeout_s=1), sleep=lambda seconds: None))
    assert ranges(site) == [None, "bytes=123456-"]
    assert sum(visit.sent for visit in site.visits) == len(CONTENT)


def test_a_body_without_a_length_that_ends_early_is_resumed(site, page, client, tmp_path):
    page.faults.append(Unannounced(100_000))
    download(film(site), tmp_path, client)
    assert ranges(site) == [None, "bytes=100000-"]


def test_a_killed_process_leaves_what_the_next_one_goes_on_with(site, page, client, tmp_path):
    page.faults.append(Hang(200_000))
    code = (
        "import sys; from mvemotion.fetch.client import Client\n"
        "from mvemotion.fetch.download import RemoteFile, download\n"
        "name, url, size, checksum, folder = sys.argv[1:]\n"
        "download(RemoteFile(name, url, int(size), checksum), folder, Client())\n"
    )
    file, part = film(site), Part(film(site), tmp_path)
    facts = [file.name, file.url, str(file.size), file.checksum]
    process = subprocess.Popen([sys.executable, "-c", code, *facts, str(tmp_path)])
    try:
        wait_until(lambda: part.size == 200_000, seconds=30)
    finally:
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert names(tmp_path) == {"film.mp4.part", "film.mp4.part.json"}
    download(file, tmp_path, client)
    assert (tmp_path / "film.mp4").read_bytes() == CONTENT
    assert ranges(site) == [None, "bytes=200000-"]
    assert site.visits[1].sent == 100_000


def test_a_whole_part_is_verified_without_asking_the_server(site, client, tmp_path):
    begin(site, tmp_path, len(CONTENT))
    assert download(film(site), tmp_path, client) == SHA256
    assert site.visits == []


def test_what_has_come_stays_when_the_patience_ends(site, page, client, tmp_path):
    page.faults.extend([Cut(10_000)] * 5)
    with pytest.raises(DownloadError, match=r"given up after 5 attempts.*same command"):
        download(film(site), tmp_path, client)
    assert Part(film(site), tmp_path).usable_bytes() == 50_000
    download(film(site), tmp_path, client)
    assert sum(visit.sent for visit in site.visits) == len(CONTENT)


def test_a_server_that_takes_no_ranges_starts_over(site, page, client, tmp_path):
    page.takes_ranges = False
    page.faults.append(Cut(100_000))
    download(film(site), tmp_path, client)
    assert (tmp_path / "film.mp4").read_bytes() == CONTENT
    assert [visit.status for visit in site.visits] == [200, 200]


def test_a_server_that_takes_no_ranges_and_always_cuts_is_given_up(site, page, tmp_path):
    page.takes_ranges = False
    page.faults.extend([Cut(100_000)] * 99)
    client = Client(Patience(progress_bytes=1), sleep=lambda seconds: None)
    with pytest.raises(DownloadError, match="given up after 5 attempts"):
        download(film(site), tmp_path, client)
    assert len(site.visits) == 5


def test_a_changed_etag_starts_over(site, page, client, tmp_path):
    begin(site, tmp_path, 100_000, etag='"older"')
    download(film(site), tmp_path, client)
    assert (tmp_path / "film.mp4").read_bytes() == CONTENT
    assert [(visit.status, visit.sent) for visit in site.visits] == [(200, len(CONTENT))]


def test_a_server_that_ignores_if_range_is_found_out_by_its_etag(site, page, client, tmp_path):
    begin(site, tmp_path, 100_000)
    page.faults.append(Headers({"ETag": '"two"'}))
    download(film(site), tmp_path, client)
    assert [visit.status for visit in site.visits] == [206, 200]
    assert (tmp_path / "film.mp4").read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ['W/"one"', None])
def test_a_weak_etag_is_not_sent_and_the_checksum_decides(site, page, client, tmp_path, etag):
    page.etag = etag
    begin(site, tmp_path, 100_000, etag=etag)
    download(film(site), tmp_path, client)
    assert "If-Range" not in site.visits[0].headers
    assert [(visit.status, visit.sent) for visit in site.visits] == [(206, 200_000)]


@pytest.mark.parametrize("header", ["bytes 7-299999/300000", "bytes */300000", "lines 1-2/3", ""])
def test_a_range_that_was_not_asked_for_is_not_appended(site, page, client, tmp_path, header):
    begin(site, tmp_path, 100_000)
    page.faults.append(Headers({"Content-Range": header}))
    download(film(site), tmp_path, client)
    assert (tmp_path / "film.mp4").read_bytes() == CONTENT
    assert ranges(site) == ["bytes=100000-", None]


def test_a_range_that_cannot_be_had_starts_over(site, page, client, tmp_path):
    begin(site, tmp_path, 100_000)
    page.faults.append(Status(416, {"Content-Range": "bytes */300000"}))
    download(film(site), tmp_path, client)
    assert ranges(site) == ["bytes=100000-", None]


@pytest.mark.parametrize("spoil", ["other file", "no sidecar", "torn sidecar", "too long"])
def test_a_part_of_something_else_is_not_built_upon(site, page, client, tmp_path, spoil):
    part = begin(site, tmp_path, 100_000)
    sidecar = tmp_path / "film.mp4.part.json"
    if spoil == "other file":
        sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"checksum": SHA256}))
    elif spoil == "no sidecar":
        sidecar.unlink()
    elif spoil == "torn sidecar":
        sidecar.write_text(sidecar.read_text()[:20])
    else:
        part.path.write_bytes(CONTENT + b"more")
    counts = []
    download(film(site), tmp_path, client, advance=counts.append)
    assert ranges(site) == [None]
    assert sum(counts) == len(CONTENT)
    assert names(tmp_path) == {"film.mp4"}


# --- Wrong content --------------------------------------------------------------------------------
def test_wrong_content_is_discarded_and_tried_once_more(site, page, client, tmp_path):
    page.faults.append(Other(CONTENT[::-1]))
    download(film(site), tmp_path, client)
    assert (tmp_path / "film.mp4").read_bytes() == CONTENT
    assert ranges(site) == [None, None]


def test_a_spoiled_beginning_is_discarded_and_tried_once_more(site, page, client, tmp_path):
    begin(site, tmp_path, 100_000).path.write_bytes(b"x" * 100_000)
    download(film(site), tmp_path, client)
    assert ranges(site) == ["bytes=100000-", None]
    assert (tmp_path / "film.mp4").read_bytes() == CONTENT


def test_content_that_stays_wrong_is_an_error_and_leaves_nothing(site, page, client, tmp_path):
    page.content = CONTENT[::-1]
    found = hashlib.md5(CONTENT[::-1]).hexdigest()
    with pytest.raises(DataError, match=rf"film.mp4: .*md5:{found}, not the listed {MD5}.*second"):
        download(film(site), tmp_path, client)
    assert len(site.visits) == 2
    assert names(tmp_path) == set()


@pytest.mark.parametrize("count", [299_999, 0])
def test_too_little_is_wrong_content(site, page, client, tmp_path, count):
    page.content = CONTENT[:count]
    with pytest.raises(DataError, match=rf"has {count} bytes, not the listed 300000"):
        download(film(site), tmp_path, client)
    assert names(tmp_path) == set()


def test_too_much_is_refused_before_it_is_sent_or_written(site, page, client, tmp_path):
    page.content = CONTENT + b"x"
    with pytest.raises(DataError, match="has 300001 bytes, not the listed 300000"):
        download(film(site), tmp_path, client)
    assert names(tmp_path) == set()


def test_too_much_without_a_length_never_fills_the_disk(site, page, client, tmp_path):
    page.content = CONTENT * 9
    page.faults.extend([Unannounced(len(page.content))] * 2)
    largest, counts = 0, []

    def watch(count):
        nonlocal largest
        counts.append(count)
        largest = max(largest, sum(counts))

    with pytest.raises(DataError, match="more than the listed 300000 bytes came"):
        download(film(site), tmp_path, client, advance=watch)
    assert 0 < largest <= 300_000
    assert sum(counts) == 0


def test_a_resumed_file_that_is_now_longer_is_wrong_content(site, page, client, tmp_path):
    begin(site, tmp_path, 100_000)
    page.content = CONTENT + b"x"
    with pytest.raises(DataError, match="has 300001 bytes, not the listed 300000"):
        download(film(site), tmp_path, client)


def test_a_file_that_is_gone_says_so_and_keeps_the_part(site, client, tmp_path):
    begin(site, tmp_path, 100_000)
    with pytest.raises(DownloadError, match=r"film\.mp4: HTTP 404 .*moved"):
        download(film(site), tmp_path, client)
    assert Part(film(site), tmp_path).usable_bytes() == 100_000


# --- The disk -------------------------------------------------------------------------------------
def test_a_write_that_fails_keeps_what_was_written(site, page, client, tmp_path):
    """A real limit of the system, in a process of its own."""
    code = (
        "import resource, sys; from mvemotion.fetch.client import Client\n"
        "from mvemotion.fetch.download import RemoteFile, download\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        "name, url, size, checksum, folder = sys.argv[1:]\n"
        "try: download(RemoteFile(name, url, int(size), checksum), folder, Client())\n"
        "except OSError as error: sys.exit(error.errno)\n"
    )
    file = film(site)
    facts = [file.name, file.url, str(file.size), file.checksum]
    done = subprocess.run([sys.executable, "-c", code, *facts, str(tmp_path)])
    assert done.returncode == errno.EFBIG
    assert Part(file, tmp_path).usable_bytes() == 150_000
    download(file, tmp_path, client)
    assert ranges(site)[1:] == ["bytes=150000-"]


# --- Checksums ------------------------------------------------------------------------------------
def test_checksums_are_those_of_git_and_of_the_coreutils(tmp_path):
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    assert checksums(path, ["git-sha1", "md5", "sha256"]) == {
        "git-sha1": "git-sha1:ce013625030ba8dba906f756967f9e9ca394464a",  # git hash-object hello
        "md5": "md5:b1946ac92492d2347c6235b4d2611184",
        "sha256": "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
    }


@pytest.mark.parametrize("text", ["crc32:00000000", "md5:1234", "sha256:" + "g" * 64, "", ":"])
def test_a_checksum_of_an_unknown_kind_is_refused(text):
    with pytest.raises(DownloadError, match="not one of md5, sha256, sha512, git-sha1"):
        normalize(text)
