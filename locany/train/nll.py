"""Cross-entropy over a table of embeddings, forward and backward in one go, part by part.

Logits of all labelled positions together would be the largest tensors of a training step. Here a part of the
rows is scored, turned into its gradients and forgotten: the logits need no more memory for more positions,
and on a CPU a part stays in the cache (docs/log.md). torch's own `linear_cross_entropy` is younger than the
versions that we support.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import locany.model.vector_math  # noqa: F401
from locany.model.attention import activation_dtype

# Rows of a part are a multiple of this, padded: every new shape costs the CPU new kernels.
MIN_ROWS = 512
# Logits of a part, where that is more than `MIN_ROWS` rows: 256 MiB; on a CPU 8 MiB, which stay in the cache.
MAX_LOGITS, MAX_LOGITS_CPU = 2**26, 2**21


def table_nll(
    x: Tensor, table: Tensor, wanted: Tensor, at: Tensor, target: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted sum of the cross-entropies of softmax(x @ table.T) against sparse targets.

    Args:
        x: [n, size]; table: [classes, size].
        wanted: [n] the class that is right.
        at: [n, k] classes; target: [n, k] their probabilities, 1 in sum. A class may stand twice.
        weight: [n] of each row in the sum.

    Returns:
        The sum; and without gradients, [n] float32 each, the cross-entropy of each row, and 1 where no class
        is likelier than the right one.
    """
    count, missing = len(x), -len(x) % MIN_ROWS
    x, at, target, wanted = (F.pad(part, (0, 0, 0, missing)) for part in (x, at, target, wanted[:, None]))
    total, nll, right = _TableNLL.apply(x, table, wanted, at, target, F.pad(weight, (0, missing)))
    return total, nll[:count], right[:count]


def gaussian_targets(bins: Tensor, sigma: float, num_bins: int) -> tuple[Tensor, Tensor]:
    """A Gaussian of width `sigma` bins around each bin, cut at the ends of the scale and 1 in sum.

    Args:
        bins: [n].
        sigma: 0 for the bin alone.

    Returns:
        [n, k] bins and [n, k] their probabilities.
    """
    if sigma <= 0:
        return bins[:, None], torch.ones(len(bins), 1, device=bins.device)
    reach = max(1, round(2.5 * sigma))
    offsets = torch.arange(-reach, reach + 1, device=bins.device)
    at = bins[:, None] + offsets
    weight = torch.exp(-0.5 * (offsets / sigma) ** 2) * ((at >= 0) & (at < num_bins))
    return at.clamp(0, num_bins - 1), weight / weight.sum(1, keepdim=True)


class _TableNLL(torch.autograd.Function):
    """`table_nll` of a multiple of `MIN_ROWS` rows."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, table: Tensor, wanted: Tensor, at: Tensor, target: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        dtype, device = activation_dtype(x), x.device
        wants_x, wants_table = ctx.needs_input_grad[:2]
        rows, classes = x.to(dtype), table.to(dtype)
        nll, right = torch.empty(2, len(x), device=device)
        grad_x = torch.empty_like(rows) if wants_x else None
        grad_table = torch.zeros(table.shape, device=device) if wants_table else None
        most = MAX_LOGITS_CPU if device.type == "cpu" else MAX_LOGITS
        size = max(1, most // len(table) // MIN_ROWS) * MIN_ROWS
        with torch.autocast(device.type, enabled=False):
            for begin in range(0, len(x), size):
                part = slice(begin, begin + size)
                log_probs = torch.log_softmax((rows[part] @ classes.T).float(), dim=-1)
                nll[part] = -(log_probs.gather(1, at[part]) * target[part]).sum(1)
                # Not `argmax`: on a CPU it takes ten times as long as the maximum itself.
                right[part] = (log_probs.gather(1, wanted[part])[:, 0] >= log_probs.amax(-1)).float()
                if not wants_x and not wants_table:
                    continue
                # Probabilities less targets: the gradient of the logits.
                grad = log_probs.exp_().scatter_add_(1, at[part], -target[part]).mul_(weight[part, None])
                grad = grad.to(dtype)
                if grad_x is not None:
                    grad_x[part] = grad @ classes
                if grad_table is not None:
                    grad_table += grad.T @ rows[part]
        ctx.dtypes = x.dtype, table.dtype
        ctx.save_for_backward(grad_x, grad_table)
        ctx.mark_non_differentiable(nll, right)
        return (nll * weight).sum(), nll, right

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        found = zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        grads = [None if made is None else (made * grad).to(dtype) for made, dtype in found]
        return *grads, None, None, None, None
