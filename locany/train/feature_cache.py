"""What an encoder that does not learn makes of images, kept for when they come again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from locany.data.collate import Batch
from locany.engine.prefix import ByteStore
from locany.image import PreprocessConfig
from locany.model.locate_model import LocateModel


class FeatureCache:
    """Cells of the images that were seen last, before the projector, which may learn.

    Every image is encoded alone. What it gives does not depend on those beside it then, so a run that goes on
    with an empty cache learns the same, bit for bit, as one that was never stopped. They are kept in the
    memory of the host: that of a GPU is for the weights.

    Attributes:
        num_encoded: images that were encoded; num_known: images that were not, since they were known.
    """

    def __init__(self, limit: int):
        """`limit` is in bytes."""
        self._kept: ByteStore[Tensor] = ByteStore(limit)
        self.num_encoded = self.num_known = 0

    @torch.no_grad()
    def cells(
        self, model: LocateModel, batch: Batch, digests: Sequence[bytes], config: PreprocessConfig
    ) -> Tensor:
        """[cells, merged_size] of a batch with images, in their order; under the caller's autocast.

        Args:
            batch: on the model's device.
            digests: of its images.
        """
        sizes = [height * width for height, width in batch.grids]
        values, found = batch.pixel_values(config).to(model.dtype).split(sizes), []
        for grid, digest, pixels in zip(batch.grids, digests, values, strict=True):
            known = self._kept.get(digest)
            if known is None:
                known = model.vision(pixels, [grid])
                host = known.cpu()
                self._kept.put(digest, host, host.nbytes)
                self.num_encoded += 1
            else:
                self.num_known += 1
            found.append(known.to(batch.pixels.device, non_blocking=True))
        return torch.cat(found)


def image_digests(batch: Batch) -> tuple[bytes, ...]:
    """What tells the images of a batch on the CPU apart, by their patches."""
    sizes = [height * width for height, width in batch.grids]
    digests = []
    for grid, pixels in zip(batch.grids, batch.pixels.split(sizes), strict=True):
        hashed = hashlib.blake2b(repr(grid).encode(), digest_size=16)
        hashed.update(pixels.contiguous().numpy().data)
        digests.append(hashed.digest())
    return tuple(digests)
