"""The sound of a synthetic clip: additive synthesis, drums from noise, a small room.

All is computed in float64 and rounded to the 16-bit grid, so that the last bit of a sine, which
differs between processors, never reaches the waveform.
"""

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from mvemotion.data.synthetic.factors import Factors
from mvemotion.data.synthetic.score import Note, compose

SAMPLE_RATE_HZ = 44_100
PARTIALS = {  # gain of the first, second, ... harmonic
    "pad": (1.0, 0.35, 0.20, 0.08),
    "bass": (1.0, 0.55, 0.25, 0.12),
    "lead": (1.0, 0.50, 0.33, 0.20, 0.12, 0.06),
    "flute": (1.0, 0.22, 0.08, 0.03),
    "lute": (1.0, 0.70, 0.45, 0.35, 0.20, 0.14, 0.08),
    "reed": (1.0, 0.10, 0.60, 0.08, 0.35, 0.06, 0.20),
}
PAN = {"pad": 0.0, "bass": 0.0, "melody": 0.15, "kick": 0.0, "snare": -0.1, "hat": 0.35}
DRUMS = ("kick", "snare", "hat")
VIBRATO_HZ = 5.5
ROUGHNESS_HZ = 35.0
KNEE, PEAK = 0.6, 0.98  # the soft limit begins and ends here


def render_sound(factors: Factors) -> np.ndarray:
    """Waveform of one clip, float32 (samples, 2), 44.1 kHz, in [-1, 1], on the 16-bit grid."""
    length = round(factors.duration_s * SAMPLE_RATE_HZ)
    rng = factors.generator("sound")
    dry = np.zeros((length, 2))
    for note in compose(factors):
        start = round(note.start_s * SAMPLE_RATE_HZ)
        wave = _voice(note, factors, rng)[: max(0, length - start), None]
        pan = PAN[note.voice]
        dry[start : start + len(wave)] += note.gain * wave * (1 - pan, 1 + pan)
    return _master(_with_room(dry, rng), factors.loudness_db)


def _voice(note: Note, factors: Factors, rng) -> np.ndarray:
    if note.voice in DRUMS:
        return _drum(note, rng)
    return _tone(note, factors)


def _tone(note: Note, factors: Factors) -> np.ndarray:
    """Harmonics under one envelope; the melody swings with the vibrato."""
    is_melody = note.voice == "melody"
    attack_s = {"pad": 0.12, "bass": 0.01}.get(note.voice, _melody_attack_s(factors))
    release_s = 0.03 + attack_s
    length_s = min(note.length_s + release_s, factors.duration_s - note.start_s)
    time_s = np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    cents = factors.vibrato_cents if is_melody else 4.0
    frequency_hz = 440 * 2 ** ((note.pitch - 69) / 12)
    # The integral of frequency * (1 + depth sin(2 pi v t)); depth is small, so cents are linear.
    depth = cents / 1200 * np.log(2) / (2 * np.pi * VIBRATO_HZ)
    cycles = frequency_hz * (time_s - depth * np.cos(2 * np.pi * VIBRATO_HZ * time_s))
    partials = PARTIALS[factors.instrument if is_melody else note.voice]
    gains = [g for n, g in enumerate(partials, 1) if n * frequency_hz < 16_000]
    wave = _harmonics(2 * np.pi * cycles, gains)
    if note.voice == "pad":  # beats, as of two tones a semitone apart: the ear's roughness
        wave *= 1 - 0.7 * factors.dissonance * np.sin(np.pi * ROUGHNESS_HZ * time_s) ** 2
    return wave * _envelope(time_s, note, attack_s, release_s)


def _melody_attack_s(factors: Factors) -> float:
    """A lute is plucked, however soft the music."""
    return min(factors.attack_ms, 12.0 if factors.instrument == "lute" else np.inf) / 1000


def _harmonics(angle: np.ndarray, gains: list[float]) -> np.ndarray:
    """Sum of gains[n - 1] * sin(n * angle), each sine from the two before it (Chebyshev)."""
    before, sine, twice_cosine = 0.0, np.sin(angle), 2 * np.cos(angle)
    wave = gains[0] * sine
    for gain in gains[1:]:
        before, sine = sine, twice_cosine * sine - before
        wave += gain * sine
    return wave


def _envelope(time_s: np.ndarray, note: Note, attack_s: float, release_s: float) -> np.ndarray:
    """Linear attack, exponential decay (quick for plucked notes), linear release."""
    attack = np.minimum(time_s / attack_s, 1.0)
    release = np.clip((note.length_s + release_s - time_s) / release_s, 0.0, 1.0)
    decay_s = 3.0 if note.voice == "pad" else 0.15 + 12 * attack_s
    return attack * release * np.exp(-time_s / decay_s)


def _drum(note: Note, rng) -> np.ndarray:
    time_s = np.arange(round(note.length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    if note.voice == "kick":
        cycles = 48 * time_s + 3.2 * (1 - np.exp(-time_s / 0.035))  # falls from 140 to 48 Hz
        return 1.3 * np.sin(2 * np.pi * cycles) * np.exp(-time_s / 0.09)
    noise = rng.standard_normal(len(time_s))
    if note.voice == "hat":
        return 0.18 * np.diff(noise, prepend=0.0) * np.exp(-time_s / 0.025)
    body = 0.5 * np.sin(2 * np.pi * 185 * time_s)
    return (0.35 * noise + body) * np.exp(-time_s / 0.07)


def _with_room(dry: np.ndarray, rng) -> np.ndarray:
    """Add the decaying, darkened noise of a small hall."""
    time_s = np.arange(round(0.9 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = rng.standard_normal((len(time_s), 2)) * np.exp(-time_s / 0.22)[:, None]
    tail = sosfilt(butter(2, 3_500, fs=SAMPLE_RATE_HZ, output="sos"), tail, axis=0)
    tail *= 0.28 / np.sqrt(np.sum(tail**2, axis=0))
    return dry + fftconvolve(dry, tail, axes=0)[: len(dry)]


def _master(mix: np.ndarray, loudness_db: float) -> np.ndarray:
    """Fade the ends, set the RMS, round off what would clip, and go to the 16-bit grid."""
    fade = np.minimum(np.arange(len(mix)) / (0.01 * SAMPLE_RATE_HZ), 1.0)
    mix = mix * (fade * fade[::-1])[:, None]
    target = 10 ** (loudness_db / 20)
    for _ in range(3):  # the soft limit lowers the RMS a little; so aim again
        mix *= target / np.sqrt(np.mean(mix**2))
        is_loud = np.abs(mix) > KNEE
        loud = mix[is_loud]
        over = (np.abs(loud) - KNEE) / (PEAK - KNEE)
        mix[is_loud] = np.sign(loud) * (KNEE + (PEAK - KNEE) * np.tanh(over))
    on_grid = np.rint(mix * 32_767) / 32_768
    return (on_grid + 0.0).astype(np.float32)  # adding 0 turns -0.0, which has other bits, to 0.0
