"""`locany weights COMMAND`: what is done with checkpoints and adapters as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from locany.cli.data import GROUP
from locany.cli.report import write_line

_MERGE_EPILOGUE = """\
OUT is a checkpoint like any other, stored in the number type of MODEL, with its vocabulary and licence \
files; it needs no adapter any more.

Examples:
  locany weights merge locany-mini runs/lora/adapter my-model
  locany weights merge nvidia/LocateAnything-3B from-peft/ my-3b"""


def register(app: App) -> None:
    """Add the commands."""
    weights = App(
        name="weights",
        help="Merge an adapter into its model.",
        help_format="plaintext",
        help_epilogue="",
    )
    weights.group = GROUP
    weights.command(
        merge,
        usage="Usage: locany weights merge MODEL ADAPTER OUT [OPTIONS]",
        help_epilogue=_MERGE_EPILOGUE,
    )
    app.command(weights)


def merge(
    model: Annotated[
        str, Parameter(help="The base: checkpoint folder, hub id, or locany-mini for the bundled one.")
    ],
    adapter: Annotated[Path, Parameter(help="Folder of an adapter trained on it, ours or peft's.")],
    out: Annotated[Path, Parameter(help="The new checkpoint folder.")],
    /,
    *,
    overwrite: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Replace OUT, where it is a checkpoint folder."),
    ] = False,
) -> int:
    """Write a model and its adapter as one checkpoint."""
    from locany.weights.fetch import find_checkpoint
    from locany.weights.merge import merge_adapter

    merge_adapter(find_checkpoint(model), adapter, out, overwrite=overwrite)
    write_line(f"{out}: {model} with {adapter}")
    return 0
