"""What the cascades find in real clips, and at what cost: against each other and a neural detector.

    .venv/bin/python benchmarks/faces.py path/to/clips

The reference is MTCNN (Zhang et al. 2016) on the full-size frame; it wants a package more, whose
weights come with it: `.venv/bin/python -m pip install --no-deps facenet-pytorch`. Without it the
shares of frames and clips with a face are written alone. Milliseconds are of the processor.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from mvemotion.data.sources import scan
from mvemotion.files import write_json
from mvemotion.media.container import open_recording
from mvemotion.media.faces import DETECTORS, Detector, find_largest_face
from mvemotion.media.sampling import frame_indices
from mvemotion.media.video import PictureConverter
from mvemotion.provenance import provenance
from mvemotion.specs import PAPER_FORMAT

SURE = 0.95  # MTCNN's own probability, from which its finding counts
LARGE = 0.15  # of the picture's shorter side: the faces that recall is of
SAME_FACE = 0.25  # intersection over union of a cascade's square and MTCNN's rectangle
QUICK = DETECTORS["quick"]
SETTINGS = {
    **DETECTORS,
    "quick, 15 % of the side": replace(QUICK, min_share=LARGE),
    "coarse, 3 neighbours": replace(DETECTORS["coarse"], neighbours=3),
    "coarse, steps of 1.15": replace(DETECTORS["coarse"], scale_factor=1.15),
}
Box = tuple[float, float, float, float]  # left, top, right, bottom


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="raw clips, as `mvemotion prepare` takes them")
    parser.add_argument(
        "--frames",
        type=int,
        choices=range(1, 65),
        default=9,
        metavar="1-64",
        help="of each clip's 64",
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/faces.json"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    find_reference = load_reference()
    rows = []
    for source in tqdm(scan(options.data), unit="clip"):
        for luma, rgb in read_frames(source.path, options.frames):
            reference = find_reference(rgb) if find_reference else None
            rows += [row | {"clip": source.path} for row in look(luma, reference)]
    found = pd.DataFrame(rows)
    result = {
        "clips": found["clip"].nunique(),
        "frames": len(found) // len(SETTINGS),
        "frames_with_a_large_face": int(found["is_large"].sum()) // len(SETTINGS),
        "settings": {name: summary(found[found["setting"] == name]) for name in SETTINGS},
        "provenance": provenance(),
    }
    write_json(options.out, result)
    print(options.out.read_text())


def read_frames(path: Path, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(luma, RGB) of some of the frames that `prepare` would search."""
    convert = PictureConverter()

    def choose(available: int) -> np.ndarray:
        return frame_indices(available, PAPER_FORMAT.frames)[:: 64 // count][:count]

    def both(_: int, frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray]:
        return convert.luma(frame), convert.full(frame)

    with open_recording(path, PAPER_FORMAT.duration_s) as recording:
        return list(recording.video.read(choose, both).values())


def load_reference() -> Callable[[np.ndarray], list[Box]] | None:
    """MTCNN as a function of an RGB picture, if its package is there."""
    try:
        from facenet_pytorch import MTCNN
    except ImportError:
        return None
    detector = MTCNN(keep_all=True, min_face_size=30)

    def find(rgb: np.ndarray) -> list[Box]:
        boxes, sure = detector.detect(rgb)
        if boxes is None:
            return []
        return [tuple(map(float, box)) for box in boxes[np.asarray(sure, float) >= SURE]]

    return find


def look(luma: np.ndarray, reference: list[Box] | None) -> list[dict]:
    """One row for each setting: whether it found a face, and whether that is one."""
    least = LARGE * min(luma.shape)
    is_large = any(bottom - top >= least for _, top, _, bottom in reference or [])
    rows = []
    for name, detector in SETTINGS.items():
        box, seconds = timed_search(luma, detector)
        is_face = bool(box) and any(overlap(box, face) > SAME_FACE for face in reference or [])
        rows.append({"setting": name, "ms": 1000 * seconds, "has_found": bool(box)})
        rows[-1] |= {"is_face": is_face, "is_large": is_large, "is_judged": reference is not None}
    return rows


def timed_search(luma: np.ndarray, detector: Detector) -> tuple[Box | None, float]:
    start = time.process_time()
    box = find_largest_face(luma, detector)
    seconds = time.process_time() - start
    if box is None:
        return None, seconds
    row, column, side = box
    return (column, row, column + side, row + side), seconds


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (area(a) + area(b) - shared)


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def summary(found: pd.DataFrame) -> dict:
    large, with_face = found[found["is_large"]], found.groupby("clip")["has_found"].any()
    result = {
        "ms_a_frame": round(found["ms"].mean(), 1),
        "frames_with_a_face": round(found["has_found"].mean(), 3),
        "clips_without_one": int((~with_face).sum()),
    }
    if found["is_judged"].all():
        result |= {
            "precision": round(found.loc[found["has_found"], "is_face"].mean(), 3),
            "recall_of_large": round((large["is_face"]).mean(), 3),
        }
    return result


if __name__ == "__main__":
    main()
