"""Dense200: 200 crowded images, 91 boxes each, made by the authors of Rex-Omni; there is the bundle alone."""

from __future__ import annotations

from functools import partial

from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark
from locany.eval.benchmarks.categories import OPTIONS, CategorySet
from locany.eval.benchmarks.rows import ask_joined

DENSE200 = CategorySet("Dense200")

BENCHMARKS = (
    Benchmark("dense200", "Dense200", "boxes", bundle.GET, DENSE200.boxes, OPTIONS, num_rows=200),
    Benchmark(
        "dense200-point",
        "Dense200 pointing",
        "points",
        bundle.GET,
        partial(DENSE200.points, ask=ask_joined),
        OPTIONS,
        num_rows=187,
    ),
)
