"""All measurements of one shape, and the facts that they depend on, as one JSON-able result."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from locany.eval.floors import head_weights, layer_weights, projector_weights, vision_weights
from locany.eval.shapes import Shape, prompt_about
from locany.eval.throughput import Bench
from locany.eval.throughput_cases import Plan, Ratios, Table, concurrency, lengths, memory, sizes, stages
from locany.eval.throughput_report import PUBLISHED, PUBLISHED_AT, SCRIPTED
from locany.version import __version__
from locany.wording import counted


def measure_shape(
    shape: Shape, device: torch.device, dtype: torch.dtype, plan: Plan, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure a shape.

    Args:
        shape: the model.
        device, dtype: where and in which number type the engine runs; the baseline takes the one in which it
            is fastest.
        plan: what is measured.
        say: is told what is being done.
    """
    bench, dtypes = Bench(shape, device, dtype), baseline_dtypes(shape)
    ratios = Ratios(device)
    say(f"{shape.name}: stages")
    known = stages(bench, plan, dtypes)
    say(f"{shape.name}: lengths of answers, modes")
    table_of_lengths = lengths(bench, plan, known, ratios)
    table_of_sizes = []
    if plan.sides:
        say(f"{shape.name}: sizes of images")
        table_of_sizes = sizes(bench, plan, known, ratios)
    say(f"{shape.name}: requests side by side")
    table_of_requests = concurrency(bench, plan, ratios)
    table_of_memory = []
    if plan.memory:
        say(f"{shape.name}: memory")
        table_of_memory = memory(bench, plan, known)
    grid = bench.grid(plan.side)
    return {
        "shape": shape.name,
        "what": shape.words,
        "answers": SCRIPTED,
        "device": device_name(device),
        "device_type": device.type,
        "dtype": _name(dtype),
        "plan": {k: [m.value for m in v] if k == "modes" else v for k, v in asdict(plan).items()},
        "side": plan.side,
        "patches": grid[0] * grid[1],
        "prompt_tokens": len(prompt_about(shape, bench.new_image(grid), 0)),
        "wrong_drafts": plan.wrong,
        "baseline_dtypes": [_name(d) for d in dtypes],
        "baseline_over_published": _over_published(shape, device, plan, known.rows),
        "processor_share": _processor_share(device, table_of_lengths),
        "floors": {
            "memory_gb_s": round(known.floors.memory_bytes_s / 1e9, 1),
            "weights_gb_s": round(known.floors.weights_bytes_s / 1e9, 1),
            "gflop_s": round(known.floors.flops / 1e9, 1),
        },
        "stages": known.rows,
        "lengths": table_of_lengths,
        "sizes": table_of_sizes,
        "concurrency": table_of_requests,
        "memory": table_of_memory,
        "ratios": {name: spread.to_dict() for name, spread in ratios.by_clock.items()},
        "cpu_ratios": {name: spread.to_dict() for name, spread in ratios.by_processor.items()},
    }


def facts(device: torch.device, *, quick: bool) -> dict[str, Any]:
    """What the numbers of a run depend on besides shapes and their plans."""
    return {
        "benchmark": "throughput",
        "date": time.strftime("%Y-%m-%d"),
        "quick": quick,
        "device_type": device.type,
        "device": device_name(device),
        "hardware": hardware_name(device),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_average_1min": round(load_average(), 2),
        "locany": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.machine()}, {platform.system()}",
    }


def load_average() -> float:
    """How many processes wanted to run in the last minute, on average; 0 where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def baseline_dtypes(shape: Shape) -> tuple[torch.dtype, ...]:
    """The dtypes that the baseline may choose from: of a large shape only the one it was published in."""
    return (torch.bfloat16,) if parameters(shape) >= 1e9 else (torch.float32, torch.bfloat16)


def parameters(shape: Shape) -> int:
    """Numbers in the matrices of a shape."""
    config = shape.config
    return vision_weights(config) + projector_weights(config) + layer_weights(config) + head_weights(config)


def device_name(device: torch.device) -> str:
    """What the device calls itself."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line for line in file if line.startswith("model name"))
        name = model.partition(":")[2].strip()
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {counted(torch.get_num_threads(), 'thread')}"


def hardware_name(device: torch.device) -> str:
    """The device as a part of a file's name."""
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu_{threads}thread{'s' * (threads > 1)}"
    name = device_name(device).lower()
    return "_".join("".join(c if c.isalnum() else " " for c in name).split())


def _processor_share(device: torch.device, rows: Table) -> float | None:
    """Processor time over time, of runs on one thread: below 1 by what others took of the core."""
    if device.type != "cpu" or torch.get_num_threads() != 1:
        return None
    cpu_s, seconds = (sum(row[name]["median"] for row in rows) for name in ("cpu_s", "seconds"))
    return round(cpu_s / seconds, 3)


def _over_published(shape: Shape, device: torch.device, plan: Plan, rows: Table) -> dict[str, float]:
    """Least stage times of the baseline over the published implementation's, where both did the same."""
    here = {"shape": shape.name, "side": plan.side, "threads": torch.get_num_threads()}
    if device.type != "cpu" or here != PUBLISHED_AT:
        return {}
    return {
        f"{row['stage']}, {dtype}": round(row[dtype]["low"] / seconds[row["stage"]], 2)
        for dtype, seconds in PUBLISHED.items()
        for row in rows
        if dtype in row
    }


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
