"""Begin a training from scratch with the weights of a checkpoint that has another vocabulary.

Layers are taken over as they are. Tokens are matched by their text: one that the checkpoint knows keeps its
embedding, a new one begins as the mean of the pieces that the checkpoint would have written it with.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from locany.codec.tokenizer import Tokenizer
from locany.errors import CheckpointError
from locany.files import write_whole
from locany.model.locate_model import LocateModel
from locany.weights.load import load_model

EMBEDDING = "decoder.embed.weight"
HEADS_FILE = "heads.safetensors"  # the auxiliary heads of a run, beside its checkpoint's folder


@torch.no_grad()
def take_over(model: LocateModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Fill a model from a checkpoint of the same shape, or with fewer heads for keys and values.

    Args:
        model: with the vocabulary of `tokenizer`.
        folder: the checkpoint, with its own vocabulary.

    Raises:
        CheckpointError: it cannot be read, or a layer has another shape.
    """
    theirs = load_model(folder, device="cpu", dtype=torch.float32).state_dict()
    mine = model.state_dict()
    for name, tensor in mine.items():
        if name == EMBEDDING:
            continue
        if name in theirs and theirs[name].shape != tensor.shape:
            theirs[name] = _with_more_heads(name, theirs[name], tensor, model.config.text.head_dim)
        if name not in theirs or theirs[name].shape != tensor.shape:
            found = tuple(theirs[name].shape) if name in theirs else "missing"
            raise CheckpointError(
                f"{folder}: {name} is {found}, the recipe's model has {tuple(tensor.shape)}; a warm start "
                "needs the same layers, only the vocabulary and the number of heads for keys may differ"
            )
        tensor.copy_(theirs[name])
    mine[EMBEDDING].copy_(_embeddings(tokenizer, Tokenizer.from_folder(folder), theirs[EMBEDDING]))


def _with_more_heads(name: str, theirs: Tensor, mine: Tensor, head_dim: int) -> Tensor:
    """Keys and values of a decoder with more heads for them: each head as often as queries shared it.

    The model computes what it did; from there on the heads learn apart.
    """
    is_shared = name.startswith("decoder.layers.") and name.split(".")[-2] in ("k", "v")
    times, rest = divmod(len(mine), len(theirs))
    if not is_shared or rest or len(theirs) % head_dim:
        return theirs
    return theirs.unflatten(0, (-1, head_dim)).repeat_interleave(times, dim=0).flatten(0, 1)


def _embeddings(new: Tokenizer, old: Tokenizer, table: Tensor) -> Tensor:
    rows = []
    for number in range(new.vocab.size):
        text = new.decode([number])
        if not new.is_text(number):
            pieces = [old.token_id(text)]
        else:
            # Part of a character has no text; a single byte has the same number in every vocabulary.
            pieces = old.encode_plain(text) if "\ufffd" not in text else [number] if number < 256 else []
        row = table[pieces].mean(0) if pieces else table[:256].mean(0)
        rows.append(row * (table[pieces].norm(dim=1).mean() / row.norm()) if len(pieces) > 1 else row)
    return torch.stack(rows)


def read_heads(heads: nn.Module, path: Path) -> None:
    """Fill auxiliary heads from a file that `write_heads` wrote.

    Raises:
        CheckpointError: the file is missing or of other heads.
    """
    try:
        heads.load_state_dict(load_file(path))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: these auxiliary heads cannot be used ({error}); leave begin_heads empty to start "
            "with new ones"
        ) from error


def write_heads(heads: nn.Module, path: Path) -> None:
    """Write auxiliary heads as safetensors."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in heads.state_dict().items()}
    write_whole(path, save(tensors))
