"""What a checkpoint folder says it holds, read from headers alone: no tensor data is touched here.

Only safetensors are read. Pickle files (`*.bin`, `*.pt`) can run code when they are opened and are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from locany.errors import (
    CheckpointConfigError,
    CheckpointError,
    CheckpointNotFoundError,
    CheckpointTensorError,
)

CONFIG_FILE = "config.json"
SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
QUANTIZED_FILE = "quantized.safetensors"
CALIBRATION_FILE = "calibration.json"
PREPROCESS_FILE, PROCESSOR_FILE = "preprocessor_config.json", "processor_config.json"
_PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_LFS_POINTER = b"version https://git-lfs"
_REPLACE = "copy or download the file again"


@dataclass(frozen=True)
class StoredTensor:
    """One entry of a safetensors header. `dtype` is the format's own name, such as "BF16"."""

    file: str
    dtype: str
    shape: tuple[int, ...]


def check_folder(folder: Path) -> None:
    """Raise CheckpointNotFoundError, saying what to give, unless `folder` is a folder with a config."""
    if not folder.exists():
        raise CheckpointNotFoundError(f"{folder}: no such folder; give the folder that holds {CONFIG_FILE}")
    if not folder.is_dir():
        raise CheckpointNotFoundError(f"{folder} is a file; give the folder that holds {CONFIG_FILE}")
    if not (folder / CONFIG_FILE).is_file():
        raise CheckpointNotFoundError(
            f"{folder}: there is no {CONFIG_FILE} in this folder (it holds {_listing(folder)}); "
            + _hint(folder)
        )


def read_preprocess(folder: Path) -> tuple[dict[str, Any], str]:
    """How a checkpoint wants images cut, and the file that says so.

    transformers 5 writes it into `processor_config.json`, beside what else a processor has.

    Raises:
        CheckpointNotFoundError: neither file is there. CheckpointConfigError: it is damaged.
    """
    path, newer = folder / PREPROCESS_FILE, folder / PROCESSOR_FILE
    if not path.is_file() and newer.is_file():
        fields = read_json(newer).get("image_processor")
        if isinstance(fields, dict):
            return fields, str(newer)
    return read_json(path), str(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        CheckpointNotFoundError: the file is missing or unreadable.
        CheckpointConfigError: it is not JSON, or not an object.
    """
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise CheckpointNotFoundError(f"{path}: no such file; {_REPLACE}") from error
    except OSError as error:
        raise CheckpointNotFoundError(f"{path} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointConfigError(f"{path} is not valid JSON ({error}); {_REPLACE}") from error
    if not isinstance(raw, dict):
        raise CheckpointConfigError(
            f"{path} holds a {type(raw).__name__}, expected a JSON object; {_REPLACE}"
        )
    return raw


def stored_tensors(folder: Path) -> dict[str, StoredTensor]:
    """All tensors of a checkpoint folder by published name, from the headers of its files.

    A single `model.safetensors` wins over an index, as in the loaders that others use; a quantised
    checkpoint has neither, and its own names. The index's
    `total_size` is not compared: tools that cast or drop tensors leave it wrong, and the headers decide.

    Raises:
        CheckpointNotFoundError: no weights, only pickle weights, or a shard is missing.
        CheckpointConfigError: the index is not valid.
        CheckpointTensorError: a file is cut short or damaged, or the index disagrees with a shard.
    """
    if (folder / SINGLE_FILE).exists():
        return read_header(folder / SINGLE_FILE)
    if (folder / QUANTIZED_FILE).exists() and not (folder / INDEX_FILE).exists():
        return read_header(folder / QUANTIZED_FILE)
    if not (folder / INDEX_FILE).exists():
        raise CheckpointNotFoundError(_no_weights(folder))
    weight_map = _read_weight_map(folder / INDEX_FILE)
    files = sorted(set(weight_map.values()))
    absent = [file for file in files if not (folder / file).is_file()]
    if absent:
        raise CheckpointNotFoundError(
            f"{folder}: {len(absent)} of {len(files)} files named in {INDEX_FILE} are missing: "
            f"{name_some(absent)}; copy or download them again"
        )
    tensors: dict[str, StoredTensor] = {}
    for file in files:
        header = read_header(folder / file)
        promised = {name for name, where in weight_map.items() if where == file}
        if promised != set(header):
            raise CheckpointTensorError(
                f"{folder / file} disagrees with {INDEX_FILE}: "
                + "; ".join(
                    f"{len(names)} {what} ({name_some(names)})"
                    for what, names in (
                        ("promised but not stored", promised - set(header)),
                        ("stored but not promised", set(header) - promised),
                    )
                    if names
                )
                + "; the files are of different checkpoints: copy or download all of them again"
            )
        tensors |= header
    return tensors


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The entries of one safetensors file, after checking that the file is as long as its header says.

    Raises:
        CheckpointNotFoundError: the file is missing or unreadable.
        CheckpointTensorError: it is cut short, damaged, or not a safetensors file.
    """
    try:
        size, promised = path.stat().st_size, _promised_size(path)
    except FileNotFoundError as error:
        raise CheckpointNotFoundError(f"{path}: no such file; {_REPLACE}") from error
    except OSError as error:
        raise CheckpointNotFoundError(f"{path} cannot be read: {error}") from error
    if size != promised:
        what = "cut short" if size < promised else "longer than it should be"
        raise CheckpointTensorError(
            f"{path} is {what}: it has {size:,} bytes, its header says {promised:,}; {_REPLACE}"
        )
    try:
        # The library checks the rest: that entries neither overlap nor leave gaps, and that shapes fit.
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            return {
                name: StoredTensor(path.name, str(part.get_dtype()), tuple(part.get_shape()))
                for name, part in slices.items()
            }
    except SafetensorError as error:
        raise CheckpointTensorError(f"{path} is damaged: {error}; {_REPLACE}") from error
    except (OSError, MemoryError) as error:  # says nothing about what is in it
        raise CheckpointNotFoundError(f"{path} cannot be read: {error or 'no memory left'}") from error


def name_some(names: Iterable[str]) -> str:
    """At most five names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 5} more" if len(ordered) > 5 else ""
    return ", ".join(ordered[:5]) + more


def _promised_size(path: Path) -> int:
    """Bytes that the file must have: 8 for the header's length, the header, and the data it describes."""
    with path.open("rb") as file:
        prefix = file.read(8)
        if prefix and _LFS_POINTER.startswith(prefix):
            raise CheckpointTensorError(
                f"{path} is a Git LFS pointer, not the weights; run `git lfs pull` in its folder"
            )
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or length > path.stat().st_size - 8:
            raise CheckpointTensorError(
                f"{path} is cut short or not a safetensors file: its {path.stat().st_size:,} bytes do not "
                f"hold a complete header; {_REPLACE}"
            )
        raw = file.read(length)
    try:
        entries = {name: entry for name, entry in json.loads(raw).items() if name != "__metadata__"}
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise CheckpointTensorError(f"{path}: its header is damaged ({error!r}); {_REPLACE}") from error
    return 8 + length + end


def _read_weight_map(path: Path) -> dict[str, str]:
    weight_map = read_json(path).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointConfigError(f"{path}: weight_map is missing, empty or not an object; {_REPLACE}")
    for name, file in weight_map.items():
        # A plain file name only: a path could lead out of the folder, to any file the user can read.
        plain = isinstance(file, str) and not set(file) & set("/\\:\0") and file.endswith(".safetensors")
        if not plain:
            raise CheckpointConfigError(
                f"{path}: weight_map says that '{name}' is in {file!r}, expected the name of a .safetensors "
                "file in the same folder; do not use this checkpoint unless you know who wrote it"
            )
    return weight_map


def _no_weights(folder: Path) -> str:
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix in _PICKLE_SUFFIXES)
    if pickles:
        return (
            f"{folder}: the weights are only there as pickle files ({name_some(pickles)}), which can run "
            "code when opened and are not read; convert them to safetensors where you trust them"
        )
    return (
        f"{folder}: there is neither {SINGLE_FILE} nor {INDEX_FILE} in this folder (it holds "
        f"{_listing(folder)}); copy or download the weights into it"
    )


def _hint(folder: Path) -> str:
    """What to give in place of a folder that holds no checkpoint."""
    if (folder / "adapter_config.json").is_file():
        return "it is an adapter: give the model that it was trained on, and this folder as its adapter"
    if (folder / "model" / CONFIG_FILE).is_file():
        return f"a finished run has its model in {folder / 'model'}: give that"
    return "give the folder of a LocateAnything checkpoint"


def _listing(folder: Path) -> str:
    try:
        return name_some(p.name for p in folder.iterdir()) or "nothing"
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read: {error}") from error
