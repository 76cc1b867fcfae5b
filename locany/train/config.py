"""Everything that decides a training run, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field

from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.errors import DataError
from locany.model.config import LocateConfig
from locany.train.data import DataConfig


@dataclass(frozen=True)
class OptimConfig:
    """Muon for hidden matrices, AdamW for embeddings, tables, norms and biases.

    The rate rises over `warmup_steps`, holds, and falls linearly to zero over the last `decay_share`.
    """

    muon_lr: float = 4e-3
    adam_lr: float = 2e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    decay_share: float = 0.22
    grad_clip: float = 1.0


@dataclass(frozen=True)
class LossConfig:
    """Weights of the streams and the shape of coordinate targets.

    `sigma_start` to `sigma_end`: width in bins of the Gaussian around a coordinate, narrowing over
    `sigma_steps`; 0 is the published plain cross-entropy. `dense` weighs the auxiliary losses, which exist
    during training only; one of them reads the visual tokens after `deep_layers` decoder layers, and one
    guides the attention of the decoder's layer number `guided_layer` (from 0).
    """

    next_token: float = 1.0
    block: float = 1.0
    dense: float = 1.0
    deep_layers: int = 2
    guided_layer: int = 3
    sigma_start: float = 20.0
    sigma_end: float = 5.0
    sigma_steps: int = 2200


@dataclass(frozen=True)
class TrainConfig:
    """A whole run.

    Attributes:
        model: the shape to train from scratch.
        tokenizer: folder with vocabulary files and `preprocessor_config.json`.
        out: run folder.
        data: what is learnt from.
        stream: how samples are packed; a pack is a row.
        rows: packs that one step learns from, over all ranks.
        dense_steps: first steps in which only encoder and projector learn, from the dense truth.
        num_workers: processes of each rank that render and encode.
        bf16: autocast matrix products to bfloat16.
        compile: compile the decoder's layers (needs a C++ compiler on the CPU): a quarter less time per step.
        save_every: steps between states; keep_last: states that are kept besides the best.
        trackers: where numbers go besides the log: "tensorboard", "wandb".
        minutes: stop (and save) after so long, however many steps are left; 0 for no limit.
    """

    model: LocateConfig
    tokenizer: str
    out: str
    data: DataConfig
    seed: int = 0
    steps: int = 4000
    stream: StreamConfig = field(default_factory=lambda: StreamConfig(PackConfig(1024)))
    rows: int = 32
    dense_steps: int = 800
    num_workers: int = 1
    bf16: bool = True
    compile: bool = False
    device: str = "cpu"
    save_every: int = 200
    keep_last: int = 2
    log_every: int = 20
    trackers: tuple[str, ...] = ()
    minutes: float = 0.0
    optim: OptimConfig = field(default_factory=OptimConfig)
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "rows", "save_every", "keep_last", "log_every"):
            if getattr(self, name) < 1:
                raise DataError(f"recipe: {name} is {getattr(self, name)}, expected at least 1")
        loss, depth = self.loss, self.model.text.num_layers
        if not (1 <= loss.deep_layers <= depth and 1 <= loss.guided_layer < depth):
            raise DataError(
                f"recipe: loss.deep_layers {loss.deep_layers} and loss.guided_layer {loss.guided_layer} must "
                f"lie inside the decoder's {depth} layers, the guided one behind another"
            )
        if self.dense_steps >= self.steps:
            raise DataError(
                f"recipe: dense_steps {self.dense_steps} leaves nothing of the {self.steps} steps"
            )
