"""Parity of prompt, splice and decoder: every recorded step fed to our model over our own KV cache.

What is fed is built here from the text so far, as the engine does (spec `locateanything` 6.2, 6.3), and
compared with what was recorded, before any number is.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from locany.codec import Tokenizer, prompt_ids, question_text
from locany.codec.prompts import WORDING
from locany.codec.vocab import CATEGORY_SEPARATOR
from locany.data.conversation import expand_images, image_order
from locany.errors import RequestError
from locany.model import CacheView, KVCache, LocateModel, cache_layout, visible
from locany.tasks import Task, TaskKind
from tests.parity.compare import Case, Outcome
from tests.parity.inputs import Checkpoint, load_checkpoint, message_images, read_images, render_messages

_CATEGORY_TASKS = {TaskKind.DETECT: Task.detect, TaskKind.LAYOUT: Task.layout}


def run(folder: Path) -> Iterator[Outcome]:
    """Compare every case of `folder`/language."""
    base = Path(folder) / "language"
    checkpoint = load_checkpoint(folder)
    for record in json.loads((base / "language.json").read_text(encoding="utf-8")):
        case = Case(record["name"])
        try:
            _compare(case, record, base, checkpoint)
        except Exception as error:  # the other cases still have something to say
            traceback.print_exc(file=sys.stderr)
            case.differences.append(f"broke off: {error!r}")
        yield case.outcome()


@torch.no_grad()
def _compare(case: Case, record: dict[str, Any], base: Path, checkpoint: Checkpoint) -> None:
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    golden = load_file(base / f"{record['name']}.safetensors")
    paths = [base / name for name in message_images(record["messages"])]

    text = render_messages(record["messages"])
    case.same("rendered", text, record["rendered"])
    num_tokens = read_images(paths, checkpoint.preprocess).num_tokens
    prompt = tokenizer.encode(expand_images(text, num_tokens))
    case.same("prompt_input_ids", prompt, golden["prompt_input_ids"])
    case.same("n_prompt_tokens", len(prompt), record["n_prompt_tokens"])
    for task in tasks_of(record["messages"], tokenizer):
        ours = prompt_ids(tokenizer, task, num_tokens)
        case.same(f"prompt_ids of the task {task.kind.value}", ours, prompt)

    # The encoder takes images as their placeholders stand in the text, not as the message lists them.
    placed = [paths[number] for number in image_order(text, len(paths))]
    images = read_images(placed, checkpoint.preprocess)
    case.same("grid_hws", images.grids, record["grid_hws"])
    visual = model.encode_images(images.pixel_values, images.grids)
    case.close("visual_features", visual, golden["visual_features"])

    # What follows must not suffer from another prompt.
    ids = golden["prompt_input_ids"].tolist()
    steps = _Steps(model, tokenizer, ids, visual)
    for number, step in enumerate(record["steps"]):
        steps.compare(case, number, step, golden)


class _Steps:
    """One row of decoding: its text, its cache, and how much of the text the cache holds."""

    def __init__(self, model: LocateModel, tokenizer: Tokenizer, prompt: Sequence[int], visual: Tensor):
        text = model.config.text
        self.model, self.vocab, self.visual = model, tokenizer.vocab, visual
        self.ids, self.num_prompt = list(prompt), len(prompt)
        self.num_cached = 0
        # Too small on purpose: the cache has to grow on the way.
        self.cache = KVCache(
            text.num_layers, 1, text.num_kv_heads, len(prompt), text.head_dim, torch.float32, model.device
        )

    def compare(self, case: Case, number: int, step: dict[str, Any], golden: dict[str, Tensor]) -> None:
        """Feed one step, compare everything that was recorded of it, and append its tokens."""
        vocab, model, prefix = self.vocab, self.model, f"step{number}."
        window = vocab.block_size if step["kind"] == "mtp" else 0
        start, length = self.num_cached, len(self.ids)
        fed = self.ids[start:]
        positions = list(range(start, length))
        if window:
            fed = [*fed, self.ids[-1], *[vocab.mask] * (window - 1)]
            positions += range(length - 1, length - 1 + window)
        case.same(f"{prefix}input_ids", fed, golden[f"{prefix}input_ids"])
        case.same(f"{prefix}position_ids", positions, golden[f"{prefix}position_ids"])
        counts = {"kv_before": start, "n_in": len(fed), "kv_computed": start + len(fed), "kv_kept": length}
        for name, count in counts.items():
            case.same(f"{prefix}{name}", count, step[name])

        keys = cache_layout(torch.tensor([length]), window, length + window)
        mask = visible(keys[:, start:], keys, causal_block=model.config.text.causal_attn)
        case.same(f"{prefix}visible", mask[0].int(), golden[f"{prefix}visible"].int())

        self.cache.resize(1, length + window)
        slots = torch.arange(start, length + window)[None]
        view = CacheView(self.cache, slice(0, 1), slots, length + window)
        embeds = model.embed(torch.tensor([fed]), self.visual if number == 0 else None)
        after: list[Tensor] = []
        hook = model.decoder.layers[0].register_forward_hook(lambda _m, _a, output: after.append(output))
        try:
            hidden = model.decoder(embeds, torch.tensor([positions]), mask, view)[0]
        finally:
            hook.remove()

        logits = model.decoder.logits(hidden[-max(window, 1) :])
        ours = {
            "logits": logits,
            "inputs_embeds": embeds[0],
            "hidden_after_layer0": after[0][0],
            "layer0_key_kept": self.cache.keys[0, 0, :, :length],
            "layer0_value_kept": self.cache.values[0, 0, :, :length],
        }
        if number == 0:
            last = hidden[self.num_prompt - 4 : self.num_prompt]
            ours["prompt_logits_last4"] = model.decoder.logits(last)
        recorded = {key.removeprefix(prefix) for key in golden if key.startswith(prefix)}
        unknown = recorded - ours.keys() - {"input_ids", "position_ids", "visible"}
        case.same(f"{prefix}: tensors that can be compared", sorted(unknown), [])
        for name, tensor in ours.items():
            if name in recorded:
                case.close(prefix + name, tensor, golden[prefix + name])
        case.same(f"{prefix}argmax", logits.argmax(-1), step["argmax"])
        self.num_cached = length
        self.ids += step["tokens"]


def tasks_of(messages: Sequence[dict[str, Any]], tokenizer: Tokenizer) -> Iterator[Task]:
    """The tasks of ours that are worded exactly like the one question of these messages; often none.

    A question with special tokens inside a phrase is none of ours: we never read a user's words as such.
    """
    if len(messages) != 1 or isinstance(messages[0]["content"], str):
        return
    *images, question = messages[0]["content"]
    if question["type"] != "text" or any(item["type"] != "image" for item in images) or not images:
        return
    for kind, wording in WORDING.items():
        before, slot, after = wording.partition("{}")
        text = question["text"]
        if not (text.startswith(before) and text.endswith(after)) or (not slot and text != wording):
            continue
        filling = text[len(before) : len(text) - len(after)] if slot else ""
        categories = filling.split(CATEGORY_SEPARATOR)
        words = categories if kind in _CATEGORY_TASKS else [filling]
        if any(tokenizer.encode(word) != tokenizer.encode_plain(word) for word in words):
            continue
        try:
            if kind in _CATEGORY_TASKS:
                task = _CATEGORY_TASKS[kind](categories)
            else:
                task = Task(kind, phrase=filling)
        except RequestError:
            continue
        if question_text(task) == text:
            yield task
