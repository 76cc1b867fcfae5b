"""Draw samples of a data set, with their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

from locany.cli.data.check import Format, Root, SkipFaults
from locany.cli.messages import clean, say, warnings_as_remarks
from locany.cli.report import write_line
from locany.errors import RequestError

_EXAMPLES = """\
Examples:
  locany data show data/smoke
  locany data show data/smoke --index 17 --out look/
  locany data show data/smoke --index 17 --question 3"""


def register(data: App) -> None:
    """Add the command."""
    data.command(show, usage="Usage: locany data show PATH [OPTIONS]", help_epilogue=_EXAMPLES)


def show(
    path: Annotated[Path, Parameter(help="Folder of shards, a shard, or a data set that 'convert' reads.")],
    /,
    *,
    format: Format = None,
    root: Root = None,
    index: Annotated[int | None, Parameter(help="This sample only, from 0.")] = None,
    question: Annotated[
        int | None,
        Parameter(help="This question only, from 1; with --index.", validator=validators.Number(gte=1)),
    ] = None,
    count: Annotated[
        int, Parameter(help="So many samples, spread over the data.", validator=validators.Number(gte=1))
    ] = 4,
    out: Annotated[Path, Parameter(name=("--out", "-o"), help="Folder for the pictures.")] = Path("shown"),
    skip_faults: SkipFaults = False,
) -> int:
    """Draw boxes, points and outlines of samples, and list what is asked."""
    from locany.data.shards import make_folder
    from locany.pipeline.contact_sheet import question_text, sample_picture
    from locany.pipeline.dataset import open_dataset, spread_over

    if question is not None and index is None:
        raise RequestError("--question is about one sample; name it with --index")
    with warnings_as_remarks(quiet=False):
        samples = open_dataset(
            path, format, root, skip_faults=skip_faults, note=lambda text: say(f"locany: note: {text}")
        )
    if index is not None and not 0 <= index < len(samples):
        raise RequestError(f"--index is 0 to {len(samples) - 1}, got {index}")
    make_folder(out)
    for number in [index] if index is not None else spread_over(len(samples), count):
        sample = samples[number]
        if question is not None and question > len(sample.questions):
            raise RequestError(
                f"sample {number} has {len(sample.questions)} questions, there is no {question}"
            )
        name = f"{number:06}" + (f"-{question}" if question else "") + ".png"
        sample_picture(sample, None if question is None else question - 1).save(out / name)
        width, height = sample.size_wh
        made = ", ".join(
            f"{key} {sample.provenance[key]}"
            for key in ("renderer", "seed", "template", "image", "image_id", "line")
            if key in sample.provenance
        )
        write_line(f"{out / name}  {width} x {height}  {clean(made)}".rstrip())
        for i, asked in enumerate(sample.questions, start=1):
            if question in (None, i):
                found = f"x{len(asked.targets)}" if asked.targets else "none"
                write_line(
                    f"  {i:>3} {asked.task.kind.value:<10} {clean(question_text(asked))[:90]}  {found}"
                )
    return 0
