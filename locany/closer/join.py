"""What several windows found in one image, as one answer: everything once, and whole.

Two boxes from two windows mean one thing when, of the region that both windows see, they cover the same part.
So the same rule finds duplicates, the pieces of what an edge has cut, and the whole of which another window
saw a piece. Pairs are chosen by the one matcher of `geometry`, window against window and label by label.

What becomes of boxes that mean one thing:

- whole in some window: the box of the finest such window, of equally fine ones the best scored; what other
  windows have cut is dropped;
- cut everywhere: one box around the pieces, with the lowest of their scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from locany.closer.looks import merged
from locany.geometry import box_area, iou_matrix, match, order_corners
from locany.image.tile import Window, cut_sides, whole, window_size
from locany.results import Detections, Provenance
from locany.tasks import Task, TaskKind

EDGE_REACH = 0.01  # of a window's side: so near to its edge a box may be cut by it
SAME_PART = 0.5  # least IoU of two boxes in the region that both windows see
SAME_BOX = 0.5  # of two windows: a box that overlaps a better one by more is the same thing, badly seen
MOSTLY_INSIDE = 0.8  # a part lies by more of its area inside the whole
POINT_REACH = 0.02  # of a window's side: nearer points of two windows mean one thing
_SLACK_BINS = 2  # of a window: what its grid may have moved a side by, with some room


def join(parts: Sequence[Detections], windows: Sequence[Window], task: Task) -> Detections:
    """Answers to one question about several windows of one image, as its answer about the image.

    Of what the window of the whole image shows beside tiles, only what no tile has whole is used: the tile
    has seen the rest better.

    Args:
        parts: one for each window, in pixels of the image.
        windows: in the same order.
        task: the question.
    """
    assert len(parts) == len(windows), f"{len(parts)} answers for {len(windows)} windows"
    if len(parts) == 1:
        return parts[0]
    kept = [_not_of_a_tile(part, window, windows) for part, window in zip(parts, windows, strict=True)]
    found = merged(kept, task)
    seen = _Seen.of(found, kept, windows, labels_count=task.kind is not TaskKind.TEXT)
    things = _apart([seen.settle(members) for members in _groups(seen)], seen)
    order = np.array([thing.members[0] for thing in things], dtype=int)
    joined = found[order]
    changes = {
        "xyxy": np.array([thing.xyxy for thing in things]).reshape(-1, 4),
        "scores": np.array([thing.score for thing in things]),
        "provenance": [thing.provenance for thing in things],
        "labels": [thing.label for thing in things],
    }
    return merged([joined], task, **changes)


def _not_of_a_tile(part: Detections, window: Window, windows: Sequence[Window]) -> Detections:
    """Without what of the whole image lies well inside a tile."""
    if window != whole(part.size_wh) or not len(part):
        return part
    fits = np.zeros(len(part), dtype=bool)
    for tile in windows:
        inside = ~cut_sides(part.xyxy, tile, part.size_wh, EDGE_REACH).any(axis=1)
        fits |= inside & (tile != window)
    return part[~fits]


@dataclass(frozen=True)
class _Thing:
    """One thing, after what several windows said about it was put together."""

    members: tuple[int, ...]
    xyxy: np.ndarray
    score: float
    provenance: Provenance
    label: str
    is_cut: bool


@dataclass(frozen=True)
class _Seen:
    """All that was found, and by which window.

    Attributes:
        found: the answers, one after the other.
        owner: [N] number of the window.
        cut: [N, 4] which sides its edge may have cut.
        windows: as given.
        keys: N; only things with equal keys can be the same.
    """

    found: Detections
    owner: np.ndarray
    cut: np.ndarray
    windows: Sequence[Window]
    keys: list[tuple[str, bool]]

    @classmethod
    def of(
        cls, found: Detections, parts: Sequence[Detections], windows: Sequence[Window], *, labels_count: bool
    ) -> _Seen:
        sides = [
            cut_sides(part.xyxy, window, found.size_wh, EDGE_REACH) & ~part.is_point[:, None]
            for part, window in zip(parts, windows, strict=True)
        ]
        labels = found.labels if labels_count else [""] * len(found)
        return cls(
            found,
            np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
            np.concatenate(sides),
            windows,
            list(zip(labels, found.is_point.tolist(), strict=True)),
        )

    def fineness(self, index: int) -> tuple[float, bool, float]:
        """Sorts the finest window first; of equals those away from its edges, then the best scored."""
        width, height = window_size(self.windows[self.owner[index]])
        return width * height, bool(self.cut[index].any()), -float(self.found.scores[index])

    def settle(self, members: Sequence[int]) -> _Thing:
        """What several boxes or points for one thing come to."""
        found, ranked = self.found, sorted(members, key=self.fineness)
        cut = self._really_cut(ranked)
        uncut = [i for i, sides in zip(ranked, cut, strict=True) if not sides.any()]
        if uncut or len(ranked) == 1:
            best = (uncut or ranked)[0]
            return _Thing(
                tuple(members),
                found.xyxy[best].astype(np.float64),
                float(found.scores[best]),
                found.provenance[best],
                found.labels[best],
                not uncut,
            )
        boxes = found.xyxy[ranked].astype(np.float64)
        hull = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
        xyxy = np.array([boxes[~cut[:, k], k][0] if not cut[:, k].all() else hull[k] for k in range(4)])
        return _Thing(
            tuple(members),
            order_corners(xyxy),
            float(found.scores[ranked].min()),
            Provenance.of_all(found.provenance[i] for i in members),
            self._joined_label(members),
            bool(cut.all(axis=0).any()),
        )

    def _really_cut(self, members: Sequence[int]) -> np.ndarray:
        """[members, 4]: a side near an edge is not cut by it where other windows saw nothing beyond."""
        cut = self.cut[members]
        if len(members) == 1:
            return cut
        boxes = self.found.xyxy[members].astype(np.float64)
        windows = np.array([self.windows[self.owner[i]] for i in members], np.float64)
        half_bins = np.tile(windows[:, 2:] - windows[:, :2], 2) / 2000 + 1e-3
        outward = np.array([-1, -1, 1, 1])
        beyond = (boxes[None] - windows[:, None]) * outward > half_bins[None]  # [edge of, seen by, side]
        return np.asarray(cut & beyond.any(axis=1))

    def may_be_same(self, a: _Thing, b: _Thing) -> bool:
        """Whether two boxes have one key and no window that has said both."""
        keys = self.keys[a.members[0]], self.keys[b.members[0]]
        windows = ({int(self.owner[i]) for i in thing.members} for thing in (a, b))
        return keys[0] == keys[1] and not keys[0][1] and not set.intersection(*windows)

    def explains(self, whole_thing: _Thing, other: _Thing) -> bool:
        """Whether a box is what a window saw of another: badly, or a part."""
        if iou_matrix(whole_thing.xyxy[None], other.xyxy[None])[0, 0] > SAME_BOX:
            return True
        if _share_inside(other.xyxy, whole_thing.xyxy) <= MOSTLY_INSIDE:
            return False
        windows = [self.windows[self.owner[i]] for i in other.members]
        hidden = [cut_sides(whole_thing.xyxy, w, self.found.size_wh, EDGE_REACH).any() for w in windows]
        return other.is_cut or (all(hidden) and other.score <= whole_thing.score)

    def _joined_label(self, members: Sequence[int]) -> str:
        """The label that all pieces have; of text, the pieces from left to right, without what they share."""
        labels = self.found.labels
        text = ""
        for i in sorted(members, key=lambda i: float(self.found.xyxy[i, 0])):
            text = _continued(text, labels[i])
        return text


def _continued(text: str, more: str) -> str:
    """Two pieces of one line of text: what ends the first and begins the second is written once."""
    if more in text or text in more:
        return max(text, more, key=len)
    shared = next((n for n in range(min(len(text), len(more)), 0, -1) if text.endswith(more[:n])), 0)
    return text + more[shared:]


def _groups(seen: _Seen) -> list[list[int]]:
    """Indices of what is the same thing: never two of one window, the surest pairs first."""
    parent = list(range(len(seen.owner)))
    windows_of = [{int(owner)} for owner in seen.owner]

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for _, i, j in sorted(_pairs(seen), key=lambda pair: (-pair[0], pair[1], pair[2])):
        a, b = sorted((root(i), root(j)))
        if a != b and not windows_of[a] & windows_of[b]:
            parent[b] = a
            windows_of[a] |= windows_of[b]
    groups: dict[int, list[int]] = {}
    for i in range(len(parent)):
        groups.setdefault(root(i), []).append(i)
    return list(groups.values())


def _pairs(seen: _Seen) -> Iterator[tuple[float, int, int]]:
    """(similarity, index, index) of what two windows both see."""
    num_windows = len(seen.windows)
    members: dict[tuple[int, tuple[str, bool]], list[int]] = {}
    for i, (owner, key) in enumerate(zip(seen.owner.tolist(), seen.keys, strict=True)):
        members.setdefault((owner, key), []).append(i)
    for a in range(num_windows):
        for b in range(a + 1, num_windows):
            region = _common(seen.windows[a], seen.windows[b])
            if region is None:
                continue
            slack = _SLACK_BINS / 1000 * max(*window_size(seen.windows[a]), *window_size(seen.windows[b]))
            for key in {key for owner, key in members if owner == a and (b, key) in members}:
                rows, cols = members[a, key], members[b, key]
                similarity, threshold = _similarity(seen, rows, cols, region, slack, key[1])
                for i, j in match(similarity, threshold):
                    yield float(similarity[i, j]), rows[i], cols[j]


def _common(a: Window, b: Window) -> Window | None:
    """The region that both windows see, perhaps only a line; None where it is a point or less."""
    region = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    width, height = window_size(region)
    return region if min(width, height) >= 0 and max(width, height) > 0 else None


def _similarity(
    seen: _Seen, rows: Sequence[int], cols: Sequence[int], region: Window, slack: float, is_point: bool
) -> tuple[np.ndarray, float]:
    """[rows, cols] how alike things look in the region of both, and from where that counts as the same."""
    if is_point:
        first, second = seen.found.points[rows].astype(np.float64), seen.found.points[cols].astype(np.float64)
        distance = np.linalg.norm(first[:, None] - second[None], axis=-1)
        return -distance, -POINT_REACH * slack / _SLACK_BINS * 1000
    grow = np.array([-slack, -slack, slack, slack])
    inside, parts = [], []
    for indices in (rows, cols):
        boxes = seen.found.xyxy[indices].astype(np.float64)
        touches = (boxes[:, :2] <= np.add(region[2:], slack)) & (
            boxes[:, 2:] >= np.subtract(region[:2], slack)
        )
        inside.append(touches.all(axis=1))
        shifted = boxes - np.tile(region[:2], 2)
        # Grown a little, so that a piece or a region of no width has an overlap to speak of.
        parts.append(_clipped(shifted, window_size(region)) + grow)
    similarity = iou_matrix(*parts)
    similarity[~inside[0]] = similarity[:, ~inside[1]] = np.nan
    return similarity, SAME_PART


def _clipped(boxes: np.ndarray, size_wh: tuple[float, float]) -> np.ndarray:
    """Boxes cut to [0, width] x [0, height], where a side may be 0."""
    return np.clip(boxes, 0.0, np.tile(np.array(size_wh, np.float64), 2))


def _apart(things: list[_Thing], seen: _Seen) -> list[_Thing]:
    """Without what one window saw badly and another saw well: overlapping boxes, and parts of things.

    A box mostly inside a better one is a part of it where it is cut itself, or where its windows could not
    see the whole: a wheel is no second car in a tile that shows half a car. Two boxes of the same window
    stay: the model saw both at once and said two.
    """
    ranked = sorted(range(len(things)), key=lambda k: (things[k].is_cut, -things[k].score, k))
    boxes = np.array([thing.xyxy for thing in things]).reshape(-1, 4)
    kept = np.zeros(len(things), dtype=bool)
    for k in ranked:
        # Only what touches it can explain it: of thousands of boxes a few, and to ask takes long.
        touches = (boxes[:, :2] <= boxes[k, 2:]).all(axis=1) & (boxes[:, 2:] >= boxes[k, :2]).all(axis=1)
        rivals = [things[r] for r in np.flatnonzero(touches & kept)]
        kept[k] = not any(seen.may_be_same(r, things[k]) and seen.explains(r, things[k]) for r in rivals)
    return [things[k] for k in np.flatnonzero(kept)]


def _share_inside(xyxy: np.ndarray, box: np.ndarray) -> float:
    """Share of the area of `xyxy` that lies in `box`."""
    size = np.maximum(xyxy[2:] - xyxy[:2], 1e-6)
    return float(box_area(_clipped(box - np.tile(xyxy[:2], 2), (size[0], size[1]))) / np.prod(size))
