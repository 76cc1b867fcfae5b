"""What an image shall hold, before anything is placed: names, pictures, colours and sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locany.errors import DataError
from locany.synth.colors import COLOR_NAMES
from locany.synth.icons.catalogue import Art, Catalogue, catalogue
from locany.synth.icons.config import (
    EMOJI_SETS,
    FAMILIES,
    MONO_SETS,
    MORE_EMOJI_SETS,
    MORE_MONO_SETS,
    SHAPES,
    IconsConfig,
)

_SURPLUS = 6  # names drawn for each one needed, since those too alike are passed over
_SMALL, _LARGE = (1.0, 1.5), (1.9, 2.6)  # a small side in units of the least one; a large one in small ones


@dataclass(frozen=True)
class Plan:
    """One object to draw.

    Attributes:
        label: its name.
        art: its picture.
        color: name of the colour it is meant to have, or None if it has colours of its own.
        side: of the longer side in pixels before rotation.
    """

    label: str
    art: Art
    color: str | None
    side: float


def choose_sets(rng: np.random.Generator, config: IconsConfig) -> tuple[str, ...]:
    """The sets of one image: those of a family, or all."""
    if not config.families:
        return config.icon_sets
    members = {
        "emoji": (*EMOJI_SETS, *MORE_EMOJI_SETS),
        "icons": (*MONO_SETS, *MORE_MONO_SETS),
        "shapes": (SHAPES,),
        "mixed": (*EMOJI_SETS, *MONO_SETS, *MORE_EMOJI_SETS, *MORE_MONO_SETS),
    }
    assert set(members) == set(FAMILIES)
    held = {name: tuple(s for s in config.icon_sets if s in members[name]) for name, _ in config.families}
    offered = [(held[name], weight) for name, weight in config.families if held[name]]
    if not offered:
        return config.icon_sets
    share = np.cumsum([weight for _, weight in offered])
    return offered[min(int(np.searchsorted(share, rng.random() * share[-1], "right")), len(offered) - 1)][0]


def all_concepts(config: IconsConfig, icon_sets: tuple[str, ...]) -> Catalogue:
    """What may be drawn from these sets; where none of the names asked for is among them, from all sets.

    Raises:
        DataError: no set has any of the names.
    """
    found = catalogue(config.icon_sets, config.names, icon_sets)
    if not found.names:
        found = catalogue(config.icon_sets, config.names)
    if not found.names:
        raise DataError(f"IconsConfig.names: none of {config.names} is in the sets {config.icon_sets}")
    return found


def plan(
    rng: np.random.Generator, config: IconsConfig, concepts: Catalogue, colors: tuple[str, ...]
) -> list[Plan]:
    """What to draw, the largest first: they find no room later.

    Args:
        rng: the only source of chance.
        config: how many and how large.
        concepts: what there is.
        colors: names of the colours of this image, see `choose_colors`.
    """
    num_objects = int(rng.integers(config.min_objects, config.max_objects + 1))
    num_kinds = min(int(rng.integers(1, config.max_kinds + 1)), num_objects, len(concepts.names))
    kinds = _choose_kinds(rng, concepts, num_kinds)
    # Every kind once, the rest shared out by chance: one kind may come several times.
    more = rng.integers(0, len(kinds), num_objects - len(kinds)).tolist()
    labels = kinds + [kinds[i] for i in more]
    sides = _sides(rng, config, num_objects)
    order = np.argsort(-sides, kind="stable").tolist()
    arts = _choose_arts(rng, concepts, kinds, labels)
    found = []
    for i in order:
        art = arts[i]
        color = None
        if art.kind != "emoji":
            color = colors[int(rng.integers(len(colors)))]
        found.append(Plan(labels[i], art, color, float(sides[i])))
    return found


def choose_colors(rng: np.random.Generator, config: IconsConfig) -> tuple[str, ...]:
    """The colours of one image."""
    count = int(rng.integers(1, config.max_colors + 1))
    return tuple(COLOR_NAMES[i] for i in rng.choice(len(COLOR_NAMES), min(count, 11), replace=False).tolist())


def _choose_kinds(rng: np.random.Generator, concepts: Catalogue, count: int) -> list[str]:
    """So many names, no two of them alike; fewer where the catalogue is too small for that."""
    names = concepts.names
    drawn = min(len(names), count * _SURPLUS if concepts.exclusive else count)
    kinds: list[str] = []
    for i in rng.choice(len(names), drawn, replace=False).tolist():
        if len(kinds) < count and not any(concepts.alike(names[i], kind) for kind in kinds):
            kinds.append(names[i])
    return kinds


def _choose_arts(
    rng: np.random.Generator, concepts: Catalogue, kinds: list[str], labels: list[str]
) -> list[Art]:
    """A picture for each label: mostly one for all of a name, sometimes any."""
    chosen: dict[str, Art] = {}
    for kind in kinds:
        arts = concepts.concepts[kind].arts
        if len(arts) == 1 or rng.random() < 0.8:
            chosen[kind] = arts[int(rng.integers(len(arts))) if len(arts) > 1 else 0]
    found = []
    for label in labels:
        arts = concepts.concepts[label].arts
        found.append(chosen[label] if label in chosen else arts[int(rng.integers(len(arts)))])
    return found


def _sides(rng: np.random.Generator, config: IconsConfig, count: int) -> np.ndarray:
    """Sides of the pictures in pixels, [count]."""
    low, high = config.sprite_side
    if config.two_sizes and rng.random() < config.two_sizes:
        small = low * rng.uniform(*_SMALL)
        large = min(high, small * rng.uniform(*_LARGE))
        return np.where(rng.random(count) < 0.5, small, large) * rng.uniform(0.95, 1.05, count)
    return np.exp(rng.uniform(np.log(low), np.log(high), count))  # small ones as often as large
