"""The notebooks run one after another, and what their marked cells print is what is kept in them.

The solutions that run here are those of notebooks 03 and 04, after the notebooks; the others train
for longer.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [
    *sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")),
    *sorted((ROOT / "notebooks" / "solutions").glob("0[34]*.ipynb")),
]


@pytest.mark.slow
def test_the_checked_cells_print_what_is_kept(tmp_path):
    """By nbval, with profile `tiny`; any cell that raises is an error, too."""
    assert len(NOTEBOOKS) == 16
    results = {"MVEMOTION_PROFILE": "tiny", "MVEMOTION_RESULTS": str(tmp_path / "results")}
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider"]
    command += ["--nbval-lax", "--nbval-current-env", *map(str, NOTEBOOKS)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | results, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
