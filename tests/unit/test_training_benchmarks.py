"""The smoke run's verdict, and what the training benchmarks count."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.training_steps import as_step, model_flops, packs_of, synthetic_sample
from locany.data.streams import IGNORE
from locany.model import LocateModel
from locany.model.masks import visible
from locany.train.lora import LoraConfig, add_lora
from tests.unit.scripts import load_script

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def device_script() -> ModuleType:
    return load_script("scripts/device/bench_training.py")


@pytest.fixture(scope="module")
def tiny(device_script: ModuleType) -> tuple[LocateModel, Any]:
    """A model whose weights all learn, and a step of two rows."""
    config, vocab = device_script.shape(tiny=True)
    model = device_script.random_model(config, torch.device("cpu"), torch.float32)
    samples = [synthetic_sample(vocab, seed, side=4, questions=1 + seed % 3) for seed in range(12)]
    return model, as_step(packs_of(samples, 2, 640)[0], vocab.pad)


SCORES = {"step": 400, "f1_fast": 0.9, "f1_hybrid": 0.92, "f1_slow": 0.93}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"f1_slow": 0.1}, ["in slow mode", "apart"]),
        ({"f1_fast": 0.75}, ["apart"]),
        ({"f1_fast": 0.2, "f1_hybrid": 0.2, "f1_slow": 0.2}, ["in fast", "in hybrid", "in slow"]),
    ],
)
def test_a_smoke_run_passes_if_every_mode_has_learnt_and_they_agree(
    changes: dict[str, float], said: list[str]
) -> None:
    faults = load_script("scripts/train_smoke.py").faults_of(SCORES | changes)
    assert len(faults) == len(said)
    assert all(words in fault for words, fault in zip(said, faults, strict=True))


def test_a_smoke_run_without_scores_fails() -> None:
    faults_of = load_script("scripts/train_smoke.py").faults_of
    assert faults_of({})
    assert faults_of({"step": 100, "loss": 1.0})


def test_a_smoke_run_removes_no_folder_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "tokenizer").mkdir()  # as a run of one's own has
    monkeypatch.setattr(sys, "argv", ["train_smoke.py", "--out", str(tmp_path)])
    assert load_script("scripts/train_smoke.py").main() == 2
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_model_flops_are_those_of_every_product(tiny: tuple[LocateModel, Any]) -> None:
    model, step = tiny
    (batch,) = step.batches
    text, image = model.config.text, model.config.vision
    patches = sum(height * width for height, width in batch.grids)

    def weights(part: nn.Module) -> int:
        return sum(p.numel() for name, p in part.named_parameters() if p.ndim == 2 and "embed" not in name)

    products = weights(model.decoder) * step.num_positions
    products += text.vocab_size * text.hidden_size * int((batch.targets != IGNORE).sum())
    products += (weights(model.vision) + model.vision.patch_embed.weight.numel()) * patches
    products += weights(model.projector) * patches // 4
    seen = int(visible(batch.layout, batch.layout).sum())
    products += 2 * text.hidden_size * text.num_layers * seen
    products += 2 * image.hidden_size * image.num_layers * sum((h * w) ** 2 for h, w in batch.grids)
    assert model_flops(model, step) == 6 * products


def test_packing_and_forwards_change_no_flops(
    device_script: ModuleType, tiny: tuple[LocateModel, Any]
) -> None:
    model, _ = tiny
    _, vocab = device_script.shape(tiny=True)
    samples = [synthetic_sample(vocab, seed, side=4) for seed in range(4)]
    packed, alone = as_step([samples[:2], samples[2:]], vocab.pad), as_step([[s] for s in samples], vocab.pad)
    in_two = as_step([samples[:2], samples[2:]], vocab.pad, micro_rows=1)
    assert len(in_two.batches) == 2
    assert model_flops(model, packed) == model_flops(model, alone) == model_flops(model, in_two)


def test_a_frozen_base_costs_two_thirds(device_script: ModuleType, tiny: tuple[LocateModel, Any]) -> None:
    model, step = tiny
    config, _ = device_script.shape(tiny=True)
    adapted = device_script.random_model(config, torch.device("cpu"), torch.float32)
    add_lora(adapted, LoraConfig(rank=1), seed=0)
    assert 2 / 3 < model_flops(adapted, step) / model_flops(model, step) < 0.85


@pytest.mark.parametrize("name", ["lora_16k", "full_16k"])
def test_the_script_for_a_gpu_makes_steps(device_script: ModuleType, name: str) -> None:
    case = replace(device_script.CASES[name], budget=512)
    found = device_script.measure_steps(case, torch.device("cpu"), True, 1)
    assert found["tokens_per_s"] > 0
    assert found["model_tflop_per_step"] > 0


def test_a_case_that_fails_costs_no_other_result(
    device_script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, written = tmp_path / "result.json", []

    def case(script: Path, options: list[str], timeout: float) -> dict[str, Any]:
        written.append(len(json.loads(out.read_text())["cases"]) if out.exists() else 0)
        return {"error": "memory ran out"} if options[1] == "full_16k" else {"mfu": 0.4}

    monkeypatch.setattr(device_script, "in_fresh_process", case)
    names = "lora_16k,full_16k,attention_16k"
    told = Namespace(out=out, cases=names, minutes=8.5, steps=1, device="cpu", tiny=True)
    assert device_script.run_cases(told) == 1
    cases = json.loads(out.read_text())["cases"]
    assert written == [0, 1, 2]
    assert [cases[name].get("mfu") for name in names.split(",")] == [0.4, None, 0.4]
    assert cases["full_16k"]["error"] == "memory ran out"
    told.minutes = 0.1
    assert device_script.run_cases(told) == 0
    assert "no time" in json.loads(out.read_text())["cases"]["lora_16k"]["left_out"]


def test_a_ratio_may_grow_up_to_the_tolerance() -> None:
    benchmark = load_script("benchmarks/training.py")
    baseline = json.loads(benchmark.BASELINE.read_text())
    assert set(baseline["ratios"]) == set(benchmark.RATIOS)
    assert benchmark.differences(baseline["ratios"], baseline) == []
    slow = baseline["ratios"] | {"time_lora": 2 * baseline["ratios"]["time_lora"]}
    (worse,) = benchmark.differences(slow, baseline)
    assert worse.startswith("time_lora is")
    found = {"full": {"cpu_seconds": 2.0}, "lora": {"cpu_seconds": 3.0}, "scratch": {"error": "killed"}}
    assert benchmark.ratios_of(found) == {"time_lora": 1.5}


def test_the_published_shape_has_its_vocabulary(device_script: ModuleType) -> None:
    config, vocab = device_script.shape(tiny=False)
    assert config.text.vocab_size == vocab.size == 152_681
    assert config.image_token_id == vocab.image_token == 151_665
    with torch.device("meta"):
        model = LocateModel(config)
    # All but the head, which is the embedding; spec 1.3.
    assert sum(p.numel() for p in model.parameters()) == 3_830_665_968 - 152_681 * 2048
