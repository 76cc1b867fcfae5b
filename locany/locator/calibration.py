"""`calibration.json` of a checkpoint: a curve from the model's own scores to how often such are right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from locany.errors import CheckpointConfigError, CheckpointNotFoundError, RequestError
from locany.files import write_whole
from locany.weights.folder_fingerprint import folder_fingerprint
from locany.weights.stored import CALIBRATION_FILE, read_json

FORMAT = 1


@dataclass(frozen=True)
class Calibration:
    """A rising curve, straight between its knots, that is read at a score. It never changes a ranking.

    Attributes:
        x: scores of the model, rising from 0 to 1.
        y: the share that is right there, 0..1, rising.
        kind: how it was fitted: "isotonic" or "platt".
        fitted_on: what it was fitted on, for people.
        iou: least IoU of a box that counted as right.
        weights: whose scores these are: `folder_fingerprint` of checkpoint and adapter, "other" for what
            another program found, "" where nobody knows.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    kind: str
    fitted_on: str = ""
    iou: float = 0.5
    weights: str = ""

    def __post_init__(self) -> None:
        x, y = np.asarray(self.x, np.float64), np.asarray(self.y, np.float64)
        if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
            raise ValueError(
                f"x and y must be lists of equally many numbers, at least 2; got {len(x)}, {len(y)}"
            )
        if not (np.isfinite(x).all() and (np.diff(x) > 0).all() and (x[0], x[-1]) == (0.0, 1.0)):
            raise ValueError("x must rise from 0 to 1")
        if not (np.isfinite(y).all() and (np.diff(y) > 0).all() and y[0] >= 0 and y[-1] <= 1):
            raise ValueError("y must rise and stay in 0..1")

    def __call__(self, scores: ArrayLike) -> np.ndarray:
        """Scores of any shape, in 0..1, to calibrated ones."""
        return np.interp(np.asarray(scores, dtype=np.float64), self.x, self.y)

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "x": list(self.x),
            "y": list(self.y),
            "fitted_on": self.fitted_on,
            "iou": self.iou,
            "weights": self.weights,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], where: str) -> Calibration:
        """What `to_json` wrote.

        Raises:
            CheckpointConfigError: a field is missing or wrong; the message begins with `where`.
        """
        try:
            if raw["format"] != FORMAT:
                raise ValueError(f"format is {raw['format']!r}, this version reads {FORMAT}")
            fields = {name: raw[name] for name in ("kind", "fitted_on", "iou")}
            fields["weights"] = raw.get("weights", "")  # files of before do not say
            for name, kinds in (("kind", str), ("fitted_on", str), ("iou", int | float), ("weights", str)):
                if not isinstance(fields[name], kinds):
                    raise ValueError(f"{name} is {fields[name]!r}")
            return cls(tuple(map(float, raw["x"])), tuple(map(float, raw["y"])), **fields)
        except KeyError as error:
            problem = f"{error.args[0]} is missing"
        except (TypeError, ValueError) as error:
            problem = str(error)
        raise CheckpointConfigError(
            f"{where}: {problem}; make it again with 'locany calibrate', or delete it"
        )


def named_calibration(path: Path) -> Calibration:
    """That of a file, or of the folder of a run or checkpoint.

    Raises:
        CheckpointError: there is none, or it cannot be read, or is damaged.
    """
    path = path.expanduser()
    file = path / CALIBRATION_FILE if path.is_dir() else path
    if not file.is_file():
        raise CheckpointNotFoundError(
            f"no calibration at {file}; 'locany calibrate RUN' writes one into the folder of the run"
        )
    return Calibration.from_json(read_json(file), str(file))


def check_calibration(calibration: Calibration, path: Path, checkpoint: Path, adapter: Path | None) -> None:
    """Raise RequestError where a curve is known to be of other scores than those of this model."""
    if calibration.weights not in ("", folder_fingerprint(checkpoint, adapter)):
        raise RequestError(
            f"the calibration {path} is of the scores of another model than {checkpoint}"
            f"{f' with the adapter {adapter}' if adapter else ''}, or than it is now; evaluate this one with "
            "--raw-scores and run 'locany calibrate' on the result"
        )


def read_calibration(folder: Path) -> Calibration | None:
    """That of a checkpoint folder; None where it has none.

    Raises:
        CheckpointError: the file cannot be read, or is damaged.
    """
    path = folder / CALIBRATION_FILE
    if not path.exists():
        return None
    return Calibration.from_json(read_json(path), str(path))


def write_calibration(calibration: Calibration, folder: Path) -> Path:
    """Put it into a checkpoint folder, in place of the one that is there; the path of the file."""
    path = folder / CALIBRATION_FILE
    text = json.dumps(calibration.to_json(), indent=2, ensure_ascii=False) + "\n"
    write_whole(path, text.encode())
    return path
