"""What goes in: classes, splits, modalities, and the streams that networks take (Section 3)."""

import math
from dataclasses import asdict, dataclass

from mvemotion.errors import InputError

EMOTIONS = ("Excited", "Fear", "Neutral", "Relaxation", "Sad", "Tension")  # Table 1
SPLITS = ("Train", "Validation", "test")  # folder names of the published dataset
MODALITIES = ("music", "video", "face")


@dataclass(frozen=True)
class ClipFormat:
    """Sizes of one clip's arrays. The defaults are the paper's (Sections 3 and 4.2).

    Raises
    ------
    InputError
        If a size is not positive (a whole number, but for `duration_s`), or greater than the one
        that it is a part of.
    """

    duration_s: float = 30.0  # "a 30-second audio waveform"
    mel_bands: int = 128  # "128 non-linear Mel scales"
    window: int = 2048  # "a window size of 2048", in samples
    hop: int = 512  # "a time shift perimeter of 512 samples"
    frame_size: int = 128  # pixels a side; inferred from the parameter counts
    frames: int = 64  # "64 frames were taken in a distributed fashion"
    slow_frames: int = 8  # "the slow (eight frames) ... branches"
    c3d_size: int = 112  # "equal to 112, 112, 3, and 32"
    c3d_frames: int = 32

    def __post_init__(self):
        for name, value in asdict(self).items():
            self._check_size(name, value)
        self._check_part("slow_frames", "frames", "they are picked from those of the clip")
        self._check_part("c3d_frames", "frames", "they are picked from those of the clip")
        self._check_part("hop", "window", "or samples between two windows are lost")

    def _check_size(self, name: str, value: object) -> None:
        is_duration = name == "duration_s"
        is_number = isinstance(value, (int, float) if is_duration else int)
        if not is_number or isinstance(value, bool) or not 0 < value < math.inf:
            kind = "number of seconds" if is_duration else "whole number"
            raise InputError(f"clip format: {name} is {value!r}; give a positive {kind}")

    def _check_part(self, part: str, whole: str, reason: str) -> None:
        value, limit = getattr(self, part), getattr(self, whole)
        if value > limit:
            raise InputError(
                f"clip format: {part} is {value}; at most {whole}, {limit}: {reason}; "
                f"give a smaller {part} or a greater {whole}"
            )


PAPER_FORMAT = ClipFormat()


@dataclass(frozen=True)
class Stream:
    """One named network input, and the stored array that it is read from (assumption 15)."""

    name: str
    modality: str
    array: str
    sample_rate_hz: int = 0  # music only
    frames: str = ""  # video and face only: "frames", "slow_frames" or "c3d_frames"


STREAMS = {
    stream.name: stream
    for stream in (
        Stream("music", "music", "music", sample_rate_hz=22_050),
        Stream("music_slow", "music", "music_slow", sample_rate_hz=32_000),
        Stream("music_fast", "music", "music_fast", sample_rate_hz=8_000),
        Stream("video", "video", "video", frames="frames"),
        Stream("video_slow", "video", "video", frames="slow_frames"),
        Stream("video_fast", "video", "video", frames="frames"),
        Stream("video_c3d", "video", "video", frames="c3d_frames"),
        Stream("face", "face", "face", frames="frames"),
        Stream("face_slow", "face", "face", frames="slow_frames"),
        Stream("face_fast", "face", "face", frames="frames"),
        Stream("face_c3d", "face", "face", frames="c3d_frames"),
    )
}
SAMPLE_RATES_HZ = {s.array: s.sample_rate_hz for s in STREAMS.values() if s.sample_rate_hz}


def audio_frames(sample_rate_hz: int, clip_format: ClipFormat = PAPER_FORMAT) -> int:
    """Spectrogram columns of one clip (centred windows): 1292, 1876 or 469 in the paper."""
    return 1 + int(clip_format.duration_s * sample_rate_hz) // clip_format.hop


def stream_shape(name: str, clip_format: ClipFormat = PAPER_FORMAT) -> tuple[int, ...]:
    """Shape of one clip's input: (2, M, L) for music, (3, H, W, T) for video and face."""
    stream = STREAMS[name]
    if stream.modality == "music":
        return (2, clip_format.mel_bands, audio_frames(stream.sample_rate_hz, clip_format))
    is_c3d = stream.frames == "c3d_frames"
    side = clip_format.c3d_size if is_c3d else clip_format.frame_size
    return (3, side, side, getattr(clip_format, stream.frames))
