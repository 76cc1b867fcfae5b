"""The command line without a model: help, usage, SOURCE, --out, and what answers look like."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locany import __version__
from locany.cli import report, sources
from locany.cli.live import print_live
from locany.cli.main import BROKEN_PIPE, INTERRUPTED, run
from locany.cli.messages import clean, warnings_as_remarks
from locany.cli.options import LocateOptions
from locany.cli.progress import Lines
from locany.errors import RequestError
from locany.files import write_whole
from locany.results import Detection, Detections, Provenance
from locany.tasks import Task
from tests.unit.cli_fixtures import Cli, write_picture

COMMANDS = ("detect", "ground", "point", "text", "layout", "gui", "version", "info")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "picture.png")


# -- help and version ----------------------------------------------------------------------------------


def test_help_names_every_command(cli: Cli) -> None:
    told = cli("--help", model=False)
    assert told.code == 0
    assert told.err == ""
    assert all(f"│ {command} " in told.out for command in COMMANDS)
    assert cli(model=False).out == told.out, "no command at all is a question for help"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples_and_explains_every_option(cli: Cli, command: str) -> None:
    told = cli(command, "--help", model=False)
    assert told.code == 0
    assert f"  locany {command}" in told.out.partition("Example")[2]
    options = [line for line in told.out.splitlines() if line.startswith("│ --")]
    assert all(len(line.strip("│ ").split("  ", 1)) == 2 for line in options), options


@pytest.mark.parametrize("arguments", [[], ["detect"], ["ground"], ["point"], ["text"], ["layout"], ["gui"]])
def test_help_says_what_a_place_is(cli: Cli, arguments: list[str]) -> None:
    text = " ".join(cli(*arguments, "--help", model=False).out.split())
    assert "A box is x0 y0 x1 y1 and a point x y, in pixels" in text
    assert "the right edge is x = width" in text


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from locany.cli.main import run; assert run(['detect', '--help']) == 0; "
        "heavy = {'torch', 'numpy', 'PIL', 'tokenizers', 'safetensors', 'huggingface_hub'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_version(cli: Cli) -> None:
    assert cli("version", model=False).out == f"locany {__version__}\n"
    assert cli("--version", model=False).out == f"locany {__version__}\n"


def test_modes_and_defaults_are_those_of_the_engine() -> None:
    from typing import get_args, get_type_hints

    from locany.engine import DecodeMode, Params

    assert set(get_args(get_type_hints(LocateOptions)["mode"])) == {mode.value for mode in DecodeMode}
    assert Params(**LocateOptions().params()) == Params()


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is a device of Linux")
def test_streams_that_take_nothing_are_told(tmp_path: Path) -> None:
    """A full disk, and no stream at all."""

    def locany(words: str) -> subprocess.CompletedProcess[str]:
        command = f"{sys.executable} -m locany {words}"
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120)

    full = locany("version > /dev/full")
    assert full.returncode == 1
    assert full.stderr.startswith("locany: error: writing failed: No space left on device")
    assert locany("version >&-").returncode == 0
    assert locany(f"detect {tmp_path}/none.png cat 2>&-").returncode == 2


# -- wrong usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bogus"], "bogus"),
        (["detect"], "SOURCE"),
        (["detect", "{picture}"], "CATEGORY"),
        (["ground", "{picture}"], "PHRASE"),
        (["ground", "{picture}", "two", "phrases"], "too many arguments: 'phrases'"),
        (["ground", "{picture}", "two", "phrases"], "needs quotes around it"),
        (["text", "{picture}", "Total"], "words to find are given with --find"),
        (["ground", "{picture}", "-5 degrees"], "behind a lone --"),
        (["point", "{picture}", "-"], "behind a lone --"),
        (["detect", "{picture}", "--quiet", "cat", "--no-exif", "dog", "--seed", "-1"], "seed"),
        (["layout", "{picture}", "--quiet", "title", "table", "--seed", "-1"], "seed"),
        (["ground", "{picture}", " "], "the phrase is empty"),
        (["detect", "{picture}", "cat", ""], "the phrase is empty"),
        (["text", "{picture}", "--find", ""], "the phrase is empty"),
        (["detect", "{picture}", "cat", "--mode", "turbo"], "turbo"),
        (["detect", "{picture}", "cat", "--colour"], "--colour"),
        (["detect", "--colour", "{picture}", "cat"], "--colour"),
        (["detect", "{picture}", "cat", "--device", "gpu"], "gpu"),
        (["detect", "{picture}", "cat", "--dtype", "float16"], "float16"),
        (["detect", "{picture}", "cat", "--min-score", "2"], "--min-score"),
        (["detect", "{picture}", "cat", "--min-score", "nan"], "--min-score"),
        (["detect", "{picture}", "cat", "--batch", "0"], "--batch"),
        (["detect", "{picture}", "cat", "--max-boxes", "few"], "--max-boxes"),
        (["detect", "{picture}", "cat", "--top-p", "0"], "top_p"),
        (["detect", "{picture}", "cat", "--temperature", "-1"], "temperature"),
        (["detect", "{picture}", "cat", "--seed", "-1"], "seed"),
        (["detect", "{folder}/missing.png", "cat"], "no such file"),
        (["detect", "{folder}/*.jpg", "cat"], "no file matches"),
        (["detect", "", "cat"], "SOURCE is empty"),
        (["detect", "a" * 5000, "cat"], "cannot be looked at"),
        (["detect", "{picture}", "cat", "{picture}"], "quoted pattern"),
        (["detect", "http://example.org/a.png", "cat", "--offline"], "--offline"),
        (["detect", "{picture}", "cat", "--out", "{folder}/found.gif"], ".png or .jpg"),
        (["detect", "{picture}", "cat", "--out", "{folder}/no/found.png"], "there is no folder"),
        (["detect", "{picture}", "cat", "--out", "{picture}"], "overwrite"),
        (["detect", "{folder}", "cat", "--out", "{folder}"], "overwrite"),
        (["detect", "{folder}", "cat", "--out", "{picture}"], "need a folder"),
        (["detect", "{folder}", "cat", "--out", "{folder}/found.png"], "need a folder"),
    ],
)
def test_wrong_usage_exits_2_with_a_hint(cli: Cli, picture: Path, arguments: list[str], words: str) -> None:
    places = {"picture": picture, "folder": picture.parent}
    told = cli(*(argument.format(**places) for argument in arguments), model=False)
    assert told.code == 2
    assert told.out == ""
    error, hint = told.err.splitlines()
    assert error.startswith("locany: error: ")
    assert words in error
    command = arguments[0] if arguments[0] in COMMANDS else "--help"
    assert hint.startswith("hint: try 'locany")
    assert command in hint


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["detect", "{folder}/missing.png", "cat"], "no such file"),
        (["detect", "{folder}/*.jpg", "cat"], "no file matches"),
        (["detect", "{folder}/empty", "cat"], "no image in the folder"),
        (["detect", "", "cat"], "SOURCE is empty"),
        (["ground", "{picture}", " "], "the phrase is empty"),
        (["point", "{picture}", "cat", "--top-p", "0"], "top_p"),
        (["text", "{picture}", "--colour"], "--colour"),
        (["detect", "{picture}"], "CATEGORY"),
        (["gui", "{picture}", "save", "--stream"], "--stream"),
    ],
)
def test_a_question_that_cannot_be_asked_has_its_document(
    cli: Cli, picture: Path, arguments: list[str], words: str
) -> None:
    (picture.parent / "empty").mkdir()
    places = {"picture": picture, "folder": picture.parent}
    told = cli(*(argument.format(**places) for argument in arguments), "--json", model=False)
    assert told.code == 2
    assert list(told.document) == ["error", "type"]
    assert words in told.document["error"]
    assert told.document["type"] == "RequestError"
    assert told.err.splitlines()[0] == f"locany: error: {' '.join(told.document['error'].split())}"


def test_every_question_is_known_to_answer_in_json() -> None:
    from locany.cli import locate
    from locany.cli.main import app

    questions = [name for name in app if not name.startswith("-") and locate.GROUP in app[name].group]
    assert tuple(questions) == locate.NAMES


def test_an_unknown_model_exits_1(cli: Cli, picture: Path) -> None:
    told = cli("detect", picture, "cat", "--json", "--model", "./no-such-folder", model=False)
    assert told.code == 1
    assert told.document["type"] == "CheckpointNotFoundError"  # who reads the document reads this
    assert told.document["error"].startswith("no model './no-such-folder'")
    assert told.err.startswith("locany: error: no model './no-such-folder'")


def test_a_device_that_is_missing_exits_1(cli: Cli, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locany.device.available_devices", lambda: ["cpu"])
    monkeypatch.setattr("locany.locator.find_checkpoint", lambda *_, **__: picture.parent)
    told = cli("detect", picture, "cat", "--device", "cuda:7", model=False)
    assert told.code == 1
    assert "cuda:7" in told.err


def test_ctrl_c_is_quiet(cli: Cli, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("locany.cli.answer.find_sources", interrupt)
    told = cli("detect", picture, "cat", model=False)
    assert (told.code, told.out, told.err) == (INTERRUPTED, "", "")


def test_a_reader_that_went_away_is_quiet(cli: Cli, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pipe(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("locany.cli.answer.find_sources", pipe)
    monkeypatch.setattr("locany.cli.main._let_go_of_stdout", lambda: None)
    told = cli("detect", picture, "cat", model=False)
    assert (told.code, told.out, told.err) == (BROKEN_PIPE, "", "")


def test_bugs_are_not_hidden(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("locany.cli.answer.find_sources", fail)
    with pytest.raises(ZeroDivisionError):
        run(["detect", str(picture), "cat"])


# -- SOURCE and --out ----------------------------------------------------------------------------------


def _names(source: object) -> list[str]:
    return [Path(image.name).name for image in sources.find_sources(str(source)).images]


def test_a_folder_gives_its_images_sorted(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.txt", ".hidden.png", "inner/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert _names(tmp_path) == ["a.JPG", "b.png"]
    assert sources.find_sources(str(tmp_path)).several
    assert _names(tmp_path / "**" / "*.png") == ["b.png", "d.png"]
    with pytest.raises(RequestError, match="no image in the folder"):
        sources.find_sources(str(tmp_path / "folder.png"))


def test_a_file_wins_over_the_pattern_of_its_name(tmp_path: Path) -> None:
    for name in ("shot[1].png", "shot1.png"):
        (tmp_path / name).write_bytes(b"x")
    literal = sources.find_sources(str(tmp_path / "shot[1].png"))
    assert [image.name for image in literal.images] == [str(tmp_path / "shot[1].png")]
    assert not literal.several
    assert _names(tmp_path / "shot[12].png") == ["shot1.png"]


def test_urls_are_shown_without_their_secrets() -> None:
    found = sources.find_sources("https://user:word@example.org/a.png?key=1")
    assert [image.name for image in found.images] == ["https://example.org/a.png"]
    assert found.images[0].is_url


def test_a_terminal_as_stdin_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    with pytest.raises(RequestError, match="nothing is piped in"):
        sources.find_sources("-")


def test_outputs_in_a_folder_do_not_collide(tmp_path: Path) -> None:
    given = ("x/a.png", "y/a.png", "y/A.PNG", "y/a.webp", "y/b.jpeg")
    images = tuple(sources.Source(name, name, Path(name)) for name in given)
    images += (sources.Source("https://example.org/", "https://example.org/"),)
    planned = sources.plan_outputs(tmp_path / "new" / "out", sources.Sources(images, several=True))
    names = [path.name for path in planned if path]
    assert names == ["a.png", "a-2.png", "A-3.PNG", "a.webp.png", "b.jpeg", "image.png"]
    assert (tmp_path / "new" / "out").is_dir()


def test_an_input_is_protected_under_another_name(picture: Path) -> None:
    link = picture.parent / "link.png"
    link.symlink_to(picture)
    with pytest.raises(RequestError, match="overwrite"):
        sources.plan_outputs(link, sources.find_sources(str(picture)))


# -- what answers look like ----------------------------------------------------------------------------


def _found(**facts: object) -> Detections:
    fields: dict[str, object] = {
        "xyxy": np.array([[1, 2, 30, 40.25], [5, 6, 5, 6]]),
        "labels": ["cat\x1b[31m\n", "Hund"],
        "scores": np.array([0.5, 0.987]),
        "provenance": [Provenance.PARALLEL, Provenance.REDECODED],
        "is_point": np.array([False, True]),
        "size_wh": (64, 48),
        "image_name": "a.png",
        "stats": {"seconds": 0.25, "finish": "max_boxes"},
    }
    return Detections(**(fields | facts))  # type: ignore[arg-type]


def test_plain_text_says_everything(capsys: pytest.CaptureFixture[str]) -> None:
    found = _found(absent=("dog",), truncated=True, dropped=("odd block",))
    report.TextReport(0.3).answer(found, 2)
    head, cat, dog, *remarks = capsys.readouterr().out.splitlines()
    assert head == "a.png  64 x 48  2 found  0.25 s"
    assert cat.split() == ["cat\ufffd[31m", "0.50", "box", "1.0", "2.0", "30.0", "40.2", "parallel"]
    assert dog.split() == ["Hund", "0.99", "point", "5.0", "6.0", "redecoded"]
    assert [remark.strip() for remark in remarks] == [
        "2 with a score below 0.3 left out",
        "not there: dog",
        "cut by --max-boxes; there may be more",
        "dropped: odd block",
    ]


def test_nothing_found_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    report.TextReport(0).answer(Detections.empty((64, 48), image_name="a.png"), 0)
    assert capsys.readouterr().out == "a.png  64 x 48  nothing found\n"


def test_a_terminal_gets_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    writer = report.TextReport(0)
    writer.answer(_found(labels=["[bold]cat", "Hund"]), 0)
    writer.answer(_found()[[0]], 0)
    text = capsys.readouterr().out
    for words in ("a.png", "64 x 48", "label", "score", "decoded", "[bold]cat", "1.0  2.0 30.0 40.2", "────"):
        assert words in text
    assert "box x0 y0 x1 y1" in text.partition("Hund")[2], "the second table holds boxes alone"


def test_json_survives_a_narrow_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    report.print_json({"label": "猫 \udc80"})
    stream.seek(0)
    assert json.loads(stream.read()) == {"label": "猫 \udc80"}
    report.write_line("猫")


def test_clean_keeps_letters_and_drops_controls() -> None:
    assert clean(" a\n\tb \x07 \u202e é猫") == "a b \ufffd \ufffd é猫"


def test_warnings_become_remarks(capsys: pytest.CaptureFixture[str]) -> None:
    import warnings

    for quiet, said in ((False, "locany: warning: odd\n"), (True, "")):
        with warnings_as_remarks(quiet):
            warnings.warn("odd", stacklevel=1)
        assert capsys.readouterr().err == said


def test_an_annotated_image_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from locany.cli.answer import write_drawn

    found = _found(image=np.zeros((48, 64, 3), np.uint8))
    for name, kind in (("a.png", "PNG"), ("a.JPG", "JPEG")):
        write_drawn(found, tmp_path / name)
        with Image.open(tmp_path / name) as image:
            assert (image.format, image.size) == (kind, (64, 48))

    def half(_: object, path: Path, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    before = (tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(OSError, match="disk full"):
        write_drawn(found, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.JPG", "a.png"]


def test_a_slow_pace_is_told_in_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr("locany.cli.progress.time", SimpleNamespace(monotonic=lambda: clock[0]))
    lines = Lines("examples", "asking about")
    lines.begin(30, 0)
    for seconds in (25.0, 27.0, 60.0):
        clock[0] = seconds
        lines.item()
    for _ in range(27):
        clock[0] += 0.4
        lines.item()
    lines.begin(100, 0)
    for _ in range(60):
        clock[0] += 0.2
        lines.item()
    told = capsys.readouterr().err
    assert "1/30 examples, 25.0 s each, 12:05 left" in told
    assert "3/30 examples, 20.0 s each, 9:00 left" in told
    assert "50/100 examples, 5.0/s, 0:10 left" in told


def test_long_names_of_other_scripts_have_room_for_a_file_beside(tmp_path: Path) -> None:
    """Names are limited in bytes."""
    path = tmp_path / ("\u56fe" * 83 + ".json")
    write_whole(path, b"{}")
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("score", [0.7, 0.1, 1.0])  # as float32 below, above and at what is written
def test_a_streamed_line_stays_at_the_score_that_it_says(
    score: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever float32 made of it: a line is left out below `--min-score`, not at it."""
    one = Detection((1.0, 2.0, 3.0, 4.0), "cat", float(np.float32(score)), Provenance.PARALLEL)
    written = one.to_dict()["score"]

    def watch(*_: Any, **__: Any) -> Any:
        yield one
        return Detections.empty((9, 9))

    image = SimpleNamespace(name="a.png", given="a.png")
    print_live(SimpleNamespace(watch=watch), [image], Task.ground("cat"), {}, written, print)  # type: ignore[arg-type, list-item]
    first, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["score"] == written
    assert last["num"] == 1


@pytest.mark.parametrize("word", ["x" * 5000, "a\0b"])
def test_any_word_may_stand_where_a_command_does(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([word]) == 2
    assert "Unknown command" in capsys.readouterr().err
