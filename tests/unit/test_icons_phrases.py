"""Every description is true of all and only its targets: read back from its words by a second hand.

The oracle here knows nothing of `locany.synth.phrases`: it parses the English and looks at the boxes.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from locany.data.sample import Question, Sample, Target
from locany.synth.icons import IconsConfig, render
from locany.synth.icons.catalogue import catalogue
from locany.tasks import TaskKind

COLORS = "red|orange|yellow|green|blue|purple|pink|brown|black|white|gray"
# What lies behind the objects does not matter here.
PLAIN: dict[str, Any] = {"busy": 0.0, "screens": 0.0, "blur_rate": 0.0, "jpeg_rate": 0.0, "word_share": 0.0}
CONFIG = IconsConfig.rich(num_questions=16, negative_rate=0.3, synonym_rate=0.0, max_objects=10, **PLAIN)
SIDES = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "over": (1, -1)}
SIDES |= {"below": (1, 1), "under": (1, 1)}
PHRASED = (TaskKind.GROUND, TaskKind.REFER, TaskKind.POINT)

pytestmark = pytest.mark.usefixtures("needs_render")


def box(t: Target) -> tuple[float, float, float, float]:
    assert t.xyxy is not None
    return t.xyxy


def middle(t: Target) -> tuple[float, float]:
    x0, y0, x1, y1 = box(t)
    return (x0 + x1) / 2, (y0 + y1) / 2


def area(t: Target) -> float:
    x0, y0, x1, y1 = box(t)
    return (x1 - x0) * (y1 - y0)


def nouns(phrase: str, things: list[Target]) -> list[Target]:
    """What "star", "red star" or "red icon" is true of; to name a colour, all must be known."""
    color, name = "", phrase
    if match := re.fullmatch(rf"({COLORS}) (.+)", phrase):
        color, name = match.groups()
    everything = {t.attributes["type"] for t in things} == {name}
    group = things if everything else [t for t in things if t.label == name]
    if color:
        assert all("color" in t.attributes for t in group), phrase
        return [t for t in group if t.attributes["color"] == color]
    return group


def oracle(phrase: str, things: list[Target], size_wh: tuple[int, int]) -> tuple[list[Target], str]:
    """What a phrase is true of, and its form; asserts that no case is a close call."""
    width, height = size_wh
    if match := re.fullmatch(r"(.+?) (?:to the )?(left of|right of|above|over|below|under) the (.+)", phrase):
        group, anchors = nouns(match[1], things), nouns(match[3], things)
        assert len(anchors) == 1, phrase
        ax, ay = middle(anchors[0])
        axis, sign = SIDES[match[2]]
        found = []
        for thing in group:
            along = (middle(thing)[axis] - (ax, ay)[axis]) * sign
            across = abs(middle(thing)[1 - axis] - (ax, ay)[1 - axis])
            if along > 0:
                assert across < along, f"{phrase}: more beside than {match[2]}"
                found.append(thing)
        return found, "relation"
    if match := re.fullmatch(r"(.+) (?:closest|nearest) to the (.+)", phrase):
        group, anchors = nouns(match[1], things), nouns(match[2], things)
        assert len(anchors) == 1, phrase
        far = sorted(
            (float(np.hypot(*np.subtract(middle(t), middle(anchors[0])))), i) for i, t in enumerate(group)
        )
        assert far[1][0] > 1.25 * far[0][0], phrase
        return [group[far[0][1]]], "relation"
    if match := re.fullmatch(r"(.+) in the (top|bottom) (left|right) corner", phrase):
        far_x, far_y = match[3] == "right", match[2] == "bottom"
        found = []
        for thing in nouns(match[1], things):
            x, y = middle(thing)[0] / width, middle(thing)[1] / height
            x, y = 1 - x if far_x else x, 1 - y if far_y else y
            assert max(x, y) <= 0.36 or max(x, y) >= 0.49, phrase
            if max(x, y) < 0.4:
                found.append(thing)
        return found, "place"
    if match := re.fullmatch(r"(.+) (?:on the (left|right) side|in the (upper|lower) half)", phrase):
        axis = 0 if match[2] else 1
        far = match[2] == "right" or match[3] == "lower"
        found = []
        for thing in nouns(match[1], things):
            share = middle(thing)[axis] / size_wh[axis]
            assert abs(share - 0.5) > 0.05, phrase
            if (share > 0.5) == far:
                found.append(thing)
        return found, "place"
    ends = {"leftmost": (0, 0), "rightmost": (0, -1), "topmost": (1, 0), "bottommost": (1, -1)}
    if match := re.fullmatch(rf"({'|'.join(ends)}) (.+)", phrase):
        axis, rank = ends[match[1]]
        group = sorted(nouns(match[2], things), key=lambda t: middle(t)[axis])
        return clear_rank(group, axis, rank % len(group), phrase), "order"
    if match := re.fullmatch(r"(second|third|fourth) (.+) from the (left|right|top|bottom)", phrase):
        axis = 0 if match[3] in ("left", "right") else 1
        rank = ("second", "third", "fourth").index(match[1]) + 1
        group = sorted(nouns(match[2], things), key=lambda t: middle(t)[axis])
        assert 2 <= len(group) <= 7
        return clear_rank(
            group, axis, -1 - rank if match[3] in ("right", "bottom") else rank, phrase
        ), "order"
    if match := re.fullmatch(r"(largest|biggest|smallest) (.+)", phrase):
        group = sorted(nouns(match[2], things), key=area)
        ends_of = group[:2] if match[1] == "smallest" else group[-2:]
        assert area(ends_of[1]) > 1.4 * area(ends_of[0]), phrase
        return [group[0] if match[1] == "smallest" else group[-1]], "size"
    if match := re.fullmatch(r"(small|large|big) (.+)", phrase):
        group = sorted(nouns(match[2], things), key=area)
        jumps = [area(b) / area(a) for a, b in pairwise(group)]
        cut = int(np.argmax(jumps)) + 1
        assert jumps[cut - 1] > 2.2, phrase
        return group[:cut] if match[1] == "small" else group[cut:], "size"
    return nouns(phrase, things), "color" if re.match(rf"({COLORS}) ", phrase) else "name"


def clear_rank(group: list[Target], axis: int, rank: int, phrase: str) -> list[Target]:
    at = [middle(t)[axis] for t in group]
    rank %= len(group)
    gaps = [abs(at[rank] - at[i]) for i in (rank - 1, rank + 1) if 0 <= i < len(at)]
    assert min(gaps) > 9, phrase
    return [group[rank]]


def targets(question: Question) -> Counter:
    return Counter(t.xyxy for t in question.targets)


def samples(config: IconsConfig, count: int) -> list[Sample]:
    return [render(seed, config) for seed in range(count)]


def test_descriptions_are_true_of_all_and_only_their_targets() -> None:
    forms: Counter = Counter()
    negatives: Counter = Counter()
    for sample in samples(CONFIG, 160):
        things = list(sample.objects)
        for question in sample.questions:
            if question.task.kind not in PHRASED:
                continue
            phrase = question.task.phrase
            expected, form = oracle(phrase, things, sample.size_wh)
            assert targets(question) == Counter(t.xyxy for t in expected), (phrase, sample.provenance)
            assert all(t.label == phrase for t in question.targets)
            if question.task.kind is TaskKind.REFER:
                assert len(question.targets) == 1
            forms[form] += 1
            negatives[form] += not question.targets
    assert all(forms[form] > 40 for form in ("name", "color", "size", "place", "order", "relation")), forms
    assert all(negatives[form] > 5 for form in ("name", "color", "place", "relation")), negatives


def test_categories_cover_all_and_only_their_targets_and_never_the_same() -> None:
    colored = 0
    for sample in samples(CONFIG, 120):
        for question in sample.questions:
            if question.task.kind is not TaskKind.DETECT:
                continue
            assert len(question.task.categories) <= CONFIG.max_categories
            expected = [(category, t.xyxy) for category in question.task.categories
                        for t in nouns(category, list(sample.objects))]  # fmt: skip
            assert Counter((t.label, t.xyxy) for t in question.targets) == Counter(expected)
            assert len({t.xyxy for t in question.targets}) == len(question.targets)
            colored += any(re.match(rf"({COLORS}) ", c) for c in question.task.categories)
    assert colored > 20


def test_absent_names_cannot_be_taken_for_what_is_there() -> None:
    concepts = catalogue(CONFIG.icon_sets)
    absent = 0
    for sample in samples(CONFIG, 120):
        shown = {t.label for t in sample.objects}
        for question in sample.questions:
            phrase = question.task.phrase
            if question.task.kind in PHRASED and phrase in concepts.concepts and phrase not in shown:
                assert not any(concepts.alike(phrase, name) for name in shown)
                assert not question.targets
                absent += 1
    assert absent > 20


def test_another_name_means_the_same_things() -> None:
    config = IconsConfig.rich(synonym_rate=1.0, forms=(("name", 1.0),), num_questions=8, **PLAIN)
    concepts = catalogue(config.icon_sets)
    renamed = 0
    for sample in samples(config, 60):
        things = list(sample.objects)
        for question in sample.questions:
            for phrase in question.task.categories or (question.task.phrase,):
                if question.task.kind in (TaskKind.TEXT, TaskKind.FIND_TEXT):
                    continue
                found = Counter(t.xyxy for t in question.targets if t.label == phrase)
                meant = {n for n in {t.label for t in things} if phrase in concepts.concepts[n].phrases}
                assert len(meant) <= 1, (phrase, meant)
                assert found == Counter(t.xyxy for t in things if t.label in meant)
                renamed += bool(meant) and phrase not in meant
    assert renamed > 40
