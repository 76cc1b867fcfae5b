"""Rewrite the list of files in docs/architecture.md from the first line of every module's docstring.

python scripts/make_architecture.py
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
START, STOP = "<!-- files -->\n", "<!-- end of files -->\n"
ORDER = (
    *(
        "errors.py",
        "device.py",
        "geometry.py",
        "tasks.py",
        "detection.py",
        "results.py",
        "labels.py",
        "notebook.py",
        "files.py",
        "fixed_list.py",
        "numeric.py",
        "wording.py",
        "version.py",
        "image",
        "codec",
        "model",
    ),
    *(
        "engine",
        "weights",
        "data",
        "closer",
        "locator",
        "draw.py",
        "synth",
        "train",
        "eval",
        "pipeline",
        "cli",
    ),
)


def first_line(path: Path) -> str:
    """The first paragraph of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def listing() -> str:
    """One line per file, rooms in the order of a request."""
    lines = []
    for name in ORDER:
        room = ROOT / "locany" / name
        if room.is_file():
            lines.append(f"{name:<24} {first_line(room)}")
            continue
        lines.append(f"{name + '/':<24} {first_line(room / '__init__.py')}".rstrip())
        for path in sorted(room.rglob("*.py")):
            if path.name != "__init__.py":
                lines.append(f"  {path.relative_to(room).as_posix():<22} {first_line(path)}")
    return "```\n" + "\n".join(lines) + "\n```\n"


def page() -> str:
    """The page with a fresh listing."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(START)[0], text.split(STOP)[1]
    return before + START + listing() + STOP + after


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
