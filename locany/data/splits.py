"""Which images of a data set that knows its splits are meant (YOLO)."""

from __future__ import annotations

from collections.abc import Sequence

from locany.data.sample import Sample
from locany.errors import DataError


def of_split(samples: Sequence[Sample], wanted: Sequence[str], path: str) -> list[Sample]:
    """The samples of the first split of `wanted` that is there; all samples where some know none.

    Raises:
        DataError: none of the splits is there.
    """
    known = {str(sample.provenance.get("split", "")) for sample in samples}
    if not known or "" in known:
        return list(samples)
    chosen = next((name for name in wanted if name in known), None)
    if chosen is None:
        raise DataError(
            f"{path}: its images are those of {' and '.join(sorted(known))}, none of {' or '.join(wanted)}; "
            "name images for it in data.yaml"
        )
    return [sample for sample in samples if sample.provenance["split"] == chosen]
