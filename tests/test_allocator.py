"""Freed memory is kept: the next tensor of the size finds it, and the system is not asked."""

import subprocess
import sys

import pytest

from mvemotion.allocator import keep_freed_memory

FAULTS = """
import resource
import torch
from mvemotion.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.zeros(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults(), keep_freed_memory(), (faults(), faults())[1], sep=",")
"""


def test_tensors_made_again_and_again_cost_no_page_faults():
    command = [sys.executable, "-c", FAULTS]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, is_kept, after = printed.strip().split(",")
    if is_kept == "False":
        pytest.skip("no glibc here: nothing is told")
    assert int(after) < 0.1 * int(before)


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
