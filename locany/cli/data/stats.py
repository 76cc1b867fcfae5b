"""Say in numbers and pictures what is in a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter, validators

from locany.cli.data.check import Format, Root, SkipFaults
from locany.cli.messages import say, warnings_as_remarks
from locany.cli.report import write_line

if TYPE_CHECKING:
    from locany.pipeline.stats import Stats

_COLUMNS = 4

_EXAMPLES = """\
Examples:
  locany data stats data/smoke
  locany data stats data/smoke --out docs/smoke --sheet 40"""


def register(data: App) -> None:
    """Add the command."""
    data.command(stats, usage="Usage: locany data stats PATH [OPTIONS]", help_epilogue=_EXAMPLES)


def stats(
    path: Annotated[Path, Parameter(help="Folder of shards, a shard, or a data set that 'convert' reads.")],
    /,
    *,
    format: Format = None,
    root: Root = None,
    out: Annotated[
        Path | None,
        Parameter(
            name=("--out", "-o"),
            help="Folder to write to; default: PATH/stats, of a file NAME-stats beside it.",
        ),
    ] = None,
    sheet: Annotated[
        int, Parameter(help="Samples on the contact sheet.", validator=validators.Number(gte=1))
    ] = 24,
    skip_faults: SkipFaults = False,
) -> int:
    """Count tasks, targets, words, sizes and labels; write stats.json, plots.png and sheet.jpg."""
    from locany.data.shards import json_bytes, make_folder
    from locany.files import write_whole
    from locany.pipeline.contact_sheet import contact_sheet
    from locany.pipeline.dataset import open_dataset, spread_over
    from locany.pipeline.plots import write_plots
    from locany.pipeline.stats import Stats

    with warnings_as_remarks(quiet=False):
        samples = open_dataset(
            path, format, root, skip_faults=skip_faults, note=lambda text: say(f"locany: note: {text}")
        )
    found = Stats(samples[index] for index in range(len(samples)))
    _print(found)
    if out is None:
        out = path / "stats" if path.is_dir() else path.with_name(path.stem + "-stats")
    make_folder(out)
    name = path.resolve().name
    write_whole(out / "stats.json", json_bytes(found.to_data()))
    write_plots(found, out / "plots.png", title=name)
    chosen = [samples[index] for index in spread_over(len(samples), sheet)]
    title = f"{name}: {len(chosen)} of {len(samples):,} samples"
    drawn = contact_sheet(chosen, _COLUMNS, title=title)
    write_whole(out / "sheet.jpg", lambda file: drawn.save(file, "JPEG", quality=90))
    write_line()
    write_line(f"written: {out / 'stats.json'}, plots.png, sheet.jpg")
    return 0


def _print(found: Stats) -> None:
    from locany.pipeline.stats import UNKNOWN
    from locany.wording import counted

    data = found.to_data()
    write_line(
        f"{counted(found.num_samples, 'sample')}, {counted(found.num_questions, 'question')}, "
        f"{counted(found.num_targets, 'target')}, {found.negatives_share:.1%} of the questions negative"
    )
    if list(found.by_source) != [UNKNOWN]:  # of a set of one's own the path says it
        _table(
            ("source", "samples", "questions", "targets", "negative"),
            [
                (name, c["samples"], c["questions"], c["targets"], _share(c["negatives"], c["questions"]))
                for name, c in sorted(found.by_source.items())
            ],
        )
    _table(
        ("task", "questions", "targets", "negative", "targets each", "words each"),
        [
            (
                name,
                c["questions"],
                c["targets"],
                _share(c["negatives"], c["questions"]),
                f"{c['targets'] / c['questions']:.1f}",
                f"{c['words'] / c['questions']:.1f}",
            )
            for name, c in sorted(found.by_task.items())
        ],
    )
    rows = []
    for key in (
        *("questions_per_image", "objects_per_image", "targets_per_question", "words_per_question"),
        *("image_width", "image_height", "box_width", "box_height"),
    ):
        if data[key]:
            values = (data[key][name] for name in ("mean", "p0", "p5", "p50", "p95", "p100"))
            rows.append((key.replace("_", " "), *(f"{value:.1f}".removesuffix(".0") for value in values)))
    _table(("", "mean", "least", "5 %", "median", "95 %", "most"), rows)
    write_line()
    write_line(
        f"boxes: {data['boxes_small']:.0%} small (below 32 x 32 pixels), {data['boxes_medium']:.0%} medium, "
        f"{data['boxes_large']:.0%} large (from 96 x 96)"
    )
    common = ", ".join(f"{label[:40]} {count}" for label, count in list(data["labels"].items())[:12])
    write_line(f"labels: {data['distinct_labels']:,} different; {common}")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Columns that line up, numbers to the right."""
    cells = [head, *(tuple(f"{c:,}" if isinstance(c, int) else str(c) for c in row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    write_line()
    for row in cells:
        first, *rest = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        write_line("  ".join([first, *rest]))
