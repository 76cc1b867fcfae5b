"""What the device knows of the running rows: one line of integers and one of floats per row.

Everything that decides the next step lies here, so that a step needs nothing from the host. Rows are always
0 .. n - 1, and row i belongs to cache row i. The host's own record of an answer is `request.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.device import on_device
from locany.engine.judge import RowThresholds
from locany.engine.labels import LabelRows, LabelView, may_hold
from locany.engine.params import DecodeMode, Thresholds
from locany.engine.request import Phase, Request
from locany.engine.sampler import SamplingParams

_MODES = tuple(DecodeMode)
_INT_THRESHOLDS = tuple(f.name for f in fields(Thresholds) if isinstance(f.default, int))
_FLOAT_THRESHOLDS = tuple(f.name for f in fields(Thresholds) if not isinstance(f.default, int))
_IDLE_LABELS = 64  # of a row, room for which is kept while nobody asks
_HUGE = 2**31 - 1  # thresholds beyond mean the same


class _Int(IntEnum):
    """Columns of the integers; the pending tokens follow."""

    NUM_PENDING = 0
    TEXT_LEN = 1
    PROMPT_LEN = 2
    PARALLEL = 3
    NUM_DRAFTS = 4
    STATE = 5
    MODE = 6
    COMPAT = 7
    SEED = 8
    TOLERANCE = 9
    TOP_K = 10
    THRESHOLDS = 11


class _Float(IntEnum):
    TEMPERATURE = 0
    TOP_P = 1
    PENALTY = 2
    NONE_WEIGHT = 3
    THRESHOLDS = 4


@dataclass(frozen=True)
class Traits:
    """What the rows of a step use, known on the host: it decides which tensors are made at all.

    Attributes:
        parallel, sequential, verified: whether some row decodes so.
        guarded, compat: whether some row obeys our rules, and whether some row the published ones.
        sampled, top_p, top_k, penalised: whether some row uses these knobs.
        held: whether some row may only use the labels that it was asked for.
        biased: whether in some row None weighs more or less than coordinates.
        most_*: the largest of these thresholds.
    """

    parallel: bool
    sequential: bool
    verified: bool
    guarded: bool
    compat: bool
    sampled: bool
    top_p: bool
    top_k: bool
    penalised: bool
    held: bool
    biased: bool
    most_candidates: int
    most_label_candidates: int
    most_reach: int

    @classmethod
    def of(cls, requests: Sequence[Request], vocab: Vocab, *, phases_known: bool) -> Traits:
        """Of some requests.

        Args:
            phases_known: whether `Request.phase` is that of the coming step; otherwise a row whose phase can
                change counts as both.
        """
        params = [r.params for r in requests]
        if phases_known:
            phases = {r.phase for r in requests if r.params.mode is not DecodeMode.VERIFIED}
            parallel = Phase.PARALLEL in phases or any(
                p.mode is DecodeMode.VERIFIED and r.phase is Phase.PARALLEL
                for p, r in zip(params, requests, strict=True)
            )
            sequential = Phase.SEQUENTIAL in phases
        else:
            parallel = any(p.mode is not DecodeMode.SLOW for p in params)
            sequential = any(p.mode in (DecodeMode.SLOW, DecodeMode.HYBRID) for p in params)
        thresholds = [p.thresholds for p in params]
        return cls(
            parallel=parallel,
            sequential=sequential,
            verified=any(p.mode is DecodeMode.VERIFIED for p in params),
            guarded=any(not p.compat for p in params),
            compat=any(p.compat for p in params),
            sampled=any(p.temperature > 0 for p in params),
            top_p=any(p.top_p < 1 for p in params),
            top_k=any(p.top_k > 0 for p in params),
            penalised=any(p.repetition_penalty != 1 for p in params),
            held=any(map(_is_held, requests)),
            biased=any(p.presence != 0.5 for p in params),
            most_candidates=min(max(t.num_candidates for t in thresholds), vocab.size),
            most_label_candidates=min(max(t.num_label_candidates for t in thresholds), vocab.size),
            most_reach=min(max(t.score_reach for t in thresholds), vocab.max_bin),
        )


class Rows:
    """The lines of all rows, and the tokens that penalised rows have seen.

    Attributes:
        ints: [rows, columns] int64; floats: [rows, columns] float32.
        seen: [rows, vocabulary] boolean, of rows with a repetition penalty; made when the first one comes.
        labels: of rows that may only use these; made when the first one comes.
    """

    def __init__(self, vocab: Vocab, device: torch.device):
        self.vocab, self.device = vocab, device
        self.width = vocab.block_size  # the most tokens that a step commits, and hence feeds
        self.ints = torch.zeros(0, self._num_ints(), dtype=torch.long, device=device)
        self.floats = torch.zeros(0, _Float.THRESHOLDS + len(_FLOAT_THRESHOLDS), device=device)
        self.seen: Tensor | None = None
        self.labels: LabelRows | None = None

    def _num_ints(self) -> int:
        return _Int.THRESHOLDS + len(_INT_THRESHOLDS) + self.width

    @property
    def num_rows(self) -> int:
        return len(self.ints)

    def release_idle(self) -> None:
        """Forget room for many labels, over which every later step would run; only while no row runs."""
        if self.labels is not None and self.labels.tokens.shape[1] > _IDLE_LABELS:
            self.labels = None

    def grow(self, num_rows: int) -> None:
        """Make room for at least so many rows; new ones are blank."""
        more = num_rows - self.num_rows
        if more <= 0:
            return
        ints = torch.cat((self.ints, self.ints.new_zeros(more, self.ints.shape[1])))
        floats = torch.cat((self.floats, self.floats.new_ones(more, self.floats.shape[1])))
        seen = self.seen
        if seen is not None:
            seen = torch.cat((seen, seen.new_zeros(more, self.vocab.size)))
        if self.labels is not None:
            self.labels.grow(num_rows)
        self.ints, self.floats, self.seen = ints, floats, seen  # all or none, should memory run out
        self.blank(num_rows - more, num_rows)

    def blank(self, start: int, stop: int) -> None:
        """Rows without a request: a text of one token."""
        if start == stop:  # as after most steps: not four launches for nothing
            return
        self.ints[start:stop] = 0
        for column in (_Int.NUM_PENDING, _Int.TEXT_LEN, _Int.PROMPT_LEN):
            self.ints[start:stop, column] = 1
        if self.labels is not None:
            self.labels.blank(start, stop)

    def put(self, row: int, request: Request) -> None:
        """Begin an answer: the last token of the prompt is pending."""
        params, vocab = request.params, self.vocab
        ints = [0] * self.ints.shape[1]
        ints[_Int.NUM_PENDING] = 1
        ints[_Int.TEXT_LEN] = ints[_Int.PROMPT_LEN] = len(request.prompt)
        ints[_Int.PARALLEL] = int(request.phase is Phase.PARALLEL)
        ints[_Int.STATE] = int(request.state)
        ints[_Int.MODE] = _MODES.index(params.mode)
        ints[_Int.COMPAT] = int(params.compat)
        ints[_Int.SEED], ints[_Int.TOLERANCE], ints[_Int.TOP_K] = params.seed, params.tolerance, params.top_k
        for number, name in enumerate(_INT_THRESHOLDS):
            ints[_Int.THRESHOLDS + number] = min(getattr(params.thresholds, name), _HUGE)
        ints[-1] = request.prompt[-1]
        none_weight = params.presence / (1 - params.presence)
        floats = [params.temperature, params.top_p, params.repetition_penalty, none_weight]
        floats += [getattr(params.thresholds, name) for name in _FLOAT_THRESHOLDS]
        self.ints[row] = on_device(torch.tensor(ints), self.device)
        self.floats[row] = on_device(torch.tensor(floats), self.device)
        if params.repetition_penalty != 1:
            if self.seen is None:
                self.seen = torch.zeros(self.num_rows, vocab.size, dtype=torch.bool, device=self.device)
            self.seen[row] = False
            self.seen[row, on_device(torch.tensor(request.prompt), self.device)] = True
        held = _is_held(request)
        if held and self.labels is None:
            self.labels = LabelRows(self.num_rows, vocab, self.device)
        if self.labels is not None:
            self.labels.put(row, request.labels if held else ())

    def move(self, source: int, target: int) -> None:
        self.ints[target], self.floats[target] = self.ints[source], self.floats[source]
        if self.seen is not None:
            self.seen[target] = self.seen[source]
        if self.labels is not None:
            self.labels.move(source, target)

    def view(self, num_rows: int) -> RowView:
        """The first rows, as columns."""
        seen = None if self.seen is None else self.seen[:num_rows]
        labels = None if self.labels is None else self.labels.view(num_rows)
        return RowView(self.ints[:num_rows], self.floats[:num_rows], seen, labels, self.width)


def _is_held(request: Request) -> bool:
    return request.params.hold_labels and not request.params.compat and may_hold(request.labels)


class RowView:
    """Columns of the first n rows, [n] each; views, so that writing to them writes to the rows.

    Attributes:
        width: the most tokens that a step commits.
        pending: [n, width] tokens of the text that are not cached yet, right-aligned.
        num_pending, text_len, prompt_len: text is prompt and answer, drafts included.
        parallel: boolean, whether the coming step reads the window.
        num_drafts: how many of the last pending tokens no sequential step has confirmed yet.
        state: grammar state after the last pending token that is no draft.
        compat: boolean; seed, tolerance: see `Params`.
        none_weight: times the probability of None, where a frame may say so (`Params.presence`).
        seen: [n, vocabulary], or None.
        labels: those that rows are held to, or None.
    """

    def __init__(
        self, ints: Tensor, floats: Tensor, seen: Tensor | None, labels: LabelView | None, width: int
    ):
        self.ints, self.seen, self.labels, self.width = ints, seen, labels, width
        self.pending = ints[:, -width:]
        self._ints, self._floats = ints.unbind(1), floats.unbind(1)  # one call, not one per column
        self.num_pending, self.text_len = self._ints[_Int.NUM_PENDING], self._ints[_Int.TEXT_LEN]
        self.prompt_len, self.num_drafts = self._ints[_Int.PROMPT_LEN], self._ints[_Int.NUM_DRAFTS]
        self.state, self.seed = self._ints[_Int.STATE], self._ints[_Int.SEED]
        self.tolerance = self._ints[_Int.TOLERANCE]
        self.none_weight = self._floats[_Float.NONE_WEIGHT]
        self.parallel, self.compat = self._ints[_Int.PARALLEL] != 0, self._ints[_Int.COMPAT] != 0

    def is_mode(self, *modes: DecodeMode) -> Tensor:
        mode = self._ints[_Int.MODE]
        found = mode == _MODES.index(modes[0])
        for other in modes[1:]:
            found = found | (mode == _MODES.index(other))
        return found

    def sampling(self, traits: Traits) -> SamplingParams:
        return SamplingParams(
            temperature=self._floats[_Float.TEMPERATURE],
            top_p=self._floats[_Float.TOP_P],
            top_k=self._ints[_Int.TOP_K],
            repetition_penalty=self._floats[_Float.PENALTY],
            has_temperature=traits.sampled,
            has_top_p=traits.top_p,
            has_top_k=traits.top_k,
        )

    def thresholds(self, traits: Traits) -> RowThresholds:
        ints = dict(zip(_INT_THRESHOLDS, self._ints[_Int.THRESHOLDS :], strict=False))
        floats = dict(zip(_FLOAT_THRESHOLDS, self._floats[_Float.THRESHOLDS :], strict=True))
        return RowThresholds(
            **ints,
            **floats,
            most_candidates=traits.most_candidates,
            most_label_candidates=traits.most_label_candidates,
            most_reach=traits.most_reach,
        )

    def write(
        self,
        pending: Tensor,
        num_pending: Tensor,
        text_len: Tensor,
        parallel: Tensor,
        num_drafts: Tensor,
        state: Tensor,
    ) -> None:
        """Store what a step made of the rows: [n, width] pending tokens, the others [n]."""
        self.pending.copy_(pending)
        self.num_pending.copy_(num_pending)
        self.text_len.copy_(text_len)
        self._ints[_Int.PARALLEL].copy_(parallel)
        self.num_drafts.copy_(num_drafts)
        self.state.copy_(state)
