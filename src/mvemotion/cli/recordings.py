"""Which recordings are meant by the paths of a command, and where the results of each go."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from mvemotion.data.sources import SUFFIXES
from mvemotion.errors import InputError

SOUND = (".mp3", ".m4a", ".wav", ".flac", ".ogg", ".opus", ".aac", ".wma")
LONGEST = 180  # bytes of a name: of the 255 that a file system takes, some are for endings
KNOWN = (*SUFFIXES, *SOUND, ".ts", ".m2ts", ".mts", ".ogv", ".mxf")


def find_recordings(given: Iterable[Path]) -> dict[Path, Path]:
    """Each file that is named, and each recording in or below a folder, by its name.

    Returns
    -------
    dict of Path
        To each recording its path below the folder that was given; of a file, its name.

    Raises
    ------
    InputError
        If there is no recording in a folder.
    """
    found = {}
    for path in given:
        if not path.is_dir():
            found[path] = Path(path.name)
            continue
        below = [p for p in sorted(path.rglob("*")) if _is_recording(p, path)]
        if not below:
            raise InputError(
                f"{path}: no recording in or below this folder; files that end in "
                f"{', '.join(KNOWN)} are looked for; others can be named one by one"
            )
        found |= {p: p.relative_to(path) for p in below}
    return found


def _is_recording(path: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix.lower() in KNOWN and path.is_file() and not is_hidden


def name_outputs(recordings: Mapping[Path, Path], out: Path) -> dict[Path, Path]:
    """``<out>/<path below the folder>.timeline``; the suffix stays where two share a name.

    Of a name of more than 180 bytes, its beginning and eight digits of its hash.

    Raises
    ------
    InputError
        If results of two recordings would overwrite each other all the same.
    """
    stems = Counter(place.with_name(place.stem) for place in recordings.values())
    outputs = {}
    for path, place in recordings.items():
        stem = place.with_name(place.stem)
        name = stem.name if stems[stem] == 1 else place.name
        outputs[path] = out / place.with_name(f"{_short(name)}.timeline")
    for output, count in Counter(outputs.values()).most_common(1):
        if count > 1:
            raise InputError(
                f"{count} videos would write {output}.*; give the folder above them, or predict "
                "them one by one, with an --out for each"
            )
    return outputs


def _short(name: str) -> str:
    encoded = os.fsencode(name)
    if len(encoded) <= LONGEST:
        return name
    start = encoded[: LONGEST - 9].decode(errors="ignore")
    return f"{start}-{hashlib.sha256(encoded).hexdigest()[:8]}"
