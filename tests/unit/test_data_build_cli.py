"""`locany data build`, `stats` and `show`, as a newcomer meets them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from locany.cli.main import run
from locany.data.shards import write_shard
from tests.unit import squares
from tests.unit.cli_fixtures import Cli
from tests.unit.processes import wait_until, wait_until_group_ended

ROOT = Path(__file__).resolve().parents[2]

_RECIPE = """
from locany.pipeline.config import BuildConfig, RenderSource
from tests.unit.squares import Config

def recipe():
    source = RenderSource("tests.unit.squares", 60, Config(blank_every=10, seconds={seconds}))
    return BuildConfig((source,), shard_size=25)
"""


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def write_recipe(folder: Path, seconds: float = 0.0) -> Path:
    path = folder / "few.py"
    path.write_text(_RECIPE.format(seconds=seconds))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_shard(folder / "shard-00000.tar", [(f"{i:09}", squares.render(i)) for i in range(12)])
    return folder


def test_build_says_what_it_did(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = cli("data", "build", write_recipe(tmp_path), "--out", out, "--workers", 1, model=False)
    assert done.code == 0, done.err
    first, source, drop = done.out.splitlines()
    assert first.startswith(f"{out}: 54 samples, 108 questions, ")
    assert first.endswith("in 3 shards")
    assert source.split() == ["squares", "54", "of", "60"]
    assert drop.strip() == "dropped 6: blank image (NotBlank)"
    assert "making 60 samples" in done.err
    assert "writing shards" in done.err
    again = cli("data", "build", write_recipe(tmp_path), "--out", out, model=False)
    assert again.out == done.out
    assert "complete already" in again.err
    other = cli("data", "build", write_recipe(tmp_path), "--out", out, "--limit", 5, model=False)
    assert other.code == 1
    assert "belongs to another build: recipe.samples was 60, now 5" in other.err


def test_build_refuses_what_is_no_recipe(cli: Cli, tmp_path: Path) -> None:
    done = cli("data", "build", tmp_path / "none.py", "--out", tmp_path / "out", model=False)
    assert done.code == 1
    assert "no recipe at" in done.err
    assert not (tmp_path / "out").exists()
    assert cli("data", "build", write_recipe(tmp_path), model=False).code == 2  # no --out
    wrong = cli("data", "build", write_recipe(tmp_path), "-o", tmp_path / "o", "--workers", 0, model=False)
    assert wrong.code == 2


def test_ctrl_c_ends_cleanly(tmp_path: Path) -> None:
    """As from a terminal: every process of the group gets the signal. Nothing lives on, the rest is kept."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "locany", "data", "build", write_recipe(tmp_path, 0.5), "--out", out]
    process = subprocess.Popen(
        [*command, "--workers", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        # Whoever runs the tests behind a shell's & ignores the signal, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: any((out / "parts").glob("*.tar.json")), process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; what is finished stays in" in err
    assert "Traceback" not in err
    wait_until_group_ended(process)
    assert list((out / "parts").glob("*.tar.json"))


def test_stats(cli: Cli, data: Path) -> None:
    done = cli("data", "stats", data, model=False)
    assert done.code == 0, done.err
    assert re.search(r"^12 samples, 24 questions, \d+ targets, \d+\.\d% of the questions negative", done.out)
    assert re.search(r"^detect +12 ", done.out, re.MULTILINE)
    assert re.search(r"^targets per question +\d", done.out, re.MULTILINE)
    stats = json.loads((data / "stats" / "stats.json").read_bytes())
    assert stats["sources"]["squares"]["samples"] == 12
    assert Image.open(data / "stats" / "plots.png").size[0] > 1000
    assert Image.open(data / "stats" / "sheet.jpg").size[0] > 1000
    elsewhere = cli(
        "data", "stats", data / "shard-00000.tar", "--out", data.parent / "s", "--sheet", 2, model=False
    )
    assert elsewhere.code == 0
    assert sorted(path.name for path in (data.parent / "s").iterdir()) == [
        "plots.png",
        "sheet.jpg",
        "stats.json",
    ]


def test_show(cli: Cli, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "look"
    done = cli("data", "show", data, "--out", out, "--count", 3, model=False)
    assert done.code == 0, done.err
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", "000004.png", "000008.png"]
    assert "renderer squares, seed 4" in done.out
    assert done.out.count("detect") == 3
    one = cli("data", "show", data, "--out", out, "--index", 5, "--question", 2, model=False)
    assert one.code == 0
    assert "ground" in one.out
    assert "detect" not in one.out
    assert (out / "000005-2.png").is_file()
    for wrong in (("--index", 12), ("--question", 1), ("--index", 0, "--question", 3), ("--count", 0)):
        assert cli("data", "show", data, "--out", out, *wrong, model=False).code == 2, wrong


def test_no_data_there(cli: Cli, tmp_path: Path) -> None:
    for command in ("stats", "show"):
        done = cli("data", command, tmp_path / "nothing", model=False)
        assert done.code == 1
        assert "nothing" in done.err


def test_a_place_that_cannot_be_written_to_is_said(cli: Cli, tmp_path: Path, data: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for words in (("build", write_recipe(tmp_path)), ("stats", data), ("show", data)):
        done = cli("data", *words, "--out", taken, model=False)
        assert done.code == 1
        assert "no folder can be made here" in done.err
    (tmp_path / "none.jsonl").touch()
    for command in ("stats", "show"):
        done = cli("data", command, tmp_path / "none.jsonl", model=False)
        assert done.code == 1
        assert "there is no sample in it" in done.err


def test_drops_name_no_folder_of_this_machine(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    Image.effect_noise((60, 40), 90).save(folder / "whole.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:300])
    question = "Locate all the instances that matches the following description: cat."
    answer = "<ref>cat</ref><box><1><2><300><400></box>"
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    lines = [json.dumps({"image": name, "conversations": turns}) for name in ("whole.png", "cut.png")]
    (folder / "x.jsonl").write_text("\n".join(lines))
    recipe = tmp_path / "own.py"
    recipe.write_text(
        "from locany.pipeline.config import *\ndef recipe():\n"
        f"    return BuildConfig((DatasetSource({str(folder / 'x.jsonl')!r}),))\n"
    )
    done = cli("data", "build", recipe, "--out", tmp_path / "out", "--workers", 1, model=False)
    assert done.code == 0, done.err
    drops = (tmp_path / "out" / "drops.jsonl").read_text()
    assert '"detail": "cut.png: ' in drops
    assert str(tmp_path) not in drops


def test_an_engine_may_lie_beside_the_recipe(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "beside_engine.py").write_text("from tests.unit.squares import *\n")
    recipe = tmp_path / "beside.py"
    recipe.write_text(
        "from locany.pipeline.config import *\ndef recipe():\n"
        "    return BuildConfig((RenderSource('beside_engine', 3),))\n"
    )
    done = cli("data", "build", recipe, "--out", tmp_path / "out", "--workers", 1, model=False)
    assert done.code == 0, done.err


def test_images_in_another_folder_can_be_counted_and_drawn(tmp_path: Path) -> None:
    """COCO as it is downloaded: annotations here, images there."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (64, 48), "orange").save(tmp_path / "images" / "a.png")
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 20], "iscrowd": 0}],
    }
    (tmp_path / "set.json").write_text(json.dumps(document))
    root = ["--root", str(tmp_path / "images")]
    path = str(tmp_path / "set.json")
    assert run(["data", "show", path, "--out", str(tmp_path / "shown")]) == 1
    assert run(["data", "show", path, *root, "--out", str(tmp_path / "shown")]) == 0
    assert (tmp_path / "shown" / "000000.png").is_file()
    assert run(["data", "stats", path, *root, "--format", "coco", "--out", str(tmp_path / "stats")]) == 0
    assert (tmp_path / "stats" / "sheet.jpg").is_file()
