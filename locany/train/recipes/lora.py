"""Fine-tune a checkpoint on your own data with adapters; both streams learn, so decode modes stay together.

    locany train lora data=my.coco.json [model=DIR] [out=runs/lora] [evaluation=other.coco.json]

DATA is anything that `locany data check` reads; docs/finetune.md is the guide. Categories of the data set
that are not in an image become negatives. At the end the run folder has `adapter`, in peft's layout, and
`model`, the merged checkpoint. For LocateAnything-3B see the end of the guide.
"""

from __future__ import annotations

from locany.data.answers import AnswerConfig
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.device import training_device
from locany.tasks import TaskKind
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.lora import LoraConfig
from locany.train.sources import stored_paths


def recipe(data: str, model: str = "locany-mini", out: str = "runs/lora") -> TrainConfig:
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
        lora=LoraConfig(rank=16, dropout=0.0),
        stream=StreamConfig(PackConfig(2048, buffer_size=8), num_lanes=4),  # a large image has 650 positions
        # Many small steps: from the same images 4,096 positions a step learn more than 16,384 (docs/log.md).
        rows=2,
        device=training_device(),
        steps=200,
        dense_steps=0,
        save_every=50,
        log_every=10,
        # The bundled model has learnt to spread a coordinate over its neighbours; it goes on like that.
        loss=LossConfig(dense=0.0, sigma_start=5.0, sigma_end=5.0),
        # Muon suits the small matrices of an adapter, too: they learn in all directions at once.
        optim=OptimConfig(muon=True, muon_lr=6e-3, adam_lr=1e-3, warmup_steps=10, decay_share=0.5),
    )
