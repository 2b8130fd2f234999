"""What the audit hears and sees of a clip: a waveform, and small pictures at even times."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from mvemotion.data.convert import FAILURES
from mvemotion.errors import ClipError
from mvemotion.media.audio import resample
from mvemotion.media.container import Recording, open_recording
from mvemotion.media.sampling import frame_indices
from mvemotion.media.video import SCALING, VideoTrack, upright
from mvemotion.specs import PAPER_FORMAT

RATE_HZ = 22_050  # of the waveform, as the paper's music network hears it
PICTURES_PER_S = 4
WIDTH = 160  # pixels
FULL_SCALE = 0.999  # at or above it, a sample counts as clipped


@dataclass(frozen=True)
class Signals:
    """The first seconds of one clip.

    Attributes
    ----------
    waveform : np.ndarray
        float32 (n,), mean of the channels at 22,050 Hz, 1.0 at full scale; never empty.
    frames : np.ndarray
        uint8 RGB (F, H, W, 3), four pictures a second, 160 pixels wide, the picture's aspect kept.
        Where the file has fewer pictures, some are repeated.
    times_s : np.ndarray
        float64 (F,), presentation times; the first is later than 0 where the video starts late.
    facts : dict
        Container facts, as in the store's manifest, and `audio_s`, `video_s`: seconds decoded of
        each; `peak` of the mean of the channels (1.0 at full scale), and `clipped_share` of its
        samples.
    """

    waveform: np.ndarray
    frames: np.ndarray
    times_s: np.ndarray
    facts: dict


def read_signals(path: Path, *, duration_s: float = PAPER_FORMAT.duration_s) -> Signals:
    """Decode the first seconds of a clip once.

    Parameters
    ----------
    path : Path
        An audio-visual file.
    duration_s : float
        Seconds from the file's start; nothing beyond is held in memory. A shorter file is read
        whole.

    Raises
    ------
    ClipError
        ``unreadable``, ``no audio`` or ``no video``.
    """
    try:
        with open_recording(path, duration_s) as recording:
            return _signals(recording, duration_s)
    except FAILURES as error:
        found = f"{type(error).__name__}: {error}"
        raise ClipError("unreadable", f"{found}; replace or remove the file") from error


def _signals(recording: Recording, duration_s: float) -> Signals:
    audio, video = recording.audio, recording.video
    heard = audio.waveform[: int(duration_s * audio.sample_rate_hz)]
    waveform = resample(heard, audio.sample_rate_hz, RATE_HZ)
    if not len(waveform) or not np.isfinite(waveform).all():
        found = f"{len(heard)} samples, {int((~np.isfinite(heard)).sum())} of them no numbers"
        raise ClipError("unreadable", f"{found}; sound is needed; replace or remove the file")
    frames, times_s = _pictures(video)
    facts = {
        "video_frames": len(video),  # counted after decoding, which may correct it
        "keyframes": video.keyframes,
        "video_start_s": round(video.start_s, 6),
        "video_s": round(video.span_s, 6),
        "audio_s": round(len(heard) / audio.sample_rate_hz, 6),
        "peak": float(np.abs(heard).max()),
        "clipped_share": float(np.mean(np.abs(heard) >= FULL_SCALE)),
    }
    return Signals(waveform, frames, times_s, recording.facts | facts)


def _pictures(video: VideoTrack) -> tuple[np.ndarray, np.ndarray]:
    def choose(available: int) -> np.ndarray:
        return frame_indices(available, max(1, round(PICTURES_PER_S * video.span_s)))

    pictures = video.read(choose, _Shrinker())
    chosen = choose(len(video))
    frames = np.stack([pictures[index] for index in chosen.tolist()])
    return frames, video.start_s + chosen * video.span_s / len(video)


class _Shrinker:
    """Pictures to one small size, that of the first, upright."""

    def __init__(self):
        self._scaler = VideoReformatter()
        self._size: tuple[int, int] | None = None

    def __call__(self, index: int, frame: av.VideoFrame) -> np.ndarray:
        width, height = self._size = self._size or _small_size(frame)
        small = self._scaler.reformat(
            frame, width=width, height=height, format="rgb24", interpolation=SCALING, threads=1
        )
        return upright(small.to_ndarray(), frame.rotation)


def _small_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height, in the stored orientation, of which the upright width is `WIDTH`."""
    shown_width = frame.height if round(frame.rotation / 90) % 2 else frame.width
    scale = WIDTH / shown_width
    return max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
