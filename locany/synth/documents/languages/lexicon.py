"""The words and patterns of one language. Sentences made of them are grammatical and mean little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from locany.errors import DataError

_MODULES = {
    "en": "english",
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "ru": "russian",
    "zh": "chinese",
    "ja": "japanese",
    "ar": "arabic",
}
LANGUAGES = tuple(_MODULES)


@dataclass(frozen=True)
class Lexicon:
    """A language.

    Attributes:
        code: as in the `lang` attribute of a page.
        script: a name of `fonts.Family.scripts`.
        patterns: sentences with {s} subject, {v} verb, {o} object, {t} time or manner.
        subjects, verbs, objects, tails: what fills them; every combination agrees in number and case.
        openers: what may stand before a sentence, with its own punctuation.
        titles: patterns with {a}, {b} and {c}, which are filled with terms.
        terms: nouns or short noun phrases without an article.
        headings: of sections.
        labels: fixed words of letters, invoices, forms, ... by key; the keys of English are all there are.
        items: what is sold.
        dishes: of a menu: as many starters as main courses, desserts and drinks, in this order.
        first_names, last_names, streets, cities, firms, months: proper names; {n} in a firm is a last name.
        fields: what a form asks for, in the order of English.
        decimal, thousands: signs in numbers.
        money: pattern of an amount, with {x}.
        money_places: places after the sign of decimals; yen have none.
        date: patterns with {d} day, {p} day in two digits, {m} name and {n} number of the month, {y} year.
        stop: what ends a sentence.
        space: what stands between words.
        rtl: written from right to left.
    """

    code: str
    script: str
    patterns: tuple[str, ...]
    subjects: tuple[str, ...]
    verbs: tuple[str, ...]
    objects: tuple[str, ...]
    tails: tuple[str, ...]
    openers: tuple[str, ...]
    titles: tuple[str, ...]
    terms: tuple[str, ...]
    headings: tuple[str, ...]
    labels: Mapping[str, str] = field(repr=False)
    items: tuple[str, ...]
    dishes: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    firms: tuple[str, ...]
    months: tuple[str, ...]
    fields: tuple[str, ...]
    decimal: str = "."
    thousands: str = ","
    money: str = "${x}"
    money_places: int = 2
    date: tuple[str, ...] = ("{d} {m} {y}",)
    space: str = " "
    rtl: bool = False


@cache
def lexicon(code: str) -> Lexicon:
    """The language with this code.

    Raises:
        DataError: there is none.
    """
    if code not in _MODULES:
        raise DataError(f"no language {code!r} to write pages in; there are: {', '.join(LANGUAGES)}")
    found = import_module(f"locany.synth.documents.languages.{_MODULES[code]}").LEXICON
    assert isinstance(found, Lexicon)
    return found


def listed(text: str) -> tuple[str, ...]:
    """The parts of a text between semicolons or line ends: a word list that can be read and mended."""
    parts = (part.strip() for line in text.splitlines() for part in line.split(";"))
    return tuple(part for part in parts if part)


def paired(text: str) -> dict[str, str]:
    """Lines or parts "key: value" of such a list."""
    return {key.strip(): value.strip() for key, value in (part.split(":", 1) for part in listed(text))}
