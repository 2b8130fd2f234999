"""Films and pictures that are small enough to keep in a notebook."""

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np

from mvemotion.media.audio import resample
from mvemotion.media.container import open_recording


def render_film(path: Path, frames: np.ndarray, *, sample_rate_hz: int, duration_s: float) -> bytes:
    """A clip's stored frames with its sound as a network hears it, as an MP4 file.

    Parameters
    ----------
    path : Path
        The clip.
    frames : np.ndarray
        uint8 RGB (H, W, T, 3), as the store holds ``video`` or ``face``; H and W even. They are
        shown at equal intervals.
    sample_rate_hz : int
        To which the sound is brought.
    duration_s : float
        How much of the clip.

    Returns
    -------
    bytes
        H.264 and AAC.

    Raises
    ------
    ClipError
        If the clip cannot be read.
    """
    with open_recording(path, duration_s) as recording:
        audio = recording.audio
        waveform = resample(audio.stretch(0, audio.end), audio.sample_rate_hz, sample_rate_hz)
    waveform = waveform[: int(duration_s * sample_rate_hz)]
    interval = Fraction(len(waveform), sample_rate_hz * frames.shape[2])
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"crf": "30", "preset": "slow"}  # small enough to keep in a notebook
        picture = container.add_stream("libx264", rate=1 / interval, options=options)
        sound = container.add_stream("aac", rate=sample_rate_hz, layout="mono")
        _add_frames(container, picture, frames, interval)
        _add_sound(container, sound, waveform)
    return file.getvalue()


def shrink_picture(picture: bytes, *, width: int) -> bytes:
    """A PNG or JPEG as a JPEG of `width` pixels, a tenth of the size where it shows frames."""
    decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    size = (width, round(decoded.shape[0] * width / decoded.shape[1]))
    smaller = cv2.resize(decoded, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", smaller, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def _add_frames(container, stream, frames: np.ndarray, interval: Fraction) -> None:
    stream.pix_fmt = "yuv420p"
    stream.height, stream.width = frames.shape[:2]
    stream.codec_context.time_base = interval
    for index in range(frames.shape[2]):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frames[:, :, index]), "rgb24")
        frame.pts, frame.time_base = index, interval
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _add_sound(container, stream, waveform: np.ndarray) -> None:
    frame = av.AudioFrame.from_ndarray(waveform[None], "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = stream.rate, 0, Fraction(1, stream.rate)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
