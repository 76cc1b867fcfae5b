"""Quantised weights: rounding, the products that use them, folders, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import locany
from locany.errors import (
    CheckpointConfigError,
    CheckpointError,
    CheckpointNotFoundError,
    CheckpointTensorError,
    DeviceError,
    RequestError,
    TrainingError,
)
from locany.model import LocateModel
from locany.model import quantized_products as products
from locany.model.packed import join_layers, pack_model, will_pack
from locany.model.quantize import QuantizedLinear, describe, linear_names, quantization, quantize_model
from locany.model.quantized_weight import GROUP_SIZE, INT4, INT8, KINDS, join_weights, quantize_weight
from locany.train.lora import LoraConfig, add_lora
from locany.weights import load_model, save_model, stored_tensors
from locany.weights.quantize import quantize_checkpoint
from tests.tiny import TINY_TOKEN_IDS, tiny_model
from tests.unit.cli_fixtures import Cli, needs_checkpoint, write_picture

CPU = torch.device("cpu")
ALL = [*products._INT8, *products._INT4]
ROWS = (1, 2, 3, 6, 12, 47, 49, 200)


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def error(found: Tensor, expected: Tensor) -> float:
    return float((found.float() - expected.float()).norm() / expected.float().norm())


def logits(model: LocateModel) -> Tensor:
    ids = torch.arange(1, 19)[None]
    return model.decoder.logits(model(ids, torch.arange(18)[None], None))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The folder of a plain checkpoint with random weights."""
    save_model(tiny_model(std=0.1), tmp_path / "plain", token_ids=TINY_TOKEN_IDS, files={"vocab.json": "{}"})
    return tmp_path / "plain"


def load(folder: Path, quant: str = "stored", **more: Any) -> LocateModel:
    return load_model(folder, device=CPU, dtype=torch.float32, quant=quant, **more)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


# -- rounding -----------------------------------------------------------------------------------------------


def test_int8_is_within_half_a_step() -> None:
    weight = random(24, 40)
    found = quantize_weight(weight, INT8)
    assert found.values.dtype == torch.int8
    assert (found.values.abs().amax(1) == 127).all(), "the whole range is used"
    assert ((found.dequantize() - weight).abs() <= found.scale[:, None] * 0.5001).all()
    assert found.num_bytes == 24 * 40 + 24 * 4


def test_four_bits_are_better_than_the_extremes_alone() -> None:
    weight = random(64, 4 * GROUP_SIZE)
    found = quantize_weight(weight, INT4)
    assert (found.in_features, found.out_features, found.group_size) == (4 * GROUP_SIZE, 64, GROUP_SIZE)
    groups = weight.view(64, -1, GROUP_SIZE)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    simple = ((groups - low) / (high - low) * 15).round() * (high - low) / 15 + low
    assert error(found.dequantize(), weight) < 0.98 * error(simple.view_as(weight), weight) < 0.1
    assert found.num_bytes == 64 * 4 * GROUP_SIZE // 2 + 64 * 4 * 4


def test_values_survive_being_packed() -> None:
    weight = torch.arange(16.0).repeat(8, 4)[
        :, torch.randperm(64, generator=torch.Generator().manual_seed(0))
    ]
    found = quantize_weight(weight, INT4)
    assert found.values.shape == (8, 32)
    assert torch.equal(found.dequantize(), weight), "16 different values are 16 different codes"


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_spread(kind: str) -> None:
    weight = torch.stack([torch.zeros(64), torch.full((64,), 0.25), -torch.full((64,), 3.0)])
    assert torch.allclose(quantize_weight(weight, kind).dequantize(), weight, rtol=1e-2, atol=1e-9)


def test_weights_that_cannot_be_rounded() -> None:
    for bad in (float("nan"), float("inf")):
        weight = random(4, 8)
        weight[1, 2] = bad
        for kind in KINDS:
            with pytest.raises(CheckpointTensorError, match="not finite"):
                quantize_weight(weight, kind)
    with pytest.raises(CheckpointTensorError, match="7 inputs"):
        quantize_weight(random(4, 7), INT4)
    assert quantize_weight(random(4, 6), INT4).group_size == 2
    with pytest.raises(RequestError, match="'int3'; expected int8 or int4"):
        quantize_weight(random(4, 8), "int3")


# -- products -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_every_product_computes_the_same(kind: type, dtype: torch.dtype) -> None:
    if not products._works(kind.name, CPU, dtype):
        pytest.skip("this torch or this machine does not have it")
    bits = INT8 if kind in products._INT8 else INT4
    for out, size in ((128, 256), (64, 96), (192, 128)):
        weight = quantize_weight(random(out, size), bits)
        product = kind(weight, dtype)
        for rows in ROWS:
            x = random(rows, size, seed=rows, dtype=dtype) * torch.logspace(-3, 3, rows)[:, None].to(dtype)
            expected = F.linear(x.double(), weight.dequantize().double())
            for row in range(rows):  # each token has its own scale, so each must be right by itself
                assert error(product(x)[row], expected[row]) < 0.02
    plainest = (products._INT8 if bits == INT8 else products._INT4)[-1]
    tolerance = 1e-5 if bits == INT8 else 0.01  # the same integers; or bfloat16 inside
    assert error(product(x), plainest(weight, dtype)(x)) < tolerance


def tiled(pairs: Tensor, tiles: int) -> Tensor:
    """Codes [out, in], two to a byte, as the CUDA kernel of `_convert_weight_to_int4pack` lays them out."""
    out, size = pairs.shape[0], 2 * pairs.shape[1]
    packed = torch.zeros(out // 8, size // (16 * tiles), 32, tiles // 2, dtype=torch.int32)
    for outer in range(packed.shape[0]):
        for inner in range(packed.shape[1]):
            for lane in range(32):
                for word in range(tiles // 2):
                    first = (inner * tiles + 2 * word) * 8 + lane % 4  # in bytes, of the first of two tiles
                    held = [int(pairs[8 * outer + lane // 4, first + step]) for step in (0, 4, 8, 12)]
                    nibbles = [byte >> 4 for byte in held] + [byte & 15 for byte in held]
                    value = sum(nibble << 4 * place for place, nibble in enumerate(nibbles))
                    packed[outer, inner, lane, word] = value - (value >> 31 << 32)
    return packed


@pytest.mark.parametrize("tiles", [2, 4, 8])
def test_many_rows_on_cuda_meet_the_unpacked_weight(tiles: int) -> None:
    weight = quantize_weight(random(24, 256), INT4)
    codes = weight.codes()
    packed = tiled(codes[:, ::2] << 4 | codes[:, 1::2], tiles)
    assert torch.equal(products.unpack_tiles(packed), codes)
    assert weight.offset is not None
    product = object.__new__(products._Int4Cuda)
    product.packed, product.group = packed, weight.group_size
    product.scales = torch.stack([weight.scale.t(), weight.offset.t()], -1).contiguous()
    for dtype in (torch.float32, torch.bfloat16):
        x = random(products._MAX_ROWS_INT4_CUDA + 1, 256, dtype=dtype)
        assert torch.equal(product(x), F.linear(x, weight.dequantize(dtype)))


def test_rows_that_fill_up_a_tile_change_nothing() -> None:
    product = products._IntMM(quantize_weight(random(128, 256), INT8), torch.float32)
    x = random(97, 256)
    rows = [product(x[:count]) for count in (1, 33, 97)]
    product.min_rows, product.step = products._MIN_ROWS_CUDA, products._ROWS_STEP_CUDA
    for count, expected in zip((1, 33, 97), rows, strict=True):
        assert torch.equal(product(x[:count]), expected)


def test_tokens_that_are_nothing_or_not_numbers() -> None:
    layer = QuantizedLinear(quantize_weight(random(128, 256), INT8), None, torch.float32)
    x = random(5, 256)
    x[1], x[3, 7] = 0, float("nan")
    y = layer(x)
    assert not y[1].any()
    assert y[3].isnan().all(), "a number that went wrong is not hidden"
    assert y[[0, 2, 4]].isfinite().all()


def test_a_missing_operation_or_one_that_computes_something_else_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: object, x: Tensor) -> Tensor:
        raise AttributeError("no such operation")

    x, weight = random(6, 256), random(128, 256)
    for bits, kinds in ((INT8, products._INT8), (INT4, products._INT4)):
        stored = quantize_weight(weight, bits)
        before = products.choose_product(stored, torch.float32)
        for call in (broken, lambda self, x: x.new_zeros(len(x), 128)):
            with monkeypatch.context() as patch:
                products._works.cache_clear()
                for kind in kinds[:-1]:
                    patch.setattr(kind, "__call__", call)
                after = products.choose_product(stored, torch.float32)
            products._works.cache_clear()
            assert after.name.startswith("plain")
            assert error(after(x), before(x)) < 0.01


# -- models -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "limit"), [(INT8, 0.03), (INT4, 0.2)])
def test_a_quantised_model_computes_nearly_the_same(kind: str, limit: float) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        model = tiny_model(std=0.1, dtype=dtype)
        before = logits(model)
        biases = {n: p.clone() for n, p in model.named_parameters() if n.endswith("bias")}
        assert (quantization(model), describe(model)) == ("", "")
        assert quantize_model(model, kind) is model
        assert 0 < error(logits(model), before) < limit
        assert quantization(model) == kind
        assert describe(model).startswith(f"{kind} weights of 8 linear layers, by "), "two are joined of five"
        kept = dict(model.named_parameters())
        joined = [biases[f"decoder.layers.0.{part}.bias"] for part in "qkv"]
        assert torch.equal(kept["decoder.layers.0.qkv.bias"], torch.cat(joined))
        assert not linear_names(model)
        assert not any(isinstance(part, nn.Linear) for part in model.decoder.modules())
        assert not any(isinstance(part, QuantizedLinear) for part in model.vision.modules())


def test_joined_layers_compute_what_they_computed_alone() -> None:
    weights = [quantize_weight(random(out, 96, seed=out), INT4) for out in (64, 32, 8)]
    together = join_weights(weights)
    assert torch.equal(together.dequantize(), torch.cat([weight.dequantize() for weight in weights]))


@pytest.mark.parametrize("kind", KINDS)
def test_quantising_comes_before_packing(kind: str) -> None:
    model = quantize_model(tiny_model(std=0.1), kind)
    before = logits(model)
    assert error(logits(pack_model(model)), before) < 1e-5, "what is quantised stays, the head is packed"
    assert quantization(model) == kind
    arranged = [join_layers(tiny_model())]
    if will_pack(CPU, torch.float32):
        arranged.append(pack_model(tiny_model()))
    for packed in arranged:
        with pytest.raises(RequestError, match="packed for answering already"):
            quantize_model(packed, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_quantised_model_does_not_do(kind: str, tmp_path: Path) -> None:
    model = quantize_model(tiny_model(), kind)
    model.eval().to("cpu").float()  # changes nothing
    with pytest.raises(TrainingError, match=f"quantised to {kind} cannot be trained"):
        model.train()
    with pytest.raises(RequestError, match="training an adapter needs the weights themselves"):
        add_lora(model, LoraConfig(), 0)
    with pytest.raises(RequestError, match=f"quantised to {kind} already"):
        quantize_model(model, INT8)
    with pytest.raises(CheckpointTensorError, match="undo quantisation before saving"):
        save_model(model, tmp_path / "out", token_ids=TINY_TOKEN_IDS)
    for move in (torch.bfloat16, torch.float64, "meta"):
        with pytest.raises(DeviceError, match=r"stays torch\.float32 on cpu"):
            quantize_model(tiny_model(), kind).to(move)
    adapted = tiny_model()
    add_lora(adapted, LoraConfig(), 0)
    with pytest.raises(RequestError, match="has an adapter; merge it"):
        quantize_model(adapted, kind)


# -- folders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_model_is_the_one_quantised_at_load(kind: str, plain: Path, tmp_path: Path) -> None:
    out = tmp_path / kind
    quantize_checkpoint(plain, out, kind)
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json",
        "quantized.safetensors",
        "vocab.json",
    ]
    stored = load(out)
    assert (quantization(stored), stored.training, stored.dtype) == (kind, False, torch.float32)
    assert torch.equal(logits(stored), logits(load(plain, kind)))
    assert torch.equal(logits(stored), logits(load(out, kind))), "naming what it is changes nothing"
    in_half = load_model(out, device="cpu", dtype=torch.bfloat16, quant="stored")
    assert error(logits(in_half), logits(stored)) < 0.05
    sizes = [sum(f.stat().st_size for f in folder.glob("*.safetensors")) for folder in (plain, out)]
    assert sizes[1] < sizes[0]
    assert len(stored_tensors(out)) > 14


def test_a_quantised_folder_is_refused_where_weights_are_needed(plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "int8"
    quantize_checkpoint(plain, out, INT8)
    for attempt, words in (
        (lambda: load_model(out, device="cpu", dtype=torch.float32), "training or merging needs plain ones"),
        (lambda: load(out, INT4), "quantising to int4 needs plain ones"),
        (lambda: load(out, adapter=tmp_path), "an adapter needs plain ones"),
        (lambda: quantize_checkpoint(out, tmp_path / "twice", INT4), "quantising needs plain ones"),
    ):
        with pytest.raises(CheckpointConfigError, match=words):
            attempt()
    # A tool that does not know the entry finds no weights under the names that it looks for.
    assert not list(out.glob("model*"))
    assert not list(out.glob("*.index.json"))


def test_folders_that_are_damaged(plain: Path, tmp_path: Path) -> None:
    def tensors(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
        def act(folder: Path) -> None:
            held = load_file(folder / "quantized.safetensors")
            change(held)
            save_file(held, folder / "quantized.safetensors")

        return act

    def entry(value: object) -> Callable[[Path], object]:
        def act(folder: Path) -> None:
            raw = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(raw | {"quantization": value}))

        return act

    layer = "language_model.model.layers.0.self_attn.q_proj"
    cases: tuple[tuple[Callable[[Path], object], type[CheckpointError], str], ...] = (
        (entry("int4"), CheckpointConfigError, "quantization is 'int4'"),
        (entry({"weights": "int4", "version": 2}), CheckpointConfigError, "written by a newer locany"),
        (entry({"weights": "int8", "version": 1}), CheckpointTensorError, "different checkpoints"),
        (entry(None), CheckpointTensorError, "are missing"),
        (lambda f: (f / "quantized.safetensors").unlink(), CheckpointNotFoundError, "no such file"),
        (tensors(lambda t: t.pop(f"{layer}.int4_offset")), CheckpointTensorError, "int4_offset"),
        (tensors(lambda t: t.pop(f"{layer}.bias")), CheckpointTensorError, "bias"),
        (tensors(lambda t: t.update(more=torch.zeros(1))), CheckpointTensorError, "more"),
        (
            tensors(lambda t: t[f"{layer}.int4_scale"].fill_(float("nan"))),
            CheckpointTensorError,
            "not finite",
        ),
        (
            tensors(lambda t: t.update({f"{layer}.int4_values": torch.zeros(64, 64, dtype=torch.uint8)})),
            CheckpointTensorError,
            r"q_proj\.weight",
        ),
        (
            tensors(lambda t: t.update({f"{layer}.int4_scale": torch.ones(64, 2)})),
            CheckpointTensorError,
            r"q_proj\.weight",
        ),
    )
    for number, (damage, kind, words) in enumerate(cases):
        folder = tmp_path / str(number)
        quantize_checkpoint(plain, folder, INT4)
        damage(folder)
        with pytest.raises(kind, match=words):
            load(folder)


def test_nothing_is_replaced_by_mistake(plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quantize_checkpoint(plain, out, INT8)
    with pytest.raises(CheckpointError, match="exists and is not overwritten"):
        quantize_checkpoint(plain, out, INT4)
    quantize_checkpoint(plain, out, INT4, overwrite=True)
    assert quantization(load(out)) == INT4
    with pytest.raises(CheckpointError, match="would be replaced"):
        quantize_checkpoint(plain, plain, INT4, overwrite=True)
    held = load_file(plain / "model.safetensors")
    held["language_model.model.layers.1.mlp.up_proj.weight"][0, 0] = float("inf")
    save_file(held, plain / "model.safetensors")
    with pytest.raises(CheckpointTensorError, match=r"layers\.1\.mlp\.up_proj\.weight: .*not finite"):
        quantize_checkpoint(plain, out, INT8, overwrite=True)
    assert quantization(load(out)) == INT4
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with pytest.raises(RequestError, match="'int2'"):
        load(plain, "int2")


def test_an_adapter_is_merged_before_rounding(plain: Path, tmp_path: Path) -> None:
    from locany.weights.adapter import write_adapter

    model = load_model(plain, device=CPU, dtype=torch.float32)
    lora = add_lora(model, LoraConfig(rank=2), 0)
    for name, parameter in lora.parameters(model).items():
        if name.endswith("lora_b"):
            parameter.data.fill_(0.05)
    write_adapter(lora.adapter(model), tmp_path / "adapter")
    merged = load_model(plain, device=CPU, dtype=torch.float32, adapter=tmp_path / "adapter")
    found = load(plain, INT8, adapter=tmp_path / "adapter")
    assert torch.equal(logits(found), logits(quantize_model(merged, INT8)))
    assert not torch.equal(logits(found), logits(load(plain, INT8)))


# -- the doors ----------------------------------------------------------------------------------------------


@needs_checkpoint
def test_from_the_command_line(checkpoint: Path, tmp_path: Path, cli: Cli) -> None:
    picture = write_picture(tmp_path / "picture.png")
    for kind in KINDS:
        out = tmp_path / kind
        told = cli("weights", "quantize", checkpoint, out, "--to", kind, model=False)
        assert (told.code, told.out) == (0, f"{out}: {checkpoint} in {kind}\n"), told.err
        question = ("detect", picture, "square", "--max-new-tokens", "40", "--dtype", "float32", "--json")
        stored = cli(*question, "--model", out, model=False)
        rounded = cli(*question, "--model", checkpoint, "--quant", kind, model=False)
        assert (stored.code, rounded.code) == (0, 0), stored.err + rounded.err
        assert stored.document["detections"] == rounded.document["detections"]
        facts = [
            cli("info", "--model", m, "--json", model=False).document["model"] for m in (checkpoint, out)
        ]
        assert f"({kind})" in facts[1]["stored_as"]
        assert 0.5 < facts[1]["num_parameters"] / facts[0]["num_parameters"] <= 1, (
            "the head may be stored twice"
        )
    assert cli("weights", "quantize", checkpoint, tmp_path / "x", model=False).code == 2
    assert cli("detect", picture, "square", "--quant", "int3").code == 2
    with pytest.raises(RequestError, match="unknown quantisation 'int3'"):
        locany.load(quant="int3")
