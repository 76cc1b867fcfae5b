"""A coordinate counts by its mass: an open place is not a missing thing."""

from __future__ import annotations

import pytest
import torch

from locany.codec import Tokenizer
from locany.codec.vocab import Vocab
from locany.engine.judge import is_coordinate, settle_guarded
from locany.engine.params import Params
from locany.errors import RequestError
from tests.scripted import run_script


@pytest.fixture(scope="module")
def vocab(words: Tokenizer) -> Vocab:
    return words.vocab


def open_place(vocab: Vocab, centre: int, other: int, share: float) -> torch.Tensor:
    """Logits in which `other` has a share of the probability and 21 bins around `centre` the rest, evenly."""
    probs = torch.full((vocab.size,), 1e-9)
    probs[vocab.coord(centre) - 10 : vocab.coord(centre) + 11] = (1 - share) / 21
    probs[vocab.coord(centre)] *= 1.01
    probs[other] = share
    return probs.log()


@pytest.mark.parametrize(("share", "expected"), [(0.3, True), (0.49, True), (0.51, False)])
def test_mass_decides_whether_it_is_a_coordinate(vocab: Vocab, share: float, expected: bool) -> None:
    probs = open_place(vocab, 500, vocab.none, share).softmax(-1)[None]
    assert int(probs.argmax()) == vocab.none, "no single bin is as likely as None"
    assert bool(is_coordinate(probs, vocab, [vocab.none])[0]) is expected
    token = int(settle_guarded(probs, probs.argmax(-1), vocab)[0])
    assert token == (vocab.coord(500) if expected else vocab.none)


def test_a_likely_bin_does_not_outvote_a_likelier_none(vocab: Vocab) -> None:
    probs = torch.full((1, vocab.size), 1e-9)
    probs[0, vocab.coord(7)] = 0.4
    probs[0, vocab.none], probs[0, vocab.box_end] = 0.35, 0.25
    assert int(settle_guarded(probs, probs.argmax(-1), vocab)[0]) == vocab.none


@pytest.mark.parametrize("mode", ["fast", "hybrid", "slow"])
def test_an_open_place_is_a_box_in_every_mode(vocab: Vocab, mode: str) -> None:
    def certain(token: int) -> torch.Tensor:
        logits = torch.full((vocab.size,), -20.0)
        logits[token] = 20.0
        return logits

    box = torch.stack(
        [
            certain(vocab.box),
            *(open_place(vocab, k, vocab.none, 0.3) for k in (100, 200, 300, 400)),
            certain(vocab.box_end),
        ]
    )
    end = torch.stack([certain(vocab.end)] * 6)
    script = [box, end] if mode != "slow" else [*(row[None] for row in box), end[:1]]
    request = run_script(vocab, script, mode=mode, max_new_tokens=20)
    coords = [vocab.coord(k) for k in (100, 200, 300, 400)]
    assert request.tokens == [vocab.box, *coords, vocab.box_end, vocab.end]
    published = run_script(vocab, script, mode=mode, max_new_tokens=2, compat=True)
    assert published.tokens[1] == (vocab.none if mode == "slow" else vocab.coord(100))


@pytest.mark.parametrize("mode", ["fast", "hybrid", "slow"])
@pytest.mark.parametrize(
    ("share", "presence", "expected"),
    [(0.3, 0.5, True), (0.3, 0.69, True), (0.3, 0.71, False), (0.6, 0.5, False), (0.6, 0.39, True)],
)
def test_how_sure_it_must_be_that_there_is_anything(
    vocab: Vocab, mode: str, share: float, presence: float, expected: bool
) -> None:
    places = [open_place(vocab, k, vocab.none, share) for k in (100, 200, 300, 400)]
    box = torch.stack([sure(vocab, vocab.box), *places, sure(vocab, vocab.box_end)])
    none = torch.stack([sure(vocab, token) for token in (vocab.box_end, vocab.end)])
    end = torch.stack([sure(vocab, vocab.end)] * 6)
    if mode == "slow":
        script = [*(row[None] for row in (box if expected else torch.cat((box[:2], none)))), end[:1]]
    else:
        script = [box, end]
    request = run_script(vocab, script, mode=mode, max_new_tokens=20, presence=presence)
    coords = [vocab.coord(k) for k in (100, 200, 300, 400)]
    expected_tokens = coords if expected else [vocab.none]
    assert request.tokens == [vocab.box, *expected_tokens, vocab.box_end, vocab.end]


@pytest.mark.parametrize("presence", [0, 1, 1.5, -1.0, "much", True])
def test_presence_is_a_share(presence: object) -> None:
    with pytest.raises(RequestError, match="presence"):
        Params(presence=presence)  # type: ignore[arg-type]


def test_published_decisions_have_no_other_presence() -> None:
    with pytest.raises(RequestError, match="compat"):
        Params(presence=0.7, compat=True)


def flat_place(vocab: Vocab, centre: int, reach: int) -> torch.Tensor:
    """Logits of a coordinate that may lie anywhere within `reach` bins of `centre`, hardly likelier there."""
    logits = torch.full((vocab.size,), -30.0)
    logits[vocab.coord(centre - reach) : vocab.coord(centre + reach) + 1] = 0.0
    logits[vocab.coord(centre)] = 0.01
    return logits


def sure(vocab: Vocab, token: int) -> torch.Tensor:
    logits = torch.full((vocab.size,), -20.0)
    logits[token] = 20.0
    return logits


@pytest.mark.parametrize(("reach", "kinds"), [(10, ["box"]), (80, ["error"])])
def test_hybrid_asks_again_about_a_place_it_does_not_know(vocab: Vocab, reach: int, kinds: list[str]) -> None:
    block = torch.stack(
        [
            sure(vocab, vocab.box),
            sure(vocab, vocab.coord(100)),
            flat_place(vocab, 200, reach),
            *(sure(vocab, vocab.coord(k)) for k in (300, 400)),
            sure(vocab, vocab.box_end),
        ]
    )
    again = [
        sure(vocab, t)[None] for t in (vocab.coord(205), vocab.coord(300), vocab.coord(400), vocab.box_end)
    ]
    end = torch.stack([sure(vocab, vocab.end)] * 6)
    request = run_script(vocab, [block, *(again if kinds == ["error"] else []), end], mode="hybrid")
    assert [c.kind.value for c in request.commits if c.kind][:1] == kinds
    second = 205 if kinds == ["error"] else 200
    assert request.tokens == [vocab.box, *map(vocab.coord, (100, second, 300, 400)), vocab.box_end, vocab.end]
    fast = run_script(vocab, [block, end], mode="fast")
    assert fast.tokens[2] == vocab.coord(200), "fast takes what is likeliest"


def test_hybrid_asks_again_about_inverted_corners(vocab: Vocab) -> None:
    corners = [sure(vocab, vocab.coord(k)) for k in (500, 100, 300, 400)]
    block = torch.stack([sure(vocab, vocab.box), *corners, sure(vocab, vocab.box_end)])
    again = [sure(vocab, t)[None] for t in (*map(vocab.coord, (200, 100, 300, 400)), vocab.box_end)]
    end = torch.stack([sure(vocab, vocab.end)] * 6)
    request = run_script(vocab, [block, *again, end], mode="hybrid")
    assert request.commits[0].tokens == (vocab.box,), "nothing of the block is kept but its frame"
    assert request.tokens[1:5] == [vocab.coord(k) for k in (200, 100, 300, 400)]
