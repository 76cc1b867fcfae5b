"""Beer CSS: Material Design 3 in plain elements."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.theme import Theme
from locany.synth.gui.toolkits.toolkit import Parts, Toolkit, plain_input, plain_select, words

_LOOKS = {"main": "", "plain": "fill", "outline": "border", "danger": "x-error", "text": "transparent"}
_TONES = {"good": "#2e7d32", "bad": "#c62828", "warn": "#b26a00", "info": "#1565c0", "plain": "#5f6368"}


class Beer(Toolkit):
    """Beer CSS's class names, with labels above the fields as in most applications of it."""

    name = "beercss"
    sheets = ("node_modules/beercss/dist/cdn/beer.min.css",)

    def body_class(self, theme: Theme) -> str:
        return "dark" if theme.dark else "light"

    def button(self, b: p.Button, parts: Parts, bare: bool) -> str:
        classes = (
            _LOOKS[b.look] + " small" * b.small + " x-bare" * bare + " active" * b.on + " x-full" * b.wide
        )
        label = f"<span>{parts.label}</span>" if parts.label else ""
        off = " disabled" if b.off else ""
        return f'<button class="{classes}" {parts.mark}{off}>{parts.icon}{label}</button>'

    def input(self, f: p.Field, parts: Parts) -> str:
        size = "" if f.kind == "area" else "small"
        prefix = "prefix" if parts.icon else ""
        kind = "textarea" if f.kind == "area" else ""
        return (
            f'<div class="field border x-owner {size} {prefix} {kind}">'
            f"{parts.icon}{plain_input(f, parts.mark, '')}</div>"
        )

    def choice(self, c: p.Choice, parts: Parts) -> str:
        kind = "radio" if c.kind == "radio" else "checkbox"
        state = " checked" * c.on + " disabled" * c.off
        box = f'<input type="{kind}" {parts.mark}{state}>'
        said = f'<span class="x-said">{parts.label}</span>' if c.kind == "switch" else parts.label
        return f'<label class="{c.kind} x-owner" style="width:fit-content">{box}<span>{said}</span></label>'

    def select(self, s: p.Select, parts: Parts) -> str:
        drawn = plain_select(s, parts.mark, "") + parts.icon
        control = f'<div class="field border small suffix x-owner">{drawn}</div>'
        return self.labelled(parts.label, control)

    def slider(self, s: p.Slider, parts: Parts) -> str:
        control = (
            f'<label class="slider x-owner" style="--_start:0%;--_end:{100 - s.value}%" {parts.mark}>'
            f'<input type="range" value="{s.value}"><span></span></label>'
        )
        return self.labelled(parts.label, control)

    def nav(self, nav: p.Nav, parts: list[Parts]) -> str:
        if nav.kind not in ("tabs", "side"):
            return super().nav(nav, parts)
        on = "active" if nav.kind == "tabs" else "x-on"
        entries = "".join(
            f'<a class="{on if i == nav.selected else ""}" {e.mark}>{e.icon}{words(e)}</a>'
            for i, e in enumerate(parts)
        )
        classes = "tabs small left-align" if nav.kind == "tabs" else "x-drawer"
        return f'<div class="{classes}">{entries}</div>'

    def pages(self, pages: p.Pages, parts: list[Parts]) -> str:
        entries = []
        for i, e in enumerate(parts):
            off = (i == 0 and pages.current == 1) or (i == len(parts) - 1 and pages.current == pages.count)
            look = "" if i == pages.current else "transparent"
            state = " disabled" if off else ""
            entries.append(f'<button class="small x-bare {look}" {e.mark}{state}>{e.icon}{e.label}</button>')
        return f'<div class="x-row x-tight">{"".join(entries)}</div>'

    def table(self, head: str, rows: str) -> str:
        return f'<table class="border"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'

    def card(self, title: str, inner: str) -> str:
        head = f'<h3 class="x-h3">{title}</h3>' if title else ""
        return f'<article class="border x-col">{head}{inner}</article>'

    def tag(self, tag: p.Tag, label: str) -> str:
        return f'<span class="x-chip" style="background:{_TONES[tag.tone]}">{label}</span>'

    def progress(self, value: int) -> str:
        return f'<progress value="{value}" max="100" style="width:100%"></progress>'

    def alert(self, tone: str, icon: str, text: str) -> str:
        style = "padding:.7em 1em;background:var(--secondary-container);flex-direction:row"
        return f'<article class="x-row" style="{style}"><span>{icon}</span><span>{text}</span></article>'

    def dialog(self, title: str, closer: str, body: str, actions: str) -> str:
        return (
            f'<article style="padding:1.5em;border-radius:1.6em;background:var(--x-raised)" class="x-col">'
            f'<div class="x-row x-between"><h2 class="x-h2">{title}</h2>{closer}</div>{body}'
            f'<div class="x-row x-end">{actions}</div></article>'
        )
