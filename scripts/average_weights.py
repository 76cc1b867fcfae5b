"""Write the mean of two checkpoints of one shape and vocabulary, in the published layout.

python scripts/average_weights.py runs/mini_screens/model runs/mini_blocks/model runs/locany-mini
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from locany.errors import CheckpointError
from locany.weights import load_model, save_model
from locany.weights.merge import files_that_go_along, token_ids_of


@torch.no_grad()
def average(first: Path, second: Path, folder: Path) -> None:
    """Write the checkpoint; vocabulary and preprocessing are those of both.

    Raises:
        CheckpointError: their vocabularies or shapes differ, or `folder` is there already.
    """
    beside, others = (
        {path.name: path.read_bytes() for path in files_that_go_along(f)} for f in (first, second)
    )
    if beside != others:
        names = sorted(name for name in beside.keys() | others.keys() if beside.get(name) != others.get(name))
        raise CheckpointError(
            f"{first} and {second} differ in {', '.join(names)}; average runs of one vocabulary"
        )
    model, other = (load_model(path, device="cpu", dtype=torch.float32) for path in (first, second))
    if model.config != other.config:
        raise CheckpointError(f"{first} and {second} are models of other shapes; average runs of one shape")
    theirs = other.state_dict()
    for name, tensor in model.state_dict().items():
        tensor.add_(theirs[name]).div_(2)
    save_model(model, folder, token_ids=token_ids_of(first), files=beside, dtype=torch.bfloat16)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("first", "second", "folder"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    average(arguments.first, arguments.second, arguments.folder)
    print(arguments.folder)


if __name__ == "__main__":
    main()
