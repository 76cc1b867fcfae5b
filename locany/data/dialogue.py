"""A published conversation that no `Sample` can hold: text alone, several images, a wording of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from locany.codec.tokenizer import Tokenizer
from locany.data.conversation import encode_conversation
from locany.data.encode import EncodedSample
from locany.data.sample import ImageRef
from locany.image import PreprocessConfig


@dataclass(frozen=True)
class Dialogue:
    """Turns as they stand in their file; learnt from as they are, never asked otherwise and not measured on.

    Attributes:
        turns: the system turn included, see `conversation.render_conversation`.
        images: in the order of the conversation's own list.
        provenance: "file" and "line".
    """

    turns: tuple[Mapping[str, Any], ...]
    images: tuple[ImageRef, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def encode(
        self, tokenizer: Tokenizer, config: PreprocessConfig, rng: np.random.Generator
    ) -> EncodedSample:
        """Both streams of all answers.

        Raises:
            DataError: the conversation cannot be learnt from.
        """
        pixels = [image.load() for image in self.images]
        return encode_conversation(
            tokenizer, self.turns, pixels, config, lambda count: int(rng.integers(count))
        )
