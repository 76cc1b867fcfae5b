"""Ten thousand random requests over a toy network: what must hold at each step does, nobody is forgotten."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from locany.codec.vocab import Vocab
from locany.engine import DecodeMode, Engine, EngineConfig, Finish, ImageInput, Params, Phase, Request
from locany.model import LocateModel
from tests.tiny import tiny_config, tiny_model
from tests.unit.test_engine_invariants import assert_nothing_left

# Ten words, the structure, 21 bins: small enough for ten thousand answers in seconds.
VOCAB = Vocab(
    size=44, none=9, none_ids=frozenset({9}), box=10, box_end=11, ref=12, ref_end=13, null=14, mask=15,
    end=16, turn=17, pad=18, image=19, image_end=20, image_token=21, separator=22, coord_start=23,
    coord_end=43, block_size=6,
)  # fmt: skip
NUM_QUESTIONS, NUM_IMAGES = 250, 12
CUT = (Finish.TIMEOUT, Finish.CANCELLED)


def toy_model(seed: int = 0) -> LocateModel:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1}
    config = tiny_config(vocab_size=VOCAB.size, **sizes)
    return tiny_model(seed, config=replace(config, image_token_id=VOCAB.image_token), std=0.5)


def toy_question(number: int) -> Request:
    """Question `number`: always the same; many have an image in common."""
    rng = np.random.default_rng(number)
    prompt, images = rng.integers(0, 9, rng.integers(1, 6)).tolist(), []
    for image in rng.integers(0, NUM_IMAGES, rng.choice([0, 1, 1, 1, 2])).tolist():
        height, width = 2 * (1 + image % 2), 2 * (1 + image % 3)
        pixels = np.random.default_rng(image).normal(0, 1, (height * width, 3, 14, 14)).astype(np.float32)
        images.append(ImageInput(pixels, (height, width)))
        prompt = [VOCAB.image, *[VOCAB.image_token] * (height * width // 4), VOCAB.image_end, *prompt]
    mode = ("fast", "slow", "hybrid", "verified")[number % 4]
    compat = rng.random() < 0.2
    params = Params(
        mode=mode,  # type: ignore[arg-type]
        temperature=0.0 if mode == "verified" and compat else float(rng.choice([0.0, 0.0, 0.8])),
        top_p=float(rng.choice([1.0, 1.0, 0.9])),
        top_k=int(rng.choice([0, 0, 5])),
        repetition_penalty=float(rng.choice([1.0, 1.0, 1.2])),
        max_new_tokens=int(rng.integers(0, 16)),
        max_boxes=int(rng.choice([0, 0, 1])),
        seed=number,
        tolerance=int(mode == "verified") * int(rng.choice([0, 0, 2])),
        compat=bool(compat),
    )
    return Request(prompt, tuple(images), params)


@dataclass
class Crowd:
    """A crowd at an engine, and what must be true of both."""

    engine: Engine
    rng: np.random.Generator
    now: float = 0.0
    asked: list[tuple[int, Request]] = field(default_factory=list)
    open: list[Request] = field(default_factory=list)  # asked, not finished
    longest_queue: int = 0

    def ask(self) -> None:
        number = int(self.rng.integers(NUM_QUESTIONS))
        request = toy_question(number)
        if self.rng.random() < 0.1:
            request.params = replace(request.params, timeout_s=float(self.rng.integers(1, 20)))
        self.engine.add(request)
        self.asked.append((number, request))
        self.open.append(request)

    def step(self) -> None:
        self.now += 1.0
        done = self.engine.step()
        assert len(set(map(id, done))) == len(done)
        for request in done:
            assert request.finish is not None
            assert request.finish is not Finish.CANCELLED
        if self.open and self.rng.random() < 0.3:
            self.engine.cancel(self.open[int(self.rng.integers(len(self.open)))])
        finished = {id(r) for r in self.open if r.finish is not None}
        assert set(map(id, done)) <= finished
        self.open = [r for r in self.open if id(r) not in finished]

    def check(self) -> None:
        scheduler, config = self.engine.scheduler, self.engine.config
        places = [*scheduler.waiting, *scheduler.preparing, *scheduler.running]
        self.longest_queue = max(self.longest_queue, len(scheduler.waiting))
        names = Counter(map(id, places))
        assert max(names.values(), default=1) == 1, "no request is in two places"
        assert set(names) == set(map(id, self.open)) == set(scheduler.needs), "and none is nowhere"
        begun = [scheduler.needs[id(r)] for r in (*scheduler.preparing, *scheduler.running)]
        assert len(begun) <= config.max_rows
        assert len(begun) * max(begun, default=0) <= scheduler.max_tokens
        prefiller = self.engine.prefiller
        assert prefiller.features.num_bytes <= config.feature_bytes
        assert prefiller.prefixes.num_bytes <= config.prefix_bytes
        assert set(self.engine._prefixes) == set(map(id, scheduler.preparing))
        for request in scheduler.running:
            extra = (
                0 if request.params.mode in (DecodeMode.SLOW, DecodeMode.VERIFIED) else VOCAB.block_size - 1
            )
            assert len(request.tokens) <= request.params.max_new_tokens + extra
            assert len(request.tokens) == len(request.token_scores) == len(request.provenance)

    def check_rows(self) -> None:
        """What the device knows of the rows is what the host has recorded; only without overlap."""
        running = self.engine.scheduler.running
        rows = self.engine.runner.rows.view(len(running))
        device = torch.stack(
            (
                rows.num_pending,
                rows.num_drafts,
                rows.text_len,
                rows.prompt_len,
                rows.seed,
                rows.parallel,
                rows.state,
            )
        )
        expected = [
            (
                r.num_pending + r.num_drafts, r.num_drafts, r.text_len + r.num_drafts, len(r.prompt),
                r.params.seed, r.phase is Phase.PARALLEL, int(r.state),
            )
            for r in running
        ]  # fmt: skip
        # The grammar state of a row is that before its drafts; a published row has none.
        guarded = [i for i, r in enumerate(running) if not r.params.compat]
        assert device[:6].T.tolist() == [list(line[:6]) for line in expected]
        assert device[6, guarded].tolist() == [expected[i][6] for i in guarded]
        pending = rows.pending.tolist()
        for row, request in enumerate(running):
            count, drafts = request.num_pending, request.num_drafts
            text = (request.prompt + request.tokens)[-count:]
            assert pending[row][rows.width - count - drafts : rows.width - drafts] == text


def same(got: Request, expected: Request) -> bool:
    return (got.tokens, got.finish, got.items) == (expected.tokens, expected.finish, expected.items)


@pytest.mark.parametrize(("count", "overlap"), [(10_000, False), (1_000, True)])
def test_ten_thousand_requests(count: int, overlap: bool) -> None:
    config = EngineConfig(
        max_rows=48, max_tokens=48 * 36, prefill_tokens=400, max_patches=80, feature_bytes=1500,
        prefix_bytes=8000, overlap=overlap,
    )  # fmt: skip
    crowd = Crowd(Engine(toy_model(), VOCAB, config), np.random.default_rng(0))
    crowd.engine.clock = lambda: crowd.now
    while len(crowd.asked) < count or crowd.open:
        for _ in range(min(int(crowd.rng.integers(0, 40)), count - len(crowd.asked))):
            crowd.ask()
        crowd.step()
        crowd.check()
        if not overlap:
            crowd.check_rows()
    assert_nothing_left(crowd.engine)

    # Whoever asks the same is told the same, in whatever company; who left early has the beginning of it.
    told: dict[int, Request] = {}
    for number, request in crowd.asked:
        if request.finish not in CUT:
            assert same(request, told.setdefault(number, request))
    for number, request in crowd.asked:
        if request.finish in CUT and number in told:
            length = min(len(request.tokens), len(told[number].tokens))
            assert request.tokens[:length] == told[number].tokens[:length]
    finishes = Counter(request.finish for _, request in crowd.asked)
    assert set(finishes) >= {Finish.END, Finish.LIMIT, Finish.MAX_BOXES, *CUT}
    assert Finish.ERROR not in finishes
    assert crowd.longest_queue > 100
    assert 0 < crowd.engine.stats.num_shared < count
    if not overlap:
        for number in range(0, NUM_QUESTIONS, 10):
            alone = Engine(toy_model(), VOCAB).generate([toy_question(number)])[0]
            assert same(alone, told[number])
