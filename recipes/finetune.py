"""Fine-tune all weights of a checkpoint on your own data: learns more from less than adapters, forgets more.

    locany train recipes/finetune.py data=my.coco.json [model=DIR] [out=runs/finetune] [evaluation=PATH]

DATA is anything that `locany data check` reads; docs/finetune.md is the guide. At the end the run folder has
`model`, the checkpoint. A large model needs `recipes/lora.py` instead, or several GPUs.
"""

from __future__ import annotations

from locany.data.answers import AnswerConfig
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.tasks import TaskKind
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig, stored_paths


def recipe(data: str, model: str = "locany-mini", out: str = "runs/finetune") -> TrainConfig:
    """For the bundled model on a CPU: a few minutes.

    Args:
        data: path of a data set, or several with commas between them.
        model: the checkpoint to begin from.
    """
    return TrainConfig(
        model=model,
        out=out,
        data=DataConfig(
            stored_paths(data),
            answers=AnswerConfig(
                negative_rate={TaskKind.DETECT: 0.3}, max_questions=4, max_categories=6, max_targets=40
            ),
        ),
        stream=StreamConfig(PackConfig(1024, buffer_size=8), num_lanes=4),
        rows=4,
        steps=200,
        dense_steps=0,
        save_every=50,
        log_every=10,
        # The bundled model has learnt to spread a coordinate over its neighbours; it goes on like that.
        loss=LossConfig(dense=0.0, sigma_start=5.0, sigma_end=5.0),
        optim=OptimConfig(muon=True, muon_lr=3e-3, adam_lr=1e-3, warmup_steps=10, decay_share=0.5),
    )
