"""What can be set for one request."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum

from locany.errors import RequestError
from locany.numeric import check_flags, number_within, plain_number

_LEAST_TEMPERATURE = 1e-4  # below, the division by it leaves float32
_LEAST_PRESENCE = 0.001
_MOST = 2**63 - 1  # what a tensor and a generator take


class DecodeMode(str, Enum):
    """Policies of decoding (spec `locateanything` 6.6)."""

    FAST = "fast"  # blocks only
    SLOW = "slow"  # token by token only
    HYBRID = "hybrid"  # blocks; a doubtful box again, token by token
    VERIFIED = "verified"  # blocks, each token held against sequential decoding: the answer of slow


@dataclass(frozen=True)
class Thresholds:
    """The numbers that decide a block; defaults are the published ones (spec 6.4), which give no source.

    `negative_*`, `label_start` and `num_label_candidates` act under `compat` only.

    Attributes:
        negative_start: least probability of <box> in slot 0 for a negative block.
        negative_none: probability that None in slot 1 and </box> in slot 2 must each exceed.
        negative_null: probability that null in slots 3 and 4 must each exceed.
        frame_end: least mass of </box>, null and end together in the last slot of a box.
        num_candidates: most probable tokens per slot among which coordinates are looked for.
        abnormal_probability, abnormal_spread: a coordinate is doubtful when it is less probable than the
            first while candidates lie further apart (bins) than the second.
        label_start: least probability of <ref> in slot 0 for a label block.
        num_label_candidates: most probable tokens per slot among which label text is looked for.
        score_reach: bins around a coordinate that count as the same place in a score.
        place_mass: a coordinate is doubtful, too, when less than this lies within `score_reach` of it; not
            published, and not used under `compat`.
        prefix_score: of a block of a fixed length (`Formulation.FIXED`), tokens are kept up to the first that
            is less probable, coordinates counted within `score_reach`; the first token is always kept.
    """

    negative_start: float = 0.7
    negative_none: float = 0.2
    negative_null: float = 0.1
    frame_end: float = 0.2
    num_candidates: int = 4
    abnormal_probability: float = 0.9
    abnormal_spread: int = 60
    label_start: float = 0.6
    num_label_candidates: int = 5
    score_reach: int = 10
    place_mass: float = 0.3
    prefix_score: float = 0.7

    def __post_init__(self) -> None:
        for f in fields(self):
            value, number = getattr(self, f.name), int if isinstance(f.default, int) else (int, float)
            least = 1 if f.name.startswith("num_") else 0
            if not isinstance(value, number) or isinstance(value, bool) or not least <= value <= _MOST:
                kind = "an integer" if number is int else "a number"
                raise RequestError(f"thresholds: {f.name} is {value!r}, expected {kind} of at least {least}")


@dataclass(frozen=True)
class Params:
    """One request's knobs.

    Attributes:
        mode: decode mode.
        temperature: 0 takes the most probable token; else at least 0.0001.
        top_p: nucleus; 1 is off. It applies at temperature 0 too, as published.
        top_k: 0 is off.
        repetition_penalty: 1 is off; published use is 1.1 over prompt and answer.
        max_new_tokens: limit of the answer; an answer cut by it says so.
        max_boxes: stop after so many boxes and points; 0 is off.
        seed: of sampling; equal seeds draw equally, alone or in a batch (up to rounding, which another batch
            shape may change).
        tolerance: bins by which a coordinate of a block may differ from that of sequential decoding and still
            be taken, in mode verified; with 0 the answer is that of slow.
        presence: how sure it must be that there is anything: the least share of coordinates against None in a
            frame that may say either. More than 0.5 answers None where that is doubtful, less rather finds
            something. Without effect in the blocks of a fixed length of `Formulation.FIXED`.
        timeout_s: seconds from when the request was added until it is ended with what it has, behind one more
            step where that scores its last box; 0 is off.
        hold_labels: an answer to named categories or a phrase uses these words as labels and no others; not
            where one of them is longer than `labels.MOST_TOKENS`, nor in the blocks of a fixed length of
            `Formulation.FIXED`.
        compat: reproduce the published decisions bit by bit: no grammar, no slot-0 test, no repeat guard,
            no held labels.
        thresholds: the numbers that decide a block.
    """

    mode: DecodeMode = DecodeMode.HYBRID
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    max_new_tokens: int = 2048
    max_boxes: int = 0
    seed: int = 0
    tolerance: int = 0
    presence: float = 0.5
    timeout_s: float = 0.0
    hold_labels: bool = True
    compat: bool = False
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "mode", DecodeMode(self.mode))
        except ValueError:
            modes = ", ".join(mode.value for mode in DecodeMode)
            raise RequestError(f"mode is {self.mode!r}, expected one of {modes}") from None
        for name, low, high in (
            ("temperature", 0.0, 100.0),
            ("top_p", 0.0, 1.0),
            ("repetition_penalty", 0.01, 100.0),
            ("timeout_s", 0.0, 1e9),
        ):
            object.__setattr__(self, name, number_within(name, getattr(self, name), low, high))
        if 0 < self.temperature < _LEAST_TEMPERATURE:
            raise RequestError(
                f"temperature is {self.temperature!r}, too small to divide by; "
                "give 0 for the most probable token"
            )
        if (presence := plain_number(self.presence)) is None:
            raise RequestError(f"presence is {self.presence!r}, expected a number between 0 and 1")
        object.__setattr__(self, "presence", presence)
        if not _LEAST_PRESENCE <= self.presence <= 1 - _LEAST_PRESENCE:
            raise RequestError(
                f"presence is {self.presence!r}, expected {_LEAST_PRESENCE} to {1 - _LEAST_PRESENCE}; 0.5 "
                "weighs coordinates and None alike"
            )
        if self.presence != 0.5 and self.compat:
            raise RequestError(
                "compat=True decides as published, where presence is 0.5; leave one of them out"
            )
        if self.top_p == 0:
            raise RequestError("top_p is 0, which keeps no token; give more than 0, or 1 to turn it off")
        for name in ("top_k", "max_new_tokens", "max_boxes", "seed", "tolerance"):
            given = getattr(self, name)
            value = plain_number(given)
            if not isinstance(value, int) or not 0 <= value <= _MOST:
                raise RequestError(f"{name} is {given!r}, expected an integer from 0 to {_MOST}")
            object.__setattr__(self, name, value)
        check_flags(hold_labels=self.hold_labels, compat=self.compat)
        if self.tolerance and self.mode is not DecodeMode.VERIFIED:
            raise RequestError(
                f"tolerance is {self.tolerance} in mode {self.mode.value!r}; only 'verified' has one"
            )
        if self.compat and self.mode is DecodeMode.VERIFIED and self.temperature > 0:
            raise RequestError(
                "compat=True draws in the published order, which mode 'verified' cannot follow; "
                "give temperature 0, or compat=False"
            )
        if not isinstance(self.thresholds, Thresholds):
            raise RequestError(f"thresholds is {self.thresholds!r}, expected a Thresholds object")
