"""Batches of packs for one rank, made in workers; what a checkpoint keeps goes along with every batch.

A worker renders, encodes and makes rows; rows come through a ring (`data/ring.py`) and are joined here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from locany.codec.tokenizer import Tokenizer
from locany.data.answers import BoxOrder, answer_rng
from locany.data.collate import Batch, Row, join_rows, make_row
from locany.data.dialogue import Dialogue
from locany.data.encode import EncodedSample, encode_sample
from locany.data.lanes import LaneState, Pack, check_lanes, lane_packs
from locany.data.packing import PackConfig, check_length
from locany.data.ring import Ring, Stowed, can_share
from locany.data.sample import Sample, place_of
from locany.errors import DataError, ImageError, LocanyError
from locany.image import PreprocessConfig

SampleAt = Callable[[int], Sample | Dialogue]  # by position in the training stream, questions chosen
_MOST_FAULTS = 20  # in a row: then it is not a few records that are wrong
_ELSEWHERE = 1_000_003  # positions ahead, for another sample in place of a faulty one


@dataclass(frozen=True)
class StreamConfig:
    """How the training stream becomes packs.

    Attributes:
        pack: budget and buffer of a pack; a pack is one row of a batch.
        num_lanes: see `data/lanes.py`; ranks times workers must divide it. Fixed for a run.
        order: of the boxes of one label.
        seed: of a random order.
        multiple: rows are padded to a multiple of this, so that few shapes occur: every new shape costs the
            CPU new matrix kernels, and a compiled step a new compilation. The budget of a pack gives one
            shape only.
    """

    pack: PackConfig
    num_lanes: int = 8
    order: BoxOrder = BoxOrder.CORNER
    seed: int = 0
    multiple: int = 64

    def __post_init__(self) -> None:
        for name, least in (("multiple", 1), ("num_lanes", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise DataError(f"StreamConfig.{name} is at least {least}, got {getattr(self, name)}")


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


@dataclass(frozen=True)
class Made:
    """A pack as a row; its arrays lie in the worker's ring, if there is one.

    Attributes:
        worker: whose it is.
        lane, state: see `Pack`.
        row: its samples.
    """

    worker: int
    lane: int
    state: LaneState
    row: Row | Stowed


class PackStream(IterableDataset[Made]):
    """The packs of one rank as rows, without end; each worker of a loader makes its share.

    A sample whose record or image cannot be read, or that is longer than a pack, ends the stream with an
    error that names it, or, where faults are skipped, leaves its place to another one, always the same, with
    a warning.

    Attributes:
        rings: one for each worker, or none: then rows are sent as they are.
    """

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
        skip_faults: bool = False,
    ):
        self.skip_faults = skip_faults
        self.sample_at, self.tokenizer_folder, self.preprocess = sample_at, tokenizer_folder, preprocess
        self.config, self.progress, self.rank, self.num_ranks = config, progress, rank, num_ranks
        self.rings: tuple[Ring, ...] = ()

    def __iter__(self) -> Iterator[Made | _Failed]:  # type: ignore[override]
        info = get_worker_info()
        worker = info.id if info else 0
        try:
            for pack in self._packs():
                row = make_row(pack.samples, self.preprocess.merge_size)
                sent = self.rings[worker].put(row) if self.rings else row
                yield Made(worker, pack.lane, pack.state, sent)
        except LocanyError as error:
            if info is None:
                raise
            yield _Failed(str(error))

    def _make(self, tokenizer: Tokenizer, position: int) -> EncodedSample:
        """The sample at a position; where faults are skipped, a sound one in place of a faulty one."""
        for number in range(_MOST_FAULTS):
            place = ""  # a record of a shard that cannot be read names its own
            try:
                sample = self.sample_at(position + number * _ELSEWHERE)
                place = f"{place_of(sample.provenance)}: "
                return self._encode(tokenizer, sample, answer_rng(self.config.seed, position, 0))
            except (DataError, ImageError) as error:
                fault = DataError(f"{place}{error}")
                if not self.skip_faults:
                    raise fault from error
                warnings.warn(f"{fault}; another sample is learnt from in its place", stacklevel=2)
        raise DataError(f"{_MOST_FAULTS} samples in a row cannot be learnt from; the last: {fault}")

    def _encode(
        self, tokenizer: Tokenizer, sample: Sample | Dialogue, rng: np.random.Generator
    ) -> EncodedSample:
        config = self.config
        if isinstance(sample, Dialogue):
            encoded = sample.encode(tokenizer, self.preprocess, rng)
        else:
            encoded = encode_sample(
                tokenizer,
                sample,
                self.preprocess,
                order=config.order,
                rng=rng,
                max_positions=config.pack.budget,
            )
        check_length(len(encoded), config.pack.budget)
        return encoded

    def row(self, made: Made) -> Row:
        """The row of a pack, to be copied before the ring comes round."""
        return self.rings[made.worker].get(made.row) if self.rings else cast(Row, made.row)

    def slot_bytes(self) -> int:
        """What a row of a full pack may need: all pixels of its visual tokens, and what is known of each."""
        preprocess = self.preprocess
        pixels = 3 * (preprocess.patch_size * preprocess.merge_size) ** 2
        return self.config.pack.budget * (pixels + 512)

    def _packs(self) -> Iterator[Pack[EncodedSample]]:
        info = get_worker_info()
        worker, num_workers = (info.id, info.num_workers) if info else (0, 1)
        # Built here: the tokenizer's threads do not cross a fork.
        tokenizer = Tokenizer.from_folder(Path(self.tokenizer_folder))
        config = self.config

        yield from lane_packs(
            partial(self._make, tokenizer),
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
    micro_rows: int = 0,
    pinned: bool = False,
) -> Iterator[Step]:
    """Steps of `rows` packs each, without end.

    Args:
        stream: of this rank.
        rows: packs of a step on this rank.
        num_workers: processes that render and encode; 0 does it in this one.
        micro_rows: packs of one batch at most; 0 puts all rows into one.
        pinned: put pixels where a GPU can fetch them by itself.

    Raises:
        DataError: the run's lanes do not divide among the ranks and workers; or a sample cannot be used; or
            a worker was killed.
    """
    check_lanes(stream.config.num_lanes, stream.num_ranks * max(1, num_workers))
    prefetch = max(2, -(-2 * rows // num_workers)) if num_workers else None
    if prefetch and can_share():
        in_hand = -(-rows // num_workers)
        stream.rings = tuple(Ring(prefetch + in_hand + 1, stream.slot_bytes()) for _ in range(num_workers))
    loader: DataLoader[Made | _Failed] = DataLoader(
        stream,
        batch_size=None,
        num_workers=num_workers,
        prefetch_factor=prefetch,
        worker_init_fn=_one_thread if num_workers else None,
    )
    packs = iter(loader)
    while True:
        taken = [_unless_failed(_next(packs)) for _ in range(rows)]
        yield _step(stream, taken, pad_id, micro_rows or rows, pinned)


def _step(stream: PackStream, taken: Sequence[Made], pad_id: int, size: int, pinned: bool) -> Step:
    # Images of equal size side by side share one attention call; the order of rows changes no loss.
    order = sorted(map(stream.row, taken), key=lambda row: [height * width for height, width in row.grids])
    parts = [order[at : at + size] for at in range(0, len(order), size)]
    multiple = stream.config.multiple
    return Step(
        tuple(join_rows(part, pad_id, multiple=multiple, pinned=pinned) for part in parts),
        {made.lane: made.state for made in taken},
        len(taken),
        sum(row.num_samples for row in order),
        sum(len(row) for row in order),
    )


_ENDED = re.compile(r"DataLoader worker \(pid")  # torch's words for one that was killed or has crashed


def _next(packs: Iterator[Made | _Failed]) -> Made | _Failed:
    try:
        return next(packs)
    except RuntimeError as error:
        if not _ENDED.search(str(error)):  # its own errors come by here, too, in which it is named
            raise
        raise DataError(
            f"a process that prepares data has ended by itself ({str(error).splitlines()[0]}), mostly for "
            "want of memory; set num_workers lower, take smaller images or packs (stream.pack.budget), or "
            "set num_workers=0 to see its own error; the same command goes on from the newest state"
        ) from error


def _unless_failed(made: Made | _Failed) -> Made:
    if isinstance(made, _Failed):
        raise DataError(made.message)
    return made


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
