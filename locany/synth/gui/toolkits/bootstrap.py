"""Bootstrap 5."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.theme import Theme, rgb
from locany.synth.gui.toolkits.toolkit import Parts, Toolkit, plain_input, plain_select, words

_TONES = {"good": "success", "bad": "danger", "warn": "warning", "info": "info", "plain": "secondary"}
_LOOKS = {
    "main": "primary",
    "plain": "secondary",
    "outline": "outline-primary",
    "danger": "danger",
    "text": "link",
}


class Bootstrap(Toolkit):
    """Bootstrap's class names on plain elements."""

    name = "bootstrap"
    label_class = "form-label"

    def root(self, theme: Theme) -> str:
        return f'data-bs-theme="{"dark" if theme.dark else "light"}"'

    def head(self, theme: Theme, direction: str) -> str:
        rtl = ".rtl" if direction == "rtl" else ""
        return f'<link rel="stylesheet" href="node_modules/bootstrap/dist/css/bootstrap{rtl}.min.css">'

    def styles(self, theme: Theme) -> str:
        numbers = ",".join(str(c) for c in rgb(theme.brand))
        return f":root,[data-bs-theme]{{--bs-primary-rgb:{numbers};--bs-link-color-rgb:{numbers}}}"

    def button(self, b: p.Button, parts: Parts, bare: bool) -> str:
        look = _LOOKS[b.look]
        classes = (
            f"btn btn-{look}" + " btn-sm" * b.small + " active" * b.on + " x-bare" * bare + " w-100" * b.wide
        )
        if b.look == "text":
            classes = classes.replace("btn-link", "border-0") if bare else classes + " text-decoration-none"
        off = " disabled" if b.off else ""
        return f'<button type="button" class="{classes}" {parts.mark}{off}>{parts.icon}{parts.label}</button>'

    def input(self, f: p.Field, parts: Parts) -> str:
        if parts.icon:
            inner = plain_input(f, parts.mark, "form-control")
            return f'<div class="input-group"><span class="input-group-text">{parts.icon}</span>{inner}</div>'
        return plain_input(f, parts.mark, "form-control")

    def choice(self, c: p.Choice, parts: Parts) -> str:
        kind = "radio" if c.kind == "radio" else "checkbox"
        state = " checked" * c.on + " disabled" * c.off
        box = f'<input class="form-check-input" type="{kind}" {parts.mark}{state}>'
        switch = " form-switch ps-0" if c.kind == "switch" else ""
        return f'<label class="x-inrow{switch}">{box}<span>{parts.label}</span></label>'

    def select(self, s: p.Select, parts: Parts) -> str:
        return self.labelled(parts.label, plain_select(s, parts.mark, "form-select"))

    def slider(self, s: p.Slider, parts: Parts) -> str:
        control = f'<input type="range" class="form-range" value="{s.value}" {parts.mark}>'
        return self.labelled(parts.label, control)

    def nav(self, nav: p.Nav, parts: list[Parts]) -> str:
        if nav.kind not in ("side", "tabs", "top"):
            return super().nav(nav, parts)
        look = {"side": "nav-pills flex-column", "tabs": "nav-tabs flex-nowrap", "top": "flex-nowrap"}[
            nav.kind
        ]
        entries = "".join(
            f'<a class="nav-link{" active" if i == nav.selected else ""}" {e.mark}>{e.icon}{words(e)}</a>'
            for i, e in enumerate(parts)
        )
        return f'<div class="nav {look}">{entries}</div>'

    def crumbs(self, parts: list[Parts], here: Parts) -> str:
        links = "".join(f'<li class="breadcrumb-item"><a href="#" {e.mark}>{e.label}</a></li>' for e in parts)
        return f'<ol class="breadcrumb">{links}<li class="breadcrumb-item active">{here.label}</li></ol>'

    def pages(self, pages: p.Pages, parts: list[Parts]) -> str:
        entries = []
        for i, e in enumerate(parts):
            off = (i == 0 and pages.current == 1) or (i == len(parts) - 1 and pages.current == pages.count)
            state = " active" if i == pages.current else " disabled" if off else ""
            entries.append(
                f'<li class="page-item{state}"><a class="page-link" {e.mark}>{e.icon}{e.label}</a></li>'
            )
        return f'<ul class="pagination">{"".join(entries)}</ul>'

    def table(self, head: str, rows: str) -> str:
        return f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'

    def card(self, title: str, inner: str) -> str:
        head = f'<div class="card-header">{title}</div>' if title else ""
        return f'<div class="card">{head}<div class="card-body x-col">{inner}</div></div>'

    def tag(self, tag: p.Tag, label: str) -> str:
        return f'<span class="badge text-bg-{_TONES[tag.tone]}">{label}</span>'

    def progress(self, value: int) -> str:
        return f'<div class="progress"><div class="progress-bar" style="width:{value}%"></div></div>'

    def alert(self, tone: str, icon: str, text: str) -> str:
        return (
            f'<div class="alert alert-{_TONES[tone]} x-row py-2"><span>{icon}</span><span>{text}</span></div>'
        )

    def dialog(self, title: str, closer: str, body: str, actions: str) -> str:
        return (
            f'<div class="modal-content card shadow-lg x-raised">'
            f'<div class="modal-header x-row x-between x-pad x-linb">'
            f'<h5 class="modal-title">{title}</h5>{closer}</div>'
            f'<div class="modal-body x-pad x-col">{body}</div>'
            f'<div class="modal-footer x-row x-end x-pad x-lint">{actions}</div></div>'
        )
