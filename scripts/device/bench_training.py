"""What training the published 3B shape costs on a GPU: tokens/s, peak memory, MFU; random weights.

    PYTHONPATH=. python scripts/device/bench_training.py --out result.json [--cases lora_16k] [--minutes 8.5]
    PYTHONPATH=. python scripts/device/bench_training.py --out result.json --device cpu --tiny

Needs torch, numpy, safetensors, tokenizers and Pillow, no installation and no network. Every case is a fresh
process that makes a few updates with the trainer's own step, over packs of samples with an image of 324 to
1,296 visual tokens and four questions each, both streams. The result is written anew after each case, the
most wanted ones come first, and none is begun that might not end in time.

Full fine-tuning holds 16 bytes for each of 3.52 billion parameters (float32 weights, gradients and two
moments of AdamW): 56 GB before any activation. What enters a layer adds 4.8 GB for 16,384 positions and 6 GB
for their images; without checkpointing a decoder layer keeps about 0.1 MB a position, so only an H200
has room for it.

MFU is model FLOPs (`benchmarks/training_steps.py`) over 989.4 TFLOP/s, the dense bfloat16 peak of H100 SXM
and H200.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.training_steps import (  # noqa: E402
    as_step,
    in_fresh_process,
    packs_of,
    synthetic_sample,
    time_steps,
)
from locany.codec.vocab import NONE_WORDS, Vocab, added_tokens  # noqa: E402
from locany.data.encode import EncodedSample  # noqa: E402
from locany.data.loader import StreamConfig  # noqa: E402
from locany.data.packing import PackConfig  # noqa: E402
from locany.device import avoid_cudnn_attention  # noqa: E402
from locany.files import write_whole  # noqa: E402
from locany.image import PreprocessConfig  # noqa: E402
from locany.model import LocateConfig, LocateModel, TextConfig, VisionConfig  # noqa: E402
from locany.model.attention import attend_text  # noqa: E402
from locany.model.masks import visible, visible_blocks  # noqa: E402
from locany.train.config import LossConfig, OptimConfig, TrainConfig  # noqa: E402
from locany.train.data import DataConfig  # noqa: E402
from locany.train.layers import wrap_layers  # noqa: E402
from locany.train.lora import LoraConfig, add_lora  # noqa: E402
from locany.train.optim import Optimizers  # noqa: E402
from locany.train.ranks import Ranks  # noqa: E402
from locany.train.run import Run  # noqa: E402
from locany.train.sources import Rendered  # noqa: E402
from locany.train.vocabulary import id_fields  # noqa: E402

PEAK_FLOPS = 989.4e12
NUM_WORDS = 151_643  # of the published vocabulary, before its added tokens


@dataclass(frozen=True)
class Case:
    """What one process measures.

    Attributes:
        lora: adapters on a frozen base; otherwise all weights learn, from float32.
        base: number type of the frozen base.
        rows, budget: packs of a step, all in one forward, and positions of each.
        needs_gib: memory of the card below which the case is left out.
    """

    lora: bool = False
    base: str = "bfloat16"
    rows: int = 1
    budget: int = 16_384
    checkpointing: bool = True
    compiled: bool = False
    needs_gib: int = 20


CASES = {
    "lora_16k": Case(lora=True),
    "full_16k": Case(needs_gib=76),
    "full_16k_compiled": Case(compiled=True, needs_gib=76),
    "attention_16k": Case(),
    "full_4_rows_of_4k_compiled": Case(rows=4, budget=4096, compiled=True, needs_gib=76),
    "lora_16k_compiled": Case(lora=True, compiled=True),
    "full_2_rows_of_4k_kept_compiled": Case(
        rows=2, budget=4096, compiled=True, checkpointing=False, needs_gib=120
    ),
    "lora_16k_float32_base": Case(lora=True, base="float32", needs_gib=40),
}

PUBLISHED_VISION = VisionConfig(
    hidden_size=1152,
    intermediate_size=4304,
    num_layers=27,
    num_heads=16,
    patch_size=14,
    merge_size=2,
    position_table_hw=(64, 64),
)
PUBLISHED_TEXT = TextConfig(
    vocab_size=152_681,
    hidden_size=2048,
    intermediate_size=11_008,
    num_layers=36,
    num_heads=16,
    num_kv_heads=2,
    rms_norm_eps=1e-6,
    rope_theta=1_000_000.0,
    max_positions=32_768,
    block_size=6,
    causal_attn=False,
)


def vocabulary(num_words: int) -> Vocab:
    """Ids in the published layout, words first."""
    words = {str(number): number for number in range(num_words - 1)} | {NONE_WORDS[0]: num_words - 1}
    return id_fields(words, {text: num_words + number for number, text in enumerate(added_tokens())})


def shape(tiny: bool) -> tuple[LocateConfig, Vocab]:
    """The published shape, or one that a CPU steps through in no time."""
    vocab = vocabulary(500 if tiny else NUM_WORDS)
    vision, text = PUBLISHED_VISION, PUBLISHED_TEXT
    if tiny:
        vision = replace(vision, hidden_size=32, intermediate_size=48, num_layers=2, num_heads=2)
        text = replace(text, hidden_size=64, intermediate_size=96, num_layers=2, num_heads=4)
    config = LocateConfig(vision, replace(text, vocab_size=vocab.size), vocab.image_token)
    assert tiny or vocab.size == PUBLISHED_TEXT.vocab_size
    return config, vocab


def random_model(config: LocateConfig, device: torch.device, dtype: torch.dtype) -> LocateModel:
    """Random weights, made on the device. Zeros would draw less power and seem faster."""
    with torch.device("meta"):
        model = LocateModel(config).to(dtype)
    model = model.to_empty(device=device)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.normal_(mean, 0.02)
    return model


def samples_for(vocab: Vocab, rows: int, budget: int) -> list[EncodedSample]:
    """Enough for two steps."""
    rng, found = np.random.default_rng(0), list[EncodedSample]()
    sides = (36, 48, 56, 64, 72) if budget >= 4096 else (4, 6, 8)
    while sum(map(len, found)) < 3 * rows * budget:
        found.append(synthetic_sample(vocab, len(found), side=int(rng.choice(sides))))
    return found


def measure_steps(case: Case, device: torch.device, tiny: bool, count: int) -> dict[str, Any]:
    """Updates as `locany train` makes them."""
    shape_config, vocab = shape(tiny)
    config = TrainConfig(
        model="random",
        out="",
        data=DataConfig((Rendered("icons"),)),
        lora=LoraConfig(dropout=0.0) if case.lora else None,
        stream=StreamConfig(PackConfig(case.budget)),
        rows=case.rows,
        checkpointing=case.checkpointing,
        compile=case.compiled,
        device=device.type,
        steps=1000,
        dense_steps=0,
        loss=LossConfig(dense=0.0, sigma_start=0.0, sigma_end=0.0),
        optim=OptimConfig(muon=False, adam_lr=1e-5),
    )
    dtype = getattr(torch, case.base) if case.lora else torch.float32
    model = random_model(shape_config, device, dtype)
    lora = add_lora(model, config.lora, config.seed) if config.lora else None
    wrap_layers(model, compiled=case.compiled, checkpointing=case.checkpointing, dropout=False)
    learning = lora.parameters(model) if lora else dict(model.named_parameters())
    run = Run(
        model=model,
        folder=Path(),
        tokenizer=SimpleNamespace(vocab=vocab),  # type: ignore[arg-type]
        preprocess=PreprocessConfig(),
        learning=learning,
        optimizers=Optimizers(learning, config.optim),
        lora=lora,
        ranks=Ranks(device=device),
    )
    packs = packs_of(samples_for(vocab, case.rows, case.budget), case.rows, case.budget)[:2]
    steps = [as_step(taken, vocab.pad) for taken in packs]
    found = time_steps(run, config, steps, warm_up=2, count=count)
    found["learning_millions"] = round(sum(p.numel() for p in learning.values()) / 1e6, 2)
    if device.type == "cuda":
        found["mfu"] = round(found["model_tflop_per_s"] * 1e12 / PEAK_FLOPS, 4)
        found["peak_reserved_mb"] = round(torch.cuda.max_memory_reserved(device) / 1e6)
    return found


def measure_attention(case: Case, device: torch.device, tiny: bool, count: int) -> dict[str, Any]:
    """One decoder layer's attention, forward and backward: a dense mask, against only what is seen."""
    config, vocab = shape(tiny)
    packs = packs_of(samples_for(vocab, 1, case.budget), 1, case.budget)
    layout = as_step(packs[0], vocab.pad).batches[0].layout.to(device)
    length, text, on_gpu = layout.index.shape[1], config.text, device.type == "cuda"
    dtype = torch.bfloat16 if on_gpu else torch.float32
    q, k, v = (
        torch.randn(1, heads, length, text.head_dim, device=device, dtype=dtype, requires_grad=on_gpu)
        for heads in (text.num_heads, text.num_kv_heads, text.num_kv_heads)
    )
    mask = visible(layout, layout)
    mask |= torch.eye(length, dtype=torch.bool, device=device)
    blocks = visible_blocks(layout)
    ways = {
        "dense_mask": lambda: attend_text(q, k, v, mask),
        "flex": lambda: attend_text(q, k, v, blocks),
    }
    found: dict[str, Any] = {
        "positions": length,
        "seen_pairs": round(float(mask.float().mean()), 4),
        "blocks_left_out": round(blocks.sparsity() / 100, 4),
        "largest_difference": round(float((ways["dense_mask"]() - ways["flex"]()).abs().max()), 6),
    }
    for name, way in ways.items():
        times = []
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(device)
        for _ in range(2 + count):
            began = time.perf_counter()
            out = way()
            if on_gpu:
                out.sum().backward()
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - began)
        found[f"{name}_ms"] = round(1000 * float(np.median(times[2:])), 3)
        if on_gpu:
            found[f"{name}_peak_mb"] = round(torch.cuda.max_memory_allocated(device) / 1e6)
    return found


def machine(device: str) -> dict[str, Any]:
    """What the numbers depend on."""
    name, memory = "cpu", 0.0
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        name, memory = properties.name, round(properties.total_memory / 2**30, 1)
    return {
        "device": name,
        "memory_gib": memory,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": sys.version.split()[0],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--minutes", type=float, default=8.5, help="all cases together")
    parser.add_argument("--steps", type=int, default=6, help="that are timed")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="toy sizes, to try the script")
    parser.add_argument("--case", choices=CASES, help="one case, in this process")
    arguments = parser.parse_args()
    if arguments.case:
        case = CASES[arguments.case]
        if arguments.tiny:
            case = replace(case, budget=max(512, case.budget // 32))
        torch.manual_seed(0)
        device = torch.device(arguments.device)
        avoid_cudnn_attention(device)  # as `join_ranks` does for a run
        work = measure_attention if arguments.case.startswith("attention") else measure_steps
        print(json.dumps(work(case, device, arguments.tiny, arguments.steps)))
        return 0
    if arguments.out is None:
        parser.error("give --out, a JSON file")
    # Without it the largest tensors of a 16k pack find no room between smaller ones on an 80 GB card.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    return run_cases(arguments)


def run_cases(arguments: argparse.Namespace) -> int:
    """Each case in a process of its own, as long as there is time."""
    began = time.monotonic()
    here = machine(arguments.device)
    document: dict[str, Any] = {
        "benchmark": "training_gpu",
        "date": time.strftime("%Y-%m-%d"),
        **here,
        "shape": "tiny" if arguments.tiny else "published 3B, random weights",
        "peak_tflop_per_s": PEAK_FLOPS / 1e12,
        "cases": {},
    }
    options = ["--device", arguments.device, "--steps", str(arguments.steps)]
    options += ["--tiny"] if arguments.tiny else []
    for name in arguments.cases.split(","):
        case = CASES[name]
        left = 60 * arguments.minutes - (time.monotonic() - began)
        if arguments.device == "cuda" and here["memory_gib"] < case.needs_gib:
            result: dict[str, Any] = {"left_out": f"needs a card of {case.needs_gib} GiB"}
        elif left < 45:
            result = {"left_out": "no time was left"}
        else:
            result = in_fresh_process(Path(__file__), ["--case", name, *options], timeout=min(150, left - 5))
        document["cases"][name] = {**asdict(case), **result}
        print(name, json.dumps(result), flush=True)
        write_whole(arguments.out, (json.dumps(document, indent=1) + "\n").encode())
    return int(any("error" in found for found in document["cases"].values()))


if __name__ == "__main__":
    raise SystemExit(main())
