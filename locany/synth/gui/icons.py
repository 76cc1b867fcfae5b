"""Icons of the npm sets as inline SVG, one em wide and in the colour of the text."""

from __future__ import annotations

import re
from functools import cache

from locany.synth.gui.actions import actions
from locany.synth.render_assets import assets_folder

_FOLDERS = {
    "lucide": "lucide-static/icons",
    "tabler": "@tabler/icons/icons/outline",
    "bootstrap": "bootstrap-icons/icons",
    "material": "@material-design-icons/svg/outlined",
    "phosphor": "@phosphor-icons/core/assets/regular",
    "heroicons": "heroicons/24/outline",
}


def has_icon(icon_set: str, key: str) -> bool:
    """Whether a set shows this action."""
    return key in actions() and icon_set in actions()[key].icons


@cache
def icon_svg(icon_set: str, key: str) -> str:
    """The icon of an action, as HTML."""
    path = assets_folder() / "node_modules" / _FOLDERS[icon_set] / f"{actions()[key].icons[icon_set]}.svg"
    text = re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"\s+", " ", text).strip()
    head, rest = text.split(">", 1)
    kept = re.sub(r' (xmlns|class|width|height|fill|aria-hidden|data-slot)="[^"]*"', "", head)
    fill = "none" if 'fill="none"' in head else "currentColor"
    return f'{kept} class="x-icon" fill="{fill}" width="1em" height="1em" aria-hidden="true">{rest}'
