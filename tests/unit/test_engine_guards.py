"""The rules that the published decoder lacks, and what it does without them (spec 6.4, 6.9)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from locany.codec import BlockKind, Vocab
from locany.engine import Finish, Params, Phase, Request, Thresholds
from locany.results import Provenance
from tests.scripted import Choice, in_turn, one, run_script, scripted_engine, slots

CAT = 300  # any ordinary token


def coord(vocab: Vocab, *bins: int) -> list[int]:
    return [vocab.coord(b) for b in bins]


def box(vocab: Vocab, *bins: int) -> Tensor:
    return slots(vocab, vocab.box, *coord(vocab, *bins), vocab.box_end)


def runners_up(vocab: Vocab, token: int, probability: float = 0.8) -> Choice:
    """A token with two coordinates, far apart, behind it: what a greedy row without top-p looks like."""
    rest = (1 - probability) / 2
    return {token: probability, vocab.coord(100): rest + 0.01, vocab.coord(900): rest - 0.01}


def ambiguous(vocab: Vocab) -> Tensor:
    """Example B of spec 6.10: the second coordinate is one of two, far apart."""
    second = {vocab.coord(200): 0.62, vocab.coord(500): 0.38}
    x1, x2, y2 = coord(vocab, 100, 300, 400)
    return slots(vocab, vocab.box, x1, second, x2, y2, vocab.box_end)


def quirky_blocks(vocab: Vocab) -> dict[str, tuple[Tensor, list[int], BlockKind]]:
    """Blocks that pass the published frame test and are none: logits, what is meant, and its kind."""
    null, end = runners_up(vocab, vocab.null), [vocab.end]
    text, x, y = runners_up(vocab, CAT), *coord(vocab, 250, 750)
    closed = runners_up(vocab, vocab.box_end)
    label = [vocab.ref, CAT, CAT, CAT, vocab.ref_end]
    return {
        "end": (slots(vocab, vocab.end, null, null, null, null), end, BlockKind.END),
        "null": (slots(vocab, vocab.null, null, null, null, null), end, BlockKind.END),
        "label": (
            slots(vocab, vocab.ref, text, text, text, runners_up(vocab, vocab.ref_end)),
            label,
            BlockKind.SEMANTIC,
        ),
        "point": (
            slots(vocab, vocab.box, x, y, closed, null),
            [vocab.box, x, y, vocab.box_end],
            BlockKind.POINT,
        ),
    }


@pytest.mark.parametrize("name", ["end", "null", "label", "point"])
def test_published_rules_take_it_for_a_box_and_ours_do_not(vocab: Vocab, name: str) -> None:
    logits, meant, kind = quirky_blocks(vocab)[name]
    wrong = run_script(vocab, [logits], mode="fast", compat=True, max_new_tokens=1)
    assert wrong.commits[0].kind is BlockKind.BOX
    assert wrong.tokens[0] == vocab.box
    assert wrong.tokens[5] == vocab.box_end

    doubtful = run_script(vocab, [logits], mode="hybrid", compat=True, max_new_tokens=1)
    assert doubtful.commits[0].kind is BlockKind.ERROR
    assert doubtful.tokens == ([vocab.box, *meant[1:3]] if name == "point" else [vocab.box])

    for mode in ("fast", "hybrid"):
        with_top_p = run_script(vocab, [logits], mode=mode, compat=True, top_p=0.7, max_new_tokens=1)
        ours = run_script(vocab, [logits], mode=mode, max_new_tokens=1)
        for right in (with_top_p, ours):
            assert (right.tokens, right.commits[0].kind) == (meant, kind)


def test_an_end_block_ends_where_the_published_rules_go_on_for_ever(vocab: Vocab) -> None:
    logits = quirky_blocks(vocab)["end"][0]
    for mode in ("fast", "hybrid"):
        published = run_script(vocab, [logits], mode=mode, compat=True, max_new_tokens=60)
        assert published.finish in (Finish.LIMIT, Finish.STRAY)
        assert run_script(vocab, [logits], mode=mode).finish is Finish.END


@pytest.mark.parametrize("compat", [False, True])
def test_hybrid_keeps_the_prefix_and_asks_again(vocab: Vocab, compat: bool) -> None:
    x1, y1, x2, y2 = coord(vocab, 100, 500, 300, 400)
    singles = [one(vocab, token) for token in (y1, x2, y2, vocab.box_end)]
    other = box(vocab, 1, 2, 3, 4)
    script = [ambiguous(vocab), *singles, other, slots(vocab, vocab.end, 5, 5, 5, 5)]
    request = run_script(vocab, script, mode="hybrid", compat=compat)
    again, meant = [vocab.box, x1, y1, x2, y2, vocab.box_end], coord(vocab, 1, 2, 3, 4)
    assert request.tokens == [*again, vocab.box, *meant, vocab.box_end, vocab.end]
    assert [c.tokens for c in request.commits][:2] == [(vocab.box, x1), (y1,)]
    assert [c.kind for c in request.commits] == [
        *(BlockKind.ERROR, None, None, None, None),
        *(BlockKind.BOX, BlockKind.END),
    ]
    assert [c.num_fed - 6 * (c.phase is Phase.PARALLEL) for c in request.commits[1:]] == [2, 1, 1, 1, 1, 6]
    assert request.provenance == [Provenance.REDECODED] * 6 + [Provenance.PARALLEL] * 7
    assert request.finish is Finish.END
    assert request.num_boxes == 2


def test_a_box_that_is_not_closed_is_asked_again(vocab: Vocab) -> None:
    """Four certain coordinates, but no end in the last slot: the last coordinate is decoded anew."""
    bins = coord(vocab, 1, 2, 3, 4)
    open_end = slots(vocab, vocab.box, *bins, {CAT: 0.9, vocab.box_end: 0.1})
    singles = [one(vocab, t) for t in (vocab.coord(5), vocab.box_end)]
    request = run_script(vocab, [open_end, *singles, slots(vocab, vocab.end)])
    assert request.tokens == [vocab.box, *bins[:3], vocab.coord(5), vocab.box_end, vocab.end]
    assert [c.kind for c in request.commits] == [BlockKind.ERROR, None, None, BlockKind.END]
    fast = run_script(vocab, [open_end, slots(vocab, vocab.end)], mode="fast")
    assert fast.tokens == [vocab.box, *bins, vocab.box_end, vocab.end]


def test_fast_never_asks_again(vocab: Vocab) -> None:
    nothing = {vocab.null: 0.5, CAT: 0.5}
    gap = slots(vocab, vocab.box, *coord(vocab, 1), nothing, *coord(vocab, 3, 4), vocab.box_end)
    request = run_script(vocab, [ambiguous(vocab), gap, slots(vocab, vocab.end)], mode="fast")
    first, second = request.commits[:2]
    assert first.tokens == (vocab.box, *coord(vocab, 100, 200, 300, 400), vocab.box_end)
    assert second.kind is BlockKind.BOX
    assert vocab.is_coord(second.tokens[2])  # the nearest there is, where the published rule keeps anything
    assert set(request.provenance) == {Provenance.PARALLEL}
    assert {c.phase for c in request.commits} == {Phase.PARALLEL}
    published = run_script(vocab, [gap], mode="fast", compat=True, max_new_tokens=1)
    assert not vocab.is_coord(published.tokens[2])


def test_slow_is_sequential(vocab: Vocab) -> None:
    tokens = [vocab.ref, CAT, vocab.ref_end, vocab.box, *coord(vocab, 9, 8), vocab.box_end, vocab.end]
    for compat in (False, True):
        request = run_script(vocab, [one(vocab, t) for t in tokens], mode="slow", compat=compat)
        assert request.tokens == tokens
        assert request.finish is Finish.END
        assert set(request.provenance) == {Provenance.SEQUENTIAL}
        assert {c.phase for c in request.commits} == {Phase.SEQUENTIAL}


def test_slow_obeys_the_grammar(vocab: Vocab) -> None:
    """Three coordinates and then an end: the end is not to be had before the box is closed."""
    wanted = [vocab.box, *coord(vocab, 1, 2, 3), vocab.end]
    impatient = one(vocab, {vocab.end: 0.9, vocab.coord(7): 0.08, vocab.box_end: 0.02})
    request = run_script(vocab, [*(one(vocab, t) for t in wanted[:4]), impatient], mode="slow")
    assert request.tokens == [*wanted[:4], vocab.coord(7), vocab.box_end, vocab.end]
    assert request.finish is Finish.END


def test_a_doubtful_row_may_turn_out_to_be_a_point(vocab: Vocab) -> None:
    x, y = coord(vocab, 10, 20)
    unsure = {vocab.coord(30): 0.5, vocab.coord(700): 0.5}
    block = slots(vocab, vocab.box, x, y, unsure, unsure, vocab.box_end)
    request = run_script(vocab, [block, one(vocab, vocab.box_end), slots(vocab, vocab.end)])
    assert request.tokens == [vocab.box, x, y, vocab.box_end, vocab.end]
    assert request.num_boxes == 1


@pytest.mark.parametrize("mode", ["fast", "hybrid"])
@pytest.mark.parametrize("compat", [False, True])
def test_long_labels(vocab: Vocab, mode: str, compat: bool) -> None:
    text = list(range(300, 307))
    blocks = [slots(vocab, vocab.ref, *text[:5]), slots(vocab, *text[5:], vocab.ref_end)]
    end = slots(vocab, vocab.end, CAT, CAT, CAT, CAT)
    request = run_script(vocab, [*blocks, box(vocab, 1, 2, 3, 4), end], mode=mode, compat=compat)
    label = [vocab.ref, *text, vocab.ref_end]
    assert request.tokens == [*label, vocab.box, *coord(vocab, 1, 2, 3, 4), vocab.box_end, vocab.end]
    assert request.commits[1].kind is BlockKind.SEMANTIC
    assert request.said == {(tuple(text), (1, 2, 3, 4))}


def test_labels_have_words_and_nothing_else(vocab: Vocab) -> None:
    """Structure inside a label gives way to the best word; where top-p left none, the label waits."""
    mixed = {vocab.coord(5): 0.6, CAT: 0.4}
    certain = slots(vocab, vocab.ref, CAT, mixed, vocab.end, vocab.ref_end, fill=CAT)
    steps = [certain, slots(vocab, vocab.ref_end), box(vocab, 1, 2, 3, 4), slots(vocab, vocab.end)]
    words = run_script(vocab, steps, mode="fast").tokens
    assert words[:3] == [vocab.ref, CAT, CAT]
    assert not {vocab.coord(5), vocab.end} & set(words[: words.index(vocab.ref_end)])
    cut = run_script(vocab, steps, mode="fast", top_p=0.5)
    assert cut.commits[0].tokens == (vocab.ref, CAT)
    assert cut.tokens[:3] == [vocab.ref, CAT, vocab.ref_end]

    empty = slots(vocab, vocab.ref, vocab.ref_end)
    wordless = slots(vocab, {vocab.ref_end: 0.9, CAT: 0.1}, vocab.ref_end)
    asked_again = run_script(vocab, [empty, wordless, box(vocab, 1, 2, 3, 4), slots(vocab, vocab.end)])
    assert asked_again.tokens[:3] == [vocab.ref, CAT, vocab.ref_end]

    ends = {vocab.end: 0.9, vocab.box: 0.1}
    after_label = slots(vocab, ends, *coord(vocab, 1, 2, 3, 4), vocab.box_end)
    kept = run_script(vocab, [slots(vocab, vocab.ref, CAT, vocab.ref_end), after_label])
    assert kept.tokens[3] == vocab.box


def test_repeated_box_ends_the_answer(vocab: Vocab) -> None:
    label = slots(vocab, vocab.ref, CAT, vocab.ref_end)
    other = slots(vocab, vocab.ref, CAT + 1, vocab.ref_end)
    a, b = box(vocab, 1, 2, 3, 4), box(vocab, 1, 2, 3, 5)
    for mode in ("fast", "hybrid"):
        request = run_script(vocab, [label, a, b, other, a, b, a], mode=mode)
        assert request.finish is Finish.REPEAT
        assert not request.truncated
        assert request.num_boxes == 4  # the same box under another label is another statement
        assert len(request.tokens) == len(request.provenance) == len(request.token_scores) == 30
        with_label = run_script(vocab, [label, a, label, a], mode=mode)
        assert with_label.tokens == run_script(vocab, [label, a, slots(vocab, vocab.end)]).tokens[:-1]
        assert with_label.finish is Finish.REPEAT
    published = run_script(vocab, [label, a], mode="fast", compat=True, max_new_tokens=40)
    assert published.finish is Finish.LIMIT
    assert published.num_boxes > 5


def test_repeated_point_token_by_token(vocab: Vocab) -> None:
    point = [one(vocab, t) for t in (vocab.box, *coord(vocab, 5, 5), vocab.box_end)]
    request = run_script(vocab, [*point, *point, one(vocab, vocab.end)], mode="slow")
    assert request.finish is Finish.REPEAT
    assert len(request.tokens) == 4


def test_max_boxes(vocab: Vocab) -> None:
    steps = [box(vocab, k, k, k + 1, k + 1) for k in range(9)]
    for compat in (False, True):
        request = run_script(vocab, steps, max_boxes=3, compat=compat)
        assert request.finish is Finish.MAX_BOXES
        assert request.truncated
        assert request.num_boxes == 3
        assert len(request.tokens) == 18
    negative = slots(vocab, vocab.box, vocab.none, vocab.box_end)
    request = run_script(vocab, [negative, *steps], max_boxes=2)
    assert request.num_boxes == 2
    assert len(request.tokens) == 15  # that something is not there is no box


def test_published_hybrid_stops_at_a_stray_token(vocab: Vocab) -> None:
    for stray in (CAT, vocab.ref, vocab.null, vocab.box):
        script = [ambiguous(vocab), one(vocab, {stray: 0.9, vocab.coord(3): 0.1}), one(vocab, vocab.box_end)]
        request = run_script(vocab, script, compat=True)
        assert request.finish is Finish.STRAY
        assert request.tokens[-1] == stray
        assert not request.truncated
        ours = run_script(vocab, script, max_new_tokens=9)
        assert ours.finish is not Finish.STRAY
        assert ours.tokens[2] == vocab.coord(3)
    ended = run_script(vocab, [ambiguous(vocab), one(vocab, vocab.end)], compat=True)
    assert ended.finish is Finish.END


def test_both_spellings_of_none(vocab: Vocab) -> None:
    second = replace(vocab, none_ids=frozenset({vocab.none, CAT}))
    end, written = slots(vocab, vocab.end), [vocab.box, vocab.none, vocab.box_end, vocab.end]
    for word in (vocab.none, CAT):
        block = slots(second, vocab.box, word, vocab.box_end)
        for mode in ("fast", "hybrid"):
            request = run_script(second, [block, end], mode=mode)
            assert request.tokens == written
            assert request.commits[0].kind is BlockKind.NEGATIVE
    script = [slots(second, vocab.box, CAT, vocab.box_end), one(second, CAT)]
    assert run_script(second, script, compat=True).finish is Finish.STRAY
    # Token by token ours takes either, too: here after a frame that was not understood.
    torn = slots(second, vocab.box, CAT + 1, CAT + 1, CAT + 1, CAT + 1, CAT + 1)
    again = [torn, one(second, CAT), one(second, vocab.box_end), end]
    assert run_script(second, again).tokens == [vocab.box, CAT, vocab.box_end, vocab.end]


def test_scores_read_the_sequential_distribution_where_there_is_one(vocab: Vocab) -> None:
    """Window logits are certain, the tokens fed back are not: their score counts, if the step was made."""
    sure, end = box(vocab, 100, 200, 300, 400), slots(vocab, vocab.end)
    spread = {vocab.coord(100 + d): 0.1 for d in range(-5, 5)}
    unsure = slots(vocab, vocab.box, spread, *coord(vocab, 200, 300, 400), vocab.box_end)

    def score(*steps: Tensor, reach: int = 10, **params: object) -> tuple[float, Request]:
        request = run_script(vocab, steps, thresholds=Thresholds(score_reach=reach), **params)
        return request.score(0, 6), request

    published: dict[str, Any] = {"mode": "fast", "compat": True, "max_new_tokens": 1}
    got, request = score(unsure, end, **published)
    assert request.finish is Finish.LIMIT  # no further step: the block's own probabilities count
    assert math.isnan(request.token_scores[1])
    assert got == pytest.approx((1 / vocab.size) ** (1 / 6), rel=1e-3)  # the script is silent about <box>
    assert request.score(1, 6) == pytest.approx(1, abs=1e-3)
    assert score(unsure, end, reach=0, **published)[1].score(1, 2) == pytest.approx(0.1, rel=1e-3)
    silent = 21 / vocab.size  # the script does not say what is sequential beside a block
    for params in ({}, {"mode": "fast", "max_new_tokens": 1}, {"max_boxes": 1}):
        _, request = score(sure, end, **params)
        assert not any(math.isnan(s) for s in request.token_scores[:6]), (
            "an answer that is cut has scores, too"
        )
        assert request.token_scores[1] == pytest.approx(silent, rel=1e-3)
        assert request.block_scores[1] == pytest.approx(1, abs=1e-3)
        assert all(0 <= request.score(i, i + 1) <= 1 for i in range(len(request.tokens)))
    assert request.finish is Finish.MAX_BOXES
    assert len(request.commits) == 1, "the step that scores the last box commits nothing"


def test_score_reach_is_that_of_each_row(vocab: Vocab) -> None:
    reaches = [0, 10, 2, 1000]
    sure = [box(vocab, 500, 500, 500, 500), slots(vocab, vocab.end)]
    requests = [Request([1, 2, 3], (), Params(thresholds=Thresholds(score_reach=r))) for r in reaches]
    scripted_engine(vocab, in_turn(*sure)).generate(requests)
    for reach, request in zip(reaches, requests, strict=True):
        expected = min(2 * reach + 1, vocab.max_bin + 1) / vocab.size
        assert request.token_scores[1] == pytest.approx(expected, rel=1e-4)


def test_means_are_those_of_the_bins_within_reach(vocab: Vocab) -> None:
    """Three bins around 200 pull its mean up; a far one does not. Tokens that are no place have none."""
    near = {vocab.coord(200): 0.5, vocab.coord(201): 0.25, vocab.coord(205): 0.125, vocab.coord(900): 0.125}
    mean = 200 + (0.25 * 1 + 0.125 * 5) / 0.875
    singles = [one(vocab, t) for t in (vocab.box, near, *coord(vocab, 7), vocab.box_end, vocab.end)]
    slow = run_script(vocab, singles, mode="slow")
    assert slow.tokens == [vocab.box, *coord(vocab, 200, 7), vocab.box_end, vocab.end]
    assert slow.expected_bins[1:3] == pytest.approx([mean, 7], abs=1e-4)
    assert [math.isnan(m) for m in slow.expected_bins] == [True, False, False, True, True]
    found = slow.found(0)
    assert found is not None
    assert (found.bins, found.start, found.stop, slow.found(1)) == ((200, 7), 0, 4, None)
    assert found.means == pytest.approx((mean, 7), abs=1e-4)
    assert found.score == slow.score(0, 4)
    block = slots(vocab, vocab.box, near, *coord(vocab, 5, 300, 400), vocab.box_end)
    published = run_script(vocab, [block], mode="fast", compat=True, max_new_tokens=1)
    assert published.expected_bins[1] == pytest.approx(mean, abs=1e-4)  # of the block, with no step behind it


def noise(request: Request, number: int) -> Tensor:
    """The same random logits for every request; no end in sight for some steps."""
    logits = torch.randn(6, 1558, generator=torch.Generator().manual_seed(number)) * 3
    logits[:, [522, 1555]] -= 20 if number < 5 else 0
    return logits


def test_seeds(vocab: Vocab) -> None:
    assert (vocab.size, vocab.end, vocab.null) == (1558, 522, 1555)

    def answers(seeds: list[int], temperature: float, mode: str = "hybrid") -> list[list[int]]:
        knobs = [Params(mode=mode, seed=s, temperature=temperature, max_new_tokens=30) for s in seeds]  # type: ignore[arg-type]
        requests = [Request([1, 2, 3], (), params) for params in knobs]
        return [r.tokens for r in scripted_engine(vocab, noise).generate(requests)]

    for mode in ("fast", "slow", "hybrid"):
        together = answers([0, 1, 2, 0], 5.0, mode)
        assert together[0] == together[3] == answers([0], 5.0, mode)[0]
        assert together[1] == answers([5, 1], 5.0, mode)[1]
        assert len({tuple(t) for t in together}) == 3
        assert len({tuple(t) for t in answers([0, 1, 2], 0.0, mode)}) == 1


def test_every_row_has_its_own_knobs(vocab: Vocab) -> None:
    knobs: list[dict[str, object]] = [
        {"mode": "slow", "temperature": 1.0, "top_k": 5},
        {"mode": "fast", "repetition_penalty": 2.0},
        {"mode": "hybrid", "temperature": 1.0, "top_p": 0.9, "seed": 9},
        {"mode": "fast", "compat": True, "top_p": 0.9},
        {"mode": "hybrid", "thresholds": Thresholds(frame_end=0.0, abnormal_probability=0.0)},
        {"mode": "hybrid", "max_boxes": 1},
        {"mode": "hybrid", "compat": True, "repetition_penalty": 1.3},
    ]
    params = [Params(max_new_tokens=30, **k) for k in knobs]  # type: ignore[arg-type]
    together = [Request([1, 2, 3], (), p) for p in params]
    scripted_engine(vocab, noise).generate(together)
    for got, p in zip(together, params, strict=True):
        expected = scripted_engine(vocab, noise).generate([Request([1, 2, 3], (), p)])[0]
        assert (got.tokens, got.commits, got.finish) == (expected.tokens, expected.commits, expected.finish)
    assert len({tuple(r.tokens) for r in together}) > len(knobs) - 2


def test_a_frame_of_three_places_is_no_item(vocab: Vocab) -> None:
    frame = slots(vocab, vocab.box, *coord(vocab, 100, 200, 300), vocab.box_end, vocab.null)
    request = run_script(vocab, [frame, slots(vocab, *[vocab.end] * 6)], mode="fast", compat=True)
    assert vocab.box_end in request.tokens
    assert request.items == []
    assert request.num_boxes == 0
