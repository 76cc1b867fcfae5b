"""Ant Design 6, as the markup that its components render to. Held out from training."""

from __future__ import annotations

import html

from locany.synth.gui import page as p
from locany.synth.gui.theme import Theme
from locany.synth.gui.toolkits.toolkit import Parts, Toolkit, plain_input, words

_TONES = {"good": "success", "bad": "error", "warn": "warning", "info": "processing", "plain": "default"}
_LOOKS = {
    "main": "ant-btn-primary ant-btn-color-primary ant-btn-variant-solid",
    "plain": "ant-btn-default ant-btn-color-default ant-btn-variant-outlined",
    "outline": "ant-btn-default ant-btn-color-primary ant-btn-variant-outlined",
    "danger": "ant-btn-primary ant-btn-dangerous ant-btn-color-dangerous ant-btn-variant-solid",
    "text": "ant-btn-text ant-btn-color-default ant-btn-variant-text",
}
_R = "ant-root"


class Antd(Toolkit):
    """Ant Design's class names; the styles were written out at set-up."""

    name = "antd"
    app_class = _R

    def head(self, theme: Theme, direction: str) -> str:
        return f'<link rel="stylesheet" href="built/antd-{"dark" if theme.dark else "light"}.css">'

    def body_class(self, theme: Theme) -> str:
        return _R

    def button(self, b: p.Button, parts: Parts, bare: bool) -> str:
        classes = f"ant-btn {_R} {_LOOKS[b.look]}" + " ant-btn-sm" * b.small + " ant-btn-block" * b.wide
        classes += " ant-btn-icon-only" * bare + " x-down" * b.on
        icon = f'<span class="ant-btn-icon">{parts.icon}</span>' if parts.icon else ""
        label = f"<span>{parts.label}</span>" if parts.label else ""
        off = " disabled" if b.off else ""
        return f'<button type="button" class="{classes}" {parts.mark}{off}>{icon}{label}</button>'

    def input(self, f: p.Field, parts: Parts) -> str:
        off = " ant-input-disabled" * f.off
        if parts.icon:
            inner = plain_input(f, "", "ant-input")
            shell = f"ant-input-affix-wrapper ant-input-outlined {_R} ant-input-css-var"
            return (
                f'<span class="{shell}" {parts.mark}><span class="ant-input-prefix">'
                f"{parts.icon}</span>{inner}</span>"
            )
        return plain_input(f, parts.mark, f"ant-input ant-input-outlined {_R} ant-input-css-var{off}")

    def choice(self, c: p.Choice, parts: Parts) -> str:
        if c.kind == "switch":
            state = " ant-switch-checked" * c.on + " ant-switch-disabled" * c.off
            box = (
                f'<button type="button" class="ant-switch {_R}{state}" {parts.mark}>'
                '<div class="ant-switch-handle"></div><span class="ant-switch-inner"></span></button>'
            )
            return f'<label class="x-inrow">{box}<span>{parts.label}</span></label>'
        name = f"ant-{c.kind}"
        state = f" {name}-checked" * c.on + f" {name}-disabled" * c.off
        attributes = " checked" * c.on + " disabled" * c.off
        box = (
            f'<span class="{name}{state}" {parts.mark}>'
            f'<input class="{name}-input" type="{c.kind}"{attributes}></span>'
        )
        label = f'<span class="{name}-label">{parts.label}</span>' if parts.label else ""
        return (
            f'<label class="{name}-wrapper x-owner {_R} '
            f'{name}-css-var{f" {name}-wrapper-checked" * c.on}">{box}{label}</label>'
        )

    def select(self, s: p.Select, parts: Parts) -> str:
        off = " ant-select-disabled" * s.off
        control = (
            f'<div class="ant-select ant-select-outlined {_R} ant-select-css-var '
            f'ant-select-single ant-select-show-arrow{off}" '
            f'{parts.mark}><div class="ant-select-content ant-select-content-has-value">'
            f"{html.escape(s.value)}</div>"
            f'<div class="ant-select-suffix">{parts.icon}</div></div>'
        )
        return self.labelled(parts.label, control)

    def slider(self, s: p.Slider, parts: Parts) -> str:
        control = (
            f'<div class="ant-slider {_R} ant-slider-horizontal" {parts.mark}>'
            f'<div class="ant-slider-rail"></div>'
            f'<div class="ant-slider-track" style="left:0;width:{s.value}%"></div>'
            f'<div class="ant-slider-step"></div>'
            f'<div class="ant-slider-handle" style="left:{s.value}%;transform:translateX(-50%)"></div></div>'
        )
        return self.labelled(parts.label, control)

    def nav(self, nav: p.Nav, parts: list[Parts]) -> str:
        if nav.kind == "tabs":
            entries = "".join(
                f'<div class="ant-tabs-tab{" ant-tabs-tab-active" if i == nav.selected else ""}" {e.mark}>'
                f'<div class="ant-tabs-tab-btn">{e.icon}{words(e)}</div></div>'
                for i, e in enumerate(parts)
            )
            return (
                f'<div class="ant-tabs ant-tabs-top {_R} ant-tabs-css-var"><div class="ant-tabs-nav">'
                f'<div class="ant-tabs-nav-wrap"><div class="ant-tabs-nav-list">{entries}</div>'
                f"</div></div></div>"
            )
        if nav.kind != "side":
            return super().nav(nav, parts)
        entries = "".join(
            f'<li class="ant-menu-item{" ant-menu-item-selected" if i == nav.selected else ""}" '
            f"{e.mark}>{e.icon}"
            f'<span class="ant-menu-title-content" style="margin:0;flex:1">{e.label}</span>'
            f'<span class="x-note x-muted">{e.note}</span></li>'
            for i, e in enumerate(parts)
        )
        return (
            f'<ul class="ant-menu ant-menu-root ant-menu-inline ant-menu-light {_R} ant-menu-css-var">'
            f"{entries}</ul>"
        )

    def crumbs(self, parts: list[Parts], here: Parts) -> str:
        links = "".join(
            f'<li class="ant-breadcrumb-item"><a class="ant-breadcrumb-link" {e.mark}>{e.label}</a></li>'
            '<li class="ant-breadcrumb-separator">/</li>'
            for e in parts
        )
        last = f'<li class="ant-breadcrumb-item"><span class="ant-breadcrumb-link">{here.label}</span></li>'
        return f'<nav class="ant-breadcrumb {_R}"><ol>{links}{last}</ol></nav>'

    def pages(self, pages: p.Pages, parts: list[Parts]) -> str:
        entries = []
        for i, e in enumerate(parts):
            arrow = "prev" if i == 0 else "next" if i == len(parts) - 1 else ""
            off = (i == 0 and pages.current == 1) or (i == len(parts) - 1 and pages.current == pages.count)
            if arrow:
                state = " ant-pagination-disabled" * off
                inner = f'<button class="ant-pagination-item-link" type="button">{e.icon}</button>'
                entries.append(f'<li class="ant-pagination-{arrow}{state}" {e.mark}>{inner}</li>')
            else:
                state = " ant-pagination-item-active" * (i == pages.current)
                entries.append(f'<li class="ant-pagination-item{state}" {e.mark}><a>{e.label}</a></li>')
        return f'<ul class="ant-pagination {_R}">{"".join(entries)}</ul>'

    def table(self, head: str, rows: str) -> str:
        inner = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f'<div class="ant-table-wrapper {_R}"><div class="ant-table">{inner}</div></div>'

    def card(self, title: str, inner: str) -> str:
        head = (
            f'<div class="ant-card-head"><div class="ant-card-head-wrapper">'
            f'<div class="ant-card-head-title">{title}'
            "</div></div></div>"
            if title
            else ""
        )
        body = f'<div class="ant-card-body x-col" style="padding:1.1em">{inner}</div>'
        return f'<div class="ant-card ant-card-bordered {_R}">{head}{body}</div>'

    def tag(self, tag: p.Tag, label: str) -> str:
        return f'<span class="ant-tag ant-tag-filled ant-tag-{_TONES[tag.tone]} {_R}">{label}</span>'

    def progress(self, value: int) -> str:
        return (
            f'<div class="ant-progress ant-progress-line {_R}" style="width:100%">'
            f'<div class="ant-progress-body">'
            '<div class="ant-progress-rail" style="height:8px"><div class="ant-progress-track" '
            f'style="width:{value}%;height:8px"></div></div></div></div>'
        )

    def alert(self, tone: str, icon: str, text: str) -> str:
        kind = {"good": "success", "bad": "error", "warn": "warning"}.get(tone, "info")
        return (
            f'<div class="ant-alert ant-alert-{kind} ant-alert-outlined {_R}">'
            f'<span class="ant-alert-icon">{icon}</span>'
            f'<div class="ant-alert-section"><div class="ant-alert-title">{text}</div></div></div>'
        )
