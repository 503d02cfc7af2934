"""Where tensors are computed, how precisely, and how many at once."""

import ctypes
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

import torch

log = logging.getLogger(__name__)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
Item = TypeVar("Item")
Result = TypeVar("Result")


def set_up(threads: int) -> str:
    """Limits PyTorch to the rule's threads, and names the device to use."""
    torch.set_num_threads(threads)
    _keep_memory()
    return best()


def _keep_memory() -> None:
    """Tells glibc to keep freed memory: every step of training asks for the same arrays, and new pages cost 5 %."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the largest value that it takes


def decoders(threads: int) -> int:
    """How many processes decode images for an encoder: on a CPU the encoder itself needs most of the threads."""
    return threads if best() == "cuda" else threads // 4


def best() -> str:
    """The device to use: `cuda` if there is one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def resolve_precision(precision: str, device: str) -> str:
    """The precision of a device, `fp32` or `bf16`, for the key `precision` (`auto`, `fp32` or `bf16`)."""
    if precision != "auto":
        return precision
    if device == "cpu":
        # Emulated bf16 is slower than fp32; only AVX-512 BF16 has instructions for it.
        return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"


def autocast(precision: str, device: str) -> AbstractContextManager:
    """The autocast context of a precision, see `resolve_precision`."""
    bf16 = resolve_precision(precision, device) == "bf16"
    return torch.autocast(device, torch.bfloat16, enabled=bf16)


def in_batches(
    items: Sequence[Item], size: int, compute: Callable[[Sequence[Item]], Sequence[Result]]
) -> Iterator[Result]:
    """Yields the results of `compute` for batches of at most `size` items; halves the size when memory runs out."""
    start = 0
    while start < len(items):
        batch = items[start : start + size]
        results = _compute_if_it_fits(compute, batch)
        if results is None:
            size = (len(batch) + 1) // 2
            log.warning("out of memory with %d at once, going on with %d", len(batch), size)
            continue
        yield from results
        start += len(batch)


def _compute_if_it_fits(
    compute: Callable[[Sequence[Item]], Sequence[Result]], batch: Sequence[Item]
) -> Sequence[Result] | None:
    # A function of its own, so that the tensors of a failed attempt are freed before the next one.
    try:
        return compute(batch)
    except RuntimeError as error:
        # When the CPU's memory is full, PyTorch raises a plain RuntimeError that names its `DefaultCPUAllocator`.
        full = isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
        if len(batch) == 1 or not full:
            raise
        return None
