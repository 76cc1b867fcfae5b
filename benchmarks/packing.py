"""How full packs are: the published loop (next-fit in effect) against ours; lengths of spec `training` 4.2.

    python benchmarks/packing.py [--samples 20000] [--out result.json]

Log-normal lengths are drawn with the width at which next-fit gives the published figures (0.6 and 0.4), cut
at 16,384. Efficiency is tokens over budget, without the last pack. The last line of output is one JSON
document. Nothing here depends on the machine but the time per pack.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from locany.data.packing import PackConfig, Packer

BUDGETS = (16_384, 25_600, 36_864)
PUBLISHED = {  # next-fit, measured with the released class
    "log-normal, mean 1.8k": (92.2, 95.1, 96.6),
    "log-normal, mean 4.8k": (82.5, 88.8, 92.3),
    "uniform 1k - 16k": (74.2, 78.0, 85.3),
}


def lengths(name: str, count: int) -> np.ndarray:
    """Sample lengths in positions."""
    rng = np.random.default_rng(0)
    if name.startswith("uniform"):
        return rng.integers(1000, 16_001, count)
    mean, sigma = (1800, 0.6) if "1.8k" in name else (4800, 0.4)
    drawn = np.exp(rng.normal(np.log(mean) - sigma**2 / 2, sigma, count))
    return np.clip(drawn.astype(int), 1, 16_384)


def next_fit(samples: Sequence[int], budget: int) -> list[int]:
    """Tokens of each pack when a pack ends at the first sample that does not fit."""
    packs, now = [], 0
    for length in samples:
        if now + length > budget:
            packs.append(now)
            now = 0
        now += length
    return packs


def ours(samples: Sequence[int], config: PackConfig) -> tuple[list[int], int]:
    """Tokens of each pack, and the longest wait of a sample in packs."""
    packer: Packer[int] = Packer(config)
    packs, oldest = [], 0
    for length in samples:
        packer.add(length, length)
        if packer.is_full:
            packs.append(sum(packer.take()))
            oldest = max([oldest, *(sample.age for sample in packer.waiting)])
    return packs, oldest


def percent(packs: Sequence[int], budget: int) -> float:
    """Efficiency in percent."""
    return round(100 * float(np.mean(packs)) / budget, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = []
    for name, published in PUBLISHED.items():
        samples = lengths(name, arguments.samples).tolist()
        for budget, figure in zip(BUDGETS, published, strict=True):
            row: dict[str, Any] = {"lengths": name, "budget": budget, "published": figure}
            row["next_fit"] = percent(next_fit(samples, budget), budget)
            for buffer_size in (8, 32, 128):
                began = time.perf_counter()
                packs, oldest = ours(samples, PackConfig(budget, buffer_size))
                row[f"ours_{buffer_size}"] = percent(packs, budget)
                row[f"oldest_{buffer_size}"] = oldest
                row[f"ms_per_pack_{buffer_size}"] = round(1e3 * (time.perf_counter() - began) / len(packs), 2)
            rows.append(row)
            print(row, flush=True)
    least = min(row["ours_128"] for row in rows)
    result = {
        "benchmark": "packing",
        "date": time.strftime("%Y-%m-%d"),
        "rows": rows,
        "least_efficiency": least,
        "goal_met": least >= 98,
    }
    text = json.dumps(result)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
