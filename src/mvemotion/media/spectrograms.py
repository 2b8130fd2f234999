"""The two-channel spectrograms of the music networks (Section 3), made with torch."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mvemotion.specs import PAPER_FORMAT, ClipFormat

AMPLITUDE_FLOOR = 1e-10  # power
DYNAMIC_RANGE_DB = 80.0
MEL_BLOCKS = 8


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
