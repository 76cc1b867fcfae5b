"""What pages talk about: people, products, messages, files, by language."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import numpy as np

from locany.synth.gui.resources import resource

_PRODUCT_EMOJI = {
    "en": "👟🎒💡☕🎧🧥🧣⌚🫘🧘🪑🛏🔪🫖👓👕🥾🏓⛺🔊👒👖📱📓🥤🥖🖼🕰🪑🚂",
    "": "👟🎒💡☕🎧🧥🧣⌚🧘🪑🫖👓",  # other languages name the same twelve products in this order
}


_KEPT = (
    "months",
    "weekdays",
    "currency",
    "cities",
)  # what a page still says where its words are drawn at random


@cache
def _content() -> dict[str, dict[str, list[str]]]:
    return json.loads(resource("content.json"))


def all_content(language: str) -> dict[str, list[str]]:
    """Everything there is in a language, by kind."""
    return _content()[language]


class Content:
    """Draws names and sentences of one language, none twice while there are others.

    Args:
        rng: the only source of chance.
        language: of the page.
        like: gives another text for one of ours, where pages say anything at all; None for ours.
    """

    def __init__(
        self, rng: np.random.Generator, language: str, like: Callable[[str], str] | None = None
    ) -> None:
        self._rng = rng
        self._like = like
        self._others: dict[str, tuple[str, ...]] = {}
        self._english = _content()["en"]
        self._own = _content()[language]
        self._emoji = _PRODUCT_EMOJI.get(language, _PRODUCT_EMOJI[""])
        self._left: dict[str, list[int]] = {}
        self._date_style: int | None = None

    def of(self, kind: str) -> tuple[str, ...]:
        """All there is of a kind, in its order."""
        ours = tuple(self._own.get(kind) or self._english[kind])
        if self._like is None or kind in _KEPT:
            return ours
        if kind not in self._others:
            self._others[kind] = tuple(dict.fromkeys(self._like(text) for text in ours))
        return self._others[kind]

    def one(self, kind: str) -> str:
        """One of a kind."""
        return self.of(kind)[self._index(kind)]

    def some(self, kind: str, count: int) -> tuple[str, ...]:
        """Several of a kind, at most as many as there are."""
        return tuple(self.one(kind) for _ in range(min(count, len(self.of(kind)))))

    def product(self) -> tuple[str, str]:
        """A product's name and the emoji that shows it."""
        index = self._index("products")
        return self.of("products")[index], self._emoji[index % len(self._emoji)]

    def person(self) -> str:
        """A first name, for some with a surname."""
        first = self.one("people")
        if self._rng.random() < 0.5:
            return first
        surname = self.of("surnames")[int(self._rng.integers(len(self.of("surnames"))))]
        asian = "\u3000" <= first[0] <= "\uffff"
        return surname + first if asian else f"{first} {surname}"

    def money(self, low: float = 3, high: float = 400) -> str:
        """A price with its currency."""
        sign: str = self._own["currency"]  # type: ignore[assignment]
        value = float(np.exp(self._rng.uniform(np.log(low), np.log(high))))
        if sign in ("￥#", "₩#", "# ₽"):
            return sign.replace("#", f"{int(value * 100):,}".replace(",", " " if sign == "# ₽" else ","))
        text = f"{value:,.2f}"
        if sign in ("# €", "R$ #"):
            text = text.replace(",", " ").replace(".", ",")
        return sign.replace("#", text)

    def day(self) -> str:
        """A date, as a short text; all of a page are written the same way."""
        day, month = int(self._rng.integers(1, 29)), int(self._rng.integers(1, 13))
        year = int(self._rng.integers(2021, 2027))
        if self._date_style is None:
            self._date_style = int(self._rng.integers(3))
        styles = (f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}", f"{day}/{month}/{year}")
        return styles[self._date_style]

    def clock(self) -> str:
        """A time of day."""
        return f"{int(self._rng.integers(7, 22))}:{int(self._rng.integers(0, 12)) * 5:02}"

    def _index(self, kind: str) -> int:
        left = self._left.get(kind)
        if not left:
            left = self._rng.permutation(len(self.of(kind))).tolist()
            self._left[kind] = left
        return left.pop()
