"""Which device and which number type a run uses, and why; how tensors get there; what a device needs set.

Nothing is chosen silently: each choice comes with a reason in words, for logs and results. torch is imported
inside the functions, so that `locany --help` stays instant.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from locany.errors import DeviceError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
DTYPE_NAMES = {"float32": "float32", "fp32": "float32", "bfloat16": "bfloat16", "bf16": "bfloat16"}

# glibc's mallopt parameters (malloc.h).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEEP_BYTES = 1 << 30
# What environment variables say of glibc's allocator is the user's word, and holds.
_ALLOCATOR_VARIABLES = (
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "GLIBC_TUNABLES",
)
_kept_bytes = 0  # by the calls so far


def available_devices() -> list[str]:
    """Names that `choose_device` accepts on this machine, best first; "cpu" is always the last."""
    import torch

    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, "cpu"]


def choose_device(name: str | torch.device | None = None) -> tuple[torch.device, str]:
    """The device to run on, and the reason in a few words.

    Args:
        name: "cpu", "cuda", "cuda:<number>" or "mps"; None or "auto" takes cuda before mps before cpu.

    Raises:
        DeviceError: an unknown name, or a device that this machine does not have; the message lists those
            that it has. A missing device is never replaced by another one.
    """
    import torch

    available = available_devices()
    wanted = "auto" if name is None else str(name).strip().lower()
    if wanted == "auto":
        best = available[0]
        reason = "no GPU is available to torch" if best == "cpu" else "the first GPU found"
        return torch.device(best), f"{best}: {reason}"
    kind, _, number = wanted.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not (kind == "cuda" and number.isdecimal())):
        raise DeviceError(
            f"unknown device {name!r}; expected auto, cpu, cuda, cuda:<number> or mps; "
            f"available here: {', '.join(available)}"
        )
    full = f"cuda:{int(number or 0)}" if kind == "cuda" else kind
    if full not in available:
        raise DeviceError(
            f"the device {name!r} is not available to torch on this machine; available: "
            f"{', '.join(available)}; use one of these or 'auto'{_why_missing(kind)}"
        )
    return torch.device(full), f"{full}: asked for"


def training_device() -> str:
    """Where recipes for fine-tuning learn: on a GPU of NVIDIA or AMD where there is one, else on the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_dtype(name: str | torch.dtype | None, device: torch.device) -> tuple[torch.dtype, str]:
    """The number type for weights and activations on `device`, and the reason in a few words.

    Args:
        name: "float32" (or "fp32"), "bfloat16" (or "bf16"), or the type itself; None or "auto" takes
            bfloat16 where the hardware computes it natively, else float32. bfloat16 may be asked for
            anywhere: it is right, only slow, where it has to be emulated.

    Raises:
        DeviceError: an unknown name, or float16.
    """
    import torch

    wanted = "auto" if name is None else str(name).strip().lower().removeprefix("torch.")
    if wanted in ("float16", "fp16", "half"):
        raise DeviceError(
            "float16 is not offered: the weights are bfloat16 and their activations leave float16's range "
            "(65504); use bfloat16 or float32"
        )
    if wanted != "auto":
        if wanted not in DTYPE_NAMES:
            raise DeviceError(f"unknown dtype {name!r}; expected auto, {', '.join(DTYPE_NAMES)}")
        full = DTYPE_NAMES[wanted]
        return getattr(torch, full), f"{full}: asked for"
    native, reason = _native_bfloat16(device)
    dtype = torch.bfloat16 if native else torch.float32
    return dtype, f"{'bfloat16' if native else 'float32'}: {reason}"


def on_device(value: T, device: torch.device) -> T:
    """A tensor of the host, or a dataclass of such, on a device; to a GPU without waiting for the copies."""
    import torch

    found: Any = value
    if isinstance(found, torch.Tensor):
        if device.type == "cuda":
            found = found.pin_memory().to(device, non_blocking=True)
        else:
            found = found.to(device)
    elif is_dataclass(found) and not isinstance(found, type):
        moved = {f.name: on_device(getattr(found, f.name), device) for f in fields(found)}
        found = replace(found, **moved)
    return cast(T, found)


def avoid_cudnn_attention(device: torch.device) -> None:
    """Keep torch from cuDNN's attention, for the whole process, where the device is CUDA; free elsewhere.

    On an H100 torch from 2.11 on takes it before all others. With a mask its gradients of queries are NaN at
    lengths of 64 more than a multiple of 128 (github.com/pytorch/pytorch/issues/196678), and every new shape,
    which is every new size of image, costs 0.4 to 1 s of planning. The other fused kernels do neither.
    """
    import torch

    if device.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)


def tune_cpu_allocator(keep_bytes: int = _KEEP_BYTES) -> bool:
    """Make glibc keep large freed blocks instead of returning them to the system.

    By default every temporary above a few megabytes is mapped afresh and its pages are faulted in again,
    which dominated CPU training of a small model (10.5 s against 1.6 s a step, design notes) and is a fifth
    of the time of an answer (docs/log.md). The price: so much of what was freed stays with the process.
    Affects the whole process and cannot be undone; call it before the first large allocation. A later call
    may ask for more, not for less, and none touches an allocator that environment variables have set.

    Args:
        keep_bytes: what may stay. Blocks above it are given back as ever.

    Returns:
        Whether the setting took effect; False on systems other than Linux with glibc.
    """
    global _kept_bytes
    if sys.platform != "linux" or any(os.environ.get(name) for name in _ALLOCATOR_VARIABLES):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):  # musl ignores these settings
        return False
    if keep_bytes <= _kept_bytes:
        return True
    libc.mallopt.argtypes, libc.mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    # Some glibc versions refuse a threshold above half of their largest heap, which is 32 MiB.
    mapped = any(libc.mallopt(_M_MMAP_THRESHOLD, size) == 1 for size in (keep_bytes, 32 << 20))
    trimmed = libc.mallopt(_M_TRIM_THRESHOLD, keep_bytes) == 1
    if mapped and trimmed:
        _kept_bytes = keep_bytes
    return mapped and trimmed


def _why_missing(kind: str) -> str:
    import torch

    if kind == "cuda" and torch.version.cuda is None and torch.version.hip is None:
        return f" (the installed torch {torch.__version__} was built without CUDA)"
    return ""


def _native_bfloat16(device: torch.device) -> tuple[bool, str]:
    """Whether the device has bfloat16 arithmetic, and the words for it."""
    import torch

    if device.type == "cuda":
        if torch.version.hip:
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        else:  # the same question would be about the current GPU, which need not be this one
            native = torch.cuda.get_device_capability(device) >= (8, 0)
        if native:
            return True, "the GPU computes it natively"
        return False, "the GPU has no bfloat16 arithmetic"
    if device.type == "cpu":
        if _cpu_has_bfloat16():
            return True, "the CPU has bfloat16 instructions"
        return False, "the CPU has no bfloat16 instructions"
    return False, f"bfloat16 is not relied on with {device.type}"


def cpu_has_tiles() -> bool:
    """Whether matrix products in bfloat16 run in tiles (AMX); False where torch cannot tell."""
    import torch

    return _ask(torch.cpu, "_is_amx_tile_supported")


def _cpu_has_bfloat16() -> bool:
    """Whether matrix products in bfloat16 run on the CPU's own instructions.

    oneDNN's general answer is also true where AVX-512 only emulates bfloat16, which is no faster than
    float32; on x86 the instruction sets themselves are asked. The functions are private to torch, so their
    absence in another version counts as no: float32 is always right.
    """
    import torch

    if not _ask(torch.ops.mkldnn, "_is_mkldnn_bf16_supported"):
        return False
    if platform.machine().lower() in ("x86_64", "amd64"):
        return _ask(torch.cpu, "_is_avx512_bf16_supported") or cpu_has_tiles()
    return True


def _ask(owner: object, question: str) -> bool:
    try:
        return bool(getattr(owner, question)())
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
