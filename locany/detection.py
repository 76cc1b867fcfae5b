"""One thing found, and what is known of how it was decoded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np


class Provenance(str, Enum):
    """How a detection came to be."""

    PARALLEL = "parallel"  # its block was decoded at once and accepted
    REDECODED = "redecoded"  # its block was rejected and decoded again, token by token
    VERIFIED = "verified"  # its block was held against sequential decoding, token by token
    SEQUENTIAL = "sequential"  # token by token from the start

    @classmethod
    def of_all(cls, parts: Iterable[Provenance]) -> Provenance:
        """That of a whole: of its parts' the least parallel."""
        order = (cls.PARALLEL, cls.VERIFIED, cls.REDECODED, cls.SEQUENTIAL)
        return max(parts, key=order.index, default=cls.PARALLEL)


@dataclass(frozen=True, repr=False)
class Detection:
    """One thing found.

    Attributes:
        xyxy: box in pixels; for a point (x, y, x, y).
        label: the category or phrase it answers, or the transcription for text.
        score: probability of the place given the label, 0..1; of a calibrated model, how often boxes with
            such a score are right.
        provenance: how it was decoded.
        is_point: whether the model gave a point rather than a box.
    """

    xyxy: tuple[float, float, float, float]
    label: str
    score: float
    provenance: Provenance
    is_point: bool = False

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able document: label, box [x0, y0, x1, y1] or point [x, y], score, provenance.

        Numbers are written with the fewest digits that give back the same float32.
        """
        box = [_short(value) for value in self.xyxy]
        place = {"point": box[:2]} if self.is_point else {"box": box}
        how = {"score": _short(self.score), "provenance": self.provenance.value}
        return {"label": self.label, **place, **how}

    def __repr__(self) -> str:
        place = ", ".join(f"{_short(value):g}" for value in self.xyxy[: 2 if self.is_point else 4])
        kind = "point" if self.is_point else "box"
        return f"Detection({self.label!r}, {kind} ({place}), score {self.score:.3f}, {self.provenance.value})"

    @property
    def point(self) -> tuple[float, float]:
        """(x, y): the point, or the centre of the box."""
        x0, y0, x1, y1 = self.xyxy
        return (x0 + x1) / 2, (y0 + y1) / 2


def _short(value: float) -> float:
    return float(str(np.float32(value)))
