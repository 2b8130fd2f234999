"""The pictures of the audit's page: drawn, saved, and put into words for those who cannot see."""

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from mvemotion.audit.cues import CUES, Cue
from mvemotion.audit.findings import Findings, percent
from mvemotion.audit.page_tables import in_unit
from mvemotion.audit.plots import plot_by_class, plot_cue, plot_shares, plot_shortcuts
from mvemotion.audit.shortcuts import KINDS
from mvemotion.figures import save_figure, set_style
from mvemotion.pages import Image, show_picture
from mvemotion.specs import EMOTIONS

SMALL, WIDE = (4.2, 2.4), (7.4, 4.8)  # inches


def draw_figures(found: Findings, folder: Path) -> dict[str, object]:
    """Draw ``shortcut_figure``, ``cue_figures`` and ``health_figures`` into ``figures``."""
    set_style()
    return {
        "shortcut_figure": _shortcuts(found, folder),
        "cue_figures": [_cue(found, folder, cue) for cue in CUES],
        "health_figures": list(_health(found, folder)),
    }


def _draw(
    draw: Callable[[Axes], object], path: Path, size: tuple[float, float], *, title: str
) -> Path:
    figure, ax = plt.subplots(figsize=size)
    try:
        draw(ax)
        save_figure(figure, path, title=title)
    finally:
        plt.close(figure)
    return path


def _shortcuts(found: Findings, folder: Path) -> Image:
    labels = {kind.name: kind.label for kind in KINDS}
    scored = found.shortcuts[found.shortcuts["accuracy"].notna()]
    words = [
        f"{labels[row.kind]}, {row.design}: {percent(row.accuracy)} where the most frequent class "
        f"gets {percent(row.chance)}"
        for row in scored.itertuples()
    ]
    caption = "Accuracy of each shortcut alone, with 95 % Wilson intervals (Section 3)."
    path = _draw(
        lambda ax: plot_shortcuts(found.shortcuts, ax=ax),
        folder / "figures" / "shortcuts.png",
        WIDE,
        title=caption,
    )
    return show_picture(folder, path, alt="; ".join(words) or "No score.", caption=caption)


def _cue(found: Findings, folder: Path, cue: Cue) -> Image:
    means = found.means[found.means["cue"] == cue.name]
    values = (found.usable[cue.name], found.usable["emotion"])
    words = [
        f"{row.emotion} {in_unit(row.mean, cue)}"
        for row in means.itertuples()
        if pd.notna(row.mean)
    ]
    path = _draw(
        lambda ax: plot_cue(values, means, ax=ax, cue=cue),
        folder / "figures" / f"{cue.name}.png",
        SMALL,
        title=f"{cue.label} by class (Section 3)",
    )
    alt = f"{cue.label} in {cue.unit}, means by class: {', '.join(words)}."
    return show_picture(folder, path, alt=alt, caption=f"{cue.label}: {cue.how}.")


def _health(found: Findings, folder: Path):
    clips = found.usable
    emotions = clips["emotion"]
    size_mbit = 8e-6 * clips["size_bytes"] / clips["duration_s"]
    dots = {
        "video_start": (clips["video_start_s"], "First picture (s after the start)"),
        "file_rate": (size_mbit, "File size a second (Mbit)"),
    }
    if (clips["face_searched"].fillna(0) > 0).any():
        rate = clips["face_frames"].astype(float) / clips["face_searched"].astype(float)
        dots["face_rate"] = (rate, "Frames that show a face (share)")
    for name, (values, label) in dots.items():
        values = values.astype(float)
        path = _draw(
            lambda ax, v=values, text=label: plot_by_class((v, emotions), ax=ax, label=text),
            folder / "figures" / f"{name}.png",
            SMALL,
            title=label,
        )
        yield show_picture(folder, path, alt=_medians(values, emotions, label), caption=label + ".")
    yield _bars(found, folder)


def _bars(found: Findings, folder: Path) -> Image:
    shapes, clips = found.shapes, found.usable
    has_bars = clips["shape"] != "none"
    label = "Clips with black bars (share), 95 % interval"
    path = _draw(
        lambda ax: plot_shares(has_bars, clips["emotion"], ax=ax, label=label),
        folder / "figures" / "bars.png",
        SMALL,
        title=label,
    )
    words = [
        f"{emotion} {row.sum() - row['none']} of {row.sum()}" for emotion, row in shapes.iterrows()
    ]
    alt = f"Clips with black bars: {', '.join(words)}."
    return show_picture(folder, path, alt=alt, caption="Clips with black bars.")


def _medians(values: pd.Series, emotions: pd.Series, label: str) -> str:
    medians = values.groupby(emotions).median()
    words = [f"{e} {medians[e]:.2f}" for e in EMOTIONS if e in medians and pd.notna(medians[e])]
    return f"{label}, medians by class: {', '.join(words)}."
