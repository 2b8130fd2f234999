"""What a dataset hides: health, shared sources, shortcuts, and the claims of Section 3."""

from importlib import import_module

_PUBLIC = {
    "audit": "mvemotion.audit.inspection",
    "examine": "mvemotion.audit.inspection",
    "Findings": "mvemotion.audit.findings",
    "in_short": "mvemotion.audit.findings",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    """Import lazily, so that a process that measures clips loads no plots and no statistics."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mvemotion.audit' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
