"""A trained network on recordings of any length: emotion over time (Figure 7)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch
from torch.utils.data import default_collate
from tqdm import tqdm

from mvemotion.data.batches import InputPipeline
from mvemotion.data.convert import face_arrays, music_arrays, video_array
from mvemotion.errors import DataError
from mvemotion.layers import channels_last_
from mvemotion.media.audio import MIN_AUDIO_SHARE
from mvemotion.media.faces import (
    Detector,
    crop_face,
    find_detector,
    find_largest_face,
    searched_frames,
)
from mvemotion.media.sampling import frame_indices
from mvemotion.media.video import PictureConverter
from mvemotion.media.windows import Excerpt, Recording
from mvemotion.runs import TrainedNetwork, load_weights
from mvemotion.specs import EMOTIONS, STREAMS, ClipFormat
from mvemotion.timeline import Timeline, window_starts
from mvemotion.training import open_fabric

TAIL_S = 0.25  # about a packet of sound or some pictures: not worth a window of its own
THUMBNAIL_WIDTH = 160  # pixels
NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


def predict(
    path: str | Path,
    weights: str | Path | TrainedNetwork,
    *,
    hop_s: float = 5.0,
    device: str = "auto",
) -> Timeline:
    """Emotion over time in one recording; for several, `Predictor` loads the network once.

    Parameters
    ----------
    path : str or Path
        Anything that FFmpeg reads, of any length; for music networks also sound alone.
    weights : str, Path or TrainedNetwork
        A weights file, or the folder of a run.
    hop_s : float
        Seconds from one window to the next.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    Timeline
        Its first window equals what `evaluate` says of the same 30 s as a clip.

    Raises
    ------
    ClipError
        If the file cannot be read, or lacks the sound or pictures that the network needs.
    InputError
        If an option does not fit.
    DataError
        If the weights do not.

    Examples
    --------
    >>> timeline = predict("video.mp4", "runs/music_a2")  # doctest: +SKIP
    >>> timeline.to_frame()[["start_s", "emotion"]]  # doctest: +SKIP
    """
    return Predictor(weights, device=device).predict(path, hop_s=hop_s)


class Predictor:
    """A trained network, ready for recordings.

    Parameters
    ----------
    weights : str, Path or TrainedNetwork
        A weights file, or the folder of a run.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    batch_size : int
        Windows at a time.
    faces, detector : str
        In which pictures of a window faces are searched and with what, as in `prepare`.
    abstain_below : float
        The least probability that names an emotion.
    """

    def __init__(
        self,
        weights: str | Path | TrainedNetwork,
        *,
        device: str = "auto",
        batch_size: int = 4,
        faces: str = "sampled",
        detector: str = "quick",
        abstain_below: float = 0.0,
    ):
        trained = weights if isinstance(weights, TrainedNetwork) else load_weights(_file(weights))
        self.trained = _check_statistics(trained)
        self._fabric = open_fabric(device)
        self._network = self._fabric.to_device(channels_last_(trained.network)).eval()
        streams = self._network.streams
        self._pipeline = InputPipeline(streams, trained.clip_format, trained.statistics)
        self._arrays = {STREAMS[name].array for name in streams}
        self._batch_size, self._abstain_below = batch_size, abstain_below
        self._pictures = _Pictures(
            self._arrays, trained.clip_format, faces, find_detector(detector)
        )

    def predict(self, path: str | Path, *, hop_s: float = 5.0, progress: bool = False) -> Timeline:
        """Emotion over time in one recording; see `predict`."""
        needs = {"video" if name in ("video", "face") else "audio" for name in self._arrays}
        recording = Recording(path, needed=needs, welcome={"video"})
        window_s = self.trained.clip_format.duration_s
        starts = window_starts(recording.duration_s, window_s, hop_s, tail_s=TAIL_S)
        excerpts = recording.read(
            starts, window_s, choose=self._pictures.choose, converters=self._pictures.converters
        )
        shown = None if progress else True
        bar = tqdm(excerpts, total=len(starts), desc=recording.path.name, disable=shown)
        logits, notes, thumbnails = zip(*self._answers(bar), strict=True)
        return Timeline(
            source=Path(path).name,
            network=self.trained.network_id,
            duration_s=recording.duration_s,
            window_s=window_s,
            starts_s=np.array(starts),
            logits=np.stack(logits),
            notes=notes,
            thumbnails=thumbnails,
            abstain_below=self._abstain_below,
        )

    def _answers(self, excerpts: Iterable[Excerpt]) -> Iterator[tuple[np.ndarray, str, np.ndarray]]:
        """Logits, note and thumbnail of each window, some windows at a time."""
        waiting: list[_Window] = []
        for excerpt in excerpts:
            waiting.append(self._window(excerpt))
            if len(waiting) == self._batch_size:
                yield from self._answer(waiting)
                waiting = []
        yield from self._answer(waiting)

    @torch.no_grad()
    def _answer(self, windows: list["_Window"]) -> Iterator[tuple[np.ndarray, str, np.ndarray]]:
        items = [window.item for window in windows if window.item]
        logits = iter(())
        if items:
            batch = self._fabric.to_device(default_collate(items))
            logits = iter(self._network(self._pipeline(batch)).double().cpu().numpy())
        unknown = np.full(len(EMOTIONS), np.nan)
        for window in windows:
            yield next(logits) if window.item else unknown, window.note, window.thumbnail

    def _window(self, excerpt: Excerpt) -> "_Window":
        """The arrays of one window, as the store would hold them, and what is unusual about it."""
        clip_format, arrays, notes = self.trained.clip_format, {}, []
        thumbnail = next(iter(excerpt.pictures.get("thumbnail", {}).values()), NO_PICTURE)
        if any(name.startswith("music") for name in self._arrays):
            waveform, note = _padded(excerpt, clip_format.duration_s)
            notes.append(note)
            if not len(waveform):
                return _Window(None, note, thumbnail)
            arrays |= music_arrays(waveform, excerpt.sample_rate_hz, clip_format)
        if self._arrays & {"video", "face"} and not excerpt.available:
            return _Window(None, "no picture", thumbnail)
        if "video" in self._arrays:
            arrays["video"] = video_array(list(excerpt.pictures["frame"].values()), clip_format)
        item = {"has_face": True}
        if "face" in self._arrays:
            found = {i: crop for i, crop in excerpt.pictures["face"].items() if crop is not None}
            arrays["face"], _ = face_arrays(found, clip_format)
            item["has_face"] = bool(found)
            notes.append("" if found else "no face")
        item |= {name: torch.from_numpy(arrays[name]) for name in self._arrays}
        return _Window(item, ", ".join(filter(None, notes)), thumbnail)


@dataclass(frozen=True)
class _Window:
    item: dict | None  # as `ClipDataset` gives it; None if the network needs what is not there
    note: str
    thumbnail: np.ndarray


class _Pictures:
    """Which pictures of a window are wanted for what, and what is kept of them."""

    def __init__(self, arrays: set[str], clip_format: ClipFormat, faces: str, detector: Detector):
        self._faces, self._detector, self._format = faces, detector, clip_format
        self._to_array = PictureConverter()
        wanted = {"thumbnail": self._thumbnail}
        if "video" in arrays:
            wanted["frame"] = self._frame
        if "face" in arrays:
            wanted["face"] = self._face
        self.converters = wanted

    def choose(self, available: int) -> dict[str, list[int]]:
        """Indices wanted of each kind among a window's pictures, as `prepare` chooses them."""
        frames = self._format.frames
        wanted = {
            "thumbnail": lambda: [available // 2],
            "frame": lambda: np.unique(frame_indices(available, frames)).tolist(),
            "face": lambda: searched_frames(self._faces, available, frames).tolist(),
        }
        return {kind: wanted[kind]() for kind in self.converters}

    def _frame(self, frame: av.VideoFrame) -> np.ndarray:
        return self._to_array.squash(frame, self._format.frame_size)

    def _face(self, frame: av.VideoFrame) -> np.ndarray | None:
        box = find_largest_face(self._to_array.luma(frame), self._detector)
        if box is None:
            return None
        return crop_face(self._to_array.full(frame), box, self._format.frame_size)

    def _thumbnail(self, frame: av.VideoFrame) -> np.ndarray:
        return self._to_array.shrink(frame, THUMBNAIL_WIDTH)


def _padded(excerpt: Excerpt, duration_s: float) -> tuple[np.ndarray, str]:
    """The window's sound and a note; silence is put after sound that ends too early."""
    waveform, rate_hz = excerpt.waveform, excerpt.sample_rate_hz
    if not len(waveform):
        return waveform, "no sound"
    found_s = len(waveform) / rate_hz
    if found_s >= MIN_AUDIO_SHARE * duration_s:  # as `prepare` takes it
        return waveform, ""
    missing = int(duration_s * rate_hz) - len(waveform)
    return np.pad(waveform, (0, missing)), f"{found_s:.1f} s of sound"


def _file(weights: str | Path) -> Path:
    path = Path(weights)
    return path / "weights.safetensors" if path.is_dir() else path


def _check_statistics(trained: TrainedNetwork) -> TrainedNetwork:
    needed = {STREAMS[name].array for name in trained.network.streams}
    missing = sorted(needed - set(trained.statistics))
    if missing:
        raise DataError(
            f"weights of {trained.network_id}: no mean and deviation of {', '.join(missing)}; a "
            "recording is standardised with those of the training clips, so give them: "
            "mvemotion import-keras --statistics-from STORE"
        )
    return trained
