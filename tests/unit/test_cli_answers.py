"""The command line with a model: the tiny golden checkpoint finds a red square."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import locany
from locany.cli.main import run
from locany.results import Detections
from tests.unit.cli_fixtures import CHECKPOINT, Cli, needs_checkpoint, write_picture

pytestmark = needs_checkpoint

SQUARE = pytest.approx([28, 28, 56, 56], abs=0.2)  # the grid of bins is not that of pixels


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "picture.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files; the second is no image."""
    inside = tmp_path / "photos"
    inside.mkdir()
    write_picture(inside / "a.png")
    (inside / "b.png").write_bytes(b"not an image")
    write_picture(inside / "c.png", left=56)
    return inside


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["detect", "SOURCE", "red square", "blue circle"], "detect"),
        (["ground", "SOURCE", "red square"], "ground"),
        (["ground", "SOURCE", "red square", "--single"], "refer"),
        (["point", "SOURCE", "red square"], "point"),
        (["text", "SOURCE"], "text"),
        (["text", "SOURCE", "--find", "red"], "find_text"),
        (["layout", "SOURCE", "table", "figure"], "layout"),
        (["gui", "SOURCE", "red square"], "gui"),
        (["gui", "SOURCE", "red square", "--point"], "gui_point"),
    ],
)
def test_every_command_asks_its_task(cli: Cli, picture: Path, arguments: list[str], kind: str) -> None:
    told = cli(*(picture if word == "SOURCE" else word for word in arguments), "--json")
    assert (told.code, told.err) == (0, "")
    document = told.document
    assert document["task"]["kind"] == kind
    assert document["image"] == str(picture)
    assert document["size"] == [112, 84]
    assert document["settings"]["dtype"] == "float32"
    Detections.from_dict(document)


def test_json_of_one_image(cli: Cli, picture: Path) -> None:
    told = cli("ground", picture, "red square", "--json", "--mode", "slow", "--seed", 3)
    [found] = told.document["detections"]
    assert found["box"] == SQUARE
    assert found["provenance"] == "sequential"
    settings = told.document["settings"]
    assert (settings["mode"], settings["seed"], settings["model"]) == ("slow", 3, str(CHECKPOINT))


def test_text_of_one_image(cli: Cli, picture: Path) -> None:
    told = cli("ground", picture, "red square")
    head, row = told.out.splitlines()
    assert (told.code, told.err) == (0, "")
    assert head.startswith(f"{picture}  112 x 84  1 found  ")
    *label, score, kind, _, _, _, _, decoded = row.split()
    assert (label, kind, decoded) == (["red", "square"], "box", "parallel")
    assert 0 < float(score) <= 1
    assert [float(value) for value in row.split()[-5:-1]] == SQUARE


def test_options_reach_the_engine(cli: Cli, picture: Path) -> None:
    cut = cli("ground", picture, "red square", "--json", "--max-new-tokens", 1).document
    assert cut["truncated"]
    one = cli("ground", picture, "red square", "--max-boxes", 1)
    assert "cut by --max-boxes; there may be more" in one.out


def test_min_score_leaves_out_and_says_so(cli: Cli, picture: Path) -> None:
    told = cli("ground", picture, "red square", "--min-score", "1")
    assert "nothing found" in told.out
    assert "1 with a score below 1 left out" in told.out
    assert cli("ground", picture, "red square", "--min-score", "1", "--json").document["detections"] == []


def test_overlaps_are_left_out_where_asked(cli: Cli, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = locany.load(CHECKPOINT, device="cpu").ground(picture, "red square")
    monkeypatch.setattr(
        locany.Locator, "stream", lambda self, questions, **_: [(0, found[[0, 0]]) for _ in questions]
    )
    for options, number in (((), 2), (("--nms", "0.7"), 1)):
        document = cli("ground", picture, "red square", *options, "--json").document
        assert len(document["detections"]) == number
        assert document["settings"].get("nms") == (0.7 if options else None)
    assert cli("ground", picture, "red square", "--nms", "0.7", "--stream").code == 2
    assert cli("ground", picture, "red square", "--nms", "2").code == 2


def test_one_bad_image_among_three(cli: Cli, folder: Path) -> None:
    told = cli("ground", folder, "red square", "--json", "--batch", 2)
    assert told.code == 1
    document = told.document
    assert [Path(result["image"]).name for result in document["results"]] == ["a.png", "c.png"]
    lefts = [result["detections"][0]["box"][0] for result in document["results"]]
    assert lefts == pytest.approx([28, 56], abs=0.2)
    [error] = document["errors"]
    assert (error["image"], error["type"]) == (str(folder / "b.png"), "ImageLoadError")
    assert document["settings"]["mode"] == "hybrid"
    assert told.err.count("\n") == 1
    assert told.err.startswith(f"locany: error: {folder / 'b.png'}: ")


def test_a_folder_as_text(cli: Cli, folder: Path) -> None:
    told = cli("ground", folder, "red square")
    assert told.code == 1
    heads = [line for line in told.out.splitlines() if line and not line.startswith(" ")]
    assert [head.split()[0] for head in heads] == [str(folder / "a.png"), str(folder / "c.png")]
    assert told.err.splitlines()[-1] == "3 images, 2 found, 1 failed"
    assert cli("ground", folder, "red square", "--quiet").err.count("\n") == 1, "the error and nothing else"


def test_answers_are_printed_in_the_order_of_files(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from locany.locator import Locator

    stream = Locator.stream
    monkeypatch.setattr(
        Locator, "stream", lambda self, questions, **options: reversed([*stream(self, questions, **options)])
    )
    results = cli("ground", folder, "red square", "--json").document["results"]
    assert [Path(result["image"]).name for result in results] == ["a.png", "c.png"]


def test_a_pattern(cli: Cli, folder: Path) -> None:
    told = cli("ground", folder / "[ac].png", "red square", "--json")
    assert (told.code, told.err) == (0, "")
    assert len(told.document["results"]) == 2
    single = cli("ground", folder / "a*.png", "red square", "--json").document
    assert len(single["results"]) == 1, "a pattern gives a list, whatever it matches"


def test_the_only_image_is_bad(cli: Cli, folder: Path) -> None:
    told = cli("ground", folder / "b.png", "red square", "--json")
    assert told.code == 1
    assert told.document["image"] == str(folder / "b.png")
    assert told.document["error"] in told.err
    assert cli("ground", folder / "b.png", "red square").out == ""


def test_stdin(cli: Cli, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(picture.read_bytes())))
    told = cli("ground", "-", "red square", "--json", "--out", picture.parent)
    assert told.document["image"] == "<stdin>"
    assert told.document["detections"][0]["box"] == SQUARE
    assert (picture.parent / "stdin.png").is_file()


def test_a_url_of_this_machine_is_refused_with_advice(cli: Cli) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        told = cli("ground", f"http://127.0.0.1:{server.server_port}/a.png", "red square", "--json")
    finally:
        server.shutdown()
        server.server_close()
    assert told.code == 1
    assert told.document["type"] == "ImageFetchError"
    assert "public address" in told.err
    assert "hint: download the image" in told.err
    assert asked == []


def test_a_url(cli: Cli, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locany.image.load.fetch_url", lambda url, **_: picture.read_bytes())
    told = cli(
        "ground", "https://example.org/shot.png?key=1", "red square", "--json", "--out", picture.parent
    )
    assert (told.code, told.err) == (0, "")
    assert told.document["image"] == "https://example.org/shot.png"
    assert (picture.parent / "shot.png").is_file()


def test_exif_can_be_ignored(cli: Cli, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(write_picture(tmp_path / "a.png")) as image:
        image.save(tmp_path / "a.jpg", exif=exif)
    sizes = [
        cli("ground", tmp_path / "a.jpg", "red square", "--json", *more).document["size"]
        for more in ([], ["--no-exif"])
    ]
    assert sizes == [[84, 112], [112, 84]]


def test_out_of_one_image(cli: Cli, picture: Path) -> None:
    out = picture.parent / "found.jpg"
    assert cli("ground", picture, "red square", "--out", out).code == 0
    with Image.open(out) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (112, 84))
    sizes = set()
    for options in ((), ("--no-scores",), ("--no-labels", "--no-scores")):
        assert cli("ground", picture, "red square", "--out", picture.parent / "a.png", *options).code == 0
        sizes.add((picture.parent / "a.png").read_bytes())
    assert len(sizes) == 3


def test_out_of_a_folder(cli: Cli, folder: Path) -> None:
    out = folder.parent / "found"
    assert cli("ground", folder, "red square", "--out", out).code == 1
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "c.png"]
    with Image.open(out / "a.png") as drawn, Image.open(folder / "a.png") as plain:
        assert not np.array_equal(np.asarray(drawn), np.asarray(plain))


def test_an_answer_is_delivered_even_if_its_picture_is_not(
    cli: Cli, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("locany.cli.answer.write_drawn", fail)
    told = cli("ground", picture, "red square", "--json", "--out", picture.parent / "found.png")
    assert told.code == 1
    assert told.document["detections"][0]["box"] == SQUARE
    assert "disk full" in told.err


def test_info(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    told = cli("info", "--json")
    assert (told.code, told.err) == (0, "")
    document = told.document
    assert document["device"] == {"name": "cpu", "reason": "asked for"}
    assert document["dtype"] == {"name": "float32", "reason": "asked for"}
    num_parameters = document["model"]["num_parameters"]
    assert num_parameters > 100_000
    assert f"{num_parameters:,} parameters" in cli("info").out


def test_info_without_a_model_still_tells_the_rest(cli: Cli) -> None:
    told = cli("info", "--model", "./no-such-folder", "--device", "cpu", model=False)
    assert told.code == 1
    assert "device   cpu: asked for" in told.out
    assert "no-such-folder" in told.err


def test_progress_goes_to_a_terminal_on_stderr(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    arguments = ["ground", str(folder), "red square", "--json", "--model", str(CHECKPOINT)]
    assert run(arguments) == 1
    shown = capsys.readouterr()
    assert "3/3" in shown.err
    assert shown.out.startswith("{")


def _locany(*arguments: object, **more: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "locany", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, **more)  # type: ignore[call-overload]


def test_a_real_process(picture: Path) -> None:
    done = _locany(
        *("ground", "-", "red square", "--json", "--dtype", "float32", "--model", CHECKPOINT),
        input=picture.read_bytes(),
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert Detections.from_json(done.stdout).xyxy[0].tolist() == SQUARE


def test_a_real_process_exits_2_and_1(picture: Path) -> None:
    wrong = _locany("detect", picture)
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    assert b"Traceback" not in wrong.stderr


def test_what_is_required_and_missing_has_an_exit_code_of_its_own(cli: Cli, picture: Path) -> None:
    assert cli("ground", picture, "red square", "--require").code == 0
    told = cli("ground", picture, "red square", "--require", "--min-score", "1", "--quiet")
    assert (told.code, told.err) == (3, f"{picture}: not found: red square\n")
    told = cli("detect", picture, "red square", "cat", "--min-score", "1", "--require", "--json")
    assert told.code == 3
    assert told.document["detections"] == []
    assert "not found: red square, cat" in told.err
    assert cli("ground", picture, "red square", "--min-score", "1").code == 0
    told = cli("ground", picture, "red square", "--require", "--stream")
    assert told.code == 2
    assert "leave out one" in told.err
