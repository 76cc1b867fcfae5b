"""COCO 2017 val and LVIS v1 val: boxes and points.

    annotations/instances_val2017.json with val2017/, or coco/instances_val2017.json of the bundle
    lvis_v1_val.json with val2017/ and train2017/ (LVIS takes its images from both), or
    coco/lvis_v1_val_with_filename2.json of the bundle

The paper measures boxes at a short side of 840 pixels; whether its points were, too, is not stated, so they
are asked about images as they are. LVIS's names are asked for with blanks in place of underscores; of absent
names an image is asked only for those that LVIS has verified. Verified: both forms from their documentation,
the places in the bundle from the guide of the Rex-Omni repository.
"""

from __future__ import annotations

from functools import partial

from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark
from locany.eval.benchmarks.categories import OPTIONS, CategorySet
from locany.eval.benchmarks.instances import without_underscores
from locany.eval.benchmarks.rows import ask_each

COCO = CategorySet(
    "COCO",
    ("annotations/instances_val2017.json", "coco/instances_val2017.json", "instances_val2017.json"),
    ("val2017", "images/val2017", "coco/val2017", "coco", "images", ""),
)
LVIS = CategorySet(
    "LVIS",
    (
        *("lvis_v1_val.json", "annotations/lvis_v1_val.json", "lvis/lvis_v1_val.json"),
        *("coco/lvis_v1_val_with_filename2.json", "coco/lvis_v1_val.json"),
    ),
    ("", "images", "coco", "val2017", "coco/val2017"),
    without_underscores,
    is_exhaustive=False,
)
GET_COCO = (
    f"{bundle.GET}; or get instances_val2017.json and the images val2017 from the download page of COCO "
    "(cocodataset.org) and give the folder that annotations/ and val2017/ lie in"
)
GET_LVIS = (
    f"{bundle.GET}; or get lvis_v1_val.json from the download page of LVIS (lvisdataset.org) and the images "
    "val2017 and train2017 of COCO, and give the folder that all three lie in"
)

BENCHMARKS = (
    Benchmark("coco", "COCO", "coco", GET_COCO, COCO.boxes, OPTIONS, short_side=840, num_rows=4952),
    Benchmark("lvis", "LVIS", "lvis", GET_LVIS, LVIS.boxes, OPTIONS, short_side=840, num_rows=19626),
    Benchmark(
        "coco-point",
        "COCO pointing",
        "points",
        GET_COCO,
        partial(COCO.points, ask=ask_each),
        OPTIONS,
        num_rows=4940,
    ),
    Benchmark(
        "lvis-point",
        "LVIS pointing",
        "points",
        GET_LVIS,
        partial(LVIS.points, ask=ask_each),
        OPTIONS,
        num_rows=19583,
    ),
)
