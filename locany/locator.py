"""The front door: an image and a question in, `Detections` out.

The eight steps of a request (docs/architecture.md) in one file: load and cut the image, word the prompt, hand
both to the engine, read the answer, return it to the user's pixels.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from locany.codec import Tokenizer, prompt_ids, read_answer
from locany.codec.answer import AnswerItem
from locany.device import choose_device, choose_dtype
from locany.engine import DecodeMode, Engine, EngineConfig, Finish, ImageInput, Params, Request, Thresholds
from locany.errors import CheckpointConfigError, ImageTooLargeError, LocanyError, RequestError
from locany.geometry import from_bins
from locany.image import LoadedImage, PreprocessConfig, load_image, preprocess
from locany.model import LocateModel
from locany.results import Detections, Provenance
from locany.tasks import Task
from locany.weights import find_checkpoint, load_model
from locany.weights.stored import read_json


def load(
    model: str | Path | None = None,
    *,
    adapter: str | Path | None = None,
    device: str | torch.device | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    allow_download: bool = True,
    max_rows: int = 16,
) -> Locator:
    """Load a model and be ready to answer.

    Args:
        model: a folder in the published layout, a hub id such as "nvidia/LocateAnything-3B", or None for the
            bundled locany-mini. Naming a hub id that is not cached yet downloads it.
        adapter: folder of a LoRA adapter that was trained on this model, by `locany train` or with peft.
        device: "cpu", "cuda", "cuda:1", "mps"; None takes the best there is.
        dtype: "float32" or "bfloat16"; None takes what is fastest and safe on the device.
        revision: branch, tag or commit of a hub id.
        allow_download: False never reaches the network.
        max_rows: questions that are answered side by side.

    Raises:
        CheckpointError: not found, or damaged; the message names file and tensor. Or the adapter was trained
            on another model.
        DeviceError: the machine has no such device or dtype.
    """
    chosen, _ = choose_device(device)  # first: a wrong name should not cost a download
    precision, _ = choose_dtype(dtype, chosen)
    EngineConfig(max_rows=max_rows)
    folder = find_checkpoint(model, revision=revision, allow_download=allow_download)
    name = str(model) if model is not None else folder.name
    if adapter is not None:
        adapter = Path(adapter).expanduser()
        name = f"{name} + {adapter}"
    network = load_model(folder, device=chosen, dtype=precision, adapter=adapter)
    cutting = folder / "preprocessor_config.json"
    return Locator(
        network,
        Tokenizer.from_folder(folder),
        PreprocessConfig.from_json(read_json(cutting), str(cutting)),
        name=name,
        config=EngineConfig(max_rows=max_rows, max_length=_max_length(folder, network)),
    )


@dataclass
class _Asked:
    """One question on its way."""

    number: int
    image: LoadedImage
    task: Task
    request: Request
    began: float


class Locator:
    """A loaded model. Every question is a method; `stream` answers many at once.

    Attributes:
        name: what the model was called when it was loaded.
        engine: the decode engine, with its statistics.
        tokenizer: the vocabulary of the checkpoint.
        preprocess_config: how images are cut.
    """

    def __init__(
        self,
        model: LocateModel,
        tokenizer: Tokenizer,
        preprocess_config: PreprocessConfig,
        *,
        name: str = "",
        config: EngineConfig | None = None,
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
        self.engine = Engine(model, tokenizer.vocab, config)
        self._lock = threading.Lock()  # one thread at a time steps the engine; each waits for its own answers

    def __repr__(self) -> str:
        dtype = str(self.model.dtype).removeprefix("torch.")
        return f"Locator({self.name!r}, device={str(self.model.device)!r}, dtype={dtype!r})"

    def settings(self, params: Params) -> dict[str, Any]:
        """Everything but the image and the question that decides an answer, as JSON-able values."""
        knobs = asdict(params)
        thresholds = knobs.pop("thresholds")
        changed = {k: v for k, v in thresholds.items() if v != getattr(Thresholds(), k)}
        return {
            "model": self.name,
            "device": str(self.model.device),
            "dtype": str(self.model.dtype).removeprefix("torch."),
            **knobs,
            "mode": params.mode.value,
            **({"thresholds": changed} if changed else {}),
        }

    # -- questions ------------------------------------------------------------------------------------------

    def detect(self, image: Any, categories: str | Sequence[str], **options: Any) -> Detections:
        """All instances of each category.

        Args:
            image: path, PIL image, array [height, width, 3] uint8 RGB, bytes, file object, or a URL with
                `allow_url=True`.
            categories: names of what to find.
            **options: `mode` ("fast", "hybrid", "slow"), `temperature`, `top_p`, `top_k`,
                `repetition_penalty`, `max_new_tokens`, `max_boxes`, `seed`, `compat` (see `Params`), and
                `exif`, `allow_url`, `parity` (see `load_image`).

        Raises:
            ImageError: the image cannot be used. RequestError: the question or an option is wrong.
        """
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
        """Answer one task."""
        for _, answer in self.stream([(image, task)], **options):
            if isinstance(answer, LocanyError):
                raise answer
            return answer
        raise AssertionError("one question has one answer")

    def locate_many(self, questions: Iterable[tuple[Any, Task]], **options: Any) -> list[Detections]:
        """Answer many (image, task) pairs, batched; answers in their order.

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

        Yields:
            (number of the question, its answer or the error that it failed with), in the order in which
            they are finished.

        Raises:
            RequestError: an option is unknown or out of range; raised before anything is loaded.
        """
        params, image_options = _split_options(options)
        return self._stream(iter(questions), params, image_options)

    def _stream(
        self, questions: Iterator[tuple[Any, Task]], params: Params, image_options: dict[str, Any]
    ) -> Iterator[tuple[int, Detections | LocanyError]]:
        running: dict[int, _Asked] = {}
        number, more = 0, True
        try:
            while more or running:
                while more and len(running) < self.engine.config.max_rows:
                    item = next(questions, _NO_MORE)
                    if item is _NO_MORE:
                        more = False
                        break
                    try:
                        asked = self._ask(number, item, params, image_options)
                        running[id(asked.request)] = asked
                    except LocanyError as error:
                        yield number, error
                    number += 1
                if not running:
                    continue
                for lost in self._step(running):
                    yield (
                        lost.number,
                        ImageTooLargeError(
                            f"{lost.image.name}: not enough memory for {lost.image.size_wh[0]} x "
                            f"{lost.image.size_wh[1]} pixels; use a smaller image, or fewer side by side"
                        ),
                    )
                # Not what this step returned: another caller's step may have finished questions of ours.
                for done in [asked for asked in running.values() if asked.request.finish is not None]:
                    del running[id(done.request)]
                    yield done.number, self._answer(done)
        finally:
            for asked in running.values():  # a caller who stops early leaves nothing behind
                with self._lock:
                    self.engine.cancel(asked.request)

    def _step(self, running: dict[int, _Asked]) -> list[_Asked]:
        """One step of the engine. Returns the questions that it had no memory to begin; the others go on."""
        with self._lock:
            try:
                self.engine.step()
            except (MemoryError, RuntimeError) as error:
                known = {id(r) for r in (*self.engine.scheduler.running, *self.engine.scheduler.waiting)}
                lost = [a for key, a in running.items() if a.request.finish is None and key not in known]
                if not lost or not _is_out_of_memory(error):
                    raise
                for asked in lost:
                    del running[id(asked.request)]
                return lost
        return []

    # -- the two ends ---------------------------------------------------------------------------------------

    def _ask(self, number: int, item: Any, params: Params, image_options: dict[str, Any]) -> _Asked:
        began = time.perf_counter()
        source: Any
        source, task = item if isinstance(item, tuple) and len(item) == 2 else (None, item)
        if not isinstance(task, Task):
            raise RequestError(
                f"question {number} is of type {type(task).__name__}, expected an image and a Task; "
                "make one, for example Task.ground('the red button')"
            )
        image = source if isinstance(source, LoadedImage) else load_image(source, **image_options)
        patches = preprocess(image, self.preprocess_config)
        prompt = prompt_ids(self.tokenizer, task, [patches.num_visual_tokens])
        request = Request(prompt, (ImageInput(patches.pixel_values, patches.grid_hw),), params)
        with self._lock:
            self.engine.add(request)
        return _Asked(number, image, task, request, began)

    def _answer(self, asked: _Asked) -> Detections:
        request, vocab = asked.request, self.tokenizer.vocab
        answer = read_answer(self.tokenizer, request.tokens)
        found = [item for item in answer.items if not item.is_negative]
        labels = [_label(item, asked.task) for item in found]
        absent = dict.fromkeys(_label(item, asked.task) for item in answer.items if item.is_negative)
        dropped = list(answer.dropped)
        if request.finish is Finish.REPEAT:
            dropped.append("the model began to repeat a box; the answer was ended there")
        boxes = [item.bins if len(item.bins) == 4 else item.bins * 2 for item in found]
        xyxy = from_bins(np.asarray(boxes, np.float64).reshape(-1, 4), asked.image.size_wh, vocab.max_bin + 1)
        return Detections(
            xyxy=xyxy,
            labels=labels,
            scores=np.asarray([request.score(item.start, item.stop) for item in found]),
            provenance=[_provenance(request, item) for item in found],
            size_wh=asked.image.size_wh,
            is_point=np.asarray([len(item.bins) == 2 for item in found], dtype=bool),
            absent=tuple(name for name in absent if name and name not in labels),
            truncated=request.truncated,
            dropped=tuple(dropped),
            answer=self.tokenizer.decode(request.tokens),
            stats={
                "settings": self.settings(request.params),
                "finish": request.finish.value if request.finish else "",
                "num_prompt_tokens": len(request.prompt),
                "num_tokens": len(request.tokens),
                "num_steps": len(request.commits),
                "seconds": round(time.perf_counter() - asked.began, 4),
            },
            image_name=asked.image.name,
            task=asked.task,
            image=asked.image.pixels,
        )


def _label(item: AnswerItem, task: Task) -> str:
    """The model's own label; without one, what was asked for."""
    return item.label or task.phrase or (task.categories[0] if len(task.categories) == 1 else "")


def _provenance(request: Request, item: AnswerItem) -> Provenance:
    """The least parallel of an item's tokens."""
    how = set(request.provenance[item.start : item.stop])
    for least in (Provenance.SEQUENTIAL, Provenance.REDECODED):
        if least in how:
            return least
    return Provenance.PARALLEL


def _is_out_of_memory(error: Exception) -> bool:
    """Whether torch or Python ran out of memory; the CPU's allocator says so in words only."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)


_NO_MORE = object()
_IMAGE_OPTIONS = ("exif", "allow_url", "parity", "limits")
_PARAMS = tuple(Params.__dataclass_fields__)


def _split_options(options: dict[str, Any]) -> tuple[Params, dict[str, Any]]:
    unknown = sorted(set(options) - set(_IMAGE_OPTIONS) - set(_PARAMS))
    if unknown:
        raise RequestError(
            f"unknown option {', '.join(unknown)}; the options are {', '.join((*_PARAMS, *_IMAGE_OPTIONS))}"
        )
    image_options = {name: options[name] for name in _IMAGE_OPTIONS if name in options}
    return Params(**{name: options[name] for name in _PARAMS if name in options}), image_options


def _max_length(folder: Path, model: LocateModel) -> int:
    """Tokens of prompt and answer: the tokenizer's limit, and never more than the model has positions."""
    path = folder / "tokenizer_config.json"
    limit = read_json(path).get("model_max_length") if path.is_file() else None
    positions = model.config.text.max_positions
    return int(min(limit, positions)) if isinstance(limit, int | float) and limit >= 1 else positions


__all__ = ["DecodeMode", "Locator", "load"]
