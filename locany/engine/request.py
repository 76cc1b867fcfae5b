"""A request and its life: waiting, running, finished."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

import numpy as np

from locany.codec.blocks import BlockKind
from locany.codec.grammar import State
from locany.engine.params import DecodeMode, Params
from locany.errors import EngineError
from locany.results import Provenance


class Phase(str, Enum):
    """How the next step of a row decodes."""

    PARALLEL = "parallel"  # a whole block
    SEQUENTIAL = "sequential"  # one token


class Finish(str, Enum):
    """Why an answer is over."""

    END = "end"  # the model ended it
    LIMIT = "limit"  # cut by max_new_tokens or the context length
    MAX_BOXES = "max_boxes"  # cut by max_boxes
    REPEAT = "repeat"  # the model began to repeat a box
    STRAY = "stray"  # published rule: a token that is no coordinate while re-decoding
    TIMEOUT = "timeout"  # cut by timeout_s
    CANCELLED = "cancelled"  # the caller does not want it any more
    ERROR = "error"  # see `Request.error`


_MOST_PIXEL = 10_000.0  # of normalised pixels, which lie about -1 to 1
_CUT = (Finish.LIMIT, Finish.MAX_BOXES, Finish.TIMEOUT, Finish.CANCELLED, Finish.ERROR)


@dataclass(frozen=True)
class ImageInput:
    """One image as the encoder eats it: float32 [patches, 3, patch, patch], and its grid in patches."""

    pixel_values: np.ndarray
    grid_hw: tuple[int, int]

    @cached_property
    def digest(self) -> bytes:
        """Equal for equal pixels and grids; computed once, so the pixels must not change afterwards."""
        hashed = hashlib.blake2b(repr((self.grid_hw, self.pixel_values.shape)).encode(), digest_size=16)
        hashed.update(np.ascontiguousarray(self.pixel_values).data)
        return hashed.digest()

    @cached_property
    def is_sound(self) -> bool:
        """Whether all pixels are finite and of a size that stays so; computed once."""
        values = self.pixel_values
        return not values.size or bool(values.min() > -_MOST_PIXEL and values.max() < _MOST_PIXEL)


@dataclass(frozen=True)
class Commit:
    """What one step added to the answer.

    Attributes:
        phase, kind: how it was decoded and what it is; kind is None where no block was judged.
        tokens: what was added.
        num_fed, num_cached: positions fed in this step, and keys that were in the cache before it.
        num_drafts: of the fed tokens, those that had still to be confirmed (mode verified).
    """

    phase: Phase
    kind: BlockKind | None
    tokens: tuple[int, ...]
    num_fed: int
    num_cached: int
    num_drafts: int = 0


@dataclass(frozen=True)
class Found:
    """A box, point or negative of an answer, as soon as it is committed and its score is known.

    Attributes:
        label: token ids of the label that it belongs to; empty if there is none.
        bins: four of a box, two of a point, none of a negative; as decoded, corners in any order.
        means: for each bin, the mean of the bins near it, weighted by their probability.
        score: 0..1; see `Request.score`.
        provenance: how each token was decoded.
        start, stop: span of its tokens in the answer.
    """

    label: tuple[int, ...]
    bins: tuple[int, ...]
    means: tuple[float, ...]
    score: float
    provenance: tuple[Provenance, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Item:
    """A box, point or negative by where its tokens are: [start, stop) of the answer."""

    label: tuple[int, ...]
    bins: tuple[int, ...]
    start: int
    stop: int


@dataclass(eq=False)
class Request:
    """One question about some images, and the state of its answer.

    Attributes:
        prompt: ids with image tokens expanded.
        images: in the order of their image tokens; dropped once they are encoded.
        params: knobs.
        labels: token ids of the labels that were asked for, to which the answer is held; none leave it free.
        tokens: the answer so far.
        provenance: how each token of the answer was decoded.
        token_scores: the decoder's sequential probability of each token; for coordinates, the mass within
            `score_reach` bins. NaN while it is not known yet.
        block_scores: the same read from the block that proposed the token; NaN where none did.
        expected_bins: for coordinates the mean of the bins within `score_reach`, weighted by their sequential
            probability (that of the block, while the other is unknown); NaN for other tokens.
        commits: what each step added.
        phase: how the coming step decodes.
        state, label: grammar state and current label after the last committed token.
        finish: why the answer is over; None while it is not.
        error: what went wrong, where `finish` is ERROR.
        items, said, num_boxes: the items so far; the same as a set; boxes and points among them.
        num_pending, num_drafts: committed tokens, and drafts, that the coming step feeds.
        deadline: by the engine's clock; infinite without a timeout.
    """

    prompt: list[int]
    images: tuple[ImageInput, ...] = ()
    params: Params = field(default_factory=Params)
    labels: tuple[tuple[int, ...], ...] = ()
    tokens: list[int] = field(default_factory=list)
    provenance: list[Provenance] = field(default_factory=list)
    token_scores: list[float] = field(default_factory=list)
    block_scores: list[float] = field(default_factory=list)
    expected_bins: list[float] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    phase: Phase = Phase.PARALLEL
    state: State = State.ITEM
    label: tuple[int, ...] = ()
    finish: Finish | None = None
    error: EngineError | None = None
    items: list[Item] = field(default_factory=list)
    said: set[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=set)
    num_boxes: int = 0
    num_pending: int = 1
    num_drafts: int = 0
    deadline: float = math.inf
    closing: Finish | None = None  # over, but for a last step that scores its last tokens

    def __post_init__(self) -> None:
        self.phase = Phase.SEQUENTIAL if self.params.mode is DecodeMode.SLOW else Phase.PARALLEL

    @property
    def text_len(self) -> int:
        """Prompt and answer so far, without drafts."""
        return len(self.prompt) + len(self.tokens)

    @property
    def truncated(self) -> bool:
        """Whether the answer was cut."""
        return self.finish in _CUT

    def score(self, start: int, stop: int) -> float:
        """Score of a span of the answer: geometric mean of its tokens' probabilities, 0..1."""
        logs = []
        scores = zip(self.token_scores[start:stop], self.block_scores[start:stop], strict=True)
        for sequential, block in scores:
            value = block if math.isnan(sequential) else sequential
            logs.append(math.log(max(value, 1e-9)))
        return math.exp(sum(logs) / len(logs)) if logs else 0.0

    def found(self, number: int) -> Found | None:
        """Item `number` of the answer; None while it is not committed, or its score is not known yet."""
        if number >= len(self.items):
            return None
        item = self.items[number]
        span = slice(item.start, item.stop)
        if self.finish is None and any(map(math.isnan, self.token_scores[span])):
            return None
        means = tuple(mean for mean in self.expected_bins[span] if not math.isnan(mean))
        return Found(
            label=item.label,
            bins=item.bins,
            means=means,
            score=self.score(item.start, item.stop),
            provenance=tuple(self.provenance[span]),
            start=item.start,
            stop=item.stop,
        )
