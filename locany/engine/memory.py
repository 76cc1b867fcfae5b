"""Memory of a device: how much is free, whether an error says that it ran out, giving back what is unused."""

from __future__ import annotations

import os

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python ran out of memory; the CPU's allocator says so in words only."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


def release_memory(device: torch.device) -> None:
    """Give unused blocks of torch's allocator back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def free_bytes(device: torch.device) -> int:
    """Bytes that are free on a device now; on the host, of physical memory."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not every system says
        return 4 << 30
