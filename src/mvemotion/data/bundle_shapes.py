"""The authors' arrays by name: their axes, and the sizes of a clip that follow from them."""

from mvemotion.data.array_files import StoredArray
from mvemotion.errors import ClipError
from mvemotion.specs import SAMPLE_RATES_HZ, ClipFormat, audio_frames

STORED_AS = {"melphase": "music", "video3D_fast": "video", "face_fast": "face"}
AXES = {
    "melphase": "(mel bands, audio frames, 2)",
    "video3D_fast": "(rows, as many columns, frames, 3)",
    "video3D_slow": "(rows, as many columns, frames, 3)",
    "face_fast": "(rows, as many columns, frames, 3)",
}


def check_arrays(arrays: dict[str, StoredArray]) -> int | None:
    """Clips along the first axis; None if the arrays are of one clip, without that axis.

    Raises
    ------
    ClipError
        ``other arrays`` if they are not what they must be: type, axes, or number of clips.
    """
    strange = {name: array for name, array in arrays.items() if array.dtype.kind not in "uif"}
    if strange:
        raise _other_arrays(strange, "real numbers are needed; objects are never unpickled")
    count = _count_clips(arrays)
    _check_axes(arrays, is_single=count is None)
    return count


def sizes_of(layout: dict[str, tuple[int, ...]], clip_format: ClipFormat) -> dict[str, object]:
    """The fields of `ClipFormat` that the shapes of one clip's arrays determine.

    Where they leave a choice (seconds of sound, C3D's frames), `clip_format` makes it.
    """
    sizes: dict[str, object] = {}
    if "melphase" in layout:
        sizes["mel_bands"], columns, _ = layout["melphase"]
        sizes["duration_s"] = _duration(columns, clip_format)
    for name in ("face_fast", "video3D_fast"):
        if name in layout:
            sizes["frame_size"], _, sizes["frames"], _ = layout[name]
    if "frames" in sizes:
        slow_frames = layout.get("video3D_slow", (0, 0, clip_format.slow_frames))[2]
        sizes["slow_frames"] = min(slow_frames, sizes["frames"])
        sizes["c3d_frames"] = min(clip_format.c3d_frames, sizes["frames"])
    return sizes


def _duration(columns: int, clip_format: ClipFormat) -> float:
    """Seconds of sound in so many spectrogram columns: the format's, if they fit."""
    rate_hz = SAMPLE_RATES_HZ["music"]
    if audio_frames(rate_hz, clip_format) == columns:
        return clip_format.duration_s
    return round((columns - 0.5) * clip_format.hop / rate_hz, 3)  # amid those that give as many


def _count_clips(arrays: dict[str, StoredArray]) -> int | None:
    extra = {len(array.shape) - AXES[name].count(",") - 1 for name, array in arrays.items()}
    counts = {array.shape[0] for array in arrays.values() if array.shape}
    if extra == {0}:
        return None
    if extra == {1} and len(counts) == 1 and counts != {0}:
        return counts.pop()
    raise _other_arrays(arrays, "arrays must be of one clip, or all of the same number of clips")


def _check_axes(arrays: dict[str, StoredArray], *, is_single: bool) -> None:
    for name, array in arrays.items():
        rule = _broken_rule(name, array, is_single)
        if rule:
            raise _other_arrays({name: array}, rule)
    pictures = {n: a for n, a in arrays.items() if n in ("video3D_fast", "face_fast")}
    if len({array.shape for array in pictures.values()}) > 1:
        raise _other_arrays(pictures, "both must have the same shape")


def _broken_rule(name: str, array: StoredArray, is_single: bool) -> str:
    """What the axes of an array should be and are not; "" if all is well."""
    shape, is_music = array.shape if is_single else array.shape[1:], name == "melphase"
    if shape[-1] != (2 if is_music else 3) or not (is_music or shape[0] == shape[1]):
        return f"the axes of a clip must be {AXES[name]}"
    if array.is_fortran and not is_single:
        return "the first axis lies innermost; save it again after numpy.ascontiguousarray"
    return "no axis may be empty" if 0 in array.shape else ""


def _other_arrays(arrays: dict[str, StoredArray], rule: str) -> ClipError:
    found = ", ".join(f"{name} {array}" for name, array in arrays.items())
    return ClipError("other arrays", f"{found}: {rule}; mend the file, or move it away")
