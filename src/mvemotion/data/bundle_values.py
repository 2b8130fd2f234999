"""What the numbers in bundled arrays mean, and their way to those of a store (assumption 23)."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from tqdm import tqdm

from mvemotion.data.array_files import StoredArray
from mvemotion.data.bundle_shapes import STORED_AS
from mvemotion.data.bundles import Bundle, read_clips
from mvemotion.errors import ClipError, DataError
from mvemotion.media.sampling import frame_indices

BYTES = [0.0, 255.0]
LOUDEST_DB = 100.0  # sound at full scale stays below 60 dB with this window; power goes far beyond
Limits = dict[tuple[str, bool], list[float]]  # least and greatest value, by split and is-float


@dataclass(frozen=True)
class Reading:
    """What the numbers of bundled arrays mean, alike for all clips of a store (assumption 23)."""

    video: list[float]  # the values that are stored as 0 and as 255
    face: list[float]
    is_power: bool  # channel 0 of melphase is power, not decibels

    def option(self) -> dict[str, object]:
        """This reading as an option of the store."""
        return {"bundles": asdict(self)}


def survey(bundles: list[Bundle], *, progress: bool = True) -> Reading:
    """Find out what the numbers mean, by their range over all clips.

    Bytes are not looked at: they are what they are stored as.

    Raises
    ------
    DataError
        If the values of an array are of no known range, or of another in each split; or a file of
        many clips is damaged.
    """
    limits: dict[str, Limits] = {name: {} for name in STORED_AS}
    total = sum(len(bundle.sources) for bundle in bundles)
    with tqdm(total=total, desc="survey", unit="clip", disable=None if progress else True) as bar:
        for bundle in bundles:
            _widen_by_bundle(limits, bundle)
            bar.update(len(bundle.sources))
    return Reading(
        video=_white_and_black("video3D_fast", limits["video3D_fast"]),
        face=_white_and_black("face_fast", limits["face_fast"]),
        is_power=_is_power(limits["melphase"]),
    )


def reading_of(description: dict) -> Reading:
    """The reading that a store was begun with; for one of videos, that of bytes."""
    bytes_alone = {"video": BYTES, "face": BYTES, "is_power": False}
    return Reading(**description["options"].get("bundles", bytes_alone))


def convert_arrays(
    arrays: dict[str, np.ndarray], reading: Reading
) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """One clip, from the authors' arrays to those of the store.

    Parameters
    ----------
    arrays : dict of np.ndarray
        ``melphase`` (M, L, 2), ``video3D_fast``, ``video3D_slow`` and ``face_fast`` (H, W, T, 3),
        or some of them.
    reading : Reading
        What the numbers mean.

    Returns
    -------
    arrays : dict of np.ndarray
        As `Store.read` gives them. Frames of faces count from 0: which frame of the video each
        came from is not known.
    facts : dict
        Columns of the manifest.

    Raises
    ------
    ClipError
        ``not finite`` or ``out of range``.
    DataError
        If pictures are beyond the range that `reading` was found from.
    """
    _check_finite(arrays)
    stored = {}
    if "melphase" in arrays:
        stored["music"] = _music(arrays["melphase"], reading.is_power)
    if "video3D_fast" in arrays:
        stored["video"] = _to_bytes(arrays["video3D_fast"], reading.video)
    if "face_fast" in arrays:
        stored["face"], stored["face_source"] = _faces(arrays["face_fast"], reading.face)
    sources = stored.get("face_source", np.zeros(0))
    facts = {
        "face_frames": int((sources >= 0).sum()),
        "face_searched": len(sources),
        "detail": _slow_frames_remark(arrays),
        "sha256": _digest(stored),
    }
    return stored, facts


# --- What the numbers mean ------------------------------------------------------------------------
def _widen_by_bundle(limits: dict[str, Limits], bundle: Bundle) -> None:
    """Take the values of one file into the limits, but for clips that are not finite."""
    arrays = {name: a for name, a in bundle.arrays.items() if name in STORED_AS}
    split = bundle.sources[0].split
    for name, array in arrays.items():
        if array.dtype == np.uint8:
            limits[name][split, False] = BYTES
    looked_at = {name: a for name, a in arrays.items() if a.dtype != np.uint8}
    for clip in _readable(bundle, looked_at):
        for name, values in clip.items():
            values = values[..., 0] if name == "melphase" else values
            if np.isfinite(values).all():
                _widen(limits[name], (split, values.dtype.kind == "f"), values)


def _readable(bundle: Bundle, arrays: dict[str, StoredArray]) -> Iterator[dict[str, np.ndarray]]:
    try:
        for _, clip in read_clips(bundle, arrays, range(len(bundle.sources))):
            yield clip
    except ClipError:  # one clip, which `ingest` will name
        return


def _widen(limits: Limits, key: tuple[str, bool], values: np.ndarray) -> None:
    low, high = float(values.min()), float(values.max())
    before = limits.get(key, [low, high])
    limits[key] = [min(low, before[0]), max(high, before[1])]


def _white_and_black(name: str, limits: Limits) -> list[float]:
    """The values to be stored as 0 and 255."""
    scales = {_scale(name, low, high, is_float) for (_, is_float), (low, high) in limits.items()}
    if len(scales) > 1:
        raise DataError(
            f"{name}: {_in_words(limits)}: {' and '.join(sorted(scales))}; all files must use one "
            "scale: prepare them into stores of their own, or save them alike"
        )
    if scales == {"standardised"}:
        return [min(low for low, _ in limits.values()), max(high for _, high in limits.values())]
    return [0.0, 1.0] if scales == {"0 to 1"} else BYTES


def _scale(name: str, low: float, high: float, is_float: bool) -> str:
    if is_float and low < 0 < high:
        return "standardised"
    if is_float and low >= 0 and high <= 1:
        return "0 to 1"
    if low >= 0 and high <= 255:
        return "0 to 255"
    raise DataError(
        f"{name}: values from {low:g} to {high:g}; needed are 0 to 255, floats from 0 to 1, or "
        "standardised floats, around 0"
    )


def _is_power(limits: Limits) -> bool:
    """Whether channel 0 of melphase cannot be decibels: nowhere negative, and huge."""
    has_power = any(low >= 0 and high > LOUDEST_DB for low, high in limits.values())
    if has_power and any(low < 0 for low, _ in limits.values()):
        raise DataError(
            f"melphase, channel 0: {_in_words(limits)}: power and decibels; all files must hold "
            "the same: prepare them into stores of their own, or save them alike"
        )
    return has_power


def _in_words(limits: Limits) -> str:
    return ", ".join(
        f"{split} {low:g} to {high:g}{'' if is_float else ' (whole numbers)'}"
        for (split, is_float), (low, high) in sorted(limits.items())
    )


# --- Numbers --------------------------------------------------------------------------------------
def _check_finite(arrays: dict[str, np.ndarray]) -> None:
    for name in [name for name in STORED_AS if name in arrays]:
        count = int(arrays[name].size - np.isfinite(arrays[name]).sum())
        if count:
            found = f"{count} of {arrays[name].size} values of {name} are NaN or infinite"
            raise ClipError("not finite", f"{found}; mend or remove the clip")


def _music(melphase: np.ndarray, is_power: bool) -> np.ndarray:
    """(M, L, 2) -> float16 (2, M, L), the first channel in dB."""
    channels = np.moveaxis(melphase, -1, 0).astype(np.float32)
    if is_power:
        channels[0] = _decibels(channels[0])
    greatest, limit = float(np.abs(channels).max()), float(np.finfo(np.float16).max)
    if greatest > limit:
        found = f"melphase reaches {greatest:g}"
        raise ClipError("out of range", f"{found}; at most {limit:g} is needed, as in decibels")
    return channels.astype(np.float16)


def _decibels(power: np.ndarray) -> np.ndarray:
    import torch  # only where it is power, which no bundle that we know of holds

    from mvemotion.media.spectrograms import power_to_db

    return power_to_db(torch.from_numpy(power)).numpy()


def _to_bytes(pictures: np.ndarray, limits: list[float]) -> np.ndarray:
    """Pictures of any number type -> uint8, `limits` becoming 0 and 255."""
    low, high = limits
    if pictures.dtype == np.uint8 and limits == BYTES:
        return pictures
    found = float(pictures.min()), float(pictures.max())
    if found[0] < low or found[1] > high:
        raise DataError(
            f"pictures from {found[0]:g} to {found[1]:g}, but the store was begun with pictures "
            f"from {low:g} to {high:g}; prepare the changed files into a new folder"
        )
    scaled = (pictures.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.rint(scaled).clip(0, 255).astype(np.uint8)


def _faces(pictures: np.ndarray, limits: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """The face stream and its frames; pictures of one single value show no face."""
    frames = pictures.shape[2]
    if pictures.min() == pictures.max():
        return np.zeros(pictures.shape, np.uint8), np.full(frames, -1, np.int32)
    return _to_bytes(pictures, limits), np.arange(frames, dtype=np.int32)


def _slow_frames_remark(arrays: dict[str, np.ndarray]) -> str:
    """Says if the slow frames are not those that are taken from the fast ones (assumption 2)."""
    if not {"video3D_fast", "video3D_slow"} <= arrays.keys():
        return ""
    fast, slow = arrays["video3D_fast"], arrays["video3D_slow"]
    taken = fast[:, :, frame_indices(fast.shape[2], slow.shape[2])]
    is_same = taken.shape == slow.shape and np.allclose(taken, slow, rtol=1e-3, atol=1e-3)
    return "" if is_same else "video3D_slow is not taken evenly from video3D_fast; it is not used"


def _digest(arrays: dict[str, np.ndarray]) -> str:
    """Sha256 of the stored arrays with their names."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.name} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
