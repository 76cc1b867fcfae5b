"""A plain checkpoint into a quantised one, from folder to folder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from locany.errors import CheckpointError, CheckpointTensorError
from locany.model.quantized_weight import check_kind, quantize_weight
from locany.weights.load import check_tensors, load_config, read_tensors, refuse_quantized_folder
from locany.weights.merge import files_that_go_along, token_ids_of
from locany.weights.quantized import quantization_entry, quantized_weight_names, stored_parts
from locany.weights.save import as_json, check_target, written_whole
from locany.weights.stored import CONFIG_FILE, QUANTIZED_FILE, stored_tensors


def quantize_checkpoint(
    folder: Path,
    out: Path,
    kind: str,
    *,
    device: torch.device | str = "cpu",
    overwrite: bool = False,
) -> None:
    """Write a checkpoint folder whose decoder layers are quantised, all or nothing.

    All other tensors are stored as they were. Vocabulary, preprocessing and licence files are copied.
    The new checkpoint is held in memory until it is written.

    Args:
        folder: a plain checkpoint; merge an adapter before.
        out: the new checkpoint folder.
        kind: "int8" or "int4".
        device: where to compute.
        overwrite: replace an existing checkpoint folder.

    Raises:
        CheckpointError: the checkpoint cannot be read or is quantised already, a weight is not finite, or
            `out` cannot be written; the message names the file.
        RequestError: an unknown kind.
    """
    folder, out = Path(folder), Path(out).resolve()
    check_kind(kind)
    if out == folder.resolve():
        raise CheckpointError(f"{out} is what is quantised and would be replaced; choose another folder")
    config = load_config(folder)
    refuse_quantized_folder(folder, "quantising")
    stored = stored_tensors(folder)
    check_tensors(folder, config, stored)
    check_target(out, overwrite)
    weights = quantized_weight_names(config)
    tensors: dict[str, Tensor] = {}
    for name, tensor in read_tensors(folder, stored):
        if name in weights:
            try:
                weight = quantize_weight(tensor.to(device), kind)
            except CheckpointTensorError as error:
                raise CheckpointTensorError(f"{folder}: {name}: {error}") from error
            tensors |= {part: t.cpu() for part, t in stored_parts(name, weight).items()}
        else:
            tensors[name] = tensor.clone()  # outlives the mapping of the file
    raw = config.to_json(token_ids_of(folder)) | quantization_entry(kind)
    with written_whole(out, overwrite) as staged:
        save_file(tensors, staged / QUANTIZED_FILE, metadata={"format": "pt"})
        (staged / QUANTIZED_FILE).chmod(staged.stat().st_mode & 0o666)
        (staged / CONFIG_FILE).write_text(as_json(raw), encoding="utf-8")
        for path in files_that_go_along(folder):
            (staged / path.name).write_bytes(path.read_bytes())
