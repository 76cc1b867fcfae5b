"""The ablation study: its recipe, what is measured, and the tables and pictures that are made of it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from locany.codec.formulation import Formulation
from locany.codec.places import read_place
from locany.engine.modes import DECODES
from locany.errors import DataError
from locany.eval.ablation import PREFIX_SCORES, measure
from locany.eval.ablation_plots import draw
from locany.eval.ablation_report import (
    RESULT,
    SCALING,
    TABLES,
    lines_of,
    markdown,
    mean_and_spread,
    read_results,
)
from locany.eval.scaling import in_formulation, measure_scaling, untrained
from locany.eval.scripted import script
from locany.eval.shapes import shape_named
from locany.locator import load
from locany.train.recipe import load_recipe
from tests.unit.squares import render

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "recipes" / "ablation" / "study.py"
ROWS = runpy.run_path(str(STUDY))["ROWS"]


def result(row: str, seed: int, f1: float) -> dict[str, Any]:
    """What a run of the study writes."""
    formulation = ROWS[row].formulation
    modes = []
    for mode in DECODES[formulation]:
        scores = PREFIX_SCORES if (formulation, mode.value) == (Formulation.FIXED, "fast") else (None,)
        for score in scores:
            numbers = {f"{n}@{t}": f1 for n in ("precision", "recall", "f1") for t in ("0.5", "0.95", "mean")}
            counts = {"boxes": 100, "right": 50, "steps": 250, "cpu_seconds": 2.0, "questions": 9}
            modes.append({"mode": mode.value, "prefix_score": score, **numbers, **counts})
    facts = {"images": 3, "steps": 600, "version": "0", "torch": "2"}
    return {"row": row, "seed": seed, "formulation": formulation.value, "modes": modes, **facts}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A whole study with two seeds, F1 0.4 and 0.5 everywhere."""
    for row in ROWS:
        for seed in (0, 1):
            folder = tmp_path / f"{row}-{seed}"
            folder.mkdir()
            (folder / RESULT).write_text(json.dumps(result(row, seed, 0.4 + 0.1 * seed)))
    return tmp_path


def test_every_row_has_a_recipe_that_differs_as_it_says(tmp_path: Path) -> None:
    configs = {row: load_recipe(STUDY, [f"row={row}", "seed=2", f"out={tmp_path / row}"]) for row in ROWS}
    for row, config in configs.items():
        told = json.loads((tmp_path / row / "tokenizer" / "config.json").read_text())
        assert told.get("formulation", "parallel") == ROWS[row].formulation.value
        assert config.seed == config.data.seed == config.stream.seed == 2
        assert config.stream.order is ROWS[row].order
    for same in ("steps", "rows", "optim"):
        assert len({repr(getattr(config, same)) for config in configs.values()}) == 1


def test_a_wrong_row_is_refused() -> None:
    with pytest.raises(DataError, match="row=triangles is not in the study; its rows are parallel, tokens"):
        load_recipe(STUDY, ["row=triangles"])


def test_every_case_of_the_tables_is_measured(study: Path) -> None:
    results = read_results(study)
    for table in TABLES:
        for case in table.cases:
            assert len(lines_of(results, case)) == 2, case


def test_the_tables_show_mean_spread_and_the_paper(study: Path) -> None:
    (study / SCALING).write_text(
        json.dumps(
            {"boxes": [20, 300], "lines": [{"title": "fast", "boxes_per_s": [9.6, 20]}], "what": "how"}
        )
    )
    text = markdown(study)
    for key in "abcde":
        assert f"### ({key})" in text
    line = next(line for line in text.splitlines() if line.startswith("| digits as text"))
    assert line.split("|")[2:10] == [
        *(" 45.0 ± 5.0 ",) * 4,
        " 50.0 ± 0.0 ",
        " 2.50 ± 0.00 ",
        " 1.3 ",
        " 49.1 ",
    ]
    assert "| fast | 10 | 20 |" in text


def test_a_folder_without_runs_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no measured run.*scripts/run_ablation.py"):
        markdown(tmp_path)


def test_spread_is_half_of_the_range() -> None:
    assert mean_and_spread([1.0, 2.0, 6.0]) == (3.0, 2.5)


def test_the_picture_is_drawn(study: Path) -> None:
    logs = {"parallel-0": [{"step": 50, "block_acc": 0.2}, {"step": 100, "block_acc": 0.6}], "tokens-0": []}
    draw(study, logs, study / "study.png")
    assert (study / "study.png").read_bytes().startswith(b"\x89PNG")


def test_a_checkpoint_is_measured_in_all_its_modes(checkpoint: Path) -> None:
    locator = load(checkpoint, device="cpu", dtype="float32")
    lines = measure(locator, [render(0)])
    assert [line["mode"] for line in lines] == [mode.value for mode in DECODES[Formulation.PARALLEL]]
    for line in lines:
        assert line["questions"] == len(render(0).questions)
        assert 0 <= line["f1@0.95"] <= line["f1@mean"] <= line["f1@0.5"] <= 1
        assert line["steps"] <= line["tokens"] + line["questions"]


def test_scripts_are_written_in_every_formulation() -> None:
    vocab = shape_named("mid").vocab
    for formulation in Formulation:
        written = in_formulation(vocab, formulation)
        answer = script(written, 3)
        opened = [i for i, token in enumerate(answer.tokens) if token == written.box]
        inside = [answer.tokens[i + 1 : answer.tokens.index(written.box_end, i)] for i in opened]
        boxes = [read_place(written, tokens) for tokens in inside]
        assert boxes == [read_place(vocab, t) for t in _insides(script(vocab, 3).tokens, vocab)]


def _insides(tokens: tuple[int, ...], vocab: Any) -> list[tuple[int, ...]]:
    starts = [i for i, token in enumerate(tokens) if token == vocab.box]
    return [tokens[i + 1 : tokens.index(vocab.box_end, i)] for i in starts]


def test_throughput_is_measured_for_every_way() -> None:
    document = measure_scaling(untrained(shape_named("bundled")), boxes=(2, 3), rounds=1)
    assert document["boxes"] == [2, 3]
    assert all(len(line["boxes_per_s"]) == 2 and min(line["boxes_per_s"]) > 0 for line in document["lines"])
