"""The language between tokens and geometry: vocabulary, prompts, blocks, answers. No torch here."""

from locany.codec.answer import Answer, AnswerItem, read_answer, write_answer
from locany.codec.blocks import Block, BlockKind
from locany.codec.prompts import label_ids, prompt_ids, question_text
from locany.codec.tokenizer import Tokenizer
from locany.codec.vocab import Vocab

__all__ = [
    "Answer",
    "AnswerItem",
    "Block",
    "BlockKind",
    "Tokenizer",
    "Vocab",
    "label_ids",
    "prompt_ids",
    "question_text",
    "read_answer",
    "write_answer",
]
