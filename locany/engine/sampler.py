"""From logits to probabilities and tokens (spec `locateanything` 6.8), for any number of rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from locany.engine.params import Params

_REMOVED = torch.finfo(torch.float32).min


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

    @classmethod
    def stack(cls, params: Sequence[Params], device: torch.device) -> SamplingParams:
        def column(name: str, dtype: torch.dtype) -> Tensor:
            return torch.tensor([getattr(p, name) for p in params], dtype=dtype, device=device)

        return cls(
            temperature=column("temperature", torch.float32),
            top_p=column("top_p", torch.float32),
            top_k=column("top_k", torch.long),
            repetition_penalty=column("repetition_penalty", torch.float32),
            has_temperature=any(p.temperature > 0 for p in params),
            has_top_p=any(p.top_p < 1 for p in params),
            has_top_k=any(p.top_k > 0 for p in params),
        )


def probabilities(logits: Tensor, params: SamplingParams, seen: Tensor | None) -> Tensor:
    """Penalty, temperature, top-p, top-k, softmax, in this order.

    Args:
        logits: [rows, slots, vocabulary] float32.
        seen: [rows, vocabulary] boolean, the tokens of prompt and answer so far; None if nobody is penalised.

    Returns:
        [rows, slots, vocabulary] float32; what top-p and top-k removed is exactly 0.
    """

    def row(t: Tensor) -> Tensor:
        return t[:, None, None]

    if seen is not None:
        penalty = row(params.repetition_penalty)
        penalised = torch.where(logits > 0, logits / penalty, logits * penalty)
        logits = torch.where(seen[:, None], penalised, logits)
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


def draw(
    probs: Tensor, temperatures: Sequence[float], generators: Sequence[torch.Generator | None]
) -> Tensor:
    """One token per slot: the most probable, or a sample where the temperature is above 0.

    A sample is argmax(p / e) with e exponential, drawn row-major per request: the published draw on the CPU,
    and independent of which other requests share the batch.

    Args:
        probs: [rows, slots, vocabulary].

    Returns:
        [rows, slots] ids.
    """
    tokens = probs.argmax(-1)
    for number, (temperature, generator) in enumerate(zip(temperatures, generators, strict=True)):
        if temperature > 0:
            noise = torch.empty_like(probs[number]).exponential_(1.0, generator=generator)
            tokens[number] = (probs[number] / noise).argmax(-1)
    return tokens
