"""Tenth stage of locany-mini: larger pictures, and pages as others write them.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_large.py out=runs/mini_large compile=true
        begin=runs/mini_text/model begin_heads=runs/mini_text/heads.safetensors

Before, an image of more than 1,024 patches was shrunk: a screen of 800 x 600 to 0.64 of its size, one of
1280 x 800 to 0.44, its letters to five pixels. Fields stood below their labels, links apart from text.
"""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path

from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.files import write_whole
from locany.train.config import TrainConfig
from locany.train.sources import Rendered

FIRST_SEED = 130_000_000  # beyond those of the stages before
MAX_PATCHES = 2500  # a screen of 800 x 600 is seen as it is
TEXT = runpy.run_path(str(Path(__file__).with_name("mini_text.py")))
WIDE, ICONS, SIGNS, DOCUMENTS = (TEXT[name] for name in ("WIDE", "ICONS", "SIGNS", "DOCUMENTS"))
_SCREENS = (
    ((420, 800), 0.5),
    ((600, 800), 1.0),
    ((640, 480), 1.0),
    ((800, 600), 3.0),
    ((1024, 768), 1.5),
    ((1280, 720), 1.0),
    ((1280, 800), 1.0),
    ((1920, 1080), 0.5),
)

LARGER_ICONS = replace(
    ICONS, side=(504, 700), num_patches=(1030, 2450), sprite_side=(24, 230), max_objects=18
)
LARGER_SIGNS = replace(SIGNS, side=(532, 756), num_patches=(1030, 2450), text_height=(8, 110))
LARGER_DOCUMENTS = replace(DOCUMENTS, side=(560, 1100), density=(0.2, 1.0))
GUI = replace(TEXT["GUI"], beside_rate=0.25, link_rate=0.5)
LARGER_GUI = replace(GUI, viewports=_SCREENS, scales=((1.0, 1.0),))
# (engine, what it draws, share of the samples)
SOURCES = (
    ("icons", WIDE["EMOJI"], 0.07),
    ("icons", ICONS, 0.19),
    ("icons", TEXT["CROWDS"], 0.04),
    ("icons", LARGER_ICONS, 0.04),
    ("scene_text", WIDE["MINI"]["SCENE_TEXT"], 0.04),
    ("scene_text", SIGNS, 0.10),
    ("scene_text", LARGER_SIGNS, 0.03),
    ("documents", DOCUMENTS, 0.15),
    ("documents", LARGER_DOCUMENTS, 0.06),
    ("gui", GUI, 0.16),
    ("gui", LARGER_GUI, 0.12),
)


def recipe(out: str = "runs/mini_large") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini_names.py`."""
    text: TrainConfig = TEXT["recipe"](out)
    _set_limit(Path(out) / "tokenizer" / "preprocessor_config.json")
    return replace(
        text,
        data=replace(
            text.data,
            sources=tuple(Rendered(name, config, share, FIRST_SEED) for name, config, share in SOURCES),
        ),
        stream=StreamConfig(PackConfig(2048, buffer_size=12), num_lanes=4),
        rows=4,
        seed=10,
        steps=1250,
    )


def _set_limit(path: Path) -> None:
    """Let the preprocessing of the stages before keep larger images."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    if fields["in_token_limit"] != MAX_PATCHES:
        write_whole(path, (json.dumps({**fields, "in_token_limit": MAX_PATCHES}, indent=2) + "\n").encode())
