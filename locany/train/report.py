"""What is said of a run while it goes: means over the steps since the last line, speed, and what is left.

Numbers stay where they were computed until a line is due, so that reporting never makes a GPU wait.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.data.collate import Batch
from locany.data.loader import Step
from locany.data.streams import IGNORE
from locany.engine.params import DecodeMode
from locany.errors import TrainingError
from locany.train.config import TrainConfig
from locany.train.optim import rate_scale
from locany.train.ranks import Ranks

# What a target is: of the next-token stream, or a slot of a block of some kind. Nulls are counted apart from
# the block that they fill up; a label is also free text; a box is also a point.
KINDS = ("next_token", "label", "box", "negative", "end", "null")
_NEXT_TOKEN, _LABEL, _BOX, _NEGATIVE, _END, _NULL = range(len(KINDS))
_NOTHING = len(KINDS)

Numbers: TypeAlias = dict[str, tuple[Tensor | float, Tensor | float]]  # name to (sum, what the mean is over)

TIMES = (  # differ from run to run
    "minutes",
    "minutes_left",
    "tokens_per_s",
    "samples_per_s",
    "memory_gib",
    *(f"boxes_per_s_{mode.value}" for mode in DecodeMode),
)


def kinds_of(batch: Batch, vocab: Vocab) -> Tensor:
    """[rows, positions] the place in `KINDS` of every target, their number where nothing is asked."""
    targets, block = batch.targets, batch.layout.block
    in_block = block >= 0
    whose = torch.stack((batch.layout.sample, block))
    starts = in_block.clone()
    starts[:, 1:] &= (whose[:, :, 1:] != whose[:, :, :-1]).any(0)
    first_at = starts.flatten().nonzero()[:, 0]
    first = targets.flatten()[first_at]
    second = targets.flatten()[(first_at + 1).clamp(max=targets.numel() - 1)]
    negative = torch.isin(second, torch.tensor(sorted(vocab.none_ids)))
    kind = torch.full_like(first, _LABEL)
    kind[first == vocab.box] = _BOX
    kind[(first == vocab.box) & negative] = _NEGATIVE
    kind[first == vocab.end] = _END
    kinds = torch.full_like(targets, _NEXT_TOKEN)
    number = starts.flatten().cumsum(0).view_as(targets) - 1
    kinds[in_block] = kind[number[in_block]]
    kinds[in_block & (targets == vocab.null)] = _NULL
    kinds[targets == IGNORE] = _NOTHING
    return kinds


def numbers_by_kind(nll: Tensor, correct: Tensor, kinds: Tensor) -> Numbers:
    """Loss and accuracy of each kind of target. All are [rows, positions]: losses, 0 or 1, and kinds."""
    kinds = kinds.flatten()
    values = torch.stack((nll.flatten(), correct.flatten(), torch.ones_like(nll).flatten()), dim=1)
    sums = values.new_zeros(_NOTHING + 1, 3).index_add(0, kinds, values)
    numbers: Numbers = {"next_token_acc": (sums[_NEXT_TOKEN, 1], sums[_NEXT_TOKEN, 2])}
    for number, name in enumerate(KINDS[1:], start=1):
        numbers[name] = (sums[number, 0], sums[number, 2])
        numbers[f"{name}_acc"] = (sums[number, 1], sums[number, 2])
    return numbers


class Window:
    """The steps since the last line.

    Args:
        config: of the run; ranks: that run it.
        began: `time.monotonic` when this process began.
        minutes_before: that earlier processes worked on this run.
    """

    def __init__(self, config: TrainConfig, ranks: Ranks, began: float, minutes_before: float = 0.0):
        self.config, self.ranks, self.began = config, ranks, began
        self.minutes_before, self.seconds = minutes_before, 0.0
        self.numbers: list[Numbers] = []
        self.unchecked: list[tuple[int, Tensor, Tensor]] = []
        self.num_steps = 0
        self.seconds_per_step = 0.0
        self.since = time.monotonic()

    def add(self, step: int, loss: Tensor, norm: Tensor, numbers: list[Numbers], learnt: Step) -> None:
        """Take in a step: its loss, the gradient's norm, what its forwards report, what was learnt from."""
        self.unchecked.append((step, loss, norm))
        self.numbers += numbers
        rows, positions = learnt.num_rows, learnt.num_positions
        self.numbers.append(
            {
                "grad": (norm, 1),
                "packed": (positions, rows * self.config.stream.pack.budget),
                "samples": (learnt.num_samples, 1 / self.ranks.count),
                "tokens": (positions, 1 / self.ranks.count),
            }
        )
        self.num_steps += 1
        if self.ranks.device.type == "cpu":
            self.check()  # nothing to wait for

    def check(self) -> None:
        """Look at the losses of all steps since the last look. To be done before anything is saved.

        Raises:
            TrainingError: one of them, or a gradient, is not a number.
        """
        if not self.unchecked:
            return
        found = torch.stack([torch.stack((loss, norm)).float() for _, loss, norm in self.unchecked]).tolist()
        for (step, _, _), (loss, norm) in zip(self.unchecked, found, strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise TrainingError(
                    f"the loss is {loss} at step {step} (norm of the gradient: {norm}); lower optim.muon_lr "
                    "and optim.adam_lr, or optim.grad_clip, and run again: it goes on from the newest state"
                )
        self.unchecked = []

    def line(self, step: int, sigma: float) -> dict[str, float]:
        """The numbers to log after `step` steps, and begin anew. Every rank must ask.

        A token is a position of a sample, text or visual token, of both streams, without padding.
        """
        self.check()
        sums: dict[str, list[float]] = {}
        for found in self.ranks.gather(_added_up(self.numbers)):
            for name, (value, weight) in found.items():
                total = sums.setdefault(name, [0.0, 0.0])
                total[0], total[1] = total[0] + value, total[1] + weight
        means = {name: value / weight for name, (value, weight) in sums.items() if weight}
        now = time.monotonic()
        seconds, minutes = (self.seconds + now - self.since) / self.num_steps, (now - self.began) / 60
        before = self.seconds_per_step or seconds
        self.seconds_per_step = 0.7 * before + 0.3 * seconds
        left = (self.config.steps - step) * self.seconds_per_step / 60
        if self.config.minutes:
            left = max(0.0, min(left, self.config.minutes - minutes))
        tokens = means.pop("tokens")
        memory: dict[str, float] = {}
        if self.ranks.device.type == "cuda":
            memory["memory_gib"] = round(torch.cuda.max_memory_allocated(self.ranks.device) / 2**30, 2)
        self.numbers, self.num_steps, self.seconds = [], 0, 0.0
        self.start_clock()
        return {
            "step": step,
            "rate": round(rate_scale(step - 1, self.config.steps, self.config.optim), 4),  # share of its peak
            "sigma": round(sigma, 2),
            **{name: round(mean, 4) for name, mean in means.items()},
            "tokens_per_s": round(tokens / seconds, 1),
            "samples_per_s": round(means["samples"] / seconds, 1),
            **memory,
            "minutes": round(self.minutes_before + minutes, 1),
            "minutes_left": round(left, 1),
        }

    def stop_clock(self) -> None:
        """What follows, until `start_clock`, is no training."""
        self.seconds += time.monotonic() - self.since

    def start_clock(self) -> None:
        self.since = time.monotonic()


def _added_up(all_numbers: list[Numbers]) -> dict[str, tuple[float, float]]:
    """Sums and weights as plain numbers: one wait for the device, if they are on one."""
    names = [name for numbers in all_numbers for name in numbers]
    parts = [part for numbers in all_numbers for pair in numbers.values() for part in pair]
    tensors = [part.detach().float() for part in parts if isinstance(part, Tensor)]
    fetched = iter(torch.stack(tensors).tolist() if tensors else ())
    plain = iter([next(fetched) if isinstance(part, Tensor) else part for part in parts])
    sums: dict[str, tuple[float, float]] = {}
    for name, value, weight in zip(names, plain, plain, strict=True):
        before = sums.get(name, (0.0, 0.0))
        sums[name] = (before[0] + value, before[1] + weight)
    return sums


def line_for_people(line: Mapping[str, float], num_steps: int) -> str:
    """A report of `Window.line` to read in a terminal."""
    if "loss" in line:
        names = {"next_token": "next token", "block": "block"}
        streams = ", ".join(f"{title} {line[name]:.3f}" for name, title in names.items() if name in line)
        right = line["block_acc" if "block_acc" in line else "next_token_acc"]  # not every model has blocks
        learnt = f"loss {line['loss']:.3f} ({streams}, {100 * right:.0f} % right)"
    else:
        learnt = ", ".join(
            f"{name} {line[name]:.3f}"
            for name in ("present", "name", "thing_iou", "char_acc")
            if name in line
        )
    step = f"step {line['step']:{len(str(num_steps))}} of {num_steps}"
    speed = f"{line['tokens_per_s']:,.0f} tokens/s, packs {100 * line['packed']:.0f} % full"
    return f"{step}  {learnt}  {speed}  {_left(line['minutes_left'])}"


def scores_for_people(step: int, scores: Mapping[str, float]) -> str:
    """An evaluation to read in a terminal."""
    return f"step {step} measured: " + ", ".join(f"{name} {value:.3f}" for name, value in scores.items())


def _left(minutes: float) -> str:
    if minutes < 1:
        return "less than a minute left"
    hours, minutes = divmod(round(minutes), 60)
    return f"{hours} h {minutes:02} min left" if hours else f"{minutes} min left"
