"""What the docs say about the code is true of the code."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.scripts import load_script

ROOT = Path(__file__).resolve().parents[2]


def test_architecture_lists_every_file() -> None:
    architecture = load_script("scripts/make_architecture.py")
    assert architecture.PAGE.read_text() == architecture.page(), "run python scripts/make_architecture.py"
    for path in (ROOT / "locany").rglob("*.py"):
        assert architecture.first_line(path), f"{path.relative_to(ROOT)} does not say what it is"


def test_commands_of_the_readme_exist() -> None:
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"`?make ([a-z]+(?:-[a-z]+)*)", readme))
    assert {"demo", "test", "check", "bench", "parity"} <= targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert not re.search(r"@[A-Z]+@", readme), "a number was left open"
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme):
        assert (ROOT / path).is_file(), f"the README shows {path}, which is not there"
    for path in re.findall(r"`((?:docs|recipes|locany|scripts)/[\w./-]+)`", readme):
        assert (ROOT / path).exists(), f"the README names {path}, which is not there"
