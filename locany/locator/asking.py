"""From questions to requests and back: images are loaded and cut when their turn comes, rows are kept full.

A question may take several requests (`locany.closer`): categories side by side, tiles, a second look.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from locany.closer import CloserConfig, Look, Search
from locany.codec import Tokenizer, label_ids, prompt_ids
from locany.engine import Engine, Finish, Found, ImageInput, Params, Request
from locany.errors import EngineBusyError, EngineMemoryError, ImageTooLargeError, LocanyError, RequestError
from locany.image import LoadedImage, PreprocessConfig, check_image_options, load_image, preprocess
from locany.image.tile import cut
from locany.locator.calibration import Calibration
from locany.locator.locks import EngineLocks
from locany.locator.reading import detection_of, read, unanswered
from locany.results import Detection, Detections
from locany.tasks import Task

_NO_MORE = object()
# Seconds that images may take before decoding goes on: where they come slowly, from a camera or over the
# network, the first question neither waits for the sixteenth image nor runs out of its time.
_LOADING_S = 0.5
_CUT_BY = {
    Finish.LIMIT: "by max_new_tokens or what the model can hold",
    Finish.MAX_BOXES: "by max_boxes",
    Finish.TIMEOUT: "by timeout_s",
}
_IMAGE_OPTIONS = ("exif", "allow_url", "parity", "limits")
# What other libraries take when they are asked, and what does it here.
_AFTERWARDS = (
    (
        {"min_score", "threshold", "conf", "confidence", "score_threshold", "box_threshold"},
        "scores are looked at afterwards: found.filter(min_score=0.3)",
    ),
    ({"nms", "iou", "nms_iou", "iou_threshold"}, "overlaps are looked at afterwards: found.with_nms(0.7)"),
)
_PARAMS = tuple(Params.__dataclass_fields__)
_CLOSER = tuple(CloserConfig.__dataclass_fields__)


@dataclass(frozen=True)
class Options:
    """What every question of a call has in common: for the engine, for the looks, for `load_image`."""

    params: Params
    closer: CloserConfig
    image: dict[str, Any]

    @classmethod
    def split(cls, options: dict[str, Any]) -> Options:
        """Sort keyword arguments to where they belong, and check them.

        Raises:
            RequestError: one is unknown, of a wrong type or out of range.
        """
        known = (*_PARAMS, *_CLOSER, *_IMAGE_OPTIONS)
        unknown = sorted(set(options) - set(known))
        if unknown:
            later = "".join(f"; {hint}" for names, hint in _AFTERWARDS if names & set(unknown))
            raise RequestError(
                f"unknown option {', '.join(unknown)}; the options are {', '.join(known)}{later}"
            )

        def among(names: Sequence[str]) -> dict[str, Any]:
            return {name: options[name] for name in names if name in options}

        image = among(_IMAGE_OPTIONS)
        check_image_options(**image)
        return cls(Params(**among(_PARAMS)), CloserConfig(**among(_CLOSER)), image)


@dataclass
class Question:
    """One question on its way.

    Attributes:
        number: of the question, from 0.
        image: loaded.
        task: what is asked.
        search: what is still to be looked at.
        began: when, by `time.perf_counter`.
        last_cut: the look that was cut last, its patches and their visual tokens: looks at one window
            follow each other.
    """

    number: int
    image: LoadedImage
    task: Task
    search: Search
    began: float
    last_cut: tuple[Look, ImageInput, int] | None = None


@dataclass(frozen=True)
class Asked:
    """One look of a question on its way through the engine."""

    question: Question
    number: int
    look: Look
    request: Request
    began: float


class Asking:
    """Questions on their way through an engine that others may use as well."""

    def __init__(
        self,
        engine: Engine,
        locks: EngineLocks,
        tokenizer: Tokenizer,
        cutting: PreprocessConfig,
        options: Options,
        settings: dict[str, Any],
        calibration: Calibration | None = None,
    ):
        """Args: engine and the locks that guard it; `settings` is what answers say made them."""
        self.engine, self.lock, self.door = engine, locks.lock, locks.door
        self.tokenizer, self.cutting = tokenizer, cutting
        self.options, self.settings, self.calibration = options, settings, calibration
        self.opened: dict[int, Question] = {}  # at most one for each row: each has a request that is running
        self.running: dict[int, Asked] = {}

    def answers(
        self, questions: Iterator[tuple[Any, Task]]
    ) -> Iterator[tuple[int, Detections | LocanyError]]:
        """(number of the question, its answer or the error that it failed with), as they are finished."""
        number, more = 0, True
        # Seconds spent on images and not yet on answers, and whether answers come first now.
        owed, paying = 0.0, False
        try:
            while more or self.opened:
                while len(self.running) < self.engine.config.max_rows:
                    question = next((q for q in self.opened.values() if q.search.waiting), None)
                    began = time.perf_counter()
                    if question is None:
                        paying = bool(self.running) and owed > (0.0 if paying else _LOADING_S)
                        if paying:
                            break
                        item = next(questions, _NO_MORE) if more else _NO_MORE
                        if item is _NO_MORE:
                            more = False
                            break
                        number += 1
                    try:
                        if question is None:
                            self.opened[number - 1] = self.open(number - 1, item)
                        elif not self.ask(question):
                            break
                    except LocanyError as error:
                        failed = number - 1 if question is None else question.number
                        self.drop(failed)
                        yield failed, error
                    owed += time.perf_counter() - began
                if not self.running:
                    owed = 0.0
                    continue
                began = time.perf_counter()
                self.step()
                owed = max(0.0, owed - (time.perf_counter() - began))
                # Not what this step returned: another caller's step may have finished requests of ours. One
                # that another caller's step is just recording is not over yet, whatever it says meanwhile.
                with self.door, self.lock:
                    over = [asked for asked in self.running.values() if asked.request.finish is not None]
                for asked in over:
                    yield from self.take(asked)
        finally:
            self.cancel(list(self.running.values()))  # a caller who stops early leaves nothing behind

    def take(self, asked: Asked) -> Iterator[tuple[int, Detections | LocanyError]]:
        """Take a finished request back; yields where that ends its question, well or not."""
        if self.running.pop(id(asked.request), None) is None:  # went with its question
            return
        question, error = asked.question, failure_of(asked)
        if error is not None:
            self.drop(question.number)
            yield question.number, error
            return
        question.search.tell(asked.number, self.read(asked))
        if question.search.answer is not None:
            del self.opened[question.number]
            yield question.number, _finished(question.search.answer, question, self.calibration)

    def found(self, item: tuple[Any, Task]) -> Generator[Detection, None, Detections]:
        """Boxes and points of one question of one round, each as soon as its score is known.

        Returns:
            The answer to the question. Where `max_boxes` ended it before all its looks were over, it holds
            the boxes that were given, and is truncated.

        Raises:
            LocanyError: what the question failed with.
        """
        question = self.open(0, item)
        told = Counter[int]()  # items that were looked at, by the number of the look
        given: list[Detection] = []
        parts: list[Detections] = []  # of the looks that are over
        begun: dict[int, Request] = {}
        limit = self.options.params.max_boxes
        try:
            while question.search.waiting or self.running:
                while question.search.waiting and len(self.running) < self.engine.config.max_rows:
                    if not self.ask(question):
                        break
                begun |= {key: asked.request for key, asked in self.running.items()}
                self.step()
                for key, asked in list(self.running.items()):
                    with self.door, self.lock:
                        fresh, over = self._fresh(asked, told[asked.number]), asked.request.finish is not None
                    told[asked.number] += len(fresh)
                    enough = False
                    for one in fresh:
                        if one.bins:
                            given.append(self._detection(asked, one))
                            yield given[-1]
                        enough = 0 < limit == len(given)
                        if enough:
                            break
                    if over:
                        del self.running[key]
                        if (error := failure_of(asked)) is not None:
                            raise error
                        parts.append(self.read(asked))
                        question.search.tell(asked.number, parts[-1])
                        if asked.request.truncated and asked.request.finish and not enough:
                            by = _CUT_BY.get(asked.request.finish, "by a limit")
                            warnings.warn(
                                f"{question.image.name}: the answer was cut {by}; there may be more",
                                stacklevel=2,
                            )
                    if enough and question.search.answer is None:
                        return self._cut_short(question, given, parts, list(begun.values()))
        finally:
            self.cancel(list(self.running.values()))
        assert question.search.answer is not None, "every look was answered"
        return _finished(question.search.answer, question, self.calibration)

    def _fresh(self, asked: Asked, number: int) -> list[Found]:
        """The items of a request from this number on."""
        fresh: list[Found] = []
        while (one := asked.request.found(number + len(fresh))) is not None:
            fresh.append(one)
        return fresh

    def _detection(self, asked: Asked, one: Found) -> Detection:
        image, window = asked.question.image, asked.look.window
        refine = self.options.closer.refine
        found = detection_of(one, self.tokenizer, asked.look.task, window, image.size_wh, refine=refine)
        if self.calibration is None:
            return found
        return replace(
            found, score=float(self.calibration(found.score).astype("float32"))
        )  # as in Detections

    def _cut_short(
        self,
        question: Question,
        given: Sequence[Detection],
        parts: Sequence[Detections],
        begun: Sequence[Request],
    ) -> Detections:
        """The answer that `max_boxes` ended: what was given, and what the looks that were over say besides.

        Its text and its counts are those of all requests that had `begun`.
        """
        labels = [one.label for one in given]
        absent = dict.fromkeys(name for part in parts for name in part.absent if name not in labels)
        with self.door, self.lock:  # another caller's step may be recording more of them
            texts = [self.tokenizer.decode(request.tokens) for request in begun]
            stats = {
                "settings": self.settings,
                "finish": Finish.MAX_BOXES.value,
                "num_requests": len(begun),
                "num_prompt_tokens": sum(len(request.prompt) for request in begun),
                "num_tokens": sum(len(request.tokens) for request in begun),
                "num_steps": sum(len(request.commits) for request in begun),
                "seconds": round(time.perf_counter() - question.began, 4),
            }
        return Detections(
            xyxy=np.array([one.xyxy for one in given]),
            labels=labels,
            scores=np.array([one.score for one in given]),
            provenance=[one.provenance for one in given],
            size_wh=question.image.size_wh,
            is_point=np.array([one.is_point for one in given]),
            absent=tuple(absent),
            unanswered=unanswered(question.task, (*labels, *absent)),
            truncated=True,
            dropped=tuple(note for part in parts for note in part.dropped),
            answer="\n".join(text for text in texts if text),
            stats=stats,
            image_name=question.image.name,
            task=question.task,
            image=question.image.pixels,
        )

    def step(self) -> None:
        """One step of the engine; where another caller makes one already, that is ours as well."""
        with self.door:  # behind all who wait for the engine
            busy = self.lock.locked()
        if busy:
            with self.door, self.lock:
                return
        with self.lock:
            self.engine.step()

    def drop(self, number: int) -> None:
        """Forget a question that failed, with all its requests."""
        self.opened.pop(number, None)
        self.cancel([asked for asked in self.running.values() if asked.question.number == number])

    def cancel(self, asked: Sequence[Asked]) -> None:
        """Take requests out of the engine, without waiting for it."""
        for one in asked:
            self.running.pop(id(one.request), None)
            self.lock.cancel(one.request)

    def open(self, number: int, item: Any) -> Question:
        """Load the image of a question and plan how to look at it."""
        began = time.perf_counter()
        source: Any
        source, task = item if isinstance(item, tuple | list) and len(item) == 2 else (None, item)
        if not isinstance(task, Task):
            raise no_task(f"question {number}", "an image and a Task", task)
        self.options.closer.check(task)
        image = source if isinstance(source, LoadedImage) else load_image(source, **self.options.image)
        limit = self.options.params.max_boxes
        search = Search(task, image.size_wh, self.options.closer, self.cutting, limit)
        return Question(number, image, task, search, began)

    def ask(self, question: Question) -> bool:
        """Begin the next look of a question: only now are its pixels cut.

        Returns:
            False where the engine has others to answer before, and requests of ours among them.
        """
        began = time.perf_counter()
        number, look = question.search.waiting[0]
        last = question.last_cut
        if last is None or (last[0].window, last[0].scale) != (look.window, look.scale):
            try:
                patches = preprocess(cut(question.image.pixels, look.window, look.scale), self.cutting)
            except ImageTooLargeError as error:
                raise ImageTooLargeError(f"{question.image.name}: {error}") from None
            last = (look, ImageInput(patches.pixel_values, patches.grid_hw), patches.num_visual_tokens)
            question.last_cut = last
        prompt = prompt_ids(self.tokenizer, look.task, [last[2]])
        labels = label_ids(self.tokenizer, look.task)
        request = Request(prompt, (last[1],), self.options.params, labels)
        try:
            with self.door, self.lock:
                self.engine.add(request)
        except EngineBusyError:
            if not self.running:
                raise
            return False
        question.search.waiting.popleft()
        if not question.search.waiting:
            question.last_cut = None
        self.running[id(request)] = Asked(question, number, look, request, began)
        return True

    def read(self, asked: Asked) -> Detections:
        """What a finished look found."""
        found = read(
            asked.request,
            self.tokenizer,
            asked.look.task,
            asked.look.window,
            asked.question.image,
            refine=self.options.closer.refine,
        )
        seconds = round(time.perf_counter() - asked.began, 4)
        return replace(found, stats={"settings": self.settings, **found.stats, "seconds": seconds})


def _finished(found: Detections, question: Question, calibration: Calibration | None) -> Detections:
    """The answer to a question.

    One of several requests took as long as the question, not as long as all of them together. Scores are
    calibrated only now: all that was decided by them on the way is decided the same with and without.
    """
    seconds = round(time.perf_counter() - question.began, 4)
    scores = found.scores if calibration is None else calibration(found.scores)
    return replace(found, scores=scores, stats={**found.stats, "seconds": seconds})


def no_task(what: str, expected: str, given: Any) -> RequestError:
    """What is said to those who ask without a `Task`."""
    return RequestError(
        f"{what} is of type {type(given).__name__}, expected {expected}; "
        "make one, for example Task.ground('the red button')"
    )


def failure_of(asked: Asked) -> LocanyError | None:
    """What a finished request failed with, in words about the user's image."""
    error, image = asked.request.error, asked.question.image
    if error is None:
        return None
    x0, y0, x1, y1 = asked.look.window
    if isinstance(error, EngineMemoryError) and not asked.request.commits:
        return ImageTooLargeError(
            f"{image.name}: not enough memory for {x1 - x0} x {y1 - y0} pixels; "
            "use a smaller image, or fewer side by side"
        )
    return type(error)(f"{image.name}: {error}")
