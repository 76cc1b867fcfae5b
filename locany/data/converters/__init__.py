"""Data sets in the formats that users have, read into samples and written from them.

    for sample in read_samples("instances_train.json", root="train2017"):
        ...

One file per format; `formats.py` knows them all. Readers refuse what `locany data check` reports.
"""

from locany.data.converters.faults import Fault, FaultKind, Report, refuse
from locany.data.converters.formats import (
    FORMATS,
    Dataset,
    Format,
    find_format,
    open_dataset,
    read_samples,
    write_samples,
)

__all__ = [
    "FORMATS",
    "Dataset",
    "Fault",
    "FaultKind",
    "Format",
    "Report",
    "find_format",
    "open_dataset",
    "read_samples",
    "refuse",
    "write_samples",
]
