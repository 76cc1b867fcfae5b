"""What is minimised: the loss of one forward of a step, as its share of the mean over the whole step.

A step learns from rows on several ranks, each in several forwards. Means are of the step, not of a forward:

* both streams: the mean over all targets of the step, weighted as `LossConfig` says;
* the dense truth and guided attention: means of their own in every forward, which weigh in the step by their
  forward's visual tokens. Names are told from the names of one forward. A forward without any object has no
  such losses and no weight in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from locany.data.collate import Batch
from locany.device import on_device
from locany.model.attention import activation_dtype, can_skip_blocks
from locany.model.decoder import DecoderLayer
from locany.model.locate_model import image_places
from locany.train.config import LossConfig, TrainConfig
from locany.train.dense import DenseHeads, cell_boxes, deep_side_loss, dense_loss
from locany.train.feature_cache import image_digests
from locany.train.guide import guide_loss
from locany.train.loss import Labels, StreamLoss, find_labels, stream_loss
from locany.train.report import Numbers, kinds_of, numbers_by_kind
from locany.train.run import Run

SPARSE_FROM = 2048  # positions of a row; in a pack of 16,384 a twentieth of the pairs see each other


@dataclass(frozen=True)
class Forward:
    """The rows of one forward.

    Attributes:
        batch: the rows.
        labels: what is asked of them.
        kinds: [rows, positions] what each target is, see `report.KINDS`.
        num_cells: visual tokens, where the truth knows any object; else 0.
        image_at: [n] places of image tokens among rows * positions.
        digests: of the images, where features are kept; else none.
    """

    batch: Batch
    labels: Labels
    kinds: Tensor
    num_cells: int
    image_at: Tensor
    digests: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class StepSize:
    """What the means of a step are over, on all ranks together; on the device.

    Attributes:
        targets: weight of all targets.
        cells: visual tokens of forwards with objects.
    """

    targets: Tensor
    cells: Tensor


def prepare(run: Run, batch: Batch) -> Forward:
    """Count and find what a batch on the CPU asks for."""
    layout, vocab, merge_size = batch.layout, run.tokenizer.vocab, run.preprocess.merge_size
    labels = find_labels(batch.targets, layout.block, vocab.coord_ids, vocab.null)
    cells = sum(height * width for height, width in batch.grids) // merge_size**2
    digests = image_digests(batch) if run.features is not None else ()
    at = image_places(batch.token_ids, run.model.config.image_token_id)
    return Forward(batch, labels, kinds_of(batch, vocab), cells if len(batch.truth.bins) else 0, at, digests)


def step_size(run: Run, forwards: list[Forward], loss: LossConfig) -> StepSize:
    """What the means of a step are over. Every rank must ask."""
    targets = sum(forward.labels.weight(loss.next_token, loss.block, loss.null) for forward in forwards)
    cells = sum(forward.num_cells for forward in forwards)
    counted = torch.tensor([targets, cells], dtype=torch.float32)
    both = run.ranks.sum(on_device(counted, run.ranks.device))
    return StepSize(both[0], both[1].clamp(min=1))


def sigma_at(config: TrainConfig, step: int) -> float:
    """Width of coordinate targets: narrows geometrically."""
    loss = config.loss
    if loss.sigma_start <= 0:
        return 0.0
    progress = min(1.0, step / max(1, loss.sigma_steps))
    return float(loss.sigma_start * (loss.sigma_end / loss.sigma_start) ** progress)


def compute_loss(run: Run, forward: Forward, size: StepSize, config: TrainConfig) -> tuple[Tensor, Numbers]:
    """The part of a step's loss that one forward adds, and what to report of it."""
    with hidden_after(run.model.vision.final_norm) as encoded:
        visual, unused = encode(run, forward)
    if run.heads is None:
        streams = streams_of(run, forward, visual, size, config)
        return streams.total + unused, report_of(streams, forward, config.loss)
    patches = encoded[0] if encoded else None
    return loss_with_truth(run, run.heads, forward, patches, visual, unused, size, config)


def encode(run: Run, forward: Forward) -> tuple[Tensor | None, Tensor]:
    """Visual tokens, None where there are no images, and a zero to add to the loss.

    Ranks average the gradients of the encoder, so every one must use it; one that has no images encodes an
    empty one, from which nothing is learnt. So does a single one: its optimizer takes the same step.
    """
    model, device, batch = run.model, run.ranks.device, forward.batch
    nothing = torch.zeros((), device=device)
    if batch.grids and run.features is not None:
        cells = run.features.cells(model, batch, forward.digests, run.preprocess)
        return model.projector(cells), nothing
    if batch.grids:
        return encode_padded(run, batch), nothing
    side, patch = model.config.vision.merge_size, model.config.vision.patch_size
    empty = torch.zeros(side * side, 3, patch, patch, device=device)
    return None, model.encode_images(empty, [(side, side)]).sum() * 0


def encode_padded(run: Run, batch: Batch, multiple: int = 512) -> Tensor:
    """Visual tokens of a batch, encoded with a blank image behind them that rounds the number of patches up.

    Every new number of patches would cost the CPU new matrix kernels, and memory for them (docs/log.md).
    """
    pixels, side = batch.pixel_values(run.preprocess), run.preprocess.merge_size
    missing = -len(pixels) % multiple if pixels.device.type == "cpu" else 0
    if not missing:
        return run.model.encode_images(pixels, batch.grids)
    assert missing % side**2 == 0, "images have whole cells"
    blank = pixels.new_zeros(missing, *pixels.shape[1:])
    visual = run.model.encode_images(torch.cat((pixels, blank)), [*batch.grids, (side, missing // side)])
    return visual[: len(visual) - missing // side**2]


def loss_with_truth(
    run: Run,
    heads: DenseHeads,
    forward: Forward,
    encoded: Tensor | None,
    visual: Tensor | None,
    unused: Tensor,
    size: StepSize,
    config: TrainConfig,
) -> tuple[Tensor, Numbers]:
    """The loss with the auxiliary losses that the dense truth allows."""
    model, vocab, shape, batch = run.model, run.tokenizer.vocab, run.model.config, forward.batch
    coord_ids, only_dense = vocab.coord_ids, run.step < config.dense_steps
    embed, sigma = model.decoder.embed.weight, sigma_at(config, run.step)
    if visual is None or encoded is None or not forward.num_cells:
        # What the auxiliary losses would have reached has zeros for gradients, here as on every other rank.
        unused = unused + 0 * sum(p.sum() for p in (embed, *heads.parameters()))
        if only_dense:
            return unused if visual is None else unused + 0 * visual.sum(), {}
        streams = streams_of(run, forward, visual, size, config)
        return streams.total + unused, report_of(streams, forward, config.loss)

    cells_asked = config.loss.coord_cells
    cells, share = forward.num_cells, forward.num_cells / size.cells
    num_patches = sum(height * width for height, width in batch.grids)
    patches = model.vision.merge(encoded[:num_patches], batch.grids)  # without what pads them
    merge_size = shape.vision.merge_size
    dense = dense_loss(heads, visual, patches, batch, embed, coord_ids, sigma, merge_size, cells_asked)
    found = dense.total(config.loss.dense_name, config.loss.dense_characters)
    report: Numbers = dense.report(cells)
    if (
        only_dense
    ):  # zeros for the heads that read the decoder: ranks average gradients of the same parameters
        return found * share + 0 * sum(p.sum() for p in heads.parameters()), report
    layers = cast(list[DecoderLayer], model.decoder.layers)
    deep_layer, guided = layers[config.loss.deep_layers - 1], layers[config.loss.guided_layer]
    before_guided = layers[config.loss.guided_layer - 1]
    with hidden_after(deep_layer) as deep, hidden_after(before_guided) as before:
        streams = streams_of(run, forward, visual, size, config)
    at_images = deep[0][batch.token_ids == vocab.image_token]
    coords = embed[coord_ids.start : coord_ids.stop]
    deep_sides = deep_side_loss(heads, at_images, batch, coords, sigma, cells_asked)
    theta = shape.text.rope_theta
    assert isinstance(streams.mask, Tensor)
    boxes = cell_boxes(batch.grids, merge_size, len(coord_ids) - 1).to(visual.device)
    guide, hit = guide_loss(guided, before[0], streams.mask, theta, batch, vocab.image_token, boxes)
    writes = len(batch.truth.writes)
    report |= {"deep_sides": (deep_sides.detach() * cells, cells), "hit": (hit * writes, writes)}
    report |= report_of(streams, forward, config.loss)
    return streams.total + config.loss.dense * share * (found + deep_sides + guide), report


def streams_of(
    run: Run, forward: Forward, visual: Tensor | None, size: StepSize, config: TrainConfig
) -> StreamLoss:
    """The loss of both streams."""
    batch = forward.batch
    return stream_loss(
        run.model,
        batch.token_ids,
        batch.targets,
        batch.positions,
        batch.layout,
        visual,
        coord_ids=run.tokenizer.vocab.coord_ids,
        sigma=sigma_at(config, run.step),
        next_token_weight=config.loss.next_token,
        block_weight=config.loss.block,
        null_weight=config.loss.null,
        path_reach=config.loss.path_reach,
        labels=forward.labels,
        image_at=forward.image_at,
        pooled_over=size.targets,
        sparse=attends_sparsely(run, batch),
    )


def attends_sparsely(run: Run, batch: Batch) -> bool:
    """Whether a batch on its device attends by blocks of the mask: long rows in bfloat16 on a GPU.

    Short ones are as fast with a dense mask, and guided attention looks at single entries of it.
    """
    ids = batch.token_ids
    if run.heads is not None or ids.device.type != "cuda" or ids.shape[1] < SPARSE_FROM:
        return False
    in_bfloat16 = activation_dtype(run.model.decoder.embed.weight) is torch.bfloat16
    return in_bfloat16 and can_skip_blocks(ids.device)


def report_of(streams: StreamLoss, forward: Forward, loss: LossConfig) -> Numbers:
    """What to log of both streams."""
    next_token, block = streams.num_next_token, streams.num_block
    of_blocks = streams.block_sum + (loss.null - 1) * streams.null_sum
    weighted = loss.next_token * streams.next_token_sum + loss.block * of_blocks
    return {
        "loss": (weighted, forward.labels.weight(loss.next_token, loss.block, loss.null)),
        "next_token": (streams.next_token_sum, next_token),
        "block": (streams.block_sum, block),
        "block_acc": (streams.block_accuracy * block, block),
        **numbers_by_kind(streams.nll, streams.correct, forward.kinds),
    }


@contextmanager
def hidden_after(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what a layer puts out while the block runs. A recomputation does not come by here."""
    outputs: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        hook.remove()
