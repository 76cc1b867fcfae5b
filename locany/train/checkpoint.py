"""The state of a run, all or nothing: written beside, synced, renamed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from locany.errors import DataError

FILE = "state.pt"


def save_state(folder: Path, state: dict[str, Any]) -> Path:
    """Write `state` so that a kill at any moment leaves the old file or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    path, temporary = folder / FILE, folder / (FILE + ".partial")
    with open(temporary, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return path


def load_state(folder: Path) -> dict[str, Any] | None:
    """The last state, or None if there is none.

    Raises:
        DataError: the file is there and cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(
            f"{path}: this training state cannot be read; it is damaged or was not written by locany. "
            "Move it away to start the run afresh"
        ) from error
    return state
