"""Phrases of the gui engine: natural wording, and nothing else on the page that they could mean."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import replace

import numpy as np
import pytest

from locany.synth.gui import page as p
from locany.synth.gui.actions import ICON_SETS, actions
from locany.synth.gui.config import GuiConfig
from locany.synth.gui.content import Content
from locany.synth.gui.html import Element
from locany.synth.gui.kit import Kit
from locany.synth.gui.phrases import Describer
from locany.synth.gui.questions import ask
from locany.synth.gui.templates.planning import month
from locany.synth.gui.templates.shell import app_bar
from locany.synth.gui.truth import Box, Line, Thing, Truth
from locany.synth.gui.wording import DRAWN_BESIDES, icon_called, labelled, looks_alike
from locany.synth.gui.words import word

_SIZE = (400, 300)


def _thing(number: int, role: str, box: Box, label: str = "", icon: str = "", name: str = "") -> Thing:
    element = Element(id=number, role=role, name=name or label, label=label, icon=icon, inside=bool(label))
    return Thing(element, box, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), "", True)


def _texts(*things: Thing) -> set[str]:
    """All phrases, over many choices of words, with no line that is not the label of a thing."""
    lines = tuple(Line(t.element.label, t.xyxy, True) for t in things if t.element.label)
    truth = Truth(things, lines)
    return {
        phrase.text
        for seed in range(30)
        for phrase in Describer(np.random.default_rng(seed), truth, _SIZE).all()
    }


def test_what_is_true_of_another_icon_does_not_tell_them_apart() -> None:
    for one, other in (("more", "options"), ("search", "zoom_in"), ("edit", "compose"), ("undo", "reply")):
        assert looks_alike(one, other)
        assert looks_alike(other, one)
    for icon_set in ICON_SETS:
        drawn: dict[str, str] = {}
        for key, action in actions().items():
            if icon_set in action.icons:
                first = drawn.setdefault(action.icons[icon_set], key)
                assert looks_alike(first, key), (icon_set, first, key)
    dots = _thing(0, "button", (10, 10, 30, 30), icon="more", name="more")
    assert "three dots icon" in _texts(dots)
    upright = _thing(1, "button", (200, 200, 220, 220), icon="options", name="options")
    assert not any("dots" in text for text in _texts(dots, upright))


def test_icons_are_called_as_people_would() -> None:
    assert icon_called("trash can") == "trash can icon"
    assert icon_called("arrow pointing left") == "icon of an arrow pointing left"
    assert icon_called("arrow pointing into a tray", plural=True) == "icons of an arrow pointing into a tray"


def test_long_labels_are_quoted() -> None:
    assert "the Save button" in labelled("Save", "button")
    assert all(
        "Your ticket was updated message" not in way for way in labelled("Your ticket was updated", "message")
    )


def test_days_and_pages_go_by_their_number() -> None:
    page = _thing(0, "page number", (10, 10, 30, 30), "3")
    day = _thing(1, "day", (60, 60, 90, 90), "17")
    texts = _texts(page, day)
    assert {"page 3", "day 17"} <= texts
    assert not any("3 page" in text or "17 day" in text for text in texts)


def test_a_number_that_two_months_show_is_not_asked_for() -> None:
    day = _thing(0, "day", (10, 10, 30, 30), "2")
    other = _thing(1, "other day", (200, 200, 220, 220), "2")
    assert not any("2" in text for text in _texts(day, other))


def test_what_pages_draw_besides_their_controls_is_never_asked_for_as_absent() -> None:
    truth = Truth((_thing(0, "button", (10, 10, 60, 30), "Save"),), (Line("Save", (10, 10, 60, 30), True),))
    config = GuiConfig(negative_rate=1.0, max_questions=40)
    absent = {f"the {icon_called(actions()[key].looks[0])}" for key in DRAWN_BESIDES}
    asked = {
        question.task.phrase
        for seed in range(40)
        for question in ask(np.random.default_rng(seed), config, truth, "en", _SIZE)
        if not question.targets
    }
    assert len(asked) > 20
    assert not asked & absent
    assert {key for key in DRAWN_BESIDES if key not in actions()} == set()


@pytest.mark.parametrize("seed", range(8))
def test_a_month_has_its_own_days(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kit = Kit(rng, "en", Content(rng, "en"), "lucide", (1200, 800), 0.5, 16, 0.5)
    page = month(kit)
    names = kit.content.of("months")
    shown = repr(page)
    name, year = next((n, y) for n in names for y in range(2023, 2027) if f"{n} {y}" in shown)
    assert shown.count("role='day'") == monthrange(year, names.index(name) + 1)[1]


def test_the_dates_of_a_page_are_written_alike() -> None:
    for seed in range(6):
        content = Content(np.random.default_rng(seed), "en")
        signs = {"".join(c for c in content.day() if not c.isdigit()) for _ in range(10)}
        assert len(signs) == 1


def test_icons_show_what_they_are_said_to_show() -> None:
    """Sets draw some things otherwise: a straight arrow, a swatch book, a circle are not asked for as they
    are not."""
    for key in ("undo", "redo", "forward", "reply"):
        for icon_set, name in actions()[key].icons.items():
            assert "clockwise" not in name, (key, icon_set)
            assert (icon_set, name) not in (("bootstrap", "forward"), ("material", "forward"))
    assert not {"swatch", "backspace", "storage", "typography", "text-quote"} & {
        name for action in actions().values() for name in action.icons.values()
    }


def test_no_word_is_absent_where_an_icon_does_it() -> None:
    """A bare trash can is called "delete" in no language, and still deletes."""
    bin_ = Element(0, "button", name="delete", action="delete", icon="delete")
    config = GuiConfig(negative_rate=1.0, max_questions=60)

    def absent(*elements: Element) -> set[str]:
        things = tuple(Thing(e, (10, 10, 30, 30), (20, 20), "", True) for e in elements)
        return {
            question.task.phrase
            for seed in range(60)
            for question in ask(np.random.default_rng(seed), config, Truth(things, ()), "ja", _SIZE)
            if not question.targets
        }

    said = {f"click on {word('delete', 'ja')}", f"the {word('delete', 'ja')} button"}
    assert not said & absent(bin_)
    assert said & absent(replace(bin_, action="print", icon="print", name="print"))


def test_who_is_signed_in_is_a_profile_picture() -> None:
    """The logo beside it is an image as well."""
    seen = set()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        bar = app_bar(Kit(rng, "en", Content(rng, "en"), "lucide", (1200, 800), 0.5, 16, 0.5))
        assert isinstance(bar, p.Box)
        seen |= {node.role for node in bar.children if isinstance(node, p.Art)}
    assert seen == {"", "profile picture"}
