"""Drafts against sequential decoding: which of them stand, and what is tried next (mode `verified`).

A block that the window proposes is a draft. The next step feeds it like committed text; what sequential
decoding says after each of its tokens comes with that step for free. The longest prefix on which both agree
is committed, then the sequential token in place of the first that differs. So the answer is that of mode
`slow`, token for token. Behind a replaced token the sequential choices of this step, made with a slightly
wrong text before them, are the next drafts: they are mostly right, and the step after that accepts them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from locany.codec.vocab import Vocab


@dataclass(frozen=True)
class Check:
    """What became of the drafts of each row; rows without drafts are all accepted.

    Attributes:
        num_accepted: [rows] drafts that stand.
        column: [rows] the column after whose token the next sequential choice is committed.
        all_accepted: [rows] boolean; then `column` is the last one.
        following: [rows, columns] the token that stands after each column's token: for columns up to `column`
            what is committed, behind it meaningless.
        drafts, num_drafts: [rows, columns], [rows]: drafts that follow a replacement.
    """

    num_accepted: Tensor
    column: Tensor
    all_accepted: Tensor
    following: Tensor
    drafts: Tensor
    num_drafts: Tensor


def states_along(pending: Tensor, num_drafts: Tensor, state: Tensor, next_states: Tensor) -> Tensor:
    """Grammar state after the token of each column.

    Args:
        pending: [rows, columns] right-aligned tokens, the last `num_drafts` of them drafts.
        state: [rows] state after the last token that is no draft.
        next_states: [states, vocabulary].

    Returns:
        [rows, columns]; before the last token that is no draft: its state, too.
    """
    columns, along = pending.shape[1], []
    for column in range(columns):
        is_draft = column >= columns - num_drafts
        state = torch.where(is_draft, next_states[state, pending[:, column]], state)
        along.append(state)
    return torch.stack(along, dim=1)


def check_drafts(
    pending: Tensor,
    num_drafts: Tensor,
    choices: Tensor,
    states: Tensor,
    next_states: Tensor,
    tolerance: Tensor,
    vocab: Vocab,
) -> Check:
    """Hold drafts against the sequential choices.

    Args:
        pending: [rows, columns] right-aligned tokens, the last `num_drafts` of them drafts.
        choices: [rows, columns] what sequential decoding says after the token of each column.
        states: [rows, columns] of `states_along`.
        tolerance: [rows] bins by which a draft coordinate may differ.
    """
    columns = pending.shape[1]
    column = torch.arange(columns, device=pending.device)
    drafts, said = pending[:, 1:], choices[:, :-1]
    is_draft = column[1:] >= columns - num_drafts[:, None]

    def is_coord(tokens: Tensor) -> Tensor:
        return (tokens >= vocab.coord_start) & (tokens <= vocab.coord_end)

    near = is_coord(drafts) & is_coord(said) & ((drafts - said).abs() <= tolerance[:, None])
    stands = (drafts == said) | near | ~is_draft
    num_accepted = (stands.int().cumprod(1).bool() & is_draft).sum(1)
    at = columns - 1 - num_drafts + num_accepted
    following = torch.cat((drafts, choices[:, -1:]), dim=1)
    chosen = choices.gather(1, at[:, None])
    following = torch.where(column == at[:, None], chosen, following)

    # Keep drafts behind the replacement where it changes a word, not the course of the answer.
    replaced = torch.cat((drafts, pending[:, -1:]), dim=1).gather(1, at[:, None])[:, 0]
    before = states.gather(1, at[:, None])[:, 0]
    same_course = next_states[before, chosen[:, 0]] == next_states[before, replaced]
    rest = (num_drafts - num_accepted - 1).clamp(min=0)
    behind = (at[:, None] + 1 + column).clamp(max=columns - 1)
    return Check(
        num_accepted=num_accepted,
        column=at,
        all_accepted=num_accepted == num_drafts,
        following=following,
        drafts=choices.gather(1, behind),
        num_drafts=torch.where(same_course, rest, 0),
    )
