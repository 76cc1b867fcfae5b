"""A loaded model, and every question it answers."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from locany.closer import CloserConfig
from locany.codec import Tokenizer
from locany.engine import Engine, EngineConfig, Params, Thresholds
from locany.errors import CheckpointConfigError, LocanyError, RequestError
from locany.image import PreprocessConfig
from locany.locator.asking import Asking, Options, no_task
from locany.locator.calibration import Calibration
from locany.locator.locks import EngineLocks
from locany.model import LocateModel
from locany.model.quantize import quantization
from locany.results import Detection, Detections
from locany.tasks import Task

_ONE_LOOK = CloserConfig()


class Locator:
    """A loaded model. Every question is a method; `stream` answers many at once.

    Attributes:
        name: what the model was called when it was loaded.
        engine: the decode engine, with its statistics.
        tokenizer: the vocabulary of the checkpoint.
        preprocess_config: how images are cut.
        calibration: the curve that scores are read off, or None for the model's own scores.
        calibrated: whether scores are read off it, where there is one.
    """

    def __init__(
        self,
        model: LocateModel,
        tokenizer: Tokenizer,
        preprocess_config: PreprocessConfig,
        *,
        name: str = "",
        config: EngineConfig | None = None,
        calibration: Calibration | None = None,
        calibrated: bool = True,
    ):
        vocab, vision, text = tokenizer.vocab, model.config.vision, model.config.text
        for what, of_model, other, given in (
            ("image token", model.config.image_token_id, "the tokenizer", vocab.image_token),
            ("vocabulary size", text.vocab_size, "the tokenizer", vocab.size),
            ("block size", text.block_size, "the tokenizer", vocab.block_size),
            ("patch size", vision.patch_size, "the image preprocessing", preprocess_config.patch_size),
            ("merge size", vision.merge_size, "the image preprocessing", preprocess_config.merge_size),
        ):
            if of_model != given:
                raise CheckpointConfigError(
                    f"{name or 'the model'}: its {what} is {of_model}, that of {other} is {given}; "
                    "the files belong to different checkpoints"
                )
        self.name, self.model = name, model
        self.tokenizer, self.preprocess_config = tokenizer, preprocess_config
        self.calibration, self.calibrated = calibration, calibrated
        self.engine = Engine(model, tokenizer.vocab, config)
        # One thread at a time steps the engine; each waits for its own answers.
        self._locks = EngineLocks(self.engine)

    def __repr__(self) -> str:
        dtype = str(self.model.dtype).removeprefix("torch.")
        return f"Locator({self.name!r}, device={str(self.model.device)!r}, dtype={dtype!r})"

    def settings(self, params: Params, closer: CloserConfig = _ONE_LOOK) -> dict[str, Any]:
        """Everything but the image and the question that decides an answer, as JSON-able values."""
        knobs = asdict(params)
        thresholds = knobs.pop("thresholds")
        changed = {k: v for k, v in thresholds.items() if v != getattr(Thresholds(), k)}
        return {
            "model": self.name,
            "device": str(self.model.device),
            "dtype": str(self.model.dtype).removeprefix("torch."),
            **({"quant": kind} if (kind := quantization(self.model)) else {}),
            **knobs,
            "mode": params.mode.value,
            **({"thresholds": changed} if changed else {}),
            **closer.changed(),
            **({"calibrated": self.calibrated} if self.calibration is not None else {}),
        }

    # -- questions ------------------------------------------------------------------------------------------

    def detect(self, image: Any, categories: str | Sequence[str], **options: Any) -> Detections:
        """All instances of each category.

        Args:
            image: path, PIL image, array [height, width, 3] uint8 RGB, bytes, file object, or a URL with
                `allow_url=True`.
            categories: names of what to find, in the order in which they are asked; of a set, sorted.
            **options: `mode` ("fast", "hybrid", "verified", "slow"), `temperature`, `top_p`, `top_k`,
                `repetition_penalty`, `max_new_tokens`, `max_boxes`, `timeout_s`, `tolerance`, `seed`,
                `presence`, `hold_labels`, `compat` (see `Params`);
                `parallel_categories`, `tiles`, `overlap`, `whole_image`, `zoom`, `refine` (see
                `closer.CloserConfig`); `exif`, `allow_url`, `parity`, `limits` (see `load_image`).

        Raises:
            ImageError: the image cannot be used. RequestError: the question or an option is wrong.
        """
        if isinstance(categories, str) and "," in categories:
            warnings.warn(
                f"{categories!r} is asked for as one category; give several as a list: ['cat', 'dog']",
                stacklevel=2,
            )
        return self.locate(image, Task.detect(categories), **options)

    def ground(self, image: Any, phrase: str, **options: Any) -> Detections:
        """All matches of a phrase; arguments as in `detect`."""
        return self.locate(image, Task.ground(phrase), **options)

    def refer(self, image: Any, phrase: str, **options: Any) -> Detections:
        """The one thing that a phrase refers to; arguments as in `detect`."""
        return self.locate(image, Task.refer(phrase), **options)

    def point(self, image: Any, phrase: str, **options: Any) -> Detections:
        """A point on each thing that a phrase names; arguments as in `detect`."""
        return self.locate(image, Task.point(phrase), **options)

    def find_text(self, image: Any, phrase: str, **options: Any) -> Detections:
        """Where a given text is written; arguments as in `detect`."""
        return self.locate(image, Task.find_text(phrase), **options)

    def text(self, image: Any, **options: Any) -> Detections:
        """All text, with its transcription as label; arguments as in `detect`."""
        return self.locate(image, Task.text(), **options)

    def layout(self, image: Any, categories: str | Sequence[str], **options: Any) -> Detections:
        """Regions of a page by category; arguments as in `detect`."""
        return self.locate(image, Task.layout(categories), **options)

    def gui(self, image: Any, phrase: str, *, point: bool = False, **options: Any) -> Detections:
        """The region of a control, or with `point` the place to click; arguments as in `detect`."""
        return self.locate(image, Task.gui(phrase, point=point), **options)

    def locate(self, image: Any, task: Task, **options: Any) -> Detections:
        """Answer one task.

        Args:
            image, options: as in `detect`.
            task: the question, `Task.detect(["cat"])` and its sisters.

        Raises:
            LocanyError: as in `detect`.
        """
        if not isinstance(task, Task):
            raise no_task("the question", "a Task", task)
        for _, answer in self.stream([(image, task)], **options):
            if isinstance(answer, LocanyError):
                raise answer
            return answer
        raise AssertionError("one question has one answer")

    def watch(self, image: Any, task: Task, **options: Any) -> Generator[Detection, None, Detections]:
        """Answer one task, giving each box or point the moment it is committed and scored.

        Together they are those of `locate`, but for `parallel_categories`, which mixes the categories in the
        order in which they are decoded, and stops at the first `max_boxes`. Closing the iterator ends the
        question.

        Returns:
            A generator. What it returns at its end (`found = yield from locator.watch(...)`, or `value` of
            its StopIteration) is the answer as `locate` gives it: what is absent, not answered, cut.

        Raises:
            RequestError: an option is wrong; of `tiles` and `zoom` every answer must be there before the
                first box is known.
        """
        split = Options.split(options)
        for name in ("tiles", "zoom"):
            if getattr(split.closer, name):
                raise RequestError(
                    f"{name} is {getattr(split.closer, name)!r}, but watch gives boxes while they are "
                    f"decoded, before several looks can be compared; leave {name} out, or use locate"
                )
        if not isinstance(task, Task):
            raise no_task("the question", "a Task", task)
        split.closer.check(task)
        return self._asking(split).found((image, task))

    def locate_many(self, questions: Iterable[tuple[Any, Task]], **options: Any) -> list[Detections]:
        """Answer many (image, task) pairs, tuples or lists of two, batched; answers in their order.

        Every answer keeps the pixels of its image, to be drawn on. For more images than memory holds take
        answers from `stream`, one at a time.

        Raises:
            LocanyError: that of the first question that failed. Use `stream` to keep the others.
        """
        answers: dict[int, Detections] = {}
        for number, answer in self.stream(questions, **options):
            if isinstance(answer, LocanyError):
                raise answer
            answers[number] = answer
        return [answers[number] for number in sorted(answers)]

    def stream(
        self, questions: Iterable[tuple[Any, Task]], **options: Any
    ) -> Iterator[tuple[int, Detections | LocanyError]]:
        """Answer (image, task) pairs as rows become free, images loaded only when their turn comes.

        Nothing is decoded while the caller works on an answer, and `timeout_s` goes on meanwhile; nor while
        `questions` makes the next one, which must not wait for an answer.

        Yields:
            (number of the question, its answer or the error that it failed with), in the order in which
            they are finished.

        Raises:
            RequestError: an option is unknown or out of range, or there are no questions to go through;
                raised before anything is loaded.
        """
        split = Options.split(options)
        if not isinstance(questions, Iterable):
            raise RequestError(
                f"questions is of type {type(questions).__name__}, expected (image, task) pairs; "
                "of a single question give [(image, task)], or use locate"
            )
        return self._asking(split).answers(iter(questions))

    def _asking(self, options: Options) -> Asking:
        settings = self.settings(options.params, options.closer)
        curve = self.calibration if self.calibrated else None
        return Asking(
            self.engine, self._locks, self.tokenizer, self.preprocess_config, options, settings, curve
        )
