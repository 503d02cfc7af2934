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


def set_up() -> str:
    """Prepares a process that computes, and names the device to use. The log says what decides how sums are rounded."""
    _keep_memory()
    device = best()
    on = torch.cuda.get_device_name() if device == "cuda" else torch.backends.cpu.get_cpu_capability()
    log.info("computing on %s (%s), precision `auto` is %s", device, on, resolve_precision("auto", device))
    return device


def _keep_memory() -> None:
    """Tells glibc to keep freed memory: every step needs arrays of the same sizes, and fresh pages cost 5 % of it."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the most that it takes


def decoders(threads: int) -> int:
    """How many processes decode images for an encoder that runs beside them, on the CPU in a thread of its own."""
    return threads if best() == "cuda" else threads - 1


def best() -> str:
    """The device to use: `cuda` if there is one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def resolve_precision(precision: str, device: str) -> str:
    """Turns the key `precision` (`auto`, `fp32`, `bf16`) into what this device does: `fp32` or `bf16`."""
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
    """Yields `compute(batch)` of batches of at most `size` items; halves the size for good when memory runs out."""
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
    # A function of its own, so that the failed attempt's tensors are gone when the next one starts.
    try:
        return compute(batch)
    except RuntimeError as error:
        # PyTorch raises a plain RuntimeError of its `DefaultCPUAllocator` when the CPU's memory ends.
        full = isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
        if len(batch) == 1 or not full:
            raise
        return None
