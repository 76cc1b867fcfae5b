"""Tables and pictures of runs: models, benchmarks and decode modes beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter, validators

from locany.cli import compare_ablation
from locany.cli.info import MEASURING_GROUP
from locany.cli.messages import say
from locany.cli.options import OUTPUT_GROUP
from locany.cli.report import write_line
from locany.errors import DataError, LocanyError

_EPILOGUE = """\
FOLDER is what 'locany eval' wrote with --out, or a folder of such folders. The tables go to stdout as \
Markdown. With --out they are written as report.md, report.html (one file with everything in it) and a \
picture for each profile, with sheets of the best and worst images: what is there in green, what was found \
in orange.

Numbers of the profiles 'published' and 'fixed' never stand in one table. Printed numbers of the papers \
stand beside 'published' alone, with where they were printed.

Examples:
  locany report runs/home
  locany report runs/home runs/other-model --out report
  locany report runs/eval --profile published --out report
  locany report ablation runs/ablation --out report"""


def register(app: App) -> None:
    """Add the command."""
    command = App(
        name="report",
        help="Put runs beside each other: tables, speed, pictures, and what the papers printed.",
        help_format="plaintext",
        help_epilogue=_EPILOGUE,
        usage="Usage: locany report FOLDER... [OPTIONS]",
        group_commands=Group("Commands", sort_key=0),
    )
    command.group = MEASURING_GROUP
    command.default(report)
    compare_ablation.register(command)
    app.command(command)


def report(
    # Not a list, which would end at the first option.
    *folders: Annotated[Path, Parameter(name="FOLDER", required=True, help="Folders of runs.")],
    profile: Annotated[
        Literal["both", "published", "fixed"],
        Parameter(group=OUTPUT_GROUP, help="The tables of both, or of one."),
    ] = "both",
    out: Annotated[
        Path | None,
        Parameter(name=("--out", "-o"), group=OUTPUT_GROUP, help="Folder for the report as files."),
    ] = None,
    images: Annotated[
        int,
        Parameter(
            group=OUTPUT_GROUP,
            help="So many of the best and of the worst images of each run; 0: no pictures.",
            validator=validators.Number(gte=0),
        ),
    ] = 6,
    data: Annotated[
        Path | None,
        Parameter(
            group=OUTPUT_GROUP,
            help="Where the images are; default: where they were when they were asked about.",
        ),
    ] = None,
) -> int:
    """Put runs beside each other: tables, speed, pictures, and what the papers printed."""
    from locany.eval.metrics.profile import Profile
    from locany.eval.report import Report, write_report
    from locany.eval.report_cells import Run, told_apart
    from locany.eval.results_folder import find_results

    finished, unfinished = find_results(folders)
    for path in unfinished:
        say(f"{path} is not finished and left out; run its 'locany eval' again")
    if not finished:
        raise DataError("no run is finished; run 'locany eval' again, it goes on where it was")
    profiles = tuple(Profile)[::-1] if profile == "both" else (Profile(profile),)
    runs = told_apart([Run(found.config(), found.metrics(), str(found.path)) for found in finished])
    whole = Report(runs, profiles)
    if out is None:
        write_line(whole.markdown())
        return 0
    _check_folder(out)
    if images:
        from locany.eval.report_pictures import sheets_of

        for found, run in zip(finished, runs, strict=True):
            try:
                whole.add(sheets_of(found, run, images, data))
            except (
                LocanyError
            ) as error:  # the images are on another machine: the tables are still worth having
                say(f"{found.path}: no pictures: {error}")
    for path in write_report(whole, out):
        say(f"wrote {path}")
    return 0


def _check_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--out {out} cannot be a folder ({error.strerror}); give another one") from None
