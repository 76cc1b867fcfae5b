"""Points, masks as run lengths and keypoints: the worked examples, and what must always hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.errors import DataError
from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.metrics.keypoints import Pose, oks, score_keypoints
from locany.eval.metrics.points import score_points, score_points_referring
from locany.eval.metrics.profile import Profile
from locany.eval.metrics.rle import cells_in_mask, check_rle, read_counts
from locany.tasks import Task

Triple = tuple[float, float, float]


def mask(counts: str) -> dict[str, Any]:
    return {"counts": counts, "size": [20, 20]}


M1, M2 = mask("0::00000000000000000X6"), mask("b6::00000000000000000")
FULL, TINY = mask("0`<"), mask("d22b00d8")
ONE: Triple = (1, 1, 1)
ZERO: Triple = (0, 0, 0)
HALF: Triple = (0.5, 0.5, 0.5)

# id, true masks or boxes, points, referring, published, fixed
CASES: list[tuple[str, Mapping[str, Any], Mapping[str, Any], bool, Triple, Triple]] = [
    (
        "P1", {"dog": (M1, M2)}, {"dog": ((5, 5), (9.99, 9.99), (15, 15))},
        False, (2 / 3, 1, 0.8), (2 / 3, 1, 0.8),
    ),
    ("P2", {"dog": (M1,)}, {"cat": ((5, 5),)}, False, ZERO, ZERO),
    ("P3", {"dog": (FULL, TINY)}, {"dog": ((5, 5), (15, 15))}, False, HALF, ONE),
    ("P3-reversed", {"dog": (TINY, FULL)}, {"dog": ((5, 5), (15, 15))}, False, ONE, ONE),
    ("P4", {"dog": (M1,)}, {"dog": ((10.0, 5.0),)}, False, ZERO, ZERO),
    ("P5", {"dog": ((0, 0, 10, 10), (10, 10, 20, 20))}, {"dog": ((10, 10), (15, 15))}, False, ONE, ONE),
    ("P6", {"the man": (M1,)}, {"man": ((5, 5),)}, True, ONE, ONE),
    ("P7", {"the man": (M1,)}, {"man": ((15, 5),), "x": ((5, 5),)}, True, ZERO, (0.5, 1, 2 / 3)),
    ("P9", {"dog": (M1,)}, {"dog": ((5, 5, 19, 19),)}, False, ONE, ZERO),
    ("P11", {"hot-dog": (M1,)}, {"hot dog": ((5, 5),)}, False, ZERO, ZERO),
    ("case", {"Dog": (M1,)}, {"dog": ((5, 5),)}, False, ONE, ZERO),
    ("below-zero", {"dog": (M1,)}, {"dog": ((-0.5, 5),)}, False, ONE, ZERO),
    ("box-for-a-box", {"dog": ((0, 0, 10, 10),)}, {"dog": ((1, 1, 9, 9),)}, False, ZERO, ZERO),
    ("nothing-nothing", {"dog": ()}, {}, False, ONE, ONE),
    ("nothing-some", {"dog": ()}, {"dog": ((5, 5),)}, False, ZERO, ZERO),
    ("some-nothing", {"dog": (M1,)}, {}, False, ZERO, ZERO),
]  # fmt: skip


def example(places: Mapping[str, Any], name: str = "0") -> Example:
    is_mask = any(isinstance(place, Mapping) for group in places.values() for place in group)
    truth = Truth(masks=places) if is_mask else Truth(places)
    return Example(name, b"", "0.png", (Query(Task.point("dog")),), truth)


def triple(numbers: Mapping[str, Any], suffix: str = "point") -> Triple:
    return (numbers[f"precision@{suffix}"], numbers[f"recall@{suffix}"], numbers[f"f1@{suffix}"])


def score(
    profile: Profile, truth: Mapping[str, Any], found: Mapping[str, Any], referring: bool = False
) -> Any:
    scorer = score_points_referring if referring else score_points
    return scorer([example(truth)], {"0": Prediction("0", found)}, profile)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_published(case: Any) -> None:
    _, truth, found, referring, expected, _ = case
    assert triple(score(Profile.PUBLISHED, truth, found, referring)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_fixed(case: Any) -> None:
    _, truth, found, referring, _, expected = case
    assert triple(score(Profile.FIXED, truth, found, referring)) == pytest.approx(expected, abs=1e-6)


def test_a_place_of_one_number_drops_the_row_when_published() -> None:
    numbers = [score(profile, {"dog": (M1,)}, {"dog": ((5, 5), (7,))}) for profile in Profile]
    assert [(n["num_scored"], n["num_dropped"]) for n in numbers] == [(0, 1), (1, 0)]
    assert triple(numbers[1]) == pytest.approx((0.5, 1, 2 / 3))


def test_a_damaged_mask_is_empty_when_published_and_an_error_when_fixed() -> None:
    broken = {"dog": (mask("0`"), M2)}
    found = {"dog": ((15, 15),)}
    assert triple(score(Profile.PUBLISHED, broken, found)) == pytest.approx((1, 0.5, 2 / 3))
    with pytest.raises(DataError, match="end within"):
        score(Profile.FIXED, broken, found)


def test_missing_predictions() -> None:
    examples = [example({"dog": (M1,)}, "0"), example({"dog": (M1,)}, "1")]
    answers = {"0": Prediction("0", {"dog": ((5, 5),)})}
    assert triple(score_points(examples, answers, Profile.PUBLISHED)) == ONE
    assert triple(score_points(examples, answers, Profile.FIXED)) == HALF
    assert triple(score_points([], {}, Profile.FIXED)) == ZERO


class TestRle:
    @pytest.mark.parametrize(
        ("rle", "rows", "columns"),
        [(M1, (0, 10), (0, 10)), (M2, (10, 20), (10, 20)), (FULL, (0, 20), (0, 20)), (TINY, (4, 6), (4, 6))],
        ids=["m1", "m2", "full", "tiny"],
    )
    def test_masks_of_the_specification(self, rle: Any, rows: Any, columns: Any) -> None:
        x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-2, 23), np.arange(-2, 23)))
        expected = (y >= rows[0]) & (y < rows[1]) & (x >= columns[0]) & (x < columns[1])
        assert (cells_in_mask(np.stack([x, y], 1), rle) == expected).all()

    def test_plain_lengths_and_bytes(self) -> None:
        plain = {"counts": read_counts(b"d22b00d8"), "size": [20, 20]}
        assert sum(plain["counts"]) == 400
        assert cells_in_mask([[4, 5], [6, 5]], plain).tolist() == [True, False]

    @pytest.mark.parametrize(
        "rle",
        [
            mask("~~"),
            mask("0`"),
            mask("0"),
            {"counts": [-1, 401], "size": [20, 20]},
            {"counts": "0`<"},
            "0`<",
        ],
        ids=["character", "cut", "short", "negative", "no-size", "text"],
    )
    def test_damage_is_an_error(self, rle: Any) -> None:
        with pytest.raises(DataError):
            check_rle(rle)


places = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 9), st.integers(1, 9)), max_size=5
    ),
).map(lambda d: {k: tuple((x, y, x + w, y + h) for x, y, w, h in v) for k, v in d.items()})
dots = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=5).map(tuple),
)


@settings(max_examples=50, deadline=None)
@given(places, dots, st.randoms(use_true_random=False))
def test_fixed_does_not_depend_on_order(truth: Any, found: Any, random: Any) -> None:
    def turned(group: Mapping[str, Any]) -> dict[str, Any]:
        return {n: tuple(random.sample(group[n], len(group[n]))) for n in sorted(group, reverse=True)}

    before = triple(score(Profile.FIXED, truth, found))
    assert triple(score(Profile.FIXED, turned(truth), turned(found))) == pytest.approx(before)
    worse = {**found, "a": (*found.get("a", ()), (90, 90))}
    assert triple(score(Profile.FIXED, truth, worse))[2] <= before[2] + 1e-12


class TestKeypoints:
    TRUE = Pose((0, 0, 100, 100), {"nose": (50, 50), "left eye": (40, 40)})
    FOUND = Pose((0, 0, 1, 1), {"nose": (51, 50), "left eye": (40, 43)})

    def test_oks(self) -> None:
        assert oks(self.TRUE, self.FOUND, missing_counts=False) == pytest.approx(0.704934, abs=1e-6)
        numbers = score_keypoints([([self.TRUE], [self.FOUND])], Profile.PUBLISHED)
        assert [numbers[f"f1@{at}"] for at in ("0.5", "0.95", "mean")] == pytest.approx([1, 0, 0.3])

    def test_fixed(self) -> None:
        """0.7049 is at or above five of the ten thresholds."""
        numbers = score_keypoints([([self.TRUE], [self.FOUND])], Profile.FIXED)
        assert [numbers[f"f1@{at}"] for at in ("0.5", "0.95", "mean")] == pytest.approx([1, 0, 0.5])

    def test_what_is_missing(self) -> None:
        half = Pose((0, 0, 1, 1), {"nose": (50, 50)})
        assert oks(self.TRUE, half, missing_counts=False) == 1
        assert oks(self.TRUE, half, missing_counts=True) == 0.5
        assert oks(self.TRUE, Pose((0, 0, 1, 1), {"tail": (1, 1)}), missing_counts=False) == 0

    def test_one_may_serve_many_when_published(self) -> None:
        rows = [([self.TRUE, self.TRUE], [self.TRUE, Pose((0, 0, 1, 1), {})])]
        assert score_keypoints(rows, Profile.PUBLISHED)["f1@0.5"] == 1
        assert score_keypoints(rows, Profile.FIXED)["f1@0.5"] == 0.5

    def test_unreadable_keypoints(self) -> None:
        bad = Pose((0, 0, 1, 1), {"nose": "unvisible", "left eye": (40, 40)})
        rows = [([self.TRUE], [bad]), ([self.TRUE], [self.TRUE])]
        published, fixed = (score_keypoints(rows, profile) for profile in Profile)
        assert (published["f1@0.95"], published["num_dropped"]) == (1, 1)
        assert (fixed["f1@0.5"], fixed["f1@0.95"], fixed["num_dropped"]) == (1, 0.5, 0)

    @pytest.mark.parametrize("profile", list(Profile))
    def test_nothing_there_and_nothing_found(self, profile: Profile) -> None:
        assert score_keypoints([([], [])], profile)["f1@mean"] == 1
        assert score_keypoints([([self.TRUE], [])], profile)["f1@mean"] == 0
