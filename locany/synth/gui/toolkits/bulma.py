"""Bulma 1."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.theme import Theme, hsl
from locany.synth.gui.toolkits.toolkit import Parts, Toolkit, plain_input, plain_select, words

_TONES = {"good": "is-success", "bad": "is-danger", "warn": "is-warning", "info": "is-info", "plain": ""}
_LOOKS = {
    "main": "is-primary",
    "plain": "",
    "outline": "is-primary is-outlined",
    "danger": "is-danger",
    "text": "is-ghost",
}


class Bulma(Toolkit):
    """Bulma's class names; it has no switch and no slider, pages of it use check boxes and the browser's."""

    name = "bulma"
    sheets = ("node_modules/bulma/css/versions/bulma-no-helpers.min.css",)
    label_class = "label"

    def root(self, theme: Theme) -> str:
        return f'data-theme="{"dark" if theme.dark else "light"}"'

    def styles(self, theme: Theme) -> str:
        hue, strong, light = hsl(theme.brand)
        parts = f"h:{hue:.0f}deg", f"s:{strong:.0f}%", f"l:{light:.0f}%"
        values = "".join(f"--bulma-{name}-{part};" for name in ("primary", "link") for part in parts)
        return f":root,[data-theme]{{{values}}}"

    def button(self, b: p.Button, parts: Parts, bare: bool) -> str:
        classes = f"button {_LOOKS[b.look]}" + " is-small" * b.small + " x-bare" * bare
        classes += " is-fullwidth" * b.wide + " is-active is-primary" * b.on
        off = " disabled" if b.off else ""
        style = ' style="width:100%"' if b.wide else ""
        return f'<button class="{classes}"{style} {parts.mark}{off}>{parts.icon}{parts.label}</button>'

    def input(self, f: p.Field, parts: Parts) -> str:
        if f.kind == "area":
            return plain_input(f, parts.mark, "textarea")
        if parts.icon:
            inner = plain_input(f, parts.mark, "input")
            icon = f'<span class="icon is-left">{parts.icon}</span>'
            return f'<div class="control x-owner has-icons-left">{inner}{icon}</div>'
        return plain_input(f, parts.mark, "input")

    def choice(self, c: p.Choice, parts: Parts) -> str:
        state = " checked" * c.on + " disabled" * c.off
        if c.kind == "switch":  # the usual add-on for Bulma: a check box drawn as a switch
            style = (
                "appearance:none;width:2.5em;height:1.35em;border-radius:1em;position:relative;"
                f"background:radial-gradient(circle at {'calc(100% - .68em)' if c.on else '.68em'} 50%,"
                f"#fff .5em,transparent .53em),{'var(--x-brand)' if c.on else 'var(--x-muted)'}"
            )
            box = f'<input type="checkbox" style="{style}" {parts.mark}{state}>'
        else:
            box = f'<input type="{c.kind}" {parts.mark}{state}>'
        return f'<label class="x-inrow">{box}<span>{parts.label}</span></label>'

    def select(self, s: p.Select, parts: Parts) -> str:
        control = f'<div class="select" {parts.mark}>{plain_select(s, "", "")}</div>'
        return self.labelled(parts.label, control)

    def slider(self, s: p.Slider, parts: Parts) -> str:
        return self.labelled(parts.label, f'<input type="range" value="{s.value}" {parts.mark}>')

    def nav(self, nav: p.Nav, parts: list[Parts]) -> str:
        if nav.kind not in ("side", "tabs"):
            return super().nav(nav, parts)
        tabs = nav.kind == "tabs"
        entries = []
        for i, e in enumerate(parts):
            on = "is-active" if i == nav.selected else ""
            classes = f'class="{on}"'
            outer, inner = (classes, "") if tabs else ("", classes)
            entries.append(f"<li {outer}><a {inner} {e.mark}>{e.icon}{words(e)}</a></li>")
        if tabs:
            return f'<div class="tabs"><ul>{"".join(entries)}</ul></div>'
        return f'<div class="menu"><ul class="menu-list">{"".join(entries)}</ul></div>'

    def crumbs(self, parts: list[Parts], here: Parts) -> str:
        links = "".join(f'<li><a href="#" {e.mark}>{e.label}</a></li>' for e in parts)
        return f'<nav class="breadcrumb"><ul>{links}<li class="is-active"><a>{here.label}</a></li></ul></nav>'

    def pages(self, pages: p.Pages, parts: list[Parts]) -> str:
        entries = []
        for i, e in enumerate(parts):
            off = (i == 0 and pages.current == 1) or (i == len(parts) - 1 and pages.current == pages.count)
            state = " is-current" if i == pages.current else " is-disabled" if off else ""
            entries.append(f'<li><a class="pagination-link{state}" {e.mark}>{e.icon}{e.label}</a></li>')
        return f'<nav class="pagination"><ul class="pagination-list">{"".join(entries)}</ul></nav>'

    def table(self, head: str, rows: str) -> str:
        return (
            f'<table class="table is-fullwidth"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        )

    def card(self, title: str, inner: str) -> str:
        head = (
            f'<header class="card-header"><p class="card-header-title">{title}</p></header>' if title else ""
        )
        return (
            f'<div class="card">{head}<div class="card-content x-col" style="padding:1.1rem">'
            f"{inner}</div></div>"
        )

    def tag(self, tag: p.Tag, label: str) -> str:
        return f'<span class="tag {_TONES[tag.tone]}">{label}</span>'

    def progress(self, value: int) -> str:
        return f'<progress class="progress is-small" value="{value}" max="100"></progress>'

    def alert(self, tone: str, icon: str, text: str) -> str:
        classes = f"notification {_TONES[tone]} is-light x-row"
        return f'<div class="{classes}" style="padding:.7em 1em"><span>{icon}</span><span>{text}</span></div>'

    def dialog(self, title: str, closer: str, body: str, actions: str) -> str:
        style = "box-shadow:0 12px 40px rgba(0,0,0,.4);background:var(--x-raised)"
        return (
            f'<div class="card" style="{style}"><header class="modal-card-head x-row x-between" '
            f'style="padding:.9em 1.2em">'
            f'<p class="modal-card-title" style="font-size:1.2em">{title}</p>{closer}</header>'
            f'<section class="x-pad x-col">{body}</section>'
            f'<footer class="modal-card-foot x-row x-end" style="padding:.9em 1.2em">{actions}</footer></div>'
        )
