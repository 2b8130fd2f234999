"""No file that comes from elsewhere can run code: nothing in the package unpickles."""

import ast
from pathlib import Path

import pytest

import mvemotion

PACKAGE = Path(mvemotion.__file__).parent
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
LOADERS = {"load", "load_all"}  # of torch, numpy, Fabric ...
PICKLERS = {"read_pickle", "to_pickle", "load_from_checkpoint"}  # of pandas, Lightning


def unsafe_calls(source: str) -> list[str]:
    """Imports of unpickling modules, and loads that may unpickle, as sentences."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").split(".")[0]}
            if names == {"torch"}:  # or a load without its owner would pass unseen
                names |= {alias.name for alias in node.names}
        else:
            names = set()
        found += [
            f"line {node.lineno}: imports {name}" for name in sorted(names & (MODULES | LOADERS))
        ]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            options = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if options.get("allow_pickle") == "True":
                found.append(f"line {node.lineno}: allow_pickle")
            if node.func.attr in PICKLERS:
                found.append(f"line {node.lineno}: {node.func.attr}")
            owner = ast.unparse(node.func.value)
            is_torch = owner in ("torch", "fabric") or owner.endswith((".fabric", "_fabric"))
            if is_torch and node.func.attr in LOADERS and options.get("weights_only") != "True":
                found.append(f"line {node.lineno}: {owner}.{node.func.attr} without weights_only")
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_nothing_unpickles(path):
    assert unsafe_calls(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load('a')",
        "self.fabric.load(path, state)",
        "torch.load('a', weights_only=False)",
        "np.load('a', allow_pickle=True)",
        "from torch import load",
        "pd.read_pickle('a')",
    ],
)
def test_what_would_unpickle_is_seen(source):
    assert len(unsafe_calls(source)) == 1


def test_a_checkpoint_is_resumed_from_tensors_and_numbers_alone():
    assert unsafe_calls("self.fabric.load(path, state, weights_only=True)") == []
