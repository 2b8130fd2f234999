"""What pages and pictures of an explanation say in words."""

from collections import Counter

import numpy as np

from mvemotion.explanation.pictures import band_centres_hz, own_frames
from mvemotion.explanation.windows import WindowExplanation
from mvemotion.specs import SAMPLE_RATES_HZ, STREAMS
from mvemotion.timeline import Timeline

MOST_TOLD = 12  # stretches
NO_BREAK = "\N{NO-BREAK SPACE}"
NOWHERE = "nowhere"
ROWS, COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")


def seconds(time_s: float) -> str:
    """Without decimals that say nothing: ``"30"``, ``"149.9"``."""
    return f"{time_s:.1f}".removesuffix(".0")


def span(start_s: float, stop_s: float) -> str:
    """``"30–60"``, in seconds."""
    return f"{seconds(start_s)}–{seconds(stop_s)}"


def percent(share: float) -> str:
    """``"61 %"``, not to be broken."""
    return f"{100 * share:.0f}{NO_BREAK}%"


def points(fall: float) -> str:
    """What a modality gave, in points of a hundred: ``"+31"`` if 0.31 is lost without it."""
    rounded = round(100 * fall)
    return f"{rounded:+d}".replace("-", "−") if rounded else "0"


def rests_on(means: dict[str, float]) -> str:
    """What answers rest on, on average, as a sentence that claims nothing where nothing helps.

    Examples
    --------
    >>> rests_on({"face": -0.02, "music": 0.41})
    'Given to an answer, in points, on average: music +41; face −2 (spoke against it).'
    >>> rests_on({"face": -0.02})
    'No modality alone carries an answer, in points, on average: face −2 (spoke against it).'
    """
    given = {m: points(means[m]) for m in sorted(means, key=means.get, reverse=True)}
    told = [f"{m} {p}" + " (spoke against it)" * p.startswith("−") for m, p in given.items()]
    helps = any(p.startswith("+") for p in given.values())
    lead = "Given to" if helps else "No modality alone carries"
    return f"{lead} an answer, in points, on average: {'; '.join(told)}."


def shares(timeline: Timeline) -> str:
    """How many windows each answer has, most first."""
    counts = Counter(emotion or "no answer" for emotion in timeline.emotions)
    return ", ".join(f"{emotion} in {count}" for emotion, count in counts.most_common())


def curves(stretches: list[tuple[str, float, float]]) -> str:
    """The answers one after another; not all, if there are more than one would listen to."""
    if len(stretches) > MOST_TOLD:
        return f"Curves of six emotions, {len(stretches)} stretches; the table has every window."
    told = [f"{name or 'no answer'} from {span(start, stop)} s" for name, start, stop in stretches]
    return f"Curves: {'; '.join(told)}."


def strongest(found: WindowExplanation, stream: str) -> str:
    """Where a stream's map is strongest: ``"12.8 s, upper left"`` or ``"41.2 s, 1,200 Hz"``."""
    heat = found.maps[stream]
    if not heat.any():
        return NOWHERE
    place = np.unravel_index(heat.argmax(), heat.shape)
    if STREAMS[stream].modality == "music":
        return _heard(found, stream, place)
    time_s = found.times_s[STREAMS[stream].array][own_frames(stream, found.clip_format)[place[2]]]
    thirds = [3 * index // size for index, size in zip(place[:2], heat.shape[:2], strict=True)]
    return f"{seconds(time_s)} s, {ROWS[thirds[0]]} {COLUMNS[thirds[1]]}"


def _heard(found: WindowExplanation, stream: str, place: tuple[int, ...]) -> str:
    clip_format, rate_hz = found.clip_format, SAMPLE_RATES_HZ[STREAMS[stream].array]
    pitch_hz = band_centres_hz(rate_hz, clip_format.window, clip_format.mel_bands)[place[0]]
    time_s = found.start_s + place[1] * clip_format.hop / rate_hz
    return f"{seconds(time_s)} s, about {float(f'{pitch_hz:.2g}'):,.0f} Hz"


def describe(found: WindowExplanation, modality: str) -> str:
    """A picture of `WindowExplanation.pictures` for those who cannot see it."""
    if not has_input(found, modality):
        return f"No {modality} was found in this window."
    streams = [name for name in found.maps if STREAMS[name].modality == modality]
    places = {name: strongest(found, name) for name in streams}
    if modality == "music":
        shown = f"Log-mel spectrogram, {span(found.start_s, found.stop_s)} s"
    else:
        times_s = found.times_s[modality]
        shown = f"Frames of the {modality} from {span(times_s.min(), times_s.max())} s"
    if set(places.values()) == {NOWHERE}:
        return f"{shown}; nothing in it raised {found.emotion}."
    where = "; ".join(
        f"{name.replace('_', ', ')}: {place}" if len(places) > 1 else place
        for name, place in places.items()
    )
    return f"{shown}, coloured where the network found {found.emotion}; strongest at {where}."


def has_input(found: WindowExplanation, modality: str) -> bool:
    """Whether the window holds anything of a modality; a face may be missing."""
    return modality == "music" or len(found.times_s[modality]) > 0


def effect(found: WindowExplanation, modality: str) -> str:
    """What a modality did for the answer, in a sentence or two."""
    whole, fall = found.probability, found.attribution[modality]
    if not has_input(found, modality):
        return f"No {modality} was found in this window: there is nothing to take away."
    moved = f"{found.emotion} {{}} from {percent(whole)} to {percent(whole - fall)}"
    taken = f"Without it, {moved.format('falls')}"
    if fall < 0:
        taken = f"It spoke against it: without it, {moved.format('rises')}"
    if round(100 * fall) == 0:
        taken = f"Without it, {found.emotion} stays at {percent(whole)}"
    if len(found.attribution) == 1:
        return f"{taken}."
    return f"{taken}; with it alone, it is {percent(found.alone[modality])}."
