"""One clip from a media file to the arrays that are stored."""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np

from mvemotion.errors import ClipError
from mvemotion.media.audio import (
    MakeSpectrogram,
    fit_duration,
    make_spectrogram,
    resample,
)
from mvemotion.media.bars import Bars, find_bars
from mvemotion.media.container import AudioTrack, Recording, open_recording
from mvemotion.media.faces import (
    crop_face,
    fill_positions,
    find_detector,
    find_largest_face,
    searched_frames,
)
from mvemotion.media.sampling import frame_indices
from mvemotion.media.video import PictureConverter, VideoTrack
from mvemotion.specs import SAMPLE_RATES_HZ, ClipFormat

# All that decoders, torch, soxr and OpenCV raise on a file that they cannot make sense of.
FAILURES = (av.FFmpegError, cv2.error, OSError, MemoryError, RuntimeError, ValueError)
MIN_VIDEO_SHARE = 0.5  # of the clip's duration; published clips begin up to 5 of 30 s late
BAR_FRAMES = 16  # in which black bars are looked for


@dataclass(frozen=True)
class Options:
    """All that the arrays of a clip depend on, beside its file."""

    clip_format: ClipFormat
    faces: str  # policy of `searched_frames`
    detector: str  # name of `DETECTORS`
    crop_bars: bool = False  # cut black bars off every picture (assumption 22)


@dataclass(frozen=True)
class Picture:
    """What is kept of one decoded frame."""

    frame: np.ndarray | None  # uint8 (H, W, 3); None if the video stream does not use it
    face: np.ndarray | None  # uint8 (H, W, 3); None if none was searched or found


def convert_clip(
    path: Path, options: Options, *, make_spectrogram: MakeSpectrogram = make_spectrogram
) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Decode one clip once, into its arrays and its facts.

    Parameters
    ----------
    path : Path
        An audio-visual file.
    options : Options
        Sizes, how faces are searched, and whether black bars are cut off.
    make_spectrogram : callable
        `make_spectrogram`, or what has another process do it.

    Returns
    -------
    arrays : dict of np.ndarray
        As `Store.read` gives them.
    facts : dict
        Columns of the manifest.

    Raises
    ------
    ClipError
        ``unreadable``, ``no audio``, ``no video`` or ``too short``.
    """
    try:
        with open_recording(path, options.clip_format.duration_s) as recording:
            return _convert(recording, options, make_spectrogram)
    except FAILURES as error:
        found = f"{type(error).__name__}: {error}"
        raise ClipError("unreadable", f"{found}; replace or remove the file") from error


def _convert(
    recording: Recording, options: Options, make_spectrogram: MakeSpectrogram
) -> tuple[dict, dict]:
    clip_format, audio = options.clip_format, recording.audio
    fit_duration(audio.waveform, audio.sample_rate_hz, clip_format.duration_s)  # heard, not awaited
    arrays = music_arrays(
        audio.stretch(0, audio.end),
        audio.sample_rate_hz,
        clip_format,
        make_spectrogram=make_spectrogram,
    )
    _check_span(recording.video, clip_format)
    bars = _bars(recording.video) if options.crop_bars else Bars()
    pictures, searched = _pictures(recording.video, options, bars)
    shown = [picture.frame for picture in pictures.values() if picture.frame is not None]
    crops = {index: p.face for index, p in pictures.items() if p.face is not None}
    arrays["video"] = video_array(shown, clip_format)
    arrays["face"], arrays["face_source"] = face_arrays(crops, clip_format)
    facts = recording.facts | _audio_facts(recording.audio, clip_format) | _video_facts(recording)
    if options.crop_bars:
        facts |= {f"bar_{side}": width for side, width in asdict(bars).items()}
    return arrays, facts | {"face_searched": searched, "face_frames": len(crops)}


def music_arrays(
    waveform: np.ndarray,
    rate_hz: int,
    clip_format: ClipFormat,
    *,
    make_spectrogram: MakeSpectrogram = make_spectrogram,
) -> dict[str, np.ndarray]:
    """The spectrograms at the three sample rates (Section 3).

    Parameters
    ----------
    waveform : np.ndarray
        Mono, float32 (N,), from the clip's start; a margin beyond its end does no harm.
    rate_hz : int
    clip_format : ClipFormat
    make_spectrogram : callable
        As in `convert_clip`.

    Returns
    -------
    dict of np.ndarray
        ``music``, ``music_slow``, ``music_fast``: float16 (2, M, L).

    Raises
    ------
    ClipError
        ``too short``.
    """
    duration_s = clip_format.duration_s
    fit_duration(waveform, rate_hz, duration_s)  # refuse what is too short before any more work
    arrays = {}
    for name, new_rate_hz in SAMPLE_RATES_HZ.items():
        resampled = resample(waveform, rate_hz, new_rate_hz)
        fitted = fit_duration(resampled, new_rate_hz, duration_s)
        arrays[name] = make_spectrogram(fitted, new_rate_hz, clip_format)
    return arrays


def video_array(shown: list[np.ndarray], clip_format: ClipFormat) -> np.ndarray:
    """The video stream, uint8 (H, W, T, 3), of pictures (H, W, 3) in order of time.

    Where there are fewer than T, the same rule as in `frame_indices` repeats some.
    """
    return np.stack([shown[i] for i in frame_indices(len(shown), clip_format.frames)], axis=2)


def face_arrays(
    crops: dict[int, np.ndarray], clip_format: ClipFormat
) -> tuple[np.ndarray, np.ndarray]:
    """The face stream of crops (H, W, 3) by the index of their frame, in order of time.

    Returns
    -------
    face : np.ndarray
        uint8 (H, W, T, 3), all zeros without a crop.
    face_source : np.ndarray
        int32 (T,), the frame that each position came from, -1 without a crop.
    """
    size, wanted = clip_format.frame_size, clip_format.frames
    if not crops:
        return np.zeros((size, size, wanted, 3), np.uint8), np.full(wanted, -1, np.int32)
    chosen = np.array(list(crops), np.int32)[fill_positions(len(crops), wanted)]
    return np.stack([crops[index] for index in chosen.tolist()], axis=2), chosen


def _check_span(video: VideoTrack, clip_format: ClipFormat) -> None:
    needed_s = MIN_VIDEO_SHARE * clip_format.duration_s
    if video.span_s < needed_s:
        raise ClipError(
            "too short",
            f"{video.span_s:.2f} s of video in {len(video)} pictures; at least {needed_s:g} s of "
            f"{clip_format.duration_s:g} s is needed; replace it, or choose a shorter clip format",
        )


def _bars(video: VideoTrack) -> Bars:
    """The bars of a clip, found in a first decoding of a few of its pictures."""
    converter = PictureConverter()
    frames = video.read(
        lambda available: frame_indices(available, BAR_FRAMES).tolist(),
        lambda _, frame: converter.luma(frame),
    )
    return common_bars(list(frames.values()))


def common_bars(lumas: list[np.ndarray]) -> Bars:
    """The bars of pictures uint8 (H, W); none where their sizes differ."""
    shapes = {luma.shape for luma in lumas}
    return find_bars(np.stack(lumas)) if len(shapes) == 1 else Bars()


def _pictures(video: VideoTrack, options: Options, bars: Bars) -> tuple[dict[int, Picture], int]:
    """Frames of the video stream and faces of the searched frames, by index, in one decoding."""
    wanted, size = options.clip_format.frames, options.clip_format.frame_size
    converter, detector = PictureConverter(), find_detector(options.detector)

    @cache
    def shown(available: int) -> frozenset[int]:
        return frozenset(frame_indices(available, wanted).tolist())

    @cache
    def searched(available: int) -> frozenset[int]:
        return frozenset(searched_frames(options.faces, available, wanted).tolist())

    def find_face(frame: av.VideoFrame) -> np.ndarray | None:
        box = find_largest_face(bars.crop(converter.luma(frame)), detector)
        return crop_face(bars.crop(converter.full(frame)), box, size) if box else None

    def convert(index: int, frame: av.VideoFrame) -> Picture:
        return Picture(
            converter.squash_inside(frame, size, bars) if index in shown(len(video)) else None,
            find_face(frame) if index in searched(len(video)) else None,
        )

    pictures = video.read(lambda n: shown(n) | searched(n), convert)
    return pictures, len(searched(len(video)))


def _audio_facts(audio: AudioTrack, clip_format: ClipFormat) -> dict[str, object]:
    audio_s = min(audio.samples / audio.sample_rate_hz, clip_format.duration_s)
    padded_s = clip_format.duration_s - audio_s
    return {"audio_s": round(audio_s, 6), "padded_s": round(padded_s, 6)}


def _video_facts(recording: Recording) -> dict[str, object]:
    video, damaged = recording.video, recording.audio.damaged_packets
    return {
        "video_frames": len(video),
        "keyframes": video.keyframes,
        "video_start_s": round(video.start_s, 6),
        "detail": f"{damaged} audio packets did not decode" if damaged else "",
    }
