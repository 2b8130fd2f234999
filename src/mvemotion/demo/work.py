"""What the worker does: draw an example, analyse a recording, explain a window."""

from dataclasses import replace
from functools import partial

from mvemotion.demo.analyses import Analysis
from mvemotion.demo.examples import Example, draw_example, jpeg, scene_duration_s
from mvemotion.demo.jobs import Job
from mvemotion.explanation import explain_window
from mvemotion.explanation.words import describe, effect
from mvemotion.files import write_bytes
from mvemotion.prediction import Predictor
from mvemotion.timeline import Timeline

DOWNLOADS = ("json", "csv", "srt")


def analyse(
    job: Job,
    analysis: Analysis,
    *,
    predictor: Predictor,
    hop_s: float,
    example: Example | None = None,
) -> Timeline:
    """Emotion over time in an upload, or in an example that is drawn first."""
    if example:
        scene_s = scene_duration_s(predictor.trained.clip_format.duration_s)
        draw_example(analysis.recording, example, scene_s, partial(job.report, "drawing"))
    job.report("analysing", 0, 0)
    timeline = predictor.predict(
        analysis.recording, hop_s=hop_s, on_window=partial(job.report, "analysing")
    )
    timeline = replace(timeline, source=analysis.name)
    for suffix in DOWNLOADS:
        timeline.save(analysis.folder / f"timeline.{suffix}")
    for index, picture in enumerate(timeline.thumbnails):
        if picture.size:
            write_bytes(analysis.folder / "pictures" / f"{index}.jpg", jpeg(picture))
    analysis.size = sum(path.stat().st_size for path in analysis.folder.rglob("*"))
    return replace(timeline, thumbnails=())  # they are in files now


def explain(
    job: Job, analysis: Analysis, *, predictor: Predictor, window: int, emotion: str | None
) -> dict:
    """Why a window was answered as it was; pictures are written beside the results."""
    job.report("explaining", 0, 0)
    start_s = float(analysis.job.result.starts_s[window])
    found = explain_window(analysis.recording, predictor, start_s=start_s, emotion=emotion)
    folder = analysis.folder / "why" / f"{window}-{emotion or ''}"
    pictures = found.pictures()
    for modality, content in pictures.items():
        write_bytes(folder / f"{modality}.png", content)
    analysis.size += sum(map(len, pictures.values()))
    return {
        "emotion": found.emotion,
        "probability": float(found.probability),
        "probabilities": [float(value) for value in found.probabilities],
        "attribution": {name: float(value) for name, value in found.attribution.items()},
        "start_s": float(found.start_s),
        "stop_s": float(found.stop_s),
        "pictures": [
            {
                "modality": modality,
                "description": describe(found, modality),
                "effect": effect(found, modality),
            }
            for modality in pictures
        ],
    }
