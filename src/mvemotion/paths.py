"""Where the replication's own files are: in a source checkout, else inside the installed wheel."""

from pathlib import Path

from mvemotion.errors import DataError, InputError

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def replication_file(*parts: str) -> Path:
    """``replication/<parts>``, wherever the package is installed.

    Raises
    ------
    DataError
        If the installation lacks it.
    """
    return _find("replication", *parts)


def notebooks_dir() -> Path:
    """The folder of the ordered notebooks."""
    return _find("notebooks")


def results_dir() -> Path:
    """``results`` of the checkout that holds the package, else of the current folder."""
    root = _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else Path.cwd()
    return root / "results"


def shipped_weights() -> Path:
    """The weights that come with the package: a network trained on synthetic clips.

    Raises
    ------
    InputError
        If the installation lacks them.
    """
    path = _PACKAGE / "weights" / "demo.safetensors"
    if not path.is_file():
        raise InputError(
            f"{path}: no weights came with this installation; name a run or a file: --weights PATH"
        )
    return path


def _find(*parts: str) -> Path:
    candidates = [_CHECKOUT.joinpath(*parts), _PACKAGE.joinpath(*parts)]
    for path in candidates:
        if path.exists():
            return path
    raise DataError(
        f"{'/'.join(parts)}: neither in the checkout nor in the installed package; "
        "reinstall mvemotion or run it from a clone"
    )
