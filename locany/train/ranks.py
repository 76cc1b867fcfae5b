"""Several processes that train one model: who they are, what they share, and how they split its weights.

Started by torchrun, every process is a rank with a device and packs of its own. Weights are whole on every
rank and gradients are averaged; or the layers' weights are split among the ranks (FSDP2), where a model would
not fit otherwise. Alone, every call here is free and returns what it was given.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from locany.device import avoid_cudnn_attention, choose_device
from locany.model.locate_model import LocateModel

T = TypeVar("T")

# Ranks wait while the first one measures and writes, which may take long. A rank that fails does not leave
# the others waiting: torchrun ends them.
_PATIENCE = timedelta(hours=12)
_FAREWELL = 0.2  # seconds, see `join_ranks`


@dataclass(frozen=True)
class Ranks:
    """One process among those that train together.

    Attributes:
        rank: its number, from 0; the first one logs, measures and writes.
        count: how many there are.
        device: where it computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        return self.count == 1

    def sum(self, numbers: Tensor) -> Tensor:
        """The sum of a tensor over all ranks, in place."""
        if not self.is_alone:
            dist.all_reduce(numbers)
        return numbers

    def gather(self, value: T) -> list[T]:
        """A small value of every rank, in the order of ranks. Waits for the device."""
        if self.is_alone:
            return [value]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, value)
        return found

    def agree(self, value: T) -> T:
        """The first rank's value. Waits for the device."""
        return self.gather(value)[0]

    def wait(self) -> None:
        """Until every rank is here."""
        if not self.is_alone:
            self.gather(None)

    def collect(self, tensor: Tensor) -> Tensor | None:
        """A tensor with all its parts, on the first rank's CPU; None on the others. All must ask for it."""
        found = whole(tensor)
        return found.cpu() if self.is_first else None

    @torch.no_grad()
    def mean_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average the gradients of whole parameters; those of split ones are averaged in the backward pass.

        Every rank must have gradients for the same parameters.
        """
        if self.is_alone:
            return
        found = [p.grad for p in parameters if p.grad is not None and not isinstance(p, DTensor)]
        if not found:
            return
        flat = torch.cat([gradient.flatten() for gradient in found])
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(found, flat.split([g.numel() for g in found]), strict=True):
            gradient.copy_(mean.view_as(gradient))


@contextmanager
def join_ranks(device: str) -> Iterator[Ranks]:
    """This process among those that torchrun started, or alone.

    Args:
        device: of the recipe; "cuda" is a GPU of its own for every rank.

    Raises:
        DeviceError: this machine does not have it.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    mine = choose_device(device)[0]
    avoid_cudnn_attention(mine)
    if count == 1:
        if mine.type == "cuda":
            torch.cuda.set_device(mine)  # "cuda:1": some of torch's calls take the current GPU
        yield Ranks(device=mine)
        return
    if mine.type == "cuda":
        mine = choose_device(f"cuda:{os.environ['LOCAL_RANK']}")[0]
        torch.cuda.set_device(mine)
    dist.init_process_group("nccl" if mine.type == "cuda" else "gloo", timeout=_PATIENCE)
    yield Ranks(dist.get_rank(), count, mine)
    # Not after an error: taking leave may wait for the others, and they for us.
    dist.destroy_process_group()
    # Split weights keep gloo's threads alive. Such a thread, late with the tensors of the last exchange, asks
    # for the interpreter to free them, and is killed with the process (SIGABRT) where that is already ending.
    time.sleep(_FAREWELL)


def shard(model: LocateModel, ranks: Ranks, *, encoder: bool = True) -> None:
    """Split the weights of all layers among the ranks; what is not in a layer stays whole on each.

    The embedding stays whole because it is read outside the decoder's forward, as the tied head and as the
    place where visual tokens are put in.

    Args:
        encoder: split the encoder, too; a split one must run on all ranks at once.
    """
    mesh = init_device_mesh(ranks.device.type, (ranks.count,))
    for part in (model.vision, model.decoder) if encoder else (model.decoder,):
        in_layers = set(part.layers.parameters())
        for layer in part.layers:
            fully_shard(layer, mesh=mesh)
        # The part itself joins its layers, so that the next one's weights are fetched ahead.
        fully_shard(part, mesh=mesh, ignored_params={p for p in part.parameters() if p not in in_layers})


def whole(tensor: Tensor) -> Tensor:
    """A tensor with all its parts. Of a split one, every rank must ask for it."""
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def split_like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """A whole tensor, equal on every rank, in the device and layout of a parameter."""
    tensor = tensor.to(parameter.device)
    if not isinstance(parameter, DTensor):
        return tensor
    return distribute_tensor(tensor, parameter.device_mesh, parameter.placements, src_data_rank=None)
