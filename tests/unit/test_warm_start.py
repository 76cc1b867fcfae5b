"""A training that begins with the weights of a checkpoint of another vocabulary."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from locany.codec.tokenizer import Tokenizer
from locany.errors import CheckpointError, DataError
from locany.model import LocateModel
from locany.train.config import TrainConfig
from locany.train.data import DataConfig
from locany.train.dense import DenseHeads
from locany.train.init import initialise
from locany.train.sources import Rendered
from locany.train.vocabulary import id_fields, train_bpe, vocabulary_files
from locany.train.warm_start import read_heads, take_over, write_heads
from locany.weights import save_model
from tests.tiny import tiny_config

FIRST = ["None", "assistant", "user", "cat"] * 40
VOCABULARY = ("vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json")
SECOND = [*FIRST, *["catalogue", "None", "assistant", "dog"] * 60]


def checkpoint(folder: Path, texts: list[str], seed: int) -> tuple[LocateModel, Tokenizer]:
    base, merges = train_bpe(texts, 300)
    files, added = vocabulary_files(base, merges)
    ids = id_fields(base, added)
    config = replace(tiny_config(vocab_size=ids.size), image_token_id=ids.image_token)
    files["config.json"] = json.dumps(config.to_json(ids.to_config()))
    model = LocateModel(config)
    initialise(model, seed, ids.coord_ids)
    contents = {name: text.encode() for name, text in files.items() if name != "config.json"}
    save_model(model, folder, token_ids=ids.to_config(), files=contents, dtype=torch.float32)
    return model, Tokenizer.from_folder(folder)


def test_tokens_are_matched_by_their_text(tmp_path: Path) -> None:
    old, theirs = checkpoint(tmp_path / "old", FIRST, seed=1)
    new, mine = checkpoint(tmp_path / "new", SECOND, seed=2)
    assert mine.vocab.size > theirs.vocab.size
    take_over(new, mine, tmp_path / "old")
    table, given = new.decoder.embed.weight, old.decoder.embed.weight
    for text in ("<box>", "</ref>", "<0>", "<1000>", "<text_mask>"):
        assert torch.equal(table[mine.token_id(text)], given[theirs.token_id(text)])
    (cat,), (known,) = mine.encode_plain("cat"), theirs.encode_plain("cat")
    assert torch.equal(table[cat], given[known])
    (word,), pieces = mine.encode_plain("dog"), theirs.encode_plain("dog")
    assert len(pieces) > 1
    mean = given[pieces].mean(0)
    torch.testing.assert_close(table[word] / table[word].norm(), mean / mean.norm())
    for name, tensor in new.state_dict().items():
        if name != "decoder.embed.weight":
            assert torch.equal(tensor, old.state_dict()[name])


def test_more_heads_for_keys_compute_the_same(tmp_path: Path) -> None:
    old, theirs = checkpoint(tmp_path / "old", FIRST, seed=1)
    shape = old.config
    assert shape.text.num_kv_heads < shape.text.num_heads
    wider = LocateModel(replace(shape, text=replace(shape.text, num_kv_heads=shape.text.num_heads)))
    take_over(wider, theirs, tmp_path / "old")
    embeds, positions = torch.randn(2, 9, shape.text.hidden_size), torch.arange(9).expand(2, -1)
    with torch.no_grad():
        expected, found = (model.decoder(embeds, positions, None) for model in (old, wider))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    files = vocabulary(tmp_path / "old")
    save_model(wider, tmp_path / "wide", token_ids=theirs.vocab.to_config(), files=files)
    with pytest.raises(CheckpointError, match="the same layers"):  # fewer cannot hold what was learnt
        take_over(old, theirs, tmp_path / "wide")


def vocabulary(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.*") if file.name in VOCABULARY}


def test_other_layers_are_refused(tmp_path: Path) -> None:
    checkpoint(tmp_path / "old", FIRST, seed=1)
    new, mine = checkpoint(tmp_path / "new", FIRST, seed=2)
    wide = torch.nn.Linear(3, 5)
    new.projector.out = wide
    with pytest.raises(CheckpointError, match=r"projector.out.weight is .* the recipe's model has \(5, 3\)"):
        take_over(new, mine, tmp_path / "old")


def test_heads_come_back(tmp_path: Path) -> None:
    first = DenseHeads(tiny_config(), torch.Generator().manual_seed(0))
    second = DenseHeads(tiny_config(), torch.Generator().manual_seed(1))
    write_heads(first, tmp_path / "heads.safetensors")
    read_heads(second, tmp_path / "heads.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    with pytest.raises(CheckpointError, match=r"nowhere.safetensors: these auxiliary heads cannot be used"):
        read_heads(second, tmp_path / "nowhere.safetensors")
    with pytest.raises(CheckpointError, match="leave begin_heads empty"):
        read_heads(DenseHeads(tiny_config(hidden_size=32), torch.Generator()), tmp_path / "heads.safetensors")


def test_a_checkpoint_begins_with_itself() -> None:
    with pytest.raises(DataError, match="leave begin empty"):
        TrainConfig(model="bundled", out="x", data=DataConfig((Rendered("icons"),)), begin="bundled")
