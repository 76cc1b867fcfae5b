"""`locany calibrate RUN`, from a run's folder to the checkpoint that it mends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import locany
from locany.engine import Params
from locany.errors import CheckpointNotFoundError, RequestError
from locany.eval.benchmarks import find_benchmark
from locany.eval.results_folder import ResultsFolder, digest_of
from locany.locator.calibration import read_calibration, write_calibration
from locany.weights.folder_fingerprint import folder_fingerprint
from tests.unit.cli_fixtures import Cli
from tests.unit.scores_fixtures import prediction

NUM_IMAGES = 40
PLACES = [(40 * i, 0, 40 * i + 30, 30) for i in range(6)]
Runs = Callable[..., Path]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in COCO's form: dogs in a row on every image."""
    folder = tmp_path_factory.mktemp("dogs")
    images, annotations = [], []
    for number in range(1, NUM_IMAGES + 1):
        Image.new("RGB", (240, 60)).save(folder / f"{number:03}.png")
        images.append({"id": number, "file_name": f"{number:03}.png", "width": 240, "height": 60})
        for x0, y0, x1, y1 in PLACES:
            box = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": 900, "iscrowd": 0}
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": 1, **box})
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dog"}]}
    (folder / "dogs.json").write_text(json.dumps(coco))
    return folder / "dogs.json"


@pytest.fixture
def model(checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint folder of the user's own."""
    copy = tmp_path / "model"
    copy.mkdir()
    for path in checkpoint.iterdir():
        shutil.copyfile(path, copy / path.name)
    return copy


@pytest.fixture
def run_of(data: Path, tmp_path: Path) -> Runs:
    """Makes a run of a model that is surer than it should be: of scores s, the share s * s is right."""

    def make(model: Path, **settings: object) -> Path:
        options = {"root": str(data.parent)}
        examples = find_benchmark("folder").read(data, **options)
        run = ResultsFolder(tmp_path / "run")
        facts = {
            "benchmark": "folder",
            "examples": digest_of(examples),
            "model": "mine",
            "mode": "hybrid",
            "weights": folder_fingerprint(model),
        }
        run.begin(facts | settings, {"data": {"folder": str(data), "options": options, "limit": None}})
        rng, found = np.random.default_rng(5), []
        for one in examples:
            scores = rng.uniform(0.2, 1, len(PLACES)).round(4)
            hit = rng.random(len(PLACES)) < scores**2
            boxes = [
                (x0, y0 + 30 * (not ok), x1, y1 + 30 * (not ok))
                for (x0, y0, x1, y1), ok in zip(PLACES, hit, strict=True)
            ]
            found.append(prediction({"dog": boxes}, {"dog": scores.tolist()}, id=one.id))
        run.replace_predictions(found)
        return run.path

    return make


def test_a_run_is_looked_at(cli: Cli, run_of: Runs, model: Path) -> None:
    run = run_of(model)
    said = cli("calibrate", run, model=False)
    assert said.code == 0, said.err
    assert "240 boxes and points on 40 images" in said.out
    before, after = (float(x) for x in said.out.split("expected calibration error")[1].split()[:2])
    assert before > 0.1
    assert after < before / 2
    curve = read_calibration(run)
    assert curve is not None
    assert curve.fitted_on == "folder hybrid, 40 examples"
    assert (run / "calibration.png").stat().st_size > 10_000
    assert not (model / "calibration.json").exists(), "only where it is told to"


def test_a_checkpoint_is_calibrated(cli: Cli, run_of: Runs, model: Path) -> None:
    run = run_of(model)
    said = cli("calibrate", run, "--model", model, "--json", model=False)
    assert said.code == 0, said.err
    assert said.document["kind"] in ("isotonic", "platt")
    assert said.document["after"]["brier"] < said.document["before"]["brier"]
    assert [Path(path).name for path in said.document["files"]] == [
        "calibration.png",
        "calibration.json",
        "calibration.json",
    ]
    assert read_calibration(model) == read_calibration(run)
    locator = locany.load(model, device="cpu", dtype="float32")
    assert locator.settings(Params())["calibrated"] is True
    assert cli("calibrate", run, "--model", model, model=False).code == 0, "the run's scores are still raw"


def test_a_calibration_of_another_model_is_refused(cli: Cli, run_of: Runs, model: Path) -> None:
    """Also where the model has changed since, and where another program found what it was fitted on."""
    run = run_of(model)
    assert cli("calibrate", run, model=False).code == 0
    locany.load(model, device="cpu", calibration=run)
    (model / "more.json").write_text("{}")
    with pytest.raises(RequestError, match="is of the scores of another model"):
        locany.load(model, device="cpu", calibration=run)
    curve = read_calibration(run)
    assert curve is not None
    write_calibration(replace(curve, weights=""), run)  # of a version that did not say whose they are
    locany.load(model, device="cpu", calibration=run)
    write_calibration(replace(curve, weights="other"), run)
    with pytest.raises(RequestError, match="evaluate this one with --raw-scores"):
        locany.load(model, device="cpu", calibration=run)


def test_a_calibration_is_named(cli: Cli, run_of: Runs, model: Path, tmp_path: Path) -> None:
    run = run_of(model)
    assert cli("calibrate", run, model=False).code == 0
    mended, raw = (
        locany.load(model, device="cpu", dtype="float32", calibration=name)
        for name in (run / "calibration.json", None)
    )
    assert mended.calibration == locany.load(model, device="cpu", calibration=str(run)).calibration
    assert mended.calibration == read_calibration(run)
    assert (mended.settings(Params())["calibrated"], raw.calibration) == (True, None)
    Image.new("RGB", (56, 56), "red").save(tmp_path / "red.png")
    said = cli(
        "detect", tmp_path / "red.png", "dog", "--calibration", run, "--model", model, "--json", model=False
    )
    assert said.document["settings"]["calibrated"] is True
    with pytest.raises(CheckpointNotFoundError, match=r"no calibration at .*locany calibrate RUN"):
        locany.load(model, calibration=tmp_path)


def test_calibrated_scores_are_not_calibrated_again(cli: Cli, run_of: Runs, model: Path) -> None:
    said = cli("calibrate", run_of(model, calibration="12ab"), model=False)
    assert said.code == 2
    assert "--raw-scores" in said.err


def test_another_model_is_refused(cli: Cli, run_of: Runs, model: Path) -> None:
    run = run_of(model)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"note": "changed since"}))
    said = cli("calibrate", run, "--model", model, model=False)
    assert said.code == 2
    assert "was not made by the model in" in said.err
    assert not (model / "calibration.json").exists()


def test_what_is_no_run_is_named(cli: Cli, run_of: Runs, model: Path, tmp_path: Path) -> None:
    assert "is no folder" in cli("calibrate", tmp_path / "nothing", model=False).err
    (tmp_path / "empty").mkdir()
    assert "holds no run" in cli("calibrate", tmp_path / "empty", model=False).err
    run = run_of(model, examples="other")
    assert f"give one of them: {run}\n" in cli("calibrate", run.parent, model=False).err  # of several modes
    assert "other questions now" in cli("calibrate", run, model=False).err
    (run / "config.json").write_text(json.dumps({"settings": {}}))
    assert "does not say which questions" in cli("calibrate", run, model=False).err


def test_a_missing_model_is_named(cli: Cli, run_of: Runs, model: Path, tmp_path: Path) -> None:
    said = cli("calibrate", run_of(model), "--model", tmp_path / "nothing", model=False)
    assert said.code == 1
    assert "no such folder" in said.err
