"""What a format cannot say of the samples that are written in it, counted while they pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from locany.data.category_lists import list_name
from locany.data.converters.detection import boxes_to_write, named_by, one_per_image, outline_to_write
from locany.data.converters.faults import shorten
from locany.data.sample import Question, Sample, Target
from locany.tasks import TaskKind
from locany.wording import counted

_LISTING = ("coco", "yolo")  # hold a list of categories, and what an image has no box of counts as absent
_EXHAUSTIVE = (*_LISTING, "voc", "labelme")  # the same, by what occurs
_BOXES = (*_EXHAUSTIVE, "lvis")  # one record an image, boxes by category
_SHARDS = ("shards", "parquet")  # hold everything


def with_boxes(categories: Sequence[str], samples: Iterable[Sample]) -> tuple[str, ...]:
    """Categories without those that only points have: in a file of boxes they would be absent everywhere."""
    pointed: set[str] = set()
    boxed: set[str] = set()
    for sample in samples:
        for target in (*sample.objects, *(t for question in sample.questions for t in question.targets)):
            (pointed if target.xyxy is None else boxed).add(target.label)
    return tuple(name for name in categories if name in boxed or name not in pointed)


class Written:
    """Counts what is written of samples, and what is not.

    Attributes:
        num_samples: passed on so far, each of which is written.
        num_empty: samples left out, since the format holds questions and they have none.

    Args:
        to: the format.
        categories: what it is given to list (`write_samples`).
        absent: names that are absent from an image without a box of them, or lists of such
            (`Dataset.absent`, `ShardFolder.absent_lists`).
    """

    def __init__(
        self,
        to: str,
        categories: Sequence[str] = (),
        absent: Sequence[str] | Mapping[str, Sequence[str]] = (),
    ):
        self.to, self.categories = to, categories
        lists = absent if isinstance(absent, Mapping) else {"": absent}
        self._absent = {name: frozenset(names) for name, names in lists.items()}
        self._splits: Counter[str] = Counter()
        self.num_samples = self.num_empty = 0
        self._num_crowds = self._num_partly = self._num_outlines = self._num_unasked = 0
        self._num_kept = self._num_lost = self._num_points = 0
        self._looked_for: Counter[frozenset[str]] = Counter()  # what is known to be there or not, by image
        self._negatives: Counter[str] = Counter()  # phrases that nothing answers: written if they are listed
        self._labels: dict[str, None] = {}  # that come back
        self._pointed: set[str] = set()  # that points come back of
        self._named: dict[str, None] = dict.fromkeys(categories)  # by lists and questions

    def __call__(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """The samples that are written, counted; for files of boxes one for each image."""
        for sample in one_per_image(samples) if self.to in _BOXES else samples:
            if self.to not in (*_BOXES, *_SHARDS) and not sample.questions:
                self.num_empty += 1
                continue
            self.num_samples += 1
            self._splits[str(sample.provenance.get("split", "none"))] += 1
            if self.to in _BOXES:
                self._count_boxes(sample)
            else:
                self._num_kept += len(sample.questions)
                self._count_questions(sample)
            yield sample

    @property
    def num_questions(self) -> int:
        """Those that come back; what asks for phrases does not from a file of boxes."""
        return self._num_kept - self._num_negatives_lost

    @property
    def _num_negatives_lost(self) -> int:
        listed = self._listed()
        return sum(number for name, number in self._negatives.items() if name not in listed)

    def _count_boxes(self, sample: Sample) -> None:
        crowds = {target.label for target in sample.objects if target.attributes.get("iscrowd")}
        self._num_crowds += sum(bool(target.attributes.get("iscrowd")) for target in sample.objects)
        self._num_partly += not crowds.issuperset(sample.provenance.get("incomplete", ()))
        only_points = all(question.task.kind is TaskKind.POINT for question in sample.questions)
        boxes = [] if self.to == "labelme" and only_points and not sample.objects else boxes_to_write(sample)
        self._num_outlines += sum(self._loses_outline(target) for target in boxes)
        self._labels |= dict.fromkeys(target.label for target in boxes)
        known = {target.label for target in sample.objects} | self._absent.get(
            list_name(sample.provenance, self._absent), frozenset()
        )
        for question in sample.questions:
            names = named_by(question.task)
            if self._is_kept(question, boxes):
                self._num_kept += 1
            else:
                self._num_lost += 1
                points = [target for target in question.targets if target.xyxy is None]
                self._num_points += len(points)
                known -= {target.label for target in points} - {target.label for target in boxes}
            known.update(names)
            self._named |= dict.fromkeys(names if question.task.takes_categories else ())
        self._looked_for[frozenset(known)] += 1

    def _is_kept(self, question: Question, boxes: Sequence[Target]) -> bool:
        """Whether what is read again has the same answer for everything that the question names."""
        if question.task.kind is TaskKind.POINT and self.to == "labelme":
            self._pointed |= {target.label for target in question.targets}
            return bool(question.targets) and all(target.point is not None for target in question.targets)
        names = named_by(question.task)
        if not names or any(target.xyxy is None for target in question.targets):
            return False
        if not question.task.takes_categories and not question.targets:
            self._negatives[names[0]] += 1  # see `num_questions`
            return True
        asked = {(target.label, target.xyxy) for target in question.targets}
        whole = {target.label for target in boxes if target.attributes.get("iscrowd")}
        return asked == {(t.label, t.xyxy) for t in boxes if t.label in names and t.label not in whole}

    def _loses_outline(self, target: Target) -> bool:
        parts = "parts" in target.attributes  # of LabelMe
        if self.to in ("coco", "lvis"):
            return parts
        if parts and self.to == "labelme":
            return False
        more = parts or "segmentation" in target.attributes
        return more or (bool(target.polygon) and (self.to == "voc" or not outline_to_write(target)))

    def _count_questions(self, sample: Sample) -> None:
        if self.to in _SHARDS:
            return
        targets = [target for question in sample.questions for target in question.targets]
        self._labels |= dict.fromkeys(name for q in sample.questions for name in named_by(q.task))
        asked = {(target.label, target.xyxy) for target in targets}
        self._num_unasked += sum((target.label, target.xyxy) not in asked for target in sample.objects)
        outlined = [t for t in targets if t.polygon or {"parts", "segmentation"} & t.attributes.keys()]
        self._num_outlines += len({(target.label, target.xyxy) for target in outlined})

    def losses(self) -> Iterator[str]:
        """A note for each kind of thing that is lost."""
        to = self.to
        if len(self._splits) > 1 and to != "yolo":
            found = ", ".join(f"{name} ({number:,})" for name, number in self._splits.items())
            yield f"images of several splits are together now: {found}; --split takes one of them"
        if self._num_crowds and to in ("yolo", "voc", "labelme"):
            yield (
                f"not written, since {to} has no such thing: {counted(self._num_crowds, 'crowd region')}; "
                "what is in them counts as not there"
            )
        if self._num_partly and to in _EXHAUSTIVE:
            yield (
                f"in {counted(self._num_partly, 'image')} some categories are not annotated exhaustively, "
                f"which {to} cannot say; they count as complete there"
            )
        if lost := self._num_lost + self._num_negatives_lost:
            points = f" ({counted(self._num_points, 'point')})" if self._num_points else ""
            yield (
                f"not written, since {to} holds boxes by category: {counted(lost, 'question')} for phrases, "
                f"text or points{points}"
            )
        if self._num_unasked:
            yield (
                f"not written, since {to} holds questions: {counted(self._num_unasked, 'object')} that none "
                "asks for"
            )
        if self.num_empty:
            yield f"not written, since {to} holds questions: {counted(self.num_empty, 'image')} without any"
        if self._num_outlines:
            yield f"not written: {counted(self._num_outlines, 'outline')} that {to} cannot hold; boxes are"
        yield from self._categories()

    def _listed(self) -> set[str]:
        return {*self._labels, *(self.categories if self.to in (*_LISTING, "lvis") else ())}

    def _categories(self) -> Iterator[str]:
        listed = self._listed()
        gone = (
            []
            if self.to in ("lvis", *_SHARDS)
            else [n for n in self._named if n not in listed | self._pointed]
        )
        if gone:
            shown = ", ".join(gone[:5]) + ", ..." * (len(gone) > 5)
            number = counted(len(gone), "category", "categories")
            without = "image has a box of it" if self.to in _BOXES else "question asks for it"
            yield f"not written, since no {without}: {number} ({shorten(shown, 200)})"
        if self.to in _EXHAUSTIVE:
            short = sum(number for known, number in self._looked_for.items() if not listed <= known)
            if short:
                yield (
                    f"in {counted(short, 'image')} not every category was asked for, which {self.to} cannot "
                    "say; the others count as not there"
                )
