"""Writes: titles, sentences, names, dates and amounts in one language, by chance from one generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locany.synth.documents.languages.lexicon import Lexicon, lexicon


class Writer:
    """A source of text in one language. Texts are plain, not escaped for HTML."""

    def __init__(self, rng: np.random.Generator, code: str):
        self.rng = rng
        self.lexicon: Lexicon = lexicon(code)
        self._date_pattern = ""

    def pick(self, items: Sequence[str]) -> str:
        """One of some texts."""
        return items[int(self.rng.integers(len(items)))]

    def several(self, items: Sequence[str], count: int) -> list[str]:
        """Different ones of some texts, at most `count`."""
        order = self.rng.permutation(len(items))[:count]
        return [items[i] for i in order.tolist()]

    def whole(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """True at this share."""
        return bool(self.rng.random() < share)

    def label(self, key: str) -> str:
        """A fixed word, such as the one for "invoice"."""
        return self.lexicon.labels[key]

    def sentence(self) -> str:
        """One sentence with its full stop."""
        words = self.lexicon
        text = self.pick(words.patterns)
        for slot, fillers in (
            ("s", words.subjects),
            ("v", words.verbs),
            ("o", words.objects),
            ("t", words.tails),
        ):
            while f"{{{slot}}}" in text:
                text = text.replace(f"{{{slot}}}", self.pick(fillers), 1)
        if words.openers and self.chance(0.2):
            return self.pick(words.openers) + words.space + text
        return text[0].upper() + text[1:]

    def paragraph(self, num_sentences: int) -> str:
        """Sentences in a row; a few hold a number or a reference, as real text does."""
        return self.lexicon.space.join(self.sentence() for _ in range(num_sentences))

    def title(self) -> str:
        """A title without a full stop."""
        text = self.pick(self.lexicon.titles)
        for slot, term in zip("abc", self.several(self.lexicon.terms, 3), strict=True):
            text = text.replace(f"{{{slot}}}", self.titled(term))
        return text[0].upper() + text[1:]

    def titled(self, term: str) -> str:
        """A term as titles write it: English capitalises."""
        if self.lexicon.code != "en":
            return term
        return " ".join(word[0].upper() + word[1:] for word in term.split(" "))

    def term(self) -> str:
        """A noun phrase with a capital."""
        text = self.pick(self.lexicon.terms)
        return text[0].upper() + text[1:]

    def terms(self, count: int) -> list[str]:
        """Different ones."""
        return [text[0].upper() + text[1:] for text in self.several(self.lexicon.terms, count)]

    def phrase(self) -> str:
        """A short piece without a verb: subject or object with its tail."""
        words = self.lexicon
        text = self.pick(words.objects)
        if words.space:  # elsewhere such phrases need a particle
            text += words.space + self.pick(words.tails)
        return text[0].upper() + text[1:]

    def person(self) -> str:
        """First and last name."""
        words = self.lexicon
        first, last = self.pick(words.first_names), self.pick(words.last_names)
        return last + first if words.script in ("chinese", "japanese") else f"{first} {last}"

    def firm(self) -> str:
        """A company."""
        return self.pick(self.lexicon.firms).replace("{n}", self.pick(self.lexicon.last_names))

    def street(self) -> str:
        """Street and house number."""
        name = self.pick(self.lexicon.streets)
        number = self.whole(1, 240)
        return f"{number} {name}" if self.lexicon.code in ("en", "fr") else f"{name} {number}"

    def city(self) -> str:
        """City with its postal code."""
        return f"{self.digits(5)} {self.pick(self.lexicon.cities)}"

    def date(self, year: int = 0, month: int = 0, day: int = 0) -> str:
        """A date, by chance where it is not given; written in one way throughout a page."""
        words = self.lexicon
        year, month, day = (
            year or self.whole(1994, 2029),
            month or self.whole(1, 12),
            day or self.whole(1, 28),
        )
        if not self._date_pattern:
            self._date_pattern = self.pick(words.date)
        values = {
            "d": str(day),
            "p": f"{day:02d}",
            "m": words.months[month - 1],
            "n": f"{month:02d}",
            "y": str(year),
        }
        text = self._date_pattern
        for slot, value in values.items():
            text = text.replace(f"{{{slot}}}", value)
        return text

    def dates(self, count: int) -> list[str]:
        """Dates of one year, in their order."""
        year = self.whole(1994, 2029)
        days = np.sort(self.rng.integers(0, 12 * 28, count)).tolist()
        return [self.date(year, day // 28 + 1, day % 28 + 1) for day in days]

    def number(self, value: float, places: int = 0) -> str:
        """A number with the language's signs."""
        text = f"{value:,.{places}f}"
        return text.translate({ord(","): self.lexicon.thousands, ord("."): self.lexicon.decimal})

    def money(self, cents: int) -> str:
        """An amount of money."""
        return self.lexicon.money.replace("{x}", self.amount(cents))

    def amount(self, cents: int) -> str:
        """An amount of money without its sign; where there are no cents, as many whole ones."""
        places = self.lexicon.money_places
        return self.number(cents / 10**places, places)

    def digits(self, count: int) -> str:
        """A row of digits that does not start with zero."""
        return str(self.whole(10 ** (count - 1), 10**count - 1))

    def code(self) -> str:
        """A number of an article, an invoice or a customer."""
        letters = "ABCDEFGHKLMNPRSTUVWX"
        head = "".join(letters[i] for i in self.rng.integers(0, len(letters), 2).tolist())
        return f"{head}-{self.digits(self.whole(3, 6))}"

    def phone(self) -> str:
        """A telephone number."""
        return f"+{self.whole(10, 98)} {self.digits(3)} {self.digits(3)} {self.digits(3)}"

    def address(self, name: str) -> str:
        """An address of electronic mail, latin in every language."""
        plain = "".join(c for c in name.lower() if "a" <= c <= "z") or "office"
        return f"{plain[:9]}@{self.pick(('mailbox', 'postfach', 'office', 'webmail'))}.example"
