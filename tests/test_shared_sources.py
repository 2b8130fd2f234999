"""Clips of one source: found among thousands, grouped without chaining, split, and shown."""

import functools
import itertools

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cut_clips import cut, encode_again, make_video
from mvemotion.audit.contact_sheet import (
    PAIR,
    TITLE,
    WIDTH,
    draw_contact_sheets,
    film_strip,
)
from mvemotion.audit.fingerprints import fingerprint
from mvemotion.audit.neighbours import COMMON, LEAF, find_alike, find_equal_pictures, leaves
from mvemotion.audit.shared_sources import (
    COLUMNS,
    find_shared_sources,
    regroup,
    source_groups,
)
from mvemotion.data.splits import read_splits, write_splits
from mvemotion.errors import InputError
from mvemotion.specs import EMOTIONS

SPLITS = ("Train", "Validation", "test")


def _clips(ids, *, paths=None, emotions=None) -> pd.DataFrame:
    ids = list(ids)
    return pd.DataFrame(
        {
            "id": ids,
            "split": [clip_id.split("/")[0] for clip_id in ids],
            "emotion": emotions or ["Sad"] * len(ids),
            "path": paths or [f"{clip_id}.mp4" for clip_id in ids],
        }
    )


def _pair_ids(pairs: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(pairs["id_a"], pairs["id_b"], strict=True))


@pytest.fixture(scope="module")
def prints():
    """Two clips of video 0 in two splits, an overlap, a duplicate, and four that are alone."""
    videos = [make_video(seed) for seed in range(6)]
    clips = {
        "Train/one": cut(videos[0], 0, 9),
        "test/two": encode_again(cut(videos[0], 14, 23)),
        "Train/long": cut(videos[1], 0, 9),
        "Train/late": encode_again(cut(videos[1], 5, 14)),
        "Train/copied": cut(videos[2], 3, 12),
        "Validation/copy": encode_again(cut(videos[2], 3, 12)),
        "Train/alone": cut(videos[3], 0, 9),
        "Validation/alone": cut(videos[4], 0, 9),
        "test/alone": cut(videos[5], 0, 9),
    }
    return {clip_id: fingerprint(signals) for clip_id, signals in clips.items()}


# --- Pairs ----------------------------------------------------------------------------------------
def test_clips_of_one_video_are_found_and_told_by_kind(prints):
    pairs = find_shared_sources(_clips(prints), prints)
    found = {row.id_a: (row.id_b, row.kind, row.crosses_splits) for row in pairs.itertuples()}
    assert found == {
        "Train/copied": ("Validation/copy", "duplicate", True),
        "Train/late": ("Train/long", "overlap", False),
        "Train/one": ("test/two", "same source", True),
    }
    assert pairs["confidence"].min() > 0.9
    assert pairs.set_index("id_a")["overlap_s"].round().to_dict() == {
        "Train/copied": 9,
        "Train/late": 4,
        "Train/one": 0,
    }


def test_the_table_has_its_columns_even_if_nothing_is_found(prints):
    alone = {"Train/alone": prints["Train/alone"], "test/alone": prints["test/alone"]}
    for some in ({}, alone):
        pairs = find_shared_sources(_clips(["Train/alone", "test/alone"]), some)
        assert pairs.empty
        assert pairs.dtypes.astype(str).to_dict() == COLUMNS


def test_the_order_of_the_clips_does_not_matter(prints):
    clips = _clips(prints)
    expected = find_shared_sources(clips, prints)
    shuffled = clips.sample(frac=1, random_state=1)
    backwards = dict(reversed(prints.items()))
    pd.testing.assert_frame_equal(find_shared_sources(shuffled, backwards), expected)


def test_labels_and_splits_take_no_part(prints):
    clips = _clips(prints)
    other = clips.assign(split="Train", emotion=[EMOTIONS[i % 6] for i in range(len(clips))])
    columns = ["id_a", "id_b", "kind", "confidence"]
    pd.testing.assert_frame_equal(
        find_shared_sources(other, prints)[columns], find_shared_sources(clips, prints)[columns]
    )


def test_an_id_given_twice_is_refused(prints):
    with pytest.raises(InputError, match=r"Train/one.*more than once; give each clip one row"):
        find_shared_sources(_clips(["Train/one", "Train/one"]), prints)


def test_a_name_alone_is_a_hint_of_low_confidence(prints):
    ids = ["Train/alone", "test/alone", "Validation/alone"]
    paths = ["a/Song (0).mp4", "b/song (0)-5-of-9.mp4", "c/Song (1)-5-of-9.mp4"]
    pairs = find_shared_sources(_clips(ids, paths=paths), prints)
    assert pairs[["id_a", "id_b", "kind"]].to_numpy().tolist() == [
        ["Train/alone", "test/alone", "name only"]
    ]
    assert pairs["confidence"][0] < 0.3
    assert source_groups(_clips(ids), pairs).nunique() == 3


def test_plain_numbers_in_different_folders_are_no_common_name(prints):
    ids = ["Train/alone", "test/alone"]
    clips = _clips(ids, paths=["Train/Sad/video/14.mp4", "test/Fear/video/14.mp4"])
    assert find_shared_sources(clips, prints).empty


def test_a_common_name_makes_likely_what_picture_and_sound_suggest(prints):
    ids = ["Train/one", "test/two", *(f"Train/{n}" for n in range(3))]
    plain = find_shared_sources(_clips(ids), prints)["confidence"][0]
    paths = ["x-1-of-9.mp4", "x-7-of-9.mp4", "3.mp4", "4.mp4", "5.mp4"]
    named = find_shared_sources(_clips(ids, paths=paths), prints)
    assert named["confidence"][0] >= plain
    assert named["kind"][0] == "same source"


def test_black_and_silent_clips_are_of_no_source():
    blank = {
        "content": np.zeros(16, np.uint8),
        "colours": np.zeros(872, np.float16),
        "spectrum": np.zeros(154, np.float16),
        "frame_hashes": np.empty((0, 4), np.uint64),
        "frame_times_s": np.empty(0, np.float32),
        "sound_hashes": np.zeros(300, np.uint32),
    }
    prints = {f"Train/{n}": blank | {"content": np.full(16, n, np.uint8)} for n in range(5)}
    assert find_shared_sources(_clips(prints), prints).empty


# --- Thousands ------------------------------------------------------------------------------------
def _random_print(draws: np.random.Generator) -> dict[str, np.ndarray]:
    spectrum = draws.normal(size=154)
    return {
        "content": draws.integers(0, 256, 16).astype(np.uint8),
        "colours": np.sqrt(draws.dirichlet(np.full(872, 0.02))).astype(np.float16),
        "spectrum": (spectrum / np.linalg.norm(spectrum)).astype(np.float16),
        "frame_hashes": draws.integers(0, 2**64, (20, 4), dtype=np.uint64),
        "frame_times_s": np.arange(20, dtype=np.float32),
        "sound_hashes": draws.integers(1, 2**32, 60, dtype=np.uint32),
    }


def _mate(one: dict[str, np.ndarray], draws: np.random.Generator) -> dict[str, np.ndarray]:
    """Another clip of the same source: like colours and spectrum, nothing else."""
    colours = 0.75 * one["colours"].astype(float) ** 2 + 0.25 * draws.dirichlet(np.full(872, 0.02))
    spectrum = one["spectrum"] + 0.6 * draws.normal(size=154) / np.sqrt(154)
    return _random_print(draws) | {
        "colours": np.sqrt(colours).astype(np.float16),
        "spectrum": (spectrum / np.linalg.norm(spectrum)).astype(np.float16),
    }


@functools.cache
def _crowd(count: int, mated: int = 100) -> list[dict[str, np.ndarray]]:
    """Unrelated clips; the first and the last `mated` of them are mates."""
    draws = np.random.default_rng(count)
    crowd = [_random_print(draws) for _ in range(count - mated)]
    return crowd + [_mate(one, draws) for one in crowd[:mated]]


def test_mates_are_found_among_thousands_of_clips():
    prints = {f"Train/{number:04d}": entry for number, entry in enumerate(_crowd(3000))}
    found = _pair_ids(find_shared_sources(_clips(prints), prints))
    mates = {(f"Train/{number:04d}", f"Train/{number + 2900:04d}") for number in range(100)}
    assert len(found & mates) >= 90
    assert len(found - mates) <= 5


def test_comparisons_grow_with_the_clips_and_not_with_their_pairs():
    small, large = (find_alike(_crowd(count), least_weight=5.0) for count in (1000, 4000))
    assert large.compared < 4.6 * small.compared  # all pairs: 16 times
    assert large.compared < 4000 * 3999 / 2 / 2


def test_few_clips_are_all_compared():
    assert find_alike(_crowd(LEAF), least_weight=5.0).compared == LEAF * (LEAF - 1) // 2


def test_every_clip_is_in_one_part_of_each_tree():
    points = np.random.default_rng(0).normal(size=(1000, 10))
    parts = list(leaves(points))
    assert np.bincount(np.concatenate(parts), minlength=1000).tolist() == [8] * 1000
    assert max(map(len, parts)) <= LEAF


def test_an_equal_picture_is_found_by_its_hash():
    draws = np.random.default_rng(1)
    crowd = [_random_print(draws) for _ in range(2000)]
    for number in range(50):
        noisy = crowd[number]["frame_hashes"][:4].copy()
        flips = draws.integers(0, 2**64, (10, *noisy.shape), dtype=np.uint64)
        noisy ^= np.bitwise_and.reduce(flips[:5])  # one bit of 32
        crowd[number + 1000]["frame_hashes"][7:11] = noisy
    found = find_equal_pictures(crowd)
    expected = {(number, number + 1000) for number in range(50)}
    assert len(set(map(tuple, found.pairs.tolist())) & expected) >= 48
    assert len(found.pairs) <= 50
    assert found.compared < 40 * len(crowd)


def test_a_picture_that_very_many_clips_show_says_nothing():
    draws = np.random.default_rng(2)
    crowd = [_random_print(draws) for _ in range(COMMON + 1)]
    for entry in crowd:
        entry["frame_hashes"][0] = crowd[0]["frame_hashes"][0]
    assert not len(find_equal_pictures(crowd).pairs)
    assert len(find_equal_pictures(crowd[:-1]).pairs) == COMMON * (COMMON - 1) // 2


# --- Groups ---------------------------------------------------------------------------------------
def _links(*links: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(links, columns=["id_a", "id_b", "confidence"])


def _members(ids: str, *links) -> list[str]:
    groups = source_groups(pd.DataFrame({"id": list(ids)}), _links(*links))
    return sorted("".join(sorted(part.index)) for _, part in groups.groupby(groups))


def test_linked_clips_are_one_group_under_the_name_of_the_first():
    groups = source_groups(pd.DataFrame({"id": list("dcba")}), _links(("b", "d", 0.8)))
    assert groups.to_dict() == {"a": "a", "b": "b", "c": "c", "d": "b"}


def test_sure_links_chain():
    assert _members("abcd", ("a", "b", 1.0), ("b", "c", 1.0), ("c", "d", 0.995)) == ["abcd"]


def test_one_weak_link_does_not_chain_two_sources():
    trios = [(x, y, 1.0) for trio in ("abc", "def") for x, y in itertools.pairwise(trio)]
    assert _members("abcdef", *trios, ("c", "d", 0.9)) == ["abc", "def"]
    assert _members("abcdef", *trios, ("c", "d", 0.999)) == ["abcdef"]


def test_several_weak_links_make_two_groups_one():
    pairs = [("a", "b", 1.0), ("c", "d", 1.0), ("a", "c", 0.7), ("b", "d", 0.6)]
    assert _members("abcd", *pairs) == ["abcd"]


def test_a_chain_of_weak_links_breaks():
    chain = [(x, y, 0.6) for x, y in itertools.pairwise("abcdefgh")]
    assert max(map(len, _members("abcdefgh", *chain))) <= 3


def test_improbable_pairs_link_nothing():
    assert _members("ab", ("a", "b", 0.49)) == ["a", "b"]


def test_groups_do_not_depend_on_the_order_of_pairs_or_clips():
    draws = np.random.default_rng(0)
    ids = [f"{number:02d}" for number in range(30)]
    links = _links(*((*sorted(draws.choice(ids, 2, replace=False)), draws.random()) for _ in ids))
    clips = pd.DataFrame({"id": ids})
    expected = source_groups(clips, links).to_dict()
    for seed in range(3):
        mixed = links.sample(frac=1, random_state=seed)
        found = source_groups(clips.sample(frac=1, random_state=seed), mixed)
        assert found.to_dict() == expected


# --- Splits ---------------------------------------------------------------------------------------
def _sample() -> tuple[pd.DataFrame, pd.Series]:
    """90 clips, 60 : 20 : 10, in groups of two that mostly lie across the splits."""
    splits = [SPLITS[0]] * 60 + [SPLITS[1]] * 20 + [SPLITS[2]] * 10
    ids = [f"{split}/{number:02d}" for number, split in enumerate(splits)]
    clips = _clips(ids, emotions=[EMOTIONS[number % 45 % 6] for number in range(90)])
    groups = pd.Series([f"g{number % 45:02d}" for number in range(90)], index=ids, name="group")
    return clips, groups


def test_no_group_is_in_two_splits_and_shares_stay_as_they_are(tmp_path):
    clips, groups = _sample()
    table = regroup(clips, groups)
    assert table.groupby("group")["split"].nunique().max() == 1
    assert table["split"].value_counts().to_dict() == pytest.approx(
        {"Train": 60, "Validation": 20, "test": 10}, abs=5
    )
    path = write_splits(tmp_path / "grouped.csv", table)
    pd.testing.assert_frame_equal(read_splits(path), table.astype("str"))


def test_a_split_is_drawn_again_from_the_same_seed_whatever_the_order():
    clips, groups = _sample()
    table = regroup(clips, groups, seed=3).set_index("id")
    again = regroup(clips.sample(frac=1, random_state=0), groups, seed=3).set_index("id")
    pd.testing.assert_frame_equal(again.loc[table.index], table)


def test_shares_can_be_chosen():
    clips, groups = _sample()
    shares = {"Train": 0.5, "Validation": 0.0, "test": 0.5}
    found = regroup(clips, groups, shares=shares)["split"].value_counts()
    assert set(found.index) == {"Train", "test"}
    assert abs(found["Train"] - found["test"]) <= 6


# --- Contact sheets -------------------------------------------------------------------------------
def _pairs(count: int) -> pd.DataFrame:
    row = dict.fromkeys(COLUMNS, 0)
    row |= {"split_a": "Train", "split_b": "test", "crosses_splits": True, "kind": "same source"}
    rows = [row | {"id_a": f"Train/{n}", "id_b": f"test/{n}"} for n in range(count)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _red(_: str) -> np.ndarray:
    return np.full((5, 60, 80, 3), (255, 0, 0), np.uint8)


def test_sheets_are_pngs_of_six_pairs_each_with_their_origin(tmp_path):
    (tmp_path / "pairs-009.png").write_bytes(b"of an earlier run")
    paths = draw_contact_sheets(_pairs(8), tmp_path, read_frames=_red, title="Found")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["pairs-001.png", "pairs-002.png"]
    for path, shown in zip(paths, (6, 2), strict=True):
        with Image.open(path) as image:
            assert image.size == (WIDTH, TITLE + shown * PAIR)
            assert "commit" in image.text["Description"]
            is_red = (np.asarray(image.convert("RGB")) == (255, 0, 0)).all(axis=2)
            assert is_red.sum() == shown * 2 * 8 * 120 * 90


def test_no_pair_makes_no_sheet(tmp_path):
    assert draw_contact_sheets(_pairs(0), tmp_path, read_frames=_red) == []


def test_a_clip_without_pictures_is_drawn_as_grey_cells(tmp_path):
    assert len(draw_contact_sheets(_pairs(1), tmp_path, read_frames=lambda _: None)) == 1
    strip = film_strip(None)
    assert strip.shape == (90, WIDTH - 32, 3)
    assert set(np.unique(strip)) == {235, 255}
    np.testing.assert_array_equal(film_strip(np.empty((0, 9, 9, 3), np.uint8)), strip)


@pytest.mark.parametrize("shape", [(90, 160), (360, 640), (200, 100), (20, 300), (3, 2)])
def test_pictures_keep_their_aspect_in_their_cell(shape):
    strip = film_strip(np.zeros((1, *shape, 3), np.uint8))
    rows, columns = np.nonzero((strip[:, :160] == 0).all(axis=2))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert height == 90 or width == 160
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.1)
