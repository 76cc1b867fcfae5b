"""Screens that look like nothing: any widgets in any order, words of any meaning, looks of no toolkit."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from locany.data.sample import Sample
from locany.errors import DataError
from locany.synth import gui
from locany.synth.fonts import families
from locany.synth.gui import GuiConfig
from locany.synth.gui.engine import compose, show
from locany.synth.gui.labels import Labels, dictionary
from locany.synth.gui.looks import free_look
from locany.synth.gui.phrases import Describer
from locany.synth.gui.theme import contrast, draw_theme
from locany.synth.gui.truth import Thing, Truth
from locany.synth.gui.wording import plain
from locany.synth.gui.words import LANGUAGES
from locany.tasks import TaskKind

SMALL = GuiConfig(viewports=(((448, 448), 1.0), ((364, 532), 1.0)), scales=((1.0, 1.0),))
STRANGE = replace(SMALL, mixed_rate=1.0, random_words_rate=1.0, free_look_rate=1.0, languages=(("en", 1.0),))
SEEDS = range(9_000_000, 9_000_006)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [gui.render(seed, STRANGE) for seed in SEEDS]


def test_every_page_is_asked_about_and_boxes_lie_inside(samples: list[Sample]) -> None:
    roles: set[str] = set()
    for sample in samples:
        assert sample.provenance["template"] == "mixed"
        height, width = sample.pixels().shape[:2]
        assert sum(q.task.kind in (TaskKind.GUI, TaskKind.GUI_POINT) for q in sample.questions) >= 3
        for target in sample.objects:
            x0, y0, x1, y1 = target.xyxy
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            roles.add(target.label)
    assert len(roles) >= 7, roles


def test_same_seed_same_page(samples: list[Sample]) -> None:
    again = gui.render(SEEDS[0], STRANGE)
    assert _digest(again) == _digest(samples[0])


def test_words_at_random_say_nothing_about_what_a_control_does() -> None:
    """What a label promises is never asked; what an icon shows still is."""
    found = 0
    for seed in SEEDS:
        page = compose(seed, replace(SMALL, random_words_rate=1.0))
        assert page.facts["random_words"]
        for element in page.elements:
            if element.label or not element.icon:
                assert not element.action
                assert not element.thing
            found += bool(element.action)
    assert found


def test_other_pages_stay_as_they_are() -> None:
    rates = ("mixed_rate", "random_words_rate", "free_look_rate", "beside_rate", "link_rate")
    least = replace(SMALL, **dict.fromkeys(rates, 1e-12))
    for seed in SEEDS:
        plain = compose(seed, SMALL)
        assert compose(seed, least).html == plain.html
        assert not any(element.rivals for element in plain.elements)
        assert not {"random_words", "free_look", "labels_beside"} & set(plain.facts)
        words = compose(seed, replace(SMALL, random_words_rate=1.0))
        for fact in ("template", "toolkit", "icon_sets", "viewport", "theme", "fonts"):
            assert plain.facts[fact] == words.facts[fact]


def test_labels_hardly_repeat_and_are_well_written() -> None:
    labels = Labels(np.random.default_rng(0), "en")
    drawn = {labels.label() for _ in range(300)}
    assert len(drawn) > 280  # hardly ever the same twice
    assert all(label == label.strip() and "  " not in label for label in drawn)


def test_no_control_is_asked_for_by_what_another_seems_to_do() -> None:
    """A basket among icons is not "the" way to the basket where a button says so, or shows one."""
    asked = 0
    for seed in range(9_000_000, 9_000_040):
        page = compose(seed, replace(SMALL, mixed_rate=1.0))
        things = tuple(Thing(e, (0, 0, 9, 9), (4, 4), "", True) for e in page.elements)
        describer = Describer(np.random.default_rng(seed), Truth(things, ()), page.size_wh)
        for phrase in describer.all():
            if phrase.level == "action":
                asked += 1
                mine = phrase.thing.element
                for e in page.elements:
                    assert e is mine or mine.action not in (e.action, e.icon)
    assert asked > 40


def test_random_words_name_no_place_that_only_words_would_tell() -> None:
    regions = set()
    for seed in range(9_000_000, 9_000_060):
        for element in compose(seed, replace(SMALL, random_words_rate=1.0)).elements:
            regions |= set(element.regions)
    assert "header" in regions
    assert not regions & {"cookie banner", "filter panel", "place card", "comments"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words(language: str) -> None:
    assert len(dictionary(language)) > 150
    labels = Labels(np.random.default_rng(1), language)
    assert all(labels.label() for _ in range(50))
    assert labels.like("three plain words")


def test_fields_stand_beside_their_labels_where_asked() -> None:
    """In a browser, for every toolkit: the box of a field and that of its label's text share a height."""
    config = replace(SMALL, templates=("profile",), languages=(("en", 1.0),), frame_rate=0.0)
    for toolkit in config.toolkit_names():
        for rate in (0.0, 1.0):
            beside, pairs = 0, 0
            one = replace(config, toolkits=(toolkit,), beside_rate=rate)
            for seed in SEEDS[:3]:
                sample = gui.render(seed, one)
                assert sample.provenance.get("labels_beside", False) is bool(rate)
                for target in sample.objects:
                    if target.label not in ("text field", "drop-down") or not target.text:
                        continue
                    # What is typed in may be the same word.
                    words = [o.xyxy for o in sample.objects if o.label == "text" and o.text == target.text]
                    x0, y0, *_ = target.xyxy
                    pairs += bool(words)
                    beside += any(word[2] <= x0 and word[3] > y0 for word in words)
            assert pairs >= 3, toolkit
            assert beside == (pairs if rate else 0), f"{toolkit}: {beside} of {pairs}"


def test_links_stand_among_words_and_their_line_is_read_as_one() -> None:
    config = replace(SMALL, mixed_rate=1.0, link_rate=1.0, languages=(("en", 1.0),))
    longer = 0
    with_links = [
        seed for seed in range(SEEDS[0], SEEDS[0] + 80) if '<div class="x-prose' in compose(seed, config).html
    ]
    for seed in with_links[:6]:
        sample = gui.render(seed, config)
        lines = [o for o in sample.objects if o.label == "text"]
        for link in (o for o in sample.objects if o.label == "link"):
            for line in lines:
                x0, y0, x1, y1 = link.xyxy
                inside = line.xyxy[1] < (y0 + y1) / 2 < line.xyxy[3]
                if inside and line.xyxy[0] <= x0 + 1 and line.xyxy[2] >= x1 - 1 and line.text != link.text:
                    assert link.text in line.text, (seed, link, line)
                    longer += 1
        page = compose(seed, config)
        truth, _ = show(page)
        named = {
            phrase.thing.element.id
            for phrase in Describer(np.random.default_rng(0), truth, page.size_wh).all()
            if phrase.level in ("label", "role")
        }
        names = [plain(thing.element.name) for thing in truth.things]
        once = [
            t for t in truth.things if t.element.role == "link" and names.count(plain(t.element.name)) == 1
        ]
        assert {t.element.id for t in once if t.clear} <= named, seed
    assert longer >= 5


def test_free_looks_can_be_read() -> None:
    fonts = families("train", styles=("sans",))
    theme = draw_theme(np.random.default_rng(3), fonts, fonts, None)
    for seed in range(200):
        changed, css = free_look(np.random.default_rng(seed), theme)
        assert contrast(changed.brand, changed.surface) >= 2.0
        assert contrast(changed.on_bar, changed.bar) >= 2.0
        assert css.count("{") == css.count("}")


@pytest.mark.parametrize("rate", ["mixed_rate", "random_words_rate", "free_look_rate"])
def test_rates_are_checked(rate: str) -> None:
    with pytest.raises(DataError, match="held-out"):
        GuiConfig(split="held-out", **{rate: 0.5})  # type: ignore[arg-type]
    with pytest.raises(DataError, match="from 0 to 1"):
        GuiConfig(**{rate: 1.5})  # type: ignore[arg-type]


def _digest(sample: Sample) -> str:
    return hashlib.sha256(sample.pixels().tobytes() + repr(sample.questions).encode()).hexdigest()
