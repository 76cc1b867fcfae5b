"""Files that a kill cannot break: writing one whole, and keeping other processes out of a folder."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from locany.errors import DataError

_LONGEST_NAME = 255  # bytes, of most file systems


def beside(path: Path, ending: str = ".partial") -> Path:
    """Where a file is written before it takes its place: hidden, in the same folder."""
    name = path.name
    if len(os.fsencode(name)) + len(ending) >= _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.with_name(f".{name}{ending}")


def write_whole(path: Path, content: bytes | Callable[[IO[bytes]], Any]) -> None:
    """Write a file so that a kill at any moment leaves what was there before, or all of it.

    Args:
        path: in a folder that exists.
        content: the bytes, or a function that writes them.
    """
    partial = beside(path)
    with open(partial, "wb") as file:
        if callable(content):
            content(file)
        else:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    if os.name == "posix":  # other systems cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def locked_folder(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Keep other processes that lock it out of a folder; the system lets go of the lock of a killed one.

    Systems without such locks (Windows) are not guarded.

    Args:
        folder: that exists.
        patience: seconds to wait for it.

    Raises:
        DataError: another process has it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise DataError(
                        f"another process writes to {folder}; wait for it, or give another folder"
                    ) from None
            time.sleep(0.1)
        yield
    finally:
        os.close(handle)
