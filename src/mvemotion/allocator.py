"""The C library's memory allocator, told to keep what a network has freed."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # parameters of glibc's mallopt, in malloc.h


def keep_freed_memory() -> bool:
    """Keep freed memory for the next tensors of this process, instead of giving it back.

    By default glibc maps every large tensor anew, and Linux zeroes its pages again at each step,
    which takes a good part of a forward pass (`benchmarks/switches.py`). The peak hardly changes.

    Returns
    -------
    bool
        Whether there was something to do: only glibc, Linux' usual C library, is told.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))
