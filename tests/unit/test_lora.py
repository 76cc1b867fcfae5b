"""LoRA on the tiny model: what learns, what stays, and that adapter, files and merged weights agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from locany.codec import Tokenizer
from locany.data.collate import Batch, collate
from locany.data.encode import encode_sample
from locany.engine import EngineConfig
from locany.errors import CheckpointConfigError, CheckpointError, CheckpointTensorError, DataError
from locany.image import PreprocessConfig
from locany.locator import Locator
from locany.model import LocateModel
from locany.train.lora import (
    DECODER,
    VISION,
    Lora,
    LoraConfig,
    LoraLinear,
    add_lora,
    hold_in_bfloat16,
    load_lora,
    merge_lora,
)
from locany.train.loss import StreamLoss, stream_loss
from locany.weights import HEAD_NAME, expected_tensors, load_model, published_name, save_model, stored_tensors
from locany.weights.adapter import ADAPTER_CONFIG, ADAPTER_FILE, read_adapter, write_adapter
from locany.weights.apply import fingerprint, merge_into
from locany.weights.merge import merge_adapter
from tests.tiny import TINY_TOKEN_IDS, tiny_config, tiny_model
from tests.unit.squares import render

CUTTING = PreprocessConfig(in_token_limit=100)
NO_DROPOUT = LoraConfig(rank=4, alpha=8, dropout=0.0)
NUM_LINEARS = 2 * len(DECODER) + 2 * len(VISION) + 2


@pytest.fixture(scope="module")
def tokenizer(mini_tokenizer: Path) -> Tokenizer:
    return Tokenizer.from_folder(mini_tokenizer)


@pytest.fixture(scope="module")
def fresh(tokenizer: Tokenizer) -> Callable[..., LocateModel]:
    """The same base every time, as large as the vocabulary; with outputs that differ from token to token."""
    vocab = tokenizer.vocab
    config = replace(tiny_config(vocab_size=vocab.size), image_token_id=vocab.image_token)
    return lambda **options: tiny_model(3, config=config, **{"std": 0.1, **options})


@pytest.fixture(scope="module")
def base(fresh: Any, tokenizer: Tokenizer, mini_tokenizer: Path, tmp_path_factory: Any) -> Path:
    """That base as a checkpoint folder; read it, do not write to it."""
    folder: Path = tmp_path_factory.mktemp("lora") / "base"
    files = {path.name: path.read_bytes() for path in mini_tokenizer.iterdir() if path.name != "config.json"}
    files |= {
        "preprocessor_config.json": json.dumps({"in_token_limit": 100}),
        "README.md": "the base",
        "LICENSE": "free",
    }
    save_model(fresh(), folder, token_ids=tokenizer.vocab.to_config(), files=files)
    return folder


@pytest.fixture(scope="module")
def batch(tokenizer: Tokenizer) -> Batch:
    encoded = [encode_sample(tokenizer, render(seed), CUTTING) for seed in (1, 2)]
    return collate([[sample] for sample in encoded], tokenizer.vocab.pad)


def score(model: LocateModel, batch: Batch, **weights: float) -> StreamLoss:
    visual = model.encode_images(batch.pixel_values(CUTTING), batch.grids)
    return stream_loss(
        model,
        batch.token_ids,
        batch.targets,
        batch.positions,
        batch.layout,
        visual,
        coord_ids=range(0),
        **weights,
    )


@torch.no_grad()
def logits(model: LocateModel, batch: Batch) -> Tensor:
    visual = model.encode_images(batch.pixel_values(CUTTING), batch.grids)
    return model.decoder.logits(model(batch.token_ids, batch.positions, None, visual))


def train(model: LocateModel, lora: Lora, batch: Batch, steps: int = 4) -> list[float]:
    optimizer = torch.optim.AdamW(lora.parameters(model).values(), lr=5e-3)
    model.train()
    losses = []
    for _ in range(steps):
        loss = score(model, batch).total
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    model.eval()
    return losses


@pytest.fixture(scope="module")
def trained(fresh: Any, batch: Batch) -> tuple[LocateModel, Lora]:
    """A model after a few steps; read it, do not change it."""
    model = fresh()
    lora = add_lora(model, NO_DROPOUT, seed=1)
    train(model, lora, batch)
    return model, lora


def saved(trained: tuple[LocateModel, Lora], folder: Path) -> Path:
    model, lora = trained
    write_adapter(lora.adapter(model), folder)
    return folder


# -- adding -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("projector", ["lora", "full", "frozen"])
def test_the_start_equals_the_base(fresh: Any, batch: Batch, projector: str) -> None:
    model = fresh()
    before = logits(model, batch)
    add_lora(model, LoraConfig(projector=projector), seed=0)
    assert torch.equal(logits(model, batch), before)
    model.train()  # dropout changes nothing while B is zero
    assert torch.equal(logits(model, batch), before)


def test_a_seed_decides_the_start(fresh: Any) -> None:
    def begun(seed: int) -> dict[str, nn.Parameter]:
        model = fresh()
        return add_lora(model, LoraConfig(rank=4), seed).parameters(model)

    a, b, c = begun(5), begun(5), begun(6)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not any(torch.equal(a[name], c[name]) for name in a if name.endswith("lora_a"))
    assert all(float(a[name].detach().abs().max()) == 0 for name in a if name.endswith("lora_b"))


def test_every_linear_layer_that_exists_is_adapted(fresh: Any) -> None:
    """The published code names vision layers that its encoder does not have, and adapts one of four."""
    model = fresh()
    lora = add_lora(model, LoraConfig(rank=2), seed=0)
    linears = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    assert set(lora.modules) == linears
    assert len(linears) == NUM_LINEARS
    assert all(isinstance(model.get_submodule(name), LoraLinear) for name in linears)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"decoder": ("q", "q_proj")}, r"lora\.decoder names 'q_proj'.*are: q, k, v, attn_out, mlp\.gate"),
        ({"vision": ("q",)}, r"lora\.vision names 'q'.*are: qkv, attn_out, mlp_in, mlp_out"),
    ],
)
def test_a_name_that_matches_nothing_is_an_error(fresh: Any, wrong: dict[str, Any], words: str) -> None:
    model = fresh()
    with pytest.raises(DataError, match=words):
        add_lora(model, LoraConfig(**wrong), seed=0)
    assert not any(isinstance(module, LoraLinear) for module in model.modules()), "left as it was"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rank": 0}, "lora.rank is 0"),
        ({"alpha": 0.0}, "lora.alpha is 0.0"),
        ({"dropout": 1.0}, "lora.dropout is 1.0"),
        ({"projector": "half"}, "lora.projector is 'half'"),
        ({"decoder": (), "vision": (), "projector": "frozen"}, "no layer at all"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        LoraConfig(**wrong)


def test_no_model_is_wrapped_twice(fresh: Any, trained: Any, tmp_path: Path) -> None:
    model = fresh()
    add_lora(model, NO_DROPOUT, seed=0)
    with pytest.raises(DataError, match=r"has adapters already.*load_lora.*merge_lora"):
        add_lora(model, NO_DROPOUT, seed=0)
    with pytest.raises(DataError, match="has adapters already"):
        load_lora(model, saved(trained, tmp_path / "adapter"))
    merge_lora(model)
    add_lora(model, NO_DROPOUT, seed=0)  # new adapters on merged weights are in order


def test_adapters_learn_in_a_frozen_model_and_cannot_be_frozen_unseen(fresh: Any) -> None:
    model = fresh()
    model.decoder.requires_grad_(False)
    lora = add_lora(model, NO_DROPOUT, seed=0)
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learning == set(lora.names) == set(lora.parameters(model))
    model.decoder.requires_grad_(False)
    with pytest.raises(DataError, match=r"28 of 48 .* frozen, such as decoder.*before add_lora"):
        lora.parameters(model)


def test_adapters_are_float32_on_a_bfloat16_base(fresh: Any, batch: Batch) -> None:
    model = fresh(dtype=torch.bfloat16)
    before = logits(model, batch)
    lora = add_lora(model, NO_DROPOUT, seed=0)
    assert {parameter.dtype for parameter in lora.parameters(model).values()} == {torch.float32}
    assert torch.equal(logits(model, batch), before)
    train(model, lora, batch, steps=2)
    assert not torch.equal(logits(model, batch), before)


# -- learning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0)], ids=["next-token", "block"])
def test_each_stream_reaches_every_adapter_and_nothing_else(
    fresh: Any, batch: Batch, weights: tuple[float, float]
) -> None:
    model = fresh()
    lora = add_lora(model, NO_DROPOUT, seed=0)
    with torch.no_grad():  # while B is zero, A has no gradient
        for module in lora.modules:
            lora.parameters(model)[f"{module}.lora_b"].normal_(0, 0.05)
    score(model, batch, next_token_weight=weights[0], block_weight=weights[1]).total.backward()
    for name, parameter in model.named_parameters():
        if name in lora.names:
            assert parameter.grad is not None, name
            assert float(parameter.grad.abs().max()) > 0, name
        else:
            assert parameter.grad is None, name


@pytest.mark.parametrize("projector", ["lora", "full"])
def test_training_lowers_both_losses_and_keeps_the_base(fresh: Any, batch: Batch, projector: str) -> None:
    model = fresh()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    lora = add_lora(model, replace(NO_DROPOUT, projector=projector), seed=0)
    start = score(model, batch)
    losses = train(model, lora, batch, steps=8)
    end = score(model, batch)
    assert losses[-1] < 0.9 * losses[0]
    assert end.next_token_sum < start.next_token_sum
    assert end.block_sum < start.block_sum
    state = model.state_dict()
    changed = {name for name, tensor in before.items() if not torch.equal(state[name], tensor)}
    assert changed == set(lora.tensors) == {n for n in before if projector == "full" and "projector" in n}


def test_autocast_leaves_float32_gradients(fresh: Any, batch: Batch) -> None:
    """Both products run in bfloat16, gradients arrive in float32."""
    model = fresh()
    lora = add_lora(model, LoraConfig(rank=4), seed=0)
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = score(model, batch).total
    loss.backward()
    grads = [parameter.grad for parameter in lora.parameters(model).values()]
    assert all(grad is not None and grad.dtype == torch.float32 for grad in grads)


def test_dropout_works_in_training_only(fresh: Any, batch: Batch) -> None:
    model = fresh()
    lora = add_lora(model, LoraConfig(rank=4, dropout=0.5), seed=0)
    train(model, lora, batch, steps=2)
    assert torch.equal(logits(model, batch), logits(model, batch))
    model.train()
    assert not torch.equal(logits(model, batch), logits(model, batch))


# -- files ------------------------------------------------------------------------------------------------


def test_only_the_adapter_is_saved(trained: Any, tmp_path: Path) -> None:
    model, lora = trained
    folder = saved(trained, tmp_path / "deep" / "adapter")
    assert sorted(path.name for path in folder.iterdir()) == [ADAPTER_CONFIG, ADAPTER_FILE]
    num_values = sum(parameter.numel() for parameter in lora.parameters(model).values())
    assert (folder / ADAPTER_FILE).stat().st_size < 4 * num_values + 20_000
    assert sorted(path.name for path in folder.parent.iterdir()) == ["adapter"], "nothing is left beside it"
    with pytest.raises(CheckpointTensorError, match=r"lora_a.*merge adapters"):
        save_model(model, tmp_path / "whole", token_ids=TINY_TOKEN_IDS)


@pytest.mark.parametrize("projector", ["lora", "full", "frozen"])
def test_training_goes_on_from_a_file(fresh: Any, batch: Batch, tmp_path: Path, projector: str) -> None:
    config = LoraConfig(rank=3, alpha=5, dropout=0.25, projector=projector, vision=("qkv", "mlp_out"))
    model = fresh()
    lora = add_lora(model, config, seed=1)
    train(model, lora, batch, steps=2)
    write_adapter(lora.adapter(model, base_name="some/base"), tmp_path / "adapter")

    other = fresh()
    again = load_lora(other, tmp_path / "adapter")
    assert again == lora
    ours, theirs = lora.parameters(model), again.parameters(other)
    assert all(torch.equal(ours[name], theirs[name]) for name in lora.names)
    assert torch.equal(logits(other, batch), logits(model, batch))
    learning = {name for name, parameter in other.named_parameters() if parameter.requires_grad}
    assert learning == set(lora.names)


def test_a_save_is_all_or_nothing(trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, lora = trained
    folder = saved(trained, tmp_path / "adapter")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    new = replace(lora.adapter(model), alpha=99.0)
    with pytest.raises(CheckpointError, match="exists and is not overwritten"):
        write_adapter(new, folder)

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("locany.weights.adapter._sync", full)
        with pytest.raises(CheckpointError, match=r"no space left.*nothing was changed"):
            write_adapter(new, folder, overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter"]

    write_adapter(new, folder, overwrite=True)
    assert read_adapter(folder, model.config).alpha == 99.0
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match=r"other files \(notes\.txt\).*not replaced"):
        write_adapter(new, folder, overwrite=True)
    with pytest.raises(CheckpointError, match="is a file and is not replaced"):
        write_adapter(new, folder / "notes.txt", overwrite=True)


# -- merging ----------------------------------------------------------------------------------------------


def test_merged_equals_adapted(trained: Any, fresh: Any, batch: Batch, tmp_path: Path) -> None:
    model, lora = trained
    adapted = logits(model, batch)
    assert float((adapted - logits(fresh(), batch)).abs().max()) > 0.1, "the adapter does something"

    from_file = fresh()
    merge_into(from_file, read_adapter(saved(trained, tmp_path / "adapter"), model.config))
    assert torch.allclose(logits(from_file, batch), adapted, rtol=0, atol=1e-5)

    in_memory = fresh()
    again = add_lora(in_memory, lora.config, seed=2)
    with torch.no_grad():
        for name, parameter in again.parameters(in_memory).items():
            parameter.copy_(lora.parameters(model)[name])
    merge_lora(in_memory)
    assert not any(isinstance(module, LoraLinear) for module in in_memory.modules())
    ours, theirs = in_memory.state_dict(), from_file.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours), "one arithmetic"


def test_a_merged_checkpoint_is_whole_and_answers_alike(
    trained: Any, base: Path, tokenizer: Tokenizer, batch: Batch, tmp_path: Path
) -> None:
    out = tmp_path / "merged"
    merge_adapter(base, saved(trained, tmp_path / "adapter"), out)
    assert sorted(p.name for p in out.iterdir()) == sorted(
        p.name for p in base.iterdir() if p.name != "README.md"
    )
    assert (out / "config.json").read_text() == (base / "config.json").read_text()
    merged = load_model(out, device="cpu", dtype=torch.float32)
    model, _ = trained
    assert torch.allclose(logits(merged, batch), logits(model, batch), rtol=0, atol=1e-5)

    image = Image.fromarray(render(5).pixels())
    said = []
    for network in (model, merged):
        locator = Locator(network, tokenizer, CUTTING, config=EngineConfig(max_rows=2))
        answers = [
            locator.detect(image, ["red", "blue"], mode=mode, max_new_tokens=40)
            for mode in ("fast", "slow", "hybrid")
        ]
        said.append([answer.answer for answer in answers])
    assert said[0] == said[1]
    assert any(said[0])

    with pytest.raises(CheckpointError, match="exists and is not overwritten"):
        merge_adapter(base, tmp_path / "adapter", out)
    with pytest.raises(CheckpointError, match="would be replaced; choose another folder"):
        merge_adapter(base, tmp_path / "adapter", base, overwrite=True)


def test_a_half_precision_base_is_rounded_once(
    trained: Any, fresh: Any, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model = fresh(dtype=torch.bfloat16)
    save_model(model, tmp_path / "base", token_ids=tokenizer.vocab.to_config(), include_head=True)
    adapted, lora = trained
    adapter = replace(lora.adapter(adapted), base=fingerprint(model))
    write_adapter(adapter, tmp_path / "adapter")
    merge_adapter(tmp_path / "base", tmp_path / "adapter", tmp_path / "out")
    out = load_model(tmp_path / "out", device="cpu", dtype=torch.float32).state_dict()
    a, b = adapter.pairs["vision.layers.1.qkv"]
    wanted = model.vision.layers[1].qkv.weight.float() + 2.0 * (b @ a)
    assert torch.equal(out["vision.layers.1.qkv.weight"], wanted.bfloat16().float())
    stored = stored_tensors(tmp_path / "out")
    assert {entry.dtype for entry in stored.values()} == {"BF16"}
    assert HEAD_NAME in stored, "as the base has it"


def test_another_base_of_the_same_shape_is_refused(
    trained: Any, fresh: Any, batch: Batch, tmp_path: Path
) -> None:
    adapter = read_adapter(saved(trained, tmp_path / "adapter"), fresh().config)
    other = fresh()
    with torch.no_grad():
        other.decoder.layers[1].q.weight += 0.01
    before = logits(other, batch)
    with pytest.raises(CheckpointConfigError, match=r"adapter_model\.safetensors was trained on other base"):
        merge_into(other, adapter)
    with pytest.raises(CheckpointConfigError, match="trained on other base"):
        load_lora(other, tmp_path / "adapter")
    assert torch.equal(logits(other, batch), before), "left as it was"
    merged = fresh()
    merge_into(merged, adapter)
    with pytest.raises(CheckpointConfigError, match="without any adapter merged"):
        merge_into(merged, adapter)


def test_a_base_is_known_in_half_precision_too(fresh: Any) -> None:
    half = fresh(dtype=torch.bfloat16)
    assert fingerprint(half) == fingerprint(half.float()) == fingerprint(fresh())


# -- peft -------------------------------------------------------------------------------------------------


def published_tree(model: LocateModel) -> nn.Module:
    """The same modules under their published names, as the published code nests them."""
    root = nn.Module()
    for name in expected_tensors(model.config):
        if "patch_embed" in name or "lm_head" in name:
            continue
        *path, leaf = name.rpartition(".")[0].split(".")
        at = root
        for part in path:
            if part not in dict(at.named_children()):
                at.add_module(part, nn.Module())
            at = at.get_submodule(part)
        ours = next(
            n for n, _ in model.named_modules() if n and _published(n, model) == name.rpartition(".")[0]
        )
        at.add_module(leaf, model.get_submodule(ours))
    return root


def _published(module: str, model: LocateModel) -> str:
    own = [name for name, _ in model.get_submodule(module).named_parameters(recurse=False)]
    return published_name(f"{module}.{own[0]}").rpartition(".")[0] if own else ""


def graft(model: LocateModel, tree: nn.Module) -> None:
    """Put what peft has made of the tree back into our model, so that our forward runs through it."""
    for name, _ in list(model.named_modules()):
        published = _published(name, model) if name and "patch_embed" not in name else ""
        if published:
            model.set_submodule(name, tree.get_submodule(published))


@pytest.mark.parametrize("projector", ["lora", "full"])
def test_peft_reads_our_adapters(fresh: Any, batch: Batch, tmp_path: Path, projector: str) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed; it is in the extra [dev]")
    model = fresh()
    lora = add_lora(model, replace(NO_DROPOUT, projector=projector), seed=1)
    train(model, lora, batch)
    write_adapter(lora.adapter(model), tmp_path / "adapter")
    other = fresh()
    wrapped = peft.PeftModel.from_pretrained(published_tree(other), tmp_path / "adapter").eval()
    adapted = {name for name, module in wrapped.named_modules() if hasattr(module, "lora_A")}
    assert len(adapted) == len(lora.modules)
    graft(other, wrapped.base_model.model)
    assert torch.allclose(logits(other, batch), logits(model, batch), rtol=0, atol=1e-5)


@pytest.mark.parametrize("rslora", [False, True])
def test_we_read_adapters_of_peft(fresh: Any, batch: Batch, tmp_path: Path, rslora: bool) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed; it is in the extra [dev]")
    config = peft.LoraConfig(
        r=4,
        lora_alpha=6,
        use_rslora=rslora,
        target_modules=["q_proj", "down_proj", "wqkv", "fc0"],
        modules_to_save=["mlp1.0", "mlp1.1", "mlp1.3"],
        init_lora_weights=False,
    )
    model = fresh()
    wrapped = peft.get_peft_model(published_tree(model), config).eval()
    with torch.no_grad():
        wrapped.get_submodule("base_model.model.mlp1.3").modules_to_save["default"].weight.mul_(1.5)
    wrapped.save_pretrained(tmp_path / "adapter")
    graft(model, wrapped.base_model.model)

    merged = fresh()
    merge_into(merged, read_adapter(tmp_path / "adapter", merged.config))
    assert torch.allclose(logits(merged, batch), logits(model, batch), rtol=0, atol=1e-5)
    assert not torch.allclose(logits(merged, batch), logits(fresh(), batch), rtol=0, atol=1e-2)

    going_on = fresh()
    lora = load_lora(going_on, tmp_path / "adapter")
    assert lora.config.decoder == ("q", "mlp.down")
    assert lora.config.vision == ("qkv", "mlp_in")
    assert torch.allclose(logits(going_on, batch), logits(model, batch), rtol=0, atol=1e-5)


def test_a_base_in_bfloat16_changes_nothing(fresh: Any, batch: Batch) -> None:
    """Half the memory, the same numbers: under autocast, and in float32, where an evaluation runs."""

    def outputs(*, held: bool, autocast: bool) -> tuple[float, list[Tensor]]:
        model = fresh()
        for parameter in model.parameters():
            parameter.data = parameter.data.bfloat16().float()  # as a checkpoint in bfloat16 is loaded
        lora = add_lora(model, NO_DROPOUT, seed=0)
        odd = lora.modules[0]
        model.get_submodule(odd).weight.data[0, 0] = 1 / 3  # type: ignore[index, operator, union-attr]
        with torch.no_grad():
            for name, parameter in lora.parameters(model).items():
                parameter.add_(0.01 if name.endswith("lora_b") else 0)
        if held:
            hold_in_bfloat16(model, lora)
            types = {name: model.get_submodule(name).weight.dtype for name in lora.modules}
            assert types.pop(odd) == torch.float32, "what bfloat16 cannot hold stays"
            assert set(types.values()) == {torch.bfloat16}
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = score(model, batch).total
        loss.backward()
        return loss.item(), [p.grad for p in lora.parameters(model).values() if p.grad is not None]

    for autocast in (True, False):
        plain, held = (outputs(held=held, autocast=autocast) for held in (False, True))
        assert plain[0] == held[0]
        assert all(torch.equal(a, b) for a, b in zip(plain[1], held[1], strict=True))
