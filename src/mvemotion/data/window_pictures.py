"""Which pictures of a recording's windows a network needs, and what is kept of each."""

import av
import numpy as np

from mvemotion.data.convert import BAR_FRAMES, common_bars
from mvemotion.media.bars import Bars
from mvemotion.media.faces import (
    crop_face,
    find_detector,
    find_largest_face,
    parse_policy,
    searched_frames,
)
from mvemotion.media.sampling import frame_indices
from mvemotion.media.video import PictureConverter
from mvemotion.media.windows import Recording
from mvemotion.specs import ClipFormat

THUMBNAIL_WIDTH = 160  # pixels


class WindowPictures:
    """Choice and conversion of pictures, as `prepare` makes them of a clip.

    Parameters
    ----------
    arrays : set of str
        Names of the arrays that are wanted: ``video``, ``face``, others are of no matter.
    clip_format : ClipFormat
    faces, detector : str
        In which pictures faces are searched and with what, as in `prepare`.
    crop_bars : bool
        Whether black bars are cut off (assumption 22).
    """

    def __init__(
        self,
        arrays: set[str],
        clip_format: ClipFormat,
        *,
        faces: str,
        detector: str,
        crop_bars: bool,
    ):
        parse_policy(faces)  # now: not when the first window has been decoded
        self._faces, self._detector = faces, find_detector(detector)
        self._format, self._crop_bars = clip_format, crop_bars
        self._bars, self._to_array = Bars(), PictureConverter()
        wanted = {"thumbnail": self._thumbnail}
        if "video" in arrays:
            wanted["frame"] = self._frame
        if "face" in arrays:
            wanted["face"] = self._face
        self.converters = wanted

    def prepare(self, recording: Recording, starts_s: list[float]) -> None:
        """Look for the recording's bars, in a first pass, where they are to be cut off.

        Every window has its say, as a clip of its own; what most of them find holds for all, so
        that a dark scene changes nothing.
        """
        self._bars = Bars()
        if self._crop_bars and {"frame", "face"} & set(self.converters):
            self._bars = _most_common_bars(recording, starts_s, self._format.duration_s)

    def choose(self, available: int) -> dict[str, list[int]]:
        """Indices wanted of each kind among a window's pictures."""
        frames = self._format.frames
        wanted = {
            "thumbnail": lambda: [available // 2],
            "frame": lambda: np.unique(frame_indices(available, frames)).tolist(),
            "face": lambda: searched_frames(self._faces, available, frames).tolist(),
        }
        return {kind: wanted[kind]() for kind in self.converters}

    def _frame(self, frame: av.VideoFrame) -> np.ndarray:
        return self._to_array.squash_inside(frame, self._format.frame_size, self._bars)

    def _face(self, frame: av.VideoFrame) -> np.ndarray | None:
        box = find_largest_face(self._bars.crop(self._to_array.luma(frame)), self._detector)
        if box is None:
            return None
        inside = self._bars.crop(self._to_array.full(frame))
        return crop_face(inside, box, self._format.frame_size)

    def _thumbnail(self, frame: av.VideoFrame) -> np.ndarray:
        return self._to_array.shrink(frame, THUMBNAIL_WIDTH)


def _most_common_bars(recording: Recording, starts_s: list[float], window_s: float) -> Bars:
    """Of windows that do not overlap; in a tie, those found first."""
    apart = [start for start in starts_s if not start % window_s] or starts_s[:1]
    luma = PictureConverter().luma
    excerpts = recording.read(
        apart,
        window_s,
        choose=lambda n: {"luma": np.unique(frame_indices(n, BAR_FRAMES)).tolist()},
        converters={"luma": luma},
    )
    found: dict[Bars, int] = {}
    for excerpt in excerpts:
        lumas = list(excerpt.pictures.get("luma", {}).values())
        bars = common_bars(lumas) if lumas else Bars()
        found[bars] = found.get(bars, 0) + 1
    return max(found, key=found.get)
