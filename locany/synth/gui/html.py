"""From a page to HTML: walks the tree, lets the toolkit draw each widget, and notes what each element is."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from locany.synth.gui import page as p
from locany.synth.gui.icons import has_icon, icon_svg
from locany.synth.gui.resources import resource
from locany.synth.gui.theme import Theme
from locany.synth.gui.toolkits.toolkit import Parts, Toolkit
from locany.synth.gui.words import keys_of

# What can be seen without reading.
_SEEN_REGIONS = frozenset(
    {
        *("header", "sidebar", "toolbar", "tool box", "menu bar", "status bar", "bottom bar", "tab bar"),
        *("navigation bar", "page navigation", "breadcrumb", "dialog", "open menu"),
    }
)
_SEEN_ITEMS = frozenset({"row", "card", "tile", "column"})


@dataclass(frozen=True)
class Element:
    """What is known of an element before it is drawn.

    Attributes:
        id: its mark in the page.
        role: "button", "link", "text field", ...
        label: the words in it, or beside it; empty where none are shown.
        inside: whether the label is written in it.
        name: what it is called, shown or not.
        action: key of what it does; empty if its label is all.
        icon: key of the icon in it; empty for none.
        states: "selected", "checked", "unchecked", "disabled", "on", "off".
        thing: what it acts upon, if known.
        regions: areas around it, innermost first.
        item: name of the row or card that it is in.
        index: place of that row or card in its list, from 1; 0 outside of lists.
        of: what such a row or card is called.
        over: whether it belongs to a dialog or menu over the page.
        rivals: actions that it may be taken to do as well, by its icon or its words; told of pages only on
            which things stand without their purpose.
    """

    id: int
    role: str
    label: str = ""
    inside: bool = True
    name: str = ""
    action: str = ""
    icon: str = ""
    states: tuple[str, ...] = ()
    thing: str = ""
    regions: tuple[str, ...] = ()
    item: str = ""
    index: int = 0
    of: str = ""
    over: bool = False
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Place:
    regions: tuple[str, ...] = ()
    item: str = ""
    index: int = 0
    of: str = ""
    over: bool = False


class Writer:
    """Writes one page. After `document`, `elements` holds what was marked.

    Args:
        toolkit, theme, icon_set, language: what it is written with.
        random_words: labels say nothing about what a control does; what its icon shows still does.
        is_mixed: widgets stand where no program has them.
        css: more rules, behind all others.
    """

    def __init__(
        self,
        toolkit: Toolkit,
        theme: Theme,
        icon_set: str,
        language: str,
        *,
        random_words: bool = False,
        is_mixed: bool = False,
        css: str = "",
    ) -> None:
        self._random_words, self._is_mixed, self._css = random_words, is_mixed, css
        self.elements: list[Element] = []
        self._toolkit, self._theme, self._icon_set, self._language = toolkit, theme, icon_set, language
        self._place = _Place()

    def document(self, page: p.Page, frame: str, attributes: str) -> str:
        """The whole document; `frame` is HTML around the page, with {page} where it goes."""
        body = self.node(page.body) + "".join(self.node(node) for node in page.floats)
        if page.overlay is not None:
            body += self.node(page.overlay)
        kit = self._toolkit
        direction = "rtl" if self._language == "ar" else "ltr"
        app = f'<div class="x-app {kit.app_class}"{attributes}>{body}</div>'
        return (
            f'<!doctype html><html lang="{self._language}" dir="{direction}" {kit.root(self._theme)}>'
            f"<head><title>{html.escape(page.title)}</title>{kit.head(self._theme, direction)}"
            f"<style>{variables(self._theme)}{resource('layout.css')}</style>"
            f"<style>{resource(f'{kit.name}.css')}{kit.styles(self._theme)}{self._css}</style>"
            f'</head><body class="{kit.body_class(self._theme)}">{frame.replace("{page}", app)}</body></html>'
        )

    def mark(self, role: str, **facts: object) -> str:
        """Note an element and return the attribute that marks it."""
        place = self._place
        around = {"regions": place.regions, "item": place.item, "index": place.index, "of": place.of}
        if self._random_words or self._is_mixed:
            facts = {**facts, "rivals": self._rivals(facts)}
        if self._random_words and (facts.get("label") or not facts.get("icon")):
            facts = {**facts, "action": "", "thing": ""}
        values = {**around, "over": place.over, **facts}
        self.elements.append(Element(len(self.elements), role, **values))  # type: ignore[arg-type]
        return f'data-w="{len(self.elements) - 1}"'

    def _rivals(self, facts: Mapping[str, object]) -> tuple[str, ...]:
        said = keys_of(str(facts.get("name", "")), self._language)
        found = (str(facts.get("action", "")), str(facts.get("icon", "")), *said)
        return tuple(dict.fromkeys(key for key in found if key))

    def icon(self, key: str) -> str:
        """HTML of an icon; empty where the page's set has none."""
        return icon_svg(self._icon_set, key) if key and has_icon(self._icon_set, key) else ""

    def node(self, node: p.Node) -> str:
        """HTML of a node and all in it."""
        return _WRITERS[type(node)](self, node)

    def nodes(self, nodes: tuple[p.Node, ...], between: str = "", /, **place: object) -> str:
        """HTML of several nodes, inside a place, with something between any two."""
        before = self._place
        values = {**before.__dict__, **place}
        self._place = _Place(**values)
        try:
            return between.join(self.node(node) for node in nodes)
        finally:
            self._place = before

    def _inside(self, region: str, item: str, index: int, of: str) -> Mapping[str, object]:
        place: dict[str, object] = {}
        if self._random_words:  # what only words would tell is not known
            region, of = region if region in _SEEN_REGIONS else "", of if of in _SEEN_ITEMS else "row"
        if region:
            place["regions"] = (region, *self._place.regions)
        if item:
            place.update(item=item, index=index, of=of)
        return place

    def _box(self, b: p.Box) -> str:
        classes = " ".join(f"x-{name}" for name in b.kind.split())
        scroll = f' data-scroll="{b.scroll}"' if b.scroll else ""
        between = " " if "prose" in b.kind.split() else ""  # where lines may break
        inner = self.nodes(b.children, between, **self._inside(b.region, b.item, b.index, b.of))
        return f'<div class="{classes}" style="{b.style}"{scroll}>{inner}</div>'

    def _text(self, t: p.Text) -> str:
        tag = t.kind.split()[0] if t.kind.split()[0] in ("h1", "h2", "h3", "p") else "span"
        classes = " ".join(f"x-{name}" for name in t.kind.split())
        return f'<{tag} class="{classes}">{html.escape(t.text)}</{tag}>'

    def _button(self, b: p.Button) -> str:
        svg = self.icon(b.icon)
        bare = b.bare and bool(svg)
        states = ("disabled",) * b.off + ("on",) * b.on
        m = self.mark(
            "button",
            label="" if bare else b.label,
            name=b.label,
            action=b.action,
            icon=b.icon if svg else "",
            states=states,
            thing=b.thing,
        )
        return self._toolkit.button(b, Parts(m, svg, "" if bare else html.escape(b.label)), bare)

    def _link(self, link: p.Link) -> str:
        m = self.mark("link", label=link.label, name=link.label, action=link.action)
        return self._toolkit.link(link, Parts(m, "", html.escape(link.label)))

    def _field(self, f: p.Field) -> str:
        shown = "" if f.bare else f.label
        states = ("disabled",) * f.off
        role = "search field" if f.kind == "search" else "text field"
        m = self.mark(
            role,
            label=shown,
            inside=False,
            name=f.label,
            action=f.action,
            states=states,
            thing=f.placeholder if f.action != "search" else "",
            icon=f.icon if self.icon(f.icon) else "",
        )
        return self._toolkit.field(f, Parts(m, self.icon(f.icon), html.escape(shown)))

    def _choice(self, c: p.Choice) -> str:
        role = {"checkbox": "checkbox", "radio": "radio button", "switch": "switch"}[c.kind]
        on, off = ("on", "off") if c.kind == "switch" else ("checked", "unchecked")
        states = (on if c.on else off,) + ("disabled",) * c.off
        shown = "" if c.bare else c.label
        m = self.mark(role, label=shown, inside=False, name=c.label, states=states)
        return self._toolkit.choice(c, Parts(m, "", html.escape(shown)))

    def _select(self, s: p.Select) -> str:
        shown = "" if s.bare else s.label
        m = self.mark(
            "drop-down list",
            label=shown,
            inside=False,
            name=s.label,
            states=("disabled",) * s.off,
            thing=s.value,
        )
        return self._toolkit.select(s, Parts(m, self.icon("down"), html.escape(shown)))

    def _slider(self, s: p.Slider) -> str:
        shown = "" if s.bare else s.label
        m = self.mark("slider", label=shown, inside=False, name=s.label)
        return self._toolkit.slider(s, Parts(m, "", html.escape(shown)))

    def _nav(self, n: p.Nav) -> str:
        role = {"tabs": "tab", "bottom": "navigation button", "rail": "navigation button"}.get(
            n.kind, "navigation link"
        )
        region = n.region or {"tabs": "tab bar", "bottom": "bottom bar", "side": "sidebar"}.get(
            n.kind, "navigation bar"
        )
        before = self._place
        self._place = _Place(**{**before.__dict__, "regions": (region, *before.regions)})
        parts = []
        for i, item in enumerate(n.items):
            svg = self.icon(item.icon)
            bare = n.kind == "rail" and bool(svg)
            m = self.mark(
                role,
                label="" if bare else item.label,
                name=item.label,
                action=item.action,
                icon=item.icon if svg else "",
                states=("selected",) * (i == n.selected),
            )
            parts.append(Parts(m, svg, "" if bare else html.escape(item.label), html.escape(item.note)))
        self._place = before
        return self._toolkit.nav(n, parts)

    def _menu(self, menu: p.Menu) -> str:
        before = self._place
        self._place = _Place(regions=("open menu",), over=True)
        parts = []
        for item in menu.items:
            svg = self.icon(item.icon)
            m = self.mark(
                "menu item",
                label=item.label,
                name=item.label,
                action=item.action,
                icon=item.icon if svg else "",
                states=("disabled",) * item.off,
            )
            parts.append(Parts(m, svg, html.escape(item.label), html.escape(item.note)))
        self._place = before
        inner = self._toolkit.menu(menu, parts)
        return f'<div class="x-float" data-over style="left:{menu.x}px;top:{menu.y}px">{inner}</div>'

    def _crumbs(self, c: p.Crumbs) -> str:
        before = self._place
        self._place = _Place(**{**before.__dict__, "regions": ("breadcrumb", *before.regions)})
        marks = [self.mark("link", label=text, name=text) for text in c.items[:-1]]
        self._place = before
        here = Parts("", "", html.escape(c.items[-1]))
        parts = [Parts(m, "", html.escape(text)) for m, text in zip(marks, c.items[:-1], strict=True)]
        return self._toolkit.crumbs(parts, here)

    def _pages(self, pages: p.Pages) -> str:
        before = self._place
        self._place = _Place(**{**before.__dict__, "regions": ("page navigation", *before.regions)})
        first = pages.current == 1
        last = pages.current == pages.count
        back = self.mark(
            "button", name="previous page", action="previous_page", icon="left", states=("disabled",) * first
        )
        parts = [Parts(back, self.icon("left"), "")]
        for number in range(1, pages.count + 1):
            m = self.mark(
                "page number",
                label=str(number),
                name=str(number),
                states=("selected",) * (number == pages.current),
            )
            parts.append(Parts(m, "", str(number)))
        onward = self.mark(
            "button", name="next page", action="next_page", icon="right", states=("disabled",) * last
        )
        parts.append(Parts(onward, self.icon("right"), ""))
        self._place = before
        return self._toolkit.pages(pages, parts)

    def _table(self, t: p.Table) -> str:
        head = "".join(f"<th>{html.escape(column)}</th>" for column in t.columns)
        rows = []
        for i, (name, cells) in enumerate(zip(t.names, t.rows, strict=True)):
            place = {"item": name, "index": i + 1, "of": t.of}
            all_cells = (p.Choice(name, on=i in t.chosen, bare=True), *cells) if t.checks else cells
            row = "".join(f"<td>{self.nodes((cell,), **place)}</td>" for cell in all_cells)
            rows.append(f'<tr class="{"x-chosen" if i in t.chosen else ""}">{row}</tr>')
        return self._toolkit.table("<th></th>" * t.checks + head, "".join(rows))

    def _card(self, c: p.Card) -> str:
        region = "" if c.item else f"'{c.title}' card" if c.title else ""
        inner = self.nodes(c.children, **self._inside(region, c.item, c.index, c.of))
        return self._toolkit.card(html.escape(c.title), inner)

    def _hot(self, h: p.Hot) -> str:
        m = self.mark(
            h.role, name=h.name, label=h.name, action=h.action, states=("selected",) * h.on, inside=True
        )
        classes = " ".join(f"x-{name}" for name in h.kind.split()) + (" x-on" if h.on else "")
        inner = self.nodes(h.children, **self._inside(h.region, h.item, h.index, h.of))
        return f'<div class="x-hot {classes}" style="{h.style}" {m}>{inner}</div>'

    def _symbol(self, s: p.Symbol) -> str:
        svg = self.icon(s.key)
        m = self.mark("icon", icon=s.key) if svg else ""
        return f'<span class="x-symbol" {m}>{svg}</span>'

    def _art(self, a: p.Art) -> str:
        m = self.mark(a.role, name=a.name, label="") if a.role else ""
        return f'<div class="x-art x-{a.kind}" {m}>{a.html}</div>'

    def _dialog(self, d: p.Dialog) -> str:
        before = self._place
        self._place = _Place(regions=("dialog",), over=True)
        closer = self._button(p.Button("Close", "close", "close", "text", bare=True)) if d.close else ""
        body = "".join(self.node(node) for node in d.children)
        actions = "".join(self.node(node) for node in d.actions)
        self._place = before
        inner = self._toolkit.dialog(html.escape(d.title), closer, body, actions)
        return (
            f'<div class="x-veil" data-over><div style="width:{d.width}px;max-width:94%">{inner}</div></div>'
        )


_WRITERS: dict[type, Callable[[Writer, Any], str]] = {
    p.Box: Writer._box,
    p.Text: Writer._text,
    p.Button: Writer._button,
    p.Link: Writer._link,
    p.Field: Writer._field,
    p.Choice: Writer._choice,
    p.Select: Writer._select,
    p.Slider: Writer._slider,
    p.Nav: Writer._nav,
    p.Menu: Writer._menu,
    p.Crumbs: Writer._crumbs,
    p.Pages: Writer._pages,
    p.Table: Writer._table,
    p.Card: Writer._card,
    p.Tag: lambda w, t: w._toolkit.tag(t, html.escape(t.text)),
    p.Progress: lambda w, x: w._toolkit.progress(x.value),
    p.Alert: lambda w, a: w._toolkit.alert(
        a.tone, w.icon("info" if a.tone != "warn" else "warning"), html.escape(a.text)
    ),
    p.Symbol: Writer._symbol,
    p.Art: Writer._art,
    p.Hot: Writer._hot,
    p.Dialog: Writer._dialog,
}


def variables(theme: Theme) -> str:
    """The theme as CSS variables, for the layout styles and the toolkits' own."""
    values = {
        "brand": theme.brand,
        "on-brand": theme.on_brand,
        "ground": theme.ground,
        "surface": theme.surface,
        "raised": theme.raised,
        "text": theme.text,
        "muted": theme.muted,
        "line": theme.line,
        "bar": theme.bar,
        "on-bar": theme.on_bar,
        "radius": f"{theme.radius}px",
        "gap": f"{theme.gap}px",
        "shadow": theme.shadow,
        "font": theme.font,
        "heading": theme.heading_font,
        "size": f"{theme.size}px",
    }
    scheme = "dark" if theme.dark else "light"
    return (
        f":root{{color-scheme:{scheme};"
        + "".join(f"--x-{name}:{value};" for name, value in values.items())
        + "}"
    )
