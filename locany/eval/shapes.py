"""The models that speed is measured on: a checkpoint, or a shape with random weights from a seed.

Speed depends on sizes, not on what was learnt, so the published 3B shape can be timed without its weights.
Its answers are then given (`locany/eval/scripted.py`): the compute is real, the tokens are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from locany.codec import Tokenizer
from locany.codec.vocab import Vocab, added_tokens
from locany.engine import ImageInput
from locany.errors import RequestError
from locany.model import LocateConfig, LocateModel, TextConfig, VisionConfig
from locany.weights import find_checkpoint, load_config, load_model

NAMES = ("bundled", "mid", "3b")
PROMPT_TOKENS = 41  # of a published detection prompt, besides its visual tokens (spec `locateanything` 2.3)
TOKENS_BEFORE_IMAGE = 19  # of these, how many stand before the first visual token
_WORDS = 100  # ids 0 .. 99 are plain words in every vocabulary that is built here
_STREAM, _VERSION = 0xBE7C, 1
_STD = 0.02  # of random weights, as the published configuration initialises


@dataclass(frozen=True)
class Shape:
    """One model to measure.

    Attributes:
        name: how it is called in results.
        config, vocab: sizes and token ids.
        folder: checkpoint with the weights; None fills the shape with random ones.
    """

    name: str
    config: LocateConfig
    vocab: Vocab
    folder: Path | None = None

    @property
    def words(self) -> str:
        """What it is, for people."""
        t, v = self.config.text, self.config.vision
        weights = "random weights" if self.folder is None else "trained weights"
        return (
            f"vision {v.hidden_size} x {v.num_layers}, text {t.hidden_size} x {t.num_layers}, "
            f"vocabulary {t.vocab_size:,}, {weights}"
        )


def shape_named(name: str) -> Shape:
    """One of `NAMES`.

    Raises:
        RequestError: an unknown name.
    """
    if name == "bundled":
        return shape_of_checkpoint("bundled", None)
    if name not in NAMES:
        raise RequestError(f"shape is {name!r}, expected one of {', '.join(NAMES)}")
    vision, text, none = _SIZES[name]
    vocab = _published_layout(text.vocab_size, none)
    return Shape(name, LocateConfig(vision, text, vocab.image_token), vocab)


def shape_of_checkpoint(name: str, model: str | Path | None) -> Shape:
    """The shape and the weights of a checkpoint that is on this machine.

    Args:
        name: how to call it in results.
        model: as in `locany.load`; None is the bundled model.
    """
    folder = find_checkpoint(model, allow_download=False)
    return Shape(name, load_config(folder), Tokenizer.from_folder(folder).vocab, folder)


def build(shape: Shape, device: torch.device, dtype: torch.dtype, seed: int = 0) -> LocateModel:
    """The model, ready to run. Equal seeds give equal random weights, up to rounding to `dtype`."""
    if shape.folder is not None:
        return load_model(shape.folder, device=device, dtype=dtype)
    with torch.device("meta"):
        model = LocateModel(shape.config).to(dtype)
    model = model.to_empty(device=device)
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(
                torch.empty(parameter.shape, device=device).normal_(mean, _STD, generator=generator)
            )
    return model.requires_grad_(False).eval()


def noise_image(config: VisionConfig, grid_hw: tuple[int, int], seed: int) -> ImageInput:
    """An image of noise, as the encoder eats it; equal seeds give equal images."""
    rng = np.random.default_rng((_STREAM, _VERSION, 0, seed))
    size = (grid_hw[0] * grid_hw[1], 3, config.patch_size, config.patch_size)
    return ImageInput(rng.uniform(-1, 1, size).astype(np.float32), grid_hw)


def prompt_about(shape: Shape, image: ImageInput, question: int, num_more: int = 0) -> list[int]:
    """A prompt with one image, as long as a published one and `num_more` words longer.

    Questions of different numbers differ behind the image only. The further words stand before the image, in
    the part that is prefilled as a prompt with a large image is.
    """
    vocab = shape.vocab
    num_visual = len(image.pixel_values) // shape.config.vision.merge_size**2
    rng = np.random.default_rng((_STREAM, _VERSION, 1, question))
    more = np.random.default_rng((_STREAM, _VERSION, 2)).integers(0, _WORDS, num_more).tolist()
    before = [vocab.turn, *range(TOKENS_BEFORE_IMAGE - 2), *more, vocab.image]
    asked = rng.integers(0, _WORDS, PROMPT_TOKENS - TOKENS_BEFORE_IMAGE - 2).tolist()
    return [*before, *[vocab.image_token] * num_visual, vocab.image_end, *asked, vocab.turn]


def grid_of_side(side: int, config: VisionConfig) -> tuple[int, int]:
    """The grid, in patches, of a square image of so many pixels a side, rounded up to whole visual tokens."""
    cell = config.patch_size * config.merge_size
    patches = -(-side // cell) * config.merge_size
    return patches, patches


def _published_layout(size: int, none: int) -> Vocab:
    """Ids of a vocabulary whose last tokens are the published added ones, in the published order."""
    added = added_tokens()
    first = size - len(added)
    ids = {token: first + number for number, token in enumerate(added)}
    return Vocab(
        size=size,
        box=ids["<box>"],
        box_end=ids["</box>"],
        ref=ids["<ref>"],
        ref_end=ids["</ref>"],
        coord_start=ids["<0>"],
        coord_end=ids["<1000>"],
        none=none,
        none_ids=frozenset({none}),
        null=ids["<null>"],
        mask=ids["<text_mask>"],
        end=ids["<|im_end|>"],
        turn=ids["<|im_start|>"],
        pad=ids["<|endoftext|>"],
        image=ids["<img>"],
        image_end=ids["</img>"],
        image_token=ids["<IMG_CONTEXT>"],
        separator=ids["</c>"],
        block_size=6,
    )


def _vision(hidden: int, inner: int, layers: int, heads: int) -> VisionConfig:
    return VisionConfig(hidden, inner, layers, heads, 14, 2, (64, 64))


def _text(vocab: int, hidden: int, inner: int, layers: int, heads: int, kv_heads: int) -> TextConfig:
    return TextConfig(
        vocab_size=vocab,
        hidden_size=hidden,
        intermediate_size=inner,
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=kv_heads,
        rms_norm_eps=1e-6,
        rope_theta=1e6,
        max_positions=32768,
        block_size=6,
        causal_attn=False,
    )


_SIZES = {  # vision, text, the id of the word None
    "mid": (_vision(384, 1536, 8, 6), _text(8192, 512, 1408, 8, 8, 2), 400),
    "3b": (_vision(1152, 4304, 27, 16), _text(152681, 2048, 11008, 36, 16, 2), 4064),
}
