"""Checkpoint folders that must be refused, each with a message that names the file and what is wrong."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from locany.errors import CheckpointConfigError, CheckpointNotFoundError, CheckpointTensorError
from locany.model import LocateModel
from locany.weights import HEAD_NAME, load_config, load_model, save_model
from tests.tiny import TINY_TOKEN_IDS, tiny_model

NORM = "language_model.model.norm.weight"
SHARD = "model-00001-of-00003.safetensors"


def load(folder: Path) -> LocateModel:
    return load_model(folder, device="cpu", dtype=torch.float32)


@pytest.fixture
def single(tmp_path: Path) -> Path:
    save_model(tiny_model(), tmp_path / "single", token_ids=TINY_TOKEN_IDS)
    return tmp_path / "single"


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    save_model(tiny_model(), tmp_path / "sharded", token_ids=TINY_TOKEN_IDS, max_shard_bytes=400_000)
    return tmp_path / "sharded"


def same(a: LocateModel, b: LocateModel) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return mine.keys() == other.keys() and all(torch.equal(mine[k], other[k]) for k in mine)


def change_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def change_json(path: Path, change: Callable[[Any], None]) -> None:
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


def test_folders_that_are_none(tmp_path: Path, single: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, words in (
        (tmp_path / "absent", "no such folder"),
        (single / "config.json", "is a file"),
        (tmp_path / "empty", r"no config.json .*it holds nothing"),
    ):
        with pytest.raises(CheckpointNotFoundError, match=words):
            load(folder)


def test_no_weights(single: Path) -> None:
    (single / "model.safetensors").rename(single / "adapter.safetensors")
    with pytest.raises(CheckpointNotFoundError, match=r"neither model.safetensors nor .*adapter.safetensors"):
        load(single)
    (single / "adapter.safetensors").rename(single / "pytorch_model.bin")
    with pytest.raises(CheckpointNotFoundError, match=r"pickle files \(pytorch_model.bin\).*convert"):
        load(single)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("\udcff", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "expected a JSON object"),
        ('{"model_type": "qwen2"}', "model_type is 'qwen2'"),
        ('{"model_type": "locateanything"}', "text_config is missing"),
    ],
)
def test_config_that_is_wrong(single: Path, text: str, words: str) -> None:
    (single / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    for attempt in (load, load_config):
        with pytest.raises(CheckpointConfigError, match=words) as caught:
            attempt(single)
        assert "config.json" in str(caught.value)


@pytest.mark.parametrize(
    ("section", "field", "value", "error", "words"),
    [
        ("text_config", "tie_word_embeddings", False, CheckpointConfigError, "tied to the embedding"),
        ("text_config", "hidden_size", "64", CheckpointConfigError, "hidden_size"),
        ("text_config", "hidden_size", 128, CheckpointTensorError, r"expected \[128"),
        ("text_config", "vocab_size", 1 << 62, CheckpointConfigError, "no model can be built"),
        ("vision_config", "num_hidden_layers", 10**9, CheckpointTensorError, "different checkpoints"),
        ("vision_config", "num_hidden_layers", 3, CheckpointTensorError, "blocks.2.*and 7 more"),
        ("vision_config", "num_hidden_layers", 1, CheckpointTensorError, "do not belong.*blocks.1"),
    ],
)
def test_config_that_does_not_fit(
    single: Path, section: str, field: str, value: object, error: type[Exception], words: str
) -> None:
    change_json(single / "config.json", lambda raw: raw[section].update({field: value}))
    with pytest.raises(error, match=words):
        load(single)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(NORM), f"1 of 62 tensors are missing: {NORM}"),
        (lambda t: t.update({"x.inv_freq": torch.zeros(1)}), r"1 tensors in model.safetensors .*x.inv_freq"),
        (
            lambda t: t.update({NORM: torch.zeros(63)}),
            rf"{NORM} in model.safetensors is \[63\], expected \[64\]",
        ),
        (lambda t: t.update({NORM: torch.zeros(1, 64)}), r"is \[1, 64\]"),
        (lambda t: t.update({NORM: torch.zeros(64, dtype=torch.int8)}), f"{NORM} in model.safetensors is I8"),
        (lambda t: t.update({HEAD_NAME: torch.zeros(2, 2)}), "lm_head"),
    ],
)
def test_tensors_that_do_not_fit(
    single: Path, change: Callable[[dict[str, torch.Tensor]], None], words: str
) -> None:
    change_tensors(single, change)
    with pytest.raises(CheckpointTensorError, match=words):
        load(single)


def test_head_is_dropped_and_the_embedding_wins(single: Path) -> None:
    change_tensors(single, lambda t: t.update({HEAD_NAME: torch.ones(1558, 64)}))
    assert same(load(single), tiny_model())


def _header(raw: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(raw)) + raw + data


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda b: b"", "cut short"),
        (lambda b: b[:5], "cut short"),
        (lambda b: b[:200], "complete header"),
        (lambda b: b[:-1], "cut short: it has"),
        (lambda b: b + b"x", "longer than it should be"),
        (lambda b: b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (lambda b: _header(b"{not json"), "header is damaged"),
        (lambda b: _header(b"[]"), "header is damaged"),
        (lambda b: _header(b'{"x": 1}'), "header is damaged"),
        (lambda b: _header(b'{"x": {"data_offsets": [0]}}'), "header is damaged"),
        (lambda b: _header(b'{"x": {"data_offsets": [0, 4]}}', b"1234"), "is damaged"),
        (
            lambda b: _header(b'{"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', b"1234"),
            "is damaged",
        ),
        (
            lambda b: _header(b'{"x": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 4]}}', b"1234"),
            "is damaged",
        ),
    ],
)
def test_files_that_are_damaged(single: Path, make: Callable[[bytes], bytes], words: str) -> None:
    path = single / "model.safetensors"
    path.write_bytes(make(path.read_bytes()))
    with pytest.raises(CheckpointTensorError, match=words) as caught:
        load(single)
    assert str(path) in str(caught.value)


def _map_to(value: Any) -> Callable[[Any], None]:
    return lambda raw: raw["weight_map"].update({NORM: value})


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (_map_to("../other.safetensors"), CheckpointConfigError, NORM),
        (_map_to("/etc/passwd"), CheckpointConfigError, "same folder"),
        (_map_to("..\\x.safetensors"), CheckpointConfigError, "same folder"),
        (_map_to("config.json"), CheckpointConfigError, "same folder"),
        (_map_to(3), CheckpointConfigError, "same folder"),
        (lambda raw: raw.pop("weight_map"), CheckpointConfigError, "weight_map"),
        (lambda raw: raw.update(weight_map={}), CheckpointConfigError, "weight_map"),
        (_map_to("gone.safetensors"), CheckpointNotFoundError, "1 of 4 files .*gone.safetensors"),
        (_map_to(SHARD), CheckpointTensorError, f"{SHARD} disagrees .*1 promised but not stored .{NORM}"),
        (lambda raw: raw["weight_map"].pop(NORM), CheckpointTensorError, "1 stored but not promised"),
        (lambda raw: raw["metadata"].update(total_size=1), None, ""),
    ],
)
def test_index_that_is_wrong(
    sharded: Path, change: Callable[[Any], None], error: type[Exception] | None, words: str
) -> None:
    assert (sharded / SHARD).exists()
    change_json(sharded / "model.safetensors.index.json", change)
    if error is None:
        assert same(load(sharded), tiny_model())
        return
    with pytest.raises(error, match=words):
        load(sharded)


def test_shard_missing_or_cut_before_any_data_is_read(sharded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("data was read before all headers were checked")

    monkeypatch.setattr("locany.weights.load.safe_open", refuse)
    last = sharded / "model-00003-of-00003.safetensors"
    last.write_bytes(last.read_bytes()[:-4])
    with pytest.raises(CheckpointTensorError, match=r"00003-of-00003.safetensors is cut short"):
        load(sharded)
    last.unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"1 of 3 files .*00003-of-00003"):
        load(sharded)
