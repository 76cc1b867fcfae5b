"""The dense truth: what a visual token stands on, what a position writes about; packed or not, the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from locany.codec import Tokenizer
from locany.data.characters import BLANK, NOT_KNOWN, cell_characters, class_of
from locany.data.collate import collate
from locany.data.encode import EncodedSample, encode_sample
from locany.data.sample import Question, Sample, Target
from locany.data.truth import NOTHING, TEXTS, THINGS, UNKNOWN, cell_objects, is_text, name_of
from locany.image import PreprocessConfig
from locany.model import LocateModel
from locany.model.masks import visible
from locany.synth.icons import IconsConfig, render
from locany.tasks import Task
from locany.train.dense import cell_boxes, mean_embeddings
from locany.train.guide import guide_loss
from locany.train.init import initialise
from tests.tiny import tiny_config

CONFIG = PreprocessConfig(in_token_limit=100)
SCENE = IconsConfig(side=(112, 140), num_patches=(60, 100), sprite_side=(28, 60), max_objects=3, max_words=0)


@pytest.fixture(scope="module")
def tokenizer(mini_tokenizer: Path) -> Tokenizer:
    return Tokenizer.from_folder(mini_tokenizer)


@pytest.fixture(scope="module")
def samples(tokenizer: Tokenizer) -> list[EncodedSample]:
    return [encode_sample(tokenizer, render(seed, SCENE), CONFIG) for seed in range(5)]


def test_cells_know_their_topmost_object() -> None:
    bins = np.array([[0, 0, 500, 500], [250, 250, 500, 500]])
    owner, reach = cell_objects(bins, (8, 8), merge_size=2, max_bin=1000)
    assert owner.reshape(4, 4).tolist() == [[0, 0, -1, -1], [0, 1, -1, -1], [-1] * 4, [-1] * 4]
    np.testing.assert_allclose(reach[5], [0.5, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(reach[0], [0.5, 0.5, 1.5, 1.5])
    assert (reach[owner == NOTHING] == 0).all()
    owner, _ = cell_objects(np.array([[900, 900, 910, 910]]), (4, 8), merge_size=2, max_bin=1000)
    assert owner.tolist() == [-1] * 7 + [0], "an object without a cell centre takes the cell of its own"


def test_every_coordinate_is_written_about_its_object(tokenizer: Tokenizer) -> None:
    """In both streams, boxes and points; what is no object's box is about nothing."""
    vocab = tokenizer.vocab
    cat, dog = Target("cat", (10, 10, 50, 50)), Target("dog", (60, 20, 100, 90))
    part = Target("ear", (12, 12, 20, 20))
    sample = Sample(
        np.zeros((112, 112, 3), np.uint8),
        (
            Question(Task.detect(["cat", "dog", "cow"]), (cat, dog)),
            Question(Task.point("dog"), (dog,)),
            Question(Task.ground("ear"), (part,)),
        ),
        (cat, dog),
    )
    encoded = encode_sample(tokenizer, sample, CONFIG)
    assert encoded.truth is not None
    streams, written = encoded.streams, dict(encoded.truth.writes.tolist())
    assert len(written) == len(encoded.truth.writes)
    boxes = {tuple(box): number for number, box in enumerate(encoded.truth.bins.tolist())}
    for position in range(len(streams)):
        target = int(streams.targets[position])
        if vocab.is_coord(target) and streams.block[position] >= 0:
            block = streams.targets[streams.block == streams.block[position]].tolist()
            bins = tuple(vocab.bin_of(token) for token in block if vocab.is_coord(token))
            expected = boxes.get(
                bins, boxes[tuple(encoded.truth.bins[1].tolist())] if len(bins) == 2 else None
            )
            assert written.get(position) == expected
    coords = [p for p in range(len(streams)) if vocab.is_coord(int(streams.targets[p]))]
    about = [p for p in coords if p in written]
    assert len(coords) == 2 * (4 + 4 + 2 + 4)
    assert len(about) == 2 * (4 + 4 + 2)


def test_packing_changes_no_truth(tokenizer: Tokenizer, samples: list[EncodedSample]) -> None:
    pad = tokenizer.vocab.pad
    apart, packed = collate([[s] for s in samples], pad), collate([samples], pad)
    assert packed.token_ids.shape[0] == 1
    assert apart.truth.row_writes == [len(s.truth.writes) for s in samples if s.truth]
    for batch in (apart, packed):
        truth = batch.truth
        assert sum(truth.row_writes) == len(truth.writes)
        # what is written stands there: a coordinate or the frame's opening or closing
        rows, positions, objects = truth.writes.T
        targets = batch.targets[rows, positions].tolist()
        written = [(t, truth.bins[o].tolist()) for t, o in zip(targets, objects.tolist(), strict=True)]
        vocab = tokenizer.vocab
        for target, bins in written:
            if vocab.is_coord(target) and len(set(bins)) == 4 and vocab.bin_of(target) in bins:
                break
        else:
            pytest.fail("no coordinate is about its object")
    assert torch.equal(apart.truth.owner, packed.truth.owner)
    assert torch.equal(apart.truth.bins, packed.truth.bins)


def test_guided_attention_is_the_same_packed_and_not(
    tokenizer: Tokenizer, samples: list[EncodedSample]
) -> None:
    vocab = tokenizer.vocab
    config = tiny_config(vocab_size=vocab.size)
    model = LocateModel(config)
    initialise(model, 0, vocab.coord_ids)
    found = []
    for rows in ([[s] for s in samples], [samples[:2], samples[2:]]):
        batch = collate(rows, vocab.pad)
        hidden = model.decoder.embed(batch.token_ids)
        mask = visible(batch.layout, batch.layout)
        mask |= torch.eye(mask.shape[-1], dtype=torch.bool)
        layer = model.decoder.layers[0]
        cells = cell_boxes(batch.grids, CONFIG.merge_size, vocab.max_bin)
        loss, hit = guide_loss(layer, hidden, mask, config.text.rope_theta, batch, vocab.image_token, cells)  # type: ignore[arg-type]
        assert 0 < hit < 1
        found.append(loss.item())
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_an_image_without_truth_is_unknown(tokenizer: Tokenizer, samples: list[EncodedSample]) -> None:
    plain = encode_sample(
        tokenizer, Sample(np.zeros((56, 56, 3), np.uint8), (Question(Task.ground("x")),)), CONFIG
    )
    batch = collate([[samples[0]], [plain]], tokenizer.vocab.pad)
    num_known = len(samples[0].truth.characters) if samples[0].truth else 0
    assert (batch.truth.owner[THINGS, :num_known] != UNKNOWN).all()
    assert (batch.truth.owner[TEXTS] == UNKNOWN).all(), "an image without a word was not searched for words"
    assert (batch.truth.owner[:, num_known:] == UNKNOWN).all()
    assert (batch.truth.characters == NOT_KNOWN).all()
    assert batch.truth.owner.shape == (2, num_known + 4)
    assert batch.truth.row_writes[1] == 0


def test_mean_embeddings() -> None:
    embed = torch.arange(12.0).view(6, 2)
    found = mean_embeddings(embed, torch.tensor([0, 2, 5]), torch.tensor([2, 1]))
    torch.testing.assert_close(found, torch.tensor([[2.0, 3.0], [10.0, 11.0]]))


def test_things_and_texts_are_apart(tokenizer: Tokenizer) -> None:
    """A button keeps its cells although its label is written on it."""
    button = Target(
        "button", (0, 0, 112, 56), text="Save", attributes={"role": "button", "name": "Save file"}
    )
    line = Target("text", (28, 14, 84, 42), text="Save", attributes={"role": "text"})
    assert (is_text(button), is_text(line)) == (False, True)
    assert (name_of(button), name_of(line)) == ("Save file", "Save")
    region = Target("text", (0, 0, 9, 9), text="Save", attributes={"role": "text", "level": "region"})
    word = Target("Save", (0, 0, 9, 9), text="Save", attributes={"level": "word"})
    assert (is_text(region), is_text(word), is_text(Target("cat", (0, 0, 9, 9)))) == (False, True, False)
    question = Question(Task.ground("save"), (replace(button, label="save"),))
    sample = Sample(np.zeros((56, 112, 3), np.uint8), (question,), (button, line))
    truth = encode_sample(tokenizer, sample, CONFIG).truth
    assert truth is not None
    assert truth.owner[THINGS].tolist() == [0] * 8
    assert truth.owner[TEXTS].tolist() == [-1, 1, 1, -1, -1, 1, 1, -1]
    np.testing.assert_allclose(truth.reach[TEXTS, 1], [0.5, 0, 1.5, 1])
    written = {class_of(c) for c in "save"}
    assert set(truth.characters[[1, 2, 5, 6]].ravel().tolist()) == {BLANK, *written}
    assert (truth.characters[[0, 3, 4, 7]] == BLANK).all()


@pytest.mark.parametrize("turned", [False, True])
def test_characters_follow_the_line(turned: bool) -> None:
    """ "mn" along two cells, and upside down, where the outline begins at the lower right."""
    corners = ((0.0, 0.0), (56.0, 0.0), (56.0, 28.0), (0.0, 28.0))
    outline = (*corners[2:], *corners[:2]) if turned else corners
    word = Target("nn", (0, 0, 56, 28), polygon=outline, text="na")
    n, a = class_of("N"), class_of("a")
    found = cell_characters([word], (56, 28), (2, 4), merge_size=2)
    first, second = (a, n) if turned else (n, a)
    assert found.tolist() == [[first] * 8, [second] * 8]


def test_what_does_not_fit_is_passed_over(tokenizer: Tokenizer, samples: list[EncodedSample]) -> None:
    sample = render(3, replace(SCENE, num_questions=4))
    whole = encode_sample(tokenizer, sample, CONFIG)
    limit = len(whole) - 1
    cut = encode_sample(tokenizer, sample, CONFIG, max_positions=limit)
    assert len(cut) <= limit
    assert set(cut.streams.branch.tolist()) < set(whole.streams.branch.tolist())
    least = encode_sample(tokenizer, sample, CONFIG, max_positions=1)
    assert set(least.streams.branch.tolist()) == {0, 1}, "one question is asked whatever it takes"
    same = encode_sample(tokenizer, sample, CONFIG, max_positions=len(whole) + 8)
    assert np.array_equal(same.streams.token_ids, whole.streams.token_ids)
