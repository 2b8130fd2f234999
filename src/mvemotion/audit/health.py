"""Files that are not what a music video of the dataset should be, and why."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mvemotion.audit.cues import (
    SILENCE_DB,
    STILL_GREY_LEVELS,
    frame_levels_db,
    mean_changes,
    to_luma,
)
from mvemotion.audit.signals import PICTURES_PER_S, Signals

BLACK_LUMA = 20  # of 255: the 99th percentile of a black picture's pixels is below
LATE_S = 0.2
SHORT_S = 0.5  # less than most of the dataset
SILENT_SHARE, BLACK_SHARE, CLIPPED_SHARE = 0.1, 0.1, 0.001
STILL_S = 5.0
SLOW_FPS, SMALL_PIXELS = 20, 240
LOST_SHARE = 0.1  # of the pictures that duration and frame rate promise
ODD_SIZE = 5.0  # times the dataset's median size a second, or a part as small


def measure_health(signals: Signals) -> dict[str, float]:
    """How much of a clip is silent, black or still.

    Returns
    -------
    dict
        ``silent_share`` of the sound's time below -60 dB; ``black_share`` of the pictures;
        ``still_s``, the longest time in seconds during which the picture does not change, black
        ones included.
    """
    luma = to_luma(signals.frames)
    is_black = np.percentile(luma.reshape(len(luma), -1), 99, axis=1) < BLACK_LUMA
    return {
        "silent_share": float(np.mean(frame_levels_db(signals.waveform) <= SILENCE_DB)),
        "black_share": float(is_black.mean()),
        "still_s": _longest_run(mean_changes(luma) <= STILL_GREY_LEVELS) / PICTURES_PER_S,
    }


def _longest_run(is_true: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_true.astype(int), [0]])))
    return int(max(edges[1::2] - edges[::2], default=0))


@dataclass(frozen=True)
class Rule:
    """What makes a clip unusual.

    Attributes
    ----------
    name : str
        Short, as the page and `flags` show it.
    explained : str
        The rule in words.
    is_broken : callable
        From the table of clips to one truth value each; missing values break no rule.
    found : callable
        From one clip to what was found.
    """

    name: str
    explained: str
    is_broken: Callable[[pd.DataFrame], pd.Series]
    found: Callable[[pd.Series], str]


# fmt: off
RULES = (
    Rule("late video", f"the first picture comes more than {LATE_S} s after the file's start",
         lambda t: t["video_start_s"] > LATE_S,
         lambda c: f"first picture at {c['video_start_s']:.2f} s"),
    Rule("late audio", f"the sound comes more than {LATE_S} s after the file's start",
         lambda t: t["audio_start_s"] > LATE_S,
         lambda c: f"first sample at {c['audio_start_s']:.2f} s"),
    Rule("short audio", f"the sound is more than {SHORT_S} s shorter than most clips' sound",
         lambda t: t["audio_s"] < t["audio_s"].median() - SHORT_S,
         lambda c: f"{c['audio_s']:.2f} s of sound"),
    Rule("short video", f"the pictures end more than {SHORT_S} s before most clips' pictures",
         lambda t: _video_end(t) < _video_end(t).median() - SHORT_S,
         lambda c: f"pictures end at {_video_end(c):.2f} s"),
    Rule("silence", f"more than {100 * SILENT_SHARE:g} % of the time is below {SILENCE_DB:.0f} dB",
         lambda t: t["silent_share"] > SILENT_SHARE,
         lambda c: "silent throughout" if c["silent_share"] == 1
         else f"silent for {100 * c['silent_share']:.0f} % of the time"),
    Rule("clipping", f"over {100 * CLIPPED_SHARE:g} % of the samples are at full scale or above",
         lambda t: t["clipped_share"] > CLIPPED_SHARE,
         lambda c: f"{100 * c['clipped_share']:.2f} % of the samples at or above full scale"),
    Rule("mono", "one channel, where most clips have two",
         lambda t: (t["audio_channels"] == 1) & (t["audio_channels"].median() > 1),
         lambda c: "one channel"),
    Rule("black pictures", f"more than {100 * BLACK_SHARE:g} % of the pictures are black",
         lambda t: t["black_share"] > BLACK_SHARE,
         lambda c: "black throughout" if c["black_share"] == 1
         else f"{100 * c['black_share']:.0f} % of the pictures black"),
    Rule("frozen picture", f"the picture does not change for more than {STILL_S:g} s",
         lambda t: t["still_s"] > STILL_S,
         lambda c: f"unchanged for {c['still_s']:.1f} s"),
    Rule("few pictures", f"fewer than {SLOW_FPS} pictures a second",
         lambda t: t["fps"] < SLOW_FPS,
         lambda c: f"{c['fps']:.4g} pictures a second"),
    Rule("lost pictures", f"more than {100 * LOST_SHARE:g} % of the pictures do not decode",
         lambda t: t["video_frames"] < (1 - LOST_SHARE) * t["video_s"] * t["fps"],
         lambda c: f"{c['video_frames']:.0f} pictures in {c['video_s']:.1f} s "
                   f"at {c['fps']:.4g} a second"),
    Rule("small picture", f"less than {SMALL_PIXELS} pixels high",
         lambda t: t["height"] < SMALL_PIXELS,
         lambda c: f"{c['width']:.0f} x {c['height']:.0f} pixels"),
    Rule("odd file size", f"{ODD_SIZE:g} times larger or smaller a second than most clips",
         lambda t: np.abs(np.log(_rate(t) / _rate(t).median())) > np.log(ODD_SIZE),
         lambda c: f"{c['size_bytes'] / 1e6:.2f} MB for {c['duration_s']:.1f} s"),
    Rule("no face", "no face in any of the frames searched (Section 3 speaks of at least one)",
         lambda t: (t["face_searched"] > 0) & (t["face_frames"] == 0),
         lambda c: f"none in {c['face_searched']:.0f} frames"),
)
# fmt: on
UNUSABLE = "not decodable"


def _video_end(clips: pd.DataFrame | pd.Series):
    return clips["video_start_s"] + clips["video_s"]


def _rate(clips: pd.DataFrame) -> pd.Series:
    return clips["size_bytes"] / clips["duration_s"]


def find_flags(clips: pd.DataFrame) -> pd.DataFrame:
    """What is unusual about which clip.

    Parameters
    ----------
    clips : pd.DataFrame
        One row a clip, as `mvemotion.audit.measurements.measure_all` gives them.

    Returns
    -------
    pd.DataFrame
        ``id``, ``split``, ``emotion``, ``flag`` and ``found``: a row for each clip and broken rule.
    """
    usable = clips[clips["status"] == "ok"]
    rows = [
        _flag(clip, UNUSABLE, f"{clip['status']}: {clip['detail']}")
        for _, clip in clips[clips["status"] != "ok"].iterrows()
    ]
    for rule in RULES:
        is_broken = rule.is_broken(usable).fillna(False).astype(bool)
        rows += [
            _flag(clip, rule.name, rule.found(clip)) for _, clip in usable[is_broken].iterrows()
        ]
    columns = ["id", "split", "emotion", "flag", "found"]
    return pd.DataFrame(rows, columns=columns).sort_values("id", kind="stable", ignore_index=True)


def _flag(clip: pd.Series, name: str, found: str) -> dict[str, str]:
    return {**clip[["id", "split", "emotion"]].to_dict(), "flag": name, "found": found}


def face_rates(clips: pd.DataFrame) -> pd.DataFrame:
    """Faces by class, where they were searched.

    Returns
    -------
    pd.DataFrame
        By ``emotion``: ``clips`` searched, ``without_face`` of them, and ``rate``, the mean share
        of the frames searched that show one.
    """
    searched = clips[clips["face_searched"].fillna(0) > 0]
    rate = searched["face_frames"].astype(float) / searched["face_searched"].astype(float)
    table = searched.assign(rate=rate, none=searched["face_frames"] == 0).groupby("emotion")
    return table.agg(clips=("id", "size"), without_face=("none", "sum"), rate=("rate", "mean"))
