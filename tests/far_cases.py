"""What `test_far_device.py` runs in a process of its own: once on the host, once far away, told in JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import far

AWAY = far.install()

from locany.data.converters import write_samples  # noqa: E402
from locany.engine import Engine, EngineConfig, Request  # noqa: E402
from locany.train import ranks, sft  # noqa: E402
from locany.train.config import TrainConfig  # noqa: E402
from locany.train.log import read_log  # noqa: E402
from tests.unit.squares import Config, render  # noqa: E402
from tests.unit.test_engine_crowd import VOCAB, toy_model, toy_question  # noqa: E402
from tests.unit.train_fixtures import WITH_TRUTH, tiny_run  # noqa: E402
from tests.vocabulary import write_vocabulary  # noqa: E402

NUM_QUESTIONS = 40


def answers(engine: Engine) -> list[Any]:
    """Tokens, scores and reasons of the toy's answers, all modes and knobs at once."""

    def told(r: Request) -> list[Any]:
        return [r.tokens, [round(score, 4) for score in r.token_scores], r.finish.value]

    return [told(r) for r in engine.generate(map(toy_question, range(NUM_QUESTIONS)))]


def engine_case() -> dict[str, Any]:
    config = EngineConfig(max_rows=8, max_tokens=100_000)
    here = answers(Engine(toy_model(), VOCAB, config))
    with far.Far():
        engine = Engine(toy_model().to("far"), VOCAB, config)
        far.reads.clear()
        there = answers(engine)
    return {"here": here, "there": there, "steps": engine.stats.num_steps}


def losses(config: TrainConfig) -> list[dict[str, float]]:
    sft.train(config, lambda _: None)
    return [
        {name: round(line[name], 3) for name in ("loss", "grad", "present") if name in line}
        for line in read_log(Path(config.out))
    ]


def training_case(**changes: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tokenizer").mkdir()
        write_vocabulary(folder / "tokenizer")
        (folder / "tokenizer" / "preprocessor_config.json").write_text('{"in_token_limit": 100}')
        write_samples([render(seed, Config()) for seed in range(12)], folder / "squares", "shards")
        changes = {"steps": 3, "log_every": 1, "save_every": 3} | changes
        here = losses(tiny_run(folder, out=str(folder / "here"), **changes))
        ranks.choose_device = lambda _: (AWAY, "")  # type: ignore[assignment]
        with far.Far():
            there = losses(tiny_run(folder, out=str(folder / "there"), **changes))
    return {"here": here, "there": there, "steps": changes["steps"]}


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "engine": engine_case,
    "both streams": training_case,
    "with auxiliary losses": lambda: training_case(loss=WITH_TRUTH, dense_steps=1),
}

if __name__ == "__main__":
    found = CASES[sys.argv[1]]()
    print(json.dumps(found | {"reads": far.reads}))
