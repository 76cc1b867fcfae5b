"""Both streams: the written examples, and that nothing sees what it is to predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from locany.codec import Tokenizer
from locany.data.collate import collate
from locany.data.conversation import encode_conversation
from locany.data.encode import EncodedSample, encode_sample
from locany.data.sample import Question, Sample, Target
from locany.data.streams import IGNORE, Streams, answer_spans, branched_streams, conversation_streams
from locany.errors import DataError
from locany.image import PreprocessConfig
from locany.model import LocateModel
from locany.tasks import Task
from locany.train.loss import StreamLoss, find_labels, on_own_path, stream_loss
from tests.tiny import tiny_model

CHECKPOINT = Path(__file__).resolve().parents[1] / "parity" / "golden" / "tiny-checkpoint"
CONFIG = PreprocessConfig()
ANSWER = "<|im_start|>assistant\n"
CAT = "<ref>cat</ref>"
BOXES = "<box><1><2><3><4></box><box><5><6><7><8></box>"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_folder(CHECKPOINT)


@pytest.fixture(scope="module")
def model() -> LocateModel:
    return tiny_model(std=0.2)  # wide enough for the context to move every loss


def first(_upper: int) -> int:
    return 0


def streams_of(tokenizer: Tokenizer, text: str, offset: int = 0) -> Streams:
    return conversation_streams(tokenizer, tokenizer.encode(text), lambda _upper: offset)


def blocks_of(tokenizer: Tokenizer, streams: Streams) -> list[str]:
    """Blocks as "anchor -> targets", masks checked."""
    vocab, found = tokenizer.vocab, []
    for number in range(int(streams.block.max()) + 1):
        at = streams.block == number
        anchor, *masks = streams.token_ids[at].tolist()
        if (streams.targets[at] == IGNORE).all():
            continue  # the closing pad
        assert masks == [vocab.mask] * (vocab.block_size - 1)
        positions = streams.positions[at]
        assert positions.tolist() == list(range(positions[0], positions[0] + vocab.block_size))
        assert set(streams.index[at]) == {positions[0]}
        found.append(f"{tokenizer.decode([anchor])!r} -> {tokenizer.decode(streams.targets[at])}")
    return found


def in_rows(samples: list[EncodedSample], num_rows: int) -> list[list[EncodedSample]]:
    """Samples in so many rows, in order; 0 for a row each."""
    per_row = -(-len(samples) // num_rows) if num_rows else 1
    return [samples[i : i + per_row] for i in range(0, len(samples), per_row)]


def losses(
    model: LocateModel, tokenizer: Tokenizer, samples: list[EncodedSample], num_rows: int = 0
) -> StreamLoss:
    batch = collate(in_rows(samples, num_rows), tokenizer.vocab.pad)
    with torch.no_grad():
        visual = model.encode_images(batch.pixel_values(CONFIG), batch.grids) if batch.grids else None
        return stream_loss(
            model, batch.token_ids, batch.targets, batch.positions, batch.layout, visual, coord_ids=range(0)
        )


def nll_by_sample(
    model: LocateModel, tokenizer: Tokenizer, samples: list[EncodedSample], num_rows: int
) -> list[np.ndarray]:
    batch = collate(in_rows(samples, num_rows), tokenizer.vocab.pad)
    nll = losses(model, tokenizer, samples, num_rows).nll
    return [nll[batch.layout.sample == number].numpy() for number in range(len(samples))]


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


# -- the worked example of spec `training` 1.6 ---------------------------------------------------------


def test_worked_example(tokenizer: Tokenizer) -> None:
    """Two context tokens, the anchor newline, a label of one token, two boxes, the end and a newline."""
    vocab = tokenizer.vocab
    text = f"{ANSWER}<ref>a</ref>{BOXES}<|im_end|>\n"
    streams = streams_of(tokenizer, text)
    assert len(streams) == 45
    assert int((streams.block < 0).sum()) == 20
    starts = [int(np.flatnonzero(streams.block == number)[0]) for number in range(5)]
    assert starts == [20, 26, 32, 38, 44]
    assert [int(streams.index[start]) for start in starts[:4]] == [2, 5, 11, 17]
    assert streams.positions[20:44].tolist() == [*range(2, 8), *range(5, 11), *range(11, 17), *range(17, 23)]
    assert (streams.positions[44], streams.token_ids[44], streams.targets[44]) == (23, vocab.pad, IGNORE)
    supervised = streams.targets != IGNORE
    assert int(supervised[:20].sum()) == 16
    assert int(supervised[20:].sum()) == 24
    assert int((streams.targets[20:] == vocab.null).sum()) == 8
    # The newline after the end is fed and never asked for.
    assert streams.targets[18:20].tolist() == [IGNORE, IGNORE]
    assert streams.targets[2:18].tolist() == streams.token_ids[3:19].tolist()


def test_vector_with_a_negative_and_a_point(tokenizer: Tokenizer) -> None:
    answer = "<ref>a</ref><box>none</box><ref>b</ref><box><5><6></box>"
    streams = streams_of(tokenizer, f"{ANSWER}{answer}<|im_end|>\n")
    assert blocks_of(tokenizer, streams) == [
        "'\\n' -> <ref>a</ref><null><null><null>",
        "'</ref>' -> <box>none</box><null><null><null>",
        "'</box>' -> <ref>b</ref><null><null><null>",
        "'</ref>' -> <box><5><6></box><null><null>",
        "'</box>' -> <|im_end|><null><null><null><null><null>",
    ]


@pytest.mark.parametrize(
    ("offset", "block"), [(0, "'\\n' -> 123456"), (1, "'1' -> 234567"), (2, "'2' -> 34567<|im_end|>")]
)
def test_vector_of_free_text(tokenizer: Tokenizer, offset: int, block: str) -> None:
    """Seven tokens and the end: one block of six, which may start at the first, second or third."""
    asked: list[int] = []

    def draw(upper: int) -> int:
        asked.append(upper)
        return offset

    streams = conversation_streams(tokenizer, tokenizer.encode(f"{ANSWER}1234567<|im_end|>\n"), draw)
    assert blocks_of(tokenizer, streams) == [block]
    assert asked == [3]
    assert int((streams.targets[streams.block < 0] != IGNORE).sum()) == 8


def test_vector_of_short_free_text(tokenizer: Tokenizer) -> None:
    streams = streams_of(tokenizer, f"{ANSWER}12<|im_end|>\n")
    assert (streams.block == -1).all()
    assert tokenizer.vocab.pad not in streams.token_ids


def test_vector_of_a_mixed_conversation(tokenizer: Tokenizer) -> None:
    """One box makes every turn structured; later blocks see earlier turns as real tokens."""
    text = f"{ANSWER}1234567<|im_end|>\n{ANSWER}<ref>a</ref><box><1><2><3><4></box><|im_end|>\n"
    streams = streams_of(tokenizer, text)
    assert blocks_of(tokenizer, streams) == [
        "'\\n' -> 123456",
        "'6' -> 7<null><null><null><null><null>",
        "'7' -> <|im_end|><null><null><null><null><null>",
        "'\\n' -> <ref>a</ref><null><null><null>",
        "'</ref>' -> <box><1><2><3><4></box>",
        "'</box>' -> <|im_end|><null><null><null><null><null>",
    ]


@pytest.mark.parametrize(
    ("label", "blocks"),
    [
        ("1234", ["<ref>1234</ref>"]),  # t + 2 tokens fill a block: no further one
        ("12345", ["<ref>12345", "</ref><null><null><null><null><null>"]),
        ("1234567", ["<ref>12345", "67</ref><null><null><null>"]),
        ("1234567890", ["<ref>12345", "67890</ref>"]),
    ],
)
def test_labels_of_any_length(tokenizer: Tokenizer, label: str, blocks: list[str]) -> None:
    streams = streams_of(tokenizer, f"{ANSWER}<ref>{label}</ref><box><1><2></box><|im_end|>\n")
    targets = [block.split(" -> ", 1)[1] for block in blocks_of(tokenizer, streams)]
    assert targets[: len(blocks)] == blocks
    assert targets[len(blocks)] == "<box><1><2></box><null><null>"


def test_an_answer_that_starts_with_a_newline_is_still_an_answer(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode(f"{ANSWER}\n12<|im_end|>\n")
    ((_, stop),) = answer_spans(tokenizer, ids)
    assert ids[stop - 1] == tokenizer.vocab.end


@pytest.mark.parametrize(
    ("text", "message"), [("no turn at all", "no assistant turn"), (f"{ANSWER}12", "not closed")]
)
def test_refusals(tokenizer: Tokenizer, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        streams_of(tokenizer, text)


# -- what may depend on what -----------------------------------------------------------------------------


def detection_sample(*questions: Question, size: tuple[int, int] = (56, 84), seed: int = 0) -> Sample:
    return Sample(picture(*size, seed=seed), questions)


QUESTIONS = (
    Question(Task.detect(["red", "blue"]), (Target("red", (1, 2, 20, 24)), Target("red", (5, 6, 27, 27)))),
    Question(Task.point("circle"), (Target("circle", (3, 4, 20, 25)),)),
    Question(Task.refer("the square"), (Target("the square", (10, 12, 30, 26)),)),
)


def test_branches_equal_single_questions(tokenizer: Tokenizer, model: LocateModel) -> None:
    together = encode_sample(tokenizer, detection_sample(*QUESTIONS), CONFIG)
    nll = losses(model, tokenizer, [together]).nll[0].numpy()
    for number, question in enumerate(QUESTIONS, start=1):
        alone = encode_sample(tokenizer, detection_sample(question), CONFIG)
        expected = losses(model, tokenizer, [alone]).nll[0].numpy()[alone.streams.branch == 1]
        assert (expected > 0).sum() > 10
        np.testing.assert_allclose(nll[together.streams.branch == number], expected, rtol=0, atol=1e-5)


def test_branches_hold_what_a_conversation_holds(tokenizer: Tokenizer) -> None:
    """The part-wise prompt and the rendered text of one question give the same arrays."""
    image = picture(56, 84)
    parts = encode_sample(tokenizer, Sample(image, QUESTIONS[:1]), CONFIG).streams
    text = tokenizer.decode(parts.token_ids[parts.block < 0])
    question = text.split("</img>")[1].split("<|im_end|>")[0]
    answer = text.split(ANSWER)[1].removesuffix("<|im_end|>")
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    whole = encode_conversation(tokenizer, turns, [image], CONFIG, first).streams
    # Published sequences have a newline behind the answer and a pad behind the blocks, both without targets.
    length = int((parts.block < 0).sum())
    keep = np.r_[0:length, length + 1 : len(whole) - 1]
    for name in ("token_ids", "targets", "positions", "index", "block"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name)[keep], err_msg=name)


def test_packed_equals_unpacked(tokenizer: Tokenizer, model: LocateModel) -> None:
    samples = [
        encode_sample(tokenizer, detection_sample(*QUESTIONS[:2], size=(56, 28), seed=1), CONFIG),
        encode_conversation(
            tokenizer,
            [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "1234567"}],
            [],
            CONFIG,
            first,
        ),
        encode_conversation(
            tokenizer,
            [{"from": "human", "value": "<image-2> <image-1>"}, {"from": "gpt", "value": CAT + BOXES}],
            [picture(28, 28, 2), picture(56, 56, 3)],
            CONFIG,
            first,
        ),
        encode_sample(tokenizer, detection_sample(QUESTIONS[2], seed=4), CONFIG),
    ]
    apart = nll_by_sample(model, tokenizer, samples, num_rows=0)
    for num_rows in (1, 2):
        packed = nll_by_sample(model, tokenizer, samples, num_rows)
        for number, (ours, expected) in enumerate(zip(packed, apart, strict=True)):
            assert (expected > 0).any()
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5, err_msg=f"sample {number}")
    # The pooled mean is of all targets, however they are packed.
    totals = [float(losses(model, tokenizer, samples, num_rows).total) for num_rows in (0, 1)]
    assert totals[0] == pytest.approx(totals[1], abs=1e-5)


@pytest.mark.parametrize("number", range(3))
def test_a_pack_of_one_sample_is_that_sample(tokenizer: Tokenizer, model: LocateModel, number: int) -> None:
    """Alone in its row, beside padding and longer rows, it learns what it learns in a batch of its own."""
    samples = [
        encode_sample(tokenizer, detection_sample(question, seed=seed), CONFIG)
        for seed, question in enumerate(QUESTIONS)
    ]
    alone = losses(model, tokenizer, [samples[number]])
    others = [sample for sample in samples if sample is not samples[number]]
    batch = collate([[samples[number]], others], tokenizer.vocab.pad, multiple=64)
    with torch.no_grad():
        visual = model.encode_images(batch.pixel_values(CONFIG), batch.grids)
        columns = (batch.token_ids, batch.targets, batch.positions)
        packed = stream_loss(model, *columns, batch.layout, visual, coord_ids=range(0))
    length = len(samples[number])
    assert batch.token_ids.shape[1] > length
    assert torch.equal(packed.mask[0, :length, :length], alone.mask[0])
    assert not packed.mask[0, :length, length:].any()
    np.testing.assert_allclose(packed.nll[0, :length].numpy(), alone.nll[0].numpy(), rtol=0, atol=1e-5)


def test_no_loss_sees_the_token_that_it_predicts(tokenizer: Tokenizer, model: LocateModel) -> None:
    """Change a coordinate or a label: every loss before stays, and every block whose anchor is before."""
    vocab = tokenizer.vocab
    text = f"<|im_start|>user\nfind it<|im_end|>\n{ANSWER}{CAT}{BOXES}<|im_end|>\n"
    ids = tokenizer.encode(text)
    label = range(ids.index(vocab.ref) + 1, ids.index(vocab.ref_end))
    assert len(label) > 0
    for changed in [*label, *(number for number, token in enumerate(ids) if vocab.is_coord(token))]:
        other = [*ids]
        other[changed] = (
            vocab.coord(900) if changed not in label else (ids[changed] + 1) % vocab.coord_ids.start
        )
        nll = []
        for version in (ids, other):
            streams = conversation_streams(tokenizer, version, first)
            tensors = [torch.from_numpy(column)[None] for column in (streams.token_ids, streams.positions)]
            batch = collate([[EncodedSample(streams, np.zeros((0, 3, 14, 14)), ())]], vocab.pad)
            wanted = torch.from_numpy(conversation_streams(tokenizer, ids, first).targets)[None]
            with torch.no_grad():
                result = stream_loss(
                    model, tensors[0], wanted, tensors[1], batch.layout, None, coord_ids=range(0)
                )
            nll.append(result.nll[0].numpy())
        labelled = streams.targets != IGNORE
        # The anchor itself is in its block; a real token sees itself.
        before = streams.index < changed
        difference = np.abs(nll[0] - nll[1])
        assert difference[before & labelled].max() < 1e-6, f"token {changed}"
        assert difference[~before & labelled & (streams.block < 0)].max() > 1e-3
        assert difference[~before & labelled & (streams.block >= 0)].max() > 1e-3


def test_no_question_sees_another(tokenizer: Tokenizer, model: LocateModel) -> None:
    """Change every token of one question and its answer: the others do not move."""
    vocab = tokenizer.vocab
    prefix = tokenizer.encode_plain("a picture")
    answer = [vocab.box, vocab.coord(1), vocab.coord(2), vocab.box_end, vocab.end]
    results = []
    for words in ("one two three", "six five nine"):
        question = tokenizer.encode_plain(words)[:6]
        last = [vocab.box, vocab.coord(len(words)), vocab.coord(question[0]), vocab.box_end, vocab.end]
        streams = branched_streams(vocab, prefix, [(question, last), (prefix, answer)])
        sample = EncodedSample(streams, np.zeros((0, 3, 14, 14)), ())
        results.append((streams, losses(model, tokenizer, [sample]).nll[0].numpy()))
    (one, nll_one), (two, nll_two) = results
    np.testing.assert_allclose(nll_one[one.branch == 2], nll_two[two.branch == 2], rtol=0, atol=1e-6)
    assert np.abs(nll_one[one.branch == 1] - nll_two[two.branch == 1]).max() > 1e-3


def test_a_slot_is_asked_only_on_the_models_own_path() -> None:
    none, box, end, coords = 0, 1, 2, range(3, 103)
    answer = [box, 13, 23, 33, 43, end]
    targets = torch.tensor([[*answer, *answer, box, none, end, IGNORE, *answer]])
    block = torch.tensor([[-1] * 6 + [0] * 6 + [1] * 4 + [2] * 6])
    labels = find_labels(targets, block, coords)
    assert labels.in_box.tolist() == [-1] * 6 + [-1, 0, 1, 2, 3, -1] + [-1] * 3 + [-1, 0, 1, 2, 3, -1]
    assert (labels.num_next_token, labels.num_block) == (6, 15)

    def asked(first: list[int], second: list[int]) -> tuple[list[bool], list[bool]]:
        """Which coordinates of both boxes are asked of a model that would choose these bins."""
        hidden = torch.zeros(len(labels.at), 100)
        hidden[torch.arange(7, 11), torch.tensor(first)] = 1.0
        hidden[torch.arange(16, 20), torch.tensor(second)] = 1.0
        path = on_own_path(hidden, labels, torch.eye(100), reach=5)
        assert path[labels.in_box < 0].all()
        return path[7:11].tolist(), path[16:20].tolist()

    assert asked([10, 20, 30, 40], [15, 25, 35, 0]) == ([True] * 4, [True] * 4)
    assert asked([16, 20, 30, 40], [10, 20, 36, 40]) == (
        [True, False, False, False],
        [True, True, True, False],
    )
    assert asked([10, 26, 30, 40], [10, 14, 30, 40]) == (
        [True, True, False, False],
        [True, True, False, False],
    )


def test_nulls_weigh_what_is_asked(tokenizer: Tokenizer, model: LocateModel) -> None:
    vocab = tokenizer.vocab
    text = f"<|im_start|>user\nfind it<|im_end|>\n{ANSWER}{CAT}{BOXES}<|im_end|>\n"
    streams = conversation_streams(tokenizer, tokenizer.encode(text), first)
    batch = collate([[EncodedSample(streams, np.zeros((0, 3, 14, 14)), ())]], vocab.pad)
    columns = (batch.token_ids, batch.targets, batch.positions, batch.layout, None)
    labels = find_labels(batch.targets, batch.layout.block, range(0), vocab.null)
    is_null = (batch.targets == vocab.null) & (batch.layout.block >= 0)
    assert 0 < labels.num_null == int(is_null.sum()) < labels.num_block

    with torch.no_grad():
        for weight in (1.0, 0.25, 0.0):
            found = stream_loss(
                model, *columns, coord_ids=range(0), block_weight=2.0, null_weight=weight, labels=labels
            )
            of_nulls = found.nll[is_null].sum()
            expected = found.next_token_sum + 2 * (found.block_sum - of_nulls + weight * of_nulls)
            pooled = labels.weight(1.0, 2.0, weight)
            assert found.total * pooled == pytest.approx(float(expected), rel=1e-5)
            assert float(found.null_sum) == pytest.approx(float(of_nulls), rel=1e-6)
    assert labels.weight(1.0, 2.0) == labels.num_next_token + 2 * labels.num_block
