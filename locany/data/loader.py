"""Batches of packs for one rank, made in workers; what a checkpoint keeps goes along with every batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from locany.codec.tokenizer import Tokenizer
from locany.data.answers import BoxOrder, answer_rng
from locany.data.collate import Batch, collate
from locany.data.encode import EncodedSample, encode_sample
from locany.data.lanes import LaneState, Pack, check_lanes, lane_packs, lane_states
from locany.data.packing import PackConfig
from locany.data.sample import Sample
from locany.errors import DataError, LocanyError
from locany.image import PreprocessConfig

SampleAt = Callable[[int], Sample]  # position in the training stream to the sample, questions chosen


@dataclass(frozen=True)
class StreamConfig:
    """How the training stream becomes packs.

    Attributes:
        pack: budget and buffer of a pack; a pack is one row of a batch.
        num_lanes: see `data/lanes.py`; ranks times workers must divide it. Fixed for a run.
        order: of the boxes of one label.
        seed: of a random order.
    """

    pack: PackConfig
    num_lanes: int = 8
    order: BoxOrder = BoxOrder.CORNER
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a run has come in its stream: all that resuming needs, for any number of ranks and workers.

    Attributes:
        packs: learnt from so far, by all ranks together.
        lanes: state of every lane that has given a pack.
    """

    packs: int = 0
    lanes: Mapping[int, LaneState] = field(default_factory=dict)


@dataclass(frozen=True)
class _Failed:
    """A user's error in a worker: an exception would arrive as a page of traceback."""

    message: str


class PackStream(IterableDataset[Pack[EncodedSample]]):
    """The packs of one rank, without end; each worker of a loader makes its share."""

    def __init__(
        self,
        sample_at: SampleAt,
        tokenizer_folder: str,
        preprocess: PreprocessConfig,
        config: StreamConfig,
        *,
        progress: Progress = Progress(),
        rank: int = 0,
        num_ranks: int = 1,
    ):
        self.sample_at, self.tokenizer_folder, self.preprocess = sample_at, tokenizer_folder, preprocess
        self.config, self.progress, self.rank, self.num_ranks = config, progress, rank, num_ranks

    def __iter__(self) -> Iterator[Pack[EncodedSample] | _Failed]:  # type: ignore[override]
        if get_worker_info() is None:
            yield from self._packs()
            return
        try:
            yield from self._packs()
        except LocanyError as error:
            yield _Failed(str(error))

    def _packs(self) -> Iterator[Pack[EncodedSample]]:
        info = get_worker_info()
        worker, num_workers = (info.id, info.num_workers) if info else (0, 1)
        # Built here: the tokenizer's threads do not cross a fork.
        tokenizer = Tokenizer.from_folder(Path(self.tokenizer_folder))
        config = self.config

        def make(position: int) -> EncodedSample:
            rng = answer_rng(config.seed, position, 0)
            sample = self.sample_at(position)
            return encode_sample(
                tokenizer,
                sample,
                self.preprocess,
                order=config.order,
                rng=rng,
                max_positions=config.pack.budget,
            )

        yield from lane_packs(
            make,
            config.pack,
            num_lanes=config.num_lanes,
            first=self.progress.packs + worker * self.num_ranks + self.rank,
            every=self.num_ranks * num_workers,
            states=self.progress.lanes,
        )


@dataclass(frozen=True)
class Step:
    """What one step of one rank learns from.

    Attributes:
        batches: one for each forward, one row a pack.
        lanes: states of the rank's lanes behind it.
        num_rows, num_samples: in all batches.
        num_positions: of all samples, both streams, without padding.
    """

    batches: tuple[Batch, ...]
    lanes: dict[int, LaneState]
    num_rows: int
    num_samples: int
    num_positions: int


def steps(
    stream: PackStream,
    rows: int,
    pad_id: int,
    *,
    num_workers: int = 0,
    multiple: int = 64,
    micro_rows: int = 0,
) -> Iterator[Step]:
    """Steps of `rows` packs each, without end.

    Args:
        stream: of this rank.
        rows: packs of a step on this rank.
        num_workers: processes that render and encode; 0 does it in this one.
        multiple: rows are padded to a multiple of this, so that few shapes occur: every new shape costs the
            CPU new matrix kernels, and a compiled step a new compilation.
        micro_rows: packs of one batch at most; 0 puts all rows into one.

    Raises:
        DataError: the run's lanes do not divide among the ranks and workers; or a sample cannot be used.
    """
    check_lanes(stream.config.num_lanes, stream.num_ranks * max(1, num_workers))
    loader: DataLoader[Pack[EncodedSample] | _Failed] = DataLoader(
        stream,
        batch_size=None,
        num_workers=num_workers,
        prefetch_factor=max(2, -(-2 * rows // num_workers)) if num_workers else None,
        worker_init_fn=_one_thread if num_workers else None,
    )
    packs = iter(loader)
    size, merge_size = micro_rows or rows, stream.preprocess.merge_size
    while True:
        taken = [_unless_failed(next(packs)) for _ in range(rows)]
        # Images of equal size side by side share one attention call; the order of rows changes no loss.
        order = sorted(taken, key=lambda pack: [len(sample.pixels) for sample in pack.samples])
        parts = [[pack.samples for pack in order[at : at + size]] for at in range(0, rows, size)]
        yield Step(
            tuple(collate(part, pad_id, multiple=multiple, merge_size=merge_size) for part in parts),
            lane_states(taken),
            rows,
            sum(len(pack.samples) for pack in taken),
            sum(len(sample) for pack in taken for sample in pack.samples),
        )


def _unless_failed(pack: Pack[EncodedSample] | _Failed) -> Pack[EncodedSample]:
    if isinstance(pack, _Failed):
        raise DataError(pack.message)
    return pack


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
