"""From a checkpoint folder to a model (spec `locateanything` 1.4).

Everything is checked from the files' headers before any data is read, so a model is either complete or not
there at all.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from locany.errors import CheckpointConfigError, CheckpointTensorError
from locany.model import LocateConfig, LocateModel
from locany.weights.adapter import read_adapter
from locany.weights.apply import merge_into
from locany.weights.names import HEAD_NAME, empty_model, expected_tensors, our_name
from locany.weights.stored import (
    CONFIG_FILE,
    StoredTensor,
    check_folder,
    name_some,
    read_json,
    stored_tensors,
)

_FLOAT_DTYPES = ("F64", "F32", "F16", "BF16")


def load_config(folder: Path) -> LocateConfig:
    """Read `config.json` of a checkpoint folder.

    Raises:
        CheckpointNotFoundError: there is no such folder or no config in it.
        CheckpointConfigError: it is not valid JSON, is of another model, or a field is missing or wrong.
    """
    folder = Path(folder)
    check_folder(folder)
    path = folder / CONFIG_FILE
    raw = read_json(path)
    config = LocateConfig.from_json(raw, str(path))
    if raw["text_config"].get("tie_word_embeddings", True) is not True:
        raise CheckpointConfigError(
            f"{path}: text_config.tie_word_embeddings is {raw['text_config']['tie_word_embeddings']!r}; only "
            "a head tied to the embedding is supported, as in the release"
        )
    return config


def load_model(
    folder: Path, *, device: torch.device | str, dtype: torch.dtype, adapter: Path | None = None
) -> LocateModel:
    """Build the model of a checkpoint folder, in eval mode and without gradients.

    A stored `lm_head` is dropped, its absence is accepted: the embedding is the head (spec 1.4).

    Args:
        folder: holds `config.json` and `model.safetensors`, or an index and its shards.
        device: where the weights go.
        dtype: what the weights are cast to.
        adapter: folder of an adapter trained on this checkpoint, ours or peft's; it is merged in memory, so
            answers cost no more time. The result is the merged checkpoint's, if that stores `dtype`.

    Raises:
        CheckpointNotFoundError: no such folder, no config, no weights, or a shard is missing.
        CheckpointConfigError: the config or the index is wrong.
        CheckpointTensorError: tensors are missing, unexpected, misshapen or of a wrong type, or a file is
            damaged; the message names file and tensors.
        CheckpointError: the adapter cannot be read, or was trained on other weights (see `read_adapter`).
    """
    folder = Path(folder)
    config = load_config(folder)
    learned = read_adapter(adapter, config) if adapter is not None else None  # before the large files
    stored = stored_tensors(folder)
    check_tensors(folder, config, stored)

    state: dict[str, Tensor] = {}
    for file in sorted({entry.file for entry in stored.values()}):
        names = [name for name, entry in stored.items() if entry.file == file and name != HEAD_NAME]
        # One copy of the model is held, never two: the model's own tensors are on the meta device, a file's
        # tensors are pages of a read-only mapping that the system may drop at any time, and the mapping is
        # closed before the next shard is opened. The copy is wanted even where nothing is cast: weights that
        # stayed in the mapping would kill the process when somebody truncates the file under it.
        try:
            with safe_open(folder / file, framework="pt", device="cpu") as shard:
                for name in names:
                    state[our_name(name)] = shard.get_tensor(name).to(device=device, dtype=dtype, copy=True)
        except (SafetensorError, OSError) as error:
            raise CheckpointTensorError(
                f"{folder / file} could not be read ({error}); was it changed while it was being loaded?"
            ) from error
    model = empty_model(config)
    model.load_state_dict(state, strict=True, assign=True)
    if learned is not None:
        merge_into(model, learned)
    return model.requires_grad_(False).eval()


def check_tensors(folder: Path, config: LocateConfig, stored: dict[str, StoredTensor]) -> None:
    """Hold the tensors of a folder against those that its config calls for.

    Raises:
        CheckpointTensorError: names, shapes or types differ.
    """
    num_layers = config.text.num_layers + config.vision.num_layers
    if num_layers > len(stored):  # before a model of a million layers is built from a damaged config
        raise CheckpointTensorError(
            f"{folder}: {CONFIG_FILE} calls for {num_layers:,} layers, the files hold {len(stored)} tensors; "
            "config and weights are of different checkpoints"
        )
    expected = expected_tensors(config)
    advice = "config and weights are of different checkpoints, or damaged: copy or download them again"
    missing = set(expected) - set(stored) - {HEAD_NAME}
    if missing:
        raise CheckpointTensorError(
            f"{folder}: {len(missing)} of {len(expected)} tensors are missing: {name_some(missing)}; {advice}"
        )
    extra = set(stored) - set(expected)
    if extra:
        files = name_some({stored[name].file for name in extra})
        raise CheckpointTensorError(
            f"{folder}: {len(extra)} tensors in {files} do not belong to this model: {name_some(extra)}; "
            + advice
        )
    misshapen = {name: entry for name, entry in stored.items() if entry.shape != expected[name]}
    if misshapen:
        raise CheckpointTensorError(
            f"{folder}: {len(misshapen)} tensors do not have the shape that {CONFIG_FILE} calls for: "
            + name_some(
                f"{name} in {entry.file} is {list(entry.shape)}, expected {list(expected[name])}"
                for name, entry in misshapen.items()
            )
            + f"; {advice}"
        )
    wrong = {name: entry for name, entry in stored.items() if entry.dtype not in _FLOAT_DTYPES}
    if wrong:
        raise CheckpointTensorError(
            f"{folder}: {len(wrong)} tensors are not of a floating-point type that can be loaded: "
            + name_some(f"{name} in {entry.file} is {entry.dtype}" for name, entry in wrong.items())
            + f"; expected one of {', '.join(_FLOAT_DTYPES)}; give the checkpoint before its quantisation"
        )
