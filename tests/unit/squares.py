"""A render engine for tests: coloured squares on grey, in no time; and steps that misbehave on purpose."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from locany.data.sample import Question, Sample, Target
from locany.errors import DataError, MissingAssetsError
from locany.pipeline.steps import Dropped, Item, Step
from locany.tasks import Task

NAME = "squares"
VERSION = 1

_COLORS = {"red": (220, 40, 40), "green": (40, 160, 60), "blue": (40, 70, 220)}


@dataclass(frozen=True)
class Config:
    """How many squares at most, and which seeds give what no training set should have."""

    split: str = "train"
    side: int = 96
    max_squares: int = 4
    blank_every: int = 0  # every so many seeds: an empty image
    silent_every: int = 0  # ... : no questions
    repeat_every: int = 0  # ... : the image of seed 0
    seconds: float = 0.0  # that one sample takes


def render(seed: int, config: Config = Config(), *, step: float = 1.0) -> Sample:
    time.sleep(config.seconds)
    if config.repeat_every and seed % config.repeat_every == 0:
        drawn = 0
    else:
        drawn = seed
    rng = np.random.default_rng((77, VERSION, drawn))
    pixels = np.full((config.side, config.side, 3), 150, np.uint8)
    targets = []
    blank = config.blank_every and seed % config.blank_every == 1
    for _ in range(0 if blank else int(rng.integers(1, config.max_squares + 1))):
        color = list(_COLORS)[int(rng.integers(3))]
        side = int(rng.integers(8, 40))
        x, y = (int(v) for v in rng.integers(0, config.side - side, 2))
        pixels[y : y + side, x : x + side] = _COLORS[color]
        targets.append(Target(color, (float(x), float(y), float(x + side), float(y + side))))
    reds = tuple(target for target in targets if target.label == "red")
    questions: tuple[Question, ...] = (
        Question(Task.detect(list(_COLORS)), tuple(targets)),
        Question(Task.ground("red"), reds),
    )
    if config.silent_every and seed % config.silent_every == 2:
        questions = ()
    provenance = {"renderer": NAME, "seed": seed, "version": VERSION}
    return Sample(pixels, questions, tuple(targets), provenance)


def names_used(config: Config) -> Mapping[str, tuple[str, ...]]:
    return {"fonts": ("inter",)}


@dataclass(frozen=True)
class DieAt(Step):
    """End the process at one seed: every time, or until `witness` is there."""

    number: int
    witness: str = ""

    def apply(self, item: Item) -> Item:
        if item.number == self.number and not (self.witness and Path(self.witness).exists()):
            if self.witness:
                Path(self.witness).touch()
            os._exit(13)
        return item


@dataclass(frozen=True)
class FailAt(Step):
    """Raise at one seed: our own error, or a bug."""

    number: int
    bug: bool = False

    def apply(self, item: Item) -> Item:
        if item.number == self.number:
            raise ZeroDivisionError("a bug") if self.bug else DataError("this will not do")
        return item


@dataclass(frozen=True)
class HangAt(Step):
    """Never come back from one seed."""

    number: int

    def apply(self, item: Item) -> Item:
        if item.number == self.number:
            time.sleep(600)
        return item


@dataclass(frozen=True)
class EvenOnly(Step):
    """Drop odd seeds."""

    def apply(self, item: Item) -> Item:
        if item.number % 2:
            raise Dropped("odd")
        return item


@dataclass(frozen=True)
class LackAt(Step):
    """Miss a browser at one seed."""

    number: int

    def apply(self, item: Item) -> Item:
        if item.number == self.number:
            raise MissingAssetsError("no browser here; run: locany data setup")
        return item
