"""Write the best state of a training run, or the newest where none has a score, in the published layout.

python scripts/export_run.py runs/mini locany/assets/locany-mini
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from locany.codec import Tokenizer
from locany.errors import DataError
from locany.model import LocateModel
from locany.train.checkpoint import States
from locany.train.run import KEPT_FILES
from locany.weights import load_config, save_model


def export(run: Path, folder: Path, card: str = "") -> int:
    """Write the checkpoint; returns the step that it is from."""
    states = States(run)
    entry = states.best or states.newest
    if entry is None:
        raise DataError(f"{run}: no training state in this folder; train first")
    state = states.load(entry)
    tokenizer = run / "tokenizer"
    config = load_config(tokenizer)
    model = LocateModel(config)
    heads = "heads."
    model.load_state_dict({n: t for n, t in state["learning"].items() if not n.startswith(heads)})
    there = [name for name in KEPT_FILES if (tokenizer / name).is_file()]
    files = {name: (tokenizer / name).read_bytes() for name in there}
    if card:
        files["README.md"] = card.encode()
    ids = Tokenizer.from_folder(tokenizer).vocab.to_config()
    save_model(model, folder, token_ids=ids, files=files, dtype=torch.bfloat16, overwrite=True)
    return int(state["step"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--card", type=Path, help="model card to put beside the weights")
    arguments = parser.parse_args()
    card = arguments.card.read_text(encoding="utf-8") if arguments.card else ""
    step = export(arguments.run, arguments.folder, card)
    print(f"{arguments.folder}: step {step}")


if __name__ == "__main__":
    main()
