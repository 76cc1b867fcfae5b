"""Boxes, referring, visual prompts and polygons: the worked examples, and what must always hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.metrics.boxes import score_boxes, score_hallucination, score_referring, score_visual
from locany.eval.metrics.polygons import is_polygon, polygon_iou, score_polygons
from locany.eval.metrics.profile import Profile
from locany.eval.metrics.side_outputs import instruction_following
from locany.eval.metrics.table import HEADLINES, SCORERS
from locany.tasks import Task

Places = Mapping[str, Any]
Row = tuple[Places, Places]  # truth, found
Triple = tuple[float, float, float]

S, T = (0, 0, 10, 10), (20, 20, 30, 30)
D, E = (0, 0, 100, 100), (200, 200, 300, 300)
G1, G2 = (0, 0, 100, 100), (0, 20, 100, 120)
A6 = ((0, 5, 100, 105), (0, -30, 100, 70))
LEFT, RIGHT = (0, 0, 10, 10), (20, 0, 30, 10)
CARS = tuple((i * 20, 0, i * 20 + 10, 10) for i in range(3))
ONE: Triple = (1, 1, 1)
ZERO: Triple = (0, 0, 0)
HALF: Triple = (0.5, 0.5, 0.5)
HALF_PRECISION: Triple = (0.5, 1, 2 / 3)


def examples_of(*rows: Row, task: str = "common_object_detection", **kind: bool) -> list[Example]:
    groups = {"task_name": task}
    query = (Query(Task.ground("thing")),)
    truth = [Truth(polygons=t) if kind.get("polygons") else Truth(t) for t, _ in rows]
    return [Example(str(i), b"", f"{i}.png", query, one, groups) for i, one in enumerate(truth)]


def answers_of(*rows: Row) -> dict[str, Prediction]:
    return {str(i): Prediction(str(i), found) for i, (_, found) in enumerate(rows)}


def score(profile: Profile, *rows: Row, task: str = "common_object_detection") -> dict[str, Any]:
    scorer = score_referring if task == "referring_object_detection" else score_boxes
    return scorer(examples_of(*rows, task=task), answers_of(*rows), profile)


def triple(numbers: Mapping[str, Any], suffix: str = "0.5") -> Triple:
    return (numbers[f"precision@{suffix}"], numbers[f"recall@{suffix}"], numbers[f"f1@{suffix}"])


OTHER = "visual_prompt_detection"
REFER = "referring_object_detection"

# id, rows, task, published triple at 0.5, fixed triple at 0.5
CASES = [
    (
        "A1", [({"dog": (D, E)}, {"dog": (D, (210, 200, 310, 300), D)})],
        None, (2 / 3, 1, 0.8), (2 / 3, 1, 0.8),
    ),
    ("A2", [({"cat": (S,), "dog": (T,)}, {"cat": (T,), "dog": (S,)})], None, ONE, ZERO),
    ("A3", [({"cat": (S,)}, {"cat": (S,), "zebra": (T,)})], None, HALF_PRECISION, HALF_PRECISION),
    (
        "A4",
        [({"a": (S, T)}, {"a": (S,)}), ({"a": (S,)}, {"a": (S, T)})],
        None, (0.75, 0.75, 0.75), (0.75, 0.75, 0.75),
    ),
    ("A6", [({"a": (G1, G2)}, {"a": A6})], None, HALF, ONE),
    ("A6-reversed", [({"a": (G2, G1)}, {"a": A6})], None, ONE, ONE),
    (
        "X6", [({"car": CARS, "bus": (T,)}, {"car": CARS})], "dense_object_detection",
        (1, 0.75, 0.857143), (1, 0.75, 0.857143),
    ),
    ("X3", [({"a": (S,)}, {"a": ((5, 5, 5, 9),)})], None, ZERO, ZERO),
    (
        "X1", [({"a": (S,)}, {"a": (S,)}), ({"a": (S,)}, {"a": (S, (9.0,))})],
        None, ONE, (0.75, 1, 0.857143),
    ),
    ("X2", [({"a": (S,)}, {"a": ((5, 5),)}), ({"a": (S,)}, {"a": (S,)})], None, ONE, HALF),
    ("X4", [({"a": (S,)}, {"a": (S,), "b": ((9.0,),)})], None, HALF_PRECISION, HALF_PRECISION),
    ("X7", [({"a": (S,)}, {"a": ((0, 0, 10, 9.5),)})], None, ONE, ONE),
    ("B1", [({"traffic light": (S,)}, {"Traffic_Light": (S,)})], None, ONE, ZERO),
    ("B2", [({"Section-header": (S,)}, {"section header": (S,)})], OTHER, ZERO, ZERO),
    ("B2-detection", [({"Section-header": (S,)}, {"section header": (S,)})], None, ONE, ZERO),
    ("B3", [({"12": (LEFT,), "34": (RIGHT,)}, {"12": (LEFT,), "34": (RIGHT,)})], None, ONE, ONE),
    ("B3b", [({"12": (LEFT,), "34": (RIGHT,)}, {"12": (LEFT,)})], None, ZERO, (1, 0.5, 2 / 3)),
    ("B4", [({"NEW": (LEFT,), "new": (RIGHT,)}, {"NEW": (LEFT,), "new": (RIGHT,)})], None, ONE, ONE),
    ("B5", [({"Hello": (LEFT,), "World": (RIGHT,)}, {"text line": (LEFT, RIGHT)})], None, ZERO, ZERO),
    (
        "B6", [({"Hello": (LEFT,), "World": (RIGHT,)}, {"Hello": (RIGHT,), "Wor1d": (LEFT,)})],
        None, HALF, ZERO,
    ),
    ("R1", [({"man": (D,)}, {"the person": ((0, 0, 100, 80),)})], REFER, ONE, ONE),
    ("nothing-nothing", [({}, {})], None, ONE, ONE),
    ("nothing-some", [({}, {"a": (S,)})], None, ZERO, ZERO),
    ("empty-nothing", [({"a": ()}, {})], None, ZERO, ONE),
    ("empty-some", [({"a": ()}, {"a": (S,)})], None, ZERO, ZERO),
    ("some-nothing", [({"a": (S,)}, {})], None, ZERO, ZERO),
    ("empty-nothing-referring", [({"a": ()}, {})], REFER, ONE, ONE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "task", "published", "fixed"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_worked(rows: list[Row], task: str | None, published: Triple, fixed: Triple) -> None:
    task = task or "common_object_detection"
    assert triple(score(Profile.PUBLISHED, *rows, task=task)) == pytest.approx(published, abs=1e-6)
    assert triple(score(Profile.FIXED, *rows, task=task)) == pytest.approx(fixed, abs=1e-6)


class TestMeans:
    """What the tables state beyond 0.5."""

    @pytest.mark.parametrize("profile", list(Profile))
    def test_a1(self, profile: Profile) -> None:
        numbers = score(profile, CASES[0][1][0])
        assert triple(numbers, "0.95") == pytest.approx((1 / 3, 0.5, 0.4), abs=1e-6)
        assert triple(numbers, "mean") == pytest.approx((0.566667, 0.85, 0.68), abs=1e-6)

    @pytest.mark.parametrize("profile", list(Profile))
    def test_r1(self, profile: Profile) -> None:
        numbers = score(profile, ({"man": (D,)}, {"x": ((0, 0, 100, 80),)}), task=REFER)
        assert (numbers["f1@0.95"], numbers["f1@mean"]) == pytest.approx((0, 0.7), abs=1e-6)

    def test_x7(self) -> None:
        assert triple(score(Profile.PUBLISHED, ({"a": (S,)}, {"a": ((0, 0, 10, 9.5),)})), "0.95") == ONE

    @pytest.mark.parametrize("case", ["X1", "X2"])
    def test_dropped_rows_are_counted(self, case: str) -> None:
        rows = next(c[1] for c in CASES if c[0] == case)
        counts = [(n["num_scored"], n["num_dropped"]) for n in (score(p, *rows) for p in Profile)]
        assert counts == [(1, 1), (2, 0)]


def test_missing_and_failed_predictions() -> None:
    """Published they leave the mean, fixed they count as nothing found."""
    examples = examples_of(*[({"a": (S,)}, {})] * 3)
    answers = {"0": Prediction("0", {"a": (S,)}), "1": Prediction("1", {"a": (S,)}, error="no memory")}
    published = score_boxes(examples, answers, Profile.PUBLISHED)
    assert (published["f1@0.5"], published["num_scored"], published["num_dropped"]) == (1, 1, 2)
    fixed = score_boxes(examples, answers, Profile.FIXED)
    assert triple(fixed) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert (fixed["num_missing"], fixed["num_failed"], fixed["num_dropped"]) == (1, 1, 0)


def test_unreadable_boxes_are_wrong_when_fixed() -> None:
    examples = examples_of(({"a": (S,)}, {}))
    answers = {"0": Prediction("0", {"a": (S,)}, num_malformed=1)}
    assert triple(score_boxes(examples, answers, Profile.PUBLISHED)) == ONE
    fixed = score_boxes(examples, answers, Profile.FIXED)
    assert triple(fixed) == pytest.approx(HALF_PRECISION)
    assert fixed["num_malformed"] == 1


def test_crowds_and_partial_names_cannot_be_wrong_when_fixed() -> None:
    query = (Query(Task.detect(["a"])),)
    found = {"0": Prediction("0", {"a": (S, (21, 21, 25, 25)), "b": (T,)})}
    crowd = Example("0", b"", "0.png", query, Truth({"a": (S,)}, crowd={"a": (T,)}))
    assert triple(score_boxes([crowd], found, Profile.FIXED)) == pytest.approx(HALF_PRECISION)
    both = Example("0", b"", "0.png", query, Truth({"a": (S,)}, crowd={"a": (T,)}, partial=frozenset("b")))
    assert triple(score_boxes([both], found, Profile.FIXED)) == ONE


class TestSideOutputs:
    def test_instruction_following(self) -> None:
        numbers = score(Profile.PUBLISHED, ({"a": (S,), "b": (T,)}, {"A_": (S,)}))
        assert numbers["instruction_following"] == 0.5
        numbers = score(Profile.PUBLISHED, ({"the man": (S,)}, {"man": (S,)}), task=REFER)
        assert numbers["instruction_following"] == 0
        assert instruction_following({}, {"a": (S,)}, None) is None

    def test_wrong_rejection(self) -> None:
        examples = examples_of(({"a": (S,), "b": ()}, {}), ({"a": (S,)}, {}))
        answers = {"0": Prediction("0", absent=("b",)), "1": Prediction("1", absent=("a",))}
        assert score_boxes(examples, answers, Profile.FIXED)["wrong_rejection"] == 0.5
        assert score_boxes(examples, answers, Profile.PUBLISHED)["wrong_rejection"] == 0

    @pytest.mark.parametrize("profile", list(Profile))
    def test_visual_prompts(self, profile: Profile) -> None:
        row = ({"a": (LEFT, RIGHT)}, {"a": (LEFT, (1, 0, 11, 10), (50, 50, 60, 60))})
        numbers = score_visual(examples_of(row, task=OTHER), answers_of(row), profile)
        assert triple(numbers) == pytest.approx((1 / 3, 0.5, 0.4), abs=1e-6)
        assert numbers["mae"] == 1

    @pytest.mark.parametrize("profile", list(Profile))
    def test_hallucination(self, profile: Profile) -> None:
        rows = [({}, {}), ({}, {"a": (S,)})]
        assert score_hallucination(examples_of(*rows), answers_of(*rows), profile)["accuracy"] == 0.5


SQUARE, LOWER_HALF = (0, 0, 10, 0, 10, 10, 0, 10), (0, 5, 10, 5, 10, 10, 0, 10)
L_SHAPE = (0, 0, 10, 0, 10, 5, 5, 5, 5, 10, 0, 10)


class TestPolygons:
    @pytest.mark.parametrize("profile", list(Profile))
    def test_square_against_its_lower_half(self, profile: Profile) -> None:
        row = ({"a": (SQUARE,)}, {"a": (LOWER_HALF,)})
        examples = examples_of(row, task="task2_detect_all_in_polygon_and_recog", polygons=True)
        numbers = score_polygons(examples, answers_of(row), profile)
        assert (numbers["f1@0.5"], numbers["f1@mean"]) == (1, pytest.approx(0.1))  # a miss from 0.55 on

    @pytest.mark.parametrize(
        ("a", "b", "iou"),
        [
            pytest.param(SQUARE, SQUARE[::-1], 1, id="other-way-round-mirrored"),
            pytest.param(SQUARE, (*SQUARE[4:], *SQUARE[:4]), 1, id="other-start"),
            pytest.param(L_SHAPE, SQUARE, 0.75, id="not-convex"),
            pytest.param(L_SHAPE, (5, 5, 10, 5, 10, 10, 5, 10), 0, id="in-the-notch"),
            pytest.param((0, 0, 10, 0, 0, 10), (10, 10, 0, 10, 10, 0), 0, id="share-an-edge"),
            pytest.param((0, 0, 10, 0, 0, 10), (0, 0, 10, 0, 10, 10), 1 / 3, id="crossing"),
            pytest.param(SQUARE, (5, -5, 15, 5, 5, 15, -5, 5), 0.5, id="diamond-around"),
        ],
    )
    def test_iou(self, a: Any, b: Any, iou: float) -> None:
        assert polygon_iou(a, b) == pytest.approx(iou, abs=1e-12)
        assert polygon_iou(b, a) == pytest.approx(iou, abs=1e-12)

    @pytest.mark.parametrize(
        "place",
        [
            pytest.param((0, 0, 10, 10), id="box"),
            pytest.param((0, 0, 10, 0, 10), id="odd"),
            pytest.param((0, 0, 10, 10, 10, 0, 0, 10), id="bow-tie"),
            pytest.param((0, 0, 5, 5, 10, 10), id="line"),
            pytest.param((0, 0, 0, 0, 10, 10), id="repeated"),
            pytest.param((0, 0, 10, 0, 5, 0, 5, 10), id="spike"),
            pytest.param((0, 0, 10, 0, 10, 10, 5, 0, 0, 10), id="touches-its-edge"),
            pytest.param((0, 0, float("nan"), 0, 10, 10), id="nan"),
        ],
    )
    def test_what_is_no_polygon_is_wrong(self, place: Any) -> None:
        assert not is_polygon(place)
        row = ({"a": (SQUARE,)}, {"a": (SQUARE, place)})
        for profile in Profile:
            numbers = score_polygons(examples_of(row, polygons=True), answers_of(row), profile)
            assert triple(numbers) == pytest.approx(HALF_PRECISION)

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.tuples(st.floats(0, 6.28), st.floats(1, 9)), min_size=3, max_size=9), st.integers(0, 9)
    )
    def test_agrees_with_counting(self, rays: list[tuple[float, float]], shift: int) -> None:
        """A star around a centre against a square, on a fine grid of points."""
        angles = np.sort(np.asarray([angle for angle, _ in rays]))
        corners = (
            np.stack([np.cos(angles), np.sin(angles)], 1) * np.asarray([r for _, r in rays])[:, None] + 10
        )
        place = tuple(np.round(corners, 2).ravel().tolist())
        if not is_polygon(place):
            return
        square = (shift, shift, shift + 8, shift, shift + 8, shift + 8, shift, shift + 8)
        steps = (np.arange(400) + 0.5) / 20
        x, y = (axis.ravel() for axis in np.meshgrid(steps, steps))
        inside = np.zeros(x.shape, dtype=bool)
        points = np.asarray(place).reshape(-1, 2)
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            if y0 != y1:
                inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
        other = (x >= shift) & (x <= shift + 8) & (y >= shift) & (y <= shift + 8)
        counted = (inside & other).sum() / max((inside | other).sum(), 1)
        assert polygon_iou(place, square) == pytest.approx(counted, abs=0.02)


coordinate = st.integers(0, 12)
box = st.tuples(coordinate, coordinate, st.integers(1, 12), st.integers(1, 12)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
places = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.lists(box, max_size=4).map(tuple))
row_lists = st.lists(st.tuples(places, places), min_size=1, max_size=4)


@settings(max_examples=50, deadline=None)
@given(row_lists, st.randoms(use_true_random=False))
def test_fixed_does_not_depend_on_order(rows: list[Row], random: Any) -> None:
    def turned(found: Places) -> dict[str, Any]:
        names = random.sample(sorted(found), len(found))
        return {name: tuple(random.sample(found[name], len(found[name]))) for name in names}

    others = [(turned(truth), turned(found)) for truth, found in rows]
    random.shuffle(others)
    before, after = score(Profile.FIXED, *rows), score(Profile.FIXED, *others)
    assert before == {k: pytest.approx(v) if isinstance(v, float) else v for k, v in after.items()}


@settings(max_examples=50, deadline=None)
@given(row_lists, st.sampled_from(["a", "b", "z"]))
def test_a_false_positive_never_helps(rows: list[Row], name: str) -> None:
    truth, found = rows[0]
    worse = (truth, {**found, name: (*found.get(name, ()), (90, 90, 99, 99))})
    before, after = score(Profile.FIXED, *rows), score(Profile.FIXED, worse, *rows[1:])
    for key in ("f1@0.5", "f1@0.95", "f1@mean"):
        assert after[key] <= before[key] + 1e-12


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=8), min_size=1, max_size=4),
    st.data(),
)
def test_both_profiles_agree_on_one_name_and_boxes_apart(cells: list[list[int]], data: Any) -> None:
    rows = []
    for cell in cells:
        truth = tuple((c * 20, 0, c * 20 + 10, 10) for c in cell)
        extra = data.draw(st.integers(0, 2))
        found = data.draw(st.permutations(truth))[: data.draw(st.integers(0, len(truth)))]
        rows.append(({"dog": truth}, {"dog": (*found, *[(500, 0, 510 + i, 10) for i in range(extra)])}))
    published, fixed = score(Profile.PUBLISHED, *rows), score(Profile.FIXED, *rows)
    for key in published.keys() - {"profile"}:
        assert published[key] == pytest.approx(fixed[key]), key


def test_the_table_names_a_headline_for_each_scorer() -> None:
    assert set(HEADLINES) == set(SCORERS)
    gui = {"a": (S,)}
    for name, scorer in SCORERS.items():
        for profile in Profile:
            truth = Truth(polygons={"a": (SQUARE,)}) if name == "polygons" else Truth(gui)
            numbers = scorer([Example("0", b"", "0.png", (Query(Task.gui("a")),), truth)], {}, profile)
            assert numbers[HEADLINES[name]] == 0
            assert numbers["profile"] == profile.value
            assert numbers["num_examples"] == 1
            if profile is Profile.FIXED:
                assert numbers["num_dropped"] == 0
