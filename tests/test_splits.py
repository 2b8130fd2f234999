"""Splits keep the clips of one source together, and split files say the same to every command."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from mvemotion.cli import main
from mvemotion.data.draw import assign_splits
from mvemotion.data.splits import (
    complete_splits,
    group_by_name,
    read_splits,
    source_name,
    write_splits,
)
from mvemotion.data.store import Store
from mvemotion.errors import DataError, InputError
from mvemotion.files import read_json
from mvemotion.specs import EMOTIONS, SPLITS
from stores import make_store


# --- Names ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("LLT_TENS(0)-5-of-9.mp4", "llt_tens"),
        ("test/Tension/video/LLT_TENS(6).mp4", "llt_tens"),
        ("DEAP_DB_FEARR(4)", "deap_db_fearr"),
        ("6BYIKEH0RCQ_000090_000120.mp4", "6byikeh0rcq"),
        ("6BYIKEH0RCQ_12.5_42.5", "6byikeh0rcq"),
        ("Video (1).MP4", "video"),
        ("Video - Copy (2).mkv", "video"),
        ("My Song part 2.mov", "my song"),
        ("my song 017", "my song"),
        ("Mr. Brown", "mr. brown"),
        ("7 rings", "7 rings"),
        ("14.mp4", "14"),
        ("(3).mp4", "(3)"),
    ],
)
def test_what_counts_at_the_end_of_a_name_is_dropped(name, source):
    assert source_name(name) == source
    assert source_name(source) == source


def test_a_class_numbered_at_once_keeps_its_numbers_but_not_the_marks_of_cuts():
    names = ["Sad (1)", "Sad (2)-1-of-2", "Sad (2)-2-of-2", "Sad (3)"]
    others = ["a_1", "a_2", "b_1", "c_1"]
    groups = group_by_name([*names, *others], ["Sad"] * 4 + ["Fear"] * 4)
    assert groups[:4] == ["sad (1)", "sad (2)", "sad (2)", "sad (3)"]
    assert groups[4:] == ["a", "a", "b", "c"]


# --- The draw -------------------------------------------------------------------------------------
SHARES = {"Train": 0.7, "Validation": 0.15, "test": 0.15}


def random_clips(seed: int, *, is_mixed: bool = False) -> tuple[list[str], list[str]]:
    """Emotions and groups; classes of 3 to 40 groups of 1 to 9 clips, of one class or of any."""
    rng = np.random.default_rng(seed)
    clips = [
        (str(rng.choice(EMOTIONS)) if is_mixed else emotion, f"{emotion} {group}")
        for emotion in EMOTIONS
        for group in range(rng.integers(3, 40))
        for _ in range(rng.integers(1, 10))
    ]
    emotions, groups = zip(*clips, strict=True)
    return list(emotions), list(groups)


@pytest.mark.parametrize("is_mixed", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_in_one_split(seed, is_mixed):
    emotions, groups = random_clips(seed, is_mixed=is_mixed)
    splits = assign_splits(emotions, groups, shares=SHARES, seed=seed)
    assert len(set(zip(groups, splits, strict=True))) == len(set(groups))


@pytest.mark.parametrize("seed", range(10))
def test_every_class_of_three_groups_is_in_every_split_near_its_share(seed):
    emotions, groups = random_clips(seed)
    splits = assign_splits(emotions, groups, shares=SHARES, seed=seed)
    counts = Counter(zip(emotions, splits, strict=True))
    largest = Counter(groups).most_common(1)[0][1]
    for emotion in EMOTIONS:
        number = emotions.count(emotion)
        for split, share in SHARES.items():
            assert counts[emotion, split] > 0
            assert abs(counts[emotion, split] - share * number) <= 2 * largest


def test_single_clips_are_shared_out_exactly():
    emotions = [emotion for emotion in EMOTIONS for _ in range(20)]
    splits = assign_splits(emotions, [str(i) for i in range(120)], shares=SHARES)
    counts = Counter(zip(emotions, splits, strict=True))
    assert {counts[e, s] for e in EMOTIONS for s in SPLITS[1:]} == {3}


@pytest.mark.parametrize("is_mixed", [False, True])
def test_the_draw_depends_on_the_seed_but_not_on_the_order(is_mixed):
    emotions, groups = random_clips(0, is_mixed=is_mixed)
    splits = assign_splits(emotions, groups, shares=SHARES, seed=3)
    order = np.random.default_rng(0).permutation(len(groups))
    shuffled = assign_splits(
        [emotions[i] for i in order], [groups[i] for i in order], shares=SHARES, seed=3
    )
    assert shuffled == [splits[i] for i in order]
    assert assign_splits(emotions, groups, shares=SHARES, seed=4) != splits


def test_a_split_of_share_0_stays_empty():
    emotions, groups = random_clips(0)
    shares = {"Train": 0.8, "Validation": 0.0, "test": 0.2}
    assert set(assign_splits(emotions, groups, shares=shares)) == {"Train", "test"}


def test_a_class_of_one_group_goes_somewhere_whole():
    splits = assign_splits(["Sad"] * 3 + ["Fear"] * 3, ["s"] * 3 + ["a", "b", "c"], shares=SHARES)
    assert len(set(splits[:3])) == 1
    assert set(splits[3:]) == set(SPLITS)


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0, 1)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(InputError, match="must add up to 1"):
        assign_splits(["Sad"], ["a"], shares=dict(zip(SPLITS, shares, strict=True)))


# --- Splits that are there already ----------------------------------------------------------------
def table(emotions: list[str], groups: list[str]) -> pd.DataFrame:
    ids = [f"{emotion}/{i}" for i, emotion in enumerate(emotions)]
    return pd.DataFrame({"id": ids, "emotion": emotions, "group": groups, "split": ""})


def test_clips_that_come_later_change_no_others_and_join_their_group():
    clips = table(*random_clips(1))
    few = clips[clips.index % 3 > 0]
    before = complete_splits(few)
    after = complete_splits(clips, before)
    assert (
        after[after["id"].isin(few["id"])]
        .reset_index(drop=True)
        .equals(before.reset_index(drop=True))
    )
    known = before.drop_duplicates("group").set_index("group")["split"]
    late = after[after["group"].isin(known.index)]
    assert (late["split"] == late["group"].map(known)).all()
    assert set(after["split"]) == set(SPLITS)


def test_given_splits_hold_and_others_of_the_group_join_them():
    clips = table(["Sad"] * 6 + ["Fear"] * 6, list("aabbcc") + list("ddeeff"))
    clips.loc[[0, 6], "split"] = ["test", "Validation"]
    drawn = complete_splits(clips)["split"]
    assert list(drawn[:2]) == ["test"] * 2
    assert list(drawn[6:8]) == ["Validation"] * 2
    assert (drawn != "").all()


# --- Split files ----------------------------------------------------------------------------------
@pytest.fixture
def store(tmp_path) -> Store:
    return make_store(tmp_path / "store", {"Train": 2, "Validation": 1, "test": 1})


def turned(store: Store) -> pd.DataFrame:
    """A split file's table: Train and test change places."""
    clips = store.clips()[["id", "split"]]
    turn = {"Train": "test", "test": "Train", "Validation": "Validation"}
    return clips.assign(split=clips["split"].map(turn), group="g")


def test_a_split_file_comes_back_as_it_was_written(store, tmp_path):
    path = write_splits(tmp_path / "any" / "file.csv", turned(store))
    assert read_splits(path).equals(turned(store))


def test_a_store_takes_its_splits_from_a_named_file_or_any_other(store, tmp_path):
    write_splits(store.root / "splits" / "turned.csv", turned(store))
    path = write_splits(tmp_path / "file.csv", turned(store))
    for splits, again in (("turned", "turned"), (path, str(path))):
        opened = Store(store.root, splits)
        assert set(opened.clips("Train")["id"]) == set(store.clips("test")["id"])
        assert opened.splits == again
        assert Store(store.root, opened.splits).checksum() == opened.checksum()
        assert opened.checksum() != store.checksum()
    assert Store(store.root, "prepared").checksum() == store.checksum()
    assert Store(store.root, "prepared").splits is None


def test_a_clip_without_a_split_is_left_out(store):
    splits = turned(store)
    splits.loc[splits["id"] == "Train/Sad/0", "split"] = ""
    write_splits(store.root / "splits" / "fewer.csv", splits)
    opened = Store(store.root, "fewer")
    assert set(store.clips()["id"]) - set(opened.clips()["id"]) == {"Train/Sad/0"}
    row = opened.manifest.set_index("id").loc["Train/Sad/0"]
    assert (row["status"], row["detail"]) == ("left out", "no split in fewer.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[1:], r"1 clip \(Train/Excited/0\) of the store not listed"),
        (lambda t: t.assign(id=t["id"] + "x"), r"24 clips .* and 19 more\) not in the store"),
        (lambda t: t.assign(split="val"), "split 'val'; one of Train, Validation, test is needed"),
        (lambda t: pd.concat([t, t[:1]]), r"1 clip \(Train/Excited/0\) more than once"),
        (lambda t: t.drop(columns="id"), "columns .*; id missing"),
        (lambda t: t[[]], "not readable as CSV|id and split missing"),
    ],
)
def test_a_split_file_that_does_not_fit_says_how(store, tmp_path, change, message):
    path = tmp_path / "file.csv"
    change(turned(store)).to_csv(path, index=False)
    with pytest.raises(DataError, match=f"{path}.*{message}"):
        Store(store.root, path).clips()


def test_a_split_file_that_is_not_text_is_named(store, tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes("id,split\nä,Train\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"file\.csv: not readable as CSV"):
        Store(store.root, path).clips()


def test_splits_saved_by_a_spreadsheet_are_read(store, tmp_path):
    path = tmp_path / "file.csv"
    text = turned(store).to_csv(index=False).replace("Train\n", "TRAIN\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert len(Store(store.root, path).clips("Train")) == 6


def test_a_split_that_is_not_there_names_those_that_are(store):
    write_splits(store.root / "splits" / "grouped.csv", turned(store))
    with pytest.raises(InputError, match=r"'group': neither a file nor .*prepared, grouped"):
        Store(store.root, "group")


def test_splits_of_unknown_names_are_not_written(tmp_path):
    with pytest.raises(InputError, match=r"unknown splits \['val'\]"):
        write_splits(tmp_path / "a.csv", pd.DataFrame({"id": ["a"], "split": ["val"]}))
    assert not (tmp_path / "a.csv").exists()


# --- Commands -------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_run_is_scored_on_the_split_that_it_was_trained_on(store, tmp_path, capsys):
    write_splits(store.root / "splits" / "turned.csv", turned(store))
    run, root = tmp_path / "run", str(store.root)
    train = ["train", "music_a2", "--store", root, "--out", str(run), "--epochs", "1"]
    assert main([*train, "--split", "turned", "--device", "cpu"]) == 0
    assert read_json(run / "run.json")["splits"] == "turned"
    checksums = []
    for options in ([], ["--store", root], ["--store", root, "--splits", "prepared"]):
        assert main(["evaluate", str(run), "--device", "cpu", *options]) == 0
        checksums.append(read_json(run / "test" / "metrics.json")["store_checksum"])
    given = store.checksum()
    assert checksums == [Store(store.root, "turned").checksum()] * 2 + [given]
    assert main([*train, "--device", "cpu"]) == 3  # the same folder, another split
    assert "holds a run with other store_checksum" in capsys.readouterr().err
