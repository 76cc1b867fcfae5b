"""From logits to probabilities and tokens (spec `locateanything` 6.8, vectors of 10.2)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from locany.engine import Params
from locany.engine.sampler import SamplingParams, draw, keyed_noise, probabilities, published_noise
from tests.scripted import knobs_of
from tests.unit.test_engine_crowd import VOCAB


def stack(*params: Params) -> SamplingParams:
    return knobs_of(VOCAB, *params)[0]


def probs_of(logits: Sequence[float], seen: Sequence[int] = (), **knobs: object) -> Tensor:
    """One row, one slot."""
    mask = torch.zeros(1, 1, len(logits), dtype=torch.bool)
    mask[..., list(seen)] = True
    params = stack(Params(**knobs))  # type: ignore[arg-type]
    return probabilities(torch.tensor([[list(logits)]], dtype=torch.float32), params, mask if seen else None)[
        0, 0
    ]


def softmax(*logits: float) -> Tensor:
    return torch.tensor(logits, dtype=torch.float32).softmax(-1)


def logs(*probs: float) -> list[float]:
    return torch.tensor(probs).log().tolist()


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


# -- the vectors of spec 10.2 ---------------------------------------------------------------------------


def test_penalty_vector() -> None:
    got = probs_of([2, -2, 1], seen=[0, 1], repetition_penalty=1.1)
    torch.testing.assert_close(got, softmax(1.81818182, -2.2, 1))


def test_top_k_keeps_ties() -> None:
    got = probs_of([3, 2, 2, 1], top_k=2)
    assert (got > 0).tolist() == [True, True, True, False]
    torch.testing.assert_close(got[:3], softmax(3, 2, 2))


def test_top_p_vector() -> None:
    got = probs_of(logs(0.5, 0.4, 0.06, 0.04), top_p=0.85)
    torch.testing.assert_close(got, torch.tensor([5 / 9, 4 / 9, 0, 0]))


# -- each knob --------------------------------------------------------------------------------------------


def test_nothing_set_is_softmax_to_the_bit() -> None:
    logits = torch.randn(3, 6, 50, generator=generators(0)[0])
    got = probabilities(logits, stack(Params(), Params(), Params()), None)
    assert torch.equal(got, logits.softmax(-1))


def test_top_p_removes_only_behind_a_mass_that_exceeds_p() -> None:
    quarters = logs(0.25, 0.25, 0.25, 0.25)  # sums that float32 holds exactly
    for top_p, kept in ((0.2, 1), (0.25, 2), (0.26, 2), (0.5, 3), (0.75, 4), (0.99, 4), (1e-300, 1)):
        assert int((probs_of(quarters, top_p=top_p) > 0).sum()) == kept, top_p
    assert probs_of(quarters, top_p=0.2)[0] == 1  # of equal ones the lowest id stays


def test_top_p_ties_keep_the_lowest_ids() -> None:
    got = probs_of([0.0] * 1000, top_p=0.1005)
    assert (got[:101] > 0).all()
    assert not (got[101:] > 0).any()


def test_top_p_works_at_temperature_zero() -> None:
    assert int((probs_of(logs(0.5, 0.4, 0.06, 0.04), top_p=0.6, temperature=0.0) > 0).sum()) == 2


def test_top_k_larger_than_the_vocabulary_keeps_all() -> None:
    for top_k in (0, 4, 5, 10**9, 2**63 - 1):
        torch.testing.assert_close(probs_of([3, 2, 2, 1], top_k=top_k), softmax(3, 2, 2, 1))


def test_temperature_divides_and_zero_does_not() -> None:
    torch.testing.assert_close(probs_of([2, 1, 0], temperature=0.5), softmax(4, 2, 0))
    torch.testing.assert_close(probs_of([2, 1, 0], temperature=0.0), softmax(2, 1, 0))
    least = probs_of([700.0, 699, -700], temperature=1e-4)
    assert least.tolist() == [1, 0, 0]


def test_penalty_of_zero_and_of_what_the_grammar_forbids() -> None:
    got = probs_of([0.0, -1.0, float("-inf")], seen=[0, 2], repetition_penalty=1.5)
    torch.testing.assert_close(got, softmax(0, -1, float("-inf")))
    assert got[2] == 0


# -- the order: penalty, temperature, top-p, top-k ----------------------------------------------------------


def test_penalty_comes_before_temperature_and_top_p() -> None:
    got = probs_of([2, 1.9, 0], seen=[0], repetition_penalty=2.0, temperature=0.5, top_p=0.8)
    assert got.tolist() == [0, 1, 0]


def test_temperature_comes_before_top_p() -> None:
    flat = probs_of(logs(0.7, 0.2, 0.1), temperature=100.0, top_p=0.5)
    assert int((flat > 0).sum()) == 2  # nearly uniform by then
    assert int((probs_of(logs(0.7, 0.2, 0.1), top_p=0.5) > 0).sum()) == 1


def test_top_p_measures_mass_before_top_k_cuts() -> None:
    # On the full distribution the first token holds 0.4, so p = 0.5 keeps two; after top-k it holds 0.57.
    got = probs_of(logs(0.4, 0.3, 0.2, 0.1), top_p=0.5, top_k=2)
    torch.testing.assert_close(got, torch.tensor([4 / 7, 3 / 7, 0, 0]))


def test_rows_keep_their_own_knobs() -> None:
    logits = torch.randn(5, 6, 40, generator=generators(1)[0])
    seen = torch.rand(5, 1, 40, generator=generators(2)[0]) < 0.3
    knobs = [
        Params(),
        Params(temperature=0.7, top_p=0.9),
        Params(top_k=3),
        Params(repetition_penalty=1.1),
        Params(temperature=2.0, top_p=0.5, top_k=4, repetition_penalty=0.5),
    ]
    together = probabilities(logits, stack(*knobs), seen)
    for i, params in enumerate(knobs):
        alone = probabilities(logits[i : i + 1], stack(params), seen[i : i + 1])
        assert torch.equal(together[i], alone[0])
    assert torch.equal(together[0], logits[0].softmax(-1))


def test_each_slot_may_have_seen_other_tokens() -> None:
    """Drafts have been seen by the slots behind them, and by no slot before."""
    logits = torch.randn(1, 3, 40, generator=generators(1)[0])
    seen = torch.rand(1, 3, 40, generator=generators(2)[0]) < 0.3
    params = stack(Params(repetition_penalty=1.5))
    together = probabilities(logits, params, seen)
    for slot in (slice(0, 1), slice(1, 2), slice(2, 3)):
        assert torch.equal(together[:, slot], probabilities(logits[:, slot], params, seen[:, slot]))


@given(
    seed=st.integers(0, 2**32),
    temperature=st.sampled_from([0.0, 1e-4, 0.7, 100.0]),
    top_p=st.sampled_from([1e-9, 0.5, 0.999, 1.0]),
    top_k=st.sampled_from([0, 1, 5, 99]),
    penalty=st.sampled_from([0.01, 1.0, 1.1, 100.0]),
)
def test_always_a_distribution_with_a_token_to_take(
    seed: int, temperature: float, top_p: float, top_k: int, penalty: float
) -> None:
    logits = torch.randn(2, 3, 30, generator=generators(seed)[0]) * 20
    logits[0, 0, 5:] = float("-inf")
    params = Params(temperature=temperature, top_p=top_p, top_k=top_k, repetition_penalty=penalty)
    probs = probabilities(logits, stack(params, params), torch.ones(2, 1, 30, dtype=torch.bool))
    torch.testing.assert_close(probs.sum(-1), torch.ones(2, 3))
    assert (probs >= 0).all()
    assert not probs[0, 0, 5:].any()
    noise = keyed_noise(torch.tensor([seed, seed]), torch.arange(3).expand(2, 3), 30)
    drawn = draw(probs, torch.tensor([1.0, 0.0]), noise)
    assert (probs.gather(-1, drawn[..., None]) > 0).all()


# -- drawing ------------------------------------------------------------------------------------------------


def keyed(seed: int, start: int, slots: int, size: int) -> Tensor:
    """Noise of one request for some places of its answer: [1, slots, size]."""
    return keyed_noise(torch.tensor([seed]), torch.arange(start, start + slots)[None], size)


def chi_square(counts: Tensor, expected: Tensor) -> float:
    return float(((counts - expected) ** 2 / expected).sum())


def test_published_noise_is_the_published_draw() -> None:
    """argmax(p / e), e drawn row-major: what torch.multinomial does with one sample per row on the CPU."""
    probs = torch.randn(6, 200, generator=generators(3)[0]).softmax(-1)
    for seed in range(20):
        noise = published_noise(generators(seed), probs[None])
        got = draw(probs[None], torch.tensor([0.7]), noise)[0]
        expected = torch.multinomial(probs, 1, generator=generators(seed)[0])[:, 0]
        assert torch.equal(got, expected)
        assert torch.equal(noise[0], torch.empty(6, 200).exponential_(1.0, generator=generators(seed)[0]))


@pytest.mark.parametrize("slots", [1, 6])
def test_published_noise_takes_from_its_own_generator_only(slots: int) -> None:
    generator, other = generators(6, 6)
    noise = published_noise([None, generator, None], torch.zeros(3, slots, 10))
    expected = torch.empty(slots, 10).exponential_(1.0, generator=other)
    assert torch.equal(noise[1], expected)
    assert torch.equal(generator.get_state(), other.get_state())
    assert (noise[[0, 2]] == 1).all()


def test_keyed_noise_is_exponential() -> None:
    """exp(-e) of exponential noise is uniform: over tokens, over places and over seeds."""
    num, cells = 1 << 16, 64
    samples = {
        "tokens": keyed(7, 0, 1, num),
        "places": keyed(7, 0, num, 1),
        "seeds": keyed_noise(torch.arange(num), torch.zeros(num, 1, dtype=torch.long), 1),
        "large seeds": keyed_noise(2**63 - 1 - torch.arange(num), torch.zeros(num, 1, dtype=torch.long), 1),
    }
    for name, noise in samples.items():
        assert (noise > 0).all(), name
        cell = (torch.exp(-noise.double().flatten()) * cells).long().clamp(max=cells - 1)
        got = chi_square(torch.bincount(cell, minlength=cells).double(), torch.full((cells,), num / cells))
        assert got < 103.4, name  # 63 degrees of freedom, p = 0.001
        pairs = noise.flatten().log()
        assert abs(float(torch.corrcoef(torch.stack((pairs[:-1], pairs[1:])))[0, 1])) < 0.02, name


def test_keyed_noise_depends_on_seed_place_and_token_only() -> None:
    seeds, index = torch.tensor([3, 9, 3]), torch.tensor([[0, 1], [5, 6], [1, 2]])
    together = keyed_noise(seeds, index, 50)
    for row, (seed, start) in enumerate(((3, 0), (9, 5), (3, 1))):
        assert torch.equal(together[row], keyed(seed, start, 2, 50)[0])
        assert torch.equal(together[row, :, :20], keyed(seed, start, 2, 20)[0])
    assert torch.equal(together[0, 1], together[2, 0])  # the same place of the same answer
    assert len(together.unique()) == 5 * 50  # and nothing else twice
    assert torch.equal(together, keyed_noise(seeds, index, 50))


@pytest.mark.parametrize("along", ["places", "seeds"])
def test_draw_follows_the_distribution(along: str) -> None:
    probs = torch.tensor([0.5, 0.25, 0.15, 0.07, 0.03, 0.0])
    num, zero = 20000, torch.zeros(20000, 1, dtype=torch.long)
    noise = keyed(11, 0, num, 6) if along == "places" else keyed_noise(torch.arange(num), zero, 6)
    temperature = torch.ones(len(noise))
    tokens = draw(probs.expand(noise.shape), temperature, noise).flatten()
    counts = torch.bincount(tokens, minlength=6)
    assert counts[5] == 0
    assert chi_square(counts[:5], num * probs[:5]) < 18.5  # 4 degrees of freedom, p = 0.001


def test_draws_of_neighbouring_places_are_independent() -> None:
    probs, num = torch.tensor([0.4, 0.3, 0.3]), 20000
    tokens = draw(probs.expand(1, num, 3), torch.ones(1), keyed(5, 0, num, 3))[0]
    pairs = torch.bincount(3 * tokens[:-1] + tokens[1:], minlength=9)
    expected = (num - 1) * (probs[:, None] * probs).flatten()
    assert chi_square(pairs, expected) < 26.1  # 8 degrees of freedom, p = 0.001


def test_draw_does_not_depend_on_the_other_rows() -> None:
    probs = torch.randn(4, 6, 30, generator=generators(4)[0]).softmax(-1)
    seeds, index = torch.tensor([1, 2, 3, 1]), torch.arange(6).expand(4, 6)
    temperature = torch.tensor([0.7, 0.0, 1.0, 0.7])
    together = draw(probs, temperature, keyed_noise(seeds, index, 30))
    for row in range(4):
        one = slice(row, row + 1)
        alone = draw(probs[one], temperature[one], keyed_noise(seeds[one], index[one], 30))
        assert torch.equal(together[row], alone[0])
    assert torch.equal(together[1], probs[1].argmax(-1))
    assert not torch.equal(together[0], probs[0].argmax(-1))


def test_temperature_zero_takes_the_lowest_of_equals() -> None:
    probs = torch.tensor([[[0.2, 0.4, 0.4], [0.5, 0.5, 0.0]]])
    for noise in (None, keyed(1, 0, 2, 3)):
        assert draw(probs, torch.tensor([0.0]), noise).tolist() == [[1, 0]]
