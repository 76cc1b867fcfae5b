"""Published conversations, turns with image placeholders, to training arrays (spec `training` 1.1 and 3.1).

    turns = [
        {"from": "human", "value": "<image>Point to: circle."},
        {"from": "gpt", "value": "<box><500><500></box>"},
    ]

Unlike a question of ours, the text is read with its special tokens: `</c>` in a question and `<box>` in an
answer are what their author meant. What the published loader accepts in silence and then learns wrongly (a
box written in digits, a placeholder in an answer) is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from locany.codec.prompts import expand_placeholder, render_chat
from locany.codec.tokenizer import Tokenizer
from locany.codec.vocab import Vocab
from locany.data.encode import EncodedSample
from locany.data.streams import answer_spans, conversation_streams
from locany.errors import DataError
from locany.image import LoadedImage, PreprocessConfig, preprocess

_BARE = "<image>"
_NUMBERED = re.compile(r"<image-(\d+)>")
_VIDEO = re.compile(r"<video(?:-\d+)?>")


@dataclass(frozen=True)
class Conversation:
    """A rendered conversation.

    Attributes:
        text: the chat text, with a placeholder `<image-k>` where an image stands.
        image_order: which image each placeholder means, see the function of that name. An image may stand in
            several places and is then encoded several times, as published.
    """

    text: str
    image_order: tuple[int, ...]


def render_conversation(turns: Sequence[Mapping[str, Any]], num_images: int) -> Conversation:
    """Put the placeholders in order and apply the chat template.

    Bare `<image>` placeholders are numbered in order. Images without a placeholder get theirs in front of the
    first question.

    Args:
        turns: `{"from": "human" | "gpt", "value": text}`, alternating, a question first and an answer last; a
            leading turn from "system" replaces the default system text.
        num_images: images of the sample.

    Raises:
        DataError: the turns are not of that form, or a placeholder has no image.
    """
    system, turns = _split_system(turns)
    texts = [_turn_text(turn, number) for number, turn in enumerate(turns, start=1)]
    if not texts or len(texts) % 2:
        raise DataError(
            "a conversation has questions and answers in turn, the last one an answer; "
            f"this one has {len(texts)} turns; remove what is left over"
        )
    questions, answers = texts[::2], texts[1::2]
    for answer in answers:
        if _BARE in answer or _NUMBERED.search(answer):
            raise DataError(
                f"an answer holds an image placeholder, which only questions may: {_shorten(answer)}"
            )
    questions = _number_bare(questions)
    used = {_image_number(match, num_images) for q in questions for match in _NUMBERED.finditer(q)}
    missing = [number for number in range(1, num_images + 1) if number not in used]
    questions[0] = "".join(f"<image-{number}>" for number in missing) + questions[0]
    messages = [("system", system)] if system is not None else []
    for question, answer in zip(questions, answers, strict=True):
        messages += [("user", question), ("assistant", answer)]
    text = render_chat(messages, answer_follows=False)
    return Conversation(text, image_order(text, num_images))


def image_order(text: str, num_images: int) -> tuple[int, ...]:
    """For each placeholder of a text, left to right, the place of its image in the list, from 0.

    Raises:
        DataError: a placeholder has no image.
    """
    return tuple(_image_number(match, num_images) - 1 for match in _NUMBERED.finditer(text))


def expand_images(text: str, num_visual_tokens: Sequence[int]) -> str:
    """Replace every `<image-k>` by the image's words and its visual tokens (spec `locateanything` 2.4).

    Args:
        num_visual_tokens: of each image in the sample's list.

    Raises:
        DataError: a placeholder has no image.
    """

    def expand(match: re.Match[str]) -> str:
        number = _image_number(match, len(num_visual_tokens))
        return expand_placeholder(number, num_visual_tokens[number - 1])

    return _NUMBERED.sub(expand, text)


def encode_conversation(
    tokenizer: Tokenizer,
    turns: Sequence[Mapping[str, Any]],
    images: Sequence[LoadedImage | np.ndarray],
    config: PreprocessConfig,
    draw: Callable[[int], int],
    *,
    check_frames: bool = True,
) -> EncodedSample:
    """A published sample, ready for a batch. Text alone needs no dummy image.

    Args:
        images: of the sample, in the order of its own list.
        draw: draw(n) is a uniform integer 0 .. n - 1, see `conversation_streams`.
        check_frames: refuse answers with a box that is neither two nor four coordinate tokens nor "none", and
            write each "none" with the word that the vocabulary has for it, whichever its author took.

    Raises:
        DataError: see `render_conversation`; or a box is not written in tokens, or the text holds image
            tokens of its own.
    """
    conversation = render_conversation(turns, len(images))
    patches = [preprocess(image, config) for image in images]
    ids = tokenizer.encode(expand_images(conversation.text, [p.num_visual_tokens for p in patches]))
    placed = [patches[number] for number in conversation.image_order]
    num_tokens, num_visual = ids.count(tokenizer.vocab.image_token), sum(p.num_visual_tokens for p in placed)
    if num_tokens != num_visual:
        raise DataError(
            f"the text holds {num_tokens} image tokens for {num_visual} visual tokens; "
            "write <image-k> and leave the tokens to us"
        )
    if check_frames:
        for start, stop in answer_spans(tokenizer, ids):
            _check_frames(tokenizer, ids[start:stop])
            ids[start:stop] = _with_one_none(tokenizer.vocab, ids[start:stop])
    side = config.patch_size
    pixels = [p.pixels for p in placed] or [np.zeros((0, 3, side, side), np.uint8)]
    return EncodedSample(
        streams=conversation_streams(tokenizer, ids, draw),
        pixels=np.concatenate(pixels),
        grids=tuple(p.grid_hw for p in placed),
    )


def _split_system(turns: Sequence[Mapping[str, Any]]) -> tuple[str | None, Sequence[Mapping[str, Any]]]:
    """The text of a leading system turn, if there is one, and the turns behind it."""
    if not isinstance(turns, Sequence) or isinstance(turns, str):
        raise DataError(f"a conversation is a list of turns, got {type(turns).__name__}")
    first = turns[0] if turns else None
    if isinstance(first, Mapping) and first.get("from") == "system":
        if not isinstance(first.get("value"), str):
            raise DataError(
                f"the system turn holds {type(first.get('value')).__name__}, expected a text in 'value'"
            )
        return first["value"], turns[1:]
    return None, turns


def _turn_text(turn: Mapping[str, Any], number: int) -> str:
    expected = ("human", "gpt")[(number - 1) % 2]
    if not isinstance(turn, Mapping):
        raise DataError(
            f"turn {number} is of type {type(turn).__name__}, expected an object with 'from' and 'value'"
        )
    speaker, text = turn.get("from"), turn.get("value")
    if speaker != expected:
        raise DataError(
            f"turn {number} is from {_shorten(repr(speaker))}, expected {expected!r}; "
            "questions (human) and answers (gpt) alternate, a question comes first"
        )
    if not isinstance(text, str):
        raise DataError(f"turn {number} holds {type(text).__name__}, expected a text in 'value'")
    if _VIDEO.search(text):
        raise DataError(
            f"turn {number} holds a video placeholder; videos are not supported, give frames as images"
        )
    return text


def _number_bare(questions: Sequence[str]) -> list[str]:
    """`<image>` to `<image-1>`, `<image-2>`, ... in order, through all questions."""
    if not any(_BARE in question for question in questions):
        return list(questions)
    if any(_NUMBERED.search(question) for question in questions):
        raise DataError(
            "bare <image> and numbered <image-k> are mixed, so it cannot be told which image is which"
        )
    numbered, number = [], 0
    for question in questions:
        head, *rest = question.split(_BARE)
        for part in rest:
            number += 1
            head += f"<image-{number}>{part}"
        numbered.append(head)
    return numbered


def _image_number(match: re.Match[str], num_images: int) -> int:
    digits = match[1].lstrip("0")
    # By length first: Python refuses to read a number of thousands of digits, with an error of its own.
    if not digits or len(digits) > len(str(num_images)) or int(digits) > num_images:
        raise DataError(
            f"the placeholder {_shorten(match[0])} has no image: the sample has {num_images}; "
            "add the image or remove the placeholder"
        )
    return int(digits)


def _check_frames(tokenizer: Tokenizer, answer: Sequence[int]) -> None:
    """Refuse `<box>(100,200,400,500)</box>`: it would be learnt as digits, in blocks that cut it anywhere."""
    vocab, at = tokenizer.vocab, 0
    answer = list(answer)
    while vocab.box in answer[at:]:
        start = answer.index(vocab.box, at)
        stop = answer.index(vocab.box_end, start) if vocab.box_end in answer[start:] else len(answer)
        inside = answer[start + 1 : stop]
        is_none = len(inside) == 1 and inside[0] in vocab.none_ids
        is_place = len(inside) in (2, 4) and all(vocab.is_coord(token) for token in inside)
        if stop == len(answer) or not (is_none or is_place):
            raise DataError(
                f"a box is written {_shorten(tokenizer.decode(answer[start : stop + 1]))}, expected two or "
                "four coordinate tokens like <box><120><200><450><500></box>, or <box>None</box>"
            )
        at = stop + 1


def _with_one_none(vocab: Vocab, answer: Sequence[int]) -> list[int]:
    """An answer whose negatives all have the checkpoint's own word: the published decoder knows no other."""
    return [
        vocab.none if before == vocab.box and token in vocab.none_ids else token
        for before, token in pairwise((-1, *answer))
    ]


def _shorten(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
