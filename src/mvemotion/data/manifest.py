"""The manifest of a store: one row of facts for every source file, used or not."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mvemotion.errors import DataError
from mvemotion.files import write_bytes

COLUMNS = {  # of the manifest, one row a source file
    "id": "str",
    "split": "str",
    "emotion": "str",
    "path": "str",  # relative to the raw folder
    "status": "str",  # "ok", or the reason why the clip is not in the store
    "detail": "str",
    "sha256": "str",
    "size_bytes": "Int64",
    "modified_ns": "Int64",
    "duration_s": "float64",
    "container": "str",
    "encoder": "str",
    "video_codec": "str",
    "video_profile": "str",
    "fps": "float64",
    "width": "Int64",
    "height": "Int64",
    "video_frames": "Int64",  # that decode within the clip
    "keyframes": "Int64",
    "video_start_s": "float64",
    "video_bit_rate": "Int64",
    "audio_codec": "str",
    "audio_rate_hz": "Int64",
    "audio_channels": "Int64",
    "audio_bit_rate": "Int64",
    "audio_start_s": "float64",
    "audio_s": "float64",  # used, of the format's duration
    "padded_s": "float64",
    "face_frames": "Int64",  # searched frames that show a face
    "face_searched": "Int64",
    "bar_top": "Int64",  # pixels cut off, where prepared with `--crop-bars`
    "bar_bottom": "Int64",
    "bar_left": "Int64",
    "bar_right": "Int64",
}


def to_manifest(rows: Iterable[dict]) -> pd.DataFrame:
    """Rows of facts as a table with the columns and types of `COLUMNS`, sorted by id."""
    table = pd.DataFrame(list(rows)).reindex(columns=list(COLUMNS))
    text = [name for name, kind in COLUMNS.items() if kind == "str"]
    table[text] = table[text].fillna("")
    return table.astype(COLUMNS).sort_values("id").reset_index(drop=True)


def read_manifest(root: Path) -> pd.DataFrame:
    """Read ``manifest.csv``; empty text stays text, empty numbers are missing.

    Raises
    ------
    DataError
        If it cannot be read as such.
    """
    path = root / "manifest.csv"
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
        table = table.reindex(columns=list(COLUMNS), fill_value="")  # older stores have fewer
        for name, kind in COLUMNS.items():
            if kind != "str":
                table[name] = pd.to_numeric(table[name]).astype(kind)
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise DataError(f"{path}: damaged ({error}); run `mvemotion prepare` again") from error
    return table


def write_manifest(root: Path, manifest: pd.DataFrame) -> None:
    """Write ``manifest.csv``, whole or not at all."""
    write_bytes(root / "manifest.csv", manifest.to_csv(index=False).encode())
