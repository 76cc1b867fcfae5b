"""98.css: bevelled grey windows of an old desktop."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.toolkits.toolkit import Parts, Toolkit, plain_input, plain_select

_FACE = "#c0c0c0"


class Retro(Toolkit):
    """The class-less styles of 98.css with a readable font; always light and grey."""

    name = "98css"
    sheets = ("node_modules/98.css/dist/98.css",)
    _bevel = (
        "box-shadow:inset -1px -1px #0a0a0a,inset 1px 1px #fff,inset -2px -2px grey,inset 2px 2px #dfdfdf;"
    )

    def button(self, b: p.Button, parts: Parts, bare: bool) -> str:
        classes = "x-bare" * bare + " x-full" * b.wide + " x-down" * b.on + " x-main" * (b.look == "main")
        off = " disabled" if b.off else ""
        return f'<button class="{classes}" {parts.mark}{off}>{parts.icon}{parts.label}</button>'

    def input(self, f: p.Field, parts: Parts) -> str:
        return plain_input(f, parts.mark, "")

    def choice(self, c: p.Choice, parts: Parts) -> str:
        box = self._switch(c, parts) if c.kind == "switch" else self._box(c, parts)
        return f'<div class="x-inrow x-owner">{box}<span>{parts.label}</span></div>'

    def _switch(self, c: p.Choice, parts: Parts) -> str:
        """98.css has none: a bevelled knob in a sunken groove."""
        side, ground = ("right", "#000080") if c.on else ("left", "#fff")
        knob = f"position:absolute;top:0;bottom:0;{side}:0;width:50%;background:{_FACE};{self._bevel}"
        groove = (
            "width:2.6em;height:1.3em;flex:none;position:relative;box-shadow:inset 1px 1px grey,"
            f"inset -1px -1px #dfdfdf;background:{ground};opacity:{0.5 if c.off else 1}"
        )
        return f'<span style="{groove}" {parts.mark}><span style="{knob}"></span></span>'

    def _box(self, c: p.Choice, parts: Parts) -> str:
        round_ = "border-radius:50%;" if c.kind == "radio" else ""
        style = (
            f"width:1.1em;height:1.1em;flex:none;background:{'#c0c0c0' if c.off else '#fff'};"
            f"{round_}display:flex;"
            "align-items:center;justify-content:center;"
            "box-shadow:inset -1px -1px #fff,inset 1px 1px grey,inset -2px -2px #dfdfdf,inset 2px 2px #0a0a0a"
        )
        mark = '<circle cx="5" cy="5" r="2.4" fill="#000"/>'
        if c.kind != "radio":
            mark = '<path d="M2 5l2.2 2.5L8.4 2" stroke="#000" stroke-width="1.6" fill="none"/>'
        inner = f'<svg viewBox="0 0 10 10" style="width:.75em;height:.75em">{mark}</svg>' if c.on else ""
        return f'<span style="{style}" {parts.mark}>{inner}</span>'

    def select(self, s: p.Select, parts: Parts) -> str:
        return self.labelled(parts.label, plain_select(s, parts.mark, ""))

    def slider(self, s: p.Slider, parts: Parts) -> str:
        return self.labelled(
            parts.label, f'<input type="range" style="width:100%" value="{s.value}" {parts.mark}>'
        )

    def nav(self, nav: p.Nav, parts: list[Parts]) -> str:
        inner = super().nav(nav, parts)
        return f'<div class="x-list">{inner}</div>' if nav.kind == "side" else inner

    def pages(self, pages: p.Pages, parts: list[Parts]) -> str:
        entries = []
        for i, e in enumerate(parts):
            off = (i == 0 and pages.current == 1) or (i == len(parts) - 1 and pages.current == pages.count)
            down = " x-down" if i == pages.current else ""
            state = " disabled" if off else ""
            entries.append(f'<button class="x-bare{down}" {e.mark}{state}>{e.icon}{e.label}</button>')
        return f'<div class="x-row x-tight">{"".join(entries)}</div>'

    def card(self, title: str, inner: str) -> str:
        head = f"<legend>{title}</legend>" if title else ""
        return f'<fieldset>{head}<div class="x-col">{inner}</div></fieldset>'

    def tag(self, tag: p.Tag, label: str) -> str:
        color = {"good": "#006400", "bad": "#a00000", "warn": "#805000"}.get(tag.tone, "#000080")
        return f'<span style="color:{color};font-weight:700;white-space:nowrap">{label}</span>'

    def progress(self, value: int) -> str:
        inner = f'<span style="display:block;height:100%;width:{value}%;background:#000080"></span>'
        return (
            f'<div style="height:1em;background:#fff;box-shadow:inset 1px 1px grey;padding:2px">{inner}</div>'
        )

    def alert(self, tone: str, icon: str, text: str) -> str:
        return (
            f'<div class="x-row x-pads" style="background:#ffffe1;border:1px solid #000"><span>'
            f"{icon}</span><span>{text}</span></div>"
        )

    def dialog(self, title: str, closer: str, body: str, actions: str) -> str:
        return (
            f'<div style="background:{_FACE};padding:3px;{self._bevel}">'
            f'<div class="x-row x-between" style="background:'
            f"linear-gradient(90deg,#000080,#1084d0);color:#fff;padding:.2em .4em;"
            f'font-weight:700"><span>{title}</span>'
            f'<span style="color:#000">{closer}</span></div><div class="x-pad x-col">{body}</div>'
            f'<div class="x-row x-end x-pad">{actions}</div></div>'
        )
