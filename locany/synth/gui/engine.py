"""A seed in, a page in a real browser, a sample with many questions out.

1. what is drawn: language, template, toolkit, icons, window, theme     from the seed
2. the page as a tree of widgets                                        templates/
3. the tree as HTML of the toolkit, every element marked                html.py, toolkits/
4. shown by the browser; boxes, occlusion and text read back            truth.py
5. questions with exactly one answer, or all of them                    questions.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from locany.data.sample import Sample, Target
from locany.synth.browser import browser, restarting
from locany.synth.fonts import Family, families
from locany.synth.gui.actions import ICON_SETS
from locany.synth.gui.config import GuiConfig
from locany.synth.gui.content import Content
from locany.synth.gui.frame import draw_frame, frame_html
from locany.synth.gui.html import Element, Writer
from locany.synth.gui.kit import Kit
from locany.synth.gui.labels import Labels
from locany.synth.gui.looks import free_look, labels_beside
from locany.synth.gui.questions import ask
from locany.synth.gui.templates import TEMPLATES
from locany.synth.gui.templates.mixed import mixed
from locany.synth.gui.theme import Theme, draw_theme
from locany.synth.gui.toolkits.catalogue import TOOLKITS
from locany.synth.gui.truth import Truth, read_truth
from locany.synth.gui.words import SCRIPTS
from locany.synth.splits import in_split

NAME = "gui"
VERSION = 2  # raise it when a seed no longer gives the same sample

_STREAM = 0x6D1  # keeps our seeds apart from those of other renderers
T = TypeVar("T")


@dataclass(frozen=True)
class Composed:
    """A page before it is shown.

    Attributes:
        html: the whole document.
        size_wh: the viewport in CSS pixels.
        scale: image pixels per CSS pixel.
        elements: what is marked in it, by id.
        facts: what was drawn with, for the provenance.
    """

    html: str
    size_wh: tuple[int, int]
    scale: float
    elements: tuple[Element, ...]
    language: str
    facts: Mapping[str, object]


@restarting
def render(seed: int, config: GuiConfig | None = None, *, step: float = 1.0) -> Sample:
    """The page of a seed with its questions; see `renderer.Engine.render`.

    Raises:
        MissingAssetsError: the browser, the fonts, toolkits or icon sets are not installed.
        MissingExtraError: playwright is not installed.
    """
    config = config or GuiConfig()
    composed = compose(seed, config, step=step)
    truth, pixels = show(composed)
    rng = np.random.default_rng((_STREAM, VERSION, seed, 1))
    size_wh = (pixels.shape[1], pixels.shape[0])
    questions = ask(rng, config, truth, composed.language, size_wh)
    facts = {**composed.facts, "browser": browser().version}
    provenance = {"renderer": NAME, "seed": seed, "version": VERSION, "step": step, **facts}
    return Sample(pixels, questions, _objects(truth, composed), provenance)


def show(composed: Composed) -> tuple[Truth, np.ndarray]:
    """Show a page and read its truth and its picture, [height, width, 3] uint8 RGB."""
    shown = browser()
    shown.show(composed.html, composed.size_wh, scale=composed.scale)
    return read_truth(shown, composed.elements, composed.size_wh, composed.scale)


def compose(seed: int, config: GuiConfig, *, step: float = 1.0) -> Composed:
    """Everything about the page of a seed that is known without a browser."""
    rng = np.random.default_rng((_STREAM, VERSION, seed))
    language = _weighted(rng, config.languages)
    toolkit = TOOLKITS[_choose(rng, config.toolkit_names())]
    template = _choose(rng, config.template_names())
    icon_set = _choose(rng, in_split("icon_sets", ICON_SETS, config.split))
    size_wh, scale = _window(rng, config, step)
    theme = _theme(rng, config.split, language)
    other = np.random.default_rng((_STREAM, VERSION, seed, 2))  # without these rates, pages stay as they are
    is_mixed, is_free = other.random() < config.mixed_rate, other.random() < config.free_look_rate
    labels = Labels(other, language) if other.random() < config.random_words_rate else None
    css = ""
    if is_free:
        theme, css = free_look(other, theme)
    form = np.random.default_rng((_STREAM, VERSION, seed, 3))
    if is_beside := form.random() < config.beside_rate:
        css += labels_beside(form)
    frame = draw_frame(rng, size_wh, config.frame_rate)
    inner = (size_wh[0], size_wh[1] - frame.height)
    dense = float(np.clip(rng.uniform(0.25, 1.0) * (0.35 + 0.65 * step), 0, 1))
    share = float(rng.choice((0.0, 0.5, 1.0)))
    content = Content(rng, language, labels.like if labels else None)
    kit = Kit(rng, language, content, icon_set, inner, dense, theme.size, share, labels, config.link_rate)
    page = (mixed if is_mixed else TEMPLATES[template])(kit)
    writer = Writer(
        toolkit, theme, icon_set, language, random_words=labels is not None, is_mixed=is_mixed, css=css
    )
    around = frame_html(rng, frame, writer, page.title, size_wh[0])
    document = writer.document(page, around, "")
    facts = {
        "split": config.split,
        "toolkit": toolkit.name,
        "template": "mixed" if is_mixed else template,
        "icon_sets": [icon_set],
        "fonts": list(theme.fonts),
        "language": language,
        "theme": theme.kind,
        "viewport": list(size_wh),
        "scale": scale,
        "frame": frame.kind,
        **({"random_words": True} if labels else {}),
        **({"free_look": True} if is_free else {}),
        **({"labels_beside": True} if is_beside else {}),
    }
    return Composed(document, size_wh, scale, tuple(writer.elements), language, facts)


def names_used(config: GuiConfig) -> dict[str, tuple[str, ...]]:
    """What a config may draw with, by the kinds of `splits.HELD_OUT`."""
    fonts: dict[str, None] = {}
    for language in (name for name, weight in config.languages if weight > 0):
        body, heading, script = _families(config.split, language)
        fonts.update(dict.fromkeys(f.name for f in (*body, *heading, *script)))
    return {
        "toolkits": config.toolkit_names(),
        "gui_templates": config.template_names(),
        "icon_sets": in_split("icon_sets", ICON_SETS, config.split),
        "fonts": tuple(fonts),
    }


def _families(split: str, language: str) -> tuple[tuple[Family, ...], tuple[Family, ...], tuple[Family, ...]]:
    """Families for running text, for headlines, and for a script that these cannot write."""
    script = SCRIPTS.get(language, "latin")
    own = script in ("latin", "cyrillic")
    body = families(split, script=script if own else "latin", styles=("sans",))
    heading = families(split, script=script if own else "latin", styles=("sans", "serif", "display"))
    return body, heading, () if own else families(split, script=script, styles=("sans",))


def _theme(rng: np.random.Generator, split: str, language: str) -> Theme:
    body, heading, script = _families(split, language)
    return draw_theme(rng, body, heading, script[int(rng.integers(len(script)))] if script else None)


def _window(rng: np.random.Generator, config: GuiConfig, step: float) -> tuple[tuple[int, int], float]:
    areas = sorted(width * height for (width, height), _ in config.viewports)
    limit = areas[min(len(areas) - 1, int((0.2 + 0.8 * step) * len(areas)))]
    size_wh = _weighted(rng, [(size, w) for size, w in config.viewports if size[0] * size[1] <= limit])
    area = size_wh[0] * size_wh[1]
    fitting = [(s, w) for s, w in config.scales if area * s * s <= config.max_pixels]
    return size_wh, _weighted(rng, fitting) if fitting else 1.0


def _objects(truth: Truth, composed: Composed) -> tuple[Target, ...]:
    objects = []
    for thing in truth.things:
        if not thing.clear:
            continue
        e = thing.element
        facts = {"role": e.role, "node": e.id, "name": e.name, "action": e.action, "icon": e.icon}
        attributes: dict[str, object] = {k: v for k, v in facts.items() if v != ""}
        if thing.color:
            attributes["color"] = thing.color
        if e.states:
            attributes["states"] = list(e.states)
        objects.append(Target(e.role, thing.xyxy, thing.point, text=e.label or None, attributes=attributes))
    for line in truth.lines:
        if line.clear:
            objects.append(Target("text", line.xyxy, text=line.text, attributes={"role": "text"}))
    return tuple(objects)


def _choose(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def _weighted(rng: np.random.Generator, options: Sequence[tuple[T, float]]) -> T:
    share = np.cumsum([weight for _, weight in options])
    return options[min(int(np.searchsorted(share, rng.random() * share[-1], "right")), len(options) - 1)][0]
