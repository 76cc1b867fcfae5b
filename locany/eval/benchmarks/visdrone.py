"""VisDrone DET test-dev: small things from the air, boxes and points.

    VisDrone2019-DET-test-dev/annotations/<name>.txt and images/<name>.jpg

One object a line, eight whole numbers: left, top, width, height, score, category, truncation, occlusion, some
lines with a comma at their end. Score 0 marks what is left out of evaluation; category 0 is an ignored
region, 11 is "others". Both count neither for nor against here. Verified: the form and the folders from the
data set's own pages and many public readers. Whether the bundle leaves out the same boxes is not known to us.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from locany.data.converters.faults import shorten
from locany.data.converters.fields import malformed
from locany.errors import DataError
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark
from locany.eval.benchmarks.categories import OPTIONS, CategorySet
from locany.eval.benchmarks.instances import Annotated, Annotations, Spell
from locany.eval.benchmarks.rows import ANY_NAME, ask_each, each_line
from locany.eval.example import Box

NAMES = (
    *("pedestrian", "people", "bicycle", "car", "van", "truck"),
    *("tricycle", "awning-tricycle", "bus", "motor"),
)
_IGNORED, _OTHERS = 0, 11
_FIELDS = "left, top, width, height, score, category, truncation, occlusion"


def read(folder: Path, spell: Spell) -> Annotations:
    """All annotations of a folder, by name.

    Raises:
        DataError: there are none, or a line is damaged.
    """
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise DataError(f"{folder} has no .txt file")
    return Annotations(folder, tuple(_read_file(path) for path in files), NAMES)


def _read_file(path: Path) -> Annotated:
    boxes: list[tuple[str, Box]] = []
    ignored: list[tuple[str, Box]] = []
    for is_counted, category, box in each_line(path, _line):
        if not is_counted or category in (_IGNORED, _OTHERS):
            ignored.append((ANY_NAME, box))
        else:
            boxes.append((NAMES[category - 1], box))
    return Annotated(f"{path.stem}.jpg", tuple(boxes), tuple(ignored))


def _line(line: bytes) -> tuple[bool, int, Box]:
    text = line.decode("utf-8", "replace")
    parts = text.strip().rstrip(",").split(",")
    try:
        x, y, width, height, score, category, _, _ = (int(part) for part in parts)
    except ValueError:
        raise malformed(f"a line is eight whole numbers ({_FIELDS}), got {shorten(repr(text))}") from None
    if not _IGNORED <= category <= _OTHERS:
        raise malformed(f"the category is 0 to 11, got {category}")
    return score != 0, category, (x, y, x + width, y + height)


VISDRONE = CategorySet(
    "VisDrone",
    ("VisDrone2019-DET-test-dev/annotations", "annotations"),
    ("VisDrone2019-DET-test-dev/images", "images"),
    read=read,
)
GET = (
    f"{bundle.GET}; or get VisDrone2019-DET-test-dev from the pages of VisDrone (github.com/VisDrone) and "
    "give the folder that it lies in"
)

BENCHMARKS = (
    Benchmark("visdrone", "VisDrone", "boxes", GET, VISDRONE.boxes, OPTIONS, num_rows=1610),
    Benchmark(
        "visdrone-point",
        "VisDrone pointing",
        "points",
        GET,
        partial(VISDRONE.points, ask=ask_each),
        OPTIONS,
        num_rows=1610,
    ),
)
