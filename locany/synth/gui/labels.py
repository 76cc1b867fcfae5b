"""Labels that have nothing to do with the page they stand on: who names them must have read them."""

from __future__ import annotations

from functools import cache

import numpy as np

from locany.synth import assets
from locany.synth.gui.content import all_content
from locany.synth.gui.words import words
from locany.synth.icon_names import read_names
from locany.synth.lexicon import vocabulary

_UNSPACED = ("zh", "ja")
_ONSETS = (
    *("b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kl", "l", "m", "n"),
    *("p", "pl", "qu", "r", "s", "sh", "st", "t", "tr", "v", "w", "z"),
)
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ee", "io", "ou")
_CODAS = ("", "", "", "l", "m", "n", "nd", "r", "rt", "s", "st", "t", "x")
# Words that phrases use for looks, states, places and kinds: as a label they would mean two things.
_MEANT = frozenset(
    {
        *("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey"),
        *("active", "selected", "checked", "unchecked", "ticked", "empty", "disabled", "enabled"),
        *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "last"),
        *("top", "bottom", "left", "right", "centre", "topmost", "lowest", "leftmost", "rightmost"),
        *("button", "link", "field", "tab", "menu", "entry", "icon", "box"),
        *("search", "page", "item", "row", "card", "list"),
        *("image", "picture", "chart", "slider", "switch", "toggle", "checkbox", "marker", "pin"),
        *("that", "the", "with", "and"),
    }
)
_COMMON = 2  # letters; shorter words say too little to be asked for


@cache
def dictionary(language: str) -> tuple[str, ...]:
    """Words of a language, each once, sorted; where words are not spaced, short phrases."""
    texts = [*vocabulary(language), *words(language)]
    texts += [text for kind in all_content(language).values() if isinstance(kind, list) for text in kind]
    if language == "en":
        texts += assets.words()
        texts += [name for icon in read_names().icons for name in (icon.name, *icon.synonyms)]
    if language in _UNSPACED:
        return tuple(sorted({text for text in texts if len(text) <= 8}))
    parts = {part.strip(".,:;?!()'\"").casefold() for text in texts for part in text.split()}
    return tuple(sorted(part for part in parts - _MEANT if len(part) > _COMMON))


class Labels:
    """Draws the labels of one page, in the way of writing that most of them share."""

    def __init__(self, rng: np.random.Generator, language: str) -> None:
        self._rng, self._language = rng, language
        self._case = ("first", "first", "title", "upper", "lower")[int(rng.integers(5))]

    def label(self, most: int = 3) -> str:
        """A label of one to `most` words, a few with a number, a code, or a word that nobody knows."""
        rng = self._rng
        kind = rng.random()
        if kind < 0.04:
            return str(int(rng.integers(1, 10 ** int(rng.integers(1, 5)))))
        if kind < 0.08:
            return f"{'ABCDEFGHKLMNPRSTVX'[int(rng.integers(18))]}{int(rng.integers(1, 9999))}"
        count = 1 + int(rng.integers(most))
        picked = [self._word() for _ in range(count)]
        if kind > 0.95:
            picked.append(str(int(rng.integers(2, 100))))
        return self._written(picked)

    def text(self, low: int, high: int) -> str:
        """From `low` to `high` words that mean nothing together, written as a sentence is."""
        picked = [self._word() for _ in range(int(self._rng.integers(low, high + 1)))]
        joined = ("" if self._language in _UNSPACED else " ").join(picked)
        return joined[:1].upper() + joined[1:]

    def like(self, text: str) -> str:
        """Something about as long as `text`."""
        if self._language in _UNSPACED:
            return self.label(2)
        count = len(text.split())
        return self.label(max(1, count)) if count <= 3 else self.text(max(3, count - 2), count + 2)

    def _word(self) -> str:
        rng = self._rng
        if self._language not in _UNSPACED and rng.random() < 0.1:
            parts = []
            for _ in range(int(rng.integers(2, 4))):
                parts += [_one(rng, _ONSETS), _one(rng, _VOWELS)]
            return "".join(parts) + _one(rng, _CODAS)
        return _one(rng, dictionary(self._language))

    def _written(self, picked: list[str]) -> str:
        if self._language in _UNSPACED:
            return "".join(picked[:2])
        rng = self._rng
        case = self._case if rng.random() < 0.85 else _one(rng, ("first", "title", "upper", "lower"))
        if case == "title":
            return " ".join(word[:1].upper() + word[1:] for word in picked)
        joined = " ".join(picked)
        if case == "upper":
            return joined.upper()
        return joined if case == "lower" else joined[:1].upper() + joined[1:]


def _one(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]
