"""Shoelace 2: web components, whose insides lie behind shadow roots."""

from __future__ import annotations

import html

from locany.synth.gui import page as p
from locany.synth.gui.theme import Theme
from locany.synth.gui.toolkits.toolkit import Parts, Toolkit

_TONES = {"good": "success", "bad": "danger", "warn": "warning", "info": "primary", "plain": "neutral"}
_LOOKS = {"main": "primary", "plain": "default", "outline": "primary", "danger": "danger", "text": "text"}


class Shoelace(Toolkit):
    """Shoelace's elements; where a part is meant, `data-part` selects it inside of the shadow root."""

    name = "shoelace"

    def head(self, theme: Theme, direction: str) -> str:
        shade = "dark" if theme.dark else "light"
        # The window outlives its documents, and so do the elements once defined.
        script = (
            "if(!customElements.get('sl-button'))"
            "document.write('<script src=\"built/shoelace.js\"><\\/script>')"
        )
        sheet = f"node_modules/@shoelace-style/shoelace/dist/themes/{shade}.css"
        return f'<link rel="stylesheet" href="{sheet}"><script>{script}</script>'

    def root(self, theme: Theme) -> str:
        return f'class="sl-theme-{"dark" if theme.dark else "light"}"'

    def button(self, b: p.Button, parts: Parts, bare: bool) -> str:
        state = " outline" * (b.look == "outline") + " disabled" * b.off
        size = ' size="small"' if b.small else ""
        variant = "primary" if b.on else _LOOKS[b.look]
        classes = "x-bare" * bare + " x-full" * b.wide
        icon = parts.icon if bare else f'<span slot="prefix">{parts.icon}</span>' if parts.icon else ""
        return (
            f'<sl-button class="{classes}" variant="{variant}"{size}{state} {parts.mark}>'
            f"{icon}{parts.label}</sl-button>"
        )

    def input(self, f: p.Field, parts: Parts) -> str:
        given = f' placeholder="{html.escape(f.placeholder)}"' if f.placeholder else ""
        given += f' value="{html.escape(f.value)}"' if f.value else ""
        given += " disabled" * f.off
        if f.kind == "area":
            return f'<sl-textarea rows="{f.lines}" resize="none" {parts.mark}{given}></sl-textarea>'
        kind = f.kind if f.kind in ("password", "email", "search") else "text"
        icon = f'<span slot="prefix">{parts.icon}</span>' if parts.icon else ""
        return f'<sl-input type="{kind}" {parts.mark}{given}>{icon}</sl-input>'

    def choice(self, c: p.Choice, parts: Parts) -> str:
        state = " checked" * c.on + " disabled" * c.off
        if c.kind == "radio":
            # A lone radio is checked by its group only; the mark is set by the group's value.
            inner = (
                f'<sl-radio value="1" {parts.mark} data-part="[part~=control]"{" disabled" * c.off}>'
                f"{parts.label}</sl-radio>"
            )
            return f'<sl-radio-group size="medium" value="{"1" if c.on else ""}">{inner}</sl-radio-group>'
        tag = f"sl-{c.kind}"
        return f'<{tag} {parts.mark} data-part="[part~=control]"{state}>{parts.label}</{tag}>'

    def select(self, s: p.Select, parts: Parts) -> str:
        value = html.escape(s.value)
        off = " disabled" if s.off else ""
        control = (
            f'<sl-select value="v" {parts.mark}{off}><sl-option value="v">{value}</sl-option></sl-select>'
        )
        return self.labelled(parts.label, control)

    def slider(self, s: p.Slider, parts: Parts) -> str:
        return self.labelled(
            parts.label, f'<sl-range value="{s.value}" tooltip="none" {parts.mark}></sl-range>'
        )

    def nav(self, nav: p.Nav, parts: list[Parts]) -> str:
        if nav.kind != "side":
            return super().nav(nav, parts)
        entries = "".join(
            f'<sl-menu-item class="{"x-on" if i == nav.selected else ""}" {e.mark}>{e.icon}{e.label}'
            f'<span slot="suffix" class="x-small x-muted">{e.note}</span></sl-menu-item>'
            for i, e in enumerate(parts)
        )
        return f'<sl-menu class="x-side">{entries}</sl-menu>'

    def menu(self, menu: p.Menu, parts: list[Parts]) -> str:
        entries = "".join(
            f"<sl-menu-item {e.mark}{' disabled' if item.off else ''}>{e.icon}{e.label}"
            f'<span slot="suffix" class="x-small x-muted">{e.note}</span></sl-menu-item>'
            for item, e in zip(menu.items, parts, strict=True)
        )
        return f'<sl-menu style="display:block">{entries}</sl-menu>'

    def pages(self, pages: p.Pages, parts: list[Parts]) -> str:
        entries = []
        for i, e in enumerate(parts):
            off = (i == 0 and pages.current == 1) or (i == len(parts) - 1 and pages.current == pages.count)
            variant = "primary" if i == pages.current else "default"
            state = " disabled" if off else ""
            entries.append(
                f'<sl-button size="small" variant="{variant}" {e.mark}{state}>{e.icon}{e.label}</sl-button>'
            )
        return f'<div class="x-row x-tight">{"".join(entries)}</div>'

    def card(self, title: str, inner: str) -> str:
        head = f'<strong slot="header">{title}</strong>' if title else ""
        return f'<sl-card>{head}<div class="x-col">{inner}</div></sl-card>'

    def tag(self, tag: p.Tag, label: str) -> str:
        return f'<sl-tag size="small" variant="{_TONES[tag.tone]}">{label}</sl-tag>'

    def progress(self, value: int) -> str:
        return f'<sl-progress-bar value="{value}" style="--height:.5em"></sl-progress-bar>'

    def alert(self, tone: str, icon: str, text: str) -> str:
        return f'<sl-alert open variant="{_TONES[tone]}"><span slot="icon">{icon}</span>{text}</sl-alert>'
