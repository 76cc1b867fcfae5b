"""Peak memory of one encoder layer of the published 3B shape over one large image.

    python benchmarks/encoder_memory.py [--side 120] [--out result.json]

A dense score matrix of 120 x 120 = 14,400 patches and 16 heads is 13 GB in float32; the layer should need
little more than its activations. The last line of output is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import torch

from locany.model.config import VisionConfig
from locany.model.rope import image_turns
from locany.model.vision import VisionLayer

SHAPE = VisionConfig(
    hidden_size=1152,
    intermediate_size=4304,
    num_layers=1,
    num_heads=16,
    patch_size=14,
    merge_size=2,
    position_table_hw=(64, 64),
)


def peak_bytes() -> int:
    """Highest resident memory of this process so far (Linux counts kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=120, help="patches per side")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    num_patches = arguments.side**2
    layer = VisionLayer(SHAPE).bfloat16()
    x = torch.randn(num_patches, SHAPE.hidden_size).bfloat16()
    grid = (arguments.side, arguments.side)
    turns = image_turns(grid, SHAPE.head_dim, SHAPE.rope_theta, x.device)[:, None]
    before, began = peak_bytes(), time.perf_counter()
    layer(x, turns, [num_patches])
    result = {
        "benchmark": "encoder_memory",
        "date": time.strftime("%Y-%m-%d"),
        "patches": num_patches,
        "dtype": "bfloat16",
        "threads": torch.get_num_threads(),
        "peak_above_start_mb": round((peak_bytes() - before) / 1e6),
        "dense_scores_float32_mb": round(4 * SHAPE.num_heads * num_patches**2 / 1e6),
        "seconds": round(time.perf_counter() - began, 2),
    }
    text = json.dumps(result)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
