"""A runner without a network: tests say which logits a request sees in each of its steps.

For all modes but `verified`, and without overlap: the script is asked about what the host has recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.engine import Engine, Params, Phase, Request
from locany.engine.batch import StepBatch
from locany.engine.config import EngineConfig
from locany.engine.judge import RowThresholds
from locany.engine.rows import Rows, Traits
from locany.engine.runner import Joining, Landing, Runner
from locany.engine.sampler import SamplingParams
from locany.engine.step import StepLogits
from tests.tiny import tiny_model

# The request and how many steps it has made, to logits [slots, vocabulary]; of these a sequential step reads
# the last row.
Script = Callable[[Request, int], Tensor]
Choice = int | Mapping[int, float]

_BACKGROUND = -20.0  # logit of what is not mentioned: a probability of 2e-9 each


class ScriptedRunner(Runner):
    """Reads a script instead of running the decoder; notes in `batches` what was fed."""

    def __init__(self, vocab: Vocab, script: Script):
        super().__init__(tiny_model(), vocab)
        self.script, self.batches, self._asking = script, list[StepBatch](), list[Request]()

    def join(self, joining: Sequence[Joining], running: Sequence[Request]) -> None:
        self.reserve(len(running) + len(joining), 0)
        for row, one in enumerate(joining, start=len(running)):
            self.rows.put(row, one.request)

    def step(self, requests: Sequence[Request], *, lag: int = 0) -> Landing:
        self._asking = list(requests)
        return super().step(requests, lag=lag)

    def forward(self, batch: StepBatch) -> StepLogits:
        self.batches.append(batch)
        real = torch.zeros(len(self._asking), batch.num_real, self.vocab.size)
        window = torch.zeros(len(self._asking), self.vocab.block_size, self.vocab.size)
        for row, request in enumerate(self._asking):
            logits = self.script(request, len(request.commits))
            if request.phase is Phase.PARALLEL:
                window[row] = logits
            else:
                real[row, -1] = logits[-1]
        return StepLogits(real, window if batch.has_window else None)


def scripted_engine(vocab: Vocab, script: Script, config: EngineConfig | None = None) -> Engine:
    """An engine that runs a script."""
    engine = Engine(tiny_model(), vocab, config)
    engine.runner = ScriptedRunner(vocab, script)
    return engine


def knobs_of(vocab: Vocab, *params: Params) -> tuple[SamplingParams, RowThresholds]:
    """Knobs of some rows, as a step sees them."""
    requests, rows = [Request([vocab.pad], (), one) for one in params], Rows(vocab, torch.device("cpu"))
    rows.grow(len(requests))
    for row, request in enumerate(requests):
        rows.put(row, request)
    view, traits = rows.view(len(requests)), Traits.of(requests, vocab, phases_known=True)
    return view.sampling(traits), view.thresholds(traits)


def slots(vocab: Vocab, *choices: Choice, fill: int | None = None) -> Tensor:
    """Logits of a block: per slot a token, or tokens with their probabilities; null (`fill`) behind."""
    rows = [*choices, *[vocab.null if fill is None else fill] * (vocab.block_size - len(choices))]
    logits = torch.full((len(rows), vocab.size), _BACKGROUND)
    for slot, choice in enumerate(rows):
        for token, probability in (choice if isinstance(choice, Mapping) else {choice: 1.0}).items():
            logits[slot, token] = torch.tensor(probability).log()
    return logits


def one(vocab: Vocab, choice: Choice) -> Tensor:
    """Logits of a single token."""
    return slots(vocab, choice)[:1]


def in_turn(*steps: Tensor) -> Script:
    """Every request sees these logits, one after the other, and the last one for ever."""
    return lambda _, number: steps[min(number, len(steps) - 1)]


def run_script(vocab: Vocab, steps: Sequence[Tensor], **params: object) -> Request:
    """One request over scripted logits, to its end."""
    request = Request([1, 2, 3], (), Params(**params))  # type: ignore[arg-type]
    return scripted_engine(vocab, in_turn(*steps)).generate([request])[0]
