"""A build from start to end: make the parts, find duplicates, write shards and manifest; go on after a kill.

    DIR/shard-00000.tar         samples, in the order of the recipe, `shard_size` in each but the last
    DIR/shard-00000.tar.json    marker of a shard: counts, SHA-256, index, names that are absent
    DIR/drops.jsonl             every sample that is not there, and why
    DIR/manifest.json           recipe, versions, names used, counts; written last
    DIR/parts/                  while the build is going on: what workers have made

Files appear whole, markers after what they mark. The same recipe gives the same bytes in DIR whatever the
number of workers, wherever they run, and however often the build was killed.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

from locany.data.entry import Entry
from locany.data.shards import (
    json_bytes,
    make_folder,
    marker_of,
    read_entries,
    read_marker,
    verify_shard,
    write_entries,
)
from locany.errors import DataError
from locany.files import locked_folder, write_whole
from locany.pipeline import manifest as manifests
from locany.pipeline.config import BuildConfig
from locany.pipeline.duplicates import Deduplicate
from locany.pipeline.plan import PartResult, Plan, make_plan
from locany.pipeline.run_local import run_local

MANIFEST, DROPS, PARTS = "manifest.json", "drops.jsonl", "parts"
_IDENTITY, _ALL_MADE = "recipe.json", "all-made"
DUPLICATE = "same image as an earlier sample"

Runner = Callable[[Plan, Sequence[int], Callable[[], None]], Iterator[PartResult]]


class Watcher(Protocol):
    """Is told how a build goes on."""

    def begin(self, num_items: int, num_done: int) -> None:
        """So many samples are to be made, of which so many were made by an earlier run."""

    def item(self) -> None:
        """One more sample is made, kept or dropped."""

    def note(self, text: str) -> None:
        """A new stage."""


class Silent:
    """A watcher that tells nobody."""

    def begin(self, num_items: int, num_done: int) -> None:
        pass

    def item(self) -> None:
        pass

    def note(self, text: str) -> None:
        pass


def build(
    config: BuildConfig,
    out: Path,
    *,
    workers: int = 1,
    limit: int | None = None,
    recipe: Path | None = None,
    runner: Runner | None = None,
    watcher: Watcher | None = None,
) -> dict[str, Any]:
    """Build a data set, or go on with a build that was interrupted; returns the manifest.

    Args:
        config: the recipe.
        out: the folder, new or empty or of the same build.
        workers: processes on this machine; 0 works in this one.
        limit: make the first so many samples only.
        recipe: the file of the recipe, needed if it defines steps of its own.
        runner: who makes the parts; None for processes on this machine.
        watcher: is told about progress.

    Raises:
        DataError: the folder has something else in it, another process builds there, or the recipe is wrong.
        LocanyError: something that an engine needs is missing, or workers die.
    """
    watcher = watcher or Silent()
    plan = make_plan(config, limit)
    made_by = manifests.identity(plan)
    make_folder(out)
    with locked_folder(out):
        if _claim(out, made_by):
            shutil.rmtree(out / PARTS, ignore_errors=True)
            watcher.note("this build is complete already")
            return _read(out / MANIFEST)
        _make_parts(plan, out / PARTS, runner or _on_this_machine(workers, recipe), watcher)
        document = _join(plan, out, watcher)
        write_whole(out / MANIFEST, json_bytes(document))
        shutil.rmtree(out / PARTS)
        return document


def _on_this_machine(workers: int, recipe: Path | None) -> Runner:
    def run(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        return run_local(plan, parts, workers, recipe=recipe, on_item=on_item)

    return run


def _claim(out: Path, made_by: dict[str, Any]) -> bool:
    """Whether the build is complete; a new one gets its place.

    Raises:
        DataError: the folder belongs to something else.
    """
    parts = out / PARTS
    if (out / MANIFEST).is_file():
        done = _read(out / MANIFEST)
        _same_build(out, _identity_of(done), made_by)
        missing = [s["file"] for s in done["shards"] if not _is_whole(out / s["file"])]
        if missing:
            raise DataError(
                f"{out} was built, but {missing[0]} is missing or damaged; build into a new folder"
            )
        return True
    if (parts / _IDENTITY).is_file():
        _same_build(out, _read(parts / _IDENTITY), made_by)
        return False
    others = [entry.name for entry in out.iterdir() if entry.name != PARTS]
    if others:
        raise DataError(
            f"{out} has other files in it, such as {sorted(others)[0]}; choose a new or empty folder"
        )
    parts.mkdir(exist_ok=True)
    write_whole(parts / _IDENTITY, json_bytes(made_by))
    return False


def _identity_of(document: dict[str, Any]) -> dict[str, Any]:
    """What a manifest says of the recipe, without what the build has added."""
    recipe = dict(document["recipe"])
    added = ("asked", "written")
    recipe["sources"] = [{k: v for k, v in s.items() if k not in added} for s in recipe["sources"]]
    versions = {name: value for name, value in document["versions"].items() if name != "browsers"}
    return {"format": document["format"], "recipe": recipe, "versions": versions}


def _same_build(out: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    found = manifests.differences(before, json.loads(json_bytes(now)))
    if found:
        shown = "; ".join(found[:4]) + (f"; and {len(found) - 4} more" if len(found) > 4 else "")
        raise DataError(
            f"{out} belongs to another build: {shown}. Choose another folder, or delete this one to start "
            "afresh"
        )


def _make_parts(plan: Plan, parts: Path, runner: Runner, watcher: Watcher) -> None:
    if (parts / _ALL_MADE).exists():
        return
    missing = [n for n in range(plan.num_parts) if not _is_whole(_part_path(parts, n))]
    left = sum(len(plan.part(n)) for n in missing)
    watcher.begin(plan.num_items, plan.num_items - left)
    if missing:
        for result in runner(plan, missing, watcher.item):
            path = _part_path(parts, result.number)
            write_whole(path, result.content)
            write_whole(marker_of(path), json_bytes(result.facts))
    missing = [n for n in range(plan.num_parts) if not _is_whole(_part_path(parts, n))]
    assert not missing, f"parts {missing} were not made"
    write_whole(parts / _ALL_MADE, b"")


def _join(plan: Plan, out: Path, watcher: Watcher) -> dict[str, Any]:
    """From parts to shards; returns the manifest."""
    watcher.note("writing shards")
    paths = [_part_path(out / PARTS, number) for number in range(plan.num_parts)]
    facts = [read_marker(path) or {} for path in paths]
    duplicates = _find_duplicates(plan, facts)
    keep = [[(n, row) not in duplicates for row in range(part["samples"])] for n, part in enumerate(facts)]
    drops = _all_drops(facts, duplicates)
    total = sum(map(sum, keep))
    if not total:
        raise DataError(f"not one of {plan.num_items} samples is left: {_main_reasons(drops)}")
    size, shards = plan.config.shard_size, []
    done = 0
    while _is_whole(shard := out / _shard_name(plan, done)) and done * size < total:
        shards.append(_shard_facts(shard))
        done += 1
    more = {"absent": dict(plan.absent)} if any(plan.absent.values()) else None
    entries = _kept_entries(paths, keep, skip=done * size)
    ends = list(accumulate(map(sum, keep)))
    for number in range(done, -(-total // size)):
        shard = out / _shard_name(plan, number)
        chunk = []
        for index in range(number * size, min(total, (number + 1) * size)):
            entry = next(entries)
            chunk.append(Entry(f"{index:09}", entry.image, entry.record))
        write_entries(shard, chunk, more)
        shards.append(_shard_facts(shard))
        for path, end in zip(paths, ends, strict=True):
            if end <= (number + 1) * size:  # all of it is in shards that are whole
                path.unlink(missing_ok=True)
    write_whole(out / DROPS, b"".join(_line(drop) for drop in drops))
    for part, kept in zip(facts, keep, strict=True):
        _leave_out(part, kept)
    return manifests.manifest(
        plan, facts, shards, Counter({DUPLICATE: len(duplicates)} if duplicates else {})
    )


def _find_duplicates(plan: Plan, facts: list[dict[str, Any]]) -> dict[tuple[int, int], tuple[int, int]]:
    """Part and row of each duplicate, with part and row of what stays."""
    for step in plan.config.steps:
        if isinstance(step, Deduplicate):
            places = [(n, row) for n, part in enumerate(facts) for row in range(part["samples"])]
            found = step.find([facts[n]["fingerprints"][row] for n, row in places])
            return {places[index]: places[first] for index, first in found.items()}
    return {}


def _all_drops(
    facts: list[dict[str, Any]], duplicates: dict[tuple[int, int], tuple[int, int]]
) -> list[dict[str, Any]]:
    """Every sample that is not written, part by part."""
    found = []
    for number, part in enumerate(facts):
        found += part["drops"]
        for row, (source, item) in enumerate(part["items"]):
            if first := duplicates.get((number, row)):
                kept_source, kept_item = facts[first[0]]["items"][first[1]]
                drop = {"source": source, "number": item, "step": "Deduplicate", "reason": DUPLICATE}
                found.append({**drop, "detail": f"{kept_source} {kept_item}"})
    return found


def _leave_out(part: dict[str, Any], keep: Sequence[bool]) -> None:
    """Take duplicates out of the counts of a part."""
    for row, kept in enumerate(keep):
        if not kept:
            count = part["counts"][part["items"][row][0]]
            for i, less in enumerate((1, *part["sizes"][row])):
                count[i] -= less


def _kept_entries(paths: Sequence[Path], keep: Sequence[Sequence[bool]], skip: int) -> Iterator[Entry]:
    """Entries of all parts in order, without duplicates and the first `skip`; parts are verified."""
    for path, kept in zip(paths, keep, strict=True):
        if skip >= sum(kept):
            skip -= sum(kept)
            continue
        verify_shard(path)
        for entry, wanted in zip(list(read_entries(path)), kept, strict=True):
            if not wanted:
                continue
            if skip:
                skip -= 1
                continue
            yield entry


def _main_reasons(drops: list[dict[str, Any]]) -> str:
    counts = Counter(f"{drop['step']}: {drop['reason']}" for drop in drops)
    return "; ".join(f"{reason} ({count})" for reason, count in counts.most_common(3))


def _part_path(parts: Path, number: int) -> Path:
    return parts / f"part-{number:06}.tar"


def _shard_name(plan: Plan, number: int) -> str:
    return f"shard-{number:05}.{plan.config.format}"


def _shard_facts(shard: Path) -> dict[str, Any]:
    marker = read_marker(shard)
    assert marker is not None
    return {"file": shard.name, **{name: marker[name] for name in ("samples", "bytes", "sha256")}}


def _is_whole(shard: Path) -> bool:
    """Whether a shard and its marker are there and fit together."""
    marker = read_marker(shard) if shard.is_file() else None
    return marker is not None and shard.stat().st_size == marker["bytes"]


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}") from error
    return document


def _line(drop: dict[str, Any]) -> bytes:
    return (json.dumps(drop, ensure_ascii=False) + "\n").encode()
