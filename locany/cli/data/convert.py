"""Convert a data set from one format to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from locany.cli.data.check import FormatName, Root, WrittenName
from locany.cli.messages import say, warnings_as_remarks
from locany.cli.options import OUTPUT_GROUP
from locany.cli.report import write_line
from locany.errors import RequestError

if TYPE_CHECKING:
    from locany.data.converters import Dataset, Fault, Report
    from locany.data.sample import Sample

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
    from locany.data.converters import open_dataset, refuse, write_samples
    from locany.data.shard_folder import ShardFolder

    _check_out(out, path, overwrite=overwrite)

    kinds: Counter[str] = Counter()

    def skip(fault: Fault) -> None:
        kinds[fault.kind.value] += 1
        if not quiet:
            say(f"locany: left out: {fault}")

    dataset = open_dataset(path, from_, root, split)
    counter = _Counter(dataset, skip if skip_faults else refuse)
    is_shards = dataset.format.name in ("shards", "parquet")
    shards = ShardFolder(path) if is_shards else None
    absent = dataset.absent if shards is None else shards.absent_lists
    categories = dataset.categories if shards is None else shards.absent_everywhere
    with warnings_as_remarks(quiet):
        write_samples(counter, out, to, categories, absent)
    if not quiet:
        for loss in counter.losses(to):
            say(f"locany: note: {loss}")
        faults = f"; {_count(kinds.total(), 'fault')}, see above" if kinds else ""
        images, questions = _count(counter.num_images, "sample"), _count(counter.num_questions, "question")
        write_line(f"{out}: {images}, {questions}{faults}")
    return 0 if counter.num_images else 1


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


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


class _Counter:
    """The samples of a data set, counted while they pass."""

    def __init__(self, dataset: Dataset, report: Report):
        self.dataset, self.report = dataset, report
        self.splits: Counter[str] = Counter()
        self.num_images = self.num_questions = self.num_crowds = self.num_partly = 0

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.dataset.samples(self.report):
            self.num_images += 1
            self.num_questions += len(sample.questions)
            crowds = {target.label for target in sample.objects if target.attributes.get("iscrowd")}
            self.num_crowds += sum(bool(target.attributes.get("iscrowd")) for target in sample.objects)
            self.num_partly += not crowds.issuperset(sample.provenance.get("incomplete", ()))
            self.splits[str(sample.provenance.get("split", "none"))] += 1
            yield sample

    def losses(self, to: str) -> Iterator[str]:
        """What the format written cannot say of these samples, so that it gets lost."""
        if len(self.splits) > 1 and to != "yolo":
            found = ", ".join(f"{name} ({number:,})" for name, number in self.splits.items())
            yield f"images of several splits are together now: {found}; --split takes one of them"
        if self.num_crowds and to in ("yolo", "voc", "labelme"):
            yield (
                f"not written, since {to} has no such thing: {_count(self.num_crowds, 'crowd region')}; what "
                "is in them counts as not there"
            )
        if self.num_partly and to in ("coco", "yolo", "voc", "labelme"):
            yield (
                f"in {_count(self.num_partly, 'image')} some categories are not annotated exhaustively, "
                f"which {to} cannot say; they count as complete there"
            )
