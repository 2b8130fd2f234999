"""What music classifiers were given before networks: librosa's features of each clip's sound.

Per clip 174 numbers, `FEATURES`: the mean and the standard deviation over time of 86 rows (MFCCs
with their first and second deltas, chroma, spectral contrast, shape of the spectrum, loudness, zero
crossings, onset strength), then tempo and onsets a second. All of it by librosa's defaults, at
22,050 Hz with windows of 2,048 samples every 512, as the paper's spectrograms (assumption 24).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mvemotion.data.convert import FAILURES
from mvemotion.data.sources import hash_file
from mvemotion.data.store import Store
from mvemotion.data.workers import run_each
from mvemotion.errors import ClipError, DataError
from mvemotion.files import write_atomically
from mvemotion.media.audio import fit_duration, resample
from mvemotion.media.container import open_recording
from mvemotion.specs import SAMPLE_RATES_HZ

VERSION = 1  # of the features: another one is computed anew
RATE_HZ = SAMPLE_RATES_HZ["music"]
COEFFICIENTS = 20  # MFCCs
FEW = 32  # clips that take no longer here than processes take to start
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
ROWS = (
    *(f"{kind}_{n}" for kind in ("mfcc", "mfcc_delta", "mfcc_delta2") for n in range(COEFFICIENTS)),
    *(f"chroma_{note}" for note in NOTES),
    *(f"contrast_{band}" for band in range(7)),  # six octaves from 200 Hz, and what is below
    *("centroid", "bandwidth", "rolloff", "flatness", "rms", "zero_crossings", "onset_strength"),
)
FEATURES = (
    *(f"{row}_{moment}" for moment in ("mean", "sd") for row in ROWS),
    *("tempo_bpm", "onsets_per_s"),
)


def music_features(waveform: np.ndarray) -> np.ndarray:
    """Numbers on a piece of music.

    Parameters
    ----------
    waveform : np.ndarray
        Mono, float32 (N,), at 22,050 Hz; 1.0 at full scale.

    Returns
    -------
    np.ndarray
        float64 (174,), in the order of `FEATURES`.
    """
    import librosa  # takes seconds, and training does without

    onsets = librosa.onset.onset_strength(y=waveform, sr=RATE_HZ)
    rows = _rows(waveform, onsets)
    tempo = librosa.feature.tempo(onset_envelope=onsets, sr=RATE_HZ)
    times = librosa.onset.onset_detect(onset_envelope=onsets, sr=RATE_HZ)
    rate = len(times) / (len(waveform) / RATE_HZ)
    return np.concatenate([rows.mean(1), rows.std(1), tempo, [rate]])


def _rows(waveform: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Values of `ROWS` over time, float64 (86, L)."""
    from librosa import feature

    magnitudes = _magnitudes(waveform)
    spectrum = {"S": magnitudes, "sr": RATE_HZ}
    mfcc = feature.mfcc(y=waveform, sr=RATE_HZ, n_mfcc=COEFFICIENTS)
    deltas = [feature.delta(mfcc, order=order, mode="nearest") for order in (1, 2)]
    parts = (
        *(mfcc, *deltas),
        feature.chroma_stft(S=magnitudes**2, sr=RATE_HZ, tuning=0.0),
        feature.spectral_contrast(**spectrum),
        feature.spectral_centroid(**spectrum),
        feature.spectral_bandwidth(**spectrum),
        feature.spectral_rolloff(**spectrum),
        feature.spectral_flatness(S=magnitudes),
        feature.rms(y=waveform),
        feature.zero_crossing_rate(waveform),
        onsets[None],
    )
    return np.concatenate(parts).astype(np.float64)


def _magnitudes(waveform: np.ndarray) -> np.ndarray:
    """Short-time spectrum, float32 (1025, L)."""
    import librosa

    return np.abs(librosa.stft(waveform))


# --- Of a store's clips ---------------------------------------------------------------------------
def why_no_sound(store: Store) -> str:
    """Why the sound of a store's clips cannot be heard again; empty if their files are there."""
    if store.raw_dir is None:
        return (
            "where the clips' own files lie is not known; `mvemotion prepare RAW STORE` with the "
            "same options notes it"
        )
    paths = store.clips()["path"]
    missing = [path for path in paths if not (store.raw_dir / path).is_file()]
    if missing:
        return (
            f"{len(missing)} of {len(paths)} clips' own files are not in {store.raw_dir.name}/, "
            f"such as {missing[0]}; put them there, or prepare again from where they are"
        )
    return ""


def read_music_features(
    store: Store, folder: Path, *, workers: int | None = None, progress: bool = True
) -> pd.DataFrame:
    """Features of every usable clip, by its id; those computed before are read.

    Parameters
    ----------
    store : Store
        Its clips' own files are decoded again, since a spectrogram in mel bands has not all that
        the features need. They must be those that were prepared, to the byte.
    folder : Path
        Where the features are kept, one small file a clip, by `VERSION` and the store's checksum.
    workers : int, optional
        Processes; by default none but this one for few clips, else one a core. 0: none.
    progress : bool
        Show a bar on a terminal.

    Returns
    -------
    DataFrame
        Columns `FEATURES`, float64; index the id.

    Raises
    ------
    DataError
        If a file is gone, was changed, or cannot be decoded.
    """
    kept = Path(folder) / f"version-{VERSION}" / store.checksum()[:16]
    clips = store.clips()
    targets = {clip_id: kept / f"{clip_id}.npy" for clip_id in clips["id"]}
    missing = clips[[not targets[clip_id].is_file() for clip_id in clips["id"]]]
    if len(missing):
        _refuse_no_sound(store)
        jobs = [_job(store, row, targets[row.id]) for row in missing.itertuples()]
        _measure_all(jobs, store, workers=workers, progress=progress)
    values = np.stack([np.load(path) for path in targets.values()])
    return pd.DataFrame(values, columns=list(FEATURES), index=list(targets))


def _job(store: Store, row, target: Path) -> tuple:
    return store.raw_dir / row.path, row.sha256, store.clip_format.duration_s, target


def _refuse_no_sound(store: Store) -> None:
    reason = why_no_sound(store)
    if reason:
        raise DataError(f"{store.root}: {reason}")


def _measure_all(jobs: list[tuple], store: Store, *, workers: int | None, progress: bool) -> None:
    if workers is None and len(jobs) <= FEW:
        workers = 0
    done = run_each(_measure, jobs, workers=workers)
    bar = tqdm(
        done, "music features", total=len(jobs), unit="clip", disable=None if progress else True
    )
    for (path, *_), problem in bar:
        if problem != "":
            found = problem or "the process that decoded it ended, twice"
            raise DataError(f"{path.relative_to(store.raw_dir)}: {found}")


def _measure(path: Path, sha256: str, duration_s: float, target: Path) -> str:
    """Write one clip's features; returns what is wrong with it, empty if nothing."""
    try:
        if hash_file(path) != sha256:
            return "changed since it was prepared; prepare again"
        features = music_features(_waveform(path, duration_s))
    except ClipError as error:
        return str(error)
    except FAILURES as error:
        return f"{type(error).__name__}: {error}"
    write_atomically(target, lambda part: np.save(part, features))
    return ""


def _waveform(path: Path, duration_s: float) -> np.ndarray:
    """The sound as the music networks get it, before its spectrogram: float32 (N,)."""
    with open_recording(path, duration_s) as recording:
        audio = recording.audio
        heard = resample(audio.stretch(0, audio.end), audio.sample_rate_hz, RATE_HZ)
    return fit_duration(heard, RATE_HZ, duration_s)
