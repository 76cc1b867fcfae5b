"""The cross-entropy whose gradients are made by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from locany.train import nll
from locany.train.nll import gaussian_targets, table_nll


def near(bins: list[int], sigma: float, num_bins: int = 101) -> Tensor:
    """The whole target of each bin: [n, num_bins]."""
    at, share = gaussian_targets(torch.tensor(bins), sigma, num_bins)
    return torch.zeros(len(bins), num_bins).scatter_add_(1, at, share)


@pytest.mark.parametrize("rows", [1, 37, 512, 1300])
@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_it_is_what_autograd_says_of_the_plain_form(
    rows: int, sigma: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nll, "MAX_LOGITS_CPU", 1)  # parts of 512 rows
    generator = torch.Generator().manual_seed(rows)
    x = torch.randn(rows, 24, generator=generator, requires_grad=True)
    table = torch.randn(101, 24, generator=generator, requires_grad=True)
    wanted = torch.randint(0, 101, (rows,), generator=generator)
    weight = torch.rand(rows, generator=generator)
    at, share = gaussian_targets(wanted, sigma, 101)

    total, each, right = table_nll(x, table, wanted, at, share, weight)
    found = torch.autograd.grad(total * 3, (x, table))

    logits = x @ table.T
    plain = F.cross_entropy(logits, near(wanted.tolist(), sigma), reduction="none")
    expected = torch.autograd.grad((plain * weight).sum() * 3, (x, table))
    torch.testing.assert_close(each, plain.detach())
    torch.testing.assert_close(total, (plain * weight).sum())
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert torch.equal(right, (logits.argmax(-1) == wanted).float())


def test_nothing_is_computed_for_what_does_not_learn() -> None:
    x, table = torch.randn(5, 8), torch.randn(7, 8)
    wanted, one = torch.arange(5), torch.ones(5, 1)
    total, _, _ = table_nll(x, table, wanted, wanted[:, None], one, one[:, 0])
    assert not total.requires_grad
    x.requires_grad_(True)
    total, _, _ = table_nll(x, table, wanted, wanted[:, None], one, one[:, 0])
    total.backward()
    assert x.grad is not None
    assert table.grad is None


def test_near_bins_weigh_more_and_the_edge_loses_nothing() -> None:
    inside, edge = near([50, 0], sigma=3.0)
    assert inside.argmax() == 50
    assert inside[50] > inside[53] > inside[57] > 0
    assert inside[90] == 0
    assert inside.sum() == pytest.approx(1)
    assert edge.sum() == pytest.approx(1)
    assert torch.equal(near([4], 0.0), F.one_hot(torch.tensor([4]), 101).float())
