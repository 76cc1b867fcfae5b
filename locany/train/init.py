"""Initial weights for training from scratch.

What makes learning start at small width (measured, `docs/log.md`): linear layers at 1/sqrt(fan-in), residual
outputs at zero, and places (position table, coordinate tokens) as Fourier features of the same kind, so that
near places are near from the first step and a place can be handed from the encoder to the head linearly.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from locany.model.layers import RMSNorm
from locany.model.locate_model import LocateModel


def fourier_features(places: Tensor, size: int, highest: float, lowest: float = 0.25) -> Tensor:
    """Cosines and sines of places in 0..1 at geometric frequencies: [places, size], each row of norm 1."""
    frequency = torch.logspace(math.log10(lowest), math.log10(highest), size // 2)
    angles = 2 * math.pi * places[:, None] * frequency
    features = torch.cat((angles.cos(), angles.sin()), dim=1) / math.sqrt(size // 2)
    return torch.nn.functional.pad(features, (0, size - features.shape[1]))


@torch.no_grad()
def initialise(model: LocateModel, seed: int, coord_ids: range) -> None:
    """Fill every parameter of a model that was built empty.

    Args:
        coord_ids: ids of the coordinate tokens, in order of their bins.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(parameter: Tensor, std: float) -> None:
        parameter.copy_(torch.empty(parameter.shape).normal_(0, std, generator=generator))

    for module in model.modules():
        if isinstance(module, nn.Linear):
            normal(module.weight, module.in_features**-0.5)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.LayerNorm):
            module.weight.fill_(1)
            module.bias.zero_()
        elif isinstance(module, RMSNorm):
            module.weight.fill_(1)
    for layer in model.vision.layers:
        layer.attn_out.weight.zero_()  # type: ignore[union-attr, operator]
        layer.mlp_out.weight.zero_()  # type: ignore[union-attr, operator]
    for layer in model.decoder.layers:
        layer.attn_out.weight.zero_()  # type: ignore[union-attr, operator]
        layer.mlp.down.weight.zero_()  # type: ignore[union-attr, operator]

    patch = model.vision.patch_embed
    normal(patch.weight, patch.weight[0].numel() ** -0.5)
    patch.bias.zero_()
    height, width, size = patch.position_table.shape
    half = size // 2
    rows = fourier_features((torch.arange(height) + 0.5) / height, half, highest=height / 3)
    columns = fourier_features((torch.arange(width) + 0.5) / width, size - half, highest=width / 3)
    table = torch.cat((rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)), dim=-1)
    patch.position_table.copy_(table * math.sqrt(half))

    # A head tied to the embedding reads logits as inner products: rows of norm 1 let the final norm's output,
    # of length sqrt(size), reach logits around sqrt(size).
    embed = model.decoder.embed.weight
    normal(embed, embed.shape[1] ** -0.5)
    places = torch.linspace(0, 1, len(coord_ids))
    embed[coord_ids.start : coord_ids.stop] = fourier_features(places, embed.shape[1], highest=80.0)
    model.projector.out.weight.mul_(embed.shape[1] ** -0.5)
