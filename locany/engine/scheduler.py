"""Who runs next: a queue in order of arrival, a limited number of rows, and a budget of cache slots.

Strictly first come, first served: a large request at the head of the queue waits until it fits, and nobody
overtakes it, so that nobody waits for ever.
"""

from __future__ import annotations

from collections import deque

from locany.engine.request import Request


class Scheduler:
    """Requests by where they are.

    Attributes:
        waiting: not begun; preparing: their images and prefixes are being computed; running: request i has
            row i.
        needs: most tokens that a begun request can come to hold.
    """

    def __init__(self, max_rows: int, max_tokens: int):
        self.max_rows, self.max_tokens = max_rows, max_tokens
        self.waiting: deque[Request] = deque()
        self.preparing: list[Request] = []
        self.running: list[Request] = []
        self.needs: dict[int, int] = {}

    @property
    def is_idle(self) -> bool:
        return not (self.waiting or self.preparing or self.running)

    @property
    def num_begun(self) -> int:
        return len(self.preparing) + len(self.running)

    def add(self, request: Request, need: int) -> None:
        self.waiting.append(request)
        self.needs[id(request)] = need

    def admit(self) -> list[Request]:
        """Move requests from waiting to preparing while they fit; returns these."""
        new: list[Request] = []
        longest = max((self.needs[id(r)] for r in (*self.preparing, *self.running)), default=0)
        while self.waiting and self.num_begun < self.max_rows:
            longest = max(longest, self.needs[id(self.waiting[0])])
            if self.num_begun and (self.num_begun + 1) * longest > self.max_tokens:
                break
            self.preparing.append(self.waiting.popleft())
            new.append(self.preparing[-1])
        return new

    def start(self, requests: list[Request]) -> None:
        """Move prepared requests to the rows behind the last one."""
        self.preparing = [r for r in self.preparing if r not in requests]
        self.running += requests

    def drop(self, request: Request) -> None:
        """Forget a request that has no row."""
        if request in self.waiting:
            self.waiting.remove(request)
        if request in self.preparing:
            self.preparing.remove(request)
        self.needs.pop(id(request), None)

    def retire(self, request: Request) -> tuple[int, int]:
        """Free the row of a running request; the last running one takes it.

        Returns:
            The row, and the row of the one that takes it: the same if it was the last.
        """
        row, last_row = self.running.index(request), len(self.running) - 1
        moved = self.running.pop()
        if row != last_row:
            self.running[row] = moved
        del self.needs[id(request)]
        return row, last_row
