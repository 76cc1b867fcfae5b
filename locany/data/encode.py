"""From a sample to the arrays that are learnt from (spec `training` 2.2 to 2.5)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locany.codec.answer import Bins, write_answer
from locany.codec.formulation import Formulation
from locany.codec.prompts import prefix_ids, question_ids, suffix_ids
from locany.codec.tokenizer import Tokenizer
from locany.data.answers import BoxOrder
from locany.data.characters import NOT_KNOWN, cell_characters
from locany.data.sample import Question, Sample, Target, place_of
from locany.data.streams import Streams, branched_streams
from locany.data.truth import (
    TEXTS,
    THINGS,
    UNKNOWN,
    DenseTruth,
    cell_objects,
    is_text,
    name_of,
    written_objects,
)
from locany.errors import DataError
from locany.geometry import to_bins
from locany.image import Patches, PreprocessConfig, preprocess
from locany.tasks import TaskKind


@dataclass(frozen=True)
class EncodedSample:
    """One sample, ready for a batch.

    Attributes:
        streams: token arrays.
        pixels: [patches, 3, patch, patch] uint8 of its images, in the order of their image tokens; they are
            normalised on the device, a quarter of the bytes to carry there.
        grids: patch rows and columns of each image; empty for text alone.
        truth: what stands where, for auxiliary losses; None where it is not known.
    """

    streams: Streams
    pixels: np.ndarray
    grids: tuple[tuple[int, int], ...]
    truth: DenseTruth | None = None

    def __len__(self) -> int:
        """Positions of both streams."""
        return len(self.streams)


Branch = tuple[Sequence[int], Sequence[int]]  # ids of a question and of its answer
OUTSIDE_SLACK = 1.0  # pixels; annotations are often rounded outwards
_TOLD: set[str] = set()  # files of which this process has warned


def target_bins(target: Target, size_wh: tuple[int, int], max_bin: int, *, point: bool) -> Bins:
    """Bins of a target: two for a point (its own, else the centre of its box), four for a box.

    Raises:
        DataError: the target lacks what the task asks for, its coordinates are no box, or they lie more than
            `OUTSIDE_SLACK` outside the image.
    """
    values = target.point if point and target.point is not None else target.xyxy
    if values is None:
        lacks = "neither a point nor a box" if point else "no box, but the task asks for boxes"
        raise DataError(f"target {target.label!r} has {lacks}")
    if not all(math.isfinite(v) for v in values):
        raise DataError(f"target {target.label!r} has coordinates that are no numbers: {values}")
    width, height = size_wh
    limits = (width, height) * (len(values) // 2)
    if any(not -OUTSIDE_SLACK <= v <= limit + OUTSIDE_SLACK for v, limit in zip(values, limits, strict=True)):
        raise DataError(
            f"target {target.label!r} lies at {values}, outside its image of {width} x {height} pixels; "
            "clip it, or check whether it belongs to this image"
        )
    if len(values) == 4:
        x1, y1, x2, y2 = values
        if x1 > x2 or y1 > y2:
            raise DataError(
                f"target {target.label!r} has an inverted box {values}; expected x0 <= x1 and y0 <= y1"
            )
        values = ((x1 + x2) / 2, (y1 + y2) / 2) if point else values
    return tuple(int(b) for b in to_bins(np.asarray(values), size_wh, max_bin + 1))


def in_order(boxes: Sequence[Bins], order: BoxOrder, rng: np.random.Generator | None = None) -> list[Bins]:
    """Boxes or points of one label in the order in which they are written; equal ones once.

    Two targets in the same bins cannot be told apart by an answer, and writing one twice teaches to repeat.

    Args:
        rng: for `BoxOrder.RANDOM`, which needs one.
    """
    found = sorted(set(boxes))
    if order is BoxOrder.RANDOM:
        assert rng is not None, "a random order needs an rng"
        return [found[i] for i in rng.permutation(len(found)).tolist()]
    if order is BoxOrder.CENTER:
        found.sort(key=_distance)
    elif order is BoxOrder.AREA:
        found.sort(key=lambda bins: -_area(bins))
    return found


def _distance(bins: Bins) -> int:
    """Squared distance of the doubled centre from the origin: exact, and in the same order."""
    return (bins[0] + bins[-2]) ** 2 + (bins[1] + bins[-1]) ** 2


def _area(bins: Bins) -> int:
    return (bins[-2] - bins[0]) * (bins[-1] - bins[1])


def answer_groups(
    question: Question,
    size_wh: tuple[int, int],
    max_bin: int,
    order: BoxOrder = BoxOrder.CORNER,
    rng: np.random.Generator | None = None,
) -> list[tuple[str, list[Bins]]]:
    """Targets grouped under their label, in the order in which they are to be written (spec `training` 2.3).

    Categories keep the order of the question. Scene text is not grouped: each box comes with its own label,
    and `order` is that of the whole answer.
    """
    task, point = question.task, question.task.expects_points
    if task.kind is TaskKind.TEXT:
        return _text_groups(question, size_wh, max_bin, order, rng)
    labels = task.categories if task.takes_categories else (task.phrase,)
    groups: dict[str, list[Bins]] = {label: [] for label in labels}
    for target in question.targets:
        if target.label not in groups:
            raise DataError(
                f"target {target.label!r} answers none of the labels asked for: {', '.join(labels)}"
            )
        groups[target.label].append(target_bins(target, size_wh, max_bin, point=point))
    return [(label, in_order(boxes, order, rng)) for label, boxes in groups.items()]


def _text_groups(
    question: Question,
    size_wh: tuple[int, int],
    max_bin: int,
    order: BoxOrder,
    rng: np.random.Generator | None,
) -> list[tuple[str, list[Bins]]]:
    labels: dict[Bins, list[str]] = {}
    for target in question.targets:
        if not target.label:
            raise DataError(
                "a target of a text task has no transcription; its label is what is written there"
            )
        said = labels.setdefault(target_bins(target, size_wh, max_bin, point=False), [])
        if target.label not in said:
            said.append(target.label)
    return [(label, [bins]) for bins in in_order(list(labels), order, rng) for label in sorted(labels[bins])]


def encode_sample(
    tokenizer: Tokenizer,
    sample: Sample,
    config: PreprocessConfig,
    *,
    order: BoxOrder = BoxOrder.CORNER,
    rng: np.random.Generator | None = None,
    max_positions: int | None = None,
) -> EncodedSample:
    """Preprocess the image and write both streams of every question.

    Args:
        order: of the boxes of one label.
        rng: a random order and blocks of a fixed length use it; see `answers.answer_rng`.
        max_positions: of both streams together; questions that do not fit are passed over, with a warning
            where one would not even fit alone; if none fits, the shortest is asked.

    Raises:
        DataError: a question and its targets do not fit together.
    """
    vocab = tokenizer.vocab
    width, height = sample.size_wh
    patches = preprocess(sample.pixels(), config)
    prefix = prefix_ids(tokenizer, [patches.num_visual_tokens])
    branches: list[Branch] = []
    for question in sample.questions:
        groups = answer_groups(question, (width, height), vocab.max_bin, order, rng)
        if not groups:  # scene text on an image without any
            groups = [("", [])]
        branch = (
            suffix_ids(tokenizer, question_ids(tokenizer, question.task)),
            write_answer(tokenizer, groups),
        )
        branches.append(branch)
    if branches and max_positions is not None:
        sizes = [len(branched_streams(vocab, prefix, [branch])) - len(prefix) for branch in branches]
        branches = _fitting(branches, sizes, max_positions - len(prefix))
        if max(sizes) + len(prefix) > max_positions and "renderer" not in sample.provenance:
            place, needed = place_of(sample.provenance), max(sizes) + len(prefix)
            _tell_once(str(sample.provenance.get("file", "")), place, needed, max_positions)
    is_fixed = rng is not None and vocab.formulation is Formulation.FIXED
    offset = int(rng.integers(vocab.block_size)) if rng is not None and is_fixed else 0
    streams = branched_streams(vocab, prefix, branches, offset)
    truth = dense_truth(tokenizer, sample, streams, patches) if sample.objects else None
    return EncodedSample(streams, patches.pixels, (patches.grid_hw,), truth)


def _tell_once(file: str, place: str, needed: int, room: int) -> None:
    """Warn that a question is never learnt; of one file the first one is named."""
    if file not in _TOLD:
        _TOLD.add(file)
        warnings.warn(
            f"{place}: a question and its answer take {needed} positions with the image, a pack holds "
            f"{room}; such questions are never learnt. Raise stream.pack.budget of the recipe",
            stacklevel=2,
        )


def _fitting(branches: list[Branch], sizes: list[int], room: int) -> list[Branch]:
    """Branches that have room one after the other, in their order; at least the shortest."""
    kept = []
    for branch, size in zip(branches, sizes, strict=True):
        if size <= room:
            kept.append(branch)
            room -= size
    return kept or branches[sizes.index(min(sizes)) :][:1]


def dense_truth(tokenizer: Tokenizer, sample: Sample, streams: Streams, patches: Patches) -> DenseTruth:
    """What stands at every visual token of a sample's image, and which object every written box is about."""
    vocab = tokenizer.vocab
    boxes = [target_bins(target, sample.size_wh, vocab.max_bin, point=False) for target in sample.objects]
    bins = np.asarray(boxes, dtype=np.int64).reshape(-1, 4)
    level_of = [TEXTS if is_text(target) else THINGS for target in sample.objects]
    levels = [[k for k, found in enumerate(level_of) if found == level] for level in (THINGS, TEXTS)]
    cells = [cell_objects(bins, patches.grid_hw, patches.merge_size, vocab.max_bin, n) for n in levels]
    characters = cell_characters(
        [sample.objects[k] for k in levels[TEXTS]], sample.size_wh, patches.grid_hw, patches.merge_size
    )
    for numbers, (owner, _) in zip(levels, cells, strict=True):
        if not numbers:  # nothing says that this image was looked through for such objects
            owner[:] = UNKNOWN
    if not levels[TEXTS]:
        characters[:] = NOT_KNOWN
    labels = tuple(name_of(target) for target in sample.objects)
    return DenseTruth(
        bins=bins,
        labels=labels,
        label_ids=tuple(tuple(tokenizer.encode_plain(label)) for label in labels),
        owner=np.stack([owner for owner, _ in cells]),
        reach=np.stack([reach for _, reach in cells]),
        characters=characters,
        writes=written_objects(streams, bins, vocab),
    )
