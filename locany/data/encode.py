"""From a sample to the arrays that are learnt from (spec `training` 2.2 to 2.5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locany.codec.answer import Bins, write_answer
from locany.codec.prompts import prefix_ids, question_ids, suffix_ids
from locany.codec.tokenizer import Tokenizer
from locany.data.sample import Question, Sample, Target
from locany.data.streams import Streams, branched_streams
from locany.errors import DataError
from locany.geometry import to_bins
from locany.image import PreprocessConfig, preprocess
from locany.tasks import TaskKind


@dataclass(frozen=True)
class EncodedSample:
    """One sample, ready for a batch.

    Attributes:
        streams: token arrays.
        pixel_values: [patches, 3, patch, patch] float32 of its images, in the order of their image tokens.
        grids: patch rows and columns of each image; empty for text alone.
        object_bins: [objects, 4] bins of everything in the first image, for auxiliary losses.
        object_labels: their names.
    """

    streams: Streams
    pixel_values: np.ndarray
    grids: tuple[tuple[int, int], ...]
    object_bins: np.ndarray
    object_labels: tuple[str, ...]


def target_bins(target: Target, size_wh: tuple[int, int], max_bin: int, *, point: bool) -> Bins:
    """Bins of a target: two for a point (its own, else the centre of its box), four for a box.

    Raises:
        DataError: the target lacks what the task asks for, or its coordinates are no box.
    """
    values = target.point if point and target.point is not None else target.xyxy
    if values is None:
        lacks = "neither a point nor a box" if point else "no box, but the task asks for boxes"
        raise DataError(f"target {target.label!r} has {lacks}")
    if not all(math.isfinite(v) for v in values):
        raise DataError(f"target {target.label!r} has coordinates that are no numbers: {values}")
    if len(values) == 4:
        x1, y1, x2, y2 = values
        if x1 > x2 or y1 > y2:
            raise DataError(
                f"target {target.label!r} has an inverted box {values}; expected x0 <= x1 and y0 <= y1"
            )
        values = ((x1 + x2) / 2, (y1 + y2) / 2) if point else values
    return tuple(int(b) for b in to_bins(np.asarray(values), size_wh, max_bin + 1))


def answer_groups(question: Question, size_wh: tuple[int, int], max_bin: int) -> list[tuple[str, list[Bins]]]:
    """Targets grouped under their label, in the order in which they are to be written.

    Categories keep the order of the question, scene text is ordered by its first box; boxes of one label are
    sorted by the x, then the y of the top-left corner, which learns best (spec `training` 2.3).
    """
    task, point = question.task, question.task.expects_points
    if task.kind is TaskKind.TEXT:
        if any(not t.label for t in question.targets):
            raise DataError(
                "a target of a text task has no transcription; its label is what is written there"
            )
        boxes = [(target_bins(t, size_wh, max_bin, point=False), t.label) for t in question.targets]
        return [(label, [bins]) for bins, label in sorted(boxes)]
    labels = task.categories if task.takes_categories else (task.phrase,)
    groups: dict[str, list[Bins]] = {label: [] for label in labels}
    for target in question.targets:
        if target.label not in groups:
            raise DataError(
                f"target {target.label!r} answers none of the labels asked for: {', '.join(labels)}"
            )
        groups[target.label].append(target_bins(target, size_wh, max_bin, point=point))
    return [(label, sorted(boxes)) for label, boxes in groups.items()]


def encode_sample(tokenizer: Tokenizer, sample: Sample, config: PreprocessConfig) -> EncodedSample:
    """Preprocess the image and write both streams of every question.

    Raises:
        DataError: a question and its targets do not fit together.
    """
    vocab = tokenizer.vocab
    width, height = sample.size_wh
    patches = preprocess(sample.pixels(), config)
    prefix = prefix_ids(tokenizer, [patches.num_visual_tokens])
    branches: list[tuple[Sequence[int], Sequence[int]]] = []
    for question in sample.questions:
        groups = answer_groups(question, (width, height), vocab.max_bin)
        if not groups:  # scene text on an image without any
            groups = [("", [])]
        branches.append(
            (suffix_ids(tokenizer, question_ids(tokenizer, question.task)), write_answer(tokenizer, groups))
        )
    boxes = [target_bins(t, (width, height), vocab.max_bin, point=False) for t in sample.objects]
    return EncodedSample(
        streams=branched_streams(vocab, prefix, branches),
        pixel_values=patches.pixel_values,
        grids=(patches.grid_hw,),
        object_bins=np.asarray(boxes, dtype=np.int64).reshape(-1, 4),
        object_labels=tuple(t.label for t in sample.objects),
    )
