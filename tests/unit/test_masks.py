"""The one mask: the matrices written in the specifications, and what no layout may ever allow."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask

from locany.model import Layout, cache_layout, masks, text_layout, visible
from locany.model.attention import attend_text, can_skip_blocks
from locany.model.masks import visible_blocks
from locany.train.objective import SPARSE_FROM, attends_sparsely

BLOCK = 6

# Spec `training` 1.6: context, label, two boxes and the end; rows of a kind are written once.
_TEXT_LEN, _ANCHORS = 20, (2, 5, 11, 17)
_WORKED_EXAMPLE = """
20-25  ##.................. ###### ...... ...... ...... .
26-31  #####............... ...... ###### ...... ...... .
32-37  ###########......... ...... ...... ###### ...... .
38-43  #################... ...... ...... ...... ###### .
44     #################### ...... ...... ...... ...... #
"""


def training_layout(num_tokens: int, anchors: tuple[int, ...], pad_position: int | None = None) -> Layout:
    """One sample: text, a block for each anchor, and perhaps the closing pad. Shapes [1, positions]."""
    index = [*range(num_tokens)] + [a for a in anchors for _ in range(BLOCK)]
    block = [-1] * num_tokens + [number for number in range(len(anchors)) for _ in range(BLOCK)]
    if pad_position is not None:
        index.append(pad_position)
        block.append(len(anchors))
    zero = torch.zeros(1, len(index), dtype=torch.long)
    return Layout(zero, zero, torch.tensor([index]), torch.tensor([block]))


def rows(mask: Tensor) -> list[str]:
    return ["".join("#" if seen else "." for seen in row) for row in mask.tolist()]


def test_training_example_of_the_spec() -> None:
    layout = training_layout(_TEXT_LEN, _ANCHORS, pad_position=23)
    expected = ["#" * (i + 1) + "." * (44 - i) for i in range(_TEXT_LEN)]
    for line in _WORKED_EXAMPLE.strip().splitlines():
        span, picture = line.split(maxsplit=1)
        first, _, last = span.partition("-")
        expected += [picture.replace(" ", "")] * (int(last or first) - int(first) + 1)
    assert rows(visible(layout, layout)[0]) == expected


def test_first_step_of_the_spec() -> None:
    keys = cache_layout(torch.tensor([4]), BLOCK, 10)
    expected = ["#.........", "##........", "###.......", "####......"] + ["###.######"] * BLOCK
    assert rows(visible(keys, keys)[0]) == expected


def test_later_step_of_the_spec() -> None:
    """Ten cached tokens and three fed again: the window sees twelve, not the thirteenth, and itself."""
    keys = cache_layout(torch.tensor([13]), BLOCK, 19)
    mask = rows(visible(keys[:, 10:], keys)[0])
    assert mask[:3] == ["#" * (11 + i) + "." * (8 - i) for i in range(3)]
    assert mask[3:] == ["#" * 12 + "." + "#" * BLOCK] * BLOCK


def test_sequential_step_is_causal() -> None:
    keys = cache_layout(torch.tensor([9]), 0, 9)
    assert torch.equal(visible(keys, keys)[0], torch.ones(9, 9, dtype=torch.bool).tril())
    text = text_layout(1, 9)
    assert torch.equal(visible(text, text), visible(keys, keys))


def test_slots_behind_the_window_are_seen_by_nobody() -> None:
    keys = cache_layout(torch.tensor([4, 2]), BLOCK, 16)
    mask = visible(keys, keys)
    assert not mask[0, :10, 10:].any()
    assert not mask[1, :8, 8:].any()


def test_inference_sees_what_training_saw() -> None:
    """Every block of a training row against the window of the step that writes the same tokens."""
    train = training_layout(_TEXT_LEN, _ANCHORS)
    mask = visible(train, train)[0]
    for number, anchor in enumerate(_ANCHORS):
        text_len = anchor + 1
        keys = cache_layout(torch.tensor([text_len]), BLOCK, text_len + BLOCK)
        step = visible(keys, keys)[0]
        slots = slice(_TEXT_LEN + number * BLOCK, _TEXT_LEN + (number + 1) * BLOCK)
        assert torch.equal(step[text_len:, :text_len], mask[slots, :text_len])
        assert torch.equal(step[text_len:, text_len:], mask[slots, slots])
        assert not mask[slots, text_len:_TEXT_LEN].any()
        assert torch.equal(step[:text_len, :text_len], mask[:text_len, :text_len])


def test_causal_blocks_see_only_earlier_slots() -> None:
    train = training_layout(_TEXT_LEN, _ANCHORS)
    mask = visible(train, train, causal_block=True)[0]
    keys = cache_layout(torch.tensor([_ANCHORS[0] + 1]), BLOCK, _ANCHORS[0] + 1 + BLOCK)
    step = visible(keys[:, 2:], keys, causal_block=True)[0]  # one cached token fed again, then the window
    lower = torch.ones(BLOCK, BLOCK, dtype=torch.bool).tril()
    for number in range(len(_ANCHORS)):
        slots = slice(_TEXT_LEN + number * BLOCK, _TEXT_LEN + (number + 1) * BLOCK)
        assert torch.equal(mask[slots, slots], lower)
        assert torch.equal(mask[slots, :_TEXT_LEN], visible(train, train)[0, slots, :_TEXT_LEN])
    assert torch.equal(step[-BLOCK:, -BLOCK:], lower)


@st.composite
def packed_layouts(draw: st.DrawFn) -> Layout:
    """A row of samples, each with a shared prefix and branches with blocks, and padding at the end."""
    columns: list[tuple[int, int, int, int]] = []
    for sample in range(draw(st.integers(1, 3))):
        prefix = draw(st.integers(0, 4))
        columns += [(sample, 0, index, -1) for index in range(prefix)]
        number = 0
        for branch in range(1, 1 + draw(st.integers(0, 3))):
            length = draw(st.integers(1, 5))
            columns += [(sample, branch, prefix + i, -1) for i in range(length)]
            for anchor in draw(st.lists(st.integers(prefix, prefix + length - 1), max_size=3)):
                columns += [(sample, branch, anchor, number)] * draw(st.integers(1, BLOCK))
                number += 1
    columns += [(-1, 0, 0, -1)] * draw(st.integers(0, 3))
    return Layout(*(torch.tensor([column]) for column in zip(*(columns or [(-1, 0, 0, -1)]), strict=True)))


@settings(max_examples=150, deadline=None)
@given(packed_layouts())
def test_mask_is_the_rule_read_pair_by_pair(layout: Layout) -> None:
    """Against a slow reading of the specification's table, one pair at a time."""
    mask = visible(layout, layout)[0].numpy()
    sample, branch, index, block = (
        t[0].tolist() for t in (layout.sample, layout.branch, layout.index, layout.block)
    )
    for q, k in np.ndindex(mask.shape):
        if sample[q] != sample[k] or sample[k] < 0:
            allowed = False  # another sample, or padding
        elif branch[k] not in (0, branch[q]):
            allowed = False  # another question
        elif block[k] >= 0:
            allowed = block[k] == block[q]  # nobody outside sees into a block
        elif block[q] >= 0:
            allowed = index[k] < index[q]  # the anchor itself is hidden: its copy is in the block
        else:
            allowed = index[k] <= index[q]
        assert mask[q, k] == allowed, f"query {q}, key {k}"
    # What the rule is for, said once more without it.
    seen = np.argwhere(mask)
    assert all(sample[q] == sample[k] for q, k in seen)
    assert all(block[k] < 0 or block[k] == block[q] for q, k in seen)
    assert all(branch[k] == 0 or branch[k] == branch[q] for q, k in seen)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("causal", [False, True])
def test_blocks_of_the_mask_are_the_mask(causal: bool) -> None:
    """Flex attention asks the same predicate, pair by pair; and attends as the dense mask does."""
    layout = training_layout(40, (2, 5, 11, 17, 30), pad_position=23)
    sample = layout.sample.clone()
    sample[:, -4:] = -1  # padding, which sees itself
    layout = Layout(sample, layout.branch, layout.index, layout.block)
    length = sample.shape[1]
    dense = visible(layout, layout, causal_block=causal) | torch.eye(length, dtype=torch.bool)
    blocks = visible_blocks(layout, causal_block=causal)
    at = torch.arange(length)
    assert torch.equal(blocks.mask_mod(torch.tensor(0), torch.tensor(0), at[:, None], at[None]), dense[0])
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, heads, length, 16, generator=generator) for heads in (4, 2, 2))
    torch.testing.assert_close(attend_text(q, k, v, blocks), attend_text(q, k, v, dense))


def no_compiler(_: object) -> None:
    raise RuntimeError("Cannot find a working triton installation.\nMore on that.")


def test_without_a_compiler_rows_keep_the_dense_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, ids = torch.device("cuda:0"), torch.zeros(1)

    def is_sparse(length: int, dtype: torch.dtype, heads: object = None, device: torch.device = gpu) -> bool:
        decoder = SimpleNamespace(embed=SimpleNamespace(weight=ids.to(dtype)))
        run: Any = SimpleNamespace(heads=heads, model=SimpleNamespace(decoder=decoder))
        batch: Any = SimpleNamespace(token_ids=SimpleNamespace(device=device, shape=(1, length)))
        return attends_sparsely(run, batch)

    tried: list[torch.device] = []
    monkeypatch.setattr("locany.train.objective.can_skip_blocks", lambda device: not tried.append(device))
    for kept_dense in (
        is_sparse(SPARSE_FROM - 1, torch.bfloat16),
        is_sparse(SPARSE_FROM, torch.float32),
        is_sparse(SPARSE_FROM, torch.bfloat16, heads=object()),
        is_sparse(SPARSE_FROM, torch.bfloat16, device=torch.device("cpu")),
    ):
        assert not kept_dense
    assert not tried
    assert is_sparse(SPARSE_FROM, torch.bfloat16)
    assert tried == [gpu]

    can_skip_blocks.cache_clear()
    monkeypatch.setattr(torch, "compile", no_compiler)
    with pytest.warns(UserWarning, match=r"long rows attend under a dense mask.*\(Cannot find a working"):
        assert not can_skip_blocks(torch.device("cpu"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not can_skip_blocks(torch.device("cpu")), "asked once, said once"
    can_skip_blocks.cache_clear()
    monkeypatch.setattr(torch, "compile", lambda work: work)
    monkeypatch.setattr("locany.model.attention.flex_attention", lambda q, k, v, **_: q + k + v)
    assert can_skip_blocks(torch.device("cpu"))
    can_skip_blocks.cache_clear()


def test_what_finds_blocks_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def compiled(work: Callable[..., Any]) -> Callable[..., Any]:
        made.append(work)
        return work

    masks._block_finder.cache_clear()
    monkeypatch.setattr(torch, "compile", compiled)
    assert masks._block_finder("cuda") is masks._block_finder("cuda") is create_block_mask
    assert made == [create_block_mask]
    masks._block_finder.cache_clear()
