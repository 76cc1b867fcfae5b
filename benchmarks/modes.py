"""What each decode mode costs and finds with real answers of the bundled model, and whose answers are equal.

    python benchmarks/modes.py [--images 40] [--model DIR] [--out result.json]

Questions about freshly rendered emoji (seeds from 500 on), one row at a time in float32, then one and 16 rows
in bfloat16. Seconds are of the process, vision included. The last line of output is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

import locany
from locany.data.sample import Question
from locany.device import tune_cpu_allocator
from locany.eval.detection import count, total
from locany.results import Detections
from locany.synth.icons import render

FIRST_SEED = 500
MODES = ("slow", "verified", "hybrid", "fast")
CASES = (("float32", 1), ("bfloat16", 1), ("bfloat16", 16))


def places(answer: Detections) -> list[tuple[Any, ...]]:
    """What an answer says, without its scores."""
    return [(found.label, found.xyxy, found.point) for found in answer]


def measure(model: str | None, dtype: str, rows: int, samples: list[Any]) -> dict[str, dict[str, Any]]:
    """Of each mode: seconds, steps, F1, and how many answers are those of `slow`."""
    asked: list[tuple[Any, Question]] = [(s.pixels(), q) for s in samples for q in s.questions]
    found: dict[str, dict[str, Any]] = {}
    answers: dict[str, list[Detections]] = {}
    for mode in MODES:
        locator = locany.load(model, device="cpu", dtype=dtype, max_rows=rows)
        locator.locate(samples[0].pixels(), asked[0][1].task, mode=mode)  # what is only made once
        before, began = locator.engine.stats.num_steps, time.process_time()
        answers[mode] = locator.locate_many(((image, q.task) for image, q in asked), mode=mode)
        seconds = time.process_time() - began
        counts = total(count(q, answer) for (_, q), answer in zip(asked, answers[mode], strict=True))
        stats = locator.engine.stats
        found[mode] = {
            "cpu_seconds": round(seconds, 2),
            "steps": stats.num_steps - before,
            "f1": round(counts.f1, 4),
            "equal_to_slow": sum(
                places(a) == places(b) for a, b in zip(answers[mode], answers["slow"], strict=True)
            ),
            "drafts": stats.num_drafts,
            "accepted": stats.num_accepted,
        }
        print(dtype, rows, mode, found[mode], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--model", help="checkpoint folder; default: the bundled one")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_cpu_allocator()
    samples = [render(FIRST_SEED + number) for number in range(options.images)]
    result = {
        "benchmark": "modes",
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "model": options.model or "locany-mini",
        "torch": torch.__version__,
        "questions": sum(len(sample.questions) for sample in samples),
        "targets": sum(len(q.targets) for sample in samples for q in sample.questions),
        "cases": {f"{dtype}, {rows}": measure(options.model, dtype, rows, samples) for dtype, rows in CASES},
    }
    line = json.dumps(result)
    if options.out:
        options.out.write_text(line + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main()
