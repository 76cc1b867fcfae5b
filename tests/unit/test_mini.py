"""The bundled model: it is there, it is small, and it finds what it was trained to find on fresh images."""

from __future__ import annotations

from pathlib import Path

import pytest

import locany
from locany.codec import Tokenizer
from locany.eval.detection import count, total
from locany.locator import Locator
from locany.synth.icons import render
from locany.weights import expected_tensors, find_checkpoint, load_config, stored_tensors

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MAX_BYTES = 40e6


@pytest.fixture(scope="module")
def mini() -> Locator:
    return locany.load(dtype="float32", max_rows=32)


def test_it_has_the_published_layout_and_is_small() -> None:
    folder = find_checkpoint()
    assert sum(path.stat().st_size for path in folder.iterdir()) < MAX_BYTES
    stored = stored_tensors(folder)
    expected = expected_tensors(load_config(folder))
    assert set(stored) == set(expected) - {"language_model.lm_head.weight"}, "the head is tied"
    assert {t.dtype for t in stored.values()} == {"BF16"}
    assert Tokenizer.from_folder(folder).vocab.block_size == 6
    assert not list(folder.glob("*.py")), "a checkpoint carries no code"


@pytest.mark.parametrize("mode", ["fast", "hybrid", "slow"])
def test_it_finds_things_on_fresh_images(mini: Locator, mode: str) -> None:
    samples = [render(seed) for seed in range(500, 530)]
    asked = [(sample.pixels(), question) for sample in samples for question in sample.questions]
    answers = mini.locate_many(((image, q.task) for image, q in asked), mode=mode, max_new_tokens=256)
    counts = total(count(question, answer) for (_, question), answer in zip(asked, answers, strict=True))
    # Well below what the README states for many images, well above what a guess reaches.
    assert counts.f1 > 0.5, f"F1 {counts.f1:.3f}"
    assert not any(answer.truncated for answer in answers), "every answer ends by itself"


def test_examples_of_the_readme(mini: Locator) -> None:
    found = mini.detect(EXAMPLES / "sailing.png", ["sailboat", "balloon"])
    assert set(found.labels) == {"sailboat", "balloon"}
    assert found.size_wh == (336, 140)
    (heart,) = mini.gui(EXAMPLES / "shop.png", "add this to the favourites")
    assert heart.xyxy is not None
    assert heart.xyxy[0] < 426 < heart.xyxy[2]
    assert heart.xyxy[1] < 17 < heart.xyxy[3]
