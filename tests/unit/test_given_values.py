"""What users give in forms of their own: numbers of numpy, names of colours, photos of phones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import locany
from locany.cli.main import run
from locany.closer import CloserConfig
from locany.closer.join import join
from locany.closer.plan import _limited
from locany.draw import annotate
from locany.engine.params import Params
from locany.errors import CheckpointNotFoundError, ImageLoadError, RequestError
from locany.image import ImageLimits, load_image
from locany.image.tile import whole
from locany.locator.asking import Options
from locany.numeric import plain_number
from locany.results import Detections, Provenance
from locany.tasks import Task
from locany.train.recipe import load_recipe
from locany.weights import find_checkpoint
from tests.unit.test_finetune_data import coco


def found(
    *places: tuple[float, ...], labels: list[str] | None = None, task: Task | None = None
) -> Detections:
    corners = [(*place, *place) if len(place) == 2 else place for place in places]
    return Detections(
        xyxy=np.array(corners, float).reshape(-1, 4),
        labels=labels or ["cat"] * len(places),
        scores=np.linspace(0.9, 0.5, len(places)),
        provenance=[Provenance.PARALLEL] * len(places),
        size_wh=(400, 200),
        is_point=[len(place) == 2 for place in places],
        task=task,
    )


# -- numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.uint8(7), 7),
        (2, 2),
        (True, None),
        ("3", None),
        (None, None),
    ],
)
def test_numbers_of_numpy_are_numbers(given: Any, plain: Any) -> None:
    assert plain_number(given) == plain
    assert type(plain_number(given)) is type(plain)


def test_they_may_be_given_everywhere() -> None:
    params = Params(max_boxes=np.int64(3), presence=np.float32(0.5), seed=np.uint32(4))  # type: ignore[arg-type]
    assert params == Params(max_boxes=3, presence=0.5, seed=4)
    assert type(params.max_boxes) is int
    assert CloserConfig(tiles=(np.int32(2), np.int64(3)), overlap=np.float64(0.3)) == CloserConfig(  # type: ignore[arg-type]
        tiles=(2, 3), overlap=0.3
    )
    with pytest.raises(RequestError, match="max_boxes is True"):
        Params(max_boxes=True)


def test_options_of_tiles_need_tiles() -> None:
    with pytest.raises(RequestError, match="overlap, whole_image: of tiles, but none"):
        CloserConfig(overlap=0.4, whole_image=False)
    with pytest.raises(RequestError, match=r"^overlap: of tiles"):
        CloserConfig(overlap=0.4)
    assert CloserConfig(tiles=(2, 2), overlap=0.4).changed() == {"tiles": [2, 2], "overlap": 0.4}


# -- several looks ------------------------------------------------------------------------------------------


def test_a_point_that_the_whole_image_moves_is_one() -> None:
    """A point well inside a tile is the tile's; the whole image knows it less exactly."""
    tiles = [(0, 0, 220, 200), (180, 0, 400, 200)]
    parts = [found((100, 100)), found(), found((115, 100), (300, 100))]
    task = Task.point("cat")
    points = join(parts, [*tiles, whole((400, 200))], task).points.tolist()
    assert points == [[100, 100]]  # what a tile does not confirm is not there, as with boxes


def test_what_a_limit_takes_whole_is_unanswered() -> None:
    task = Task.detect(["cat", "dog", "owl"])
    both = found((0, 0, 9, 9), (20, 0, 29, 9), (40, 0, 49, 9), labels=["cat", "dog", "cat"], task=task)
    kept = _limited(both, 1)
    assert (kept.labels, kept.unanswered, kept.truncated) == (["cat"], ("dog",), True)
    assert kept.stats["finish"] == "max_boxes"
    assert _limited(both, 2).unanswered == ()


# -- pictures -----------------------------------------------------------------------------------------------


def test_colours_have_names() -> None:
    cat = found((20, 30, 80, 90))
    red = [
        np.asarray(annotate(np.zeros((200, 400, 3), np.uint8), cat, colors={"cat": color}))
        for color in ("red", "#f00", "#ff0000")
    ]
    assert (red[0] == red[1]).all()
    assert (red[0] == red[2]).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"colors": {"cat": "reddish"}}, "colour of 'cat' is 'reddish', expected '#rrggbb' or a name"),
        ({"colors": {"cat": (255, 0, 0)}}, "colour of 'cat' is"),
        ({"line_width": 0}, "line_width is 0, expected pixels"),
        ({"font_size": -1}, "font_size is -1, expected pixels"),
        ({"font_size": "big"}, "font_size is 'big', expected pixels"),
        ({"line_width": np.nan}, "line_width is nan, expected pixels"),
        ({"font_size": np.inf}, "font_size is inf, expected pixels"),
        ({"colors": "red"}, "colors is 'red', expected colours by label"),
        ({"font": 3}, "font is 3, expected the path of a TrueType file"),
        ({"scores": "no"}, "scores is 'no', expected True or False"),
    ],
)
def test_what_cannot_be_painted_is_told(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        annotate(np.zeros((200, 400, 3), np.uint8), found((20, 30, 80, 90)), **wrong)


@pytest.mark.parametrize("wrong", ["x", None, found((20, 30, 80, 90))[0]])
def test_one_detection_is_no_answer_to_draw(wrong: Any) -> None:
    with pytest.raises(RequestError, match="expected Detections, the answer as a whole; of one detection"):
        annotate(np.zeros((200, 400, 3), np.uint8), wrong)


def test_photos_of_phones_are_read_where_the_package_for_them_is(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.new("RGB", (64, 48), (200, 30, 40))).save(tmp_path / "x.heic", quality=90)
    image = load_image(tmp_path / "x.heic")
    assert image.size_wh == (64, 48)
    assert np.abs(image.pixels[24, 32].astype(int) - (200, 30, 40)).max() < 12
    (tmp_path / "x.heic").write_bytes((tmp_path / "x.heic").read_bytes()[:200])
    with pytest.raises(ImageLoadError, match=r"x\.heic"):
        load_image(tmp_path / "x.heic")


# -- models and recipes -------------------------------------------------------------------------------------


def test_half_a_path_is_not_looked_for_among_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        CheckpointNotFoundError, match="no folder 'runs/model' here, so it is taken for a model"
    ):
        find_checkpoint("runs/model", allow_download=False, cache_dir=tmp_path / "cache")
    (tmp_path / "runs").mkdir()
    with pytest.raises(
        CheckpointNotFoundError, match="there is a folder 'runs' here, but nothing of that name"
    ):
        find_checkpoint("runs/model", allow_download=True, cache_dir=tmp_path / "cache")


def test_a_curve_for_raw_scores_is_refused() -> None:
    with pytest.raises(RequestError, match="calibrated=False leaves them raw; give one"):
        locany.load(calibration="somewhere", calibrated=False)


def test_recipes_of_the_package_have_names(capsys: pytest.CaptureFixture[str]) -> None:
    adapters, whole_model = (load_recipe(Path(name), ["data=x.json"]) for name in ("lora", "finetune"))
    assert adapters.lora is not None
    assert whole_model.lora is None
    assert run(["train", "nothing"]) == 1
    assert "one that comes with locany: finetune, lora" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "command"),
    [("refer", "ground --single"), ("find-text", "text --find"), ("gui_point", "gui --point")],
)
def test_questions_go_by_other_names(word: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([word, "image.png", "book"]) == 2
    assert f"give 'locany {command}'" in capsys.readouterr().err


def test_a_hint_names_the_whole_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "show", str(coco(tmp_path)), "--index", "99"]) == 2
    hint = capsys.readouterr().err.splitlines()[-1]
    assert hint == "hint: try 'locany data show --help'"


def test_limits_of_another_type_are_refused() -> None:
    with pytest.raises(RequestError, match=r"limits is 1000, expected an ImageLimits"):
        load_image(np.zeros((4, 4, 3), np.uint8), limits=1000)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r"max_bytes is 0\.5, expected an integer of at least 1"):
        ImageLimits(max_bytes=0.5)  # type: ignore[arg-type]
    assert ImageLimits(max_pixels=np.int64(99)) == ImageLimits(max_pixels=99)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["exif", "allow_url", "parity"])
@pytest.mark.parametrize("wrong", ["no", 2, None])
def test_yes_and_no_are_not_words(name: str, wrong: Any) -> None:
    words = f"{name} is {wrong!r}, expected True or False"
    with pytest.raises(RequestError, match=words):
        load_image(np.zeros((4, 4, 3), np.uint8), **{name: wrong})
    with pytest.raises(RequestError, match=words):
        Options.split({name: wrong})


def test_limits_are_checked_before_anything_is_loaded() -> None:
    with pytest.raises(RequestError, match="limits is 5, expected an ImageLimits"):
        Options.split({"limits": 5})


@pytest.mark.parametrize("name", ["packed", "calibrated", "allow_download"])
def test_loading_takes_yes_and_no_alone(name: str) -> None:
    with pytest.raises(RequestError, match=f"{name} is 'x', expected True or False"):
        locany.load("nowhere", **{name: "x"})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["model", "adapter", "calibration"])
def test_what_is_loaded_is_a_path(name: str) -> None:
    with pytest.raises(RequestError, match=f"{name} is of type int: 3, expected a path"):
        locany.load(**{name: 3})  # type: ignore[arg-type]
