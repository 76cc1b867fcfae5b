"""A request and its life: waiting, running, finished."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from locany.codec.blocks import BlockKind
from locany.codec.grammar import State
from locany.engine.params import DecodeMode, Params
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


@dataclass(frozen=True)
class ImageInput:
    """One image as the encoder eats it: float32 [patches, 3, patch, patch], and its grid in patches."""

    pixel_values: np.ndarray
    grid_hw: tuple[int, int]


@dataclass(frozen=True)
class Commit:
    """What one step added to the answer.

    Attributes:
        phase, kind: how it was decoded and what it is; kind is None for a single token.
        tokens: what was added.
        num_fed, num_cached: positions fed in this step, and keys that were in the cache before it.
    """

    phase: Phase
    kind: BlockKind | None
    tokens: tuple[int, ...]
    num_fed: int
    num_cached: int


@dataclass(eq=False)
class Request:
    """One question about some images, and the state of its answer.

    Attributes:
        prompt: ids with image tokens expanded.
        images: in the order of their image tokens.
        params: knobs.
        tokens: the answer so far.
        provenance: how each token of the answer was decoded.
        token_scores: the decoder's sequential probability of each token; for coordinates, the mass within
            `score_reach` bins. NaN where the answer stopped before it was known.
        block_scores: the same read from the block that proposed the token.
    """

    prompt: list[int]
    images: tuple[ImageInput, ...] = ()
    params: Params = field(default_factory=Params)
    tokens: list[int] = field(default_factory=list)
    provenance: list[Provenance] = field(default_factory=list)
    token_scores: list[float] = field(default_factory=list)
    block_scores: list[float] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    phase: Phase = Phase.PARALLEL
    state: State = State.ITEM
    cached_len: int = 0
    finish: Finish | None = None
    label: tuple[int, ...] = ()
    said: set[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=set)
    num_boxes: int = 0
    next_score: float = math.nan  # of the first token of the coming commit

    def __post_init__(self) -> None:
        self.phase = Phase.SEQUENTIAL if self.params.mode is DecodeMode.SLOW else Phase.PARALLEL

    @property
    def text_len(self) -> int:
        """Prompt and answer so far."""
        return len(self.prompt) + len(self.tokens)

    def token_at(self, index: int) -> int:
        """Token of the whole text by index."""
        n = len(self.prompt)
        return self.prompt[index] if index < n else self.tokens[index - n]

    @property
    def truncated(self) -> bool:
        """Whether a limit cut the answer."""
        return self.finish in (Finish.LIMIT, Finish.MAX_BOXES)

    def score(self, start: int, stop: int) -> float:
        """Score of a span of the answer: geometric mean of its tokens' probabilities, 0..1."""
        logs = []
        scores = zip(self.token_scores[start:stop], self.block_scores[start:stop], strict=True)
        for sequential, block in scores:
            value = block if math.isnan(sequential) else sequential
            logs.append(math.log(max(value, 1e-9)))
        return math.exp(sum(logs) / len(logs)) if logs else 0.0
