"""docs/results.md: a script fills it, and what it shows is what was committed."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.scripts import load_script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("scripts/make_results.py")


def test_tables_go_between_their_markers_and_nothing_else_changes(script: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- home -->\nold\n<!-- end of home -->\nb\n")
    script.fill(page, {"home": "| new |"})
    script.fill(page, {"home": "| new |"})
    assert page.read_text() == "a\n<!-- home -->\n\n| new |\n\n<!-- end of home -->\nb\n"
    with pytest.raises(SystemExit, match=r"lacks the markers <!-- ablation -->"):
        script.fill(page, {"ablation": ""})


def test_the_page_has_tables_and_pictures() -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for name in ("home", "ablation"):
        table = text.partition(f"<!-- {name} -->")[2].partition(f"<!-- end of {name} -->")[0]
        assert table.count("\n|") > 10, f"the tables of {name} are missing"
    for picture in ("ablation.png", "calibration.png", "home_best.jpg", "home_worst.jpg"):
        assert f"(results/{picture})" in text
        assert (ROOT / "docs" / "results" / picture).stat().st_size > 10_000


def test_numbers_name_no_folder_of_a_machine() -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("home_*.json"))
    assert files
    for file in files:
        document = json.loads(file.read_text(encoding="utf-8"))
        assert set(document) == {"fast", "hybrid", "verified", "slow"}
        for mode, run in document.items():
            assert run["config"]["settings"]["mode"] == mode
            assert "/" not in json.dumps(run["config"])
