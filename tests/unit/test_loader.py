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
    micro_rows: int = 0,
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
    found = steps(stream, ROWS // ranks, pad, num_workers=workers, micro_rows=micro_rows)
    return list(islice(found, count))


def fingerprints(found: list[Step]) -> list[set[bytes]]:
    """The rows of every step, in any order, without their padding."""
    return [
        {
            ids[sample >= 0].numpy().tobytes()
            for batch in step.batches
            for ids, sample in zip(batch.token_ids, batch.layout.sample, strict=True)
        }
        for step in found
    ]


@pytest.fixture(scope="module")
def whole(mini_tokenizer: Path) -> list[Step]:
    return learn(mini_tokenizer, 5)


def test_workers_change_nothing(mini_tokenizer: Path, whole: list[Step]) -> None:
    for mine, theirs in zip(learn(mini_tokenizer, 5, workers=2), whole, strict=True):
        assert torch.equal(mine.batches[0].token_ids, theirs.batches[0].token_ids)
        assert torch.equal(mine.batches[0].pixels, theirs.batches[0].pixels)
        assert torch.equal(mine.batches[0].truth.writes, theirs.batches[0].truth.writes)
        assert mine.lanes == theirs.lanes


def test_two_ranks_learn_what_one_learns(mini_tokenizer: Path, whole: list[Step]) -> None:
    halves = [learn(mini_tokenizer, 5, rank=rank, ranks=2) for rank in range(2)]
    together = [a | b for a, b in zip(*(fingerprints(half) for half in halves), strict=True)]
    assert together == fingerprints(whole)
    assert [{**a.lanes, **b.lanes} for a, b in zip(*halves, strict=True)] == [step.lanes for step in whole]


@pytest.mark.parametrize(("micro_rows", "rows"), [(1, [1, 1, 1, 1]), (3, [3, 1]), (9, [4])])
def test_several_batches_hold_what_one_holds(
    mini_tokenizer: Path, whole: list[Step], micro_rows: int, rows: list[int]
) -> None:
    found = learn(mini_tokenizer, 2, micro_rows=micro_rows)
    assert [[len(batch.token_ids) for batch in step.batches] for step in found] == [rows, rows]
    assert fingerprints(found) == fingerprints(whole[:2])


def test_a_restart_goes_on_with_what_was_not_learnt_from(mini_tokenizer: Path, whole: list[Step]) -> None:
    lanes = {number: state for step in whole[:2] for number, state in step.lanes.items()}
    rest = learn(mini_tokenizer, 3, progress=Progress(2 * ROWS, lanes), workers=2)
    for mine, theirs in zip(rest, whole[2:], strict=True):
        assert torch.equal(mine.batches[0].token_ids, theirs.batches[0].token_ids)
        assert mine.lanes == theirs.lanes


def test_a_step_says_how_much_it_holds(whole: list[Step]) -> None:
    for step in whole:
        samples = int(step.batches[0].layout.sample.max()) + 1
        assert step.num_samples == samples
        assert step.num_rows == ROWS
        assert step.num_positions == int((step.batches[0].layout.sample >= 0).sum())
        assert step.batches[0].token_ids.shape[1] % 64 == 0


def test_lanes_that_do_not_divide_are_refused(mini_tokenizer: Path) -> None:
    with pytest.raises(DataError, match=r"3 streams .* do not divide the run's 4 lanes"):
        learn(mini_tokenizer, 1, workers=3)
