"""Archives from strangers: unpacked whole, or refused with nothing written."""

import io
import os
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mvemotion.errors import DataError
from mvemotion.fetch import archives
from mvemotion.fetch.archives import (
    content_folders,
    content_limit,
    is_unpacked,
    refuse_other_kinds,
    unpack,
)
from mvemotion.fetch.names import Names, safe_path

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
TREE = {
    "Train/Sad/a (1).mp4": b"sad" * 1000,
    "Train/Excited/ünï.mp4": b"excited",
    "read me.txt": b"",
}


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """An archive of the kind that the path's suffix says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    compression = {"gz": "gz", "tgz": "gz", "bz2": "bz2", "tbz2": "bz2", "xz": "xz", "txz": "xz"}
    with tarfile.open(path, f"w:{compression.get(path.suffix[1:], '')}") as archive:
        for name, content in files.items():
            add_to_tar(archive, name, content)
    return path


def add_to_tar(archive: tarfile.TarFile, name: str, content: bytes = b"", **facts) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for fact, value in facts.items():
        setattr(info, fact, value)
    archive.addfile(info, io.BytesIO(content))


def read(folder: Path) -> dict[str, bytes]:
    """All visible files below a folder."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in found.items() if not name.startswith(".")}


def refused(archive: Path, match: str) -> None:
    """Check that an archive is refused and nothing is left beside it, or written outside."""
    root = archive.parent.parent
    before = set(root.rglob("*"))
    with pytest.raises(DataError, match=match):
        unpack(archive, archive.parent / "content", sha256="sha256:1")
    assert set(root.rglob("*")) == before


@pytest.fixture
def inner(tmp_path) -> Path:
    """A folder in a folder, so that climbing out of it would be seen."""
    (tmp_path / "inner").mkdir()
    return tmp_path / "inner"


# --- What is unpacked -----------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_is_unpacked_as_it_was_packed(inner, suffix):
    archive = pack(inner / f"clips{suffix}", TREE)
    written = []
    unpack(archive, inner / "clips", sha256="sha256:1", advance=written.append)
    assert read(inner / "clips") == TREE
    assert sum(written) == sum(map(len, TREE.values()))
    assert {path.name for path in inner.iterdir()} == {"clips", archive.name}


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_top_folder_with_the_archives_own_name_is_left_out(inner, suffix):
    files = {f"Train/{name}": content for name, content in TREE.items()}
    unpack(pack(inner / f"Train{suffix}", files), inner / "Train", sha256="sha256:1")
    assert read(inner / "Train") == TREE


def test_a_top_folder_beside_other_files_stays(inner):
    unpack(pack(inner / "Train.zip", TREE), inner / "Train", sha256="sha256:1")
    assert (inner / "Train" / "Train" / "Sad" / "a (1).mp4").is_file()


def test_a_tar_of_the_current_folder_is_unpacked(inner):
    with tarfile.open(inner / "a.tar", "w") as archive:
        add_to_tar(archive, "./", type=tarfile.DIRTYPE)
        add_to_tar(archive, "./Train/", type=tarfile.DIRTYPE)
        add_to_tar(archive, "./Train/a.mp4", b"film")
        add_to_tar(archive, "./empty/", type=tarfile.DIRTYPE)
    unpack(inner / "a.tar", inner / "a", sha256="sha256:1")
    assert read(inner / "a") == {"Train/a.mp4": b"film"}
    assert (inner / "a" / "empty").is_dir()


def test_backslashes_of_old_windows_programs_are_read_as_slashes(inner):
    unpack(pack(inner / "a.zip", {"Train\\Sad\\a.mp4": b"film"}), inner / "a", sha256="sha256:1")
    assert read(inner / "a") == {"Train/Sad/a.mp4": b"film"}


def test_no_permission_of_the_archive_is_taken_over(inner):
    with tarfile.open(inner / "a.tar", "w") as archive:
        add_to_tar(archive, "root.sh", b"#!", mode=0o6777, uid=1, gid=1)
    unpack(inner / "a.tar", inner / "a", sha256="sha256:1")
    status = (inner / "a" / "root.sh").stat()
    assert stat.S_IMODE(status.st_mode) & 0o7111 == 0
    assert status.st_uid == os.getuid()


# --- What is refused ------------------------------------------------------------------------------
UNSAFE = ["../a.mp4", "Train/../../a.mp4", "/etc/a.mp4", "//host/a", "C:/a.mp4", "c:a.mp4", "a\nb"]


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
@pytest.mark.parametrize("name", [*UNSAFE, "..\\a.mp4", "C:\\a.mp4", "\\\\host\\a"])
def test_unsafe_names_are_refused(inner, suffix, name):
    if suffix == ".tar" and "\\" in name:
        match = "a name absolute, with a drive or with a backslash"
    else:
        match = "only names below the folder are allowed, and nothing was written"
    refused(pack(inner / f"a{suffix}", {"good.mp4": b"film", name: b"film"}), match)


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
@pytest.mark.parametrize(
    "names",
    [
        ("Train/a.mp4", "Train/A.mp4"),
        ("Train/a.mp4", "train/b.mp4"),
        ("ü.mp4", "u\u0308.mp4"),
        ("straße.mp4", "STRASSE.mp4"),
        ("a.mp4", "a.mp4"),
        ("a.mp4", "./a.mp4"),
        ("a", "a/b"),
        ("a/b", "a"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_overwrite_each_other_on_some_disks_are_refused(inner, suffix, names):
    path = inner / f"a{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"film")
    else:
        with tarfile.open(path, "w") as archive:
            for name in names:
                add_to_tar(archive, name, b"film")
    refused(path, "the same name as|different in case alone")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "device"),
    ],
)
def test_links_and_devices_of_a_tar_are_refused(inner, kind, word):
    with tarfile.open(inner / "a.tar", "w") as archive:
        add_to_tar(archive, "good.mp4", b"film")
        add_to_tar(archive, "bad", type=kind, linkname="/etc/passwd")
        add_to_tar(archive, "bad/through", b"film")
    refused(inner / "a.tar", rf"'bad' is a {word}; only plain files and folders")


@pytest.mark.parametrize(
    ("mode", "word"), [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "device")]
)
def test_links_and_devices_of_a_zip_are_refused(inner, mode, word):
    info = zipfile.ZipInfo("bad")
    info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    with zipfile.ZipFile(inner / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(inner / "a.zip", rf"'bad' is a {word}; only plain files and folders")


def test_a_password_is_said_to_be_one(inner):
    path = pack(inner / "a.zip", {"a.mp4": b"film"})
    content = bytearray(path.read_bytes())
    flags = content.index(b"PK\x01\x02") + 8
    content[flags] |= 1
    path.write_bytes(content)
    refused(path, "'a.mp4' is a file under a password")


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_bomb_is_refused_by_its_declared_size(inner, suffix):
    path = inner / f"a{suffix}"
    pack(path, {"a": b"\0" * 60_000_000, "b": b"\0" * 41_000_000})
    assert path.stat().st_size < 200_000
    refused(path, r"holds 101,000,000 bytes or more in an archive of .* over 200 times")


def test_a_bomb_that_lies_about_its_size_is_cut_at_the_lie(inner):
    path = pack(inner / "a.zip", {"a": b"\0" * 5_000_000})
    content = path.read_bytes().replace(struct.pack("<L", 5_000_000), struct.pack("<L", 10))
    path.write_bytes(content)
    written = []
    with pytest.raises(DataError, match="damaged"):
        unpack(path, inner / "a", sha256="sha256:1", advance=written.append)
    assert sum(written) <= 10
    assert {p.name for p in inner.iterdir()} == {"a.zip"}


def test_the_limit_is_the_disk_and_a_ratio_beyond_what_is_harmless():
    assert content_limit(10, free_bytes=10**12) == 100_000_000
    assert content_limit(10**9, free_bytes=10**12) == 200 * 10**9
    assert content_limit(10**9, free_bytes=10**10) == 10**10


def test_content_larger_than_the_disk_is_refused_before_it_is_written(inner, monkeypatch):
    usage = shutil.disk_usage(inner)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: usage._replace(free=3000))
    refused(pack(inner / "a.zip", TREE), "holds 3,007 bytes or more, and 3,000 are free; free some")


# --- What is damaged ------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("spoil", ["cut", "text", "empty"])
def test_damage_is_named_and_leaves_nothing(inner, suffix, spoil):
    path = pack(inner / f"a{suffix}", TREE | {"noise": os.urandom(30_000)})
    content = path.read_bytes()
    spoiled = {"cut": content[: len(content) // 2], "text": b"<html>" * 2000, "empty": b""}
    path.write_bytes(spoiled[spoil])
    refused(path, rf"a{suffix}: damaged, or not of the kind its name says \(")


def test_a_flipped_bit_in_a_zip_is_found_by_its_checksum(inner):
    path = inner / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.mp4", b"film" * 1000)
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    refused(path, "damaged.*CRC")


# --- Interruptions --------------------------------------------------------------------------------
def test_a_killed_unpacking_leaves_no_folder_and_begins_anew(inner):
    archive = pack(inner / "a.zip", TREE)
    code = (
        "import os, sys; from pathlib import Path; from mvemotion.fetch.archives import unpack\n"
        "archive, folder = map(Path, sys.argv[1:])\n"
        "unpack(archive, folder, sha256='', advance=lambda count: os.kill(os.getpid(), 9))\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, archive, inner / "a"])
    assert killed.returncode == -9
    assert {path.name for path in inner.iterdir()} == {"a.zip", ".a.unpacking"}
    unpack(archive, inner / "a", sha256="sha256:1")
    assert read(inner / "a") == TREE
    assert {path.name for path in inner.iterdir()} == {"a", "a.zip"}


def test_an_unpacking_stopped_by_hand_cleans_up(inner):
    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(pack(inner / "a.zip", TREE), inner / "a", sha256="sha256:1", advance=interrupt)
    assert {path.name for path in inner.iterdir()} == {"a.zip"}


def test_what_is_unpacked_is_known_until_a_file_is_missing_or_cut(inner):
    archive, folder = pack(inner / "a.zip", TREE), inner / "a"
    assert not is_unpacked(folder, "sha256:1")
    unpack(archive, folder, sha256="sha256:1")
    assert is_unpacked(folder, "sha256:1")
    assert not is_unpacked(folder, "sha256:2")
    assert not is_unpacked(folder, None)
    (folder / "added by hand.txt").write_text("note")
    assert is_unpacked(folder, "sha256:1")
    (folder / "Train/Sad/a (1).mp4").write_bytes(b"sad")
    assert not is_unpacked(folder, "sha256:1")
    unpack(archive, folder, sha256="sha256:1")
    assert is_unpacked(folder, "sha256:1")
    (folder / "read me.txt").unlink()
    assert not is_unpacked(folder, "sha256:1")


def test_a_folder_of_someone_else_is_never_replaced(inner):
    (inner / "content").mkdir()
    (inner / "content" / "mine.txt").write_text("mine")
    refused(pack(inner / "a.zip", TREE), "content: not made by this program.*move")


# --- Names ----------------------------------------------------------------------------------------
def test_each_archive_has_its_own_folder():
    names = ["Train.zip", "a.tar.gz", "A.ZIP", "b.txz", "c.zip", "c", "film.mp4", "arrays.npz"]
    assert content_folders([*names, ".zip", "d.rar"]) == {
        "Train.zip": "Train",
        "a.tar.gz": "a.tar.gz content",
        "A.ZIP": "A.ZIP content",
        "b.txz": "b",
        "c.zip": "c.zip content",
    }


@pytest.mark.parametrize("name", ["Test.rar", "test.7z", "test.tar.zst", "test.zip.001"])
def test_other_kinds_are_named_with_what_to_do(inner, name):
    folder = name[: -len(next(s for s in archives.OTHER if name.lower().endswith(s)))]
    with pytest.raises(DataError, match=rf"{name}: .*unpack it to .*{folder} with a program"):
        refuse_other_kinds(inner, ["film.mp4", name])
    (inner / folder).mkdir()
    refuse_other_kinds(inner, ["film.mp4", name])


@pytest.mark.parametrize("name", [*UNSAFE, "a\\b", "", ".", "a\0b", "..", "\u0085"])
def test_an_unsafe_name_gives_no_path(name):
    with pytest.raises(DataError, match=r"a name (absolute|climbing|with control|empty)"):
        safe_path(name)


@pytest.mark.parametrize("name", ["Train/Sad/a (1).mp4", "…/..a", "a..", "ünï☂", "song: b.mp4"])
def test_unusual_names_are_names(name):
    assert str(safe_path(name)) == name


def test_a_folder_may_be_named_twice():
    names = Names()
    for _ in range(2):
        names.add("Train/Sad", is_folder=True)
    assert str(names.add("Train/Sad/a.mp4")) == "Train/Sad/a.mp4"


def test_names_without_end_are_refused(monkeypatch):
    monkeypatch.setattr("mvemotion.fetch.names.MAX_NAMES", 3)
    names = Names()
    for name in "abc":
        names.add(name)
    with pytest.raises(DataError, match="more than 3 names"):
        names.add("d")
