"""Profiles: small files that say which rows are replicated, on which clips and for how long."""

import inspect
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from mvemotion.errors import InputError
from mvemotion.paths import replication_file
from mvemotion.runs import TrainingConfig
from mvemotion.specs import (
    EMOTIONS,
    REFERENCE_NETWORKS,
    SPLITS,
    ClipFormat,
    find_network,
    has_alternative,
    list_networks,
    list_references,
)

DATASETS = ("synthetic", "sample", "paper")
NOT_IN_PROFILES = {
    "out_dir",
    "workers",
    "progress",
}  # arguments of `synthesize` that change no clip


@dataclass(frozen=True)
class Profile:
    """One file of ``replication/profiles``."""

    name: str
    description: str
    dataset: str  # synthetic, sample or paper: what scores may be compared with
    rows: tuple[str, ...]  # network ids, in the paper's order
    references: tuple[str, ...] = ()  # ids of `list_references`: what stands beside the rows
    clip_format: ClipFormat = field(default_factory=ClipFormat)
    faces: str = "sampled"  # which frames are searched for faces (assumption 3)
    detector: str = "coarse"  # and with what: a name of `mvemotion.media.faces.DETECTORS`
    training: dict = field(default_factory=dict)  # settings of `TrainingConfig` for every row
    overrides: dict = field(default_factory=dict)  # the same for single rows, by id
    synthetic: dict = field(default_factory=dict)  # options of `synthesize`; {}: needs DATA

    def config(self, network_id: str, *, seed: int = 0) -> TrainingConfig:
        """The training settings of one row, or of a reference network.

        Of ``[training]``, ``mmtm`` and ``swap_pathways`` apply to the rows that have an MMTM, or a
        slow and a fast pathway (discrepancies D11 and D4); the others are as in the paper.
        """
        spec, own = find_network(network_id), self.overrides.get(network_id, {})
        settings = {k: x for k, x in self.training.items() if has_alternative(spec, k)} | own
        return TrainingConfig(network=network_id, seed=seed, **settings)


def list_profiles() -> tuple[str, ...]:
    """Names of the profiles that come with the package."""
    return tuple(sorted(path.stem for path in replication_file("profiles").glob("*.toml")))


def load_profile(name: str) -> Profile:
    """Read a profile by its name, or from a TOML file of your own.

    Everything in it is checked here, before any work begins.

    Raises
    ------
    InputError
        If there is no such profile, or anything in it does not exist or does not fit: a key, a
        row, a size, a training setting of any row, or an option of `synthesize`.

    Examples
    --------
    >>> load_profile("sample").rows[0]
    'face_a2_se'
    """
    path = Path(name) if name.endswith(".toml") else _packaged(name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"profile {path}: cannot be read: {error}") from error
    try:
        return _build(path.stem, content)
    except (InputError, TypeError, ValueError) as error:
        raise InputError(f"profile {path}: {error}") from error


def _packaged(name: str) -> Path:
    if name not in list_profiles():
        raise InputError(
            f"profile {name!r}: choose from {', '.join(list_profiles())}, or give a .toml file"
        )
    return replication_file("profiles", f"{name}.toml")


def _build(name: str, content: dict) -> Profile:
    _check_top(content)
    sizes = content.pop("clip_format", {})
    _check_keys("[clip_format]", sizes, {size.name for size in fields(ClipFormat)})
    rows = _choose_rows(content.pop("rows", "all"))
    references = _choose_references(content.pop("references", []))
    sizes = ClipFormat(**sizes)
    profile = Profile(name, rows=rows, references=references, clip_format=sizes, **content)
    _check_faces(profile)
    _check_training(profile)
    _check_synthetic(profile.synthetic)
    return profile


def _choose_rows(rows: object) -> tuple[str, ...]:
    """Network ids in the paper's order."""
    known = list_networks()
    if rows == "all":
        return known
    if not isinstance(rows, list) or not rows or not all(isinstance(row, str) for row in rows):
        raise InputError(f'rows = {rows!r}: give "all", or a list of ids such as ["music_a2"]')
    unknown = sorted(set(rows) - set(known))
    if unknown:
        raise InputError(f"unknown rows {unknown}; `mvemotion networks` lists the ids")
    return tuple(row for row in known if row in rows)


def _choose_references(names: object) -> tuple[str, ...]:
    known = list_references()
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"references = {names!r}: give a list of ids such as [{known[0]!r}]")
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise InputError(f"unknown references {unknown}; choose from {', '.join(known)}")
    return tuple(name for name in known if name in names)


# --- What a profile may say -----------------------------------------------------------------------
def _check_top(content: dict) -> None:
    _check_keys("top level", content, {setting.name for setting in fields(Profile)} - {"name"})
    if content.get("dataset") not in DATASETS:
        found = content.get("dataset")
        raise InputError(f"dataset {found!r}: dataset must be one of {', '.join(DATASETS)}")
    for table in ("clip_format", "training", "overrides", "synthetic"):
        _check_table(f"[{table}]", content.get(table, {}))
    if not isinstance(content.get("description"), str):
        raise InputError("no description; say in one line what it is for")


def _check_faces(profile: Profile) -> None:
    from mvemotion.media.faces import find_detector, parse_policy  # OpenCV: not for every command

    parse_policy(str(profile.faces))  # whatever else TOML holds is no name either
    find_detector(str(profile.detector))


def _check_training(profile: Profile) -> None:
    """Build the configuration of every row, with its overrides."""
    settings = [s for s in fields(TrainingConfig) if s.name not in ("network", "seed")]
    defaults = {setting.name: setting.default for setting in settings}
    networks = {network.id for network in REFERENCE_NETWORKS}
    unknown = sorted(set(profile.overrides) - set(list_networks()) - networks)
    if unknown:
        raise InputError(f"[overrides] of unknown rows {unknown}; `mvemotion networks` lists them")
    _check_like("[training]", profile.training, defaults)
    for row, overrides in profile.overrides.items():
        _check_table(f'[overrides."{row}"]', overrides)
        _check_like(f'[overrides."{row}"]', overrides, defaults)
    for row in sorted({*profile.rows, *profile.overrides, *networks & set(profile.references)}):
        profile.config(row)
    for setting in profile.training:
        if not any(has_alternative(find_network(row), setting) for row in profile.rows):
            raise InputError(
                f"[training] {setting}: none of the rows has what it changes; leave it out, or add "
                "one that has, such as video_a3_mmtm"
            )


def _check_synthetic(options: dict) -> None:
    """Check the keys, then the values by drawing one clip of each split (nothing is written)."""
    if not options:
        return
    from mvemotion.data.synthetic import draw_factors, synthesize  # not for every command

    arguments = inspect.signature(synthesize).parameters
    defaults = {name: arguments[name].default for name in arguments if name not in NOT_IN_PROFILES}
    _check_like("[synthetic]", options, defaults)
    options = dict(options)
    counts = options.pop("clips_per_class", {})
    for split in counts or SPLITS:
        draw_factors(EMOTIONS[0], split, **options)
    wrong = [count for count in counts.values() if type(count) is not int or count < 0]
    if wrong:
        raise InputError(f"[synthetic] clips_per_class {counts}: give whole numbers, 0 or more")


def _check_like(place: str, found: dict, defaults: dict) -> None:
    """Refuse unknown keys, and values of another kind than their defaults."""
    _check_keys(place, found, set(defaults))
    for key, value in found.items():
        kind, example = _kind(value), _kind(defaults[key])
        if kind != example and (kind, example) != ("int", "float"):
            raise InputError(f"{place} {key} = {value!r}: give one like {defaults[key]!r}")


def _kind(value: object) -> str:
    """The type of a value as TOML has them: lists by their elements, all tables alike."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_kind, value))}]"
    return "table" if isinstance(value, Mapping) else type(value).__name__


def _check_table(place: str, value: object) -> None:
    if not isinstance(value, dict):
        raise InputError(f"{place} is {value!r}: give a table of settings")


def _check_keys(place: str, found: dict, known: set[str]) -> None:
    unknown = sorted(set(found) - known)
    if unknown:
        raise InputError(f"{place}: unknown {unknown}; choose from {', '.join(sorted(known))}")
