"""Put the questions of a benchmark to a model: batched, in order, one broken image never the end of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from locany.engine.params import Params
from locany.errors import DataError, LocanyError, RequestError
from locany.eval.example import Example, Place, Prediction, Query
from locany.eval.predictions import rounded
from locany.image import LoadedImage, load_image
from locany.locator import Locator
from locany.results import Detections

# Sampling of the published scripts (spec `evaluation` 3.1). No seed is known.
PUBLISHED_SAMPLING = {"temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1}
MAX_NEW_TOKENS = 4096  # as published for most benchmarks
_LOADING = -1  # key of the clock, beside the numbers of questions


@dataclass(frozen=True)
class AskConfig:
    """How questions are put.

    Attributes:
        params: of the engine, by name; `mode` and `max_new_tokens` among them.
        short_side: pixels that the shorter side of every image is brought to before it is asked about, larger
            or smaller; 0 leaves images as they are. Answers are in pixels of the image as it was.
        rows: questions answered side by side. 1 is the setting of published speeds.
    """

    params: Mapping[str, Any] = field(default_factory=lambda: {"max_new_tokens": MAX_NEW_TOKENS})
    short_side: int = 0
    rows: int = 8

    def __post_init__(self) -> None:
        Params(**self.params)
        for name, least in (("short_side", 0), ("rows", 1)):
            if getattr(self, name) < least:
                raise RequestError(f"{name} is {getattr(self, name)}, expected at least {least}")

    def settings(self) -> dict[str, Any]:
        """Everything that decides the answers, as JSON-able values."""
        knobs = asdict(Params(**self.params))
        knobs.pop("thresholds")
        return {**knobs, "mode": knobs["mode"].value, "short_side": self.short_side, "rows": self.rows}


def choose(examples: Sequence[Example], limit: int | None) -> list[Example]:
    """At most `limit` examples, evenly spread, so that a small look sees every part of a benchmark."""
    if limit is None or limit >= len(examples):
        return list(examples)
    if limit < 1:
        raise RequestError(f"limit is {limit}, expected at least 1")
    return [examples[i * len(examples) // limit] for i in range(limit)]


def predict(locator: Locator, examples: Iterable[Example], config: AskConfig) -> Iterator[Prediction]:
    """Answer examples, in their order.

    The image of an example is decoded once for all its queries, and once for examples that follow each other
    with the same file. What goes wrong with one example is its prediction's `error`.

    Args:
        locator: the model; its engine has as many rows as it was loaded with.
        examples: taken when their turn comes.
        config: how they are asked.
    """
    asking = _Asking(examples, config.short_side)
    for number, answer in locator.stream(asking.questions(), **config.params):
        asking.take(number, answer)
        yield from asking.finished()
    yield from asking.finished()


@dataclass
class _Part:
    """An example on its way.

    Attributes:
        queries_left: not answered yet.
        answers: by number of the query.
        scale_xy: pixels of the image as it was, per pixel of the image that is asked about.
    """

    example: Example
    queries_left: int
    answers: dict[int, Detections] = field(default_factory=dict)
    size_wh: tuple[int, int] | None = None
    scale_xy: tuple[float, float] = (1.0, 1.0)
    seconds: float = 0.0
    seconds_loading: float = 0.0
    errors: list[str] = field(default_factory=list)


class _Asking:
    def __init__(self, examples: Iterable[Example], short_side: int):
        self.examples, self.short_side = examples, short_side
        self.parts: dict[int, _Part] = {}
        self.asked: dict[int, tuple[int, int]] = {}  # example and query, by the number of the question
        self.clock = SharedClock()
        self.num_done = 0

    def questions(self) -> Iterator[tuple[LoadedImage, Any]]:
        """Image and task of every query; pulled by the stream as rows become free."""
        number_of_question = 0
        last: tuple[Any, LoadedImage] | None = None
        for number, example in enumerate(self.examples):
            part = self.parts[number] = _Part(example, len(example.queries))
            self.clock.begin(_LOADING)
            try:
                original = last[1] if last and _same_image(last[0], example.image) else _load(example)
                last = (example.image, original)
                asked_about = resized(original, self.short_side)
            except LocanyError as error:
                part.errors.append(f"{type(error).__name__}: {error}")
                part.queries_left = 0
                continue
            finally:
                part.seconds = part.seconds_loading = self.clock.end(_LOADING)
            part.size_wh = original.size_wh
            part.scale_xy = tuple(  # type: ignore[assignment]
                a / b for a, b in zip(original.size_wh, asked_about.size_wh, strict=True)
            )
            for i, query in enumerate(example.queries):
                self.asked[number_of_question] = (number, i)
                self.clock.begin(number_of_question)
                number_of_question += 1
                yield asked_about, query.task

    def take(self, question: int, answer: Detections | LocanyError) -> None:
        number, query = self.asked.pop(question)
        part = self.parts[number]
        part.seconds += self.clock.end(question)
        part.queries_left -= 1
        if isinstance(answer, LocanyError):
            part.errors.append(f"{type(answer).__name__}: {answer}")
        else:
            part.answers[query] = answer

    def finished(self) -> Iterator[Prediction]:
        """Those that are all there, as far as none before them is missing."""
        while self.num_done in self.parts and not self.parts[self.num_done].queries_left:
            yield _prediction(self.parts.pop(self.num_done))
            self.num_done += 1


class SharedClock:
    """Wall time of things that run side by side, each moment shared evenly among those that run in it.

    The times of all together are then the wall time in which anything ran.
    """

    def __init__(self) -> None:
        self._shares: dict[int, float] = {}
        self._at = 0.0

    def _share(self) -> None:
        now = time.perf_counter()
        for key in self._shares:
            self._shares[key] += (now - self._at) / len(self._shares)
        self._at = now

    def begin(self, key: int) -> None:
        """One more runs from now on."""
        self._share()
        self._shares[key] = 0.0

    def end(self, key: int) -> float:
        """Its share, seconds."""
        self._share()
        return self._shares.pop(key)


def _same_image(a: Any, b: Any) -> bool:
    """Whether two examples surely have one image; files by name, the rest by identity."""
    return a is b or (not isinstance(a, np.ndarray) and type(a) is type(b) and a == b)


def _load(example: Example) -> LoadedImage:
    if not example.queries:
        raise DataError(f"example {example.id} has no query; its benchmark must give at least one")
    return load_image(example.image)


def resized(image: LoadedImage, short_side: int) -> LoadedImage:
    """The image with its shorter side at `short_side` pixels, bilinear as published; 0 leaves it."""
    width, height = image.size_wh
    if not short_side or min(width, height) == short_side:
        return image
    scale = short_side / min(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = np.asarray(Image.fromarray(image.pixels).resize(size, Image.Resampling.BILINEAR))
    return LoadedImage(pixels, size, image.name)


def _prediction(part: _Part) -> Prediction:
    example = part.example
    answers = [part.answers[i] for i in sorted(part.answers)]
    facts: dict[str, Any] = {
        "size_wh": part.size_wh,
        "seconds": round(part.seconds, 6),
        "seconds_loading": round(part.seconds_loading, 6),
        "num_tokens": sum(answer.stats.get("num_tokens", 0) for answer in answers),
        "num_steps": sum(answer.stats.get("num_steps", 0) for answer in answers),
        "num_truncated": sum(answer.truncated for answer in answers),
        "num_malformed": sum(_is_unreadable(note) for answer in answers for note in answer.dropped),
        "answer": "\n".join(answer.answer for answer in answers if answer.answer),
    }
    if part.errors:
        return Prediction(example.id, error="; ".join(dict.fromkeys(part.errors)), **facts)
    found: dict[str, list[Place]] = {}
    scores: dict[str, list[float]] = {}
    absent: dict[str, None] = {}
    for i, query in enumerate(example.queries):
        _file(part.answers[i], query, part.scale_xy, found, scores, absent)
    return Prediction(
        example.id,
        found={name: tuple(places) for name, places in found.items()},
        scores={name: tuple(values) for name, values in scores.items()},
        absent=tuple(name for name in absent if name not in found),
        **facts,
    )


def _file(
    answer: Detections,
    query: Query,
    scale_xy: tuple[float, float],
    found: dict[str, list[Place]],
    scores: dict[str, list[float]],
    absent: dict[str, None],
) -> None:
    """Add an answer to what was found, under the name that its query asks for or that each place has."""
    places = answer.xyxy.astype(float) * (*scale_xy, *scale_xy)
    for i, label in enumerate(answer.labels):
        name = query.name or label
        place = places[i, :2] if answer.is_point[i] else places[i]
        found.setdefault(name, []).extend(rounded([place]))
        scores.setdefault(name, []).append(round(float(answer.scores[i]), 4))
    absent.update(dict.fromkeys([query.name] if query.name and answer.absent else answer.absent))


def _is_unreadable(note: str) -> bool:
    """Whether a note of the reader of answers is about a box that was lost, not words or a mended one."""
    return note.startswith("a box") and not note.startswith("a box was mended")
