"""What the words of a sample depend on: its sides, places and counts, colours, or what is written in it.

Judged by English words, whole and in any case, also inside names such as `turnLeft` and `hand_l`. Words with
letters of other scripts are not understood, so they count as depending on everything; words of other
languages in Latin letters are not recognised.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from locany.data.sample import Sample, Target
from locany.data.truth import is_text
from locany.tasks import TaskKind

_READING = frozenset({TaskKind.TEXT, TaskKind.FIND_TEXT})  # their labels are what is written
_WRITING = _READING | {TaskKind.LAYOUT, TaskKind.GUI, TaskKind.GUI_POINT}


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# "the third car" is mostly counted from the left; "l" and "r" are ends of names such as hand_l.
_ORDINALS = _set("first second third fourth fifth sixth seventh eighth ninth tenth last st nd rd th")
_SIDES = _ORDINALS | _set(
    "left right lefts rights leftmost rightmost lefthand righthand lefthanded righthanded leftward leftwards "
    "rightward rightwards l r lh rh clockwise counterclockwise anticlockwise oclock east west eastern "
    "western eastbound westbound northeast northwest southeast southwest port starboard"
)
_WRITTEN = _set(
    "text texts word words letter letters digit digits number numbers character characters writing written "
    "handwriting handwritten reads says saying spells spelling labelled labeled caption headline title "
    "inscription signature"
)
_PLACES = _SIDES | _set(
    "top bottom upper lower uppermost lowermost topmost bottommost middle center centre central corner "
    "corners edge edges border side sides half above below front back background foreground north south one "
    "two three four five six seven eight nine ten eleven twelve both pair couple several many few single "
    "only alone every all each other others another most least nearest closest farthest furthest biggest "
    "largest smallest tallest shortest longest widest highest lowest bigger larger smaller taller shorter "
    "longer wider higher nearer closer farther further"
)
# Of phrases, not of names: what a thing relates to may leave with a crop.
_RELATIONS = _set(
    "next beside besides between behind near by at on in inside outside under underneath over of off from to "
    "toward towards with without around against across along among opposite facing before after that which "
    "who whose"
)
_COLOURS = _set(
    "red green blue yellow orange purple violet pink brown black white gray grey cyan magenta turquoise teal "
    "beige tan khaki maroon navy gold golden silver bronze crimson scarlet lime olive indigo lavender cream "
    "blond blonde brunette redhead reddish greenish bluish yellowish brownish greyish grayish pale dark "
    "darker darkest bright brighter brightest shadow lit color colors colour colours colored coloured "
    "colorful colourful colorless colourless tinted"
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NAMED = re.compile(r"[A-Za-z]{2}")
_QUOTED = re.compile(r"""["“”„«»「」『』]|(?<!\w)['‘]\w""")


def can_be_mirrored(sample: Sample) -> bool:
    """Whether nothing depends on left and right: no side or order, no writing, no attribute such as a pose.

    A name without two letters in a row ("7", "b", "/") is itself something written.
    """
    if any(question.task.kind in _WRITING for question in sample.questions):
        return False
    targets = list(_targets(sample))
    if any(target.text is not None or is_text(target) for target in targets):
        return False
    names = {*_phrases(sample), *_names(sample)}
    if any(_QUOTED.search(name) or not _NAMED.search(name) for name in names):
        return False
    names.update(text for target in targets for text in _texts(dict(target.attributes)))
    return not any(_speaks(name, _SIDES | _WRITTEN) for name in names)


def can_be_cropped(sample: Sample) -> bool:
    """Whether no question depends on what else is in view: no place, order, count, comparison or relation."""
    phrases = _phrases(sample)
    if any(_speaks(phrase, _PLACES | _RELATIONS) or re.search(r"\d", phrase) for phrase in phrases):
        return False
    return not any(_speaks(name, _PLACES) for name in _names(sample))


def names_a_colour(sample: Sample) -> bool:
    """Whether a question or a label names a colour or says how bright something is."""
    return any(_speaks(text, _COLOURS) for text in _phrases(sample) | _names(sample))


def _targets(sample: Sample) -> Iterator[Target]:
    yield from sample.objects
    for question in sample.questions:
        yield from question.targets


def _phrases(sample: Sample) -> set[str]:
    """What is described; not what is written."""
    return {q.task.phrase for q in sample.questions if q.task.phrase and q.task.kind not in _READING}


def _names(sample: Sample) -> set[str]:
    """Categories, and labels of what is no text."""
    asked = {name for question in sample.questions for name in question.task.categories}
    things = [target for target in sample.objects if not is_text(target)]
    names = {str(target.attributes["name"]) for target in things if "name" in target.attributes}
    return asked | names | {target.label for target in things}


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value that JSON can hold; keys are not said of anything."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _speaks(text: str, words: frozenset[str]) -> bool:
    """Whether one of the words is in a text, or the text is not understood."""
    plain = unicodedata.normalize("NFKD", text.replace("'", "").replace("’", ""))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    if any(c.isalpha() and not c.isascii() for c in plain):
        return True
    return any(word.lower() in words for word in _WORD.findall(plain))
