"""The states of a run, each all or nothing: written beside, synced, renamed, and then entered in an index.

A kill at any moment leaves the states that the index names whole. Old ones are deleted by what the index says
and by nothing else: a file that we did not write is never touched.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from locany.errors import DataError
from locany.files import write_whole

FOLDER = "states"
INDEX = "index.json"


@dataclass(frozen=True)
class SavedState:
    """One entry of the index.

    Attributes:
        file: name in the folder of states.
        step: training steps behind it.
        score: of an evaluation of these weights, higher is better; None if there was none.
        measured_on: what the score is about, a digest; scores of different ones are not compared.
    """

    file: str
    step: int
    score: float | None = None
    measured_on: str = ""


class States:
    """The states that a run folder holds.

    Raises:
        DataError: the index cannot be read.
    """

    def __init__(self, out: Path, keep_last: int = 2):
        self.folder, self.keep_last = out / FOLDER, keep_last
        self.entries = self._read_index()

    @property
    def newest(self) -> SavedState | None:
        """The last one that was saved."""
        return self.entries[-1] if self.entries else None

    @property
    def best(self) -> SavedState | None:
        """The one with the highest score, the earliest of equal ones; None without scores.

        Where states were measured on different things, those count that are about what the latest is about.
        """
        scored = [entry for entry in self.entries if entry.score is not None]
        scored = [entry for entry in scored if entry.measured_on == scored[-1].measured_on]
        return max(scored, key=lambda entry: entry.score or 0.0) if scored else None

    def save(self, state: dict[str, Any], step: int) -> SavedState:
        """Write a state, enter it, and delete those that are neither among the last nor the best."""
        entry = SavedState(f"step-{step:08d}.pt", step)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / entry.file, lambda file: torch.save(state, file))
        self.entries = [*(e for e in self.entries if e.file != entry.file), entry]
        self._write_index()
        self._forget()
        return entry

    def score(self, step: int, score: float, measured_on: str = "") -> None:
        """Enter the score of a saved state."""
        self.entries = [
            replace(e, score=score, measured_on=measured_on) if e.step == step else e for e in self.entries
        ]
        self._write_index()
        self._forget()

    def load(self, entry: SavedState, *, mapped: bool = False) -> dict[str, Any]:
        """Read a state.

        Args:
            mapped: leave the tensors in the file until they are read.

        Raises:
            DataError: it is not there or cannot be read. An older one is not taken in its place silently.
        """
        path = self.folder / entry.file
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        except Exception as error:
            raise DataError(
                f"{path}: this training state cannot be read ({type(error).__name__}). To go on from an "
                f"older one, take its entry out of {self.folder / INDEX}; to start afresh, give another "
                "run folder"
            ) from error
        return state

    def _forget(self) -> None:
        kept = {entry.file for entry in self.entries[-self.keep_last :]}
        kept |= {entry.file for entry in (self.best,) if entry}
        old = [entry for entry in self.entries if entry.file not in kept]
        if old:
            # First out of the index, then from the disk: a kill in between leaves a file too many, not one
            # too few.
            self.entries = [entry for entry in self.entries if entry.file in kept]
            self._write_index()
            for entry in old:
                (self.folder / entry.file).unlink(missing_ok=True)

    def _write_index(self) -> None:
        text = json.dumps([asdict(entry) for entry in self.entries], indent=1) + "\n"
        write_whole(self.folder / INDEX, text.encode())

    def _read_index(self) -> list[SavedState]:
        path = self.folder / INDEX
        if not path.is_file():
            return []
        try:
            return [SavedState(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))]
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{path}: this index of training states cannot be read ({error}); we did not write it. "
                "Move it away to start the run afresh"
            ) from error
