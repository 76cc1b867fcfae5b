"""Pages of blocks drawn at random: rendered, exact, the same again, and never in the way of the others."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from locany.data.sample import Sample
from locany.errors import DataError
from locany.synth.documents import DocumentsConfig, render
from tests.unit.test_documents import digest

pytestmark = pytest.mark.usefixtures("needs_render")

PLAIN = DocumentsConfig(side=(308, 476), density=(0.0, 0.3), scan_rate=0.3, num_questions=10)
MIXED = replace(PLAIN, mixed_rate=1.0)
SEEDS = range(6)


@cache
def page(seed: int) -> Sample:
    return render(seed, MIXED)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mixed_page_has_exact_boxes_and_questions(seed: int) -> None:
    sample = page(seed)
    assert sample.provenance["template"] == "mixed"
    width, height = sample.size_wh
    boxes = [target.xyxy for target in sample.objects if target.xyxy]
    assert len(boxes) > 8
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
    assert sample.questions


def test_mixed_pages_hold_many_categories() -> None:
    regions = [{t.label for t in page(seed).objects if t.attributes["level"] == "region"} for seed in SEEDS]
    assert len(set().union(*regions)) >= 8
    assert max(map(len, regions)) >= 4


def test_a_large_mixed_page_renders() -> None:
    sample = render(2, replace(MIXED, side=(900, 900), density=(1.0, 1.0)))
    assert {t.attributes["level"] for t in sample.objects} >= {"region", "line", "word"}


def test_the_same_seed_gives_the_same_mixed_page() -> None:
    for seed in (1, 4):
        assert digest(render(seed, MIXED)) == digest(page(seed))


def test_templates_are_the_same_beside_mixed_pages() -> None:
    assert digest(render(3, replace(PLAIN, mixed_rate=1e-12))) == digest(render(3, PLAIN))
    assert render(3, PLAIN).provenance["template"] != "mixed"


def test_a_mixed_rate_that_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="mixed_rate"):
        DocumentsConfig(mixed_rate=1.5)
    with pytest.raises(DataError, match="held-out"):
        DocumentsConfig(split="held-out", mixed_rate=0.2)
