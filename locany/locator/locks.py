"""What threads that share an engine wait at: one uses it at a time."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType

from locany.engine import Engine, Request


class EngineLock:
    """A lock around an engine. Whoever lets go of it cancels what others wanted cancelled meanwhile."""

    def __init__(self, engine: Engine):
        self._engine, self._lock = engine, threading.Lock()
        self._unwanted: deque[Request] = deque()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        self._cancel_unwanted()

    def locked(self) -> bool:
        return self._lock.locked()

    def cancel(self, request: Request) -> None:
        """Take a request out of the engine: now, or where the lock is held, as soon as it is let go of.

        Never waits: the garbage collector may close a generator in the middle of a step of its own thread.
        """
        self._unwanted.append(request)
        self._cancel_unwanted()

    def _cancel_unwanted(self) -> None:
        # Who cannot have the lock here has added to the queue before its holder looks into it.
        while self._unwanted and self._lock.acquire(blocking=False):
            try:
                while self._unwanted:
                    self._engine.cancel(self._unwanted.popleft())
            finally:
                self._lock.release()


class EngineLocks:
    """The lock of an engine, and the door before it.

    Attributes:
        lock: held while the engine is used.
        door: held while waiting for the lock, and by nobody for a whole step. A thread that makes step after
            step takes the lock again before any other wakes up, and without a door keeps it for a hundred.
    """

    def __init__(self, engine: Engine):
        self.lock, self.door = EngineLock(engine), threading.Lock()
