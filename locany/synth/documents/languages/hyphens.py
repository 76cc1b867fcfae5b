"""Where long words may be broken at the end of a line: a rule of thumb for alphabets with vowels."""

from __future__ import annotations

import re

SOFT_HYPHEN = "\u00ad"
_LONG = re.compile(r"[^\W\d_]{7,}")
_VOWELS = frozenset("aeiouyäöüáéíóúàèùâêîôûаеёиоуыэюя")
_TOGETHER = frozenset(
    {
        "ch",
        "ck",
        "ph",
        "th",
        "sh",
        "qu",
        "gn",
        "ll",
        "rr",
        "st",
        "tr",
        "pr",
        "br",
        "gr",
        "cr",
        "dr",
        "bl",
        "pl",
        "cl",
    }
)
_LEAST = 3  # letters before and after a break


def with_soft_hyphens(text: str) -> str:
    """A text whose long words may be broken before a consonant between vowels."""
    return _LONG.sub(lambda match: _broken(match.group()), text)


def _broken(word: str) -> str:
    vowel = [letter.lower() in _VOWELS for letter in word]
    parts = []
    for i, letter in enumerate(word):
        whole = word[i - 1 : i + 1].lower() in _TOGETHER
        parts.append(SOFT_HYPHEN + letter if _may_break(vowel, i) and not whole else letter)
    return "".join(parts)


def _may_break(vowel: list[bool], i: int) -> bool:
    if not _LEAST <= i <= len(vowel) - _LEAST:
        return False
    return not vowel[i] and vowel[i + 1] and any(vowel[: i - 1])
