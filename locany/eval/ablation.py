"""One run of the ablation study, measured: where its boxes are, and how many steps and seconds they took.

`recipes/ablation/study.py` says what the runs differ in; `ablation_report.py` puts them beside each other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from locany.codec.formulation import Formulation
from locany.data.sample import Question, Sample
from locany.engine import DecodeMode, Thresholds
from locany.engine.modes import DECODES
from locany.eval.detection import count, total
from locany.eval.metrics.profile import THRESHOLDS
from locany.locator import Locator
from locany.results import Detections

PREFIX_SCORES = (0.5, 0.7, 0.9)  # of blocks of a fixed length: how sure a token must be to be kept
MAX_NEW_TOKENS = 384


def measure(locator: Locator, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """A line for every way in which the checkpoint decodes.

    Args:
        locator: the checkpoint.
        samples: every question of every one is asked, one after the other: seconds are those of batch 1.
            Machines are shared, so they are the processor's; on one thread that is what answers need.

    Returns:
        For each: mode, prefix_score (None but for blocks of a fixed length), precision, recall and F1 of
        boxes at IoU 0.5, 0.95 and as the mean over 0.5, 0.55, ... 0.95 (micro averages); points, their F1;
        absent_right, the share of absent names answered with nothing; boxes, those that are right,
        tokens, steps, seconds of the processor; truncated answers.
    """
    lines = []
    formulation = locator.tokenizer.vocab.formulation
    for mode in DECODES[formulation]:
        is_fixed = formulation is Formulation.FIXED and mode is DecodeMode.FAST
        for prefix_score in PREFIX_SCORES if is_fixed else (None,):
            options: dict[str, Any] = {
                "mode": mode.value,
                "max_new_tokens": MAX_NEW_TOKENS,
                "hold_labels": False,
            }
            if prefix_score is not None:
                options["thresholds"] = Thresholds(prefix_score=prefix_score)
            lines.append(
                {"mode": mode.value, "prefix_score": prefix_score, **_one(locator, samples, options)}
            )
    return lines


def _one(locator: Locator, samples: Sequence[Sample], options: dict[str, Any]) -> dict[str, Any]:
    pairs: list[tuple[Question, Detections]] = []
    seconds = 0.0
    for sample in samples:
        pixels = sample.pixels()
        for question in sample.questions:
            began = time.process_time()
            pairs.append((question, locator.locate(pixels, question.task, **options)))
            seconds += time.process_time() - began
    boxes = [(q, a) for q, a in pairs if not q.task.expects_points]
    points = total(count(q, a) for q, a in pairs if q.task.expects_points)
    everything = total(count(q, a) for q, a in pairs)
    by_iou = [total(count(q, a, iou) for q, a in boxes) for iou in THRESHOLDS]
    shares = {name: [getattr(c, name) for c in by_iou] for name in ("precision", "recall", "f1")}
    found: dict[str, Any] = {}
    for name, values in shares.items():
        found |= {
            f"{name}@0.5": round(values[0], 4),
            f"{name}@0.95": round(values[-1], 4),
            f"{name}@mean": round(float(np.mean(values)), 4),
        }
    return {
        **found,
        "points": round(points.f1, 4),
        "absent_right": round(everything.absent_right, 4),
        "boxes": sum(len(a) for _, a in pairs),
        "right": everything.num_matched,
        "tokens": sum(a.stats["num_tokens"] for _, a in pairs),
        "steps": sum(a.stats["num_steps"] for _, a in pairs),
        "cpu_seconds": round(seconds, 3),
        "truncated": sum(a.truncated for _, a in pairs),
        "questions": len(pairs),
    }
