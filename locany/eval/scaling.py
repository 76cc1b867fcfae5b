"""Throughput against the number of boxes, for every way of writing them; answers are scripted.

The same network, the same prompt and image, one request at a time; what differs is how many tokens a box
takes and how many of them a step writes. Blocks of a fixed length are shown as if every proposed token were
kept: their best case, since a model without training is sure of nothing.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from locany.codec.formulation import Formulation
from locany.codec.vocab import Vocab
from locany.engine import DecodeMode
from locany.eval.scripted import script
from locany.eval.shapes import Shape
from locany.eval.throughput import Bench

BOXES = (20, 50, 100, 200, 300)
SIDE = 448  # pixels of the image
_DIGITS, _COMMA = tuple(range(20, 30)), 30  # any plain words will do


@dataclass(frozen=True)
class Way:
    """One curve."""

    title: str
    formulation: Formulation
    mode: DecodeMode


WAYS = (
    Way("digits, one by one", Formulation.DIGITS, DecodeMode.SLOW),
    Way("coordinate tokens, one by one", Formulation.TOKENS, DecodeMode.SLOW),
    Way("any 6 tokens, all kept", Formulation.FIXED, DecodeMode.FAST),
    Way("parallel boxes, verified", Formulation.PARALLEL, DecodeMode.VERIFIED),
    Way("parallel boxes, hybrid", Formulation.PARALLEL, DecodeMode.HYBRID),
    Way("parallel boxes, fast", Formulation.PARALLEL, DecodeMode.FAST),
)


def in_formulation(vocab: Vocab, formulation: Formulation) -> Vocab:
    """The same ids, read in another way."""
    digits, comma = (_DIGITS, _COMMA) if formulation is Formulation.DIGITS else ((), -1)
    return replace(vocab, formulation=formulation, digits=digits, comma=comma)


def untrained(shape: Shape) -> Shape:
    """The same sizes with random weights, and room for answers in digits."""
    text = replace(shape.config.text, max_positions=16384)
    return replace(shape, config=replace(shape.config, text=text), folder=None)


def measure_scaling(shape: Shape, boxes: Sequence[int] = BOXES, rounds: int = 3) -> dict[str, Any]:
    """Boxes per second of processor time, image and prompt included: the median of rounds, taken in turns."""
    device = torch.device("cpu")
    benches = {
        f: Bench(replace(shape, vocab=in_formulation(shape.vocab, f)), device, torch.bfloat16)
        for f in Formulation
    }
    found: dict[tuple[str, int], list[float]] = {}
    for number in [boxes[0], *[n for _ in range(rounds) for n in boxes]]:  # the first is a warm-up
        for way in WAYS:
            bench = benches[way.formulation]
            answer = script(bench.vocab, number)
            took = bench.answer(answer, way.mode, images=[bench.new_image(bench.grid(SIDE))])
            found.setdefault((way.title, number), []).append(number / took.cpu_s)
    lines = [
        {
            "title": way.title,
            "boxes_per_s": [round(statistics.median(found[way.title, n][-rounds:]), 1) for n in boxes],
        }
        for way in WAYS
    ]
    num_threads = torch.get_num_threads()
    threads = "one thread" if num_threads == 1 else f"{num_threads} threads"
    what = (
        f"Shape {shape.name}, bfloat16, image of {SIDE} x {SIDE} pixels, {threads}, "
        f"median of {rounds} rounds, processor time; answers are scripted, the compute is real."
    )
    return {"boxes": list(boxes), "lines": lines, "what": what}
