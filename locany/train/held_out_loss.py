"""The loss of both streams on samples that a run does not learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from locany.data.collate import collate
from locany.data.encode import encode_sample
from locany.data.sample import Sample
from locany.train.config import TrainConfig
from locany.train.loss import find_labels, stream_loss
from locany.train.objective import on_device
from locany.train.run import Run


@torch.no_grad()
def held_out_loss(run: Run, config: TrainConfig, samples: Sequence[Sample]) -> dict[str, float]:
    """Mean cross-entropy of all targets of some samples, each in a row of its own, with plain targets.

    Plain whatever width the coordinates of training have (`LossConfig.sigma_start`), so that it can be held
    against itself at other steps. Answers do not say whether a run begins to know its data by heart; this
    does: it rises again.

    Args:
        run: with whole weights, in evaluation mode; one rank alone.
        samples: those without a question that fits into a row are passed over.

    Returns:
        "held_out_loss", the published pooled mean; "held_out_next_token" and "held_out_block", of each
        stream; "held_out_block_acc", the share of block targets that are the most likely token. Nothing where
        no sample has a target.
    """
    vocab, device, budget = run.tokenizer.vocab, run.ranks.device, config.stream.pack.budget
    # nll and right of the two streams, and how many
    sums = torch.zeros(2, 2, dtype=torch.float64, device=device)
    counts = np.zeros(2)
    for sample in samples:
        if not sample.questions:
            continue
        encoded = encode_sample(
            run.tokenizer, sample, run.preprocess, rng=np.random.default_rng(0), max_positions=budget
        )
        # Compiled layers take rows of one width, as in training.
        batch = collate([[encoded]], vocab.pad, multiple=budget if config.compile else 1)
        labels = find_labels(batch.targets, batch.layout.block, vocab.coord_ids)
        batch, labels = on_device(batch, device), on_device(labels, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16, cache_enabled=False):
            visual = run.model.encode_images(batch.pixel_values(run.preprocess), batch.grids)
            found = stream_loss(
                run.model,
                batch.token_ids,
                batch.targets,
                batch.positions,
                batch.layout,
                visual,
                coord_ids=vocab.coord_ids,
                labels=labels,
            )
        in_block = batch.layout.block >= 0
        for stream, of_stream in enumerate((~in_block, in_block)):
            sums[stream, 0] += (found.nll * of_stream).sum()
            sums[stream, 1] += (found.correct * of_stream).sum()
        counts += labels.num_next_token, labels.num_block
    if not counts.all():
        return {}
    (next_token, _), (block, right) = sums.tolist()
    return {
        "held_out_loss": round((next_token + block) / counts.sum(), 4),
        "held_out_next_token": round(next_token / counts[0], 4),
        "held_out_block": round(block / counts[1], 4),
        "held_out_block_acc": round(right / counts[1], 4),
    }
