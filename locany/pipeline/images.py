"""The step that makes images as small as training needs them: size, format, quality."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from PIL import Image

from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError
from locany.pipeline.steps import Item, Step

Format = Literal["jpeg", "webp", "png"]
_SIGNATURES: dict[str, bytes] = {"jpeg": b"\xff\xd8\xff", "webp": b"RIFF", "png": b"\x89PNG\r\n\x1a\n"}


@dataclass(frozen=True)
class EncodeImage(Step):
    """Encode the image; shrink it, with all its coordinates, where it is larger than wanted.

    An image that is a file of this format already and small enough keeps its bytes.

    Attributes:
        format: "jpeg", "webp" or "png" (without loss).
        quality: 1 to 100 of JPEG and WebP. JPEG keeps its colours at full resolution: small coloured text
            blurs otherwise.
        max_side: longer side in pixels, at most; None for any.
    """

    format: Format = "jpeg"
    quality: int = 90
    max_side: int | None = None

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise DataError(
                f"EncodeImage.format is one of {', '.join(get_args(Format))}, got {self.format!r}"
            )
        if not 1 <= self.quality <= 100:
            raise DataError(f"EncodeImage.quality is 1 to 100, got {self.quality}")
        if self.max_side is not None and self.max_side < 1:
            raise DataError(f"EncodeImage.max_side is at least 1, got {self.max_side}")

    def apply(self, item: Item) -> Item:
        sample = item.sample
        longer = max(sample.size_wh)
        small_enough = self.max_side is None or longer <= self.max_side
        if small_enough and (kept := self._as_it_is(sample)) is not None:
            return replace(item, sample=replace(sample, image=kept))
        picture = Image.fromarray(sample.pixels())
        if not small_enough:
            assert self.max_side is not None
            width, height = (max(1, round(side * self.max_side / longer)) for side in picture.size)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
            sample = scale_sample(sample, (width, height))
        image = ImageRef(self._encode(picture), (picture.width, picture.height))
        return replace(item, sample=replace(sample, image=image))

    def _as_it_is(self, sample: Sample) -> ImageRef | None:
        if not isinstance(sample.image, ImageRef):
            return None
        source = sample.image.source
        content = source.read_bytes() if isinstance(source, Path) else source
        if not content.startswith(_SIGNATURES[self.format]):
            return None
        sample.pixels()  # an image that cannot be read shall not get into a shard
        return replace(sample.image, source=content)

    def _encode(self, picture: Image.Image) -> bytes:
        stream = io.BytesIO()
        if self.format == "jpeg":
            picture.save(stream, "JPEG", quality=self.quality, subsampling=0, optimize=True)
        elif self.format == "webp":
            picture.save(stream, "WEBP", quality=self.quality, method=4)
        else:
            picture.save(stream, "PNG")
        return stream.getvalue()


def scale_sample(sample: Sample, size_wh: tuple[int, int]) -> Sample:
    """The same sample for its image at another size; the image itself is left as it is."""
    across, down = size_wh[0] / sample.size_wh[0], size_wh[1] / sample.size_wh[1]

    def scaled(target: Target) -> Target:
        box, point = target.xyxy, target.point
        return replace(
            target,
            xyxy=None if box is None else (box[0] * across, box[1] * down, box[2] * across, box[3] * down),
            point=None if point is None else (point[0] * across, point[1] * down),
            polygon=tuple((x * across, y * down) for x, y in target.polygon),
            attributes=_scaled_outlines(target.attributes, across, down),
        )

    return replace(
        sample,
        questions=tuple(Question(q.task, tuple(scaled(t) for t in q.targets)) for q in sample.questions),
        objects=tuple(scaled(target) for target in sample.objects),
    )


def _scaled_outlines(attributes: Mapping[str, Any], across: float, down: float) -> dict[str, Any]:
    """Attributes with the outlines that readers keep there: `parts` of LabelMe, `segmentation` of COCO.

    Run lengths count pixels of the image as it was, so they are left out.
    """
    scaled = dict(attributes)
    if isinstance(scaled.get("parts"), list):
        scaled["parts"] = [[[x * across, y * down] for x, y in part] for part in scaled["parts"]]
    segmentation = scaled.pop("segmentation", None)
    if isinstance(segmentation, list):
        scaled["segmentation"] = [
            [value * (down if place % 2 else across) for place, value in enumerate(part)]
            for part in segmentation
        ]
    if isinstance(scaled.get("area"), int | float):
        scaled["area"] *= across * down
    return scaled
