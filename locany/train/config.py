"""Everything that decides a training run, frozen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.engine.params import DecodeMode
from locany.errors import DataError
from locany.model.config import LocateConfig
from locany.train.data import DataConfig
from locany.train.log import check_trackers
from locany.train.lora import LoraConfig
from locany.train.sources import TRAIN_SEEDS, Rendered, Stored, located, stored_paths

PARTS = ("vision", "projector", "decoder")


@dataclass(frozen=True)
class OptimConfig:
    """Rates and rules.

    The rate rises over `warmup_steps`, holds, and falls linearly to zero over the last `decay_share`.

    Attributes:
        muon: Muon for hidden matrices, which suits training from scratch; otherwise AdamW for everything.
        part_scale: times the rate for a part of the model: "vision", "projector", "decoder", "heads".
        grad_clip: largest norm of all gradients together; 0 for no limit.
    """

    muon: bool = True
    muon_lr: float = 4e-3
    adam_lr: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.98)
    part_scale: Mapping[str, float] = field(default_factory=dict)
    weight_decay: float = 0.01
    warmup_steps: int = 100
    decay_share: float = 0.22
    grad_clip: float = 1.0

    def __post_init__(self) -> None:
        known = (*PARTS, "heads")
        if unknown := sorted(set(self.part_scale) - set(known)):
            raise DataError(
                f"recipe: optim.part_scale names no part: {unknown}; there are {', '.join(known)}"
            )
        numbers = {name: getattr(self, name) for name in ("muon_lr", "adam_lr", "weight_decay", "grad_clip")}
        for name, value in {**numbers, **self.part_scale}.items():
            if not 0 <= value < math.inf:
                raise DataError(f"recipe: optim.{name} is {value}, expected 0 or more")
        if not 0 <= self.decay_share <= 1 or self.warmup_steps < 0:
            raise DataError(
                f"recipe: optim.decay_share is a share and warmup_steps 0 or more, got "
                f"{self.decay_share} and {self.warmup_steps}"
            )


@dataclass(frozen=True)
class LossConfig:
    """Weights of the streams and the shape of coordinate targets.

    `null` weighs the nulls that fill up a block against its other slots; they are soon known, and then only
    make the mean smaller.
    `sigma_start` to `sigma_end`: width in bins of the Gaussian around a coordinate, narrowing over
    `sigma_steps`; 0 is the published plain cross-entropy. `dense` weighs the auxiliary losses, which exist
    during training only, and `dense_name` and `dense_characters` two of them among the others; one reads the
    visual tokens after `deep_layers` decoder layers, and one guides the attention of the decoder's layer
    number `guided_layer` (from 0). `coord_cells`: of how many visual tokens a forward asks for places and
    sides, on each level; more are drawn from by chance.
    `path_reach`: a block learns a coordinate only where its own choices before it are within so many bins of
    the truth (`loss.on_own_path`); 0 learns all, as published.
    """

    next_token: float = 1.0
    block: float = 1.0
    null: float = 1.0
    dense: float = 1.0
    dense_name: float = 1.0
    dense_characters: float = 3.0
    deep_layers: int = 2
    guided_layer: int = 3
    coord_cells: int = 256
    sigma_start: float = 20.0
    sigma_end: float = 5.0
    sigma_steps: int = 2200
    path_reach: int = 0

    def __post_init__(self) -> None:
        weights = ("next_token", "block", "null", "dense", "dense_name", "dense_characters")
        for name in (*weights, "sigma_start", "path_reach"):
            if not 0 <= getattr(self, name) < math.inf:
                raise DataError(f"recipe: loss.{name} is {getattr(self, name)}, expected 0 or more")
        if self.sigma_start and not 0 < self.sigma_end < math.inf:
            raise DataError(
                f"recipe: loss.sigma_end is {self.sigma_end}, expected more than 0: the width narrows from "
                f"loss.sigma_start={self.sigma_start} by factors; for plain targets set loss.sigma_start=0"
            )


@dataclass(frozen=True)
class EvaluationConfig:
    """What a run is measured on while it learns.

    Attributes:
        sources: data sets and render engines; engines from seeds that training does not take.
        num_samples: of each source; of a data set from all over it.
        every: steps between evaluations, a multiple of `save_every`; 0 measures at the end only.
        modes: of decoding, each measured.
        root, format: of data sets that say none of their own, see `Stored`.
    """

    sources: tuple[Rendered | Stored, ...] = ()
    num_samples: int = 64
    every: int = 0
    modes: tuple[str, ...] = ("fast", "hybrid", "slow")
    root: str | None = None
    format: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", located(self.sources, self.root, self.format))
        for source in self.sources:
            if isinstance(source, Rendered) and source.first_seed + self.num_samples > TRAIN_SEEDS:
                raise DataError(
                    f"recipe: evaluation.sources has {source.engine} from seed {source.first_seed}, training "
                    f"renders those from {TRAIN_SEEDS} up; give a smaller first_seed, such as 0"
                )
        modes = [mode.value for mode in DecodeMode]
        if unknown := sorted(set(self.modes) - set(modes)):
            raise DataError(f"recipe: evaluation.modes has {unknown}; there are: {', '.join(modes)}")
        if not self.modes or self.num_samples < 1:
            raise DataError(
                f"recipe: evaluation needs a mode and a sample at least, got {self.modes} and "
                f"{self.num_samples}"
            )

    def with_setting(self, text: str) -> EvaluationConfig:
        """`evaluation=PATH[,PATH...]` on the command line."""
        return replace(self, sources=stored_paths(text))


@dataclass(frozen=True)
class TrainConfig:
    """A whole run.

    Attributes:
        model: the shape to train from scratch; or the checkpoint to begin from: a folder in the published
            layout, a hub id that is cached, or "bundled".
        begin: checkpoint of the same layers whose weights a training from scratch begins with, see
            `train/warm_start.py`; begin_heads: file of the auxiliary heads to begin with.
        tokenizer: folder with vocabulary files and `preprocessor_config.json`, for training from scratch; a
            checkpoint has its own.
        out: run folder.
        lora: adapters that learn in place of the weights of a checkpoint; None trains the weights.
        frozen: parts of the model that do not learn: "vision", "projector", "decoder".
        data: what is learnt from.
        stream: how samples are packed; a pack is a row.
        rows: packs that one step learns from, over all ranks.
        micro_rows: packs that one forward of one rank takes; 0 for all of its rows. Fewer need less memory
            and learn the same (`objective.py` says from which means).
        shard: split the layers' weights, gradients and moments among the ranks (FSDP2), where the model does
            not fit whole into each. Several ranks are started by torchrun.
        checkpointing: keep only what enters a layer, and compute the layer again for its gradients: less
            memory, a third more time.
        dense_steps: first steps in which only encoder and projector learn, from the dense truth.
        num_workers: processes of each rank that render and encode.
        bf16: autocast matrix products to bfloat16.
        compile: compile the decoder's layers (needs a C++ compiler on the CPU): a quarter less time per step.
            Rows are then all as wide as the budget.
        device: "cpu" or "cuda", which is one GPU for each rank.
        evaluation: what the run is measured on; the state with the best mean F1 is kept.
        save_every: steps between states; keep_last: states that are kept besides the best.
        save_minutes: save also when so long has passed since the last state; 0 for steps alone. Several ranks
            look at the clock every `log_every` steps. Nothing more is measured for it.
        export_best: at the end export the state with the best score and not the last one.
        feature_bytes: of the host's memory, for each rank, to keep what the encoder makes of images where it
            does not learn: an image that comes again is not encoded again. 0 keeps nothing.
        trackers: where numbers go besides the log: "tensorboard", "wandb".
        minutes: stop (and save) after so long, however many steps are left; 0 for no limit.
    """

    model: LocateConfig | str
    out: str
    data: DataConfig
    begin: str = ""
    begin_heads: str = ""
    tokenizer: str = ""
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    lora: LoraConfig | None = None
    frozen: tuple[str, ...] = ()
    seed: int = 0
    steps: int = 4000
    stream: StreamConfig = field(default_factory=lambda: StreamConfig(PackConfig(1024)))
    rows: int = 32
    micro_rows: int = 0
    shard: bool = False
    checkpointing: bool = False
    dense_steps: int = 800
    num_workers: int = 1
    bf16: bool = True
    compile: bool = False
    device: str = "cpu"
    save_every: int = 200
    save_minutes: float = 0.0
    keep_last: int = 2
    export_best: bool = False
    log_every: int = 20
    feature_bytes: int = 0
    trackers: tuple[str, ...] = ()
    minutes: float = 0.0
    optim: OptimConfig = field(default_factory=OptimConfig)
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "rows", "save_every", "keep_last", "log_every"):
            if getattr(self, name) < 1:
                raise DataError(f"recipe: {name} is {getattr(self, name)}, expected at least 1")
        for name in ("seed", "micro_rows", "num_workers", "feature_bytes"):
            if getattr(self, name) < 0:
                raise DataError(f"recipe: {name} is {getattr(self, name)}, expected 0 or more")
        for name in ("minutes", "save_minutes"):
            if not 0 <= getattr(self, name) < math.inf:
                raise DataError(f"recipe: {name} is {getattr(self, name)}, expected 0 or more")
        if self.shard and self.loss.dense:
            raise DataError(
                "recipe: shard splits layers that the auxiliary losses read; set shard=false, or "
                "loss.dense=0 and dense_steps=0"
            )
        if self.shard and self.optim.muon:
            raise DataError(
                "recipe: shard splits matrices that Muon needs whole; set shard=false or optim.muon=false"
            )
        if isinstance(self.model, LocateConfig):
            self._check_from_scratch(self.model.text.num_layers)
        elif self.begin:
            raise DataError(
                f"recipe: the model is the checkpoint {self.model!r} already; leave begin empty, it is for "
                "training from scratch"
            )
        elif self.loss.dense:
            raise DataError(
                "recipe: a checkpoint has no auxiliary heads to go on with; set loss.dense=0 and "
                "dense_steps=0"
            )
        if self.evaluation.every % self.save_every:
            raise DataError(
                f"recipe: evaluation.every {self.evaluation.every} is no multiple of save_every "
                f"{self.save_every}; a score belongs to a state"
            )
        if unknown := sorted(set(self.frozen) - set(PARTS)):
            raise DataError(f"recipe: frozen names no part: {unknown}; the parts are {', '.join(PARTS)}")
        check_trackers(self.trackers)
        if self.lora and self.frozen:
            raise DataError("recipe: lora freezes the weights itself; leave frozen empty")
        if self.feature_bytes:
            self._check_features()
        if self.begin_heads and not self.loss.dense:
            raise DataError("recipe: begin_heads are for the auxiliary losses, but loss.dense is 0")
        if self.dense_steps >= self.steps or (self.dense_steps and not self.loss.dense):
            raise DataError(
                f"recipe: dense_steps {self.dense_steps} must be fewer than steps {self.steps}, and 0 where "
                "loss.dense is 0"
            )

    @property
    def measured(self) -> tuple[Rendered | Stored, ...]:
        """What to measure the run on: what `evaluation` names, else data sets that images are held out of."""
        return self.evaluation.sources or (self.data.stored if self.data.held_out else ())

    def _check_features(self) -> None:
        learns = self.lora.vision if self.lora else "vision" not in self.frozen
        if self.loss.dense:
            why, change = "the auxiliary losses read inside of it", "loss.dense=0 and dense_steps=0"
        elif learns:
            why, change = "the encoder learns", "'lora.vision=[]'" if self.lora else "frozen=vision"
        else:
            return
        raise DataError(
            f"recipe: feature_bytes={self.feature_bytes} keeps what the encoder makes of images, but {why}; "
            f"set feature_bytes=0, or {change}"
        )

    def _check_from_scratch(self, depth: int) -> None:
        loss = self.loss
        if loss.dense and not (1 <= loss.deep_layers <= depth and 1 <= loss.guided_layer < depth):
            raise DataError(
                f"recipe: loss.deep_layers {loss.deep_layers} and loss.guided_layer {loss.guided_layer} must "
                f"lie inside the decoder's {depth} layers, the guided one behind another"
            )
        if self.lora:
            raise DataError("recipe: lora needs a checkpoint to begin from; set model to a folder")
        if not self.tokenizer:
            raise DataError("recipe: training from scratch needs tokenizer, a folder with a vocabulary")
