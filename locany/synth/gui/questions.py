"""Questions about a screen: controls by phrase, roles, texts; each with its exact answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locany.data.sample import Question, Target
from locany.synth.gui.actions import actions
from locany.synth.gui.config import GuiConfig
from locany.synth.gui.phrases import Describer, Phrase
from locany.synth.gui.truth import Line, Thing, Truth
from locany.synth.gui.wording import DRAWN_BESIDES, confusable, icon_called, looks_alike, plain
from locany.synth.gui.words import keys_of, words
from locany.tasks import MAX_PHRASE_LEN, Task

# How often a phrase of a level is asked, where there is one.
LEVELS = (
    ("label", 0.2),
    ("role", 0.17),
    ("action", 0.18),
    ("look", 0.12),
    ("relation", 0.18),
    ("place", 0.06),
    ("colour", 0.05),
    ("state", 0.04),
)
# What may be asked for by category, and the roles that are meant.
CATEGORIES = {
    "button": ("button", "navigation button"),
    "link": ("link", "navigation link"),
    "text field": ("text field", "search field"),
    "checkbox": ("checkbox",),
    "radio button": ("radio button",),
    "switch": ("switch",),
    "drop-down list": ("drop-down list",),
    "slider": ("slider",),
    "tab": ("tab", "browser tab"),
    "menu item": ("menu item",),
    "chart": ("chart",),
}
# Roles of which some would say that they are of the category, and some not: then it is not asked.
DOUBTFUL = {"button": ("page number",), "link": ("page number", "song", "product", "file", "folder")}
_PER_THING = 3
_MAX_TEXT_LINES = 48


def ask(
    rng: np.random.Generator, config: GuiConfig, truth: Truth, language: str, size_wh: tuple[int, int]
) -> tuple[Question, ...]:
    """Draw questions, no two alike; at most `config.max_questions`.

    Args:
        rng: the only source of chance.
        config: how many and of what kind.
        truth: what is seen.
        language: of the page.
        size_wh: of the image.
    """
    total = config.max_questions
    modal = any("dialog" in t.element.regions for t in truth.things)
    others: list[Question] = []
    if not modal:
        others += _detect(rng, config, truth)
    others += _find_text(rng, truth, 1 + total // 8)
    others += _all_matches(rng, truth, modal)
    if not modal and rng.random() < config.text_rate:
        others += _all_text(truth)
    num_other = min(len(others), max(1, total // 3))
    others = (
        [others[i] for i in sorted(rng.choice(len(others), num_other, replace=False).tolist())]
        if others
        else []
    )
    found = _controls(rng, config, truth, size_wh, total - len(others))
    found += _negatives(rng, config, truth, language, len(found))
    asked: dict[Task, Question] = {}
    for question in (*found, *others):
        asked.setdefault(question.task, question)
    return tuple(asked.values())[:total]


def _controls(
    rng: np.random.Generator, config: GuiConfig, truth: Truth, size_wh: tuple[int, int], count: int
) -> list[Question]:
    by_level: dict[str, list[Phrase]] = {level: [] for level, _ in LEVELS}
    seen: set[str] = set()
    for phrase in Describer(rng, truth, size_wh).all():
        if plain(phrase.text) not in seen and len(phrase.text) <= MAX_PHRASE_LEN:
            seen.add(plain(phrase.text))
            by_level[phrase.level].append(phrase)
    for level in by_level:
        order = rng.permutation(len(by_level[level])).tolist()
        by_level[level] = [by_level[level][i] for i in order]
    questions: list[Question] = []
    used: dict[int, int] = {}
    while len(questions) < count:
        open_levels = [(level, weight) for level, weight in LEVELS if by_level[level]]
        if not open_levels:
            break
        share = np.cumsum([weight for _, weight in open_levels])
        at = min(int(np.searchsorted(share, rng.random() * share[-1], "right")), len(open_levels) - 1)
        phrase = by_level[open_levels[at][0]].pop()
        node = phrase.thing.element.id
        if used.get(node, 0) >= _PER_THING:
            continue
        used[node] = used.get(node, 0) + 1
        point = bool(rng.random() < config.point_rate)
        target = _target(phrase.thing, phrase.text, {"level": phrase.level})
        questions.append(Question(Task.gui(phrase.text, point=point), (target,)))
    return questions


def _target(thing: Thing, label: str, more: dict[str, object] | None = None) -> Target:
    attributes: dict[str, object] = {"role": thing.element.role, "node": thing.element.id, **(more or {})}
    return Target(label, thing.xyxy, thing.point, text=thing.element.label or None, attributes=attributes)


def _detect(rng: np.random.Generator, config: GuiConfig, truth: Truth) -> list[Question]:
    """One or two questions for all elements of some roles."""
    whole = []
    for category, roles in CATEGORIES.items():
        things = [t for t in truth.things if t.element.role in roles]
        doubtful = any(t.element.role in DOUBTFUL.get(category, ()) for t in truth.things)
        if things and not doubtful and all(t.clear for t in things) and len(things) <= 60:
            whole.append(category)
    questions = []
    for _ in range(min(2, len(whole))):
        count = int(rng.integers(1, min(4, len(whole)) + 1))
        names = [whole[i] for i in sorted(rng.choice(len(whole), count, replace=False).tolist())]
        absent = [
            c for c, roles in CATEGORIES.items() if not any(t.element.role in roles for t in truth.things)
        ]
        if absent and rng.random() < config.negative_rate:
            names.append(absent[int(rng.integers(len(absent)))])
        targets = tuple(
            _target(t, name)
            for name in names
            for t in truth.things
            if t.element.role in CATEGORIES.get(name, ())
        )
        questions.append(Question(Task.detect(names), targets))
    return questions


def _find_text(rng: np.random.Generator, truth: Truth, count: int) -> list[Question]:
    lines = [line for line in truth.lines if line.clear and _worth_finding(line.text)]
    questions = []
    for i in rng.permutation(len(lines)).tolist()[: 2 * count]:
        text = lines[i].text
        holding = [line for line in truth.lines if plain(text) in plain(line.text)]
        if all(line.text == text and line.clear for line in holding):
            targets = tuple(Target(text, line.xyxy, text=text) for line in holding)
            questions.append(Question(Task.find_text(text), targets))
    return questions[:count]


def _worth_finding(text: str) -> bool:
    letters = sum(c.isalnum() for c in text)
    return 2 <= len(text) <= 70 and letters >= max(2, len(text) // 2)


def _all_text(truth: Truth) -> list[Question]:
    lines: Sequence[Line] = truth.lines
    if not lines or len(lines) > _MAX_TEXT_LINES or not all(line.clear for line in lines):
        return []
    ordered = sorted(lines, key=lambda line: (line.xyxy[1], line.xyxy[0]))
    return [Question(Task.text(), tuple(Target(line.text, line.xyxy, text=line.text) for line in ordered))]


def _all_matches(rng: np.random.Generator, truth: Truth, modal: bool) -> list[Question]:
    """Controls that look and are called the same: all of them are the answer."""
    groups: dict[tuple[str, str], list[Thing]] = {}
    for thing in truth.things:
        e = thing.element
        if e.role == "button" and e.label:
            groups.setdefault(("label", e.label), []).append(thing)
        elif e.role == "button" and e.icon in actions() and e.icon not in DRAWN_BESIDES:
            groups.setdefault(("icon", e.icon), []).append(thing)
    questions = []
    for (kind, key), things in groups.items():
        if len(things) < 2 or not all(t.clear for t in things):
            continue
        if kind == "label":
            phrase = (f"the {key} buttons", f"{key} button", f"every {key} button")[int(rng.integers(3))]
            rivals = [t for t in truth.things if plain(t.element.name) == plain(key)]
        else:
            look = actions()[key].looks[0]
            many, one = icon_called(look, plural=True), icon_called(look)
            phrase = (f"the {many}", one, f"every {one}")[int(rng.integers(3))]
            rivals = [t for t in truth.things if looks_alike(t.element.icon, key)]
        if len(rivals) == len(things):
            questions.append(Question(Task.ground(phrase), tuple(_target(t, phrase) for t in things)))
    return questions


def _negatives(
    rng: np.random.Generator, config: GuiConfig, truth: Truth, language: str, asked: int
) -> list[Question]:
    """Questions for what is not there; the rate counts against those for what is."""
    rate = config.negative_rate
    count = int(rng.binomial(asked + 1, rate)) if rate < 1 else asked
    written = [plain(line.text) for line in truth.lines] + [plain(t.element.name) for t in truth.things]
    vocabulary, table = words(language), list(actions())
    questions = []
    for _ in range(count):
        if rng.random() < 0.5:
            word = vocabulary[int(rng.integers(len(vocabulary)))]
            read = any(plain(word) in text or text in plain(word) for text in written if text)
            if len(word) < 24 and not read and not _shown_without_words(truth, keys_of(word, language)):
                phrase = (f"the {word} button", f"click on {word}")[int(rng.integers(2))]
                questions.append(Question(Task.gui(phrase)))
        else:
            key = table[int(rng.integers(len(table)))]
            act = actions()[key]
            near = any(
                looks_alike(t.element.icon, key)
                or confusable(t.element.action, key)
                or t.element.action == key
                for t in truth.things
            )
            if act.looks and not near and key not in DRAWN_BESIDES:
                questions.append(Question(Task.gui(f"the {icon_called(act.looks[0])}")))
    return questions


def _shown_without_words(truth: Truth, keys: Sequence[str]) -> bool:
    """Whether one of these may be what a thing does that says it by its icon only, in no language."""
    told = {k for t in truth.things if not t.element.label for k in (t.element.action, t.element.icon) if k}
    return any(confusable(one, key) or looks_alike(one, key) for one in told for key in keys)
