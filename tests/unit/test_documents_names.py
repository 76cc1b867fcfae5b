"""Names of a page's regions: each fits one thing that is seen, also where only a part of the page is."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from locany.synth.browser import browser
from locany.synth.documents import DocumentsConfig, engine
from locany.synth.documents.ask import found_in
from locany.synth.documents.crop import _seen
from locany.synth.documents.naming import named_regions
from locany.synth.documents.page_script import FIT
from locany.synth.documents.templates.mixed_blocks import _DRAWN_SIGNS
from locany.synth.documents.truth import Line, Region, Truth, Word

_WIDTH, _HEIGHT, _STEP = 200.0, 20.0, 60.0  # of a row, and from one to the next


def rows(*kinds: tuple[str, str, str]) -> Truth:
    """Regions one under another, of category, text and names, each of one word."""
    words, lines, regions = [], [], []
    for i, (category, text, names) in enumerate(kinds):
        box = (10.0, 10 + _STEP * i, 10 + _WIDTH, 10 + _STEP * i + _HEIGHT)
        word = Word(text, box, box, i, (i,), 12.0)
        words.append(word)
        lines.append(Line(text, box, (word,)))
        known = tuple(name for name in names.split("|") if name)
        regions.append(Region(category, "", known, box, text, i, ()))
    return Truth(tuple(words), tuple(lines), tuple(regions), True)


def phrases(truth: Truth) -> set[str]:
    return {name for name, _ in named_regions(truth, found_in(truth, None).regions, " ")}


def below(truth: Truth, row: float) -> Truth:
    """What is seen from the middle of the gap above a row on, or from within a row."""
    return _seen(truth, (0.0, 10 + _STEP * row - (_STEP - _HEIGHT) / 2 * (row % 1 == 0), 300.0, 2000.0))


SKILLS = rows(
    ("section header", "Skills", "the heading 'Skills'"),
    ("list-item", "Patience", "the first list item under 'Skills'"),
    ("list-item", "Typing", "the second list item under 'Skills'"),
    ("caption", "Figure 2 A mill", "the caption of the second figure"),
)


def ordinals(names: Iterable[str]) -> set[str]:
    return {name for name in names if "first" in name or "second" in name}


def test_nothing_is_counted_from_a_place_out_of_the_picture() -> None:
    whole = {"the first list item under 'Skills'", "the second list item under 'Skills'"}
    assert ordinals(phrases(below(SKILLS, 0))) == whole
    assert not ordinals(phrases(below(SKILLS, 1)))
    assert not ordinals(phrases(below(SKILLS, 2)))


def test_a_number_that_stands_nowhere_names_nothing() -> None:
    truth = rows(("caption", "Figure 2 A mill", ""), ("picture", "", "Figure 2|the mill"))
    assert {"Figure 2", "the mill"} <= phrases(below(truth, 0))
    assert "Figure 2" not in phrases(below(truth, 1))


def test_what_is_cut_takes_its_name_from_others() -> None:
    truth = rows(("picture", "", "the photo"), ("picture", "", "the photo"))
    cut = below(truth, 0.2)
    assert [region.names for region in cut.regions] == [(), ()]


def test_a_scrap_leaves_its_category_without_places() -> None:
    paragraphs = [
        ("text", f"word number {i} of a long paragraph", "the text|the paragraph") for i in range(3)
    ]
    truth = rows(*paragraphs)
    assert {"the topmost paragraph", "the lowest paragraph"} <= phrases(below(truth, 0))
    cut = _seen(truth, (0.0, 25.0, 300.0, 2000.0))  # a quarter of the first is seen, and none of its words
    assert cut.scraps >= {"text"}
    assert len(cut.regions) == 2
    assert not phrases(cut)


def test_a_longer_line_is_not_farther_to_the_right() -> None:
    def headings(*boxes: tuple[float, float, float, float]) -> set[str]:
        regions = [Region("section header", "", (), box, "", i, ()) for i, box in enumerate(boxes)]
        return phrases(Truth((), (), tuple(regions), True))

    assert headings((10, 10, 60, 30), (10, 200, 160, 220)) == {
        "the topmost section header",
        "the lowest section header",
    }
    assert "the rightmost section header" in headings((10, 10, 60, 30), (110, 200, 160, 220))


def test_a_bare_name_is_given_to_the_only_one_of_its_kind() -> None:
    items, sums = ("table", "pens", "the table of items|the table"), ("table", "total", "the table of sums")
    assert "the table" in phrases(rows(items))
    assert {name for name in phrases(rows(items, sums)) if "most" not in name and "lowest" not in name} == {
        "the table of items",
        "the table of sums",
    }


def test_no_drawn_bullet_looks_like_a_check_box() -> None:
    assert not [css for _, _, css in _DRAWN_SIGNS if "border:" in css and "radius" not in css]


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize(("over", "left"), [(0, 1), (3, 1), (30, 0)])
def test_only_what_has_no_room_leaves_the_page(over: int, left: int) -> None:
    # Arabic glyphs reach out of their lines by a pixel or three, and the browser counts that as overflow.
    html = (
        f'<body style="margin:0"><div class="page" style="height:300px"><div style="height:300px">'
        f'<p data-trim style="height:40px;margin:0"></p><div style="height:{260 + over}px"></div>'
        f"</div></div></body>"
    )
    session = browser()
    session.show(html, (200, 300), scale=1.0)
    session.evaluate(FIT)
    assert session.evaluate("() => document.querySelectorAll('[data-trim]').length") == left


@pytest.mark.usefixtures("needs_render")
def test_cropped_pages_cite_only_what_is_seen() -> None:
    config = DocumentsConfig(crop_rate=1.0, scan_rate=0.0, languages=(("en", 1.0),), templates=("cv",))
    for seed in range(4):
        sample = engine.render(seed, config)
        headings = {t.text for t in sample.objects if t.label == "section header"}
        for question in sample.questions:
            if " under '" in (question.task.phrase or ""):
                assert question.task.phrase.split("'")[1] in headings
