"""The fonts of the system by family, with what they are for: a catalogue of those that we render with.

All are free to use and to embed (OFL, Apache-2.0 or MIT); `locany data setup` installs them from Debian's
packages. DejaVu is left out on purpose: it draws emoji in black and white before the emoji font is asked.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from locany.errors import MissingAssetsError
from locany.synth.splits import in_split

SETUP_HINT = "run: locany data setup"

_REGULAR, _BOLD = 80.0, 200.0  # fontconfig's weights


@dataclass(frozen=True)
class Family:
    """A font family.

    Attributes:
        name: what splits, recipes and provenance call it; a bundled font of this name is the same family.
        css: its name in a style sheet.
        style: "sans", "serif", "mono", "display" or "hand".
        scripts: what it can write: "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "thai",
            "chinese", "japanese", "korean".
    """

    name: str
    css: str
    style: str
    scripts: tuple[str, ...] = ("latin",)


@dataclass(frozen=True)
class FontFile:
    """One face on disk. `index` is its number inside a collection (.ttc)."""

    family: Family
    path: Path
    index: int
    bold: bool


_WIDE = ("latin", "cyrillic", "greek")

FAMILIES: tuple[Family, ...] = (
    Family("inter", "Inter", "sans", _WIDE),
    Family("roboto", "Roboto", "sans", _WIDE),
    Family("open-sans", "Open Sans", "sans", _WIDE),
    Family("liberation-sans", "Liberation Sans", "sans", _WIDE),
    Family("liberation-sans-narrow", "Liberation Sans Narrow", "sans", _WIDE),
    Family("noto-sans", "Noto Sans", "sans", _WIDE),
    Family("cantarell", "Cantarell", "sans", ("latin", "cyrillic")),
    Family("carlito", "Carlito", "sans", _WIDE),
    Family("karla", "Karla", "sans"),
    Family("lato", "Lato", "sans", _WIDE),
    Family("cabin", "Cabin", "sans"),
    Family("dosis", "Dosis", "sans"),
    Family("play", "Play", "sans", _WIDE),
    Family("quicksand", "Quicksand", "sans"),
    Family("liberation-serif", "Liberation Serif", "serif", _WIDE),
    Family("caladea", "Caladea", "serif"),
    Family("eb-garamond", "EB Garamond", "serif", _WIDE),
    Family("noto-serif", "Noto Serif", "serif", _WIDE),
    Family("roboto-slab", "Roboto Slab", "serif", _WIDE),
    Family("liberation-mono", "Liberation Mono", "mono", _WIDE),
    Family("fira-code", "Fira Code", "mono", _WIDE),
    Family("hack", "Hack", "mono", _WIDE),
    Family("jetbrains-mono", "JetBrains Mono", "mono", _WIDE),
    Family("bebas-neue", "Bebas Neue", "display"),
    Family("league-spartan", "League Spartan", "display"),
    Family("yanone-kaffeesatz", "Yanone Kaffeesatz", "display"),
    Family("lobster-two", "Lobster Two", "hand"),
    Family("leckerli-one", "Leckerli One", "hand"),
    Family("comic-neue", "Comic Neue", "hand"),
    Family("noto-sans-cjk-sc", "Noto Sans CJK SC", "sans", ("chinese",)),
    Family("noto-serif-cjk-sc", "Noto Serif CJK SC", "serif", ("chinese",)),
    Family("noto-sans-cjk-jp", "Noto Sans CJK JP", "sans", ("japanese",)),
    Family("noto-serif-cjk-jp", "Noto Serif CJK JP", "serif", ("japanese",)),
    Family("noto-sans-cjk-kr", "Noto Sans CJK KR", "sans", ("korean",)),
    Family("noto-sans-arabic", "Noto Sans Arabic", "sans", ("arabic",)),
    Family("noto-naskh-arabic", "Noto Naskh Arabic", "serif", ("arabic",)),
    Family("noto-sans-hebrew", "Noto Sans Hebrew", "sans", ("hebrew",)),
    Family("noto-sans-devanagari", "Noto Sans Devanagari", "sans", ("devanagari",)),
    Family("noto-sans-thai", "Noto Sans Thai", "sans", ("thai",)),
)


def families(split: str, *, script: str = "latin", styles: tuple[str, ...] = ()) -> tuple[Family, ...]:
    """Families of a split that are installed, in catalogue order.

    Args:
        split: "train" or "held-out". Scripts other than latin, cyrillic and greek have few families; where a
            split has none, their families count as belonging to both.
        script: see `Family.scripts`.
        styles: see `Family.style`; empty for all.

    Raises:
        MissingAssetsError: the fonts are not installed.
    """
    files = _installed()
    able = [f for f in FAMILIES if script in f.scripts and f.name in files]
    if styles:
        able = [f for f in able if f.style in styles]
    chosen = set(in_split("fonts", [f.name for f in able], split))
    if not chosen and script not in _WIDE:
        chosen = {f.name for f in able}
    found = tuple(f for f in able if f.name in chosen)
    if not found:
        raise MissingAssetsError(
            f"no {split} fonts for {script} {'/'.join(styles) or 'text'} are installed; {SETUP_HINT}"
        )
    return found


def font_files(family: Family) -> tuple[FontFile, ...]:
    """Regular and bold face of an installed family, upright."""
    return _installed()[family.name]


def missing_families() -> tuple[str, ...]:
    """Names of catalogue families that are not installed."""
    return tuple(family.name for family in FAMILIES if family.name not in _installed())


@cache
def _installed() -> dict[str, tuple[FontFile, ...]]:
    if shutil.which("fc-list") is None:
        raise MissingAssetsError(f"fontconfig (fc-list) is not installed; {SETUP_HINT}")
    pattern = "%{family[0]}|%{weight}|%{slant}|%{width}|%{variable}|%{index}|%{file}\n"
    listed = subprocess.run(["fc-list", "--format", pattern], capture_output=True, text=True, check=True)
    by_css = {family.css: family for family in FAMILIES}
    faces: dict[str, dict[bool, FontFile]] = {}
    for line in sorted(listed.stdout.splitlines()):
        css, weight, slant, width, variable, index, path = line.split("|", 6)
        # A variable font ("Karla[wght].ttf") lists named instances, with indices beyond a plain reader.
        if css not in by_css or variable != "False" or slant != "0" or "[" in weight + path:
            continue
        if float(weight) in (_REGULAR, _BOLD) and (width == "100" or css.endswith("Narrow")):
            family, bold = by_css[css], float(weight) == _BOLD
            face = FontFile(family, Path(path), int(index), bold)
            faces.setdefault(family.name, {}).setdefault(bold, face)
    return {
        name: tuple(by_weight[bold] for bold in sorted(by_weight))
        for name, by_weight in faces.items()
        if False in by_weight or len(by_weight) == 1
    }
