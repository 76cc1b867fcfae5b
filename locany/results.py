"""What comes back: `Detections`.

Coordinates are pixels of the user's upright image (EXIF rotation applied), conventions as in `geometry`.
Boxes and points live in one list: a point is a box without extent, (x, y, x, y), marked in `is_point`.
"""

from __future__ import annotations

import dataclasses
import html
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from locany.detection import Detection, Provenance
from locany.errors import DataError, MissingExtraError, RequestError
from locany.fixed_list import FixedList
from locany.geometry import box_area, nms
from locany.notebook import svg_picture
from locany.numeric import number_within, plain_number
from locany.tasks import Task, one_spelling

if TYPE_CHECKING:
    import supervision

MAX_PRINTED = 30  # detections in str()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Detections:
    """All that one question about one image brought back. Immutable: every method returns a new one.

    `detections[i]` is a `Detection`; a slice, bool mask, list of indices, a label or a list of labels gives
    `Detections` with those and the same facts about the answer. Labels may be given in any spelling that
    asks for the same (`tasks.one_spelling`). `==` compares everything except `image`.

    Attributes:
        xyxy: [N, 4] float32 pixels, finite, x0 <= x1 and y0 <= y1; for a point (x, y, x, y). Not clipped.
        labels: N labels.
        scores: [N] float32 in 0..1, probability of the place given the label; of a checkpoint with a
            calibration.json (`locany calibrate`) the share of boxes with such a score that are right: IoU
            at least 0.5 with what is there, or a point inside it.
        provenance: N words on how each was decoded.
        size_wh: (width, height) of the image, pixels.
        is_point: [N] bool; None when given means all boxes.
        absent: categories or phrases of which the model said that there are none.
        unanswered: categories asked for of which it said nothing: ask for fewer, or `parallel_categories`.
        truncated: the answer was cut by a limit, so there may be more; where it was ended because it began to
            repeat itself, `stats["finish"]` is "repeat".
        dropped: what was left out or mended of the model's text, and where it began to repeat itself: one
            readable note each.
        answer: the model's text, special tokens included.
        stats: JSON-able numbers and settings of the decode (num_steps, num_tokens, seconds, ...); a copy.
        image_name: file name or other name for people; empty when there is none.
        task: the question, or None.
        image: [height, width, 3] uint8 RGB for pictures in notebooks, or None. Shared, not copied;
            neither compared nor written.
    """

    xyxy: np.ndarray
    labels: list[str]
    scores: np.ndarray
    provenance: list[Provenance]
    size_wh: tuple[int, int]
    is_point: np.ndarray = None  # type: ignore[assignment]  # an array after __post_init__
    absent: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    truncated: bool = False
    dropped: tuple[str, ...] = ()
    answer: str = ""
    stats: dict[str, Any] = field(default_factory=dict)
    image_name: str = ""
    task: Task | None = None
    image: np.ndarray | None = None

    __hash__ = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        num, (width, height) = len(self.labels), self.size_wh
        xyxy, scores = np.array(self.xyxy, np.float32), np.array(self.scores, np.float32)
        xyxy = xyxy.reshape(0, 4) if xyxy.size == 0 else xyxy
        is_point = np.zeros(num, bool) if self.is_point is None else np.array(self.is_point, bool)
        for array in (xyxy, scores, is_point):
            array.flags.writeable = False
        for name, value in {
            "xyxy": xyxy,
            "labels": FixedList(self.labels),
            "scores": scores,
            "provenance": FixedList(Provenance(p) for p in self.provenance),
            "size_wh": (int(width), int(height)),
            "is_point": is_point,
            "absent": tuple(self.absent),
            "unanswered": tuple(self.unanswered),
            "dropped": tuple(self.dropped),
            "stats": deepcopy(dict(self.stats)),  # answers of a stream share their settings
        }.items():
            object.__setattr__(self, name, value)
        assert xyxy.shape == (num, 4), f"xyxy must be [{num}, 4] for {num} labels, got {xyxy.shape}"
        assert scores.shape == (num,), f"scores must be [{num}], got {scores.shape}"
        assert is_point.shape == (num,), f"is_point must be [{num}], got {is_point.shape}"
        assert len(self.provenance) == num, f"{num} labels but {len(self.provenance)} provenances"
        assert all(isinstance(label, str) for label in self.labels), f"labels must be str: {self.labels}"
        assert np.isfinite(xyxy).all(), "coordinates must be finite"
        assert (xyxy[:, :2] <= xyxy[:, 2:]).all(), "corners must be ordered, see geometry.order_corners"
        assert (xyxy[is_point, :2] == xyxy[is_point, 2:]).all(), "a point is (x, y, x, y)"
        assert ((scores >= 0) & (scores <= 1)).all(), "scores must be in 0..1 and not NaN"
        assert min(self.size_wh) > 0, f"size_wh must be positive, got {self.size_wh}"
        if self.image is not None:
            assert self.image.shape == (height, width, 3), f"image {self.image.shape} is not {self.size_wh}"

    @classmethod
    def empty(cls, size_wh: tuple[int, int], **facts: Any) -> Detections:
        """Nothing found; `facts` are the answer-level fields (absent, truncated, task, ...)."""
        return cls(xyxy=np.zeros(0), labels=[], scores=np.zeros(0), provenance=[], size_wh=size_wh, **facts)

    @classmethod
    def merge(cls, parts: Sequence[Detections]) -> Detections:
        """Several answers about one image (tiles, category groups) as one.

        Detections and notes are joined in order and nothing is suppressed. A label is absent when some
        part says so and no part found it or left it open. Of `stats`, counts (num_...) and seconds are
        summed and the first of anything else is kept; so are the first image and name, and a shared task.

        Raises:
            RequestError: no parts, parts about images of different sizes, or no list of answers.
        """
        if not isinstance(parts, Sequence) or not all(isinstance(part, Detections) for part in parts):
            raise RequestError("merge takes a list of Detections; give several, for example [found, other]")
        sizes = sorted({part.size_wh for part in parts})
        if len(sizes) != 1:
            raise RequestError(f"merge takes answers about one image, got {len(parts)} with sizes {sizes}")
        labels = [label for part in parts for label in part.labels]
        absent = dict.fromkeys(name for part in parts for name in part.absent)
        open_ = dict.fromkeys(n for part in parts for n in part.unanswered if n not in labels)
        stats: dict[str, Any] = {}
        for key, value in (item for part in parts for item in part.stats.items()):
            summed = key in stats and (key.startswith("num_") or key.endswith("seconds"))
            stats[key] = stats[key] + value if summed else stats.get(key, value)
        return cls(
            xyxy=np.concatenate([part.xyxy for part in parts]),
            labels=labels,
            scores=np.concatenate([part.scores for part in parts]),
            provenance=[p for part in parts for p in part.provenance],
            size_wh=sizes[0],
            is_point=np.concatenate([part.is_point for part in parts]),
            absent=tuple(name for name in absent if name not in labels and name not in open_),
            unanswered=tuple(open_),
            truncated=any(part.truncated for part in parts),
            dropped=tuple(note for part in parts for note in part.dropped),
            answer="\n".join(part.answer for part in parts if part.answer),
            stats=stats,
            image_name=next((part.image_name for part in parts if part.image_name), ""),
            task=parts[0].task if all(part.task == parts[0].task for part in parts) else None,
            image=next((part.image for part in parts if part.image is not None), None),
        )

    @property
    def points(self) -> np.ndarray:
        """[N, 2] float32: the point, or the centre of the box."""
        return (self.xyxy[:, :2] + self.xyxy[:, 2:]) / 2

    @property
    def area(self) -> np.ndarray:
        """[N] square pixels; 0 for points."""
        return box_area(self.xyxy)

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Detection]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, label: object) -> bool:
        return isinstance(label, str) and any(self._is_labelled(label))

    @overload
    def __getitem__(self, index: int | np.integer) -> Detection: ...
    @overload
    def __getitem__(
        self, index: slice | str | Sequence[int] | Sequence[bool] | Sequence[str] | np.ndarray
    ) -> Detections: ...
    def __getitem__(self, index: Any) -> Detection | Detections:
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            x0, y0, x1, y1 = self.xyxy[index].tolist()
            score, is_point = float(self.scores[index]), bool(self.is_point[index])
            return Detection((x0, y0, x1, y1), self.labels[index], score, self.provenance[index], is_point)
        if isinstance(index, str):
            index = self._is_labelled(index)
        if not isinstance(index, slice):
            index = np.asarray(index) if len(index) else []  # numpy would make an empty list float
            if len(index) and index.dtype.kind == "U":
                index = self._is_labelled(*index.tolist())
        kept = np.arange(len(self))[index]
        return dataclasses.replace(
            self,
            xyxy=self.xyxy[kept],
            labels=[self.labels[i] for i in kept],
            scores=self.scores[kept],
            provenance=[self.provenance[i] for i in kept],
            is_point=self.is_point[kept],
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detections):
            return NotImplemented
        arrays, mine, theirs = ("xyxy", "scores", "is_point"), vars(self), vars(other)
        return all(np.array_equal(mine[name], theirs[name]) for name in arrays) and all(
            mine[name] == theirs[name] for name in mine.keys() - {*arrays, "image"}
        )

    def filter(
        self, *, label: str | Collection[str] | None = None, min_score: float = 0.0, min_area: float = 0.0
    ) -> Detections:
        """Those with one of the labels, at least this score and at least this area (square pixels).

        Raises:
            RequestError: a label is no string, a score not in 0..1, an area negative or no number.
        """
        keep = self.scores >= number_within("min_score", min_score, 0, 1)
        keep &= self.area >= number_within("min_area", min_area, 0, math.inf)
        if label is not None:
            is_one = isinstance(label, str) or not isinstance(label, Iterable)
            keep &= self._is_labelled(*([label] if is_one else label))
        return self[keep]

    def _is_labelled(self, *wanted: str) -> np.ndarray:
        """[N] bool: where the label is one of these, in any spelling."""
        for name in wanted:
            if not isinstance(name, str):
                raise RequestError(f"a label is a string, got {type(name).__name__}: {name!r}")
        names = {one_spelling(name) for name in wanted}
        return np.array([one_spelling(label) in names for label in self.labels], bool)

    def with_nms(self, iou_threshold: float = 0.7, *, across_labels: bool = False) -> Detections:
        """Without boxes that overlap a higher-scored one of the same label; order and points stay.

        Raises:
            RequestError: the threshold is not in 0..1.
        """
        iou_threshold = number_within("iou_threshold", iou_threshold, 0, 1)
        groups = [""] * len(self) if across_labels else self.labels
        keep = self.is_point.copy()
        for group in set(groups):
            members = np.array([i for i, g in enumerate(groups) if g == group and not self.is_point[i]], int)
            keep[members[nms(self.xyxy[members], self.scores[members], iou_threshold)]] = True
        return self[keep]

    def sort(self, by: Literal["score", "area"] = "score") -> Detections:
        """Largest first; equal ones keep their order."""
        if by not in ("score", "area"):
            raise RequestError(f"sort takes 'score' or 'area', got {by!r}")
        return self[np.argsort(-{"score": self.scores, "area": self.area}[by], kind="stable")]

    def top(self, num: int) -> Detections:
        """The `num` best by score, best first."""
        count = plain_number(num)
        if not isinstance(count, int) or count < 0:
            raise RequestError(f"top takes how many to keep, an integer of at least 0, got {num!r}")
        return self.sort()[:count]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able document.

        Keys: image, size (w, h), task, detections, absent, unanswered, truncated, dropped, answer, stats.
        A detection has label, box [x0, y0, x1, y1] or point [x, y], score and provenance.
        Coordinates and scores are written with the fewest digits that give back the same float32.
        """
        task = self.task and dataclasses.asdict(self.task)
        if task:
            task.update(kind=task["kind"].value, categories=list(task["categories"]))
        return {
            "image": self.image_name,
            "size": list(self.size_wh),
            "task": task,
            "detections": [det.to_dict() for det in self],
            "absent": list(self.absent),
            "unanswered": list(self.unanswered),
            "truncated": self.truncated,
            "dropped": list(self.dropped),
            "answer": self.answer,
            "stats": deepcopy(self.stats),
        }

    def to_json(self, indent: int | None = None) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent, allow_nan=False)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Detections:
        """What `to_dict` wrote. Of the keys only `size` and `detections` are required.

        Raises:
            DataError: something is missing or does not fit.
        """
        try:
            if "detections" not in document and "results" in document:
                raise DataError("this document is about several images; take each of its 'results' instead")
            items, task = document["detections"], document.get("task")
            corners = [[*d["point"], *d["point"]] if "point" in d else d["box"] for d in items]
            return cls(
                xyxy=np.array(corners, np.float32),
                labels=[d["label"] for d in items],
                scores=np.array([d["score"] for d in items], np.float32),
                provenance=[d["provenance"] for d in items],
                size_wh=tuple(document["size"]),
                is_point=np.array(["point" in d for d in items], bool),
                absent=tuple(document.get("absent", ())),
                unanswered=tuple(document.get("unanswered", ())),
                truncated=bool(document.get("truncated", False)),
                dropped=tuple(document.get("dropped", ())),
                answer=document.get("answer", ""),
                stats=dict(document.get("stats", {})),
                image_name=document.get("image", ""),
                task=task and Task(task["kind"], task["categories"], task["phrase"]),
            )
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, AssertionError) as error:
            raise DataError(f"not a detections document: {type(error).__name__}: {error}") from error

    @classmethod
    def from_json(cls, text: str | bytes) -> Detections:
        """What `to_json` wrote. Raises DataError where it is not that."""
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, TypeError) as error:  # DataError is none
            raise DataError(f"not JSON: {error}") from error

    def to_coco(self, image_id: int, category_ids: Mapping[str, int]) -> list[dict[str, Any]]:
        """COCO results: a dict with image_id, category_id, bbox [x, y, width, height], score per box.

        Points are left out, since COCO has no form for a single unnamed point.

        Raises:
            RequestError: a label is not in `category_ids`; `filter(label=category_ids)` drops such.
        """
        boxes = self[~self.is_point]
        spelled = {one_spelling(name): number for name, number in category_ids.items()}
        again = {label: name for label in boxes.labels if (name := one_spelling(label)) in spelled}
        ids = {**{label: spelled[name] for label, name in again.items()}, **category_ids}
        strange = sorted(set(boxes.labels) - set(ids))
        if strange:
            raise RequestError(f"no category id for the labels {strange}; add them, or filter them out first")
        rows = []
        for det in boxes:
            x0, y0, x1, y1 = det.xyxy
            where = {"image_id": image_id, "category_id": ids[det.label]}
            rows.append({**where, "bbox": [x0, y0, x1 - x0, y1 - y0], "score": det.score})
        return rows

    def to_supervision(self) -> supervision.Detections:
        """As `supervision.Detections`. Points have no extent.

        class_id is the number of a category in the question, the same for every image that it is asked of;
        labels that were not asked for, and those of a phrase or of text, come behind, by first appearance.

        Raises:
            MissingExtraError: supervision is not installed.
        """
        try:
            import supervision
        except ImportError:
            raise MissingExtraError("supervision", "supervision", "Detections.to_supervision") from None
        asked = self.task.categories if self.task else ()
        spelled = dict.fromkeys(one_spelling(label) for label in (*asked, *self.labels))
        ids = {name: number for number, name in enumerate(spelled)}
        return supervision.Detections(
            xyxy=self.xyxy.copy(),
            confidence=self.scores.copy(),
            class_id=np.array([ids[one_spelling(label)] for label in self.labels], int),
            data={"class_name": np.array(self.labels, dtype=str)},
        )

    def __repr__(self) -> str:
        return f"<Detections in {self.image_name or 'image'}: {self._found()}>"

    def __str__(self) -> str:
        lines = [f"{self.image_name or 'image'} ({self.size_wh[0]} x {self.size_wh[1]}): {self._found()}"]
        width = min(max((len(label) for label in self.labels), default=0), 40)
        for det in self[:MAX_PRINTED]:
            corners = det.xyxy[:2] if det.is_point else det.xyxy
            place = " ".join(f"{value:7.1f}" for value in corners)
            label, kind = _shorten(det.label, 40).ljust(width), "point" if det.is_point else "box  "
            lines.append(f"  {label}  {det.score:.2f}  {kind}  {place:<31}  {det.provenance.value}")
        if len(self) > MAX_PRINTED:
            lines.append(f"  ... and {len(self) - MAX_PRINTED} more")
        return "\n".join(lines + [f"  {note}" for note in self._notes()])

    def _repr_html_(self) -> str:
        """The picture for notebooks: boxes drawn over the image, or over a blank one."""
        picture = svg_picture(self.xyxy, self.labels, self.scores, self.is_point, self.size_wh, self.image)
        caption = "<br>".join(html.escape(line) for line in [self._found(), *self._notes()])
        style = "font-size:small;overflow-wrap:anywhere"  # a name may have no blanks
        return f'<div style="max-width:960px">{picture}<div style="{style}">{caption}</div></div>'

    def _found(self) -> str:
        counts = Counter(self.labels).most_common()
        names = [_shorten(label, 40) + (f" x{num}" if num > 1 else "") for label, num in counts[:8]]
        names += [f"{len(counts) - 8} more labels"] * (len(counts) > 8)
        return f"{len(self)} found: {', '.join(names)}" if names else "nothing found"

    def _notes(self) -> list[str]:
        notes = [f"not there: {', '.join(self.absent)}"] * bool(self.absent)
        notes += [f"not answered: {', '.join(self.unanswered)}"] * bool(self.unanswered)
        notes += ["the answer was cut by a limit; there may be more"] * self.truncated
        return notes + [f"dropped: {note}" for note in self.dropped]


def _shorten(text: str, max_len: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= max_len else text[: max_len - 1] + "…"
