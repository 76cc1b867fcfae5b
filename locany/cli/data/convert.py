"""Convert a data set from one format to another."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from locany.cli.data.check import FormatName, Root, WrittenName
from locany.cli.messages import say, warnings_as_remarks
from locany.cli.options import OUTPUT_GROUP
from locany.cli.report import write_line
from locany.errors import DataError, RequestError

if TYPE_CHECKING:
    from locany.data.converters import Dataset, Fault, Report
    from locany.data.converters.chat import ChatRecord

_EPILOGUE = """\
Images stay where they are and are named relative to OUT; yolo and voc get copies \
in a folder of their own, and shards hold them.

What a format cannot hold is not written: conversations hold whole bins (1/1000 of a side), and questions \
but no other objects; detection formats hold categories, but no phrases. Shards hold everything.

What locany detect --json printed is a data set, too: label with a model first, then correct.

Exit codes: 0 all is written; 1 the data have a fault and OUT is not written, or there is no sample; \
2 wrong usage.

Examples:
  locany data convert instances.json train.jsonl --to jsonl --root train2017/
  locany data convert my-yolo-folder/ annotations.json --to coco
  locany data convert train.jsonl shards/ --to shards --skip-faults
  locany data convert found.json labels/ --to labelme"""

_ONE_FILE = ("jsonl", "coco", "lvis", "refer", "screenspot")


def register(data: App) -> None:
    """Add the command."""
    data.command(
        convert, usage="Usage: locany data convert PATH OUT --to FORMAT [OPTIONS]", help_epilogue=_EPILOGUE
    )


def convert(
    path: Annotated[Path, Parameter(help="An annotation file, a recipe, or the folder of a data set.")],
    out_path: Annotated[  # as text: a path forgets that it ended in a slash
        str,
        Parameter(
            name="OUT", help="The file to write; for yolo, voc, labelme and shards a new or empty folder."
        ),
    ],
    /,
    *,
    to: Annotated[WrittenName, Parameter(help="The format to write.")],
    from_: Annotated[
        FormatName | None, Parameter(name="--from", help="The format of PATH; recognised by default.")
    ] = None,
    root: Root = None,
    split: Annotated[
        Literal["train", "val", "test"] | None,
        Parameter(show_default=False, help="Only this split of a YOLO data set; all of them by default."),
    ] = None,
    skip_faults: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Leave out records with a fault, naming each on stderr, instead of stopping at the first.",
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        Parameter(
            group=OUTPUT_GROUP, negative=(), show_default=False, help="Write over a file OUT that is there."
        ),
    ] = False,
    quiet: Annotated[
        bool,
        Parameter(
            name=("--quiet", "-q"), group=OUTPUT_GROUP, negative=(), show_default=False, help="Only errors."
        ),
    ] = False,
) -> int:
    """Convert a data set from one format to another."""
    from locany.data.converters import FaultKind, open_dataset, refuse
    from locany.data.converters.faults import passed_over
    from locany.wording import counted

    out = Path(out_path)
    if to in _ONE_FILE and (out.is_dir() or out_path.endswith(("/", os.sep))):
        ending = "jsonl" if to == "jsonl" else "json"
        raise RequestError(
            f"{to} is one file and OUT {out_path} a folder; name the file: {out / f'{to}.{ending}'}"
        )
    _check_out(out, path, overwrite=overwrite)

    kinds: Counter[str] = Counter()
    talks: list[Fault] = []

    def report(fault: Fault) -> None:
        if fault.kind is FaultKind.NO_SAMPLE:  # a good conversation, which only conversations can hold
            talks.append(fault)
        elif not skip_faults:
            refuse(fault)
        else:
            kinds[fault.kind.value] += 1
            if not quiet:
                say(f"locany: left out: {fault}")

    dataset = open_dataset(path, from_, root, split)
    with warnings_as_remarks(quiet):
        if to == "jsonl" and dataset.format.has_lines:
            num_samples, num_questions, notes = _copy(dataset, out, report)
        else:
            num_samples, num_questions, notes = _rewrite(dataset, out, to, report)
    if talks:
        notes.insert(0, passed_over(talks))
    if not num_samples:
        raise DataError("; ".join([f"{path}: there is no sample in it", *notes]))
    if not quiet:
        for note in notes:
            say(f"locany: note: {note}")
        faults = f"; {counted(kinds.total(), 'fault')}, see above" if kinds else ""
        write_line(f"{out}: {counted(num_samples, 'sample')}, {counted(num_questions, 'question')}{faults}")
    return 0


def _rewrite(dataset: Dataset, out: Path, to: str, report: Report) -> tuple[int, int, list[str]]:
    """Write the samples, if there are any: how many, with how many questions, and what is lost of them."""
    from locany.data.converters import write_samples
    from locany.data.converters.losses import Written, with_boxes
    from locany.data.shard_folder import ShardFolder

    is_shards = dataset.format.name in ("shards", "parquet")
    shards = ShardFolder(dataset.path) if is_shards else None
    absent = dataset.absent if shards is None else shards.absent_lists
    categories = dataset.categories if shards is None else shards.absent_everywhere
    if to in ("coco", "lvis", "yolo") and (is_shards or dataset.format.name == "labelme"):
        categories = with_boxes(categories, dataset.samples(lambda fault: None))
    written = Written(to, categories, absent)
    samples = written(dataset.samples(report))
    if first := next(samples, None):
        write_samples(chain([first], samples), out, to, categories, absent)
    return written.num_samples, written.num_questions, list(written.losses())


def _copy(dataset: Dataset, out: Path, report: Report) -> tuple[int, int, list[str]]:
    """Write conversations as they stand, if there are any: as `_rewrite`; nothing is lost."""
    from locany.data.converters.chat import write_records

    num_questions: list[int] = []

    def counting(records: Iterable[ChatRecord]) -> Iterator[ChatRecord]:
        for record in records:
            num_questions.append(sum(turn["from"] == "human" for turn in record.turns))
            yield record

    records = counting(dataset.lines(out.parent, report))
    if first := next(records, None):
        write_records(chain([first], records), out)
    return len(num_questions), sum(num_questions), []


def _check_out(out: Path, path: Path, *, overwrite: bool) -> None:
    """Refuse to write over what is there; over what is read in any case.

    Raises:
        RequestError: OUT is there.
    """
    if not out.is_file():  # folders: see the writers, which take empty ones
        return
    read = [path] if path.is_file() else path.rglob("*")
    if any(file.exists() and file.samefile(out) for file in read):
        raise RequestError(f"{out} belongs to {path}, which is being read; give another OUT")
    if not overwrite:
        raise RequestError(f"{out} is there already; give another OUT, or --overwrite")
