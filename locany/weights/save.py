"""From a model to a checkpoint folder in the published layout: all of it, or nothing."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from locany.errors import CheckpointError, CheckpointTensorError
from locany.model import LocateModel
from locany.weights.names import EMBEDDING_NAME, HEAD_NAME, expected_tensors, published_name
from locany.weights.stored import CONFIG_FILE, INDEX_FILE, SINGLE_FILE, name_some

MAX_SHARD_BYTES = 5_000_000_000  # what the release and its tools use
_SAVED_DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}
_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100  # fcntl.h


def save_model(
    model: LocateModel,
    folder: Path,
    *,
    token_ids: Mapping[str, int | str],
    files: Mapping[str, bytes | str] | None = None,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    include_head: bool = False,
    dtype: torch.dtype | None = None,
    overwrite: bool = False,
) -> None:
    """Write a checkpoint folder that `load_model` and the published code's loader both read.

    The folder appears under its name only when every file is on the disk; whatever goes wrong before leaves
    what was there before. At most one shard is copied in memory at a time.

    Args:
        model: on any device; merged, not quantised.
        folder: created, with its parents.
        token_ids: the id fields of `config.json` that `codec` owns (see `LocateConfig.to_json`).
        files: further files by name, written as they are (text as UTF-8): tokenizer files, a README.
        max_shard_bytes: tensor bytes per file; more makes several shards and an index. A single larger tensor
            gets a shard of its own.
        include_head: store the tied head a second time, as the release does (spec 1.3).
        dtype: what to store; None is the model's own.
        overwrite: replace an existing checkpoint folder. The two are exchanged in one step where the
            system can (Linux), and in two renames elsewhere.

    Raises:
        CheckpointTensorError: the model's tensors are not those of the published layout.
        CheckpointError: the folder exists, is not a checkpoint folder, or cannot be written; a file name is
            not plain or is one that the checkpoint itself needs.
    """
    folder = Path(folder).resolve()  # a link keeps pointing at the folder that is replaced
    extra = _extra_files(files or {})
    dtype = dtype or model.dtype
    tensors = _published_tensors(model, dtype, include_head)
    check_target(folder, overwrite)

    with written_whole(folder, overwrite) as staged:
        _write_tensors(tensors, staged, max_shard_bytes, dtype)
        config = model.config.with_dtype(_SAVED_DTYPES[dtype]).to_json(token_ids)
        (staged / CONFIG_FILE).write_text(as_json(config), encoding="utf-8")
        for name, data in extra.items():
            (staged / name).write_bytes(data)


@contextlib.contextmanager
def written_whole(folder: Path, overwrite: bool) -> Iterator[Path]:
    """A folder to write a checkpoint into, which takes the name `folder` when all of it is on the disk.

    Args:
        folder: its name in the end, resolved and checked (`check_target`).
        overwrite: as in `save_model`.

    Raises:
        CheckpointError: it cannot be written; what was there is as it was.
    """
    staged = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.saving")
    try:
        staged.mkdir(parents=True)
        yield staged
        for path in (*staged.iterdir(), staged):
            _sync(path)
        _put_in_place(staged, folder, overwrite)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"the checkpoint could not be written to {folder} ({error}); nothing was changed there; check "
            "the free space and the permissions of the folder above it"
        ) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def plan_shards(sizes: Mapping[str, int], max_bytes: int) -> list[list[str]]:
    """Cut names, in their order, into shards of at most `max_bytes`; a larger tensor is a shard alone."""
    shards: list[list[str]] = []
    filled = 0
    for name, size in sizes.items():
        if not shards or filled + size > max_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards


def _published_tensors(model: LocateModel, dtype: torch.dtype, include_head: bool) -> dict[str, Tensor]:
    """The model's own tensors (neither cast nor copied) by published name, after checking them."""
    if dtype not in _SAVED_DTYPES:
        names = ", ".join(_SAVED_DTYPES.values())
        raise CheckpointTensorError(f"weights cannot be saved as {dtype}; expected one of {names}")
    tensors = {published_name(name): tensor for name, tensor in model.state_dict().items()}
    expected = expected_tensors(model.config)
    wrong = {name for name, tensor in tensors.items() if tuple(tensor.shape) != expected.get(name)}
    wrong |= {name for name, tensor in tensors.items() if not tensor.is_floating_point() or tensor.is_meta}
    wrong |= set(expected) - set(tensors) - {HEAD_NAME}
    if wrong:
        raise CheckpointTensorError(
            f"{len(wrong)} tensors of the model are missing, empty, or not as its config says: "
            f"{name_some(wrong)}; merge adapters and undo quantisation before saving"
        )
    if include_head:
        tensors[HEAD_NAME] = tensors[EMBEDDING_NAME]
    return tensors


def _write_tensors(
    tensors: Mapping[str, Tensor], folder: Path, max_shard_bytes: int, dtype: torch.dtype
) -> None:
    sizes = {name: tensor.numel() * dtype.itemsize for name, tensor in tensors.items()}
    shards = plan_shards(sizes, max_shard_bytes)
    if len(shards) == 1:
        _write_shard(tensors, shards[0], folder / SINGLE_FILE, dtype)
        return
    weight_map: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        _write_shard(tensors, names, folder / file, dtype)
        weight_map |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / INDEX_FILE).write_text(as_json(index), encoding="utf-8")


def _write_shard(tensors: Mapping[str, Tensor], names: Sequence[str], path: Path, dtype: torch.dtype) -> None:
    shard = {name: tensors[name].detach().to(device="cpu", dtype=dtype).contiguous() for name in names}
    if HEAD_NAME in shard and EMBEDDING_NAME in shard:
        shard[HEAD_NAME] = shard[HEAD_NAME].clone()  # the format refuses two names for one memory
    save_file(shard, path, metadata={"format": "pt"})
    path.chmod(path.parent.stat().st_mode & 0o666)  # the library makes files that only their owner may read


def as_json(value: object) -> str:
    """JSON as checkpoints have it."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _extra_files(files: Mapping[str, bytes | str]) -> dict[str, bytes]:
    for name in files:
        if not name or name.startswith(".") or set(name) & set("/\\:\0"):
            raise CheckpointError(f"{name!r} cannot be a file of a checkpoint; expected a plain file name")
        if name in (CONFIG_FILE, INDEX_FILE) or name.endswith(".safetensors"):
            raise CheckpointError(f"{name!r} is written by save_model itself; leave it out of `files`")
    return {name: data.encode() if isinstance(data, str) else bytes(data) for name, data in files.items()}


def check_target(folder: Path, overwrite: bool) -> None:
    """Raise CheckpointError unless a checkpoint may be written at `folder`."""
    if not folder.exists():
        return
    if not overwrite:
        raise CheckpointError(
            f"{folder} exists and is not overwritten; choose another folder, or allow it (overwrite=True, "
            "--overwrite)"
        )
    # Replacing deletes what was there, so be sure that it is a checkpoint and nothing else.
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is a file and is not replaced by a checkpoint; choose another name")
    entries = list(folder.iterdir())
    folders = [entry.name for entry in entries if entry.is_dir()]
    if folders or (entries and not (folder / CONFIG_FILE).is_file()):
        what = f"holds folders ({name_some(folders)})" if folders else f"has no {CONFIG_FILE}"
        raise CheckpointError(
            f"{folder} {what}, so it does not look like a checkpoint and is not replaced; choose another"
        )


def _put_in_place(staged: Path, folder: Path, overwrite: bool) -> None:
    """Give `staged` the name `folder`; what had the name before ends up under `staged`, to be deleted."""
    if not (overwrite and folder.exists()):
        staged.rename(folder)  # fails if somebody else has put something there in the meantime
    elif not _exchange(staged, folder):
        # Without an atomic exchange there is a moment in which only the hidden name exists.
        old = staged.with_suffix(".old")
        folder.rename(old)
        try:
            staged.rename(folder)
        except OSError:
            old.rename(folder)
            raise
        old.rename(staged)
    _sync(folder.parent)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two names in one atomic step; False where the system or the file system cannot."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "renameat2"):
        return False
    done = libc.renameat2(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE)
    return int(done) == 0


def _sync(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    is_folder = path.is_dir()
    if is_folder and os.name != "posix":  # other systems cannot open a folder
        return
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        # Some network file systems cannot sync a folder; the files in it are synced all the same.
        with contextlib.suppress(OSError) if is_folder else contextlib.nullcontext():
            os.fsync(handle)
    finally:
        os.close(handle)
