"""What stands beside the paper's rows without being one: kept apart, and scored alike."""

from dataclasses import asdict, astuple

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision.models.video import R2Plus1D_18_Weights, r2plus1d_18

from mvemotion.baselines import LABELS, evaluate_baseline
from mvemotion.baselines.scoring import _classifier
from mvemotion.census import census, reference_census, render_references
from mvemotion.data.store import Store
from mvemotion.errors import InputError
from mvemotion.evaluation import evaluate
from mvemotion.explanation.activation_maps import activation_maps
from mvemotion.files import read_json
from mvemotion.networks import count_meta_flops, count_parameters, create_network
from mvemotion.parts import count_parts
from mvemotion.pipeline.plan import BASELINES, make_plan
from mvemotion.profiles import load_profile
from mvemotion.replication import open_workspace
from mvemotion.reporting import compare_table, readable, to_markdown
from mvemotion.runs import TrainingConfig, load_weights
from mvemotion.specs import (
    EMOTIONS,
    REFERENCE_CLASSIFIERS,
    REFERENCE_NETWORKS,
    ClipFormat,
    find_network,
    list_networks,
    list_references,
    stream_shape,
)
from mvemotion.training import train
from raw_clips import REDUCED, lay_out, quietly, write_kinds
from stores import TINY, make_store

VIDEO, FACE = "video_r2plus1d_18", "face_r2plus1d_18"
SMALLEST = ClipFormat(frame_size=24, frames=8, slow_frames=2, c3d_frames=8)


# --- Apart from the paper's rows ------------------------------------------------------------------
def test_references_are_found_but_are_no_rows_of_the_paper():
    assert not set(list_references()) & set(list_networks())
    assert [find_network(one.id) for one in REFERENCE_NETWORKS] == list(REFERENCE_NETWORKS)
    assert {row.id for row in census()} == set(list_networks())
    assert [list_references(table) for table in (2, 3, 4, 5, 6)] == [
        *((FACE,), ("music_svm", "music_forest"), (VIDEO,), (), ())
    ]
    assert set(REFERENCE_CLASSIFIERS) <= set(LABELS)


@pytest.mark.parametrize(("frames", "size"), [(16, 48), (24, 32)])
def test_clips_too_small_to_learn_from_in_bfloat16_are_refused(frames, size):
    network = create_network(VIDEO)
    x = {network.streams[0]: torch.zeros(1, 3, size, size, frames)}
    with torch.autocast("cpu", torch.bfloat16):
        with pytest.raises(InputError, match=f"{frames} frames of {size} rows: in bfloat16"):
            network(x)
        with torch.no_grad():
            assert network.eval()(x).shape == (1, 6)


def test_the_census_counts_references_in_a_block_of_their_own():
    rows = reference_census()
    # torchvision's published count, its 400 classes made six
    due = R2Plus1D_18_Weights.KINETICS400_V1.meta["num_params"] - 394 * 513
    assert {row.trainable for row in rows} == {due}
    for row in rows:
        with torch.device("meta"):
            built = create_network(row.id)
        found = count_parameters(built)
        assert (row.parameters, row.trainable, row.non_trainable) == astuple(found)
        assert row.gflops == pytest.approx(count_meta_flops(built) / 1e9, abs=1e-3)
    assert {row.status for row in rows} == {"reference"}
    assert render_references(rows).startswith("Reference, not in the paper\n")


def test_a_reference_has_none_of_the_papers_parts():
    with pytest.raises(InputError, match="video_r2plus1d_18: has none of the paper's parts"):
        count_parts(VIDEO)


# --- R(2+1)D --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create_network(VIDEO, clip_format=SMALLEST)


def clips_of(network, count=2) -> dict[str, torch.Tensor]:
    shape = stream_shape(network.streams[0], SMALLEST)
    return {network.streams[0]: torch.randn(count, *shape, generator=torch.Generator())}


def test_it_is_torchvisions_network_with_the_axes_it_expects(network):
    streams = clips_of(network)
    theirs = r2plus1d_18(num_classes=6)
    theirs.load_state_dict({k.removeprefix("body."): v for k, v in network.state_dict().items()})
    expected = theirs.eval()(torch.moveaxis(streams["video"], -1, 2))
    assert torch.equal(network.eval()(streams), expected)


def test_eight_frames_of_24_pixels_train_every_parameter(network):
    network.train()(clips_of(network)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


def test_it_takes_its_stream_by_name_alone(network):
    with pytest.raises(InputError, match=r"takes exactly \['video'\]"):
        network({"face": clips_of(network)["video"]})


def test_grad_cam_lies_in_the_axes_of_the_input():
    torch.manual_seed(0)
    network = create_network(FACE, clip_format=SMALLEST).eval()
    streams = {"face": torch.randn(1, *stream_shape("face", SMALLEST))}
    heat = activation_maps(network, streams, 0)["face"]
    assert heat.shape == (24, 24, 8)
    assert heat.max() in (0, 1)


def test_it_trains_and_is_scored_as_any_network_is(tmp_path):
    store = make_store(tmp_path / "store", {"Train": 1, "Validation": 1, "test": 1})
    config = TrainingConfig(network=FACE, epochs=1, batch_size=3)
    run = train(config, store, tmp_path / "run", device="cpu")
    metrics = evaluate(run, device="cpu")
    assert metrics["n"] == 6
    again = load_weights(run / "weights.safetensors")
    assert (again.network_id, again.network.streams) == (FACE, ("face",))
    assert count_parameters(again.network).total == read_json(run / "run.json")["parameters"]


# --- Classifiers ----------------------------------------------------------------------------------
def planted(per_class: int, *, classes: int = 6, apart: float = 3.0) -> tuple:
    """Numbers whose first one tells the class; and the class of each."""
    draws = np.random.default_rng(0)
    classes_of = np.arange(classes).repeat(per_class)
    known = draws.normal(size=(len(classes_of), 4))
    known[:, 0] += apart * classes_of
    return known, pd.Series([EMOTIONS[index] for index in classes_of])


@pytest.mark.parametrize("name", ["music_svm", "music_forest"])
@pytest.mark.parametrize(("per_class", "classes"), [(1, 6), (1, 2), (2, 6), (3, 1), (12, 6)])
def test_few_clips_a_class_are_no_fault(name, per_class, classes):
    known, emotions = planted(per_class, classes=classes)
    classifier = _classifier(name, emotions, 0).fit(known, emotions)
    shares = classifier.predict_proba(known)
    assert shares.shape == (len(known), classes)
    assert shares.sum(1) == pytest.approx(1)
    assert np.isfinite(shares).all()


@pytest.mark.parametrize("per_class", [1, 12])
def test_the_most_probable_class_of_the_svm_is_the_one_it_decides_for(per_class):
    known, emotions = planted(per_class, apart=1.0)
    classifier = _classifier("music_svm", emotions, 0).fit(known, emotions)
    fitted = classifier.calibrated_classifiers_[0].estimator if per_class > 1 else classifier
    other = np.random.default_rng(1).normal(size=(50, 4)) * 3
    decided = fitted.decision_function(other).argmax(1)
    assert len(set(decided)) > 1
    assert classifier.predict_proba(other).argmax(1).tolist() == decided.tolist()


# --- In a replication -----------------------------------------------------------------------------
def write_profile(folder, *, references, clip_format=TINY) -> str:
    sizes = "\n".join(f"{name} = {value}" for name, value in asdict(clip_format).items())
    names = ", ".join(f'"{name}"' for name in references)
    text = f"""
    description = "test"
    dataset = "synthetic"
    rows = ["music_a2"]
    references = [{names}]
    [training]
    epochs = 1
    batch_size = 6
    [clip_format]
    {sizes}
    """
    (folder / "mine.toml").write_text(text)
    return str(folder / "mine.toml")


@pytest.fixture
def silent(tmp_path):
    """A workspace whose clips have no files of their own."""
    store = make_store(tmp_path / "store", {"Train": 1, "test": 1})
    profile = write_profile(tmp_path, references=list_references())
    return open_workspace(profile, store=store.root, results=tmp_path / "results", device="cpu")


def test_a_profile_names_references_that_there_are(tmp_path):
    profile = load_profile(write_profile(tmp_path, references=[VIDEO, "music_svm"]))
    assert profile.references == ("music_svm", VIDEO)
    assert profile.config(VIDEO).epochs == 1
    with pytest.raises(InputError, match=r"unknown references \['music_a2'\]; choose from music"):
        load_profile(write_profile(tmp_path, references=["music_a2"]))


@pytest.mark.parametrize("name", ["paper", "smoke"])
def test_the_whole_profiles_have_every_reference(name):
    assert load_profile(name).references == list_references()


def test_the_plan_trains_a_reference_for_the_notebook_of_its_table(silent):
    plan = make_plan(silent, silent.profile.name, only=("table4", "table3"))
    assert set(plan["runs"]) == {"music_a2/seed-0", f"{VIDEO}/seed-0"}
    needs = {name: book["needs"] for name, book in plan["notebooks"].items()}
    assert needs["06_table4_video"] == [f"runs/{VIDEO}/seed-0/outcome.json", BASELINES]
    assert needs["05_table3_music"] == ["runs/music_a2/seed-0/outcome.json", BASELINES]


def test_without_the_sound_a_row_is_left_out_and_says_why(silent):
    frame = silent.compare_table(3)
    row = frame.set_index("Model").loc[LABELS["music_svm"]]
    assert row["note"].startswith("left out: ")
    assert pd.isna(row["accuracy"])
    shown = readable(frame).set_index([("", "Model")])[("Ours", "accuracy")]
    assert shown[LABELS["music_svm"]] == "left out"
    assert "own files lie is not known" in to_markdown(frame)
    assert set(silent.summary()["baselines"]) == {"dummy", "metadata"}
    assert "music_svm" not in silent.compare_table(4)["Model"].tolist()


def test_references_stand_first_under_a_line_of_their_own(silent):
    silent.train_row(VIDEO)
    frame = silent.compare_table(4)
    count = frame["is_reference"].sum()
    assert frame["is_reference"][:count].all()
    row = frame.set_index("id").loc[VIDEO]
    assert (row["parameters"], round(row["gflops"])) == (31_328_553, 423)
    assert row[["parameters_verdict", "score_verdict"]].tolist() == ["not printed"] * 2
    assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]
    models = readable(frame)[("", "Model")].tolist()
    assert models[0] == "Reference, not in the paper"
    assert models[count + 1] == "The paper's networks"
    assert models[count] == find_network(VIDEO).label
    assert list(silent.summary()["networks"]) == [VIDEO]


def test_a_table_without_references_has_no_such_lines():
    frame = compare_table(5, {}, {}, dataset="synthetic")
    assert "not in the paper" not in to_markdown(frame)
    assert frame["gflops"].tolist() == sorted(frame["gflops"], reverse=True)  # A0, A1, A2


def test_the_sound_of_real_files_is_scored_on_each_split(tmp_path):
    movie = write_kinds(tmp_path / "movies", "mono")["mono"]
    names = [f"{s}/{e}/{n}.mp4" for s in ("Train", "test") for e in EMOTIONS[:2] for n in range(2)]
    quietly(lay_out(tmp_path / "raw", dict.fromkeys(names, movie)), tmp_path / "store")
    store = Store(tmp_path / "store")
    folder = tmp_path / "results" / "baselines" / "music_svm"
    metrics = evaluate_baseline("music_svm", store, folder)
    assert (metrics["n"], metrics["features"]) == (4, 174)
    assert metrics["accuracy"] == 0.5  # all clips are one
    kept = list((folder.parent / "music_features").rglob("*.npy"))
    assert len(kept) == len(names)
    assert store.clip_format == REDUCED
