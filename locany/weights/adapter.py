"""LoRA adapters as files, read and written without peft.

A folder holds `adapter_config.json` and `adapter_model.safetensors` as peft writes them, under the published
module names, so that peft loads our adapters onto the published model and we load those trained there.
Whatever would change the arithmetic and is not done here is refused by its name.
"""

from __future__ import annotations

import json
import math
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from locany.errors import (
    CheckpointConfigError,
    CheckpointError,
    CheckpointNotFoundError,
    CheckpointTensorError,
)
from locany.model import LocateConfig
from locany.weights.names import HEAD_NAME, empty_model, our_name, published_name
from locany.weights.save import _put_in_place, _sync
from locany.weights.stored import StoredTensor, name_some, read_header, read_json

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."  # peft's wrapper around the model
_BASE_KEY = "locany.base"  # in the metadata of the safetensors file
_FLOAT_DTYPES = ("F64", "F32", "F16", "BF16")

_READ = ("peft_type", "r", "lora_alpha", "lora_dropout", "use_rslora", "target_modules", "modules_to_save")
# Fields that say where an adapter comes from or which layers it was put on; the tensors show the latter.
_IRRELEVANT = (
    *("auto_mapping", "base_model_name_or_path", "ensure_weight_tying", "eva_config", "exclude_modules"),
    *("inference_mode", "layers_pattern", "layers_to_transform", "megatron_core", "peft_version"),
    *("qalora_group_size", "revision", "task_type"),
)
# Other ways to begin change the base weights, too, so the adapter alone would not be enough.
_PLAIN_INITS = (None, True, False, "gaussian", "eva", "orthogonal")


@dataclass(frozen=True)
class Adapter:
    """What fine-tuning learned on top of a base; names are those of `LocateModel`.

    Attributes:
        rank: inner size of every pair.
        alpha: every pair's product counts alpha / rank times.
        pairs: module name to A [rank, in] and B [out, rank], float32 on the CPU: the weight of the module
            grows by alpha / rank * B A.
        tensors: tensor name to a tensor that replaces the base's: parts that were trained in full.
        dropout: share of inputs that training dropped before A.
        base: fingerprint of the base weights (`merge.fingerprint`), "" where the file has none.
        base_name: where the base came from, for other tools; "" where it is not known.
        source: file or run for messages.
    """

    rank: int
    alpha: float
    pairs: Mapping[str, tuple[Tensor, Tensor]]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    dropout: float = 0.0
    base: str = ""
    base_name: str = ""
    source: str = "adapter"

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


def write_adapter(adapter: Adapter, folder: Path, *, overwrite: bool = False) -> None:
    """Write an adapter folder: all of it under its name, or nothing.

    Args:
        adapter: stored in float32.
        folder: created, with its parents.
        overwrite: replace an adapter folder, in one step where the system can (Linux). A folder that holds
            anything else is never replaced.

    Raises:
        CheckpointError: the folder exists, holds other files, or cannot be written.
    """
    folder = Path(folder).resolve()
    _check_target(folder, overwrite)
    tensors = {_PREFIX + published_name(name): t for name, t in adapter.tensors.items()}
    for module, (a, b) in adapter.pairs.items():
        name = _PREFIX + _published_module(module)
        tensors |= {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}
    tensors = {name: t.detach().to("cpu", torch.float32).contiguous() for name, t in sorted(tensors.items())}
    staged = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.saving")
    try:
        staged.mkdir(parents=True)
        save_file(tensors, staged / ADAPTER_FILE, metadata={"format": "pt", _BASE_KEY: adapter.base})
        (staged / ADAPTER_FILE).chmod(staged.stat().st_mode & 0o666)
        text = json.dumps(_config_of(adapter), indent=2, ensure_ascii=False) + "\n"
        (staged / ADAPTER_CONFIG).write_text(text, encoding="utf-8")
        for path in (*staged.iterdir(), staged):
            _sync(path)
        _put_in_place(staged, folder, overwrite)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"the adapter could not be written to {folder} ({error}); nothing was changed there; check the "
            "free space and the permissions of the folder above it"
        ) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def read_adapter(folder: Path, config: LocateConfig) -> Adapter:
    """Read an adapter folder, ours or peft's, for a base of a given shape.

    Raises:
        CheckpointNotFoundError: no such folder, or one of its two files is missing.
        CheckpointConfigError: `adapter_config.json` is damaged, or asks for what is not supported here.
        CheckpointTensorError: tensors are missing, unknown, of another shape or rank, not finite, or the file
            is damaged; the message names file and tensors.
    """
    folder = Path(folder)
    _check_source(folder)
    path, file = folder / ADAPTER_CONFIG, folder / ADAPTER_FILE
    raw = read_json(path)
    rank, alpha, dropout = _read_config(raw, str(path))
    header = read_header(file)
    model = empty_model(config)
    pairs = _pairs(header, model, rank, file)
    whole = _whole(header, model, file)
    _check_complete(raw, model, set(pairs), set(whole), file)
    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            metadata = opened.metadata() or {}
            # The copy outlives the file's mapping, as in `load_model`.
            read = {name: opened.get_tensor(name).to(torch.float32, copy=True) for name in header}
    except (SafetensorError, OSError) as error:
        raise CheckpointTensorError(f"{file} could not be read ({error}); copy or save it again") from error
    wild = [name for name, tensor in read.items() if not bool(tensor.isfinite().all())]
    if wild:
        raise CheckpointTensorError(
            f"{file}: {len(wild)} tensors hold values that are not finite: {name_some(wild)}; the training "
            "went astray or the file is damaged: take an earlier save"
        )
    return Adapter(
        rank=rank,
        alpha=alpha,
        pairs={module: (read[a], read[b]) for module, (a, b) in pairs.items()},
        tensors={ours: read[name] for ours, name in whole.items()},
        dropout=dropout,
        base=metadata.get(_BASE_KEY, ""),
        base_name=str(raw.get("base_model_name_or_path") or ""),
        source=str(file),
    )


# -- the config -------------------------------------------------------------------------------------------


def _config_of(adapter: Adapter) -> dict[str, Any]:
    alpha = adapter.alpha
    names = [_published_module(module) for module in adapter.pairs]
    # The last part of a name is what users of peft know; in a sequence it is only a number.
    targets = {name if name.split(".")[-1].isdigit() else name.split(".")[-1] for name in names}
    full = {published_name(name).rpartition(".")[0] for name in adapter.tensors}
    return {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": adapter.base_name or None,
        "r": adapter.rank,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "lora_dropout": adapter.dropout,
        "target_modules": sorted(targets),
        "modules_to_save": sorted(full) or None,
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
        "init_lora_weights": True,
        "inference_mode": True,
    }


def _read_config(raw: Mapping[str, Any], source: str) -> tuple[int, float, float]:
    """Rank, alpha and dropout, after refusing everything that would compute something else."""

    def wrong(name: str, expected: str) -> CheckpointConfigError:
        return CheckpointConfigError(f"{source}: {name} is {raw.get(name)!r}, expected {expected}")

    def number(name: str, default: float | None = None) -> float:
        found = raw.get(name, default)
        # Not a number, infinite, or an integer of a thousand digits: none is below the limit.
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not abs(found) < 1e9:
            raise wrong(name, "a number")
        return float(found)

    if raw.get("peft_type") != "LORA":
        raise wrong("peft_type", "'LORA', the only kind of adapter that can be used here")
    rank, alpha, dropout = number("r"), number("lora_alpha"), number("lora_dropout", 0.0)
    if rank < 1 or rank != int(rank):
        raise wrong("r", "a whole number of at least 1")
    if not 0 <= dropout < 1:
        raise wrong("lora_dropout", "0 or more and less than 1")
    if raw.get("init_lora_weights", True) not in _PLAIN_INITS:
        raise wrong(
            "init_lora_weights",
            "one that leaves the base weights as they are; convert the adapter to a plain one with peft "
            "(save_pretrained with path_initial_model_for_weight_conversion)",
        )
    allowed = {*_READ, *_IRRELEVANT, "init_lora_weights"}
    other = {k: v for k, v in raw.items() if k not in allowed and v and not (k == "bias" and v == "none")}
    if other:
        asked = ", ".join(f"{name}={value!r:.60}" for name, value in sorted(other.items()))
        raise CheckpointConfigError(
            f"{source}: {asked} is not supported, only plain LoRA without biases and with one rank; merge "
            "the adapter with peft, or train it again without"
        )
    for name in ("target_modules", "modules_to_save"):
        found = raw.get(name)
        is_list = isinstance(found, list) and all(isinstance(item, str) for item in found)
        if not (is_list or found is None or (name == "target_modules" and isinstance(found, str))):
            raise wrong(name, "a list of module names")
    if raw.get("use_rslora"):  # scaled by alpha / sqrt(rank)
        alpha *= math.sqrt(rank)
    return int(rank), alpha, dropout


# -- the tensors ------------------------------------------------------------------------------------------


def _pairs(
    header: Mapping[str, StoredTensor], model: nn.Module, rank: int, file: Path
) -> dict[str, tuple[str, str]]:
    """Our module name to the stored names of A and B, after checking that both are there and fit."""
    linears = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    pairs: dict[str, tuple[str, str]] = {}
    unknown, alone, misshapen = [], [], []
    stored = {name for name in header if ".lora_A." in name or ".lora_B." in name}
    misnamed = [name for name in stored if not name.endswith((".lora_A.weight", ".lora_B.weight"))]
    if misnamed:
        raise CheckpointTensorError(
            f"{file}: {len(misnamed)} tensors are not named as peft's save_pretrained names weights: "
            f"{name_some(misnamed)}; save the adapter with it, without biases"
        )
    for module in sorted({name.partition(".lora_")[0] for name in stored}):
        a, b = f"{module}.lora_A.weight", f"{module}.lora_B.weight"
        ours = _our_tensor(f"{module}.weight").removesuffix(".weight")
        if ours not in linears:
            unknown.append(module)
        elif not {a, b} <= stored:
            alone.append(a if b not in stored else b)
        else:
            linear = linears[ours]
            for name, shape in ((a, (rank, linear.in_features)), (b, (linear.out_features, rank))):
                if header[name].shape != shape:
                    misshapen.append(f"{name} is {list(header[name].shape)}, expected {list(shape)}")
            pairs[ours] = (a, b)
    if unknown:
        raise CheckpointTensorError(
            f"{file}: {len(unknown)} adapted modules are not linear layers of this model: "
            f"{name_some(unknown)}; the adapter belongs to another model, give the one it was trained on"
        )
    if alone:
        raise CheckpointTensorError(
            f"{file}: {len(alone)} tensors have lost the other half of their pair: {name_some(alone)}; copy "
            "or save the adapter again"
        )
    if misshapen:
        raise CheckpointTensorError(
            f"{file}: {len(misshapen)} tensors do not fit this model and rank {rank} of {ADAPTER_CONFIG}: "
            f"{name_some(misshapen)}; give the base that the adapter was trained on, or copy both files again"
        )
    return pairs


def _whole(header: Mapping[str, StoredTensor], model: nn.Module, file: Path) -> dict[str, str]:
    """Our tensor name to the stored name of every tensor that is not of a pair."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    whole, wrong = {}, []
    for name, entry in header.items():
        if entry.dtype not in _FLOAT_DTYPES:
            raise CheckpointTensorError(
                f"{file}: {name} is {entry.dtype}, expected one of {', '.join(_FLOAT_DTYPES)}"
            )
        if ".lora_A." in name or ".lora_B." in name:
            continue
        ours = _our_tensor(name)
        # Embedding and head are one tensor here; peft trains them as two.
        if ours == "decoder.embed.weight" or shapes.get(ours) != entry.shape:
            wrong.append(name)
        whole[ours] = name
    if wrong:
        raise CheckpointTensorError(
            f"{file}: {len(wrong)} tensors cannot be put into this model: {name_some(wrong)}; the adapter "
            "belongs to another model, or trains parts that an adapter cannot train here (the embedding, the "
            "head, biases)"
        )
    return whole


def _check_complete(
    raw: Mapping[str, Any], model: nn.Module, pairs: set[str], whole: set[str], file: Path
) -> None:
    """Raise unless everything that the config names is stored.

    Modules named by a regular expression, or only in some layers, are not looked for.
    """
    targets = raw.get("target_modules")
    if any(raw.get(name) for name in ("exclude_modules", "layers_to_transform", "layers_pattern")):
        targets = None
    missing = [] if pairs or whole else ["any"]
    for name, part in model.named_modules():
        if isinstance(part, nn.Linear) and name not in pairs:
            published = _published_module(name)
            missing += [f"{published}.lora_A.weight"] * (
                isinstance(targets, list) and _is_named(published, targets)
            )
    # A module that is stored as a whole has all its tensors there.
    full = [*(raw.get("modules_to_save") or []), *{published_name(name).rpartition(".")[0] for name in whole}]
    for ours in model.state_dict():
        published = published_name(ours)
        parents = [published[:end] for end, char in enumerate(published) if char == "."]
        if ours not in whole and any(_is_named(parent, full) for parent in parents):
            missing.append(published)
    if missing:
        raise CheckpointTensorError(
            f"{file}: {len(missing)} tensors are missing that {ADAPTER_CONFIG} calls for: "
            f"{name_some(missing)}; the adapter is not whole, or its two files are of different ones: copy "
            "or save it again"
        )


def _is_named(module: str, names: list[str]) -> bool:
    """Whether peft would take a module for one of these: by its whole name or the end of it."""
    return any(module == name or module.endswith("." + name) for name in names)


def _published_module(module: str) -> str:
    return published_name(f"{module}.weight").removesuffix(".weight")


def _our_tensor(stored: str) -> str:
    """Our name of a tensor in peft's file, or a name that no model has."""
    name = stored.removeprefix(_PREFIX)
    try:
        return our_name(name) if name != stored and name != HEAD_NAME else stored
    except CheckpointTensorError:
        return stored


def _check_source(folder: Path) -> None:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise CheckpointNotFoundError(f"{folder}: {what}; give the folder that holds {ADAPTER_CONFIG}")
    if not (folder / ADAPTER_CONFIG).is_file():
        hint = "give the folder that `locany train` or peft wrote"
        if (folder / "config.json").is_file():
            hint = "it holds a whole checkpoint: give it as the model"
        elif (folder / "adapter" / ADAPTER_CONFIG).is_file():
            hint = f"a finished run has its adapter in {folder / 'adapter'}: give that"
        raise CheckpointNotFoundError(f"{folder}: there is no {ADAPTER_CONFIG} in this folder; {hint}")
    if not (folder / ADAPTER_FILE).is_file() and (folder / "adapter_model.bin").exists():
        raise CheckpointNotFoundError(
            f"{folder}: the adapter is only there as a pickle file (adapter_model.bin), which can run code "
            "when opened and is not read; save it as safetensors where you trust it"
        )


def _check_target(folder: Path, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not overwrite:
        raise CheckpointError(
            f"{folder} exists and is not overwritten; choose another folder, or allow it (overwrite=True, "
            "--overwrite)"
        )
    others = {p.name for p in folder.iterdir()} - {ADAPTER_CONFIG, ADAPTER_FILE} if folder.is_dir() else None
    if others is None or others:
        what = f"holds other files ({name_some(others)})" if others else "is a file"
        raise CheckpointError(f"{folder} {what} and is not replaced by an adapter; choose another folder")
