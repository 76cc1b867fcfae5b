"""The loader: the same batches whoever makes them, and after a restart the ones that were not learnt from."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch

from locany.codec import Tokenizer
from locany.data.answers import BoxOrder
from locany.data.loader import PackStream, Progress, Step, StreamConfig, steps
from locany.data.packing import PackConfig
from locany.data.sample import Sample
from locany.errors import DataError
from locany.image import PreprocessConfig
from locany.synth.icons import IconsConfig, render

SCENE = IconsConfig(side=(112, 140), num_patches=(60, 100), sprite_side=(28, 60), max_objects=4, max_words=0)
PREPROCESS = PreprocessConfig(in_token_limit=100)
CONFIG = StreamConfig(PackConfig(1200, buffer_size=4), num_lanes=4, order=BoxOrder.RANDOM)
ROWS = 4


def sample_at(position: int) -> Sample:
    return render(position, SCENE)


def learn(
    folder: Path,
    count: int,
    *,
    progress: Progress | None = None,
    rank: int = 0,
    ranks: int = 1,
    workers: int = 0,
) -> list[Step]:
    stream = PackStream(
        sample_at,
        str(folder),
        PREPROCESS,
        CONFIG,
        progress=progress or Progress(),
        rank=rank,
        num_ranks=ranks,
    )
    pad = Tokenizer.from_folder(folder).vocab.pad
    return list(islice(steps(stream, ROWS // ranks, pad, num_workers=workers), count))


def fingerprints(found: list[Step]) -> list[set[bytes]]:
    """The rows of every step, in any order, without their padding."""
    return [
        {step.batch.token_ids[row][step.batch.layout.sample[row] >= 0].numpy().tobytes() for row in range(n)}
        for step in found
        for n in [len(step.batch.token_ids)]
    ]


@pytest.fixture(scope="module")
def whole(mini_tokenizer: Path) -> list[Step]:
    return learn(mini_tokenizer, 5)


def test_workers_change_nothing(mini_tokenizer: Path, whole: list[Step]) -> None:
    for mine, theirs in zip(learn(mini_tokenizer, 5, workers=2), whole, strict=True):
        assert torch.equal(mine.batch.token_ids, theirs.batch.token_ids)
        assert torch.equal(mine.batch.pixels, theirs.batch.pixels)
        assert torch.equal(mine.batch.truth.writes, theirs.batch.truth.writes)
        assert mine.lanes == theirs.lanes


def test_two_ranks_learn_what_one_learns(mini_tokenizer: Path, whole: list[Step]) -> None:
    halves = [learn(mini_tokenizer, 5, rank=rank, ranks=2) for rank in range(2)]
    together = [a | b for a, b in zip(*(fingerprints(half) for half in halves), strict=True)]
    assert together == fingerprints(whole)
    assert [{**a.lanes, **b.lanes} for a, b in zip(*halves, strict=True)] == [step.lanes for step in whole]


def test_a_restart_goes_on_with_what_was_not_learnt_from(mini_tokenizer: Path, whole: list[Step]) -> None:
    lanes = {number: state for step in whole[:2] for number, state in step.lanes.items()}
    rest = learn(mini_tokenizer, 3, progress=Progress(2 * ROWS, lanes), workers=2)
    for mine, theirs in zip(rest, whole[2:], strict=True):
        assert torch.equal(mine.batch.token_ids, theirs.batch.token_ids)
        assert mine.lanes == theirs.lanes


def test_a_step_says_how_full_it_is(whole: list[Step]) -> None:
    for step in whole:
        samples = int(step.batch.layout.sample.max()) + 1
        assert step.num_samples == samples
        used = int((step.batch.layout.sample >= 0).sum())
        assert step.efficiency == pytest.approx(used / (ROWS * CONFIG.pack.budget))
        assert step.batch.token_ids.shape[1] % 64 == 0


def test_lanes_that_do_not_divide_are_refused(mini_tokenizer: Path) -> None:
    with pytest.raises(DataError, match=r"3 streams .* do not divide the run's 4 lanes"):
        learn(mini_tokenizer, 1, workers=3)
