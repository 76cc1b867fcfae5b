"""What the docs say about the code is true of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from locany.results import Detection, Detections
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
    for path in re.findall(r"\[[^\]]*\]\(([^)]+)\)", readme):
        assert (ROOT / path).is_file(), f"the README links to {path}, which is not there"
    for path in re.findall(r"`((?:docs|recipes|locany|scripts)/[\w./-]+)`", readme):
        assert (ROOT / path).exists(), f"the README names {path}, which is not there"


def test_the_page_of_answers_has_every_field_and_method() -> None:
    page = (ROOT / "docs" / "answers.md").read_text()
    [text] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    document = json.loads(text)
    found = Detections.from_dict(document)
    assert found.to_dict() == {name: value for name, value in document.items() if name != "settings"}

    rows = [
        line.partition("|")[2].partition(" | ")[0] for line in page.splitlines() if line.startswith("| `")
    ]
    named = set(re.findall(r"`([a-z_]+)", " ".join(rows)))
    assert named >= {*document, *document["stats"], *document["detections"][0], "point", "error", "type"}
    public = {name for name in vars(Detections) if not name.startswith("_")}
    fields = set(Detections.__dataclass_fields__)
    assert public - fields <= named, "the table of methods is not complete"
    rest = page.partition("## In Python")[2]
    assert fields - set(document) <= set(re.findall(r"[a-z_]+", rest)), "nor are the attributes"
    assert set(Detection.__dataclass_fields__) | {"point"} <= set(re.findall(r"[a-z_]+", rest))


def test_what_the_page_says_of_places() -> None:
    document = json.loads(
        re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "answers.md").read_text(), re.DOTALL)[0]
    )
    bins = [float(n) for n in re.findall(r"<(\d+)>", document["answer"])]
    width, height = document["size"]
    box = np.array(bins) * [width, height, width, height] / 1000
    np.testing.assert_allclose(box, document["detections"][0]["box"], rtol=1e-6)
