"""Small raw folders of every kind of clip, and what prepares them quickly."""

import shutil
from pathlib import Path

from media_files import Movie, face_picture, write_movie
from mvemotion.data.prepare import prepare
from mvemotion.specs import ClipFormat

REDUCED = ClipFormat(
    duration_s=2.0,
    mel_bands=32,
    frame_size=32,
    frames=16,
    slow_frames=4,
    c3d_size=28,
    c3d_frames=16,
)
KINDS = {
    "good": Movie(seconds=2.2, b_frames=2),
    "faces": Movie(seconds=2.2, draw=face_picture, height=120, width=160),
    "late": Movie(seconds=1.5, video_start_s=0.7, audio_s=2.2),
    "mono": Movie(seconds=2.2, channels=1, audio_rate_hz=48_000),
    "nearly": Movie(seconds=2.2, audio_s=1.9),
    "no audio": Movie(seconds=2.2, has_audio=False),
    "no video": Movie(seconds=2.2, has_video=False),
    "short": Movie(seconds=2.2, audio_s=1.0),
    "few pictures": Movie(seconds=0.6, audio_s=2.2),
}


def write_kinds(root: Path, *kinds: str) -> dict[str, Path]:
    """One file of each of these `KINDS`."""
    return {kind: write_movie(root / f"{kind}.mp4", KINDS[kind]) for kind in kinds}


def lay_out(root: Path, files: dict[str, Path]) -> Path:
    """Copy files to these names below `root`."""
    for name, source in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / name)
    return root


def usual_raw(root: Path, movies: dict[str, Path]) -> Path:
    """Three usable clips in the dataset's layout."""
    files = {
        "Train/Excited/video/14.mp4": movies["good"],
        "Train/Sad/DEAP DB (42).mp4": movies["faces"],
        "test/Fear/video/ünïcode ☂.mp4": movies["mono"],
    }
    return lay_out(root, files)


def quietly(raw: Path, store: Path, **options):
    """Prepare in this process, in small sizes."""
    settings = {"clip_format": REDUCED, "workers": 0, "progress": False} | options
    return prepare(raw, store, **settings)


def stamps(store: Path) -> dict[str, int]:
    """When each clip of a store was written."""
    return {p.name: p.stat().st_mtime_ns for p in store.rglob("*.safetensors")}
