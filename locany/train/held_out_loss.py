"""The loss of both streams on samples that a run does not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from locany.data.collate import collate
from locany.data.encode import encode_sample
from locany.data.sample import Sample
from locany.device import on_device
from locany.train.config import TrainConfig
from locany.train.objective import StepSize, encode, prepare, streams_of
from locany.train.run import Run


@torch.no_grad()
def held_out_loss(run: Run, config: TrainConfig, samples: Sequence[Sample]) -> dict[str, float]:
    """Mean cross-entropy of all targets of some samples, each in a row of its own, with plain targets.

    Plain whatever width the coordinates of training have (`LossConfig.sigma_start`), so that it can be held
    against itself at other steps. Answers do not say whether a run begins to know its data by heart; this
    does: it rises again.

    Args:
        run: with whole weights, in evaluation mode; one rank alone.
        samples: those without a question are passed over.

    Returns:
        "held_out_loss", the published pooled mean; "held_out_next_token" and "held_out_block", of each
        stream; "held_out_block_acc", the share of block targets that are the most likely token. Without the
        last two where the formulation has no blocks; nothing where no sample has a target.
    """
    vocab, device, budget = run.tokenizer.vocab, run.ranks.device, config.stream.pack.budget
    loss = replace(config.loss, next_token=1.0, block=1.0, null=1.0, sigma_start=0.0, path_reach=0)
    plain = replace(config, loss=loss)
    # What is measured is kept for nobody: the model may be a copy in another type (`sft.measure`).
    run = replace(run, features=None)
    one = torch.ones((), device=device)
    sums, counts = torch.zeros(3, dtype=torch.float64, device=device), np.zeros(2)
    for sample in samples:
        if not sample.questions:
            continue
        encoded = encode_sample(
            run.tokenizer,
            sample,
            run.preprocess,
            order=config.stream.order,
            rng=np.random.default_rng(0),
            max_positions=budget,
        )
        # Compiled layers take rows of one width, as in training.
        batch = collate([[encoded]], vocab.pad, multiple=budget if config.compile else 1)
        forward = on_device(prepare(run, batch), device)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16, cache_enabled=False):
            visual, _ = encode(run, forward)
            found = streams_of(run, forward, visual, StepSize(one, one), plain)
        right = found.block_accuracy * found.num_block
        sums += torch.stack((found.next_token_sum, found.block_sum, right)).double()
        counts += found.num_next_token, found.num_block
    if not counts[0]:
        return {}
    next_token, block, right = sums.tolist()
    numbers = {
        "held_out_loss": (next_token + block) / counts.sum(),
        "held_out_next_token": next_token / counts[0],
    }
    if counts[1]:
        numbers |= {"held_out_block": block / counts[1], "held_out_block_acc": right / counts[1]}
    return {name: round(float(number), 4) for name, number in numbers.items()}
