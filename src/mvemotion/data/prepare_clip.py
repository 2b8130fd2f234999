"""What a process of `prepare` does with one clip. It imports no torch and no pandas.

Both are heavy, and every process would pay for them in memory and in time to start.
"""

from pathlib import Path

import cv2

from mvemotion.data.clip_file import write_clip
from mvemotion.data.convert import Options, convert_clip
from mvemotion.data.sources import Source, describe_file, hash_file
from mvemotion.errors import ClipError
from mvemotion.media.audio import MakeSpectrogram


def prepare_clip(
    source: Source,
    raw_dir: Path,
    store_dir: Path,
    options: Options,
    make_spectrogram: MakeSpectrogram,
) -> dict[str, object]:
    """Convert and store one clip; its row of the manifest, whatever happens to it."""
    row = describe_file(source, raw_dir)
    try:
        row["sha256"] = hash_file(source.path)
        arrays, facts = convert_clip(source.path, options, make_spectrogram=make_spectrogram)
    except ClipError as error:
        return failed_row(row, error)
    row |= facts | {"status": "ok"}
    write_clip(store_dir, source.id, arrays, row)
    return row


def failed_row(row: dict[str, object], error: ClipError) -> dict[str, object]:
    """The row of a clip that cannot be used, with the reason."""
    return row | {"status": error.reason, "detail": error.detail}


def use_one_thread() -> None:
    """Clips run in parallel; threads within one would only be in each other's way."""
    cv2.setNumThreads(1)
