"""The engine with scripted answers: the same engine, but its logits say what a script says."""

from __future__ import annotations

import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.engine import Engine, EngineConfig
from locany.engine.batch import StepBatch
from locany.engine.runner import Runner, StepLogits
from locany.eval.scripted import SURE, Script
from locany.model import LocateModel

MAX_ANSWER = 8192  # tokens of the longest scripted answer


class ScriptedRunner(Runner):
    """A runner whose every request gives the answer of `follow`."""

    def __init__(self, model: LocateModel, vocab: Vocab, config: EngineConfig | None = None):
        super().__init__(model, vocab, config)
        self.said, self.drafted = (
            torch.full((MAX_ANSWER,), vocab.null, device=self.device) for _ in range(2)
        )

    def follow(self, script: Script) -> None:
        """Say this answer from now on, to every request; behind its end stands null."""
        assert len(script.tokens) < MAX_ANSWER, f"{len(script.tokens)} tokens of at most {MAX_ANSWER}"
        for table, tokens in ((self.said, script.tokens), (self.drafted, script.drafts)):
            table.fill_(self.vocab.null)  # in place: a captured graph reads this very tensor
            table[: len(tokens)] = torch.tensor(tokens, device=self.device)

    def forward(self, batch: StepBatch) -> StepLogits:
        """The logits of the network, and on top of them the script."""
        logits = super().forward(batch)
        index = batch.answer_index.clamp(0, MAX_ANSWER - 1)
        _say(logits.real, self.said[index[:, : batch.num_real]])
        if logits.window is not None:
            _say(logits.window, self.drafted[index[:, batch.num_real :]])
        return logits


def _say(logits: Tensor, tokens: Tensor) -> None:
    """Make logits [rows, columns, vocabulary] say tokens [rows, columns]."""
    sure = logits.new_full((), SURE).expand(*tokens.shape, 1)
    logits.scatter_add_(-1, tokens[..., None], sure)


def scripted_engine(model: LocateModel, vocab: Vocab, config: EngineConfig) -> Engine:
    """An engine that says what its runner is told to `follow`."""
    engine = Engine(model, vocab, config)
    engine.runner = ScriptedRunner(model, vocab, config)
    return engine
