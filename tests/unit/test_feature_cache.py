"""A frozen encoder sees every image once, and nothing else changes by that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from locany.data.collate import Batch, collate
from locany.data.encode import encode_sample
from locany.errors import DataError
from locany.train.config import LossConfig
from locany.train.feature_cache import FeatureCache, image_digests
from locany.train.lora import LoraConfig
from locany.train.ranks import Ranks
from locany.train.run import Run, start
from locany.train.sft import train
from tests.unit.squares import render
from tests.unit.train_fixtures import (
    WITH_TRUTH,
    assert_same_weights,
    losses,
    newest_state,
    run_folder,  # noqa: F401
    tiny_run,
)

ENOUGH = 10**6
FROZEN = ("vision",)


@pytest.fixture(scope="module")
def run(run_folder: Path) -> Run:  # noqa: F811
    return start(tiny_run(run_folder, out=str(run_folder / "none"), frozen=FROZEN), Ranks())


def batch_of(run: Run, *seeds: int) -> Batch:
    encoded = [encode_sample(run.tokenizer, render(seed), run.preprocess) for seed in seeds]
    return collate([encoded], run.tokenizer.vocab.pad)


def test_an_image_is_encoded_once_and_gives_what_it_gave(run: Run) -> None:
    cache, batch = FeatureCache(ENOUGH), batch_of(run, 0, 1, 0)
    cells = cache.cells(run.model, batch, image_digests(batch), run.preprocess)
    assert (cache.num_encoded, cache.num_known) == (2, 1)
    expected = run.model.vision(batch.pixel_values(run.preprocess), batch.grids)
    torch.testing.assert_close(cells, expected)
    assert not cells.requires_grad
    again = batch_of(run, 1)
    assert torch.equal(
        cache.cells(run.model, again, image_digests(again), run.preprocess),
        cells[len(cells) // 3 : 2 * len(cells) // 3],
    )
    assert (cache.num_encoded, cache.num_known) == (2, 2)


def test_what_is_kept_has_a_limit(run: Run) -> None:
    one = batch_of(run, 0)
    (digest,) = image_digests(one)
    cells = FeatureCache(0).cells(run.model, one, [digest], run.preprocess)
    cache = FeatureCache(2 * cells.nbytes)
    for seed in (0, 1, 2, 1, 2, 0):  # two are kept: the third drives the first out
        batch = batch_of(run, seed)
        cache.cells(run.model, batch, image_digests(batch), run.preprocess)
    assert (cache.num_encoded, cache.num_known) == (4, 2)


def test_images_are_told_apart_by_pixels_and_shape(run: Run) -> None:
    batch = batch_of(run, 0)
    (digest,) = image_digests(batch)
    pixels = batch.pixels.clone()
    pixels[0, 0, 0, 0] ^= 1
    (rows, columns), others = batch.grids[0], {digest}
    others |= set(image_digests(replace(batch, pixels=pixels)))
    others |= set(image_digests(replace(batch, grids=[(rows * 2, columns // 2)])))
    assert len(others) == 3
    assert image_digests(batch_of(run, 0)) == (digest,)


def test_a_run_learns_the_same_with_much_or_nothing_kept(run_folder: Path) -> None:  # noqa: F811
    """Bit for bit between a large and a useless cache; but for rounding, the same as without any."""
    outs = {}
    for name, limit in (("without", 0), ("useless", 1), ("large", ENOUGH)):
        outs[name] = str(run_folder / name)
        found = train(
            tiny_run(run_folder, out=outs[name], frozen=FROZEN, feature_bytes=limit), lambda _: None
        )
        if limit:
            assert found.features is not None
            assert found.features.num_encoded + found.features.num_known == 4 * 4 * 2 == 32
            assert (found.features.num_encoded <= 8) is (limit == ENOUGH)
    assert losses(outs["large"]) == losses(outs["useless"])
    assert_same_weights(outs["large"], outs["useless"], atol=0.0)
    assert losses(outs["large"]) == pytest.approx(losses(outs["without"]), abs=1e-5)
    assert any(name.startswith("projector") for name in newest_state(outs["large"])["learning"])


def test_a_stopped_run_goes_on_bit_for_bit(run_folder: Path) -> None:  # noqa: F811
    whole = tiny_run(run_folder, out=str(run_folder / "whole"), frozen=FROZEN, feature_bytes=ENOUGH)
    train(whole, lambda _: None)
    parts = replace(whole, out=str(run_folder / "parts"))
    train(replace(parts, steps=2), lambda _: None)
    train(parts, lambda _: None)
    assert losses(parts.out) == losses(whole.out)
    assert_same_weights(parts.out, whole.out, atol=0.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "the encoder learns; set feature_bytes=0, or frozen=vision"),
        ({"frozen": ("decoder",)}, "the encoder learns"),
        ({"frozen": FROZEN, "loss": WITH_TRUTH}, "read inside of it; set feature_bytes=0, or loss.dense=0"),
        (
            {"model": "bundled", "tokenizer": "", "lora": LoraConfig(), "loss": LossConfig(dense=0.0)},
            r"the encoder learns; set feature_bytes=0, or 'lora\.vision=\[\]'",
        ),
    ],
)
def test_what_learns_cannot_be_kept(
    run_folder: Path,  # noqa: F811
    changes: dict[str, object],
    words: str,
) -> None:
    with pytest.raises(DataError, match=words):
        tiny_run(run_folder, feature_bytes=ENOUGH, **changes)
    assert tiny_run(run_folder, frozen=FROZEN, feature_bytes=ENOUGH).feature_bytes == ENOUGH
