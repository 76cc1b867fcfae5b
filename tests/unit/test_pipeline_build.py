"""locany.pipeline.build: the same bytes whoever makes them and however often it is killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locany.data.sample import ImageRef, Sample
from locany.data.shard_folder import ShardFolder
from locany.data.shards import read_shards, write_shard
from locany.errors import DataError, LocanyError
from locany.pipeline import run_local as run_local_module
from locany.pipeline.build import DUPLICATE, build
from locany.pipeline.config import DEFAULT_STEPS, BuildConfig, DatasetSource, RenderSource, load_recipe
from locany.pipeline.plan import PartResult, Plan, make_part, make_plan
from locany.pipeline.run_local import run_local
from locany.pipeline.steps import Step
from locany.synth.splits import HELD_OUT
from tests.unit import squares
from tests.unit.processes import wait_until, wait_until_group_ended

ROOT = Path(__file__).resolve().parents[2]


def recipe(
    *more: Step, num_samples: int = 150, config: squares.Config | None = None, **fields: Any
) -> BuildConfig:
    config = config or squares.Config(blank_every=20, silent_every=30, repeat_every=25)
    sources = (
        RenderSource("tests.unit.squares", num_samples, config),
        RenderSource("tests.unit.squares", 30, first_seed=10_000, name="more"),
    )
    return BuildConfig(sources, (*DEFAULT_STEPS, *more), **{"shard_size": 50, **fields})


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The recipe built in this process; do not write to it."""
    out = tmp_path_factory.mktemp("built")
    return out, build(recipe(), out, workers=0)


def test_what_is_built(built: tuple[Path, dict[str, Any]]) -> None:
    out, manifest = built
    assert manifest == json.loads((out / "manifest.json").read_bytes())
    drops = [json.loads(line) for line in (out / "drops.jsonl").read_text().splitlines()]
    # Seeds 1, 21, ... are blank, 2, 32, ... have no questions, 25, 50, ... repeat the image of 0.
    reasons = Counter((drop["step"], drop["reason"]) for drop in drops)
    assert reasons == {
        ("NotBlank", "blank image"): 8,
        ("HasQuestions", "no questions"): 5,
        ("Deduplicate", DUPLICATE): 5,
    }
    assert {drop["number"] for drop in drops if drop["step"] == "HasQuestions"} == {2, 32, 62, 92, 122}
    same = [drop for drop in drops if drop["step"] == "Deduplicate"]
    assert [(drop["number"], drop["detail"]) for drop in same] == [
        (seed, "squares 0") for seed in (25, 50, 75, 100, 125)
    ]
    assert all(drop["source"] == "squares" for drop in drops)

    samples = list(read_shards(out, verify=True))
    assert len(samples) == manifest["samples"] == 180 - len(drops)
    made = [(s.provenance["source"], s.provenance["seed"]) for s in samples]
    gone = {(drop["source"], drop["number"]) for drop in drops}
    wanted = {("squares", seed) for seed in range(150)} | {("more", 10_000 + i) for i in range(30)}
    assert set(made) == wanted - gone
    assert len(set(made)) == len(made)
    by_name = {source["name"]: source for source in manifest["recipe"]["sources"]}
    assert by_name["squares"]["written"]["samples"] == 150 - len(drops)
    assert by_name["more"]["written"]["samples"] == by_name["more"]["asked"] == 30
    assert sum(s["written"]["questions"] for s in by_name.values()) == sum(len(s.questions) for s in samples)
    assert [shard["samples"] for shard in manifest["shards"]] == [50, 50, 50, 12]
    assert {"parts", "recipe.json"} & set(files_of(out)) == set()
    for step in manifest["steps"]:
        assert step["dropped"] == {reason: n for (name, reason), n in reasons.items() if name == step["name"]}
    assert manifest["steps"][-1]["forwarded"] == manifest["samples"]


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_manifest_names_what_was_used_and_no_place_or_time(built: tuple[Path, dict[str, Any]]) -> None:
    out, manifest = built
    assert manifest["recipe"]["sources"][0]["names_used"] == {"fonts": ["inter"]}
    assert manifest["versions"]["engines"] == {"tests.unit.squares": 1}
    text = (out / "manifest.json").read_text()
    assert str(Path.home()) not in text
    assert str(out) not in text
    assert str(ROOT) not in text


def test_samples_are_what_the_engine_makes(built: tuple[Path, dict[str, Any]]) -> None:
    folder = ShardFolder(built[0])
    for index in (0, 49, 50, len(folder) - 1):
        sample = folder[index]
        seed = int(sample.provenance["seed"])
        rendered = squares.render(seed)
        assert sample.questions == rendered.questions
        assert abs(sample.pixels().astype(int) - rendered.pixels()).mean() < 4


@pytest.mark.parametrize("workers", [1, 2])
def test_same_bytes_with_any_number_of_workers(
    built: tuple[Path, dict[str, Any]], workers: int, tmp_path: Path
) -> None:
    build(recipe(), tmp_path, workers=workers)
    assert files(tmp_path) == files(built[0])


def test_same_bytes_when_parts_come_in_any_order(built: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    def backwards(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        for part in reversed(parts):
            yield make_part(plan, part, on_item)

    build(recipe(), tmp_path, runner=backwards)
    assert files(tmp_path) == files(built[0])


def test_parquet_holds_the_same_samples(built: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    build(recipe(format="parquet"), tmp_path / "a", workers=0)
    build(recipe(format="parquet"), tmp_path / "b", workers=2)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    tar, parquet = ShardFolder(built[0]), ShardFolder(tmp_path / "a")
    assert len(tar) == len(parquet)
    for index in (0, 60, len(tar) - 1):
        assert tar.key(index) == parquet.key(index) == f"{index:09}"
        assert tar[index] == parquet[index]


_KILLED = """
import sys
from pathlib import Path
from tests.unit.test_pipeline_build import recipe, squares
from locany.pipeline.build import build
if __name__ == "__main__":
    build(recipe(config=squares.Config(seconds=0.012)), Path(sys.argv[1]), workers=2)
"""


def test_killed_and_started_again(tmp_path: Path) -> None:
    """SIGKILL to all processes of a build, twice, at moments when some parts are there and some are not."""
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    out = tmp_path / "out"
    for wanted in (1, 3):
        process = subprocess.Popen(
            [sys.executable, script, out], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )  # fmt: skip
        wait_until(lambda n=wanted: len(list((out / "parts").glob("*.tar.json"))) >= n, process)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (out / "manifest.json").exists()
    config = recipe(config=squares.Config(seconds=0.012))
    made: list[int] = []

    def counting(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        made.extend(parts)
        return run_local(plan, parts, 2, on_item=on_item)

    build(config, out, runner=counting)
    assert 0 < len(made) <= make_plan(config).num_parts - 3, "what was made before is not made again"
    build(config, tmp_path / "whole", workers=2)
    assert files(out) == files(tmp_path / "whole")
    numbers = [(s.provenance["source"], s.provenance["seed"]) for s in read_shards(out, verify=True)]
    assert len(numbers) == len(set(numbers))


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    """Only the parent is killed; its workers notice."""
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, script, out], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: any((out / "parts").glob("*.tar.json")), process)
    process.kill()
    process.wait()
    wait_until_group_ended(process)


@pytest.mark.parametrize("moment", range(0, 16, 3))
def test_interrupted_while_shards_are_written(
    built: tuple[Path, dict[str, Any]], moment: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from locany.data import shards
    from locany.pipeline import build as module

    writes = 0
    write = shards.write_whole

    def fails_late(path: Path, content: bytes) -> None:
        nonlocal writes
        if path.parent == tmp_path:
            writes += 1
            if writes > moment:
                raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "write_whole", fails_late)
        patch.setattr(module, "write_whole", fails_late)
        try:
            build(recipe(), tmp_path, workers=0)
        except KeyboardInterrupt:
            assert not (tmp_path / "manifest.json").exists()
    build(recipe(), tmp_path, workers=0)
    assert files(tmp_path) == files(built[0])


def test_a_finished_build_is_left_alone(built: tuple[Path, dict[str, Any]]) -> None:
    before = {path: path.stat().st_mtime_ns for path in built[0].iterdir()}
    assert build(recipe(), built[0], workers=2) == built[1]
    assert {path: path.stat().st_mtime_ns for path in built[0].iterdir()} == before


def test_another_recipe_in_the_same_folder_is_refused(
    built: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"belongs to another build: recipe\.shard_size was 50, now 60"):
        build(recipe(shard_size=60), built[0], workers=0)
    with pytest.raises(DataError, match=r"config\.side was 96, now 64"):
        build(recipe(config=squares.Config(side=64, blank_every=20)), built[0], workers=0)
    with pytest.raises(DataError, match=r"recipe\.samples was 180, now 20"):
        build(recipe(), built[0], workers=0, limit=20)

    def stops(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        yield make_part(plan, parts[0], on_item)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(recipe(), tmp_path, runner=stops)
    with pytest.raises(DataError, match="belongs to another build: recipe"):
        build(recipe(squares.EvenOnly()), tmp_path, workers=0)


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(DataError, match=r"other files in it, such as holiday\.jpg"):
        build(recipe(), tmp_path, workers=0)


def test_two_builds_in_one_folder_are_refused(tmp_path: Path) -> None:
    def builds_again(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        with pytest.raises(DataError, match="another process writes to"):
            build(recipe(), tmp_path, workers=0)
        return run_local(plan, parts, 0, on_item=on_item)

    build(recipe(), tmp_path, runner=builds_again)


def test_damage_is_found_before_it_spreads(tmp_path: Path) -> None:
    def stops(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        yield make_part(plan, parts[0], on_item)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(recipe(), tmp_path, runner=stops)
    part = tmp_path / "parts" / "part-000000.tar"
    content = bytearray(part.read_bytes())
    content[700] ^= 1
    part.write_bytes(content)
    with pytest.raises(DataError, match=r"part-000000\.tar is damaged"):
        build(recipe(), tmp_path, workers=0)


def test_nothing_left_says_why(tmp_path: Path) -> None:
    source = RenderSource("tests.unit.squares", 9, squares.Config(blank_every=2), first_seed=1)
    with pytest.raises(DataError, match="not one of 1 samples is left: NotBlank: blank image"):
        build(BuildConfig((source,)), tmp_path, workers=0, limit=1)


def test_a_worker_that_dies_is_replaced_once(tmp_path: Path) -> None:
    witness = str(tmp_path / "witness")
    once = recipe(squares.DieAt(50, witness))
    build(once, tmp_path / "died", workers=2)
    assert Path(witness).exists()
    again = build(once, tmp_path / "lived", workers=1)
    assert again["samples"] == 162
    assert files(tmp_path / "died") == files(tmp_path / "lived")


def test_a_worker_that_always_dies_ends_the_build(tmp_path: Path) -> None:
    with pytest.raises(LocanyError, match=r"died \(exit code 13\), twice, while it made part 1 \(from "):
        build(recipe(squares.DieAt(50)), tmp_path, workers=2)


def test_a_worker_that_falls_silent_ends_the_build() -> None:
    plan = make_plan(recipe(squares.HangAt(3), num_samples=10))
    started = time.monotonic()
    with pytest.raises(LocanyError, match="made nothing for 1 seconds, twice"):
        list(run_local(plan, range(plan.num_parts), 1, silence=1.0))
    assert time.monotonic() - started < 30


def test_a_worker_that_falls_silent_is_noticed_while_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stub:
        exitcode = None

        def is_alive(self) -> bool:
            return False

    def work(connection: Connection) -> None:
        """Part 0 hangs; any other has news for ten seconds."""
        with suppress(EOFError, OSError):  # we are not needed any more
            part = connection.recv()
            for _ in range(200 if part else 0):
                connection.send("item")
                time.sleep(0.05)
            if part:
                connection.send(PartResult(part, b"", {}))
            connection.recv()

    def start(plan: Plan, recipe: Path | None) -> run_local_module._Worker:
        ours, theirs = multiprocessing.Pipe()
        threading.Thread(target=work, args=(theirs,), daemon=True).start()
        return run_local_module._Worker(Stub(), ours)

    monkeypatch.setattr(run_local_module._Worker, "start", start)
    plan = make_plan(recipe(num_samples=64))
    made = []
    with pytest.raises(LocanyError, match="made nothing for 0 seconds, twice, while it made part 0 "):
        made.extend(run_local(plan, [0, 1], 2, silence=0.4))
    assert made == []  # and not only once the other had nothing left to do


def test_errors_of_workers_name_the_sample(tmp_path: Path) -> None:
    for workers in (0, 1):
        with pytest.raises(DataError, match="source 'squares', number 50: this will not do"):
            build(recipe(squares.FailAt(50)), tmp_path / str(workers), workers=workers)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        build(recipe(squares.FailAt(50, bug=True)), tmp_path / "bug", workers=1)


def test_data_sets_are_sources_too(tmp_path: Path) -> None:
    stored = [(f"{i}", squares.render(i)) for i in range(40)]
    there = {"file": str(tmp_path / "set" / "a.json"), "seed": 0, "list": "/elsewhere/b.json"}
    stored[0] = ("0", replace(stored[0][1], provenance=there))
    broken = squares.render(40)
    stored.append(("40", Sample(ImageRef(b"\x89PNG\r\n\x1a\nbroken", broken.size_wh), broken.questions)))
    (tmp_path / "set").mkdir()
    write_shard(tmp_path / "set" / "a.tar", stored)
    sources = (
        DatasetSource(tmp_path / "set", name="mine"),
        RenderSource("tests.unit.squares", 20, first_seed=30),
    )
    manifest = build(BuildConfig(sources, shard_size=25), tmp_path / "out", workers=2)
    assert manifest["steps"][0]["dropped"] == {"cannot be read": 1}
    assert manifest["steps"][-1]["dropped"] == {DUPLICATE: 10}
    assert manifest["samples"] == 41 + 20 - 1 - 10
    assert str(tmp_path) not in (tmp_path / "out" / "manifest.json").read_text()
    mine = [s for s in read_shards(tmp_path / "out") if s.provenance["source"] == "mine"]
    assert mine[0].provenance == {"file": "set/a.json", "seed": 0, "list": "b.json", "source": "mine"}
    for sample in mine:
        assert (
            np.abs(sample.pixels().astype(int) - squares.render(sample.provenance["seed"]).pixels()).mean()
            < 4
        )
    with pytest.raises(DataError, match="has 41 samples, the recipe wants 99"):
        make_plan(BuildConfig((DatasetSource(tmp_path / "set", 99),)))


def test_the_smoke_recipe(needs_render: None, tmp_path: Path) -> None:
    """All four engines: nothing held out is used, and pages do not depend on the pages before them."""
    smoke = load_recipe(ROOT / "recipes" / "data" / "smoke.py")
    manifest = build(smoke, tmp_path / "a", workers=1, limit=40)
    for source in manifest["recipe"]["sources"]:
        assert source["written"]["samples"] > 0
        assert any(source["names_used"].values())
        for kind, names in source["names_used"].items():
            assert not set(names) & HELD_OUT[kind], (source["name"], kind)

    def backwards(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        return run_local(plan, list(reversed(parts)), 1, on_item=on_item)

    build(smoke, tmp_path / "b", limit=40, runner=backwards)
    assert files(tmp_path / "a") == files(tmp_path / "b")
