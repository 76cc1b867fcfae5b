"""What an engine has done so far, in counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from locany.engine.request import Commit, Request


@dataclass
class Stats:
    """Counts since the engine was made.

    Attributes:
        num_steps: forwards of the decoder, without prefill.
        num_requests: finished answers; num_tokens, num_boxes: in them.
        num_images: images encoded; num_prefilled: prompt tokens prefilled; num_shared: requests that found
            their images encoded and prefilled, or on the way.
        num_drafts, num_accepted: tokens proposed in mode verified, and those that stood.
        blocks: parallel blocks by kind.
        finishes: answers by why they were over.
    """

    num_steps: int = 0
    num_requests: int = 0
    num_tokens: int = 0
    num_boxes: int = 0
    num_images: int = 0
    num_prefilled: int = 0
    num_shared: int = 0
    num_drafts: int = 0
    num_accepted: int = 0
    blocks: Counter[str] = field(default_factory=Counter)
    finishes: Counter[str] = field(default_factory=Counter)

    def count_commit(self, commit: Commit) -> None:
        if commit.kind is not None:
            self.blocks[commit.kind.value] += 1

    def count_finished(self, request: Request) -> None:
        self.num_requests += 1
        self.num_tokens += len(request.tokens)
        self.num_boxes += request.num_boxes
        if request.finish is not None:
            self.finishes[request.finish.value] += 1
