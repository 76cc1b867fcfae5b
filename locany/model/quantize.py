"""int8 and 4-bit weights for the decoder's linear layers.

With int8, activations are rounded to int8 too, one scale per token, so that the product runs on the integers;
4 bits are weights only. Embedding (the tied head), norms, projector and vision encoder stay as they are. A
quantised layer only answers: it has no gradients, cannot be trained, and stays on the device and in the dtype
that it was made for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from locany.errors import DeviceError, RequestError, TrainingError
from locany.model.locate_model import LocateModel
from locany.model.packed import is_packed
from locany.model.quantized_products import choose_product
from locany.model.quantized_weight import QuantizedWeight, check_kind, join_weights, quantize_weight

_JOINED = ((("q", "k", "v"), "qkv"), (("gate", "up"), "gate_up"))  # the places that `packed.py` uses, too


def quantize_model(model: LocateModel, kind: str) -> LocateModel:
    """Replace the weights of the decoder's linear layers, one layer at a time; returns the model.

    Raises:
        CheckpointTensorError: a weight cannot be quantised.
        RequestError: the model is quantised already or has adapters, or `kind` is unknown.
    """
    check_kind(kind)
    if found := quantization(model):
        raise RequestError(f"the model is quantised to {found} already; quantise the model before that")
    names = linear_names(model)
    if not names or is_packed(model):
        raise RequestError("the model is packed for answering already; quantise it before that")
    for name in names:
        if type(model.get_submodule(name)) is not nn.Linear:
            raise RequestError(f"{name} has an adapter; merge it (merge_lora) before quantising")
    for number in range(len(model.decoder.layers)):
        weights = {}
        for name in names:
            if name.startswith(f"decoder.layers.{number}."):
                linear = model.get_submodule(name)
                assert isinstance(linear, nn.Linear)
                weights[name] = quantize_weight(linear.weight, kind)
        put_weights(model, weights, model.dtype)
    return model.requires_grad_(False).eval()


def put_weights(model: LocateModel, weights: dict[str, QuantizedWeight], dtype: torch.dtype) -> None:
    """Give quantised weights to the linear layers of a model; biases stay, and `weights` is empty afterwards.

    Layers with one input become one: queries, keys and values, and gate and up. Scales belong to outputs, so
    this changes no number.

    Args:
        weights: by name of the layer; whole decoder layers.
        dtype: of the activations.
    """
    for name in list(weights):
        owner = name.rpartition(".")[0]
        for parts, joined in _JOINED:
            names = [f"{owner}.{part}" for part in parts]
            if name == names[0]:
                layers = [model.get_submodule(part) for part in names]
                together = join_weights([weights.pop(part) for part in names])
                setattr(
                    model.get_submodule(owner), joined, QuantizedLinear(together, _joined_bias(layers), dtype)
                )
                for part in parts:
                    setattr(model.get_submodule(owner), part, None)  # the name stays, for who asks
    for name in list(weights):
        linear = model.get_submodule(name)
        assert isinstance(linear, nn.Linear)
        model.set_submodule(name, QuantizedLinear(weights.pop(name), linear.bias, dtype))


def linear_names(model: LocateModel) -> list[str]:
    """Names of the layers of a plain model that are quantised: every linear layer of the decoder."""
    return [
        name
        for name, part in model.named_modules()
        if name.startswith("decoder.") and isinstance(part, nn.Linear)
    ]


def quantization(model: nn.Module) -> str:
    """How a model is quantised: "int8", "int4", or "" where it is not."""
    return next((part.kind for part in model.modules() if isinstance(part, QuantizedLinear)), "")


def describe(model: nn.Module) -> str:
    """How a model is quantised and what computes the products, in words; "" where it is not."""
    parts = [part for part in model.modules() if isinstance(part, QuantizedLinear)]
    how = ", ".join(sorted({part.product.name for part in parts}))
    return f"{parts[0].kind} weights of {len(parts)} linear layers, by {how}" if parts else ""


def refuse_quantized(model: nn.Module, purpose: str) -> None:
    """Raise RequestError, naming what the model was wanted for, where it is quantised."""
    if found := quantization(model):
        raise RequestError(
            f"{purpose} needs the weights themselves, but this model is quantised to {found}; "
            "load the checkpoint that it was made from"
        )


class QuantizedLinear(nn.Module):
    """x W' + bias with a quantised W, which is no tensor of the module: kernels keep it in their own form.

    Attributes:
        kind: "int8" or "int4".
        product: what multiplies with the weight, chosen for the device when the layer is made.
    """

    def __init__(self, weight: QuantizedWeight, bias: nn.Parameter | None, dtype: torch.dtype):
        super().__init__()
        self.kind, self.in_features, self.out_features = weight.kind, weight.in_features, weight.out_features
        self.bias = bias
        self.product = choose_product(weight, dtype)
        self._place = torch.empty(0, device=weight.values.device, dtype=dtype)
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        y = self.product(x.reshape(-1, self.in_features).contiguous())
        if self.bias is not None:
            y = y.add_(self.bias)
        return y.to(x.dtype).view(*x.shape[:-1], self.out_features)

    def train(self, mode: bool = True) -> QuantizedLinear:
        if mode:
            raise TrainingError(
                f"a model quantised to {self.kind} cannot be trained; load the checkpoint it was made from"
            )
        return super().train(mode)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, {self.kind}, {self.product.name}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """What `to`, `cuda` and `float` call: the kernels' weights cannot follow. Other parts may have."""
        moved = fn(self._place)
        if (moved.device, moved.dtype) != (self._place.device, self._place.dtype):
            raise DeviceError(
                f"a quantised model stays {self._place.dtype} on {self._place.device}; load it again with "
                "the device and the dtype that it shall have"
            )
        return super()._apply(fn, recurse)


def _joined_bias(layers: list[nn.Module]) -> nn.Parameter | None:
    biases: list[Tensor] = [
        layer.bias for layer in layers if isinstance(layer, nn.Linear) and layer.bias is not None
    ]
    return nn.Parameter(torch.cat(biases), requires_grad=False) if biases else None
