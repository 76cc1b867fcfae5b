"""Questions that take several requests: the same answers as asked one by one, and nothing left behind."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import locany
from locany import Detection, Detections, LocanyError, Locator, Task
from locany.engine import Request
from locany.errors import EngineBusyError, ImageLoadError, ImageTooLargeError, RequestError
from locany.locator.reading import read

RED = (220, 30, 30)


@pytest.fixture(scope="module")
def locator(checkpoint: Path) -> Locator:
    return locany.load(checkpoint, device="cpu", dtype="float32", max_rows=3)


def picture(*lefts: int, width: int = 112) -> np.ndarray:
    """Red squares on grey, as the tiny model knows them."""
    pixels = np.full((84, width, 3), 190, np.uint8)
    for left in lefts:
        pixels[28:56, left : left + 28] = RED
    return pixels


# -- categories side by side --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["hybrid", "fast", "slow"])
def test_categories_side_by_side_equal_one_by_one(locator: Locator, mode: str) -> None:
    names = ["red square", "dog", "blue circle", "a very long name of something", "sun"]
    knobs: dict[str, Any] = {"mode": mode, "max_new_tokens": 30}
    for kind in (Task.detect, Task.layout):
        together = locator.locate(picture(28), kind(names), parallel_categories=True, **knobs)
        alone = [locator.locate(picture(28), kind(name), **knobs) for name in names]
        assert together.answer == "\n".join(found.answer for found in alone)
        assert together.labels == [label for found in alone for label in found.labels]
        assert together.provenance == [how for found in alone for how in found.provenance]
        np.testing.assert_array_equal(together.xyxy, np.concatenate([found.xyxy for found in alone]))
        np.testing.assert_allclose(together.scores, np.concatenate([f.scores for f in alone]), atol=1e-5)
        found_names, absent = set(together.labels), [name for found in alone for name in found.absent]
        assert together.absent == tuple(dict.fromkeys(n for n in absent if n not in found_names))
        assert together.truncated == any(found.truncated for found in alone)
        assert together.task == kind(names)
        for count in ("num_tokens", "num_steps", "num_prompt_tokens"):
            assert together.stats[count] == sum(found.stats[count] for found in alone)
        assert together.stats["num_requests"] == 5
        assert together.stats["settings"]["parallel_categories"] is True
    assert locator.engine.scheduler.is_idle


def test_one_category_is_asked_as_ever(locator: Locator) -> None:
    plain = locator.detect(picture(28), "red square")
    parallel = locator.detect(picture(28), "red square", parallel_categories=True)
    assert (plain.labels, plain.answer) == (parallel.labels, parallel.answer)
    np.testing.assert_array_equal(plain.xyxy, parallel.xyxy)
    assert parallel.stats["num_requests"] == 1


@pytest.mark.parametrize("task", [Task.text(), Task.ground("cat"), Task.point("cat"), Task.gui("save")])
def test_other_questions_have_no_categories(locator: Locator, task: Task) -> None:
    with pytest.raises(RequestError, match="several categories"):
        locator.locate("gone.png", task, parallel_categories=True)


def test_a_limit_of_one_category_is_told(locator: Locator) -> None:
    found = locator.detect(picture(28), ["red square", "dog"], parallel_categories=True, max_new_tokens=3)
    assert found.truncated
    assert found.stats["finish"] == "limit"


# -- tiles and a second look --------------------------------------------------------------------------------


def test_tiles_show_what_one_look_shrinks_away(locator: Locator) -> None:
    pixels = picture(28, 28 + 112, width=224)
    for options in (
        {"tiles": (2, 1), "overlap": 0.0, "whole_image": False},
        {"tiles": "2x1", "overlap": 0.0},
    ):
        found = locator.detect(pixels, "red square", **options)
        squares = found.xyxy[found.xyxy[:, 0].argsort()]
        np.testing.assert_allclose(squares[:2], [(28, 28, 56, 56), (140, 28, 168, 56)], atol=0.3)
        assert found.size_wh == (224, 84)
        assert found.image is not None
        assert found.image.shape == (84, 224, 3)
        assert found.stats["settings"]["tiles"] == [2, 1]
        assert found.stats["num_requests"] == 2 + ("whole_image" not in options)


def test_tiles_of_a_small_image_change_nothing(locator: Locator) -> None:
    plain, tiled = (locator.ground(picture(28), "red square", **o) for o in ({}, {"tiles": "auto"}))
    np.testing.assert_array_equal(plain.xyxy, tiled.xyxy)
    assert tiled.stats["num_requests"] == 1


def test_a_second_look(locator: Locator) -> None:
    coarse = locator.ground(picture(28), "red square")
    found = locator.ground(picture(28), "red square", zoom=True)
    assert len(found) == len(coarse) == 1
    np.testing.assert_allclose(found.xyxy, coarse.xyxy, atol=3)
    assert found.stats["num_requests"] == 2
    assert found.stats["seconds"] > 0


# -- streams ------------------------------------------------------------------------------------------------


def test_many_questions_of_many_requests(locator: Locator) -> None:
    rng = np.random.default_rng(1)
    tasks = [Task.detect(["red square", "dog", "sun"]), Task.layout("red square"), Task.detect(["a", "b"])]
    questions = [(picture(int(rng.integers(0, 84))), tasks[k % 3]) for k in range(8)]
    knobs: dict[str, Any] = {"parallel_categories": True, "tiles": (2, 1), "zoom": True, "max_new_tokens": 20}
    most = 0
    got: dict[int, Detections] = {}
    for number, answer in locator.stream(questions, **knobs):
        assert isinstance(answer, Detections)
        got[number] = answer
        running = locator.engine.scheduler
        most = max(most, len(running.running) + len(running.waiting))
    assert most <= 3, "no more requests than rows: pixels wait as uint8, once per image"
    for number, (image, task) in enumerate(questions):
        alone = locator.locate(image, task, **knobs)
        assert got[number].answer == alone.answer
        assert got[number].labels == alone.labels
        np.testing.assert_array_equal(got[number].xyxy, alone.xyxy)


def test_a_question_that_fails_takes_its_requests_along(
    locator: Locator, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = locator.model.encode_images

    def limited(pixels: Any, grids: Any) -> Any:
        if any(height * width > 20 for height, width in grids):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return encode(pixels, grids)

    monkeypatch.setattr(locator.model, "encode_images", limited)
    small, large = np.full((28, 28, 3), 9, np.uint8), picture(28, width=224)
    questions: list[Any] = [
        (small, Task.detect("a")),
        (large, Task.detect(["a", "b", "c", "d"])),
        (small, Task.text()),
        ("gone.png", Task.detect("a")),
        (small, Task.detect(["a", "b"])),
    ]
    options: dict[str, Any] = {"parallel_categories": True, "max_new_tokens": 10}
    monkeypatch.setattr(locator.engine.scheduler, "max_rows", 1)
    got = dict(locator.stream(questions, **options))
    failed = {k: type(answer) for k, answer in got.items() if isinstance(answer, LocanyError)}
    assert failed == {1: ImageTooLargeError, 2: RequestError, 3: ImageLoadError}
    assert sorted(got) == [0, 1, 2, 3, 4]
    assert locator.engine.scheduler.is_idle


def test_stopping_early_leaves_nothing_behind(locator: Locator) -> None:
    stream = locator.stream(
        [(picture(28), Task.detect(list("abcdefgh")))] * 4, parallel_categories=True, max_new_tokens=20
    )
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert locator.engine.scheduler.is_idle


def test_options_are_checked_before_anything_is_loaded(locator: Locator) -> None:
    for options, message in (
        ({"tiles": "several"}, "tiles is 'several', expected 'auto', or columns and rows"),
        ({"overlap": 2}, "overlap is 2, expected a number from 0 to 0.5"),
        ({"zoom": "yes"}, "zoom is 'yes', expected True or False"),
        ({"zooom": True}, "unknown option zooom; the options are .*tiles.*zoom"),
    ):
        for call in (locator.detect, locator.layout):
            with pytest.raises(RequestError, match=message):
                call("gone.png", "cat", **options)  # type: ignore[arg-type]
        with pytest.raises(RequestError, match=message):
            locator.stream(iter([]), **options)
        with pytest.raises(RequestError, match=message):
            locator.locate_many([("gone.png", Task.text())], **options)


# -- between the bins ---------------------------------------------------------------------------------------


def test_refined_coordinates_lie_between_the_bins(locator: Locator) -> None:
    vocab, image = locator.tokenizer.vocab, locany.load_image(np.zeros((100, 200, 3), np.uint8))
    bins, between = (300, 900, 100, 950), (299.6, math.nan, 100.25, 950.5)
    tokens = [vocab.box, *(vocab.coord(b) for b in bins), vocab.box_end, vocab.end]
    request = Request([1], tokens=tokens)
    request.token_scores = request.block_scores = [0.5] * len(tokens)
    request.provenance = [locany.Provenance.PARALLEL] * len(tokens)
    request.expected_bins = [math.nan, *between, math.nan, math.nan]
    whole, tile = (0, 0, 200, 100), (100, 0, 200, 50)
    task = Task.ground("cat")

    def boxes(window: Any, refine: bool) -> list[float]:
        return list(read(request, locator.tokenizer, task, window, image, refine=refine)[0].xyxy)

    assert boxes(whole, False) == pytest.approx([20, 90, 60, 95])
    assert boxes(whole, True) == pytest.approx([20.05, 90, 59.92, 95.05], abs=1e-4)
    assert boxes(tile, True) == pytest.approx([110.025, 45, 129.96, 47.525], abs=1e-4)


@pytest.mark.parametrize("mode", ["hybrid", "slow"])
def test_refine_moves_coordinates_by_less_than_its_reach(locator: Locator, mode: str) -> None:
    plain, refined = (
        locator.ground(picture(28), "red square", mode=mode, refine=refine) for refine in (False, True)
    )
    assert refined.answer == plain.answer
    assert refined.stats["settings"]["refine"] is True
    assert (np.abs(refined.xyxy - plain.xyxy) <= np.array([112, 84, 112, 84]) * 10 / 1000 + 1e-3).all()
    np.testing.assert_array_equal(refined.scores, plain.scores)
    # Of a picture that it knows the model is so sure that the neighbours of a bin weigh nothing.
    noise = np.random.default_rng(0).integers(0, 255, (84, 112, 3), dtype=np.uint8)
    unsure, between = (
        locator.point(noise, "red square", mode=mode, refine=refine) for refine in (False, True)
    )
    assert len(unsure) == len(between) == 1
    assert 0 < np.abs(unsure.xyxy - between.xyxy).max() < 1.2


# -- one by one, as they are decoded ------------------------------------------------------------------------

TASKS = [
    Task.detect(["red square", "dog", "sun"]),
    Task.ground("red square"),
    Task.point("red square"),
    Task.text(),
]


@pytest.mark.parametrize("mode", ["hybrid", "fast", "slow", "verified"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("refine", [False, True])
def test_watching_gives_what_locate_gives(locator: Locator, mode: str, task: Task, refine: bool) -> None:
    knobs: dict[str, Any] = {"mode": mode, "max_new_tokens": 40, "refine": refine}
    found = locator.locate(picture(28), task, **knobs)
    watched = list(locator.watch(picture(28), task, **knobs))
    assert [(d.label, d.xyxy, d.provenance, d.is_point) for d in watched] == [
        (d.label, d.xyxy, d.provenance, d.is_point) for d in found
    ]
    np.testing.assert_allclose([d.score for d in watched], found.scores, rtol=1e-6)
    assert locator.engine.scheduler.is_idle


def test_watching_gives_boxes_before_the_answer_is_over(locator: Locator) -> None:
    two = picture(0, 84)
    assert len(locator.detect(two, ["red square", "dog"])) == 2
    stream = locator.watch(two, Task.detect(["red square", "dog"]))
    assert next(stream).label == "red square"
    assert not locator.engine.scheduler.is_idle
    stream.close()  # type: ignore[attr-defined]
    assert locator.engine.scheduler.is_idle


def test_a_watch_that_is_closed_while_the_engine_is_held_leaves_nothing(locator: Locator) -> None:
    """Whoever holds the engine, this thread too (a generator that the garbage collector closes in a step)."""
    before, lock = threading.active_count(), locator._locks.lock
    for other_thread in (False, True):
        stream = locator.watch(picture(0, 84), Task.detect(["red square", "dog"]))
        next(stream)
        with lock:
            if other_thread:
                closing = threading.Thread(target=stream.close, daemon=True)
                closing.start()
                closing.join(60)
            else:
                stream.close()
            assert locator.engine.scheduler.running, "not under the hands of who holds the engine"
        assert locator.engine.scheduler.is_idle
        assert not lock.locked()
    assert threading.active_count() == before


def test_many_watches_closed_at_any_time_leave_nothing(locator: Locator) -> None:
    """While threads of their own make steps, and others hold the engine for a moment."""

    def ask(number: int) -> None:
        for _ in range(3):
            stream = locator.watch(picture(0, 84), Task.detect(["red square", "dog"]), max_new_tokens=20)
            for _ in range(number % 3):
                next(stream, None)
            stream.close()

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(6)]
    for thread in threads:
        thread.start()
    patience = time.monotonic() + 300
    while any(thread.is_alive() for thread in threads) and time.monotonic() < patience:
        with locator._locks.lock:
            time.sleep(0.001)
        time.sleep(0.001)
    assert not any(thread.is_alive() for thread in threads)
    assert locator.engine.scheduler.is_idle


def to_its_end(watched: Generator[Detection, None, Detections]) -> tuple[list[Detection], Detections]:
    """What it gives, and what it returns."""
    whole: list[Detections] = []

    def told() -> Iterator[Detection]:
        whole.append((yield from watched))

    return list(told()), whole[0]


@pytest.mark.parametrize(
    "knobs", [{}, {"max_boxes": 1}, {"parallel_categories": True}, {"max_new_tokens": 8}]
)
@pytest.mark.filterwarnings("ignore:.*the answer was cut")
def test_watching_ends_with_the_answer_as_a_whole(locator: Locator, knobs: dict[str, Any]) -> None:
    task, image = Task.detect(["red square", "sun", "blue circle"]), picture(28)
    given, answer = to_its_end(locator.watch(image, task, **knobs))
    found = locator.locate(image, task, **knobs)
    assert len(answer) == len(given)
    for name in ("labels", "absent", "unanswered", "truncated", "dropped", "answer", "task", "size_wh"):
        assert getattr(answer, name) == getattr(found, name), name
    np.testing.assert_array_equal(answer.xyxy, found.xyxy)
    assert answer.stats.keys() == found.stats.keys()


def test_watching_some_categories_side_by_side_ends_with_what_was_given(locator: Locator) -> None:
    task = Task.detect(["red square", "blue circle", "sun", "dog"])
    given, answer = to_its_end(locator.watch(picture(0, 84), task, parallel_categories=True, max_boxes=1))
    assert list(answer) == given
    assert len(given) == 1
    assert answer.truncated
    assert {*answer.labels, *answer.absent, *answer.unanswered} == set(task.categories)
    whole = locator.locate(picture(0, 84), task, parallel_categories=True, max_boxes=1)
    assert answer.stats.keys() == whole.stats.keys()
    assert answer.stats["settings"] == whole.stats["settings"]
    assert answer.stats["finish"] == "max_boxes"
    assert 0 < answer.stats["num_tokens"] <= whole.stats["num_tokens"]
    assert answer.labels[0] in answer.answer
    assert locator.engine.scheduler.is_idle


def test_watching_categories_side_by_side(locator: Locator) -> None:
    task = Task.detect(["red square", "dog", "sun", "tree", "blue circle"])
    knobs: dict[str, Any] = {"parallel_categories": True, "max_new_tokens": 30}
    found = locator.locate(picture(28), task, **knobs)
    watched = list(locator.watch(picture(28), task, **knobs))
    assert sorted((d.label, d.xyxy) for d in watched) == sorted((d.label, d.xyxy) for d in found)
    for _ in range(5):  # more looks than rows: a new request may live where an old one did
        assert len(list(locator.watch(picture(28), task, **knobs))) == len(found)
    assert len(list(locator.watch(picture(28), task, max_boxes=1, **knobs))) == min(len(found), 1)
    assert locator.engine.scheduler.is_idle


def test_what_cannot_be_watched(locator: Locator) -> None:
    for options, message in (
        ({"tiles": "auto"}, "tiles is 'auto', but watch gives boxes while they are decoded"),
        ({"zoom": True}, "zoom is True, but watch gives boxes"),
        ({"parallel_categories": True}, "several categories"),
        ({"zooom": 1}, "unknown option zooom"),
    ):
        with pytest.raises(RequestError, match=message):
            locator.watch("gone.png", Task.text(), **options)  # type: ignore[arg-type]
    with pytest.raises(ImageLoadError, match=r"gone\.png: no such file"):
        next(locator.watch("gone.png", Task.text()))
    with pytest.raises(RequestError, match="the question is of type str, expected a Task; make one"):
        locator.watch(picture(0), "dog", parallel_categories=True)  # type: ignore[arg-type]


def test_a_busy_engine(checkpoint: Path) -> None:
    """Our own requests wait for each other; a new question of a busy engine is refused."""
    locator = locany.load(checkpoint, device="cpu", dtype="float32", max_rows=6)
    config = locator.engine.config
    object.__setattr__(config, "max_waiting", 2)
    names = list("abcdefgh")
    found = locator.detect(picture(28), names, parallel_categories=True, max_new_tokens=10)
    assert found.stats["num_requests"] == 8
    waiting = [locator.engine.add(Request([1, 2, 3])) for _ in range(2)]
    with pytest.raises(EngineBusyError, match="2 questions wait already"):
        locator.detect(picture(28), "a")
    for request in waiting:
        locator.engine.cancel(request)
    assert locator.engine.scheduler.is_idle


def test_a_timeout_is_told(locator: Locator) -> None:
    found = locator.detect(picture(28), ["a", "b"], parallel_categories=True, timeout_s=1e-9)
    assert (len(found), found.truncated, found.stats["finish"]) == (0, True, "timeout")


def test_who_waits_for_the_engine_comes_before_another_step(
    locator: Locator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that makes step after step takes a plain lock again before any other wakes up."""
    began: list[str] = []
    plain_add, plain_step = locator.engine.add, locator.engine.step
    other = threading.Thread(target=lambda: locator.detect(picture(28), "dog"), daemon=True)

    def add(request: Request) -> Request:
        began.append("add")
        return plain_add(request)

    def step() -> list[Request]:
        if "step" not in began:
            other.start()
            patience = time.monotonic() + 60
            while not locator._locks.door.locked() and time.monotonic() < patience:  # until it waits for us
                time.sleep(0.001)
        began.append("step")
        return plain_step()

    monkeypatch.setattr(locator.engine, "add", add)
    monkeypatch.setattr(locator.engine, "step", step)
    assert len(locator.detect(picture(28), "red square")) == 1
    other.join(60)
    assert began[:3] == ["add", "step", "add"]
    assert locator.engine.scheduler.is_idle
