"""What is put around the layers of a model in training: compilation, and recomputation in place of memory.

Both go around a layer's `forward` and not around the layer, so that names of parameters, hooks on layers and
sharding know nothing of it, and a hook is called once however often a layer is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from locany.model.locate_model import LocateModel


def wrap_layers(
    model: LocateModel, *, compiled: bool = False, checkpointing: bool = False, dropout: bool = True
) -> None:
    """Change how the layers of a model are computed, not what.

    Args:
        compiled: compile the decoder's layers. The encoder's are left: their attention runs image by image,
            so that every new mixture of image sizes would be compiled anew.
        checkpointing: compute encoder and decoder layers again in the backward pass, from what went in.
        dropout: whether layers draw random numbers, which a second computation must draw again.
    """
    for part in (model.vision, model.decoder):
        for layer in part.layers:
            if compiled and part is model.decoder:
                _set_forward(layer, _compiled(layer.forward))
            if checkpointing:
                _set_forward(layer, _again(layer.forward, dropout))


def _compiled(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled where it learns; answers of an evaluation, with their cache, are not worth compiling."""
    learning = torch.compile(forward, dynamic=True)

    def either(*inputs: Any) -> Any:
        return learning(*inputs) if torch.is_grad_enabled() else forward(*inputs)

    return either


def _again(forward: Callable[..., Any], dropout: bool) -> Callable[..., Any]:
    def recomputed(*inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*inputs)
        return checkpoint(forward, *inputs, use_reentrant=False, preserve_rng_state=dropout)

    return recomputed


def _set_forward(layer: nn.Module, forward: Callable[..., Any]) -> None:
    layer.forward = forward
