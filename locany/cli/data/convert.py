"""Convert a data set from one format to another."""

from __future__ import annotations

from collections import Counter
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
    from locany.data.converters import Fault

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


def register(data: App) -> None:
    """Add the command."""
    data.command(
        convert, usage="Usage: locany data convert PATH OUT --to FORMAT [OPTIONS]", help_epilogue=_EPILOGUE
    )


def convert(
    path: Annotated[Path, Parameter(help="An annotation file, a recipe, or the folder of a data set.")],
    out: Annotated[
        Path, Parameter(help="The file to write; for yolo, voc, labelme and shards a new or empty folder.")
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
    from locany.data.converters import FaultKind, open_dataset, refuse, write_samples
    from locany.data.converters.faults import passed_over
    from locany.data.converters.losses import Written, counted
    from locany.data.shard_folder import ShardFolder

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
    is_shards = dataset.format.name in ("shards", "parquet")
    shards = ShardFolder(path) if is_shards else None
    absent = dataset.absent if shards is None else shards.absent_lists
    categories = dataset.categories if shards is None else shards.absent_everywhere
    written = Written(to, categories, absent)
    with warnings_as_remarks(quiet):
        samples = written(dataset.samples(report))
        first = next(samples, None)
        if first is not None:
            write_samples(chain([first], samples), out, to, categories, absent)
    notes = [*([passed_over(talks)] if talks else []), *written.losses()]
    if first is None:
        raise DataError("; ".join([f"{path}: there is no sample in it", *notes]))
    if not quiet:
        for note in notes:
            say(f"locany: note: {note}")
        faults = f"; {counted(kinds.total(), 'fault')}, see above" if kinds else ""
        num_samples, num_questions = written.num_samples, written.num_questions
        write_line(f"{out}: {counted(num_samples, 'sample')}, {counted(num_questions, 'question')}{faults}")
    return 0


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
