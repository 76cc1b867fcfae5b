"""Linear layers arranged for answering: in oneDNN's own weight layout on the CPU, joined on other devices.

A plain layer hands its weight over in rows, and oneDNN rearranges them in every call. Arranged once, products
of few rows take half the time, bit for bit the same in bfloat16 (docs/log.md). On a GPU a step launches two
kernels a layer in place of five, each with more to do. A packed model only answers: its weights are no
tensors that could be trained or written, or go by other names.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from locany.model.decoder import DecoderLayer
from locany.model.locate_model import LocateModel
from locany.model.vision import VisionLayer

_ROWS = 12  # of a decode step: what the layout is made for; it is right for any other number


def pack_model(model: LocateModel) -> LocateModel:
    """Pack the linear layers of a model, in place; on a CPU without oneDNN change nothing.

    Queries, keys and values become one layer, gate and up another. Quantised layers stay as they are.
    """
    if not will_pack(model.device, model.dtype):
        return model
    if model.device.type != "cpu":
        return join_layers(model)
    for layer in model.decoder.layers:
        assert isinstance(layer, DecoderLayer)
        if _plain(layer.q, layer.k, layer.v):
            layer.qkv = PackedLinear((layer.q, layer.k, layer.v))
            del layer.q, layer.k, layer.v
        if _plain(layer.mlp.gate, layer.mlp.up):
            layer.mlp.gate_up = PackedLinear((layer.mlp.gate, layer.mlp.up))
            del layer.mlp.gate, layer.mlp.up
        _pack(layer, "attn_out")
        _pack(layer.mlp, "down")
    for part in model.vision.layers:
        assert isinstance(part, VisionLayer)
        for name in ("qkv", "attn_out", "mlp_out"):
            _pack(part, name)
        if _plain(part.mlp_in):
            part.mlp_in = PackedLinear((part.mlp_in,), "gelu_tanh")  # type: ignore[assignment]
            part.activation = nn.Identity()
    for name in ("lift", "out"):
        _pack(model.projector, name)
    model.decoder.head = PackedLinear((model.decoder.embed.weight,))
    return model


def join_layers(model: LocateModel) -> LocateModel:
    """Join the layers of the decoder that have one input, in place, one decoder layer at a time."""
    for layer in model.decoder.layers:
        assert isinstance(layer, DecoderLayer)
        if layer.qkv is None and _plain(layer.q, layer.k, layer.v):
            layer.qkv = JoinedLinear((layer.q, layer.k, layer.v))
            del layer.q, layer.k, layer.v
        if layer.mlp.gate_up is None and _plain(layer.mlp.gate, layer.mlp.up):
            layer.mlp.gate_up = JoinedLinear((layer.mlp.gate, layer.mlp.up))
            del layer.mlp.gate, layer.mlp.up
    return model


def is_packed(model: LocateModel) -> bool:
    """Whether `pack_model` has changed a model."""
    return any(isinstance(part, PackedLinear | JoinedLinear) for part in model.modules())


def will_pack(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether `pack_model` changes a model of this device and dtype."""
    return dtype in (torch.float32, torch.bfloat16) and (device.type != "cpu" or _has_packing(dtype))


@cache
def _has_packing(dtype: torch.dtype) -> bool:
    """Whether this torch packs weights of a dtype, and computes with them what it should: tried once."""
    if not torch.backends.mkldnn.is_available():
        return False
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    values = torch.linspace(-1, 1, 64 * 32)
    weight, x = values.view(64, 32).to(dtype), values[:96].view(3, 32).to(dtype)
    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
        got = torch.ops.mkldnn._linear_pointwise(x, packed, None, "gelu", [], "tanh")
    except (AttributeError, RuntimeError, NotImplementedError):  # private to torch: another one may lack it
        return False
    expected = F.gelu(F.linear(x, weight), approximate="tanh")
    return torch.allclose(got.float(), expected.float(), rtol=0.02, atol=0.05)


class PackedLinear(nn.Module):
    """Some linear layers with one input as one, their outputs side by side.

    Args:
        parts: layers, or bare weights [out, in].
        activation: applied to the output: "" or "gelu_tanh".
    """

    def __init__(self, parts: Sequence[nn.Linear | Tensor], activation: str = ""):
        super().__init__()
        weights = [part.weight if isinstance(part, nn.Linear) else part for part in parts]
        biases = [part.bias if isinstance(part, nn.Linear) else None for part in parts]
        self.in_features = weights[0].shape[1]
        self.out_features = sum(len(weight) for weight in weights)
        with torch.no_grad():
            joined = torch.cat(list(weights)) if len(weights) > 1 else weights[0].detach()
            self._packed = torch.ops.mkldnn._reorder_linear_weight(joined.contiguous(), _ROWS)
            self._bias = None
            if any(bias is not None for bias in biases):
                assert all(bias is not None for bias in biases)
                self._bias = torch.cat([bias.detach() for bias in biases if bias is not None])
        self._after = ("gelu", "tanh") if activation == "gelu_tanh" else ("none", "")

    def forward(self, x: Tensor) -> Tensor:
        kind, how = self._after
        if x.numel() == 0:
            return x.new_zeros(*x.shape[:-1], self.out_features)
        return torch.ops.mkldnn._linear_pointwise(x, self._packed, self._bias, kind, [], how)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, {self._after[0]}"


class JoinedLinear(nn.Linear):
    """Some linear layers with one input as one, their outputs side by side."""

    def __init__(self, parts: Sequence[nn.Linear]):
        biases: list[Tensor] = [part.bias for part in parts if part.bias is not None]
        assert len(biases) in (0, len(parts))
        super().__init__(
            parts[0].in_features, sum(p.out_features for p in parts), bias=bool(biases), device="meta"
        )
        with torch.no_grad():
            self.weight = nn.Parameter(torch.cat([part.weight for part in parts]), requires_grad=False)
            if biases:
                self.bias = nn.Parameter(torch.cat(biases), requires_grad=False)


def _plain(*parts: nn.Module | None) -> bool:
    return all(type(part) is nn.Linear for part in parts)


def _pack(owner: nn.Module, name: str) -> None:
    part = getattr(owner, name)
    if _plain(part):
        setattr(owner, name, PackedLinear((part,)))
