"""`locany data COMMAND`: build, look at, check and convert training data. One file per command."""

from __future__ import annotations

from cyclopts import App, Group

from locany.cli.data import build, check, convert, setup, show, stats

GROUP = Group("Training data", sort_key=1)


def register(app: App) -> None:
    """Add the commands."""
    data = App(
        name="data",
        help="Build, look at, check and convert training data.",
        help_format="plaintext",
        help_epilogue="",
        group_commands=Group("Commands", sort_key=0),
    )
    data.group = GROUP
    for command in (setup, build, stats, show, check, convert):
        command.register(data)
    app.command(data)
