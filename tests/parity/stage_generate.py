"""Stage generate: whole answers of the toy model, and the loop over scripted logits (golden `generate/`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from locany.codec.prompts import expand_placeholder
from locany.codec.tokenizer import Tokenizer
from locany.engine import Engine, ImageInput, Params, Phase, Request
from locany.image import PreprocessConfig, load_image, preprocess
from locany.model.locate_model import LocateModel
from locany.weights import load_model
from tests.parity.stage_decode import TYPES, sparse_logits, vocab_of
from tests.scripted import ScriptedRunner, in_turn

_KINDS = {Phase.PARALLEL: "mtp", Phase.SEQUENTIAL: "ar"}


def history(request: Request) -> list[list[Any]]:
    """The steps of an answer in the golden form: kind, type, positions fed, keys before, tokens."""
    return [
        [_KINDS[c.phase], TYPES[c.kind] if c.kind else "ar", c.num_fed, c.num_cached, list(c.tokens)]
        for c in request.commits
    ]


def run(folder: Path) -> Iterator[tuple[str, bool, float]]:
    """Yield (case, passed, error); ids are integers, so the error is 0 or 1."""
    checkpoint = folder / "tiny-checkpoint"
    tokenizer = Tokenizer.from_folder(checkpoint)
    model = load_model(checkpoint, device="cpu", dtype=torch.float32)
    yield from _generated(folder / "generate", checkpoint, tokenizer, model)
    yield from _scripted(folder, model)


def golden_prompts(
    folder: Path, checkpoint: Path, tokenizer: Tokenizer
) -> Iterator[tuple[dict[str, Any], list[int], tuple[ImageInput, ...]]]:
    """(record, prompt, images) of every record of a golden `generate/`."""
    config = PreprocessConfig.from_json(json.loads((checkpoint / "preprocessor_config.json").read_text()))
    for record in json.loads((folder / "generate.json").read_text()):
        files = [
            part["image"] for m in record["messages"] if not isinstance(m["content"], str)
            for part in m["content"] if part["type"] == "image"
        ]  # fmt: skip
        patches = [preprocess(load_image(folder / file, parity=True), config) for file in files]
        text = record["prompt"]
        for number, image in enumerate(patches, start=1):
            text = text.replace(f"<image-{number}>", expand_placeholder(number, image.num_visual_tokens))
        images = tuple(ImageInput(p.pixel_values, p.grid_hw) for p in patches)
        yield record, tokenizer.encode(text), images


def _generated(
    folder: Path, checkpoint: Path, tokenizer: Tokenizer, model: LocateModel
) -> Iterator[tuple[str, bool, float]]:
    requests: list[tuple[dict[str, Any], dict[str, Any], Request]] = []
    for record, prompt, images in golden_prompts(folder, checkpoint, tokenizer):
        fits = len(prompt) == record["n_prompt_tokens"]
        fits &= [list(image.grid_hw) for image in images] == record["grid_hws"]
        yield f"prompt #{record['id']}", fits, float(not fits)
        for given in record["runs"]:
            params = Params(
                mode=given["mode"],
                repetition_penalty=given["repetition_penalty"],
                max_new_tokens=given["max_new_tokens"],
                compat=True,
            )
            requests.append((record, given, Request(list(prompt), images, params)))
    # All runs in one engine, rows of all modes side by side: the batch must not change a token.
    Engine(model, tokenizer.vocab).generate(request for _, _, request in requests)
    for record, given, request in requests:
        got = {
            "ids": request.tokens,
            "text": tokenizer.decode(request.tokens),
            "forward_steps": len(request.commits),
            "switch_to_ar": sum(c.kind is not None and TYPES[c.kind] == "error_box" for c in request.commits),
            "history": history(request),
        }
        passed = all(got[key] == given[key] for key in got)
        if not passed:
            wrong = {key: (got[key], given[key]) for key in got if got[key] != given[key]}
            print(f"generate {record['id']} {given['mode']}: {wrong}", file=sys.stderr)
        yield f"{record['task']} #{record['id']} {given['mode']}", passed, float(not passed)


def _scripted(folder: Path, model: LocateModel) -> Iterator[tuple[str, bool, float]]:
    path = folder / "generate" / "scripted.json"
    layouts = json.loads((folder / "decode" / "layouts.json").read_text())
    for record in json.loads(path.read_text()):
        layout = layouts[record["layout"]]
        vocab = vocab_of(layout)
        steps = [sparse_logits(step, layout["V"]) for step in record["script"]]
        engine = Engine(model, vocab)
        script = ScriptedRunner(vocab, in_turn(*steps))
        engine.runner = script  # type: ignore[assignment]
        params = Params(
            mode=record["mode"],
            max_new_tokens=record["max_new_tokens"],
            repetition_penalty=record.get("repetition_penalty", 1.0),
            compat=True,
        )
        request = engine.generate([Request(list(record["prompt_input_ids"]), (), params)])[0]
        unused = len(record["script"]) - len(script.batches)
        problems = []
        if request.tokens != record["ids"]:
            problems.append(f"ids {request.tokens}, expected {record['ids']}")
        if unused != record["unused_script_steps"]:
            problems.append(f"{unused} unused steps, expected {record['unused_script_steps']}")
        for number, (want, commit, batch) in enumerate(
            zip(record["steps"], request.commits, script.batches, strict=False)
        ):
            got = {
                "kv_before": commit.num_cached,
                "type": TYPES[commit.kind] if commit.kind else "ar",
                "tokens": list(commit.tokens),
            }
            if number:  # the first step feeds the prompt too, of which the file gives only the ends
                used = batch.used[0]
                got |= {
                    "input_ids": batch.token_ids[0, used].tolist(),
                    "position_ids": batch.positions[0, used].tolist(),
                }
            wrong = {
                key: (value, want[key]) for key, value in got.items() if key in want and value != want[key]
            }
            if wrong:
                problems.append(f"step {number}: {wrong}")
        if problems:
            print(f"scripted {record['name']} {record['mode']}: {problems[:2]}", file=sys.stderr)
        yield f"scripted {record['name']} {record['mode']}", not problems, float(bool(problems))
