"""The published benchmarks, data sets of the user's own, and our held-out pages, read into examples.

    contents = open_benchmark("coco", "data/EvalData", negatives=2)
    contents.examples, contents.remarks

Rows are taken as they were published, odd ones included, or numbers could not be compared; the readers of
`data.converters`, which refuse what must not be trained on, serve data sets of the user's own (`folder`). A
file that is missing or damaged is an error that says what to get and where to put it.
"""

from locany.eval.benchmarks.benchmark import Benchmark, Contents
from locany.eval.benchmarks.registry import BENCHMARKS, find_benchmark, open_benchmark

__all__ = ["BENCHMARKS", "Benchmark", "Contents", "find_benchmark", "open_benchmark"]
