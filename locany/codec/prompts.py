"""From a task to the ids of its prompt: the one table of wordings and the one chat template.

A prompt is built from parts, so that special tokens come only from us and never out of a user's phrase
(spec `locateanything` 2.3 a, 2.4, 7.1).
"""

from __future__ import annotations

from collections.abc import Sequence

from locany.codec.tokenizer import Tokenizer
from locany.codec.vocab import CATEGORY_SEPARATOR, IMAGE, IMAGE_END, IMAGE_TOKEN, TURN, TURN_END
from locany.tasks import Task, TaskKind

# The newline before <|im_end|> is what the release was trained on.
SYSTEM_TEXT = "You are a helpful assistant.\n"

# "matches" and "match" are both intended (spec 9, item 9). {} is the phrase or the categories joined by </c>.
WORDING: dict[TaskKind, str] = {
    TaskKind.DETECT: "Locate all the instances that matches the following description: {}.",
    TaskKind.LAYOUT: "Locate all the instances that matches the following description: {}.",
    TaskKind.GROUND: "Locate all the instances that match the following description: {}.",
    TaskKind.REFER: "Locate a single instance that matches the following description: {}.",
    TaskKind.FIND_TEXT: "Please locate the text referred as {}.",
    TaskKind.TEXT: "Detect all the text in box format.",
    TaskKind.GUI: "Locate the region that matches the following description: {}.",
    TaskKind.GUI_POINT: "Point to: {}.",
    TaskKind.POINT: "Point to: {}.",
}


def question_text(task: Task) -> str:
    """The question in words, separators spelled out: what a person may read and the release was given."""
    filling = CATEGORY_SEPARATOR.join(task.categories) if task.takes_categories else task.phrase
    return WORDING[task.kind].format(filling)


def question_ids(tokenizer: Tokenizer, task: Task) -> list[int]:
    """Ids of the question; nothing inside a category or phrase is read as a special token."""
    items = task.categories if task.takes_categories else (task.phrase,)
    before, slot, after = WORDING[task.kind].partition("{}")
    if not slot:
        return tokenizer.encode_plain(before)
    texts = list(items)
    texts[0] = before + texts[0]
    texts[-1] += after
    ids: list[int] = []
    for number, text in enumerate(texts):
        ids += [tokenizer.vocab.separator] if number else []
        ids += tokenizer.encode_plain(text)
    return ids


def label_ids(tokenizer: Tokenizer, task: Task) -> tuple[tuple[int, ...], ...]:
    """Ids of the labels that an answer is expected to use; none of all text, which writes its own."""
    asked = task.categories if task.takes_categories else (task.phrase,) if task.phrase else ()
    return tuple(tuple(tokenizer.encode_plain(label)) for label in asked)


def image_ids(tokenizer: Tokenizer, num_visual_tokens: Sequence[int]) -> list[int]:
    """Ids of numbered images: `<image k><img>`, the image tokens, `</img>` each."""
    vocab, ids = tokenizer.vocab, []
    for number, count in enumerate(num_visual_tokens, start=1):
        ids += tokenizer.encode_plain(f"<image {number}>")
        ids += [vocab.image, *[vocab.image_token] * count, vocab.image_end]
    return ids


def prefix_ids(tokenizer: Tokenizer, num_visual_tokens: Sequence[int]) -> list[int]:
    """System turn, opening of the user turn, and the images: what all questions about an image share."""
    vocab, plain = tokenizer.vocab, tokenizer.encode_plain
    return [
        *(vocab.turn, *plain("system\n" + SYSTEM_TEXT), vocab.end, *plain("\n")),
        *(vocab.turn, *plain("user\n"), *image_ids(tokenizer, num_visual_tokens)),
    ]


def suffix_ids(tokenizer: Tokenizer, question: Sequence[int]) -> list[int]:
    """The question, the end of the user turn and the opening of the answer."""
    vocab, plain = tokenizer.vocab, tokenizer.encode_plain
    return [*question, vocab.end, *plain("\n"), vocab.turn, *plain("assistant\n")]


def prompt_ids(tokenizer: Tokenizer, task: Task, num_visual_tokens: Sequence[int]) -> list[int]:
    """Ids of a whole prompt, ready to be answered."""
    return prefix_ids(tokenizer, num_visual_tokens) + suffix_ids(tokenizer, question_ids(tokenizer, task))


def render_chat(messages: Sequence[tuple[str, str]], *, answer_follows: bool) -> str:
    """Template (a) over (role, text) messages; image placeholders stay as `<image-k>`.

    Args:
        answer_follows: open an assistant turn at the end.
    """
    parts = []
    if not messages or messages[0][0] != "system":
        parts.append(f"{TURN}system\n{SYSTEM_TEXT}{TURN_END}\n")
    parts += [f"{TURN}{role}\n{text}{TURN_END}\n" for role, text in messages]
    if answer_follows:
        parts.append(f"{TURN}assistant\n")
    return "".join(parts)


def expand_placeholder(number: int, num_visual_tokens: int) -> str:
    """What `<image-k>` becomes in a rendered conversation."""
    return f"<image {number}>{IMAGE}{IMAGE_TOKEN * num_visual_tokens}{IMAGE_END}"
