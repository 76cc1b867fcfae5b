"""Looking closer from the command line: tiles, zoom, refine, parallel categories; findings as they come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli_fixtures import Cli, needs_checkpoint, write_picture

pytestmark = needs_checkpoint


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "wide.png", left=140, size_wh=(224, 84))


def test_options_reach_the_answer(cli: Cli, wide: Path) -> None:
    told = cli("detect", wide, "red square", "sun", "--json", "--tiles", "2x1", "--overlap", "0", "--refine")
    assert (told.code, told.err) == (0, "")
    [found] = told.document["detections"][:1]
    assert found["box"] == pytest.approx([140, 28, 168, 56], abs=0.3)
    settings = told.document["settings"]
    assert (settings["tiles"], settings["overlap"], settings["refine"]) == ([2, 1], 0, True)
    assert "zoom" not in settings
    assert told.document["stats"]["num_requests"] == 3
    alone = cli("detect", wide, "sun", "--json", "--tiles", "2x1", "--no-whole-image")
    assert alone.document["stats"]["num_requests"] == 2


def test_zoom_and_categories_side_by_side(cli: Cli, wide: Path) -> None:
    told = cli("detect", wide, "red square", "sun", "dog", "--json", "--parallel-categories", "--zoom")
    assert told.code == 0
    assert told.document["stats"]["num_requests"] >= 3
    assert told.document["settings"]["parallel_categories"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["text", "PICTURE", "--parallel-categories"], "parallel_categories is for questions about several"),
        (["detect", "PICTURE", "a", "--tiles", "many"], "tiles is 'many', expected 'auto'"),
        (["detect", "PICTURE", "a", "--tiles", "0x4"], "tiles is '0x4'"),
        (["detect", "PICTURE", "a", "--overlap", "0.9"], "overlap is 0.9, expected a number from 0 to 0.5"),
        (["detect", "PICTURE", "a", "--stream", "--json"], "leave out --json and --out, or --stream"),
        (["detect", "PICTURE", "a", "--stream", "--out", "x.png"], "leave out --json and --out"),
        (["detect", "PICTURE", "a", "--stream", "--tiles", "auto"], "leave out --tiles and --zoom"),
    ],
)
def test_wrong_options_are_refused_before_the_model_is_loaded(
    cli: Cli, wide: Path, arguments: list[str], words: str
) -> None:
    told = cli(*(wide if word == "PICTURE" else word for word in arguments), "--model", "gone", model=False)
    assert told.code == 2
    assert words in told.err


def test_findings_as_they_come(cli: Cli, wide: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "c.png"):
        write_picture(folder / name)
    (folder / "b.png").write_bytes(b"no image")
    told = cli("ground", folder, "red square", "--stream")
    assert told.code == 1
    assert "b.png" in told.err
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert [Path(line["image"]).name for line in lines] == ["a.png", "a.png", "b.png", "c.png", "c.png"]
    found, closing = [lines[0], lines[3]], [lines[1], lines[2], lines[4]]
    for line in found:
        assert list(line) == ["image", "label", "box", "score", "provenance"]
        assert line["box"] == pytest.approx([28, 28, 56, 56], abs=0.3)
    for line in (closing[0], closing[2]):
        facts = {"done": True, "num": 1, "absent": [], "unanswered": [], "truncated": False}
        assert line == {"image": line["image"], **facts}
    assert list(closing[1]) == ["image", "done", "num", "error", "type"]
    assert (closing[1]["num"], closing[1]["type"]) == (0, "ImageLoadError")
    assert closing[1]["error"] in told.err
    whole = cli("ground", folder / "a.png", "red square", "--json").document["detections"]
    assert [{"image": str(folder / "a.png"), **one} for one in whole] == found[:1]
    [hidden] = cli("ground", folder / "a.png", "red square", "--stream", "--min-score", "1").out.splitlines()
    assert json.loads(hidden)["num"] == 0
    points = cli("point", folder / "a.png", "red square", "--stream").out.splitlines()
    assert len(json.loads(points[0])["point"]) == 2


@pytest.mark.parametrize(
    "more", [[], ["--max-boxes", "1"], ["--parallel-categories"], ["--max-new-tokens", "9"]]
)
def test_a_stream_says_at_its_end_what_a_document_says(cli: Cli, wide: Path, more: list[str]) -> None:
    names = ("red square", "sun", "dog", "blue circle")
    told = cli("detect", wide, *names, "--stream", *more)
    *lines, last = map(json.loads, told.out.splitlines())
    document = cli("detect", wide, *names, "--json", *more).document
    assert last["num"] == len(lines) == len(document["detections"])
    for name in ("absent", "unanswered", "truncated"):
        assert last[name] == document[name], name
    assert {*last["absent"], *last["unanswered"], *(line["label"] for line in lines)} >= set(names)
