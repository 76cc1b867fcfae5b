"""Plausible text for signs and print: what a shop front, a street plate, a menu or a poster says."""

from __future__ import annotations

import unicodedata
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from locany.synth.lexicon_words import LANGUAGES, Language

CASES = ("as is", "upper", "title", "first")
_CASE_SHARES = (0.1, 0.5, 0.8)  # up to which each comes, the last up to 1
_BICAMERAL = frozenset({"latin", "cyrillic", "greek"})
_TURKISH = str.maketrans({"i": "İ", "ı": "I"})
# Pairs that a quick reader confuses.
_ALIKE = (
    "oc",
    "ec",
    "il",
    "nm",
    "uv",
    "hb",
    "gq",
    "pr",
    "ft",
    "ea",
    "OQ",
    "EF",
    "PR",
    "MN",
    "UV",
    "IL",
    "CG",
)
_ALIKE_DIGITS = ("38", "17", "56", "08", "49")


@dataclass(frozen=True)
class Line:
    """One line of a sign.

    Attributes:
        text: words with single spaces between them.
        language: a key of `LANGUAGES`.
        scale: height of its letters relative to the other lines.
    """

    text: str
    language: str
    scale: float = 1.0

    @property
    def words(self) -> list[str]:
        """Its words."""
        return self.text.split(" ")


@dataclass(frozen=True)
class Wording:
    """What one sign says. `kind` is a key of `KINDS`."""

    kind: str
    lines: tuple[Line, ...]

    @property
    def num_words(self) -> int:
        """Words of all lines."""
        return sum(len(line.words) for line in self.lines)


def languages(script: str) -> tuple[str, ...]:
    """Codes of the languages that are written in a script."""
    return tuple(code for code, language in LANGUAGES.items() if language.script == script)


@cache
def characters(language: str) -> str:
    """Every character that a language's text may use but for digits and signs, sorted."""
    texts = [
        text for phrase in LANGUAGES[language].phrases for text in (phrase, cased(phrase, language, "upper"))
    ]
    return "".join(sorted(set("".join(texts)) - {" "}))


@cache
def vocabulary(language: str) -> tuple[str, ...]:
    """Every word of a language once, sorted: for questions about what is not there."""
    return tuple(sorted({word for phrase in LANGUAGES[language].phrases for word in phrase.split(" ")}))


def cased(text: str, language: str, case: str) -> str:
    """Text in another case, the way the language does it. `case` is one of `CASES`."""
    if case == "as is" or LANGUAGES[language].script not in _BICAMERAL:
        return text
    if case == "title":
        return " ".join(_first_upper(word, language) for word in text.split(" "))
    return _upper(text, language) if case == "upper" else _first_upper(text, language)


def wording(rng: np.random.Generator, kind: str, language: str, *, max_words: int) -> Wording:
    """The text of a sign, of at most `max_words` words; lines that do not fit are left out.

    Args:
        rng: the only source of chance.
        kind: a key of `KINDS`.
        language: a key of `LANGUAGES`.
        max_words: at least 1.
    """
    case = CASES[bisect(_CASE_SHARES, rng.random())]
    kept: list[Line] = []
    left = max_words
    for line in KINDS[kind](rng, LANGUAGES[language]):
        if not line.text.startswith("www."):
            line = replace(line, text=_cased_words(line, case))
        if len(line.words) <= left:
            kept.append(line)
            left -= len(line.words)
    if not kept:
        word = cased(_pick(rng, vocabulary(language)), language, case)
        kept.append(Line(word, language))
    return Wording(kind, tuple(kept))


def lookalike(rng: np.random.Generator, word: str, language: str) -> str:
    """A word that is easily taken for this one, and is not this one."""
    places = [
        (i, pair.replace(letter, ""))
        for i, letter in enumerate(word)
        for pair in (*_ALIKE, *_ALIKE_DIGITS)
        if letter in pair
    ]
    if places and rng.random() < 0.7:
        i, other = places[int(rng.integers(len(places)))]
        return word[:i] + other + word[i + 1 :]
    words = [w for w in vocabulary(language) if w.casefold() != word.casefold()]
    some = [words[i] for i in rng.integers(0, len(words), 40).tolist()]
    nearest = max(some, key=lambda other: (_shared_letters(word.casefold(), other), other))
    return cased(nearest, language, "upper") if word.isupper() else nearest


def _cased_words(line: Line, case: str) -> str:
    """A line in another case, but for figures and the units after them."""
    words = line.words
    figures = next((i for i, word in enumerate(words) if any(c.isdigit() for c in word)), len(words))
    return " ".join(
        [*([cased(" ".join(words[:figures]), line.language, case)] * bool(figures)), *words[figures:]]
    )


def _shared_letters(a: str, b: str) -> float:
    same = sum(x == y for x, y in zip(a, b, strict=False))
    return same / max(len(a), len(b))


def _upper(text: str, language: str) -> str:
    if language == "tr":
        text = text.translate(_TURKISH)
    if language == "el":  # Greek capitals carry no accents
        bare = (c for c in unicodedata.normalize("NFD", text) if c != "\u0301")
        text = unicodedata.normalize("NFC", "".join(bare))
    return text.upper()


def _first_upper(word: str, language: str) -> str:
    head = word[:1].translate(_TURKISH) if language == "tr" else word[:1]
    return head.upper() + word[1:]


def _pick(rng: np.random.Generator, items: tuple[str, ...]) -> str:
    return items[int(rng.integers(len(items)))]


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(map(str, rng.integers(0, 10, count).tolist()))


def _amount(rng: np.random.Generator, language: Language) -> str:
    pattern = language.price
    comma = pattern.endswith(",")
    pattern = pattern.rstrip(",")
    whole = int(rng.integers(1, 100))
    cents = (0, 50, 90, 95, 99, 49, 20)[int(rng.integers(7))]
    plain = rng.random() < 0.3 or language.code in ("ja", "ko", "vi", "hi", "th", "sv")
    number = f"{whole}" if plain else f"{whole}{',' if comma else '.'}{cents:02d}"
    if language.code == "ja":
        number = f"{whole * 10}"
    return pattern.format(number)


def _phone(rng: np.random.Generator) -> str:
    forms = ("0{} {} {}", "+{} {} {}", "({}) {}-{}", "0{}-{}-{}")
    form = forms[int(rng.integers(len(forms)))]
    return form.format(int(rng.integers(10, 99)), _digits(rng, 3), _digits(rng, 4))


def _clock(rng: np.random.Generator) -> str:
    hour = int(rng.integers(0, 24))
    minute = (0, 0, 15, 30, 45, int(rng.integers(60)))[int(rng.integers(6))]
    return f"{hour:02d}:{minute:02d}" if rng.random() < 0.7 else f"{hour}.{minute:02d}"


def _span(rng: np.random.Generator) -> str:
    start, end = int(rng.integers(6, 12)), int(rng.integers(13, 24))
    minute = ("00", "30")[int(rng.integers(2))]
    return f"{start}:00-{end}:{minute}" if rng.random() < 0.8 else f"{start}-{end}"


def _date(rng: np.random.Generator) -> str:
    day, month, year = int(rng.integers(1, 29)), int(rng.integers(1, 13)), int(rng.integers(1950, 2030))
    forms = (
        f"{day}.{month}.{year}",
        f"{day:02d}/{month:02d}/{year % 100:02d}",
        f"{year}-{month:02d}-{day:02d}",
    )
    return forms[int(rng.integers(3))]


def _site(rng: np.random.Generator) -> str:
    english = LANGUAGES["en"]
    name = (_pick(rng, english.names) + _pick(rng, english.goods).split(" ")[-1]).lower()
    return f"www.{name}.{('com', 'org', 'net', 'eu')[int(rng.integers(4))]}"


def _broken(text: str, language: Language, scale: float = 1.0, words_per_line: int = 2) -> list[Line]:
    words = text.split(" ")
    rows = [words[i : i + words_per_line] for i in range(0, len(words), words_per_line)]
    return [Line(" ".join(row), language.code, scale) for row in rows]


def _word(rng: np.random.Generator, language: Language) -> list[Line]:
    return [Line(_pick(rng, vocabulary(language.code)), language.code)]


def _sign(rng: np.random.Generator, language: Language) -> list[Line]:
    return _broken(_pick(rng, language.signs), language, words_per_line=int(rng.integers(1, 5)))


def _notice(rng: np.random.Generator, language: Language) -> list[Line]:
    head = [Line(_pick(rng, language.signs), language.code, 1.6)] if rng.random() < 0.4 else []
    return [*head, *_broken(_pick(rng, language.notices), language, words_per_line=int(rng.integers(2, 5)))]


def _shop(rng: np.random.Generator, language: Language) -> list[Line]:
    name, shop = _pick(rng, language.names), _pick(rng, language.shops)
    roll = rng.random()
    if roll < 0.4:
        head = [Line(f"{shop} {name}" if rng.random() < 0.5 else f"{name} {shop}", language.code)]
    elif roll < 0.6:
        head = [Line(f"{name} & {_pick(rng, language.names)}", language.code)]
    else:
        head = [Line(name if rng.random() < 0.5 else shop, language.code)]
    if rng.random() < 0.35:
        head.append(Line(f"{_pick(rng, language.goods)} & {_pick(rng, language.goods)}", language.code, 0.45))
    if rng.random() < 0.2:
        head.append(Line(_phone(rng), language.code, 0.4))
    return head


def _street(rng: np.random.Generator, language: Language) -> list[Line]:
    lines = [Line(_pick(rng, language.streets), language.code)]
    if rng.random() < 0.25:
        lines.append(Line(f"{int(rng.integers(1, 90))}-{int(rng.integers(91, 200))}", language.code, 0.5))
    return lines


def _directions(rng: np.random.Generator, language: Language) -> list[Line]:
    rows = []
    for _ in range(int(rng.integers(2, 5))):
        place = _pick(rng, language.streets if rng.random() < 0.5 else language.shops)
        rows.append(Line(f"{place} {int(rng.integers(1, 60))}", language.code))
    return rows


def _hours(rng: np.random.Generator, language: Language) -> list[Line]:
    days = [language.days[i] for i in rng.permutation(len(language.days))[: int(rng.integers(2, 5))].tolist()]
    return [
        Line(_pick(rng, language.shops + language.signs), language.code, 1.5),
        *(Line(f"{day} {_span(rng)}", language.code) for day in days),
    ]


def _price(rng: np.random.Generator, language: Language) -> list[Line]:
    if rng.random() < 0.25:
        return [Line(f"-{int(rng.integers(1, 15)) * 5}%", language.code)]
    amount = Line(_amount(rng, language), language.code, 1.8)
    return [amount] if rng.random() < 0.4 else [Line(_pick(rng, language.goods), language.code), amount]


def _menu(rng: np.random.Generator, language: Language) -> list[Line]:
    goods = [
        language.goods[i] for i in rng.permutation(len(language.goods))[: int(rng.integers(3, 12))].tolist()
    ]
    head = Line(_pick(rng, language.shops), language.code, 1.7)
    return [head, *(Line(f"{item} {_amount(rng, language)}", language.code) for item in goods)]


def _poster(rng: np.random.Generator, language: Language) -> list[Line]:
    lines = [
        Line(_pick(rng, language.names), language.code, 0.7),
        *_broken(_pick(rng, language.signs + language.goods), language, 2.2, 1),
        Line(_pick(rng, language.notices), language.code, 0.6),
        Line(f"{_date(rng)} {_clock(rng)}", language.code, 0.9),
        Line(_pick(rng, language.streets), language.code, 0.6),
    ]
    kept = [line for line in lines if rng.random() < 0.75]
    return [*kept, Line(_site(rng), language.code, 0.45)] if rng.random() < 0.4 else kept


def _label(rng: np.random.Generator, language: Language) -> list[Line]:
    lines = [
        Line(_pick(rng, language.names), language.code, 1.4),
        Line(_pick(rng, language.goods), language.code, 1.0),
    ]
    if rng.random() < 0.6:
        unit = ("g", "ml", "kg", "l", "cl")[int(rng.integers(5))]
        lines.append(Line(f"{int(rng.integers(1, 40)) * 25} {unit}", language.code, 0.6))
    if rng.random() < 0.3:
        lines.append(Line(_pick(rng, language.notices), language.code, 0.4))
    return lines


def _book(rng: np.random.Generator, language: Language) -> list[Line]:
    return [
        Line(f"{_pick(rng, language.names)} {_pick(rng, language.goods + language.shops)}", language.code)
    ]


def _phone_line(rng: np.random.Generator, language: Language) -> list[Line]:
    head = (
        [Line(_pick(rng, language.shops + language.signs), language.code, 1.2)] if rng.random() < 0.6 else []
    )
    return [*head, Line(_phone(rng), language.code)]


def _board(rng: np.random.Generator, language: Language) -> list[Line]:
    """What a dot matrix shows."""
    place = _pick(rng, language.streets + language.signs)
    forms = (f"{int(rng.integers(1, 99))} {place}", f"{place} {_clock(rng)}", _clock(rng), place)
    return [Line(form, language.code) for form in forms[: int(rng.integers(1, 3))]]


def _clock_line(rng: np.random.Generator, language: Language) -> list[Line]:
    return [Line(_clock(rng), language.code)]


def _plate(rng: np.random.Generator, language: Language) -> list[Line]:
    letters = "".join("ABCDEFGHJKLMNPRSTUVWXYZ"[i] for i in rng.integers(0, 23, 6).tolist())
    forms = (
        f"{letters[:2]} {_digits(rng, 3)} {letters[2:4]}",
        f"{letters[:1]}-{letters[1:3]} {_digits(rng, 4)}",
        f"{letters[:3]} {_digits(rng, 4)}",
        f"{int(rng.integers(1, 9))}{letters[:3]}{_digits(rng, 3)}",
        f"{letters[:2]}{_digits(rng, 2)} {letters[2:5]}",
    )
    return [Line(forms[int(rng.integers(len(forms)))], "en")]


def _number(rng: np.random.Generator, language: Language) -> list[Line]:
    number = str(int(rng.integers(1, 400)))
    return [Line(number + ("", "", "A", "b")[int(rng.integers(4))], "en")]


KINDS: dict[str, Callable[[np.random.Generator, Language], list[Line]]] = {
    "word": _word,
    "sign": _sign,
    "notice": _notice,
    "shop": _shop,
    "street": _street,
    "directions": _directions,
    "hours": _hours,
    "price": _price,
    "menu": _menu,
    "poster": _poster,
    "label": _label,
    "book": _book,
    "phone": _phone_line,
    "board": _board,
    "clock": _clock_line,
    "plate": _plate,
    "number": _number,
}
