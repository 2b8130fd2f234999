"""Music videos made of arrays, and clips cut from them, to test the search for sources on."""

from dataclasses import dataclass

import cv2
import numpy as np

from mvemotion.audit.signals import PICTURES_PER_S, RATE_HZ, Signals
from mvemotion.media.audio import resample

SHOT = 8  # pictures
NOTE_S = 0.25


@dataclass(frozen=True)
class Video:
    """Pictures uint8 (F, H, W, 3), four a second, and the sound beside them."""

    frames: np.ndarray
    waveform: np.ndarray


def make_video(seed: int, seconds: float = 24.0) -> Video:
    """Shots of blots in a few colours, and random notes of one scale and timbre, all its own."""
    draws = np.random.default_rng(seed)
    return Video(_shots(draws, round(seconds * PICTURES_PER_S)), _notes(draws, seconds))


def _shots(draws: np.random.Generator, count: int) -> np.ndarray:
    palette = draws.integers(20, 236, (4, 3)).astype(np.float32)
    frames = []
    for _ in range(0, count, SHOT):
        blots = cv2.resize(palette[draws.integers(0, 4, (7, 12))], (208, 102))
        frames += [blots[6:96, 6 * step : 6 * step + 160] for step in range(SHOT)]  # a slow pan
    return np.stack(frames[:count]).round().astype(np.uint8)


def _notes(draws: np.random.Generator, seconds: float) -> np.ndarray:
    scale_hz = 110 * 2 ** (np.sort(draws.choice(36, 9, replace=False)) / 12 + draws.uniform(0, 0.1))
    harmonics = np.arange(1, 13)
    timbre = draws.exponential(size=12) / harmonics
    time_s = np.arange(int(NOTE_S * RATE_HZ)) / RATE_HZ
    phases = 2 * np.pi * scale_hz[:, None, None] * harmonics[:, None] * time_s
    tones = (timbre[:, None] * np.sin(phases)).sum(1) * np.hanning(len(time_s))
    chords = draws.integers(0, 9, (round(seconds / NOTE_S), 2))
    sound = tones[chords].sum(1).ravel()
    sound += 0.003 * draws.normal(size=len(sound))
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def cut(video: Video, start_s: float, end_s: float) -> Signals:
    """What an audit reads of a clip of these seconds."""
    times = slice(round(start_s * PICTURES_PER_S), round(end_s * PICTURES_PER_S))
    frames = video.frames[times]
    waveform = video.waveform[int(start_s * RATE_HZ) : int(end_s * RATE_HZ)]
    return Signals(waveform, frames, np.arange(len(frames)) / PICTURES_PER_S, {})


def encode_again(signals: Signals) -> Signals:
    """Smaller, letterboxed, coarsely compressed pictures; quieter, duller sound, 30 ms later."""
    frames = np.stack([_squeeze(frame) for frame in signals.frames])
    dull = resample(resample(signals.waveform, RATE_HZ, 16_000), 16_000, RATE_HZ)
    late = np.concatenate([np.zeros(660, np.float32), 0.4 * dull])
    return Signals(late, frames, signals.times_s, signals.facts)


def _squeeze(frame: np.ndarray) -> np.ndarray:
    small = cv2.resize(frame, (120, 68), interpolation=cv2.INTER_AREA)
    coarse = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1)
    picture = cv2.resize(coarse, (160, 90))
    return cv2.copyMakeBorder(picture, 15, 15, 0, 0, cv2.BORDER_CONSTANT)
