"""Data sets as users have them: splits, faults, conversations of any kind; none misleads a training."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from locany.cli.main import run
from locany.data.answers import AnswerConfig
from locany.data.check import check
from locany.data.converters import open_dataset, read_samples, write_samples
from locany.data.dialogue import Dialogue
from locany.data.sample import ImageRef, Sample
from locany.errors import DataError
from locany.tasks import TaskKind
from locany.train.data import DataConfig, SampleStream, chosen_samples
from locany.train.held_out import divide
from locany.train.recipe import load_recipe
from locany.train.sources import Stored
from tests.unit.test_finetune_data import NEGATIVES, coco, train


def taken(path: Path, num: int = 40, **config: Any) -> list[Sample | Dialogue]:
    """The first samples of a stream over one data set."""
    stream = SampleStream(DataConfig((Stored(str(path)),), **config))
    return [stream(position) for position in range(num)]


def change(path: Path, **fields: Any) -> Path:
    """A COCO file with other lists."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return path


# -- splits -----------------------------------------------------------------------------------------------


def yolo(folder: Path, **splits: tuple[int, ...]) -> Path:
    """A YOLO folder with images by number in each split."""
    out = folder / "yolo"
    write_samples(read_samples(coco(folder)), out, "yolo", ("cat", "dog"))
    settings = yaml.safe_load((out / "data.yaml").read_text())
    images = sorted((out / "images" / "train").iterdir())
    for split, numbers in splits.items():
        (out / f"{split}.txt").write_text("".join(f"{images[n].relative_to(out)}\n" for n in numbers))
        settings[split] = f"{split}.txt"
    if "train" not in splits and splits:
        del settings["train"]
    (out / "data.yaml").write_text(yaml.safe_dump(settings))
    return out


def files(samples: list[Any]) -> set[str]:
    return {str(sample.image.source.name) for sample in samples}


def test_only_the_train_split_is_learnt_and_val_is_measured_on(tmp_path: Path) -> None:
    path = yolo(tmp_path, train=(0, 1), val=(2,), test=(3,))
    names = sorted(p.name for p in (path / "images" / "train").iterdir())
    assert files(taken(path)) == set(names[:2])
    assert files(chosen_samples(Stored(str(path)), 9)) == {names[2]}


def test_without_val_test_is_measured_on_and_a_single_split_serves_for_both(tmp_path: Path) -> None:
    path = yolo(tmp_path, train=(0, 1), test=(3,))
    assert len(files(chosen_samples(Stored(str(path)), 9))) == 1
    shutil.rmtree(path)
    assert len(files(chosen_samples(Stored(str(yolo(tmp_path))), 9))) == 4


def test_no_train_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"images are those of test and val, none of train"):
        taken(yolo(tmp_path, val=(0, 1), test=(2,)))


def test_what_is_measured_on_comes_from_all_over_a_data_set(tmp_path: Path) -> None:
    path = coco(tmp_path, num=6)
    assert [s.provenance["image_id"] for s in chosen_samples(Stored(str(path)), 3)] == [0, 2, 4]


# -- a share kept apart -----------------------------------------------------------------------------------


def stems(samples: list[Any]) -> set[str]:
    return {Path(name).stem for name in files(samples)}


def test_what_is_held_out_is_measured_on_and_not_learnt(tmp_path: Path) -> None:
    path = coco(tmp_path, num=12)
    data = DataConfig((Stored(str(path)),), held_out=0.3)
    learnt, measured = stems(taken(path, held_out=0.3)), stems(chosen_samples(data.stored[0], 99, data))
    assert learnt
    assert measured
    assert not learnt & measured
    assert learnt | measured == stems(list(read_samples(path)))
    # Another data set is measured on as a whole.
    (tmp_path / "other").mkdir()
    other = coco(tmp_path / "other", num=3)
    assert len(chosen_samples(Stored(str(other)), 99, data)) == 3


@given(st.sets(st.integers(0, 999), min_size=2, max_size=60), st.floats(0.01, 0.5))
def test_sides_are_stable(numbers: set[int], share: float) -> None:
    """In any order, beside any others, with several records of an image."""

    def sample(number: int) -> Sample:
        return Sample(ImageRef(Path(f"somewhere/{number}.png"), (8, 8)), ())

    samples = [sample(number) for number in numbers]
    apart, rest = divide(samples, share, apart=True), divide(samples, share, apart=False)
    assert apart
    assert not stems(apart) & stems(rest)
    assert len(apart) + len(rest) == len(samples)
    again = divide([*reversed(samples), *samples], share, apart=True)
    assert stems(again) == stems(apart)
    assert len(again) == 2 * len(apart)
    if len(apart) > 1:  # else it may be the one of the smallest digest
        more = divide([*samples, sample(1000)], share, apart=True)
        assert stems(apart) <= stems(more) <= stems(apart) | {"1000"}


def test_no_division_is_refused(tmp_path: Path) -> None:
    path = coco(tmp_path, num=1)
    with pytest.raises(DataError, match=r"data\.held_out=0\.5 leaves nothing on one side"):
        taken(path, held_out=0.5)
    with pytest.raises(DataError, match=r"data\.held_out is 1.*, expected a share"):
        DataConfig((Stored(str(path)),), held_out=1)
    write_samples(read_samples(path), tmp_path / "shards", "shards")
    with pytest.raises(DataError, match=r"shards cannot be divided by data\.held_out"):
        taken(tmp_path / "shards", held_out=0.5)


def test_a_run_measures_what_it_holds_out(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = coco(tmp_path, num=6)
    assert load_recipe(Path("lora"), [f"data={path}", "data.held_out=0.4"]).measured == (Stored(str(path)),)
    settings = (f"data={path}", f"model={checkpoint}", f"out={tmp_path / 'run'}", "evaluation.modes=[fast]")
    assert train(*settings, "data.held_out=0.4") == 0
    assert "measured" in capsys.readouterr().out
    assert train(*settings, "data.held_out=0.2") == 1
    assert "another data.held_out: 0.4, not 0.2" in capsys.readouterr().err


# -- faults -----------------------------------------------------------------------------------------------


def with_a_duplicate(folder: Path) -> Path:
    path = coco(folder)
    boxes = json.loads(path.read_text())["annotations"]
    return change(path, annotations=[*boxes, {**boxes[0], "id": 99}])


def test_a_fault_names_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"twice; 'locany data check .*data\.skip_faults=true"):
        taken(with_a_duplicate(tmp_path))


def test_faulty_records_may_be_left_out_and_are_counted(tmp_path: Path) -> None:
    path = with_a_duplicate(tmp_path)
    with pytest.warns(
        UserWarning, match=r"set\.json: 1 faults, their records are left out; the first: .*twice"
    ):
        found = taken(path, skip_faults=True)
    assert {s.provenance["image_id"] for s in found} == {1, 2, 3}
    data = DataConfig((Stored(str(path)),), skip_faults=True)
    with pytest.warns(UserWarning, match="1 faults"):
        assert len(chosen_samples(Stored(str(path)), 9, data)) == 3


def test_an_outline_that_nobody_drew_is_no_fault(tmp_path: Path) -> None:
    path = coco(tmp_path)
    boxes = json.loads(path.read_text())["annotations"]
    change(path, annotations=[{**box, "segmentation": [[]]} for box in boxes])
    assert check(path) == []
    assert all(sample.objects and not sample.objects[0].polygon for sample in read_samples(path))


@pytest.mark.parametrize("name", ["parts", "cat"])
def test_a_heading_above_all_categories_is_none_of_them(name: str, tmp_path: Path) -> None:
    path = coco(tmp_path)
    kinds = [{"id": i, "name": n, "supercategory": name} for i, n in enumerate(("cat", "dog"))]
    change(path, categories=[{"id": 7, "name": name, "supercategory": "none"}, *kinds])
    assert open_dataset(path).categories == ("cat", "dog")
    asked = {n for s in taken(path, answers=NEGATIVES) if isinstance(s, Sample) for q in s.questions
             for n in q.task.categories}  # fmt: skip
    assert asked == {"cat", "dog"}


def test_a_category_above_others_that_has_boxes_stays(tmp_path: Path) -> None:
    path = coco(tmp_path)
    change(path, categories=[{"id": 0, "name": "cat", "supercategory": "none"},
                             {"id": 1, "name": "dog", "supercategory": "cat"}])  # fmt: skip
    assert open_dataset(path).categories == ("cat", "dog")


# -- crowds -----------------------------------------------------------------------------------------------


def test_a_crowd_beside_a_few_is_told(tmp_path: Path) -> None:
    path = coco(tmp_path, objects=9)
    boxes = json.loads(path.read_text())["annotations"]
    few = [{"id": 100 + n, "image_id": n, "category_id": 1 - n % 2, "bbox": [1, 1, 5, 5]} for n in range(4)]
    change(path, annotations=[*boxes, *few])
    with pytest.warns(UserWarning, match=r"\('cat' in 2 images, 'dog' in 2 images\); 0 of 4 images have"):
        found = taken(path, answers=AnswerConfig(max_targets=5))
    assert all(len(q.targets) == 1 for s in found if isinstance(s, Sample) for q in s.questions)


def test_a_draw_of_absent_names_only_is_a_question(tmp_path: Path) -> None:
    names = ("cat", "dog", "cow", "owl", "fox", "bee")
    limits = AnswerConfig(negative_rate={TaskKind.DETECT: 0.5}, max_categories=1, max_targets=5)
    lines = {"conversations": [
        {"from": "human", "value": "Locate all the instances that matches the following description: "
         + "</c>".join(names) + "."},
        {"from": "gpt", "value": "<ref>cat</ref><box><100><100><300><300></box>"
         + "".join(f"<ref>{name}</ref><box>None</box>" for name in names[1:])},
    ], "image": "0.png"}  # fmt: skip
    coco(tmp_path)
    (tmp_path / "set.jsonl").write_text(json.dumps(lines) + "\n")
    assert all(sample.questions for sample in taken(tmp_path / "set.jsonl", 60, answers=limits))


# -- conversations that are no sample ---------------------------------------------------------------------


def talks(folder: Path) -> Path:
    """One line that is a sample, one of text alone, one about two images, one in words of its own."""
    for number in range(2):
        Image.new("RGB", (84, 56), (70 * number, 90, 90)).save(folder / f"{number}.png")
    said = [
        ({"image": "0.png"}, "Point to: circle.", "<box><500><500></box>"),
        ({}, "Say hello.", "hello"),
        ({"image_list": ["0.png", "1.png"]}, "<image-1><image-2>Which is lighter?", "the second"),
        ({"image": "1.png"}, "Where might the ball be?", "<ref>ball</ref><box><1><2><30><40></box>"),
    ]
    lines = [
        {**images, "conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]}
        for images, asked, answer in said
    ]
    path = folder / "talks.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_what_the_check_passes_is_learnt_from(checkpoint: Path, tmp_path: Path) -> None:
    path = talks(tmp_path)
    assert check(path) == []
    kinds = [type(sample).__name__ for sample in taken(path)]
    assert kinds.count("Dialogue") == 30
    out = tmp_path / "run"
    assert train(f"data={path}", f"model={checkpoint}", f"out={out}", "steps=4", "rows=2") == 0
    assert (out / "model" / "config.json").is_file()


def test_text_alone_can_be_learnt(checkpoint: Path, tmp_path: Path) -> None:
    path = talks(tmp_path)
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    assert train(f"data={path}", f"model={checkpoint}", f"out={tmp_path / 'run'}") == 0


def test_conversations_are_not_measured_on(tmp_path: Path) -> None:
    path = talks(tmp_path)
    assert len(chosen_samples(Stored(str(path)), 9)) == 1
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    with pytest.raises(DataError, match="no image with questions of ours to measure on"):
        chosen_samples(Stored(str(path)), 9)


def test_a_conversation_that_is_too_long_is_named(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = talks(tmp_path)
    settings = (f"data={path}", f"model={checkpoint}", f"out={tmp_path / 'run'}", "stream.pack.budget=30")
    lora = str(Path(__file__).parents[2] / "recipes" / "lora.py")
    assert run(["train", lora, *settings, "num_workers=0"]) == 1
    assert "raise the budget" in capsys.readouterr().err


def test_the_settings_of_a_published_recipe_count(tmp_path: Path) -> None:
    path = talks(tmp_path)
    line = path.read_text().splitlines(keepends=True)[0]
    (tmp_path / "a.jsonl").write_text(line * 20)
    (tmp_path / "b.jsonl").write_text(line * 20)
    entries: dict[str, dict[str, Any]] = {
        "few": {"annotation": "a.jsonl", "repeat_time": 0.1},
        "often": {"annotation": "b.jsonl", "repeat_time": 2},
    }
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(entries))
    stream = SampleStream(DataConfig((Stored(str(recipe)),)))
    assert [len(found.samples) for found in stream.sets if hasattr(found, "samples")] == [2, 20]
    assert [found.source.weight for found in stream.sets] == pytest.approx([2 / 42, 40 / 42])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SampleStream(DataConfig((Stored(str(recipe)),)))
    entries["few"]["data_augment"] = True
    recipe.write_text(json.dumps(entries))
    with pytest.warns(UserWarning, match="data_augment of the published recipe are not done here"):
        SampleStream(DataConfig((Stored(str(recipe)),)))


# -- another model under the same name --------------------------------------------------------------------


def test_a_run_does_not_go_on_from_other_weights(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file, save_file

    model, out = tmp_path / "model", tmp_path / "run"
    shutil.copytree(checkpoint, model)
    settings = (f"data={coco(tmp_path)}", f"model={model}", f"out={out}")
    assert train(*settings) == 0
    file = model / "model.safetensors"
    tensors = load_file(file)
    save_file({name: t + 0.25 for name, t in tensors.items()}, file, metadata={"format": "pt"})
    assert train(*settings) == 1
    assert "began from other weights than" in capsys.readouterr().err


def test_other_data_in_an_old_folder_are_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = coco(tmp_path)
    settings = (f"model={checkpoint}", f"out={tmp_path / 'run'}")
    assert train(f"data={path}", *settings) == 0
    shutil.copy(path, tmp_path / "other.json")
    assert train(f"data={tmp_path / 'other.json'}", *settings) == 1
    assert "holds a run with another data.sources" in capsys.readouterr().err


# -- the best state ---------------------------------------------------------------------------------------


def test_the_best_state_is_exported_where_asked(checkpoint: Path, tmp_path: Path) -> None:
    from locany.train.recipe import load_recipe
    from locany.train.sft import train as learn
    from tests.unit.test_finetune_data import RECIPES, SMALL, SMALL_PACK

    given = (f"data={coco(tmp_path)}", f"model={checkpoint}", f"out={tmp_path / 'run'}")
    config = load_recipe(RECIPES / "lora.py", [*given, *SMALL, *SMALL_PACK])
    evaluation = replace(config.evaluation, every=2, sources=config.data.sources)
    config = replace(config, steps=6, evaluation=evaluation)
    scores, said = iter((0.2, 0.9, 0.1)), list[str]()
    learn(config, said.append, lambda run: {"f1": next(scores)})
    assert said[-1].startswith("step 4 scored better (0.900) than the last one")
    weights = tmp_path / "run" / "adapter" / "adapter_model.safetensors"
    last = weights.read_bytes()
    learn(replace(config, export_best=True), said.append, lambda run: {"f1": next(scores)})
    assert said[-1] == "exported the weights of step 4, which scored best (0.900)"
    assert weights.read_bytes() != last


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("evaluation.modes=[fast,hybird]", "evaluation.modes has ['hybird']; there are: fast, slow"),
        ("evaluation.num_samples=0", "needs a mode and a sample at least"),
        ("optim.part_scale={llm: 0.1}", "optim.part_scale names no part: ['llm']; there are vision"),
        ("optim.grad_clip=-1", "optim.grad_clip is -1"),
    ],
)
def test_settings_that_would_do_nothing(
    setting: str, words: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = coco(tmp_path)
    assert train(f"data={path}", f"model={checkpoint}", f"out={tmp_path / 'run'}", setting) == 1
    assert words in capsys.readouterr().err


def test_no_limit_on_gradients_is_no_standstill(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = (f"data={coco(tmp_path)}", f"model={checkpoint}", f"out={out}", "optim.grad_clip=0")
    assert train(*settings, "optim.muon=false") == 0
    from safetensors.torch import load_file

    tensors = load_file(out / "adapter" / "adapter_model.safetensors")
    assert any(t.abs().sum() > 0 for name, t in tensors.items() if "lora_B" in name)
