"""The step that makes images as small as training needs them: size, format, quality."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from PIL import Image

from locany.data.sample import ImageRef, Sample
from locany.data.transform import scale_sample
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
            how: dict[str, Any] = {"quality": self.quality, "subsampling": 0}
            try:
                picture.save(stream, "JPEG", optimize=True, **how)
            except OSError:  # pillow gives it a byte a pixel, and a grainy picture takes more
                stream = io.BytesIO()
                picture.save(stream, "JPEG", **how)
        elif self.format == "webp":
            picture.save(stream, "WEBP", quality=self.quality, method=4)
        else:
            picture.save(stream, "PNG")
        return stream.getvalue()
