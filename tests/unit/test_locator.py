"""The front door: any image and question in, `Detections` in the user's own pixels out."""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import locany
from locany import Detections, LocanyError, Locator, Task
from locany.codec import Tokenizer, write_answer
from locany.engine import EngineConfig, Request
from locany.errors import (
    CheckpointConfigError,
    CheckpointNotFoundError,
    ImageLoadError,
    ImageTooLargeError,
    RequestError,
)
from locany.image import PreprocessConfig, load_image
from locany.model import LocateModel
from locany.results import Provenance
from tests.scripted import ScriptedRunner, one
from tests.tiny import tiny_config, tiny_model

RED = Image.new("RGB", (84, 56), (200, 30, 30))


@pytest.fixture(scope="module")
def locator(checkpoint: Path) -> Locator:
    return locany.load(checkpoint, device="cpu", dtype="float32", max_rows=4)


def saying(locator: Locator, *tokens: int, end: bool = True) -> Locator:
    """A locator whose network writes these tokens, whatever it is asked; use it with mode="slow"."""
    vocab = locator.tokenizer.vocab
    written = [*tokens, vocab.end] if end else list(tokens)
    other = Locator(
        locator.engine.runner.model,
        locator.tokenizer,
        locator.preprocess_config,
        name="script",
        config=EngineConfig(max_rows=2, max_length=5000),
    )
    runner = ScriptedRunner(vocab, lambda request, number: one(vocab, written[min(number, len(written) - 1)]))
    other.engine.runner = runner  # type: ignore[assignment]
    return other


def copied(checkpoint: Path, folder: Path) -> Path:
    """A copy of a checkpoint that may be written to, whatever the permissions of the original."""
    folder.mkdir()
    for path in checkpoint.iterdir():
        shutil.copyfile(path, folder / path.name)
    return folder


def answer(locator: Locator, *groups: Any) -> list[int]:
    return write_answer(locator.tokenizer, groups, end=False)


# -- the real thing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["hybrid", "fast", "verified", "slow"])
def test_every_question_has_an_answer(locator: Locator, mode: str) -> None:
    knobs: dict[str, Any] = {"mode": mode, "max_new_tokens": 60}
    answers = [
        locator.detect(RED, ["red square", "blue circle"], **knobs),
        locator.ground(RED, "red square", **knobs),
        locator.refer(RED, "the red square", **knobs),
        locator.point(RED, "red square", **knobs),
        locator.find_text(RED, "OK", **knobs),
        locator.text(RED, **knobs),
        locator.layout(RED, "title", **knobs),
        locator.gui(RED, "search button", **knobs),
        locator.gui(RED, "search button", point=True, **knobs),
    ]
    kinds = [a.task.kind.value for a in answers if a.task]
    assert kinds == ["detect", "ground", "refer", "point", "find_text", "text", "layout", "gui", "gui_point"]
    for found in answers:
        assert found.size_wh == (84, 56)
        assert found.stats["settings"]["mode"] == mode
        for count in ("num_tokens", "num_prompt_tokens", "num_steps", "seconds"):
            assert found.stats[count] > 0
        assert found.stats["finish"] in ("end", "limit", "repeat", "max_boxes")
        assert found.truncated == (found.stats["finish"] in ("limit", "max_boxes"))
        assert ((found.xyxy >= 0) & (found.xyxy <= [84, 56, 84, 56])).all()
        assert Detections.from_json(found.to_json()).labels == found.labels
        if mode in ("slow", "verified"):
            assert set(found.provenance) <= {Provenance.SEQUENTIAL if mode == "slow" else Provenance.VERIFIED}
        else:
            assert Provenance.SEQUENTIAL not in found.provenance
    assert sum(len(a) + len(a.absent) for a in answers) > 0


def test_it_says_what_it_is(locator: Locator, checkpoint: Path) -> None:
    assert repr(locator) == f"Locator({str(checkpoint)!r}, device='cpu', dtype='float32')"
    assert locator.engine.config == EngineConfig(max_rows=4, max_length=locator.engine.config.max_length)
    assert 512 <= locator.engine.config.max_length <= 16384


def test_any_kind_of_image_gives_the_same_answer(locator: Locator, tmp_path: Path) -> None:
    path, buffer = tmp_path / "red.png", io.BytesIO()
    RED.save(path)
    RED.save(buffer, "PNG")
    sources = [RED, path, str(path), buffer.getvalue(), buffer, np.asarray(RED), load_image(path)]
    answers = [locator.detect(source, "square", max_new_tokens=40) for source in sources]
    for found in answers[1:]:
        assert found.answer == answers[0].answer
        assert np.array_equal(found.xyxy, answers[0].xyxy)
    assert [a.image_name for a in answers[:4]] == ["<image>", str(path), str(path), "<bytes>"]
    assert answers[0].image is not None
    assert answers[0].image.shape == (56, 84, 3)


def test_many_at_once_equal_one_by_one(locator: Locator) -> None:
    rng = np.random.default_rng(0)
    sizes = [(60, 90), (140, 28), (30, 30), (84, 112), (56, 84), (28, 200), (112, 112)]
    questions: list[tuple[Any, Task]] = [
        (rng.integers(0, 255, (h, w, 3), dtype=np.uint8), task)
        for (h, w), task in zip(sizes, [Task.text(), Task.detect(["square", "dog"])] * 4, strict=False)
    ]
    for knobs in ({"mode": "hybrid"}, {"mode": "slow", "temperature": 0.8, "seed": 5, "top_p": 0.9}):
        together = locator.locate_many(questions, max_new_tokens=40, **knobs)
        assert len(together) == len(questions)
        for (image, task), got in zip(questions, together, strict=True):
            alone = locator.locate(image, task, max_new_tokens=40, **knobs)
            assert (got.answer, got.labels, got.provenance) == (alone.answer, alone.labels, alone.provenance)
            np.testing.assert_allclose(got.scores, alone.scores, atol=1e-4)
            assert np.array_equal(got.xyxy, alone.xyxy)
    assert locator.locate_many([]) == []


def test_a_pair_may_be_a_list(locator: Locator) -> None:
    [as_list] = locator.locate_many([[RED, Task.text()]], max_new_tokens=20)  # type: ignore[list-item]
    assert as_list.answer == locator.text(RED, max_new_tokens=20).answer
    with pytest.raises(RequestError, match="question 0 is of type list, expected an image and a Task"):
        locator.locate_many([[RED, Task.text(), 3]])  # type: ignore[list-item]


def test_answers_of_a_stream_do_not_share_their_settings(locator: Locator) -> None:
    first, second = locator.locate_many([(RED, Task.text())] * 2, max_new_tokens=20)
    first.stats["settings"]["mode"] = "changed"
    assert second.stats["settings"]["mode"] == "hybrid"


def test_labels_are_found_as_they_were_asked_for(locator: Locator) -> None:
    vocab = locator.tokenizer.vocab
    tokens = answer(locator, ("sail boat", [[vocab.coord_start + n for n in (1, 2, 300, 400)]]))
    found = saying(locator, *tokens).detect(RED, ["sail  boat"], mode="slow")
    assert found.labels == ["sail boat"]
    assert "sail  boat" in found
    assert len(found["sail  boat"]) == len(found.to_coco(1, {"sail  boat": 7})) == 1


# -- from tokens to the user's pixels --------------------------------------------------------------------


@pytest.mark.parametrize("size_wh", [(84, 56), (1000, 50), (37, 211), (1, 1)])
def test_bins_become_pixels_of_the_users_image(locator: Locator, size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    bins = [(0, 0, 1000, 1000), (250, 500, 750, 1000), (10, 20)]
    found = saying(locator, *answer(locator, ("cat", bins))).detect(
        Image.new("RGB", size_wh), "cat", mode="slow"
    )
    expected = np.array([(0, 0, 1, 1), (0.25, 0.5, 0.75, 1), (0.01, 0.02, 0.01, 0.02)])
    np.testing.assert_allclose(found.xyxy, expected * [width, height, width, height], rtol=1e-6)
    assert found.is_point.tolist() == [False, False, True]
    assert found.labels == ["cat"] * 3
    assert (found.dropped, found.truncated, found.absent) == ((), False, ())
    assert found.answer.endswith("<box><10><20></box><|im_end|>")


@pytest.mark.parametrize("keeps", [True, False])
def test_allocator_is_left_alone_where_asked(
    checkpoint: Path, keeps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(locany.locator, "tune_cpu_allocator", asked.append)
    locany.load(checkpoint, device="cpu", keeps_memory=keeps)
    assert asked == ([64 << 20] if keeps else [])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotated_image(locator: Locator, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (100, 40)).save(path, exif=exif)
    tokens = answer(locator, ("", [(100, 500, 200, 1000)]))
    upright = (40, 100) if orientation >= 5 else (100, 40)
    for exif_used, size in ((True, upright), (False, (100, 40))):
        found = saying(locator, *tokens).ground(path, "cat", mode="slow", exif=exif_used)
        assert found.size_wh == size
        expected = [0.1 * size[0], 0.5 * size[1], 0.2 * size[0], size[1]]
        np.testing.assert_allclose(found.xyxy, [expected], rtol=1e-6)


def test_corners_in_any_order(locator: Locator) -> None:
    found = saying(locator, *answer(locator, ("cat", [(900, 800, 100, 200)]))).detect(RED, "cat", mode="slow")
    np.testing.assert_allclose(found.xyxy, [[8.4, 11.2, 75.6, 44.8]], rtol=1e-6)
    assert "corners put in order" in found.dropped[0]


def test_labels_fall_back_to_what_was_asked(locator: Locator) -> None:
    def labels(task: Task, label: str, **options: Any) -> list[str]:
        tokens = answer(locator, (label, [(1, 2, 3, 4)]))
        return saying(locator, *tokens).locate(RED, task, mode="slow", **options).labels

    for task in (Task.ground("red car"), Task.detect("red car"), Task.gui("red car", point=True)):
        assert labels(task, "") == ["red car"]
        assert labels(task, "dog") == ["red car"]
        assert labels(task, "dog", hold_labels=False) == ["dog"]
    assert labels(Task.detect(["red car", "dog"]), "") == [""]  # which of the two is not known
    assert labels(Task.text(), "") == [""]


def test_absent(locator: Locator) -> None:
    def absent(task: Task, *groups: Any) -> tuple[str, ...]:
        return saying(locator, *answer(locator, *groups)).locate(RED, task, mode="slow").absent

    both = Task.detect(["cat", "dog"])
    assert absent(both, ("cat", []), ("dog", [])) == ("cat", "dog")
    assert absent(both, ("cat", []), ("dog", [(1, 2, 3, 4)])) == ("cat",)
    assert absent(both, ("cat", [(1, 2, 3, 4)]), ("cat", [])) == ()  # found after all
    assert absent(both, ("", [])) == ()
    assert absent(Task.point("cat"), ("", [])) == ("cat",)
    assert absent(Task.detect("cat")) == ()


def test_categories_that_the_answer_does_not_name(locator: Locator) -> None:
    def answered(*groups: Any, categories: Sequence[str] = ("cat", "Dog", "red car")) -> Detections:
        script = saying(locator, *answer(locator, *groups))
        return script.detect(RED, list(categories), mode="slow", hold_labels=False)

    assert answered(("cat", [(1, 2, 3, 4)])).unanswered == ("Dog", "red car")
    assert answered(("cat", [(1, 2, 3, 4)]), ("dog", [])).unanswered == ("red car",)
    assert answered(categories=["cat"]).unanswered == ("cat",)
    assert saying(locator, *answer(locator, ("", []))).point(RED, "cat", mode="slow").unanswered == ()


def test_truncated_and_dropped(locator: Locator) -> None:
    tokens = answer(locator, ("cat", [(k, 2, 3 + k, 4) for k in range(5)]))
    first_box = tokens.index(locator.tokenizer.vocab.box)
    script = saying(locator, *tokens)
    cut = script.detect(RED, "cat", mode="slow", max_new_tokens=first_box + 6 + 3)
    assert cut.truncated
    assert cut.stats["finish"] == "limit"
    assert len(cut) == 1
    assert len(cut.dropped) == 1
    assert "cut short" in cut.dropped[0]
    few = script.detect(RED, "cat", mode="slow", max_boxes=2)
    assert (len(few), few.truncated, few.stats["finish"], few.dropped) == (2, True, "max_boxes", ())
    nothing = script.detect(RED, "cat", mode="slow", max_new_tokens=0)
    assert (len(nothing), nothing.truncated, nothing.answer) == (0, True, "")

    again = saying(locator, *answer(locator, ("cat", [(1, 2, 3, 4), (1, 2, 3, 4)]))).detect(
        RED, "cat", mode="slow"
    )
    assert len(again) == 1
    assert not again.truncated
    assert again.dropped == ("the model began to repeat a box; the answer was ended there",)


def test_published_rules_on_a_broken_answer(locator: Locator) -> None:
    vocab = locator.tokenizer.vocab
    stray = [vocab.box, vocab.coord(1), 300, vocab.box_end, vocab.mask]
    tokens = [*stray, *answer(locator, ("cat", [(1, 2, 3, 4)]))]
    found = saying(locator, *tokens).detect(RED, "cat", mode="slow", compat=True)
    assert found.labels == ["cat"]
    assert len(found.dropped) == 2


# -- streams ------------------------------------------------------------------------------------------------


def test_stream_goes_on_over_questions_that_fail(locator: Locator, tmp_path: Path) -> None:
    (tmp_path / "not.png").write_bytes(b"no picture")
    questions: list[Any] = [
        (RED, Task.text()),
        (tmp_path / "gone.png", Task.text()),
        (tmp_path / "not.png", Task.text()),
        (RED, "cats"),
        None,
        (RED, Task.text(), "mode"),
        *[(RED, Task.detect(f"thing {k}")) for k in range(5)],
        (np.zeros((3, 8, 8), np.uint8), Task.text()),
    ]
    got = dict(locator.stream(questions, max_new_tokens=20))
    assert sorted(got) == list(range(len(questions)))
    failed = {k: type(a) for k, a in got.items() if isinstance(a, LocanyError)}
    wrong_questions = dict.fromkeys((3, 4, 5), RequestError)
    assert failed == {1: ImageLoadError, 2: ImageLoadError, **wrong_questions, 11: ImageLoadError}
    assert "gone.png: no such file" in str(got[1])
    with pytest.raises(ImageLoadError, match=r"gone\.png"):
        locator.locate_many(questions, max_new_tokens=20)
    assert locator.engine.scheduler.is_idle


def test_an_image_that_cannot_be_shrunk_is_named(locator: Locator, tmp_path: Path) -> None:
    Image.new("RGB", (30_000, 2)).save(tmp_path / "thin.png")
    ((_, told),) = locator.stream([(tmp_path / "thin.png", Task.ground("red"))])
    assert isinstance(told, ImageTooLargeError)
    assert "thin.png: the image is 30000 x 2 pixels" in str(told)


def test_stream_loads_images_only_when_their_turn_comes(locator: Locator) -> None:
    taken: list[int] = []

    def questions() -> Iterator[tuple[Any, Task]]:
        for number in range(20):
            taken.append(number)
            yield RED, Task.detect(f"thing {number}")

    stream = locator.stream(questions(), max_new_tokens=12)
    assert taken == []
    next(stream)
    assert len(taken) <= locator.engine.config.max_rows
    stream.close()  # type: ignore[attr-defined]
    assert locator.engine.scheduler.is_idle
    assert len(taken) <= locator.engine.config.max_rows + 1


def test_questions_inside_a_stream(locator: Locator) -> None:
    """One locator, two callers in turns: neither loses answers to the other."""
    questions = [(RED, Task.detect(f"thing {k}")) for k in range(6)]
    expected = locator.locate_many(questions, max_new_tokens=25)
    got: dict[int, Detections] = {}
    for number, found in locator.stream(questions, max_new_tokens=25):
        assert isinstance(found, Detections)
        got[number] = found
        assert locator.locate(*questions[0], max_new_tokens=25).answer == expected[0].answer
    assert [got[k].answer for k in range(6)] == [found.answer for found in expected]


def test_statistics(locator: Locator) -> None:
    tokens = answer(locator, ("cat", [(1, 2, 3, 4), (5, 6)]))
    script = saying(locator, *tokens)
    script.locate_many([(RED, Task.detect("cat"))] * 3, mode="slow")
    stats = script.engine.stats
    assert (stats.num_requests, stats.num_boxes, stats.finishes) == (3, 6, {"end": 3})
    assert stats.num_tokens == 3 * (len(tokens) + 1)
    assert stats.blocks == {}


def test_scores_are_those_of_the_engine(locator: Locator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Request, "score", lambda self, start, stop: (stop - start) / 10)
    found = saying(locator, *answer(locator, ("cat", [(1, 2, 3, 4), (5, 6)]))).detect(RED, "cat", mode="slow")
    np.testing.assert_allclose(found.scores, [0.6, 0.4])


# -- what does not fit together -----------------------------------------------------------------------------


def test_unknown_options_are_refused_before_anything_is_loaded(locator: Locator) -> None:
    with pytest.raises(RequestError, match=r"unknown option max_boxs, tokens; the options are mode, .*exif"):
        locator.detect("gone.png", "cat", max_boxs=3, tokens=5)
    with pytest.raises(RequestError, match=r"mode is 'quick', expected one of fast, slow, hybrid"):
        locator.stream(iter([]), mode="quick")


@pytest.mark.parametrize(
    ("model", "preprocess", "words_of_it"),
    [
        (tiny_config(vocab_size=1560), {}, "vocabulary size is 1560"),
        (tiny_config(block_size=7), {}, "block size is 7, that of the tokenizer is 6"),
        (tiny_config(), {"patch_size": 16}, "patch size is 14, that of the image preprocessing is 16"),
        (tiny_config(), {"merge_size": 1}, "merge size is 2"),
    ],
)
def test_pieces_of_different_checkpoints(
    words: Tokenizer, model: Any, preprocess: dict[str, int], words_of_it: str
) -> None:
    network: LocateModel = tiny_model(config=model)
    with pytest.raises(CheckpointConfigError, match=f"mine: its {words_of_it}.*different checkpoints"):
        Locator(network, words, PreprocessConfig(**preprocess), name="mine")  # type: ignore[arg-type]


def test_a_folder_that_contradicts_itself(checkpoint: Path, tmp_path: Path) -> None:
    folder = copied(checkpoint, tmp_path / "mixed")
    (folder / "preprocessor_config.json").write_text(json.dumps({"patch_size": 16}))
    with pytest.raises(CheckpointConfigError, match=r"patch size is 14.*16"):
        locany.load(folder, device="cpu")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"preprocessor_config\.json"):
        locany.load(folder, device="cpu")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (100, 100),
        (1e30, None),
        (float("inf"), None),
        (float("nan"), None),
        (0.5, None),
        ("many", None),
        (None, None),
    ],
)
def test_context_length(checkpoint: Path, tmp_path: Path, limit: Any, expected: int | None) -> None:
    folder = copied(checkpoint, tmp_path / "limited")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": limit}))
    loaded = locany.load(folder, device="cpu", dtype="float32")
    positions = loaded.engine.runner.model.config.text.max_positions
    assert loaded.engine.config.max_length == (positions if expected is None else expected)


def test_load_checks_names_before_it_looks_for_files() -> None:
    with pytest.raises(locany.DeviceError, match="unknown device 'gpu'"):
        locany.load("nobody/nothing", device="gpu")
    with pytest.raises(RequestError, match="max_rows is 0"):
        locany.load("nobody/nothing", device="cpu", max_rows=0)


def test_the_answer_in_bfloat16(checkpoint: Path) -> None:
    loaded = locany.load(checkpoint, device="cpu", dtype="bfloat16")
    assert loaded.engine.runner.model.dtype == torch.bfloat16
    assert loaded.detect(RED, "square", max_new_tokens=30).stats["num_tokens"] > 0


def test_a_slow_source_does_not_hold_up_what_was_asked(locator: Locator) -> None:
    """The first answers come before the last image does, and within their time."""
    taken: list[int] = []

    def questions() -> Iterator[tuple[Any, Task]]:
        for number in range(4):
            time.sleep(0.3)
            taken.append(number)
            yield RED, Task.detect(f"thing {number}")

    number, found = next(locator.stream(questions(), max_new_tokens=6, timeout_s=30))
    assert number == 0
    assert isinstance(found, Detections)
    assert len(taken) < 4 <= locator.engine.config.max_rows


def test_watching_says_that_an_answer_was_cut(locator: Locator) -> None:
    tokens = answer(locator, ("cat", [(1, 2, 3, 4), (5, 6, 7, 8)]))
    endless = saying(locator, *tokens, end=False)
    with pytest.warns(UserWarning, match="the answer was cut by max_new_tokens"):
        list(endless.watch(RED, Task.detect("cat"), mode="slow", max_new_tokens=len(tokens)))


def test_too_many_words_are_not_blamed_on_the_image(locator: Locator) -> None:
    names = [f"some thing of many words, number {n}" for n in range(3000)]
    with pytest.raises(RequestError, match=r"of them of images.*or parallel_categories=True"):
        locator.detect(RED, names)
