"""The browser: emoji in colour, text never out of the emoji font, and a page looks the same cold and warm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from locany.errors import BrowserLostError
from locany.synth.browser import browser, restarting
from locany.synth.fonts import FAMILIES

pytestmark = pytest.mark.usefixtures("needs_render")

_EMOJI_FONT = '"Noto Color Emoji"'
# The last is what a toolkit ships: before the emoji font it names only text fonts that may not be there.
_STACKS = (
    "sans-serif",
    "serif",
    "monospace",
    "system-ui",
    f"sans-serif, {_EMOJI_FONT}",
    '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, '
    f'"Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", {_EMOJI_FONT}',
    *(f'"{family.css}", {_EMOJI_FONT}' for family in FAMILIES if "latin" in family.scripts),
)
_TEXT, _EMOJI = "Item 12 ok, 3 450 of 6789", "😀😎🐭"
_MEASURE = """() => [...document.querySelectorAll("span")].map((el) => {
  const box = el.getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom];
})"""


def _boxes(text: str, stacks: tuple[str, ...]) -> np.ndarray:
    """Show a text once in each font stack, one under the other: boxes in pixels, [stacks, 4]."""
    rows = "".join(f"<div><span style='font-family:{stack}'>{text}</span></div>" for stack in stacks)
    page = "<!doctype html><html><head><style>div { font-size: 20px; line-height: 30px }</style></head>"
    browser().show(f"{page}<body>{rows}</body></html>", (800, 40 + 30 * len(stacks)))
    return np.array(browser().evaluate(_MEASURE))


def test_emoji_are_in_colour_behind_every_text_font() -> None:
    boxes = _boxes(_EMOJI, _STACKS).round().astype(int)
    pixels = browser().screenshot().astype(int)
    for stack, (x0, y0, x1, y1) in zip(_STACKS, boxes, strict=True):
        shown = pixels[y0:y1, x0:x1]
        colored = np.ptp(shown, axis=-1) > 60
        assert colored.sum() > 200, f"black and white in {stack}"


def test_digits_and_spaces_do_not_come_out_of_the_emoji_font() -> None:
    without = tuple(stack.replace(f", {_EMOJI_FONT}", "") for stack in _STACKS)
    widths, expected = (np.ptp(_boxes(_TEXT, stacks)[:, ::2], axis=1) for stacks in (_STACKS, without))
    for stack, width, usual in zip(_STACKS, widths, expected, strict=True):
        assert width == pytest.approx(usual, abs=0.5), f"widened in {stack}"
    (wide,) = np.ptp(_boxes(_TEXT, (_EMOJI_FONT,))[:, ::2], axis=1)
    assert wide > 1.2 * widths.max(), "the emoji font itself would show"


RENDER = """
import hashlib, sys
from locany.synth import gui
for seed in sys.argv[1:]:
    print(hashlib.sha256(gui.render(int(seed)).pixels().tobytes()).hexdigest())
"""


def test_a_cold_browser_shows_what_a_warm_one_does() -> None:
    """Seed 37 has form controls whose text came out a shade off in the first pages of a browser."""

    def digests(*seeds: int) -> list[str]:
        command = [sys.executable, "-c", RENDER, *map(str, seeds)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    cold, other, warm = *digests(37), digests(4, 37, 37)[1], digests(37, 37, 37)[2]
    assert cold == other == warm


def test_a_page_that_never_ends_is_begun_again_in_a_new_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    @restarting
    def title(times: int) -> str:
        page = browser()
        tried.append(page._pid)
        if len(tried) <= times:
            page.evaluate("() => { while (true) {} }")
        page.show("<html><head><title>still here</title></head></html>", (64, 64))
        return str(page.evaluate("() => document.title"))

    browser()  # to begin one may take longer than this
    monkeypatch.setattr("locany.synth.browser._HANGS", 3.0)
    assert title(1) == "still here"
    assert len(set(tried)) == 2
    tried.clear()
    with pytest.raises(BrowserLostError, match="did not answer"):
        title(2)
    monkeypatch.undo()
    assert title(0) == "still here"


def test_a_fault_of_a_page_stays_what_it_is() -> None:
    with pytest.raises(Exception, match="oh no"):
        browser().evaluate("() => { throw new Error('oh no'); }")


def test_a_page_that_crashes_is_drawn_in_a_new_browser() -> None:
    tried: list[int] = []

    @restarting
    def title() -> str:
        page = browser()
        tried.append(page._pid)
        if len(tried) == 1:
            listed = page._browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
            for one in listed:
                if one["type"] == "renderer":
                    os.kill(int(one["id"]), signal.SIGKILL)
        page.show("<html><head><title>again</title></head></html>", (64, 64))
        return str(page.evaluate("() => document.title"))

    assert title() == "again"
    assert len(set(tried)) == 2


def test_a_page_that_hangs_is_drawn_in_a_new_browser() -> None:
    tried: list[int] = []

    @restarting
    def title() -> str:
        page = browser()
        tried.append(page._pid)
        script = "<script>while (true) {}</script>" if len(tried) == 1 else ""
        page._page.set_default_timeout(2000)
        page.show(f"<html><head><title>again</title>{script}</head></html>", (64, 64))
        return str(page.evaluate("() => document.title"))

    assert title() == "again"
    assert len(set(tried)) == 2
    browser()._page.set_default_timeout(20_000)
