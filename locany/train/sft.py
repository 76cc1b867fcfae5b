"""The supervised loop: render, encode, both streams, update. Reads from top to bottom."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from locany.data.collate import Batch
from locany.data.loader import PackStream, Progress, steps
from locany.device import tune_cpu_allocator
from locany.errors import TrainingError
from locany.model.decoder import DecoderLayer
from locany.train.checkpoint import States
from locany.train.config import TrainConfig
from locany.train.data import SampleStream
from locany.train.dense import DenseHeads, cell_boxes, deep_side_loss, dense_loss
from locany.train.guide import guide_loss
from locany.train.log import RunLog
from locany.train.loss import StreamLoss, gaussian_nll, stream_loss
from locany.train.optim import rate_scale
from locany.train.run import Run, export, save, start


def sigma_at(config: TrainConfig, step: int) -> float:
    """Width of coordinate targets: narrows geometrically."""
    loss = config.loss
    if loss.sigma_start <= 0:
        return 0.0
    progress = min(1.0, step / max(1, loss.sigma_steps))
    return float(loss.sigma_start * (loss.sigma_end / loss.sigma_start) ** progress)


def compute_loss(run: Run, batch: Batch, config: TrainConfig) -> tuple[Tensor, dict[str, float]]:
    """The loss of one batch and what to report of it."""
    visual = encode_padded(run, batch) if batch.grids else None
    if run.heads is None:
        streams = streams_of(run, batch, visual, config)
        return streams.total, report_of(streams)
    return loss_with_truth(run, run.heads, batch, visual, config)


def encode_padded(run: Run, batch: Batch, multiple: int = 512) -> Tensor:
    """Visual tokens of a batch, encoded with a blank image behind them that rounds the number of patches up.

    Every new number of patches would cost the CPU new matrix kernels (docs/log.md).
    """
    pixels, merge = batch.pixel_values(run.preprocess), run.preprocess.merge_size
    missing = -len(pixels) % multiple
    assert missing % merge**2 == 0, "images have whole cells"
    if not missing:
        return run.model.encode_images(pixels, batch.grids)
    blank = pixels.new_zeros(missing, *pixels.shape[1:])
    grids = [*batch.grids, (merge, missing // merge)]
    visual = run.model.encode_images(torch.cat((pixels, blank)), grids)
    return visual[: len(visual) - missing // merge**2]


def loss_with_truth(
    run: Run, heads: DenseHeads, batch: Batch, visual: Tensor | None, config: TrainConfig
) -> tuple[Tensor, dict[str, float]]:
    """The loss with the auxiliary losses that the dense truth allows."""
    assert visual is not None, "the dense truth is of images"
    model, vocab, shape = run.model, run.tokenizer.vocab, run.model.config
    coord_ids = range(vocab.coord_start, vocab.coord_end + 1)
    embed, sigma = model.decoder.embed.weight, sigma_at(config, run.step)

    def coord_nll(logits: Tensor, bins: Tensor) -> Tensor:
        return gaussian_nll(logits.log_softmax(-1), bins, sigma)

    dense = dense_loss(heads, visual, batch, embed, coord_ids, coord_nll, shape.vision.merge_size)
    report = {name: float(value) for name, value in dense.report().items()}
    if run.step < config.dense_steps:
        return dense.total, report
    layers = cast(list[DecoderLayer], model.decoder.layers)
    deep_layer, guided = layers[config.loss.deep_layers - 1], layers[config.loss.guided_layer]
    before_guided = layers[config.loss.guided_layer - 1]
    with hidden_after(deep_layer) as deep, hidden_after(before_guided) as before:
        streams = streams_of(run, batch, visual, config)
    at_images = deep[0][batch.token_ids == vocab.image_token]
    coords = embed[coord_ids.start : coord_ids.stop]
    deep_sides = deep_side_loss(heads, at_images, batch, coords, coord_nll)
    theta = shape.text.rope_theta
    cells = cell_boxes(batch.grids, shape.vision.merge_size, len(coord_ids) - 1).to(visual.device)
    guide, hit = guide_loss(guided, before[0], streams.mask, theta, batch, vocab.image_token, cells)
    report |= {"deep_sides": float(deep_sides.detach()), "hit": float(hit), **report_of(streams)}
    return streams.total + config.loss.dense * (dense.total + deep_sides + guide), report


def streams_of(run: Run, batch: Batch, visual: Tensor | None, config: TrainConfig) -> StreamLoss:
    """The loss of both streams."""
    vocab = run.tokenizer.vocab
    return stream_loss(
        run.model,
        batch.token_ids,
        batch.targets,
        batch.positions,
        batch.layout,
        visual,
        coord_ids=range(vocab.coord_start, vocab.coord_end + 1),
        sigma=sigma_at(config, run.step),
        next_token_weight=config.loss.next_token,
        block_weight=config.loss.block,
    )


def report_of(streams: StreamLoss) -> dict[str, float]:
    """What to log of both streams."""
    return {
        "loss": float(streams.total.detach()),
        "next_token": float(streams.next_token_sum) / max(1, streams.num_next_token),
        "block": float(streams.block_sum) / max(1, streams.num_block),
        "block_acc": float(streams.block_accuracy),
    }


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


def train(
    config: TrainConfig,
    say: Callable[[str], None] = print,
    evaluate: Callable[[Run], dict[str, float]] | None = None,
) -> Run:
    """Train until `config.steps` or `config.minutes`, saving as it goes; resumes what `config.out` holds.

    Args:
        say: prints a line for people.
        evaluate: measures the run at its present weights; "f1" in its answer is the score of the state.

    Raises:
        DataError, CheckpointError: the recipe, its data or its checkpoint cannot be used.
        TrainingError: the loss is not a number, or memory has run out.
    """
    if config.device == "cpu":
        tune_cpu_allocator()
    began = time.monotonic()
    run = start(config)
    log = RunLog(Path(config.out), run.step, config.trackers)
    samples = SampleStream(config.data)
    stream = PackStream(samples, str(run.folder), run.preprocess, config.stream, progress=run.progress)
    num_parameters = sum(p.numel() for p in run.model.parameters())
    num_learning = sum(p.numel() for p in run.learning.values())
    say(
        f"{num_learning / 1e6:.2f} M of {num_parameters / 1e6:.2f} M parameters learn, "
        f"step {run.step} of {config.steps}, {torch.get_num_threads()} threads"
    )

    if config.compile:
        for layer in run.model.decoder.layers:
            layer.forward = torch.compile(layer.forward, dynamic=True)

    reports: list[dict[str, float]] = []
    since = time.monotonic()
    run.model.train()
    loader = steps(stream, config.rows, run.tokenizer.vocab.pad, num_workers=config.num_workers)
    for step in itertools.islice(loader, config.steps - run.step):
        torch.manual_seed(hash_of(config.seed, run.step))  # dropout, the same after a restart
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
            last = run.step == config.steps
            every = config.evaluation.every
            if evaluate and (last or out_of_time or (every and run.step % every == 0)):
                found = evaluate(run)
                say(json.dumps({"step": run.step, **found}))
                log.report({"step": run.step, **found})
                States(Path(config.out), config.keep_last).score(run.step, found["f1"])
                since = time.monotonic()
            log.draw()
            if last:
                export(run, config)
        if out_of_time:
            break
    return run


def hash_of(seed: int, step: int) -> int:
    """One seed for each step of a run."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1)[0])
