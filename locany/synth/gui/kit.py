"""What templates draw with: chance, words, content, and the shape of the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from locany.synth.gui import page as p
from locany.synth.gui.content import Content
from locany.synth.gui.icons import has_icon
from locany.synth.gui.labels import Labels
from locany.synth.gui.words import word

T = TypeVar("T")


@dataclass
class Kit:
    """One page in the making.

    Attributes:
        rng: the only source of chance.
        language: of the interface.
        content: what it talks about.
        icon_set: its icons.
        size_wh: of the page in CSS pixels, without the window's frame.
        dense: how much is on the page, 0 little to 1 all.
        unit: pixels of the root's font size; a page of n pixels is n / unit em wide.
        icon_share: how often a button with words has an icon, too.
        labels: draws the words of a page that says anything at all; None where they fit what they stand on.
        link_rate: share of paragraphs with links among the words.
    """

    rng: np.random.Generator
    language: str
    content: Content
    icon_set: str
    size_wh: tuple[int, int]
    dense: float
    unit: float
    icon_share: float = field(default=0.5)
    labels: Labels | None = None
    link_rate: float = 0.0
    _said: dict[str, str] = field(default_factory=dict)

    @property
    def em(self) -> float:
        """Width of the page in em."""
        return self.size_wh[0] / self.unit

    @property
    def narrow(self) -> bool:
        """Whether it is a phone, or as narrow."""
        return self.em < 46

    def t(self, key: str) -> str:
        """A word of the interface; where anything may be said the same for the same key."""
        ours = word(key, self.language)
        if self.labels is None:
            return ours
        return self._said.setdefault(key, self.labels.like(ours))

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return bool(self.rng.random() < share)

    def pick(self, options: Sequence[T]) -> T:
        """One of several."""
        return options[int(self.rng.integers(len(options)))]

    def some(self, options: Sequence[T], count: int) -> tuple[T, ...]:
        """Several of them, in their order."""
        count = min(count, len(options))
        chosen = sorted(self.rng.choice(len(options), count, replace=False).tolist())
        return tuple(options[i] for i in chosen)

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(low, max(low, high) + 1))

    def amount(self, low: int, high: int) -> int:
        """A whole number that grows with how dense the page is to be."""
        top = low + round((high - low) * self.dense)
        return self.number(max(low, (low + top) // 2), top)

    def rows(self, row_em: float, used_em: float, low: int, high: int) -> int:
        """How many rows of `row_em` fit below `used_em`, and one more that is cut off."""
        fitting = int((self.size_wh[1] / self.unit - used_em) / row_em) + 1
        return max(low, min(high, fitting, low + round((high - low) * max(0.35, self.dense))))

    def button(
        self,
        key: str,
        action: str = "",
        look: str = "plain",
        *,
        icon: str | None = None,
        small: bool = False,
        off: bool = False,
        wide: bool = False,
        thing: str = "",
    ) -> p.Button:
        """A button with the word `key`; its action is of the same key unless given."""
        does = action or key
        shown = (does if has_icon(self.icon_set, does) else "") if icon is None else icon
        if icon is None and not self.chance(self.icon_share):
            shown = ""
        return p.Button(self.t(key), does, shown, look, small=small, off=off, wide=wide, thing=thing)

    def bare(
        self, key: str, *, look: str = "text", small: bool = True, on: bool = False, thing: str = ""
    ) -> p.Button:
        """A button that shows its icon only."""
        return p.Button(key.replace("_", " "), key, key, look, bare=True, small=small, on=on, thing=thing)

    def bares(self, keys: Sequence[str], look: str = "text", small: bool = True) -> tuple[p.Button, ...]:
        """Icon buttons, those that the page's set can show."""
        return tuple(self.bare(key, look=look, small=small) for key in keys if has_icon(self.icon_set, key))

    def item(self, key: str, icon: str = "", note: str = "") -> p.Item:
        """An entry with the word `key`."""
        return p.Item(self.t(key), icon if icon and has_icon(self.icon_set, icon) else "", key, note)

    def prose(self, sentences: Sequence[str]) -> str:
        """Sentences as running text."""
        return ("" if self.language in ("zh", "ja") else " ").join(sentences)

    def search(self) -> p.Field:
        """A search field, called by its placeholder."""
        words = self.t("search")
        return p.Field(words, "search", placeholder=words, icon="search", bare=True, action="search")


Template = Callable[[Kit], p.Page]
