"""The published reading of answers: every row of the specification's table."""

from __future__ import annotations

from typing import Any

import pytest

from locany.eval.metrics.answers import parse_answer, split_categories


def ref(name: str, *boxes: tuple[float, ...]) -> str:
    return f"<ref>{name}</ref>" + "".join(
        "<box>" + "".join(f"<{number}>" for number in box) + "</box>" for box in boxes
    )


CASES: list[tuple[str, str, tuple[int, int], Any]] = [
    (
        "two-names",
        ref("person", (100, 200, 300, 400), (500, 600, 700, 800)) + ref("car", (150, 250, 350, 450)),
        (640, 480),
        {"person": [(64, 96, 192, 192), (320, 288, 448, 384)], "car": [(96, 120, 224, 216)]},
    ),
    ("clamped", ref("a", (0, 0, 1000, 1000)), (640, 480), {"a": [(0, 0, 639, 479)]}),
    ("point-first", ref("a", (1, 2, 3, 4), (950, 30)), (1000, 500), {"a": [(950, 15), (1, 1, 3, 2)]}),
    ("corners-ordered", ref("a", (300, 400, 100, 200)), (1000, 1000), {"a": [(100, 200, 300, 400)]}),
    (
        "none",
        "<ref>a</ref><box>None</box>" + ref("b", (10, 10, 20, 20)),
        (1000, 1000),
        {"b": [(10, 10, 20, 20)]},
    ),
    ("no-ref", "<box><1><2><3><4></box>", (1000, 1000), {}),
    ("truncated", ref("a", (1, 1, 2, 2)) + "<box><3><3>", (1000, 1000), {"a": [(1, 1, 2, 2)]}),
    ("newline-inside", "<ref>a</ref><box><1><1>\n<2><2></box>", (1000, 1000), {}),
    (
        "ref-end-inside",
        "<ref>a</ref><box><1></ref><2><2></box><box><5><5><6><6></box>",
        (1000, 1000),
        {"a": [(5, 5, 6, 6)]},
    ),
    (
        "twice",
        ref("a", (1, 1, 2, 2)) + ref("a", (3, 3, 4, 4)),
        (1000, 1000),
        {"a": [(1, 1, 2, 2), (3, 3, 4, 4)]},
    ),
    (
        "decimals-and-blanks",
        "<ref>a b</ref><box> < 1.5 > <2> <3> <4> </box>",
        (1000, 1000),
        {"a b": [(1.5, 2, 3, 4)]},
    ),
    ("too-large", ref("a", (1, 1, 10001, 2), (1, 1, 10000, 2)), (1000, 1000), {"a": [(1, 1, 999, 2)]}),
    ("three-numbers", ref("a", (1, 2, 3)), (1000, 1000), {}),
    ("not-directly", "<ref>a</ref>: <box><1><1><2><2></box>", (1000, 1000), {}),
]


@pytest.mark.parametrize(("text", "size_wh", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_parsing(text: str, size_wh: tuple[int, int], expected: Any) -> None:
    found = parse_answer(text, size_wh)
    assert set(found) == set(expected)
    for name, places in expected.items():
        assert [pytest.approx(place) for place in places] == found[name]


def test_the_detection_script_reads_no_points() -> None:
    text = ref("a", (950, 30), (1, 2, 3, 4)) + ref("b", (5, 5))
    assert parse_answer(text, (1000, 1000), points=False) == {"a": [(1, 2, 3, 4)]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["person, car", "car"], ["person", "car"]),
        (["the man, in red"], ["the man", "in red"]),
        ([" , dog"], ["dog"]),
    ],
)
def test_splitting(given: list[str], expected: list[str]) -> None:
    assert split_categories(given) == expected
