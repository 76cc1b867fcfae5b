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
    memory of the host, since that of a GPU is for the weights; pinned, so that it writes and reads them by
    itself and nobody waits.

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
                self._kept.put(digest, *_on_host(known))
                self.num_encoded += 1
            else:
                self.num_known += 1
            found.append(known.to(batch.pixels.device, non_blocking=True))
        return torch.cat(found)


def _on_host(cells: Tensor) -> tuple[Tensor, int]:
    """A copy in the memory of the host, and the bytes that it takes there."""
    if cells.device.type != "cuda":
        return cells.cpu(), cells.nbytes
    host = torch.empty(cells.shape, dtype=cells.dtype, pin_memory=True)
    # Whoever reads it does so on the same stream, behind this copy; a dropped one stays until it is through.
    host.copy_(cells, non_blocking=True)
    return host, 1 << max(0, cells.nbytes - 1).bit_length()  # torch takes pinned memory by powers of two


def image_digests(batch: Batch) -> tuple[bytes, ...]:
    """What tells the images of a batch on the CPU apart, by their patches."""
    sizes = [height * width for height, width in batch.grids]
    digests = []
    for grid, pixels in zip(batch.grids, batch.pixels.split(sizes), strict=True):
        hashed = hashlib.blake2b(repr(grid).encode(), digest_size=16)
        hashed.update(pixels.contiguous().numpy().data)
        digests.append(hashed.digest())
    return tuple(digests)
