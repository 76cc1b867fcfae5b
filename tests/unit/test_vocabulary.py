"""A vocabulary of our own: trained, written in the published files, and read back with the same ids."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tokenizers import pre_tokenizers

from locany.codec import Tokenizer
from locany.codec.vocab import added_tokens
from locany.train.vocabulary import id_fields, make_vocabulary, train_bpe, vocabulary_files
from tests.tiny import tiny_config
from tests.vocabulary import WORDS, corpus, write_vocabulary

SIZE = 520


@pytest.fixture(scope="module")
def trained():
    return train_bpe(corpus(), SIZE)


def test_256_bytes_and_one_token_per_merge(trained):
    base, merges = trained
    alphabet = set(pre_tokenizers.ByteLevel.alphabet())
    assert alphabet <= set(base)
    assert sorted(base.values()) == list(range(len(base)))
    assert len(base) == 256 + len(merges) <= SIZE
    assert set(base) - alphabet == {left + right for left, right in merges}


def test_without_text_there_are_only_bytes():
    base, merges = train_bpe([], 300)
    assert (len(base), merges) == (256, [])
    with pytest.raises(AssertionError, match="the word of the negative block must be one token"):
        vocabulary_files(base, merges)


def test_training_twice_gives_the_same_vocabulary(trained):
    assert train_bpe(corpus(), SIZE) == trained


def test_added_tokens_are_the_published_list():
    tokens = added_tokens()
    assert len(tokens) == len(set(tokens)) == 1038
    # Offsets of the published ids from the first, 151643 (spec 2.2).
    published = {
        "<|endoftext|>": 151643,
        "<|im_start|>": 151644,
        "<|im_end|>": 151645,
        "<tool_call>": 151657,
        "<|file_sep|>": 151664,
        "<IMG_CONTEXT>": 151665,
        "<img>": 151666,
        "</img>": 151667,
        "<box>": 151668,
        "</box>": 151669,
        "<quad>": 151670,
        "<ref>": 151672,
        "</ref>": 151673,
        "</interval>": 151675,
        "<text_mask>": 151676,
        "<0>": 151677,
        "<1000>": 152677,
        "<null>": 152678,
        "<switch>": 152679,
        "</c>": 152680,
    }
    assert {token: 151643 + tokens.index(token) for token in published} == published
    assert added_tokens(max_bin=100)[-4:] == ["<100>", "<null>", "<switch>", "</c>"]


def test_files_are_read_back_with_the_same_ids(tmp_path):
    ids = write_vocabulary(tmp_path)
    assert Tokenizer.from_folder(tmp_path).vocab == ids
    assert ids.max_bin == 1000
    assert 1038 + 256 < ids.size <= 1038 + SIZE
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    for name, value in ids.to_config().items():
        assert config.get(name, config["text_config"].get(name)) == value


def test_a_coarser_grid_is_read_back_too(trained, tmp_path):
    base, merges = trained
    files, added = vocabulary_files(base, merges, max_bin=100)
    ids = id_fields(base, added, max_bin=100)
    text = {"null_token_id": ids.null, "text_mask_token_id": ids.mask, "eos_token_id": ids.end}
    config = {
        **{k: v for k, v in ids.to_config().items() if k not in text},
        "image_token_index": ids.image_token,
        "text_config": {**text, "vocab_size": ids.size, "block_size": 6},
    }
    files["config.json"] = json.dumps(config)
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    tokenizer = Tokenizer.from_folder(tmp_path)
    assert tokenizer.vocab == ids
    assert tokenizer.vocab.max_bin == 100
    assert tokenizer.is_text(tokenizer.encode("<101>")[0])


def test_the_none_words_and_frequent_words_are_single_tokens(mini_tokenizer):
    tokenizer = Tokenizer.from_folder(mini_tokenizer)
    assert tokenizer.encode_plain("None") == [tokenizer.vocab.none]
    assert {*tokenizer.encode_plain("None"), *tokenizer.encode_plain("none")} == tokenizer.vocab.none_ids
    for word in ("assistant", "user", *WORDS.split()):
        assert len(tokenizer.encode_plain(word)) == 1, word


def test_ranks_that_need_it_at_once_make_it_once(tmp_path):
    made = []

    def texts():
        made.append(1)
        time.sleep(0.3)
        return corpus()

    def shape(vocab):
        return replace(tiny_config(vocab_size=vocab.size), image_token_id=vocab.image_token)

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: make_vocabulary(tmp_path / "new", texts, SIZE, shape, 100), range(3)))
    assert len(made) == 1
    assert found[0] == found[1] == found[2]


def test_files_name_every_added_token_as_special(trained):
    files, added = vocabulary_files(*trained)
    listed = json.loads(files["tokenizer_config.json"])["added_tokens_decoder"]
    assert {entry["content"]: int(number) for number, entry in listed.items()} == added
    assert all(entry["special"] and not entry["normalized"] for entry in listed.values())
    assert json.loads(files["added_tokens.json"]) == added
    assert files["merges.txt"].startswith("#version: 0.2\n")


def test_ids_of_a_box_are_counted_from_the_first_coordinate(mini_tokenizer):
    vocab = Tokenizer.from_folder(mini_tokenizer).vocab
    assert [vocab.bin_of(vocab.coord(b)) for b in (0, 7, 1000)] == [0, 7, 1000]
    assert vocab.is_coord(vocab.coord_start)
    assert vocab.is_coord(vocab.coord_end)
    assert not vocab.is_coord(vocab.coord_start - 1)
    assert not vocab.is_coord(vocab.coord_end + 1)
    for wrong in (-1, 1001):
        with pytest.raises(AssertionError, match=r"outside 0\.\.1000"):
            vocab.coord(wrong)
    with pytest.raises(AssertionError, match="not a coordinate token"):
        vocab.bin_of(vocab.box)
