"""The floors of this machine: how fast it reads memory and multiplies, and what that allows each stage.

Measured in the same run as what is compared with them. A decode step must read every weight once, so memory
bounds it; encoder and prefill multiply large matrices, so arithmetic bounds them. A floor counts only what no
implementation can leave out: each weight and each cached key once, each product once, no activations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from locany.eval.timing import Clock
from locany.model import LocateConfig
from locany.model.vision import GridHW

_REPEATS = 5
_LEAST_S = 0.02  # one reading takes at least so long
_BUFFER_BYTES = {"cpu": 1 << 28, "cuda": 1 << 32}
_MATRIX_SIDE = {"cpu": 1024, "cuda": 8192}


@dataclass(frozen=True)
class Floors:
    """What the machine does at best.

    Attributes:
        memory_bytes_s: reading a buffer that no cache holds.
        weights_bytes_s: reading a buffer as large as the decoder's weights, which a large cache may hold.
        flops: multiplying matrices of the measured dtype, floating point operations a second.
    """

    memory_bytes_s: float
    weights_bytes_s: float
    flops: float

    def seconds(self, work: Work) -> float:
        """The least time for a piece of work."""
        return max(work.num_bytes / self.weights_bytes_s, work.flops / self.flops)


@dataclass(frozen=True)
class Work:
    """What a stage cannot do without: bytes to read, floating point operations."""

    num_bytes: float
    flops: float


def measure_floors(config: LocateConfig, device: torch.device, dtype: torch.dtype) -> Floors:
    """Measure a device, in a dtype, for the size of a model."""
    large = _BUFFER_BYTES.get(device.type, 1 << 28)
    decoder = dtype.itemsize * (layer_weights(config) + head_weights(config))
    return Floors(
        memory_bytes_s=read_rate(device, large),
        weights_bytes_s=read_rate(device, min(large, decoder)),
        flops=product_rate(device, dtype),
    )


def read_rate(device: torch.device, num_bytes: int) -> float:
    """Bytes per second of the fastest of several ways to read a buffer once."""
    buffer = torch.ones(max(num_bytes // 4, 1), device=device)
    matrix = buffer[: len(buffer) // 1024 * 1024].view(-1, 1024)
    vector = torch.ones(1024, device=device)
    halves = matrix.to(torch.bfloat16)
    half_vector = vector.to(torch.bfloat16)
    ways: list[tuple[Callable[[], object], int]] = [(buffer.sum, buffer.nbytes)]
    if len(matrix):
        ways.append((lambda: matrix @ vector, matrix.nbytes))
        ways.append((lambda: halves @ half_vector, halves.nbytes))
    return max(num / _best_seconds(way, device) for way, num in ways)


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating point operations per second of a product of two square matrices."""
    side = _MATRIX_SIDE.get(device.type, 1024)
    # Equal numbers would flip no bits: a GPU would draw less power, run faster, and the floor be none.
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    return 2 * side**3 / _best_seconds(lambda: torch.mm(a, b, out=out), device)


@torch.inference_mode()
def _best_seconds(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call: the best of some readings, each over as many calls as fill it."""
    clock, count = Clock(device), 1
    call()
    while True:
        began = clock.now()
        for _ in range(count):
            call()
        passed = clock.now() - began
        if passed >= _LEAST_S:
            break
        count *= 2
    best = passed
    for _ in range(_REPEATS - 1):
        began = clock.now()
        for _ in range(count):
            call()
        best = min(best, clock.now() - began)
    return best / count


def vision_weights(config: LocateConfig) -> int:
    """Numbers in the matrices of the encoder."""
    v = config.vision
    per_layer = v.hidden_size * (4 * v.hidden_size + 2 * v.intermediate_size)
    return v.num_layers * per_layer + 3 * v.patch_size**2 * v.hidden_size


def projector_weights(config: LocateConfig) -> int:
    """Numbers in the matrices of the projector."""
    return config.text.hidden_size * (config.vision.merged_size + config.text.hidden_size)


def layer_weights(config: LocateConfig) -> int:
    """Numbers in the matrices of the decoder's layers."""
    t = config.text
    heads = 2 * t.num_heads + 2 * t.num_kv_heads  # queries, outputs, keys, values
    return t.num_layers * t.hidden_size * (heads * t.head_dim + 3 * t.intermediate_size)


def head_weights(config: LocateConfig) -> int:
    """Numbers in the embedding, which is the head as well."""
    return config.text.vocab_size * config.text.hidden_size


def vision_work(config: LocateConfig, dtype: torch.dtype, grids: list[GridHW]) -> Work:
    """Encoder and projector over some images."""
    vision = config.vision
    lengths = [height * width for height, width in grids]
    num_patches = sum(lengths)
    flops = 2.0 * num_patches * vision_weights(config)
    flops += 2.0 * num_patches / vision.merge_size**2 * projector_weights(config)
    flops += 4.0 * vision.hidden_size * vision.num_layers * sum(n * n for n in lengths)
    return Work(dtype.itemsize * (vision_weights(config) + projector_weights(config)), flops)


def prefill_work(config: LocateConfig, dtype: torch.dtype, num_tokens: int) -> Work:
    """A prompt through the decoder, causal; no logits."""
    text = config.text
    flops = 2.0 * num_tokens * layer_weights(config)
    flops += 4.0 * text.hidden_size * text.num_layers * num_tokens * (num_tokens + 1) / 2
    return Work(dtype.itemsize * layer_weights(config), flops)


def step_work(
    config: LocateConfig, dtype: torch.dtype, *, num_rows: int, num_fed: int, num_keys: int
) -> Work:
    """A decode step of some rows, with the logits of all that is fed.

    Args:
        num_rows: requests side by side.
        num_fed: positions that each feeds.
        num_keys: keys that each looks at.
    """
    text = config.text
    weights = layer_weights(config) + head_weights(config)
    cached = 2 * text.num_layers * text.num_kv_heads * text.head_dim * num_keys
    attention = 4.0 * text.hidden_size * text.num_layers * num_keys
    return Work(
        dtype.itemsize * (weights + num_rows * cached), num_rows * num_fed * (2.0 * weights + attention)
    )
