"""A seed to a page: written, laid out by a real browser, measured there, perhaps scanned, and asked about.

1. language, look, kind and size of the page     languages/, style.py, templates/
2. HTML, shown by the browser                    blocks.py, figures.py, formulas.py
3. what the page says of itself                  page_script.py
4. exact boxes from that and the pixels          truth.py, ink.py
5. perhaps a part of it only                     crop.py
6. perhaps as scanned, boxes with it             locany.synth.scan
7. questions                                     ask.py
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from locany.data.sample import Sample
from locany.errors import DataError
from locany.synth.browser import browser, restarting
from locany.synth.documents.ask import Asker, ask, found_in
from locany.synth.documents.blocks import Page
from locany.synth.documents.config import DocumentsConfig
from locany.synth.documents.crop import crop
from locany.synth.documents.formulas import STYLE_LINK
from locany.synth.documents.languages.writer import Writer
from locany.synth.documents.page_script import FACTS, FIT
from locany.synth.documents.style import BODY_PX, Style, draw_style, fonts_for, style_sheet
from locany.synth.documents.templates.mixed import MIXED
from locany.synth.documents.templates.registry import TEMPLATES
from locany.synth.documents.templates.template import Template
from locany.synth.documents.truth import Truth, read_truth
from locany.synth.scan import Warp, scan

NAME = "documents"
VERSION = 2  # raise it when a seed no longer gives the same sample

_STREAM = 0xD0C5  # keeps our seeds apart from those of other renderers
_MAX_SIDE = 2000  # pixels of a page that is cropped afterwards
_ROBUST_PX = 14  # pixels of body text that can still be read in the worst of scans
_SCAN_LOSS, _FAX_LOSS = 1.35, 1.75  # how much larger text must be to be read on paper, and in black and white
# Each has its own chance, so that one can change without the others.
_DRAW, _PAGE, _CROP, _SCAN, _ASK, _MIX = range(6)


@dataclass(frozen=True)
class Plan:
    """What a seed decides before anything is written.

    Attributes:
        template, language: kind of page and code.
        size: of the page in CSS pixels.
        scale: image pixels per CSS pixel.
        side: longer side of the image wanted; less than the page's where it is cropped.
        density: as in the config.
    """

    template: Template
    language: str
    size: tuple[int, int]
    scale: float
    side: int
    density: float

    @property
    def is_crop(self) -> bool:
        """Whether only a part of the page is wanted."""
        return max(self.size) * self.scale > self.side + 1


def draw_plan(seed: int, config: DocumentsConfig) -> Plan:
    """The kind and size of a seed's page."""
    rng = _chance(seed, _DRAW)
    names = config.template_names()
    template = TEMPLATES[names[int(rng.integers(len(names)))]]
    if _chance(seed, _MIX).random() < config.mixed_rate:
        template = MIXED
    codes = [code for code, _ in config.languages]
    shares = np.cumsum([share for _, share in config.languages])
    at = int(np.searchsorted(shares, rng.random() * shares[-1], "right"))
    language = codes[min(at, len(codes) - 1)]
    density = float(rng.uniform(*config.density))
    aspect = template.aspects[int(rng.integers(len(template.aspects)))]
    small, large = template.width_em
    width = round((small + (large - small) * density) * BODY_PX)
    size = (width, round(width * aspect))
    side = round(float(np.exp(rng.uniform(*np.log(config.side)))))
    shown = min(_MAX_SIDE, side * float(rng.uniform(1.3, 2.2))) if rng.random() < config.crop_rate else side
    return Plan(template, language, size, max(shown, side) / max(size), side, density)


def lay_out(seed: int, plan: Plan, split: str) -> tuple[np.ndarray, Truth, Style]:
    """The page of a plan: its pixels [height, width, 3] uint8, its truth and its look."""
    rng = _chance(seed, _PAGE)
    writer = Writer(rng, plan.language)
    style = draw_style(rng, writer.lexicon, split)
    page = Page(writer, style, plan.size, full=plan.density > 0.5)
    body = plan.template.build(page)
    link = STYLE_LINK if plan.template.needs_formulas else ""
    css = style_sheet(style, *plan.size) + plan.template.css
    html = (
        f'<!doctype html><html lang="{plan.language}"><head><meta charset="utf-8">{link}<style>'
        f"{css}</style></head>"
        f'<body><div class="page {plan.template.name}">{body}</div></body></html>'
    )
    session = browser()
    session.show(html, plan.size, scale=plan.scale)
    session.evaluate(FIT)
    facts = json.loads(session.evaluate(FACTS))
    pixels = session.screenshot()
    truth = read_truth(facts, pixels, plan.scale, writer.lexicon.space, rtl=style.rtl)
    return pixels, truth, style


_DEFAULT = DocumentsConfig()


@restarting
def render(seed: int, config: DocumentsConfig = _DEFAULT, *, step: float = 1.0) -> Sample:
    """The sample of a seed: the same seed, config and step give the same bytes.

    Args:
        seed: any integer from 0.
        config: what to draw and ask.
        step: progress of the curriculum from 0 to 1, see `DocumentsConfig.at`.
    """
    if seed < 0:
        raise DataError(f"a seed is an integer from 0, got {seed}")
    config = config.at(step)
    plan = draw_plan(seed, config)
    pixels, truth, style = lay_out(seed, plan, config.split)
    if plan.is_crop:
        pixels, truth = crop(_chance(seed, _CROP), pixels, truth, plan.side)
    text_px = BODY_PX * plan.scale
    rng = _chance(seed, _SCAN)
    look: str = "born digital"
    warp: Warp | None = None
    if rng.random() < config.scan_rate:
        # Small print is the first to go: what is asked must still be readable.
        strength = float(rng.uniform(*config.scan_strength)) * min(1.0, text_px / _ROBUST_PX)
        made = scan(rng, pixels, strength=strength, keep=[region.box for region in truth.regions])
        pixels, look, warp = made.pixels, made.look, made.warp
    found = found_in(truth, warp)
    loss = _FAX_LOSS if look == "faxed" else _SCAN_LOSS if warp is not None else 1.0
    least = config.min_text * loss
    asker = Asker(_chance(seed, _ASK), found, truth, config, warp, language=plan.language, min_text=least)
    questions = ask(asker)
    provenance = {
        "renderer": NAME,
        "seed": seed,
        "version": VERSION,
        "template": plan.template.name,
        "language": plan.language,
        "fonts": list(style.fonts),
        "look": look,
        "cropped": plan.is_crop,
        "text_px": round(text_px, 2),
        "browser": browser().version,
    }
    objects = found.all if config.word_objects else found.regions
    return Sample(pixels, questions, objects, provenance)


def _chance(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng((_STREAM, VERSION, seed, purpose))


def names_used(config: DocumentsConfig) -> dict[str, tuple[str, ...]]:
    """What a config may draw with, by the kinds of `splits.HELD_OUT`."""
    fonts = dict.fromkeys(name for code, _ in config.languages for name in fonts_for(code, config.split))
    return {"fonts": tuple(fonts), "document_templates": config.template_names()}
