"""What is put around the layers of a model in training: compilation, and recomputation in place of memory.

Both go around a layer's `forward` and not around the layer, so that names of parameters, hooks on layers and
sharding know nothing of it, and a hook is called once however often a layer is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from locany.model.locate_model import LocateModel


def wrap_layers(
    model: LocateModel, *, compiled: bool = False, checkpointing: bool = False, dropout: bool = True
) -> None:
    """Change how the layers of a model are computed, not what.

    Args:
        compiled: compile the decoder's layers. Of the encoder's only the activation: their attention runs
            image by image, so that every new mixture of image sizes would be compiled anew.
        checkpointing: compute encoder and decoder layers again in the backward pass, from what went in.
        dropout: whether layers draw random numbers, which a second computation must draw again.
    """
    for part in (model.vision, model.decoder):
        for layer in part.layers:
            if compiled and part is model.decoder:
                _set_forward(layer, _compiled(layer.forward))
            if compiled and part is model.vision:
                assert isinstance(layer.activation, nn.Module)
                _set_forward(layer.activation, _compiled(gelu, otherwise=layer.activation.forward))
            if checkpointing:
                _set_forward(layer, _again(layer.forward, dropout))


def gelu(x: Tensor) -> Tensor:
    """The tanh form of GELU written with a sigmoid, which is the same: x (1 + tanh u) / 2 = x sigmoid(2 u).

    Compiled, it takes a third of the time: most of that of `nn.GELU` goes into the tanh (docs/log.md).
    """
    return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def _compiled(forward: Callable[..., Any], otherwise: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Compiled where it learns; answers of an evaluation, with their cache, are not worth compiling.

    Args:
        otherwise: what computes the same where nothing is learnt; None for `forward` as it is.
    """
    learning = torch.compile(forward, dynamic=True)
    plain = otherwise or forward

    def either(*inputs: Any) -> Any:
        return learning(*inputs) if torch.is_grad_enabled() else plain(*inputs)

    return either


def _again(forward: Callable[..., Any], dropout: bool) -> Callable[..., Any]:
    def recomputed(*inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*inputs)
        return checkpoint(forward, *inputs, use_reentrant=False, preserve_rng_state=dropout)

    return recomputed


def _set_forward(layer: nn.Module, forward: Callable[..., Any]) -> None:
    layer.forward = forward
