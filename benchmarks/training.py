"""What training the bundled size costs on the CPU: tokens/s, samples/s, peak memory, FLOP/s.

    python benchmarks/training.py [--quick] [--threads 2] [--cases full,lora] [--check] [--out result.json]

Every case is a fresh process that makes a few updates with the trainer's own step, from the same rendered
samples, after a warm-up. Times are medians; memory is the highest resident memory of the process, and
`step_memory` what the steps add to it:

    full        all weights of the bundled model
    lora        adapters as in recipes/lora.py
    scratch     with Muon and the auxiliary losses, as recipes/mini.py
    *_checkpointing, *_micro_rows_1, full_unpacked (one sample a row), full_float32: what one setting changes

The last line of output is one JSON document. Ratios are within one run and, for time, of processor time,
because the machines are shared and noisy. Where threads and rows are the same they are compared with
`benchmarks/baselines/training.json`; `--check` fails if one is above it by more than the tolerance that
stands there. How FLOPs are counted: `benchmarks/training_steps.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "benchmarks" / "baselines" / "training.json"
BUNDLED = ROOT / "locany" / "assets" / "locany-mini"
FIRST_SEED = 510_000_000  # nobody trains or evaluates on these
BUDGET = 1024
CASES: dict[str, dict[str, Any]] = {
    "full": {},
    "full_checkpointing": {"checkpointing": True},
    "full_micro_rows_1": {"micro_rows": 1},
    "full_unpacked": {},
    "full_float32": {"bf16": False},
    "lora": {},
    "scratch": {},
}
RATIOS = {  # name: of the first case's number to the second's
    "time_checkpointing": ("cpu_seconds", "full_checkpointing", "full"),
    "time_micro_rows_1": ("cpu_seconds", "full_micro_rows_1", "full"),
    "time_unpacked": ("cpu_seconds", "full_unpacked", "full"),
    "time_float32": ("cpu_seconds", "full_float32", "full"),
    "time_lora": ("cpu_seconds", "lora", "full"),
    "time_scratch": ("cpu_seconds", "scratch", "full"),
    "memory_checkpointing": ("step_memory_mb", "full_checkpointing", "full"),
    "memory_micro_rows_1": ("step_memory_mb", "full_micro_rows_1", "full"),
    "memory_unpacked": ("step_memory_mb", "full_unpacked", "full"),
    "memory_lora": ("step_memory_mb", "lora", "full"),
}


def run_case(name: str, rows: int, warm_up: int, count: int, threads: int) -> dict[str, float]:
    """One case, in this process."""
    import torch

    from benchmarks.training_steps import as_step, packs_of, time_steps
    from locany.data.encode import encode_sample
    from locany.data.loader import StreamConfig
    from locany.data.packing import PackConfig
    from locany.data.sample import Sample
    from locany.device import tune_cpu_allocator
    from locany.train.config import LossConfig, OptimConfig, TrainConfig
    from locany.train.data import DataConfig, SampleStream
    from locany.train.lora import LoraConfig
    from locany.train.ranks import Ranks
    from locany.train.run import start
    from locany.train.sources import Rendered
    from locany.weights import load_config

    torch.set_num_threads(threads)
    tune_cpu_allocator()
    settings: dict[str, Any] = {"model": "bundled", "loss": LossConfig(dense=0.0)}
    settings["optim"] = OptimConfig(muon=False, adam_lr=1e-4)
    if name.startswith("lora"):
        settings["lora"] = LoraConfig(dropout=0.0)
    if name.startswith("scratch"):
        settings |= {"model": load_config(BUNDLED), "tokenizer": str(BUNDLED)}
        settings |= {"loss": LossConfig(), "optim": OptimConfig()}
    with tempfile.TemporaryDirectory() as out:
        config = TrainConfig(
            out=out,
            data=DataConfig((Rendered("icons", first_seed=FIRST_SEED),)),
            stream=StreamConfig(PackConfig(BUDGET)),
            rows=rows,
            dense_steps=0,
            **settings,
            **CASES[name],
        )
        run = start(config, Ranks())
    stream, encoded = SampleStream(config.data), []
    for position in range(8 * rows):
        sample = stream(position)
        assert isinstance(sample, Sample)
        encoded.append(encode_sample(run.tokenizer, sample, run.preprocess, max_positions=BUDGET))
    steps = [
        as_step([[s] for pack in packs for s in pack], run.tokenizer.vocab.pad)
        if name.endswith("unpacked")
        else as_step(packs, run.tokenizer.vocab.pad, config.micro_rows)
        for packs in packs_of(encoded, rows, BUDGET)[:2]
    ]
    return time_steps(run, config, steps, warm_up=warm_up, count=count)


def ratios_of(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Of the cases that were run."""
    return {
        name: round(found[first][field] / found[second][field], 3)
        for name, (field, first, second) in RATIOS.items()
        if field in found.get(first, {}) and field in found.get(second, {})
    }


def differences(ratios: dict[str, float], baseline: dict[str, Any]) -> list[str]:
    """Ratios that are above the baseline's by more than its tolerance, in words."""
    limit = baseline["tolerance"]
    return [
        f"{name} is {value}, the baseline's is {before} (up to {limit:.0%} more is tolerated)"
        for name, value in ratios.items()
        if (before := baseline["ratios"].get(name)) and value > before * (1 + limit)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="smaller steps, fewer of them: under two minutes"
    )
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 2)))
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--case", choices=CASES, help="one case, in this process")
    parser.add_argument("--check", action="store_true", help="fail where a ratio has become worse")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows, warm_up, count = (4, 1, 3) if arguments.quick else (8, 2, 7)
    sys.path.insert(0, str(ROOT))
    if arguments.case:
        print(json.dumps(run_case(arguments.case, rows, warm_up, count, arguments.threads)))
        return 0
    from benchmarks.training_steps import in_fresh_process

    found: dict[str, dict[str, Any]] = {}
    options = ["--threads", str(arguments.threads), *(["--quick"] if arguments.quick else [])]
    for name in arguments.cases.split(","):
        found[name] = in_fresh_process(Path(__file__), ["--case", name, *options])
        print(name, found[name], flush=True)
    ratios = ratios_of(found)
    baseline = json.loads(BASELINE.read_text())
    alike = (arguments.threads, rows) == (baseline["threads"], baseline["rows"])
    worse = differences(ratios, baseline) if alike else []
    document = {
        "benchmark": "training",
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {platform.system()}",
        "threads": arguments.threads,
        "load_average_1min": round(os.getloadavg()[0], 2),  # more than the threads: the machine was busy
        "rows": rows,
        "budget": BUDGET,
        "cases": found,
        "ratios": ratios,
        "compared_with_baseline": alike,
        "worse_than_baseline": worse,
    }
    text = json.dumps(document)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")
    print(text)
    failed = any("error" in numbers for numbers in found.values())
    return int(failed or (arguments.check and bool(worse)))


if __name__ == "__main__":
    raise SystemExit(main())
