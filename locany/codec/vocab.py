"""Special tokens and coordinate bins, read from a checkpoint's own files (spec `locateanything` 2.2).

No id is ever written down in this package: ids come from `config.json` and are held against the tokens in
`added_tokens.json` (or `tokenizer.json`), so that a file that contradicts itself is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from locany.codec.formulation import Formulation
from locany.errors import CheckpointConfigError

# What each special token is called in the text of an answer or prompt.
BOX, BOX_END = "<box>", "</box>"
REF, REF_END = "<ref>", "</ref>"
IMAGE, IMAGE_END, IMAGE_TOKEN = "<img>", "</img>", "<IMG_CONTEXT>"
TURN, TURN_END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
MASK, NULL, SWITCH, CATEGORY_SEPARATOR = "<text_mask>", "<null>", "<switch>", "</c>"
BOX_TOKENS = 6  # <box> x1 y1 x2 y2 </box>, the least a block must hold
DIGITS, COMMA = "0123456789", ","
NONE_WORDS = ("None", "none")  # the release writes the first; fine-tunes made with its script the second

# Added tokens in the order of the published ids; the coordinates go between <text_mask> and <null>.
_BEFORE_COORDINATES = (  # noqa: SIM905  (a list would be one token a line)
    "<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> "
    "<|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|> "
    "<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> "
    "<|file_sep|> <IMG_CONTEXT> <img> </img> <box> </box> <quad> </quad> <ref> </ref> <interval> </interval> "
    "<text_mask>"
).split()
_AFTER_COORDINATES = (NULL, SWITCH, CATEGORY_SEPARATOR)


def added_tokens(max_bin: int = 1000) -> list[str]:
    """The added tokens of the published layout, in id order, for a vocabulary with bins 0 .. `max_bin`."""
    return [*_BEFORE_COORDINATES, *(f"<{k}>" for k in range(max_bin + 1)), *_AFTER_COORDINATES]


@dataclass(frozen=True)
class Vocab:
    """Ids of the tokens that carry structure.

    `none` is the ordinary word token that fills a negative block; `none_ids` are all ids read as negative.
    """

    size: int
    box: int
    box_end: int
    ref: int
    ref_end: int
    coord_start: int
    coord_end: int
    none: int
    none_ids: frozenset[int]
    null: int
    mask: int
    end: int  # <|im_end|>, the end of a turn and of an answer
    turn: int  # <|im_start|>
    pad: int
    image: int  # <img>
    image_end: int  # </img>
    image_token: int  # <IMG_CONTEXT>, replaced by a visual token
    separator: int  # </c>
    block_size: int
    formulation: Formulation = Formulation.PARALLEL
    digits: tuple[int, ...] = ()  # ordinary tokens of 0 to 9, and of the comma between coordinates
    comma: int = -1

    @property
    def max_bin(self) -> int:
        """The largest coordinate bin (1000 in the release); bin k stands for k / max_bin of a side."""
        return self.coord_end - self.coord_start

    @property
    def coord_ids(self) -> range:
        """Ids of the coordinate tokens."""
        return range(self.coord_start, self.coord_end + 1)

    def is_coord(self, token_id: int) -> bool:
        return self.coord_start <= token_id <= self.coord_end

    def bin_of(self, token_id: int) -> int:
        assert self.is_coord(token_id), f"{token_id} is not a coordinate token"
        return token_id - self.coord_start

    def coord(self, bin_: int) -> int:
        assert 0 <= bin_ <= self.max_bin, f"bin {bin_} outside 0..{self.max_bin}"
        return self.coord_start + bin_

    @classmethod
    def from_json(
        cls, config: Mapping[str, Any], token_ids: Mapping[str, int], source: str = "config.json"
    ) -> Vocab:
        """Read the ids from a config and hold them against the tokenizer.

        Args:
            config: the published `config.json`.
            token_ids: token text to id for all added tokens, for digits and comma, and for the words of a
                negative block.
            source: file name for messages.

        Raises:
            CheckpointConfigError: an id is missing, or the two disagree.
        """
        text = config.get("text_config")
        if not isinstance(text, Mapping):
            raise CheckpointConfigError(f"{source}: the field text_config is missing or not an object")

        def field(name: str, section: Mapping[str, Any] = config, prefix: str = "") -> int:
            value = section.get(name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise CheckpointConfigError(f"{source}: {prefix}{name} is {value!r}, expected a token id")
            return value

        def token(name: str) -> int:
            if name not in token_ids:
                raise CheckpointConfigError(
                    f"the tokenizer next to {source} has no token {name}; "
                    "this is not a LocateAnything vocabulary"
                )
            return token_ids[name]

        def agree(name: str, token_text: str, value: int) -> int:
            if token(token_text) != value:
                raise CheckpointConfigError(
                    f"{source}: {name} is {value}, "
                    f"but the tokenizer gives {token_text} the id {token(token_text)}"
                )
            return value

        size = field("vocab_size", text, "text_config.")
        coord_start = agree("coord_start_token_id", "<0>", field("coord_start_token_id"))
        coord_end = field("coord_end_token_id")
        if coord_end <= coord_start:
            raise CheckpointConfigError(
                f"{source}: coord_end_token_id is {coord_end}, not behind coord_start_token_id {coord_start}"
            )
        agree("coord_end_token_id", f"<{coord_end - coord_start}>", coord_end)
        for bin_ in range(coord_end - coord_start):
            if token(f"<{bin_}>") != coord_start + bin_:
                raise CheckpointConfigError(
                    f"the tokenizer next to {source} gives <{bin_}> the id {token(f'<{bin_}>')}, "
                    f"expected {coord_start + bin_}: coordinates must be in order without gaps"
                )
        none = field("none_token_id")
        if not 0 <= none < size:
            raise CheckpointConfigError(f"{source}: none_token_id {none} is outside the vocabulary of {size}")
        last = max(token_ids.values())
        if last >= size:
            raise CheckpointConfigError(
                f"{source}: text_config.vocab_size is {size}, but the tokenizer has an id {last}"
            )
        formulation = _formulation(config, source)
        block_size = field("block_size", text, "text_config.")
        least = 2 if formulation is Formulation.FIXED else BOX_TOKENS
        if block_size < least:
            what = "a block of any length" if formulation is Formulation.FIXED else "a box"
            raise CheckpointConfigError(
                f"{source}: text_config.block_size is {block_size}, but {what} takes {least} tokens"
            )
        return cls(
            size=size,
            box=agree("box_start_token_id", BOX, field("box_start_token_id")),
            box_end=agree("box_end_token_id", BOX_END, field("box_end_token_id")),
            ref=agree("ref_start_token_id", REF, field("ref_start_token_id")),
            ref_end=agree("ref_end_token_id", REF_END, field("ref_end_token_id")),
            coord_start=coord_start,
            coord_end=coord_end,
            none=none,
            none_ids=frozenset({none, *(token_ids[w] for w in NONE_WORDS if w in token_ids)}),
            null=agree("text_config.null_token_id", NULL, field("null_token_id", text, "text_config.")),
            mask=agree(
                "text_config.text_mask_token_id", MASK, field("text_mask_token_id", text, "text_config.")
            ),
            end=agree("text_config.eos_token_id", TURN_END, field("eos_token_id", text, "text_config.")),
            turn=token(TURN),
            pad=token(PAD),
            image=token(IMAGE),
            image_end=token(IMAGE_END),
            image_token=agree("image_token_index", IMAGE_TOKEN, field("image_token_index")),
            separator=token(CATEGORY_SEPARATOR),
            block_size=block_size,
            formulation=formulation,
            digits=tuple(token(digit) for digit in DIGITS) if formulation is Formulation.DIGITS else (),
            comma=token(COMMA) if formulation is Formulation.DIGITS else -1,
        )

    def to_config(self) -> dict[str, int | str]:
        """The id fields of `config.json`, as `LocateConfig.to_json` takes them."""
        named = {} if self.formulation is Formulation.PARALLEL else {"formulation": self.formulation.value}
        return {
            **named,
            "box_start_token_id": self.box,
            "box_end_token_id": self.box_end,
            "ref_start_token_id": self.ref,
            "ref_end_token_id": self.ref_end,
            "coord_start_token_id": self.coord_start,
            "coord_end_token_id": self.coord_end,
            "none_token_id": self.none,
            "text_mask_token_id": self.mask,
            "null_token_id": self.null,
            "bos_token_id": self.pad,
            "eos_token_id": self.end,
        }


def _formulation(config: Mapping[str, Any], source: str) -> Formulation:
    """The release does not name its own."""
    name = config.get("formulation", Formulation.PARALLEL.value)
    try:
        return Formulation(name)
    except ValueError:
        known = ", ".join(f.value for f in Formulation)
        raise CheckpointConfigError(f"{source}: formulation is {name!r}, expected one of {known}") from None
