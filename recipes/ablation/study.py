"""One row of the ablation study: the published questions, on a toy that learns in minutes on one core.

    locany train recipes/ablation/study.py row=digits seed=1 out=runs/ablation/digits-1

`python scripts/run_ablation.py` trains and measures every row with three seeds; `locany report ablation DIR`
makes the tables. All rows share images, questions, model, steps and samples in a step; they differ in what
`ROWS` says and nothing else.
"""

from __future__ import annotations

import runpy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from locany.codec.formulation import Formulation
from locany.data.answers import BoxOrder
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.errors import DataError
from locany.synth.icons import IconsConfig
from locany.tasks import TaskKind
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import TRAIN_SEEDS, Rendered
from locany.train.vocabulary import make_vocabulary

TOY = runpy.run_path(str(Path(__file__).parents[1] / "smoke.py"))  # the same model
NAMES = ("sun", "apple", "cat", "key", "rocket", "star", "heart", "tree")
ICONS = IconsConfig(
    names=NAMES,
    side=(112, 112),
    num_patches=(64, 64),
    max_objects=5,
    max_kinds=3,
    sprite_side=(20, 56),
    max_words=0,
    busy=0.2,
    num_questions=3,
    max_categories=3,
    weights=((TaskKind.DETECT, 0.8), (TaskKind.POINT, 0.2)),
)


@dataclass(frozen=True)
class Row:
    """What one row of the study changes.

    Attributes:
        formulation, block_size: see `codec/formulation.py`.
        order: of the boxes of one category.
        next_token, block: weights of the two streams.
        smooth: whether a coordinate's target is a Gaussian over its neighbours; digits cannot have that.
        budget: positions of a pack, such that as many samples fit as in the other rows: a formulation with
            shorter texts would otherwise see more of them.
    """

    formulation: Formulation = Formulation.PARALLEL
    block_size: int = 6
    order: BoxOrder = BoxOrder.CORNER
    next_token: float = 1.0
    block: float = 1.0
    smooth: bool = True
    budget: int = 448


ROWS = {
    "parallel": Row(),
    "tokens": Row(Formulation.TOKENS, budget=278),
    "tokens-plain": Row(Formulation.TOKENS, smooth=False, budget=278),
    "digits": Row(Formulation.DIGITS, budget=384),
    "fixed4": Row(Formulation.FIXED, block_size=4, budget=381),
    "fixed6": Row(Formulation.FIXED, budget=381),
    "block-only": Row(next_token=0.0),
    "center": Row(order=BoxOrder.CENTER),
    "area": Row(order=BoxOrder.AREA),
    "random": Row(order=BoxOrder.RANDOM),
}


def recipe(row: str = "parallel", seed: str = "0", out: str = "") -> TrainConfig:
    """Everything that decides the run.

    Args:
        row: of `ROWS`.
        seed: of weights, images and questions.
        out: run folder; by default that of the row and seed.
    """
    if row not in ROWS:
        raise DataError(f"row={row} is not in the study; its rows are {', '.join(ROWS)}")
    one, out = ROWS[row], out or f"runs/ablation/{row}-{seed}"
    number = int(seed)
    tokenizer = Path(out) / "tokenizer"
    model = make_vocabulary(
        tokenizer,
        partial(TOY["texts"], NAMES),
        400,
        TOY["shape"],
        max_patches=64,
        formulation=one.formulation,
        block_size=one.block_size,
    )
    return TrainConfig(
        model=model,
        tokenizer=str(tokenizer),
        out=out,
        data=DataConfig((Rendered("icons", ICONS, first_seed=TRAIN_SEEDS * (1 + number)),), seed=number),
        stream=StreamConfig(
            PackConfig(one.budget, buffer_size=16), num_lanes=2, order=one.order, seed=number
        ),
        seed=number,
        rows=12,
        steps=600,
        dense_steps=100,
        save_every=300,
        keep_last=1,
        log_every=50,
        optim=OptimConfig(decay_share=0.4, warmup_steps=40),
        loss=LossConfig(
            next_token=one.next_token,
            block=one.block,
            deep_layers=1,
            guided_layer=2,
            sigma_start=25.0 if one.smooth else 0.0,
            sigma_end=6.0,
            sigma_steps=400,
        ),
    )
