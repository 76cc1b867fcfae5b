"""Stage decode: six rows of logits to a decision, and the pattern rules alone (golden `decode/`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from locany.codec.blocks import BlockKind
from locany.codec.vocab import Vocab
from locany.engine.judge import KINDS, classify_published, propose_published
from locany.engine.params import Params
from locany.engine.sampler import probabilities
from tests.scripted import knobs_of

TYPES = {
    BlockKind.END: "im_end",
    BlockKind.NEGATIVE: "empty_box",
    BlockKind.BOX: "coord_box",
    BlockKind.POINT: "point_box",
    BlockKind.ERROR: "error_box",
    BlockKind.SEMANTIC: "ref_object",
}
MODES = ("fast", "hybrid")


def vocab_of(layout: dict[str, int]) -> Vocab:
    """A vocabulary from the ids of a golden layout; what decoding does not read is set to the null id."""
    null = layout["null_token_id"]
    return Vocab(
        size=layout["V"],
        box=layout["box_start_token_id"],
        box_end=layout["box_end_token_id"],
        ref=layout["ref_start_token_id"],
        ref_end=layout["ref_end_token_id"],
        coord_start=layout["coord_start_token_id"],
        coord_end=layout["coord_end_token_id"],
        none=layout["none_token_id"],
        none_ids=frozenset({layout["none_token_id"]}),
        null=null,
        mask=layout["default_mask_token_id"],
        end=layout["im_end_token_id"],
        turn=null,
        pad=null,
        image=null,
        image_end=null,
        image_token=null,
        separator=null,
        block_size=6,
    )


def sparse_logits(record: dict[str, Any], size: int) -> torch.Tensor:
    """Rows of the golden files: a background per row and some tokens set apart. [rows, size]."""
    logits = torch.tensor(record["bg"], dtype=torch.float32)[:, None].repeat(1, size)
    for row, token, value in record["set"]:
        logits[row, token] = value
    return logits


def run(folder: Path) -> Iterator[tuple[str, bool, float]]:
    """Yield (case, passed, error); decisions are integers, so the error is 0 or 1."""
    decode = folder / "decode"
    layouts = json.loads((decode / "layouts.json").read_text())
    vocabs = {name: vocab_of(layout) for name, layout in layouts.items()}
    for record in json.loads((decode / "blocks.json").read_text()):
        for mode in MODES:
            got = _decide(record, mode, vocabs[record["layout"]])
            want = {k: v for k, v in record[mode].items() if k in got}
            if record[mode].get("argmax") is None:
                got.pop("argmax")
                want.pop("argmax", None)
            passed = got == want
            if not passed:
                print(
                    f"decode {record['id']} {record['name']} {mode}: {got}, expected {want}", file=sys.stderr
                )
            yield f"{record['name']} #{record['id']} {mode}", passed, float(not passed)
    for layout, records in json.loads((decode / "patterns.json").read_text()).items():
        for number, record in enumerate(records):
            for mode in MODES:
                tokens = torch.tensor([record["in"]])
                verdict = classify_published(tokens, torch.tensor([mode == "fast"]), vocabs[layout])
                kind = KINDS[int(verdict.kind[0])]
                got_pattern = [
                    TYPES[kind],
                    verdict.tokens[0, : int(verdict.length[0])].tolist(),
                    kind is BlockKind.ERROR,
                    kind is BlockKind.END,
                ]
                passed = got_pattern == record[mode]
                if not passed:
                    print(
                        f"pattern {record['in']} {mode}: {got_pattern}, expected {record[mode]}",
                        file=sys.stderr,
                    )
                yield f"pattern {layout} #{number} {mode}", passed, float(not passed)


def _decide(record: dict[str, Any], mode: str, vocab: Vocab) -> dict[str, Any]:
    given = record["params"]
    params = Params(
        temperature=given.get("temperature", 0.0) or 0.0,
        top_p=given.get("top_p") or 1.0,
        top_k=given.get("top_k") or 0,
        repetition_penalty=given.get("repetition_penalty") or 1.0,
        compat=True,
    )
    seen = None
    if params.repetition_penalty != 1:
        seen = torch.zeros(1, vocab.size, dtype=torch.bool)
        seen[0, given["generated"]] = True
    logits = sparse_logits(record, vocab.size)[None]
    sampling, thresholds = knobs_of(vocab, params)
    probs = probabilities(logits, sampling, seen)
    drawn = probs.argmax(-1)
    fast = torch.tensor([mode == "fast"])
    tokens, framed = propose_published(probs, drawn, fast, vocab, thresholds)
    verdict = classify_published(tokens, fast, vocab)
    kind = KINDS[int(verdict.kind[0])]
    return {
        "argmax": drawn[0].tolist(),
        "frame": tokens[0].tolist() if bool(framed[0]) else None,
        "type": TYPES[kind],
        "tokens": verdict.tokens[0, : int(verdict.length[0])].tolist(),
        "need_switch_to_ar": kind is BlockKind.ERROR,
        "is_terminal": kind is BlockKind.END,
    }
