"""Fine-tuning a checkpoint on a data set of one's own: adapters or weights, resumed, exported, used."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import locany
from locany.cli.main import run as run_command
from locany.data.answers import AnswerConfig, BoxOrder
from locany.data.collate import collate
from locany.data.converters import write_samples
from locany.data.encode import encode_sample
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import CheckpointError, DataError, RequestError
from locany.tasks import Task, TaskKind
from locany.train.checkpoint import States
from locany.train.config import EvaluationConfig, LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig, chosen_samples
from locany.train.held_out_loss import held_out_loss
from locany.train.log import read_log
from locany.train.lora import LoraConfig
from locany.train.loss import stream_loss
from locany.train.report import TIMES
from locany.train.run import ADAPTER, MODEL, Run
from locany.train.sft import train
from locany.train.sources import Stored
from locany.weights import load_model


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight images with a red or a blue square, in COCO's format."""
    samples = []
    for number in range(8):
        name, colour = (("red", "#d02020"), ("blue", "#2040d0"))[number % 2]
        box = (10 + 4 * number, 20, 50 + 4 * number, 60)
        image = Image.new("RGB", (112, 84), "white")
        image.paste(colour, box)
        path = tmp_path / f"{number}.png"
        image.save(path)
        target = Target(name, tuple(map(float, box)))
        samples.append(
            Sample(ImageRef(path, image.size), (Question(Task.detect([name]), (target,)),), (target,))
        )
    write_samples(samples, tmp_path / "set.json", "coco")
    return tmp_path / "set.json"


@pytest.fixture
def config(checkpoint: Path, data: Path, tmp_path: Path) -> TrainConfig:
    return TrainConfig(
        model=str(checkpoint),
        out=str(tmp_path / "run"),
        data=DataConfig((Stored(str(data)),), answers=AnswerConfig(negative_rate={TaskKind.DETECT: 0.3})),
        lora=LoraConfig(rank=4, dropout=0.1),
        stream=StreamConfig(PackConfig(400, buffer_size=3), num_lanes=2),
        rows=2,
        steps=12,
        dense_steps=0,
        num_workers=0,
        bf16=False,
        save_every=4,
        log_every=1,
        loss=LossConfig(dense=0.0, sigma_start=0.0),
        optim=OptimConfig(muon=False, adam_lr=3e-3, warmup_steps=1, decay_share=0.1),
    )


def curve(config: TrainConfig) -> list[dict[str, float]]:
    return [
        {name: number for name, number in line.items() if name not in TIMES}
        for line in read_log(Path(config.out))
    ]


def test_adapters_learn_both_streams_and_leave_the_base_alone(config: TrainConfig, checkpoint: Path) -> None:
    said: list[str] = []
    run = train(config, said.append)
    assert "parameters learn" in said[0]
    lines = curve(config)
    for stream in ("next_token", "block"):
        assert lines[-1][stream] < lines[0][stream]
    base = load_model(checkpoint, device="cpu", dtype=torch.float32).state_dict()
    mine = run.model.state_dict()
    assert all(torch.equal(tensor, mine[name]) for name, tensor in base.items())
    newest = States(Path(config.out)).newest
    assert newest is not None
    kept = States(Path(config.out)).load(newest)["learning"]
    assert kept
    assert all(".lora_" in name for name in kept)


def test_a_finished_run_leaves_a_model_and_an_adapter(config: TrainConfig) -> None:
    run = train(config, lambda _: None)
    out = Path(config.out)
    assert (out / ADAPTER / "adapter_model.safetensors").is_file()
    locator = locany.load(out / MODEL, device="cpu", dtype="float32")
    assert locator.detect(Image.new("RGB", (84, 84)), ["red"], max_new_tokens=24) is not None
    merged = load_model(out / MODEL, device="cpu", dtype=torch.float32)
    weight = merged.state_dict()["decoder.layers.0.q.weight"]
    assert not torch.equal(weight, run.model.state_dict()["decoder.layers.0.q.weight"])


def test_the_licence_and_the_ids_of_the_base_go_along(
    config: TrainConfig, checkpoint: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(checkpoint, base)
    (base / "LICENSE").write_text("only on Sundays")
    (base / "README.md").write_text("the base")
    raw = json.loads((base / "config.json").read_text())
    raw["text_config"]["switch_token_id"] = 77  # of the release; nobody here asks for it
    (base / "config.json").write_text(json.dumps(raw))
    train(replace(config, model=str(base), lora=None, steps=1, save_every=1), lambda _: None)
    kept = Path(config.out) / MODEL
    assert (kept / "LICENSE").read_text() == "only on Sundays"
    assert not (kept / "README.md").exists()
    assert json.loads((kept / "config.json").read_text())["text_config"]["switch_token_id"] == 77
    locany.load(kept, device="cpu")


def test_text_alone_teaches_a_frozen_decoder_nothing(config: TrainConfig, tmp_path: Path) -> None:
    line = {"conversations": [{"from": "human", "value": "Hello?"}, {"from": "gpt", "value": "Hello."}]}
    (tmp_path / "talk.jsonl").write_text(json.dumps(line) + "\n")
    talk = DataConfig((Stored(str(tmp_path / "talk.jsonl"), "jsonl"),))
    run = train(replace(config, data=talk, lora=None, frozen=("decoder",), steps=2), lambda _: None)
    assert run.step == 2


def test_a_measurement_that_fails_does_not_end_the_run(config: TrainConfig, data: Path) -> None:
    asked: list[int] = []

    def evaluate(run: Run) -> dict[str, float]:
        asked.append(run.step)
        assert run.model.training
        if run.step < 12:
            run.model.eval()
            raise (
                RequestError("the engine has memory for 3 tokens")
                if run.step == 4
                else MemoryError("no room")
            )
        return {"f1": 0.5}

    said: list[str] = []
    measured = replace(config, evaluation=EvaluationConfig((Stored(str(data)),), every=4))
    assert train(measured, said.append, evaluate).step == 12
    assert asked == [4, 8, 12]
    assert any("step 8 could not be measured: no room" in line for line in said)
    assert any("step 4 could not be measured: the engine has memory for 3 tokens" in line for line in said)


def test_a_stopped_run_goes_on_with_the_same_dropout(config: TrainConfig, tmp_path: Path) -> None:
    train(config, lambda _: None)
    parts = replace(config, out=str(tmp_path / "parts"))

    class StopError(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith("step  7 of"):
            raise StopError

    with pytest.raises(StopError):
        train(parts, stop)
    train(parts, lambda _: None)
    assert curve(parts) == curve(config)


def test_weights_learn_at_the_rate_of_their_part(config: TrainConfig, checkpoint: Path) -> None:
    optim = replace(config.optim, part_scale={"vision": 0.0})
    whole = replace(config, lora=None, optim=optim, frozen=("projector",), steps=3)
    run = train(whole, lambda _: None)
    base = load_model(checkpoint, device="cpu", dtype=torch.float32).state_dict()
    changed = {
        name.partition(".")[0]
        for name, tensor in run.model.state_dict().items()
        if not torch.equal(tensor, base[name])
    }
    assert changed == {"decoder"}
    assert not (Path(config.out) / ADAPTER).exists()
    assert (Path(config.out) / MODEL / "config.json").is_file()


def test_the_best_state_is_kept(config: TrainConfig) -> None:
    config = replace(config, evaluation=EvaluationConfig(every=4), keep_last=1)
    scores = iter((0.2, 0.9, 0.5))
    asked: list[int] = []

    def evaluate(run: Run) -> dict[str, float]:
        asked.append(run.step)
        return {"f1": next(scores), "f1_fast": 0.0}

    train(config, lambda _: None, evaluate)
    assert asked == [4, 8, 12]
    states = States(Path(config.out))
    assert [entry.step for entry in states.entries] == [8, 12]
    assert states.best is not None
    assert states.best.step == 8
    assert [line["f1"] for line in read_log(Path(config.out)) if "f1" in line] == [0.2, 0.9, 0.5]


def test_the_command_measures_every_mode(config: TrainConfig, data: Path, tmp_path: Path) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "lora.py"
    settings = [f"data={data}", f"model={config.model}", f"out={config.out}", f"evaluation={data}"]
    small = ["rows=1", "steps=2", "save_every=2", "num_workers=0", "bf16=false", "evaluation.num_samples=2"]
    pack = ["stream.pack.budget=400", "stream.pack.buffer_size=2", "log_every=1", "loss.sigma_start=0"]
    assert run_command(["train", str(recipe), *settings, *small, *pack]) == 0
    (scores,) = [line for line in read_log(Path(config.out)) if "f1" in line]
    assert {"f1", "f1_fast", "f1_hybrid", "f1_slow"} <= scores.keys()
    assert 0 <= scores["fallback"] <= 1
    assert scores["held_out_loss"] > 0
    assert {"boxes_per_s_fast", "boxes_per_s_hybrid", "boxes_per_s_slow"} <= scores.keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": LossConfig(dense=1.0)}, r"set loss\.dense=0"),
        ({"frozen": ("vision",)}, "lora freezes the weights itself"),
        ({"lora": None, "frozen": ("head",)}, "frozen names no part"),
        ({"evaluation": EvaluationConfig(every=6)}, "no multiple of save_every 4"),
        ({"dense_steps": 2}, "dense_steps 2 must be fewer than steps 12, and 0 where"),
    ],
)
def test_recipes_that_cannot_be(config: TrainConfig, change: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(config, **change)


def test_runs_that_do_not_fit_are_refused(config: TrainConfig) -> None:
    train(replace(config, steps=4), lambda _: None)
    with pytest.raises(DataError, match=r"holds a run with another lora: .*; give another run folder"):
        train(replace(config, lora=LoraConfig(rank=2)), lambda _: None)
    with pytest.raises(CheckpointError, match="no model 'nowhere'"):
        train(replace(config, model="nowhere", out=config.out + "2"), lambda _: None)
    every = replace(config, lora=None, frozen=("vision", "projector", "decoder"), out=config.out + "3")
    with pytest.raises(DataError, match="nothing would learn"):
        train(every, lambda _: None)


def test_a_run_does_not_write_over_what_it_begins_from(config: TrainConfig, tmp_path: Path) -> None:
    out = tmp_path / "same"
    shutil.copytree(str(config.model), out / "model")
    before = (out / "model" / "model.safetensors").read_bytes()
    with pytest.raises(DataError, match="write its own model over it; give another run folder"):
        train(replace(config, model=str(out / "model"), out=str(out)), lambda _: None)
    assert (out / "model" / "model.safetensors").read_bytes() == before


def test_a_measurement_that_was_killed_is_made_up_for(config: TrainConfig, tmp_path: Path) -> None:
    config = replace(config, out=str(tmp_path / "killed"), evaluation=EvaluationConfig(every=4))
    asked: list[int] = []

    def killed(run: Run) -> dict[str, float]:
        raise KeyboardInterrupt

    def evaluate(run: Run) -> dict[str, float]:
        asked.append(run.step)
        return {"f1": run.step / 100}

    with pytest.raises(KeyboardInterrupt):
        train(config, lambda _: None, killed)
    train(config, lambda _: None, evaluate)
    assert asked == [4, 8, 12]
    assert [line["step"] for line in read_log(Path(config.out)) if "f1" in line] == [4, 8, 12]


def test_the_held_out_loss_is_of_the_recipes_own_order_and_layers(config: TrainConfig, data: Path) -> None:
    run = train(replace(config, steps=1), lambda _: None)
    run.model.eval()
    task = Task.detect(["cat"])
    boxes = (Target("cat", (2.0, 2.0, 20.0, 20.0)), Target("cat", (30.0, 30.0, 90.0, 80.0)))
    samples = [replace(chosen_samples(Stored(str(data)), 1)[0], questions=(Question(task, boxes),))]
    # Weights of the streams, soft targets and the layers that auxiliary losses read do not matter.
    other = replace(config.loss, block=0.5, null=0.1, sigma_start=4.0, deep_layers=1, guided_layer=1)
    plain = held_out_loss(run, config, samples)
    assert held_out_loss(run, replace(config, loss=other), samples) == plain
    by_area = replace(config, stream=replace(config.stream, order=BoxOrder.AREA))
    assert held_out_loss(run, by_area, samples) != plain


def test_the_loss_of_samples_does_not_depend_on_their_rows(config: TrainConfig, data: Path) -> None:
    run = train(replace(config, steps=1), lambda _: None)
    run.model.eval()
    samples = chosen_samples(Stored(str(data)), 4)
    found = held_out_loss(run, config, samples)
    vocab = run.tokenizer.vocab
    encoded = [encode_sample(run.tokenizer, sample, run.preprocess) for sample in samples]
    batch = collate([encoded], vocab.pad)  # all in one row
    with torch.no_grad():
        visual = run.model.encode_images(batch.pixel_values(run.preprocess), batch.grids)
        inputs = (batch.token_ids, batch.targets, batch.positions, batch.layout, visual)
        packed = stream_loss(run.model, *inputs, coord_ids=vocab.coord_ids)
    assert found["held_out_loss"] == pytest.approx(float(packed.total), abs=2e-4)
    assert found["held_out_block"] == pytest.approx(float(packed.block_sum) / packed.num_block, abs=2e-4)
    assert found["held_out_block_acc"] == pytest.approx(float(packed.block_accuracy), abs=2e-4)
    assert held_out_loss(run, config, [replace(sample, questions=()) for sample in samples]) == {}
