"""Writing a file whole: the one definition of "all of it or what was there before"."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any


def write_whole(path: Path, content: bytes | Callable[[IO[bytes]], Any]) -> None:
    """Write a file so that a kill at any moment leaves what was there before, or all of it.

    Args:
        path: in a folder that exists.
        content: the bytes, or a function that writes them.
    """
    beside = path.with_name(f".{path.name}.partial")
    with open(beside, "wb") as file:
        if callable(content):
            content(file)
        else:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    if os.name == "posix":  # other systems cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
