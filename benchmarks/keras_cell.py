"""One network in Keras, built from the paper by tests/keras_oracle.py, as `cells.serve` wants it.

    KERAS_BACKEND=tensorflow PYTHON benchmarks/keras_cell.py music_a2 4 training

Keras' own compiled functions (`predict_on_batch`, `train_on_batch`) on channels-last arrays.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from cells import serve

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import keras_oracle

FACE_SIZE = (128, 128, 64, 3)
SHAPES = {
    "music": (128, 1292, 2),
    "face": FACE_SIZE,
    "video_fast": FACE_SIZE,
    "video_slow": (128, 128, 8, 3),
    "video_c3d": (112, 112, 32, 3),
}
VIDEO_A3 = {"video_slow": {"blocks": "A1"}, "video_fast": {"blocks": "A2 wide"}}
MMTM = ("video_slow", "video_fast")
NETWORKS = {  # from the paper's tables: ({stream: blocks and SE}, streams that exchange)
    "music_a0": ({"music": {"blocks": "A0"}}, ()),
    "music_a1_se": ({"music": {"blocks": "A1", "se": (4, 8, 8, 16, 16)}}, ()),
    "music_a2": ({"music": {"blocks": "A2"}}, ()),
    "face_a0": ({"face": {"blocks": "A0"}}, ()),
    "face_a2_se": ({"face": {"blocks": "A2", "se": (4, 4, 8, 8, 16)}}, ()),
    "video_a3_mmtm": (VIDEO_A3, MMTM),
    "video_a3_mmtm+music_a0+face_a2_se": (
        VIDEO_A3 | {"music": {"blocks": "A0"}, "face": {"blocks": "A2", "se": (4, 8, 8, 16, 16)}},
        MMTM,
    ),
}


def main() -> None:
    network_id, batch, mode = sys.argv[1:]
    serve(lambda: build_step(network_id, int(batch), mode))


def build_step(network_id: str, batch: int, mode: str):
    model = build(network_id)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss=loss, jit_compile=False)
    rng = np.random.default_rng(0)
    shapes = {tensor.name: (batch, *tensor.shape[1:]) for tensor in model.inputs}
    streams = {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    target = np.arange(batch) % 6
    if mode == "forward":
        return lambda: model.predict_on_batch(streams)
    return lambda: model.train_on_batch(streams, target)


def build(network_id: str):
    if network_id == "video_c3d":
        return keras_oracle.c3d(network_id, SHAPES[network_id])
    branches, mmtm = NETWORKS[network_id]
    return keras_oracle.network(branches, {name: SHAPES[name] for name in branches}, mmtm=mmtm)


if __name__ == "__main__":
    main()
