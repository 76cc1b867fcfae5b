"""Batches as a pure function of (seed, step): rendered in workers, resumed exactly by naming the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from locany.codec.tokenizer import Tokenizer
from locany.data.collate import Batch, collate
from locany.data.encode import encode_sample
from locany.data.sample import Sample
from locany.image import PreprocessConfig

ROW_MULTIPLE = 64  # positions; every new shape costs the CPU new matrix kernels
SampleAt = Callable[[int, int], Sample]  # (step, number of the sample) to the sample


class StepDataset(Dataset[Batch]):
    """Item k is the whole batch of step k, whatever was asked before."""

    def __init__(
        self,
        sample_at: SampleAt,
        tokenizer_folder: str,
        config: PreprocessConfig,
        batch_size: int,
        row_len: int,
    ):
        self.sample_at, self.tokenizer_folder, self.config = sample_at, tokenizer_folder, config
        self.batch_size, self.row_len = batch_size, row_len
        self._tokenizer: Tokenizer | None = None

    def __getitem__(self, step: int) -> Batch:
        if self._tokenizer is None:  # built in the worker: the Rust tokenizer does not cross a fork well
            from pathlib import Path

            self._tokenizer = Tokenizer.from_folder(Path(self.tokenizer_folder))
        first = step * self.batch_size
        samples = [
            encode_sample(self._tokenizer, self.sample_at(step, first + i), self.config)
            for i in range(self.batch_size)
        ]
        # Images of equal size side by side share one attention call.
        samples.sort(key=lambda sample: len(sample.pixels))
        return collate(
            samples,
            self._tokenizer.vocab.pad,
            self.row_len,
            ROW_MULTIPLE,
            merge_size=self.config.merge_size,
        )


def batches(dataset: StepDataset, steps: Sequence[int], num_workers: int) -> Iterator[Batch]:
    """The batches of some steps, in order; `num_workers` 0 renders in this process."""
    loader: DataLoader[Batch] = DataLoader(
        dataset,
        batch_size=None,
        sampler=steps,
        num_workers=num_workers,
        prefetch_factor=4 if num_workers else None,
        worker_init_fn=_one_thread if num_workers else None,
    )
    yield from loader


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
