"""`nbformat`, with a tenth of its time to import.

With it comes jsonschema, which builds a grammar of international web addresses as it is imported:
three seconds in every process that touches a notebook, whose format has no such address.
"""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

GRAMMAR = "rfc3987_syntax"  # jsonschema does without it where it is not installed


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Let a module seem not to be installed, unless it has been imported."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None
    try:
        yield
    finally:
        del sys.modules[module]


with _hidden(GRAMMAR):
    import nbformat

__all__ = ["code_digest", "is_injected", "nbformat"]

INJECTED = "injected-parameters"  # the tag of the cell that Papermill adds


def code_digest(notebook: nbformat.NotebookNode) -> str:
    """SHA-256 of the code in its cells, less what Papermill injected: equal if it does the same."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code" and not is_injected(cell))
    return hashlib.sha256("\0".join(cell.source for cell in cells).encode()).hexdigest()


def is_injected(cell: nbformat.NotebookNode) -> bool:
    """Whether Papermill added this cell, with the parameters as they were given."""
    return INJECTED in cell.metadata.get("tags", [])
