"""Encoder, projector and decoder joined: visual tokens spliced into text (spec `locateanything` 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from locany.model.attention import Mask
from locany.model.config import LocateConfig
from locany.model.decoder import CacheView, Decoder
from locany.model.projector import Projector
from locany.model.vision import GridHW, VisionEncoder


class LocateModel(nn.Module):
    """The whole network. It knows tensors only: no text, no files, no tasks."""

    def __init__(self, config: LocateConfig):
        super().__init__()
        self.config = config
        self.vision = VisionEncoder(config.vision)
        self.projector = Projector(config)
        self.decoder = Decoder(config.text)

    @property
    def device(self) -> torch.device:
        return self.decoder.embed.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.decoder.embed.weight.dtype

    def encode_images(self, pixel_values: Tensor, grids: list[GridHW]) -> Tensor:
        """Visual tokens of a pack of images: [tokens, hidden], images one after the other."""
        return self.projector(self.vision(pixel_values.to(self.dtype), grids))

    def embed(
        self, token_ids: Tensor, visual_tokens: Tensor | None, image_at: Tensor | None = None
    ) -> Tensor:
        """Embed text and put the visual tokens, in order, where the image token stands.

        Args:
            token_ids: [rows, positions].
            visual_tokens: [n, hidden], n equal to the image tokens in `token_ids`; None if there are none.
            image_at: [n] their places among rows * positions, ascending (`image_places`), on the device of
                `token_ids`. To look for them on a device that is not the CPU waits for all that it has to do.

        Returns:
            [rows, positions, hidden].
        """
        embeds = self.decoder.embed(token_ids)
        if visual_tokens is None:
            return embeds
        at = image_places(token_ids, self.config.image_token_id) if image_at is None else image_at
        assert len(at) == len(visual_tokens), (
            f"{len(at)} image tokens in the text for {len(visual_tokens)} visual tokens"
        )
        # Not `masked_scatter`: its mask becomes as wide as the embeddings, and its gradient asks the device.
        flat = embeds.flatten(0, 1).index_copy(0, at, visual_tokens.to(embeds.dtype))
        return flat.view_as(embeds)

    def forward(
        self,
        token_ids: Tensor,
        positions: Tensor,
        mask: Mask | None,
        visual_tokens: Tensor | None = None,
        view: CacheView | None = None,
        image_at: Tensor | None = None,
    ) -> Tensor:
        """Hidden states [rows, positions, hidden]; `decoder.logits` reads out the ones that matter."""
        return self.decoder(self.embed(token_ids, visual_tokens, image_at), positions, mask, view)


def image_places(token_ids: Tensor, image_token_id: int) -> Tensor:
    """Where image tokens stand among all positions, row after row: [n], ascending."""
    return (token_ids == image_token_id).flatten().nonzero()[:, 0]
