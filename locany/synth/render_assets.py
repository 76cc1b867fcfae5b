"""Where the interface toolkits and icon sets lie that `locany data setup` installs, and whether they do."""

from __future__ import annotations

import os
from pathlib import Path

from locany.errors import MissingAssetsError
from locany.synth.fonts import SETUP_HINT

FOLDER_VARIABLE = "LOCANY_RENDER_ASSETS"
SETUP_FOLDER = (
    Path(__file__).parent.parent / "assets" / "render"
)  # the script, package.json, sources to bundle
_READY = "ready"  # written last by the script: the version of what it installed


def assets_path() -> Path:
    """The folder, there or not: $LOCANY_RENDER_ASSETS, else one in the user's cache."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser().resolve()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser().resolve() / "locany" / "render"


def assets_folder() -> Path:
    """The folder, complete.

    Raises:
        MissingAssetsError: it was never set up, or by another version.
    """
    folder = assets_path()
    wanted = (SETUP_FOLDER / "VERSION").read_text(encoding="utf-8").strip()
    try:
        found = (folder / _READY).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise MissingAssetsError(f"no toolkits and icons in {folder}; {SETUP_HINT}") from None
    if found != wanted:
        raise MissingAssetsError(f"{folder} holds version {found}, this package needs {wanted}; {SETUP_HINT}")
    return folder
