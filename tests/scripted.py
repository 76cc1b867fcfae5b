"""A runner without a network: tests say which logits a request sees in each of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.engine import Engine, Params, Phase, Request
from locany.engine.batch import StepBatch, build_step
from locany.engine.engine import EngineConfig
from locany.engine.runner import StepLogits
from tests.tiny import tiny_model

# The request and how many steps it has made, to logits [slots, vocabulary]; of these a sequential step reads
# the last row.
Script = Callable[[Request, int], Tensor]
Choice = int | Mapping[int, float]

_BACKGROUND = -20.0  # logit of what is not mentioned: a probability of 2e-9 each


class ScriptedRunner:
    """Stands in for `engine.runner.Runner`; notes in `batches` what was fed."""

    def __init__(self, vocab: Vocab, script: Script):
        self.vocab, self.script = vocab, script
        self.batches: list[StepBatch] = []
        self.device = torch.device("cpu")

    def prefill(self, requests: Sequence[Request], first_row: int) -> None:
        for request in requests:
            request.cached_len = len(request.prompt) - 1

    def step(self, requests: Sequence[Request]) -> StepLogits:
        bin_slot = max(request.text_len for request in requests) + 100
        batch = build_step(requests, self.vocab, bin_slot, self.device)
        self.batches.append(batch)
        real = torch.zeros(len(requests), batch.num_real, self.vocab.size)
        window = torch.zeros(len(requests), self.vocab.block_size, self.vocab.size)
        for row, request in enumerate(requests):
            logits = self.script(request, len(request.commits))
            if request.phase is Phase.PARALLEL:
                window[row] = logits
            else:
                real[row, -1] = logits[-1]
        return StepLogits(real, window if batch.has_window else None)

    def remove(self, row: int, last: Request | None, last_row: int) -> None:
        pass


def scripted_engine(vocab: Vocab, script: Script, config: EngineConfig | None = None) -> Engine:
    """An engine that runs a script."""
    engine = Engine(tiny_model(), vocab, config)
    engine.runner = ScriptedRunner(vocab, script)  # type: ignore[assignment]
    return engine


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
