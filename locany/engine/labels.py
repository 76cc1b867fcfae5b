"""Labels held to what was asked for: an answer about cats and dogs says "cat" or "dog", and nothing else.

A block writes all tokens of a label at once, each from its own distribution, and may so begin with one name
and end with another. Of a row with asked labels the one with the largest joint probability is taken instead;
token by token, only what continues one of them may follow. Where a frame comes, and where the answer ends,
the model decides as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from locany.codec.grammar import State, first_added
from locany.codec.vocab import Vocab
from locany.device import on_device

MOST_TOKENS = 64  # of an asked label; an answer to longer ones is not held
_TINY = 1e-30


def may_hold(labels: Sequence[Sequence[int]]) -> bool:
    """Whether an answer can be held to these labels."""
    return bool(labels) and all(0 < len(label) <= MOST_TOKENS for label in labels)


def refusal(labels: Sequence[Sequence[int]], vocab: Vocab) -> str:
    """What is wrong with asked labels, empty if nothing."""
    most = first_added(vocab) - 1
    for label in labels:
        if wrong := [token for token in label if not 0 <= token <= most]:
            return f"a label has token {wrong[0]}, words have 0 to {most}"
    return ""


class LabelRows:
    """The asked labels of all rows, and how far each row has come in the one that it is writing.

    Attributes:
        tokens: [rows, labels, length] tokens of each, filled up with </ref>.
        sizes: [rows, labels] tokens of each, its </ref> included; 0 where there is none.
        fits: [rows, labels] boolean, those that begin like the label being written.
        depth: [rows] tokens written of it. Both mean nothing outside of a label.
    """

    def __init__(self, num_rows: int, vocab: Vocab, device: torch.device):
        self.vocab = vocab
        self.tokens = torch.full((num_rows, 1, 2), vocab.ref_end, device=device)
        self.sizes = torch.zeros(num_rows, 1, dtype=torch.long, device=device)
        self.fits = torch.zeros(num_rows, 1, dtype=torch.bool, device=device)
        self.depth = torch.zeros(num_rows, dtype=torch.long, device=device)

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All of them."""
        return self.tokens, self.sizes, self.fits, self.depth

    def grow(self, num_rows: int, num_labels: int = 1, length: int = 2) -> None:
        """Make room; what is there stays."""
        rows, labels, size = self.tokens.shape
        num_rows, num_labels = max(rows, num_rows), max(labels, _power_of_two(num_labels))
        length = max(size, _power_of_two(length))
        if (num_rows, num_labels, length) == (rows, labels, size):
            return
        tokens = self.tokens.new_full((num_rows, num_labels, length), self.vocab.ref_end)
        tokens[:rows, :labels, :size] = self.tokens
        sizes, fits = (t.new_zeros(num_rows, num_labels) for t in (self.sizes, self.fits))
        sizes[:rows, :labels], fits[:rows, :labels] = self.sizes, self.fits
        depth = self.depth.new_zeros(num_rows)
        depth[:rows] = self.depth
        self.tokens, self.sizes, self.fits, self.depth = tokens, sizes, fits, depth

    def put(self, row: int, labels: Sequence[Sequence[int]]) -> None:
        """The labels of a row that begins; none leave it free."""
        self.grow(len(self.tokens), max(1, len(labels)), 1 + max(map(len, labels), default=1))
        length = self.tokens.shape[2]
        self.sizes[row], self.fits[row], self.depth[row] = 0, False, 0
        if labels:
            end = self.vocab.ref_end
            filled = [[*label, *[end] * (length - len(label))] for label in labels]
            self.tokens[row, : len(labels)] = on_device(torch.tensor(filled), self.tokens.device)
            sizes = [len(label) + 1 for label in labels]
            self.sizes[row, : len(labels)] = on_device(torch.tensor(sizes), self.sizes.device)

    def move(self, source: int, target: int) -> None:
        """Another row's labels in place of a row's."""
        for values in self.tensors:
            values[target] = values[source]

    def blank(self, start: int, stop: int) -> None:
        """Rows without labels."""
        self.sizes[start:stop] = 0

    def view(self, num_rows: int) -> LabelView:
        """The first rows."""
        tokens, sizes, fits, depth = (values[:num_rows] for values in self.tensors)
        return LabelView(tokens, sizes, fits, depth, self.vocab)


@dataclass(frozen=True)
class LabelView:
    """`LabelRows` of the first n rows."""

    tokens: Tensor
    sizes: Tensor
    fits: Tensor
    depth: Tensor
    vocab: Vocab

    def follow(self, fits: Tensor, depth: Tensor, token: Tensor) -> tuple[Tensor, Tensor]:
        """What fits, and how far it goes, one token later: [rows, labels] and [rows]; token: [rows]."""
        begins = token == self.vocab.ref
        at = depth.clamp(max=self.tokens.shape[2] - 1)[:, None, None].expand(-1, self.tokens.shape[1], 1)
        same = self.tokens.gather(2, at)[..., 0] == token[:, None]
        return torch.where(begins[:, None], self.sizes > 0, fits & same), torch.where(begins, 0, depth + 1)

    def along(self, pending: Tensor, num_drafts: Tensor) -> tuple[Tensor, Tensor]:
        """After the token of each column: [rows, columns, labels] and [rows, columns].

        Args:
            pending: [rows, columns] right-aligned tokens, the last `num_drafts` of them drafts; before the
                last one that is no draft, what fits after that one.
        """
        fits, depth, found = self.fits, self.depth, []
        for column in range(pending.shape[1]):
            is_draft = column >= pending.shape[1] - num_drafts
            later_fits, later_depth = self.follow(fits, depth, pending[:, column])
            fits = torch.where(is_draft[:, None], later_fits, fits)
            depth = torch.where(is_draft, later_depth, depth)
            found.append((fits, depth))
        return torch.stack([f for f, _ in found], 1), torch.stack([d for _, d in found], 1)

    def forbidden(self, fits: Tensor, depth: Tensor, states: Tensor) -> Tensor:
        """Tokens that continue no asked label: [rows, columns, vocabulary] boolean.

        Nothing is forbidden outside of labels, and in a label that fits none.

        Args:
            fits: [rows, columns, labels]; depth, states: [rows, columns].
        """
        labels, length = self.tokens.shape[1:]
        at = depth.clamp(max=length - 1)[:, None, :, None].expand(-1, labels, -1, 1)
        tokens = self.tokens[:, :, None].expand(-1, -1, depth.shape[1], -1).gather(3, at)[..., 0]
        tokens = tokens.transpose(1, 2)
        # A label that does not fit allows what one that fits does, so that every write is the same.
        one = tokens.gather(2, fits.int().argmax(-1, keepdim=True))
        held = in_label(states) & fits.any(-1)
        forbidden = held[..., None].expand(-1, -1, self.vocab.size).clone()
        return forbidden.scatter_(2, torch.where(fits, tokens, one), False)

    def choose(
        self, probs: Tensor, first: Tensor, decided: Tensor, fits: Tensor, depth: Tensor, states: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The most probable label for blocks that write one, or go on with one; sampling does not change it.

        Args:
            probs: [rows, slots, vocabulary] of the block.
            first: [rows] token in slot 0; decided: [rows] boolean, whether it stays, so that only labels
                that go on with it count.
            fits: [rows, labels]; depth, states: [rows].

        Returns:
            [rows, slots] tokens, [rows] how many of them count, and [rows] whether a row writes a held label.
        """
        begins = first == self.vocab.ref
        fits = torch.where(begins[:, None], self.sizes > 0, fits)
        start = torch.where(begins, -1, depth)  # slot 0 is <ref> itself
        slots, length = probs.shape[1], self.tokens.shape[2]
        at = start[:, None] + torch.arange(slots, device=first.device)
        index = at.clamp(0, length - 1)[:, None].expand(-1, self.tokens.shape[1], -1)
        tokens = self.tokens.gather(2, index)  # [rows, labels, slots]
        fits = fits & ((begins | ~decided)[:, None] | (tokens[:, :, 0] == first[:, None]))
        counts = (at >= 0)[:, None] & (at[:, None] < self.sizes[:, :, None])
        found = probs.gather(2, tokens.transpose(1, 2)).transpose(1, 2)
        score = (found.clamp(min=_TINY).log() * counts).sum(-1).masked_fill(~fits, -torch.inf)
        best = score.argmax(1)
        chosen = tokens.gather(1, best[:, None, None].expand(-1, 1, slots))[:, 0]
        chosen = torch.where(at < 0, self.vocab.ref, chosen)
        size = self.sizes.gather(1, best[:, None])[:, 0]
        held = fits.any(1) & (begins | in_label(states))
        return chosen, (size - start).clamp(1, slots), held

    def remember(self, fits: Tensor, depth: Tensor) -> None:
        """Store what a step made of the rows."""
        self.fits.copy_(fits)
        self.depth.copy_(depth)


def in_label(states: Tensor) -> Tensor:
    """Whether the next token belongs to a label: boolean, of any shape."""
    return (states == State.REF) | (states == State.LABEL)


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
