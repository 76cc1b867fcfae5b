"""Names, loading and saving. Everything is made here; nothing outside the repository is needed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from locany.errors import (
    CheckpointError,
    CheckpointTensorError,
)
from locany.model import LocateConfig, LocateModel
from locany.weights import (
    HEAD_NAME,
    expected_tensors,
    load_config,
    load_model,
    our_name,
    published_name,
    save_model,
    stored_tensors,
)
from locany.weights import save as save_module
from locany.weights.names import EMBEDDING_NAME, empty_model
from locany.weights.save import plan_shards
from tests.tiny import TINY_TOKEN_IDS, tiny_config, tiny_model

# The published config, spec `locateanything` 1.2: the fields that change a tensor or a computation.
PUBLISHED_3B: dict[str, Any] = {
    "model_type": "locateanything",
    "image_token_index": 151665,
    "torch_dtype": "bfloat16",
    "text_config": {
        "vocab_size": 152681,
        "hidden_size": 2048,
        "intermediate_size": 11008,
        "num_hidden_layers": 36,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "rope_scaling": None,
        "max_position_embeddings": 32768,
        "tie_word_embeddings": True,
        "block_size": 6,
        "causal_attn": False,
    },
    "vision_config": {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "patch_size": 14,
        "merge_kernel_size": [2, 2],
        "init_pos_emb_height": 64,
        "init_pos_emb_width": 64,
    },
}

SHARDED = 400_000  # bytes: cuts the tiny model into three


def same(a: LocateModel, b: LocateModel) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return mine.keys() == other.keys() and all(torch.equal(mine[k], other[k]) for k in mine)


def load(folder: Path, dtype: torch.dtype = torch.float32) -> LocateModel:
    return load_model(folder, device="cpu", dtype=dtype)


@pytest.fixture
def single(tmp_path: Path) -> Path:
    save_model(tiny_model(), tmp_path / "single", token_ids=TINY_TOKEN_IDS)
    return tmp_path / "single"


# ---------------------------------------------------------------- names


def test_published_checkpoint_is_described_exactly() -> None:
    """770 tensors and their parameter counts, spec 1.3."""
    shapes = expected_tensors(LocateConfig.from_json(PUBLISHED_3B))
    counts = {name: math.prod(shape) for name, shape in shapes.items()}
    assert len(shapes) == 770
    assert sum(counts.values()) == 3_830_665_968
    assert sum(c for n, c in counts.items() if n.startswith("vision_model.")) == 416_866_032
    assert sum(c for n, c in counts.items() if n.startswith("mlp1.")) == 13_644_800
    assert shapes[HEAD_NAME] == shapes[EMBEDDING_NAME] == (152681, 2048)
    assert shapes["vision_model.patch_embed.proj.weight"] == (1152, 3, 14, 14)
    assert shapes["vision_model.patch_embed.pos_emb.weight"] == (64, 64, 1152)
    assert shapes["vision_model.encoder.blocks.26.wqkv.weight"] == (3456, 1152)
    assert shapes["language_model.model.layers.35.self_attn.k_proj.bias"] == (256,)
    assert shapes["language_model.model.layers.0.mlp.down_proj.weight"] == (2048, 11008)
    assert shapes["mlp1.1.weight"] == (2048, 4608)


def test_names_round_trip() -> None:
    config = LocateConfig.from_json(PUBLISHED_3B)
    ours = list(empty_model(config).state_dict())
    assert [our_name(published_name(name)) for name in ours] == ours
    published = set(expected_tensors(config)) - {HEAD_NAME}
    assert {published_name(our_name(name)) for name in published} == published
    assert our_name(HEAD_NAME) == our_name(EMBEDDING_NAME)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "mlp1.2.weight",
        "language_model.model.layers.x.input_layernorm.weight",
        "language_model.model.layers.01.input_layernorm.weight",
        "language_modelXmodel.norm.weight",
        "language_model.model.norm.weight.extra",
    ],
)
def test_unknown_names(name: str) -> None:
    with pytest.raises(CheckpointTensorError, match="not one of"):
        our_name(name)
    with pytest.raises(CheckpointTensorError, match="no name in the published layout"):
        published_name(f"decoder.{name}.lora_a")


# ---------------------------------------------------------------- save and load


@pytest.mark.parametrize("include_head", [False, True])
@pytest.mark.parametrize("max_shard_bytes", [5_000_000_000, SHARDED, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_save_then_load_is_the_identity(
    tmp_path: Path, dtype: torch.dtype, max_shard_bytes: int, include_head: bool
) -> None:
    model, folder = tiny_model(3, dtype=dtype), tmp_path / "saved"
    save_model(
        model,
        folder,
        token_ids=TINY_TOKEN_IDS,
        max_shard_bytes=max_shard_bytes,
        include_head=include_head,
    )
    loaded = load(folder, dtype)
    assert same(model, loaded)
    assert loaded.config == model.config.with_dtype(str(dtype).removeprefix("torch."))
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert (HEAD_NAME in stored_tensors(folder)) is include_head
    assert (folder / "model.safetensors").exists() is (max_shard_bytes == 5_000_000_000)
    if max_shard_bytes == 1:
        assert len(list(folder.glob("*.safetensors"))) == len(model.state_dict()) + include_head
    if max_shard_bytes == SHARDED:
        index = json.loads((folder / "model.safetensors.index.json").read_text())
        sizes = {n: math.prod(t.shape) * dtype.itemsize for n, t in stored_tensors(folder).items()}
        assert index["metadata"]["total_size"] == sum(sizes.values())
        assert set(index["weight_map"]) == set(sizes)


def test_dtype_is_converted_on_either_side(tmp_path: Path) -> None:
    model = tiny_model(1)
    save_model(model, tmp_path / "a", token_ids=TINY_TOKEN_IDS, dtype=torch.bfloat16)
    assert {t.dtype for t in stored_tensors(tmp_path / "a").values()} == {"BF16"}
    assert load_config(tmp_path / "a").dtype == "bfloat16"
    assert same(load(tmp_path / "a"), tiny_model(1).bfloat16().float())
    save_model(model, tmp_path / "b", token_ids=TINY_TOKEN_IDS)
    assert same(load(tmp_path / "b", torch.bfloat16), model.bfloat16())


def test_loaded_weights_do_not_alias_the_file(single: Path) -> None:
    """Changing the file under a loaded model must neither change nor kill it."""
    model = load(single)
    (single / "model.safetensors").write_bytes(b"")
    assert same(model, tiny_model())


def test_config_and_extra_files_are_written_as_they_are(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"vocab.json": '{"ä": 0}', "README.md": b"\xff\x00"}
    save_model(tiny_model(), tmp_path / "out", token_ids=TINY_TOKEN_IDS, files=files)
    assert (tmp_path / "out/vocab.json").read_text(encoding="utf-8") == '{"ä": 0}'
    assert (tmp_path / "out/README.md").read_bytes() == b"\xff\x00"
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["box_start_token_id"] == TINY_TOKEN_IDS["box_start_token_id"]
    assert config["text_config"]["null_token_id"] == TINY_TOKEN_IDS["null_token_id"]
    with safe_open(tmp_path / "out/model.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
    assert len({p.stat().st_mode for p in (tmp_path / "out").iterdir()}) == 1


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "x.safetensors", "../up", "a/b", ".x", ""]
)
def test_extra_file_names_that_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=r"plain file name|written by save_model"):
        save_model(tiny_model(), tmp_path / "out", token_ids=TINY_TOKEN_IDS, files={name: ""})
    assert list(tmp_path.iterdir()) == []


@given(
    sizes=st.lists(st.integers(0, 50), max_size=30),
    max_bytes=st.integers(1, 100),
)
def test_shards_keep_order_and_size(sizes: list[int], max_bytes: int) -> None:
    named = {f"t{i}": size for i, size in enumerate(sizes)}
    shards = plan_shards(named, max_bytes)
    assert [name for shard in shards for name in shard] == list(named)
    assert all(shards)
    totals = [sum(named[name] for name in shard) for shard in shards]
    assert all(total <= max_bytes or len(shard) == 1 for total, shard in zip(totals, shards, strict=True))
    # No shard could have taken the tensor that begins the next one.
    for total, following in zip(totals, shards[1:], strict=False):
        assert total + named[following[0]] > max_bytes


@pytest.mark.parametrize("exchange", [True, False])
def test_overwrite_swaps(single: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exchange:
        monkeypatch.setattr(save_module, "_exchange", lambda a, b: False)
    (single / "stale.txt").touch()
    with pytest.raises(CheckpointError, match="exists and is not overwritten"):
        save_model(tiny_model(7), single, token_ids=TINY_TOKEN_IDS)
    assert same(load(single), tiny_model(0))
    save_model(tiny_model(7), single, token_ids=TINY_TOKEN_IDS, overwrite=True)
    assert same(load(single), tiny_model(7))
    assert sorted(p.name for p in single.iterdir()) == ["config.json", "model.safetensors"]
    assert [p.name for p in single.parent.iterdir()] == ["single"]


def test_toy_checkpoint_of_the_reference() -> None:
    """A folder written by the published tools, where the workspace has one."""
    folder = Path(__file__).resolve().parents[3] / "shared/golden/tiny-checkpoint"
    if not folder.is_dir():
        pytest.skip("no golden vectors beside this checkout")
    model = load(folder)
    assert HEAD_NAME in stored_tensors(folder)
    assert model.config.text.vocab_size == 1558
    assert all(bool(p.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize("fails", ["_write_tensors", "save_file", "_sync", "_put_in_place", "rename"])
def test_failed_save_changes_nothing(single: Path, fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if fails == "rename":  # the second of the two renames, on systems that cannot exchange
        real = Path.rename
        monkeypatch.setattr(save_module, "_exchange", lambda a, b: False)
        monkeypatch.setattr(Path, "rename", lambda a, b: fail() if a.suffix == ".saving" else real(a, b))
    else:
        monkeypatch.setattr(save_module, fails, fail)
    with pytest.raises(CheckpointError, match=r"No space left.*nothing was changed"):
        save_model(tiny_model(7), single, token_ids=TINY_TOKEN_IDS, overwrite=True)
    monkeypatch.undo()
    assert same(load(single), tiny_model(0))
    assert [p.name for p in single.parent.iterdir()] == ["single"]


def test_overwrite_spares_what_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "home/photos").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/diary.txt").touch()
    (tmp_path / "file").touch()
    for name, words in (("home", "holds folders"), ("notes", "no config"), ("file", "is a file")):
        with pytest.raises(CheckpointError, match=words):
            save_model(tiny_model(), tmp_path / name, token_ids=TINY_TOKEN_IDS, overwrite=True)
    assert (tmp_path / "notes/diary.txt").exists()


def test_models_that_cannot_be_saved(tmp_path: Path) -> None:
    def save(model: LocateModel, **options: Any) -> None:
        save_model(model, tmp_path / "out", token_ids=TINY_TOKEN_IDS, **options)

    with pytest.raises(CheckpointTensorError, match="empty"):
        save(empty_model(tiny_config()))
    with pytest.raises(CheckpointTensorError, match="expected one of float32"):
        save(tiny_model(), dtype=torch.int8)
    adapted = tiny_model()
    adapted.decoder.get_submodule("layers.0.q").add_module("lora_a", torch.nn.Linear(2, 2))
    with pytest.raises(CheckpointTensorError, match=r"'decoder.layers.0.q.lora_a.weight'.*merge adapters"):
        save(adapted)
    assert list(tmp_path.iterdir()) == []
