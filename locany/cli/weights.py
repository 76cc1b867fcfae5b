"""`locany weights COMMAND`: what is done with checkpoints and adapters as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from locany.cli.data import GROUP
from locany.cli.report import write_line

_MERGE_EPILOGUE = """\
OUT is a checkpoint like any other, stored in the number type of MODEL, with its vocabulary and licence \
files; it needs no adapter any more.

Examples:
  locany weights merge locany-mini runs/lora/adapter my-model
  locany weights merge nvidia/LocateAnything-3B from-peft/ my-3b"""

_QUANTIZE_EPILOGUE = """\
OUT answers like MODEL, a little less exactly, and takes less memory: int8 about half, int4 about a third of \
the decoder. It cannot be trained, merged or quantised again, so keep MODEL. Merge an adapter first.

Examples:
  locany weights quantize locany-mini mini-int8 --to int8
  locany weights quantize nvidia/LocateAnything-3B 3b-int4 --to int4"""


def register(app: App) -> None:
    """Add the commands."""
    weights = App(
        name="weights",
        help="Merge an adapter into its model, or quantise a model.",
        help_format="plaintext",
        help_epilogue="",
        group_commands=Group("Commands", sort_key=0),
    )
    weights.group = GROUP
    weights.command(
        merge,
        usage="Usage: locany weights merge MODEL ADAPTER OUT [OPTIONS]",
        help_epilogue=_MERGE_EPILOGUE,
    )
    weights.command(
        quantize,
        usage="Usage: locany weights quantize MODEL OUT --to int8|int4 [OPTIONS]",
        help_epilogue=_QUANTIZE_EPILOGUE,
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


def quantize(
    model: Annotated[str, Parameter(help="Checkpoint folder, hub id, or locany-mini for the bundled one.")],
    out: Annotated[Path, Parameter(help="The new checkpoint folder.")],
    /,
    *,
    to: Annotated[Literal["int8", "int4"], Parameter(help="Bits of each weight of the decoder.")],
    overwrite: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Replace OUT, where it is a checkpoint folder."),
    ] = False,
) -> int:
    """Write a model with its decoder in 8 or 4 bits as a new checkpoint."""
    from locany.weights.fetch import find_checkpoint
    from locany.weights.quantize import quantize_checkpoint

    quantize_checkpoint(find_checkpoint(model), out, to, overwrite=overwrite)
    write_line(f"{out}: {model} in {to}")
    return 0
