"""Profiles: small files that say which rows are replicated, on which clips and for how long."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from mvemotion.errors import InputError
from mvemotion.paths import replication_file
from mvemotion.runs import TrainingConfig
from mvemotion.specs import ClipFormat, list_networks

DATASETS = ("synthetic", "sample", "paper")


@dataclass(frozen=True)
class Profile:
    """One file of ``replication/profiles``."""

    name: str
    description: str
    dataset: str  # synthetic, sample or paper: what scores may be compared with
    rows: tuple[str, ...]  # network ids, in the paper's order
    clip_format: ClipFormat = field(default_factory=ClipFormat)
    faces: str = "sampled"  # which frames are searched for faces (assumption A3)
    training: dict = field(default_factory=dict)  # settings of `TrainingConfig` for every row
    overrides: dict = field(default_factory=dict)  # the same for single rows, by id
    synthetic: dict = field(default_factory=dict)  # options of `synthesize`; {}: needs DATA

    def config(self, network_id: str, *, seed: int = 0) -> TrainingConfig:
        """The training settings of one row."""
        settings = self.training | self.overrides.get(network_id, {})
        try:
            return TrainingConfig(network=network_id, seed=seed, **settings)
        except TypeError as error:
            raise InputError(f"profile {self.name}: training settings: {error}") from error


def list_profiles() -> tuple[str, ...]:
    """Names of the profiles that come with the package."""
    return tuple(sorted(path.stem for path in replication_file("profiles").glob("*.toml")))


def load_profile(name: str) -> Profile:
    """Read a profile by its name, or from a TOML file of your own.

    Raises
    ------
    InputError
        If there is no such profile or it has settings that do not exist.

    Examples
    --------
    >>> load_profile("sample").rows[0]
    'music_a2'
    """
    path = Path(name) if name.endswith(".toml") else _packaged(name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"profile {path}: cannot be read: {error}") from error
    try:
        return _build(path.stem, content)
    except TypeError as error:
        raise InputError(f"profile {path}: {error}") from error


def _packaged(name: str) -> Path:
    if name not in list_profiles():
        raise InputError(
            f"profile {name!r}: choose from {', '.join(list_profiles())}, or give a .toml file"
        )
    return replication_file("profiles", f"{name}.toml")


def _build(name: str, content: dict) -> Profile:
    rows = content.pop("rows", "all")
    known = list_networks()
    unknown = [] if rows == "all" else sorted(set(rows) - set(known))
    if unknown:
        raise InputError(f"profile {name}: unknown rows {unknown}; see `mvemotion networks`")
    if content.get("dataset") not in DATASETS:
        raise InputError(f"profile {name}: dataset must be one of {', '.join(DATASETS)}")
    chosen = known if rows == "all" else tuple(row for row in known if row in rows)
    clip_format = ClipFormat(**content.pop("clip_format", {}))
    return Profile(name=name, rows=chosen, clip_format=clip_format, **content)
