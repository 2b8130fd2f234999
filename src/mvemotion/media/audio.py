"""Waveforms and the two-channel spectrograms of the music networks (Section 3)."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mvemotion.errors import ClipError
from mvemotion.specs import PAPER_FORMAT, ClipFormat

MIN_AUDIO_SHARE = 0.9  # of the clip's duration; what is missing up to here is padded with zeros
AMPLITUDE_FLOOR = 1e-10  # power
DYNAMIC_RANGE_DB = 80.0
MEL_BLOCKS = 8


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


def log_mel_and_phase(
    waveform: np.ndarray | Tensor,
    sample_rate_hz: int,
    *,
    clip_format: ClipFormat = PAPER_FORMAT,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Log-mel spectrogram and phase angle, the two channels of the music networks.

    The log-mel channel is librosa's `melspectrogram` and `power_to_db(ref=1, top_db=80)`. The phase
    channel is the angle of the *complex* spectrum summed with the same mel weights (assumption 1):
    the paper prints (128, 1292, 2), so phase has to live in mel bands, and this sum is the one for
    which magnitude and phase describe the same quantity.

    Parameters
    ----------
    waveform : np.ndarray or Tensor
        Mono, float (N,) or (B, N), 1.0 at full scale.
    sample_rate_hz : int
        Samples a second; the mel bands reach from 0 to half of it.
    clip_format : ClipFormat
        Window, hop and mel bands.
    device : str or torch.device
        Where to compute, and where the result lies.

    Returns
    -------
    Tensor
        float32 (2, M, L) or (B, 2, M, L), L = 1 + N // hop. Channel 0 in dB, within 80 dB of the
        clip's loudest value; channel 1 in radians, -pi to pi.

    Examples
    --------
    >>> log_mel_and_phase(torch.zeros(30 * 22_050), 22_050).shape
    torch.Size([2, 128, 1292])
    """
    signal = torch.as_tensor(waveform, dtype=torch.float32, device=device)
    spectrum = torch.stft(
        signal,
        clip_format.window,
        hop_length=clip_format.hop,
        window=torch.hann_window(clip_format.window, device=device),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    real, imaginary = spectrum.mT.real, spectrum.mT.imag  # (..., L, bins), as they lie in memory
    blocks = _mel_blocks(sample_rate_hz, clip_format.window, clip_format.mel_bands)

    def sum_bands(values: Tensor) -> Tensor:
        return torch.cat(
            [values[..., bins] @ weights.to(device) for bins, weights in blocks], -1
        ).mT

    log_mel = power_to_db(sum_bands(real.square().addcmul_(imaginary, imaginary)))
    phase = torch.atan2(sum_bands(imaginary), sum_bands(real))
    return torch.stack([log_mel, phase], dim=-3)


def power_to_db(power: Tensor) -> Tensor:
    """10 log10 of (..., M, L) re 1; at most 80 dB under each clip's maximum (assumption 16)."""
    decibels = 10.0 * torch.log10(power.clamp_min(AMPLITUDE_FLOOR))
    return decibels.maximum(decibels.amax(dim=(-2, -1), keepdim=True) - DYNAMIC_RANGE_DB)


@lru_cache(maxsize=16)
def mel_filters(sample_rate_hz: int, window: int, bands: int) -> Tensor:
    """Slaney's triangular mel filters of unit area, float32 (M, window // 2 + 1)."""
    from torchaudio.functional import melscale_fbanks

    filters = melscale_fbanks(
        window // 2 + 1,
        f_min=0.0,
        f_max=sample_rate_hz / 2,
        n_mels=bands,
        sample_rate=sample_rate_hz,
        norm="slaney",
        mel_scale="slaney",
    )
    return filters.T.contiguous()


@lru_cache(maxsize=16)
def _mel_blocks(sample_rate_hz: int, window: int, bands: int) -> list[tuple[slice, Tensor]]:
    """`mel_filters` in parts of neighbouring bands: their bins, and weights (bins, bands).

    Most of the whole matrix is zero: in parts it takes a quarter of the time.
    """
    blocks = []
    for filters in mel_filters(sample_rate_hz, window, bands).chunk(MEL_BLOCKS):
        used = filters.any(dim=0).nonzero().flatten().tolist() or [0]
        bins = slice(used[0], used[-1] + 1)
        blocks.append((bins, filters[:, bins].T.contiguous()))
    return blocks
