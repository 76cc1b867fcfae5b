"""The words of interfaces in ten languages."""

from __future__ import annotations

from functools import cache

from locany.synth.gui.resources import resource

LANGUAGES = ("en", "de", "fr", "es", "pt", "ru", "zh", "ja", "ko", "ar")
SCRIPTS = {"ru": "cyrillic", "zh": "chinese", "ja": "japanese", "ko": "korean", "ar": "arabic"}


@cache
def _lexicon() -> dict[str, tuple[str, ...]]:
    found = {}
    for line in resource("words.txt").splitlines():
        key, *by_language = line.split("|")
        assert len(by_language) == len(LANGUAGES), f"the line {key!r} has {len(by_language)} languages"
        found[key] = tuple(by_language)
    return found


def keys() -> tuple[str, ...]:
    """Everything that there is a word for."""
    return tuple(_lexicon())


@cache
def _keys(language: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key in _lexicon():
        said = word(key, language).casefold()
        found[said] = (*found.get(said, ()), key)
    return found


def keys_of(text: str, language: str) -> tuple[str, ...]:
    """What an interface in `language` writes this text for; mostly nothing."""
    return _keys(language).get(" ".join(text.casefold().split()), ())


def word(key: str, language: str) -> str:
    """What an interface in `language` writes for `key`."""
    return _lexicon()[key][LANGUAGES.index(language)]


def words(language: str) -> tuple[str, ...]:
    """Everything that an interface in `language` may write."""
    at = LANGUAGES.index(language)
    return tuple(row[at] for row in _lexicon().values())
