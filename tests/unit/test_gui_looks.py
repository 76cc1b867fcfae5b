"""What the gui engine says of a control can be seen: its kind, its state, its colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from locany.synth.gui import page as p
from locany.synth.gui.html import Writer
from locany.synth.gui.theme import Theme
from locany.synth.gui.toolkits.catalogue import TOOLKITS
from locany.synth.gui.truth import Thing, color_name, read_truth

_SIZE = (640, 680)
_LIGHT = Theme(
    *("light", False, "#1a56c4", "#ffffff", "#f2f4f7", "#ffffff", "#ffffff", "#111111", "#666666", "#cccccc"),
    *("#ffffff", "#111111", 4, 16.0, 10, "none", "'Roboto'", "'Roboto'", ("roboto",)),
)
_DARK = Theme(
    *("dark", True, "#74c244", "#0d1a06", "#171c14", "#20261d", "#282f24", "#eef2ea", "#a3ad9c", "#3c4536"),
    *("#20261d", "#eef2ea", 4, 16.0, 10, "none", "'Roboto'", "'Roboto'", ("roboto",)),
)


def _shown(toolkit: str, nodes: Sequence[p.Node], theme: Theme) -> tuple[tuple[Thing, ...], np.ndarray]:
    from locany.synth.browser import browser

    writer = Writer(TOOLKITS[toolkit], theme, "lucide", "en")
    body = p.Box(tuple(nodes), "col pads surface")
    browser().show(writer.document(p.Page("Test", body), "{page}", ""), _SIZE)
    truth, pixels = read_truth(browser(), writer.elements, _SIZE, 1.0)
    assert all(thing.clear for thing in truth.things)
    return truth.things, pixels


def _cut(pixels: np.ndarray, thing: Thing) -> np.ndarray:
    x0, y0, x1, y1 = (round(v) for v in thing.xyxy)
    return pixels[y0:y1, x0:x1].astype(int)


def _changed(one: np.ndarray, other: np.ndarray, by: int = 8) -> int:
    """Number of pixels that differ, of what two pictures have in common around their centres."""
    height, width = (min(a, b) for a, b in zip(one.shape[:2], other.shape[:2], strict=True))
    middles = []
    for picture in (one, other):
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        middles.append(picture[top : top + height, left : left + width])
    return int((np.abs(middles[0] - middles[1]).max(axis=2) > by).sum())


_BARE = p.Button("Ring", "bell", "bell", "text", bare=True)
_FIELD = p.Field("", value="Words in it", bare=True)
_LIST = p.Select("", "Words in it", bare=True)


def _state_pairs() -> list[tuple[p.Node, p.Node]]:
    """Controls that are the same but for one state."""
    button = p.Button("Save")
    pairs: list[tuple[p.Node, p.Node]] = [
        (_BARE, replace(_BARE, on=True)),
        *((node, replace(node, off=True)) for node in (_BARE, button, _FIELD, _LIST)),
    ]
    for kind in ("checkbox", "radio", "switch"):
        chosen, free = (p.Choice("", kind, on, bare=True) for on in (True, False))
        gone_on, gone_off = (replace(choice, off=True) for choice in (chosen, free))
        pairs += [(chosen, free), (chosen, gone_on), (free, gone_off), (gone_on, gone_off)]
    return pairs


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize("theme", [_LIGHT, _DARK], ids=["light", "dark"])
@pytest.mark.parametrize("toolkit", sorted(TOOLKITS))
def test_kinds_and_states_can_be_seen(toolkit: str, theme: Theme) -> None:
    pairs = _state_pairs()
    bar = p.Box((_BARE,), "row pads", "background:#1a56c4;color:#fff;width:100%")
    main, first, last = p.Button("Go", look="main"), p.Pages(3, 1), p.Pages(3, 3)
    # Both of a pair in one row and at whole pixels: else their edges are drawn otherwise.
    grid = p.Box(tuple(n for pair in pairs for n in pair), "grid", "grid-template-columns:repeat(4,140px)")
    things, pixels = _shown(toolkit, (grid, p.Box((first, last, bar, main), "row wrap")), theme)
    cuts = [_cut(pixels, thing) for thing in things]
    for i, pair in enumerate(pairs):
        assert _changed(cuts[2 * i], cuts[2 * i + 1]) >= 20, pair

    field, select = (
        next(c for c, t in zip(cuts, things, strict=True) if t.element.role == r)[:, -30:-4]
        for r in ("text field", "drop-down list")
    )
    assert _changed(field, select, 50) >= 8  # it has an arrow
    shapes = {t.element.role: (t.xyxy[2] - t.xyxy[0]) / (t.xyxy[3] - t.xyxy[1]) for t in things}
    assert shapes["switch"] > 1.4
    assert shapes["checkbox"] == pytest.approx(1, abs=0.2)

    arrows = [c for c, t in zip(cuts, things, strict=True) if t.element.name.endswith("page")]
    assert _changed(arrows[0], arrows[2]) >= 8  # no page before the first
    assert _changed(arrows[3], arrows[1]) >= 8

    if toolkit != "98css":  # where icon buttons are grey boxes anywhere, and main ones bold
        assert things[-2].color in (
            "white",
            "black",
            "grey",
            "",
        )  # the bar's blue is not that of an icon on it
        assert things[-1].color == color_name(np.array([int(theme.brand[i : i + 2], 16) for i in (1, 3, 5)]))


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize("toolkit", sorted(TOOLKITS))
def test_words_stand_upright_where_one_reads_from_right_to_left(toolkit: str) -> None:
    from locany.synth.browser import browser

    controls = p.Choice("LLLL", "checkbox"), p.Choice("LLLL", "switch"), p.Select("", "LLLL", bare=True)
    writer = Writer(TOOLKITS[toolkit], _LIGHT, "lucide", "ar")
    body = p.Box(controls, "col pads surface")
    browser().show(writer.document(p.Page("Test", body), "{page}", ""), _SIZE, scale=2.0)
    truth, pixels = read_truth(browser(), writer.elements, _SIZE, 2.0)
    assert len(truth.lines) == 3
    for line in truth.lines:
        x0, y0, x1, y1 = (round(v) for v in line.xyxy)
        dark = pixels[y0:y1, x0:x1].mean(axis=2) < 128
        rows = np.flatnonzero(dark.any(axis=1))
        written = dark[rows[0] : rows[-1] + 1]
        half = len(written) // 2
        assert written[-half:].sum() > 1.3 * written[:half].sum()  # the feet of the letters are below


def test_dark_colours_are_not_called_by_the_names_of_light_ones() -> None:
    for rgb in ((84, 42, 0), (148, 46, 95), (128, 128, 0), (120, 100, 10)):
        assert color_name(np.array(rgb)) == "", rgb
    for rgb, name in (((245, 140, 20), "orange"), ((250, 220, 30), "yellow"), ((235, 90, 170), "pink")):
        assert color_name(np.array(rgb)) == name
    assert color_name(np.array((120, 10, 10))) == "red"
    assert color_name(np.array((10, 90, 20))) == "green"
