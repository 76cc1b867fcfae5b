"""Tests that need the browser, the fonts or the icon sets: skipped where those are missing, never in CI."""

from __future__ import annotations

import os
from functools import cache

import pytest

from locany.errors import MissingAssetsError, MissingExtraError


@cache
def why_not_rendering() -> str:
    """What is missing for rendering with everything, or an empty text."""
    from locany.synth.browser import find_browser
    from locany.synth.fonts import SETUP_HINT, missing_families
    from locany.synth.render_assets import assets_folder

    try:
        import playwright.sync_api  # noqa: F401
        import resvg_py  # noqa: F401

        find_browser()
        assets_folder()
        if missing := missing_families():
            return f"fonts are missing: {', '.join(missing)}; {SETUP_HINT}"
    except (MissingAssetsError, MissingExtraError) as error:
        return str(error)
    except ImportError as error:
        return f"{error.name} is not installed; run: pip install 'locany[render]'"
    return ""


@pytest.fixture
def needs_render() -> None:
    """Skip where something to render with is missing, with the command that mends it; fail in CI."""
    if why := why_not_rendering():
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
