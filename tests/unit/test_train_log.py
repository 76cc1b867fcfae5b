"""The log of a run: every step once, whatever was killed; curves that can be looked at."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest
from PIL import Image

from locany.errors import DataError
from locany.train.log import CURVES, LOG, RECIPE, VERSIONS, RunLog, read_log


def test_steps_behind_the_state_are_made_again_and_stand_once(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.report({"step": step, "loss": 1.0 / step})
    with open(tmp_path / LOG, "ab") as file:
        file.write(b'{"step": 4, "lo')  # killed while writing
    again = RunLog(tmp_path, 2)
    again.report({"step": 3, "loss": 0.25})
    assert [line["step"] for line in read_log(tmp_path)] == [1, 2, 3]
    assert read_log(tmp_path)[-1]["loss"] == 0.25
    assert again.lines == read_log(tmp_path)
    assert json.loads((tmp_path / VERSIONS).read_text())["torch"]


def test_a_line_that_is_no_report_is_named(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text('{"step": 1}\nhello\n{"step": 3}\n')
    with pytest.raises(DataError, match=r"log\.jsonl:2: this line is no report"):
        RunLog(tmp_path, 3)


def test_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    log = RunLog(tmp_path, 0)
    assert log.draw() is None
    for step in range(1, 30):
        log.report(
            {"step": step, "loss": 1.0 / step, "minutes": 1.0, **({"f1": 0.1} if step % 10 == 0 else {})}
        )
    path = log.draw()
    assert path == tmp_path / CURVES
    with Image.open(path) as image:
        assert image.width > 800


def test_settings_of_a_run_can_be_read(tmp_path: Path) -> None:
    RunLog(tmp_path, 0, recipe={"steps": 4, "optim": {"adam_lr": 0.1}})
    assert json.loads((tmp_path / RECIPE).read_text()) == {"steps": 4, "optim": {"adam_lr": 0.1}}


def test_trackers_get_every_number_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard is told to forget the steps that are made again."""
    told: list[tuple[str, int, float]] = []
    purged: list[int | None] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int | None = None):
            purged.append(purge_step)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            told.append((name, step, value))

        def flush(self) -> None:
            pass

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    RunLog(tmp_path, 0, ("tensorboard",)).report({"step": 1, "loss": 0.5, "f1": 0.25})
    RunLog(tmp_path, 1, ("tensorboard",)).report({"step": 2, "loss": 0.25})
    assert told == [("loss", 1, 0.5), ("f1", 1, 0.25), ("loss", 2, 0.25)]
    assert purged[1] == 2


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no tracker 'paper'; there are: tensorboard, wandb"):
        RunLog(tmp_path, 0, ("paper",))
