"""Arithmetic of the printed parameter counts: do parts add up, do units cost what they must?"""

from collections.abc import Iterator, Mapping

from mvemotion.published import published_parameters
from mvemotion.recomputation.check import Check, check
from mvemotion.recomputation.printed import BEST, printed_rows
from mvemotion.specs import EMOTIONS

HEAD_BIASES = len(EMOTIONS)  # each part has its own; a fusion keeps one
UNITS = (  # of Tables 2-4, with an SE unit or MMTM, and the row printed as the same without
    *((f"{m}_{a}_se", f"{m}_{a}") for m in ("face", "music", "video") for a in ("a0", "a1", "a2")),
    *((f"{m}_a3_mmtm", f"{m}_a3") for m in ("face", "music", "video")),
)
NARROW = ("music_a3_mmtm", "video_a3_mmtm")  # printed beside a narrower network without MMTM
WHY_OFF = {  # labels that their counts contradict
    "video_a3_mmtm+music_a0+face_a2_se": "labelled Music_A0_SE; face A2's SE is another one (D2)",
    "video_a3_mmtm+music_a0_se+face_a2": "D12",
    "video_a3_mmtm+music_a0_se+face_a1": "D12",
}
COMPACT = "comes out if block 5 is lighter than in the single networks (assumption 5)"
WITHOUT_FACE = "video_a3_mmtm+music_a0"
SMALL_INCREMENT = 0.05
SEPARABLE = tuple((f"{m}_{a}", f"{m}_a0") for m in ("face", "music", "video") for a in ("a1", "a2"))


def check_units() -> Iterator[Check]:
    """SE and MMTM units add parameters to each unimodal network (Section 5.1)."""
    counts = published_parameters()
    for with_unit, without in UNITS:
        more = counts[with_unit] - counts[without]
        yield check(
            f"adds-parameters:{with_unit}",
            _place(with_unit),
            printed="increased complexity on the system",
            found=f"{more:+,} parameters against {without}",
            holds=more > 0,
            note="not like for like (D1)" if with_unit in NARROW else "",
        )


def check_fusions() -> Iterator[Check]:
    """A fusion has the parameters of its parts as printed in Tables 2-4, less spare head biases."""
    counts = published_parameters()
    for name in (name for name in counts if "+" in name):
        parts = [counts[part] for part in name.split("+")]
        due = sum(parts) - HEAD_BIASES * (len(parts) - 1)
        is_sum, is_explained = due == counts[name], name not in WHY_OFF
        yield check(
            f"sum-of-parts:{name}",
            _place(name),
            printed=f"{counts[name]:,} parameters",
            found=f"{due:,} from its parts",
            holds=None if is_explained and not is_sum else is_sum,
            note="" if is_sum else WHY_OFF.get(name, COMPACT),
        )


def check_costs(gflops: Mapping[str, float]) -> Iterator[Check]:
    """What separable convolutions save; see `check_prints` for `gflops`."""
    counts = published_parameters()
    heavier = [light for light, heavy in SEPARABLE if counts[light] >= counts[heavy]]
    yield check(
        "separable-parameters",
        "Section 4.1",
        printed="we drastically reduced the complexity",
        found=f"fewer parameters in {len(SEPARABLE) - len(heavier)} of {len(SEPARABLE)}",
        holds=not heavier,
        note=f"more in {', '.join(heavier)}" if heavier else "",
    )
    factors = [gflops[heavy] / gflops[light] for light, heavy in SEPARABLE]
    yield check(
        "separable-operations",
        "Abstract",
        printed="computational cost is significantly reduced",
        found=f"{min(factors):.1f} to {max(factors):.0f} times fewer operations, counted here",
        holds=min(factors) > 1,
    )


def check_sizes() -> Iterator[Check]:
    """Which networks Section 5 calls large, light or lightest."""
    rows = printed_rows()
    counts = rows["Parameters"]
    lightest = counts[rows["table"] == 6].idxmin()
    yield check(
        "fewest-parameters",
        "Section 5.2",
        printed="eighth row of Table 6 is the lightest",
        found=f"row {rows.loc[lightest, 'row']}, {counts[lightest]:,}",
        holds=rows.loc[lightest, "row"] == 8,
    )
    video = counts[rows["table"] == 4].drop("video_c3d")
    yield check(
        "large-video",
        "Section 5.1",
        printed="relatively large training parameters",
        found=f"{video.idxmax()} has the most after C3D, {video.max():,}",
        holds=video.idxmax() == "video_a3_mmtm",
    )
    single, double = counts[["music_a0", "music_a1", "music_a2"]].max(), counts["music_a3"]
    yield check(
        "light-music",
        "Section 5.1",
        printed="single-branch music networks have fewer parameters",
        found=f"at most {single:,}; A3 {double:,} or more",
        holds=single < double,
    )
    yield from _check_totals(counts)


def _check_totals(counts: Mapping[str, int]) -> Iterator[Check]:
    proposed = max(count for name, count in counts.items() if "c3d" not in name)
    yield check(
        "smaller-than-c3d",
        "Section 5.4",
        printed="reduced the network complexity",
        found=f"at most {proposed:,}; C3D {counts['video_c3d']:,}",
        holds=proposed < counts["video_c3d"],
    )
    more = counts[BEST] - counts[WITHOUT_FACE]
    share = more / counts[WITHOUT_FACE]
    yield check(
        "face-increment",
        "Section 5.2",
        printed="small increment in network complexity",
        found=f"{more:+,} parameters, {share:+.1%}",
        holds=share <= SMALL_INCREMENT,
    )


def _place(network_id: str) -> str:
    row = printed_rows().loc[network_id]
    return f"Table {row['table']} row {row['row']}"
