"""GUI accuracy and speed: the worked examples of the specification."""

from __future__ import annotations

from typing import Any

import pytest

from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.metrics.gui import group_of, score_gui
from locany.eval.metrics.profile import Profile
from locany.eval.metrics.speed import score_speed
from locany.tasks import Task

MAPPING = {
    "a.png": {"data_type": "text", "data_source": "CAD", "ui_type": "icon", "group": "Dev"},
    "b.png": {"ui_type": "icon", "group": "Dev"},
    "c.png": {"data_type": "text", "group": "OS"},
}
# image, the row's type, control, answers, right, right for one who clicks once, group
ROWS: list[tuple[str, str, Any, Any, bool, bool, str]] = [
    ("a.png", "icon", (10, 10, 20, 20), ((15, 15),), True, True, "CAD-icon"),
    ("a.png", "Unknown", (10, 10, 20, 20), ((50, 50), (20, 20)), True, False, "CAD-text"),
    ("b.png", "Unknown", (10, 10, 20, 20), ((0, 0, 30, 30),), True, True, "Dev-icon"),
    ("c.png", "", (10, 10, 20, 20), (), False, False, "OS-text"),
    ("pc_1.png", "text", (20, 20, 10, 10), ((12, 12),), True, True, "Desktop-text"),
    ("nomatch.png", "text", (0, 0, 1, 1), ((5, 5),), False, False, "Unknown-text"),
]
NAMES = [f"ScreenSpot-{image}-{kind}" for image, kind, *_ in ROWS]


def example(name: str, row: Any) -> Example:
    image, kind, control, *_ = row
    query = Query(Task.gui("save", point=True))
    groups = group_of(image, kind, MAPPING)
    return Example(name, b"", image, (query,), Truth({"save": (control,)}), groups)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_row(row: Any) -> None:
    answers = {"0": Prediction("0", {"save": row[3]})}
    published, fixed = (score_gui([example("0", row)], answers, profile) for profile in Profile)
    assert (published["accuracy"], fixed["accuracy"]) == (row[4], row[5])
    assert published[f"accuracy@{row[6]}"] == row[4]


def test_overall() -> None:
    examples = [example(str(i), row) for i, row in enumerate(ROWS)]
    answers = {str(i): Prediction(str(i), {"save": row[3]}) for i, row in enumerate(ROWS)}
    published, fixed = (score_gui(examples, answers, profile) for profile in Profile)
    assert published["accuracy"] == pytest.approx(0.666667, abs=1e-6)
    assert fixed["accuracy"] == fixed["accuracy_first"] == 0.5
    assert sum(key.startswith("accuracy@") for key in published) == 6


def test_strict() -> None:
    """One who clicks once: a second answer, or one that could not be read, spoils it."""
    row = ROWS[0]
    examples = [example(str(i), row) for i in range(4)]
    answers = {
        "0": Prediction("0", {"save": ((15, 15), (50, 50))}),
        "1": Prediction("1", {"save": ((15, 15),)}, num_malformed=1),
        "2": Prediction("2", {"save": ((15, 15, 15),)}),
    }
    fixed = score_gui(examples, answers, Profile.FIXED)
    assert (fixed["accuracy"], fixed["accuracy_first"]) == (0, 0.5)
    published = score_gui(examples, answers, Profile.PUBLISHED)
    assert (published["accuracy"], published["num_dropped"]) == (pytest.approx(2 / 3), 1)


@pytest.mark.parametrize(
    ("image", "kind", "source", "expected"),
    [
        ("mobile_1.png", "", "", ("Mobile", "Unknown")),
        ("web_1.png", "icon", "", ("Web", "icon")),
        ("a.png", "", "CAD", ("CAD", "text")),
        ("x.png", "", "", ("Unknown", "Unknown")),
    ],
)
def test_groups(image: str, kind: str, source: str, expected: tuple[str, str]) -> None:
    assert tuple(group_of(image, kind, MAPPING).values()) == expected


SPEED_EXAMPLE = Example("0", b"", "0.png", (Query(Task.detect("a")),), Truth({"a": ((0, 0, 10, 10),)}))


def timed(name: str, num: int, seconds: float, **more: Any) -> Prediction:
    text = "<ref>a</ref>" + "<box><0><0><9><9></box>" * num
    found = {"a": tuple((i * 20.0, 0, i * 20.0 + 10, 10) for i in range(num))}
    return Prediction(name, found, seconds=seconds, num_tokens=50, num_steps=10, answer=text, **more)


def two(**more: Any) -> tuple[list[Example], dict[str, Prediction]]:
    second = Example("1", b"", "1.png", SPEED_EXAMPLE.queries, SPEED_EXAMPLE.truth)
    return [SPEED_EXAMPLE, second], {"0": timed("0", 10, 1.0), "1": timed("1", 4, 2.0, **more)}


def test_speed_published() -> None:
    numbers = score_speed(*two(), Profile.PUBLISHED)
    assert numbers["bps@mean"] == pytest.approx(6.0)
    assert (numbers["bps@min"], numbers["bps@max"]) == (2, 10)
    expected = {"tps@mean": 37.5, "steps@mean": 10, "num_boxes@mean": 7, "num_boxes": 14, "seconds": 3}
    assert {key: numbers[key] for key in expected} == expected


def test_speed_published_counts_what_begins_like_a_box() -> None:
    answer = Prediction("0", seconds=1.0, answer="<ref>a</ref><box>None</box><box><1><2></box><box><3>")
    assert score_speed([SPEED_EXAMPLE], {"0": answer}, Profile.PUBLISHED)["bps@mean"] == 3
    assert score_speed([SPEED_EXAMPLE], {"0": answer}, Profile.FIXED)["bps"] == 0


def test_speed_fixed() -> None:
    numbers = score_speed(*two(num_truncated=1, num_malformed=2), Profile.FIXED)
    assert numbers["bps"] == pytest.approx(4.666667, abs=1e-6)
    assert numbers["bps@mean"] == pytest.approx(6.0)
    assert numbers["correct_bps"] == pytest.approx(2 / 3)
    assert (numbers["num_truncated"], numbers["num_malformed"]) == (1, 2)
    assert numbers["tokens_per_box"] == pytest.approx(100 / 14)
    assert {key: n for key, n in numbers.items() if key.startswith("images@")} == {
        "images@2-5": 1, "images@6-10": 1,
    }  # fmt: skip


def test_speed_with_and_without_loading() -> None:
    examples, predictions = two()
    predictions["1"] = timed("1", 4, 4.0, seconds_loading=2.0)
    assert score_speed(examples, predictions, Profile.PUBLISHED)["bps@mean"] == pytest.approx(6.0)
    numbers = score_speed(examples, predictions, Profile.FIXED)
    assert numbers["correct_bps"] == pytest.approx(2 / 5)
    assert numbers["correct_bps@loaded"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("profile", list(Profile))
def test_speed_of_nothing(profile: Profile) -> None:
    numbers = score_speed([SPEED_EXAMPLE], {"0": timed("0", 1, 0.0)}, profile)
    assert numbers["num_timed"] == numbers["bps@mean"] == 0


def test_speed_of_points_in_masks() -> None:
    masks = {"dog": ({"counts": "0`<", "size": [20, 20]},)}
    one = Example("0", b"", "0.png", (Query(Task.point("dog")),), Truth(masks=masks))
    answer = Prediction("0", {"dog": ((5, 5), (6, 6))}, seconds=2.0)
    numbers = score_speed([one], {"0": answer}, Profile.FIXED)
    assert (numbers["correct_bps"], numbers["bps"]) == (0.5, 1.0)
