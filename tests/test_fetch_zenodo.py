"""A record of Zenodo fetched whole: listed, compared with the lock, unpacked, and its faults."""

import hashlib
import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from http_server import RECORD_ID, SHAPES, Cut, Hang, Site, Status, publish_record, wait_until
from mvemotion.cli import main
from mvemotion.errors import DataError, DownloadError, InputError
from mvemotion.fetch.client import Client
from mvemotion.fetch.lock import LOCK_NAME, exclusively, read_lock
from mvemotion.fetch.zenodo import fetch_zenodo, list_record
from mvemotion.files import read_json, write_json

API = f"/api/records/{RECORD_ID}"


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


TRAIN = zipped({"Train/Sad/a.mp4": b"sad film", "Train/Fear/b.mp4": b"dark film"})
FILES = {"Train.zip": TRAIN, "arrays (1).npz": b"arrays" * 5000, "read me.txt": b"read me"}


@pytest.fixture
def site():
    with Site() as site:
        yield site


def quick() -> Client:
    return Client(sleep=lambda seconds: None)


def fetch(site: Site, folder: Path, **options):
    options = {"client": quick(), "progress": False} | options
    return fetch_zenodo(folder, base_url=site.url(), **options)


def stored(folder: Path) -> dict[str, bytes]:
    """Content of every visible file below a folder, the lock apart."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name != LOCK_NAME
    }


WHOLE = FILES | {"Train/Sad/a.mp4": b"sad film", "Train/Fear/b.mp4": b"dark film"}


# --- Listing --------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", SHAPES)
def test_every_format_of_a_record_gives_the_same_files(site, shape):
    publish_record(site, FILES, shape=shape)
    files = list_record(quick(), RECORD_ID, site.url()).files
    assert {file.name: file.size for file in files} == {n: len(c) for n, c in FILES.items()}
    for file in files:
        assert file.checksum == f"md5:{hashlib.md5(FILES[file.name]).hexdigest()}"
        assert quick().get_bytes(file.url) == FILES[file.name]


def test_files_without_links_are_found_where_zenodo_keeps_them(site):
    publish_record(site, FILES)
    entries = {"read me.txt": {"size": 7, "checksum": f"md5:{hashlib.md5(b'read me').hexdigest()}"}}
    site.put(API, {"files": {"entries": entries}})
    (file,) = list_record(quick(), RECORD_ID, site.url()).files
    assert quick().get_bytes(file.url) == b"read me"


@pytest.mark.parametrize(
    "record",
    [
        {"files": [{"size": 1, "checksum": "md5:" + "0" * 32, "links": {"self": "x"}}]},
        {"files": [{"key": 3, "size": 1, "checksum": "md5:" + "0" * 32, "links": {"self": "x"}}]},
        {"files": [{"key": "a", "size": "1", "checksum": "", "links": {"self": "x"}}]},
        {"files": [{"key": "a", "size": 1, "links": {"self": "x"}}]},
        {"files": [{"key": "a", "size": 1, "checksum": "crc:0", "links": {"self": "x"}}]},
        {"files": [{"key": "a", "size": 1, "checksum": "md5:" + "0" * 32, "links": {"self": 1}}]},
        {"files": ["a"]},
        {"files": {"entries": "a"}},
        {"files": {}, "links": {"files": 3}},
    ],
)
def test_a_record_in_no_known_format_is_refused(site, record):
    site.put(API, record)
    with pytest.raises(DownloadError, match=r"in the answer, not of type|listed, but not one of"):
        list_record(quick(), RECORD_ID, site.url())


@pytest.mark.parametrize(
    "record",
    [
        {"files": [], "metadata": {"access_right": "restricted"}},
        {"files": {"enabled": False}, "access": {"record": "public", "files": "restricted"}},
        {"metadata": {"access_right": "restricted"}},
    ],
)
def test_files_that_are_not_public_are_said_to_be_so(site, record):
    site.put(API, record)
    with pytest.raises(DownloadError, match=r"no files \(access: restricted\).*ask its authors"):
        list_record(quick(), RECORD_ID, site.url())


# --- A folder brought up to date ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shape", "algorithm"), [*((shape, "md5") for shape in SHAPES), ("entries", "sha256")]
)
def test_a_record_is_fetched_verified_unpacked_and_locked(site, tmp_path, shape, algorithm):
    publish_record(site, FILES, shape=shape, algorithm=algorithm)
    fetch(site, tmp_path / "new" / "data")
    folder = tmp_path / "new" / "data"
    assert stored(folder) == WHOLE
    lock = read_json(folder / LOCK_NAME)
    assert lock["origin"]["record_id"] == RECORD_ID
    assert lock["origin"]["record"]["metadata"]["title"] == "Music videos"
    assert lock["origin"]["url"] == site.url(API)
    for name, content in FILES.items():
        assert lock["files"][name]["size"] == len(content)
        assert lock["files"][name]["sha256"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_second_run_asks_for_the_record_alone(site, tmp_path):
    publish_record(site, FILES)
    fetch(site, tmp_path)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in WHOLE}
    site.visits.clear()
    fetch(site, tmp_path)
    assert [visit.path for visit in site.visits] == [API]
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in WHOLE} == before


def test_a_file_that_is_there_from_elsewhere_is_verified_and_kept(site, tmp_path):
    publish_record(site, FILES)
    (tmp_path / "read me.txt").write_bytes(b"read me")
    lock = fetch(site, tmp_path)
    assert lock.sha256["read me.txt"] == f"sha256:{hashlib.sha256(b'read me').hexdigest()}"
    assert not [visit for visit in site.visits if "read%20me" in visit.path]


@pytest.mark.parametrize("content", [b"READ ME", b"read", b""])
def test_a_file_that_was_spoiled_is_fetched_again(site, tmp_path, content):
    publish_record(site, FILES)
    fetch(site, tmp_path)
    (tmp_path / "read me.txt").write_bytes(content)
    site.visits.clear()
    fetch(site, tmp_path)
    assert stored(tmp_path) == WHOLE
    assert len(site.visits) == 2


def test_a_file_unpacked_and_removed_comes_back_without_a_download(site, tmp_path):
    publish_record(site, FILES)
    fetch(site, tmp_path)
    (tmp_path / "Train/Sad/a.mp4").unlink()
    site.visits.clear()
    fetch(site, tmp_path)
    assert stored(tmp_path) == WHOLE
    assert [visit.path for visit in site.visits] == [API]


def test_a_changed_record_is_refused_until_it_is_accepted(site, tmp_path):
    publish_record(site, FILES)
    fetch(site, tmp_path)
    train = zipped({"Train/Sad/a.mp4": b"new film"})
    changed = {"Train.zip": train, "read me.txt": b"READ ME", "more.txt": b"more"}
    publish_record(site, changed)
    was, now = (f"md5:{hashlib.md5(text).hexdigest()}" for text in (b"read me", b"READ ME"))
    sizes = f"Train.zip: {len(TRAIN)} bytes then, {len(train)} now"
    pattern = rf"{sizes}; arrays \(1\)\.npz: no longer listed; more.txt: new; read me.txt: {was} "
    with pytest.raises(DataError, match=rf"{pattern}then, {now} now\); pass --update"):
        fetch(site, tmp_path)
    assert stored(tmp_path) == WHOLE
    fetch(site, tmp_path, update=True)
    files = {"arrays (1).npz": FILES["arrays (1).npz"], "Train/Sad/a.mp4": b"new film"}
    assert stored(tmp_path) == files | changed
    assert fetch(site, tmp_path).sha256.keys() == changed.keys()


ONE = bytes.fromhex(  # of the first published collision of MD5: Wang, Feng, Lai and Yu, 2004
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89"
    "55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b"
    "d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70"
)
TWIN = bytes(b ^ 0x80 * (i in (19, 45, 59, 83, 109, 123)) for i, b in enumerate(ONE))


def test_a_twin_of_the_same_md5_is_found_out_by_the_lock(site, tmp_path):
    pages = publish_record(site, {"arrays.npz": ONE})
    fetch(site, tmp_path)
    (tmp_path / "arrays.npz").write_bytes(TWIN)
    fetch(site, tmp_path)
    assert stored(tmp_path) == {"arrays.npz": ONE}
    (tmp_path / "arrays.npz").unlink()
    pages["arrays.npz"].content = TWIN
    with pytest.raises(DataError, match=r"arrays.npz: its checksum is .*publisher lists no change"):
        fetch(site, tmp_path)
    fetch(site, tmp_path, update=True)
    assert stored(tmp_path) == {"arrays.npz": TWIN}


def test_a_new_address_alone_is_no_change(site, tmp_path):
    publish_record(site, FILES, shape="list")
    fetch(site, tmp_path)
    publish_record(site, FILES, shape="link")
    fetch(site, tmp_path)


# --- Interruptions and faults ---------------------------------------------------------------------
def test_what_one_run_fetched_the_next_does_not_fetch_again(site, tmp_path):
    pages = publish_record(site, FILES)
    pages["read me.txt"].faults.append(Status(404))
    pages["arrays (1).npz"].faults.append(Cut(12_345))
    with pytest.raises(DownloadError, match="HTTP 404"):
        fetch(site, tmp_path)
    assert read_lock(tmp_path, "zenodo").sha256.keys() == {"Train.zip", "arrays (1).npz"}
    site.visits.clear()
    fetch(site, tmp_path)
    assert len(site.visits) == 2
    assert stored(tmp_path) == WHOLE


def _heed_interrupts() -> None:
    """Tests that run in the background ignore Ctrl-C, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("after", [0, 100])
def test_the_command_stopped_anywhere_goes_on(site, tmp_path, signal_number, after):
    pages = publish_record(site, FILES)
    pages["arrays (1).npz"].faults.append(Hang(after))
    command = [sys.executable, "-m", "mvemotion", "fetch", "zenodo", str(tmp_path)]
    part = tmp_path / "arrays (1).npz.part"
    process = subprocess.Popen(
        [*command, "--server", site.url()], stderr=subprocess.PIPE, preexec_fn=_heed_interrupts
    )
    try:
        wait_until(lambda: part.exists() and part.stat().st_size == after, seconds=30)
        stopped_s = time.monotonic()
        process.send_signal(signal_number)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert time.monotonic() - stopped_s < 5
    if signal_number == signal.SIGINT:
        assert process.returncode == 130
        assert b"run the same command again to go on" in said
    fetch(site, tmp_path)
    assert stored(tmp_path) == WHOLE
    arrays = [visit for visit in site.visits if "arrays" in visit.path]
    assert sum(visit.sent for visit in arrays) == len(FILES["arrays (1).npz"])
    assert len([visit for visit in site.visits if "Train.zip" in visit.path]) == 1


def test_a_disk_too_small_is_seen_before_anything_is_fetched(site, tmp_path):
    publish_record(site, FILES)
    record = json.loads(site.pages[API].content)
    record["files"][0]["size"] = 10**18  # of an archive, which needs as much again unpacked
    site.put(API, record)
    with pytest.raises(DataError, match=r"free, at least 2\.0 EB needed; free some"):
        fetch(site, tmp_path)
    assert [visit.path for visit in site.visits] == [API]
    assert stored(tmp_path) == {}


def test_a_disk_that_fills_up_is_named_and_goes_on_later(site, tmp_path):
    """A real limit of the system, in a process of its own."""
    publish_record(site, FILES)
    code = (
        "import resource, sys; from mvemotion.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "sys.exit(main(['fetch', 'zenodo', sys.argv[1], '--server', sys.argv[2]]))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path), site.url()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == DataError.exit_code, done.stderr
    assert "File too large; free some room there, and run the same command again" in done.stderr
    fetch(site, tmp_path)
    assert stored(tmp_path) == WHOLE
    arrays = [visit.headers.get("Range") for visit in site.visits if "arrays" in visit.path]
    assert arrays == [None, "bytes=20000-"]


@pytest.mark.parametrize("name", ["../a.zip", "/a.zip", "..", LOCK_NAME, "read me.txt.part"])
def test_a_record_cannot_name_a_file_out_of_the_folder_or_of_ours(site, tmp_path, name):
    publish_record(site, {name: b"content", "read me.txt": b"read me"})
    (tmp_path / "inner").mkdir()
    with pytest.raises(DataError, match="nothing was written"):
        fetch(site, tmp_path / "inner")
    assert stored(tmp_path) == {}
    assert len(site.visits) == 1


def test_an_unsafe_archive_is_refused_and_stays_packed(site, tmp_path):
    publish_record(site, {"Train.zip": zipped({"../../a.mp4": b"film"})})
    with pytest.raises(DataError, match=r"'../../a.mp4': a name climbing with"):
        fetch(site, tmp_path / "data")
    assert stored(tmp_path).keys() == {"data/Train.zip"}


def test_archives_of_other_kinds_are_left_for_the_hand(site, tmp_path):
    publish_record(site, {"test.rar": b"Rar!", "Train.zip": TRAIN})
    with pytest.raises(DataError, match=r"test\.rar: downloaded and verified, but .rar archives"):
        fetch(site, tmp_path)
    assert "Train/Sad/a.mp4" in stored(tmp_path)
    (tmp_path / "test").mkdir()
    fetch(site, tmp_path)


def test_only_one_process_fetches_to_a_folder(site, tmp_path):
    publish_record(site, FILES)
    with (
        exclusively(tmp_path),
        pytest.raises(InputError, match="another fetch is at work there; wait for it"),
    ):
        fetch(site, tmp_path)
    fetch(site, tmp_path)


# --- The lock file --------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [{}, [], {"schema": 1, "files": 3}, {"files": {"a": {}}}])
def test_a_lock_file_of_another_make_is_refused(tmp_path, value):
    write_json(tmp_path / LOCK_NAME, value)
    with pytest.raises(DataError, match=rf"{LOCK_NAME}: no lock file of this program.*remove it"):
        read_lock(tmp_path, "zenodo")


def test_a_torn_lock_file_is_refused(tmp_path):
    (tmp_path / LOCK_NAME).write_text('{"schema": 1,')
    with pytest.raises(DataError, match=r"not readable as JSON.*remove or restore"):
        read_lock(tmp_path, "zenodo")


def test_a_lock_file_of_a_later_format_is_refused(site, tmp_path):
    publish_record(site, FILES)
    fetch(site, tmp_path)
    write_json(tmp_path / LOCK_NAME, read_json(tmp_path / LOCK_NAME) | {"schema": 2})
    with pytest.raises(DataError, match="format 2, not 1; remove it"):
        fetch(site, tmp_path)


def test_a_folder_of_the_other_source_is_refused(site, tmp_path):
    publish_record(site, FILES)
    fetch(site, tmp_path)
    with pytest.raises(InputError, match=r"belongs to `fetch zenodo`.*name another folder"):
        read_lock(tmp_path, "sample")


# --- The command ----------------------------------------------------------------------------------
def test_the_command_shows_what_it_will_do_and_what_comes_next(site, tmp_path, capsys):
    publish_record(site, FILES)
    assert main(["fetch", "zenodo", str(tmp_path), "--server", site.url()]) == 0
    said = capsys.readouterr().out
    assert f"Zenodo record {RECORD_ID}: Music videos" in said
    assert "arrays (1).npz   30.0 kB\n" in said
    assert "3 files" in said
    assert f"free at {tmp_path}" in said
    assert said.endswith(f"next: mvemotion prepare {tmp_path} STORE\n")


def test_the_command_tells_bad_input_bad_data_and_no_server_apart(site, tmp_path, capsys):
    folder = ["fetch", "zenodo", str(tmp_path), "--server", site.url()]
    assert main(folder) == 5
    assert "HTTP 404" in capsys.readouterr().err
    publish_record(site, {"read me.txt": b"read me"})
    assert main([*folder, "--everything"]) == 2
    assert "for sample alone" in capsys.readouterr().err
    assert main(folder) == 0
    publish_record(site, {"read me.txt": b"READ ME"})
    assert main(folder) == 3
    assert "--update" in capsys.readouterr().err
    assert main([*folder, "--update"]) == 0


def test_html_in_place_of_json_is_no_record(site, tmp_path, capsys):
    site.put(API, b"<!DOCTYPE html>")
    assert main(["fetch", "zenodo", str(tmp_path / "new"), "--server", site.url()]) == 5
    assert "login page or proxy" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
