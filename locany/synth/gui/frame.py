"""What surrounds a page on a screen: a browser, a desktop window, a phone's status line, or nothing."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np

from locany.synth.gui.html import Writer

FRAMES = ("browser", "window", "phone")


@dataclass(frozen=True)
class Frame:
    """What kind it is and how much of the height it takes, in CSS pixels."""

    kind: str
    height: int


def draw_frame(rng: np.random.Generator, size_wh: tuple[int, int], rate: float) -> Frame:
    """Choose a frame, or none, for a window of this size."""
    if rng.random() >= rate:
        return Frame("", 0)
    width, height = size_wh
    if width < 600:
        return Frame("phone", 26) if height > width else Frame("", 0)
    kind = "browser" if rng.random() < 0.6 else "window"
    return Frame(kind, 74 if kind == "browser" else 32)


def frame_html(rng: np.random.Generator, frame: Frame, writer: Writer, title: str, width: int) -> str:
    """HTML with {page} where the page goes. Its controls are marked with the writer."""
    dark = bool(rng.random() < 0.4)
    back, fore, field = ("#202226", "#e6e7ea", "#33363c") if dark else ("#dee1e6", "#202327", "#f7f8fa")
    if rng.random() < 0.3 and not dark:
        back, field = "#f0f0f0", "#ffffff"
    if frame.kind == "phone":
        clock = f"{int(rng.integers(7, 22))}:{int(rng.integers(0, 60)):02}"
        icons = "".join(writer.icon(key) for key in ("wifi", "battery"))
        strip = (
            f'<div class="x-strip" style="background:{back};color:{fore};height:{frame.height}px;'
            f"padding:0 14px;"
            f'justify-content:space-between"><span>{clock}</span><span>{icons}</span></div>'
        )
        return f'<div class="x-chrome">{strip}<div class="x-rest">{{page}}</div></div>'
    if frame.kind == "window":
        bar = (
            f'<div class="x-strip" style="background:{back};color:{fore};height:32px;padding:0 0 0 10px">'
            f'<span style="flex:1;white-space:nowrap;overflow:hidden">{html.escape(title)}</span>'
            f"{_window(writer)}</div>"
        )
        return f'<div class="x-chrome">{bar}<div class="x-rest">{{page}}</div></div>'
    if frame.kind != "browser":
        return "{page}"
    tabs = [title, *(_OTHER_TABS[int(i)] for i in rng.choice(len(_OTHER_TABS), 2, replace=False))]
    tabs = tabs[: 1 + int(rng.integers(0, 3))] if width > 900 else tabs[:1]
    strip = ""
    for i, tab in enumerate(tabs):
        states = ("selected",) * (i == 0)
        mark = writer.mark("browser tab", label=tab, name=tab, states=states, regions=("browser",))
        strip += (
            f'<div class="x-wintab" style="background:{field if i == 0 else "transparent"}" {mark}>'
            f'<span style="white-space:nowrap;overflow:hidden">{html.escape(tab)}</span></div>'
        )
    plus = _knob(writer, "add", "new tab", "new_tab")
    top = (
        f'<div class="x-strip" style="height:36px;padding:5px 0 0 8px;align-items:stretch">{strip}'
        f'<span class="x-strip">{plus}</span><span style="flex:1"></span>{_window(writer)}</div>'
    )
    host = "".join(c for c in title.lower().split(" ")[0] if c.isascii() and c.isalpha())
    address = f"www.{host or 'start'}.example/{_PATHS[int(rng.integers(len(_PATHS)))]}"
    mark = writer.mark(
        "text field", name="address bar", label="", action="address", regions=("browser",), inside=False
    )
    knobs = "".join(
        _knob(writer, key, name, action)
        for key, name, action in (
            ("back", "back", "browser_back"),
            ("next", "forward", "browser_forward"),
            ("refresh", "reload", "reload"),
        )
    )
    ends = "".join(
        _knob(writer, key, name, action)
        for key, name, action in (
            ("star", "bookmark this page", "bookmark_page"),
            ("options", "browser menu", "browser_menu"),
        )
    )
    line = (
        f'<div class="x-strip" style="height:38px;padding:0 8px;background:{field}">{knobs}'
        f'<div style="flex:1;background:{back};border-radius:14px;padding:4px 14px;'
        f'white-space:nowrap;overflow:hidden" '
        f"{mark}>{html.escape(address)}</div>{ends}</div>"
    )
    return (
        f'<div class="x-chrome" style="background:{back};color:{fore}">{top}{line}'
        f'<div class="x-rest">{{page}}</div></div>'
    )


def _knob(writer: Writer, icon: str, name: str, action: str) -> str:
    svg = writer.icon(icon)
    if not svg:
        return ""
    mark = writer.mark("button", name=name, action=action, icon=icon, regions=("browser",))
    return f'<div class="x-knob" {mark}>{svg}</div>'


def _window(writer: Writer) -> str:
    parts = []
    for name, icon, path in (
        ("minimise", "remove", "M2 6h8"),
        ("maximise", "rectangle", "M2.5 2.5h7v7h-7z"),
        ("close window", "close", "M2 2l8 8M10 2l-8 8"),
    ):
        mark = writer.mark(
            "button", name=name, action=name.replace(" ", "_"), icon=icon, regions=("title bar",)
        )
        parts.append(
            f'<div {mark} style="width:40px;height:30px;display:flex;align-items:center;'
            f'justify-content:center">'
            f'<svg width="12" height="12" fill="none" stroke="currentColor"><path d="{path}"/></svg></div>'
        )
    return "".join(parts)


_OTHER_TABS = (
    "Inbox (3)",
    "Weather",
    "Maps",
    "Bread recipes",
    "News today",
    "New tab",
    "Translate",
    "Timetable",
)
_PATHS = (
    "",
    "home",
    "app",
    "account/edit",
    "items?page=2",
    "en/start",
    "dashboard",
    "index.html",
    "search?q=lamp",
)
