"""Phrases that name one region of a page and no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from locany.data.sample import Target
from locany.synth.documents.truth import Region, Truth, plain

_CALLED = {"text": "paragraph", "list-item": "list item", "footnote": "footnote", "caption": "caption"}
_PLACED = ("picture", "table", "formula", "section header", "caption", "paragraph")
_NO_PICTURE = frozenset({"logo", "signature", "barcode"})  # of the category, but nobody says "the picture"
_FIRST_WORDS, _FIRST_SIGNS = 4, 7  # of a text, to tell it from others
_CLEARLY = 0.06  # of the page: how far apart two regions lie for "topmost" to be plain


def named_regions(truth: Truth, targets: Sequence[Target], space: str) -> list[tuple[str, Target]]:
    """Every phrase that fits exactly one region, with that region's target.

    Args:
        truth: the page.
        targets: of its regions, in their order.
        space: what joins words in the page's language.
    """
    pairs = list(zip(truth.regions, targets, strict=True))
    phrases = [(name, target) for region, target in pairs for name in region.names]
    phrases += [
        (f"the {called} that begins with '{start}'", t)
        for called, start, t in _beginnings(pairs, space, truth.scraps)
    ]
    phrases += _placed(truth, targets)
    phrases = list({(name, id(target)): (name, target) for name, target in phrases}.values())
    counts = Counter(name for name, _ in phrases)
    unclear = {f"the {called}" for called in _several(truth)}
    return [(name, target) for name, target in phrases if counts[name] == 1 and name not in unclear]


def _several(truth: Truth) -> set[str]:
    """What a bare "the ..." would not tell: a piece that is too small for a box of its own counts too."""
    kinds = Counter(kind for r in truth.regions for kind in {r.category, r.part})
    kinds.update(truth.scraps)
    several = {kind for kind in truth.scraps if kind}
    several |= {kind for kind, count in kinds.items() if count > 1 and kind}
    return {called for kind in several for called in (kind.replace("-", " "), _CALLED.get(kind, kind))}


def _beginnings(
    pairs: Sequence[tuple[Region, Target]], space: str, scraps: Collection[str]
) -> Iterator[tuple[str, str, Target]]:
    texts = [
        (plain(region.text), region) for region, _ in pairs if region.category in _CALLED and region.text
    ]
    for region, target in pairs:
        if region.category not in _CALLED or region.category in scraps or not region.text:
            continue
        if region.category == "list-item" and region.part:  # a dish with its price is "the entry"
            continue
        words = region.text.split(" ")
        start = " ".join(words[:_FIRST_WORDS]) if space else region.text[:_FIRST_SIGNS]
        enough = len(words) > _FIRST_WORDS if space else len(region.text) > 2 * _FIRST_SIGNS
        if enough and sum(text.startswith(plain(start)) for text, _ in texts) == 1:
            yield _CALLED[region.category], start, target


def _placed(truth: Truth, targets: Sequence[Target]) -> list[tuple[str, Target]]:
    """The only one of its category, or the one clearly above, below, left or right of all others."""
    regions = truth.regions
    by_name: dict[str, list[Target]] = {}
    unclear = {r.category for r in regions if r.part in _NO_PICTURE} | truth.scraps
    for region, target in zip(regions, targets, strict=True):
        if region.category and region.category not in unclear:
            name = "paragraph" if region.category == "text" else region.category
            by_name.setdefault(name, []).append(target)
    height = max((t.xyxy[3] for t in targets if t.xyxy), default=1.0)
    phrases = []
    for name, group in by_name.items():
        called = name.replace("-", " ")
        if len(group) == 1:
            phrases.append((f"the {called}", group[0]))
        elif name in _PLACED:
            for word, side, sign in (
                ("topmost", 1, 1),
                ("lowest", 3, -1),
                ("leftmost", 0, 1),
                ("rightmost", 2, -1),
            ):
                boxes = [t.xyxy for t in group if t.xyxy]
                best = min(range(len(boxes)), key=lambda i: sign * boxes[i][side])
                # Both edges count: of headings that begin at one margin, none is to the right of others.
                apart = [
                    sign * (box[edge] - boxes[best][edge])
                    for i, box in enumerate(boxes)
                    for edge in (side, (side + 2) % 4)
                    if i != best
                ]
                if len(boxes) == len(group) and min(apart) > _CLEARLY * height:
                    phrases.append((f"the {word} {called}", group[best]))
    return phrases
