"""What a toolkit can draw. The base draws in plain HTML with our own few styles; toolkits draw in theirs."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import ClassVar

from locany.synth.gui import page as p
from locany.synth.gui.theme import Theme


@dataclass(frozen=True)
class Parts:
    """What a widget is made of.

    Attributes:
        mark: the attribute that marks the element itself.
        icon: HTML of its icon, or empty.
        label: HTML of its words, or empty where none are shown.
        note: HTML of what stands at its end, or empty.
    """

    mark: str
    icon: str = ""
    label: str = ""
    note: str = ""


class Toolkit:
    """Draws widgets as HTML. All text in `Parts` is escaped already; `mark` goes on the element itself."""

    name: ClassVar[str] = "plain"
    sheets: ClassVar[tuple[str, ...]] = ()
    app_class: ClassVar[str] = ""
    label_class: ClassVar[str] = ""

    def root(self, theme: Theme) -> str:
        """Attributes of <html>."""
        return ""

    def head(self, theme: Theme, direction: str) -> str:
        """Links to styles and scripts, relative to the assets folder."""
        return "".join(f'<link rel="stylesheet" href="{sheet}">' for sheet in self.sheets)

    def styles(self, theme: Theme) -> str:
        """What of the theme the style file of the toolkit (`assets/gui`) cannot say."""
        return ""

    def body_class(self, theme: Theme) -> str:
        """Class names of <body>."""
        return ""

    def button(self, b: p.Button, parts: Parts, bare: bool) -> str:
        """A push button."""
        raise NotImplementedError

    def link(self, link: p.Link, parts: Parts) -> str:
        """Words to follow."""
        return f'<a href="#" class="{link.kind}" {parts.mark}>{parts.label}</a>'

    def field(self, f: p.Field, parts: Parts) -> str:
        """A text field, below its label."""
        return self.labelled(parts.label, self.input(f, parts))

    def input(self, f: p.Field, parts: Parts) -> str:
        """The text field alone."""
        raise NotImplementedError

    def choice(self, c: p.Choice, parts: Parts) -> str:
        """A check box, radio button or switch, before its label."""
        raise NotImplementedError

    def select(self, s: p.Select, parts: Parts) -> str:
        """A closed drop-down list, below its label."""
        raise NotImplementedError

    def slider(self, s: p.Slider, parts: Parts) -> str:
        """A slider, below its label."""
        raise NotImplementedError

    def nav(self, nav: p.Nav, parts: list[Parts]) -> str:
        """Entries of which one is open."""
        entries = "".join(
            f'<a class="x-entry{" x-on" if i == nav.selected else ""}" {e.mark}>{e.icon}{words(e)}</a>'
            for i, e in enumerate(parts)
        )
        return f'<div class="x-nav-{nav.kind}">{entries}</div>'

    def menu(self, menu: p.Menu, parts: list[Parts]) -> str:
        """The inside of an open menu."""
        entries = "".join(
            f'<a class="x-entry" style="{"opacity:.45" if item.off else ""}" {e.mark}>{e.icon}{words(e)}</a>'
            for item, e in zip(menu.items, parts, strict=True)
        )
        return f'<div class="x-nav-plain" style="padding:.35em">{entries}</div>'

    def crumbs(self, parts: list[Parts], here: Parts) -> str:
        """The way to this page."""
        links = "".join(f'<a href="#" {e.mark}>{e.label}</a><span class="x-muted">/</span>' for e in parts)
        return f'<div class="x-row x-tight">{links}<span class="x-muted">{here.label}</span></div>'

    def pages(self, pages: p.Pages, parts: list[Parts]) -> str:
        """Page numbers between two arrows."""
        raise NotImplementedError

    def table(self, head: str, rows: str) -> str:
        """A table: cells of the head row, and whole rows."""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def card(self, title: str, inner: str) -> str:
        """A framed area."""
        head = f'<h3 class="x-h3">{title}</h3>' if title else ""
        return f'<div class="x-panel x-pad x-col">{head}{inner}</div>'

    def tag(self, tag: p.Tag, label: str) -> str:
        """A coloured word."""
        raise NotImplementedError

    def progress(self, value: int) -> str:
        """A bar that is filled in part."""
        raise NotImplementedError

    def alert(self, tone: str, icon: str, text: str) -> str:
        """A message in a coloured box."""
        raise NotImplementedError

    def dialog(self, title: str, closer: str, body: str, actions: str) -> str:
        """A window over the page."""
        return (
            f'<div class="x-panel x-raised" style="box-shadow:0 12px 40px rgba(0,0,0,.4)">'
            f'<div class="x-row x-between x-pad x-linb"><h3 class="x-h3">{title}</h3>{closer}</div>'
            f'<div class="x-pad x-col">{body}</div><div class="x-row x-end x-pad x-lint">'
            f"{actions}</div></div>"
        )

    def labelled(self, label: str, control: str) -> str:
        """A control below its label."""
        if not label:
            return control
        return (
            f'<div class="x-field"><label class="x-label {self.label_class}">{label}</label>{control}</div>'
        )


def words(parts: Parts) -> str:
    """Label and note of an entry."""
    label = f"<span>{parts.label}</span>" if parts.label else ""
    return label + (f'<span class="x-note">{parts.note}</span>' if parts.note else "")


def input_attributes(f: p.Field) -> str:
    """Attributes of an <input> or <textarea>."""
    given = [f'placeholder="{html.escape(f.placeholder)}"'] if f.placeholder else []
    if f.kind != "area":
        kind = "text" if f.kind == "date" else f.kind  # the browser's own date field differs by locale
        given.append(f'type="{kind}"')
        if f.value:
            given.append(f'value="{html.escape(f.value)}"')
    return " ".join(given + ["disabled"] * f.off)


def plain_input(f: p.Field, mark: str, classes: str) -> str:
    """An <input> or <textarea>."""
    if f.kind == "area":
        attributes = f'class="{classes}" rows="{f.lines}" {mark} {input_attributes(f)}'
        return f"<textarea {attributes}>{html.escape(f.value)}</textarea>"
    return f'<input class="{classes}" {mark} {input_attributes(f)}>'


def plain_select(s: p.Select, mark: str, classes: str) -> str:
    """A <select> with one option."""
    off = " disabled" if s.off else ""
    return f'<select class="{classes}" {mark}{off}><option>{html.escape(s.value)}</option></select>'
