"""Imports go one way through the package, left to right in `ORDER`."""

import ast
from pathlib import Path

import mvemotion

ORDER = (
    *("errors", "paths", "provenance", "files", "specs", "published", "media", "data", "fetch"),
    *(
        "allocator",
        "weight_gradients",
        "fourier",
        "convolutions",
        "norms",
        "pooling",
        "layers",
        "flops",
        "streams",
        "c3d",
        "networks",
        "parts",
        "census",
        "runs",
        "keras_import",
    ),
    *("profiles", "processes", "devices", "history", "training"),
    *("statistics", "comparisons", "agreement", "calibration", "evaluation", "baselines"),
    *("figures", "pages"),
    *("temperature", "drawings", "correlation", "audit", "timeline", "prediction"),
    *("explanation", "demo"),
    *("reporting", "recomputation", "claims", "replication", "course", "progress"),
    *("notebook_format", "report"),
    *("pipeline", "cli"),
)
PACKAGE = Path(mvemotion.__file__).parent


def imported_parts(path: Path) -> set[str]:
    """Top-level modules of mvemotion that a source file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}, line {node.lineno}: write imports in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = {name.split(".")[1] for name in names if name.startswith("mvemotion.")}
    return {part for part in parts - set(mvemotion.__all__) if not part.startswith("__")}


def backward_imports(package: Path) -> list[str]:
    """Imports against the order, and modules that have no place in it, as sentences."""
    found = []
    for path in sorted(package.rglob("*.py")):
        part = path.relative_to(package).with_suffix("").parts[0]
        if part.startswith("__"):
            continue
        if part not in ORDER:
            found.append(f"{part}: no place in ORDER of {Path(__file__).name}; give it one")
            continue
        right = {p for p in imported_parts(path) if p not in ORDER[: ORDER.index(part) + 1]}
        found += [f"{path.relative_to(package)}: imports {p}, on its right" for p in sorted(right)]
    return found


def test_imports_go_from_left_to_right():
    assert backward_imports(PACKAGE) == []


def test_an_import_against_the_order_is_seen_wherever_it_hides(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "store.py").write_text("def f():\n    import mvemotion.layers as _\n")
    (tmp_path / "specs.py").write_text("from mvemotion import networks, errors\n")
    (tmp_path / "layers.py").write_text("from mvemotion.specs import Block\nimport torch\n")
    (tmp_path / "utils.py").write_text("")
    assert backward_imports(tmp_path) == [
        "data/store.py: imports layers, on its right",
        "specs.py: imports networks, on its right",
        "utils: no place in ORDER of test_layering.py; give it one",
    ]
