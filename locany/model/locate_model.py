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

    def embed(self, token_ids: Tensor, visual_tokens: Tensor | None) -> Tensor:
        """Embed text and put the visual tokens, in order, where the image token stands.

        Args:
            token_ids: [rows, positions].
            visual_tokens: [n, hidden], n equal to the image tokens in `token_ids`; None if there are none.

        Returns:
            [rows, positions, hidden].
        """
        embeds = self.decoder.embed(token_ids)
        if visual_tokens is None:
            return embeds
        where = token_ids == self.config.image_token_id
        if where.device.type == "cpu":  # on another device asking would wait for all that it has to do
            assert int(where.sum()) == len(visual_tokens), (
                f"{int(where.sum())} image tokens in the text for {len(visual_tokens)} visual tokens"
            )
        return embeds.masked_scatter(where[..., None], visual_tokens.to(embeds.dtype))

    def forward(
        self,
        token_ids: Tensor,
        positions: Tensor,
        mask: Mask | None,
        visual_tokens: Tensor | None = None,
        view: CacheView | None = None,
    ) -> Tensor:
        """Hidden states [rows, positions, hidden]; `decoder.logits` reads out the ones that matter."""
        return self.decoder(self.embed(token_ids, visual_tokens), positions, mask, view)
