"""Augmentation: the truth follows every pixel, and nothing is done that would make it untrue."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from locany.data.augment import AugmentConfig, augment, augment_rng
from locany.data.encode import answer_groups
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError
from locany.image.load import load_image
from locany.tasks import Task
from locany.train.config import TrainConfig
from locany.train.data import DataConfig, SampleStream, chosen_samples
from locany.train.recipe import load_recipe
from locany.train.sources import Rendered, Stored
from tests.unit.test_finetune_data import RECIPES, coco
from tests.unit.test_train_data import ICONS

FLIP, CROP = AugmentConfig(flip=1.0), AugmentConfig(crop=1.0)
RED, BLUE = (250, 10, 10), (10, 10, 250)
NUM_BINS = 1001


def picture(size: tuple[int, int], *boxes: tuple[int, int, int, int], color: Any = RED) -> np.ndarray:
    pixels = np.full((size[1], size[0], 3), 200, np.uint8)
    for x0, y0, x1, y1 in boxes:
        pixels[y0:y1, x0:x1] = color
    return pixels


def detected(size: tuple[int, int], *boxes: tuple[int, int, int, int], label: str = "tile") -> Sample:
    """An image with a red rectangle under every box."""
    targets = tuple(Target(label, tuple(float(v) for v in box)) for box in boxes)  # type: ignore[arg-type]
    return Sample(picture(size, *boxes), (Question(Task.detect(label), targets),), targets)


def asked(task: Task, *targets: Target, size: tuple[int, int] = (200, 120), **more: Any) -> Sample:
    return Sample(picture(size), (Question(task, targets),), **more)


def done(sample: Sample, config: AugmentConfig, number: int = 0) -> Sample:
    return augment(sample, config, augment_rng(0, number, 0))


def red_extent(sample: Sample) -> tuple[int, int, int, int] | None:
    """The box around everything that is rather red than grey."""
    pixels = sample.pixels().astype(int)
    red = pixels[..., 0] - pixels[..., 2]
    red = red > max(20, red.max() / 2)
    xs, ys = np.flatnonzero(red.any(axis=0)), np.flatnonzero(red.any(axis=1))
    return (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1) if len(xs) else None


CONFIGS = st.builds(
    AugmentConfig,
    flip=st.sampled_from((0.0, 0.5, 1.0)),
    crop=st.sampled_from((0.0, 1.0)),
    scale=st.sampled_from(((1.0, 1.0), (0.5, 1.0), (0.6, 2.0))),
    colour=st.sampled_from((0.0, 0.3)),
)


@st.composite
def boxes(draw: st.DrawFn, size: tuple[int, int] = (160, 120)) -> tuple[int, int, int, int]:
    x0, y0 = draw(st.integers(0, size[0] - 8)), draw(st.integers(0, size[1] - 8))
    return (x0, y0, draw(st.integers(x0 + 8, size[0])), draw(st.integers(y0 + 8, size[1])))


# -- the truth follows -------------------------------------------------------------------------------------


@settings(deadline=None)
@given(boxes(), CONFIGS, st.integers(0, 10**6))
def test_a_rectangle_stays_under_its_box(
    box: tuple[int, int, int, int], config: AugmentConfig, n: int
) -> None:
    found = done(detected((160, 120), box), config, n)
    assert found.pixels().dtype == np.uint8
    assert found.pixels().shape[:2] == found.size_wh[::-1]
    (question,) = found.questions
    assert question.targets == found.objects
    (target,) = found.objects  # it is all that is asked for, so it stays in view
    extent = red_extent(found)
    assert extent is not None
    slack = 0.0 if config.scale == (1.0, 1.0) else 1.5  # resampling blurs an edge
    assert np.abs(np.subtract(extent, target.xyxy)).max() <= slack


@settings(deadline=None)
@given(st.lists(boxes(), min_size=2, max_size=5), st.integers(0, 10**6))
def test_what_is_in_view_is_told_and_nothing_else(many: list[tuple[int, int, int, int]], n: int) -> None:
    sample = detected((160, 120), *many)
    found = done(sample, replace(CROP, flip=0.5), n)
    told = np.zeros(found.pixels().shape[:2], bool)
    for target in found.objects:
        x0, y0, x1, y1 = (int(v) for v in target.xyxy or ())
        assert (x1 - x0) * (y1 - y0) > 0
        told[y0:y1, x0:x1] = True
    assert (told == (found.pixels()[..., 0] == 250)).all()
    assert found.questions[0].targets == found.objects


@settings(deadline=None)
@given(boxes(), CONFIGS, st.integers(0, 10**6))
def test_every_place_of_a_target_follows(
    box: tuple[int, int, int, int], config: AugmentConfig, number: int
) -> None:
    x0, y0, x1, y1 = (float(v) for v in box)
    corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    attributes = {"parts": [[[x0, y0], [x1, y1]]], "segmentation": [[v for c in corners for v in c]]}
    target = Target("tile", (x0, y0, x1, y1), ((x0 + x1) / 2, (y0 + y1) / 2), corners, attributes=attributes)
    sample = Sample(picture((160, 120), box), (Question(Task.point("tile"), (target,)),), (target,))
    (found,) = done(sample, config, number).questions[0].targets
    assert found.xyxy is not None
    a0, b0, a1, b1 = found.xyxy
    assert found.point == pytest.approx(((a0 + a1) / 2, (b0 + b1) / 2))
    outline = np.asarray(found.attributes["segmentation"]).reshape(-1, 2)
    for places in (np.asarray(found.polygon), outline, np.asarray(found.attributes["parts"][0])):
        assert (*places.min(axis=0), *places.max(axis=0)) == pytest.approx(found.xyxy)


def test_flip_mirrors_pixels_and_boxes() -> None:
    found = done(detected((160, 120), (10, 20, 50, 40)), FLIP)
    assert found.objects[0].xyxy == (110.0, 20.0, 150.0, 40.0)
    assert (found.pixels() == picture((160, 120), (110, 20, 150, 40))).all()


def test_scale_stops_where_a_box_would_vanish_or_the_image_grow_too_large() -> None:
    small = done(detected((160, 120), (10, 20, 26, 80)), AugmentConfig(scale=(0.1, 0.1)))
    assert small.size_wh == (80, 60)
    assert small.objects[0].xyxy == (5.0, 10.0, 13.0, 40.0)
    tiny = detected((160, 120), (10, 20, 15, 80))
    assert done(tiny, AugmentConfig(scale=(0.5, 0.5))) is tiny
    long = Sample(picture((3000, 30)), ())
    assert done(long, AugmentConfig(scale=(3.0, 3.0))).size_wh == (4096, 41)


def test_a_box_that_sticks_out_by_a_pixel_is_cut_where_it_would_stick_out_by_more() -> None:
    target = Target("tile", (-0.9, 5.0, 50.0, 120.9))
    found = done(asked(Task.detect("tile"), target), AugmentConfig(scale=(2.0, 2.0)))
    assert found.objects == ()
    assert found.questions[0].targets[0].xyxy == (0.0, 10.0, 100.0, 240.0)
    assert answer_groups(found.questions[0], found.size_wh, NUM_BINS - 1)


# -- chance ------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(CONFIGS, st.integers(0, 50), st.integers(0, 50))
def test_the_same_chance_gives_the_same_sample(config: AugmentConfig, index: int, epoch: int) -> None:
    sample = detected((160, 120), (70, 50, 90, 70))
    first, again = (augment(sample, config, augment_rng(3, index, epoch)) for _ in range(2))
    assert first.questions == again.questions
    assert (first.pixels() == again.pixels()).all()


def test_every_epoch_has_a_chance_of_its_own() -> None:
    sample = detected((160, 120), (70, 50, 90, 70))
    config = AugmentConfig(flip=0.5, crop=0.5, scale=(0.8, 1.2), colour=0.2)
    boxes = {augment(sample, config, augment_rng(0, 0, epoch)).objects[0].xyxy for epoch in range(20)}
    assert len(boxes) > 15  # two sizes in whole pixels may be the same
    flipped = [done(sample, AugmentConfig(flip=0.3), n) is not sample for n in range(1000)]
    assert sum(flipped) == pytest.approx(300, abs=50)


@given(boxes(), st.integers(0, 10**6))
def test_all_off_is_the_same_object(box: tuple[int, int, int, int], number: int) -> None:
    sample = Sample(ImageRef(Path("not_there.png"), (160, 120)), detected((160, 120), box).questions)
    assert done(sample, AugmentConfig(), number) is sample


# -- what must not be mirrored ------------------------------------------------------------------------------

BOX = Target("x", (20.0, 20.0, 60.0, 60.0))


@pytest.mark.parametrize(
    "words",
    [
        *("the LEFT shoe", "leftmost cup", "right-hand door", "left_turn", "turnLeft", "hand_r", "LH glove"),
        *("arrow going clockwise", "2nd car", "the third chair", "person at 3 o'clock", "3 o’clock"),
        *("the sign that says stop", 'a "stop" sign', "the ‘stop’ sign", "'stop' sign", "house number"),
        *("7", "b", "/", "左の靴", "западный вход"),
    ],
)
def test_words_that_forbid_a_mirror(words: str) -> None:
    named = asked(Task.ground("thing"), replace(BOX, label="thing"), objects=(replace(BOX, label=words),))
    target = replace(BOX, label=words)
    for sample in (asked(Task.refer(words), target), asked(Task.detect(["thing", words])), named):
        assert done(sample, FLIP) is sample


@pytest.mark.parametrize(
    "words", ["bright window", "upright bass", "copyleft", "player's hat", "café table", "cleft", "the man"]
)
def test_words_that_do_not(words: str) -> None:
    found = done(asked(Task.refer(words), replace(BOX, label=words)), FLIP)
    assert found.questions[0].targets[0].xyxy == (140.0, 20.0, 180.0, 60.0)


@pytest.mark.parametrize(
    "task",
    [
        *(Task.text(), Task.find_text("stop"), Task.layout("table"), Task.gui("close")),
        Task.gui("close", point=True),
    ],
)
def test_writing_is_not_mirrored(task: Task) -> None:
    sample = asked(task)
    assert done(sample, FLIP) is sample


@pytest.mark.parametrize(
    "known",
    [
        {"text": "stop"},
        {"attributes": {"level": "word"}},
        {"attributes": {"pose": "Left"}},
        {"attributes": {"more": [{"view": "right side"}]}},
    ],
)
def test_what_is_known_of_an_object_forbids_a_mirror_too(known: dict[str, Any]) -> None:
    sample = asked(Task.detect("car"), objects=(replace(BOX, label="car", **known),))
    assert done(sample, FLIP) is sample
    plain = asked(Task.detect("car"), objects=(replace(BOX, label="car", attributes={"pose": "Frontal"}),))
    assert done(plain, FLIP) is not plain


ANY = AugmentConfig(flip=1.0, crop=1.0, scale=(0.5, 0.6))


@pytest.mark.parametrize(
    "target",
    [
        Target("x"),
        Target("x", (float("nan"), 0.0, 1.0, 1.0)),
        Target("x", (60.0, 20.0, 20.0, 60.0)),
        Target("x", (20.0, 20.0, 260.0, 60.0)),
        replace(BOX, attributes={"keypoints": [3, 4, 2]}),
        replace(BOX, attributes={"pose": {"eye": [[1.0, 2.0]]}}),
    ],
)
def test_places_that_cannot_follow_are_left(target: Target) -> None:
    sample = asked(Task.detect("x"), target)
    assert done(sample, ANY) is sample


# -- crop --------------------------------------------------------------------------------------------------


def crops(sample: Sample, num: int = 60) -> list[Sample]:
    """What is made of a sample, where anything is."""
    return [found for n in range(num) if (found := done(sample, CROP, n)) is not sample]


@pytest.mark.parametrize(
    "words",
    [
        *("leftmost cup", "the second cup", "cup at the bottom", "three cups", "2 cups", "largest cup"),
        *("cup next to a plate", "the only cup", "cup in the corner", "cup with a handle", "杯"),
    ],
)
def test_phrases_that_depend_on_what_is_in_view_forbid_a_crop(words: str) -> None:
    assert crops(asked(Task.ground(words), replace(BOX, label=words)))[:1] == []
    assert crops(asked(Task.ground("cup"), replace(BOX, label="cup")))


def test_categories_that_left_are_absent_and_objects_are_cut_little() -> None:
    cat, dog = Target("cat", (5.0, 5.0, 45.0, 45.0)), Target("dog", (150.0, 60.0, 190.0, 110.0))
    sample = asked(Task.detect(["cat", "dog"]), cat, dog, objects=(cat, dog))
    found = crops(sample, 200)
    assert len(found) > 150
    for one in found:
        assert one.questions[0].task == sample.questions[0].task
        assert one.questions[0].targets == one.objects != ()
    shares = [
        np.prod(np.subtract((t.xyxy or ())[2:], (t.xyxy or ())[:2])) / (1600 if t.label == "cat" else 2000)
        for one in found
        for t in one.objects
    ]
    assert 0.75 <= min(shares) < 1 == max(shares)
    assert {len(one.objects) for one in found} == {1, 2}


@pytest.mark.parametrize("change", [{"polygon": ((5.0, 5.0), (45.0, 5.0), (5.0, 45.0))}, {"text": "cat"}])
def test_only_plain_boxes_are_cut(change: dict[str, Any]) -> None:
    cat, dog = Target("cat", (5.0, 5.0, 45.0, 45.0), **change), Target("dog", (150.0, 60.0, 190.0, 110.0))
    sample = asked(Task.detect(["cat", "dog"]), cat, dog)
    boxes = [t.xyxy for one in crops(sample, 200) for t in one.questions[0].targets if t.label == "cat"]
    assert {(x1 - x0, y1 - y0) for x0, y0, x1, y1 in filter(None, boxes)} == {(40.0, 40.0)}


def test_who_is_singled_out_is_not_said_to_be_absent() -> None:
    man, sky = Target("tall man", (5.0, 5.0, 25.0, 100.0)), Target("kite", (170.0, 5.0, 190.0, 20.0))
    sample = Sample(
        picture((200, 120)),
        (
            Question(Task.refer("tall man"), (man,)),
            Question(Task.ground("kite"), (sky,)),
            Question(Task.refer("cow")),
        ),
    )
    found = crops(sample, 200)
    boxes = [t.xyxy or () for one in found for q in one.questions for t in q.targets if t.label == "tall man"]
    assert {(box[2] - box[0], box[3] - box[1]) for box in boxes} == {(20.0, 95.0)}  # never cut
    kinds = {tuple((q.task.phrase, len(q.targets)) for q in one.questions) for one in found}
    assert kinds == {
        (("kite", 1), ("cow", 0)),
        (("tall man", 1), ("kite", 0), ("cow", 0)),
        (("tall man", 1), ("kite", 1), ("cow", 0)),
    }


def test_points_and_incomplete_categories_stay_in_view() -> None:
    lamp, leaf = Target("lamp", point=(30.0, 30.0)), Target("leaf", (150.0, 60.0, 160.0, 70.0))
    sample = asked(Task.point("lamp"), lamp, objects=(leaf,), provenance={"incomplete": ["leaf"]})
    found = crops(sample)
    assert found
    for one in found:
        ((x, y),) = (t.point or () for t in one.questions[0].targets)
        assert 0 <= x <= one.size_wh[0]
        assert 0 <= y <= one.size_wh[1]
        assert one.objects[0].label == "leaf"


def test_an_image_that_one_object_fills_is_not_cropped() -> None:
    assert crops(asked(Task.ground("x"), Target("x", (0.0, 0.0, 200.0, 120.0)))) == []


# -- colour ------------------------------------------------------------------------------------------------


def test_a_colour_that_is_asked_for_keeps_its_name() -> None:
    config = AugmentConfig(colour=0.5)
    plain = detected((40, 30), (5, 5, 30, 20))
    named = Sample(plain.pixels(), (Question(Task.ground("red tile"), ()),))
    for number in range(30):
        ratio = done(named, config, number).pixels()[10, 10] / np.asarray(RED, float)
        assert 0.85 < ratio[0] < 1.15
        assert np.ptp(ratio) < 0.15  # as near as small numbers permit
    reds = {int(done(plain, config, number).pixels()[10, 10, 0]) for number in range(30)}
    assert min(reds) < 180
    assert done(plain, config).questions == plain.questions


# -- where it is used --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flip": 1.5}, r"AugmentConfig\.flip is a share of the samples from 0 to 1, got 1\.5"),
        ({"crop": -0.1}, r"crop is a share .* got -0\.1"),
        ({"crop": float("nan")}, "got nan"),
        ({"scale": (0.0, 1.0)}, r"two factors.*above 0 and up to 4, got \(0\.0, 1\.0\)"),
        ({"scale": (1.5, 1.0)}, r"got \(1\.5, 1\.0\)"),
        ({"scale": (1.0, 5.0)}, r"got \(1\.0, 5\.0\)"),
        ({"scale": 0.5}, r"two factors.*got 0\.5"),
        ({"colour": 0.6}, r"share from 0 to 0\.5, got 0\.6"),
    ],
)
def test_wrong_values_say_what_is_expected(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        AugmentConfig(**settings)


def test_settings_of_the_command_line() -> None:
    config = load_recipe(
        Path("lora"), ["data=a.json", "data.augment.flip=0.5", "data.augment.scale=[0.5, 2]"]
    )
    assert isinstance(config, TrainConfig)
    assert config.data.augment == AugmentConfig(flip=0.5, scale=(0.5, 2.0))
    assert config.data.sources == (Stored("a.json"),)
    with pytest.raises(DataError, match=r"share of the samples from 0 to 1, got 2\.0"):
        load_recipe(RECIPES / "lora.py", ["data=a.json", "data.augment.flip=2"])


def test_the_stream_uses_it_anew_each_epoch_and_evaluation_does_not(tmp_path: Path) -> None:
    path = coco(tmp_path)
    config = DataConfig((Stored(str(path)),), augment=AugmentConfig(flip=0.5, crop=0.5))
    stream, again, plain = (
        SampleStream(config),
        SampleStream(config),
        SampleStream(DataConfig(config.sources)),
    )
    seen: dict[tuple[Any, ...], set[Any]] = {}
    for position in range(40):
        sample, same, other = stream(position), again(position), plain(position)
        assert isinstance(sample, Sample)
        assert isinstance(same, Sample)
        assert isinstance(other, Sample)
        assert (sample.questions, sample.objects) == (same.questions, same.objects)
        assert (sample.pixels() == same.pixels()).all()
        assert sample.provenance == other.provenance
        key = tuple(sorted(sample.provenance.items()))
        seen.setdefault(key, set()).add((sample.size_wh, sample.objects[0].xyxy))
    assert len(seen) == 4
    assert all(len(found) > 3 for found in seen.values())
    for sample in chosen_samples(config.sources[0], 4, config):
        assert sample.objects[0].xyxy == (10.0, 10.0, 40.0, 50.0)
        assert isinstance(sample.image, ImageRef)


def test_engines_and_conversations_are_left_as_they_are(tmp_path: Path) -> None:
    augmented = AugmentConfig(flip=1.0, crop=1.0, scale=(0.5, 0.5), colour=0.5)
    assert isinstance(ICONS, Rendered)
    drawn, as_is = (SampleStream(DataConfig((ICONS,), augment=a))(3) for a in (augmented, AugmentConfig()))
    assert isinstance(drawn, Sample)
    assert isinstance(as_is, Sample)
    assert (drawn.pixels() == as_is.pixels()).all()
    Image.new("RGB", (64, 48)).save(tmp_path / "0.png")
    turns = [{"from": "human", "value": "<image-1>How many cats?"}, {"from": "gpt", "value": "None."}]
    line = {"image": "0.png", "conversations": turns}
    (tmp_path / "talk.jsonl").write_text(json.dumps(line) + "\n")
    said = SampleStream(DataConfig((Stored(str(tmp_path / "talk.jsonl")),), augment=augmented))(0)
    assert not isinstance(said, Sample)
    assert load_image(said.images[0].source).size_wh == (64, 48)


def test_an_image_that_cannot_be_read_is_named_with_its_record(tmp_path: Path) -> None:
    path = coco(tmp_path)
    stream = SampleStream(DataConfig((Stored(str(path)),), augment=AugmentConfig(colour=0.1)))
    for number in range(4):
        content = (tmp_path / f"{number}.png").read_bytes()
        (tmp_path / f"{number}.png").write_bytes(content[:60])
    with pytest.raises(DataError, match=r"set\.json, image_id \d: .*\d\.png"):
        stream(0)
