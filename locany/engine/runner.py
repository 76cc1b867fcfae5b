"""The model on its device: prefill of new rows, one step of all running rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.engine.batch import StepBatch, build_step
from locany.engine.request import ImageInput, Request
from locany.model.cache import KVCache
from locany.model.decoder import CacheView
from locany.model.locate_model import LocateModel

_SLOTS_STEP = 256  # the cache grows by so many slots at a time, so that growing is rare


@dataclass(frozen=True)
class StepLogits:
    """float32 logits of one step.

    Attributes:
        real: [rows, columns, vocabulary] after the committed tokens, right-aligned: what sequential decoding
            would see.
        window: [rows, block_size, vocabulary], or None where no row decodes in parallel.
    """

    real: Tensor
    window: Tensor | None


class Runner:
    """Owns the KV cache; running rows are always cache rows 0 .. n - 1."""

    def __init__(self, model: LocateModel, vocab: Vocab, max_patches: int = 32768):
        self.model, self.vocab, self.max_patches = model, vocab, max_patches
        text = model.config.text
        self.cache = KVCache(
            text.num_layers, 0, text.num_kv_heads, 0, text.head_dim, dtype=model.dtype, device=model.device
        )

    @property
    def device(self) -> torch.device:
        return self.model.device

    def _reserve(self, num_rows: int, length: int) -> None:
        if num_rows > self.cache.num_rows or length > self.cache.capacity:
            self.cache.grow(num_rows, -(-length // _SLOTS_STEP) * _SLOTS_STEP)

    @torch.inference_mode()
    def prefill(self, requests: Sequence[Request], first_row: int) -> None:
        """Encode the images of new requests and cache their prompts, all but the last token.

        The last token is fed by the first step like any committed token, so that every step is the same.
        Pixels are dropped once they are encoded.
        """
        longest = max(len(request.prompt) for request in requests)
        self._reserve(first_row + len(requests), longest + self.vocab.block_size)
        images = [image for request in requests for image in request.images]
        visual = self._encode(images)
        for row, request in enumerate(requests, start=first_row):
            own, visual = visual[: len(request.images)], visual[len(request.images) :]
            length = len(request.prompt) - 1
            if length:
                ids = torch.tensor([request.prompt[:-1]], device=self.device)
                positions = torch.arange(length, device=self.device)[None]
                view = CacheView(self.cache, slice(row, row + 1), positions, length)
                self.model(ids, positions, None, torch.cat(own) if own else None, view)
            request.cached_len = length
            request.images = ()

    def _encode(self, images: Sequence[ImageInput]) -> list[Tensor]:
        """Visual tokens of each image; as many images at once as the patch budget allows, at least one."""
        merge = self.model.config.vision.merge_size**2
        visual: list[Tensor] = []
        packs: list[list[ImageInput]] = []
        room = 0
        for image in images:
            if len(image.pixel_values) > room or not packs:
                packs.append([])
                room = self.max_patches
            packs[-1].append(image)
            room -= len(image.pixel_values)
        for pack in packs:
            pixels = torch.cat([torch.from_numpy(image.pixel_values) for image in pack])
            grids = [image.grid_hw for image in pack]
            tokens = self.model.encode_images(pixels.to(self.device), grids)
            visual += tokens.split([height * width // merge for height, width in grids])
        return visual

    @torch.inference_mode()
    def step(self, requests: Sequence[Request]) -> StepLogits:
        """Feed one step; row i of the batch is cache row i."""
        self._reserve(len(requests), max(r.text_len for r in requests) + self.vocab.block_size)
        batch = build_step(requests, self.vocab, self.cache.bin_slot, self.device)
        return self.forward(batch)

    def forward(self, batch: StepBatch) -> StepLogits:
        """Run the decoder over a step's tensors."""
        rows = slice(0, len(batch.token_ids))
        view = CacheView(self.cache, rows, batch.slots, batch.length)
        hidden = self.model(batch.token_ids, batch.positions, batch.mask, None, view)
        num_rows, width = batch.token_ids.shape
        if len(batch.read) == num_rows * width:
            logits = self.model.decoder.logits(hidden)
        else:  # padding, and windows of rows that decode token by token, never meet the head
            logits = hidden.new_zeros(num_rows * width, self.vocab.size, dtype=torch.float32)
            logits[batch.read] = self.model.decoder.logits(hidden.flatten(0, 1)[batch.read])
            logits = logits.unflatten(0, (num_rows, width))
        window = logits[:, batch.num_real :] if batch.has_window else None
        return StepLogits(logits[:, : batch.num_real], window)

    @torch.inference_mode()  # also where a caller cancels between steps
    def remove(self, row: int, last: Request | None, last_row: int) -> None:
        """Free a row: the last running row moves into its place."""
        if last is not None and last.cached_len:
            self.cache.move(last_row, row, last.cached_len)
