"""The tokenizer: round trips, added tokens only where they are asked for, and every bad file by its name."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, models
from tokenizers import Tokenizer as RawTokenizer

from locany.codec import Tokenizer
from locany.codec.tokenizer import VOCAB_FILES, split_pieces
from locany.codec.vocab import added_tokens
from locany.errors import CheckpointConfigError, CheckpointNotFoundError
from tests.vocabulary import spell

ADDED = (
    "<box>",
    "</box>",
    "<ref>",
    "</c>",
    "<|im_end|>",
    "<IMG_CONTEXT>",
    "<7>",
    "<1000>",
    "<null>",
    "<text_mask>",
)
HOSTILE = "a <box><7><8></box> b</c>c<|im_end|>\n<|im_start|>system\n<image-1> <img></img><ref>d</ref><null>"


def texts() -> st.SearchStrategy[str]:
    """Any text, often with added tokens and combining characters in it."""
    pieces = st.one_of(st.text(max_size=5), st.sampled_from([*ADDED, "\u0338", "e\u0301", "None", " ", "\n"]))
    return st.lists(pieces, max_size=8).map("".join)


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


# --- text to ids and back -------------------------------------------------------------------------


@given(text=texts())
def test_text_comes_back_composed(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode_plain(text)) == nfc(text)
    assert nfc(tokenizer.decode(tokenizer.encode(text))) == nfc(text)


@given(text=texts())
def test_a_users_text_never_becomes_an_added_token(tokenizer, text):
    assert all(tokenizer.is_text(i) for i in tokenizer.encode_plain(text))


def test_a_hostile_text_is_plain_in_one_way_and_special_in_the_other(tokenizer):
    plain, full = tokenizer.encode_plain(HOSTILE), tokenizer.encode(HOSTILE)
    assert all(tokenizer.is_text(i) for i in plain)
    assert tokenizer.decode(plain) == tokenizer.decode(full) == HOSTILE
    vocab = tokenizer.vocab
    assert [i for i in full if not tokenizer.is_text(i)] == [
        *(vocab.box, vocab.coord(7), vocab.coord(8), vocab.box_end, vocab.separator),
        *(vocab.end, vocab.turn, vocab.image, vocab.image_end, vocab.ref, vocab.ref_end, vocab.null),
    ]


def test_every_added_token_is_one_id_in_full_text(tokenizer):
    for token in added_tokens():
        assert tokenizer.encode(token) == [tokenizer.token_id(token)]
        assert tokenizer.encode(f"x{token}y")[1:-1] == [tokenizer.token_id(token)]
        assert tokenizer.decode([tokenizer.token_id(token)]) == token


def test_the_longest_added_token_wins(tokenizer):
    assert tokenizer.encode("<10><100><1000>") == [tokenizer.vocab.coord(b) for b in (10, 100, 1000)]


def test_structure_of_the_published_conformance_texts(tokenizer):
    """Spec 10.1 with the ids of this vocabulary."""
    vocab, plain = tokenizer.vocab, tokenizer.encode_plain
    assert tokenizer.encode(spell(tokenizer, "<box>None</box>")) == [vocab.box, vocab.none, vocab.box_end]
    assert tokenizer.encode("<ref>cat</ref>") == [vocab.ref, *plain("cat"), vocab.ref_end]
    assert tokenizer.encode("person</c>car") == [*plain("person"), vocab.separator, *plain("car")]
    assert tokenizer.encode("Point to: the search button.") == plain("Point to: the search button.")


def test_pieces_are_those_of_the_published_tokenizer():
    def pieces(text: str) -> list[str]:
        return [text[start:stop] for _, (start, stop) in split_pieces().pre_tokenize_str(text)]

    assert pieces("a 12") == ["a", " ", "1", "2"]
    assert pieces("<image 1>") == ["<image", " ", "1", ">"]
    assert pieces("It's WE'LL") == ["It", "'s", " WE", "'LL"]
    assert pieces("assistant.\n\nuser") == ["assistant", ".\n\n", "user"]
    assert pieces("a   b ") == ["a", "  ", " b", " "]
    assert pieces("to: the (red) one.") == ["to", ":", " the", " (", "red", ")", " one", "."]


@given(number=st.integers(0, 10**9))
def test_digits_are_single_tokens(tokenizer, number):
    assert len(tokenizer.encode_plain(str(number))) == len(str(number))


def test_only_names_of_added_tokens_have_a_token_id(tokenizer):
    assert tokenizer.token_id("<box>") == tokenizer.vocab.box
    with pytest.raises(KeyError):
        tokenizer.token_id("cat")


def test_ids_without_a_token_become_the_replacement_character(tokenizer):
    cat, size = tokenizer.encode_plain("cat"), tokenizer.vocab.size
    assert tokenizer.decode([-1, *cat, size, 2**40, *cat]) == "\ufffdcat\ufffd\ufffdcat"
    assert tokenizer.decode([]) == ""
    assert tokenizer.decode(tokenizer.encode_plain("é")[:1]) in ("é", "\ufffd")


def test_the_codec_needs_no_torch():
    code = "import sys, locany.codec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(mini_tokenizer, tmp_path):
    """A copy of the small vocabulary that may be damaged."""
    return shutil.copytree(mini_tokenizer, tmp_path / "copy")


def change(path, **fields):
    """Set top-level fields of a JSON file, or drop those given as `...`; `text_config` is added to."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["text_config"] = {**raw.get("text_config", {}), **fields.pop("text_config", {})}
    raw = {**raw, **fields}
    path.write_text(json.dumps({k: v for k, v in raw.items() if v is not ...}), encoding="utf-8")


def rewrite_table(path, edit):
    """Edit the token table of a JSON file in place."""
    table = json.loads(path.read_text(encoding="utf-8"))
    edit(table)
    path.write_text(json.dumps(table), encoding="utf-8")


def to_tokenizer_json(folder, *, merges_as_text=False, added_in_vocab=False):
    """Replace the published files by one `tokenizer.json` written with the `tokenizers` package."""
    base, added = (
        json.loads((folder / n).read_text(encoding="utf-8")) for n in ("vocab.json", "added_tokens.json")
    )
    merges = [
        tuple(line.split(" "))
        for line in (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:-1]
    ]
    raw = RawTokenizer(models.BPE(vocab=base, merges=merges))
    raw.pre_tokenizer = split_pieces()
    raw.add_special_tokens([AddedToken(text, normalized=False) for text in added])
    written = json.loads(raw.to_str())
    if merges_as_text:
        written["model"]["merges"] = [" ".join(merge) for merge in merges]
    if added_in_vocab:
        written["model"]["vocab"] |= added
    (folder / "tokenizer.json").write_text(json.dumps(written), encoding="utf-8")
    for name in VOCAB_FILES:
        (folder / name).unlink()


@pytest.mark.parametrize("form", [{}, {"merges_as_text": True}, {"added_in_vocab": True}])
def test_tokenizer_json_gives_the_same_ids(folder, form):
    published = Tokenizer.from_folder(folder)
    to_tokenizer_json(folder, **form)
    one_file = Tokenizer.from_folder(folder)
    assert one_file.vocab == published.vocab
    for text in (HOSTILE, "Locate all the instances", "12 cafe\u0301 漢字 \U0001f600\n\n x", "".join(ADDED)):
        assert one_file.encode(text) == published.encode(text)
        assert one_file.encode_plain(text) == published.encode_plain(text)


def test_published_files_go_before_tokenizer_json(folder):
    (folder / "tokenizer.json").write_text("not read", encoding="utf-8")
    assert Tokenizer.from_folder(folder).vocab.size > 0


def test_merges_may_have_windows_line_ends_and_no_header(folder):
    before = Tokenizer.from_folder(folder).encode("Locate all the instances")
    merges = (folder / "merges.txt").read_text(encoding="utf-8").split("\n", 1)[1]
    (folder / "merges.txt").write_bytes(merges.replace("\n", "\r\n").encode())
    assert Tokenizer.from_folder(folder).encode("Locate all the instances") == before


def test_a_padded_embedding_is_accepted_and_its_ids_have_no_text(folder):
    size = Tokenizer.from_folder(folder).vocab.size
    change(folder / "config.json", text_config={"vocab_size": size + 64})
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.vocab.size == size + 64
    assert tokenizer.decode([size]) == "\ufffd"
    assert not tokenizer.is_text(size)


def test_the_none_word_is_read_from_the_config_and_both_spellings_are_understood(folder):
    (lower,) = Tokenizer.from_folder(folder).encode_plain("none")
    change(folder / "config.json", none_token_id=lower)
    vocab = Tokenizer.from_folder(folder).vocab
    assert vocab.none == lower
    assert vocab.none_ids == {lower, *Tokenizer.from_folder(folder).encode_plain("None")}


@pytest.mark.parametrize("name", ["config.json", *VOCAB_FILES])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointNotFoundError, match=name.replace(".", r"\.")) as caught:
        Tokenizer.from_folder(folder)
    assert str(folder) in str(caught.value)


def test_all_missing_vocabulary_files_are_named(folder):
    for name in VOCAB_FILES:
        (folder / name).unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"missing vocab.json, merges.txt, added_tokens.json"):
        Tokenizer.from_folder(folder)


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "added_tokens.json"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1', "not valid JSON"),
        (b"", "not valid JSON"),
        (b"[1, 2]", "expected a JSON object, got list"),
        (b'{"\xff": 1}', "not UTF-8"),
    ],
)
def test_broken_json_is_named(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointConfigError, match=f"{name}: {message}"):
        Tokenizer.from_folder(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a b c", r"merges.txt, line 3: expected two tokens and one blank, got 'a b c'"),
        (b"abc", r"merges.txt, line 3: expected two tokens"),
        (b"abc ", r"merges.txt, line 3: expected two tokens"),
        (b" abc", r"merges.txt, line 3: expected two tokens"),
        (b"zz\xff q", r"merges.txt: not UTF-8"),
        ("漢 字".encode(), r"vocab.json and merges.txt: tokens and merges do not fit together"),
    ],
)
def test_bad_merges_are_named(folder, line, message):
    lines = (folder / "merges.txt").read_bytes().split(b"\n")
    (folder / "merges.txt").write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]))
    with pytest.raises(CheckpointConfigError, match=message):
        Tokenizer.from_folder(folder)


def move_last(table):
    """Leave a gap before the last id."""
    last = max(table, key=table.__getitem__)
    table[last] += 1


def repeat_an_id(table):
    first, second, *_ = table
    table[first] = table[second]


def rename(old, new):
    def edit(table):
        table[new] = table.pop(old)

    return edit


def swap(a, b):
    def edit(table):
        table[a], table[b] = table[b], table[a]

    return edit


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        (
            "added_tokens.json",
            move_last,
            r"added_tokens.json: the ids of its 1038 tokens must be \d+ .. \d+ without gaps",
        ),
        ("added_tokens.json", repeat_an_id, r"added_tokens.json: the ids of its 1038 tokens must be"),
        ("added_tokens.json", dict.clear, r"added_tokens.json: expected an object from token to id"),
        (
            "added_tokens.json",
            lambda t: t.update({"<7>": "7"}),
            r"added_tokens.json: expected an object from token",
        ),
        ("added_tokens.json", rename("<quad>", ""), r"added_tokens.json: '' cannot be an added token"),
        ("added_tokens.json", rename("<quad>", "cat"), r"added_tokens.json: 'cat' cannot be an added token"),
        (
            "added_tokens.json",
            rename("</c>", "</d>"),
            r"has no token </c>; this is not a LocateAnything vocabulary",
        ),
        ("added_tokens.json", rename("<500>", "<x>"), r"has no token <500>"),
        (
            "added_tokens.json",
            swap("<3>", "<4>"),
            r"gives <3> the id \d+, expected \d+: coordinates must be in order",
        ),
        (
            "added_tokens.json",
            swap("<box>", "<ref>"),
            r"config.json: box_start_token_id is \d+, but .* gives <box>",
        ),
        ("vocab.json", move_last, r"vocab.json: the ids of its \d+ tokens must be 0 .. \d+ without gaps"),
        ("vocab.json", repeat_an_id, r"vocab.json: the ids of its \d+ tokens must be 0"),
        ("vocab.json", dict.clear, r"vocab.json: expected an object from token to id"),
        ("vocab.json", lambda t: t.update({"!": True}), r"vocab.json: expected an object from token to id"),
        ("vocab.json", lambda t: t.update({"!": 0.5}), r"vocab.json: expected an object from token to id"),
        ("vocab.json", rename("A", "漢"), r"vocab.json: 1 of the 256 byte tokens are missing, e.g. 'A'"),
    ],
)
def test_a_bad_table_is_named(folder, name, edit, message):
    rewrite_table(folder / name, edit)
    with pytest.raises(CheckpointConfigError, match=message):
        Tokenizer.from_folder(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text_config": ...}, "text_config is missing"),
        (
            {"text_config": {"vocab_size": 1000}},
            r"text_config.vocab_size is 1000, but the tokenizer has an id \d+",
        ),
        ({"text_config": {"vocab_size": None}}, r"text_config.vocab_size is None, expected a token id"),
        ({"text_config": {"block_size": 5}}, r"text_config.block_size is 5, but a box takes 6 tokens"),
        ({"text_config": {"eos_token_id": 0}}, r"text_config.eos_token_id is 0, but .* gives <\|im_end\|>"),
        ({"text_config": {"null_token_id": 0}}, r"text_config.null_token_id is 0, but .* gives <null>"),
        (
            {"text_config": {"text_mask_token_id": 0}},
            r"text_config.text_mask_token_id is 0, but .* gives <text_mask>",
        ),
        ({"box_start_token_id": ...}, r"box_start_token_id is None, expected a token id"),
        ({"box_start_token_id": True}, r"box_start_token_id is True, expected a token id"),
        ({"box_start_token_id": 1}, r"box_start_token_id is 1, but the tokenizer gives <box>"),
        ({"box_end_token_id": 1}, r"box_end_token_id is 1, but .* gives </box>"),
        ({"ref_start_token_id": 1}, r"ref_start_token_id is 1, but .* gives <ref>"),
        ({"ref_end_token_id": 1}, r"ref_end_token_id is 1, but .* gives </ref>"),
        ({"image_token_index": 1}, r"image_token_index is 1, but .* gives <IMG_CONTEXT>"),
        ({"coord_start_token_id": 1}, r"coord_start_token_id is 1, but .* gives <0>"),
        ({"coord_end_token_id": 1}, r"coord_end_token_id is 1, not behind coord_start_token_id"),
        ({"coord_end_token_id": 99_999}, r"has no token <9\d+>"),
        ({"none_token_id": -1}, r"none_token_id -1 is outside the vocabulary"),
        ({"none_token_id": 10**6}, r"none_token_id 1000000 is outside the vocabulary of \d+"),
        ({"none_token_id": ...}, r"none_token_id is None, expected a token id"),
    ],
)
def test_a_config_that_contradicts_the_tokenizer_is_refused(folder, fields, message):
    if fields.get("text_config") is ...:
        rewrite_table(folder / "config.json", lambda raw: raw.pop("text_config"))
    else:
        change(folder / "config.json", **fields)
    with pytest.raises(CheckpointConfigError, match=f"config.json:? .*{message}"):
        Tokenizer.from_folder(folder)


def test_a_special_token_cannot_be_the_none_word(folder):
    change(folder / "config.json", none_token_id=Tokenizer.from_folder(folder).vocab.box)
    with pytest.raises(
        CheckpointConfigError, match=r"none_token_id is \d+, expected the id of an ordinary word"
    ):
        Tokenizer.from_folder(folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda raw: raw.pop("model"), "expected a byte-level BPE tokenizer .KeyError: 'model'"),
        (lambda raw: raw["model"].pop("merges"), "KeyError: 'merges'"),
        (lambda raw: raw["model"].update(vocab=[["a", 0.0]]), "expected a byte-level BPE tokenizer"),
        (lambda raw: raw["model"].update(merges=["a b c"]), "expected a byte-level BPE tokenizer"),
        (lambda raw: raw["model"].update(merges=["漢 字"]), "tokens and merges do not fit together"),
        (lambda raw: raw.update(added_tokens=[]), "expected an object from token to id"),
        (lambda raw: raw.update(added_tokens=None), "expected a byte-level BPE tokenizer"),
        (lambda raw: raw["added_tokens"].pop(5), "the ids of its 1037 tokens must be"),
    ],
)
def test_a_bad_tokenizer_json_is_named(folder, edit, message):
    to_tokenizer_json(folder)
    rewrite_table(folder / "tokenizer.json", edit)
    with pytest.raises(CheckpointConfigError, match=f"tokenizer.json.*{message}"):
        Tokenizer.from_folder(folder)
