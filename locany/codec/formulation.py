"""How places are put into tokens and steps: the published way, and the ones that it is compared with.

    parallel    a coordinate is one token; a step writes a whole box                (Parallel Box Decoding)
    tokens      a coordinate is one token; a step writes one token                  (Pix2Seq, Rex-Omni)
    digits      a coordinate is its decimal digits; a step writes one token         (Qwen-VL and others)
    fixed       a coordinate is one token; a step proposes `block_size` tokens, whatever they are, and keeps
                those that it is sure of                                            (SDLM)

A checkpoint has one of them, named in its `config.json`. All four share vocabulary, prompts, answers, model,
engine and trainer, so that they can be held against each other (spec `training` 7.3).
"""

from __future__ import annotations

from enum import Enum


class Formulation(str, Enum):
    """See the module's text."""

    PARALLEL = "parallel"
    TOKENS = "tokens"
    DIGITS = "digits"
    FIXED = "fixed"
