"""What the tests of the command line share: a checkpoint, pictures, and a way to call it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locany.cli.main import run

_ROOT = Path(__file__).resolve().parents[2]
_PLACES = (_ROOT / "tests" / "parity" / "golden", _ROOT.parent / "shared" / "golden")
CHECKPOINT = next(
    (p / "tiny-checkpoint" for p in _PLACES if (p / "tiny-checkpoint" / "model.safetensors").is_file()), None
)

needs_checkpoint = pytest.mark.skipif(CHECKPOINT is None, reason="there is no golden checkpoint")


@dataclass(frozen=True)
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


class Cli:
    """Calls the command line in this process; with `model`, commands that need one get the tiny one."""

    def __init__(self, capsys: pytest.CaptureFixture[str]):
        self._capsys = capsys

    def __call__(self, *arguments: object, model: bool = True) -> Outcome:
        more = ["--model", str(CHECKPOINT), "--dtype", "float32", "--device", "cpu"] if model else []
        self._capsys.readouterr()
        code = run([*map(str, arguments), *more])
        return Outcome(code, *self._capsys.readouterr())


def write_picture(path: Path, *, left: int = 28, size_wh: tuple[int, int] = (112, 84)) -> Path:
    """A red square on grey, as the tiny model knows them."""
    pixels = np.full((size_wh[1], size_wh[0], 3), 190, np.uint8)
    pixels[28:56, left : left + 28] = (220, 30, 30)
    Image.fromarray(pixels).save(path)
    return path
