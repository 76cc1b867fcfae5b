"""From a checkpoint folder to a model (spec `locateanything` 1.4).

Everything is checked from the files' headers before any data is read, so a model is either complete or not
there at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from locany.errors import CheckpointConfigError, CheckpointTensorError
from locany.model import LocateConfig, LocateModel
from locany.model.quantize import put_weights, quantize_model
from locany.model.quantized_weight import KINDS, QuantizedWeight, check_kind, quantize_weight
from locany.weights.adapter import read_adapter
from locany.weights.apply import merge_into
from locany.weights.names import HEAD_NAME, empty_model, expected_tensors, our_name
from locany.weights.quantized import (
    check_quantized,
    join_parts,
    quantized_weight_names,
    read_quantization,
    split_part,
)
from locany.weights.stored import (
    CONFIG_FILE,
    QUANTIZED_FILE,
    StoredTensor,
    check_folder,
    name_some,
    read_header,
    read_json,
    stored_tensors,
)

PLAIN, STORED = "plain", "stored"  # what load_model takes besides the kinds of quantisation
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
    folder: Path,
    *,
    device: torch.device | str,
    dtype: torch.dtype,
    adapter: Path | None = None,
    quant: str = PLAIN,
) -> LocateModel:
    """Build the model of a checkpoint folder, in eval mode and without gradients.

    A stored `lm_head` is dropped, its absence is accepted: the embedding is the head (spec 1.4).

    Args:
        folder: holds `config.json` and `model.safetensors`, or an index and its shards.
        device: where the weights go.
        dtype: what the weights are cast to.
        adapter: folder of an adapter trained on this checkpoint, ours or peft's; it is merged in memory, so
            answers cost no more time. The result is the merged checkpoint's, if that stores `dtype`.
        quant: "plain" takes plain checkpoints only, for training and whatever else needs the weights
            themselves; "stored" takes quantised ones, too, as they are; "int8" or "int4" quantises the
            decoder of a plain one, after merging the adapter.

    Raises:
        RequestError: an unknown `quant`.
        CheckpointNotFoundError: no such folder, no config, no weights, or a shard is missing.
        CheckpointConfigError: the config or the index is wrong.
        CheckpointTensorError: tensors are missing, unexpected, misshapen or of a wrong type, or a file is
            damaged; the message names file and tensors.
        CheckpointError: the adapter cannot be read, or was trained on other weights (see `read_adapter`); or
            the checkpoint is quantised and the call needs a plain one.
    """
    folder = Path(folder)
    if quant != PLAIN:
        quant = choose_quant(quant)
    config = load_config(folder)
    if (kind := read_quantization(folder)) and quant in (STORED, kind) and adapter is None:
        return _load_quantized(folder, config, kind, device=device, dtype=dtype)
    purpose = {PLAIN: "training or merging", STORED: "an adapter"}.get(quant, f"quantising to {quant}")
    refuse_quantized_folder(folder, purpose)
    learned = read_adapter(adapter, config) if adapter is not None else None  # before the large files
    stored = stored_tensors(folder)
    check_tensors(folder, config, stored)

    model = empty_model(config)
    # One copy of the model is held, never two: the model's own tensors are on the meta device, and what is
    # quantised is so before the next tensor is read.
    weights: dict[str, QuantizedWeight] = {}
    at_once = quantized_weight_names(config) if quant in KINDS and learned is None else set()
    state: dict[str, Tensor] = {}
    for name, tensor in read_tensors(folder, stored):
        if name in at_once:
            weights[_module_of(name)] = quantize_weight(tensor.to(device), quant)
        else:
            # The copy is wanted even where nothing is cast: weights that stayed in the mapping of the file
            # would kill the process when somebody truncates the file under it.
            state[our_name(name)] = tensor.to(device=device, dtype=dtype, copy=True)
    _fill(model, state, weights, dtype)
    if learned is not None:
        merge_into(model, learned)
        if quant in KINDS:
            quantize_model(model, quant)
    return model.requires_grad_(False).eval()


def choose_quant(name: str | None) -> str:
    """What `load_model` takes as `quant`; None and "auto" mean "stored".

    Raises:
        RequestError: an unknown name.
    """
    if name in (None, "auto", STORED):
        return STORED
    check_kind(str(name))
    return str(name)


def read_tensors(folder: Path, stored: Mapping[str, StoredTensor]) -> Iterator[tuple[str, Tensor]]:
    """Name and tensor of everything that is stored, file by file, but for the tied head.

    A tensor is pages of a read-only mapping that the system may drop at any time; the mapping is closed
    before the next file is opened. Copy what shall last.

    Raises:
        CheckpointTensorError: a file cannot be read.
    """
    for file in sorted({entry.file for entry in stored.values()}):
        names = [name for name, entry in stored.items() if entry.file == file and name != HEAD_NAME]
        try:
            with safe_open(folder / file, framework="pt", device="cpu") as shard:
                for name in names:
                    yield name, shard.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise CheckpointTensorError(
                f"{folder / file} could not be read ({error}); was it changed while it was being loaded?"
            ) from error


def refuse_quantized_folder(folder: Path, purpose: str) -> None:
    """Raise CheckpointConfigError, naming what the weights were wanted for, where a folder is quantised."""
    if kind := read_quantization(folder):
        raise CheckpointConfigError(
            f"{folder}: the weights are quantised to {kind}, enough to answer, but {purpose} needs plain "
            "ones; give the checkpoint that it was made from"
        )


def _load_quantized(
    folder: Path, config: LocateConfig, kind: str, *, device: torch.device | str, dtype: torch.dtype
) -> LocateModel:
    stored = read_header(folder / QUANTIZED_FILE)
    check_quantized(folder, config, kind, stored)
    model = empty_model(config)
    state: dict[str, Tensor] = {}
    weights: dict[str, QuantizedWeight] = {}
    waiting: dict[str, dict[str, Tensor]] = {}
    for name, tensor in read_tensors(folder, stored):
        if (split := split_part(name)) is None:
            state[our_name(name)] = tensor.to(device=device, dtype=dtype, copy=True)
            continue
        of, part = split
        waiting.setdefault(of, {})[part] = tensor.to(device, copy=True)
        if (weight := join_parts(kind, of, waiting[of])) is not None:
            weights[_module_of(of)] = weight
            del waiting[of]
    _fill(model, state, weights, dtype)
    return model.requires_grad_(False).eval()


def _fill(
    model: LocateModel, state: dict[str, Tensor], weights: dict[str, QuantizedWeight], dtype: torch.dtype
) -> None:
    """Put tensors, and the weights that are quantised, into an empty model."""
    found = model.load_state_dict(state, strict=False, assign=True)
    assert not found.unexpected_keys
    assert set(found.missing_keys) == {f"{name}.weight" for name in weights}
    put_weights(model, weights, dtype)


def _module_of(name: str) -> str:
    return our_name(name).removesuffix(".weight")


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
