"""A calibration beside the weights changes scores, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import locany
from locany import Detections, Locator, Task
from locany.engine import Params
from locany.errors import CheckpointConfigError
from locany.locator.calibration import Calibration, write_calibration
from locany.train.lora import LoraConfig, add_lora
from locany.weights import load_model
from locany.weights.adapter import write_adapter
from locany.weights.merge import merge_adapter
from locany.weights.quantize import quantize_checkpoint

RED = Image.new("RGB", (84, 56), (200, 30, 30))
CURVE = Calibration((0.0, 0.3, 1.0), (0.0, 0.1, 0.9), "isotonic", "a test")
KNOBS = {"max_new_tokens": 40}


@pytest.fixture(scope="module")
def folder(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a calibration."""
    copy = tmp_path_factory.mktemp("calibrated") / "model"
    copy.mkdir()
    for path in checkpoint.iterdir():
        shutil.copyfile(path, copy / path.name)
    write_calibration(CURVE, copy)
    return copy


def loaded(folder: Path, **options: object) -> Locator:
    return locany.load(folder, device="cpu", dtype="float32", max_rows=4, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def raw(checkpoint: Path) -> Locator:
    return loaded(checkpoint)


@pytest.fixture(scope="module")
def calibrated(folder: Path) -> Locator:
    return loaded(folder)


def without_scores(found: Detections) -> dict[str, object]:
    document = found.to_dict()
    document["stats"] = {k: v for k, v in document["stats"].items() if k not in ("settings", "seconds")}
    document["detections"] = [{k: v for k, v in d.items() if k != "score"} for d in document["detections"]]
    return document


@pytest.mark.parametrize("mode", ["hybrid", "fast", "verified", "slow"])
@pytest.mark.parametrize("task", [Task.ground("red square"), Task.point("red square"), Task.text()])
def test_scores_change_and_boxes_do_not(raw: Locator, calibrated: Locator, task: Task, mode: str) -> None:
    before = raw.locate(RED, task, mode=mode, **KNOBS)
    after = calibrated.locate(RED, task, mode=mode, **KNOBS)
    assert without_scores(before) == without_scores(after)
    np.testing.assert_allclose(after.scores, CURVE(before.scores), rtol=1e-6)
    assert len(before) == 0 or (before.scores != after.scores).all()


def test_something_is_found(raw: Locator) -> None:
    assert len(raw.ground(RED, "red square", **KNOBS)), "or the test above says nothing"


@pytest.mark.parametrize("closer", [{"tiles": "2x1"}, {"zoom": True}])
def test_looking_closer_decides_the_same(
    raw: Locator, calibrated: Locator, closer: dict[str, object]
) -> None:
    before = raw.detect(RED, ["red square", "circle"], **KNOBS, **closer)
    after = calibrated.detect(RED, ["red square", "circle"], **KNOBS, **closer)
    assert without_scores(before) == without_scores(after)
    np.testing.assert_allclose(after.scores, CURVE(before.scores), rtol=1e-6)


def test_watched_boxes_have_the_same_scores(calibrated: Locator) -> None:
    task = Task.ground("red square")
    watched = list(calibrated.watch(RED, task, **KNOBS))
    assert [one.score for one in watched] == [one.score for one in calibrated.locate(RED, task, **KNOBS)]


def test_it_can_be_switched_off(raw: Locator, folder: Path) -> None:
    off = loaded(folder, calibrated=False)
    before, after = (one.ground(RED, "red square", **KNOBS) for one in (raw, off))
    np.testing.assert_array_equal(before.scores, after.scores)


def test_settings_say_it(raw: Locator, calibrated: Locator, folder: Path) -> None:
    assert "calibrated" not in raw.settings(Params())
    assert calibrated.settings(Params())["calibrated"] is True
    assert loaded(folder, calibrated=False).settings(Params())["calibrated"] is False


def test_an_adapter_has_no_part_in_it(folder: Path, tmp_path: Path) -> None:
    """The curve is of the model without it, so neither merging nor loading takes it along."""
    model = load_model(folder, device="cpu", dtype=torch.float32)
    lora = add_lora(model, LoraConfig(rank=2, alpha=2), seed=1)
    write_adapter(lora.adapter(model, base_name="toy"), tmp_path / "adapter")
    merge_adapter(folder, tmp_path / "adapter", tmp_path / "merged")
    assert not (tmp_path / "merged" / "calibration.json").exists()
    beside = loaded(folder, adapter=tmp_path / "adapter")
    assert beside.settings(Params())["calibrated"] is False


def test_rounded_weights_keep_it(folder: Path, tmp_path: Path) -> None:
    quantize_checkpoint(folder, tmp_path / "int8", "int8")
    assert loaded(tmp_path / "int8").settings(Params())["calibrated"] is True


def test_a_damaged_file_is_named(checkpoint: Path, tmp_path: Path) -> None:
    for path in checkpoint.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    path = write_calibration(CURVE, tmp_path)
    path.write_text(json.dumps(CURVE.to_json() | {"y": [0.0, 0.5, 0.2]}))
    with pytest.raises(CheckpointConfigError, match=r"calibration\.json: y must rise"):
        loaded(tmp_path)
