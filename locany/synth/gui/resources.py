"""The engine's own text files: tables of words and actions, styles, the script that reads the truth."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent.parent.parent / "assets" / "gui"


@cache
def resource(name: str) -> str:
    """The text of a file."""
    return (_FOLDER / name).read_text(encoding="utf-8")
