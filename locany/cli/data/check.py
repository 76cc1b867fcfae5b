"""Check training data before anything is learnt from it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from locany.cli.messages import clean, warnings_as_remarks
from locany.cli.options import JsonFlag
from locany.cli.report import print_json, write_line
from locany.wording import counted

if TYPE_CHECKING:
    from locany.data.check import Fault

# As in data/converters/formats.py, which is not imported for a help text; a test compares them.
FormatName = Literal[
    "jsonl",
    "recipe",
    "coco",
    "lvis",
    "yolo",
    "voc",
    "labelme",
    "refer",
    "screenspot",
    "answers",
    "shards",
    "parquet",
]
# Those that can be written, too.
WrittenName = Literal[
    "jsonl", "coco", "lvis", "yolo", "voc", "labelme", "refer", "screenspot", "shards", "parquet"
]
Format = Annotated[
    FormatName | None, Parameter(name=("--format", "-f"), help="The format of PATH; recognised by default.")
]
Root = Annotated[
    Path | None,
    Parameter(
        help="The folder that image paths are relative to; by default where the format expects images."
    ),
]
SkipFaults = Annotated[
    bool,
    Parameter(
        negative=(), show_default=False, help="Leave out records with a fault instead of refusing the data."
    ),
]

_EPILOGUE = """\
Each fault is one line, FILE:LINE: MESSAGE; formats without lines name the record in the message. \
Training and conversion refuse what is reported here.

Exit codes: 0 no fault; 1 faults, or nothing to check; 2 wrong usage.

Examples:
  locany data check train.jsonl --root images/
  locany data check instances_train2017.json --root train2017/
  locany data check my-yolo-folder/ --pixels"""


def register(data: App) -> None:
    """Add the command."""
    data.command(check, usage="Usage: locany data check PATH [OPTIONS]", help_epilogue=_EPILOGUE)


def check(
    path: Annotated[Path, Parameter(help="An annotation file, a recipe, or the folder of a data set.")],
    /,
    *,
    format: Format = None,
    root: Root = None,
    pixels: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Decode every image whole, which finds damaged ones and takes longer.",
        ),
    ] = False,
    json: JsonFlag = False,
) -> int:
    """Report every fault of a data set, with file and line."""
    from locany.data.check import check_each

    kinds: Counter[str] = Counter()
    listed: list[dict[str, Any]] = []

    def show(fault: Fault) -> None:
        kinds[fault.kind.value] += 1
        if json:
            fields = {
                "file": fault.file,
                "line": fault.line,
                "kind": fault.kind.value,
                "message": fault.message,
            }
            listed.append(fields)
        else:
            write_line(clean(str(fault)))

    with warnings_as_remarks(quiet=False):
        num_good = check_each(path, show, format, root, pixels=pixels)
    if json:
        print_json({"path": str(path), "good": num_good, "faults": listed})
    else:
        write_line(_summary(num_good, kinds))
    return 1 if kinds or not num_good else 0


def _summary(num_good: int, kinds: Counter[str]) -> str:
    good = counted(num_good, "good record")
    if not kinds:
        return f"{good}, no faults" if num_good else "nothing to check: no record found"
    num = kinds.total()
    which = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    return f"{counted(num, 'fault')} ({which}); {good}"
