"""An adapter in use: loaded beside its model, merged by command, refused on another model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import locany
from locany.cli.main import run
from locany.errors import CheckpointConfigError, CheckpointNotFoundError
from locany.locator import Locator
from locany.train.lora import LoraConfig, add_lora
from locany.weights import load_config, load_model, save_model
from locany.weights.adapter import write_adapter
from locany.weights.merge import merge_adapter
from tests.unit.cli_fixtures import Cli, write_picture


@pytest.fixture(scope="module")
def adapter(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the toy checkpoint that changes every layer; read it, do not write to it."""
    model = load_model(checkpoint, device="cpu", dtype=torch.float32)
    lora = add_lora(model, LoraConfig(rank=3, alpha=6), seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in lora.parameters(model).items():
            if name.endswith("lora_b"):
                parameter.normal_(0, 0.5, generator=generator)
    folder = tmp_path_factory.mktemp("use") / "run" / "adapter"
    write_adapter(lora.adapter(model, base_name="toy"), folder)
    return folder


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def answers(locator: Locator) -> list[str]:
    image = Image.new("RGB", (112, 84), (190, 190, 190))
    image.paste((220, 30, 30), (28, 28, 56, 56))
    modes = ("fast", "hybrid", "slow")
    return [locator.detect(image, ["square", "circle"], mode=m, max_new_tokens=60).answer for m in modes]


def test_loading_with_an_adapter_equals_the_merged_checkpoint(
    checkpoint: Path, adapter: Path, tmp_path: Path
) -> None:
    merge_adapter(checkpoint, adapter, tmp_path / "merged", dtype=torch.float32)
    beside = locany.load(checkpoint, adapter=str(adapter), device="cpu", dtype="float32")
    merged = locany.load(tmp_path / "merged", device="cpu", dtype="float32")
    ours, theirs = beside.model.state_dict(), merged.model.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert answers(beside) == answers(merged)
    assert answers(beside) != answers(locany.load(checkpoint, device="cpu", dtype="float32"))
    assert beside.name == f"{checkpoint} + {adapter}", "a result says what made it"
    assert not any(parameter.requires_grad for parameter in beside.model.parameters())


def test_a_half_precision_model_is_the_same_either_way(
    checkpoint: Path, adapter: Path, tmp_path: Path
) -> None:
    merge_adapter(checkpoint, adapter, tmp_path / "merged", dtype=torch.bfloat16)
    beside = load_model(checkpoint, device="cpu", dtype=torch.bfloat16, adapter=adapter).state_dict()
    merged = load_model(tmp_path / "merged", device="cpu", dtype=torch.bfloat16).state_dict()
    assert all(torch.equal(tensor, merged[name]) for name, tensor in beside.items())


def test_the_adapter_of_another_model_is_refused(checkpoint: Path, adapter: Path, tmp_path: Path) -> None:
    other = load_model(checkpoint, device="cpu", dtype=torch.float32)
    with torch.no_grad():
        other.decoder.layers[0].q.weight.add_(0.01)
    ids = {n: v for n, v in json.loads((checkpoint / "config.json").read_text()).items() if "token" in n}
    save_model(other, tmp_path / "other", token_ids=ids)
    with pytest.raises(CheckpointConfigError, match=r"trained on other base weights \(toy\)"):
        load_model(tmp_path / "other", device="cpu", dtype=torch.float32, adapter=adapter)
    merged = tmp_path / "merged"
    merge_adapter(checkpoint, adapter, merged)
    with pytest.raises(CheckpointConfigError, match="without any adapter merged into it"):
        locany.load(merged, adapter=adapter, device="cpu")


def test_folders_that_were_mixed_up(checkpoint: Path, adapter: Path, tmp_path: Path) -> None:
    finished = adapter.parent
    with pytest.raises(CheckpointNotFoundError, match=r"run has its adapter in .*adapter: give that"):
        locany.load(checkpoint, adapter=finished, device="cpu")
    with pytest.raises(CheckpointNotFoundError, match="holds a whole checkpoint: give it as the model"):
        locany.load(checkpoint, adapter=checkpoint, device="cpu")
    with pytest.raises(CheckpointNotFoundError, match="no such folder"):
        locany.load(checkpoint, adapter=tmp_path / "nowhere", device="cpu")
    with pytest.raises(CheckpointNotFoundError, match="it is an adapter: give the model that it was"):
        locany.load(adapter, device="cpu")
    shutil.copytree(checkpoint, tmp_path / "run" / "model")
    with pytest.raises(CheckpointNotFoundError, match=r"run has its model in .*model: give that"):
        locany.load(tmp_path / "run", device="cpu")


def test_commands_take_an_adapter(cli: Cli, adapter: Path, checkpoint: Path, tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "picture.png")
    told = cli("detect", picture, "square", "--adapter", adapter, "--json", "--max-new-tokens", 40)
    assert told.code == 0, told.err
    assert told.document["settings"]["model"].endswith(f" + {adapter}")
    told = cli("detect", picture, "square", "--adapter", tmp_path)
    assert (told.code, "there is no adapter_config.json" in told.err) == (1, True)
    info = cli("info", "--adapter", adapter, "--json", "--model", checkpoint, model=False)
    num_layers = sum(isinstance(m, torch.nn.Linear) for m in load_model_of(checkpoint).modules())
    assert info.document["model"]["adapter"] == {"folder": str(adapter), "rank": 3, "num_layers": num_layers}
    shown = cli("info", "--adapter", adapter, "--model", checkpoint, model=False).out
    assert f"adapter  rank 3 on {num_layers} layers, in {adapter}" in shown


def load_model_of(checkpoint: Path) -> torch.nn.Module:
    assert load_config(checkpoint)
    return load_model(checkpoint, device="cpu", dtype=torch.float32)


def test_merging_by_command(adapter: Path, checkpoint: Path, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "merged"
    told = cli("weights", "merge", checkpoint, adapter, out, model=False)
    assert told.code == 0, told.err
    assert told.out == f"{out}: {checkpoint} with {adapter}\n"
    picture = write_picture(tmp_path / "picture.png")
    assert run(["detect", str(picture), "square", "--model", str(out), "--max-new-tokens", "40"]) == 0
    again = cli("weights", "merge", checkpoint, adapter, out, model=False)
    assert (again.code, "exists and is not overwritten" in again.err) == (1, True)
    assert cli("weights", "merge", checkpoint, adapter, out, "--overwrite", model=False).code == 0
    turned = cli("weights", "merge", adapter, checkpoint, tmp_path / "x", model=False)
    assert (turned.code, "it is an adapter" in turned.err) == (1, True)
    assert not (tmp_path / "x").exists()
    assert cli("weights", "merge", checkpoint, model=False).code == 2
    assert (
        "  locany weights merge"
        in cli("weights", "merge", "--help", model=False).out.partition("Examples")[2]
    )
