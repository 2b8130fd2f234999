"""An explained recording as one page for screen, phone and paper."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mvemotion.explanation import words
from mvemotion.explanation.recordings import MOST, RecordingExplanation
from mvemotion.explanation.windows import WindowExplanation
from mvemotion.figures import EMOTION_COLOURS, house_style, save_figure
from mvemotion.files import write_bytes, write_json
from mvemotion.pages import Image, fill_page, show_picture
from mvemotion.provenance import provenance
from mvemotion.specs import EMOTIONS
from mvemotion.timeline import Timeline, plot_timeline

TEMPLATE = Path(__file__).parent / "templates" / "explanation.html.jinja"
SIZES = {"wide": (10.0, 4.2), "narrow": (5.0, 4.6)}  # inches of the timeline, on a page and a phone


def write_page(found: RecordingExplanation, folder: Path) -> Path:
    """Write ``index.html``, its ``figures`` and the numbers, ``explanation.json``.

    Parameters
    ----------
    found : RecordingExplanation
    folder : Path
        Made if missing; the page is written last.

    Returns
    -------
    Path
        Of the page.
    """
    folder, facts = Path(folder), provenance()
    write_json(folder / "explanation.json", _numbers(found) | {"provenance": facts})
    timeline = found.timeline
    content = {
        "timeline": timeline,
        "modalities": found.modalities,
        "hop": _hop(timeline),
        "words": words,
        "most": MOST,
        "in_short": list(_in_short(found)),
        "curves": _curves(timeline, folder),
        "rows": [_row(found, index) for index in range(len(timeline.starts_s))],
        "sections": [_section(found, index, folder) for index in found.windows],
        "stretches": sum(emotion != "" for emotion, *_ in _stretches(timeline)),
        "origin": f"Made {facts['time_utc']} from commit {facts['commit'] or 'unknown'}.",
    }
    return fill_page(folder / "index.html", TEMPLATE, content)


def _numbers(found: RecordingExplanation) -> dict:
    """The timeline's JSON with each window's attribution; strongest places where there are maps."""
    content = found.timeline.to_dict()
    for index, row in enumerate(content["windows"]):
        row["falls"] = found.falls.get(index)
        if index in found.windows:
            window = found.windows[index]
            row["alone"] = window.alone
            row["strongest"] = {name: words.strongest(window, name) for name in window.maps}
    return content


def _hop(timeline: Timeline) -> str:
    starts = timeline.starts_s
    return f", one every {words.seconds(starts[1] - starts[0])} s" if len(starts) > 1 else ""


def _in_short(found: RecordingExplanation):
    count = len(found.timeline.starts_s)
    windows = "1 window" if count == 1 else f"{count} windows"
    yield f"Of {windows}: {words.shares(found.timeline)}."
    if found.falls:
        yield words.rests_on(
            {m: np.mean([fall[m] for fall in found.falls.values()]) for m in found.modalities}
        )
    notes = [note for note in found.timeline.notes if note]
    if notes:
        kinds = ", ".join(f"{note} ({notes.count(note)})" for note in dict.fromkeys(notes))
        yield f"Unusual windows: {kinds}."


# --- The curves -----------------------------------------------------------------------------------
def _curves(timeline: Timeline, folder: Path) -> dict[str, Image]:
    """The timeline for a page and for a phone."""
    caption = f"Emotion over time, {timeline.network} (Figure 7)."
    told = words.curves(_stretches(timeline))
    images = {}
    for name, size in SIZES.items():
        with house_style():
            figure = Figure(figsize=size, layout="constrained")
            plot_timeline(timeline, ax=figure.subplots(), is_narrow=name == "narrow")
        path = folder / "figures" / f"timeline-{name}.png"
        save_figure(figure, path, title=caption)
        images[name] = show_picture(folder, path, alt=told, caption=caption)
    return images


def _stretches(timeline: Timeline) -> list[tuple[str, float, float]]:
    """(answer, begin, end) of windows in a row with the same answer."""
    emotions, starts = timeline.emotions, timeline.starts_s
    stretches = []
    for emotion, start_s in zip(emotions, starts, strict=True):
        stop_s = start_s + timeline.window_s
        if stretches and stretches[-1][0] == emotion:
            stretches[-1] = (emotion, stretches[-1][1], stop_s)
        else:
            stretches.append((emotion, start_s, stop_s))
    return stretches


# --- The windows ----------------------------------------------------------------------------------
def _row(found: RecordingExplanation, index: int) -> dict:
    timeline = found.timeline
    start_s, falls = timeline.starts_s[index], found.falls.get(index, {})
    emotion = EMOTIONS[timeline.logits[index].argmax()] if falls else "no answer"
    return {
        "span": words.span(start_s, start_s + timeline.window_s),
        "emotion": _doubt(timeline, index) + emotion,
        "colour": EMOTION_COLOURS.get(emotion),
        "probability": words.percent(timeline.probabilities[index].max()) if falls else "",
        "note": timeline.notes[index],
        "falls": [_bar(falls[m]) for m in found.modalities] if falls else [],
        "link": f"window-{index}" if index in found.windows else "",
    }


def _doubt(timeline: Timeline, index: int) -> str:
    return "uncertain: " if timeline.emotions[index] == "uncertain" else ""


def _bar(fall: float) -> dict:
    return {
        "points": words.points(fall),
        "width": f"{100 * min(abs(fall), 1):.0f}",
        "kind": "for" if fall >= 0 else "against",
    }


def _section(found: RecordingExplanation, index: int, folder: Path) -> dict:
    window = found.windows[index]
    second = np.argsort(-window.probabilities, kind="stable")[1]
    figures = folder / "figures"
    return {
        "id": f"window-{index}",
        "span": words.span(window.start_s, window.stop_s),
        "emotion": _doubt(found.timeline, index) + window.emotion,
        "colour": EMOTION_COLOURS[window.emotion],
        "probability": words.percent(window.probability),
        "second": f"{EMOTIONS[second]} {words.percent(window.probabilities[second])}",
        "note": window.note,
        "kinds": [
            _kind(window, modality, write_bytes(figures / f"window-{index}-{modality}.png", png))
            for modality, png in window.pictures().items()
        ],
    }


def _kind(window: WindowExplanation, modality: str, path: Path) -> dict:
    """One modality of a window: its picture, unless there is nothing to see, and what it did."""
    told, effect = words.describe(window, modality), words.effect(window, modality)
    image = show_picture(path.parent.parent, path, alt=told, caption=effect)
    has_input = words.has_input(window, modality)
    return {"name": modality.capitalize(), "effect": effect, "image": image if has_input else None}
