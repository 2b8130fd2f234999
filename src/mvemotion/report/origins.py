"""Where every number comes from: run by run, with the settings and environments they share."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from string import ascii_uppercase

from mvemotion.baselines import LABELS
from mvemotion.files import read_json
from mvemotion.provenance import provenance
from mvemotion.report.results_folder import ResultsFolder, RunRecord
from mvemotion.specs import EMOTIONS, SPLITS

PAGE = "provenance.html"
OF_THE_RUN = ("network", "seed", "store_checksum")  # of config.json: no settings
HASH = 12  # digits of a hash that are shown


@dataclass
class Lettered:
    """Distinct records in the order in which they are met, by letters: A, B, ..."""

    records: dict[str, dict] = field(default_factory=dict)
    users: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[str, list, bool]]:
        """Each entry's name, its value in every record, and whether the records differ in it."""
        names = dict.fromkeys(name for record in self.records.values() for name in record)
        values = {name: [one.get(name, "") for one in self.records.values()] for name in names}
        return [(name, row, any(v != row[0] for v in row)) for name, row in values.items()]

    def letter(self, record: dict, user: str) -> str:
        """The letter of a record, a new one if it is new; empty of an empty record."""
        if not record:
            return ""
        letter = next((known for known, one in self.records.items() if one == record), None)
        if letter is None:
            letter = _letter(len(self.records))
            self.records[letter] = record
        self.users.setdefault(letter, []).append(user)
        return letter


def origins(found: ResultsFolder) -> dict:
    """What the page of origins shows.

    Returns
    -------
    dict
        ``report`` (what made it), ``data``, ``runs`` and ``baselines`` (a dict a row), and
        ``settings`` and ``environments``, which the rows name by letter.
    """
    settings, environments = Lettered(), Lettered()
    runs = [_run_row(run, settings, environments) for run in found.runs]
    baselines = [_baseline_row(*item, environments) for item in found.baselines.items()]
    report = report_facts()
    return {
        "report": report | {"letter": environments.letter(_environment(report), "this report")},
        "data": data_facts(found),
        "runs": runs,
        "baselines": baselines,
        "settings": settings,
        "environments": environments,
    }


def report_facts() -> dict:
    """Commit, versions, FFmpeg, machine and time of the report itself."""
    import av

    facts = provenance()
    libraries = {name: ".".join(map(str, v)) for name, v in av.library_versions.items()}
    return facts | {"ffmpeg": av.ffmpeg_version_info, "ffmpeg_libraries": libraries}


def data_facts(found: ResultsFolder) -> dict:
    """What is known of the clips: checksums, counts and how they were prepared."""
    manifest, store = found.root / "store" / "manifest.csv", found.root / "store" / "store.json"
    return {
        "store_checksum": found.summary.get("store_checksum"),
        "manifest_sha256": _sha256(manifest.read_bytes()) if manifest.is_file() else None,
        "splits": found.summary.get("splits") or "as prepared",
        "classes": _clip_counts(found.summary.get("classes", {})),
        "store": read_json(store) if store.is_file() else {},
    }


def config_hash(config: dict) -> str:
    """First digits of the SHA-256 of a configuration, whatever the order of its settings.

    Examples
    --------
    >>> config_hash({"epochs": 2, "seed": 0}) == config_hash({"seed": 0, "epochs": 2})
    True
    """
    return _sha256(json.dumps(config, sort_keys=True).encode())[:HASH]


def short_origin(runs: Iterable[RunRecord]) -> str:
    """A sentence on the runs behind a number, for the tip of a link."""
    runs = list(runs)
    if not runs:
        return ""
    first = runs[0].record or runs[0].metrics["test"].get("provenance", {})
    facts = [
        ", ".join(run.name for run in runs),
        f"commit {first.get('commit') or 'unknown'}",
        f"trained in {duration(runs[0].seconds)}" if runs[0].record else "given weights",
        (first.get("time_utc") or "")[:10],
    ]
    return f"{runs[0].network}: " + " · ".join(filter(None, facts))


def duration(seconds: float) -> str:
    """A time for reading.

    Examples
    --------
    >>> duration(4.21), duration(75), duration(3 * 3600 + 120)
    ('4.2 s', '1 min 15 s', '3 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _run_row(run: RunRecord, settings: Lettered, environments: Lettered) -> dict:
    scored = run.metrics.get("test", {})
    scoring = scored.get("provenance", {})
    chosen = {key: value for key, value in run.config.items() if key not in OF_THE_RUN}
    label = f"{run.network} {run.name}"
    return {
        "run": run,
        "seed": run.config.get("seed"),
        "trained_by": run.record.get("commit"),
        "scored_by": scoring.get("commit"),
        "config_hash": config_hash(run.config) if run.config else "",
        "settings": settings.letter(chosen, label),
        "environment": environments.letter(_environment(run.record), label),
        "scoring_environment": environments.letter(_environment(scoring), label),
        "checksum": (scored or run.config).get("store_checksum") or "",
        "device": run.record.get("device", ""),
        "threads": run.record.get("threads"),
        "wall": "" if run.seconds is None else duration(run.seconds),
        "memory_mb": peak_memory_mb(run.record),
        "time": run.record.get("time_utc") or scoring.get("time_utc") or "",
    }


def _baseline_row(name: str, metrics: dict, environments: Lettered) -> dict:
    made = metrics.get("provenance", {})
    return {
        "name": name,
        "label": LABELS.get(name, name),
        "scored_by": made.get("commit"),
        "environment": environments.letter(_environment(made), name),
        "checksum": metrics.get("store_checksum") or "",
        "time": made.get("time_utc", ""),
    }


def _environment(record: dict) -> dict:
    """Machine and versions, flat; empty where nothing was recorded."""
    python = {"python": record["python"]} if "python" in record else {}
    return record.get("machine", {}) | python | record.get("versions", {})


def peak_memory_mb(record: dict) -> float | None:
    """Of the process; older runs have one number under another name."""
    return record.get("process_peak_memory_mb", record.get("peak_memory_mb"))


def _clip_counts(classes: dict) -> list[dict]:
    return [
        {"emotion": emotion} | {split: classes.get(split, {}).get(emotion) for split in SPLITS}
        for emotion in (EMOTIONS if classes else ())
    ]


def _letter(number: int) -> str:
    """A to Z, then AA, AB, ..."""
    rest, last = divmod(number, len(ascii_uppercase))
    return (_letter(rest - 1) if rest else "") + ascii_uppercase[last]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
