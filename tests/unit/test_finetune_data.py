"""Fine-tuning as users do it: their formats, their negatives, their mistakes; each answer helps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from locany.cli.main import run
from locany.data.answers import AnswerConfig
from locany.data.converters import read_samples, write_samples
from locany.errors import DataError
from locany.locator import load
from locany.tasks import TaskKind
from locany.train.data import DataConfig, SampleStream, chosen_samples
from locany.train.sources import Stored

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = ("rows=1", "steps=2", "save_every=2", "log_every=1", "num_workers=0", "bf16=false")
SMALL_PACK = ("stream.pack.budget=400", "stream.pack.buffer_size=2", "loss.sigma_start=0")
NEGATIVES = AnswerConfig(negative_rate={TaskKind.DETECT: 0.4})


def coco(
    folder: Path,
    *,
    names: tuple[str, ...] = ("cat", "dog"),
    empty: tuple[int, ...] = (),
    num: int = 4,
    **more: Any,
) -> Path:
    """Small images with one object each, or `objects` of a kind, of one category after another."""
    images, annotations = [], []
    for number in range(num):
        Image.new("RGB", (112, 84), (40 * number, 90, 90)).save(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 112, "height": 84})
        for place in range(0 if number in empty else more.get("objects", 1)):
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": number % len(names),
                    "bbox": [10 + 2 * place, 10, 30, 40],
                }
            )
    path = folder / "set.json"
    categories = [{"id": i, "name": name} for i, name in enumerate(names)]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def train(*settings: object, recipe: str = "lora.py") -> int:
    return run(["train", str(RECIPES / recipe), *map(str, settings), *SMALL, *SMALL_PACK])


@pytest.mark.parametrize("format", ["coco", "yolo", "jsonl"])
def test_every_common_format_trains(format: str, checkpoint: Path, tmp_path: Path) -> None:
    path = coco(tmp_path)
    if format != "coco":
        out = tmp_path / ("set.jsonl" if format == "jsonl" else "yolo")
        write_samples(read_samples(path), out, format, ("cat", "dog"))
        path = out
    out = tmp_path / "run"
    assert train(f"data={path}", f"model={checkpoint}", f"out={out}") == 0
    found = load(checkpoint, adapter=out / "adapter", device="cpu")
    assert found.detect(tmp_path / "0.png", ["cat"], max_new_tokens=16) is not None
    assert (out / "model" / "config.json").is_file()


def test_all_weights_train_by_a_recipe_of_their_own(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = (f"data={coco(tmp_path)}", f"model={checkpoint}", f"out={out}")
    assert train(*settings, recipe="finetune.py") == 0
    assert not (out / "adapter").exists()
    assert (out / "model" / "config.json").is_file()


# -- negatives --------------------------------------------------------------------------------------------


def asked(path: Path, num: int = 60, **config: Any) -> list[tuple[str, tuple[str, ...], int]]:
    """(image, categories, targets) of the first questions of a stream."""
    stream = SampleStream(DataConfig((Stored(str(path)),), **{"answers": NEGATIVES, **config}))
    return [
        (str(sample.provenance["image_id"]), question.task.categories, len(question.targets))
        for sample in map(stream, range(num))
        for question in sample.questions
    ]


def test_an_image_without_objects_is_asked_for_what_it_lacks(tmp_path: Path) -> None:
    found = asked(coco(tmp_path, empty=(1, 3)))
    empty = [(names, num) for image, names, num in found if image in "13"]
    assert len(empty) == 30
    assert all(set(names) == {"cat", "dog"} and num == 0 for names, num in empty)
    none = AnswerConfig()
    assert not [image for image, _, _ in asked(tmp_path / "set.json", answers=none) if image in "13"]


def test_one_category_takes_negatives_from_empty_images_and_from_names_given(tmp_path: Path) -> None:
    path = coco(tmp_path, names=("cat",))
    with pytest.warns(UserWarning, match=r"every image shows 'cat'.*data\.absent='\[car, dog\]'"):
        assert {names for _, names, _ in asked(path)} == {("cat",)}
    given = {name for _, names, _ in asked(path, absent=("car", "Cat")) for name in names}
    assert given == {"cat", "car"}, "a name that is there is no negative, however it is spelt"
    (tmp_path / "2").mkdir()
    some = asked(coco(tmp_path / "2", names=("cat",), empty=(0,)))
    assert {num for image, _, num in some if image == "0"} == {0}


def test_models_are_measured_with_negatives_and_always_the_same(tmp_path: Path) -> None:
    names = ("cat", "dog", "cow", "owl")
    source, data = Stored(str(coco(tmp_path, names=names))), DataConfig((Stored("x"),), answers=NEGATIVES)
    first = [sample.questions for sample in chosen_samples(source, 3, data)]
    assert first == [sample.questions for sample in chosen_samples(source, 3, data)]
    assert any(len(question.task.categories) > 1 for questions in first for question in questions)
    assert all(len(q.task.categories) == 1 for s in chosen_samples(source, 3) for q in s.questions)


# -- measuring --------------------------------------------------------------------------------------------


def test_a_model_is_measured_before_training(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = coco(tmp_path)
    recipe = str(RECIPES / "lora.py")
    more = (f"data={path}", f"model={checkpoint}", f"out={tmp_path / 'run'}")
    few = ("evaluation.num_samples=2", "evaluation.modes=[fast]")
    assert run(["train", recipe, *more, f"evaluation={path}", *few, "--measure"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert {"f1", "f1_fast"} <= scores.keys()
    assert not (tmp_path / "run").exists(), "nothing was begun"
    assert run(["train", recipe, *more, "--measure"]) == 1
    assert "add evaluation=PATH" in capsys.readouterr().err


# -- mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([], "this recipe needs data=...; add it"),
        (["data={folder}/no.json"], "no.json: there is no such file or folder; check the spelling"),
        (["data={folder}"], "its format is not recognised; name it, one of: jsonl"),
        (["data={folder}/0.png"], "its format is not recognised"),
        (["data={folder}/set.json", "optim.adm_lr=1"], "did you mean 'optim.adam_lr'?"),
        (["data={folder}/set.json", "lora.rank=many"], "lora.rank=many: expected int, got str"),
        (["data={folder}/set.json", "model=nowhere"], "no model 'nowhere'"),
        (["data={folder}/set.json", "out={folder}/set.json"], "cannot be the run folder"),
        (["data={folder}/set.json", "evaluation={folder}/no.json"], "no.json: there is no such file"),
        (["data={folder}/set.json", "stream.pack.budget=40"], "raise the budget (stream.pack.budget"),
    ],
)
def test_mistakes_in_the_command(
    settings: list[str], words: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coco(tmp_path)
    model = () if any("model=" in s for s in settings) else (f"model={checkpoint}",)
    given = [setting.format(folder=tmp_path) for setting in settings]
    assert run(["train", str(RECIPES / "lora.py"), f"out={tmp_path / 'r'}", *model, *SMALL, *given]) == 1
    assert words in capsys.readouterr().err


def test_an_error_of_a_worker_is_one_sentence(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = (f"data={coco(tmp_path)}", f"model={checkpoint}", f"out={tmp_path / 'run'}", "num_workers=1")
    assert run(["train", str(RECIPES / "lora.py"), *settings, "stream.pack.budget=40"]) == 1
    told = capsys.readouterr().err
    assert "positions, a pack holds 1 to 40" in told
    assert "Traceback" not in told


def refused(path: Path, words: str, **answers: Any) -> None:
    with pytest.raises(DataError, match=words):
        SampleStream(DataConfig((Stored(str(path)),), answers=AnswerConfig(**answers)))


def test_data_that_teach_nothing(tmp_path: Path) -> None:
    refused(coco(tmp_path, num=0), "is empty; there is nothing to learn from")
    refused(coco(tmp_path, empty=(0, 1, 2, 3)), r"of the 4 images .*not one with a box.*locany data stats")
    (tmp_path / "2.png").unlink()
    path = tmp_path / "set.json"
    refused(path, r"image 2: image '2\.png' is missing: there is no ")
    (tmp_path / "2.png").write_bytes(b"no image")
    refused(path, r"image 2: image '2\.png' cannot be read as an image")
    with pytest.warns(
        UserWarning, match=r"more than 5 targets of one name .*'cat' in 2 images.*4 of 4 images have"
    ):
        refused(coco(tmp_path, objects=9), "nothing to learn but to answer 'None'", max_targets=5)


def test_empty_images_may_be_a_data_set_of_their_own_beside_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with_objects, without = coco(tmp_path / "a"), coco(tmp_path / "b", empty=(0, 1, 2, 3))
    stream = SampleStream(DataConfig((Stored(str(with_objects)), Stored(str(without))), answers=NEGATIVES))
    assert {bool(stream(position).questions[0].targets) for position in range(20)} == {True, False}
