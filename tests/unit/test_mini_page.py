"""What mini is measured on, and docs/mini.md: held out, complete, and written by the script."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from locany.pipeline.config import RenderSource, config_of, load_recipe
from locany.tasks import TaskKind
from tests.unit.scripts import load_script

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "examples" / "pages"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("scripts/evaluate_mini.py")


def test_what_is_measured_on_is_held_out(script: ModuleType) -> None:
    sources = load_recipe(ROOT / "recipes" / "data" / "held_out.py").sources
    for source in sources:
        assert isinstance(source, RenderSource)
        assert config_of(source).split == "held-out", source.name
        assert source.first_seed + source.num_samples <= 1_000_000, "training has the seeds above"
    assert {name for line in script.LINES for name in line.sets} <= {source.name for source in sources}
    assert len({line.name for line in script.LINES}) == len(script.LINES)


def test_pages_of_others_are_there_with_their_controls(script: ModuleType) -> None:
    samples = script.read_pages(PAGES)
    notice = (PAGES / "NOTICE.md").read_text(encoding="utf-8")
    assert {path.name for path in PAGES.glob("*.png")} == {s.provenance["source"] for s in samples}
    for sample in samples:
        name = sample.provenance["source"]
        assert f"`{name.rpartition('-')[0]}-*.png`" in notice, f"{name}: source and licence are not named"
        assert sample.pixels().shape[:2] == sample.size_wh[::-1]
        assert {q.task.kind for q in sample.questions} == {TaskKind.GUI, TaskKind.GUI_POINT}
        for question in sample.questions:
            ((x0, y0, x1, y1),) = (target.xyxy for target in question.targets)
            assert 0 <= x0 < x1 <= sample.size_wh[0], question.task.phrase
            assert 0 <= y0 < y1 <= sample.size_wh[1], question.task.phrase
    assert sum(path.stat().st_size for path in PAGES.iterdir()) < 500_000


def result(script: ModuleType) -> dict:
    """A result as `measure` makes it, with numbers that are easy to find again."""
    fact = {"questions": 8, "targets": 9, "f1": 0.25, "precision": 0.5, "recall": 0.125, "accuracy": 0.75,
            "absent": 4, "absent_right": 0.95, "truncated": 1}  # fmt: skip
    lines = {
        mode: {line.name: {**fact, "f1": f1} for line in script.LINES}
        for mode, f1 in (("fast", 0.7), ("hybrid", 0.8), ("slow", 0.9))
    }
    modes = list(lines)
    return {
        "model": "toy", "parameters": 1_500_000, "version": "0", "torch": "2", "device": "cpu",
        "dtype": "float32", "images": 3,
        "questions": 8, "lines": lines, "categories": {mode: {"table": fact} for mode in modes},
        "languages": {mode: {"layout": {"en": fact}} for mode in modes},
        "sets": {mode: {"gui": {"images": 3, "questions": 8, "seconds_an_image": 1.0,
                                "seconds_a_question": 0.375}} for mode in modes},
        "pages": {mode: {"a.png: point": fact, "a.png: box": {**fact, "accuracy": 0.5}} for mode in modes},
        "presence": {"0.5": {"icons and emoji": fact}, "0.8": {"icons and emoji": {**fact, "f1": 0.3}}},
    }  # fmt: skip


def test_tables_say_what_was_measured(script: ModuleType) -> None:
    found = result(script)
    rows = script.goals_table(found).splitlines()
    assert rows[2] == "| icons and emoji | F1 | 8 | 0.700 | **0.800** | **0.900** | 0.75 | +0.200 (!) |"
    assert rows[3].startswith("| icons: absent names answered empty | share | 4 | **0.950** | **0.950** |")
    assert len(rows) == 2 + len(script.LINES)
    assert "| table | 9 | 0.250 | 0.250 | 0.250 |" in script.categories_table(found)
    assert "| `a.png` | 8 | 6 / 4 | 6 / 4 | 6 / 4 |" in script.pages_table(found)
    assert "| layout | 8 | 0.250 | 0 |  |" in script.languages_table(found)
    assert "0.375" in script.costs_table(found)
    assert "| icons and emoji | 0.8 | 0.500 | 0.125 | 0.300 | 0.950 |" in script.presence_table(found)
    found["lines"].pop("slow")
    assert script.goals_table(found).splitlines()[2].endswith("| 0.75 |  |"), "no difference without slow"


def test_the_page_takes_the_tables(script: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "mini.md"
    page.write_bytes(script.PAGE.read_bytes())
    script.write_docs(result(script), page)
    once = page.read_text(encoding="utf-8")
    assert "Model `toy` (1.5 M parameters), 3 images, 8 questions" in once
    script.write_docs(result(script), page)
    assert page.read_text(encoding="utf-8") == once, "written again, the same"
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", once):
        assert (script.PAGE.parent / path).is_file(), f"docs/mini.md shows {path}, which is not there"
