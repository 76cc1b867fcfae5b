"""What the training benchmarks share: samples, the steps made of them, their cost in FLOPs, and a stopwatch.

Both benchmarks time `locany.train.sft.learn`, the trainer's own update. Model FLOPs count what the model
needs once forward and twice backward, as usual for a utilisation (MFU); what is computed again because of
checkpointing is not counted, nor is attention between positions that do not see each other:

    6 x parameters of the decoder's linear layers x positions
  + 6 x vocabulary x width x labelled positions             (the head reads only those)
  + 6 x parameters of the encoder's linear layers x patches, and the projector's x visual tokens
  + 12 x width x layers x pairs of positions that see each other, and of patches of one image

Weights that do not learn cost 4 in place of 6: their own gradients are not computed. The auxiliary heads of a
training from scratch are left out; they are small.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from locany.codec.vocab import Vocab
from locany.data.collate import collate
from locany.data.encode import EncodedSample
from locany.data.loader import Step
from locany.data.packing import PackConfig, packs
from locany.data.streams import IGNORE, branched_streams
from locany.model import LocateModel
from locany.model.masks import visible
from locany.model.vision import PatchEmbed
from locany.train.config import TrainConfig
from locany.train.lora import LoraLinear
from locany.train.report import Window
from locany.train.run import Run
from locany.train.sft import learn

PREFIX = 40  # positions before an image: the system's turn and the opening of the user's


def synthetic_sample(
    vocab: Vocab, seed: int, *, side: int, questions: int = 4, boxes: int = 4, words: int = 30
) -> EncodedSample:
    """A sample of the published form with noise for an image and for words.

    Args:
        side: patches per side of its image; a visual token has 2 x 2.
        questions: about the image, each with a label and so many boxes for an answer.
        words: tokens of a question.
    """
    rng = np.random.default_rng((0x7EC4, 1, seed))
    word = iter(rng.integers(0, vocab.none, 10_000).tolist())
    prefix = [next(word) for _ in range(PREFIX)] + [vocab.image_token] * (side // 2) ** 2
    branches = []
    for _ in range(questions):
        answer = [vocab.ref, next(word), next(word), vocab.ref_end]
        for _ in range(boxes):
            bins = np.sort(rng.integers(0, vocab.max_bin + 1, (2, 2)), axis=0).flatten().tolist()
            answer += [vocab.box, *map(vocab.coord, bins), vocab.box_end]
        branches.append(([next(word) for _ in range(words)], [*answer, vocab.end]))
    pixels = rng.integers(0, 256, (side * side, 3, 14, 14), dtype=np.uint8)
    return EncodedSample(branched_streams(vocab, prefix, branches), pixels, ((side, side),))


def packs_of(samples: Sequence[EncodedSample], rows: int, budget: int) -> list[list[list[EncodedSample]]]:
    """The packs of each step; samples that do not fill a last step are left out."""
    found = list(packs(((s, len(s)) for s in samples), PackConfig(budget, buffer_size=len(samples))))
    return [found[first : first + rows] for first in range(0, len(found) - rows + 1, rows)]


def as_step(taken: Sequence[Sequence[EncodedSample]], pad_id: int, micro_rows: int = 0) -> Step:
    """What one update learns from, in forwards of `micro_rows` rows; 0 puts all into one."""
    order = sorted(taken, key=lambda pack: [len(sample.pixels) for sample in pack])
    size = micro_rows or len(order)
    parts = [order[at : at + size] for at in range(0, len(order), size)]
    samples = [sample for pack in order for sample in pack]
    batches = tuple(collate(part, pad_id, multiple=64) for part in parts)
    return Step(batches, {}, len(order), len(samples), sum(map(len, samples)))


def model_flops(model: LocateModel, step: Step) -> float:
    """FLOPs of one update, as the module's text counts them."""
    text, image = model.config.text, model.config.vision
    total = 0.0
    for batch in step.batches:
        positions = int((batch.layout.sample >= 0).sum())
        labelled = int((batch.targets != IGNORE).sum())
        lengths = [height * width for height, width in batch.grids]
        decoder = _per_position(model.decoder.layers) * positions
        head = (6 if model.decoder.embed.weight.requires_grad else 4) * text.vocab_size * text.hidden_size
        encoder = _per_position(model.vision) * sum(lengths)
        projector = _per_position(model.projector) * sum(lengths) / image.merge_size**2
        pairs = sum(
            int(visible(batch.layout[row : row + 1], batch.layout[row : row + 1]).sum())
            for row in range(len(batch.token_ids))
        )
        attention = 12 * text.hidden_size * text.num_layers * pairs
        attention += 12 * image.hidden_size * image.num_layers * sum(n * n for n in lengths)
        total += decoder + head * labelled + encoder + projector + attention
    return total


def _per_position(part: nn.Module) -> float:
    """FLOPs of the linear layers of a part for one position, forward and backward."""
    total = 0
    for module in part.modules():
        if isinstance(module, nn.Linear):
            total += (6 if module.weight.requires_grad else 4) * module.weight.numel()
        if isinstance(module, LoraLinear):
            total += 6 * (module.lora_a.numel() + module.lora_b.numel())
        if isinstance(module, PatchEmbed) and module.weight.requires_grad:
            total += 6 * module.weight.numel()
    return float(total)


def time_steps(
    run: Run, config: TrainConfig, steps: Sequence[Step], *, warm_up: int, count: int
) -> dict[str, float]:
    """Median time of an update after a warm-up, and what follows from it; steps are taken in turn.

    Processor time says more than seconds on a machine that others use; it is that of all threads together.
    """
    device = run.ranks.device
    window = Window(config, run.ranks, time.monotonic())
    run.model.train()
    before = peak_memory(device)
    times, cpu_times, rates, flop_rates = [], [], [], []
    flops = [model_flops(run.model, step) for step in steps]
    for number in range(warm_up + count):
        at = number % len(steps)
        began, cpu_began = time.perf_counter(), time.process_time()
        learn(run, steps[at], config, window)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - began
        run.step += 1
        if number == 0:
            first = seconds
        if number >= warm_up:
            times.append(seconds)
            cpu_times.append(time.process_time() - cpu_began)
            rates.append((steps[at].num_positions / seconds, steps[at].num_samples / seconds))
            flop_rates.append(flops[at] / seconds)
    window.check()
    step = steps[0]
    return {
        "seconds": round(statistics.median(times), 4),
        "cpu_seconds": round(statistics.median(cpu_times), 4),
        "first_step_seconds": round(first, 2),
        "tokens_per_s": round(statistics.median(r for r, _ in rates), 1),
        "samples_per_s": round(statistics.median(r for _, r in rates), 2),
        "peak_memory_mb": round(peak_memory(device) / 1e6),
        "step_memory_mb": round((peak_memory(device) - before) / 1e6),
        "model_tflop_per_step": round(statistics.mean(flops) / 1e12, 4),
        "model_tflop_per_s": round(statistics.median(flop_rates) / 1e12, 4),
        "positions": step.num_positions,
        "samples": step.num_samples,
        "filled": round(step.num_positions / sum(b.token_ids.numel() for b in step.batches), 4),
    }


def peak_memory(device: torch.device) -> int:
    """Bytes: on a GPU the most that torch has had allocated, else this process's highest resident memory."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts kilobytes


def in_fresh_process(script: Path, arguments: Sequence[str], timeout: float | None = None) -> dict[str, Any]:
    """Run a case of a benchmark in a process of its own: its last line is JSON.

    A case that fails or takes too long gives {"error": its last words}; the others go on.
    """
    command = [sys.executable, str(script), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {timeout:.0f} s"}
    if done.returncode:
        return {"error": " | ".join(done.stderr.strip().splitlines()[-3:])[-600:]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
