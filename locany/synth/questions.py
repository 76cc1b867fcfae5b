"""Questions about a picture whose whole content is known: any renderer can ask them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from locany.data.sample import Question, Target
from locany.synth.colors import COLOR_NAMES
from locany.synth.phrases import describe
from locany.tasks import Task, TaskKind

T = TypeVar("T")

_NAME_ONLY = (("name", 1.0),)
_COLORED_SHARE = 0.35  # of the categories of a `detect`, where descriptions by colour are wanted


@dataclass(frozen=True)
class Scene:
    """What can be asked about.

    Attributes:
        things: everything with a name; several may share one. Descriptions use their attributes "color" (of
            `colors.COLOR_NAMES`; left out where a thing has several) and "type".
        written: the words in the picture, each of them once; label = transcription.
        names: every name that a question may use, drawn or not.
        lexicon: every word that a question may look for, written or not.
        size_wh: of the picture in pixels; only descriptions need it.
        synonyms: other names of the names in the picture.
        alike: whether one name could be taken for the other; such a name is not asked for as absent.
    """

    things: Sequence[Target]
    written: Sequence[Target]
    names: Sequence[str]
    lexicon: Sequence[str]
    size_wh: tuple[int, int] = (0, 0)
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    alike: Callable[[str, str], bool] | None = None


@dataclass(frozen=True)
class _Wishes:
    """The arguments of `ask` that every question needs."""

    negative_rate: float
    max_categories: int
    forms: Sequence[tuple[str, float]]
    synonym_rate: float

    @property
    def color_share(self) -> float:
        """How often a category of a `detect` has a colour."""
        return _COLORED_SHARE if any(form == "color" and weight for form, weight in self.forms) else 0.0


def ask(
    rng: np.random.Generator,
    scene: Scene,
    *,
    num_questions: int,
    weights: Sequence[tuple[TaskKind, float]],
    negative_rate: float,
    max_categories: int,
    forms: Sequence[tuple[str, float]] = _NAME_ONLY,
    synonym_rate: float = 0.0,
) -> tuple[Question, ...]:
    """Draw questions, no two alike; fewer than `num_questions` where the scene offers no more.

    Args:
        rng: the only source of chance.
        scene: the truth.
        num_questions: how many to ask.
        weights: task family and its relative frequency.
        negative_rate: how often what is asked for is absent, each time by itself.
        max_categories: at most so many categories in one `detect`.
        forms: how things are described, of `phrases.FORMS`, and the relative frequency.
        synonym_rate: how often a name is replaced by another of the same thing.
    """
    wishes = _Wishes(negative_rate, max_categories, forms, synonym_rate)
    found: dict[Task, Question] = {}
    for _ in range(4 * num_questions):  # a task family may not apply, a question may be asked already
        if len(found) == num_questions:
            break
        question = _one(rng, scene, _draw(rng, weights), wishes)
        if question is not None:
            found.setdefault(question.task, question)
    return tuple(found.values())


def _one(rng: np.random.Generator, scene: Scene, kind: TaskKind, wishes: _Wishes) -> Question | None:
    """A question of this family, or None where the scene does not allow one."""
    if kind is TaskKind.DETECT:
        return _detect(rng, scene, wishes)
    if kind is TaskKind.TEXT:
        # No words at all is the negative of this family; it takes its turn as seldom as the others'.
        if not scene.written and rng.random() >= wishes.negative_rate:
            return None
        return Question(Task.text(), tuple(scene.written))
    if kind is TaskKind.FIND_TEXT:
        # Without a word every question would be a negative, so most are left to other families.
        if not scene.written and rng.random() >= wishes.negative_rate:
            return None
        word = _name(rng, scene.written, scene.lexicon, wishes.negative_rate)
        if word is None:
            return None
        return Question(Task.find_text(word), tuple(t for t in scene.written if t.label == word))
    form = _draw(rng, wishes.forms) if len(wishes.forms) > 1 else wishes.forms[0][0]
    if form == "name":
        found = _by_name(rng, scene, kind, wishes)
    else:
        negative = kind is not TaskKind.REFER and rng.random() < wishes.negative_rate
        found = describe(rng, form, scene.things, scene.size_wh, negative=negative)
    if found is None:
        return None
    phrase, targets = found
    if kind is TaskKind.REFER:
        return Question(Task.refer(phrase), _called(targets, phrase)) if len(targets) == 1 else None
    targets = _called(targets, phrase)
    if kind is TaskKind.POINT:
        return Question(Task.point(phrase), tuple(replace(t, point=_centre(t)) for t in targets))
    assert kind is TaskKind.GROUND, f"no question is made for {kind}"
    return Question(Task.ground(phrase), targets)


def _by_name(
    rng: np.random.Generator, scene: Scene, kind: TaskKind, wishes: _Wishes
) -> tuple[str, tuple[Target, ...]] | None:
    """A bare name and all that go by it; for `refer` one that a single thing goes by."""
    if kind is TaskKind.REFER:
        counts = Counter(thing.label for thing in scene.things)
        single = [thing for thing in scene.things if counts[thing.label] == 1]
        if not single:
            return None
        thing = single[int(rng.integers(len(single)))]
        return _spoken(rng, scene, thing.label, wishes), (thing,)
    name = _name(rng, scene.things, scene.names, wishes.negative_rate, scene.alike)
    if name is None:
        return None
    return _spoken(rng, scene, name, wishes), tuple(t for t in scene.things if t.label == name)


def _detect(rng: np.random.Generator, scene: Scene, wishes: _Wishes) -> Question | None:
    """Several names, some of them by colour; what one category covers no other covers, too."""
    count = int(rng.integers(1, wishes.max_categories + 1))
    picked = [_name(rng, scene.things, scene.names, wishes.negative_rate, scene.alike) for _ in range(count)]
    names = list(dict.fromkeys(name for name in picked if name is not None))
    if not names:
        return None
    asked: dict[str, tuple[str, str | None]] = {}  # category: the name, and the colour if only that one
    for name in names:
        colors = [t.attributes.get("color") for t in scene.things if t.label == name]
        if colors and None not in colors and wishes.color_share and rng.random() < wishes.color_share:
            shown = list(dict.fromkeys(colors))
            shown = [shown[i] for i in rng.permutation(len(shown)).tolist()][: int(rng.integers(1, 3))]
            if rng.random() < wishes.negative_rate:
                shown.append(_absent_color(rng, colors))
            asked.update({f"{color} {name}": (name, color) for color in shown})
        else:
            asked[_spoken(rng, scene, name, wishes)] = (name, None)
    asked = dict(list(asked.items())[: wishes.max_categories])
    targets = tuple(
        target
        for thing in scene.things
        for category, (name, color) in asked.items()
        if thing.label == name and color in (None, thing.attributes.get("color"))
        for target in _called((thing,), category)
    )
    return Question(Task.detect(list(asked)), targets)


def _absent_color(rng: np.random.Generator, present: Sequence[str | None]) -> str:
    absent = [color for color in COLOR_NAMES if color not in present]
    return absent[int(rng.integers(len(absent)))]


def _spoken(rng: np.random.Generator, scene: Scene, name: str, wishes: _Wishes) -> str:
    """The name, or at `synonym_rate` another for the same thing."""
    synonyms = scene.synonyms.get(name, ())
    if not wishes.synonym_rate or not synonyms or rng.random() >= wishes.synonym_rate:
        return name
    return synonyms[int(rng.integers(len(synonyms)))]


def _name(
    rng: np.random.Generator,
    present: Sequence[Target],
    names: Sequence[str],
    negative_rate: float,
    alike: Callable[[str, str], bool] | None = None,
) -> str | None:
    """A present name, or at `negative_rate` (always where nothing is present) one that is not; else None."""
    shown = list(dict.fromkeys(target.label for target in present))
    if shown and rng.random() >= negative_rate:
        return shown[int(rng.integers(len(shown)))]
    taken = {name.lower() for name in shown}
    for _ in range(64):  # the names far outnumber those shown, so this is faster than listing the rest
        name = names[int(rng.integers(len(names)))]
        if name.lower() not in taken and not (alike and any(alike(name, other) for other in shown)):
            return name
    return None


def _draw(rng: np.random.Generator, weights: Sequence[tuple[T, float]]) -> T:
    """One of the items by its weight."""
    share = np.cumsum([weight for _, weight in weights])
    return weights[min(int(np.searchsorted(share, rng.random() * share[-1], "right")), len(weights) - 1)][0]


def _called(targets: Sequence[Target], label: str) -> tuple[Target, ...]:
    """The targets under the name that was asked for."""
    return tuple(t if t.label == label else replace(t, label=label) for t in targets)


def _centre(target: Target) -> tuple[float, float] | None:
    if target.xyxy is None:
        return target.point
    x0, y0, x1, y1 = target.xyxy
    return (x0 + x1) / 2, (y0 + y1) / 2
