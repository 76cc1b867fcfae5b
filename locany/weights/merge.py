"""Base and adapter into one plain checkpoint, from folder to folder."""

from __future__ import annotations

from pathlib import Path

import torch

from locany.errors import CheckpointError
from locany.weights.adapter import ADAPTER_CONFIG, read_adapter
from locany.weights.apply import merge_into
from locany.weights.load import load_config, load_model
from locany.weights.names import EMBEDDING_NAME, HEAD_NAME
from locany.weights.save import save_model
from locany.weights.stored import CALIBRATION_FILE, CONFIG_FILE, read_json, stored_tensors

_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16}


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
    own = _DTYPES.get(embedding.dtype if embedding else "", torch.float32)
    dtype = dtype or own
    # Small bfloat16 numbers are none of float16: the base is known by its own, and rounded once, at the end.
    narrow = dtype is torch.float16 and own is not torch.float16
    model = load_model(folder, device=device, dtype=torch.float32 if narrow else dtype)
    merge_into(model, learned)
    # A calibration is of the base's scores, and an adapter changes them.
    kept = [path for path in files_that_go_along(folder) if path.name != CALIBRATION_FILE]
    files = {path.name: path.read_bytes() for path in kept}
    save_model(
        model,
        out,
        token_ids=token_ids_of(folder),
        files=files,
        include_head=HEAD_NAME in stored,
        dtype=dtype,
        overwrite=overwrite,
    )


def files_that_go_along(folder: Path) -> list[Path]:
    """Vocabulary, preprocessing and licence of a base; not its README, nor what lists weight files."""
    return [path for path in sorted(folder.iterdir()) if _goes_along(path)]


def token_ids_of(folder: Path) -> dict[str, int | str]:
    """The id fields that `LocateConfig.to_json` takes, and the formulation, as the base's config has them."""
    raw = read_json(folder / CONFIG_FILE)
    named = {name: raw[name] for name in ("formulation",) if isinstance(raw.get(name), str)}
    return named | {
        name: value
        for part in (raw, raw["text_config"])
        for name, value in part.items()
        if name.endswith("_token_id") and isinstance(value, int)
    }


def _goes_along(path: Path) -> bool:
    name = path.name
    if not path.is_file() or name.startswith("."):
        return False
    if name in (CONFIG_FILE, ADAPTER_CONFIG) or name.endswith(".index.json"):
        return False
    return path.suffix in (".json", ".txt", ".jinja") or name.startswith(("LICENSE", "NOTICE"))
