"""Timing that can be compared: clocks that wait for the device, rounds in turn, ratios with their spread."""

from __future__ import annotations

import ctypes
import gc
import math
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Clock:
    """Seconds on a device: a reading waits until the device has done all that was asked of it before."""

    def __init__(self, device: torch.device):
        self.device = device

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter()


@dataclass(frozen=True)
class Spread:
    """Several readings of one quantity: the median, and between what they lie.

    Attributes:
        median, low, high: of the readings, in their unit.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def to_dict(self, digits: int = 4) -> dict[str, float]:
        return {
            name: float(f"{value:.{digits}g}")
            for name, value in (("median", self.median), ("low", self.low), ("high", self.high))
        }


def interleave(
    work: Mapping[K, Callable[[], T]],
    rounds: int,
    *,
    least: int = 1,
    warm_up: bool = False,
    budget_s: float = math.inf,
) -> dict[K, list[T]]:
    """Run pieces of work in turn, so that whatever else the machine does falls on all of them.

    Args:
        work: by name; each returns what it measured.
        rounds: how often each is run and counted.
        least: so many rounds are made whatever they take.
        warm_up: run all once before, without counting.
        budget_s: no further round begins that would probably end later than that.

    Returns:
        The readings of each, by round.
    """
    found: dict[K, list[T]] = {name: [] for name in work}
    if warm_up:
        for run in work.values():
            run()
    began = time.perf_counter()
    for number in range(rounds):
        passed = time.perf_counter() - began
        if number >= max(least, 1) and passed * (number + 1) / number > budget_s:
            break
        for name, run in work.items():
            found[name].append(run())
    return found


def ratio(numerator: Sequence[float], denominator: Sequence[float], times: float = 1.0) -> Spread:
    """Of readings that were taken in the same rounds, round by round, times a constant."""
    return Spread.of([times * a / b for a, b in zip(numerator, denominator, strict=True)])


class PeakMemory:
    """The most memory that is held while a block runs, in bytes.

    On a GPU what torch has allocated, weights included. On the CPU the resident memory of the process, which
    Linux can be asked to count anew; where nobody can be asked, both numbers stay None.

    Attributes:
        total: the peak; above: how much of it came on top of what was held at the start.
    """

    _STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def __init__(self, device: torch.device):
        self.device = device
        self.total: int | None = None
        self.above: int | None = None

    def __enter__(self) -> PeakMemory:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
        elif self._RESET.exists():
            return_freed_memory()
            self._RESET.write_text("5")
            self._before = self._resident("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            self.total = int(torch.cuda.max_memory_allocated(self.device))
        elif self._RESET.exists():
            self.total = self._resident("VmHWM")
        if self.total is not None:
            self.above = self.total - self._before

    def _resident(self, name: str) -> int:
        lines = self._STATUS.read_text().splitlines()
        return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) * 1024


def return_freed_memory() -> None:
    """Give what glibc keeps of freed memory back to the system; elsewhere nothing happens."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
