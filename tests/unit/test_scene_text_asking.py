"""Questions about scene text: a phrase fits one text, by its size, its spelling or its sign's colour."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from locany.synth.lexicon import Line, Wording
from locany.synth.scene_text.afterwards import as_seen
from locany.synth.scene_text.asking import Page, Row, _present_text, _present_word, _refer
from locany.synth.scene_text.colors import SCHEMES, color_name, possible_names
from locany.synth.scene_text.layout import Word
from locany.synth.scene_text.stage import Sign, Written
from locany.synth.scene_text.warps import straight
from locany.synth.textures import Color


def written(
    text: str,
    place: tuple[float, float],
    *,
    tall: float = 20,
    ink: tuple[int, int] = (60, 20),
    zoom: float = 1.0,
    downwards: bool = False,
    sign: int = 0,
) -> Written:
    """A word whose ink is so large on its sign, seen `zoom` times as large at a place in the image."""
    mask = Image.new("L", ink, 255)
    word = Word(text, sign, "latin", cast("Any", None), mask, mask, (0, 0), tall, downwards)
    x, y = place
    x1, y1 = x + ink[0] * zoom, y + ink[1] * zoom
    region = (int(x), int(y), int(x1), int(y1))
    alpha = Image.new("L", (region[2] - region[0], region[3] - region[1]))
    polygon = ((x, y), (x1, y), (x1, y1), (x, y1))
    return Written(word, (0, 0, *ink), sign, region, alpha, (x, y, x1, y1), polygon, straight(0, 0))


def page(*words: Written, colors: tuple[Color, ...] = ()) -> Page:
    """One word on each sign."""
    signs = tuple(
        Sign(Wording("word", (Line("x", "en"),)), color_name(color), possible_names(color))
        for color in colors
    )
    return Page(tuple(Row((word,), "en") for word in words), signs)


def phrases(found: Page) -> dict[str, str | None]:
    """Every phrase that names a text, with the text."""
    questions = [_refer(np.random.default_rng(seed), found) for seed in range(40)]
    return {q.task.phrase or "": q.targets[0].text for q in questions if q is not None}


def test_a_column_is_not_large_for_being_long() -> None:
    column = written("駅前", (10, 10), tall=20, ink=(20, 80), downwards=True)
    same = written("駅", (100, 10), tall=20, ink=(20, 20))
    large = written("駅", (100, 10), tall=30, ink=(30, 30))
    assert "the largest text" not in phrases(page(column, same))
    assert phrases(page(column, large))["the largest text"] == "駅"


def test_letters_without_tails_are_as_large_as_those_with() -> None:
    accented = written("MARACUJÁ", (10, 10), tall=20, ink=(90, 31))
    plain = written("SUCO", (10, 80), tall=20, ink=(50, 20))
    assert "the largest text" not in phrases(page(accented, plain))


def test_letters_count_as_they_are_seen() -> None:
    near = written("NEAR", (10, 10), tall=20, zoom=2.0)
    far = written("FAR", (10, 120), tall=30, ink=(80, 30))
    assert phrases(page(near, far))["the largest text"] == "NEAR"


def test_a_word_within_another_is_not_asked_for() -> None:
    found = page(written("a", (10, 10)), written("Banana", (10, 60)), written("ox", (10, 110)))
    words = {_present_word(np.random.default_rng(seed), found) for seed in range(20)}
    assert words == {"Banana", "ox"}
    two = Row((written("an", (10, 10)), written("ox", (90, 10))), "en")
    others = Row((written("Jan", (10, 60)), written("oxen", (90, 60))), "en")
    texts = {_present_text(np.random.default_rng(seed), Page((two, others), ())) for seed in range(40)}
    assert texts <= {"Jan", "oxen", "Jan oxen", None}


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ((206, 176, 128), None),  # tan
        ((150, 130, 40), None),  # olive
        ((225, 110, 100), None),  # salmon
        ((225, 240, 225), None),  # pale green
        ((252, 222, 30), "yellow"),
        ((235, 110, 20), "orange"),
        ((205, 15, 30), "red"),
        ((248, 248, 245), "white"),
    ],
)
def test_only_plain_colors_have_names(color: Color, name: str | None) -> None:
    assert color_name(color) == name


def test_what_is_called_so_may_be_called_so() -> None:
    rng = np.random.default_rng(0)
    known = [body for pairs in SCHEMES.values() for pair in pairs for body in pair]
    for r, g, b in [*known, *rng.integers(0, 256, (2000, 3)).tolist()]:
        name = color_name((r, g, b))
        assert possible_names((r, g, b))
        assert name is None or name in possible_names((r, g, b))


def test_a_sign_is_told_by_a_color_that_no_other_might_have() -> None:
    words = (written("ONE", (10, 10)), written("TWO", (10, 60), sign=1))
    red, salmon, blue = (205, 15, 30), (225, 110, 100), (20, 60, 150)
    assert phrases(page(*words, colors=(red, blue)))["the text on the red sign"] == "ONE"
    found = phrases(page(*words, colors=(salmon, blue)))
    assert found["the text on the blue sign"] == "TWO"
    assert not [phrase for phrase in phrases(page(*words, colors=(red, salmon))) if "sign" in phrase]


def test_the_finished_picture_decides_about_a_color() -> None:
    sign = Sign(Wording("word", (Line("x", "en"),)), "yellow")
    word = written("ONE", (10, 10))
    bright, dim = (Image.new("RGB", (100, 100), color) for color in ((252, 222, 30), (120, 105, 20)))
    assert as_seen(bright, [word], [sign])[0].body_color == "yellow"
    seen = as_seen(dim, [word], [sign])[0]
    assert seen.body_color is None
    assert "yellow" in seen.may_be
