"""The one place where speed is measured: one run of the engine or of the plain baseline, and what it took.

What is compared, how often and with what is in `throughput_cases.py`. Answers are scripted (`scripted.py`):
the compute is real, the tokens are given, and every run is held against its script, so that nothing is timed
that went wrong. Every run sees a new image: nothing is measured that a cache remembers from the run before.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from locany.codec.vocab import Vocab
from locany.device import avoid_cudnn_attention
from locany.engine import DecodeMode, Engine, EngineConfig, ImageInput, Params, Request
from locany.engine.modes import DECODES
from locany.eval.plain import PlainAnswer, generate_plain
from locany.eval.plain_model import PlainModel
from locany.eval.scripted import Script, script
from locany.eval.scripted_runner import MAX_ANSWER, ScriptedRunner, scripted_engine
from locany.eval.shapes import Shape, build, grid_of_side, noise_image, prompt_about
from locany.eval.timing import Clock
from locany.model import LocateModel
from locany.model.packed import pack_model, will_pack
from locany.model.vision import GridHW


@dataclass(frozen=True)
class Reading:
    """One run.

    Attributes:
        seconds: from the first request to the end of the last answer; pixels and prompts are made before.
        cpu_s: processor time of all threads in them; on a machine that others use, too, it says more.
        first_s: until every request has its first block or token.
        step_s: seconds of each later step in which every request was still running.
        latencies: seconds of each request from the start.
        num_boxes: real boxes and points, of each request.
        num_frames: `<box>` tokens of each request, which is what the paper counts.
        decode_s_per_box: seconds that a further box took while every request was being decoded.
        accepted: share of the drafted tokens that stood, in mode verified.
    """

    seconds: float
    cpu_s: float
    first_s: float
    step_s: list[float]
    latencies: list[float]
    num_boxes: list[int]
    num_frames: list[int]
    decode_s_per_box: float
    accepted: float | None = None

    @property
    def boxes_per_s(self) -> float:
        """Real boxes a second, of all requests together, over the whole time."""
        return sum(self.num_boxes) / self.seconds

    @property
    def paper_boxes_per_s(self) -> float:
        """As published: `<box>` tokens over time, per request, then the mean (spec `evaluation` 10)."""
        return statistics.mean(n / s for n, s in zip(self.num_frames, self.latencies, strict=True))


@dataclass
class Bench:
    """A shape on a device, its engines, and the baseline over the same weights.

    Attributes:
        shape: the model.
        device, dtype: where the engine runs.
    """

    shape: Shape
    device: torch.device
    dtype: torch.dtype
    _model: LocateModel | None = None
    _plains: dict[torch.dtype, PlainModel] = field(default_factory=dict)
    _engines: dict[int, Engine] = field(default_factory=dict)
    _num_images: int = 0

    def __post_init__(self) -> None:
        avoid_cudnn_attention(self.device)  # the baseline may come before the first engine

    @property
    def vocab(self) -> Vocab:
        return self.shape.vocab

    def model(self) -> LocateModel:
        """The model as `locany.load` makes it ready to answer; made when it is first asked for."""
        if self._model is None:
            self._model = pack_model(build(self.shape, self.device, self.dtype))
        return self._model

    def plain(self, dtype: torch.dtype) -> PlainModel:
        """The baseline in a dtype, warmed up; with the same weights, but as they are stored."""
        if dtype not in self._plains:
            shared = dtype == self.dtype and not will_pack(self.device, dtype)
            self._plains[dtype] = PlainModel(
                self.model() if shared else build(self.shape, self.device, dtype)
            )
            small = noise_image(self.shape.config.vision, (4, 4), 0)
            for mode in (DecodeMode.FAST, DecodeMode.SLOW):
                self.answer_plainly(dtype, script(self.vocab, 2), mode, image=small)
        return self._plains[dtype]

    def engine(self, rows: int) -> Engine:
        """An engine for so many requests side by side, warmed up."""
        if rows not in self._engines:
            config = EngineConfig(max_rows=rows)
            self._engines[rows] = scripted_engine(self.model(), self.vocab, config)
            for mode in DECODES[self.vocab.formulation]:
                small = noise_image(self.shape.config.vision, (4, 4), 0)
                self.answer(script(self.vocab, 2), mode, images=[small] * rows)
        return self._engines[rows]

    def forget(self, *, models: bool = False) -> None:
        """Drop engines, and models if asked to: their memory comes free."""
        self._engines.clear()
        if models:
            self._plains.clear()
            self._model = None

    def grid(self, side: int) -> GridHW:
        return grid_of_side(side, self.shape.config.vision)

    def new_image(self, grid: GridHW) -> ImageInput:
        """An image that nobody has seen yet."""
        self._num_images += 1
        return noise_image(self.shape.config.vision, grid, self._num_images)

    def ask(self, given: Script, mode: DecodeMode, grid: GridHW) -> Reading:
        """Ask the engine one question about a new image."""
        return self.answer(given, mode, images=[self.new_image(grid)])

    def ask_plainly(self, dtype: torch.dtype, given: Script, mode: DecodeMode, grid: GridHW) -> Reading:
        """Ask the baseline one question about a new image."""
        return self.answer_plainly(dtype, given, mode, image=self.new_image(grid))

    def answer(
        self, given: Script, mode: DecodeMode, *, images: Sequence[ImageInput], num_more: int = 0
    ) -> Reading:
        """Ask one question about each image, all at once; `num_more` words longer than a published one."""
        engine = self.engine(len(images))
        assert isinstance(engine.runner, ScriptedRunner)
        engine.runner.follow(given)
        params = Params(mode=mode, max_new_tokens=len(given.tokens) + self.vocab.block_size)
        requests = [
            Request(prompt_about(self.shape, image, number, num_more), (image,), params)
            for number, image in enumerate(images)
        ]
        clock = Clock(self.device)
        cpu_began, began = time.process_time(), clock.now()
        for request in requests:
            engine.add(request)
        watch, drafts, accepted = _Watch(requests), engine.stats.num_drafts, engine.stats.num_accepted
        while not watch.is_over:
            done = engine.step()
            watch.note(time.perf_counter() - began, done)
        seconds, cpu_s = clock.now() - began, time.process_time() - cpu_began
        for request in requests:
            assert request.tokens == list(given.tokens), "the answer is not the scripted one"
        drafted = engine.stats.num_drafts - drafts
        return Reading(
            seconds=seconds,
            cpu_s=cpu_s,
            first_s=watch.first_s,
            step_s=watch.step_s,
            latencies=[watch.finished[id(request)] for request in requests],
            num_boxes=[request.num_boxes for request in requests],
            num_frames=[request.tokens.count(self.vocab.box) for request in requests],
            decode_s_per_box=sum(watch.step_s) / max(watch.num_boxes, 1),
            accepted=(engine.stats.num_accepted - accepted) / drafted if drafted else None,
        )

    @torch.inference_mode()
    def encode(self, image: ImageInput) -> float:
        """Seconds of encoder and projector alone, as the engine calls them."""
        model, clock = self.model(), Clock(self.device)
        began = clock.now()
        pixels = torch.from_numpy(image.pixel_values).to(self.device)
        model.encode_images(pixels, [image.grid_hw])
        return clock.now() - began

    def parts_of_plain(self, dtype: torch.dtype, given: Script, image: ImageInput) -> list[PlainAnswer]:
        """Ask the baseline in modes fast and slow about an image that it encodes once."""
        plain, clock, prompt = self.plain(dtype), Clock(self.device), prompt_about(self.shape, image, 0)
        began = clock.now()
        visual = plain.encode((image,))
        vision_s = clock.now() - began
        answers = []
        for mode in (DecodeMode.FAST, DecodeMode.SLOW):
            params = Params(mode=mode, max_new_tokens=MAX_ANSWER)
            answers.append(
                generate_plain(plain, self.vocab, prompt, (image,), params, script=given, visual=visual)
            )
            answers[-1].vision_s = vision_s
        return answers

    def answer_plainly(
        self, dtype: torch.dtype, given: Script, mode: DecodeMode, *, image: ImageInput
    ) -> Reading:
        """Ask the baseline one question."""
        plain, clock = self.plain(dtype), Clock(self.device)
        params = Params(mode=mode, max_new_tokens=len(given.tokens) + self.vocab.block_size)
        prompt = prompt_about(self.shape, image, 0)
        cpu_began, began = time.process_time(), clock.now()
        answer = generate_plain(plain, self.vocab, prompt, (image,), params, script=given)
        seconds, cpu_s = clock.now() - began, time.process_time() - cpu_began
        assert answer.tokens == list(given.tokens), "the answer is not the scripted one"
        return Reading(
            seconds=seconds,
            cpu_s=cpu_s,
            first_s=answer.vision_s + answer.prefill_s,
            step_s=answer.block_s + answer.token_s,
            latencies=[seconds],
            num_boxes=[given.num_boxes],
            num_frames=[answer.tokens.count(self.vocab.box)],
            decode_s_per_box=sum(answer.block_s + answer.token_s) / given.num_boxes,
        )


class _Watch:
    """Looks at some requests after every step of an engine.

    Attributes:
        finished: seconds at which each request was done, by id.
        first_s: seconds at which every request had begun to answer.
        step_s: seconds of each step that began with all of them being decoded.
        num_boxes: boxes that came in those steps.
    """

    def __init__(self, requests: Sequence[Request]):
        self.requests = requests
        self.finished: dict[int, float] = {}
        self.first_s, self.step_s, self.num_boxes = 0.0, list[float](), 0
        self._last, self._was_whole, self._boxes = 0.0, False, 0

    @property
    def is_over(self) -> bool:
        return len(self.finished) == len(self.requests)

    def note(self, seconds: float, done: Sequence[Request]) -> None:
        """After a step that ended at `seconds` and finished some requests."""
        self.finished |= {id(request): seconds for request in done}
        boxes = sum(request.num_boxes for request in self.requests)
        if self._was_whole:
            self.step_s.append(seconds - self._last)
            self.num_boxes += boxes - self._boxes
        if not self.first_s and all(request.tokens for request in self.requests):
            self.first_s = seconds
        self._was_whole = bool(self.first_s) and not self.finished
        self._last, self._boxes = seconds, boxes
