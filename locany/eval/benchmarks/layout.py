"""DocLayNet and M6Doc: regions of pages.

    DocLayNet_core: COCO/val.json with PNG/
    M6Doc: annotations/instances_test2017.json with test2017/

Both are files of COCO's form. DocLayNet's `test` has 4,999 pages and `val` 6,489, so the published 6,480 rows
"of test" can only be of `val`, which is what is read here (option `split`). Categories are asked for as they
are written there, such as "Section-header"; the published protocol asks for layout as for any category.
Verified: DocLayNet's folders from public readers. Not verified: the names of M6Doc's files, which one gets on
request; its folders are those that a public note about the archive names.
"""

from __future__ import annotations

from pathlib import Path

from locany.errors import DataError
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark, Contents
from locany.eval.benchmarks.categories import OPTIONS, CategorySet

SPLITS = ("val", "test")
M6DOC = CategorySet(
    "M6Doc",
    tuple(
        f"{folder}annotations/{name}.json"
        for folder in ("", "M6Doc/")
        for name in ("instances_test2017", "instances_test2022", "instances_test", "test")
    ),
    ("test2017", "M6Doc/test2017", "test2022", "test", "images", ""),
)
GET_DOCLAYNET = (
    f"{bundle.GET}; or get DocLayNet_core from the pages of DocLayNet (github.com/DS4SD/DocLayNet) and give "
    "the folder that COCO/ and PNG/ lie in"
)
GET_M6DOC = (
    f"{bundle.GET}; or ask the authors of M6Doc for the test set (github.com/HCIILAB/M6Doc) and give the "
    "folder that annotations/ and test2017/ lie in"
)


def doclaynet(split: str) -> CategorySet:
    """Where the files of a split lie.

    Raises:
        DataError: there is no such split.
    """
    if split not in SPLITS:
        raise DataError(f"split is one of {', '.join(SPLITS)}, got {split!r}")
    files = tuple(f"{folder}COCO/{split}.json" for folder in ("", "DocLayNet_core/"))
    return CategorySet("DocLayNet", files, ("PNG", "DocLayNet_core/PNG"))


def load_doclaynet(folder: Path, *, negatives: int, split: str) -> Contents:
    """DocLayNet; `split` is of the original files."""
    return doclaynet(split).boxes(folder, negatives=negatives)


BENCHMARKS = (
    Benchmark(
        "doclaynet",
        "DocLayNet",
        "boxes",
        GET_DOCLAYNET,
        load_doclaynet,
        {**OPTIONS, "split": "val"},
        num_rows=6480,
    ),
    Benchmark("m6doc", "M6Doc", "boxes", GET_M6DOC, M6DOC.boxes, OPTIONS, num_rows=2724),
)
