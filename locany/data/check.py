"""Everything that is wrong with a data set, before anything is learnt from it."""

from __future__ import annotations

from pathlib import Path

from locany.data.converters.faults import Fault, FaultKind, Report
from locany.data.converters.formats import Dataset, find_format
from locany.data.sample import ImageRef, Sample
from locany.errors import DataError, ImageError

__all__ = ["Fault", "FaultKind", "check", "check_each"]


def check(
    path: str | Path, format: str | None = None, root: str | Path | None = None, *, pixels: bool = False
) -> list[Fault]:
    """All faults of a data set, in its order; see `check_each`."""
    faults: list[Fault] = []
    check_each(path, faults.append, format, root, pixels=pixels)
    return faults


def check_each(
    path: str | Path,
    report: Report,
    format: str | None = None,
    root: str | Path | None = None,
    *,
    pixels: bool = False,
) -> int:
    """Report every fault of a data set as it is found. No model is needed.

    Args:
        path: a file or folder.
        report: takes each fault.
        format: its name in `FORMATS`; recognised if None.
        root: the folder that image paths are relative to; by default where the format expects images.
        pixels: decode images whole, which finds damaged ones and takes long; otherwise only headers are read.
            Applies to records without another fault that are samples.

    Returns:
        The number of records without a fault; for conversations lines, elsewhere images.

    Raises:
        DataError: there is no such path, or no format fits.
    """
    chosen = find_format(Path(path), format)
    num_plain = 0

    def sift(fault: Fault) -> None:
        nonlocal num_plain
        if fault.kind is FaultKind.NO_SAMPLE:  # a good conversation
            num_plain += 1
        else:
            report(fault)

    dataset = Dataset(Path(path), chosen, None if root is None else Path(root))
    num_samples = 0
    looked_at: object = None  # lines about one image usually follow each other
    wrong: tuple[FaultKind, str] | None = None
    for sample in dataset.samples(sift):
        if pixels:
            source = sample.image.source if isinstance(sample.image, ImageRef) else None
            if source is None or source != looked_at:
                looked_at, wrong = source, _wrong_pixels(sample)
            if wrong:
                file, line = str(sample.provenance.get("file", path)), sample.provenance.get("line")
                report(Fault(file, line, wrong[1], wrong[0]))
                continue
        num_samples += 1
    return num_samples + num_plain


def _wrong_pixels(sample: Sample) -> tuple[FaultKind, str] | None:
    try:
        sample.pixels()
    except ImageError as error:
        return FaultKind.UNREADABLE_IMAGE, str(error)
    except DataError as error:
        return FaultKind.IMAGE_SIZE, str(error)
    return None
