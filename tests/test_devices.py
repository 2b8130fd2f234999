"""The device that computes, how it rounds, and that nothing makes it wait."""

import pytest
import torch

from mvemotion.data.batches import InputPipeline
from mvemotion.devices import open_fabric, set_arithmetic
from mvemotion.errors import InputError
from mvemotion.history import EpochTotal
from stores import TINY

GPU = torch.device("cuda")


def arithmetic() -> tuple:
    backends = torch.backends
    matrix_products, convolutions = torch.get_float32_matmul_precision(), backends.cudnn.allow_tf32
    return matrix_products, convolutions, backends.cudnn.benchmark


@pytest.fixture(autouse=True)
def as_before():
    matrix_products, convolutions, benchmark = arithmetic()
    yield
    torch.set_float32_matmul_precision(matrix_products)
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = convolutions, benchmark


def test_a_gpu_trains_in_tf32_and_scores_in_32_bits():
    set_arithmetic(GPU, is_training=True)
    assert arithmetic() == ("high", True, True)
    set_arithmetic(GPU, is_training=False)
    assert arithmetic() == ("highest", False, False)


def test_a_cpu_has_nothing_to_set():
    before = arithmetic()
    open_fabric("cpu", is_training=True)
    assert arithmetic() == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has float16")
@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_float16_is_refused_on_a_cpu_rather_than_taken_for_bfloat16(device):
    with pytest.raises(InputError, match=r"'16-mixed' on a CPU.* choose bf16-mixed or 32-true"):
        open_fabric(device, precision="16-mixed")


def test_an_epochs_total_is_read_at_its_end_alone():
    """Tensors without values stand for those of a GPU: whoever reads one meets an error."""
    with torch.device("meta"):
        loss, logits, target = torch.tensor(0.0), torch.zeros(3, 6), torch.zeros(3, dtype=int)
    total = EpochTotal()
    total.add(loss, logits, target)
    with pytest.raises((RuntimeError, NotImplementedError)):
        total.means("train", open_fabric("cpu"))


def test_an_epochs_means_are_exact():
    total, losses = EpochTotal(), [0.1 + 1e-7 * number for number in range(1000)]
    for loss in losses:
        total.add(torch.tensor(loss), torch.eye(6)[[0, 0]], torch.tensor([0, 1]))
    row = total.means("train", open_fabric("cpu"))
    stored = torch.tensor(losses).double().mean().item()
    assert row["train_loss"] == pytest.approx(stored, rel=1e-14)
    assert row["train_accuracy"] == 0.5


def test_every_stream_is_channels_last_whatever_frames_it_takes():
    streams = ("video", "video_slow", "video_c3d")
    pipeline = InputPipeline(streams, TINY, {"video": (0.0, 1.0)})
    side, frames = TINY.frame_size, TINY.frames
    batch = {"video": torch.zeros(2, side, side, frames, 3, dtype=torch.uint8)}
    for name, x in pipeline(batch).items():
        assert x.is_contiguous(memory_format=torch.channels_last_3d), name
