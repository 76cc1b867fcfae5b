"""Fine-tune a checkpoint on your own data with adapters; both streams learn, so decode modes stay together.

    locany train recipes/lora.py data=my.coco.json [model=DIR] [out=runs/lora] [evaluation=other.coco.json]

DATA is anything that `locany data check` reads. Categories of the data set that are not in an image become
negatives. At the end the run folder has `adapter`, in peft's layout, and `model`, the merged checkpoint. For
LocateAnything-3B set optim.adam_lr=1e-4 loss.sigma_start=0 stream.pack.budget=8192 rows=8.
"""

from __future__ import annotations

from locany.data.answers import AnswerConfig
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.tasks import TaskKind
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig, stored_paths
from locany.train.lora import LoraConfig


def recipe(data: str, model: str = "bundled", out: str = "runs/lora") -> TrainConfig:
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
                negative_rate={TaskKind.DETECT: 0.2}, max_questions=4, max_categories=3, max_targets=60
            ),
        ),
        lora=LoraConfig(rank=16, dropout=0.0),
        stream=StreamConfig(PackConfig(768, buffer_size=8), num_lanes=4),
        rows=16,
        steps=200,
        dense_steps=0,
        save_every=50,
        log_every=5,
        # The bundled model has learnt to spread a coordinate over its neighbours; it goes on like that.
        loss=LossConfig(dense=0.0, sigma_start=5.0, sigma_end=5.0),
        optim=OptimConfig(muon=False, adam_lr=2e-3, betas=(0.9, 0.98), warmup_steps=10, decay_share=0.5),
    )
