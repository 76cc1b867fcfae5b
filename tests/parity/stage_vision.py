"""Parity of the vision tower and projector: pixels in, visual tokens out, with every tensor in between."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from locany.model import LocateModel
from tests.parity.compare import Case, Outcome
from tests.parity.inputs import Checkpoint, load_checkpoint, read_images


def run(folder: Path) -> Iterator[Outcome]:
    """Compare every case of `folder`/vision."""
    base = Path(folder) / "vision"
    checkpoint = load_checkpoint(folder)
    for record in json.loads((base / "vision.json").read_text(encoding="utf-8")):
        case = Case(record["name"])
        try:
            _compare(case, record, base, checkpoint)
        except Exception as error:  # the other cases still have something to say
            traceback.print_exc(file=sys.stderr)
            case.differences.append(f"broke off: {error!r}")
        yield case.outcome()


@torch.no_grad()
def _compare(case: Case, record: dict[str, Any], base: Path, checkpoint: Checkpoint) -> None:
    golden = load_file(base / f"{record['name']}.safetensors")
    images = read_images([base / name for name in record["images"]], checkpoint.preprocess)
    case.same("grids", images.grids, record["grid_hws"])
    case.same("grid_hws", images.grids, golden.pop("grid_hws"))
    case.same("merged_lengths", images.num_tokens, record["merged_lengths"])
    pixel_values = golden.pop("pixel_values")
    case.same("pixel_values, bit for bit", torch.equal(images.pixel_values, pixel_values), True)

    # What follows must not suffer from other pixels.
    grids = [(int(rows), int(columns)) for rows, columns in record["grid_hws"]]
    ours = _forward(checkpoint.model, pixel_values, grids)
    case.same("tensors that can be compared", sorted(golden.keys() - ours.keys()), [])
    for name, tensor in golden.items():
        if name in ours:
            case.close(name, ours[name], tensor)


def _forward(model: LocateModel, pixel_values: Tensor, grids: list[tuple[int, int]]) -> dict[str, Tensor]:
    """Everything that the tower computes on its way, under the names of the golden files."""
    tower = model.vision
    seen: dict[str, Tensor] = {}

    def watch(module: nn.Module, name: str) -> torch.utils.hooks.RemovableHandle:
        return module.register_forward_hook(lambda _module, _args, output: seen.update({name: output}))

    handles = [watch(tower.patch_embed, "patch_embed"), watch(tower.final_norm, "final_layernorm")]
    for number, layer in enumerate(tower.layers):
        qkv = layer.get_submodule("qkv")
        handles += [watch(layer, f"block{number}"), watch(qkv, f"block{number}_qkv")]
    try:
        merged = tower(pixel_values, grids)
    finally:
        for handle in handles:
            handle.remove()
    turns = tower.turns(grids)[:, 0]
    return {
        **seen,
        "patch_proj": tower.patch_embed.project(pixel_values),
        "merged": merged,
        "projector": model.projector(merged),
        "rope_cos": turns.real,
        "rope_sin": turns.imag,
    }
