"""A locany-mini of 19 M parameters, for half an hour of one large GPU with 16 CPU cores. Not trained so far.

    python scripts/device/prepare_mini.py        (where the browser, the fonts and the icon sets are)
    python scripts/device/train_mini.py ...      (where the GPU is; scripts/device/README.md)

Icons and signs are rendered as they are learnt from, pages come from shards. `travel` is the folder that
prepare_mini.py makes, with the vocabulary.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from locany.codec.tokenizer import Tokenizer
from locany.codec.vocab import Vocab
from locany.data.answers import AnswerConfig
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.errors import DataError
from locany.model.config import LocateConfig, TextConfig, VisionConfig
from locany.synth.documents import DocumentsConfig
from locany.synth.gui import GuiConfig
from locany.synth.icons import IconsConfig
from locany.synth.scene_text import SceneTextConfig
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered, Stored
from locany.train.vocabulary import make_vocabulary

MINI = runpy.run_path(str(Path(__file__).with_name("mini.py")))
NAMES = runpy.run_path(str(Path(__file__).with_name("mini_names.py")))  # what icons taught: docs/log.md

SIDE = 560  # pixels: an image of more than the area of SIDE x SIDE is shrunk to it
LATIN = (("latin", 1.0),)
NUM_TOKENS = 4600  # of the vocabulary, without the added ones
PAGES = 0.34  # share of the samples that are screens and documents
BUDGET = 1536  # positions of a pack

ICONS = IconsConfig.rich(
    icon_sets=NAMES["ICON_SETS"],
    side=(196, 616),
    num_patches=(256, 1100),
    sprite_side=(22, 116),
    forms=MINI["ICONS"].forms,
    max_categories=4,
)
CROWDS = replace(NAMES["CROWDS"], side=(308, 448), num_patches=(400, 1024), max_kinds=24, num_questions=8)
SCENE_TEXT = SceneTextConfig(
    scripts=LATIN, side=(196, 616), num_patches=(256, 1060), num_words=(1, 48), text_height=(7, 64)
)
DOCUMENTS = DocumentsConfig(
    languages=(("en", 0.82), ("de", 0.06), ("fr", 0.06), ("es", 0.06)),
    side=(392, 560),
    density=(0.0, 0.6),
    scan_rate=0.4,
    max_text=32,
    text_unit="line",
    mixed_rate=0.5,  # templates alone teach where things stand on them (docs/log.md)
)
_WIDE = ((560, 560), (448, 672), (672, 448), (420, 728), (728, 420))
GUI = GuiConfig(
    viewports=(*((size, 1.0) for size in MINI["VIEWPORTS"]), *((size, 0.5) for size in _WIDE)),
    scales=((1.0, 1.0),),
    languages=(("en", 0.88), ("de", 0.04), ("fr", 0.04), ("es", 0.04)),
    mixed_rate=0.4,
    random_words_rate=0.55,
    free_look_rate=0.5,
)
# (engine, what it draws, share of the samples, samples that the vocabulary is made from)
RENDERED = (
    ("icons", MINI["EMOJI"], 0.06, 0),
    ("icons", ICONS, 0.3, 1500),
    ("icons", CROWDS, 0.06, 0),
    ("scene_text", SCENE_TEXT, 0.24, 600),
)
FROM_BROWSER = (("documents", DOCUMENTS, PAGES / 2, 150), ("gui", GUI, PAGES / 2, 300))


def shape(ids: Vocab) -> LocateConfig:
    """The model."""
    return LocateConfig(
        vision=VisionConfig(
            hidden_size=256,
            intermediate_size=1024,
            num_layers=8,
            num_heads=4,
            patch_size=14,
            merge_size=2,
            position_table_hw=(SIDE // 14, SIDE // 14),
        ),
        text=TextConfig(
            vocab_size=ids.size,
            hidden_size=384,
            intermediate_size=1024,
            num_layers=6,
            num_heads=6,
            num_kv_heads=6,
            rms_norm_eps=1e-6,
            rope_theta=10000.0,
            max_positions=4096,
            block_size=6,
            causal_attn=False,
        ),
        image_token_id=ids.image_token,
    )


def tiny_shape(ids: Vocab) -> LocateConfig:
    """A model to try the way out on a CPU."""
    vision = VisionConfig(64, 128, 2, 1, 14, 2, (40, 40))
    text = TextConfig(ids.size, 64, 128, 4, 2, 1, 1e-6, 10000.0, 4096, 6, False)
    return LocateConfig(vision=vision, text=text, image_token_id=ids.image_token)


def tokenizer_folder(travel: str = "build/mini/work") -> Path:
    """Where the vocabulary of a preparation lies."""
    return Path(travel) / "base" / "tokenizer"


def make_tokenizer(folder: Path) -> LocateConfig:
    """The vocabulary, made where it is missing, and the model that fits it."""
    return make_vocabulary(folder, corpus, NUM_TOKENS, shape, (SIDE // 14) ** 2)


def corpus() -> Iterator[str]:
    """What the vocabulary is made from."""
    yield from MINI["corpus"]((*RENDERED, *FROM_BROWSER))
    yield from NAMES["whole_names"]()


def page_folders(travel: str) -> list[Path]:
    """The parts that have come, each a folder of shards."""
    return sorted(path.parent for path in Path(travel).glob("pages-*/*/manifest.json"))


def recipe(out: str = "runs/mini_gpu", travel: str = "build/mini/work", size: str = "mini") -> TrainConfig:
    """Everything that decides the run.

    Args:
        out: run folder.
        travel: folder where `prepare_mini.py` works, or its parts unpacked; documents and screens in equal
            parts of `PAGES`.
        size: "mini", or "tiny" to try it.
    """
    folder = tokenizer_folder(travel)
    if not (folder / "config.json").is_file():
        raise DataError(f"{folder} holds no vocabulary; run scripts/device/prepare_mini.py first")
    model = make_tokenizer(folder)
    if size == "tiny":
        model = tiny_shape(Tokenizer.from_folder(folder).vocab)
    found = page_folders(travel)
    kinds = {kind: [path for path in found if path.name == kind] for kind, *_ in FROM_BROWSER}
    pages = tuple(
        Stored(str(path), weight=share / len(kinds[kind]))
        for kind, _, share, _ in FROM_BROWSER
        for path in kinds[kind]
    )
    return TrainConfig(
        model=model,
        tokenizer=str(folder),
        out=out,
        data=DataConfig(
            (*(Rendered(name, config, weight) for name, config, weight, _ in RENDERED), *pages),
            answers=AnswerConfig(max_targets=32, max_questions=12),
            curriculum=120_000,
            easiest=0.3,
        ),
        # One shape of rows: the budget. Lanes divide among 15, 12, 10, 6, 4, 3, 2 or 1 workers.
        stream=StreamConfig(PackConfig(BUDGET, buffer_size=16), num_lanes=60, multiple=BUDGET),
        rows=96,
        num_workers=15,
        device="cuda",
        compile=True,
        steps=40_000,
        dense_steps=200,
        save_every=1_000,
        optim=OptimConfig(muon_lr=4e-3, adam_lr=2e-3, warmup_steps=150, decay_share=0.001),
        loss=LossConfig(dense_name=2.0, sigma_start=8.0, sigma_end=3.0, sigma_steps=2500),
    )
