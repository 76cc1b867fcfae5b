"""Reads `icon_names.txt`: what the pictures of the icon sets show, and which of them are too alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from locany.errors import DataError
from locany.synth import assets


@dataclass(frozen=True)
class IconName:
    """A thing that icon sets draw.

    Attributes:
        name: what questions call it.
        synonyms: other names for it.
        files: plain file names that show it (`svg.plain_name`), each with the one set it counts for, or "".
        not_in: sets ("tabler") or styles of a set ("phosphor/filled") that show something else by that.
    """

    name: str
    synonyms: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    not_in: frozenset[str]


@dataclass(frozen=True)
class Names:
    """The whole file, see its own words."""

    icons: tuple[IconName, ...]
    emoji_left_out: frozenset[str]
    emoji_called: dict[str, str]
    emoji_extra: dict[str, str]
    emoji_not_called: frozenset[str]
    alike: frozenset[frozenset[str]]

    def leaves_out(self, label: str) -> bool:
        """Whether the emoji of this label is not drawn."""
        lower = label.lower()
        return lower in self.emoji_left_out or any(
            f"^{word}" in self.emoji_left_out or f"^{word.rpartition('-')[2]}" in self.emoji_left_out
            for word in (*lower.split(), *_pairs(lower.split()))
        )


@cache
def read_names() -> Names:
    """The names as they stand in the package.

    Raises:
        DataError: the file is damaged.
    """
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in assets.read_text("icon_names.txt").splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            current.append(line)
    try:
        return Names(
            icons=tuple(_icon(line) for line in sections["icons"]),
            emoji_left_out=frozenset(line.lower() for line in sections["emoji left out"]),
            emoji_called=dict(_columns(line, 2) for line in sections["emoji called"]),  # type: ignore[misc]
            emoji_extra=dict(_columns(line, 2) for line in sections["emoji extra"]),  # type: ignore[misc]
            emoji_not_called=frozenset(
                item for line in sections["emoji not called"] for item in _items(line)
            ),
            alike=frozenset(
                {pair for line in sections["covers"] for pair in _covered(line)}
                | {pair for line in sections["alike"] for pair in _every_pair(_items(line))}
            ),
        )
    except (KeyError, ValueError) as error:
        raise DataError(f"icon_names.txt is damaged ({error}); reinstall locany") from error


def _icon(line: str) -> IconName:
    name, synonyms, files = (*_columns(line), "", "")[:3]
    listed = _items(files) if files else [name]
    not_in = frozenset(item[1:] for item in listed if item.startswith("-"))
    wanted = [item for item in listed if not item.startswith("-")]
    split = [tuple(reversed(item.partition("/")[::2])) if "/" in item else (item, "") for item in wanted]
    return IconName(name, tuple(_items(synonyms)), tuple((str(file), str(of)) for file, of in split), not_in)


def _columns(line: str, count: int = 0) -> tuple[str, ...]:
    columns = tuple(part.strip() for part in line.split("|"))
    if count and len(columns) != count:
        raise ValueError(f"{count} columns expected in {line!r}")
    return columns


def _items(text: str) -> list[str]:
    return [item for item in (part.strip() for part in text.split(",")) if item]


def _covered(line: str) -> set[frozenset[str]]:
    wide, narrow = _columns(line, 2)
    return {frozenset({wide, name}) for name in _items(narrow)}


def _every_pair(names: list[str]) -> set[frozenset[str]]:
    return {frozenset({a, b}) for a in names for b in names if a != b}


def _pairs(words: list[str]) -> list[str]:
    return [f"{a} {b}" for a, b in pairwise(words)]
