"""The document pages: exact boxes, the same in any process, questions that have one answer."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from locany.data.record import sample_to_json
from locany.data.sample import Sample, Target
from locany.errors import DataError
from locany.synth.browser import browser
from locany.synth.documents import DocumentsConfig, engine, names_used, render
from locany.synth.documents.ask import Asker, found_in
from locany.synth.documents.languages.lexicon import LANGUAGES, lexicon
from locany.synth.documents.languages.writer import Writer
from locany.synth.documents.naming import named_regions
from locany.synth.documents.templates.registry import TEMPLATES
from locany.synth.documents.truth import Line, Region, Truth, Word, plain
from locany.synth.splits import HELD_OUT
from locany.tasks import TaskKind

pytestmark = pytest.mark.usefixtures("needs_render")

SMALL = DocumentsConfig(side=(420, 620))
HELD = HELD_OUT["document_templates"]


def digest(sample: Sample) -> str:
    record = json.dumps(sample_to_json(sample), sort_keys=True)
    return hashlib.sha256(sample.pixels().tobytes() + record.encode()).hexdigest()


def only(template: str, language: str = "en", **more: Any) -> DocumentsConfig:
    """A config for one kind of page, clean and whole."""
    settings: dict[str, Any] = {"side": (600, 600), "crop_rate": 0.0, "scan_rate": 0.0, **more}
    split = "held-out" if template in HELD else "train"
    return DocumentsConfig(split=split, templates=(template,), languages=((language, 1.0),), **settings)


@cache
def page(template: str, language: str, seed: int) -> tuple[np.ndarray, Truth]:
    config = only(template, language)
    pixels, truth, _ = engine.lay_out(seed, engine.draw_plan(seed, config), config.split)
    return pixels, truth


@cache
def some(seed: int) -> Sample:
    return render(seed, SMALL)


EVERY_PAGE = [(name, LANGUAGES[i % len(LANGUAGES)], i) for i, name in enumerate(TEMPLATES)]


def test_the_same_seed_gives_the_same_bytes() -> None:
    for seed in (3, 8):
        assert digest(render(seed, SMALL)) == digest(some(seed))


def test_another_process_gives_the_same_bytes() -> None:
    script = (
        "from tests.unit.test_documents import SMALL, digest, render\n"
        "render(70, SMALL)\n"  # what was rendered before does not matter
        "print(digest(render(3, SMALL)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(some(3))


@pytest.mark.parametrize(("template", "language", "seed"), EVERY_PAGE)
def test_every_box_lies_inside_the_page(template: str, language: str, seed: int) -> None:
    pixels, truth = page(template, language, seed)
    height, width = pixels.shape[:2]
    boxes = [thing.box for thing in (*truth.words, *truth.lines, *truth.regions)]
    assert len(boxes) > 8
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height


@pytest.mark.parametrize(("template", "language", "seed"), EVERY_PAGE)
def test_regions_hold_their_words(template: str, language: str, seed: int) -> None:
    _, truth = page(template, language, seed)
    boxes: dict[int, list[tuple[float, ...]]] = {}
    for region in truth.regions:
        boxes.setdefault(region.element, []).append(region.box)
    inside = 0
    for word in truth.words:
        for element in word.elements:
            assert any(holds(box, word.box) for box in boxes[element]), word.text
            inside += 1
    assert inside >= 0.8 * len(truth.words), "nearly every word belongs to a region"


def holds(outer: tuple[float, ...], inner: tuple[float, ...], slack: float = 0.01) -> bool:
    low = outer[0] <= inner[0] + slack and outer[1] <= inner[1] + slack
    return low and outer[2] >= inner[2] - slack and outer[3] >= inner[3] - slack


# Shows one word alone at its place: the highlight colours a stretch of text without touching the layout.
ALONE = """([text, left, top]) => {
  const style = document.createElement('style');
  style.textContent = `* { color: transparent !important; background: none !important;
      border-color: transparent !important; fill: transparent !important; stroke: transparent !important;
      column-rule-color: transparent !important; }
    html { background: #fff !important; } img { visibility: hidden !important; }
    ::highlight(alone) { color: #000; }`;
  document.head.append(style);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const data = walker.currentNode.data;
    if (walker.currentNode.parentElement.closest('svg')) continue;
    for (let at = data.indexOf(text); at >= 0; at = data.indexOf(text, at + 1)) {
      range.setStart(walker.currentNode, at);
      range.setEnd(walker.currentNode, at + text.length);
      const r = range.getBoundingClientRect();
      if (Math.abs(r.left - left) < 0.6 && Math.abs(r.top - top) < 0.6) {
        CSS.highlights.set('alone', new Highlight(range));
        return true;
      }
    }
  }
  return false;
}"""


@pytest.mark.parametrize(
    ("template", "language", "seed"),
    [("paper", "en", 1), ("newspaper", "ru", 2), ("form", "zh", 3), ("letter", "ar", 4), ("report", "ja", 5)],
)
def test_the_word_alone_fills_its_box(template: str, language: str, seed: int) -> None:
    config = only(template, language, side=(900, 900))
    plan = engine.draw_plan(seed, config)
    _, truth, _ = engine.lay_out(seed, plan, config.split)
    checked = 0
    for i in np.random.default_rng(seed).permutation(len(truth.words))[:14].tolist():
        word = truth.words[i]
        place = [word.text, word.rect[0] / plan.scale, word.rect[1] / plan.scale]
        if not browser().evaluate(ALONE, place):
            continue  # hyphenated, or made of two stretches
        ink = browser().screenshot()[..., 1] < 205
        ys, xs = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        seen = (xs[0], ys[0], xs[-1] + 1, ys[-1] + 1)
        assert np.abs(np.subtract(seen, word.box)).max() <= 2.5, (word.text, seen, word.box)
        checked += 1
    assert checked >= 8


def test_lines_follow_each_other_as_they_are_read() -> None:
    _, truth = page("book", "en", 7)
    column = [line.box for line in truth.lines if len(line.words) > 4]
    assert len(column) > 5
    assert [box[1] for box in column] == sorted(box[1] for box in column)
    for line in truth.lines:
        lefts = [word.box[0] for word in line.words]
        assert lefts == sorted(lefts)
    _, arabic = page("letter", "ar", 4)
    longest = max(arabic.lines, key=lambda line: len(line.words))
    assert longest.words[0].box[0] > longest.words[-1].box[0], "the first word stands at the right"


def test_a_paragraph_broken_by_a_column_is_two_regions() -> None:
    _, truth = page("newspaper", "de", 221)
    for region in truth.regions:
        if region.category == "text":
            same = [r for r in truth.regions if r.element == region.element]
            if len(same) > 1:
                assert same[0].box[2] <= same[1].box[0]
                assert not region.names, "neither half is the whole paragraph"
                return
    pytest.fail("no paragraph of this page is broken; choose another seed")


def test_questions_differ_and_their_texts_are_unique() -> None:
    negatives = asked = 0
    for seed in range(8):
        sample = some(seed)
        width, height = sample.size_wh
        keys = [(q.task.kind, tuple(sorted(q.task.categories)), q.task.phrase) for q in sample.questions]
        assert len(keys) == len(set(keys)) >= 8
        written = plain(" ".join(t.label for t in sample.objects if t.attributes["level"] == "line"))
        for question in sample.questions:
            for target in question.targets:
                assert inside(target, width, height)
            if question.task.kind is TaskKind.FIND_TEXT:
                assert written.count(plain(question.task.phrase)) == len(question.targets)
            if question.task.kind is TaskKind.LAYOUT:
                asked += 1
                negatives += not question.targets
                assert {t.label for t in question.targets} <= set(question.task.categories)
            if question.task.kind is TaskKind.POINT:
                assert all(t.point is not None for t in question.targets)
    assert 0.05 < negatives / asked < 0.5


def inside(target: Target, width: int, height: int) -> bool:
    assert target.xyxy is not None
    x0, y0, x1, y1 = target.xyxy
    return 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height


def test_a_crop_cuts_no_word() -> None:
    config = DocumentsConfig(side=(420, 620), crop_rate=1.0, scan_rate=0.0)
    for seed in range(4):
        sample = render(seed, config)
        assert sample.provenance["cropped"]
        assert all(inside(target, *sample.size_wh) for target in sample.objects)


def test_training_meets_no_held_out_font_or_template() -> None:
    for split in ("train", "held-out"):
        used = names_used(DocumentsConfig(split=split))
        for kind, names in used.items():
            held = {name in HELD_OUT[kind] for name in names}
            # a script with a single family counts for both splits
            assert held == {split == "held-out"} or (kind == "fonts" and split == "held-out" and True in held)
    for seed in range(8):
        assert some(seed).provenance["template"] not in HELD
        assert not set(some(seed).provenance["fonts"]) & HELD_OUT["fonts"]


def test_the_curriculum_starts_with_less_and_larger_text() -> None:
    config = replace(SMALL, crop_rate=0.0)  # a part of a page holds less, too
    early, late = ([render(seed, config, step=step) for seed in range(4, 8)] for step in (0.0, 1.0))
    for sample, full in zip(early, late, strict=True):
        assert sample.provenance["look"] == "born digital"
        assert sample.provenance["template"] == full.provenance["template"]

    def words(samples: list[Sample]) -> int:
        return sum(t.attributes["level"] == "word" for sample in samples for t in sample.objects)

    assert words(early) < words(late)


def test_wrong_configs_say_what_is_right() -> None:
    with pytest.raises(DataError, match="held-out"):
        DocumentsConfig(split="test")
    with pytest.raises(DataError, match="templates are some of"):
        DocumentsConfig(templates=(next(iter(HELD)),))
    with pytest.raises(DataError, match="languages are some of"):
        DocumentsConfig(languages=(("xx", 1.0),))
    with pytest.raises(DataError, match="from 0"):
        render(-1)


def test_languages_have_the_same_labels() -> None:
    english = lexicon("en")
    for code in LANGUAGES:
        words = lexicon(code)
        assert set(words.labels) == set(english.labels)
        assert len(words.fields) == len(english.fields)
        assert len(words.dishes) % 4 == 0
        assert len(words.months) == 12


def test_a_word_broken_at_a_line_end_is_two_words_with_a_hyphen() -> None:
    _, truth = page("newspaper", "de", 221)
    broken = [line for line in truth.lines if line.text.endswith("-")]
    assert len(broken) >= 2
    for line in broken:
        last = line.words[-1]
        follower = truth.words[truth.words.index(last) + 1]
        if follower.block == last.block:  # else the rest is on the next page
            assert follower.text[0].islower()
            whole = last.text[:-1] + follower.text
            column_ends = [r for r in truth.regions if r.element in last.elements]
            assert len(column_ends) > 1 or any(whole in region.text for region in truth.regions)


def test_a_text_over_the_end_of_a_line_is_neither_absent_nor_the_only_one() -> None:
    asker = asker_of(["网络", "安全很好。"], "zh")
    assert not asker._is_absent("网络安全")
    assert asker._is_absent("城市")
    asker = asker_of(["the climate of the cli-", "mate report"], "en")
    assert not asker._is_unique("climate")
    assert asker._is_unique("report")


def asker_of(lines: list[str], language: str) -> Asker:
    made = tuple(Line(text, (0, 20 * i, 90, 20 * i + 15), ()) for i, text in enumerate(lines))
    truth = Truth((), made, (), True)
    found = found_in(truth, None)
    return Asker(
        np.random.default_rng(0), found, truth, DocumentsConfig(), None, language=language, min_text=5.0
    )


def test_a_logo_or_a_signature_is_not_called_the_picture() -> None:
    def phrases(*parts: str) -> set[str]:
        regions = [
            Region("picture", part, (), (0, 99 * i, 50, 99 * i + 50), "", i, ())
            for i, part in enumerate(parts)
        ]
        truth = Truth((), (), tuple(regions), True)
        return {name for name, _ in named_regions(truth, found_in(truth, None).regions, " ")}

    assert phrases("photo") == {"the picture"}
    assert not phrases("signature")
    assert not phrases("photo", "logo")


def test_yen_have_no_cents() -> None:
    assert Writer(np.random.default_rng(0), "ja").money(123450) == "¥123,450"
    assert Writer(np.random.default_rng(0), "en").money(123450) == "$1,234.50"


def test_what_cannot_be_read_is_not_quoted() -> None:
    def names(size: float) -> list[str]:
        word = Word("Some", (0, 0, 20, 9), (0, 0, 20, 9), 0, (), size)
        line = Line("Some", (0, 0, 20, 9), (word,))
        region = Region(
            "text", "", ("the field 'Street'", "the first paragraph"), (0, 0, 20, 9), "Some", 0, ()
        )
        truth = Truth((word,), (line,), (region,), True)
        found, rng = found_in(truth, None), np.random.default_rng(0)
        asker = Asker(rng, found, truth, DocumentsConfig(), None, language="en", min_text=8.0)
        assert (asker._find_text() is None) or size > 5
        return [name for name, _ in asker.named]

    assert "the field 'Street'" in names(9.0)
    assert names(4.0) == ["the first paragraph", "the paragraph"]
