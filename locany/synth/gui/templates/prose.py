"""Running text of a mixed page: any words, sentences, and links among them."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.kit import Kit
from locany.synth.gui.words import keys


def any_label(kit: Kit, most: int = 3) -> str:
    if kit.labels is not None:
        return kit.labels.label(most)
    return kit.t(kit.pick(keys()))


def sentence(kit: Kit) -> str:
    return kit.content.one(kit.pick(("sentences", "subjects", "headlines")))


def paragraph(kit: Kit, width: float) -> p.Node:
    if kit.link_rate and kit.chance(kit.link_rate):
        return _links_in_text(kit)
    texts = [sentence(kit) for _ in range(kit.number(1, 4))]
    text = p.Text(kit.prose(texts), kit.pick(("p", "p", "small", "muted", "p muted")))
    return text if kit.chance(0.7) else p.Box((text, p.Link(any_label(kit))), "col tight")


def _links_in_text(kit: Kit) -> p.Node:
    """Links among the words of sentences, or one behind another with a sign between them."""
    look = kit.pick(("run", "run", "small", "muted"))
    words: list[p.Node] = []
    if kit.chance(0.35):
        sign = kit.pick(("/", "|", "·", "-", "›", ","))
        for _ in range(kit.number(2, 5)):
            words += [p.Link(any_label(kit, 2)), p.Text(sign, look)]
        del words[-1]
    else:
        for _ in range(kit.number(1, 4)):
            words.append(p.Text(sentence(kit), look))
            if kit.chance(0.7):
                words.append(p.Link(any_label(kit)))
    return p.Box(tuple(words), "prose" + kit.pick(("", " muted", " small")))
