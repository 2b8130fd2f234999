"""`nbformat`, with a tenth of its time to import.

With it comes jsonschema, which builds a grammar of international web addresses as it is imported:
three seconds in every process that touches a notebook, whose format has no such address.
"""

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

__all__ = ["nbformat"]
