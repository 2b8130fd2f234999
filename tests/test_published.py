"""The published numbers agree with the networks' rows, and with one another where they should."""

import numpy as np
import pytest

from mvemotion.errors import InputError
from mvemotion.published import (
    NETWORK_TABLES,
    published_confusions,
    published_parameters,
    published_splits,
    published_table,
)
from mvemotion.specs import EMOTIONS, NETWORKS, find_network, list_networks

SCORES = ["Model", "Test Accuracy", "F1-Score", "ROC AUC Score", "Parameters"]
TEST_CLIPS = 300  # Table 1


@pytest.mark.parametrize("number", NETWORK_TABLES)
def test_a_table_holds_the_rows_of_the_specification_in_order_and_with_their_labels(number):
    table = published_table(number)
    specs = [row for row in NETWORKS if row.table == number]
    assert list(table.columns) == ["id", "row", *SCORES]
    assert list(table["id"]) == [row.id for row in specs]
    assert list(table["row"]) == [row.row for row in specs]
    assert list(table["Model"]) == [row.label for row in specs]


def test_every_printed_network_has_a_count_and_no_other_has_one():
    assert list(published_parameters()) == [row.id for row in NETWORKS]


@pytest.mark.parametrize("name", ["c3d", "a0", "a0_se", "a1", "a2", "a2_se", "a3_mmtm"])
def test_faces_and_video_have_the_same_count_where_they_are_the_same_network(name):
    printed = published_parameters()
    assert printed[f"face_{name}"] == printed[f"video_{name}"]


@pytest.mark.parametrize("number", NETWORK_TABLES)
def test_a_printed_accuracy_is_a_whole_number_of_the_test_clips(number):
    """To one unit of the last of three digits: the paper cuts off, it does not round."""
    right = published_table(number)["Test Accuracy"] * TEST_CLIPS
    assert (right.round() - right).between(-1e-9, 0.001 * TEST_CLIPS + 1e-9).all()


def test_scores_are_fractions_and_auc_is_the_highest_of_them():
    for number in NETWORK_TABLES:
        table = published_table(number)
        scores = table[["Test Accuracy", "F1-Score", "ROC AUC Score"]]
        assert scores.gt(0).all().all()
        assert scores.lt(1).all().all()
        assert (scores.idxmax(axis=1) == "ROC AUC Score").all()


def test_table_1_adds_up_to_the_printed_total():
    table = published_table(1)
    columns = ["Training Samples", "Validation Samples", "Testing Samples"]
    assert list(table["Emotion Class"]) == list(EMOTIONS)
    assert list(table[columns].sum()) == [4788, 655, TEST_CLIPS]


def test_each_clip_of_table_7_scores_highest_on_its_own_class():
    table = published_table(7).set_index("Ground truth")[list(EMOTIONS)]
    assert (table.idxmax(axis=1) == table.index).all()


def test_table_8_repeats_the_f1_of_tables_5_and_6():
    ours = published_table(8).query("Method == 'Our'")
    best = [published_table(number)["F1-Score"][0] for number in (5, 6)]
    assert list(ours["Score"]) == [f"{score:.2f} (F1-Score)" for score in best]


def test_the_five_splits_add_up_to_their_printed_totals():
    printed = published_parameters()
    splits = published_splits()
    assert len(splits) == 5
    for name, split in splits.items():
        assert split.total == printed[name] == split.trainable + split.non_trainable


def test_non_trainable_parameters_of_parts_add_up_to_those_of_their_fusion():
    """Music A0 has face A0's BatchNorms, but for one input channel less in four of them."""
    moving = {name: split.non_trainable for name, split in published_splits().items()}
    music_a0 = moving["face_a0_se"] - 4 * 2
    assert moving["video_a3_mmtm+music_a0"] == moving["video_a3_mmtm"] + music_a0


@pytest.mark.parametrize(
    ("checkpoint", "macro_f1"),
    [
        ("face_net_wt_best", 0.517),
        ("music_net_wt_best", 0.638),
        ("video_net_wt_best", 0.516),
        ("music_video_mm_best", 0.735),
        ("music_video_face_mm_best1", 0.728),
        ("music_video_face_mm_best2", 0.738),
    ],
)
def test_a_confusion_matrix_gives_its_printed_accuracy_and_macro_f1(checkpoint, macro_f1):
    published = next(c for c in published_confusions() if c.checkpoint == checkpoint)
    matrix, right = published.matrix, published.matrix.diagonal()
    assert matrix.sum(axis=1).tolist() == [50] * 6
    assert right.sum() / matrix.sum() == pytest.approx(published.accuracy, abs=5e-5)
    f1 = 2 * right / (matrix.sum(axis=0) + matrix.sum(axis=1))
    assert f1.mean() == pytest.approx(macro_f1, abs=5e-4)


def test_confusion_matrices_belong_to_networks_that_exist():
    confusions = published_confusions()
    assert len(confusions) == 6
    assert {c.id for c in confusions} <= set(list_networks())
    assert {c.id for c in confusions} == set(published_splits())


def test_the_published_accuracy_of_a_checkpoint_is_that_of_its_table_row():
    for published in published_confusions():
        if published.checkpoint.endswith("best1"):
            continue  # the worse of the two checkpoints: not the one in Table 6
        number = find_network(published.id).table
        row = published_table(number).set_index("id").loc[published.id]
        assert published.accuracy == pytest.approx(row["Test Accuracy"], abs=1e-3)


def test_counts_are_integers():
    assert all(np.issubdtype(c.matrix.dtype, np.integer) for c in published_confusions())


@pytest.mark.parametrize("number", [0, 9, "2"])
def test_a_table_that_the_paper_lacks_is_refused(number):
    with pytest.raises(InputError, match=r"the paper has Tables 1 to 8"):
        published_table(number)
