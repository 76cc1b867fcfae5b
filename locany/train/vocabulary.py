"""Make a byte-level BPE vocabulary of our own, in the published files and with the published tokens."""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as _Tokenizer
from tokenizers import models, pre_tokenizers, trainers

from locany.codec.formulation import Formulation
from locany.codec.tokenizer import split_pieces
from locany.codec.vocab import COMMA, DIGITS, NONE_WORDS, Vocab, added_tokens
from locany.files import locked_folder, write_whole
from locany.image import PreprocessConfig
from locany.model.config import LocateConfig
from locany.synth.renderer import engine
from locany.weights.load import load_config


def rendered_texts(name: str, config: Any, seeds: range, num_workers: int = 2) -> list[str]:
    """Everything that an engine asks for and writes in the samples of some seeds, in their order.

    Args:
        name: of the engine; config: of its samples.
        num_workers: processes that render. They are apart from this one, so that no browser stays in it.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, mp_context=context) as pool:
        found = pool.map(partial(_texts, name, config), seeds, chunksize=16)
        return [text for texts in found for text in texts]


def _texts(name: str, config: Any, seed: int) -> list[str]:
    sample = engine(name).render(seed, config)
    asked = [text for q in sample.questions for text in (q.task.phrase, *q.task.categories) if text]
    return [*asked, *(target.text for target in sample.objects if target.text)]


def train_bpe(texts: Iterable[str], size: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Base vocabulary of exactly 256 bytes plus merges, at most `size` tokens."""
    tokenizer = _Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = split_pieces()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def make_vocabulary(
    folder: Path,
    texts: Callable[[], Iterable[str]],
    num_tokens: int,
    shape: Callable[[Vocab], LocateConfig],
    max_patches: int,
    *,
    formulation: Formulation = Formulation.PARALLEL,
    block_size: int = 6,
) -> LocateConfig:
    """Write the vocabulary, config and preprocessing of a new model, and give its shape.

    A folder that has them is left alone: a run goes on with the ids that it began with. Ranks that come
    here at once wait for the first.

    Args:
        texts: what the vocabulary is made from; asked only where it is made.
        num_tokens: at most, without the added ones.
        shape: of the model with a vocabulary.
        max_patches: an image of more is shrunk.
        formulation, block_size: how places are put into tokens and steps; `shape` gives its model blocks of
            the vocabulary's size.
    """
    if (folder / "config.json").is_file():
        return load_config(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder, patience=math.inf):
        if (folder / "config.json").is_file():  # another rank has made it meanwhile
            return load_config(folder)
        base, merges = train_bpe(list(texts()), num_tokens)
        files, added = vocabulary_files(base, merges)
        ids = id_fields(base, added, block_size, formulation=formulation)
        config = shape(ids)
        assert config.text.block_size == ids.block_size, "the shape has other blocks than its vocabulary"
        cut = PreprocessConfig(in_token_limit=max_patches)
        fields = {
            "image_processor_type": "LocateAnythingImageProcessor",
            "patch_size": cut.patch_size,
            "merge_kernel_size": [cut.merge_size, cut.merge_size],
            "in_token_limit": cut.in_token_limit,
            "image_mean": list(cut.mean),
            "image_std": list(cut.std),
        }
        files["preprocessor_config.json"] = json.dumps(fields, indent=2) + "\n"
        # Last, since it says that the folder is complete.
        files["config.json"] = json.dumps(config.to_json(ids.to_config()), indent=2) + "\n"
        for name, text in files.items():
            write_whole(folder / name, text.encode())
    return config


def vocabulary_files(
    base: dict[str, int], merges: list[tuple[str, str]], max_bin: int = 1000
) -> tuple[dict[str, str], dict[str, int]]:
    """The published vocabulary files as text, and all added ids."""
    assert NONE_WORDS[0] in base, "the word of the negative block must be one token"
    added = {text: len(base) + k for k, text in enumerate(added_tokens(max_bin))}

    def dump(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, indent=0) + "\n"

    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    files = {
        "vocab.json": dump(dict(sorted(base.items(), key=lambda item: item[1]))),
        "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges),
        "added_tokens.json": dump(added),
        "tokenizer_config.json": dump(
            {
                "add_prefix_space": False,
                "added_tokens_decoder": {str(id_): {"content": text, **flags} for text, id_ in added.items()},
                "clean_up_tokenization_spaces": False,
                "eos_token": "<|im_end|>",
                "pad_token": "<|endoftext|>",
                "model_max_length": 16384,
                "tokenizer_class": "Qwen2Tokenizer",
            }
        ),
        "special_tokens_map.json": dump({"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
    }
    return files, added


def id_fields(
    base: dict[str, int],
    added: dict[str, int],
    block_size: int = 6,
    max_bin: int = 1000,
    formulation: Formulation = Formulation.PARALLEL,
) -> Vocab:
    """The structural ids of a new vocabulary."""
    return Vocab(
        size=len(base) + len(added),
        box=added["<box>"],
        box_end=added["</box>"],
        ref=added["<ref>"],
        ref_end=added["</ref>"],
        coord_start=added["<0>"],
        coord_end=added[f"<{max_bin}>"],
        none=base[NONE_WORDS[0]],
        none_ids=frozenset(base[word] for word in NONE_WORDS if word in base),
        null=added["<null>"],
        mask=added["<text_mask>"],
        end=added["<|im_end|>"],
        turn=added["<|im_start|>"],
        pad=added["<|endoftext|>"],
        image=added["<img>"],
        image_end=added["</img>"],
        image_token=added["<IMG_CONTEXT>"],
        separator=added["</c>"],
        block_size=block_size,
        formulation=formulation,
        digits=tuple(base[digit] for digit in DIGITS) if formulation is Formulation.DIGITS else (),
        comma=base[COMMA] if formulation is Formulation.DIGITS else -1,
    )
