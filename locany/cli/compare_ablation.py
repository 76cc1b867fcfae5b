"""The tables of the ablation study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from locany.cli.messages import say
from locany.cli.report import write_line

_EPILOGUE = """\
The runs are made by 'python scripts/run_ablation.py'. With --out the tables are written as ablation.md, \
with a picture of accuracy against speed, of what blocks learn, and of throughput against the number of boxes.

Examples:
  locany report ablation runs/ablation
  locany report ablation runs/ablation --out report"""


def register(app: App) -> None:
    """Add the command."""
    app.command(
        ablation,
        usage="Usage: locany report ablation FOLDER [OPTIONS]",
        help_epilogue=_EPILOGUE,
    )


def ablation(
    folder: Annotated[Path, Parameter(help="Folder of the runs.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(name=("--out", "-o"), help="Folder for the files.")] = None,
) -> int:
    """The paper's ablations at our scale: tables, and with --out pictures."""
    from locany.eval.ablation_plots import draw
    from locany.eval.ablation_report import markdown
    from locany.files import write_whole
    from locany.train.log import read_log

    text = markdown(folder)
    if out is None:
        write_line(text)
        return 0
    out.mkdir(parents=True, exist_ok=True)
    draw(
        folder,
        {run.name: read_log(run) for run in sorted(folder.iterdir()) if run.is_dir()},
        out / "ablation.png",
    )
    write_whole(out / "ablation.md", f"{text}\n![Curves](ablation.png)\n".encode())
    for name in ("ablation.md", "ablation.png"):
        say(f"wrote {out / name}")
    return 0
