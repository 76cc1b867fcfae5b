"""Parts made by processes of this machine. They return bytes; nobody but the caller writes.

A worker that dies, fails or falls silent is replaced and its part tried once more, then the build stops with
the reason. Workers end by themselves when the process that started them is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from locany import errors
from locany.errors import LocanyError
from locany.pipeline.config import load_module
from locany.pipeline.plan import PartResult, Plan, make_part

_TRIES = 2
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run_local(
    plan: Plan,
    parts: Sequence[int],
    workers: int,
    *,
    recipe: Path | None = None,
    on_item: Callable[[], None] = lambda: None,
    silence: float = 300.0,
) -> Iterator[PartResult]:
    """Make parts, in whatever order they get ready.

    Args:
        plan: the plan.
        parts: their numbers.
        workers: processes, each with a browser of its own where an engine needs one; 0 works in this process.
        recipe: the file of the recipe, needed if it defines steps of its own.
        on_item: called after each sample, for a progress bar.
        silence: seconds without a finished sample after which a worker counts as stuck.

    Raises:
        LocanyError: a part cannot be made.
        RuntimeError: there is a bug in an engine or a step; the message has the worker's traceback.
    """
    if workers == 0:
        for number in parts:
            yield make_part(plan, number, on_item)
        return
    waiting = list(reversed(parts))
    tries: dict[int, int] = {}
    crew: list[_Worker] = []
    try:
        crew += [_Worker.start(plan, recipe) for _ in range(min(workers, len(parts)))]
        while waiting or any(worker.part is not None for worker in crew):
            for worker in crew:
                if worker.part is None and waiting:
                    worker.give(waiting.pop())
            for worker in _ready(crew, silence):
                outcome = worker.hear(silence)
                if outcome is None:
                    continue
                if isinstance(outcome, PartResult):
                    worker.part = None
                    yield outcome
                elif outcome == "item":
                    on_item()
                elif worker.part is None:  # nothing is lost with an idle one
                    crew.remove(worker)
                    worker.end(at_once=True)
                else:
                    part = worker.part
                    tries[part] = tries.get(part, 0) + 1
                    if tries[part] >= _TRIES or isinstance(outcome, LocanyError):
                        raise _final(outcome, plan, part)
                    waiting.append(part)
                    crew[crew.index(worker)] = _Worker.start(plan, recipe)
                    worker.end(at_once=True)
    except BaseException:
        for worker in crew:
            worker.end(at_once=True)
        raise
    else:
        for worker in crew:
            worker.end()
    finally:  # also where the caller stops listening
        for worker in crew:
            worker.end(at_once=True)


@dataclass(eq=False)
class _Worker:
    """A process and the part that it is busy with."""

    process: Any
    connection: Connection
    part: int | None = None
    heard: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, plan: Plan, recipe: Path | None) -> _Worker:
        # Spawned, not forked: a browser's library and its threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, recipe), daemon=True)
        with _environment(_ONE_THREAD):
            process.start()
        theirs.close()
        worker = cls(process, ours)
        worker._send(plan)
        return worker

    def give(self, part: int) -> None:
        self.part, self.heard = part, time.monotonic()
        self._send(part)

    def hear(self, silence: float) -> PartResult | str | Exception | None:
        """A finished part, "item" for a finished sample, an error, or None when there is no news."""
        try:
            if self.connection.poll():
                self.heard = time.monotonic()
                message: PartResult | str | Exception = self.connection.recv()
                return message
        except (EOFError, OSError):
            self.process.join(5)
            return _Death(f"a worker process died (exit code {self.process.exitcode})")
        if self.is_stuck(silence):
            return _Death(f"a worker process made nothing for {silence:.0f} seconds")
        return None

    def is_stuck(self, silence: float) -> bool:
        """Whether it is busy and nothing was heard of it for longer than `silence` seconds."""
        return self.part is not None and time.monotonic() - self.heard > silence

    def end(self, at_once: bool = False) -> None:
        self.connection.close()  # an idle worker sees that and leaves, closing its browser
        if not at_once:
            self.process.join(10)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(2)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()

    def _send(self, message: Any) -> None:
        with suppress(OSError):  # it is dead, which `hear` finds out
            self.connection.send(message)


class _Death(Exception):  # noqa: N818
    """A worker is no more, or no use."""


class _Bug(Exception):  # noqa: N818
    """An exception that is not meant for users, with its traceback as text."""


def _ready(crew: Sequence[_Worker], silence: float) -> list[_Worker]:
    """Workers with news, and those that are stuck: they have none, however much the others have."""
    found = set(wait([worker.connection for worker in crew], timeout=1.0))
    return [worker for worker in crew if worker.connection in found or worker.is_stuck(silence)]


def _final(outcome: Any, plan: Plan, part: int) -> Exception:
    """What ends the build."""
    if isinstance(outcome, LocanyError):
        return outcome
    if isinstance(outcome, _Bug):
        return RuntimeError(f"part {part} failed twice:\n{outcome}")
    first, last = (f"{plan.config.sources[s].name} {n}" for s, n in (plan.part(part)[0], plan.part(part)[-1]))
    return LocanyError(
        f"{outcome}, twice, while it made part {part} (from {first} to {last}); if the machine is short of "
        "memory, use fewer workers; what is finished is kept, and the same command goes on from there"
    )


def _work(connection: Connection, recipe: Path | None) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us, too; the parent decides what follows
    try:
        if recipe is not None:
            load_module(recipe)  # what it defines has to be known before the plan arrives
        plan: Plan = connection.recv()
        while True:
            part = connection.recv()
            try:
                message: Any = make_part(plan, part, lambda: connection.send("item"))
            except (BrokenPipeError, ConnectionResetError):
                raise
            except LocanyError as error:
                message = portable(error)
            except Exception:
                message = _Bug(traceback.format_exc())
            connection.send(message)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone, or done


def portable(error: LocanyError) -> LocanyError:
    """An error of the same kind that can be sent to another process."""
    kind = type(error) if type(error).__name__ in vars(errors) else errors.DataError
    return LocanyError(str(error)) if kind is errors.MissingExtraError else kind(str(error))


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Variables that a process started inside inherits."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
