"""Waveforms: one channel, the rates of the music networks, the duration of a clip (Section 3)."""

from collections.abc import Callable

import numpy as np

from mvemotion.errors import ClipError
from mvemotion.specs import ClipFormat

MIN_AUDIO_SHARE = 0.9  # of the clip's duration; what is missing up to here is padded with zeros

MakeSpectrogram = Callable[[np.ndarray, int, ClipFormat], np.ndarray]


def mix_to_mono(samples: np.ndarray, channels: int) -> np.ndarray:
    """Mean of the channels of one decoded frame.

    FFmpeg's own downmix weighs by 0.707, which is 3 dB louder, and may clip; the mean does neither.

    Parameters
    ----------
    samples : np.ndarray
        Planar (channels, N) or packed (1, N * channels); float, or integer at full scale.
    channels : int
        Channels of the frame.

    Returns
    -------
    np.ndarray
        float32 (N,), 1.0 at full scale.
    """
    planes = samples if len(samples) == channels else samples.reshape(-1, channels).T
    mono = np.add.reduce(planes, axis=0, dtype=np.float32) / np.float32(channels)
    if not np.issubdtype(samples.dtype, np.integer):
        return mono
    limits = np.iinfo(samples.dtype)
    middle = (int(limits.max) + int(limits.min) + 1) / 2  # 128 of unsigned bytes, else 0
    return (mono - np.float32(middle)) / np.float32(int(limits.max) - middle + 1)


def resample(waveform: np.ndarray, rate_hz: int, new_rate_hz: int) -> np.ndarray:
    """Resample float32 (N,) with soxr's high quality, whatever the pair of rates."""
    import soxr  # not needed, and perhaps not there, where only stored arrays are read

    return soxr.resample(waveform, rate_hz, new_rate_hz, quality="HQ")


def fit_duration(waveform: np.ndarray, rate_hz: int, duration_s: float) -> np.ndarray:
    """Cut to exactly `duration_s`, or pad a little with zeros at the end (assumption 9).

    Raises
    ------
    ClipError
        ``too short`` if less than 90 % of `duration_s` is there.
    """
    found_s = len(waveform) / rate_hz
    if found_s < MIN_AUDIO_SHARE * duration_s:
        raise ClipError(
            "too short",
            f"{found_s:.2f} s of audio; at least {MIN_AUDIO_SHARE * duration_s:g} s of "
            f"{duration_s:g} s is needed; replace it, or choose a shorter clip format",
        )
    samples = int(duration_s * rate_hz)
    return np.pad(waveform[:samples], (0, max(samples - len(waveform), 0)))


def make_spectrogram(
    waveform: np.ndarray, sample_rate_hz: int, clip_format: ClipFormat
) -> np.ndarray:
    """`log_mel_and_phase` of one clip as it is stored, float16 (2, M, L)."""
    from mvemotion.media.spectrograms import log_mel_and_phase  # torch, which others do without

    return log_mel_and_phase(waveform, sample_rate_hz, clip_format=clip_format).numpy().astype("f2")
