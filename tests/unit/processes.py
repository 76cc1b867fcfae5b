"""Processes that tests start, wait for and end."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[Any], seconds: float = 60) -> None:
    """Wait for something that a running process does."""
    end = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, "it ended before that"
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


def wait_until_group_ended(leader: subprocess.Popen[Any], seconds: float = 20) -> None:
    """Wait for the last process of a group whose leader has ended."""
    end = time.monotonic() + seconds
    while True:
        try:
            os.killpg(leader.pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < end, "a process lives on"
        time.sleep(0.05)
