"""Spectrograms equal librosa's; mixing and cutting keep level and time."""

import librosa
import numpy as np
import pytest
import torch

from media_files import TONES_HZ, Movie, tones, write_movie
from mvemotion.errors import ClipError
from mvemotion.media.audio import fit_duration, mix_to_mono, resample
from mvemotion.media.container import open_recording
from mvemotion.media.spectrograms import log_mel_and_phase
from mvemotion.specs import PAPER_FORMAT, SAMPLE_RATES_HZ, ClipFormat, audio_frames

SHORT = ClipFormat(duration_s=4.0)
REDUCED = ClipFormat(duration_s=3.0, mel_bands=32)


def music(seconds: float, rate_hz: int, seed: int = 0) -> np.ndarray:
    """Chords that come and go over noise, louder than full scale at times: float32 (N,)."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    chord = sum(np.sin(2 * np.pi * hz * time_s) for hz in (110.0, 277.2, 440.0, 1318.5, 3520.0))
    swell = np.sin(2 * np.pi * 0.4 * time_s) ** 8
    return (0.4 * chord * swell + 1e-3 * rng.normal(size=len(time_s))).astype(np.float32)


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ.values())
@pytest.mark.parametrize("clip_format", [SHORT, REDUCED], ids=["128 bands", "32 bands"])
def test_log_mel_equals_librosa(rate_hz, clip_format):
    waveform = music(clip_format.duration_s, rate_hz)
    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=rate_hz,
        n_fft=clip_format.window,
        hop_length=clip_format.hop,
        n_mels=clip_format.mel_bands,
    )
    expected = librosa.power_to_db(power, ref=1.0)
    log_mel = log_mel_and_phase(waveform, rate_hz, clip_format=clip_format)[0].numpy()
    assert log_mel.shape == (clip_format.mel_bands, audio_frames(rate_hz, clip_format))
    np.testing.assert_allclose(log_mel, expected, atol=0.003, rtol=0)


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ.values())
def test_phase_is_the_angle_of_the_mel_weighted_spectrum(rate_hz):
    waveform = music(SHORT.duration_s, rate_hz)
    spectrum = librosa.stft(waveform.astype(np.float64), n_fft=2048, hop_length=512)
    expected = librosa.filters.mel(sr=rate_hz, n_fft=2048, dtype=np.float64) @ spectrum
    phase = log_mel_and_phase(waveform, rate_hz, clip_format=SHORT)[1].numpy()
    # An angle means nothing where there is nothing: compare directions, weighted by magnitude.
    weight = np.abs(expected) / np.abs(expected).sum()
    error = np.abs(np.exp(1j * phase) - expected / np.abs(expected))
    assert (weight * error).sum() < 1e-4
    assert np.abs(phase).max() <= np.pi + 1e-6


def test_the_papers_shapes_come_out_for_thirty_seconds():
    for name, rate_hz in SAMPLE_RATES_HZ.items():
        waveform = np.zeros(30 * rate_hz, np.float32)
        columns = {"music": 1292, "music_slow": 1876, "music_fast": 469}[name]
        result = log_mel_and_phase(waveform, rate_hz, clip_format=PAPER_FORMAT)
        assert result.shape == (2, 128, columns)
        assert result.dtype == torch.float32


def test_a_batch_equals_its_clips_one_by_one():
    loud, quiet = music(3.0, 8_000), 1e-4 * music(3.0, 8_000, seed=1)
    batch = log_mel_and_phase(np.stack([loud, quiet]), 8_000)
    for clip, waveform in zip(batch, (loud, quiet), strict=True):
        alone = log_mel_and_phase(waveform, 8_000)
        torch.testing.assert_close(clip[0], alone[0], atol=1e-4, rtol=0)
    # The 80 dB range hangs on each clip's own maximum, not on the batch's.
    assert batch[1, 0].max() < batch[0, 0].min() + 80


def test_loudness_is_kept():
    waveform = music(3.0, 22_050)
    louder = log_mel_and_phase(2 * waveform, 22_050)[0] - log_mel_and_phase(waveform, 22_050)[0]
    torch.testing.assert_close(louder.median(), torch.tensor(20 * np.log10(2.0)).float())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_log_mel():
    waveform = music(3.0, 22_050)
    on_gpu = log_mel_and_phase(waveform, 22_050, device="cuda")
    assert on_gpu.device.type == "cuda"
    torch.testing.assert_close(
        on_gpu[0].cpu(), log_mel_and_phase(waveform, 22_050)[0], atol=0.003, rtol=0
    )


# --- Mixing, resampling, cutting ------------------------------------------------------------------
@pytest.mark.parametrize("kind", [np.float32, np.int16, np.int32, np.uint8])
@pytest.mark.parametrize("is_packed", [False, True])
def test_mono_is_the_mean_of_the_channels_at_full_scale_one(kind, is_packed):
    left, right = np.array([0.5, -1.0, 0.25]), np.array([0.0, -1.0, -0.25])
    planes = np.array([left, right])
    if kind != np.float32:
        limits = np.iinfo(kind)
        half = (int(limits.max) - int(limits.min) + 1) / 2
        planes = planes * half + (half if limits.min == 0 else 0)
    samples = planes.astype(kind)
    samples = samples.T.reshape(1, -1) if is_packed else samples
    np.testing.assert_allclose(mix_to_mono(samples, 2), [0.25, -1.0, 0.0], atol=1e-6)


def test_mono_stays_as_it_is_and_is_not_clipped():
    samples = np.array([[1.5, -2.0]], np.float32)
    np.testing.assert_array_equal(mix_to_mono(samples, 1), samples[0])


@pytest.mark.parametrize("new_rate_hz", SAMPLE_RATES_HZ.values())
def test_resampling_equals_librosas_high_quality(new_rate_hz):
    waveform = music(2.0, 44_100)
    expected = librosa.resample(waveform, orig_sr=44_100, target_sr=new_rate_hz, res_type="soxr_hq")
    resampled = resample(waveform, 44_100, new_rate_hz)
    size = min(len(resampled), len(expected))
    assert abs(len(resampled) - len(expected)) <= 1
    np.testing.assert_allclose(resampled[:size], expected[:size], atol=1e-5)


def test_cutting_is_exact_and_padding_is_zeros_at_the_end():
    waveform = np.ones(1000, np.float32)
    assert len(fit_duration(waveform, 100, 4.0)) == 400
    padded = fit_duration(waveform, 100, 11.0)
    assert len(padded) == 1100
    assert padded[:1000].all()
    assert not padded[1000:].any()


def test_too_little_audio_is_refused():
    with pytest.raises(ClipError, match=r"too short: 2\.50 s of audio; at least 2\.7 s of 3 s"):
        fit_duration(np.ones(250, np.float32), 100, 3.0)


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 2), (48_000, 2), (22_050, 1)])
def test_a_files_sound_comes_out_as_it_went_in(tmp_path, rate_hz, channels):
    movie = Movie(seconds=2.0, audio_rate_hz=rate_hz, channels=channels)
    with open_recording(write_movie(tmp_path / "clip.mp4", movie), 30.0) as recording:
        audio = recording.audio
    assert audio.sample_rate_hz == rate_hz
    heard, played = audio.waveform, tones(2.0, rate_hz, channels).mean(axis=0)
    middle = slice(rate_hz // 2, rate_hz + rate_hz // 2)
    spectrum = np.abs(np.fft.rfft(heard[middle] * np.hanning(rate_hz)))
    expected = np.abs(np.fft.rfft(played[middle] * np.hanning(rate_hz)))
    for hz in TONES_HZ[:channels]:  # AAC keeps a tone's level to within a few per cent
        assert spectrum[int(hz)] == pytest.approx(expected[int(hz)], rel=0.05)
