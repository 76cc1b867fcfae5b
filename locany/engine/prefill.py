"""Images to features, prefixes to keys and values: in pieces, so that running rows need not wait for long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from locany.device import on_device
from locany.engine.config import EngineConfig
from locany.engine.memory import is_out_of_memory, release_memory
from locany.engine.prefix import ByteStore, Prefix, prefix_length
from locany.engine.request import ImageInput, Request
from locany.engine.stats import Stats
from locany.errors import EngineMemoryError
from locany.model.cache import KVCache
from locany.model.decoder import CacheView
from locany.model.locate_model import LocateModel, image_places
from locany.model.masks import text_layout, visible


class Prefiller:
    """Computes prefixes in the order in which they were asked for, and keeps some for later questions.

    Attributes:
        features: visual tokens by image; prefixes: finished prefixes by content.
    """

    def __init__(self, model: LocateModel, config: EngineConfig, stats: Stats):
        self.model, self.config, self.stats = model, config, stats
        self.features: ByteStore[Tensor] = ByteStore(config.feature_bytes)
        self.prefixes: ByteStore[Prefix] = ByteStore(config.prefix_bytes)
        self._queue: deque[Prefix] = deque()
        self._by_key: dict[Hashable, Prefix] = {}  # of the queue

    def prefix_of(self, request: Request) -> Prefix | None:
        """The prefix of a prompt, queued if it has still to be computed; None if there is nothing to share.

        The request's images are the prefix's from now on.
        """
        length = prefix_length(request, self.model.config.image_token_id)
        if not length:
            return None
        tokens, images, request.images = tuple(request.prompt[:length]), request.images, ()
        if not self.config.share_prefixes:
            prefix = Prefix(tokens, images, ())
            self._queue.append(prefix)
            return prefix
        prefix = Prefix(tokens, images, tuple(image.digest for image in images))
        known = self._by_key.get(prefix.key) or self.prefixes.get(prefix.key)
        if known is not None:
            self.stats.num_shared += 1
            return known
        self._by_key[prefix.key] = prefix
        self._queue.append(prefix)
        return prefix

    @property
    def is_idle(self) -> bool:
        return not self._queue

    def is_queued(self, prefix: Prefix) -> bool:
        return prefix in self._queue

    def forget(self, prefix: Prefix) -> None:
        """Nobody waits for this prefix any more."""
        if prefix in self._queue:
            self._queue.remove(prefix)
        if self._by_key.get(prefix.key) is prefix:  # an equal one may be queued, where this one is finished
            del self._by_key[prefix.key]

    @torch.inference_mode()
    def work(self, max_tokens: int) -> list[Prefix]:
        """One piece of work: one pack of images, then prefix tokens up to the budget, oldest first.

        Returns:
            Prefixes that are finished now, or that failed (`Prefix.error`).
        """
        done: list[Prefix] = []
        if self._queue and self._queue[0].embeds is None:
            done += self._guarded(self._next_pack(), self._encode)
        left = max_tokens
        while left > 0 and self._queue and self._queue[0].embeds is not None:
            group = self._next_group(left)
            count = min(left // len(group), len(group[0].tokens) - group[0].num_done)
            left -= count * len(group)
            done += self._guarded(group, partial(self._extend, count=count))
            done += self._finish()
        return done

    # -- what comes next ------------------------------------------------------------------------------------

    def _next_pack(self) -> list[Prefix]:
        """The oldest prefixes whose images fit the patch budget together; at least one."""
        pack, room = [self._queue[0]], self.config.max_patches - self._queue[0].num_patches
        for prefix in list(self._queue)[1 : self.config.max_rows]:
            room -= prefix.num_patches
            if room < 0 or prefix.embeds is not None:
                break
            pack.append(prefix)
        return pack

    def _next_group(self, max_tokens: int) -> list[Prefix]:
        """The oldest prefix, with others of its length that can go through the decoder beside it."""
        first = self._queue[0]
        most = max(1, max_tokens // len(first.tokens)) if first.num_done == 0 else 1
        alike = [
            p for p in self._queue
            if p.embeds is not None and p.num_done == 0 and len(p.tokens) == len(first.tokens)
        ]  # fmt: skip
        return alike[:most] if first in alike else [first]

    def _finish(self) -> list[Prefix]:
        finished = [prefix for prefix in self._queue if prefix.is_ready]
        for prefix in finished:
            self.forget(prefix)
            assert prefix.cache is not None
            if self.config.share_prefixes:
                self.prefixes.put(prefix.key, prefix, prefix.cache.num_bytes)
        return finished

    # -- the work itself ------------------------------------------------------------------------------------

    def _guarded(self, prefixes: list[Prefix], work: Callable[[Sequence[Prefix]], None]) -> list[Prefix]:
        """Do some work; where memory runs out, do it for fewer, then without what is kept, then give up."""
        try:
            work(prefixes)
            return []
        except BaseException as error:
            if not is_out_of_memory(error):
                for prefix in prefixes:
                    self.forget(prefix)
                raise
        # Behind the except block: until then the error holds all that the work had made.
        if len(prefixes) > 1:
            return [failed for prefix in prefixes for failed in self._guarded([prefix], work)]
        if self.features.num_bytes + self.prefixes.num_bytes:
            self.features.clear()
            self.prefixes.clear()
            release_memory(self.model.device)
            return self._guarded(prefixes, work)
        (prefix,) = prefixes
        self.forget(prefix)
        prefix.embeds = prefix.cache = None
        prefix.encoded.clear()
        patches, tokens = prefix.num_patches, len(prefix.tokens)
        size = f"an image of {patches:,} patches" if patches else f"a prompt of {tokens:,} tokens"
        prefix.error = EngineMemoryError(
            f"not enough memory for {size} on {self.model.device}; use a smaller image, or fewer side by side"
        )
        release_memory(self.model.device)
        return prefixes

    def _encode(self, prefixes: Sequence[Prefix]) -> None:
        """Encode a pack of images, each different one once, and embed the prefixes that have all of theirs.

        Args:
            prefixes: whose images fit the patch budget; or a single one, of which it takes what fits.
        """
        merge = self.model.config.vision.merge_size**2
        known: dict[Hashable, Tensor] = {}
        new: dict[Hashable, ImageInput] = {}
        names: list[list[Hashable]] = []
        room = self.config.max_patches
        for prefix in prefixes:
            names.append([])
            known.update(zip(prefix.digests, prefix.encoded, strict=False))
            digests: Sequence[Hashable] = prefix.digests[len(prefix.encoded) :]
            for name, image in zip(digests or [object() for _ in prefix.images], prefix.images, strict=True):
                feature = known.get(name, self.features.get(name))
                if feature is not None:
                    known[name] = feature
                elif name not in new:
                    room -= len(image.pixel_values)
                    if new and room < 0:
                        break
                    new[name] = image
                names[-1].append(name)
        if new:
            images = list(new.values())
            pixels = torch.cat([torch.from_numpy(np.ascontiguousarray(i.pixel_values)) for i in images])
            grids = [image.grid_hw for image in images]
            # Rounded to the model's type here, as it would be there: bfloat16 is half as much to copy.
            pixels = on_device(pixels.to(self.model.dtype), self.model.device)
            tokens = self.model.encode_images(pixels, grids)
            self.stats.num_images += len(images)
            parts = tokens.split([height * width // merge for height, width in grids])
            for name, part in zip(new, parts, strict=True):
                known[name] = part.clone()  # not a view of the pack, which would keep all of it
                if self.config.share_prefixes:
                    self.features.put(name, known[name], known[name].nbytes)
        encoded = [
            [*prefix.encoded, *(known[name] for name in own)]
            for prefix, own in zip(prefixes, names, strict=True)
        ]
        for prefix, own, features in zip(prefixes, names, encoded, strict=True):
            if len(own) == len(prefix.images):
                ids = torch.tensor([prefix.tokens])
                at = image_places(ids, self.model.config.image_token_id)
                ids, at = on_device(ids, self.model.device), on_device(at, self.model.device)
                prefix.embeds = self.model.embed(ids, torch.cat(features), at)[0]
        # All or none: where memory runs out before, the images are still needed.
        for prefix, own, features in zip(prefixes, names, encoded, strict=True):
            prefix.images = prefix.images[len(own) :]
            prefix.encoded = features if prefix.images else []

    def _extend(self, prefixes: Sequence[Prefix], count: int) -> None:
        """Compute keys and values of the next `count` tokens of prefixes of one length."""
        text, device = self.model.config.text, self.model.device
        length, start = len(prefixes[0].tokens), prefixes[0].num_done
        if start == 0:
            shape = (text.num_layers, len(prefixes), text.num_kv_heads, length, text.head_dim)
            cache = KVCache(*shape, dtype=self.model.dtype, device=device)
        else:
            assert prefixes[0].cache is not None
            cache = prefixes[0].cache
        stop = start + count
        positions = torch.arange(start, stop, device=device).expand(len(prefixes), -1)
        mask = None
        if start:
            layout = text_layout(1, stop, device)
            mask = visible(layout[:, start:], layout)
        embeds = torch.stack([p.embeds[start:stop] for p in prefixes if p.embeds is not None])
        view = CacheView(cache, slice(0, len(prefixes)), positions, stop)
        self.model.decoder.fill(embeds, positions, mask, view)
        self.stats.num_prefilled += count * len(prefixes)
        # All or none: where memory runs out here, every one of them is still to be computed.
        own = [cache.row(row) for row in range(len(prefixes))] if len(prefixes) > 1 else [cache]
        for prefix, row_cache in zip(prefixes, own, strict=True):
            prefix.cache, prefix.num_done = row_cache, stop
            if prefix.is_ready:
                prefix.embeds = None
