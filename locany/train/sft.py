"""The supervised loop: render, encode, both streams, update. Reads from top to bottom."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from locany.codec.tokenizer import Tokenizer
from locany.data.collate import Batch
from locany.data.lanes import LaneState
from locany.data.loader import PackStream, Progress, steps
from locany.device import tune_cpu_allocator
from locany.errors import DataError, TrainingError
from locany.image import PreprocessConfig
from locany.model.decoder import DecoderLayer
from locany.model.locate_model import LocateModel
from locany.train.checkpoint import States
from locany.train.config import TrainConfig
from locany.train.data import SampleStream
from locany.train.dense import DenseHeads, deep_side_loss, dense_loss
from locany.train.guide import guide_loss
from locany.train.init import initialise
from locany.train.log import RunLog
from locany.train.loss import gaussian_nll, stream_loss
from locany.train.optim import Optimizers, rate_scale

STATE_FORMAT = 2  # raised when an older state cannot be gone on with


@dataclass
class Run:
    """What a run holds: the model, the heads that only training knows, and the optimizers."""

    model: LocateModel
    heads: DenseHeads
    optimizers: Optimizers
    tokenizer: Tokenizer
    preprocess: PreprocessConfig
    step: int = 0
    progress: Progress = field(default_factory=Progress)


def start(config: TrainConfig) -> Run:
    """A new run, or the one that `config.out` holds."""
    tokenizer = Tokenizer.from_folder(Path(config.tokenizer))
    vocab = tokenizer.vocab
    model = LocateModel(config.model)
    initialise(model, config.seed, range(vocab.coord_start, vocab.coord_end + 1))
    heads = DenseHeads(config.model.text.hidden_size, torch.Generator().manual_seed(config.seed))
    model.to(config.device)
    heads.to(config.device)
    run = Run(
        model=model,
        heads=heads,
        optimizers=Optimizers((model, heads), config.optim),
        tokenizer=tokenizer,
        preprocess=PreprocessConfig.from_json(
            json.loads((Path(config.tokenizer) / "preprocessor_config.json").read_text())
        ),
    )
    states = States(Path(config.out))
    if states.newest is not None:
        state = states.load(states.newest)
        if state.get("format") != STATE_FORMAT:
            raise DataError(
                f"{config.out} holds a training state of format {state.get('format')}, this version reads "
                f"{STATE_FORMAT}; give another run folder, or go on with the version that began the run"
            )
        if state["config"]["model"] != as_json(config)["model"]:
            raise DataError(
                f"{config.out} holds a run of another model shape; give another run folder, or the recipe it "
                "was started with"
            )
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
        run.optimizers.load_state_dict(state["optimizers"])
        run.step = state["step"]
        run.progress = _progress_from(state["progress"])
    return run


def sigma_at(config: TrainConfig, step: int) -> float:
    """Width of coordinate targets: narrows geometrically."""
    loss = config.loss
    if loss.sigma_start <= 0:
        return 0.0
    progress = min(1.0, step / max(1, loss.sigma_steps))
    return float(loss.sigma_start * (loss.sigma_end / loss.sigma_start) ** progress)


def compute_loss(run: Run, batch: Batch, config: TrainConfig) -> tuple[Tensor, dict[str, float]]:
    """The loss of one batch and what to report of it."""
    model, vocab = run.model, run.tokenizer.vocab
    coord_ids = range(vocab.coord_start, vocab.coord_end + 1)
    sigma = sigma_at(config, run.step)
    visual = model.encode_images(batch.pixel_values(run.preprocess), batch.grids)
    embed = model.decoder.embed.weight

    def coord_nll(logits: Tensor, bins: Tensor) -> Tensor:
        return gaussian_nll(logits.log_softmax(-1), bins, sigma)

    merge_size = config.model.vision.merge_size
    dense = dense_loss(run.heads, visual, batch, embed, coord_ids, coord_nll, merge_size)
    report = {
        "present": float(dense.present.detach()),
        "name": float(dense.name.detach()),
        "name_acc": float(dense.name_accuracy.detach()),
        "iou": float(dense.iou.detach()),
        "place": float(dense.place.detach()),
        "sides": float(dense.sides.detach()),
    }
    if run.step < config.dense_steps:
        return dense.total, report
    layers = cast(list[DecoderLayer], model.decoder.layers)
    deep_layer, guided = layers[config.loss.deep_layers - 1], layers[config.loss.guided_layer]
    before_guided = layers[config.loss.guided_layer - 1]
    with hidden_after(deep_layer) as deep, hidden_after(before_guided) as before:
        streams = stream_loss(
            model,
            batch.token_ids,
            batch.targets,
            batch.positions,
            batch.layout,
            visual,
            coord_ids=coord_ids,
            sigma=sigma,
            next_token_weight=config.loss.next_token,
            block_weight=config.loss.block,
        )
    at_images = deep[0][batch.token_ids == vocab.image_token]
    coords = embed[coord_ids.start : coord_ids.stop]
    deep_sides = deep_side_loss(run.heads, at_images, batch, coords, coord_nll)
    theta = config.model.text.rope_theta
    guide, hit = guide_loss(guided, before[0], streams.mask, theta, batch, vocab.image_token)
    report |= {
        "deep_sides": float(deep_sides.detach()),
        "hit": float(hit),
        "loss": float(streams.total.detach()),
        "next_token": float(streams.next_token_sum) / max(1, streams.num_next_token),
        "block": float(streams.block_sum) / max(1, streams.num_block),
        "block_acc": float(streams.block_accuracy),
    }
    return streams.total + config.loss.dense * (dense.total + deep_sides + guide), report


@contextmanager
def hidden_after(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what a layer puts out while the block runs."""
    outputs: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        hook.remove()


def learn(run: Run, batch: Batch, config: TrainConfig) -> dict[str, float]:
    """One update of the weights; returns what to report of it.

    Raises:
        TrainingError: the loss is not a number.
    """
    batch = batch.to(run.model.device)
    with torch.autocast(run.model.device.type, torch.bfloat16, enabled=config.bf16):
        loss, report = compute_loss(run, batch, config)
    if not torch.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss.item()} at step {run.step} ({report}); lower optim.muon_lr and "
            "optim.adam_lr, or optim.grad_clip, and run again: it goes on from the newest state"
        )
    loss.backward()
    report["grad"] = run.optimizers.step(run.step, config.steps)
    return report


@contextmanager
def no_memory_left(step: int) -> Iterator[None]:
    """Say what to change where memory runs out.

    Raises:
        TrainingError: in place of the allocator's error.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise TrainingError(
            f"memory ran out at step {step} ({(str(error) or 'no room').splitlines()[0]}); lower rows or "
            "stream.pack.budget, or the size of images, and run again: it goes on from the newest state"
        ) from error


def train(config: TrainConfig, say: Callable[[str], None] = print) -> Run:
    """Train until `config.steps` or `config.minutes`, saving as it goes; resumes what `config.out` holds."""
    if config.device == "cpu":
        tune_cpu_allocator()
    began = time.monotonic()
    run = start(config)
    log = RunLog(Path(config.out), run.step, config.trackers)
    samples = SampleStream(config.data)
    stream = PackStream(samples, config.tokenizer, run.preprocess, config.stream, progress=run.progress)
    num_parameters = sum(p.numel() for p in run.model.parameters())
    threads = torch.get_num_threads()
    say(f"{num_parameters / 1e6:.2f} M parameters, step {run.step} of {config.steps}, {threads} threads")

    if config.compile:
        for layer in run.model.decoder.layers:
            layer.forward = torch.compile(layer.forward, dynamic=True)

    reports: list[dict[str, float]] = []
    since = time.monotonic()
    run.model.train()
    loader = steps(stream, config.rows, run.tokenizer.vocab.pad, num_workers=config.num_workers)
    for step in itertools.islice(loader, config.steps - run.step):
        with no_memory_left(run.step):
            report = learn(run, step.batch, config)
        report |= {"samples": step.num_samples, "packed": step.efficiency}
        reports.append(report)
        run.step += 1
        run.progress = Progress(run.progress.packs + config.rows, {**run.progress.lanes, **step.lanes})
        if run.step % config.log_every == 0:
            seconds = time.monotonic() - since
            mean = {k: sum(r.get(k, 0.0) for r in reports) / len(reports) for k in reports[-1]}
            line = {
                "step": run.step,
                "lr": round(rate_scale(run.step, config.steps, config.optim), 4),
                "sigma": round(sigma_at(config, run.step), 2),
                **{k: round(v, 4) for k, v in mean.items()},
                "samples_per_s": round(sum(r["samples"] for r in reports) / seconds, 1),
                "minutes": round((time.monotonic() - began) / 60, 1),
            }
            say(json.dumps(line))
            log.report(line)
            reports, since = [], time.monotonic()
        out_of_time = config.minutes > 0 and time.monotonic() - began > 60 * config.minutes
        if run.step % config.save_every == 0 or run.step == config.steps or out_of_time:
            save(run, config)
            log.draw()
        if out_of_time:
            break
    return run


def save(run: Run, config: TrainConfig) -> None:
    """Write the state of the run."""
    state = {
        "format": STATE_FORMAT,
        "model": run.model.state_dict(),
        "heads": run.heads.state_dict(),
        "optimizers": run.optimizers.state_dict(),
        "step": run.step,
        "progress": asdict(run.progress),
        "config": as_json(config),
    }
    States(Path(config.out), config.keep_last).save(state, run.step)


def _progress_from(fields: dict[str, Any]) -> Progress:
    """The progress that `asdict` gave."""
    lanes = {
        number: LaneState(lane["drawn"], tuple((position, age) for position, age in lane["waiting"]))
        for number, lane in fields["lanes"].items()
    }
    return Progress(fields["packs"], lanes)


def as_json(config: TrainConfig) -> dict[str, Any]:
    """The config as JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return plain
