"""A small vocabulary for tests, in the published files, made as a recipe makes one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from locany.codec import Tokenizer, Vocab
from locany.codec.prompts import SYSTEM_TEXT, WORDING
from locany.train.vocabulary import id_fields, train_bpe, vocabulary_files

WORDS = "cat dog person remote car red button search blue square circle text title table page"


def corpus() -> list[str]:
    """Our prompts, the words of the template, and a few labels."""
    prompts = [wording.format("") for wording in WORDING.values()]
    fixed = [*prompts, "<image 1>", SYSTEM_TEXT, "system\n", "user\n", "assistant\n", "None", "none"]
    return [text for text in fixed for _ in range(10)] + [
        variant for word in WORDS.split() for variant in (word, " " + word) for _ in range(10)
    ]


def write_vocabulary(folder: Path, size: int = 520) -> Vocab:
    """Write a folder that `Tokenizer.from_folder` reads, config included, and give the ids it holds."""
    from tests.tiny import tiny_config  # late: only this line needs torch

    base, merges = train_bpe(corpus(), size)
    files, added = vocabulary_files(base, merges)
    ids = id_fields(base, added)
    config = replace(tiny_config(vocab_size=ids.size), image_token_id=ids.image_token)
    files["config.json"] = json.dumps(config.to_json(ids.to_config()), indent=2) + "\n"
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return ids


def spell(tokenizer: Tokenizer, text: str) -> str:
    """`text` with the word None as this vocabulary writes it; the golden checkpoint has it in lower case."""
    return text.replace("None", tokenizer.decode([tokenizer.vocab.none]))
