"""Fine-tune all weights of a checkpoint on your own data: learns more from less than adapters, forgets more.

    locany train finetune data=my.coco.json [model=DIR] [out=runs/finetune] [evaluation=PATH]

DATA is anything that `locany data check` reads; docs/finetune.md is the guide. At the end the run folder has
`model`, the checkpoint. A large model needs the recipe `lora` instead, or several GPUs.
"""

from __future__ import annotations

from dataclasses import replace

from locany.train.config import TrainConfig
from locany.train.recipes import lora


def recipe(data: str, model: str = "locany-mini", out: str = "runs/finetune") -> TrainConfig:
    """As with adapters, but all weights learn, the matrices at half the rate.

    Args:
        data: path of a data set, or several with commas between them.
        model: the checkpoint to begin from.
    """
    config = lora.recipe(data, model, out)
    return replace(config, lora=None, optim=replace(config.optim, muon_lr=3e-3))
