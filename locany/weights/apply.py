"""An adapter into the weights of a loaded model, after making sure that it belongs to them."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from locany.errors import CheckpointConfigError
from locany.model import LocateModel
from locany.weights.adapter import Adapter
from locany.weights.names import published_name

_SAMPLE = 1024  # values of each tensor that the fingerprint looks at


def merged_weight(weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """weight + scale * B A, computed in float32 and rounded once to the dtype of `weight`.

    Args:
        weight: [out, in]; a: [rank, in]; b: [out, rank].
    """
    a, b = (part.to(weight.device, torch.float32) for part in (a, b))
    return torch.add(weight.float(), b @ a, alpha=scale).to(weight.dtype)


@torch.no_grad()
def merge_into(model: LocateModel, adapter: Adapter) -> None:
    """Change the weights of a model in place to what it computes with the adapter.

    In float32 outputs agree with those of the unmerged adapter to rounding: logits within 1e-5 on the test
    model, within 2e-4 on locany-mini (logits up to 23; as far as float32 is from float64 there). A
    half-precision base rounds each merged weight once more.

    Raises:
        CheckpointConfigError: the adapter was trained on other weights than those of `model`.
    """
    check_base(model, adapter)
    state = model.state_dict()
    for module, (a, b) in adapter.pairs.items():
        weight = state[f"{module}.weight"]
        weight.copy_(merged_weight(weight, a, b, adapter.scale))
    for name, tensor in adapter.tensors.items():
        state[name].copy_(tensor)


def check_base(model: LocateModel, adapter: Adapter) -> None:
    """Raise CheckpointConfigError unless the adapter was trained on these weights, as far as it says."""
    if adapter.base and adapter.base != fingerprint(model):
        named = f" ({adapter.base_name})" if adapter.base_name else ""
        raise CheckpointConfigError(
            f"{adapter.source} was trained on other base weights{named} than those of this model, although "
            "the shapes agree; give the checkpoint that it was trained on, without any adapter merged into it"
        )


def fingerprint(model: LocateModel) -> str:
    """A mark of the weights: a hash over some values of every tensor, in bfloat16.

    The same for a checkpoint loaded as float32 and as bfloat16; not for tensors on the meta device.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted((published_name(name), t) for name, t in model.state_dict().items()):
        some = tensor.flatten()[:: -(-tensor.numel() // _SAMPLE)]
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(some.to("cpu", torch.bfloat16).view(torch.int16).numpy().tobytes())
    return digest.hexdigest()
