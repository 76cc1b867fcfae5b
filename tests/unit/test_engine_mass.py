"""A coordinate counts by its mass: an open place is not a missing thing."""

from __future__ import annotations

import pytest
import torch

from locany.codec import Tokenizer
from locany.codec.vocab import Vocab
from locany.engine.verify import is_coordinate, settle_guarded
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
    assert bool(is_coordinate(probs, vocab, torch.tensor([vocab.none]))[0]) is expected
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
