"""Questions about a picture whose whole content is known: any renderer can ask them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from locany.data.sample import Question, Target
from locany.tasks import Task, TaskKind


@dataclass(frozen=True)
class Scene:
    """What can be asked about.

    Attributes:
        things: everything with a name; several may share one.
        written: the words in the picture, each of them once; label = transcription.
        names: every name that a question may use, drawn or not.
        lexicon: every word that a question may look for, written or not.
    """

    things: Sequence[Target]
    written: Sequence[Target]
    names: Sequence[str]
    lexicon: Sequence[str]


def ask(
    rng: np.random.Generator,
    scene: Scene,
    *,
    num_questions: int,
    weights: Sequence[tuple[TaskKind, float]],
    negative_rate: float,
    max_categories: int,
) -> tuple[Question, ...]:
    """Draw questions, no two alike; fewer than `num_questions` where the scene offers no more.

    Args:
        rng: the only source of chance.
        scene: the truth.
        num_questions: how many to ask.
        weights: task family and its relative frequency.
        negative_rate: how often a name or word that is asked for is absent, each time by itself.
        max_categories: at most so many categories in one `detect`.
    """
    kinds = [kind for kind, _ in weights]
    share = np.cumsum([weight for _, weight in weights])
    found: dict[Task, Question] = {}
    for _ in range(4 * num_questions):  # a task family may not apply, a question may be asked already
        if len(found) == num_questions:
            break
        kind = kinds[min(int(np.searchsorted(share, rng.random() * share[-1], "right")), len(kinds) - 1)]
        question = _one(rng, scene, kind, negative_rate, max_categories)
        if question is not None:
            found.setdefault(question.task, question)
    return tuple(found.values())


def _one(
    rng: np.random.Generator, scene: Scene, kind: TaskKind, negative_rate: float, max_categories: int
) -> Question | None:
    """A question of this family, or None where the scene does not allow one."""
    if kind is TaskKind.DETECT:
        count = int(rng.integers(1, max_categories + 1))
        picked = [_name(rng, scene.things, scene.names, negative_rate) for _ in range(count)]
        categories = list(dict.fromkeys(name for name in picked if name is not None))
        if not categories:
            return None
        return Question(Task.detect(categories), tuple(t for t in scene.things if t.label in categories))
    if kind is TaskKind.REFER:
        counts = Counter(thing.label for thing in scene.things)
        single = [thing for thing in scene.things if counts[thing.label] == 1]
        if not single:
            return None
        thing = single[int(rng.integers(len(single)))]
        return Question(Task.refer(thing.label), (thing,))
    if kind is TaskKind.TEXT:
        # No words at all is the negative of this family; it takes its turn as seldom as the others'.
        if not scene.written and rng.random() >= negative_rate:
            return None
        return Question(Task.text(), tuple(scene.written))
    if kind is TaskKind.FIND_TEXT:
        # Without a word every question would be a negative, so most are left to other families.
        if not scene.written and rng.random() >= negative_rate:
            return None
        word = _name(rng, scene.written, scene.lexicon, negative_rate)
        if word is None:
            return None
        return Question(Task.find_text(word), tuple(t for t in scene.written if t.label == word))
    name = _name(rng, scene.things, scene.names, negative_rate)
    if name is None:
        return None
    targets = tuple(thing for thing in scene.things if thing.label == name)
    if kind is TaskKind.POINT:
        return Question(Task.point(name), tuple(replace(t, point=_centre(t)) for t in targets))
    assert kind is TaskKind.GROUND, f"no question is made for {kind}"
    return Question(Task.ground(name), targets)


def _name(
    rng: np.random.Generator, present: Sequence[Target], names: Sequence[str], negative_rate: float
) -> str | None:
    """A present name, or at `negative_rate` (always where nothing is present) one that is not; else None."""
    shown = list(dict.fromkeys(target.label for target in present))
    if shown and rng.random() >= negative_rate:
        return shown[int(rng.integers(len(shown)))]
    taken = {name.lower() for name in shown}
    for _ in range(64):  # the names far outnumber those shown, so this is faster than listing the rest
        name = names[int(rng.integers(len(names)))]
        if name.lower() not in taken:
            return name
    return None


def _centre(target: Target) -> tuple[float, float] | None:
    if target.xyxy is None:
        return target.point
    x0, y0, x1, y1 = target.xyxy
    return (x0 + x1) / 2, (y0 + y1) / 2
