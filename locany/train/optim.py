"""Optimizers and their one schedule: Muon for hidden matrices and AdamW for the rest, or AdamW for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from locany.train.config import OptimConfig
from locany.train.ranks import Ranks, split_like, whole


class Optimizers:
    """All optimizers as one, with the learning rate of a step.

    Args:
        parameters: what learns, by name, whole or split among ranks. Names begin with the part of the model:
            "vision.", "projector.", "decoder."; anything else learns at the full rate.
        config: rates and rules.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], config: OptimConfig):
        self.config = config
        self.parameters = dict(parameters)
        # Fused updates take whole and split tensors in groups of their own.
        matrices: dict[tuple[float, bool], list[nn.Parameter]] = {}
        others: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, parameter in parameters.items():
            scale = config.part_scale.get(name.partition(".")[0], 1.0)
            # Embeddings and tables are looked up, not multiplied through: Muon does not fit them.
            by_muon = config.muon and parameter.ndim == 2 and "embed" not in name
            group = (matrices if by_muon else others).setdefault((scale, isinstance(parameter, DTensor)), [])
            group.append(parameter)
        self.members: list[torch.optim.Optimizer] = []
        if matrices:
            self.members.append(
                torch.optim.Muon(
                    _groups(matrices, config.muon_lr),
                    lr=config.muon_lr,
                    weight_decay=config.weight_decay,
                    adjust_lr_fn="match_rms_adamw",
                )
            )
        if others:
            # Beside Muon only embeddings, norms and biases are left, which do not decay.
            decay = 0.0 if config.muon else config.weight_decay
            groups = _groups(others, config.adam_lr)
            # On a GPU the default makes temporaries as large as the model; one kernel needs none.
            fused = all(p.is_cuda and not isinstance(p, DTensor) for group in others.values() for p in group)
            adam = torch.optim.AdamW(
                groups, lr=config.adam_lr, betas=config.betas, weight_decay=decay, fused=fused or None
            )
            self.members.append(adam)

    def step(self, number: int, num_steps: int) -> Tensor:
        """Clip, update, clear. Returns the gradient's norm before clipping, where it was computed."""
        scale = rate_scale(number, num_steps, self.config)
        norm = self._clip()
        for optimizer in self.members:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * scale
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return norm

    def _clip(self) -> Tensor:
        """Scale all gradients down to `grad_clip`, if there is a limit; returns their norm before."""
        learning = [p for p in self.parameters.values() if p.grad is not None]
        kinds = [[p for p in learning if isinstance(p, DTensor) is split] for split in (False, True)]
        gradients = [[p.grad for p in kind if p.grad is not None] for kind in kinds]
        norms = [whole(get_total_norm(group)) for group in gradients if group]
        if not norms:  # beside the parameters: torch would put it on the CPU, apart from the loss
            return torch.zeros((), device=next(iter(self.parameters.values())).device)
        norm = norms[0] if len(norms) == 1 else get_total_norm(norms)
        for kind in kinds if self.config.grad_clip else ():
            clip_grads_with_norm_(kind, self.config.grad_clip, norm)
        return norm

    def state_dict(self, ranks: Ranks) -> dict[str, dict[str, Any]]:
        """Moments by the name of their parameter, whole, on the first rank. All must ask for it."""
        return {
            name: {
                key: ranks.collect(v) if isinstance(v, Tensor) else v
                for key, v in optimizer.state[parameter].items()
            }
            for name, parameter, optimizer in self._owners()
            if parameter in optimizer.state
        }

    def load_state_dict(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Moments of a saved run, of any number of ranks; rates stay those of this config."""
        for name, parameter, optimizer in self._owners():
            if name in state:
                # Counters live on the host, but for an optimizer that is one kernel.
                device = parameter.device if optimizer.defaults.get("fused") else torch.device("cpu")
                optimizer.state[parameter] = {
                    key: _placed(v, parameter, device) if isinstance(v, Tensor) else v
                    for key, v in state[name].items()
                }

    def _owners(self) -> Iterator[tuple[str, nn.Parameter, torch.optim.Optimizer]]:
        """Name, parameter and its optimizer, in the order of parameters."""
        owner = {
            p: member for member in self.members for group in member.param_groups for p in group["params"]
        }
        for name, parameter in self.parameters.items():
            yield name, parameter, owner[parameter]


def _groups(parameters: Mapping[tuple[float, bool], list[nn.Parameter]], peak: float) -> list[dict[str, Any]]:
    return [{"params": group, "peak": peak * scale} for (scale, _), group in parameters.items()]


def _placed(saved: Tensor, parameter: nn.Parameter, counters: torch.device) -> Tensor:
    """A moment beside its parameter, or a counter on its device."""
    return split_like(saved, parameter) if saved.ndim else saved.to(counters)


def rate_scale(number: int, num_steps: int, config: OptimConfig) -> float:
    """Share of the peak learning rate: rise, hold, fall to zero."""
    rise = min(1.0, (number + 1) / max(1, config.warmup_steps))
    fall_steps = max(1, round(num_steps * config.decay_share))
    return min(rise, (num_steps - number) / fall_steps, 1.0)
