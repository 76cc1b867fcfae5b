"""Add, step, generate, stream: many requests with mixed modes, one forward per step for all of them.

A step ends what is over, begins what fits, does a piece of image and prompt work, and lets every running row
commit a block or a token. Where a request is in its life: `scheduler.py`; what a row commits:
`step.py` on the device, `modes.py` for the record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from locany.codec.vocab import Vocab
from locany.engine.config import EngineConfig
from locany.engine.labels import refusal
from locany.engine.memory import is_out_of_memory, release_memory
from locany.engine.modes import check_mode, cut_by, record
from locany.engine.prefill import Prefiller
from locany.engine.prefix import Prefix
from locany.engine.request import Finish, Found, Request
from locany.engine.runner import Joining, Landing, Runner
from locany.engine.scheduler import Scheduler
from locany.engine.stats import Stats
from locany.errors import CheckpointConfigError, EngineBusyError, EngineError, EngineMemoryError, RequestError
from locany.model.locate_model import LocateModel


@dataclass(frozen=True)
class _Flight:
    """A step whose outcome has not been recorded yet."""

    requests: list[Request]
    landing: Landing


class Engine:
    """Continuous batching of block and token decoding. Not for several threads at once."""

    def __init__(
        self,
        model: LocateModel,
        vocab: Vocab,
        config: EngineConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.vocab, self.config = vocab, config or EngineConfig()
        if model.config.text.causal_attn:
            raise CheckpointConfigError(
                "text_config.causal_attn is true: blocks whose slots see each other causally cannot be "
                "decoded; the release has false"
            )
        self.stats, self.clock = Stats(), clock
        self.runner = Runner(model, vocab, self.config)
        self.prefiller = Prefiller(model, self.config, self.stats)
        self.scheduler = Scheduler(self.config.max_rows, self.runner.max_tokens)
        self._prefixes: dict[int, Prefix | None] = {}  # of preparing requests
        # Looked at in every step, unlike the queue, which may be long.
        self._over_at_once: list[Request] = []
        self._timed: dict[int, Request] = {}
        self._flight: _Flight | None = None
        overlap = self.config.overlap
        self._overlap = model.device.type != "cpu" if overlap is None else overlap

    # -- requests come and go -------------------------------------------------------------------------------

    def add(self, request: Request) -> Request:
        """Queue a request.

        Raises:
            RequestError: the prompt leaves no room for an answer, or the mode does not fit the checkpoint.
            EngineBusyError: `max_waiting` others wait already.
        """
        self._check(request)
        if len(request.prompt) >= self.config.max_length and not request.params.compat:
            num_visual = request.prompt.count(self.vocab.image_token)
            raise RequestError(
                f"the prompt has {len(request.prompt)} tokens, {num_visual} of them of images; the context "
                f"holds {self.config.max_length} with the answer; use smaller or fewer images, fewer "
                "categories (or parallel_categories=True), or a shorter phrase"
            )
        check_mode(request.params.mode, self.vocab)
        if self._is_full():
            raise EngineBusyError(
                f"{self.config.max_waiting} questions wait already, which is the limit (max_waiting); "
                "ask again later"
            )
        need = max(len(request.prompt), self._limit(request))
        if len(request.prompt) >= self._limit(request):  # published: no step, an empty answer
            request.finish = Finish.LIMIT
            self._over_at_once.append(request)
        elif need > self.scheduler.max_tokens:
            raise RequestError(
                f"prompt and answer may come to {need:,} tokens, the engine has memory for "
                f"{self.scheduler.max_tokens:,}; give a smaller max_new_tokens, or a smaller image"
            )
        if request.params.timeout_s:
            request.deadline = self.clock() + request.params.timeout_s
            self._timed[id(request)] = request
        self.scheduler.add(request, need)
        return request

    def _is_full(self) -> bool:
        return 0 < self.config.max_waiting <= len(self.scheduler.waiting)

    def _check(self, request: Request) -> None:
        """Refuse what could only fail later, beside others."""
        if not request.prompt:
            raise RequestError("the prompt is empty; an answer needs at least one token to follow")
        if request.finish is not None or id(request) in self.scheduler.needs or request.tokens:
            raise RequestError("this request has been added before; make a new one for each answer")
        for outermost in (min(request.prompt), max(request.prompt)):
            if not 0 <= outermost < self.vocab.size:  # a GPU takes no more work after such a look-up
                raise RequestError(
                    f"the prompt has token {outermost}, the vocabulary has 0 to {self.vocab.size - 1}; "
                    "make the prompt with this checkpoint's tokenizer"
                )
        if wrong := refusal(request.labels, self.vocab):
            raise RequestError(f"{wrong}; make labels with this checkpoint's tokenizer (codec.label_ids)")
        vision, token = self.runner.model.config.vision, self.vocab.image_token
        for height, width in (image.grid_hw for image in request.images):
            if min(height, width) < 1 or height % vision.merge_size or width % vision.merge_size:
                raise RequestError(
                    f"an image has a grid of {height} x {width} patches, expected positive multiples of "
                    f"{vision.merge_size}; pad it, as `preprocess` does"
                )
        given = request.prompt.count(token)
        wanted = sum(h * w // vision.merge_size**2 for h, w in (image.grid_hw for image in request.images))
        if given != wanted:
            raise RequestError(
                f"the prompt has {given} image tokens, its {len(request.images)} images make {wanted} "
                "(a grid's patches, divided by the merged cell's)"
            )
        for image in request.images:
            (height, width), pixels, side = image.grid_hw, image.pixel_values, vision.patch_size
            needed = (height * width, 3, side, side)
            if not isinstance(pixels, np.ndarray) or pixels.dtype != np.float32 or pixels.shape != needed:
                dtype, shape = getattr(pixels, "dtype", type(pixels).__name__), getattr(pixels, "shape", ())
                raise RequestError(
                    f"an image is {dtype} of shape {tuple(shape)}, expected a float32 array of shape "
                    f"{needed} for its grid of {height} x {width} patches"
                )
            if not image.is_sound:
                raise RequestError(
                    "an image has NaN, infinity or values beyond 10,000, which would spoil the answers of "
                    "others; expected normalised pixels, about -1 to 1 (image.preprocess makes them)"
                )
        if request.images and request.prompt[-1] == token:
            raise RequestError("the prompt ends in an image token; close the image and ask something")

    def cancel(self, request: Request) -> None:
        """Forget a request that is waiting or running; an unknown one is ignored."""
        if request in self.scheduler.running:
            self._retire(request)
        elif id(request) in self.scheduler.needs:
            self._drop(request)
        else:
            return
        request.finish = request.finish or Finish.CANCELLED  # some are over before they begin
        self.stats.count_finished(request)
        self._release_if_idle()

    def generate(self, requests: Iterable[Request]) -> list[Request]:
        """Answer all requests, and with them all others that wait; returns them, finished, in their order."""
        added: list[Request] = []
        try:
            for request in requests:
                while self._is_full():
                    self.step()
                added.append(self.add(request))
            for request in added:
                while request.finish is None:
                    self.step()
            while not self.scheduler.is_idle:
                self.step()
        finally:
            for request in added:  # where one was refused or a step failed, the others do not linger
                self.cancel(request)
        return added

    def stream(self, request: Request) -> Iterator[Found]:
        """Answer one request, and give each item of its answer as soon as it is committed and scored.

        Others that are waiting or running go on meanwhile. Closing the iterator cancels the request.

        Raises:
            RequestError, EngineBusyError: see `add`; at once. EngineError: the request failed.
        """
        found = self._found(self.add(request))
        next(found)  # a generator that was never begun would not cancel when it is closed
        return cast(Iterator[Found], found)

    def _found(self, request: Request) -> Iterator[Found | None]:
        number = 0
        try:
            yield None
            while True:
                while (found := request.found(number)) is not None:
                    yield found
                    number += 1
                if request.finish is not None:
                    break
                self.step()
        finally:
            self.cancel(request)
        if request.error is not None:
            raise request.error

    # -- a step ---------------------------------------------------------------------------------------------

    def step(self) -> list[Request]:
        """End what is over, begin what fits, and let every running row commit. Returns what it finished."""
        done = self._expire()
        done += self._admit()
        done += self._prepare()
        flight = self._launch(done)
        if self._overlap:
            flight, self._flight = self._flight, flight
        if flight is not None:
            done += self._collect(flight)
        self._release_if_idle()
        return done

    def _release_if_idle(self) -> None:
        if self.scheduler.is_idle:
            self.runner.release_idle()

    def _expire(self) -> list[Request]:
        """Requests that were over before they began, and those whose time is up."""
        done = [r for r in self._over_at_once if id(r) in self.scheduler.needs]  # not cancelled since
        self._over_at_once = []
        if self._timed:
            now = self.clock()
            late = [r for r in self._timed.values() if r.deadline <= now and not (r.finish or r.closing)]
            for request in late:
                cut_by(request, Finish.TIMEOUT)
            done += [request for request in late if request.finish is not None]
        for request in done:
            if request in self.scheduler.running:
                self._retire(request)
            else:
                self._drop(request)
            self.stats.count_finished(request)
        return done

    def _admit(self) -> list[Request]:
        """Begin what fits. Returns requests that failed."""
        failed: list[Request] = []
        new = self.scheduler.admit()
        for number, request in enumerate(new):
            try:
                self._prefixes[id(request)] = self.prefiller.prefix_of(request)
            except BaseException as error:
                if not is_out_of_memory(error):
                    self._fail(new[number:], EngineError(f"a prompt could not be prepared: {error}"))
                    raise
                sentence = "not enough memory to look at the images of a prompt; use smaller or fewer images"
                failed += self._fail([request], EngineMemoryError(sentence))
        return failed

    def _prepare(self) -> list[Request]:
        """A piece of vision and prefill, then rows for what is ready. Returns requests that failed."""
        failed: list[Request] = []
        if not self.prefiller.is_idle:
            try:
                finished = self.prefiller.work(self.config.prefill_tokens)
            except BaseException as error:
                self._fail_orphans(error)
                raise
            for prefix in finished:
                if prefix.error is not None:
                    waiting = [r for r in self.scheduler.preparing if self._prefixes[id(r)] is prefix]
                    failed += self._fail(waiting, prefix.error)
        begun = [Joining(r, self._prefixes[id(r)]) for r in self.scheduler.preparing]
        ready = [joining for joining in begun if joining.prefix is None or joining.prefix.is_ready]
        group: list[Joining] = []
        width = 0
        for joining in ready:  # at least one, then as many as the budget allows, each padded to the longest
            width = max(width, len(joining.request.prompt) - joining.num_shared)
            if group and width * (len(group) + 1) > self.config.prefill_tokens:
                break
            group.append(joining)
        return failed + (self._join(group) if group else [])

    def _join(self, group: list[Joining]) -> list[Request]:
        requests = [joining.request for joining in group]
        try:
            self.runner.join(group, self.scheduler.running)
        except BaseException as error:
            if not is_out_of_memory(error):
                self._fail(requests, EngineError(f"a prompt could not be prefilled: {error}"))
                raise
        else:
            self.scheduler.start(requests)
            for request in requests:
                del self._prefixes[id(request)]
            return []
        # Behind the except block: until then the error holds all that the call had made.
        release_memory(self.runner.device)
        if len(group) > 1:
            return [request for joining in group for request in self._join([joining])]
        return self._fail(
            requests,
            EngineMemoryError(
                f"not enough memory for a prompt of {len(requests[0].prompt):,} tokens beside "
                f"{len(self.scheduler.running)} others; use a smaller image, or fewer side by side"
            ),
        )

    def _launch(self, done: list[Request]) -> _Flight | None:
        """Begin the next step of all rows; where memory runs out, the newest row goes, with an error.

        Args:
            done: gets what is finished on the way.
        """
        lag = int(self._flight is not None)
        while self.scheduler.running:
            running = list(self.scheduler.running)
            if lag and self._needs_known_phases(running):
                done += self._collect_now()
                lag = 0
                continue
            try:
                landing = self.runner.step(running, lag=lag)
            except BaseException as error:
                if not is_out_of_memory(error):
                    raise
                if self.runner.forget_graphs():
                    release_memory(self.runner.device)
                    continue
                order = list(self.scheduler.needs)  # of arrival
                newest = max(running, key=lambda r: order.index(id(r)))
                self._retire(newest)
                done += self._fail(
                    [newest],
                    EngineMemoryError(
                        f"memory ran out with {len(running)} questions side by side; ask fewer at a time"
                    ),
                )
                release_memory(self.runner.device)
                continue
            self.stats.num_steps += 1
            return _Flight(running, landing)
        return None

    def _needs_known_phases(self, running: list[Request]) -> bool:
        """Published sampling draws in an order that depends on each row's phase."""
        return any(r.params.compat and r.params.temperature > 0 for r in running)

    def _collect_now(self) -> list[Request]:
        flight, self._flight = self._flight, None
        return [] if flight is None else self._collect(flight)

    def _collect(self, flight: _Flight) -> list[Request]:
        """Record the outcome of a step. Returns the requests that it finished."""
        done: list[Request] = []
        outcome = flight.landing.outcome()
        for row, request in enumerate(flight.requests):
            if request.finish is not None:  # ended while the step was under way
                continue
            num_commits = len(request.commits)
            record(request, outcome, row, self.vocab, self._limit(request))
            if len(request.commits) > num_commits:
                self.stats.count_commit(request.commits[-1])
                self.stats.num_drafts += int(outcome.num_drafts[row])
                self.stats.num_accepted += int(outcome.num_accepted[row])
            if request.finish is not None:
                done.append(request)
        for request in done:
            self._retire(request)
            self.stats.count_finished(request)
        return done

    # -- the end of a request -------------------------------------------------------------------------------

    def _limit(self, request: Request) -> int:
        return min(self.config.max_length, len(request.prompt) + request.params.max_new_tokens)

    def _retire(self, request: Request) -> None:
        """Free the row of a running request."""
        last = self.scheduler.running[-1]
        row, last_row = self.scheduler.retire(request)
        self._timed.pop(id(request), None)
        self.runner.remove(request, row, last_row, last.text_len + 3 * self.runner.rows.width)

    def _drop(self, request: Request) -> None:
        """Forget a request without a row, and its prefix if nobody else waits for it."""
        self.scheduler.drop(request)
        self._timed.pop(id(request), None)
        prefix = self._prefixes.pop(id(request), None)
        if prefix is not None and not any(other is prefix for other in self._prefixes.values()):
            self.prefiller.forget(prefix)

    def _fail(self, requests: list[Request], error: EngineError) -> list[Request]:
        for request in requests:
            request.finish, request.error = Finish.ERROR, error
            self._drop(request)
            self.stats.count_finished(request)
        return requests

    def _fail_orphans(self, error: BaseException) -> None:
        """After a mistake of ours: requests whose prefix nobody computes any more must not wait for ever."""
        for request in list(self.scheduler.preparing):
            prefix = self._prefixes[id(request)]
            if prefix is not None and not prefix.is_ready and not self.prefiller.is_queued(prefix):
                self._fail([request], EngineError(f"an image could not be encoded: {error}"))
