"""Published conversations: placeholders, the template, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locany.codec import Tokenizer
from locany.data.conversation import encode_conversation, expand_images, image_order, render_conversation
from locany.errors import DataError
from locany.image import PreprocessConfig

CHECKPOINT = Path(__file__).resolve().parents[1] / "parity" / "golden" / "tiny-checkpoint"
SYSTEM = "<|im_start|>system\nYou are a helpful assistant.\n<|im_end|>\n"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_folder(CHECKPOINT)


def talk(*texts: str) -> list[dict[str, str]]:
    return [{"from": ("human", "gpt")[i % 2], "value": text} for i, text in enumerate(texts)]


def question_of(*texts: str, num_images: int) -> str:
    """The first question after rendering."""
    text = render_conversation(talk(*texts), num_images).text
    return text.split("<|im_start|>user\n")[1].split("<|im_end|>")[0]


def image(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def first(_upper: int) -> int:
    return 0


def test_template() -> None:
    rendered = render_conversation(talk("a", "b", "c", "d"), 0)
    assert rendered.text == SYSTEM + (
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
        "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\nd<|im_end|>\n"
    )
    assert rendered.image_order == ()


def test_a_leading_system_turn_replaces_the_default() -> None:
    turns = [{"from": "system", "value": "Be brief."}, *talk("a", "b")]
    assert render_conversation(turns, 0).text.startswith(
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\na"
    )


@pytest.mark.parametrize(
    ("question", "num_images", "expected"),
    [
        ("Find it.", 1, "<image-1>Find it."),
        ("Find it.", 2, "<image-1><image-2>Find it."),
        ("<image>A<image>B", 2, "<image-1>A<image-2>B"),
        ("A <image-2> B <image-1>", 2, "A <image-2> B <image-1>"),
        ("A <image-2>", 3, "<image-1><image-3>A <image-2>"),
        ("<image-1> and again <image-1>", 1, "<image-1> and again <image-1>"),
        ("<image>A", 2, "<image-2><image-1>A"),
    ],
)
def test_placeholders(question: str, num_images: int, expected: str) -> None:
    assert question_of(question, "b", num_images=num_images) == expected


def test_bare_placeholders_are_numbered_through_all_questions() -> None:
    rendered = render_conversation(talk("<image>a", "b", "<image>c", "d"), 2)
    assert "user\n<image-1>a" in rendered.text
    assert "user\n<image-2>c" in rendered.text
    assert rendered.image_order == (0, 1)


def test_images_come_in_the_order_of_the_text() -> None:
    assert render_conversation(talk("<image-2> <image-1> <image-2>", "b"), 2).image_order == (1, 0, 1)
    assert image_order("<image-3><image-1>", 3) == (2, 0)


def test_expansion() -> None:
    expanded = expand_images("<image-2>a<image-1>", [1, 3])
    assert expanded == (
        "<image 2><img><IMG_CONTEXT><IMG_CONTEXT><IMG_CONTEXT></img>a<image 1><img><IMG_CONTEXT></img>"
    )


@pytest.mark.parametrize(
    ("turns", "num_images", "message"),
    [
        ([], 0, "0 turns"),
        (talk("a"), 0, "1 turns"),
        (talk("a", "b", "c"), 0, "3 turns"),
        ([{"from": "gpt", "value": "a"}, {"from": "human", "value": "b"}], 0, "turn 1 is from 'gpt'"),
        ([{"from": "human", "value": "a"}] * 2, 0, "turn 2 is from 'human'"),
        ([{"from": "user", "value": "a"}, {"from": "gpt", "value": "b"}], 0, "turn 1 is from 'user'"),
        ([{"from": "human"}, {"from": "gpt", "value": "b"}], 0, "turn 1 holds NoneType"),
        ([{"from": "system"}, *talk("a", "b")], 0, "system turn"),
        (["a", "b"], 0, "turn 1 is of type str"),
        ("ab", 0, "list of turns"),
        ([{"from": ["human"], "value": "a"}, {"from": "gpt", "value": "b"}], 0, "turn 1 is from"),
        (talk("<image-2>a", "b"), 1, "<image-2> has no image"),
        (talk("<image-0>a", "b"), 1, "<image-0> has no image"),
        (talk("<image>a", "b"), 0, "<image-1> has no image"),
        (talk(f"<image-{'9' * 5000}>a", "b"), 1, "has no image"),
        (talk("<image>a<image-2>", "b"), 2, "mixed"),
        (talk("a", "<image-1>b"), 1, "an answer holds an image placeholder"),
        (talk("a", "<image>b"), 1, "an answer holds an image placeholder"),
        (talk("<video-1>a", "b"), 0, "videos are not supported"),
    ],
)
def test_refusals(turns: Any, num_images: int, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        render_conversation(turns, num_images)
    assert len(str(caught.value)) < 400


def test_encoding_puts_images_where_their_placeholders_stand(tokenizer: Tokenizer) -> None:
    wide, tall = image(56, 28), image(28, 84)
    sample = encode_conversation(
        tokenizer, talk("<image-2>a<image-1>", "<box>none</box>"), [wide, tall], PreprocessConfig(), first
    )
    assert sample.grids == ((6, 2), (2, 4))
    assert sample.pixels.shape == (20, 3, 14, 14)
    tokens = sample.streams.token_ids
    assert (tokens == tokenizer.vocab.image_token).sum() == 3 + 2
    after_first = np.flatnonzero(tokens == tokenizer.vocab.image_end)[0]
    assert (tokens[:after_first] == tokenizer.vocab.image_token).sum() == 3


def test_text_alone_needs_no_image(tokenizer: Tokenizer) -> None:
    sample = encode_conversation(tokenizer, talk("Say hello.", "hello"), [], PreprocessConfig(), first)
    assert sample.grids == ()
    assert sample.pixels.shape == (0, 3, 14, 14)


def test_image_tokens_in_the_text_are_refused(tokenizer: Tokenizer) -> None:
    turns = talk("<img><IMG_CONTEXT></img>a", "b")
    with pytest.raises(DataError, match="1 image tokens for 0 visual tokens"):
        encode_conversation(tokenizer, turns, [], PreprocessConfig(), first)


@pytest.mark.parametrize(
    "answer",
    [
        "<box>(100,200,400,500)</box>",
        "<box><1><2><3></box>",
        "<box></box>",
        "<box><1><2>",
        "<box><1><2>a</box>",
    ],
)
def test_boxes_that_are_not_tokens_are_refused(tokenizer: Tokenizer, answer: str) -> None:
    with pytest.raises(DataError, match="a box is written"):
        encode_conversation(tokenizer, talk("a", answer), [], PreprocessConfig(), first)
    if "</box>" in answer:
        encode_conversation(tokenizer, talk("a", answer), [], PreprocessConfig(), first, check_frames=False)


@pytest.mark.parametrize("own", ["None", "none"])
@pytest.mark.parametrize("word", ["None", "none"])
def test_a_negative_is_learnt_in_the_word_of_the_checkpoint(
    own: str, word: str, mini_tokenizer: Path, tmp_path: Path
) -> None:
    """Data sets are written with both; the published decoder knows the one that the config names."""
    folder = tmp_path / "vocabulary"
    shutil.copytree(mini_tokenizer, folder)
    config = json.loads((folder / "config.json").read_text())
    (config["none_token_id"],) = Tokenizer.from_folder(folder).encode_plain(own)
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = Tokenizer.from_folder(folder)
    vocab, turns = tokenizer.vocab, talk(f"{word}?", f"<ref>{word}</ref><box>{word}</box>")
    targets = encode_conversation(tokenizer, turns, [], PreprocessConfig(), first).streams.targets
    in_frames = targets[np.flatnonzero(targets == vocab.box) + 1]
    assert [tokenizer.decode([token]) for token in in_frames] == [own, own], "one in each stream"
    labels = targets[np.flatnonzero(targets == vocab.ref) + 1]
    assert [tokenizer.decode([token]) for token in labels] == [word, word], "a label stays what it is"


def test_good_frames_pass(tokenizer: Tokenizer) -> None:
    answer = "<ref>cat</ref><box><1><2><3><4></box><box><0><1000></box><ref>dog</ref><box>none</box>"
    sample = encode_conversation(tokenizer, talk("a", answer), [], PreprocessConfig(), first)
    assert int(sample.streams.block.max()) == 6  # two labels, three frames, the end, the closing pad
