"""The engine's benchmark on a machine that has neither the command line's libraries nor plots.

python scripts/device/bench_engine.py --out OUT [--shape 3b] [--device cuda] [--quick] [--minutes 8]

Runs what `locany bench` runs. Before that it asks whether steps replayed as CUDA graphs give the same tokens,
and writes the answer at once.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from locany.device import choose_device, choose_dtype
from locany.engine import DecodeMode, Engine, EngineConfig, Params, Request
from locany.eval.shapes import build, grid_of_side, noise_image, prompt_about, shape_named
from locany.eval.throughput_cases import Plan
from locany.eval.throughput_report import summary, tables
from locany.eval.throughput_run import facts, measure_shape
from locany.files import write_whole


def same_tokens(device: torch.device) -> dict[str, object]:
    """Answers of a small random model in float32, with every switch of the engine on and off."""
    shape = shape_named("mid")
    model = build(shape, device, torch.float32)

    def answers(**switches: bool) -> list[list[int]]:
        image = noise_image(model.config.vision, grid_of_side(224, model.config.vision), 0)
        asked = [
            Request(
                prompt_about(shape, image, n),
                (image,),
                Params(mode=mode, max_new_tokens=60, temperature=float(n > 7), seed=n),  # type: ignore[arg-type]
            )
            for n, mode in enumerate(("fast", "hybrid", "verified", "slow") * 4)
        ]
        done = Engine(model, shape.vocab, EngineConfig(**switches)).generate(asked)
        return [request.tokens for request in done]

    off = answers(graphs=False, overlap=False, share_prefixes=False)
    return {
        "requests": len(off),
        "tokens": sum(map(len, off)),
        "equal_with_overlap": answers(graphs=False, overlap=True) == off,
        "equal_with_graphs": answers(graphs=device.type == "cuda", overlap=True) == off,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shape", default="3b", choices=("bundled", "mid", "3b"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all tables together")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    device, _ = choose_device(given.device)
    dtype, reason = choose_dtype(given.dtype, device)
    print(f"{given.shape} on {device}, {reason}", flush=True)

    def write(name: str, what: object) -> None:
        write_whole(given.out / name, (json.dumps(what, indent=1) + "\n").encode())

    equal = same_tokens(device)
    print(equal, flush=True)
    write("same_tokens.json", equal)
    plan = (
        Plan.quick()
        if given.quick
        else Plan(concurrency=(1, 4, 16, 32, 64), modes_beside=(DecodeMode.HYBRID,))  # minutes are few
    )
    if given.shape == "3b":
        plan = replace(plan, side=1000)
    plan = replace(plan, budget_s=min(plan.budget_s, given.minutes * 60 / 5))
    shape = shape_named(given.shape)
    result = measure_shape(shape, device, dtype, plan, lambda line: print(line, flush=True))
    about = facts(device, quick=given.quick)
    print("\n".join(tables(result)), flush=True)
    write(f"bench_{given.shape}_{about['hardware']}_{about['date']}.json", {**about, "result": result})
    print(json.dumps({**about, **summary([result])}))


if __name__ == "__main__":
    main()
