"""Small stores made of arrays, without any video: what training and evaluation are tested on."""

import hashlib
import json
from pathlib import Path

import numpy as np

from mvemotion.data.clip_file import write_clip
from mvemotion.data.manifest import to_manifest, write_manifest
from mvemotion.data.store import Store, describe
from mvemotion.specs import EMOTIONS, SAMPLE_RATES_HZ, ClipFormat, audio_frames

TINY = ClipFormat(
    duration_s=1.0,
    mel_bands=16,
    frame_size=16,
    frames=16,
    slow_frames=4,
    c3d_size=20,
    c3d_frames=16,
)


def make_store(
    root: Path,
    clips: dict[str, int],
    *,
    emotions=EMOTIONS,
    faceless: tuple[str, ...] = (),
    learnable: bool = True,
    clip_format: ClipFormat = TINY,
) -> Store:
    """Write a store with `clips` of each emotion per split; ids in `faceless` have no face.

    Where it is learnable, each emotion has its own mean level in every array. `emotions` may
    differ by split: {split: emotions}.
    """
    root.mkdir(parents=True, exist_ok=True)
    (root / "store.json").write_text(json.dumps(describe(clip_format, {"faces": "sampled"})))
    rows = []
    for split, count in clips.items():
        for emotion in emotions[split] if isinstance(emotions, dict) else emotions:
            for number in range(count):
                rows.append(_write(root, split, emotion, number, faceless, learnable))
    write_manifest(root, to_manifest(rows))
    return Store(root)


def _write(root, split, emotion, number, faceless, learnable) -> dict:
    clip_id = f"{split}/{emotion}/{number}"
    digest = hashlib.sha256(clip_id.encode())
    rng = np.random.default_rng(int.from_bytes(digest.digest()[:8], "little"))
    level = EMOTIONS.index(emotion) if learnable else 0
    has_face = clip_id not in faceless
    row = {
        "id": clip_id,
        "split": split,
        "emotion": emotion,
        "path": f"{clip_id}.mp4",
        "status": "ok",
        "sha256": digest.hexdigest(),
        "size_bytes": 1000 + 10 * level + number,
        "duration_s": 1.0,
        "fps": 25.0,
        "width": 160,
        "height": 120,
        "video_codec": "h264",
        "face_frames": 8 if has_face else 0,
        "face_searched": 8,
    }
    write_clip(root, clip_id, _arrays(rng, level, has_face), row)
    return row


def _arrays(rng, level: int, has_face: bool) -> dict[str, np.ndarray]:
    size, frames = TINY.frame_size, TINY.frames
    pictures = rng.integers(0, 60, (2, size, size, frames, 3)) + 30 * level
    arrays = {
        name: (rng.normal(size=(2, TINY.mel_bands, audio_frames(rate, TINY))) + level).astype("f2")
        for name, rate in SAMPLE_RATES_HZ.items()
    }
    return arrays | {
        "video": pictures[0].astype("u1"),
        "face": (pictures[1] * has_face).astype("u1"),
        "face_source": np.where(has_face, np.arange(frames), -1).astype("i4"),
    }
