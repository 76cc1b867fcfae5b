"""What can be drawn, by name: each name with its pictures from all sets, and which names are too alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from PIL import Image

from locany.synth import assets, emoji, svg
from locany.synth.icon_names import read_names
from locany.synth.icons.config import BUNDLED, MORE_MONO_SETS, SHAPES
from locany.synth.icons.shapes import SHAPE_NAMES, SHAPE_SYNONYMS, shape_mask

_SIDES = (64, 128, 256)  # pixels; pictures are drawn once at each of these, and shrunk to what is needed


@dataclass(frozen=True)
class Art:
    """One picture.

    Attributes:
        set_name: of `config.SETS`.
        kind: "emoji" (with colours of its own), "icon" or "shape" (drawn in any one colour).
        style: "outline" or "filled".
        key: name, code point or file, whatever the set goes by.
        synonyms: other names of this very picture ("electric guitar").
    """

    set_name: str
    kind: str
    style: str
    key: str | Path
    synonyms: tuple[str, ...] = ()

    def draw(self, side: float) -> Image.Image:
        """RGBA, or mode L for what takes any colour, cut to what is seen; not much smaller than `side`."""
        if self.kind == "shape":
            return shape_mask(str(self.key), _fitting(side))
        if self.kind == "icon":
            return svg.mask(Path(self.key), _fitting(side))
        if self.set_name == BUNDLED:
            return _bundled()[str(self.key)]
        if self.set_name == "noto":
            return emoji.noto_picture(str(self.key))
        return _cut(Path(self.key), _fitting(side))


@dataclass(frozen=True)
class Concept:
    """A name with everything that goes by it.

    Attributes:
        name: what questions call it.
        arts: its pictures.
        phrases: the name and every synonym of any picture of it, whether it is among `arts` or not.
        words: every word that belongs to it, other things in the same picture should not go by any of them.
    """

    name: str
    arts: tuple[Art, ...]
    phrases: frozenset[str]
    words: frozenset[str]


class Catalogue:
    """Concepts by name.

    Attributes:
        concepts: in an order that no machine changes.
        names: their names.
        exclusive: whether some names are too alike to stand in one picture.
        takes_color: whether some pictures are drawn in one colour.
    """

    def __init__(self, concepts: dict[str, Concept], *, exclusive: bool):
        self.concepts = concepts
        self.names = tuple(concepts)
        self.exclusive = exclusive
        self.takes_color = any(art.kind != "emoji" for c in concepts.values() for art in c.arts)
        self._alike: dict[tuple[str, str], bool] = {}

    def alike(self, a: str, b: str) -> bool:
        """Whether a person could call one by a name of the other."""
        if not self.exclusive:
            return a == b
        key = (a, b) if a < b else (b, a)
        known = self._alike.get(key)
        if known is None:
            known = self._alike[key] = self._compare(self.concepts[a], self.concepts[b])
        return known

    def _compare(self, a: Concept, b: Concept) -> bool:
        if a.name == b.name or frozenset({a.name, b.name}) in read_names().alike:
            return True
        return any(
            set(phrase.split()) <= two.words for one, two in ((a, b), (b, a)) for phrase in one.phrases
        )


@cache
def catalogue(
    icon_sets: tuple[str, ...], names: tuple[str, ...] | None = None, drawn: tuple[str, ...] | None = None
) -> Catalogue:
    """What these sets hold.

    Args:
        icon_sets: what names and words are gathered from.
        names: only these, of which unknown ones are passed over; None for all.
        drawn: only pictures of these sets; None for all. What is alike stays so, whatever is drawn.

    Raises:
        MissingAssetsError: a set is not installed.
    """
    found: dict[str, Concept] = {}
    for set_name in icon_sets:
        for concept in _concepts(set_name):
            known = found.get(concept.name)
            found[concept.name] = concept if known is None else _merge(known, concept)
    if drawn is not None:
        kept = (replace(c, arts=tuple(a for a in c.arts if a.set_name in drawn)) for c in found.values())
        found = {concept.name: concept for concept in kept if concept.arts}
    if names is not None:
        found = {name: found[name] for name in names if name in found}
    return Catalogue(found, exclusive=icon_sets != (BUNDLED,))


def _concepts(set_name: str) -> list[Concept]:
    if set_name == BUNDLED:
        return [
            _concept(s.name, Art(BUNDLED, "emoji", "filled", s.name, s.synonyms))
            for s in assets.sprite_entries()
        ]
    if set_name == SHAPES:
        return [
            _concept(name, Art(SHAPES, "shape", "filled", name, SHAPE_SYNONYMS.get(name, ())))
            for name in SHAPE_NAMES
        ]
    if set_name in svg.ICON_SETS:
        return _icons(set_name)
    kind = "icon" if set_name in MORE_MONO_SETS else "emoji"
    files = emoji.picture_files(set_name)
    return [
        _concept(e.name, Art(set_name, kind, "filled", files.get(e.code, e.code), e.synonyms), words=e.words)
        for e in emoji.emoji_names()
        if e.code in files or set_name == "noto"
    ]


def _icons(set_name: str) -> list[Concept]:
    files = svg.icon_files(set_name)
    found = []
    for icon in read_names().icons:
        if set_name in icon.not_in:
            continue
        arts = [
            Art(set_name, "icon", file.style, file.path, icon.synonyms)
            for stem, only_in in icon.files
            if only_in in ("", set_name)
            for file in files.get(stem, ())
            if f"{set_name}/{file.style}" not in icon.not_in
        ]
        if arts:
            found.append(_concept(icon.name, *arts))
    return found


def _concept(name: str, *arts: Art, words: frozenset[str] = frozenset()) -> Concept:
    phrases = frozenset({name}).union(*(art.synonyms for art in arts))
    return Concept(name, arts, phrases, words.union(*(phrase.split() for phrase in phrases)))


def _merge(a: Concept, b: Concept) -> Concept:
    return Concept(a.name, (*a.arts, *b.arts), a.phrases | b.phrases, a.words | b.words)


def _fitting(side: float) -> int:
    return next((size for size in _SIDES if size >= side), _SIDES[-1])


@cache
def _bundled() -> dict[str, Image.Image]:
    return {sprite.name: Image.fromarray(sprite.rgba) for sprite in assets.sprites()}


def _cut(path: Path, side: int) -> Image.Image:
    image = svg.picture(path, side)
    box = image.getchannel("A").getbbox()
    assert box is not None, f"{path} has visible pixels"
    return image.crop(box)
