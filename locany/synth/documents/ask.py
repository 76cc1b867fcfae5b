"""Questions about a page whose regions, lines and words are all known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from locany.data.sample import Question, Target
from locany.synth.documents.config import DocumentsConfig
from locany.synth.documents.languages.lexicon import lexicon
from locany.synth.documents.naming import named_regions
from locany.synth.documents.truth import Box, Region, Truth, Word, joined, plain
from locany.synth.scan import Warp
from locany.tasks import Task, TaskKind

CATEGORIES = (
    "title",
    "section header",
    "text",
    "list-item",
    "table",
    "picture",
    "caption",
    "formula",
    "footnote",
    "page header",
    "page footer",
)
# Parts that every template marks wherever it draws one, so that asking for one in vain is safe.
_SURE_PARTS = ("logo", "signature", "check box", "bar chart", "pie chart", "line chart", "photo", "barcode")
_PART_SHARE = 0.25  # of layout questions that ask for a part
_ONE_CATEGORY = 0.78  # of layout questions; the published mean is 1.3 categories
_MAX_PHRASE = 7  # words
_MIN_SIZE = 0.65  # of the least font size of body text: small print down to this is still asked for


@dataclass(frozen=True)
class Found:
    """The page's truth as targets, in the image as it was made.

    Attributes:
        regions: of layout categories and parts, in reading order; label = category or part.
        words, lines: label = transcription; a word has a letter or digit.
        sources: the region of each of `regions`.
    """

    regions: tuple[Target, ...]
    lines: tuple[Target, ...]
    words: tuple[Target, ...]
    sources: tuple[Region, ...]

    @property
    def all(self) -> tuple[Target, ...]:
        """Everything with a box."""
        return self.regions + self.lines + self.words


def found_in(truth: Truth, warp: Warp | None) -> Found:
    """Targets of everything on the page; `warp` says where the page's points came to lie."""

    def target(label: str, box: Box, text: str | None, **attributes: str) -> Target:
        polygon: tuple[tuple[float, float], ...] = ()
        if warp is not None:
            polygon, box = warp.polygon(box), warp.box(box)
        x0, y0, x1, y1 = (round(edge, 2) for edge in box)
        return Target(label, (x0, y0, x1, y1), None, polygon, text, attributes)

    regions = [
        target(
            r.category or r.part,
            r.box,
            r.text or None,
            role=r.part or r.category,
            level="region" if r.category else "part",
        )
        for r in truth.regions
    ]
    lines = [target(line.text, line.box, line.text, level="line") for line in truth.lines]
    # Dashes and dots between words are ink of their line; nobody would ask for them as words.
    words = [target(word.text, word.box, word.text, level="word") for word in truth.words if plain(word.text)]
    return Found(tuple(regions), tuple(lines), tuple(words), truth.regions)


class Asker:
    """Draws questions about one page."""

    def __init__(
        self,
        rng: np.random.Generator,
        found: Found,
        truth: Truth,
        config: DocumentsConfig,
        warp: Warp | None,
        *,
        language: str,
        min_text: float,
    ):
        self.rng, self.found, self.truth, self.config, self.warp = rng, found, truth, config, warp
        self.terms = lexicon(language).terms
        self.space = lexicon(language).space
        lines = [line.text for line in truth.lines]
        self.text = f" {plain(' '.join(lines))} "
        self.unbroken = f" {plain(joined(lines, self.space))} "  # as it reads on over the ends of lines
        self.legible = [word.size >= min_text * _MIN_SIZE for word in truth.words]
        self.named = named_regions(truth, found.regions, self.space)
        if 2 * sum(self.legible) < len(self.legible):  # what cannot be read tells nothing apart
            self.named = [(name, target) for name, target in self.named if "'" not in name]

    def one(self, kind: TaskKind) -> Question | None:
        """A question of this family, or None where the page does not allow one."""
        makers = {
            TaskKind.LAYOUT: self._layout,
            TaskKind.REFER: self._refer,
            TaskKind.POINT: self._point,
            TaskKind.FIND_TEXT: self._find_text,
            TaskKind.TEXT: self._all_text,
        }
        assert kind in makers, f"no question is made for {kind}"
        return makers[kind]()

    def _layout(self) -> Question | None:
        rng, regions = self.rng, self.found.regions
        if rng.random() < _PART_SHARE:
            return self._parts()
        known = [name for name in CATEGORIES if name not in self.truth.scraps]
        labels = {region.label for region in regions}
        present, absent = [n for n in known if n in labels], [n for n in known if n not in labels]
        most = self.config.max_categories
        count = 1 if most == 1 or rng.random() < _ONE_CATEGORY else int(rng.integers(2, most + 1))
        chosen: dict[str, None] = {}
        for _ in range(count):
            pool = absent if rng.random() < self.config.negative_rate else present
            pool = [name for name in pool if name not in chosen]
            if pool:
                chosen[pool[int(rng.integers(len(pool)))]] = None
        if not chosen:
            return None
        return Question(Task.layout(list(chosen)), tuple(r for r in regions if r.label in chosen))

    def _parts(self) -> Question | None:
        """One part, such as all check boxes."""
        rng = self.rng
        by_part: dict[str, list[Target]] = {}
        for region, target in zip(self.found.sources, self.found.regions, strict=True):
            if region.part and region.part not in self.truth.scraps:
                by_part.setdefault(region.part, []).append(replace(target, label=region.part))
        absent = [name for name in _SURE_PARTS if name not in by_part and name not in self.truth.scraps]
        if absent and rng.random() < self.config.negative_rate:
            return Question(Task.layout([absent[int(rng.integers(len(absent)))]]))
        names = list(by_part)
        if not names:
            return None
        name = names[int(rng.integers(len(names)))]
        return Question(Task.layout([name]), tuple(by_part[name]))

    def _refer(self) -> Question | None:
        if not self.named:
            return None
        name, target = self.named[int(self.rng.integers(len(self.named)))]
        return Question(Task.refer(name), (replace(target, label=name),))

    def _point(self) -> Question | None:
        question = self._refer() if self.rng.random() < 0.6 else self._parts()
        if question is None:
            return None
        name = question.task.phrase or question.task.categories[0]
        targets = tuple(replace(t, label=name, point=_centre(t)) for t in question.targets)
        return Question(Task.point(name), targets)

    def _find_text(self) -> Question | None:
        rng, truth = self.rng, self.truth
        if rng.random() < self.config.absent_rate:
            term = self.terms[int(rng.integers(len(self.terms)))]
            return Question(Task.find_text(term)) if self._is_absent(term) else None
        if not truth.lines:
            return None
        number = int(rng.integers(len(truth.lines)))
        line = truth.lines[number]
        numbers = self._numbers(line.words)
        if not numbers:
            return None
        size = (1, len(line.words), int(rng.integers(2, _MAX_PHRASE + 1)))[int(rng.integers(3))]
        size = min(size, len(line.words), 12)
        start = int(rng.integers(0, len(line.words) - size + 1))
        words = line.words[start : start + size]
        if not all(self.legible[i] for i in numbers[start : start + size]):
            return None
        text = self.space.join(word.text for word in words)
        if size > 1 and not self.space and len(text) > 40:
            return None
        if not self._is_unique(text):
            return None
        return Question(Task.find_text(text), (self._target(text, words),))

    def _numbers(self, words: Sequence[Word]) -> list[int]:
        """Places of words in the page's list: consecutive, since lines are cut from it."""
        if not hasattr(self, "_places"):
            self._places = {id(word): i for i, word in enumerate(self.truth.words)}
        return [self._places[id(word)] for word in words]

    def _is_unique(self, text: str) -> bool:
        """Whether a text of at least three letters stands on the page once, not even inside another word."""
        known = plain(text)
        shortest = 3 if known.isascii() else 2
        return len(known) >= shortest and self.text.count(known) == 1 and self.unbroken.count(known) <= 1

    def _is_absent(self, text: str) -> bool:
        """Whether a text is nowhere, not even broken over the end of a line."""
        known = plain(text)
        return known not in self.text and known not in self.unbroken

    def _target(self, text: str, words: Sequence[Word]) -> Target:
        boxes = [word.box for word in words]
        box = (
            min(b[0] for b in boxes),
            min(b[1] for b in boxes),
            max(b[2] for b in boxes),
            max(b[3] for b in boxes),
        )
        polygon: tuple[tuple[float, float], ...] = ()
        if self.warp is not None:
            polygon, box = self.warp.polygon(box), self.warp.box(box)
        x0, y0, x1, y1 = (round(edge, 2) for edge in box)
        return Target(text, (x0, y0, x1, y1), None, polygon, text)

    def _all_text(self) -> Question | None:
        units = {"line": self.found.lines, "word": self.found.words}
        unit = self.config.text_unit
        if unit == "either":
            unit = ("line", "word")[int(self.rng.integers(2))]
        targets = units[unit]
        if not self.truth.complete or not all(self.legible) or not 0 < len(targets) <= self.config.max_text:
            return None
        return Question(Task.text(), targets)


def ask(asker: Asker) -> tuple[Question, ...]:
    """Questions, no two alike; fewer than the config's number where the page offers no more."""
    rng, config = asker.rng, asker.config
    kinds = [kind for kind, _ in config.weights]
    shares = np.cumsum([weight for _, weight in config.weights])
    asked: dict[Task, Question] = {}
    for _ in range(3 * config.num_questions):  # a family may not apply, a question may be asked already
        if len(asked) == config.num_questions:
            break
        at = int(np.searchsorted(shares, rng.random() * shares[-1], "right"))
        question = asker.one(kinds[min(at, len(kinds) - 1)])
        if question is not None:
            asked.setdefault(_key(question.task), question)
    return tuple(asked.values())


def _key(task: Task) -> Task:
    """The same for a list of categories in any order."""
    return replace(task, categories=tuple(sorted(task.categories)))


def _centre(target: Target) -> tuple[float, float] | None:
    if target.xyxy is None:
        return None
    x0, y0, x1, y1 = target.xyxy
    return round((x0 + x1) / 2, 2), round((y0 + y1) / 2, 2)
