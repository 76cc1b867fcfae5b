"""Pico 2: plain elements, styled without class names. Held out from training."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.theme import Theme
from locany.synth.gui.toolkits.toolkit import Parts, Toolkit, plain_input, plain_select, words

_LOOKS = {
    "main": "",
    "plain": "secondary",
    "outline": "outline",
    "danger": "contrast",
    "text": "secondary outline",
}


class Pico(Toolkit):
    """Plain elements; colours and roundness by Pico's variables."""

    name = "pico"
    sheets = ("node_modules/@picocss/pico/css/pico.min.css",)

    def root(self, theme: Theme) -> str:
        return f'data-theme="{"dark" if theme.dark else "light"}"'

    def button(self, b: p.Button, parts: Parts, bare: bool) -> str:
        classes = _LOOKS[b.look] + " x-small" * b.small + " x-full" * b.wide + " x-down" * b.on
        classes += " x-ghost" * (b.look == "text") + " x-bare" * bare
        off = " disabled" if b.off else ""
        return f'<button type="button" class="{classes}" {parts.mark}{off}>{parts.icon}{parts.label}</button>'

    def input(self, f: p.Field, parts: Parts) -> str:
        return plain_input(f, parts.mark, "")

    def choice(self, c: p.Choice, parts: Parts) -> str:
        kind = "radio" if c.kind == "radio" else "checkbox"
        state = " checked" * c.on + " disabled" * c.off + ' role="switch"' * (c.kind == "switch")
        box = f'<input type="{kind}" {parts.mark}{state}>'
        return f'<label class="x-inrow">{box}<span>{parts.label}</span></label>'

    def select(self, s: p.Select, parts: Parts) -> str:
        return self.labelled(parts.label, plain_select(s, parts.mark, ""))

    def slider(self, s: p.Slider, parts: Parts) -> str:
        return self.labelled(parts.label, f'<input type="range" value="{s.value}" {parts.mark}>')

    def nav(self, nav: p.Nav, parts: list[Parts]) -> str:
        if nav.kind != "side":
            return super().nav(nav, parts)
        entries = "".join(
            f'<li><a class="{"x-on" if i == nav.selected else ""}" {e.mark}>{e.icon}{words(e)}</a></li>'
            for i, e in enumerate(parts)
        )
        return f'<aside class="x-side"><nav><ul>{entries}</ul></nav></aside>'

    def crumbs(self, parts: list[Parts], here: Parts) -> str:
        links = "".join(f'<li><a href="#" {e.mark}>{e.label}</a></li>' for e in parts)
        return f'<nav aria-label="breadcrumb"><ul>{links}<li>{here.label}</li></ul></nav>'

    def pages(self, pages: p.Pages, parts: list[Parts]) -> str:
        entries = []
        for i, e in enumerate(parts):
            off = (i == 0 and pages.current == 1) or (i == len(parts) - 1 and pages.current == pages.count)
            look = "" if i == pages.current else "outline secondary"
            state = " disabled" if off else ""
            entries.append(f'<button class="x-small {look}" {e.mark}{state}>{e.icon}{e.label}</button>')
        return f'<div class="x-row x-tight">{"".join(entries)}</div>'

    def table(self, head: str, rows: str) -> str:
        return f'<table class="striped"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'

    def card(self, title: str, inner: str) -> str:
        head = f"<header>{title}</header>" if title else ""
        return f'<article>{head}<div class="x-pad x-col">{inner}</div></article>'

    def tag(self, tag: p.Tag, label: str) -> str:
        return f'<mark class="x-mark">{label}</mark>' if tag.tone != "plain" else f"<small>{label}</small>"

    def progress(self, value: int) -> str:
        return f'<progress value="{value}" max="100"></progress>'

    def alert(self, tone: str, icon: str, text: str) -> str:
        return f'<article class="x-pads x-row"><span>{icon}</span><span>{text}</span></article>'

    def dialog(self, title: str, closer: str, body: str, actions: str) -> str:
        return (
            f'<article style="background:var(--x-raised)"><header class="x-row x-between">'
            f"{title}{closer}</header>"
            f'<div class="x-pad x-col">{body}</div><footer class="x-row x-end x-pad" '
            f'style="margin:0">{actions}</footer></article>'
        )
