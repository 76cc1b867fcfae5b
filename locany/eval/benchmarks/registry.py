"""The benchmarks by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from locany.errors import DataError
from locany.eval.benchmarks import (
    coco,
    dense200,
    folder,
    hiertext,
    home,
    humanref,
    icdar,
    layout,
    refcocog,
    screenspot,
    totaltext,
    visdrone,
)
from locany.eval.benchmarks.benchmark import Benchmark, Contents

_MODULES = (
    *(home, coco, dense200, visdrone, layout, totaltext, hiertext, icdar),
    *(humanref, refcocog, screenspot, folder),
)
BENCHMARKS: Mapping[str, Benchmark] = {b.name: b for module in _MODULES for b in module.BENCHMARKS}


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of a name.

    Raises:
        DataError: there is none.
    """
    if name not in BENCHMARKS:
        raise DataError(f"there is no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def open_benchmark(name: str, folder: str | Path, **options: Any) -> Contents:
    """What a folder holds of a benchmark.

    Args:
        name: of the benchmark.
        folder: where its files are.
        options: see `Benchmark.options`.

    Raises:
        DataError: there is no such benchmark or option, or a file is missing or damaged.
    """
    return find_benchmark(name).open(folder, **options)
