"""Who runs next: a queue in order of arrival and a limited number of rows."""

from __future__ import annotations

from collections import deque

from locany.engine.request import Request


class Scheduler:
    """First come, first served; a row is free as soon as its answer is over."""

    def __init__(self, max_rows: int):
        self.max_rows = max_rows
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []

    @property
    def is_idle(self) -> bool:
        return not self.waiting and not self.running

    def add(self, request: Request) -> None:
        self.waiting.append(request)

    def admit(self) -> list[Request]:
        """Move waiting requests to running while rows are free; returns the new ones."""
        free = self.max_rows - len(self.running)
        new = [self.waiting.popleft() for _ in range(min(len(self.waiting), free))]
        self.running += new
        return new

    def retire(self, row: int) -> tuple[Request, Request | None, int]:
        """Take a finished request out; the last running one takes its row.

        Returns:
            The finished request, the request that moved (None if it was the last row), and where it was.
        """
        request, last_row = self.running[row], len(self.running) - 1
        moved = self.running.pop()
        if row == last_row:
            return request, None, last_row
        self.running[row] = moved
        return request, moved, last_row
