"""The page templates by name."""

from __future__ import annotations

from locany.synth.gui.kit import Template
from locany.synth.gui.templates import forms, library, office, planning, reading, shops, tools

TEMPLATES: dict[str, Template] = {
    "sign-in": forms.sign_in,
    "settings": forms.settings,
    "profile": forms.profile,
    "checkout": shops.checkout,
    "table": office.table,
    "dashboard": office.dashboard,
    "board": planning.board,
    "calendar": planning.month,
    "files": library.files,
    "mail": reading.mail,
    "chat": reading.chat,
    "editor": tools.editor,
    "shop": shops.shop,
    "product": shops.product,
    "search-results": reading.results,
    "map": tools.city,
    "player": library.player,
    "desktop-tool": tools.desktop_tool,
    "article": reading.article,
}
