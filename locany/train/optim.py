"""Two optimizers and one schedule: Muon for hidden matrices, AdamW for everything else."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from locany.train.config import OptimConfig


class Optimizers:
    """Both optimizers as one, with the learning rate of a step."""

    def __init__(self, modules: Iterable[nn.Module], config: OptimConfig):
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for module in modules:
            for name, parameter in module.named_parameters():
                # Embeddings and tables are looked up, not multiplied through: Muon does not fit them.
                hidden = parameter.ndim == 2 and "embed" not in name
                (matrices if hidden else others).append(parameter)
        self.config = config
        self.parameters = [*matrices, *others]
        self.members: list[tuple[torch.optim.Optimizer, float]] = [
            (
                torch.optim.Muon(
                    matrices,
                    lr=config.muon_lr,
                    weight_decay=config.weight_decay,
                    adjust_lr_fn="match_rms_adamw",
                ),
                config.muon_lr,
            ),
            (
                torch.optim.AdamW(others, lr=config.adam_lr, betas=(0.9, 0.98), weight_decay=0.0),
                config.adam_lr,
            ),
        ]

    def step(self, number: int, num_steps: int) -> float:
        """Clip, update, clear. Returns the gradient's norm before clipping."""
        scale = rate_scale(number, num_steps, self.config)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.grad_clip)
        for optimizer, lr in self.members:
            for group in optimizer.param_groups:
                group["lr"] = lr * scale
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return float(norm)

    def state_dict(self) -> list[dict]:
        return [optimizer.state_dict() for optimizer, _ in self.members]

    def load_state_dict(self, states: list[dict]) -> None:
        for (optimizer, _), state in zip(self.members, states, strict=True):
            optimizer.load_state_dict(state)


def rate_scale(number: int, num_steps: int, config: OptimConfig) -> float:
    """Share of the peak learning rate: rise, hold, fall to zero."""
    rise = min(1.0, (number + 1) / max(1, config.warmup_steps))
    fall_steps = max(1, round(num_steps * config.decay_share))
    return min(rise, (num_steps - number) / fall_steps, 1.0)
