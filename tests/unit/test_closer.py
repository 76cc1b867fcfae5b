"""Several looks, one answer: everything comes back once, whole, and in the user's own pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.closer import CloserConfig, Look, Search
from locany.errors import RequestError
from locany.geometry import iou_matrix
from locany.image import PreprocessConfig
from locany.image.tile import auto_grid, tile_windows, window_size
from locany.results import Detections, Provenance
from locany.tasks import Task
from tests.unit.closer_fixtures import MINI, Oracle

Box = tuple[float, float, float, float]


@st.composite
def pictures(draw: st.DrawFn) -> tuple[tuple[int, int], list[tuple[str, Box]]]:
    """A size, and boxes that keep some distance from each other, of two labels."""
    width, height = draw(st.integers(60, 1500)), draw(st.integers(60, 1500))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    largest, apart = draw(st.sampled_from([0.1, 0.4, 1.0])), 0.01 * max(width, height) + 1
    things: list[tuple[str, Box]] = []
    for _ in range(draw(st.integers(0, 25))):
        size = rng.uniform(0.01, largest, 2) * (width, height) + 2
        corner = rng.uniform(0, 1, 2) * np.maximum(np.array([width, height]) - size, 0)
        box = np.concatenate([corner, np.minimum(corner + size, [width, height])])
        near = [
            b
            for _, b in things
            if (box[:2] < np.add(b[2:], apart)).all() and (box[2:] > np.subtract(b[:2], apart)).all()
        ]
        if not near:
            things.append((str(rng.choice(["cat", "dog"])), tuple(box.tolist())))
    return (width, height), things


def by_place(items: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return sorted(items, key=lambda item: (item[0], tuple(np.round(item[1], 3))))


@settings(max_examples=300)
@given(
    pictures(),
    st.one_of(st.just("auto"), st.tuples(st.integers(1, 5), st.integers(1, 5))),
    st.floats(0, 0.5),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 1.0]),
)
def test_every_box_comes_back_once_and_exact_to_the_bin(
    picture: tuple[tuple[int, int], list[tuple[str, Box]]],
    tiles: Any,
    overlap: float,
    whole_image: bool,
    parallel: bool,
    least: float,
) -> None:
    size_wh, things = picture
    oracle = Oracle(size_wh, things, least)
    found = oracle.answer(
        Task.detect(["cat", "dog"]),
        tiles=tiles,
        overlap=overlap,
        whole_image=whole_image,
        parallel_categories=parallel,
    )
    grid = auto_grid(size_wh, overlap, MINI) if tiles == "auto" else tiles
    windows = tile_windows(size_wh, grid, overlap, multiple=28)
    assert len(oracle.looks) == (len(windows) + (whole_image and len(windows) > 1)) * (1 + parallel)
    assert len(found) == len(things)
    expected = by_place(list(things))
    got = by_place([(d.label, d.xyxy) for d in found])
    assert [label for label, _ in got] == [label for label, _ in expected]
    for label, box in things:
        # A bin of the tile; of the whole image where no tile has it whole.
        whole = any(
            (np.greater_equal(box, [*w[:2], *w[:2]]) & np.less_equal(box, [*w[2:], *w[2:]])).all()
            for w in windows
        )
        seen_in = window_size(windows[0]) if whole or not whole_image else size_wh
        error = min(np.abs(d.xyxy - np.array(box)).max(initial=0) for d in found if d.label == label)
        assert error <= max(seen_in) / 1000 + least + 1e-3
    assert set(found.absent) == {"cat", "dog"} - {label for label, _ in things}
    assert not found.truncated
    assert found.stats["num_requests"] == len(oracle.looks)


@settings(max_examples=100)
@given(pictures(), st.integers(1, 5), st.integers(1, 5), st.floats(0, 0.5))
def test_one_answer_for_any_tiles_when_things_are_small(
    picture: tuple[tuple[int, int], list[tuple[str, Box]]], columns: int, rows: int, overlap: float
) -> None:
    size_wh, things = picture
    for task in (Task.point("cat"), Task.gui("cat", point=True), Task.refer("cat"), Task.text()):
        found = Oracle(size_wh, things).answer(task, tiles=(columns, rows), overlap=overlap)
        names = [label for label, _ in things]
        assert set(found.labels) <= ({*names} if task == Task.text() else {"cat"})
        if task.kind.value in ("gui_point", "refer") and columns * rows > 1:
            assert len(found) == min(names.count("cat"), 1)
        assert found.is_point.all() == task.expects_points or not len(found)


def test_points_of_two_tiles_are_one() -> None:
    dots: list[tuple[str, Box]] = [("cat", (x - 2, 50, x + 2, 54)) for x in (20, 100, 110, 180)]
    found = Oracle((200, 100), dots).answer(Task.point("cat"), tiles=(2, 1), overlap=0.4)
    assert found.is_point.all()
    np.testing.assert_allclose(sorted(found.points[:, 0]), [20, 100, 110, 180], atol=0.2)


def test_what_is_cut_is_dropped_where_another_tile_has_it_whole() -> None:
    thing = ("cat", (65.0, 20.0, 150.0, 60.0))  # whole in the second tile, cut by the first
    oracle = Oracle((200, 100), [thing])
    found = oracle.answer(Task.detect("cat"), tiles=(2, 1), overlap=0.25, whole_image=False)
    windows = sorted(look.window for look in oracle.looks)
    assert windows[0][2] < 150 < windows[1][2]
    assert windows[1][0] < 65
    np.testing.assert_allclose(found.xyxy, [thing[1]], atol=0.1)


def test_pieces_of_something_large_are_joined() -> None:
    thing = ("cat", (10.0, 15.0, 390.0, 280.0))
    oracle = Oracle((400, 300), [thing])
    found = oracle.answer(Task.detect("cat"), tiles=(4, 3), overlap=0.1, whole_image=False)
    np.testing.assert_allclose(found.xyxy, [thing[1]], atol=0.1)
    assert len(oracle.looks) == 12
    seen = oracle.answer(Task.detect("cat"), tiles=(4, 3), overlap=0.1)
    np.testing.assert_allclose(seen.xyxy, [thing[1]], atol=0.2)


def test_joined_pieces_have_the_lowest_score_and_the_least_parallel_provenance() -> None:
    class Doubtful(Oracle):
        def see(self, look: Any) -> Detections:
            found = super().see(look)
            left = look.window[0] == 0
            how = Provenance.PARALLEL if left else Provenance.REDECODED
            return replace(found, scores=[0.9 if left else 0.4], provenance=[how])

    found = Doubtful((400, 100), [("cat", (50, 20, 350, 80))]).answer(
        Task.detect("cat"), tiles=(2, 1), whole_image=False
    )
    assert found.provenance == [Provenance.REDECODED]
    np.testing.assert_allclose(found.scores, [0.4])


def test_text_that_an_edge_has_cut_is_read_on() -> None:
    class Reader(Oracle):
        def see(self, look: Any) -> Detections:
            found = super().see(look)
            start, stop = (round((x - 100) / 20) for x in (found.xyxy[0, 0], found.xyxy[0, 2]))
            return replace(found, labels=["hello world"[start:stop]])

    oracle = Reader((420, 60), [("hello world", (100, 10, 320, 40))])
    found = oracle.answer(Task.text(), tiles=(2, 1), overlap=0.2, whole_image=False)
    assert found.labels == ["hello world"]
    np.testing.assert_allclose(found.xyxy, [(100, 10, 320, 40)], atol=0.2)


def test_a_box_seen_badly_does_not_come_twice() -> None:
    class Blurred(Oracle):
        def see(self, look: Any) -> Detections:
            found = super().see(look)
            if look.window[0] == 0:
                return found
            moved = found.xyxy + np.array([0, 6, 0, 6], np.float32)
            return replace(found, xyxy=moved, scores=found.scores - 0.1)

    found = Blurred((200, 100), [("cat", (85, 20, 112, 50))]).answer(
        Task.detect("cat"), tiles=(2, 1), overlap=0.3, whole_image=False
    )
    np.testing.assert_allclose(found.xyxy, [(85, 20, 112, 50)], atol=0.1)


def test_boxes_far_apart_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page in tiles has thousands of words: each held against each would take minutes."""
    calls: list[int] = []

    def counted(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        calls.append(len(a))
        return iou_matrix(a, b)

    monkeypatch.setattr("locany.closer.join.iou_matrix", counted)
    things = [("cat", (x, y, x + 25.0, y + 25.0)) for x in range(20, 960, 60) for y in range(20, 960, 60)]
    found = Oracle((1000, 1000), things).answer(Task.detect("cat"), tiles=(3, 3))
    assert len(found) == len(things)
    assert len(calls) < len(things)


def test_the_limit_holds_for_the_whole_answer() -> None:
    things: list[tuple[str, Box]] = [("cat", (x, 10, x + 15, 30)) for x in range(0, 400, 40)]
    found = Oracle((400, 60), things).answer(Task.detect("cat"), 3, tiles=(4, 1))
    assert (len(found), found.truncated) == (3, True)
    np.testing.assert_allclose(found.xyxy[:, 0], [0, 40, 80], atol=0.1)


# -- categories side by side --------------------------------------------------------------------------------


def test_categories_in_their_order() -> None:
    things: list[tuple[str, Box]] = [("dog", (0, 0, 9, 9)), ("cat", (20, 0, 30, 9)), ("dog", (40, 0, 50, 9))]
    oracle = Oracle((100, 50), things)
    task = Task.detect(["cat", "bird", "dog"])
    found = oracle.answer(task, parallel_categories=True)
    assert [look.task.categories for look in oracle.looks] == [("cat",), ("bird",), ("dog",)][::-1]
    assert (found.labels, found.absent, found.task) == (["cat", "dog", "dog"], ("bird",), task)
    assert (found.stats["num_requests"], found.stats["num_tokens"]) == (3, 15)


def test_one_category_changes_nothing() -> None:
    plain, parallel = Oracle((90, 90), [("cat", (1, 2, 30, 40))]), Oracle((90, 90), [("cat", (1, 2, 30, 40))])
    assert plain.answer(Task.detect("cat")) == parallel.answer(Task.detect("cat"), parallel_categories=True)
    assert plain.looks == parallel.looks


# -- a second look ------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(pictures(), st.booleans())
def test_zoom_finds_the_same_more_exactly(
    picture: tuple[tuple[int, int], list[tuple[str, Box]]], parallel: bool
) -> None:
    size_wh, things = picture
    oracle = Oracle(size_wh, things)
    task = Task.detect(["cat", "dog"])
    coarse = Oracle(size_wh, things).answer(task, parallel_categories=parallel)
    found = oracle.answer(task, zoom=True, parallel_categories=parallel)
    assert (found.labels, found.absent) == (coarse.labels, coarse.absent)
    boxes = np.array([box for _, box in things if box]).reshape(-1, 4)
    for detection in found:
        error = np.abs(boxes - np.array(detection.xyxy)).max(axis=1).min()
        assert error <= max(size_wh) / 2000 + 1e-3
    for look in oracle.looks[1 + parallel :]:
        x0, y0, x1, y1 = look.window
        assert 0 <= x0 < x1 <= size_wh[0]
        assert 0 <= y0 < y1 <= size_wh[1]
        assert 1 <= look.scale <= 4


def test_a_second_look_that_sees_nothing_or_something_else_changes_nothing() -> None:
    class Fickle(Oracle):
        where: Box | None = None

        def see(self, look: Any) -> Detections:
            found = super().see(look)
            if len(self.looks) == 1:
                return found
            if self.where is None:
                return Detections.empty(self.size_wh, absent=("cat",), stats=found.stats)
            one = Oracle(self.size_wh, [("cat", self.where)]).see(Look((0, 0, *self.size_wh), look.task))
            return replace(one, scores=[0.99])

    for where, kept in ((None, True), ((400, 410, 420, 430), True), ((301, 301, 319, 331), False)):
        oracle = Fickle((1000, 800), [("cat", (300, 300, 320, 330))])
        oracle.where = where
        found = oracle.answer(Task.ground("cat"), zoom=True)
        assert len(oracle.looks) == 2
        np.testing.assert_allclose(found.xyxy, [(300, 300, 320, 330) if kept else where], atol=0.5)
        assert (found.scores[0] == np.float32(0.99)) == (not kept)
        assert found.absent == ()


def test_many_findings_share_crops() -> None:
    things: list[tuple[str, Box]] = [
        ("cat", (x, y, x + 12, y + 12)) for x in range(10, 900, 60) for y in range(10, 600, 60)
    ]
    oracle = Oracle((900, 600), things)
    found = oracle.answer(Task.detect("cat"), zoom=True)
    assert len(found) == len(things) > 100
    assert len(oracle.looks) < 40
    assert max(max(window_size(look.window)) for look in oracle.looks[1:]) <= 224
    few = Oracle((900, 600), things[:5])
    few.answer(Task.detect("cat"), zoom=True)
    assert [window_size(look.window) for look in few.looks[1:]] == [(84, 84)] * 5


def test_something_that_fills_the_image_is_looked_at_once() -> None:
    oracle = Oracle((300, 200), [("cat", (10, 10, 290, 190))])
    assert len(oracle.answer(Task.detect("cat"), zoom=True)) == 1
    assert len(oracle.looks) == 1
    assert len(Oracle((300, 200), []).answer(Task.detect("cat"), zoom=True)) == 0


def test_points_are_looked_at_again() -> None:
    oracle = Oracle((2000, 1000), [("cat", (501, 203, 505, 207))])
    found = oracle.answer(Task.point("cat"), zoom=True)
    assert len(oracle.looks) == 2
    np.testing.assert_allclose(found.points, [(503, 205)], atol=0.2)


def test_tiles_and_zoom_together() -> None:
    things: list[tuple[str, Box]] = [("cat", (x, 100, x + 20, 130)) for x in (5, 333, 701)]
    oracle = Oracle((800, 400), things)
    found = oracle.answer(Task.detect("cat"), tiles="auto", zoom=True)
    np.testing.assert_allclose(sorted(found.xyxy[:, 0]), [5, 333, 701], atol=0.05)


# -- options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"tiles": "many"},
            r"tiles is 'many', expected 'auto', or columns and rows such as \(3, 2\) or '3x2'",
        ),
        ({"tiles": (0, 2)}, "tiles is"),
        ({"tiles": (2, 2, 2)}, "tiles is"),
        ({"tiles": (2.0, 2)}, "tiles is"),
        ({"tiles": 4}, "tiles is 4"),
        ({"tiles": "65x1"}, "tiles is '65x1'"),
        ({"tiles": True}, "tiles is True"),
        ({"overlap": 0.6}, "overlap is 0.6, expected a number from 0 to 0.5"),
        ({"overlap": "half"}, "overlap is 'half'"),
        ({"overlap": float("nan")}, "overlap is nan"),
        ({"zoom": 2}, "zoom is 2, expected True or False"),
        ({"refine": "yes"}, "refine is 'yes'"),
        ({"whole_image": None}, "whole_image is None"),
        ({"parallel_categories": 1}, "parallel_categories is 1"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        CloserConfig(**options)


def test_options_as_json() -> None:
    assert CloserConfig().changed() == {}
    assert CloserConfig(tiles="3x2", zoom=True).changed() == {"tiles": [3, 2], "zoom": True}
    assert CloserConfig(tiles=[3, 2]) == CloserConfig(tiles=(3, 2))  # type: ignore[arg-type]


def test_categories_side_by_side_are_for_categories() -> None:
    with pytest.raises(RequestError, match=r"several categories \(detect and layout\), got a text question"):
        Oracle((9, 9), []).answer(Task.text(), parallel_categories=True)
    Oracle((9, 9), []).answer(Task.layout(["table", "title"]), parallel_categories=True)


def test_a_page_too_long_for_one_look_is_looked_at_in_tiles_only() -> None:
    config, cutting = CloserConfig(tiles="auto"), PreprocessConfig(in_token_limit=25600)
    long, usual = (
        Search(Task.detect("x"), size, config, cutting, 0) for size in ((1280, 14000), (4000, 3000))
    )
    assert all(look.window != (0, 0, 1280, 14000) for _, look in long.waiting)
    assert len(long.waiting) == 8
    assert usual.waiting[-1][1].window == (0, 0, 4000, 3000)
