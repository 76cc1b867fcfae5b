"""Reading and locating at once: a region counts when its own text is right."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.matching import num_matched
from locany.eval.metrics.places import boxes_of_places, boxes_of_truth, in_crowd
from locany.eval.metrics.profile import (
    THRESHOLDS,
    Profile,
    account,
    answer_of,
    harmonic_mean,
    triple,
    unreadable,
)
from locany.geometry import iou_matrix, match


@dataclass(frozen=True)
class TextRule:
    """When two texts are equal.

    Attributes:
        exact: character by character. Otherwise after compatibility composition (Unicode NFKC: a full-width
            digit is a digit), without case, and with any white space as one blank.
        punctuation: whether it counts; False leaves out all characters of the Unicode classes P and S.
    """

    exact: bool = False
    punctuation: bool = True

    def __call__(self, text: str) -> str:
        """The form that is compared."""
        if not self.exact:
            text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        if not self.punctuation:
            text = "".join(char for char in text if unicodedata.category(char)[0] not in "PS")
        return text if self.exact else " ".join(text.split())


NORMALISED = TextRule()


@dataclass(frozen=True)
class _Page:
    """One example: [N, 4] found and [M, 4] true boxes with their texts, don't-care regions taken out.

    What could not be read is among the found with a box of no size, which matches nothing.
    """

    found: np.ndarray
    texts: list[str]
    true: np.ndarray
    true_texts: list[str]


def score_text(
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    profile: Profile,
    *,
    rule: TextRule = NORMALISED,
) -> dict[str, Any]:
    """Text with its place, counted over all regions of all images together.

    `published` is the published count, in which a region may be read as anything that stands elsewhere in the
    image (spec `evaluation` 6.3, B6). `fixed`: a region is right when its IoU with a target is at least the
    threshold and its own text equals that of the target, one to one. Outlines are taken as the boxes around
    them. Don't-care regions (`Truth.crowd`, under any text) are not to be found; a region that matches no
    target's place at IoU 0.5 and lies in one by half of its area does not count.

    Args:
        examples: with targets by transcription.
        predictions: by id, by transcription; none is nothing found.
        profile: how to count.
        rule: when texts are equal, for `fixed`.

    Returns:
        `f1@`, `precision@`, `recall@` 0.5, 0.95 and mean, of place and text; `detection_f1@0.5` (with
        precision and recall) of the place alone; `1-ned@0.5`, one minus the edit distance over the longer
        length, mean of the regions whose place is right at 0.5; `1-ned_all@0.5`, the same with every
        unmatched region and target as 0; `num_targets`, `num_found`, and `account`.
    """
    if profile is Profile.PUBLISHED:
        from locany.eval.metrics.boxes import score_boxes

        return score_boxes(examples, predictions, profile)
    pages = [_page(example, predictions, rule) for example in examples]
    num_found, num_true = sum(len(p.found) for p in pages), sum(len(p.true) for p in pages)
    pairs = np.zeros(len(THRESHOLDS), dtype=np.int64)
    num_placed, likeness = 0, 0.0
    for page in pages:
        places = iou_matrix(page.found, page.true)
        equal = np.asarray([[a == b for b in page.true_texts] for a in page.texts], dtype=bool)
        pairs += num_matched(places * equal.reshape(places.shape), THRESHOLDS)
        for row, column in match(places, THRESHOLDS[0]):
            num_placed += 1
            likeness += 1 - edit_share(page.texts[row], page.true_texts[column])
    precision = pairs / num_found if num_found else np.zeros(len(pairs))
    recall = pairs / num_true if num_true else np.zeros(len(pairs))
    f1 = [harmonic_mean(p, r) for p, r in zip(precision.tolist(), recall.tolist(), strict=True)]
    placed = (num_placed / num_found if num_found else 0.0, num_placed / num_true if num_true else 0.0)
    num_regions = num_found + num_true - num_placed
    return {
        **triple("0.5", precision[0], recall[0]),
        **triple("0.95", precision[-1], recall[-1]),
        **triple("mean", precision.mean(), recall.mean(), float(np.mean(f1))),
        **{f"detection_{name}": value for name, value in triple("0.5", *placed).items()},
        "1-ned@0.5": likeness / num_placed if num_placed else 0.0,
        "1-ned_all@0.5": likeness / num_regions if num_regions else 1.0,
        "num_targets": num_true,
        "num_found": num_found,
        **account(examples, predictions, profile),
    }


def edit_share(a: str, b: str) -> float:
    """Edit distance (insert, delete, replace) over the longer length: 0 for equal texts, at most 1."""
    if a == b:
        return 0.0
    row = np.arange(len(b) + 1)
    codes = np.asarray([ord(char) for char in b], dtype=np.int64)
    for number, char in enumerate(a, 1):
        fresh = np.minimum(row[1:] + 1, row[:-1] + (codes != ord(char)))
        # Insertions run along the row: the least of all entries to the left, plus the way from there.
        steps = np.arange(len(b) + 1)
        row = np.minimum.accumulate(np.concatenate([[number], fresh]) - steps) + steps
    return float(row[-1]) / max(len(a), len(b))


def _page(example: Example, predictions: Mapping[str, Prediction], rule: TextRule) -> _Page:
    prediction = answer_of(example, predictions) or Prediction(example.id)
    targets = boxes_of_truth(example)
    true = np.concatenate([*targets.values(), np.zeros((0, 4))])
    true_texts = [rule(text) for text, boxes in targets.items() for _ in boxes]
    places: list[Place] = [place for found in prediction.found.values() for place in found]
    texts = [rule(text) for text, found in prediction.found.items() for _ in found]
    num_unreadable = unreadable(prediction)
    places += [()] * num_unreadable
    texts += [""] * num_unreadable
    boxes = boxes_of_places(places)
    regions = [region for group in example.truth.crowd.values() for region in group]
    if regions:
        kept = ~in_crowd(places, regions)
        kept[[row for row, _ in match(iou_matrix(boxes, true), THRESHOLDS[0])]] = True
        boxes, texts = boxes[kept], [text for text, keep in zip(texts, kept, strict=True) if keep]
    return _Page(boxes, texts, true, true_texts)
