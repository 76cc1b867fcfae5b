"""LVIS: COCO's file, and for each image which categories were looked for.

`neg_category_ids` are known to be absent and are asked for; `not_exhaustive_category_ids` have instances
without a box, so they are never asked for. What is in neither list and has no box is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from locany.data.converters.coco import categories, read_instances, write_instances
from locany.data.converters.faults import Report, refuse
from locany.data.sample import Sample

__all__ = ["categories", "read", "write"]


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """See `coco.read`; images without a file name are found by the end of their `coco_url`.

    Raises:
        DataError: the file or a record is wrong.
    """
    return read_instances(path, root, report, is_lvis=True)


def write(samples: Iterable[Sample], path: Path, names: Sequence[str] = ()) -> None:
    """See `coco.write`; what a sample asks for and does not have becomes a known negative."""
    write_instances(samples, path, names, is_lvis=True)
