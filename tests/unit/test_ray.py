"""A build on a Ray cluster of two nodes, one of which is lost on the way: the same bytes as locally."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from locany.cli.main import run
from locany.errors import DataError, LocanyError, MissingAssetsError
from locany.pipeline import run_ray as run_ray_module
from locany.pipeline.build import build
from locany.pipeline.config import DEFAULT_STEPS, BuildConfig, RenderSource
from locany.pipeline.plan import PartResult, Plan, make_plan
from locany.pipeline.run_ray import run_ray
from tests.unit import squares

try:
    import ray
    from ray.cluster_utils import Cluster
except ImportError:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip("Ray is not installed; run: pip install 'locany[ray]'", allow_module_level=True)

_STORE = 100 * 2**20  # bytes; the smallest that Ray takes is 75 MiB
ROOT = str(Path(__file__).resolve().parents[2])


def recipe(*steps: Any, seconds: float = 0.01) -> BuildConfig:
    config = squares.Config(blank_every=20, repeat_every=25, seconds=seconds)
    source = RenderSource("tests.unit.squares", 400, config)
    return BuildConfig((source,), (*DEFAULT_STEPS, *steps), shard_size=100)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of one node, connected; tests add nodes to it."""
    impatient = {  # by default a node is given up after half a minute
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 300,
        "health_check_timeout_ms": 1000,
        "health_check_failure_threshold": 4,
    }
    settings: dict[str, Any] = {"num_cpus": 1, "object_store_memory": _STORE, "include_dashboard": False}
    settings["_system_config"] = impatient
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args=settings)
    variables = {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1"}  # engine and steps of this test lie there
    ray.init(address=cluster.address, log_to_driver=False, runtime_env={"env_vars": variables})
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_a_node_is_lost_and_the_bytes_are_the_same(cluster: Cluster, tmp_path: Path) -> None:
    lost = cluster.add_node(num_cpus=1, object_store_memory=_STORE)
    cluster.wait_for_nodes()
    alive: list[int] = []
    arrived: list[int] = []

    def on_ray(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        for result in run_ray(plan, parts, cluster.address, on_item=on_item):
            arrived.append(result.number)
            if len(arrived) == 3:
                alive.append(len([node for node in ray.nodes() if node["Alive"]]))
                cluster.remove_node(lost, allow_graceful=False)
            yield result

    build(recipe(), tmp_path / "ray", runner=on_ray)
    alive.append(len([node for node in ray.nodes() if node["Alive"]]))
    assert alive == [2, 1]
    assert sorted(arrived) == list(range(make_plan(recipe()).num_parts))

    build(recipe(), tmp_path / "local", workers=2)
    names = sorted(path.name for path in (tmp_path / "local").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "ray").iterdir())
    for name in names:
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes(), name


def test_errors_of_the_cluster_are_those_of_one_machine(cluster: Cluster, tmp_path: Path) -> None:
    def on_ray(plan: Plan, parts: Sequence[int], on_item: Callable[[], None]) -> Iterator[PartResult]:
        return run_ray(plan, parts, cluster.address, on_item=on_item)

    with pytest.raises(DataError, match="source 'squares', number 50: this will not do"):
        build(recipe(squares.FailAt(50), seconds=0), tmp_path / "data", runner=on_ray)
    with pytest.raises(MissingAssetsError, match="no browser here"):
        build(recipe(squares.LackAt(50), seconds=0), tmp_path / "assets", runner=on_ray)


_RECIPE = """
from dataclasses import dataclass
from locany.pipeline.config import BuildConfig, DEFAULT_STEPS, RenderSource
from locany.pipeline.steps import Dropped, Step

@dataclass(frozen=True)
class OwnStep(Step):
    every: int = 3
    def apply(self, item):
        if item.number % self.every == 0:
            raise Dropped("every third")
        return item

def recipe():
    return BuildConfig((RenderSource("tests.unit.squares", 70),), (OwnStep(), *DEFAULT_STEPS))
"""


def test_steps_of_the_recipe_travel(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command line, with a step that only the recipe's file defines."""
    path = tmp_path / "own.py"
    path.write_text(_RECIPE)
    assert run(["data", "build", str(path), "--out", str(tmp_path / "a"), "--ray", cluster.address]) == 0
    assert "dropped 24: every third (OwnStep)" in capsys.readouterr().out
    assert run(["data", "build", str(path), "--out", str(tmp_path / "b"), "--workers", "1"]) == 0
    for one in (tmp_path / "b").iterdir():
        assert one.read_bytes() == (tmp_path / "a" / one.name).read_bytes(), one.name


def test_no_cluster_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(**_: Any) -> None:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuses)
    monkeypatch.setattr(run_ray_module, "_answers", lambda address: None)
    with pytest.raises(LocanyError, match="no Ray cluster answers at 'nowhere:1'"):
        list(run_ray(make_plan(recipe()), [0], "nowhere:1"))


def test_nothing_listens_there() -> None:
    with pytest.raises(LocanyError, match=r"no Ray cluster answers at '127.0.0.1:1'"):
        run_ray_module._answers("127.0.0.1:1")
    run_ray_module._answers("auto")  # Ray knows where that is
