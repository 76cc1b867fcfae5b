"""Add, step, generate: many requests with mixed modes, one forward per step for all of them.

A step feeds every running row its uncached committed tokens and, in parallel phases, a block window; decides
what each row commits; and moves rows between phases. Order of operations: spec `locateanything` 6.7.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from locany.codec.grammar import State, advance, allowed_table
from locany.codec.vocab import Vocab
from locany.engine.modes import after_block, after_item, after_token, provenance_of
from locany.engine.params import DecodeMode
from locany.engine.request import Commit, Finish, Phase, Request
from locany.engine.runner import Runner, StepLogits
from locany.engine.sampler import SamplingParams, draw, probabilities
from locany.engine.scheduler import Scheduler
from locany.engine.stats import Stats
from locany.engine.verify import (
    KINDS,
    classify_published,
    judge_guarded,
    place_mass,
    propose_published,
    settle_guarded,
)
from locany.errors import CheckpointConfigError, RequestError
from locany.model.locate_model import LocateModel

_FRAME_SLOTS = 6  # <box>, four coordinates, </box>: the rules over blocks read just these slots


@dataclass(frozen=True)
class EngineConfig:
    """Knobs of a process.

    Attributes:
        max_rows: requests that run side by side.
        max_length: tokens of prompt and answer together; published: the tokenizer's 16384.
        max_patches: image patches that are encoded at once; a single larger image goes alone.
    """

    max_rows: int = 16
    max_length: int = 16384
    max_patches: int = 32768

    def __post_init__(self) -> None:
        for name in ("max_rows", "max_length", "max_patches"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise RequestError(f"{name} is {value!r}, expected an integer of at least 1")


@dataclass(frozen=True)
class _Decision:
    """What one row commits in this step."""

    tokens: list[int]
    block_scores: list[float]
    kind_index: int  # -1 for a single token


class Engine:
    """Continuous batching of block and token decoding."""

    def __init__(self, model: LocateModel, vocab: Vocab, config: EngineConfig | None = None):
        self.vocab, self.config = vocab, config or EngineConfig()
        if model.config.text.causal_attn:
            raise CheckpointConfigError(
                "text_config.causal_attn is true: blocks whose slots see each other causally cannot be "
                "decoded; the release has false"
            )
        self.runner = Runner(model, vocab, self.config.max_patches)
        self.scheduler = Scheduler(self.config.max_rows)
        self.stats = Stats()
        device = self.runner.device
        allowed = torch.from_numpy(allowed_table(vocab))
        self._allowed = allowed.to(device)
        first_slot = allowed.clone()
        first_slot[:, vocab.null] |= first_slot[:, vocab.end]  # a block of nothing is an end, too
        self._allowed_first = first_slot.to(device)
        self._label_tokens = self._allowed[State.LABEL]
        self._generators: dict[int, torch.Generator] = {}
        self._seen: dict[int, Tensor] = {}

    def add(self, request: Request) -> Request:
        """Queue a request.

        Raises:
            RequestError: the prompt leaves no room for an answer, or the mode does not fit the checkpoint.
        """
        if not request.prompt:
            raise RequestError("the prompt is empty; an answer needs at least one token to follow")
        if len(request.prompt) >= self.config.max_length and not request.params.compat:
            raise RequestError(
                f"the prompt has {len(request.prompt)} tokens, the context holds {self.config.max_length} "
                "with the answer; use a smaller or fewer images"
            )
        if self.vocab.block_size != _FRAME_SLOTS and request.params.mode is not DecodeMode.SLOW:
            raise RequestError(
                f"the checkpoint has blocks of {self.vocab.block_size} slots; only mode 'slow' decodes those "
                f"(parallel modes need {_FRAME_SLOTS})"
            )
        if len(request.prompt) >= self._limit(request):  # published: no step, an empty answer
            request.finish = Finish.LIMIT
        self.scheduler.add(request)
        return request

    def cancel(self, request: Request) -> None:
        """Forget a request that is waiting or running; an unknown one is ignored."""
        if request in self.scheduler.waiting:
            self.scheduler.waiting.remove(request)
        elif request in self.scheduler.running:
            self._free(self.scheduler.running.index(request))

    def generate(self, requests: Iterable[Request]) -> list[Request]:
        """Answer all requests; returns them, finished, in their order."""
        added: list[Request] = []
        try:
            for request in requests:
                added.append(self.add(request))
            while any(request.finish is None for request in added) or not self.scheduler.is_idle:
                self.step()
        finally:
            for request in added:  # where one was refused or a step failed, the others do not linger
                self.cancel(request)
        return added

    @torch.inference_mode()
    def step(self) -> list[Request]:
        """One forward of all running rows. Returns the requests that it finished."""
        done = [r for r in self.scheduler.waiting if r.finish is not None]
        for request in done:
            self.scheduler.waiting.remove(request)
            self.stats.count_finished(request)
        first_row = len(self.scheduler.running)
        new = self.scheduler.admit()
        if new:
            try:
                self.runner.prefill(new, first_row)
            except BaseException:  # out of memory, say: rows that were never filled must not run
                del self.scheduler.running[first_row:]
                raise
        running = self.scheduler.running
        if running:
            logits = self.runner.step(running)
            self.stats.num_steps += 1
            decisions = self._decide(running, logits)
            self._score(running, logits.real, decisions)
            for request, decision in zip(running, decisions, strict=True):
                self._commit(request, decision)
        for row in reversed(range(len(running))):
            if running[row].finish is not None:
                done.append(self._retire(row))
        return done

    # -- deciding -------------------------------------------------------------------------------------------

    def _decide(self, requests: Sequence[Request], logits: StepLogits) -> list[_Decision]:
        decisions: list[_Decision | None] = [None] * len(requests)
        for phase, rules in ((Phase.SEQUENTIAL, self._decide_tokens), (Phase.PARALLEL, self._decide_blocks)):
            rows = [i for i, r in enumerate(requests) if r.phase is phase]
            if rows:
                chosen = [requests[i] for i in rows]
                source = logits.real[rows, -1:] if phase is Phase.SEQUENTIAL else logits.window[rows]  # type: ignore[index]
                for i, decision in zip(rows, rules(chosen, source), strict=True):
                    decisions[i] = decision
        return decisions  # type: ignore[return-value]

    def _probabilities(
        self, requests: Sequence[Request], logits: Tensor, first_slot: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Distributions of each slot and the drawn tokens; guarded rows obey the grammar in slot 0."""
        device = logits.device
        guarded = torch.tensor([not r.params.compat for r in requests], device=device)
        states = torch.tensor([int(r.state) for r in requests], device=device)
        forbidden = ~first_slot[states] & guarded[:, None]
        wordless = torch.tensor([r.state is State.LABEL and not r.label for r in requests], device=device)
        forbidden[:, self.vocab.ref_end] |= wordless & guarded
        logits = logits.clone()
        logits[:, 0].masked_fill_(forbidden, float("-inf"))
        params = SamplingParams.stack([r.params for r in requests], device)
        seen = None
        if any(r.params.repetition_penalty != 1 for r in requests):
            seen = torch.stack([self._seen_of(r) for r in requests])
        probs = probabilities(logits, params, seen)
        generators = [self._generator_of(r) if r.params.temperature > 0 else None for r in requests]
        drawn = draw(probs, [r.params.temperature for r in requests], generators)
        return probs, drawn

    def _decide_tokens(self, requests: Sequence[Request], logits: Tensor) -> list[_Decision]:
        probs, drawn = self._probabilities(requests, logits, self._allowed)
        greedy = torch.tensor(
            [r.params.temperature == 0 and not r.params.compat for r in requests], device=drawn.device
        )
        tokens = torch.where(greedy, settle_guarded(probs[:, 0], drawn[:, 0], self.vocab), drawn[:, 0])
        return [_Decision([token], [math.nan], -1) for token in tokens.tolist()]

    def _decide_blocks(self, requests: Sequence[Request], logits: Tensor) -> list[_Decision]:
        vocab = self.vocab
        probs, drawn = self._probabilities(requests, logits, self._allowed_first)
        out: list[_Decision | None] = [None] * len(requests)
        # Requests with equal rules are judged together; usually that is one group.
        groups: dict[tuple[bool, object], list[int]] = {}
        for i, request in enumerate(requests):
            groups.setdefault((request.params.compat, request.params.thresholds), []).append(i)
        for (compat, _), rows in groups.items():
            thresholds = requests[rows[0]].params.thresholds
            modes = [requests[i].params.mode for i in rows]
            fast = torch.tensor([mode is DecodeMode.FAST for mode in modes], device=probs.device)
            if compat:
                tokens, _ = propose_published(probs[rows], drawn[rows], fast, vocab, thresholds)
                verdict = classify_published(tokens, fast, vocab)
            else:
                verdict = judge_guarded(probs[rows], drawn[rows], fast, vocab, thresholds, self._label_tokens)
            scores = self._token_scores(logits[rows], verdict.tokens, [requests[i] for i in rows])
            columns = (t.tolist() for t in (verdict.tokens, verdict.length, verdict.kind, scores))
            for i, ids, length, kind, score in zip(rows, *columns, strict=True):
                out[i] = _Decision(ids[:length], score[:length], kind)
        return out  # type: ignore[return-value]

    def _token_scores(self, logits: Tensor, tokens: Tensor, requests: Sequence[Request]) -> Tensor:
        """Probability of given tokens; for a coordinate, the mass of all bins within the row's reach of it.

        Args:
            logits: [rows, slots, vocabulary], unpenalised; tokens: [rows, slots].
        """
        vocab = self.vocab
        reach = torch.tensor([[r.params.thresholds.score_reach] for r in requests], device=logits.device)
        probs = logits.softmax(-1)
        plain = probs.gather(-1, tokens[..., None])[..., 0]
        is_coord = (tokens >= vocab.coord_start) & (tokens <= vocab.coord_end)
        return torch.where(is_coord, place_mass(probs, tokens, vocab, reach), plain).clamp(0, 1)

    def _score(self, requests: Sequence[Request], real: Tensor, decisions: Sequence[_Decision]) -> None:
        """Fill in the sequential scores of tokens committed last time; note that of each first new token."""
        width = real.shape[1]
        starts = [r.cached_len + 1 - len(r.prompt) for r in requests]  # first answer token without a score
        known = torch.zeros(real.shape[:2], dtype=torch.long)
        for row, (request, decision) in enumerate(zip(requests, decisions, strict=True)):
            following = [*request.tokens[starts[row] :], decision.tokens[0]]
            known[row, width - len(following) :] = torch.tensor(following)
        scores = self._token_scores(real, known.to(real.device), requests).tolist()
        for request, start, row_scores in zip(requests, starts, scores, strict=True):
            count = len(request.tokens) - start
            request.token_scores[start:] = row_scores[width - 1 - count : width - 1]
            request.next_score = row_scores[-1]

    # -- committing -----------------------------------------------------------------------------------------

    def _commit(self, request: Request, decision: _Decision) -> None:
        vocab = self.vocab
        kind = KINDS[decision.kind_index] if decision.kind_index >= 0 else None
        window = vocab.block_size if kind is not None else 0
        # Prefill belongs to the first step: the record counts what was fed for it.
        num_cached = request.cached_len if request.tokens else 0
        fed = request.text_len - num_cached + window
        request.commits.append(Commit(request.phase, kind, tuple(decision.tokens), fed, num_cached))
        self.stats.count_commit(request.commits[-1])
        request.cached_len = request.text_len

        request.provenance += [provenance_of(request, kind)] * len(decision.tokens)
        request.tokens += decision.tokens
        request.token_scores += [request.next_score, *[math.nan] * (len(decision.tokens) - 1)]
        request.block_scores += decision.block_scores
        for token in decision.tokens:
            self._follow(request, token)
        if id(request) in self._seen:
            self._seen[id(request)][torch.tensor(decision.tokens, device=self.runner.device)] = True

        if kind is not None:
            after_block(request, kind)
        else:
            after_token(request, decision.tokens[-1], vocab)
        if decision.tokens[-1] == vocab.box_end:
            after_item(request, vocab)
        if request.finish is None and request.text_len >= self._limit(request):
            request.finish = Finish.LIMIT

    def _follow(self, request: Request, token: int) -> None:
        """Move the grammar along and remember the label that the next boxes belong to."""
        request.state = advance(self.vocab, request.state, token)
        if token == self.vocab.ref:
            request.label = ()
        elif request.state is State.LABEL:
            request.label = (*request.label, token)

    def _limit(self, request: Request) -> int:
        return min(self.config.max_length, len(request.prompt) + request.params.max_new_tokens)

    def _retire(self, row: int) -> Request:
        request = self._free(row)
        self.stats.count_finished(request)
        return request

    def _free(self, row: int) -> Request:
        request, moved, last_row = self.scheduler.retire(row)
        self.runner.remove(row, moved, last_row)
        self._generators.pop(id(request), None)
        self._seen.pop(id(request), None)
        return request

    def _generator_of(self, request: Request) -> torch.Generator:
        if id(request) not in self._generators:
            generator = torch.Generator(self.runner.device).manual_seed(request.params.seed)
            self._generators[id(request)] = generator
        return self._generators[id(request)]

    def _seen_of(self, request: Request) -> Tensor:
        if id(request) not in self._seen:
            seen = torch.zeros(self.vocab.size, dtype=torch.bool, device=self.runner.device)
            seen[torch.tensor([*request.prompt, *request.tokens], device=seen.device)] = True
            self._seen[id(request)] = seen
        return self._seen[id(request)]
