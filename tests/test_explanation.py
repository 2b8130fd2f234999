"""Maps lie on what the network learned, and attribution on what it uses; the page says both."""

import copy
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.stats import spearmanr
from torch.optim.swa_utils import update_bn

from media_files import Movie, face_picture, read_barcode, write_movie
from mvemotion.cli import main
from mvemotion.errors import ClipError, InputError
from mvemotion.explanation import (
    Ablation,
    WindowExplanation,
    activation_maps,
    choose_windows,
    explain_recording,
    explain_window,
    explain_windows,
    write_page,
)
from mvemotion.explanation.pictures import band_centres_hz, shown_heat
from mvemotion.explanation.words import effect, points, rests_on
from mvemotion.files import read_json
from mvemotion.networks import create_network
from mvemotion.prediction import Predictor
from mvemotion.runs import TrainedNetwork, save_weights
from mvemotion.specs import (
    EMOTIONS,
    PAPER_FORMAT,
    STREAMS,
    ClipFormat,
    find_network,
    list_networks,
    stream_shape,
)
from mvemotion.timeline import Timeline
from stores import TINY

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
SAD = EMOTIONS.index("Sad")
CUES = {  # network: shape of a clip, where Sad ones have a patch, steps, batch size
    "music_a2_se": ((2, 64, 130), np.s_[0, 16:32, 64:96], 14, 8),
    "video_a2": ((3, 48, 48, 32), np.s_[:, 8:24, 24:40, 16:32], 10, 4),
}


# --- Maps -----------------------------------------------------------------------------------------
def draw_clips(network_id: str, count: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Noise: one half Excited, the other half Sad, which has a patch in one place."""
    shape, patch, *_ = CUES[network_id]
    x, is_sad = torch.randn(count, *shape), torch.arange(count) % 2 == 1
    for index in torch.nonzero(is_sad).flatten().tolist():
        x[index][patch] += 2.0
    return {find_network(network_id).streams[0]: x}, is_sad * SAD


def learn_cue(network_id: str):
    """A network that has learned to find the patch, and Sad clips that it has not seen."""
    torch.manual_seed(0)
    *_, steps, batch_size = CUES[network_id]
    network = create_network(network_id).train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(steps):
        streams, targets = draw_clips(network_id, batch_size)
        optimizer.zero_grad()
        F.cross_entropy(network(streams), targets).backward()
        optimizer.step()
    update_bn((draw_clips(network_id, batch_size)[0] for _ in range(6)), network)
    streams, targets = draw_clips(network_id, 6)
    network.eval()
    assert (network(streams).argmax(1) == targets).all()
    (name, x), *_ = streams.items()
    return network, [{name: clip[None]} for clip in x[targets == SAD]]


@pytest.fixture(scope="module")
def listener():
    return learn_cue("music_a2_se")


def lone_map(network, streams, emotion: int = SAD) -> np.ndarray:
    (heat,) = activation_maps(network, streams, emotion).values()
    return heat


@pytest.mark.parametrize(("network_id", "times_its_share"), [("music_a2_se", 4), ("video_a2", 2.5)])
def test_a_map_lies_on_the_cue_that_tells_a_class(network_id, times_its_share, request):
    is_music = network_id == "music_a2_se"
    network, clips = request.getfixturevalue("listener") if is_music else learn_cue(network_id)
    shape, patch, *_ = CUES[network_id]
    is_cue = np.zeros(shape[1:], bool)
    is_cue[patch[1:]] = True
    for clip in clips:
        heat = lone_map(network, clip)
        assert heat[is_cue].sum() / heat.sum() > times_its_share * is_cue.mean()
        assert is_cue[np.unravel_index(heat.argmax(), heat.shape)]
        against = lone_map(network, clip, EMOTIONS.index("Excited"))
        assert against[is_cue].sum() / max(against.sum(), 1e-6) < is_cue.mean()


def kinship(network, other, clips) -> float:
    """Mean absolute rank correlation of two networks' maps (Adebayo et al. 2018).

    A map that is nothing but zeros has none: it counts as 0, and half of them may be such.
    """
    pairs = [(lone_map(network, clip).ravel(), lone_map(other, clip).ravel()) for clip in clips]
    alive = [b.any() for _, b in pairs]
    assert sum(alive) >= len(pairs) / 2, "a network whose maps are dead proves nothing"
    return float(np.mean([abs(spearmanr(a, b).statistic) if b.any() else 0 for a, b in pairs]))


def randomised(network, parts: tuple[str, ...]):
    """A copy with the weights of some parts as before any training."""
    fresh = create_network(network.spec.id).state_dict()
    state = {k: fresh[k] if k.startswith(parts) else v for k, v in network.state_dict().items()}
    other = copy.deepcopy(network)
    other.load_state_dict(state)
    return other


def test_randomised_weights_change_the_map_from_the_top_on(listener):
    network, clips = listener
    torch.manual_seed(1)
    top = [("head",), ("head", "stages.4"), ("head", "stages.4", "stages.3"), ("",)]
    levels = [
        np.mean([kinship(network, randomised(network, parts), clips) for _ in range(3)])
        for parts in top
    ]
    assert kinship(network, copy.deepcopy(network), clips) == pytest.approx(1.0)
    assert max(levels[:3]) < 0.85, levels
    assert levels[3] < 0.4, levels


def quick_network(network_id: str, **options):
    """A network of any size with random weights, faster than by its own initialisation."""
    with torch.device("meta"):
        network = create_network(network_id, clip_format=TINY, **options)
    network.to_empty(device="cpu")
    for name, value in [*network.named_parameters(), *network.named_buffers()]:
        is_variance = "running_var" in name or ("norm" in name and name.endswith("weight"))
        if value.is_floating_point():
            value.data.fill_(1.0) if is_variance else value.data.uniform_(-0.1, 0.1)
    return network.eval()


def noise(network) -> dict[str, torch.Tensor]:
    return {name: torch.randn(1, *stream_shape(name, TINY)) for name in network.streams}


@pytest.mark.parametrize("network_id", list_networks())
def test_every_network_gives_a_map_of_each_input_at_its_size(network_id):
    torch.manual_seed(0)
    network = quick_network(network_id)
    streams = noise(network)
    maps = activation_maps(network, streams, SAD)
    assert list(maps) == list(streams)
    for name, heat in maps.items():
        assert heat.shape == streams[name].shape[2:]
        assert heat.dtype == np.float32
        assert np.isfinite(heat).all()
        assert heat.min() >= 0
        assert heat.max() in (0, 1)
    network.head.weight.data.neg_()  # what lowers a logit raises its opposite
    dead = [name for name, heat in maps.items() if not heat.any()]
    assert not dead or all(activation_maps(network, streams, SAD)[name].any() for name in dead)


def test_swapped_pathways_have_the_maps_of_the_inputs_they_read():
    torch.manual_seed(0)
    network = quick_network("video_a3_mmtm")
    swapped = quick_network("video_a3_mmtm", swap_pathways=True)
    swapped.load_state_dict(network.state_dict())
    streams = noise(network)
    other = {"video_slow": streams["video_fast"], "video_fast": streams["video_slow"]}
    expected = activation_maps(network, streams, SAD)
    found = activation_maps(swapped, other, SAD)
    np.testing.assert_array_equal(found["video_fast"], expected["video_slow"])
    np.testing.assert_array_equal(found["video_slow"], expected["video_fast"])


def test_maps_leave_the_network_as_it_was():
    network = quick_network("music_a2")
    network.head.requires_grad_(False)
    streams = noise(network)
    before = network(streams)
    with torch.no_grad():
        activation_maps(network, streams, SAD)
    trainable = {name for name, p in network.named_parameters() if p.requires_grad}
    assert trainable == {n for n, _ in network.named_parameters() if not n.startswith("head")}
    assert all(p.grad is None for p in network.parameters())
    assert not any(m._forward_hooks for m in network.modules())
    torch.testing.assert_close(network(streams), before, rtol=0, atol=0)


# --- Attribution ----------------------------------------------------------------------------------
def ignoring(*modalities: str):
    """A three-modality network whose head has no weight for these, and its inputs."""
    torch.manual_seed(0)
    network = quick_network(ALL_THREE)
    first = 0
    for branch in network.spec.branches:
        width = branch.widths[-1]
        if STREAMS[branch.stream].modality in modalities:
            network.head.weight.data[:, first : first + width] = 0
        first += width
    return network, noise(network)


def test_a_modality_that_the_network_ignores_gets_exactly_nothing():
    ablation = Ablation(*ignoring("video"))
    falls = ablation.falls(SAD)
    assert falls["video"] == 0
    assert falls["music"] != 0
    assert falls["face"] != 0


def test_a_modality_that_carries_the_answer_alone_gets_all_of_it():
    network, streams = ignoring("video", "face")
    neutral = {name: torch.zeros_like(x) for name, x in streams.items()}
    network.head.weight.data *= 100
    empty, full = (network(x).softmax(1)[0].double().detach() for x in (neutral, streams))
    emotion = int((full - empty).argmax())
    ablation = Ablation(network, streams)
    falls, alone = ablation.falls(emotion), ablation.alone(emotion)
    assert falls["video"] == falls["face"] == 0
    assert falls["music"] == pytest.approx(float(full[emotion] - empty[emotion]), abs=1e-6)
    assert falls["music"] > 0.1
    assert alone["music"] == ablation.probabilities()[emotion]
    assert alone["face"] == pytest.approx(float(empty[emotion]), abs=1e-6)


def test_a_lone_modality_falls_to_what_the_network_says_of_nothing():
    network = quick_network("video_a3_mmtm")
    streams = noise(network)
    nothing = network({n: torch.zeros_like(x) for n, x in streams.items()}).softmax(1)[0, SAD]
    ablation = Ablation(network, streams)
    whole = ablation.probabilities()[SAD]
    assert ablation.falls(SAD) == {"video": pytest.approx(whole - nothing.item(), abs=1e-6)}
    assert ablation.alone(SAD) == {"video": whole}


# --- Windows of recordings ------------------------------------------------------------------------
def trained(network_id: str) -> TrainedNetwork:
    torch.manual_seed(0)
    network = create_network(network_id, clip_format=SHORT).eval()
    network.head.weight.data *= 0.03  # else softmax saturates, and hides all differences
    arrays = {STREAMS[name].array for name in network.streams}
    statistics = {name: (-40.0, 20.0) if "music" in name else (120.0, 60.0) for name in arrays}
    return TrainedNetwork(network, network_id, SHORT, "train", statistics)


@pytest.fixture(scope="module")
def movies(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("movies")
    with_face = Movie(seconds=4.0, height=120, width=160, draw=face_picture)
    return {
        "faces": write_movie(folder / "faces & <more>.mp4", with_face),
        "bars": write_movie(folder / "bars.mp4", Movie(seconds=7.0, video_start_s=0.2)),
        "half silent": write_movie(folder / "half.mp4", Movie(seconds=6.0, audio_s=2.5)),
    }


@pytest.fixture(scope="module")
def fused() -> Predictor:
    return Predictor(trained(ALL_THREE), device="cpu")


def test_an_explanation_is_of_the_prediction(movies, fused):
    timeline = fused.predict(movies["faces"], hop_s=2.0)
    found = explain_window(movies["faces"], fused)
    np.testing.assert_allclose(found.probabilities, timeline.probabilities[0], atol=1e-5)
    assert found.emotion == timeline.emotions[0]
    assert found.probability == found.probabilities.max()
    assert (found.start_s, found.stop_s) == (0, 2)
    assert set(found.attribution) == set(found.alone) == {"music", "video", "face"}
    assert {n: x.shape for n, x in found.maps.items()} == {
        name: stream_shape(name, SHORT)[1:] for name in fused.network.streams
    }


def half_letterboxed(index: int, height: int, width: int) -> np.ndarray:
    """Noise, with black bars in all but the last two of six seconds."""
    picture = np.random.default_rng(index).integers(60, 255, (height, width, 3), np.uint8)
    if index < 100:
        picture[: height // 5] = picture[-(height // 5) :] = 0
    return picture


def test_an_explanation_sees_and_reads_a_window_as_the_timeline_does(tmp_path):
    movie = Movie(seconds=6.0, height=80, draw=half_letterboxed)
    path = write_movie(tmp_path / "film.mp4", movie)
    preparation = {"faces": "sampled", "detector": "quick", "crop_bars": True}
    cropped = replace(trained("video_a2"), preparation=preparation)
    predictor = Predictor(cropped, device="cpu", temperature=0.5)
    timeline = predictor.predict(path, hop_s=2.0)
    last = len(timeline.starts_s) - 1
    found = explain_window(path, predictor, start_s=timeline.starts_s[last])
    np.testing.assert_allclose(found.probabilities, timeline.probabilities[last], atol=1e-5)
    uncropped = Predictor(trained("video_a2"), device="cpu", temperature=0.5)
    other = explain_window(path, uncropped, start_s=timeline.starts_s[last])
    assert abs(other.probabilities - found.probabilities).max() > 1e-4


def test_any_emotion_can_be_asked_for(movies, fused):
    asked = explain_window(movies["faces"], fused, emotion="Fear")
    assert asked.emotion == "Fear"
    assert asked.probability == asked.probabilities[1]
    with pytest.raises(InputError, match=r"'Joy': choose from Excited, Fear"):
        explain_window(movies["faces"], fused, emotion="Joy")


def test_weights_of_a_run_are_as_good_as_a_predictor(movies, tmp_path):
    save_weights(tmp_path / "weights.safetensors", trained("music_a2"))
    one = explain_window(movies["bars"], tmp_path, start_s=1.0, device="cpu")
    other = explain_window(movies["bars"], trained("music_a2"), start_s=1.0, device="cpu")
    assert one.attribution == other.attribution


def test_pictures_carry_the_time_at_which_the_recording_shows_them(movies):
    predictor = Predictor(trained("video_a2"), device="cpu")
    for found in explain_windows(movies["bars"], predictor, [0.0, 3.0, 5.0]):
        frames, times_s = found.arrays["video"], found.times_s["video"]
        shown = [read_barcode(frames[:, :, t]) for t in range(SHORT.frames)]
        np.testing.assert_allclose(times_s, 0.2 + np.array(shown) / 25, atol=0.002)
        assert found.start_s <= times_s.min() < times_s.max() < found.stop_s


def test_a_window_without_a_face_says_so_and_owes_the_face_nothing(movies, fused):
    found = explain_window(movies["bars"], fused)
    assert found.note == "no face"
    assert found.attribution["face"] == 0
    assert not found.maps["face"].any()
    assert set(found.pictures()) == {"music", "video", "face"}


def test_a_window_that_lacks_what_the_network_needs_is_refused(movies, fused):
    with pytest.raises(ClipError, match=r"no sound: the window at 4 s lacks what video_a2\+music"):
        explain_window(movies["half silent"], fused, start_s=4.0)


@pytest.mark.parametrize(("starts", "message"), [([-1.0], "at -1 s"), ([1.0, 9.0], "lasts 7")])
def test_windows_outside_the_recording_are_refused(movies, fused, starts, message):
    with pytest.raises(InputError, match=message):
        next(explain_windows(movies["bars"], fused, starts))


def test_windows_have_to_follow_one_another(movies, fused):
    with pytest.raises(InputError, match="windows at 2, 1 s: must increase"):
        next(explain_windows(movies["bars"], fused, [2.0, 1.0]))


# --- Pictures -------------------------------------------------------------------------------------
def explanation(network_id: str, **changes) -> WindowExplanation:
    """Of a made-up window at 30 s, at the paper's sizes, with maps that are 0."""
    spec = find_network(network_id)
    arrays = {}
    for stream in (STREAMS[name] for name in spec.streams):
        is_music = stream.modality == "music"
        shape = stream_shape(stream.name if is_music else stream.modality, PAPER_FORMAT)
        arrays[stream.array] = np.zeros(shape if is_music else (*shape[1:], 3), np.uint8)
    facts = {
        "start_s": 30.0,
        "stop_s": 60.0,
        "emotion": "Sad",
        "probability": 0.5,
        "probabilities": np.array([0.5, 0.3, 0.2, 0, 0, 0]),
        "attribution": dict.fromkeys(spec.modalities, 0.1),
        "maps": {n: np.zeros(stream_shape(n)[1:], np.float32) for n in spec.streams},
        "alone": dict.fromkeys(spec.modalities, 0.2),
        "note": "",
        "arrays": arrays,
        "times_s": {name: np.linspace(30, 59, 64) for name in ("video", "face")},
        "clip_format": PAPER_FORMAT,
    }
    return WindowExplanation(**(facts | changes))


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(png)) as picture:
        picture.load()
        return picture.size


@pytest.mark.parametrize(
    ("network_id", "modality"),
    [("music_a3_mmtm", "music"), ("video_a3_mmtm", "video"), ("face_c3d", "face")],
)
def test_every_kind_of_stream_has_its_picture(network_id, modality):
    (name, png), *others = explanation(network_id).pictures().items()
    assert (name, others) == (modality, [])
    width, height = size_of(png)
    assert width > 700
    assert height > (800 if modality == "music" else 400)  # a panel for each spectrogram


def test_pathways_are_averaged_at_the_same_moments():
    fast, slow = np.arange(64.0) / 63, np.arange(0, 64, 9) / 63
    maps = {
        "video_slow": np.broadcast_to(slow, (128, 128, 8)),
        "video_fast": np.broadcast_to(fast, (128, 128, 64)),
    }
    chosen, heat = shown_heat(explanation("video_a3_mmtm", maps=maps), "video")
    assert chosen.tolist() == list(range(0, 64, 9))
    np.testing.assert_allclose(heat[:, 5, 7], chosen / 63)
    np.testing.assert_allclose(heat.std((1, 2)), 0, atol=1e-12)


def test_bands_have_the_pitches_of_the_mel_scale():
    mels = np.linspace(0, 15 + 27 * np.log(11.025) / np.log(6.4), 130)[1:-1]  # Slaney's scale
    expected = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    np.testing.assert_allclose(band_centres_hz(22_050, 2048, 128), expected, rtol=0.03, atol=6)


# --- The page -------------------------------------------------------------------------------------
class Page(HTMLParser):
    """What a page refers to, shows and says."""

    def __init__(self, path: Path):
        super().__init__()
        self.images, self.links, self.ids, self.text, self.rows = [], [], set(), "", 0
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.add(found.get("id"))
        self.links += [found[key] for key in ("href", "src", "srcset") if key in found]
        self.images += [found] if tag == "img" else []
        self.rows += tag == "tr"

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page(movies, tmp_path_factory):
    """By the command, of a recording with a face and a name that needs escaping."""
    folder = tmp_path_factory.mktemp("page")
    weights = save_weights(folder / "weights.safetensors", trained(ALL_THREE))
    command = ["predict", str(movies["faces"]), "--weights", str(weights), "--explain"]
    options = ["--hop", "2", "--out", str(folder / "out"), "--device", "cpu"]
    assert main([*command, *options]) == 0
    return Page(folder / "out" / "faces & <more>.explanation" / "index.html"), folder / "out"


def test_the_page_asks_nothing_of_the_network_and_all_it_shows_is_there(page):
    found, out = page
    folder = out / "faces & <more>.explanation"
    assert not re.search(r"https?:|//cdn|@import|<script|url\(", found.source)
    for link in found.links:
        assert link[1:] in found.ids if link.startswith("#") else (folder / link).is_file(), link
    assert {path.name for path in out.iterdir()} == {
        f"faces & <more>.{ending}" for ending in ("explanation", "timeline.json", "timeline.png")
    }


def test_every_picture_of_the_page_has_words_and_a_size(page):
    found, _ = page
    assert len(found.images) >= 4
    for image in found.images:
        assert len(image["alt"]) > 20
        assert int(image["width"]) > 500
    assert "<more>" not in found.source
    assert not re.search(r"\bnan\b|\bNone\b|Undefined", found.text)


def test_the_page_and_its_numbers_hold_every_window(page):
    found, out = page
    content = read_json(out / "faces & <more>.explanation" / "explanation.json")
    timeline = json.loads((out / "faces & <more>.timeline.json").read_text())
    assert found.rows == 1 + len(timeline["windows"])
    for row, expected in zip(content["windows"], timeline["windows"], strict=True):
        assert row["emotion"] == expected["emotion"]
        assert set(row["falls"]) == {"music", "video", "face"}
    assert set(content["windows"][0]["strongest"]) == {"music", "video", "face"}


def test_windows_without_an_answer_and_faces_that_are_missing_stand_on_the_page(movies, fused):
    timeline = fused.predict(movies["half silent"], hop_s=2.0)
    assert timeline.emotions[-1] == ""
    explained = explain_recording(movies["half silent"], fused, timeline)
    assert len(timeline.starts_s) - 1 not in explained.falls
    found = Page(write_page(explained, movies["half silent"].with_suffix("")))
    assert "no answer" in found.text
    assert "no sound" in found.text
    assert "No face was found in this window" in found.text
    assert len(found.images) == 1 + 2 * len(explained.windows)


def test_a_recording_without_any_answer_has_a_page_that_says_so(tmp_path):
    timeline = Timeline(
        source="quiet.mp4",
        network="music_a2",
        duration_s=2.0,
        window_s=2.0,
        starts_s=np.zeros(1),
        logits=np.full((1, 6), np.nan),
        notes=("no sound",),
        thumbnails=(np.zeros((0, 0, 3), np.uint8),),
    )
    movie = write_movie(tmp_path / "quiet.mp4")
    predictor = Predictor(trained("music_a2"), device="cpu")
    found = Page(write_page(explain_recording(movie, predictor, timeline), tmp_path / "page"))
    assert "No window of this recording has what the network needs" in found.text
    assert len(found.images) == 1


def test_an_unsure_answer_is_explained_as_such(movies, tmp_path):
    predictor = Predictor(trained("music_a2"), device="cpu", abstain_below=0.99)
    timeline = predictor.predict(movies["bars"], hop_s=3.0)
    explained = explain_recording(movies["bars"], predictor, timeline)
    surest = int(timeline.probabilities.max(1).argmax())
    assert list(explained.windows) == [surest]
    assert "uncertain: below 99 %" in Page(write_page(explained, tmp_path)).text
    found = Page(write_page(explained, tmp_path))
    answers = [f"uncertain: {EMOTIONS[index]}" for index in timeline.logits.argmax(1)]
    assert f"s: {answers[surest]}, " in found.text  # over the maps
    assert found.text.count("uncertain: ") == 2 + len(timeline.starts_s)  # once in the lead


def test_every_answer_is_shown_before_any_again_and_unsure_ones_come_last():
    emotions = ("uncertain",) * 9 + ("Sad",) * 3 + ("Fear",) + ("Sad",) * 2 + ("", "Tension")
    sureness = np.linspace(0.9, 0.5, len(emotions))
    assert choose_windows(emotions, sureness, most=3) == [9, 12, 16]
    assert choose_windows(emotions, sureness, most=4) == [9, 12, 13, 16]
    assert choose_windows(emotions, sureness) == [0, 9, 12, 13, 16]


def test_the_page_says_of_each_modality_what_it_gave_and_never_rests_on_what_spoke_against():
    assert rests_on({"face": -0.02, "music": 0.41}).startswith("Given to an answer")
    assert "face −2 (spoke against it)" in rests_on({"face": -0.02, "music": 0.41})
    assert rests_on({"face": -0.02, "music": -0.4}).startswith("No modality alone carries")
    assert (points(0.77), points(-0.03), points(0.001)) == ("+77", "−3", "0")
    against = explanation("music_a3_mmtm", attribution={"music": -0.1})
    assert "spoke against it: without it, Sad rises from 50" in effect(against, "music")
