"""How an image is cut for the vision encoder: the values of `preprocessor_config.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from locany.errors import CheckpointConfigError

# What the published image processor assumes for a field that the file leaves out (spec 1.2). The token limit
# of the release's own file is 25600; the class default is not the same number.
_PUBLISHED_PATCH_SIZE = 14
_PUBLISHED_MERGE_SIZE = 2
_PUBLISHED_TOKEN_LIMIT_IF_ABSENT = 4096
_PUBLISHED_MEAN_STD = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class PreprocessConfig:
    """Sizes and normalisation of one checkpoint (spec `locateanything` 1.2 and 3).

    Attributes:
        patch_size: side of a patch, pixels.
        merge_size: patches per side of the square that becomes one visual token.
        in_token_limit: most patches (before merging) of an image that is not shrunk. A soft limit: the
            rounding up that follows may exceed it (spec 3 step 3).
        mean: per channel R, G, B, on the scale 0..1.
        std: per channel R, G, B, on the scale 0..1.
        max_side_patches: a side with this many patches or more is refused. The rotary table of the published
            encoder has 512 rows and columns; it is a constant of its code, not a field of the file.
    """

    patch_size: int = _PUBLISHED_PATCH_SIZE
    merge_size: int = _PUBLISHED_MERGE_SIZE
    in_token_limit: int = 25600
    mean: tuple[float, float, float] = _PUBLISHED_MEAN_STD
    std: tuple[float, float, float] = _PUBLISHED_MEAN_STD
    max_side_patches: int = 512

    @property
    def cell_size(self) -> int:
        """Side of the square of pixels behind one visual token; resized sides are multiples of it."""
        return self.patch_size * self.merge_size

    @classmethod
    def from_json(
        cls, fields: Mapping[str, Any], source: str = "preprocessor_config.json"
    ) -> PreprocessConfig:
        """Read the fields of a `preprocessor_config.json`.

        Absent fields take the defaults of the published image processor. Fields that say nothing about the
        arithmetic (`auto_map`, `image_processor_type`, ...) vary between releases and are left alone.

        Args:
            fields: the parsed JSON object.
            source: where it came from, for messages.

        Raises:
            CheckpointConfigError: a field has a wrong type or an impossible value.
        """
        if not isinstance(fields, Mapping):
            raise CheckpointConfigError(
                f"{source}: holds {_shown(fields)}, expected a JSON object with fields like patch_size; "
                "take the file from the checkpoint's own folder"
            )
        return cls(
            patch_size=_positive_int(fields, "patch_size", _PUBLISHED_PATCH_SIZE, source),
            merge_size=_merge_size(fields, source),
            in_token_limit=_positive_int(fields, "in_token_limit", _PUBLISHED_TOKEN_LIMIT_IF_ABSENT, source),
            mean=_three_numbers(fields, "image_mean", source, positive=False),
            std=_three_numbers(fields, "image_std", source, positive=True),
        )


def _positive_int(fields: Mapping[str, Any], name: str, default: int, source: str) -> int:
    value = fields.get(name, default)
    if not _is_positive_int(value):
        raise _wrong(source, name, value, "a whole number of at least 1")
    return int(value)


def _merge_size(fields: Mapping[str, Any], source: str) -> int:
    value = fields.get("merge_kernel_size", [_PUBLISHED_MERGE_SIZE] * 2)
    pair = isinstance(value, (list, tuple)) and len(value) == 2 and all(_is_positive_int(v) for v in value)
    if not pair or value[0] != value[1]:
        raise _wrong(source, "merge_kernel_size", value, "two equal whole numbers like [2, 2]")
    return int(value[0])


def _three_numbers(
    fields: Mapping[str, Any], name: str, source: str, *, positive: bool
) -> tuple[float, float, float]:
    value = fields.get(name, _PUBLISHED_MEAN_STD)
    is_numbers = isinstance(value, (list, tuple)) and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in value
    )
    if not is_numbers or len(value) != 3 or (positive and min(value) <= 0):
        kind = "positive numbers" if positive else "finite numbers"
        raise _wrong(source, name, value, f"three {kind} (R, G, B) like [0.5, 0.5, 0.5]")
    return float(value[0]), float(value[1]), float(value[2])


def _is_positive_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _wrong(source: str, name: str, value: object, expected: str) -> CheckpointConfigError:
    return CheckpointConfigError(
        f"{source}: {name} is {_shown(value)}, expected {expected}; correct the file or leave the field out "
        "to get the published default"
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
