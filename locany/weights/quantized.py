"""How a quantised checkpoint folder says what it is.

`config.json` has an entry `quantization`, and the tensors lie in a file of another name than that of plain
checkpoints: a tool that does not know the form finds no weights, instead of reading integers as weights.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from locany.errors import CheckpointConfigError, CheckpointTensorError
from locany.model import LocateConfig
from locany.model.quantize import linear_names
from locany.model.quantized_weight import INT4, INT8, KINDS, QuantizedWeight
from locany.weights.names import empty_model, expected_tensors, published_name
from locany.weights.stored import CONFIG_FILE, QUANTIZED_FILE, StoredTensor, name_some, read_json

_ENTRY = "quantization"
_VERSION = 1
_FLOAT_DTYPES = ("F64", "F32", "F16", "BF16")
_PARTS = {INT8: {"values": "I8", "scale": "F32"}, INT4: {"values": "U8", "scale": "BF16", "offset": "BF16"}}
_PART = re.compile(r"(.+)\.(?:int8|int4)_(values|scale|offset)")


def read_quantization(folder: Path) -> str:
    """How a checkpoint folder is quantised: "int8", "int4", or "" for a plain one.

    Raises:
        CheckpointNotFoundError: there is no config.
        CheckpointConfigError: the entry is of another form or of a newer version.
    """
    path = folder / CONFIG_FILE
    entry = read_json(path).get(_ENTRY)
    if entry is None:
        return ""
    kind = entry.get("weights") if isinstance(entry, dict) else None
    if kind not in KINDS or entry.get("version") != _VERSION:
        raise CheckpointConfigError(
            f"{path}: {_ENTRY} is {entry!r:.200}, expected weights {' or '.join(KINDS)} of version "
            f"{_VERSION}; it was written by a newer locany or another tool: quantise the plain checkpoint "
            "again"
        )
    return str(kind)


def quantization_entry(kind: str) -> dict[str, Any]:
    """What `config.json` holds besides the config of a plain checkpoint."""
    return {_ENTRY: {"weights": kind, "version": _VERSION, "by": "locany"}}


def quantized_weight_names(config: LocateConfig) -> set[str]:
    """Published names of the weights that are quantised."""
    return {published_name(f"{name}.weight") for name in linear_names(empty_model(config))}


def stored_parts(name: str, weight: QuantizedWeight) -> dict[str, Tensor]:
    """The tensors of a weight by the names under which they are stored."""
    found = {part: getattr(weight, part) for part in _PARTS[weight.kind]}
    return {_part_name(name, weight.kind, part): tensor.contiguous() for part, tensor in found.items()}


def split_part(stored: str) -> tuple[str, str] | None:
    """The published name of the weight that a stored tensor belongs to, and which part it is."""
    match = _PART.fullmatch(stored)
    return (f"{match[1]}.weight", match[2]) if match else None


def join_parts(kind: str, name: str, parts: Mapping[str, Tensor]) -> QuantizedWeight | None:
    """A weight from its parts, None as long as some are missing.

    Raises:
        CheckpointTensorError: a scale or an offset is not finite.
    """
    if set(parts) != set(_PARTS[kind]):
        return None
    if not all(bool(parts[part].isfinite().all()) for part in parts if part != "values"):
        raise CheckpointTensorError(f"{name}: its scales are not finite; quantise the plain checkpoint again")
    return QuantizedWeight(kind, **parts)


def check_quantized(
    folder: Path, config: LocateConfig, kind: str, stored: Mapping[str, StoredTensor]
) -> None:
    """Hold the tensors of a quantised folder against those that its config calls for.

    Raises:
        CheckpointTensorError: names, shapes or types differ.
    """
    if config.text.num_layers + config.vision.num_layers > len(stored):  # before a model of a million layers
        raise CheckpointTensorError(
            f"{folder}: {CONFIG_FILE} calls for more layers than {QUANTIZED_FILE} holds"
        )
    weights = quantized_weight_names(config)
    shapes = expected_tensors(config)
    plain = set(shapes) & set(stored)
    needed = {_part_name(name, kind, part) for name in weights for part in _PARTS[kind]}
    needed |= {published_name(name) for name in empty_model(config).state_dict()} - weights
    wrong = needed ^ set(stored)
    wrong |= {n for n in plain if stored[n].shape != shapes[n] or stored[n].dtype not in _FLOAT_DTYPES}
    for name in weights:
        parts = {part: stored.get(_part_name(name, kind, part)) for part in _PARTS[kind]}
        found = {part: entry for part, entry in parts.items() if entry is not None}
        if len(found) == len(parts) and not _fits(kind, shapes[name], found):
            wrong.add(name)
    if wrong:
        raise CheckpointTensorError(
            f"{folder / QUANTIZED_FILE}: {len(wrong)} tensors are missing, unknown, or not as {CONFIG_FILE} "
            f"calls for: {name_some(wrong)}; the files are of different checkpoints: quantise the plain one "
            "again"
        )


def _fits(kind: str, shape: tuple[int, ...], parts: Mapping[str, StoredTensor]) -> bool:
    out, size = shape
    if any(entry.dtype != _PARTS[kind][part] for part, entry in parts.items()):
        return False
    if kind == INT8:
        return parts["values"].shape == (out, size) and parts["scale"].shape == (out,)
    groups = parts["scale"].shape
    divides = (
        len(groups) == 2 and groups[0] == out and groups[1] > 0 and math.gcd(size, groups[1]) == groups[1]
    )
    return divides and parts["offset"].shape == groups and parts["values"].shape == (out, size // 2)


def _part_name(name: str, kind: str, part: str) -> str:
    return f"{name.removesuffix('.weight')}.{kind}_{part}"
