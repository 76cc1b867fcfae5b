"""F1 of a checkpoint on freshly rendered images (unseen seeds), per task and decode mode.

    python scripts/evaluate_mini.py [--model DIR] [--images 200] [--fonts held-out] [--out result.json]

Evaluation takes seeds 0, 1, 2, ...; training takes seeds from a million up (`recipes/mini.py`).
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict

import torch

import locany
from locany.eval.detection import Counts, count
from locany.synth.icons import IconsConfig, render
from locany.tasks import TaskKind


def group_of(kind: TaskKind) -> str:
    """The line of the table that a question counts in."""
    lines = {
        TaskKind.FIND_TEXT: "find a word",
        TaskKind.POINT: "point to icons",
        TaskKind.TEXT: "read all words",
    }
    return lines.get(kind, "find icons")


def evaluate(locator: locany.Locator, modes: list[str], num_images: int, font_split: str) -> dict:
    """Counts per mode and group; all groups together under "all"."""
    samples = [render(seed, IconsConfig(split=font_split)) for seed in range(num_images)]
    asked = [(sample.pixels(), question) for sample in samples for question in sample.questions]
    result: dict = {}
    for mode in modes:
        groups: dict[str, Counts] = defaultdict(Counts)
        began = time.perf_counter()
        answers = locator.locate_many(((image, q.task) for image, q in asked), mode=mode, max_new_tokens=256)
        seconds = time.perf_counter() - began
        for (_, question), answer in zip(asked, answers, strict=True):
            counts = count(question, answer)
            groups[group_of(question.task.kind)] += counts
            groups["all"] += counts
        result[mode] = {
            name: {
                "f1": round(c.f1, 4),
                "precision": round(c.precision, 4),
                "recall": round(c.recall, 4),
                "targets": c.num_targets,
                "absent_right": round(c.num_absent_right / c.num_absent, 4) if c.num_absent else None,
            }
            for name, c in sorted(groups.items())
        } | {
            "questions": len(asked),
            "seconds": round(seconds, 1),
            "truncated": sum(a.truncated for a in answers),
            "dropped": sum(bool(a.dropped) for a in answers),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--fonts", default="train", choices=("train", "held-out"))
    parser.add_argument("--modes", nargs="+", default=["fast", "hybrid", "slow"])
    parser.add_argument("--device")
    parser.add_argument("--dtype")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    locator = locany.load(arguments.model, device=arguments.device, dtype=arguments.dtype, max_rows=32)
    result = evaluate(locator, arguments.modes, arguments.images, arguments.fonts)
    document = {"model": locator.name, "images": arguments.images, "fonts": arguments.fonts, "modes": result}
    print(json.dumps(document, indent=1))
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)


if __name__ == "__main__":
    main()
