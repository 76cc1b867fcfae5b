"""Adapters into plain weights: in a loaded model, or from folder to folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from locany.errors import CheckpointConfigError, CheckpointError
from locany.model import LocateModel
from locany.weights.adapter import ADAPTER_CONFIG, Adapter, read_adapter
from locany.weights.load import load_config, load_model
from locany.weights.names import EMBEDDING_NAME, HEAD_NAME, published_name
from locany.weights.save import save_model
from locany.weights.stored import CONFIG_FILE, read_json, stored_tensors

_SAMPLE = 1024  # values of each tensor that the fingerprint looks at
_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16}


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


def merge_adapter(
    folder: Path,
    adapter: Path,
    out: Path,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    overwrite: bool = False,
) -> None:
    """Write base and adapter as one plain checkpoint folder, all or nothing.

    Vocabulary, preprocessing and licence files are copied from the base.

    Args:
        folder: the base checkpoint that the adapter was trained on.
        adapter: an adapter folder, ours or peft's.
        out: the new checkpoint folder.
        dtype: what to store; None is what the base stores.
        device: where to compute.
        overwrite: replace an existing checkpoint folder.

    Raises:
        CheckpointError: base or adapter cannot be read or do not belong together, or `out` cannot be written;
            the message names the file.
    """
    folder, adapter, out = Path(folder), Path(adapter), Path(out)
    if out.resolve() in (folder.resolve(), adapter.resolve()):
        raise CheckpointError(f"{out} is what is merged and would be replaced; choose another folder")
    config = load_config(folder)
    learned = read_adapter(adapter, config)  # before the large files: a wrong adapter is told at once
    stored = stored_tensors(folder)
    embedding = stored.get(EMBEDDING_NAME)
    dtype = dtype or _DTYPES.get(embedding.dtype if embedding else "", torch.float32)
    model = load_model(folder, device=device, dtype=dtype)
    merge_into(model, learned)
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if _goes_along(path)}
    save_model(
        model,
        out,
        token_ids=_token_ids(folder),
        files=files,
        include_head=HEAD_NAME in stored,
        overwrite=overwrite,
    )


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


def _goes_along(path: Path) -> bool:
    """Vocabulary, preprocessing and licence of the base; not its README, nor what lists weight files."""
    name = path.name
    if not path.is_file() or name.startswith("."):
        return False
    if name in (CONFIG_FILE, ADAPTER_CONFIG) or name.endswith(".index.json"):
        return False
    return path.suffix in (".json", ".txt", ".jinja") or name.startswith(("LICENSE", "NOTICE"))


def _token_ids(folder: Path) -> dict[str, int]:
    """The id fields that `LocateConfig.to_json` takes, as the base's config has them."""
    raw = read_json(folder / CONFIG_FILE)
    return {
        name: value
        for part in (raw, raw["text_config"])
        for name, value in part.items()
        if name.endswith("_token_id") and isinstance(value, int)
    }
