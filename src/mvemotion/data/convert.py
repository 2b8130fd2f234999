"""One clip from a media file to the arrays that are stored."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np

from mvemotion.errors import ClipError
from mvemotion.media.audio import fit_duration, log_mel_and_phase, resample
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


@dataclass(frozen=True)
class Options:
    """All that the arrays of a clip depend on, beside its file."""

    clip_format: ClipFormat
    faces: str  # policy of `searched_frames`
    detector: str  # name of `DETECTORS`


@dataclass(frozen=True)
class Picture:
    """What is kept of one decoded frame."""

    frame: np.ndarray | None  # uint8 (H, W, 3); None if the video stream does not use it
    face: np.ndarray | None  # uint8 (H, W, 3); None if none was searched or found


def convert_clip(path: Path, options: Options) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Decode one clip once, into its arrays and its facts.

    Parameters
    ----------
    path : Path
        An audio-visual file.
    options : Options
        Sizes, and how faces are searched.

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
            return _convert(recording, options)
    except FAILURES as error:
        found = f"{type(error).__name__}: {error}"
        raise ClipError("unreadable", f"{found}; replace or remove the file") from error


def _convert(recording: Recording, options: Options) -> tuple[dict, dict]:
    clip_format = options.clip_format
    arrays, audio_facts = _music(recording.audio, clip_format)
    _check_span(recording.video, clip_format)
    pictures, searched = _pictures(recording.video, options)
    arrays["video"] = np.stack(_frames(pictures, clip_format), axis=2)
    arrays["face"], arrays["face_source"] = _faces(pictures, clip_format)
    found = sum(picture.face is not None for picture in pictures.values())
    face_facts = {"face_searched": searched, "face_frames": found}
    return arrays, recording.facts | audio_facts | _video_facts(recording) | face_facts


def _music(audio: AudioTrack, clip_format: ClipFormat) -> tuple[dict, dict]:
    """The spectrograms at the three sample rates, and how much audio there was."""
    waveform, rate_hz, duration_s = audio.waveform, audio.sample_rate_hz, clip_format.duration_s
    fit_duration(waveform, rate_hz, duration_s)  # refuse what is too short before any more work
    arrays = {}
    for name, new_rate_hz in SAMPLE_RATES_HZ.items():
        resampled = resample(waveform, rate_hz, new_rate_hz)
        fitted = fit_duration(resampled, new_rate_hz, duration_s)
        channels = log_mel_and_phase(fitted, new_rate_hz, clip_format=clip_format)
        arrays[name] = channels.numpy().astype(np.float16)
    audio_s = min(len(waveform) / rate_hz, duration_s)
    facts = {"audio_s": round(audio_s, 6), "padded_s": round(duration_s - audio_s, 6)}
    return arrays, facts


def _check_span(video: VideoTrack, clip_format: ClipFormat) -> None:
    needed_s = MIN_VIDEO_SHARE * clip_format.duration_s
    if video.span_s < needed_s:
        raise ClipError(
            "too short",
            f"{video.span_s:.2f} s of video in {len(video)} pictures; at least {needed_s:g} s of "
            f"{clip_format.duration_s:g} s is needed; replace it, or choose a shorter clip format",
        )


def _pictures(video: VideoTrack, options: Options) -> tuple[dict[int, Picture], int]:
    """Frames of the video stream and faces of the searched frames, by index, in one decoding."""
    wanted, size = options.clip_format.frames, options.clip_format.frame_size
    converter, detector = PictureConverter(), find_detector(options.detector)

    @cache
    def shown(available: int) -> frozenset[int]:
        return frozenset(frame_indices(available, wanted).tolist())

    @cache
    def searched(available: int) -> frozenset[int]:
        return frozenset(searched_frames(options.faces, available, wanted).tolist())

    def convert(index: int, frame: av.VideoFrame) -> Picture:
        is_searched = index in searched(len(video))
        box = find_largest_face(converter.luma(frame), detector) if is_searched else None
        return Picture(
            converter.squash(frame, size) if index in shown(len(video)) else None,
            crop_face(converter.full(frame), box, size) if box else None,
        )

    pictures = video.read(lambda n: shown(n) | searched(n), convert)
    return pictures, len(searched(len(video)))


def _frames(pictures: dict[int, Picture], clip_format: ClipFormat) -> list[np.ndarray]:
    shown = [picture.frame for picture in pictures.values() if picture.frame is not None]
    # Where a clip has fewer frames than wanted, the same rule as in `frame_indices` repeats some.
    return [shown[i] for i in frame_indices(len(shown), clip_format.frames)]


def _faces(pictures: dict[int, Picture], clip_format: ClipFormat) -> tuple[np.ndarray, np.ndarray]:
    """The face stream, uint8 (H, W, T, 3), and the frame each position came from, int32 (T,)."""
    size, wanted = clip_format.frame_size, clip_format.frames
    found = [index for index, picture in pictures.items() if picture.face is not None]
    if not found:
        return np.zeros((size, size, wanted, 3), np.uint8), np.full(wanted, -1, np.int32)
    chosen = np.array(found, np.int32)[fill_positions(len(found), wanted)]
    return np.stack([pictures[index].face for index in chosen.tolist()], axis=2), chosen


def _video_facts(recording: Recording) -> dict[str, object]:
    video, damaged = recording.video, recording.audio.damaged_packets
    return {
        "video_frames": len(video),
        "keyframes": video.keyframes,
        "video_start_s": round(video.start_s, 6),
        "detail": f"{damaged} audio packets did not decode" if damaged else "",
    }
