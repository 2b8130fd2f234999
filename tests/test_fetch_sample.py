"""The authors' public sample from GitHub: media alone, each file verified, the commit pinned."""

import hashlib
import time

import pytest

from http_server import (
    COMMIT,
    REPOSITORY,
    Cut,
    Site,
    Status,
    Trickle,
    git_sha1,
    publish_repository,
)
from mvemotion.cli import main
from mvemotion.data.sources import scan
from mvemotion.errors import DataError, DownloadError
from mvemotion.fetch.client import Client
from mvemotion.fetch.github import DEFAULT_HOSTS, Hosts, fetch_sample, list_sample
from mvemotion.fetch.lock import LOCK_NAME
from mvemotion.files import read_json

CLIPS = {
    "Train/Excited/video/EXT S1 (0)-1-of-9.mp4": b"excited" * 300,
    "Train/Sad/video/DEAP_DB_NT#5?.mp4": b"sad" * 700,
    "Validation/Fear/video/ünïcode + 100%.MP4": b"fear" * 800,
    "test/Tension/video/LLT_TENS(0).mp4": b"tension" * 900,
}
DERIVED = {
    "Train/Excited/audio/EXT S1 (0).wav": b"sound" * 300,
    "Train/Excited/hdf5/EXT S1 (0).h5": b"arrays" * 300,
}
OTHERS = {
    "LICENSE": b"GPL",
    "train.py": b"import keras",
    "Train/read.py": b"import keras",
    "models/video.mp4": b"film",
    "Train.mp4": b"film",
}
EVERYTHING = CLIPS | DERIVED | OTHERS


@pytest.fixture
def site():
    with Site() as site:
        yield site


def quick() -> Client:
    return Client(sleep=lambda seconds: None)


def hosts(site: Site) -> Hosts:
    return Hosts(site.url("/api"), site.url("/raw"), site.url("/media"))


def fetch(site: Site, folder, **options):
    options = {"client": quick(), "progress": False} | options
    return fetch_sample(folder, hosts=hosts(site), **options)


def stored(folder) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    ours = (LOCK_NAME, ".fetching")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files if p.name not in ours}


def pointer(content: bytes) -> bytes:
    """What Git LFS keeps in place of a file."""
    oid = hashlib.sha256(content).hexdigest()
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    return text.encode()


# --- What is fetched ------------------------------------------------------------------------------
def test_the_clips_of_the_splits_are_fetched_and_nothing_else(site, tmp_path):
    publish_repository(site, EVERYTHING)
    fetch(site, tmp_path)
    assert stored(tmp_path) == CLIPS
    assert len([visit for visit in site.visits if visit.path.startswith("/raw/")]) == len(CLIPS)


def test_what_is_fetched_is_what_prepare_reads(site, tmp_path):
    publish_repository(site, EVERYTHING)
    fetch(site, tmp_path)
    found = {path.relative_to(tmp_path).as_posix() for path in (s.path for s in scan(tmp_path))}
    assert found == set(CLIPS)


def test_derived_files_come_if_asked_for_but_never_code(site, tmp_path):
    publish_repository(site, EVERYTHING)
    fetch(site, tmp_path, everything=True)
    assert stored(tmp_path) == CLIPS | DERIVED


def test_derived_files_can_be_added_later_at_the_same_commit(site, tmp_path):
    publish_repository(site, EVERYTHING)
    fetch(site, tmp_path)
    publish_repository(
        site, EVERYTHING | {"Train/Sad/video/new.mp4": b"new" * 900}, commit="f" * 40
    )
    site.visits.clear()
    fetch(site, tmp_path, everything=True)
    assert stored(tmp_path) == CLIPS | DERIVED
    assert len([visit for visit in site.visits if visit.path.startswith("/raw/")]) == len(DERIVED)
    fetch(site, tmp_path)
    assert stored(tmp_path) == CLIPS | DERIVED
    assert read_json(tmp_path / LOCK_NAME)["files"].keys() == (CLIPS | DERIVED).keys()


@pytest.mark.parametrize("longest", [0, 3, 5, 1000])
def test_trees_too_large_for_one_answer_are_walked(site, longest):
    publish_repository(site, EVERYTHING, longest=longest)
    files = list_sample(quick(), hosts=hosts(site)).files
    assert {file.name: file.checksum for file in files} == {
        name: f"git-sha1:{git_sha1(content)}" for name, content in CLIPS.items()
    }
    for file in files:
        assert quick().get_bytes(file.url) == CLIPS[file.name]


def test_large_files_that_git_holds_by_a_pointer_are_followed(site, tmp_path):
    name, content = "Train/Sad/video/large (1).mp4", b"large" * 50_000
    publish_repository(site, CLIPS | {name: pointer(content)})
    path = f"/media/{REPOSITORY}/{COMMIT}/Train/Sad/video/large%20%281%29.mp4"
    site.put(path, content, faults=[Cut(100_000)])
    fetch(site, tmp_path)
    assert stored(tmp_path) == CLIPS | {name: content}
    assert [visit.headers.get("Range") for visit in site.visits_to(path)] == [None, "bytes=100000-"]


def test_a_short_file_that_is_no_pointer_is_a_file(site, tmp_path):
    publish_repository(site, {"Train/Sad/video/a.mp4": b"short"})
    fetch(site, tmp_path)
    assert stored(tmp_path) == {"Train/Sad/video/a.mp4": b"short"}


def test_a_forged_pointer_is_not_followed(site, tmp_path):
    pages = publish_repository(site, {"Train/Sad/video/a.mp4": b"short"})
    pages["Train/Sad/video/a.mp4"].content = pointer(b"something else")
    with pytest.raises(DataError, match=r"a\.mp4: the server has .* bytes, not the listed 5"):
        fetch(site, tmp_path)


# --- The commit -----------------------------------------------------------------------------------
def test_the_commit_is_pinned_until_an_update(site, tmp_path):
    publish_repository(site, EVERYTHING)
    fetch(site, tmp_path)
    origin = read_json(tmp_path / LOCK_NAME)["origin"]
    assert (origin["repository"], origin["commit"]) == (REPOSITORY, COMMIT)
    newer = CLIPS | {"test/Tension/video/LLT_TENS(0).mp4": b"TENSION" * 900}
    publish_repository(site, newer, commit="f" * 40)
    fetch(site, tmp_path)
    assert stored(tmp_path) == CLIPS
    site.visits.clear()
    fetch(site, tmp_path, update=True)
    assert stored(tmp_path) == newer
    assert len([visit for visit in site.visits if visit.path.startswith("/raw/")]) == 1


def test_a_whole_sample_is_verified_without_a_network(site, tmp_path):
    publish_repository(site, CLIPS)
    before = fetch(site, tmp_path)
    site.visits.clear()
    assert fetch(site, tmp_path) == before
    assert site.visits == []


def test_an_interrupted_sample_goes_on_without_asking_for_the_list_again(site, tmp_path):
    pages = publish_repository(site, CLIPS)
    pages["Train/Sad/video/DEAP_DB_NT#5?.mp4"].faults.append(Status(404))
    with pytest.raises(DownloadError, match=r"DEAP_DB_NT%235%3F\.mp4: HTTP 404"):
        fetch(site, tmp_path)
    site.visits.clear()
    fetch(site, tmp_path)
    assert stored(tmp_path) == CLIPS
    assert not [visit for visit in site.visits if visit.path.startswith("/api/")]


def test_a_fault_in_one_file_stops_those_fetched_beside_it(site, tmp_path):
    pages = list(publish_repository(site, CLIPS).values())
    pages[0].faults.append(Status(404))
    for page in pages[1:]:
        page.faults.append(Trickle(0.01))
    with pytest.raises(DownloadError, match="HTTP 404"):
        fetch(site, tmp_path)
    parts = [path.stat().st_size for path in tmp_path.rglob("*.part")]
    time.sleep(0.2)
    assert [path.stat().st_size for path in tmp_path.rglob("*.part")] == parts
    fetch(site, tmp_path)
    assert stored(tmp_path) == CLIPS


def test_a_file_that_is_not_what_the_commit_holds_is_an_error(site, tmp_path):
    pages = publish_repository(site, CLIPS)
    page = pages["Train/Sad/video/DEAP_DB_NT#5?.mp4"]
    page.content = page.content[::-1]
    with pytest.raises(DataError, match=r"DEAP_DB_NT#5\?\.mp4: its checksum is git-sha1:"):
        fetch(site, tmp_path)
    assert not (tmp_path / "Train/Sad/video/DEAP_DB_NT#5?.mp4").exists()


# --- Answers that do not help ---------------------------------------------------------------------
def test_the_limit_of_requests_is_explained(site, tmp_path):
    publish_repository(site, CLIPS)
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}
    site.pages[f"/api/repos/{REPOSITORY}"].faults.append(Status(403, limit))
    with pytest.raises(DownloadError, match=r"limit of requests reached.*run the same command"):
        fetch(site, tmp_path)


def test_a_repository_without_clips_is_no_sample(site, tmp_path):
    publish_repository(site, OTHERS)
    with pytest.raises(DownloadError, match="no media file in Train, Validation, test at commit"):
        fetch(site, tmp_path)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("", {"default_branch": None}),
        ("/commits/master", {"message": "Moved"}),
        (f"/git/trees/{COMMIT}", {"tree": "none"}),
        (f"/git/trees/{COMMIT}", {"tree": [{"type": "blob", "path": "Train/a.mp4", "size": 1}]}),
        (f"/git/trees/{COMMIT}", {"tree": [{"type": "blob", "path": 1}]}),
    ],
)
def test_answers_in_another_format_are_refused(site, path, answer):
    publish_repository(site, CLIPS)
    api = f"/api/repos/{REPOSITORY}{path}"
    site.pages.pop(f"{api}?recursive=1", None)
    site.put(api, answer)
    with pytest.raises(DownloadError, match=r"in the answer, not of type"):
        list_sample(quick(), hosts=hosts(site))


def test_a_tree_cannot_name_a_file_out_of_the_folder(site, tmp_path):
    publish_repository(site, {"Train/../../a.mp4": b"film" * 900, **CLIPS})
    with pytest.raises(DataError, match="a name climbing"):
        fetch(site, tmp_path / "data")
    assert stored(tmp_path) == {}


def test_every_real_address_is_https():
    for host in (DEFAULT_HOSTS.api, DEFAULT_HOSTS.raw, DEFAULT_HOSTS.media):
        assert host.startswith("https://")


def test_the_command_fetches_the_sample(site, tmp_path, capsys):
    many = {f"Train/Sad/video/{i}.mp4": b"film %d" % i * 300 for i in range(40)}
    publish_repository(site, CLIPS | many)
    assert main(["fetch", "sample", str(tmp_path), "--server", site.url()]) == 0
    said = capsys.readouterr().out
    assert "Train/Sad/video (41 files)" in said
    assert "44 files, " in said
    assert f"next: mvemotion prepare {tmp_path} STORE" in said
    assert stored(tmp_path) == CLIPS | many
