"""Tier 0, recomputed once for all tests that read its files."""

import tempfile
from functools import cache
from pathlib import Path

from mvemotion.recomputation.report import recompute

_FOLDER = tempfile.TemporaryDirectory()  # until the process ends


@cache
def recomputed() -> tuple[Path, str]:
    """The folder that tier 0 was written to, and its summary."""
    root = Path(_FOLDER.name)
    return root, recompute(root)
