"""What the engine may draw and what it asks."""

from __future__ import annotations

from dataclasses import dataclass

from locany.errors import DataError
from locany.synth.gui.templates import TEMPLATES
from locany.synth.gui.toolkits.catalogue import TOOLKITS
from locany.synth.gui.words import LANGUAGES
from locany.synth.splits import SPLITS, in_split

Viewport = tuple[tuple[int, int], float]

VIEWPORTS: tuple[Viewport, ...] = (
    ((360, 640), 1.0),
    ((390, 844), 1.2),
    ((412, 915), 0.8),
    ((480, 480), 0.5),
    ((600, 800), 0.5),
    ((640, 480), 0.7),
    ((768, 1024), 0.7),
    ((800, 600), 1.0),
    ((1024, 768), 1.2),
    ((1280, 720), 1.4),
    ((1280, 800), 1.2),
    ((1366, 768), 1.3),
    ((1440, 900), 1.0),
    ((1600, 900), 0.7),
    ((1920, 1080), 1.0),
)


@dataclass(frozen=True)
class GuiConfig:
    """What is drawn and what is asked.

    Attributes:
        split: "train" or "held-out": templates, toolkits, icon sets and fonts are of this one only.
        viewports: ((width, height) in CSS pixels, relative frequency); early in the curriculum only
            the smallest ones.
        scales: (image pixels per CSS pixel, relative frequency).
        max_pixels: of an image; larger scales than it allows are not drawn.
        languages: (language, relative frequency); see `words.LANGUAGES`.
        toolkits: names to choose from; empty for all of the split.
        templates: names to choose from; empty for all of the split.
        frame_rate: share of pages inside a drawn browser, desktop window or phone.
        max_questions: of one page.
        point_rate: share of questions about a control that ask for a point, not a box.
        negative_rate: share of questions about a control that ask for one that is not there; boxes only.
        text_rate: share of pages (without a dialog) where all text may be among the questions.
        mixed_rate: share of pages that are no template but any widgets in any order; none in "held-out".
        random_words_rate: share of pages whose words have nothing to do with what they stand on.
        free_look_rate: share of pages whose colours, sizes and shapes no toolkit would choose.
        beside_rate: share of pages whose fields stand beside their labels, not below.
        link_rate: share of the paragraphs of a `mixed_rate` page with links among the words.
    """

    split: str = "train"
    viewports: tuple[Viewport, ...] = VIEWPORTS
    scales: tuple[tuple[float, float], ...] = ((1.0, 0.6), (1.5, 0.2), (2.0, 0.15), (3.0, 0.05))
    max_pixels: int = 2_400_000
    languages: tuple[tuple[str, float], ...] = (("en", 0.73), *((name, 0.03) for name in LANGUAGES[1:]))
    toolkits: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    frame_rate: float = 0.3
    max_questions: int = 24
    point_rate: float = 0.5
    negative_rate: float = 0.05
    text_rate: float = 0.3
    mixed_rate: float = 0.0
    random_words_rate: float = 0.0
    free_look_rate: float = 0.0
    beside_rate: float = 0.0
    link_rate: float = 0.0

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise DataError(f"no split {self.split!r}; the splits are {', '.join(SPLITS)}")
        for kind, given, known in (
            ("toolkits", self.toolkits, in_split("toolkits", TOOLKITS, self.split)),
            ("templates", self.templates, in_split("gui_templates", TEMPLATES, self.split)),
            ("languages", [name for name, _ in self.languages], LANGUAGES),
        ):
            if unknown := [name for name in given if name not in known]:
                raise DataError(f"no {self.split} {kind} {unknown}; there are: {', '.join(known)}")
        for (width, height), weight in self.viewports:
            if width < 240 or height < 240 or weight < 0:
                raise DataError(
                    f"a viewport of {width} x {height} (weight {weight}) is too small; use 240 or more"
                )
            if width * height > self.max_pixels:
                raise DataError(f"a viewport of {width} x {height} is above max_pixels={self.max_pixels}")
        if not self.viewports or not self.scales or not self.languages:
            raise DataError("viewports, scales and languages need at least one entry each")
        strange = (self.mixed_rate, self.random_words_rate, self.free_look_rate)
        usual = (self.frame_rate, self.point_rate, self.negative_rate, self.text_rate, self.beside_rate)
        for rate in (*usual, self.link_rate, *strange):
            if not 0 <= rate <= 1:
                raise DataError(f"a rate is from 0 to 1, got {rate}")
        if self.split == "held-out" and any(strange):
            raise DataError(
                "held-out pages are those of held-out templates: mixed_rate, random_words_rate and "
                f"free_look_rate are for training, got {strange}"
            )
        if self.max_questions < 1:
            raise DataError(f"max_questions is at least 1, got {self.max_questions}")

    def toolkit_names(self) -> tuple[str, ...]:
        """Toolkits to choose from."""
        return self.toolkits or in_split("toolkits", TOOLKITS, self.split)

    def template_names(self) -> tuple[str, ...]:
        """Templates to choose from."""
        return self.templates or in_split("gui_templates", TEMPLATES, self.split)
