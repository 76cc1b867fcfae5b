"""What pages are rendered and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from locany.errors import DataError
from locany.synth.documents.languages.lexicon import LANGUAGES
from locany.synth.documents.templates.registry import TEMPLATES
from locany.synth.splits import SPLITS, in_split
from locany.tasks import TaskKind

DEFAULT_LANGUAGES: tuple[tuple[str, float], ...] = (
    ("en", 0.62),
    ("de", 0.08),
    ("fr", 0.07),
    ("es", 0.06),
    ("ru", 0.05),
    ("zh", 0.05),
    ("ja", 0.04),
    ("ar", 0.03),
)
DEFAULT_WEIGHTS: tuple[tuple[TaskKind, float], ...] = (
    (TaskKind.LAYOUT, 0.36),
    (TaskKind.FIND_TEXT, 0.26),
    (TaskKind.REFER, 0.20),
    (TaskKind.POINT, 0.10),
    (TaskKind.TEXT, 0.08),
)


@dataclass(frozen=True)
class DocumentsConfig:
    """What is drawn and what is asked. (a, b) is a range, both ends included.

    Attributes:
        split: "train" or "held-out"; fonts and templates come from it.
        templates: names of kinds of pages; None for all of the split.
        languages: codes and their relative frequency.
        side: longer side of the image, pixels; small ones as often as large.
        density: room on the page, 0 a small page with large text, 1 that of a real one.
        crop_rate: share of images that show a part of a page.
        scan_rate: share of pages that look scanned, copied, faxed or photographed.
        scan_strength: of that, from 0 barely to 1 heavily.
        min_text: font size of body text, pixels, below which no text is asked for.
        max_text: targets of a question for all text, at most; pages with more are not asked.
        text_unit: what such a question wants, "line", "word", or "either" by chance.
        num_questions: asked of one page, at most.
        weights: task families and their relative frequency.
        negative_rate: how often a category that is asked for is absent.
        absent_rate: how often a text that is asked for is absent.
        max_categories: in one layout question, at most.
        word_objects: list every word and line among the sample's objects, not just regions and parts.
        mixed_rate: share of pages that are no template but blocks drawn at random; none in "held-out".
    """

    split: str = "train"
    templates: tuple[str, ...] | None = None
    languages: tuple[tuple[str, float], ...] = DEFAULT_LANGUAGES
    side: tuple[int, int] = (400, 1600)
    density: tuple[float, float] = (0.0, 1.0)
    crop_rate: float = 0.2
    scan_rate: float = 0.5
    scan_strength: tuple[float, float] = (0.1, 1.0)
    min_text: float = 8.0
    max_text: int = 150
    text_unit: str = "either"
    num_questions: int = 20
    weights: tuple[tuple[TaskKind, float], ...] = DEFAULT_WEIGHTS
    negative_rate: float = 0.285
    absent_rate: float = 0.05
    max_categories: int = 11
    word_objects: bool = True
    mixed_rate: float = 0.0

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise DataError(f"no split {self.split!r}; the splits are {', '.join(SPLITS)}")
        allowed = in_split("document_templates", TEMPLATES, self.split)
        if self.templates is not None and (not self.templates or not set(self.templates) <= set(allowed)):
            raise DataError(f"DocumentsConfig.templates are some of {allowed}, got {self.templates}")
        codes = [code for code, _ in self.languages]
        if not codes or not set(codes) <= set(LANGUAGES):
            raise DataError(f"DocumentsConfig.languages are some of {LANGUAGES}, got {tuple(codes)}")
        for name in ("languages", "weights"):
            shares = [share for _, share in getattr(self, name)]
            if not shares or min(shares) < 0 or sum(shares) <= 0:
                raise DataError(f"DocumentsConfig.{name} need a positive sum and no negative part: {shares}")
        if unknown := {kind for kind, _ in self.weights} - {kind for kind, _ in DEFAULT_WEIGHTS}:
            raise DataError(
                f"pages are not asked for {', '.join(sorted(unknown))}; DocumentsConfig.weights: "
                f"{self.weights}"
            )
        for name in ("crop_rate", "scan_rate", "negative_rate", "absent_rate", "mixed_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"DocumentsConfig.{name} is a share from 0 to 1, got {getattr(self, name)}")
        if self.split == "held-out" and self.mixed_rate > 0:
            raise DataError(
                f"held-out pages come from held-out templates; DocumentsConfig.mixed_rate: {self.mixed_rate}"
            )
        for name in ("density", "scan_strength"):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= 1:
                raise DataError(f"DocumentsConfig.{name} is a range within 0 to 1, got {(low, high)}")
        if not 64 <= self.side[0] <= self.side[1] <= 4000:
            raise DataError(f"DocumentsConfig.side is a range within 64 to 4000 pixels, got {self.side}")
        for name in ("max_text", "num_questions", "max_categories"):
            if getattr(self, name) < 1:
                raise DataError(f"DocumentsConfig.{name} is at least 1, got {getattr(self, name)}")
        if self.text_unit not in ("line", "word", "either"):
            raise DataError(f"DocumentsConfig.text_unit is line, word or either, got {self.text_unit!r}")

    def at(self, progress: float) -> DocumentsConfig:
        """The curriculum: this config at progress 1; before it smaller and cleaner pages, larger text."""
        p = min(1.0, max(0.0, progress))
        if p == 1.0:
            return self
        low, high = self.density
        return replace(
            self,
            density=(low, low + (high - low) * p),
            scan_rate=self.scan_rate * p,
            scan_strength=(self.scan_strength[0] * p, self.scan_strength[1] * p),
            crop_rate=self.crop_rate * p,
            max_categories=max(1, round(1 + (self.max_categories - 1) * p)),
            max_text=max(1, round(min(30, self.max_text) + (self.max_text - min(30, self.max_text)) * p)),
        )

    def template_names(self) -> tuple[str, ...]:
        """The templates that this config draws from."""
        return self.templates or in_split("document_templates", TEMPLATES, self.split)
