"""UIkit 3."""

from __future__ import annotations

from urllib.parse import quote

from locany.synth.gui import page as p
from locany.synth.gui.theme import Theme
from locany.synth.gui.toolkits.toolkit import Parts, Toolkit, plain_input, plain_select, words

_LOOKS = {"main": "primary", "plain": "default", "outline": "default", "danger": "danger", "text": "text"}
# UIkit's own pictures, which it has in two greys only: both are lost on dark pages and on the brand's colour.
_ARROWS = '24" height="16" viewBox="0 0 24 16', '<path fill="{}" d="M12 1 9 6h6zM12 13 9 8h6z"/>'
_DOT = '16" height="16" viewBox="0 0 16 16', '<circle fill="{}" cx="8" cy="8" r="2"/>'
_TICK = '16" height="16" viewBox="0 0 16 16', '<path fill="{}" d="M13 3.5 6 10 3 7.5 2 8l4 4.5 8-8z"/>'
_TONES = {"good": "success", "bad": "danger", "warn": "warning", "info": "primary", "plain": "primary"}


class Uikit(Toolkit):
    """UIkit's class names: square, with thin lines and capitals on buttons."""

    name = "uikit"
    label_class = "uk-form-label"

    def head(self, theme: Theme, direction: str) -> str:
        rtl = "-rtl" if direction == "rtl" else ""
        return f'<link rel="stylesheet" href="node_modules/uikit/dist/css/uikit-core{rtl}.min.css">'

    def styles(self, theme: Theme) -> str:
        return (
            f".uk-select:not([multiple]):not([size]){{background-image:{_picture(_ARROWS, theme.text)}}}"
            f".uk-radio.uk-radio:checked{{background-image:{_picture(_DOT, theme.on_brand)}}}"
            f".uk-checkbox.uk-checkbox:checked{{background-image:{_picture(_TICK, theme.on_brand)}}}"
        )

    def button(self, b: p.Button, parts: Parts, bare: bool) -> str:
        look = "primary" if b.on else _LOOKS[b.look]
        classes = (
            f"uk-button uk-button-{look}" + " uk-button-small" * b.small + " x-w" * b.wide + " x-bare" * bare
        )
        off = " disabled" if b.off else ""
        return f'<button type="button" class="{classes}" {parts.mark}{off}>{parts.icon}{parts.label}</button>'

    def input(self, f: p.Field, parts: Parts) -> str:
        if f.kind == "area":
            return plain_input(f, parts.mark, "uk-textarea")
        if parts.icon:
            icon = f'<span class="uk-form-icon" style="color:var(--x-muted)">{parts.icon}</span>'
            inner = plain_input(f, parts.mark, "uk-input")
            return f'<div class="uk-inline x-owner x-w">{icon}{inner}</div>'
        return plain_input(f, parts.mark, "uk-input")

    def choice(self, c: p.Choice, parts: Parts) -> str:
        kind = "radio" if c.kind == "radio" else "checkbox"
        state = " checked" * c.on + " disabled" * c.off
        if c.kind == "switch":
            knob = "right:.15em" if c.on else "left:.15em"
            ground = "var(--x-brand)" if c.on else "var(--x-muted)"
            box = (
                f'<span {parts.mark} style="width:2.6em;height:1.4em;border-radius:1em;'
                f"position:relative;flex:none;"
                f'background:{ground};opacity:{0.5 if c.off else 1}">'
                f'<span style="position:absolute;top:.15em;{knob};'
                'width:1.1em;height:1.1em;border-radius:50%;background:#fff"></span></span>'
            )
        else:
            box = f'<input class="uk-{kind}" type="{kind}" {parts.mark}{state}>'
        return f'<label class="x-inrow">{box}<span>{parts.label}</span></label>'

    def select(self, s: p.Select, parts: Parts) -> str:
        return self.labelled(parts.label, plain_select(s, parts.mark, "uk-select"))

    def slider(self, s: p.Slider, parts: Parts) -> str:
        return self.labelled(
            parts.label, f'<input type="range" class="uk-range" value="{s.value}" {parts.mark}>'
        )

    def nav(self, nav: p.Nav, parts: list[Parts]) -> str:
        if nav.kind not in ("side", "tabs"):
            return super().nav(nav, parts)
        entries = "".join(
            f'<li class="{"uk-active" if i == nav.selected else ""}"><a {e.mark}>{e.icon}{words(e)}</a></li>'
            for i, e in enumerate(parts)
        )
        return f'<ul class="{"uk-nav uk-nav-default" if nav.kind == "side" else "uk-tab"}">{entries}</ul>'

    def crumbs(self, parts: list[Parts], here: Parts) -> str:
        links = "".join(f'<li><a href="#" {e.mark}>{e.label}</a></li>' for e in parts)
        return f'<ul class="uk-breadcrumb">{links}<li><span>{here.label}</span></li></ul>'

    def pages(self, pages: p.Pages, parts: list[Parts]) -> str:
        entries = []
        for i, e in enumerate(parts):
            off = (i == 0 and pages.current == 1) or (i == len(parts) - 1 and pages.current == pages.count)
            state = "uk-active" if i == pages.current else "uk-disabled" if off else ""
            entries.append(f'<li class="{state}"><a {e.mark}>{e.icon}{e.label}</a></li>')
        return f'<ul class="uk-pagination">{"".join(entries)}</ul>'

    def table(self, head: str, rows: str) -> str:
        return (
            f'<table class="uk-table uk-table-divider"><thead><tr>{head}</tr></thead><tbody>'
            f"{rows}</tbody></table>"
        )

    def card(self, title: str, inner: str) -> str:
        head = f'<h3 class="x-h3">{title}</h3>' if title else ""
        return f'<div class="uk-card x-pad x-col">{head}{inner}</div>'

    def tag(self, tag: p.Tag, label: str) -> str:
        return f'<span class="uk-label uk-label-{_TONES[tag.tone]}">{label}</span>'

    def progress(self, value: int) -> str:
        return f'<progress class="uk-progress" style="height:.5em" value="{value}" max="100"></progress>'

    def alert(self, tone: str, icon: str, text: str) -> str:
        return (
            f'<div class="uk-alert uk-alert-{_TONES[tone]} x-row" style="padding:.7em 1em"><span>'
            f"{icon}</span><span>{text}</span></div>"
        )


def _picture(drawing: tuple[str, str], color: str) -> str:
    """A picture for a style sheet, in one colour."""
    size, shapes = drawing
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}">{shapes.format(color)}</svg>'
    return f"url('data:image/svg+xml,{quote(svg)}')"
