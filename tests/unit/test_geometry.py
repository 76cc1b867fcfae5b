"""Geometry: bins, overlap, and the matcher against brute force."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.geometry import (
    box_area,
    clip_boxes,
    from_bins,
    iou_matrix,
    match,
    nms,
    order_corners,
    points_in_boxes,
    to_bins,
)

sizes = st.tuples(st.integers(1, 20_000), st.integers(1, 20_000))
coords = st.floats(-1e4, 1e4, allow_nan=False, width=32)


def box_lists(max_size: int = 6) -> st.SearchStrategy[list[tuple[float, float, float, float]]]:
    return st.lists(st.tuples(coords, coords, coords, coords), max_size=max_size)


@given(size_wh=sizes, bins=st.lists(st.tuples(*[st.integers(0, 1000)] * 4), min_size=1))
def test_bins_to_pixels_and_back_is_the_identity(size_wh, bins):
    assert np.array_equal(to_bins(from_bins(bins, size_wh), size_wh), bins)


@given(size_wh=sizes, x=st.floats(0, 1), y=st.floats(0, 1), num_bins=st.sampled_from([2, 65, 1001]))
def test_pixels_to_bins_and_back_is_off_by_half_a_bin_at_most(size_wh, x, y, num_bins):
    point = np.array([x, y]) * size_wh
    error = np.abs(from_bins(to_bins(point, size_wh, num_bins), size_wh, num_bins) - point)
    assert (error <= np.array(size_wh) / (2 * (num_bins - 1)) * (1 + 1e-9)).all()


def test_bins_round_to_the_nearest_with_halves_up_and_clamp():
    assert to_bins([0.5, 1.5], (1000, 1000)).tolist() == [1, 2]
    assert to_bins([0.49, 999.51], (1000, 1000)).tolist() == [0, 1000]
    assert to_bins([[-5, 20, 640, 9999]], (640, 480)).tolist() == [[0, 42, 1000, 1000]]


def test_from_bins_neither_clamps_nor_orders():
    assert from_bins([900, 2000, 100, -10], (640, 480)).tolist() == [576.0, 960.0, 64.0, -4.8]


@pytest.mark.parametrize("bad", [[1.0, 2.0, 3.0], [np.nan, 0.0]])
def test_to_bins_rejects_what_is_neither_points_nor_boxes(bad):
    with pytest.raises(AssertionError):
        to_bins(bad, (10, 10))


@given(box_lists(), sizes)
def test_ordered_and_clipped_boxes_are_well_formed(boxes, size_wh):
    ordered = order_corners(boxes)
    assert (ordered[:, :2] <= ordered[:, 2:]).all()
    clipped = clip_boxes(ordered, size_wh)
    assert (clipped >= 0).all()
    assert (clipped <= [*size_wh, *size_wh]).all()
    assert (box_area(clipped) <= box_area(ordered)).all()


def test_area_of_an_inverted_box_is_zero():
    assert box_area([[0, 0, 2, 3], [2, 0, 0, 3], [2, 3, 0, 0], [1, 1, 1, 5]]).tolist() == [6, 0, 0, 0]


@given(box_lists(), box_lists())
def test_iou_is_symmetric_bounded_and_one_on_itself(a, b):
    a, b = order_corners(a), order_corners(b)
    iou = iou_matrix(a, b)
    assert iou.shape == (len(a), len(b))
    assert ((iou >= 0) & (iou <= 1)).all()
    assert np.array_equal(iou, iou_matrix(b, a).T)
    assert np.array_equal(np.diag(iou_matrix(a, a)), (box_area(a) > 0).astype(float))


def test_iou_of_known_boxes():
    # Half covered is exactly one half: thresholds are inclusive and evaluation depends on it.
    assert iou_matrix(
        [[0, 0, 100, 100]], [[0, 0, 100, 50], [50, 50, 150, 150], [100, 0, 200, 100]]
    ).tolist() == [[0.5, 2500 / 17500, 0.0]]
    assert iou_matrix([], [[0, 0, 1, 1]]).shape == (0, 1)


def test_points_on_the_edge_are_inside():
    inside = points_in_boxes([[0, 0], [10, 5], [10.1, 5]], [[0, 0, 10, 10], [10, 0, 20, 4]])
    assert inside.tolist() == [[True, False], [True, False], [False, False]]
    assert points_in_boxes([], [[0, 0, 1, 1]]).shape == (0, 1)


def test_nms_keeps_the_better_of_two_and_the_earlier_of_equals():
    boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [50, 50, 60, 60]]
    assert nms(boxes, [0.3, 0.9, 0.5, 0.5], 0.5).tolist() == [1, 2]
    assert nms(boxes, [0.3, 0.9, 0.5, 0.5], 1.0).tolist() == [1, 2, 3, 0]
    assert nms([], [], 0.5).tolist() == []


@given(box_lists(8), st.floats(0, 1), st.data())
def test_nms_keeps_only_boxes_apart_and_drops_only_boxes_that_overlap_a_better_one(boxes, threshold, data):
    boxes = order_corners(boxes)
    scores = np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(boxes), max_size=len(boxes))))
    kept = nms(boxes, scores, threshold)
    iou = iou_matrix(boxes, boxes)
    assert (np.triu(iou[kept][:, kept], 1) <= threshold).all()
    for dropped in set(range(len(boxes))) - set(kept.tolist()):
        assert any(iou[dropped, k] > threshold and scores[k] >= scores[dropped] for k in kept)


def brute_force(similarity: np.ndarray, threshold: float) -> tuple[int, float]:
    """Greatest number of pairs, and the greatest total among the matchings with that many."""
    if similarity.shape[0] > similarity.shape[1]:
        similarity = similarity.T
    best = (0, 0.0)
    for cols in itertools.permutations(range(similarity.shape[1]), similarity.shape[0]):
        values = similarity[range(len(cols)), cols]
        values = values[values >= threshold]
        best = max(best, (len(values), float(values.sum())))
    return best


@st.composite
def similarity_matrices(draw) -> np.ndarray:
    rows, cols = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    # Few distinct values make ties; negative ones stand for distances.
    value = draw(st.sampled_from([st.floats(-1, 1), st.sampled_from([-0.5, 0.0, 0.5, 1.0])]))
    flat = draw(st.lists(value, min_size=rows * cols, max_size=rows * cols))
    return np.array(flat, dtype=float).reshape(rows, cols)


@settings(max_examples=300, deadline=None)
@given(
    similarity_matrices(), st.sampled_from([-2.0, -0.25, 0.0, 0.3, 0.5]), st.randoms(use_true_random=False)
)
def test_match_is_as_good_as_brute_force_in_any_order(similarity, threshold, random):
    pairs = match(similarity, threshold)
    assert pairs == sorted(pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(similarity[i, j] >= threshold for i, j in pairs)
    num, total = brute_force(similarity, threshold)
    assert len(pairs) == num
    assert sum(similarity[i, j] for i, j in pairs) == pytest.approx(total, abs=1e-9)

    rows, cols = list(range(similarity.shape[0])), list(range(similarity.shape[1]))
    random.shuffle(rows)
    random.shuffle(cols)
    shuffled = similarity[np.ix_(rows, cols)]
    again = match(shuffled, threshold)
    assert len(again) == num
    assert sum(shuffled[i, j] for i, j in again) == pytest.approx(total, abs=1e-9)


def test_match_finds_both_pairs_where_greedy_finds_one():
    # Spec `evaluation` D4: the first target's best detection is the second target's only one.
    targets = [[0, 0, 100, 100], [0, 20, 100, 120]]
    detections = [[0, 5, 100, 105], [0, -30, 100, 70]]
    assert match(iou_matrix(targets, detections), 0.5) == [(0, 1), (1, 0)]
    assert match(iou_matrix(targets[::-1], detections), 0.5) == [(0, 0), (1, 1)]


def test_match_prefers_two_poor_pairs_to_one_good_one():
    assert match([[1.0, 0.5], [0.5, 0.0]], 0.5) == [(0, 1), (1, 0)]


def test_match_never_pairs_nan_and_includes_the_threshold():
    assert match([[np.nan, 0.5]], 0.5) == [(0, 1)]
    assert match([[np.nan]], 0.0) == []
    assert match(np.zeros((0, 3)), 0.5) == []


@pytest.mark.parametrize("kind", ["random", "equal", "hard"])
def test_match_of_300_by_300_is_fast(kind):
    steps = np.arange(1, 301)
    similarity = {
        "random": np.random.default_rng(0).random((300, 300)),
        "equal": np.ones((300, 300)),
        "hard": np.outer(steps, steps) / 90_000,  # the classical bad case for augmenting paths
    }[kind]
    start = time.perf_counter()
    pairs = match(similarity, 0.0)
    assert time.perf_counter() - start < 5  # 0.01 to 0.5 s on two cores; the slack is for busy machines
    assert len(pairs) == 300
    if kind == "hard":  # rearrangement inequality: equal ranks meet
        assert pairs == [(i, i) for i in range(300)]
