"""The model on its device: rows join with their prompts cached, and all of them make one step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.device import avoid_cudnn_attention, on_device
from locany.engine.batch import StepBatch, StepShape, build_step
from locany.engine.config import EngineConfig
from locany.engine.graphs import StepGraphs, rounded_rows
from locany.engine.memory import free_bytes, idle_bytes
from locany.engine.outcome import Outcome
from locany.engine.params import DecodeMode
from locany.engine.prefix import Prefix
from locany.engine.request import Phase, Request
from locany.engine.rows import Rows, Traits
from locany.engine.step import Generators, StepLogits, Tables, decide
from locany.errors import DeviceError
from locany.model.cache import KVCache
from locany.model.decoder import CacheView
from locany.model.locate_model import LocateModel
from locany.model.masks import Layout, cache_layout, visible

# The cache grows by so many slots at a time, so that growing is rare: it copies all rows, and on a GPU the
# captured steps are lost with it.
_SLOTS_STEP, _SLOTS_STEP_DEVICE = 256, 2048
# Of a row, on top of its tokens: drafts, window and a step under way, for a text that its last block and its
# drafts took beyond the limit.
_STEP_BLOCKS = 6
_LENGTH_STEP = 256  # steps on a device read whole multiples, so that there are few different shapes


@dataclass(frozen=True)
class Joining:
    """A request that gets a row: its own part of the prompt lies behind the prefix."""

    request: Request
    prefix: Prefix | None

    @property
    def num_shared(self) -> int:
        return 0 if self.prefix is None else len(self.prefix.tokens)


class Landing:
    """The outcome of a step on its way to the host."""

    def __init__(self, packed: Tensor, width: int):
        self._width, self._landed = width, None
        if packed.device.type == "cuda":  # the copy comes before the next step, for which nobody waits here
            self._packed = torch.empty(packed.shape, dtype=packed.dtype, pin_memory=True)
            self._packed.copy_(packed, non_blocking=True)
            self._landed = torch.cuda.Event()
            self._landed.record(torch.cuda.current_stream(packed.device))
        else:
            self._packed = packed

    def outcome(self) -> Outcome:
        """Wait for it."""
        if self._landed is not None:
            self._landed.synchronize()
        return Outcome.unpack(self._packed, self._width)


class Runner:
    """Owns the KV cache and the rows; running rows are always 0 .. n - 1."""

    def __init__(self, model: LocateModel, vocab: Vocab, config: EngineConfig | None = None):
        self.model, self.vocab, self.config = model, vocab, config or EngineConfig()
        avoid_cudnn_attention(self.device)
        self.tables, self.rows = Tables(vocab, self.device), Rows(vocab, self.device)
        self.cache = self._new_cache()
        self.max_tokens = self.config.max_tokens or free_bytes(self.device) // 2 // self.token_bytes
        self._idle_bytes = idle_bytes(self.device)
        self._generators: dict[int, torch.Generator] = {}
        graphs = self.device.type == "cuda" if self.config.graphs is None else self.config.graphs
        if graphs and self.device.type != "cuda":
            raise DeviceError(
                f"graphs=True captures steps on CUDA, the model is on {self.device}; leave graphs out"
            )
        self._graphs = StepGraphs(self.run, self.rows, lambda: self.cache) if graphs else None

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def token_bytes(self) -> int:
        """Bytes of the cache for one slot of one row."""
        text = self.model.config.text
        return 2 * text.num_layers * text.num_kv_heads * text.head_dim * self.model.dtype.itemsize

    def _new_cache(self) -> KVCache:
        text = self.model.config.text
        return KVCache(
            text.num_layers,
            0,
            text.num_kv_heads,
            0,
            text.head_dim,
            dtype=self.model.dtype,
            device=self.device,
        )

    def reserve(self, num_rows: int, length: int) -> None:
        """Room for so many rows of so many tokens, the positions of a step included.

        Slots are rounded up as long as all rows stay within `max_tokens` but for what steps have on top.
        """
        most = self.max_tokens // num_rows + _STEP_BLOCKS * self.rows.width
        if self._graphs is not None:
            num_rows = rounded_rows(num_rows)
        length += 3 * self.rows.width  # drafts, window, and a step that the host does not know of yet
        if num_rows > self.cache.num_rows or length > self.cache.capacity:
            step = _SLOTS_STEP if self.device.type == "cpu" else _SLOTS_STEP_DEVICE
            slots = max(length, min(-(-length // step) * step, most))
            rows, capacity = max(num_rows, self.cache.num_rows), max(slots, self.cache.capacity)
            if rows * capacity > self.max_tokens:  # give up what nobody needs now
                rows, capacity = num_rows, slots
            self.cache.resize(rows, capacity)
        self.rows.grow(num_rows)

    def forget_graphs(self) -> bool:
        """Give the memory of captured steps back; says whether there was any."""
        return self._graphs is not None and self._graphs.clear()

    def release_idle(self) -> None:
        """Give back what is large; only while no row runs."""
        if self.cache.num_bytes > self._idle_bytes:
            self.cache = self._new_cache()
        self.rows.release_idle()

    @torch.inference_mode()
    def join(self, joining: Sequence[Joining], running: Sequence[Request]) -> None:
        """Begin rows: copy what is shared, prefill the rest of each prompt but its last token, all at once.

        The last token is fed by the first step like any committed token, so that every step is the same.

        Args:
            joining: at least one.
            running: the requests of the rows before them, whose part of the cache is kept.
        """
        first_row = len(running)
        lengths = [len(j.request.prompt) - 1 for j in joining]
        held = max((r.text_len + r.num_drafts for r in running), default=0)
        self.reserve(first_row + len(joining), max(*lengths, held) + 1)
        rows = slice(first_row, first_row + len(joining))
        for row, one in enumerate(joining, start=first_row):
            if one.prefix is not None:
                assert one.prefix.cache is not None
                self.cache.take(row, one.prefix.cache, one.num_shared)
        num_own = [length - one.num_shared for length, one in zip(lengths, joining, strict=True)]
        if max(num_own):
            self._prefill(joining, num_own, rows)
        for row, one in enumerate(joining, start=first_row):
            self.rows.put(row, one.request)

    def _prefill(self, joining: Sequence[Joining], num_own: Sequence[int], rows: slice) -> None:
        width, size = max(num_own), len(joining)
        ids = torch.full((size, width), self.vocab.pad)
        positions = torch.zeros(size, width, dtype=torch.long)
        slots = torch.full((size, width), self.cache.bin_slot)
        for number, (one, count) in enumerate(zip(joining, num_own, strict=True)):
            start = one.num_shared
            ids[number, :count] = torch.tensor(one.request.prompt[start : start + count])
            positions[number, :count] = slots[number, :count] = torch.arange(start, start + count)
        ids, positions, slots = (on_device(t, self.device) for t in (ids, positions, slots))
        length = max(len(one.request.prompt) - 1 for one in joining)
        mask = None
        if size > 1 or length > width:  # else plain causal text, for which there is a faster way
            zero = torch.zeros_like(positions)
            query = Layout(sample=zero, branch=zero, index=positions, block=zero - 1)
            ends = torch.tensor([len(one.request.prompt) - 1 for one in joining])
            mask = visible(query, cache_layout(on_device(ends, self.device), 0, length))
        view = CacheView(self.cache, rows, slots, length)
        self.model.decoder.fill(self.model.embed(ids, None), positions, mask, view)

    # -- one step -------------------------------------------------------------------------------------------

    def shape_of(self, requests: Sequence[Request], *, lag: int) -> StepShape:
        """The shape of the coming step.

        Args:
            lag: steps that the device is ahead of the requests' records.
        """
        width = self.rows.width
        traits = Traits.of(requests, self.vocab, phases_known=not lag)
        if lag:
            num_real = 1 if all(r.params.mode is DecodeMode.SLOW for r in requests) else width
        else:
            num_real = 1 if all(r.num_pending + r.num_drafts == 1 for r in requests) else width
        longest = max(r.text_len + r.num_drafts for r in requests) + lag * width
        has_window = traits.parallel
        length = longest + (self.vocab.block_size if has_window else 0)
        if self.device.type != "cpu":  # few different lengths; the mask covers the rest
            length = min(-(-length // _LENGTH_STEP) * _LENGTH_STEP, self.cache.capacity)
        return StepShape(len(requests), num_real, has_window, length, traits)

    @torch.inference_mode()
    def step(self, requests: Sequence[Request], *, lag: int = 0) -> Landing:
        """Feed one step of rows 0 .. n - 1 and move them on, without waiting for the device."""
        self.reserve(len(requests), max(r.text_len + r.num_drafts for r in requests) + lag * self.rows.width)
        shape = self.shape_of(requests, lag=lag)
        generators = self._published_generators(requests)
        if self._graphs is not None and generators is None:
            # Captures and streams are those of the current GPU.
            with torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext():
                return Landing(self._graphs.step(shape)[: len(requests)], self.rows.width)
        return Landing(self.run(shape, generators), self.rows.width)

    def run(self, shape: StepShape, generators: Generators | None = None) -> Tensor:
        """A step whose operations depend on its shape alone."""
        rows = self.rows.view(shape.num_rows)
        batch = build_step(
            rows,
            self.vocab,
            num_real=shape.num_real,
            has_window=shape.has_window,
            length=shape.length,
            bin_slot=self.cache.bin_slot,
        )
        return decide(rows, batch, self.forward(batch), self.tables, shape.traits, self.vocab, generators)

    def forward(self, batch: StepBatch) -> StepLogits:
        """Run the decoder over a step's tensors."""
        num_rows, width = batch.token_ids.shape
        view = CacheView(self.cache, slice(0, num_rows), batch.slots, batch.length)
        hidden = self.model(batch.token_ids, batch.positions, batch.mask, None, view).flatten(0, 1)
        head, read = self.model.decoder.logits, batch.used.flatten()
        if self.device.type == "cpu" and not bool(read.all()):
            # Unused columns never meet the head; on another device asking costs more.
            logits = hidden.new_zeros(len(hidden), self.vocab.size, dtype=torch.float32)
            logits[read] = head(hidden[read])
        else:
            logits = head(hidden)
        logits = logits.unflatten(0, (num_rows, width))
        window = logits[:, batch.num_real :] if batch.has_window else None
        return StepLogits(logits[:, : batch.num_real], window)

    def _published_generators(self, requests: Sequence[Request]) -> Generators | None:
        """The random states of rows that sample as published: whose phase the host has to know."""
        if not any(r.params.compat and r.params.temperature > 0 for r in requests):
            return None
        found = [
            self._generator_of(r) if r.params.compat and r.params.temperature > 0 else None for r in requests
        ]
        block = [g if r.phase is Phase.PARALLEL else None for g, r in zip(found, requests, strict=True)]
        token = [g if r.phase is Phase.SEQUENTIAL else None for g, r in zip(found, requests, strict=True)]
        return Generators(block, token)

    def _generator_of(self, request: Request) -> torch.Generator:
        if id(request) not in self._generators:
            generator = torch.Generator(self.device).manual_seed(request.params.seed)
            self._generators[id(request)] = generator
        return self._generators[id(request)]

    @torch.inference_mode()  # also where a caller cancels between steps
    def remove(self, request: Request, row: int, last_row: int, last_len: int) -> None:
        """Free a row: the last running row, with so many tokens, moves into its place and leaves a blank."""
        self._generators.pop(id(request), None)
        if row != last_row:
            self.cache.move(last_row, row, min(last_len, self.cache.capacity))
            self.rows.move(last_row, row)
        # A later step with rounded rows may make this one, in a cache that no longer has its old length.
        self.rows.blank(last_row, last_row + 1)
