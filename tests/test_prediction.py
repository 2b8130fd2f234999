"""A prediction is an evaluation: same windows, same numbers; and it takes whatever comes."""

import hashlib
import json
import os
import re
import warnings
from dataclasses import replace
from itertools import combinations

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.offsetbox import AnnotationBbox
from PIL import Image

import mvemotion
from media_files import Movie, face_picture, write_movie
from mvemotion.cli import main
from mvemotion.data.prepare import prepare
from mvemotion.data.store import Store
from mvemotion.errors import ClipError, DataError, InputError
from mvemotion.evaluation import predict_probabilities
from mvemotion.figures import set_style
from mvemotion.files import read_json
from mvemotion.networks import create_network
from mvemotion.paths import shipped_weights
from mvemotion.prediction import Predictor, predict
from mvemotion.runs import TrainedNetwork, load_weights, save_weights
from mvemotion.specs import EMOTIONS, STREAMS, ClipFormat
from mvemotion.timeline import Timeline, window_starts

SHORT = ClipFormat(
    duration_s=2.0,
    mel_bands=16,
    frame_size=32,
    frames=16,
    slow_frames=4,
    c3d_size=20,
    c3d_frames=16,
)
ALL_THREE = "video_a2+music_a2+face_a2"


def trained(network_id: str, **changes) -> TrainedNetwork:
    torch.manual_seed(0)
    network = create_network(network_id, clip_format=SHORT).eval()
    network.head.weight.data *= 0.03  # else softmax saturates, and hides all differences
    arrays = {STREAMS[name].array for name in network.streams}
    statistics = {name: (-40.0, 20.0) if "music" in name else (120.0, 60.0) for name in arrays}
    facts = {"standardize": "train", "statistics": statistics} | changes
    return TrainedNetwork(network, network_id, SHORT, **facts)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two clips of two seconds in the dataset's layout, one with faces, and their store."""
    root = tmp_path_factory.mktemp("clips")
    with_face = Movie(height=120, width=160, draw=face_picture)
    write_movie(root / "raw/test/Sad/face.mp4", with_face)
    write_movie(root / "raw/test/Fear/bars.mp4")
    prepare(root / "raw", root / "store", clip_format=SHORT, workers=0, progress=False)
    return root


@pytest.mark.parametrize("network_id", ["music_a3", "video_a3_mmtm", "face_a2_se", ALL_THREE])
def test_a_prediction_of_a_clip_equals_its_evaluation(clips, network_id):
    network, store = trained(network_id), Store(clips / "store")
    rows = store.clips("test")
    assert len(rows) == 2
    expected = predict_probabilities(network, store, rows, device="cpu")
    for row, probabilities in zip(rows.itertuples(), expected, strict=True):
        timeline = predict(clips / "raw" / row.path, network, device="cpu")
        assert 0.05 < probabilities.max() < 0.95
        np.testing.assert_allclose(timeline.probabilities[0], probabilities, atol=1e-5)


def test_the_first_window_of_a_long_recording_equals_its_first_seconds_as_a_clip(tmp_path):
    path = write_movie(tmp_path / "raw/test/Sad/long.mp4", Movie(seconds=7.0))
    prepare(tmp_path / "raw", tmp_path / "store", clip_format=SHORT, workers=0, progress=False)
    network, store = trained(ALL_THREE), Store(tmp_path / "store")
    expected = predict_probabilities(network, store, store.clips("test"), device="cpu")
    timeline = predict(path, network, hop_s=1.0, device="cpu")
    assert timeline.starts_s.tolist() == [0, 1, 2, 3, 4, pytest.approx(5.0, abs=0.05)]
    np.testing.assert_allclose(timeline.probabilities[0], expected[0], atol=1e-5)


def test_batches_of_windows_do_not_change_their_answers(tmp_path):
    path = write_movie(tmp_path / "long.mp4", Movie(seconds=6.0))
    network = trained(ALL_THREE)
    one, five = (
        Predictor(network, device="cpu", batch_size=size).predict(path, hop_s=1.0).logits
        for size in (1, 5)
    )
    np.testing.assert_allclose(one, five, atol=1e-5 * abs(one).max())


def test_later_windows_differ_where_the_recording_does(tmp_path):
    path = write_movie(tmp_path / "long.mp4", Movie(seconds=6.0, audio_s=3.0))
    timeline = predict(path, trained("music_a2"), hop_s=1.0, device="cpu")
    assert abs(timeline.logits[0] - timeline.logits[1]).max() > 0


def test_windows_without_what_is_needed_have_no_answer_but_a_note(tmp_path):
    path = write_movie(tmp_path / "long.mp4", Movie(seconds=8.0, audio_s=3.0))
    timeline = predict(path, trained("video_a2+music_a2+face_a2"), hop_s=2.0, device="cpu")
    assert timeline.notes[0] == "no face"
    assert "1.0 s of sound" in timeline.notes[1]
    assert timeline.notes[-1] == "no sound"
    assert np.isnan(timeline.logits[-1]).all()
    assert timeline.emotions[-1] == ""
    assert not np.isnan(timeline.logits[:2]).any()


def test_sound_alone_is_enough_for_music_and_too_little_for_video(tmp_path):
    path = write_movie(tmp_path / "song.m4a", Movie(seconds=3.0, has_video=False))
    assert len(predict(path, trained("music_a2"), device="cpu").starts_s) == 2
    with pytest.raises(ClipError, match="no video"):
        predict(path, trained("video_a2"), device="cpu")


def test_pictures_alone_are_enough_for_video(tmp_path):
    path = write_movie(tmp_path / "silent.mp4", Movie(seconds=2.0, has_audio=False))
    assert not np.isnan(predict(path, trained("video_a2"), device="cpu").logits).any()
    with pytest.raises(ClipError, match="no audio"):
        predict(path, trained("music_a2"), device="cpu")


def test_a_recording_shorter_than_a_window_is_filled_up_and_says_so(tmp_path):
    path = write_movie(tmp_path / "short.mp4", Movie(seconds=0.8))
    timeline = predict(path, trained(ALL_THREE), device="cpu")
    assert timeline.starts_s.tolist() == [0.0]
    assert "0.8 s of sound" in timeline.notes[0]


def test_a_file_that_is_no_recording_is_named_unreadable(tmp_path):
    path = tmp_path / "words.mp4"
    path.write_text("not a video")
    with pytest.raises(ClipError, match="unreadable: 11 bytes"):
        predict(path, trained("music_a2"), device="cpu")
    with pytest.raises(ClipError, match=r"unreadable: a folder; .*name the files in it"):
        predict(tmp_path, trained("music_a2"), device="cpu")
    with pytest.raises(ClipError, match=r"unreadable: no such file; .*look for a slip"):
        predict(tmp_path / "nothing.mp4", trained("music_a2"), device="cpu")


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_no_answer_can_be_surer_than_one(probability):
    with pytest.raises(InputError, match="a probability from 0 to 1 is needed"):
        Predictor(trained("music_a2"), device="cpu", abstain_below=probability)


@pytest.mark.parametrize("temperature", [0, -1, float("inf"), float("nan")])
def test_a_temperature_is_finite_and_positive(temperature):
    with pytest.raises(InputError, match="must be finite, and more than 0"):
        Predictor(trained("music_a2"), device="cpu", temperature=temperature)


def test_the_python_call_abstains_and_reads_at_a_temperature_as_the_command_does(tmp_path):
    path = write_movie(tmp_path / "short.mp4", Movie(seconds=0.8))
    options = {"device": "cpu", "abstain_below": 0.99, "temperature": 2.0, "batch_size": 1}
    timeline = mvemotion.predict(path, trained("music_a2"), **options)
    assert timeline.emotions == ("uncertain",)
    assert timeline.temperature == 2.0
    assert mvemotion.Predictor is Predictor


def test_without_weights_those_of_the_package_answer_and_warn(tmp_path, capsys):
    path = write_movie(tmp_path / "short.mp4", Movie(seconds=0.8))
    with pytest.warns(UserWarning, match="synthetic clips only"):
        timeline = predict(path, device="cpu")
    np.testing.assert_array_equal(
        timeline.logits, predict(path, shipped_weights(), device="cpu").logits
    )
    options = ["--out", str(tmp_path), "--formats", "csv", "--device", "cpu"]
    assert main(["predict", str(path), *options]) == 0
    assert "synthetic clips only" in capsys.readouterr().err


def test_weights_without_statistics_are_refused():
    with pytest.raises(DataError, match="no mean and deviation of music"):
        Predictor(trained("music_a2", statistics={}), device="cpu")


def test_weights_are_read_from_a_file_or_a_runs_folder(clips, tmp_path):
    path = save_weights(tmp_path / "weights.safetensors", trained("music_a2"))
    clip = clips / "raw/test/Fear/bars.mp4"
    one, other = predict(clip, path), predict(clip, tmp_path)
    np.testing.assert_array_equal(one.logits, other.logits)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert one.to_dict()["weights_sha256"] == other.weights_sha256 == expected
    assert predict(clip, trained("music_a2")).weights_sha256 == ""


# --- The command ----------------------------------------------------------------------------------
def test_the_command_writes_what_was_asked_for_and_goes_on_after_a_bad_file(tmp_path, capsys):
    good = write_movie(tmp_path / "My clip (1).mp4", Movie(seconds=4.0))
    bad = tmp_path / "empty.mp4"
    bad.touch()
    weights = save_weights(tmp_path / "weights.safetensors", trained("music_a2"))
    options = ["--weights", str(weights), "--out", str(tmp_path / "out"), "--device", "cpu"]
    options += ["--formats", "csv", "srt", "--hop", "1"]
    assert main(["predict", str(bad), str(good), *options]) == 3
    printed = capsys.readouterr()
    assert "empty.mp4: unreadable: 0 bytes" in printed.err
    assert "of 3" in printed.out
    assert str(tmp_path / "out" / "My clip (1).timeline.srt") in printed.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"My clip (1).timeline.csv", "My clip (1).timeline.srt"}


def test_a_name_that_is_mathematics_no_text_or_very_long_does_not_end_a_batch(tmp_path, capsys):
    names = [rb"a$\foo$.mp4", b"caf\xe9.mp4", "é".encode() * 125 + b".mp4", b"plain.mp4"]
    folder = os.fsencode(tmp_path)
    videos = [os.fsdecode(os.path.join(folder, name)) for name in names]
    for video in videos:
        write_movie(tmp_path / "short.mp4", Movie(seconds=0.8)).rename(video)
    weights = save_weights(tmp_path / "weights.safetensors", trained("music_a2"))
    options = ["--weights", str(weights), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(["predict", *videos, *options]) == 0
    pictures = [path.name for path in (tmp_path / "out").glob("*.timeline.png")]
    assert len(pictures) == 4
    assert re.fullmatch("é{85}-[0-9a-f]{8}.timeline.png", max(pictures, key=len))


def test_two_videos_of_one_name_are_refused_before_any_work(tmp_path, capsys):
    weights = save_weights(tmp_path / "weights.safetensors", trained("music_a2"))
    assert main(["predict", "a/x.mp4", "b/x.mp4", "--weights", str(weights)]) == 2
    printed = capsys.readouterr().err
    assert "2 videos would write x.mp4.timeline.*; give the folder above them" in printed
    assert "an --out for each" in printed


def test_a_folder_is_predicted_with_all_below_it_and_mirrored(tmp_path):
    raw = tmp_path / "raw"
    movie = write_movie(raw / "a.mp4", Movie(seconds=0.8))
    for name in ("a.mkv", "deep/er/a.mp4", ".hidden/b.mp4", "._a.mp4"):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(movie.read_bytes())
    (raw / "words.txt").write_text("no recording")
    weights = save_weights(tmp_path / "weights.safetensors", trained("music_a2"))
    options = ["--weights", str(weights), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(["predict", str(raw), *options, "--formats", "srt"]) == 0
    written = {p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.glob("out/**/*.srt")}
    assert written == {"a.mp4.timeline.srt", "a.mkv.timeline.srt", "deep/er/a.timeline.srt"}


def test_a_folder_without_a_recording_is_refused(tmp_path, capsys):
    assert main(["predict", str(tmp_path), "--weights", "nothing"]) == 2
    assert "no recording in or below this folder" in capsys.readouterr().err


def test_a_hop_that_is_none_is_refused_before_any_work(tmp_path, capsys):
    assert main(["predict", "x.mp4", "--weights", "nothing", "--hop", "inf"]) == 2
    assert "hop of inf s: must be finite" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_refused_before_any_work(tmp_path, capsys):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"
    assert main(["predict", "x.mp4", "--weights", "nothing", "--out", str(out)]) == 2
    assert "a folder that can be written is needed" in capsys.readouterr().err


# --- The timeline ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [(10.0, [0.0]), (30.0, [0.0]), (30.2, [0.0]), (31.0, [0.0, 1.0]), (60.0, [0, 15, 30])],
)
def test_windows_cover_the_recording_to_its_end(duration_s, expected):
    assert window_starts(duration_s, 30.0, 15.0, tail_s=0.25) == pytest.approx(expected)


@pytest.mark.parametrize("hop_s", [0, -5, 0.0001, float("nan"), float("inf")])
def test_a_hop_has_a_least_length_and_an_end(hop_s):
    with pytest.raises(InputError, match=rf"hop of {hop_s:g} s: must be finite, and 0.1 or more"):
        window_starts(60.0, 30.0, hop_s, tail_s=0.25)


def test_the_legend_names_the_highest_first(timeline):
    legend = timeline.plot().get_legend()
    shown = [text.get_text() for text in legend.get_texts()]
    means = dict(zip(EMOTIONS, np.nanmean(timeline.read("softmax"), axis=0), strict=True))
    assert sorted(shown) == sorted(EMOTIONS)
    assert [means[name] for name in shown] == sorted(means.values(), reverse=True)


def test_what_the_packages_weights_say_is_marked_as_not_for_use(timeline, tmp_path):
    card = read_json(shipped_weights().with_suffix(".json"))
    assert timeline.caution == timeline.to_dict()["caution"] == ""
    shipped = replace(timeline, weights_sha256=card["sha256"])
    assert "Not for real use" in shipped.caution
    assert shipped.to_dict()["caution"] == shipped.caution
    assert shipped.to_srt().split("\n")[2:4] == [shipped.caution, "Excited 70%"]
    assert shipped.to_srt().count(shipped.caution) == 1
    table = pd.read_csv(shipped.save(tmp_path / "song.csv"))
    assert set(table["caution"]) == {shipped.caution}
    assert set(table["abstain_below"]) == {0.5}


@pytest.fixture
def timeline():
    logits = np.log([[0.7, 0.1, 0.05, 0.05, 0.05, 0.05], [0.3, 0.3, 0.1, 0.1, 0.1, 0.1]])
    logits = np.vstack([logits, np.full(6, np.nan)])
    return Timeline(
        source="song.mp4",
        network="music_a2",
        duration_s=60.0,
        window_s=30.0,
        starts_s=np.array([0.0, 15.0, 30.0]),
        logits=logits,
        notes=("", "", "no sound"),
        thumbnails=(np.zeros((9, 16, 3), np.uint8),) * 3,
        abstain_below=0.5,
    )


def test_softmax_and_sigmoid_read_the_same_logits(timeline):
    np.testing.assert_allclose(timeline.probabilities[0], [0.7, 0.1, 0.05, 0.05, 0.05, 0.05])
    odds = np.exp(timeline.logits[0])
    np.testing.assert_allclose(timeline.read("sigmoid")[0], odds / (1 + odds))
    with pytest.raises(InputError, match="choose from softmax, sigmoid"):
        timeline.read("tanh")


def test_an_unsure_window_is_called_uncertain(timeline):
    assert timeline.emotions == ("Excited", "uncertain", "")


def test_subtitles_follow_one_another_from_start_to_end(timeline):
    assert timeline.to_srt() == (
        "1\n00:00:00,000 --> 00:00:22,500\nExcited 70%\n\n"
        "2\n00:00:22,500 --> 00:00:37,500\nuncertain (Excited 30%)\n\n"
        "3\n00:00:37,500 --> 00:01:00,000\n(no sound)\n"
    )


def test_a_timeline_is_saved_in_every_form(timeline, tmp_path):
    for suffix in (".json", ".csv", ".srt", ".png"):
        assert timeline.save(tmp_path / f"song{suffix}").stat().st_size > 100
    content = json.loads((tmp_path / "song.json").read_text())
    assert [row["emotion"] for row in content["windows"]] == ["Excited", "uncertain", ""]
    assert content["windows"][2]["p_Sad"] is None
    assert content["emotions"] == list(EMOTIONS)
    assert (tmp_path / "song.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"\.json, \.csv, \.srt, \.png"):
        timeline.save(tmp_path / "song.pdf")


def test_the_plot_draws_each_emotion_at_the_middles_of_windows(timeline):
    ax = timeline.plot(reading="sigmoid")
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert list(lines) == list(EMOTIONS)
    fear = lines["Fear"]
    marked = fear.get_markevery()
    assert fear.get_xdata()[marked].tolist() == [15.0, 30.0, 45.0]
    np.testing.assert_allclose(fear.get_ydata()[marked], 100 * timeline.read("sigmoid")[:, 1])
    assert len(ax.artists) == 3


def test_curves_are_flat_before_the_first_point_and_after_the_last(timeline):
    alone = cut(timeline, 1)
    line = alone.plot().get_lines()[0]
    assert line.get_xdata().tolist() == [0.0, 15.0, 60.0]
    np.testing.assert_allclose(line.get_ydata(), 70.0)


def test_a_plot_without_any_answer_says_so_and_why(timeline):
    ax = replace(timeline, logits=np.full((3, 6), np.nan), notes=("no sound",) * 3).plot()
    assert [text.get_text() for text in ax.texts if "answer" in text.get_text()] == [
        "No window has an answer: no sound"
    ]


def test_a_softmax_plot_says_below_what_an_answer_is_uncertain(timeline):
    softmax, sigmoid = timeline.plot(), timeline.plot(reading="sigmoid")
    (line,) = [line for line in softmax.get_lines() if line.get_label() == "_threshold"]
    assert set(line.get_ydata()) == {50.0}
    assert "uncertain: below 50 %" in softmax.get_title()
    assert "uncertain" not in sigmoid.get_title()
    assert len(sigmoid.get_lines()) == len(EMOTIONS)


def cut(timeline: Timeline, count: int) -> Timeline:
    """Its first windows alone."""
    parts = {name: getattr(timeline, name)[:count] for name in ("starts_s", "logits", "notes")}
    return replace(timeline, thumbnails=timeline.thumbnails[:count], **parts)


def long(timeline: Timeline, picture: tuple[int, int], count: int = 40) -> Timeline:
    """Many windows close to each other, and one at the end, with pictures of a size."""
    starts = np.array([*np.arange(count - 1) * 5.0, count * 5.0 - 9])
    rows = {"logits": np.zeros((count, 6)), "notes": ("",) * count, "starts_s": starts}
    thumbnails = (np.zeros((*picture, 3), np.uint8),) * count
    return replace(timeline, thumbnails=thumbnails, duration_s=starts[-1] + 30, **rows)


@pytest.mark.parametrize("picture", [(90, 160), (284, 160), (160, 160), (40, 160)])
@pytest.mark.parametrize(("count", "least"), [(2, 1), (40, 8)])
@pytest.mark.parametrize("reading", ["softmax", "sigmoid"])
def test_thumbnails_hide_neither_each_other_nor_any_word(timeline, picture, count, least, reading):
    ax = long(timeline, picture, count).plot(reading=reading)
    ax.figure.draw_without_rendering()
    boxes = [art.get_window_extent() for art in ax.artists if isinstance(art, AnnotationBbox)]
    assert len(boxes) >= least
    words = [ax.xaxis.label, *(tick.label1 for tick in ax.xaxis.get_major_ticks())]
    words += [tick.label1 for tick in ax.yaxis.get_major_ticks()]
    pairs = [*combinations(boxes, 2), *((a, w.get_window_extent()) for a in boxes for w in words)]
    assert not any(one.overlaps(other) for one, other in pairs)


def test_pictures_look_alike_whatever_was_drawn_before(timeline, tmp_path):
    def pixels(name: str) -> np.ndarray:
        return np.asarray(Image.open(timeline.save(tmp_path / name)))

    before = pixels("before.png")
    with matplotlib.rc_context({"axes.facecolor": "red", "savefig.dpi": 40}):
        np.testing.assert_array_equal(pixels("other.png"), before)
    with matplotlib.rc_context():
        set_style()
        np.testing.assert_array_equal(pixels("after.png"), before)
    settings = dict(matplotlib.rcParams)
    timeline.save(tmp_path / "last.png")
    assert dict(matplotlib.rcParams) == settings


@pytest.mark.parametrize("name", [r"a$\foo$.mp4", r"cost $5 and $\x.mp4", "音楽.mp4", "x" * 200])
def test_any_name_of_a_file_stands_in_the_title_as_it_is(timeline, tmp_path, name):
    named = replace(timeline, source=name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = named.save(tmp_path / "named.png")
    shown = named.plot().get_title().partition(": ")[0]
    assert shown == name if len(name) < 50 else len(shown) == 44
    assert shown in Image.open(path).text["Title"]


def boxed(index: int, height: int, width: int) -> np.ndarray:
    """A picture between black bars, above and below."""
    picture = np.zeros((height, width, 3), np.uint8)
    rng = np.random.default_rng(index)
    patches = rng.integers(40, 220, ((height - 40) // 10, width // 10, 3)).astype(np.uint8)
    picture[20:-20] = patches.repeat(10, 0).repeat(10, 1)
    return picture


def test_a_network_that_learned_without_black_bars_sees_none(tmp_path):
    write_movie(tmp_path / "raw/test/Sad/boxed.mp4", Movie(height=120, width=160, draw=boxed))
    options = {"clip_format": SHORT, "workers": 0, "progress": False, "crop_bars": True}
    prepare(tmp_path / "raw", tmp_path / "store", **options)
    store = Store(tmp_path / "store")
    clip = store.clips("test").iloc[0]
    assert (clip["bar_top"], clip["bar_bottom"]) == (20, 20)
    cropped = trained("video_a2", preparation=store.options)
    path = save_weights(tmp_path / "weights.safetensors", cropped)  # it travels in the file
    expected = predict_probabilities(cropped, store, store.clips("test"), device="cpu")
    found = predict(tmp_path / "raw" / clip["path"], path, device="cpu").probabilities
    np.testing.assert_allclose(found, expected, atol=1e-5)
    uncropped = predict(tmp_path / "raw" / clip["path"], trained("video_a2"), device="cpu")
    assert np.abs(uncropped.probabilities - expected).max() > 1e-3


def test_faces_are_searched_as_for_training_unless_asked_otherwise(clips):
    path = clips / "raw/test/Sad/face.mp4"
    network = trained("face_a2", preparation={"faces": "none", "detector": "quick"})
    assert predict(path, network, device="cpu").notes == ("no face",)
    assert Predictor(network, device="cpu", faces="sampled").predict(path).notes == ("",)


def test_beside_the_weights_stands_what_they_are(tmp_path):
    network = trained("music_a2", preparation={"faces": "every-2"})
    path = save_weights(tmp_path / "weights.safetensors", network)
    facts = json.loads(path.with_suffix(".json").read_text())
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts["parameters"] == 261_297
    assert facts["clip_format"]["duration_s"] == SHORT.duration_s
    assert facts["emotions"] == list(EMOTIONS)
    assert facts["preparation"] == load_weights(path).preparation == {"faces": "every-2"}
