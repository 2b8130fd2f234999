"""What is kept of a clip to find others of its source: a few kB of colours, pictures and sound.

Clips of one video mostly show and sound other seconds of it, so that exact search finds nothing.
What they share is the grade of the picture (`colours`) and the mix, tuning and key of the sound
(`spectrum`); some share a picture, or a bar of music, exactly (`frame_hashes`, `sound_hashes`).
"""

import hashlib
from functools import lru_cache

import cv2
import librosa
import numpy as np

from mvemotion.audit.cues import to_luma
from mvemotion.audit.signals import RATE_HZ, Signals
from mvemotion.media.bars import find_bars

Fingerprint = dict[str, np.ndarray]

# --- Picture --------------------------------------------------------------------------------------
FLAT = 10.0  # standard deviation of the luma under which a picture (black, fade, fog) says nothing
HASH_SIDE = 32  # pixels, of the square that a picture is hashed as
# Rows and columns of the 16 x 16 lowest frequencies, the 8 x 8 lowest first: 256 bits.
COARSE_FIRST = tuple(np.array(sorted(np.ndindex(16, 16), key=lambda at: max(at) >= 8)).T)
THUMBNAIL = (48, 32)  # width and height of the pictures whose colours are counted
HUES, SATURATIONS, VALUES = 18, 6, 8  # bins of colour; OpenCV's hue counts to 180, the others 256
GREY, BLACK = 21, 16  # saturation, value under which a pixel has no hue worth counting
GREY_WEIGHT = 0.7  # of agreement in greys: all black-and-white films agree in those

# --- Sound ----------------------------------------------------------------------------------------
WINDOW, HOP = 8192, 2048  # samples: 0.37 s and 93 ms
QUIET_DB, SILENT_DB = 40.0, -60.0  # moments so far under the loud ones, or under full scale
LOW_HZ, HIGH_HZ, BANDS_PER_OCTAVE = 110.0, 10_000.0, 24
HASH_HZ = (300.0, 3000.0)  # what every encoder keeps and every song fills
SILENCE = 1e-12  # power
DYNAMIC_RANGE_DB = 80.0  # under the loudest band of the clip


def fingerprint(signals: Signals) -> Fingerprint:
    """Measure what clips of one source have in common.

    Parameters
    ----------
    signals : Signals
        One decoded clip.

    Returns
    -------
    dict of np.ndarray
        ``content``: uint8 (16,), digest of the decoded samples and pictures.
        ``colours``: float16 (872,), root of the share of the pixels by hue, saturation and value,
        greys apart and weighed less; zeros if every picture is flat.
        ``frame_hashes``, ``frame_times_s``: uint64 (n, 4) and float32 (n,) of the pictures that
        are not flat: signs of their low spatial frequencies, the lowest in the first word.
        ``spectrum``: float16 (154,), unit vector: how the mean level differs between bands an
        octave's twelfth apart; zeros if all is silent.
        ``sound_hashes``: uint32 (L,), one every 93 ms: signs of the level's changes over time and
        frequency (Haitsma and Kalker, ISMIR 2002); 0 where it is silent.
    """
    return {"content": _digest(signals), **_see(signals), **_hear(signals.waveform)}


def _digest(signals: Signals) -> np.ndarray:
    digest = hashlib.sha256(signals.waveform.tobytes())
    digest.update(np.ascontiguousarray(signals.frames).tobytes())
    return np.frombuffer(digest.digest()[:16], np.uint8)


def _see(signals: Signals) -> Fingerprint:
    luma = to_luma(signals.frames)
    bars = find_bars(luma)
    small = [_shrink(bars.crop(picture), (HASH_SIDE, HASH_SIDE)) for picture in luma]
    shown = [i for i, picture in enumerate(small) if picture.std() >= FLAT]
    thumbnails = [_shrink(bars.crop(signals.frames[i]), THUMBNAIL) for i in shown]
    return {
        "colours": _count_colours(thumbnails).astype(np.float16),
        "frame_hashes": _hash_pictures([small[i] for i in shown]),
        "frame_times_s": signals.times_s[shown].astype(np.float32),
    }


def _shrink(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)


def _count_colours(thumbnails: list[np.ndarray]) -> np.ndarray:
    """Root of the weighed shares: the product of two is their Bhattacharyya coefficient."""
    coloured, grey = np.zeros(HUES * SATURATIONS * VALUES), np.zeros(VALUES)
    for picture in thumbnails:
        hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).reshape(-1, 3).astype(np.int64)
        hue, saturation, value = (hsv * (HUES, SATURATIONS, VALUES) // (180, 256, 256)).T
        is_grey = (hsv[:, 1] < GREY) | (hsv[:, 2] < BLACK)
        place = (hue * SATURATIONS + saturation) * VALUES + value
        coloured += np.bincount(place[~is_grey], minlength=len(coloured))
        grey += np.bincount(value[is_grey], minlength=VALUES)
    pixels = max(coloured.sum() + grey.sum(), 1)
    return np.sqrt(np.concatenate([coloured, GREY_WEIGHT * grey]) / pixels)


def _hash_pictures(pictures: list[np.ndarray]) -> np.ndarray:
    """Signs of the discrete cosine transform's lowest frequencies: uint64 (n, 4)."""
    spectra = [cv2.dct(picture.astype(np.float32)) for picture in pictures]
    lowest = np.array(spectra).reshape(-1, HASH_SIDE, HASH_SIDE)[:, *COARSE_FIRST]
    return np.packbits(np.ascontiguousarray(lowest) > 0, axis=1, bitorder="little").view(np.uint64)


def _hear(waveform: np.ndarray) -> Fingerprint:
    padded = np.pad(waveform, (0, max(WINDOW - len(waveform), 0)))
    spectrum = librosa.stft(padded, n_fft=WINDOW, hop_length=HOP)
    power = np.abs(spectrum / (WINDOW / 4)) ** 2  # 1.0 at the peak of a full-scale sine
    moments_db = 10 * np.log10(power.sum(0) + SILENCE)
    threshold_db = max(np.quantile(moments_db, 0.9) - QUIET_DB, SILENT_DB)
    is_heard = moments_db > threshold_db
    return {
        "spectrum": _describe_spectrum(power[:, is_heard]).astype(np.float16),
        "sound_hashes": _hash_sound(power, is_heard),
    }


def _describe_spectrum(power: np.ndarray) -> np.ndarray:
    """Differences of the mean level (dB) between bands two steps apart, as a unit vector.

    An equaliser or an encoder tilts all bands alike and leaves these as they were.
    """
    bands = _bands(LOW_HZ, HIGH_HZ, int(BANDS_PER_OCTAVE * np.log2(HIGH_HZ / LOW_HZ)))
    if not power.size:
        return np.zeros(len(bands) - 2)
    mean_db = _level_db(bands @ power).mean(1)
    steps = mean_db[2:] - mean_db[:-2]
    steps = steps - steps.mean()
    return steps / max(np.linalg.norm(steps), 1e-9)


def _hash_sound(power: np.ndarray, is_heard: np.ndarray) -> np.ndarray:
    """Signs of how the steps between 33 bands change from one moment to the next: uint32 (L,)."""
    levels = _level_db(_bands(*HASH_HZ, 33) @ power)
    change = np.diff(np.diff(levels, axis=0), axis=1, prepend=np.nan) > 0  # (32, L)
    hashes = np.packbits(np.ascontiguousarray(change.T), axis=1).view(np.uint32).ravel()
    return np.where(is_heard, hashes, 0).astype(np.uint32)


def _level_db(power: np.ndarray) -> np.ndarray:
    floor = power.max(initial=SILENCE) * 10 ** (-DYNAMIC_RANGE_DB / 10)
    return 10 * np.log10(np.maximum(power, floor))


@lru_cache(maxsize=2)
def _bands(low_hz: float, high_hz: float, count: int) -> np.ndarray:
    """Triangular filters at equal steps of pitch, each of unit sum: float32 (count, bins)."""
    bin_hz = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    edges = np.geomspace(low_hz, high_hz, count + 2)[:, None]
    rising = (bin_hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bin_hz) / (edges[2:] - edges[1:-1])
    filters = np.minimum(rising, falling).clip(0)
    return (filters / filters.sum(1, keepdims=True)).astype(np.float32)
