"""Make a data set after a recipe."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter, validators

from locany.cli.messages import say
from locany.cli.report import write_line

if TYPE_CHECKING:
    from locany.pipeline.build import Runner
    from locany.pipeline.plan import PartResult, Plan

_PLAIN_EVERY = 10.0  # seconds between lines where no bar can be shown

_EXAMPLES = """\
Examples:
  locany data build recipes/data/smoke.py --out data/smoke
  locany data build recipes/data/smoke.py --out data/few --limit 50 --workers 1
  locany data build big.py --out data/big --ray head-node:6379"""


def register(data: App) -> None:
    """Add the command."""
    usage = "Usage: locany data build RECIPE --out DIR [OPTIONS]"
    data.command(build, usage=usage, help_epilogue=_EXAMPLES)


def build(
    recipe: Annotated[Path, Parameter(help="Python file with recipe() -> BuildConfig.")],
    /,
    *,
    out: Annotated[
        Path, Parameter(name=("--out", "-o"), help="Folder for the shards, new or to go on with.")
    ],
    workers: Annotated[
        int | None,
        Parameter(help="Processes; default: one per CPU.", validator=validators.Number(gte=1)),
    ] = None,
    ray: Annotated[
        str | None, Parameter(help="Build on a Ray cluster: host:port, auto, or local for this machine.")
    ] = None,
    limit: Annotated[
        int | None, Parameter(help="Make the first so many samples only.", validator=validators.Number(gte=1))
    ] = None,
) -> int:
    """Render, filter, de-duplicate and write the samples of a recipe, in shards.

    Interrupted or killed, the same command goes on where it was.
    The same recipe gives the same bytes, whatever the number of workers.
    manifest.json tells what is in the folder; drops.jsonl what is not, and why.
    """
    from locany.pipeline.build import build as build_data
    from locany.pipeline.config import load_recipe

    config = load_recipe(recipe)
    progress = _progress()
    workers = workers or (None if ray else _num_cpus())
    runner = None if ray is None else _on_ray(ray, recipe, workers)
    try:
        with progress:
            manifest = build_data(
                config,
                out,
                workers=workers or 1,
                limit=limit,
                recipe=recipe,
                runner=runner,
                watcher=progress,
            )
    except KeyboardInterrupt:
        say(f"interrupted; what is finished stays in {out}, and the same command goes on from there")
        raise
    _report(manifest, out)
    return 0


def _report(manifest: dict[str, Any], out: Path) -> None:
    num_bytes = sum(shard["bytes"] for shard in manifest["shards"])
    num_shards = len(manifest["shards"])
    write_line(
        f"{out}: {manifest['samples']} samples, {manifest['questions']} questions, "
        f"{manifest['targets']} targets, {num_bytes / 1e6:.1f} MB in {num_shards} "
        f"shard{'s' * (num_shards != 1)}"
    )
    for source in manifest["recipe"]["sources"]:
        written = source["written"]
        write_line(f"  {source['name']:<16} {written['samples']:>8} of {source['asked']}")
    for step in manifest["steps"]:
        for reason, count in step["dropped"].items():
            write_line(f"  dropped {count}: {reason} ({step['name']})")
        if step["removed_questions"]:
            write_line(f"  removed {step['removed_questions']} questions ({step['name']})")


def _on_ray(address: str, recipe: Path, workers: int | None) -> Runner:
    def run(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        from locany.pipeline.run_ray import run_ray

        return run_ray(plan, parts, address, recipe=recipe, on_item=on_item, workers=workers)

    return run


def _num_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _progress() -> _Bar | _Lines:
    return _Bar() if sys.stderr.isatty() else _Lines()


class _Bar:
    """A progress bar on a terminal, with rate and remaining time."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: Any = None

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, num_items: int, num_done: int) -> None:
        self._task = self._progress.add_task("samples", total=num_items, completed=num_done, rate="")

    def item(self) -> None:
        speed = self._progress.tasks[0].speed
        self._progress.update(self._task, advance=1, rate=f"{speed:.1f}/s" if speed else "")

    def note(self, text: str) -> None:
        self._progress.print(text)


class _Lines:
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self._total = self._done = self._at_start = 0
        self._started = self._said = time.monotonic()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, num_items: int, num_done: int) -> None:
        self._total, self._done, self._at_start = num_items, num_done, num_done
        self._started = self._said = time.monotonic()
        say(f"making {num_items} samples" + (f", {num_done} are there already" if num_done else ""))

    def item(self) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._said >= _PLAIN_EVERY:
            self._said = now
            rate = (self._done - self._at_start) / (now - self._started)
            left = max(0, round((self._total - self._done) / rate))
            say(f"{self._done}/{self._total} samples, {rate:.1f}/s, {left // 60}:{left % 60:02} left")

    def note(self, text: str) -> None:
        say(text)
