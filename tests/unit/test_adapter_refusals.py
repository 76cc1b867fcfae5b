"""Adapter folders that must be refused, each with a message that names the file and what is wrong."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from locany.errors import (
    CheckpointConfigError,
    CheckpointError,
    CheckpointNotFoundError,
    CheckpointTensorError,
)
from locany.train.lora import LoraConfig, add_lora, load_lora
from locany.weights import save_model
from locany.weights.adapter import ADAPTER_CONFIG, ADAPTER_FILE, read_adapter, write_adapter
from locany.weights.merge import merge_adapter
from tests.tiny import TINY_TOKEN_IDS, tiny_config, tiny_model

PREFIX = "base_model.model."
Q0 = PREFIX + "language_model.model.layers.0.self_attn.q_proj"
FC1 = PREFIX + "vision_model.encoder.blocks.1.mlp.fc1"
OUT = PREFIX + "mlp1.3"


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return written(tmp_path / "adapter")


def written(folder: Path, **config: Any) -> Path:
    model = tiny_model()
    lora = add_lora(model, LoraConfig(rank=4, alpha=8, **config), seed=0)
    write_adapter(lora.adapter(model), folder)
    return folder


def refused(folder: Path, error: type[CheckpointError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        read_adapter(folder, tiny_config())
    assert str(folder) in str(caught.value)


def change_config(folder: Path, **fields: Any) -> None:
    path = folder / ADAPTER_CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def change_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(folder / ADAPTER_FILE)
    change(tensors)
    save_file(tensors, folder / ADAPTER_FILE)


def test_folders_that_are_none(tmp_path: Path, adapter: Path) -> None:
    (tmp_path / "empty").mkdir()
    save_model(tiny_model(), tmp_path / "checkpoint", token_ids=TINY_TOKEN_IDS)
    refused(tmp_path / "absent", CheckpointNotFoundError, "no such folder; give the folder that holds")
    refused(adapter / ADAPTER_FILE, CheckpointNotFoundError, "is a file; give the folder that holds")
    refused(tmp_path / "empty", CheckpointNotFoundError, f"no {ADAPTER_CONFIG} in this folder")
    refused(tmp_path / "checkpoint", CheckpointNotFoundError, "whole checkpoint: give it as the model")
    (adapter / ADAPTER_FILE).rename(adapter / "adapter_model.bin")
    refused(adapter, CheckpointNotFoundError, "pickle file.*not read; save it as safetensors")
    (adapter / "adapter_model.bin").unlink()
    refused(adapter, CheckpointNotFoundError, rf"{ADAPTER_FILE}: no such file")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"peft_type": "LOHA"}, "peft_type is 'LOHA', expected 'LORA'"),
        ({"r": None}, "r is None, expected a number"),
        ({"r": 2.5}, "r is 2.5, expected a whole number"),
        ({"r": 10**400}, "r is 1000*, expected a number"),
        ({"r": True}, "r is True, expected a number"),
        ({"lora_alpha": "8"}, "lora_alpha is '8', expected a number"),
        ({"lora_alpha": float("nan")}, "lora_alpha is nan, expected a number"),
        ({"lora_dropout": 1}, "lora_dropout is 1, expected 0 or more"),
        ({"use_dora": True}, "use_dora=True is not supported"),
        ({"bias": "all"}, "bias='all' is not supported"),
        ({"rank_pattern": {"q_proj": 8}}, r"rank_pattern=.*is not supported.*merge the adapter with peft"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices=.*is not supported"),
        ({"invented_next_year": 1}, "invented_next_year=1 is not supported"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa', expected one that leaves the base"),
        ({"target_modules": 3}, "target_modules is 3, expected a list"),
        ({"modules_to_save": "mlp1"}, "modules_to_save is 'mlp1', expected a list"),
    ],
)
def test_configs_that_ask_for_something_else(adapter: Path, fields: dict[str, Any], words: str) -> None:
    change_config(adapter, **fields)
    refused(adapter, CheckpointConfigError, rf"{ADAPTER_CONFIG}: {words}")


@pytest.mark.parametrize("text", ["", "{", "[]", "\0\0"])
def test_configs_that_are_damaged(adapter: Path, text: str) -> None:
    (adapter / ADAPTER_CONFIG).write_text(text)
    refused(adapter, CheckpointConfigError, ADAPTER_CONFIG)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_files_that_are_cut_short(adapter: Path, keep: int) -> None:
    data = (adapter / ADAPTER_FILE).read_bytes()
    (adapter / ADAPTER_FILE).write_bytes(data[:keep])
    refused(adapter, CheckpointTensorError, rf"{ADAPTER_FILE} is cut short")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(f"{Q0}.lora_A.weight"), r"lost the other half.*0\.self_attn\.q_proj\.lora_B"),
        (
            lambda t: [t.pop(f"{FC1}.lora_{x}.weight") for x in "AB"],
            r"1 tensors are missing.*blocks\.1\.mlp\.fc1\.lora_A.*not whole",
        ),
        (
            lambda t: t.update({f"{Q0}.lora_A.weight": torch.zeros(8, 64)}),
            r"q_proj\.lora_A\.weight is \[8, 64\], expected \[4, 64\]",
        ),
        (
            lambda t: t.update({f"{OUT}.lora_B.weight": torch.zeros(32, 4)}),
            r"mlp1\.3\.lora_B\.weight is \[32, 4\], expected \[64, 4\]",
        ),
        (
            lambda t: t.update(
                {f"{PREFIX}vision_model.q_proj.lora_{x}.weight": torch.zeros(1) for x in "AB"}
            ),
            r"not linear layers of this model: .*vision_model\.q_proj; the adapter belongs to another",
        ),
        (
            lambda t: t.update(
                {f"{PREFIX}language_model.lm_head.lora_{x}.weight": torch.zeros(4, 4) for x in "AB"}
            ),
            r"not linear layers of this model: .*lm_head",
        ),
        (
            lambda t: t.update({f"{PREFIX}language_model.model.embed_tokens.weight": torch.zeros(1558, 64)}),
            r"cannot be put into this model: .*embed_tokens\.weight.*the embedding, the head",
        ),
        (
            lambda t: t.update({f"{PREFIX}mlp1.0.weight": torch.zeros(64)}),
            r"cannot be put into this model: .*mlp1\.0\.weight",
        ),
        (lambda t: t.update({f"{PREFIX}mlp1.0.weight": torch.zeros(128)}), r"missing.*mlp1\.0\.bias"),
        (lambda t: t.update({f"{Q0}.lora_B.bias": torch.zeros(64)}), r"not named as.*lora_B\.bias"),
        (
            lambda t: t.update({f"{Q0}.lora_A.default.weight": torch.zeros(4, 64)}),
            r"1 tensors are not named as peft's save_pretrained names weights: .*lora_A\.default",
        ),
        (
            lambda t: t.update({f"{Q0}.lora_A.weight": torch.zeros(4, 64, dtype=torch.int8)}),
            r"lora_A\.weight is I8, expected one of F64, F32",
        ),
        (
            lambda t: t[f"{FC1}.lora_B.weight"].fill_(float("nan")),
            r"not finite: .*blocks\.1\.mlp\.fc1\.lora_B",
        ),
        (lambda t: t.clear(), "tensors are missing"),
    ],
)
def test_tensors_that_do_not_fit(adapter: Path, change: Callable[[Any], Any], words: str) -> None:
    change_tensors(adapter, change)
    refused(adapter, CheckpointTensorError, f"{ADAPTER_FILE}.*{words}")


def test_a_projector_that_was_to_be_saved_is_there(tmp_path: Path) -> None:
    folder = written(tmp_path / "adapter", projector="full")
    names = [f"{PREFIX}mlp1.{n}.{kind}" for n in (0, 1, 3) for kind in ("weight", "bias")]
    assert set(names) < set(load_file(folder / ADAPTER_FILE))
    change_tensors(folder, lambda tensors: [tensors.pop(name) for name in names])
    refused(folder, CheckpointTensorError, r"6 tensors are missing.*mlp1\.0\.bias")
    change_config(folder, modules_to_save=["mlp1"])  # as a whole, as others name it
    refused(folder, CheckpointTensorError, r"6 tensors are missing.*mlp1\.0\.bias")


def test_ranks_of_config_and_tensors_must_agree(adapter: Path) -> None:
    change_config(adapter, r=8)
    refused(adapter, CheckpointTensorError, rf"do not fit this model and rank 8 of {ADAPTER_CONFIG}")


def test_adapters_of_a_larger_model_are_refused(adapter: Path) -> None:
    for other, words in (
        (tiny_config(hidden_size=128), r"lora_A\.weight is \[4, 64\], expected \[4, 128\]"),
        (tiny_config(num_layers=1), r"not linear layers of this model: .*layers\.1\."),
        (tiny_config(num_layers=3), r"missing.*layers\.2\."),
    ):
        with pytest.raises(CheckpointTensorError, match=words):
            read_adapter(adapter, other)


def test_training_goes_on_only_where_every_layer_is_adapted(adapter: Path) -> None:
    change_config(adapter, layers_to_transform=[1])
    change_tensors(adapter, lambda t: [t.pop(name) for name in list(t) if ".layers.0." in name])
    with pytest.raises(CheckpointTensorError, match=r"only some layers of a kind.*merge it into its base"):
        load_lora(tiny_model(), adapter)


def test_nothing_is_written_for_a_wrong_adapter(adapter: Path, tmp_path: Path) -> None:
    save_model(tiny_model(), tmp_path / "base", token_ids=TINY_TOKEN_IDS)
    save_model(tiny_model(1), tmp_path / "other", token_ids=TINY_TOKEN_IDS)
    with pytest.raises(CheckpointConfigError, match="trained on other base weights"):
        merge_adapter(tmp_path / "other", adapter, tmp_path / "out")
    (adapter / ADAPTER_FILE).write_bytes(b"")
    with pytest.raises(CheckpointTensorError, match=ADAPTER_FILE):
        merge_adapter(tmp_path / "base", adapter, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "base", "other"]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small adapter; read it, do not write to it."""
    return written(tmp_path_factory.mktemp("good") / "adapter", decoder=("q",), vision=())


@given(changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_header_raises_our_error_or_none(
    good: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    shutil.copyfile(good / ADAPTER_CONFIG, folder / ADAPTER_CONFIG)
    raw = bytearray((good / ADAPTER_FILE).read_bytes())
    length = 8 + int.from_bytes(raw[:8], "little")
    for at, value in changes:
        raw[at % length] = value
    (folder / ADAPTER_FILE).write_bytes(raw)
    with contextlib.suppress(CheckpointTensorError):
        read_adapter(folder, tiny_config())
