"""The web demo over HTTP: uploads, the line, results, what is refused, what is left behind."""

import csv
import hashlib
import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import av
import pytest
import requests

from demo_servers import ended, progress, send, serving, tiny_weights, wait_until
from media_files import Movie, face_picture, write_movie
from mvemotion.cli import main
from mvemotion.demo.about import about
from mvemotion.demo.analyses import PREFIX, Shelf, session_folder
from mvemotion.demo.examples import EXAMPLES, SCENE_S
from mvemotion.demo.guard import is_known, own_names
from mvemotion.demo.jobs import FullError, Job, Line
from mvemotion.demo.server import address, listen
from mvemotion.demo.uploads import Limits, RefusedError, receive, shown_name
from mvemotion.errors import DataError, InputError
from mvemotion.files import write_json
from mvemotion.paths import shipped_weights
from mvemotion.prediction import Predictor
from mvemotion.specs import EMOTIONS

HOP_S = 0.5
SMALL = Limits(upload_mb=1, minutes=0.5)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Weights of a network that is quick."""
    return tiny_weights(tmp_path_factory.mktemp("weights") / "music.safetensors", "music_a2")


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return write_movie(tmp_path_factory.mktemp("movie") / "short.mp4", Movie(seconds=1.0))


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    drawn = Movie(seconds=4.0, height=96, width=128, draw=face_picture)
    return write_movie(tmp_path_factory.mktemp("movie") / "movie.mp4", drawn)


@pytest.fixture(scope="module")
def long_movie(tmp_path_factory):
    """Many windows at a small hop: whoever comes after it has to wait."""
    return write_movie(tmp_path_factory.mktemp("movie") / "long.mp4", Movie(seconds=25.0))


@pytest.fixture(scope="module")
def site(weights, tmp_path_factory):
    """Address of a running demo, and the folder in which it makes its own."""
    folder = tmp_path_factory.mktemp("tmp")
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        with serving(weights, hop_s=HOP_S, limits=SMALL) as url:
            yield url, folder
    finally:
        tempfile.tempdir = before


def kept(folder) -> list[str]:
    """Names of all folders of uploads."""
    return [path.name for path in folder.glob(f"{PREFIX}*/*") if path.is_dir()]


# --- From upload to result ------------------------------------------------------------------------
@pytest.fixture(scope="module")
def done(site, movie):
    url, _ = site
    answer = send(url, movie, "My clip (1).mp4")
    assert answer.status_code == 201
    return f"{url}api/analyses/{answer.json()['id']}", ended(url, answer.json()["id"])


def test_a_video_gets_the_timeline_that_predict_gives(done, movie, weights):
    path, state = done
    assert (state["state"], state["name"], state["error"]) == ("done", "My clip (1).mp4", "")
    found = requests.get(f"{path}/timeline.json").json()
    expected = Predictor(weights, device="cpu").predict(movie, hop_s=HOP_S).to_dict()
    assert found["source"] == "My clip (1).mp4"
    assert len(found["windows"]) == 5
    for row, wanted in zip(found["windows"], expected["windows"], strict=True):
        assert row.pop("emotion") == wanted.pop("emotion")
        assert row.pop("note") == wanted.pop("note")
        assert row == pytest.approx(wanted, abs=1e-5)
    assert state["done"] == state["total"] == 5


def test_results_are_downloaded_under_the_videos_name(done):
    path, _ = done
    table = requests.get(f"{path}/timeline.csv")
    assert (
        "filename*=utf-8''My%20clip%20%281%29.timeline.csv" in table.headers["content-disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert {row["emotion"] for row in rows} <= set(EMOTIONS)
    assert requests.get(f"{path}/timeline.srt").text.startswith("1\n00:00:00,000 --> ")
    assert requests.get(f"{path}/timeline.pickle").status_code == 404


def test_every_window_has_its_picture(done):
    path, state = done
    assert state["pictures"] == [0, 1, 2, 3, 4]
    picture = requests.get(f"{path}/pictures/2.jpg")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    assert requests.get(f"{path}/pictures/5.jpg").status_code == 404


def test_a_part_of_the_video_can_be_asked_for(done, movie):
    path, _ = done
    part = requests.get(f"{path}/recording", headers={"Range": "bytes=100-299"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 100-299/{movie.stat().st_size}"
    assert part.headers["content-type"] == "video/mp4"
    assert part.content == movie.read_bytes()[100:300]


def test_a_matroska_file_and_sound_alone_are_served_as_what_they_are(music, tmp_path):
    song = write_movie(tmp_path / "song.m4a", Movie(seconds=3.0, has_video=False))
    film = write_movie(tmp_path / "film.mkv", Movie(seconds=2.0))
    with serving(music, hop_s=HOP_S) as url:
        keys = [send(url, path, path.name).json()["id"] for path in (song, film)]
        states = [ended(url, key) for key in keys]
        assert [state["state"] for state in states] == ["done", "done"]
        assert [len(state["pictures"]) for state in states] == [0, 1]
        kinds = [
            requests.get(f"{url}api/analyses/{key}/recording").headers["content-type"]
            for key in keys
        ]
    assert kinds == ["video/mp4", "video/webm"]


def test_a_recording_without_the_sound_that_is_needed_is_refused(site, tmp_path):
    silent = write_movie(tmp_path / "silent.mp4", Movie(has_audio=False))
    answer = send(site[0], silent)
    assert answer.status_code == 422
    assert "no audio" in answer.json()["error"]


@pytest.mark.slow
def test_an_example_is_drawn_and_analysed(site):
    url, _ = site
    example = EXAMPLES[0]
    poster = requests.get(f"{url}api/examples/{example.key}/poster.jpg")
    assert poster.content.startswith(b"\xff\xd8")
    key = requests.post(f"{url}api/examples/{example.key}").json()["id"]
    stages = set()
    wait_until(lambda: stages.add(progress(url, key)["stage"]) or "analysing" in stages)
    state = ended(url, key)
    assert "drawing" in stages
    assert (state["state"], state["scenes"]) == ("done", list(example.emotions))
    timeline = requests.get(f"{url}api/analyses/{key}/timeline.json").json()
    assert timeline["duration_s"] == pytest.approx(SCENE_S[0] * len(example.emotions), abs=0.1)
    assert requests.post(f"{url}api/examples/none").status_code == 404


# --- Why ------------------------------------------------------------------------------------------
def test_a_window_is_explained_with_shares_and_pictures(done):
    path, _ = done
    why = f"{path}/windows/1/why?emotion=Sad"
    assert requests.get(why).status_code == 404
    assert requests.post(why).status_code == 200
    state = wait_until(lambda: _if_done(requests.get(why).json()))
    assert (state["state"], state["error"]) == ("done", "")
    found = state["result"]
    assert found["emotion"] == "Sad"
    assert (found["start_s"], found["stop_s"]) == (0.5, 2.5)
    assert set(found["attribution"]) == {"music", "video", "face"}
    row = requests.get(f"{path}/timeline.json").json()["windows"][1]
    assert found["probability"] == pytest.approx(row["p_Sad"], abs=1e-5)
    for picture in found["pictures"]:
        content = requests.get(
            f"{path}/windows/1/why/{picture['modality']}.png?emotion=Sad"
        ).content
        assert content.startswith(b"\x89PNG")
        assert "Sad" in picture["effect"]
        assert len(picture["description"]) > 30


def _if_done(state: dict) -> dict | None:
    return state if state["state"] not in ("queued", "working") else None


@pytest.mark.parametrize(
    "part", ["windows/99/why", "windows/0/why?emotion=Joy", "windows/0/why/..%2f..%2flock.png"]
)
def test_what_cannot_be_explained_is_not_found(done, part):
    assert requests.get(f"{done[0]}/{part}").status_code == 404


# --- What is refused ------------------------------------------------------------------------------
def test_words_named_mp4_are_refused_and_deleted(site, done, tmp_path):
    url, folder = site
    words = tmp_path / "words.mp4"
    words.write_text("not a video")
    before = kept(folder)
    answer = send(url, words)
    assert answer.status_code == 422
    assert "unreadable: 11 bytes" in answer.json()["error"]
    assert kept(folder) == before


@pytest.mark.parametrize("kind", ["hls", "concat", "sdp"])
def test_playlists_cannot_name_files_of_the_server(site, movie, tmp_path, kind):
    playlist = tmp_path / "list.mp4"
    playlist.write_text(
        {
            "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{movie}\n#EXT-X-ENDLIST\n",
            "concat": f"ffconcat version 1.0\nfile '{movie}'\n",
            "sdp": "v=0\nc=IN IP4 127.0.0.1\nm=audio 49170 RTP/AVP 0\n",
        }[kind]
    )
    answer = send(site[0], playlist)
    assert answer.status_code == 422
    assert "unreadable" in answer.json()["error"]
    assert kind == "hls" or "a playlist names other files" in answer.json()["error"]


def test_an_announced_size_beyond_the_limit_is_refused_before_a_byte_is_sent(site, done):
    url, folder = site
    before = kept(folder)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.putrequest("POST", "/api/analyses?name=a.mp4")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"more than 1 MB" in answer.read()
    assert kept(folder) == before


def test_an_upload_of_no_announced_size_is_cut_at_the_limit(site, done):
    url, folder = site
    before = kept(folder)
    chunks = (bytes(50_000) for _ in range(21))  # 1.05 MB, without Content-Length
    assert requests.post(f"{url}api/analyses", data=chunks).status_code == 413
    assert kept(folder) == before


def test_an_empty_upload_is_refused(site):
    answer = requests.post(f"{site[0]}api/analyses", data=b"")
    assert answer.status_code == 400
    assert "empty" in answer.json()["error"]


def test_a_recording_beyond_the_limit_is_refused(site, tmp_path):
    long = write_movie(tmp_path / "long.mp4", Movie(seconds=31.0, fps=2))
    answer = send(site[0], long)
    assert answer.status_code == 422
    assert "too long: 0.5 minutes, at most 0.5" in answer.json()["error"]


def test_an_upload_that_is_broken_off_leaves_nothing(site, done):
    url, folder = site
    before = kept(folder)
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as stream:
        head = "POST /api/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n"
        stream.sendall(head.encode() + bytes(1000))
        wait_until(lambda: len(kept(folder)) == len(before) + 1)
    wait_until(lambda: kept(folder) == before)


def test_a_full_disk_is_named():
    async def chunks():
        yield bytes(100_000)

    async def fill():
        await receive(chunks(), anyio.Path("/dev/full"), SMALL, announced=None)

    with pytest.raises(RefusedError, match=r"disk .* is full; free some space") as caught:
        anyio.run(fill)
    assert caught.value.status == 507


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../evil.mp4", "evil.mp4"),
        ("/etc/passwd", "passwd"),
        ("<img src=x onerror=alert(1)>.mp4", "<img src=x onerror=alert(1)>.mp4"),
        ("Lied – Überraschung 音楽 🎵.mp4", "Lied – Überraschung 音楽 🎵.mp4"),
        ("a\r\nSet-Cookie: x=1\x00\u202e.mp4", "aSet-Cookie: x=1.mp4"),
        ("..", "recording"),
        ("", "recording"),
    ],
)
def test_names_are_shown_and_never_used_as_paths(site, short, name, shown):
    url, folder = site
    inside = set(folder.parent.rglob("*"))
    answer = send(url, short, name)
    assert answer.json()["name"] == shown
    state = ended(url, answer.json()["id"])
    assert state["state"] == "done"
    header = requests.get(f"{url}api/analyses/{state['id']}/timeline.csv").headers
    assert "set-cookie" not in header
    new = {path.relative_to(folder.parent) for path in set(folder.parent.rglob("*")) - inside}
    assert not any("evil" in path.name or "img" in path.name for path in new)
    assert all(state["id"] in path.parts for path in new)
    requests.delete(f"{url}api/analyses/{state['id']}")


def test_a_long_name_keeps_its_beginning_and_its_ending():
    name = shown_name("a" * 5000 + "z.mp4")
    assert len(name) == 120
    assert name.startswith("aaa")
    assert name.endswith("az.mp4")


# --- The line -------------------------------------------------------------------------------------
def test_a_second_user_waits_for_the_first_and_both_are_served(music, long_movie, movie):
    with serving(music, hop_s=0.25) as url:
        first, second, third = (send(url, path).json() for path in (long_movie, movie, movie))
        assert first["ahead"] == 0
        assert (second["state"], second["ahead"]) == ("queued", 1)
        assert (third["state"], third["ahead"]) == ("queued", 2)
        counts = []
        wait_until(lambda: counts.append(_windows(url, first["id"])) or _is_over(url, second["id"]))
        assert progress(url, first["id"])["state"] == "done"
        assert ended(url, third["id"])["state"] == "done"
        shown = [count for count in counts if count]
        assert len(set(shown)) > 3
        assert shown == sorted(shown)


def _windows(url: str, key: str) -> int:
    return progress(url, key)["done"]


def _is_over(url: str, key: str) -> bool:
    return progress(url, key)["state"] == "done"


def test_a_cancelled_analysis_ends_and_frees_its_place(music, long_movie, movie, tmp_path):
    with serving(music, hop_s=0.25) as url:
        first, second = (send(url, path).json()["id"] for path in (long_movie, movie))
        wait_until(lambda: progress(url, first)["done"])
        assert requests.delete(f"{url}api/analyses/{first}").status_code == 204
        assert requests.get(f"{url}api/analyses/{first}").status_code == 404
        assert ended(url, second)["state"] == "done"


def test_more_than_may_wait_are_asked_to_come_again(music, long_movie):
    with serving(music, hop_s=0.25, limits=Limits(waiting=1)) as url:
        assert send(url, long_movie).status_code == 201
        answer = send(url, long_movie)
        assert answer.status_code == 503
        assert "try again in some minutes" in answer.json()["error"]


def test_jobs_are_done_one_at_a_time_in_their_order():
    line, order, at_work = Line(longest=50), [], threading.Semaphore(1)

    def work(number):
        assert at_work.acquire(blocking=False)
        time.sleep(0.002)
        order.append(number)
        at_work.release()
        return number

    jobs = [line.join(Job(lambda job, number=number: work(number))) for number in range(20)]
    wait_until(lambda: all(job.has_ended for job in jobs))
    assert [job.result for job in jobs] == order == list(range(20))
    line.close()


def test_a_job_that_left_the_line_is_never_begun():
    line, gate, begun = Line(longest=3), threading.Event(), []
    line.join(Job(lambda job: gate.wait(10)))
    leaver = line.join(Job(lambda job: begun.append(1)))
    last = line.join(Job(lambda job: None))
    with pytest.raises(FullError, match="3 are waiting"):
        line.join(Job(lambda job: None))
    assert line.ahead(last) == 2
    line.leave(leaver)
    assert line.ahead(last) == 1
    gate.set()
    wait_until(lambda: last.has_ended)
    assert (leaver.state, begun) == ("cancelled", [])
    line.close()


def test_a_job_that_leaves_just_as_its_turn_comes_does_not_end_the_line():
    line, late = Line(longest=3), threading.Event()

    class LeavesAtLast(Job):
        def carry_out(self):
            line.leave(self)
            super().carry_out()
            late.set()

    leaver = line.join(LeavesAtLast(lambda job: job.report("too late", 0, 1)))
    assert late.wait(10)
    next_one = line.join(Job(lambda job: "done"))
    wait_until(lambda: next_one.has_ended, patience_s=10)
    assert (leaver.state, next_one.result) == ("cancelled", "done")
    line.close()


def test_a_job_that_fails_says_why_and_the_next_is_done():
    line = Line(longest=9)
    ours = line.join(Job(lambda job: (_ for _ in ()).throw(DataError("bad clip; mend it"))))
    theirs = line.join(Job(lambda job: 1 / 0))
    last = line.join(Job(lambda job: "fine"))
    wait_until(lambda: last.has_ended)
    assert (ours.state, ours.error) == ("failed", "bad clip; mend it")
    assert "should not happen (ZeroDivisionError)" in theirs.error
    assert last.result == "fine"
    line.close()


# --- What is kept ---------------------------------------------------------------------------------
class Shelved:
    """A shelf with finished analyses, for its limits."""

    def __init__(self, root, **limits):
        self.line = Line(longest=9)
        self.shelf = Shelf(root, Limits(**limits), self.line)

    def add(self, size: int = 0):
        analysis = self.shelf.add("clip.mp4")
        analysis.job, analysis.size = Job(lambda job: None), size
        analysis.job.carry_out()
        return analysis


def test_only_the_latest_results_are_kept(tmp_path):
    shelved = Shelved(tmp_path, kept=3)
    added = [shelved.add() for _ in range(4)]
    shelved.shelf.find(added[0].id)  # looked at: now the latest
    shelved.shelf.sweep()
    assert {path.name for path in tmp_path.iterdir()} == {added[n].id for n in (0, 2, 3)}


def test_results_are_kept_up_to_a_total_size(tmp_path):
    shelved = Shelved(tmp_path, kept_mb=10)
    added = [shelved.add(size=4_000_000) for _ in range(3)]
    shelved.shelf.sweep()
    assert {path.name for path in tmp_path.iterdir()} == {one.id for one in added[1:]}


def test_old_results_and_strays_go_and_a_page_that_fell_silent_loses_its_place(tmp_path):
    shelved = Shelved(tmp_path, kept_s=100.0, silence_s=10.0)
    old, waiting, recent = shelved.add(), shelved.shelf.add("b.mp4"), shelved.add()
    waiting.job = Job(lambda job: None)
    old.touched_s -= 101
    waiting.touched_s -= 11
    recent.touched_s -= 11
    (tmp_path / "stray").mkdir()
    shelved.shelf.sweep()
    assert [path.name for path in tmp_path.iterdir()] == [recent.id]
    with pytest.raises(RefusedError, match="no such result"):
        shelved.shelf.find(old.id)


def test_all_is_gone_when_the_server_ends_even_with_work_under_way(
    music, long_movie, movie, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with serving(music, hop_s=0.25) as url:
        for path in (long_movie, movie):
            send(url, path)
        assert len(kept(tmp_path)) == 2
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, mine = tmp_path / f"{PREFIX}left", tmp_path / "other"
    for folder in (left / "upload", mine):
        folder.mkdir(parents=True)
    with session_folder() as first, session_folder() as second:
        assert not left.exists()
        assert first.exists()  # it is in use
        assert first.stat().st_mode & 0o777 == 0o700
        assert second != first
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


# --- Whom it answers ------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["", "static/main.js", "api/about", "api/analyses/none", "none"])
def test_every_answer_allows_this_server_alone(site, path):
    headers = requests.get(f"{site[0]}{path}").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "//" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
    ],
)
def test_requests_of_other_pages_are_refused(site, movie, headers):
    url, folder = site
    before = kept(folder)
    answer = requests.post(f"{url}api/analyses", data=movie.read_bytes(), headers=headers)
    assert answer.status_code == 403
    assert kept(folder) == before
    assert requests.delete(f"{url}api/analyses/any", headers=headers).status_code == 403


def test_the_pages_own_requests_are_answered(site):
    url, _ = site
    own = {"Origin": url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert requests.delete(f"{url}api/analyses/any", headers=own).status_code == 404
    assert requests.get(url, headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.0.0.7:8000", True), ("[fe80::1]:80", True), ("LOCALHOST", True), ("", False)],
)
def test_addresses_and_own_names_are_known(host, expected):
    assert is_known(host, {"localhost"}) is expected


@pytest.mark.parametrize("path", ["static/../app.py", "static/%2e%2e/app.py", "static//etc/passwd"])
def test_only_the_pages_own_files_are_served(site, path):
    connection = http.client.HTTPConnection(urlsplit(site[0]).netloc, timeout=10)
    connection.request("GET", f"/{path}")  # as it is: requests would tidy the path
    assert connection.getresponse().status == 404


# --- The network and the command ------------------------------------------------------------------
def told(weights, **options) -> dict:
    """What the page says of itself."""
    predictor = Predictor(weights, device="cpu", **options)
    return about(predictor, weights, limits=SMALL, hop_s=5.0, is_local=True)


def test_the_page_says_which_network_it_is_and_from_where(weights):
    said = told(weights)
    facts = dict(said["facts"])
    assert facts["Network"] == "video_a2+music_a2+face_a2 (Table 6 of the paper)"
    assert facts["Weights"].endswith("tiny.safetensors")
    assert facts["One answer"] == "for 2 s, every 5 s"
    assert not said["is_shipped"]
    assert [emotion["name"] for emotion in said["emotions"]] == list(EMOTIONS)
    looks = {(emotion["colour"], emotion["dash"]) for emotion in said["emotions"]}
    assert len(looks) == len(EMOTIONS)


def test_what_stands_beside_the_weights_is_shown(tmp_path):
    run = tiny_weights(tmp_path / "run" / "weights.safetensors", "music_a2")
    write_json(run.parent / "run.json", {"time_utc": "2026-01-02T03:04:05", "clips": {"Train": 7}})

    def facts():
        return dict(told(run)["facts"])

    assert (facts()["Made"], facts()["On clips"]) == ("2026-01-02", "7 Train")
    assert facts()["SHA-256"] == hashlib.sha256(run.read_bytes()).hexdigest()
    for name in ("run.json", "weights.json"):
        (run.parent / name).unlink()
    assert not {"Made", "On clips"} & set(facts())


def test_shipped_weights_are_called_unfit_for_real_use_wherever_they_lie(tmp_path):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(shipped_weights().read_bytes())
    said = told(copy)
    assert said["is_shipped"]
    assert "synthetic clips" in said["notice"]
    assert said["headline"] == "Not for real use."
    assert dict(said["facts"])["Weights"] == "from the package itself"


def test_weights_are_named_with_their_folder_however_the_path_is_given(weights, monkeypatch):
    monkeypatch.chdir(weights.parent)
    found = dict(told(Path(weights.name))["facts"])["Weights"]
    assert found == f"from {weights.parent.name}/{weights.name}"


def test_the_page_says_how_answers_are_read(weights):
    assert "Reading" not in dict(told(weights)["facts"])
    found = dict(told(weights, abstain_below=0.6, temperature=1.5)["facts"])["Reading"]
    assert found == "uncertain: below 60 %; read at temperature 1.50"


def test_shipped_weights_are_in_the_package_or_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("mvemotion.paths._PACKAGE", tmp_path)
    with pytest.raises(InputError, match="--weights PATH"):
        shipped_weights()
    path = tiny_weights(tmp_path / "weights" / "demo.safetensors")
    assert shipped_weights() == path


def test_a_port_that_is_taken_exits_2(weights, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["demo", "--weights", str(weights), "--port", port]) == 2
    assert "choose another --port" in capsys.readouterr().err


def test_the_address_can_be_typed_into_a_browser():
    with listen("127.0.0.1", 0) as here, listen("0.0.0.0", 0) as everywhere:
        assert address(here) == f"http://127.0.0.1:{here.getsockname()[1]}/"
        host = urlsplit(address(everywhere)).netloc
    assert is_known(host, own_names("0.0.0.0"))
    assert not host.startswith("0.0.0.0")


@pytest.mark.parametrize("option", ["--hop", "--max-minutes"])
@pytest.mark.parametrize("value", ["0", "inf", "nan"])
def test_lengths_must_be_positive_and_finite(option, value, capsys):
    assert main(["demo", option, value]) == 2
    assert "must be finite, and" in capsys.readouterr().err


def test_a_hop_that_every_upload_would_fail_with_is_refused_before_listening(capsys):
    assert main(["demo", "--hop", "0.05"]) == 2
    assert "hop of 0.05 s: must be finite, and 0.1 or more" in capsys.readouterr().err


def test_a_temperature_that_was_not_fitted_exits_3(weights, capsys):
    assert main(["demo", "--weights", str(weights), "--port", "0", "--calibrated"]) == 3
    assert "`mvemotion evaluate RUN --calibrate` writes it" in capsys.readouterr().err


def test_weights_that_are_not_there_exit_3(tmp_path, capsys):
    assert main(["demo", "--weights", str(tmp_path / "none"), "--port", "0"]) == 3
    assert "no such weights file" in capsys.readouterr().err


def test_without_starlette_the_command_says_what_to_install():
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "from mvemotion.cli import main; sys.exit(main(['demo']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs starlette" in done.stderr
    assert "mvemotion[demo]" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_command_leaves_no_file(weights, long_movie, tmp_path, number):
    command = [sys.executable, "-m", "mvemotion", "demo", "--weights", str(weights)]
    options = ["--port", "0", "--hop", "0.1", "--device", "cpu"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, *options], env=environment, **pipes) as process:
        process.stdout.readline()
        url = process.stdout.readline().split()[1]
        send(url, long_movie)
        assert len(kept(tmp_path)) == 1
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == (0 if number == signal.SIGINT else -number)
    assert "Traceback" not in errors
    assert [path for path in tmp_path.iterdir() if path.name.startswith(PREFIX)] == []


def test_films_of_several_scenes_are_as_long_as_their_scenes(tmp_path):
    from mvemotion.data.synthetic import draw_factors, write_film

    options = {"duration_s": 1.0, "size": (128, 96), "fps": 10}
    seconds = []
    scenes = [draw_factors(emotion, **options) for emotion in ("Sad", "Excited")]
    path = write_film(tmp_path / "film.mp4", scenes, on_second=seconds.append)
    with av.open(str(path)) as film:
        assert film.streams.video[0].frames == 20
        assert film.duration / av.time_base == pytest.approx(2.0, abs=0.1)
    assert seconds == [1, 2]
    odd = draw_factors("Sad", duration_s=1.0, size=(160, 96), fps=10)
    with pytest.raises(InputError, match="all must be alike"):
        write_film(tmp_path / "odd.mp4", [*scenes, odd])
