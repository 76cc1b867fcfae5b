"""From logits to probabilities and tokens (spec `locateanything` 6.8), for any number of rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_REMOVED = torch.finfo(torch.float32).min
# The finaliser of SplitMix64 (Steele, Lea and Flood 2014); the constants as signed 64-bit integers.
_GOLDEN, _MIX_1, _MIX_2 = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15


@dataclass(frozen=True)
class SamplingParams:
    """Per-row knobs as tensors of shape [rows], and which of them any row uses: known here, on the host."""

    temperature: Tensor
    top_p: Tensor
    top_k: Tensor
    repetition_penalty: Tensor
    has_temperature: bool
    has_top_p: bool
    has_top_k: bool


def probabilities(logits: Tensor, params: SamplingParams, seen: Tensor | None) -> Tensor:
    """Penalty, temperature, top-p, top-k, softmax, in this order.

    Args:
        logits: [rows, slots, vocabulary] float32.
        seen: [rows, 1 or slots, vocabulary] boolean, the tokens of the text before each slot; None if nobody
            is penalised.

    Returns:
        [rows, slots, vocabulary] float32; what top-p and top-k removed is exactly 0.
    """

    def row(t: Tensor) -> Tensor:
        return t[:, None, None]

    if seen is not None:
        penalty = row(params.repetition_penalty)
        penalised = torch.where(logits > 0, logits / penalty, logits * penalty)
        logits = torch.where(seen, penalised, logits)
    if params.has_temperature:
        logits = logits / row(torch.where(params.temperature > 0, params.temperature, 1.0))
    if params.has_top_p:
        ordered, order = logits.sort(dim=-1, descending=True, stable=True)
        mass = ordered.softmax(-1).cumsum(-1)
        # A token goes when the mass before it already exceeds p: the one that crosses p stays.
        before = torch.cat((torch.zeros_like(mass[..., :1]), mass[..., :-1]), dim=-1)
        cut = (before > row(params.top_p)) & row(params.top_p < 1)
        logits = logits.masked_fill(cut.scatter(-1, order, cut), _REMOVED)
    if params.has_top_k:
        k = params.top_k.clamp(max=logits.shape[-1])
        ordered = logits.sort(dim=-1, descending=True).values
        least = ordered.gather(-1, row((k - 1).clamp(min=0)).expand(-1, logits.shape[1], 1))
        logits = logits.masked_fill((logits < least) & row(k > 0), _REMOVED)
    return logits.softmax(-1)


def draw(probs: Tensor, temperature: Tensor, noise: Tensor | None) -> Tensor:
    """One token per slot: the most probable, or a sample where the temperature is above 0.

    Args:
        probs: [rows, slots, vocabulary]; temperature: [rows].
        noise: exponential noise e of the shape of `probs`; argmax(p / e) is a sample of p. None if no row
            samples.

    Returns:
        [rows, slots] ids.
    """
    tokens = most_probable(probs)
    if noise is None:
        return tokens
    return torch.where(temperature[:, None] > 0, (probs / noise).argmax(-1), tokens)


def most_probable(probs: Tensor) -> Tensor:
    """`probs.argmax(-1)`; on the CPU by numpy, which is ten times as fast over a vocabulary."""
    if probs.device.type == "cpu":
        return torch.as_tensor(probs.numpy().argmax(-1))
    return probs.argmax(-1)


def keyed_noise(seed: Tensor, answer_index: Tensor, size: int) -> Tensor:
    """Exponential noise that depends on the seed, the place in the answer and the token, and on nothing else.

    So a request draws the same alone and in a batch, on any device, and a draft that is checked later is
    checked against the very sample that token-by-token decoding would have drawn.

    Args:
        seed: [rows]; answer_index: [rows, slots], which token of the answer is drawn; size: vocabulary.

    Returns:
        [rows, slots, size] float32, above 0.
    """
    key = _mix(_mix(seed[:, None] * _GOLDEN) + answer_index * _GOLDEN)
    tokens = torch.arange(1, size + 1, device=seed.device) * _GOLDEN
    bits = _shifted(_mix(key[..., None] + tokens), 40)  # 24 bits: what float32 can tell apart
    # Rounded up to 1 the noise would be infinite, and a token that is left alone could not be drawn.
    return -torch.log1p(-((bits.float() + 0.5) * 2.0**-24).clamp(max=1 - 2.0**-24))


def _shifted(x: Tensor, places: int) -> Tensor:
    """x >> places as if x had no sign."""
    return (x >> places) & ((1 << (64 - places)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shifted(x, 30)) * _MIX_1
    x = (x ^ _shifted(x, 27)) * _MIX_2
    return x ^ _shifted(x, 31)


def published_noise(generators: Sequence[torch.Generator | None], like: Tensor) -> Tensor:
    """The noise of the published draw on the CPU, row-major per request; 1 where a row has no generator.

    Args:
        like: [rows, slots, vocabulary].
    """
    noise = torch.ones_like(like)
    for row, generator in zip(noise, generators, strict=True):
        if generator is not None:
            row.exponential_(1.0, generator=generator)
    return noise
