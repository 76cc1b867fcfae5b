"""What prompts have in common: the same images behind the same words, encoded and prefilled once.

A prompt is cut behind its last image. What lies before is its prefix, which every other question about these
images begins with; what lies behind is its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from torch import Tensor

from locany.engine.request import ImageInput, Request
from locany.errors import EngineError
from locany.model.cache import KVCache

Value = TypeVar("Value")


@dataclass(eq=False)
class Prefix:
    """The common beginning of some prompts.

    Attributes:
        tokens: its ids; images: what stands at its image tokens, each dropped once it is encoded.
        digests: of all its images, by content; empty where nothing is shared.
        encoded: visual tokens of the images that are encoded already, while others are not.
        embeds: [tokens, hidden], from when the images are encoded until the keys are computed.
        cache: one row of keys and values; `num_done` tokens of it are computed.
        error: why it could not be computed.
    """

    tokens: tuple[int, ...]
    images: tuple[ImageInput, ...]
    digests: tuple[bytes, ...]
    encoded: list[Tensor] = field(default_factory=list)
    embeds: Tensor | None = None
    cache: KVCache | None = None
    num_done: int = 0
    error: EngineError | None = field(default=None, repr=False)

    @property
    def key(self) -> Hashable:
        return self.digests, self.tokens

    @property
    def num_patches(self) -> int:
        """Of the images that are not encoded yet."""
        return sum(len(image.pixel_values) for image in self.images)

    @property
    def is_ready(self) -> bool:
        return self.num_done == len(self.tokens)


def prefix_length(request: Request, image_token: int) -> int:
    """Tokens of a prompt that may be shared: up to the one behind its last image; 0 without images.

    The last token of a prompt is never among them: the first step feeds it.
    """
    if not request.images:
        return 0
    last = len(request.prompt) - 1 - request.prompt[::-1].index(image_token)
    return min(last + 2, len(request.prompt) - 1)


class ByteStore(Generic[Value]):
    """Keeps what was used last, up to a limit of bytes."""

    def __init__(self, limit: int):
        self.limit, self.num_bytes = limit, 0
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Value | None:
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def put(self, key: Hashable, value: Value, num_bytes: int) -> None:
        """Keep a value, unless it alone is larger than the limit; the oldest make room."""
        self.drop(key)
        if num_bytes > self.limit:
            return
        self._kept[key] = (value, num_bytes)
        self.num_bytes += num_bytes
        while self.num_bytes > self.limit:
            self.drop(next(iter(self._kept)))

    def drop(self, key: Hashable) -> None:
        if key in self._kept:
            self.num_bytes -= self._kept.pop(key)[1]

    def clear(self) -> None:
        self._kept.clear()
        self.num_bytes = 0
