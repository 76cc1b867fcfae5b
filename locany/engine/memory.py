"""Memory of a device: how much is free, whether an error says that it ran out, giving back what is unused."""

from __future__ import annotations

import os
from pathlib import Path

import torch

_CGROUP = Path("/sys/fs/cgroup")
_UNKNOWN = 4 << 30
_IDLE_BYTES = 64 << 20
# Who says so in words only: the CPU's allocator; that of pinned memory, and NCCL; cuBLAS.
_IN_WORDS = ("allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python ran out of memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _IN_WORDS)
    )


def release_memory(device: torch.device) -> None:
    """Give unused blocks of torch's allocator back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def idle_bytes(device: torch.device) -> int:
    """Bytes of a cache that is kept while nobody asks: on a GPU one that moves costs all captured steps."""
    if device.type == "cuda":
        return max(_IDLE_BYTES, torch.cuda.get_device_properties(device).total_memory // 16)
    return _IDLE_BYTES


def free_bytes(device: torch.device) -> int:
    """Bytes that are free on a device now; on the host, of physical memory."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch itself
        return torch.cuda.mem_get_info(device)[0] + unused
    return min(_available_on_host(), _left_of_container())


def _available_on_host() -> int:
    """What Linux would give without swapping, file caches included; elsewhere half of the memory there is."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass  # not Linux
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):  # not every system says
        return _UNKNOWN


def _left_of_container() -> int:
    """What a container's limit (cgroup v2) leaves, file caches included; everything where there is none."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        for line in (_CGROUP / "memory.stat").read_text().splitlines():
            if line.startswith(("active_file ", "inactive_file ")):  # given back as soon as it is needed
                used -= int(line.split()[1])
        return max(0, limit - used)
    except (OSError, ValueError):  # no such file, or "max"
        return 1 << 62
