"""What can be measured of Section 3's class descriptions: how a clip sounds and looks."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import librosa
import numpy as np

from mvemotion.audit.signals import PICTURES_PER_S, RATE_HZ, Signals
from mvemotion.media.bars import find_bars

HOP = 512  # samples
SILENCE_DB = -60.0  # RMS of a frame below which it counts as silent; 0 dB is full scale
FLOOR = 1e-10
PITCHES_MIDI = np.arange(48, 97)  # C3 to C7: where a melody may lie, above most basses
HARMONICS = 8
DECAY = 0.8  # weight of a harmonic, of that of the one below
REPEAT_S = 2.0  # sounds further apart are a repetition, nearer ones the same sound going on
PARTIALS = 24  # loudest partials of a moment that may rub against each other
FAINTEST = 0.03  # of the loudest partial's amplitude
CUT_COLOURS = 0.2  # share of the pixels that change colour at a cut
CUT_LAYOUT = 0.5  # correlation of light and dark places below which the layout is another
STILL_GREY_LEVELS = 0.5  # mean change up to which successive pictures count as the same

# Krumhansl and Kessler (1982): how well each of the twelve tones fits C major and C minor.
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True)
class Cue:
    """One number a clip, and what it stands for."""

    name: str
    part: str  # "sound" or "picture"
    label: str
    unit: str
    how: str


# fmt: off
CUES = (
    Cue("tempo_bpm", "sound", "Tempo", "beats a minute",
        "librosa's tempo of the onset strength, which may be off by a factor of two"),
    Cue("onsets_per_s", "sound", "Onset rate", "a second",
        "how often a sound begins (librosa's onsets)"),
    Cue("rhythm_variation", "sound", "Rhythmic variation", "ratio",
        "standard deviation of the times between onsets over their mean"),
    Cue("loudness_db", "sound", "Loudness", "dB re full scale",
        "root mean square of the mean of the channels"),
    Cue("dynamic_range_db", "sound", "Dynamic range", "dB",
        "95th less 10th percentile of the loudness of 93 ms frames that are not silent"),
    Cue("attack", "sound", "Attack", "dB a frame",
        "mean onset strength: how suddenly sounds begin; low where music is soft"),
    Cue("centroid_hz", "sound", "Spectral centroid", "Hz",
        "mean over the frames that are not silent; high where the timbre is bright"),
    Cue("pitch_midi", "sound", "Pitch height", "MIDI semitones",
        "median of each frame's most salient pitch (A-weighted harmonic sum, C3 to C7)"),
    Cue("pitch_variation", "sound", "Pitch variation", "semitones",
        "80 % range of each frame's most salient pitch"),
    Cue("majorness", "sound", "Major mode", "correlation",
        "how much better the best major than the best minor key fits the chroma "
        "(Krumhansl and Kessler's profiles)"),
    Cue("roughness", "sound", "Roughness (dissonance)", "share",
        "partials that beat against each other (Plomp and Levelt's curve as Sethares gives it), "
        "for the power there is"),
    Cue("chroma_entropy", "sound", "Harmonic complexity", "share",
        "entropy of the power in the twelve tones over a second: 0 for one tone, 1 for all alike"),
    Cue("repetition", "sound", "Spectral repetition", "correlation",
        "mean correlation of log-mel spectra more than 2 s apart"),
    Cue("brightness", "picture", "Brightness", "share",
        "mean luma inside any black bars"),
    Cue("colourfulness", "picture", "Colourfulness", "Hasler-Süsstrunk",
        "spread and mean of the opponent colours inside any black bars"),
    Cue("motion", "picture", "Motion", "grey levels",
        "mean change of luma between pictures a quarter second apart, cuts left out"),
    Cue("cuts_per_min", "picture", "Cuts", "a minute",
        "changes of both the colours and the layout between pictures a quarter second apart"),
)
# fmt: on
CUE_BY_NAME = {cue.name: cue for cue in CUES}


def measure_cues(signals: Signals) -> dict[str, float]:
    """Every cue of `CUES` for one clip.

    Parameters
    ----------
    signals : Signals

    Returns
    -------
    dict of str to float
        NaN where there is nothing to measure: no onset, only silence, one picture.

    Notes
    -----
    About 0.6 s for 30 s of music and pictures on one core.
    """
    return measure_sound(signals.waveform) | measure_picture(signals.frames)


# --- Sound ----------------------------------------------------------------------------------------
def measure_sound(waveform: np.ndarray) -> dict[str, float]:
    """The cues of sound: float32 (n,) at 22,050 Hz, 1.0 at full scale."""
    spectrum = np.abs(librosa.stft(waveform, hop_length=HOP))
    level_db = frame_levels_db(waveform)
    is_heard = level_db > SILENCE_DB
    loudness_db = 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)) + FLOOR)
    cues = dict.fromkeys((cue.name for cue in CUES if cue.part == "sound"), np.nan)
    cues["loudness_db"] = float(loudness_db)
    if not is_heard.any():
        return cues
    power = spectrum**2
    log_mel = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=RATE_HZ), top_db=80)
    found = (
        _rhythm(log_mel),
        _level(level_db[is_heard]),
        {"centroid_hz": _centroid(spectrum[:, is_heard])},
        _pitch(spectrum, is_heard),
        _harmony(waveform),
        {"roughness": _roughness(waveform), "repetition": _repetition(log_mel[:, is_heard])},
    )
    for part in found:
        cues |= part
    return cues


def frame_levels_db(waveform: np.ndarray) -> np.ndarray:
    """RMS of frames of 2,048 samples every 512, dB re full scale; at least -100."""
    rms = librosa.feature.rms(y=waveform, frame_length=2048, hop_length=HOP)[0]
    return 10 * np.log10(np.square(rms, dtype=np.float64) + FLOOR)


def _rhythm(log_mel: np.ndarray) -> dict[str, float]:
    strength = librosa.onset.onset_strength(S=log_mel, sr=RATE_HZ)
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE_HZ, hop_length=HOP)
    gaps = np.diff(onsets)
    tempo = librosa.feature.tempo(onset_envelope=strength, sr=RATE_HZ, hop_length=HOP)
    return {
        "tempo_bpm": float(tempo[0]) if len(onsets) > 1 else np.nan,
        "onsets_per_s": len(onsets) / (log_mel.shape[1] * HOP / RATE_HZ),
        "rhythm_variation": float(gaps.std() / gaps.mean()) if len(gaps) > 2 else np.nan,
        "attack": float(strength.mean()),
    }


def _level(level_db: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(level_db, [10, 95])
    return {"dynamic_range_db": float(high - low)}


def _centroid(spectrum: np.ndarray) -> float:
    return float(librosa.feature.spectral_centroid(S=spectrum, sr=RATE_HZ).mean())


def _pitch(spectrum: np.ndarray, is_heard: np.ndarray) -> dict[str, float]:
    salience = _pitch_filters(spectrum.shape[0]) @ np.sqrt(_weighted(spectrum[:, is_heard]))
    pitches = PITCHES_MIDI[salience.argmax(axis=0)]
    low, middle, high = np.percentile(pitches, [10, 50, 90])
    return {"pitch_midi": float(middle), "pitch_variation": float(high - low)}


def _pitch_filters(bins: int) -> np.ndarray:
    """Weights that sum the harmonics of each of `PITCHES_MIDI`: float32 (pitches, bins)."""
    frequencies = librosa.fft_frequencies(sr=RATE_HZ, n_fft=2 * (bins - 1))
    filters = np.zeros((len(PITCHES_MIDI), bins), np.float32)
    for row, hz in enumerate(librosa.midi_to_hz(PITCHES_MIDI)):
        harmonics = hz * np.arange(1, HARMONICS + 1)
        nearest = np.abs(frequencies[:, None] - harmonics).argmin(axis=0)
        is_there = harmonics < RATE_HZ / 2
        filters[row, nearest[is_there]] += DECAY ** np.arange(HARMONICS)[is_there]
    return filters


def _weighted(spectrum: np.ndarray) -> np.ndarray:
    """Magnitudes as loud as the ear finds them (A-weighting), so that a bass hides no melody."""
    frequencies = librosa.fft_frequencies(sr=RATE_HZ, n_fft=2 * (len(spectrum) - 1))
    gains_db = librosa.A_weighting(np.maximum(frequencies, 20.0))
    return spectrum * librosa.db_to_amplitude(gains_db)[:, None]


def _harmony(waveform: np.ndarray) -> dict[str, float]:
    chroma = librosa.feature.chroma_cqt(y=waveform, sr=RATE_HZ, hop_length=2 * HOP, norm=None)
    power = _average(chroma**2, round(RATE_HZ / (2 * HOP)))
    shares = power / np.maximum(power.sum(axis=0), FLOOR)
    entropy = -(shares * np.log(shares + FLOOR)).sum(axis=0) / np.log(12)
    return {"majorness": majorness(chroma.mean(axis=1)), "chroma_entropy": float(entropy.mean())}


def majorness(chroma: np.ndarray) -> float:
    """Correlation with the best major key less that with the best minor key: float (12,)."""
    if np.ptp(chroma) == 0:
        return np.nan
    best = [
        max(np.corrcoef(chroma, np.roll(profile, tonic))[0, 1] for tonic in range(12))
        for profile in (MAJOR_PROFILE, MINOR_PROFILE)
    ]
    return float(best[0] - best[1])


def _roughness(waveform: np.ndarray) -> float:
    """Mean over moments half a second apart, each weighted by its power."""
    spectrum = np.abs(librosa.stft(waveform, n_fft=4096, hop_length=RATE_HZ // 2))
    frequencies = librosa.fft_frequencies(sr=RATE_HZ, n_fft=4096)
    is_peak = np.zeros(spectrum.shape, bool)
    is_peak[1:-1] = (spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] >= spectrum[2:])
    is_peak &= ((frequencies > 50) & (frequencies < 5000))[:, None]
    peaks = np.where(is_peak, spectrum, 0.0)
    rough = power = 0.0
    for moment in peaks.T:
        loudest = np.sort(np.argpartition(moment, -PARTIALS)[-PARTIALS:])
        loudest = loudest[moment[loudest] > FAINTEST * moment.max()]
        rough += dissonance(frequencies[loudest], moment[loudest])
        power += np.square(moment[loudest]).sum()
    return float(rough / max(power, FLOOR))


def dissonance(frequencies_hz: np.ndarray, amplitudes: np.ndarray) -> float:
    """Sethares' (1993) sensory dissonance of partials: increasing frequencies (n,), (n,)."""
    first, second = np.triu_indices(len(frequencies_hz), 1)
    gap = frequencies_hz[second] - frequencies_hz[first]
    scaled = gap * 0.24 / (0.0207 * frequencies_hz[first] + 18.96)
    curve = np.exp(-3.51 * scaled) - np.exp(-5.75 * scaled)
    return float((amplitudes[first] * amplitudes[second] * curve).sum())


def _repetition(log_mel: np.ndarray) -> float:
    step_s = 0.25
    spectra = _average(log_mel, round(step_s * RATE_HZ / HOP))
    lag = round(REPEAT_S / step_s)
    if spectra.shape[1] <= lag + 1:
        return np.nan
    similarity = np.corrcoef(spectra.T)
    return float(np.nanmean(similarity[np.triu_indices(len(similarity), lag)]))


def _average(columns: np.ndarray, width: int) -> np.ndarray:
    """Mean of every `width` successive columns; fewer at the end are left out, unless alone."""
    count = max(columns.shape[1] // width, 1)
    used = columns[:, : count * width]
    return used.reshape(len(columns), count, -1).mean(axis=2)


# --- Picture --------------------------------------------------------------------------------------
def measure_picture(frames: np.ndarray) -> dict[str, float]:
    """The cues of pictures: uint8 RGB (F, H, W, 3), a quarter second apart."""
    luma = to_luma(frames)
    bars = find_bars(luma)
    inside = np.stack([bars.crop(frame) for frame in frames])
    inside_luma = np.stack([bars.crop(picture) for picture in luma])
    change = mean_changes(inside_luma)
    is_cut = find_cuts(inside, inside_luma)
    minutes = max(len(frames) - 1, 1) / PICTURES_PER_S / 60
    return {
        "brightness": float(inside_luma.mean() / 255),
        "colourfulness": float(np.mean([colourfulness(picture) for picture in inside])),
        "motion": float(change[~is_cut].mean()) if (~is_cut).any() else np.nan,
        "cuts_per_min": float(is_cut.sum() / minutes) if len(frames) > 1 else np.nan,
    }


def to_luma(frames: np.ndarray) -> np.ndarray:
    """Brightness of uint8 RGB pictures (F, H, W, 3): uint8 (F, H, W)."""
    return np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in frames])


def mean_changes(luma: np.ndarray) -> np.ndarray:
    """Mean absolute difference of successive pictures, uint8 (F, H, W) -> float (F - 1,)."""
    return np.array([cv2.absdiff(a, b).mean() for a, b in pairwise(luma)], dtype=float)


def colourfulness(picture: np.ndarray) -> float:
    """Hasler and Süsstrunk's (2003) measure of one picture, uint8 RGB (H, W, 3)."""
    red, green, blue = picture.reshape(-1, 3).T.astype(np.float32)
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    spread, mean = opponents.std(axis=1), opponents.mean(axis=1)
    return float(np.hypot(*spread) + 0.3 * np.hypot(*mean))


def find_cuts(frames: np.ndarray, luma: np.ndarray) -> np.ndarray:
    """Between which successive pictures the scene changes.

    Parameters
    ----------
    frames : np.ndarray
        uint8 RGB (F, H, W, 3).
    luma : np.ndarray
        uint8 (F, H, W), their brightness.

    Returns
    -------
    np.ndarray
        bool (F - 1,).
    """
    colours, layouts = np.stack([_histogram(f) for f in frames]), _layouts(luma)
    new_colours = np.abs(np.diff(colours, axis=0)).sum(axis=1) / 2
    alike = (layouts[1:] * layouts[:-1]).sum(axis=1)
    return (new_colours > CUT_COLOURS) & (alike < CUT_LAYOUT)


def _histogram(picture: np.ndarray) -> np.ndarray:
    """Shares of 8 x 8 x 8 colours: float (512,)."""
    counts = cv2.calcHist([picture], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3).ravel()
    return counts / counts.sum()


def _layouts(luma: np.ndarray) -> np.ndarray:
    """Each picture's light and dark places, 16 x 9, without mean and of unit length: (F, 144)."""
    size = (16, 9)
    small = np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in luma])
    centred = small.reshape(len(luma), -1).astype(float)
    centred -= centred.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1.0)
