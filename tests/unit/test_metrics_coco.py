"""COCO and LVIS scores: every worked example of the specification, and what must always hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.metrics.coco import score_coco, score_lvis
from locany.eval.metrics.fasteval import Picture, score_fixed, score_published
from locany.eval.metrics.matching import num_matched
from locany.eval.metrics.profile import Profile
from locany.eval.metrics.table import scorer_of
from locany.geometry import match
from locany.tasks import Task

B, B2, B2s, F = (0, 0, 100, 100), (200, 200, 300, 300), (210, 200, 310, 300), (600, 600, 700, 700)
G1, G2 = (0, 0, 100, 100), (0, 20, 100, 120)
D4 = ((0, 5, 100, 105), (0, -30, 100, 70))
FAR = [(1000 + 50 * i, 0, 1010 + 50 * i, 10) for i in range(100)]

Triple = tuple[float, float, float]
ONE: Triple = (1, 1, 1)
ZERO: Triple = (0, 0, 0)
TWO_THIRDS: Triple = (2 / 3, 1, 0.8)
HALF_RECALL: Triple = (1, 0.5, 2 / 3)
HALF_PRECISION: Triple = (0.5, 1, 2 / 3)
HALF: Triple = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Case:
    """One worked example: triples are precision, recall, F1; None where the specification is silent."""

    id: str
    pictures: Sequence[Picture]
    at_50: Triple
    at_95: Triple | None
    mean: Triple | None
    fixed_50: Triple
    fixed_95: Triple | None
    fixed_mean: Triple | None
    categories: Sequence[str] = ("dog",)
    most_boxes: int | None = 100


def same(case: str, pictures: Sequence[Picture], published: Triple, fixed: Triple, **more: Any) -> Case:
    """All thresholds alike."""
    return Case(case, pictures, published, published, published, fixed, fixed, fixed, **more)


def only(case: str, pictures: Sequence[Picture], published: Triple, fixed: Triple, **more: Any) -> Case:
    """Stated at 0.5 alone."""
    return Case(case, pictures, published, None, None, fixed, None, None, **more)


def dog(truth: Sequence[Any], found: Sequence[Any], **more: Any) -> list[Picture]:
    return [Picture({"dog": truth}, {"dog": found}, **more)]


def two(truth: Mapping[str, Any], found: Mapping[str, Any]) -> list[Picture]:
    return [Picture(truth, found)]


DOG_CAT = ("dog", "cat")
BOTH = {"dog": [B], "cat": [B2]}
L3 = [Picture({"dog": [B]}, {"cat": [F], "dog": [B]}), Picture({"cat": [B2]}, {"cat": [B2]})]

CASES = [
    same("F1", dog([B, B2], [B, B2, F]), ONE, TWO_THIRDS),
    same("F2", dog([B, B2], [F, B, B2]), TWO_THIRDS, TWO_THIRDS),
    same("F3", dog([B, B2], [B, F, B2]), TWO_THIRDS, TWO_THIRDS),
    Case(
        "F4", dog([B, B2], [B, B2s, B]), ONE, HALF_RECALL, (1, 0.85, 0.918919),
        TWO_THIRDS, (1 / 3, 0.5, 0.4), (0.566667, 0.85, 0.68),
    ),
    same("F5", two(BOTH, {"dog": [B], "cat": [F]}), ONE, HALF, categories=DOG_CAT),
    same("F6", two(BOTH, {"dog": [B]}), ONE, HALF_RECALL, categories=DOG_CAT),
    same("F8", dog([B], [B, F]) + dog([B], [B]), TWO_THIRDS, TWO_THIRDS),
    same(
        "F9", dog([B], [B, (210, 210, 250, 250), F], crowd={"dog": [B2]}), ONE, HALF_PRECISION,
    ),
    same("F10", dog([B, B2], [B]), HALF_RECALL, HALF_RECALL),
    same("D1", dog([B, B2], [B, B, B2]), TWO_THIRDS, TWO_THIRDS),
    same("D2", dog([B], [B, B]), ONE, HALF_PRECISION),
    same("D3", dog([B, B2], [B, B2], ids={"dog": (0, 1)}), HALF, ONE),
    Case("D4", dog([G1, G2], D4), HALF_RECALL, ZERO, (1, 0.45, 0.620690), ONE, ZERO, HALF),
    Case("D5", dog([G1, G2], D4[::-1]), ONE, ZERO, (0.55, 0.5, 0.523810), ONE, ZERO, HALF),
    Case("D6", dog([B], [(0, 0, 100, 50)]), ONE, ZERO, (1, 0.1, 0.181818), ONE, ZERO, (0.1, 0.1, 0.1)),
    Case(
        "D6-lvis", dog([B], [(0, 0, 100, 50)]), ONE, ZERO, (1, 0.1, 0.181818), ONE, ZERO, (0.1, 0.1, 0.1),
        most_boxes=None,
    ),
    Case(
        "D8", two(BOTH, {"dog": [F, B], "cat": [B2s]}), (0.75, 1, 0.857143), HALF_PRECISION,
        (0.75, 0.85, 0.796875), (0.75, 1, 0.857143), (0.25, 0.5, 1 / 3), (0.6, 0.85, 0.703448),
        categories=DOG_CAT,
    ),
    only("D9", dog([B], [*FAR, B]), ZERO, (1 / 101, 1, 2 / 102)),
    only("D9b", dog([B], [*FAR, B]), (1 / 101, 1, 2 / 102), (1 / 101, 1, 2 / 102), most_boxes=None),
    only("O1", dog([B], [B]) + dog([], [F]), ONE, HALF_PRECISION),
    only("O2", dog([], [F]) + dog([B], [B]), HALF_PRECISION, HALF_PRECISION),
    only(
        "L1",
        [Picture({"dog": [B]}, {"dog": [F, B], "cat": [F]}, judged=frozenset(DOG_CAT))],
        HALF_PRECISION, HALF_PRECISION, categories=DOG_CAT, most_boxes=None,
    ),
    only("L2", dog([B], [F, B], partial=frozenset({"dog"})), ONE, ONE, most_boxes=None),
    only(
        "L3", [replace(one, judged=frozenset(one.truth)) for one in L3], ONE, ONE,
        categories=DOG_CAT, most_boxes=None,
    ),
]  # fmt: skip


def triple(numbers: Mapping[str, Any], suffix: str) -> Triple:
    return (numbers[f"precision@{suffix}"], numbers[f"recall@{suffix}"], numbers[f"f1@{suffix}"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_published(case: Case) -> None:
    numbers = score_published(case.pictures, case.categories, case.most_boxes)
    for suffix, expected in (("0.5", case.at_50), ("0.95", case.at_95), ("mean", case.mean)):
        if expected is not None:
            assert triple(numbers, suffix) == pytest.approx(expected, abs=1e-6), suffix


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_fixed(case: Case) -> None:
    numbers = score_fixed(case.pictures, case.categories)
    for suffix, expected in (("0.5", case.fixed_50), ("0.95", case.fixed_95), ("mean", case.fixed_mean)):
        if expected is not None:
            assert triple(numbers, suffix) == pytest.approx(expected, abs=1e-6), suffix


class TestL4:
    """L3's boxes in COCO mode: without the filter of categories the stray cat counts."""

    def test_published(self) -> None:
        numbers = score_published(L3, DOG_CAT)
        assert triple(numbers, "0.5") == pytest.approx((0.75, 1, 0.857143), abs=1e-6)

    def test_fixed(self) -> None:
        """With the filter, which the corrected column keeps."""
        examples = [example(str(i), one.truth) for i, one in enumerate(L3)]
        answers = {str(i): Prediction(str(i), one.found) for i, one in enumerate(L3)}
        assert triple(score_coco(examples, answers, Profile.FIXED), "0.5") == ONE
        everywhere = [
            example(str(i), {**dict.fromkeys(DOG_CAT, ()), **one.truth}) for i, one in enumerate(L3)
        ]
        assert triple(score_coco(everywhere, answers, Profile.FIXED), "0.5")[0] == 0.75


def test_f11_is_defined_when_fixed() -> None:
    """Published it depends on uninitialised memory; ours starts at 0 there."""
    pictures = two(BOTH, {"dog": [F], "cat": [B2]})
    assert triple(score_fixed(pictures, DOG_CAT), "mean") == HALF
    assert triple(score_published(pictures, DOG_CAT), "mean") == ONE


def test_a_category_without_truth_repeats_the_precision_before_it() -> None:
    images = [Picture({"dog": [B], "cat": [B2]}, {"dog": [B], "cat": [F, B2]})]
    numbers = score_published(images, ("dog", "cat", "ghost"))
    assert triple(numbers, "0.5")[:2] == pytest.approx(((1 + 0.5 + 0.5) / 3, 1))
    assert triple(score_fixed(images, ("dog", "cat", "ghost")), "0.5")[:2] == pytest.approx((0.75, 1))


def test_the_scorer_is_told_of_categories_that_occur_nowhere() -> None:
    """Published, they repeat the precision before them: where they stand in the file decides."""
    one = Example(
        "0", b"", "0.png", (Query(Task.detect(["dog", "cat"])),), Truth({"dog": (B,), "cat": (B2,)})
    )
    given = {"0": Prediction("0", {"dog": (B,), "cat": (F, B2)})}

    def precision(profile: Profile, *names: str) -> float:
        return float(scorer_of("coco", names)([one], given, profile)["precision@0.5"])

    assert precision(Profile.PUBLISHED) == pytest.approx(0.75)
    assert precision(Profile.PUBLISHED, "dog", "cat", "ghost") == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert precision(Profile.PUBLISHED, "dog", "ghost", "cat") == pytest.approx((1 + 1 + 0.5) / 3)
    assert precision(Profile.FIXED, "dog", "ghost", "cat") == precision(Profile.FIXED) == pytest.approx(0.75)
    assert scorer_of("boxes", ("dog",)) is scorer_of("boxes")


def test_precision_is_read_from_the_curve_with_many_boxes() -> None:
    """With more than 100 true boxes the last sample of the curve may lie before the last hit."""
    truth = [(i * 20, 0, i * 20 + 10, 10) for i in range(200)]
    late = score_published(dog(truth, [*truth[:199], F, truth[199]]), ("dog",), None)
    assert triple(late, "0.5") == ONE  # sampled at hit 199
    cut = score_published(dog(truth, [*truth[:198], F, F, truth[198]]), ("dog",), None)
    assert cut["precision@0.5"] == pytest.approx(199 / 201)  # hit 198 is no more than recall 0.99


def example(name: str, boxes: Mapping[str, Any], **truth: Any) -> Example:
    task = Task.detect(list(boxes) or ["thing"])
    return Example(name, b"", f"{name}.png", (Query(task),), Truth(boxes, **truth))


class TestFromPredictions:
    def test_names_are_looked_up_and_filtered(self) -> None:
        """The conversion example: names but for case and `_`, what is no box and unknown names vanish."""
        examples = [
            example("a", {"Traffic_Light": ((10, 20, 30, 60),)}),
            example("b", {"dog": ((0, 0, 1, 1),)}),
        ]
        found: Any = {
            "traffic light": ((10, 20, 30, 60), (1, 2)), "dog": ((0, 0, 1, 1),), "unicorn": ((0, 0, 5, 5),),
        }  # fmt: skip
        answers = {"a": Prediction("a", found), "b": Prediction("b", {"dog": ((0, 0, 1, 1),)})}
        numbers = score_coco(examples, answers, Profile.PUBLISHED)
        assert triple(numbers, "mean") == ONE
        assert (numbers["num_unjudged"], numbers["num_malformed"]) == (2, 1)
        fixed = score_coco(examples, answers, Profile.FIXED)
        assert triple(fixed, "0.5") == pytest.approx((0.75, 1, 0.857143), abs=1e-6)  # the (1, 2) is wrong

    def test_an_image_without_annotations_is_not_filtered(self) -> None:
        examples = [example("a", {}), example("b", {"dog": (B,)})]
        answers = {"a": Prediction("a", {"dog": (F,)}), "b": Prediction("b", {"dog": (B,)})}
        assert score_coco(examples, answers, Profile.PUBLISHED)["precision@0.5"] == 0.5
        assert score_coco(examples, answers, Profile.FIXED)["precision@0.5"] == 0.5
        assert (
            score_lvis(examples, answers, Profile.PUBLISHED)["precision@0.5"] == 1
        )  # nothing verified there

    @pytest.mark.parametrize("profile", list(Profile))
    def test_what_is_missing_or_failed_was_not_found(self, profile: Profile) -> None:
        examples = [example(name, {"dog": (B,)}) for name in "abcd"]
        answers = {
            "a": Prediction("a", {"dog": (B,)}),
            "b": Prediction("b", {"dog": (B,)}, error="no memory"),
            "c": Prediction("c", num_truncated=1),
        }
        numbers = score_coco(examples, answers, profile)
        assert triple(numbers, "0.5") == pytest.approx((1, 0.25, 0.4))
        counts = ("num_examples", "num_missing", "num_failed", "num_truncated")
        assert [numbers[name] for name in counts] == [4, 1, 1, 1]
        assert numbers["profile"] == profile.value

    def test_known_absence(self) -> None:
        """A name without a place: what is found there is wrong when fixed and filtered when published."""
        examples = [example("a", {"dog": (B,), "cat": ()}), example("b", {"cat": (B,)})]
        answers = {"a": Prediction("a", {"dog": (B,), "cat": (F,)}), "b": Prediction("b", {"cat": (B,)})}
        assert score_coco(examples, answers, Profile.PUBLISHED)["precision@0.5"] == 1
        assert score_coco(examples, answers, Profile.FIXED)["precision@0.5"] == 0.75

    def test_crowd_and_partial_names(self) -> None:
        crowded = [example("a", {"dog": (B,)}, crowd={"dog": (B2,)}, partial=frozenset({"dog"}))]
        answers = {"a": Prediction("a", {"dog": (B, (210, 210, 250, 250), F)})}
        assert score_coco(crowded, answers, Profile.FIXED)["precision@0.5"] == 0.5
        assert score_lvis(crowded, answers, Profile.FIXED)["precision@0.5"] == 1

    def test_no_examples(self) -> None:
        for profile in Profile:
            assert score_coco([], {}, profile)["f1@mean"] == 0


coordinate = st.integers(0, 12)
box = st.tuples(coordinate, coordinate, st.integers(1, 12), st.integers(1, 12)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
boxes = st.lists(box, max_size=5)
by_name = st.dictionaries(st.sampled_from(["a", "b"]), boxes)
pictures = st.lists(st.builds(Picture, by_name, by_name, by_name), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(pictures, st.randoms(use_true_random=False))
def test_fixed_does_not_depend_on_order(given_pictures: list[Picture], random: Any) -> None:
    def turned(places: Mapping[str, Any]) -> dict[str, Any]:
        names = random.sample(sorted(places), len(places))
        return {name: random.sample(list(places[name]), len(places[name])) for name in names}

    others = [Picture(turned(p.truth), turned(p.found), turned(p.crowd)) for p in given_pictures]
    random.shuffle(others)
    assert score_fixed(others, ("b", "a")) == pytest.approx(score_fixed(given_pictures, ("a", "b")))


@settings(max_examples=60, deadline=None)
@given(pictures, st.sampled_from(["a", "b"]))
def test_a_false_positive_never_helps(given_pictures: list[Picture], name: str) -> None:
    first = given_pictures[0]
    worse = replace(first, found={**first.found, name: [*first.found.get(name, ()), (90, 90, 99, 99)]})
    before, after = (
        score_fixed(given_pictures, ("a", "b")),
        score_fixed([worse, *given_pictures[1:]], ("a", "b")),
    )
    for key in ("f1@0.5", "f1@0.95", "f1@mean"):
        assert after[key] <= before[key] + 1e-12


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), unique=True, max_size=20), min_size=1, max_size=4), st.data())
def test_both_profiles_agree_where_nothing_is_wrong(cells: list[list[int]], data: Any) -> None:
    """One category, true boxes apart, and no false positive: no defect can show."""
    images = []
    for cell in cells:
        truth = [(c * 20, 0, c * 20 + 10, 10) for c in cell]
        num = data.draw(st.integers(0, len(truth)))
        images += dog(truth, data.draw(st.permutations(truth))[:num])
    published, fixed = score_published(images, ("dog",)), score_fixed(images, ("dog",))
    assert {**published, "num_categories": 0} == pytest.approx({**fixed, "num_categories": 0})


def test_greedy_matching_is_that_of_the_library() -> None:
    """Final recall by category and threshold, crowds and equal scores included."""
    library = pytest.importorskip("faster_coco_eval")
    rng = np.random.default_rng(7)

    def some_boxes(most: int) -> list[list[int]]:
        corner, size = rng.integers(0, 9, (2, int(rng.integers(0, most)), 2))
        return np.concatenate([corner, corner + size + 6], axis=1).tolist()

    pictures = [Picture({"a": some_boxes(6)}, {"a": some_boxes(9)}, {"a": some_boxes(3)}) for _ in range(60)]
    rows: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for i, picture in enumerate(pictures):
        for crowd, truth in ((0, picture.truth["a"]), (1, picture.crowd["a"])):
            for x0, y0, x1, y1 in truth:
                place = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": crowd}
                rows.append({"id": len(rows) + 1, "image_id": i, "category_id": 1, **place})
        for x0, y0, x1, y1 in picture.found["a"]:
            place = {"bbox": [x0, y0, x1 - x0, y1 - y0], "score": 0.2}
            found.append({"image_id": i, "category_id": 1, **place})
    images = [{"id": i, "width": 99, "height": 99} for i in range(len(pictures))]
    truth = library.COCO({"images": images, "annotations": rows, "categories": [{"id": 1, "name": "a"}]})
    evaluator = library.COCOeval_faster(truth, truth.loadRes(found), "bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    recall = evaluator.eval["recall"][:, 0, 0, -1]
    numbers = score_published(pictures, ("a",))
    assert 0.1 < recall[0] < 0.9
    assert (recall[0], recall[-1], recall.mean()) == pytest.approx(
        tuple(numbers[f"recall@{at}"] for at in ("0.5", "0.95", "mean"))
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([0, 0.3, 0.5, 0.8]), min_size=4, max_size=4), min_size=1, max_size=5)
)
def test_counting_pairs_is_the_one_matcher(rows: list[list[float]]) -> None:
    similarity = np.asarray(rows)
    limits = (0.2, 0.4, 0.5, 0.6, 0.9)
    assert num_matched(similarity, limits).tolist() == [len(match(similarity, limit)) for limit in limits]


@settings(max_examples=30, deadline=None)
@given(pictures)
def test_numbers_are_shares(given_pictures: list[Picture]) -> None:
    for numbers in (score_fixed(given_pictures, ("a", "b")), score_published(given_pictures, ("a", "b"))):
        values = [value for key, value in numbers.items() if key != "num_categories"]
        assert np.isfinite(values).all()
        assert min(values) >= 0
        assert max(values) <= 1
