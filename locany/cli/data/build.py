"""Make a data set after a recipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter, validators

from locany.cli.messages import say, warnings_as_remarks
from locany.cli.progress import progress
from locany.cli.report import write_line
from locany.wording import counted

if TYPE_CHECKING:
    from locany.pipeline.build import Runner
    from locany.pipeline.plan import PartResult, Plan

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
    bar = progress("samples", "making")
    workers = workers or (None if ray else _num_cpus())
    runner = None if ray is None else _on_ray(ray, recipe, workers)
    try:
        with bar, warnings_as_remarks(quiet=False):
            manifest = build_data(
                config,
                out,
                workers=workers or 1,
                limit=limit,
                recipe=recipe,
                runner=runner,
                watcher=bar,
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
        f"{out}: {counted(manifest['samples'], 'sample')}, {counted(manifest['questions'], 'question')}, "
        f"{counted(manifest['targets'], 'target')}, {num_bytes / 1e6:.1f} MB in "
        f"{counted(num_shards, 'shard')}"
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
