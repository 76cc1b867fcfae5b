"""Optimizers and their one schedule: Muon for hidden matrices and AdamW for the rest, or AdamW for all."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from locany.train.config import OptimConfig


class Optimizers:
    """All optimizers as one, with the learning rate of a step.

    Args:
        parameters: what learns, by name. Names begin with the part of the model: "vision.", "projector.",
            "decoder."; anything else learns at the full rate.
        config: rates and rules.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], config: OptimConfig):
        self.config = config
        self.parameters = list(parameters.values())
        matrices: dict[float, list[nn.Parameter]] = {}
        others: dict[float, list[nn.Parameter]] = {}
        for name, parameter in parameters.items():
            scale = config.part_scale.get(name.partition(".")[0], 1.0)
            # Embeddings and tables are looked up, not multiplied through: Muon does not fit them.
            by_muon = config.muon and parameter.ndim == 2 and "embed" not in name
            (matrices if by_muon else others).setdefault(scale, []).append(parameter)
        self.members: list[torch.optim.Optimizer] = []
        if matrices:
            groups = [{"params": group, "peak": config.muon_lr * scale} for scale, group in matrices.items()]
            self.members.append(
                torch.optim.Muon(
                    groups,
                    lr=config.muon_lr,
                    weight_decay=config.weight_decay,
                    adjust_lr_fn="match_rms_adamw",
                )
            )
        if others:
            groups = [{"params": group, "peak": config.adam_lr * scale} for scale, group in others.items()]
            # Beside Muon only embeddings, norms and biases are left, which do not decay.
            decay = 0.0 if config.muon else config.weight_decay
            self.members.append(
                torch.optim.AdamW(groups, lr=config.adam_lr, betas=config.betas, weight_decay=decay)
            )

    def step(self, number: int, num_steps: int) -> float:
        """Clip, update, clear. Returns the gradient's norm before clipping."""
        scale = rate_scale(number, num_steps, self.config)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.grad_clip)
        for optimizer in self.members:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * scale
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return float(norm)

    def state_dict(self) -> list[dict]:
        return [optimizer.state_dict() for optimizer in self.members]

    def load_state_dict(self, states: list[dict]) -> None:
        """Moments of a saved run; rates stay those of this config."""
        for optimizer, state in zip(self.members, states, strict=True):
            rates = [
                {name: group[name] for name in ("peak", "weight_decay")} for group in optimizer.param_groups
            ]
            optimizer.load_state_dict(state)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group.update(rate)


def rate_scale(number: int, num_steps: int, config: OptimConfig) -> float:
    """Share of the peak learning rate: rise, hold, fall to zero."""
    rise = min(1.0, (number + 1) / max(1, config.warmup_steps))
    fall_steps = max(1, round(num_steps * config.decay_share))
    return min(rise, (num_steps - number) / fall_steps, 1.0)
