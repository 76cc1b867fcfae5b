"""What is held out is never trained on: every recipe for training, and what engines say they used."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import locany
from locany.errors import DataError
from locany.pipeline.config import RenderSource, config_of, find_engine, load_recipe
from locany.synth.renderer import ENGINES, engine
from locany.synth.splits import HELD_OUT, SPLITS, in_split
from tests.unit.scripts import load_script

BUNDLED_FOLDER = Path(locany.__file__).parent / "assets" / "locany-mini"
RECIPES = Path(__file__).parents[2] / "recipes"
# Data that nothing is trained on; that is the user's own; that is prepared first, tested with its scripts.
OTHERS = {"finetune.py", "held_out.py", "lora.py", "mini_gpu.py"}
PROVENANCE = {  # kind: where provenance names what was used
    "fonts": "fonts",
    "icon_sets": "icon_sets",
    "toolkits": "toolkit",
    "gui_templates": "template",
    "document_templates": "template",
}


def rendered(path: Path, tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """Engine and config of everything that a recipe renders."""
    if path.parent.name == "data":
        for source in load_recipe(path).sources:
            if isinstance(source, RenderSource):
                yield source.engine, config_of(source)
    else:
        from locany.train.sources import Rendered

        if path.stem.startswith("mini"):  # their vocabulary is made from rendered pages, which takes minutes
            shutil.copytree(BUNDLED_FOLDER, tmp_path / "run" / "tokenizer")
        for source in load_script(path).recipe(out=str(tmp_path / "run")).data.sources:
            if isinstance(source, Rendered):
                yield source.engine, source.config or engine(source.engine).Config()


def held_out_names(used: dict[str, Any]) -> set[str]:
    return {name for kind, names in used.items() for name in names if name in HELD_OUT[kind]}


@pytest.mark.parametrize(
    "path", [p for p in sorted(RECIPES.rglob("*.py")) if p.name not in OTHERS], ids=lambda p: p.stem
)
@pytest.mark.usefixtures("needs_render")
def test_no_training_recipe_uses_what_is_held_out(path: Path, tmp_path: Path) -> None:
    found = list(rendered(path, tmp_path))
    assert found
    for name, config in found:
        assert config.split == "train", f"{path.name}: {name}"
        assert held_out_names(dict(engine(name).names_used(config))) == set()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.usefixtures("needs_render")
def test_what_an_engine_used_is_what_it_may_use(name: str) -> None:
    module = engine(name)
    for split in SPLITS:
        config = module.Config(split=split)
        allowed = module.names_used(config)
        if split == "held-out":
            assert held_out_names(dict(allowed)), f"{name} has nothing held out"
        for seed in range(700_000, 700_003):
            provenance = module.render(seed, config).provenance
            for kind, names in allowed.items():
                used = provenance.get(PROVENANCE[kind], ())
                used = {used} if isinstance(used, str) else set(used)
                if kind == "fonts":  # some engines add the weight to a family
                    used = {re.sub(r"-\d00$", "", name) for name in used}
                assert used <= set(names), f"{name} {split} {seed}: {kind}"
                if split == "train":
                    assert not used & HELD_OUT[kind]


def test_a_split_divides() -> None:
    names = ("inter", "lato", "roboto", "poppins")
    parts = [in_split("fonts", names, split) for split in SPLITS]
    assert parts == [("inter", "roboto"), ("lato", "poppins")]
    with pytest.raises(DataError, match="no split 'test'; the splits are train, held-out"):
        in_split("fonts", names, "test")


def test_a_config_of_another_engine_is_refused() -> None:
    with pytest.raises(DataError, match="takes a"):
        find_engine(RenderSource("icons", 1, config=object()))
