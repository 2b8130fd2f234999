"""The quicker ways of a CPU's convolutions give PyTorch's own numbers and gradients."""

import math

import pytest
import torch
import torch.nn.functional as F

from gradients import plain_convolve, values_and_gradients
from mvemotion import convolutions
from mvemotion.convolutions import band_width, convolve, fold_width, places_missing, row_surplus

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
CASES = {  # input, weights
    "banded": ((2, 5, 16, 12), (1, 5, 5, 1)),
    "banded in 3D": ((1, 7, 8, 16, 4), (1, 7, 5, 5, 1)),
    "banded by four": ((2, 5, 12, 9), (1, 5, 3, 1)),
    "folded": ((2, 2, 6, 24), (4, 2, 1, 9)),
    "folded with square kernels": ((2, 2, 6, 24), (8, 2, 13, 13)),
    "folded in 3D": ((1, 3, 4, 6, 16), (4, 3, 1, 9, 9)),
    "folded within a frame": ((2, 3, 6, 7, 8), (4, 3, 5, 5, 1)),
    "folded, longer than the input": ((2, 3, 4, 5, 4), (4, 3, 1, 9, 9)),
    "folded for few channels": ((2, 3, 6, 6, 6), (16, 3, 3, 3, 3)),
    "with whole tiles": ((2, 64, 5, 163), (32, 64, 5, 5)),
    "an odd row": ((2, 3, 6, 13), (4, 3, 5, 5)),
    "alone": ((1, 16, 8, 8, 4), (16, 16, 3, 3, 3)),
    "banded alone": ((1, 32, 8, 8, 4), (1, 32, 7, 7, 1)),
    "of places alone": ((2, 5, 6, 8), (1, 5, 1, 1)),
    "longer than the input": ((6, 32, 1, 32), (2, 32, 7, 3)),
    "longer than the input in 3D": ((4, 64, 3, 3, 2), (2, 64, 5, 5, 1)),
    "of a band longer than the input": ((6, 64, 8, 8, 8), (1, 64, 5, 5, 1)),
}


@pytest.mark.parametrize("layout", ["channels last", "channels first"])
@pytest.mark.parametrize("bits", [32, 16])
@pytest.mark.parametrize("capability", ["AVX512", "AVX2"])
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_those_of_64_bits(case, capability, bits, layout, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    shape, kernel = CASES[case]
    _fill_freed_memory_with_nan()
    layout = LAYOUTS[len(shape)] if layout == "channels last" else torch.contiguous_format
    how = convolve if bits == 32 else _in_bfloat16
    ours = values_and_gradients(how, shape, kernel, dtype=torch.float32, layout=layout)
    exact = values_and_gradients(plain_convolve, shape, kernel, dtype=torch.float64, layout=layout)
    for name, error in ((key, _relative_error(ours[key], exact[key])) for key in exact):
        assert error < (1e-5 if bits == 32 else 0.02), name


@pytest.mark.parametrize("case", ["banded", "folded", "folded in 3D"])
def test_layers_without_biases_go_the_same_ways(case):
    shape, kernel = CASES[case]
    x, weight = torch.randn(shape), torch.randn(kernel)
    expected = plain_convolve(x.double(), weight.double(), None)
    assert _relative_error(convolve(x, weight, None), expected) < 1e-5


@pytest.mark.parametrize(("capability", "width"), [("AVX512", 4), ("AVX2", 2)])
def test_a_narrower_cpu_folds_less(capability, width, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    shape, kernel = CASES["folded in 3D"]
    assert fold_width(torch.empty(shape), torch.empty(kernel)) == width


def test_the_cases_go_the_ways_that_they_name(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    with torch.autocast("cpu", torch.bfloat16):
        widths = {name: _widths(*case) for name, case in CASES.items()}
    assert widths["banded in 3D"] == (8, 4, 0)
    assert widths["banded"] == (0, 4, 0), "oneDNN is wrong there"
    assert widths["folded in 3D"] == widths["folded within a frame"] == (0, 4, 0)
    assert widths["folded for few channels"] == (0, 2, 0)
    assert widths["with whole tiles"] == (0, 0, 2)  # 165 is eleven times fifteen
    assert widths["an odd row"] == widths["alone"] == widths["of places alone"] == (0, 0, 0)
    assert widths["of a band longer than the input"] == (0, 4, 0), "oneDNN is wrong there, too"
    widths = {name: _widths(*case) for name, case in CASES.items()}
    assert widths["banded"] == (8, 0, 0)
    assert widths["banded by four"] == (4, 0, 0)
    assert widths["of a band longer than the input"] == (8, 0, 0)
    assert widths["folded"] == widths["folded in 3D"] == (0, 4, 0)
    assert widths["folded with square kernels"] == (0, 2, 0)
    assert widths["folded within a frame"] == widths["with whole tiles"] == (0, 0, 0)


def test_places_are_missing_in_bfloat16_before_the_last_axis():
    x, weight = torch.empty(4, 8, 3, 9, 2), torch.empty(2, 8, 5, 5, 5)
    assert places_missing(x, weight) == [0, 0]
    assert places_missing(x.bfloat16(), weight.bfloat16()) == [2, 0]


LONE_FILTERS = [  # conv_y of A2 and A1 on music, block by block; of its inputs apart and together
    *((channels, 9, (128, 432)) for channels in (2, 4, 6)),
    *((channels, 7, (64, 216)) for channels in (8, 16)),
    *((channels, 7, (32, 108)) for channels in (16, 32)),
    *((channels, 5, (128, 432)) for channels in (2, 16, 18)),
    *((channels, 5, (64, 216)) for channels in (32, 64)),
]


@pytest.mark.parametrize(("channels", "length", "sizes"), LONE_FILTERS)
def test_a_lone_filter_is_right_in_bfloat16(channels, length, sizes):
    """With AMX, oneDNN 3.10 gives wrong numbers for some of these at a stride of eight."""
    torch.manual_seed(channels)
    x = torch.randn(6, channels, *sizes).relu().contiguous(memory_format=torch.channels_last)
    weight = torch.randn(1, channels, length, 1)
    cotangent = torch.randn(6, 1, *sizes)
    found, expected = [], []
    for outcome, is_short in ((found, True), (expected, False)):
        inputs = [tensor.clone().requires_grad_() for tensor in (x, weight)]
        with torch.autocast("cpu", torch.bfloat16, enabled=is_short):
            y = convolve(*inputs, None) if is_short else F.conv2d(*inputs, padding=(length // 2, 0))
        y.backward(cotangent.to(y.dtype))
        outcome += [y.detach(), *(tensor.grad for tensor in inputs)]
    assert all(_relative_error(a, b) < 0.02 for a, b in zip(found, expected, strict=True))


def test_folding_moves_nothing_in_memory(monkeypatch):
    """Channels last, input and output are views: nothing is copied but the kernel."""
    inputs, outputs = [], []

    def convolve_nothing(x, *rest):
        inputs.append(x)
        outputs.append(x.clone())
        return outputs[-1]

    monkeypatch.setattr(convolutions, "_convolve", convolve_nothing)
    x = torch.randn(2, 2, 6, 24).contiguous(memory_format=torch.channels_last)
    y = convolutions._folded(x, torch.randn(2, 2, 1, 9), None, 4)
    assert inputs[0].data_ptr() == x.data_ptr()
    assert y.data_ptr() == outputs[0].data_ptr()
    for tensor in (inputs[0], y):
        assert tensor.is_contiguous(memory_format=torch.channels_last)


def _widths(shape: tuple, kernel: tuple) -> tuple[int, int, int]:
    """Outputs side by side, places folded, zeros behind a row; the first that is not 0 is used."""
    x, weight = torch.empty(shape), torch.empty(kernel)
    band = band_width(x, weight)
    return band, fold_width(x, weight), row_surplus(x, weight)


def _fill_freed_memory_with_nan() -> None:
    """What is allocated next, and not written, is not a number."""
    freed = [torch.full((2**n,), math.nan) for n in range(4, 20) for _ in range(2)]
    assert freed


def _in_bfloat16(x, weight, bias):
    with torch.autocast("cpu", torch.bfloat16):
        return convolve(x, weight, bias)


def _relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    expected = expected.double()
    return float((found.double() - expected).norm() / expected.norm().clamp(min=1.0))
