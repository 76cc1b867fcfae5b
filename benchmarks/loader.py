"""What feeding costs the process that trains: milliseconds of its CPU time for each sample of a step.

    python benchmarks/loader.py [--samples 3000] [--side 448] [--workers 1] [--rows 32] [--out result.json]

Workers encode a few rendered pictures over and over, so that they are quick; the rest is the loader as it is.
CPU time of the main thread alone is counted: the result depends little on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import torch

from locany.codec.tokenizer import Tokenizer
from locany.data.loader import PackStream, StreamConfig, steps
from locany.data.packing import PackConfig
from locany.data.sample import Sample
from locany.device import tune_cpu_allocator
from locany.image import PreprocessConfig
from locany.synth.icons import IconsConfig, render

FOLDER = Path(__file__).resolve().parent.parent / "locany" / "assets" / "locany-mini"


class Pictures:
    """The same few pictures in turn."""

    def __init__(self, side: int, count: int = 48):
        config = IconsConfig(side=(side, side), num_patches=((side // 14) ** 2,) * 2, max_objects=12)
        self.samples = [render(500_000_000 + seed, config) for seed in range(count)]

    def __call__(self, position: int) -> Sample:
        return self.samples[position % len(self.samples)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=3000)
    parser.add_argument("--side", type=int, default=448)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--budget", type=int, default=1536)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tune_cpu_allocator()  # as training does
    stream = PackStream(
        Pictures(arguments.side),
        str(FOLDER),
        PreprocessConfig(in_token_limit=1600),
        StreamConfig(PackConfig(arguments.budget, buffer_size=16), num_lanes=arguments.workers),
    )
    pad = Tokenizer.from_folder(FOLDER).vocab.pad
    found = steps(stream, arguments.rows, pad, num_workers=arguments.workers)
    for _ in range(3):  # until every slot has been written once
        next(found)
    began, cpu, num_samples, num_bytes = time.perf_counter(), time.thread_time(), 0, 0
    while num_samples < arguments.samples:
        step = next(found)
        num_samples += step.num_samples
        num_bytes += sum(batch.pixels.numel() for batch in step.batches)
    cpu, passed = time.thread_time() - cpu, time.perf_counter() - began
    document = {
        "benchmark": "loader",
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {platform.system()}",
        "side": arguments.side,
        "workers": arguments.workers,
        "rows": arguments.rows,
        "main_ms_a_sample": round(1000 * cpu / num_samples, 3),
        "main_samples_a_second": round(num_samples / cpu),
        "pixel_mb_a_sample": round(num_bytes / num_samples / 1e6, 3),
        "samples_a_second": round(num_samples / passed, 1),
    }
    text = json.dumps(document)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
