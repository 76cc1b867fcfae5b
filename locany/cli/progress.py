"""How a long piece of work goes on: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from locany.cli.messages import say

_PLAIN_EVERY = 10.0  # seconds between lines where no bar can be shown


def progress(noun: str, verb: str) -> Bar | Lines:
    """What suits stderr.

    Args:
        noun: what is counted, such as "samples"; verb: what is done with them, such as "making".
    """
    return Bar(noun) if sys.stderr.isatty() else Lines(noun, verb)


class Bar:
    """A progress bar on a terminal, with rate and remaining time."""

    def __init__(self, noun: str) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._noun = noun
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

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, num_items: int, num_done: int) -> None:
        """So many are to be done, of which so many were done by an earlier run."""
        self._task = self._progress.add_task(self._noun, total=num_items, completed=num_done, rate="")

    def item(self) -> None:
        """One more is done."""
        speed = self._progress.tasks[0].speed
        self._progress.update(self._task, advance=1, rate=_pace(speed) if speed else "")

    def note(self, text: str) -> None:
        """A remark on a line of its own."""
        self._progress.print(text)


class Lines:
    """A line now and then, for logs."""

    def __init__(self, noun: str, verb: str) -> None:
        self._noun, self._verb = noun, verb
        self._total = self._done = self._at_start = 0
        self._started = self._said = time.monotonic()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, num_items: int, num_done: int) -> None:
        """So many are to be done, of which so many were done by an earlier run."""
        self._total, self._done, self._at_start = num_items, num_done, num_done
        self._started = self._said = time.monotonic()
        there = f", {num_done} are there already" if num_done else ""
        say(f"{self._verb} {num_items} {self._noun}{there}")

    def item(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._said >= _PLAIN_EVERY:
            self._said = now
            rate = (self._done - self._at_start) / (now - self._started)
            left = max(0, round((self._total - self._done) / rate))
            say(f"{self._done}/{self._total} {self._noun}, {_pace(rate)}, {left // 60}:{left % 60:02} left")

    def note(self, text: str) -> None:
        """A remark on a line of its own."""
        say(text)


def _pace(rate: float) -> str:
    """How fast it goes: what takes longer than a second is said in seconds, for 0.0/s says nothing."""
    return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
