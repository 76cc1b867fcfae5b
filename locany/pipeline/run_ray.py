"""Parts made by the machines of a Ray cluster, by the same list of steps.

Rows of a Ray Data set are part numbers; workers return bytes, the driver writes them: no shared file system
is needed. What was on a machine that is lost is made again by the others. Every machine has locany installed,
with what the engines draw with; data sets and modules that a recipe names have to be there, too.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from locany import errors
from locany.errors import LocanyError, MissingExtraError
from locany.pipeline.config import load_module
from locany.pipeline.plan import PartResult, Plan, make_part

_MAX_BLOCKS = 10_000  # tasks; more parts share one


def run_ray(
    plan: Plan,
    parts: Sequence[int],
    address: str,
    *,
    recipe: Path | None = None,
    on_item: Callable[[], None] = lambda: None,
    workers: int | None = None,
) -> Iterator[PartResult]:
    """Make parts on a cluster, in whatever order they get ready.

    Args:
        plan: the plan.
        parts: their numbers.
        address: of the cluster ("host:port", "ray://host:port", "auto"), or "local" for one of its own.
        recipe: the file of the recipe, needed if it defines steps of its own.
        on_item: called for each sample of a part when the part has arrived.
        workers: CPUs of a "local" cluster; None for all of this machine.

    Raises:
        LocanyError: a part cannot be made, or the cluster cannot be reached.
        MissingExtraError: Ray is not installed.
    """
    ray = connect(address, workers)
    if recipe is not None:  # the other machines do not have the file
        ray.cloudpickle.register_pickle_by_value(load_module(recipe))
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False  # a slow part holds up nobody
    shipped = ray.put(ray.cloudpickle.dumps(plan))

    def make(row: Mapping[str, Any]) -> dict[str, Any]:
        number = int(row["item"])
        try:
            result = make_part(ray.cloudpickle.loads(ray.get(shipped)), number)
        except LocanyError as error:
            return {
                "number": number,
                "content": b"",
                "facts": "",
                "error": [type(error).__name__, str(error)],
            }
        return {"number": number, "content": result.content, "facts": json.dumps(result.facts), "error": []}

    rows = ray.data.from_items(list(parts), override_num_blocks=min(len(parts), _MAX_BLOCKS))
    try:
        for row in rows.map(make, num_cpus=1).iter_rows():
            if len(row["error"]):
                raise _error(*row["error"])
            number = int(row["number"])
            for _ in plan.part(number):
                on_item()
            yield PartResult(number, bytes(row["content"]), json.loads(row["facts"]))
    finally:
        if address == "local":
            ray.shutdown()


def connect(address: str, workers: int | None, purpose: str = "building on a cluster") -> Any:
    """The module `ray`, connected.

    Args:
        address: as for `run_ray`.
        workers: CPUs of a "local" cluster; None for all of this machine.
        purpose: what Ray is needed for, in the words of an error.

    Raises:
        LocanyError: no cluster answers. MissingExtraError: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError("ray[data]", "ray", purpose) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    logging.getLogger("ray.data").setLevel(logging.WARNING)  # it tells of every stage, and we have a bar
    if not ray.is_initialized():
        _answers(address)
        cpus = workers if address == "local" else None
        try:
            ray.init(address=address, num_cpus=cpus, log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _no_cluster(address, error) from error
    return ray


def _answers(address: str) -> None:
    """Whether anything listens at host:port; Ray itself would try for a quarter of an hour.

    Raises:
        LocanyError: nothing does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> LocanyError:
    return LocanyError(
        f"no Ray cluster answers at {address!r} ({error}); start one with 'ray start --head' and "
        "give its address, or 'local' for this machine alone"
    )


def _error(kind: str, text: str) -> LocanyError:
    """The error of a worker, of its own kind where that is made from a text alone."""
    found = getattr(errors, kind, LocanyError)
    return LocanyError(text) if found is MissingExtraError else found(text)
