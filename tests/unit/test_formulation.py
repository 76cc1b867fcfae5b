"""The ways of writing places that parallel boxes are held against: digits, single tokens, fixed blocks."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from locany.codec import Tokenizer, Vocab, read_answer, write_answer
from locany.codec.blocks import cut_blocks
from locany.codec.formulation import Formulation
from locany.codec.grammar import State, advance, allowed_table, next_states, state_after
from locany.codec.places import read_place, write_place
from locany.data.encode import encode_sample
from locany.engine import Finish, Thresholds
from locany.engine.batch import StepBatch
from locany.engine.judge import KINDS, judge_fixed
from locany.engine.modes import DECODES
from locany.engine.step import StepLogits
from locany.errors import CheckpointConfigError, RequestError
from locany.image import PreprocessConfig
from locany.locator import load
from locany.tasks import Task
from locany.train.log import read_log
from locany.train.run import MODEL
from locany.train.sft import train
from tests.scripted import ScriptedRunner, run_script, slots
from tests.unit.squares import render
from tests.unit.train_fixtures import run_folder, tiny_run  # noqa: F401

ALL = tuple(Formulation)
BINS = st.lists(st.integers(0, 1000), min_size=4, max_size=4)


def reformulated(folder: Path, out: Path, formulation: Formulation, block_size: int = 6) -> Path:
    """A copy of a checkpoint, or of its vocabulary, that says it writes places in another way."""
    shutil.copytree(folder, out)
    config = json.loads((out / "config.json").read_text())
    config["formulation"] = formulation.value
    config["text_config"]["block_size"] = block_size
    (out / "config.json").write_text(json.dumps(config))
    return out


@pytest.fixture(scope="module")
def tokenizers(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Formulation, Tokenizer]:
    folder = tmp_path_factory.mktemp("formulations")
    return {f: Tokenizer.from_folder(reformulated(checkpoint, folder / f.value, f)) for f in Formulation}


# -- places and answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("formulation", ALL)
@given(bins=BINS)
def test_a_place_reads_back(
    tokenizers: dict[Formulation, Tokenizer], formulation: Formulation, bins: list[int]
) -> None:
    vocab = tokenizers[formulation].vocab
    for part in (bins, bins[:2]):
        tokens = write_place(vocab, part)
        assert read_place(vocab, tokens) == tuple(part)
        is_text = formulation is Formulation.DIGITS
        assert all(tokenizers[formulation].is_text(token) == is_text for token in tokens)


def test_digits_are_the_text_that_people_write(tokenizers: dict[Formulation, Tokenizer]) -> None:
    words = tokenizers[Formulation.DIGITS]
    assert words.decode(write_place(words.vocab, [0, 12, 345, 1000])) == "0,12,345,1000"
    assert write_place(words.vocab, [7, 89]) == words.encode_plain("7,89")


@pytest.mark.parametrize("text", ["1,,2", ",1", "1,2,", "1001,2", "1 2", "one", "9" * 5000])
def test_what_is_no_list_of_bins_is_no_place(tokenizers: dict[Formulation, Tokenizer], text: str) -> None:
    words = tokenizers[Formulation.DIGITS]
    assert read_place(words.vocab, words.encode_plain(text)) is None


@pytest.mark.parametrize("formulation", ALL)
@given(boxes=st.lists(BINS, max_size=4))
def test_an_answer_reads_back(
    tokenizers: dict[Formulation, Tokenizer], formulation: Formulation, boxes: list[list[int]]
) -> None:
    words = tokenizers[formulation]
    ordered = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in boxes]
    ids = write_answer(words, [("cat", ordered), ("dog", [(5, 6)]), ("owl", [])])
    answer = read_answer(words, ids)
    assert answer.ended
    assert not answer.dropped
    expected = [*(("cat", bins) for bins in ordered or [()]), ("dog", (5, 6)), ("owl", ())]
    assert [(item.label, item.bins) for item in answer.items] == expected


# -- grammar ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formulation", ALL)
@given(bins=BINS)
def test_the_grammar_allows_what_is_written(
    tokenizers: dict[Formulation, Tokenizer], formulation: Formulation, bins: list[int]
) -> None:
    words = tokenizers[formulation]
    vocab, state = words.vocab, State.ITEM
    table = _tables(vocab)
    for token in write_answer(words, [("cat", [tuple(bins), (1, 2)]), ("owl", [])]):
        assert table[0][state, token], (state, words.decode([token]))
        assert table[1][state, token] == advance(vocab, state, token)
        state = advance(vocab, state, token)
    assert state is State.ENDED


_CACHE: dict[Formulation, tuple[np.ndarray, np.ndarray]] = {}


def _tables(vocab: Vocab) -> tuple[np.ndarray, np.ndarray]:
    if vocab.formulation not in _CACHE:
        _CACHE[vocab.formulation] = allowed_table(vocab), next_states(vocab)
    return _CACHE[vocab.formulation]


def test_digits_end_only_with_a_number(tokenizers: dict[Formulation, Tokenizer]) -> None:
    vocab = tokenizers[Formulation.DIGITS].vocab
    table = allowed_table(vocab)
    opened = state_after(vocab, [vocab.box])
    assert not table[opened, vocab.box_end]
    assert not table[opened, vocab.comma]
    assert not table[opened, vocab.coord(3)]
    after_one = state_after(vocab, [vocab.box, vocab.digits[3]])
    assert table[after_one, [vocab.box_end, vocab.comma, vocab.digits[0]]].all()
    assert state_after(vocab, [vocab.box, vocab.digits[3], vocab.box_end]) is State.ITEM


# -- blocks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", range(4))
def test_blocks_of_a_fixed_length_lie_side_by_side(
    tokenizers: dict[Formulation, Tokenizer], offset: int
) -> None:
    words = tokenizers[Formulation.FIXED]
    vocab = replace(words.vocab, block_size=4)
    answer = write_answer(words, [("cat", [(1, 2, 3, 4), (5, 6, 7, 8)])])
    ids = [9, 9, *answer]
    blocks = cut_blocks(ids, 1, vocab, offset)
    said = [token for block in blocks for token in block.targets]
    rest = answer[offset:]
    assert said[: len(rest)] == rest
    assert set(said[len(rest) :]) <= {vocab.null}
    assert len(said) - len(rest) < 4
    assert [block.anchor for block in blocks] == list(range(1 + offset, len(ids) - 1, 4))
    assert all(block.inputs == (ids[block.anchor], *[vocab.mask] * 3) for block in blocks)


@pytest.mark.parametrize("formulation", [Formulation.TOKENS, Formulation.DIGITS])
def test_without_blocks_there_is_one_stream(
    tokenizers: dict[Formulation, Tokenizer], formulation: Formulation
) -> None:
    encoded = encode_sample(tokenizers[formulation], render(0), PreprocessConfig(in_token_limit=100))
    assert (encoded.streams.block == -1).all()


@pytest.mark.parametrize("formulation", ALL)
def test_the_truth_knows_where_a_box_is_written(
    tokenizers: dict[Formulation, Tokenizer], formulation: Formulation
) -> None:
    """In the next-token stream: behind <box> up to what predicts </box>."""
    words = tokenizers[formulation]
    vocab = words.vocab
    encoded = encode_sample(words, render(0), PreprocessConfig(in_token_limit=100))
    assert encoded.truth is not None
    writes = encoded.truth.writes
    streams = encoded.streams
    text = [(p, n) for p, n in writes.tolist() if streams.block[p] < 0]
    assert {n for _, n in text} <= set(range(len(encoded.truth.bins)))
    assert text
    starts = [p for p, _ in text if streams.token_ids[p] == vocab.box]
    for start in starts:
        number = dict(text)[start]
        inside = streams.token_ids[start + 1 :].tolist()
        bins = read_place(vocab, inside[: inside.index(vocab.box_end)])
        assert bins is not None
        if len(bins) == 4:
            assert bins == tuple(encoded.truth.bins[number])


# -- decoding -----------------------------------------------------------------------------------------------


def test_a_fixed_block_keeps_its_sure_prefix(tokenizers: dict[Formulation, Tokenizer]) -> None:
    vocab = tokenizers[Formulation.FIXED].vocab
    box = [vocab.box, *(vocab.coord(b) for b in (1, 2, 3, 4)), vocab.box_end]
    drawn = torch.tensor([box, box, [*box[:3], vocab.end, vocab.null, vocab.null], [vocab.null, *box[1:]]])
    scores = torch.tensor([[0.1, 0.9, 0.9, 0.6, 0.9, 0.9], [0.9] * 6, [0.9] * 6, [0.9] * 6])

    thresholds = SimpleNamespace(prefix_score=torch.full((4,), 0.7))
    verdict = judge_fixed(drawn, scores, vocab, thresholds)  # type: ignore[arg-type]
    assert verdict.length.tolist() == [3, 6, 4, 1]
    assert [KINDS[kind].value for kind in verdict.kind.tolist()] == ["semantic", "semantic", "end", "end"]
    assert verdict.tokens[2, 3] == verdict.tokens[3, 0] == vocab.end


@pytest.mark.parametrize("formulation", ALL)
def test_modes_that_a_checkpoint_has_answer_and_others_are_refused(
    checkpoint: Path, tmp_path: Path, formulation: Formulation
) -> None:
    folder = reformulated(checkpoint, tmp_path / "model", formulation)
    locator = load(folder, device="cpu", dtype="float32", max_rows=4)
    pixels = render(1).pixels()
    for mode in ("fast", "hybrid", "verified", "slow"):
        if mode in [known.value for known in DECODES[formulation]]:
            alone = [
                locator.detect(pixels, name, mode=mode, max_new_tokens=40) for name in ("cat", "red square")
            ]
            together = locator.locate_many(
                [(pixels, Task.detect(name)) for name in ("cat", "red square")], mode=mode, max_new_tokens=40
            )
            assert [a.answer for a in alone] == [a.answer for a in together]
        else:
            with pytest.raises(RequestError, match=formulation.value):
                locator.detect(pixels, "cat", mode=mode)


def test_a_block_that_goes_on_behind_the_last_box_is_scored_as_one_that_does_not(
    tokenizers: dict[Formulation, Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    vocab = tokenizers[Formulation.FIXED].vocab
    point = [vocab.box, vocab.coord(1), vocab.coord(2), vocab.box_end]

    def forward(self: ScriptedRunner, batch: StepBatch) -> StepLogits:
        """Each token believes in the one that follows it, and the later one is, the more."""
        logits = scripted(self, batch)
        for column in range(batch.num_real - 1):
            logits.real[0, column, batch.token_ids[0, column + 1]] = 3.0 + column
        return logits

    scripted = ScriptedRunner.forward
    monkeypatch.setattr(ScriptedRunner, "forward", forward)
    steps = [slots(vocab, *point, vocab.ref, 5), slots(vocab, vocab.end)]
    whole, cut = (run_script(vocab, steps, mode="fast", max_boxes=most) for most in (0, 1))
    assert cut.finish is Finish.MAX_BOXES
    assert cut.tokens == point
    assert cut.token_scores == whole.token_scores[:4]
    assert cut.score(0, 4) == whole.score(0, 4)
    np.testing.assert_array_equal(cut.expected_bins, whole.expected_bins[:4])


@pytest.mark.parametrize("compat", [False, True])
def test_boxes_beyond_the_limit_are_cut_also_where_a_block_holds_the_end(
    tokenizers: dict[Formulation, Tokenizer], compat: bool
) -> None:
    vocab = tokenizers[Formulation.FIXED].vocab
    opened = [vocab.ref, 5, vocab.ref_end, vocab.box, vocab.coord(1), vocab.coord(2)]
    rest = [vocab.box_end, vocab.box, vocab.coord(7), vocab.coord(8), vocab.box_end]
    for last in (vocab.end, vocab.ref):
        steps = [slots(vocab, *opened), slots(vocab, *rest, last), slots(vocab, vocab.end)]
        found = run_script(vocab, steps, mode="fast", max_boxes=1, compat=compat)
        assert (found.finish, found.truncated, found.num_boxes) == (Finish.MAX_BOXES, True, 1)
        assert found.tokens == [*opened, vocab.box_end]
        assert compat or not any(map(math.isnan, found.token_scores))


def test_a_repeated_box_behind_a_label_that_nothing_opened(
    tokenizers: dict[Formulation, Tokenizer],
) -> None:
    """What a block says behind its first token no grammar limits."""
    vocab = tokenizers[Formulation.FIXED].vocab
    place = [vocab.coord(1), vocab.coord(2), vocab.box_end]
    steps = [slots(vocab, vocab.box, *place, vocab.ref_end, vocab.box), slots(vocab, *place)]
    found = run_script(vocab, steps, mode="fast")
    assert found.finish is Finish.REPEAT
    assert found.tokens == [vocab.box, *place, vocab.ref_end]


def test_slow_is_the_same_whatever_blocks_are(checkpoint: Path, tmp_path: Path) -> None:
    """The same weights and coordinate tokens: what is learnt beside them does not enter slow decoding."""
    answers = set()
    for formulation in (Formulation.PARALLEL, Formulation.TOKENS, Formulation.FIXED):
        folder = reformulated(checkpoint, tmp_path / formulation.value, formulation)
        locator = load(folder, device="cpu", dtype="float32")
        answers.add(locator.detect(render(1).pixels(), "cat", mode="slow", max_new_tokens=60).answer)
    assert len(answers) == 1


def test_blocks_of_four_are_kept_whole_where_nothing_is_doubted(checkpoint: Path, tmp_path: Path) -> None:
    folder = reformulated(checkpoint, tmp_path / "model", Formulation.FIXED, block_size=4)
    locator = load(folder, device="cpu", dtype="float32")
    options = {"mode": "fast", "max_new_tokens": 40}
    found = locator.detect(render(1).pixels(), "cat", thresholds=Thresholds(prefix_score=0), **options)
    assert found.stats["num_steps"] <= -(-found.stats["num_tokens"] // 4) + 1
    doubted = locator.detect(render(1).pixels(), "cat", thresholds=Thresholds(prefix_score=2), **options)
    assert doubted.stats["num_steps"] >= doubted.stats["num_tokens"]


def test_an_unknown_formulation_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = reformulated(checkpoint, tmp_path / "model", Formulation.FIXED)
    text = (folder / "config.json").read_text().replace('"fixed"', '"quick"')
    (folder / "config.json").write_text(text)
    with pytest.raises(
        CheckpointConfigError, match=r"formulation is 'quick', expected one of parallel, tokens"
    ):
        Tokenizer.from_folder(folder)


def test_a_block_too_short_for_a_box_is_refused_but_where_blocks_are_of_any_length(
    checkpoint: Path, tmp_path: Path
) -> None:
    for formulation in ALL:
        folder = reformulated(checkpoint, tmp_path / formulation.value, formulation, block_size=4)
        if formulation is Formulation.FIXED:
            assert Tokenizer.from_folder(folder).vocab.block_size == 4
        else:
            with pytest.raises(CheckpointConfigError, match="block_size is 4"):
                Tokenizer.from_folder(folder)


# -- training -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formulation", [Formulation.TOKENS, Formulation.DIGITS, Formulation.FIXED])
def test_it_can_be_trained_saved_and_loaded(
    run_folder: Path,  # noqa: F811
    tmp_path: Path,
    formulation: Formulation,
) -> None:
    reformulated(run_folder / "tokenizer", tmp_path / "tokenizer", formulation)
    shutil.copytree(run_folder / "squares", tmp_path / "squares")
    said: list[str] = []
    train(tiny_run(tmp_path, steps=2), said.append)
    lines = [line for line in read_log(tmp_path / "run") if "loss" in line]
    assert len(lines) == 2
    assert ("block" in lines[0]) == (formulation is Formulation.FIXED)
    assert any(
        "next token" in text and (", block" in text) == (formulation is Formulation.FIXED) for text in said
    )
    locator = load(tmp_path / "run" / MODEL, device="cpu", dtype="float32")
    assert locator.tokenizer.vocab.formulation is formulation
    locator.detect(render(0).pixels(), "red square", mode="slow", max_new_tokens=8)
