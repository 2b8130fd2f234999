"""Opens a profile's results folder; clips that are missing are generated and prepared."""

import os
from pathlib import Path

from mvemotion.data.store import Store
from mvemotion.errors import DataError, InputError
from mvemotion.paths import results_dir
from mvemotion.profiles import Profile, load_profile
from mvemotion.replication.workspace import Workspace

ENVIRONMENT = ("MVEMOTION_PROFILE", "MVEMOTION_STORE", "MVEMOTION_RESULTS", "MVEMOTION_SPLITS")


def open_workspace(
    profile: str,
    *,
    data: str | Path | None = None,
    store: str | Path | None = None,
    results: str | Path | None = None,
    splits: str | Path | None = None,
    device: str = "auto",
) -> Workspace:
    """Open a profile's results folder, with its clips generated and prepared where missing.

    Parameters
    ----------
    profile : str
        A name of `list_profiles`, or a TOML file.
    data : path, optional
        Raw clips in the dataset's layout; without it, profiles that have them use their embedded
        synthetic clips.
    store : path, optional
        A prepared store to use as it is, instead of preparing one from `data`.
    results : path, optional
        Where results go; ``results/<profile>`` of the checkout if not given.
    splits : str or path, optional
        How the clips are split, if not as they were prepared: see `mvemotion.data.store.Store`.
        Needs `results`, since a run on one split is none on another.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Notes
    -----
    Empty strings mean "not given". The environment variables ``MVEMOTION_PROFILE``,
    ``MVEMOTION_STORE``, ``MVEMOTION_RESULTS`` and ``MVEMOTION_SPLITS`` win over the arguments:
    tools that run notebooks without injecting parameters, such as nbval, choose with them.
    `replicate` ignores them, and sets the last one for the notebooks that it runs.

    Raises
    ------
    InputError
        If the profile needs `data` and there is none, or `splits` is given without `results`.
    """
    given = zip(ENVIRONMENT, (profile, store, results, splits), strict=True)
    profile, store, results, splits = (os.environ.get(name) or value for name, value in given)
    chosen = load_profile(profile)
    root = results_folder(chosen, results, splits)
    store_dir = Path(store) if store else _store_dir(chosen, root, data or None)
    opened = _check_format(Store(store_dir, splits or None), chosen)
    return Workspace(chosen, root, opened, device)


def results_folder(
    profile: Profile, results: str | Path | None = None, splits: str | Path | None = None
) -> Path:
    """Where a profile's results go: the folder named, or ``results/<profile>``.

    Raises
    ------
    InputError
        If `splits` is given without `results`.
    """
    if splits and not results:
        raise InputError(
            f"splits {str(splits)!r}: results on another split need a folder of their own; name one"
        )
    return Path(results) if results else results_dir() / profile.name


def _store_dir(profile: Profile, root: Path, data) -> Path:
    """The store of a results folder, prepared unless it is there and nothing says from what."""
    target = root / "store"
    if data is None and not profile.synthetic and (target / "manifest.csv").exists():
        return target
    from mvemotion.data.prepare import prepare, summarize  # not for every job of a replication

    raw = Path(data) if data else _embedded_clips(profile, root)
    manifest = prepare(
        raw,
        target,
        clip_format=profile.clip_format,
        faces=profile.faces,
        detector=profile.detector,
    )
    print(summarize(manifest))
    return target


def _embedded_clips(profile: Profile, root: Path) -> Path:
    if not profile.synthetic:
        raise InputError(
            f"profile {profile.name}: needs real clips; give their folder: "
            f"make replicate PROFILE={profile.name} DATA=folder"
        )
    from mvemotion.data.synthetic import synthesize  # a second, for whoever needs it

    target = root / "data"
    synthesize(target, **profile.synthetic)
    return target


def _check_format(store: Store, profile: Profile) -> Store:
    if store.clip_format != profile.clip_format:
        raise DataError(
            f"{store.root}: prepared as {store.clip_format}, but profile {profile.name} needs "
            f"{profile.clip_format}; prepare a store for it or choose another profile"
        )
    return store
