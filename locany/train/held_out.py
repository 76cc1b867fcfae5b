"""A share of a data set's images that is kept apart, to measure on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from locany.data.dialogue import Dialogue
from locany.data.sample import ImageRef, Sample, place_of
from locany.errors import DataError


def divide(samples: Sequence[Sample | Dialogue], share: float, *, apart: bool) -> list[Sample | Dialogue]:
    """The samples whose images are kept apart, or the others.

    An image is on the same side in every run and on every machine: the digest of its file's name decides. So
    all records of an image are, and images that are added later move no other one. Only where chance would
    keep none apart, the image of the smallest digest is, which may change with the next images.

    Args:
        share: of the images, more than 0 and less than 1.
        apart: which of both.
    """
    names = [_names(sample) for sample in samples]
    digests = {name: _digest(name) for some in names for name in some}
    limit = max(share, min(digests.values(), default=0.0))
    # What shows several images stays together with the first of them.
    return [
        sample
        for sample, some in zip(samples, names, strict=True)
        if (bool(some) and digests[some[0]] <= limit) == apart
    ]


def check_divided(left: Sequence[object], path: str, share: float) -> None:
    """Raise DataError where all images of a data set are on the other side."""
    if not left:
        raise DataError(
            f"{path}: data.held_out={share} leaves nothing on one side; give more images, or another share"
        )


def _names(sample: Sample | Dialogue) -> list[str]:
    """What the files of its images are called; without files, where it stands."""
    images = sample.images if isinstance(sample, Dialogue) else (sample.image,)
    return [
        image.source.name
        if isinstance(image, ImageRef) and isinstance(image.source, Path)
        else place_of(sample.provenance)
        for image in images
    ]


def _digest(name: str) -> float:
    """From 0 to 1, the same for the same name everywhere."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48
