"""The decoder in float32, bfloat16, int8 and 4 bits: time, memory, error of the logits, F1 in each mode.

    python benchmarks/quantization.py [--images 40] [--threads 1] [--only time error f1] [--out result.json]

Times are those of the decoder alone, without a KV cache, on random weights; 12 positions are two blocks, 256
are a piece of a prompt. Variants take turns and the fastest run counts; on the CPU it is the time that the
process had the processor, so that a busy machine matters little. Error and F1 are those of the bundled model
on rendered icons (seeds from 500 on). The last line of output is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from locany import load
from locany.codec import prompt_ids
from locany.device import tune_cpu_allocator
from locany.eval.modes import score_modes
from locany.image import load_image, preprocess
from locany.locator import Locator
from locany.model import LocateConfig, LocateModel, TextConfig, VisionConfig
from locany.model.packed import PackedLinear, pack_model
from locany.model.quantize import QuantizedLinear, describe, linear_names, quantize_model
from locany.model.quantized_weight import quantize_weight
from locany.synth.icons import render

VARIANTS = {  # name: dtype of everything that is not quantised, kind
    "float32": ("float32", None),
    "bfloat16": ("bfloat16", None),
    "bfloat16, packed": ("bfloat16", "packed"),  # as the engine answers (`locany/model/packed.py`)
    "int8": ("bfloat16", "int8"),
    "int4": ("bfloat16", "int4"),
    "int8, float32": ("float32", "int8"),
    "int4, float32": ("float32", "int4"),
}
SHAPES = {  # hidden, layers, heads, key heads, MLP, vocabulary
    "bundled": (256, 5, 4, 2, 512, 2638),
    "mid": (512, 8, 8, 2, 1408, 8192),
    "3b, one layer": (2048, 1, 16, 2, 11008, 1024),
}
LINEARS = {"mid": ((512, 512), (1408, 512), (512, 1408)), "3b": ((2048, 2048), (11008, 2048), (2048, 11008))}
ROWS = (6, 12, 256)
FIRST_SEED = 500
_VISION = VisionConfig(64, 64, 1, 1, 14, 2, (4, 4))


def turns(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of the fastest run of each, after one that does not count."""
    on_gpu = torch.cuda.is_available()
    clock = time.perf_counter if on_gpu else time.process_time
    fastest = dict.fromkeys(calls, float("inf"))
    for number in range(rounds + 1):
        for name, call in calls.items():
            began = clock()
            call()
            if on_gpu:
                torch.cuda.synchronize()
            if number:
                fastest[name] = min(fastest[name], clock() - began)
    return {name: round(1e3 * value, 4) for name, value in fastest.items()}


def linear_times(device: torch.device) -> list[dict[str, Any]]:
    """One linear layer; four copies take turns, as the layers of a model would in the cache."""
    rows = []
    for shape, sizes in LINEARS.items():
        for out, size in sizes:
            calls: dict[str, Callable[[], object]] = {}
            models = {name: _linears(out, size, *spec, device) for name, spec in VARIANTS.items()}
            for num in ROWS:
                for name, layers in models.items():
                    x = torch.randn(num, size, device=device).to(getattr(torch, VARIANTS[name][0]))
                    calls[name] = partial(_run_all, layers, x)
                found = turns(calls, 40 if num < 256 else 10)
                found = {name: round(value / 4, 4) for name, value in found.items()}
                rows.append({"shape": shape, "out": out, "in": size, "rows": num, "ms": found})
                print(rows[-1], flush=True)
    return rows


def _run_all(layers: Sequence[torch.nn.Module], x: torch.Tensor) -> list[torch.Tensor]:
    return [layer(x) for layer in layers]


def _linears(
    out: int, size: int, dtype: str, kind: str | None, device: torch.device
) -> list[torch.nn.Module]:
    made: list[torch.nn.Module] = []
    for _ in range(4):
        linear = torch.nn.Linear(size, out, bias=False, device=device).requires_grad_(False)
        precision = getattr(torch, dtype)
        if kind == "packed":
            made.append(PackedLinear((linear.to(precision),)))
        elif kind:
            made.append(QuantizedLinear(quantize_weight(linear.weight, kind), None, precision))
        else:
            made.append(linear.to(precision))
    return made


def random_model(name: str, dtype: str, kind: str | None, device: torch.device) -> LocateModel:
    hidden, layers, heads, key_heads, mlp, vocab = SHAPES[name]
    text = TextConfig(vocab, hidden, mlp, layers, heads, key_heads, 1e-6, 1e6, 4096, 6, False)
    torch.manual_seed(0)
    with torch.device(device):
        model = LocateModel(LocateConfig(_VISION, text, image_token_id=0))
    torch.nn.init.normal_(model.decoder.embed.weight, std=0.02)
    model = model.to(getattr(torch, dtype)).requires_grad_(False).eval()
    if kind == "packed":
        return pack_model(model)
    return quantize_model(model, kind) if kind else model


def decoder_times(device: torch.device) -> list[dict[str, Any]]:
    rows = []
    for shape in SHAPES:
        models = {name: random_model(shape, *spec, device) for name, spec in VARIANTS.items()}
        for num in ROWS:
            calls: dict[str, Callable[[], object]] = {}
            for name, model in models.items():
                x = torch.randn(1, num, SHAPES[shape][0], device=device).to(model.dtype)
                positions = torch.arange(num, device=device)[None]
                calls[name] = partial(model.decoder, x, positions, None)
            rows.append({"shape": shape, "rows": num, "ms": turns(calls, 20 if num < 256 else 7)})
            print(rows[-1], flush=True)
        print({name: describe(model) for name, model in models.items()}, flush=True)
    return rows


def memory() -> dict[str, Any]:
    """Bytes of the weights; the 3B shape is one layer's, times 36, and what stays in bfloat16."""
    found: dict[str, Any] = {}
    for shape in SHAPES:
        model = random_model(shape, "float32", None, torch.device("cpu"))
        weights = [model.get_parameter(f"{name}.weight") for name in linear_names(model)]
        sizes = {"float32": sum(w.nbytes for w in weights), "bfloat16": sum(w.nbytes for w in weights) // 2}
        for kind in ("int8", "int4"):
            sizes[kind] = sum(quantize_weight(w, kind).num_bytes for w in weights)
        found[shape] = {"linear layers of the decoder": sizes}
    one = found["3b, one layer"]["linear layers of the decoder"]
    embedding, vision, projector = 152_681 * 2048, 413_000_000, 4608 * 2048 + 2048 * 2048
    rest = 2 * (embedding + vision + projector)
    found["3b"] = {
        "embedding": 2 * embedding,
        "vision (about) and projector": 2 * (vision + projector),
        "in all": {kind: 36 * one[kind] + rest for kind in ("bfloat16", "int8", "int4")},
        "key-value cache per 1,000 positions": 36 * 2 * 2 * 128 * 2 * 1000,
    }
    return found


def logit_errors(locators: dict[str, Locator], num_images: int) -> dict[str, Any]:
    """Against float32, at every position of the answers that float32 gives: relative error, agreement, KL."""
    found: dict[str, list[tuple[float, float, float, int]]] = {name: [] for name in locators}
    reference = locators["float32"]
    for seed in range(FIRST_SEED, FIRST_SEED + num_images):
        sample = render(seed)
        question = sample.questions[0]
        image = load_image(sample.pixels())
        patches = preprocess(image, reference.preprocess_config)
        prompt = prompt_ids(reference.tokenizer, question.task, [patches.num_visual_tokens])
        text = reference.locate(image, question.task, mode="slow", max_new_tokens=256).answer
        answer = reference.tokenizer.encode(text)
        ids = [*prompt, *answer]
        outputs = {}
        for name, locator in locators.items():
            outputs[name] = _logits(locator.model, ids, len(answer), patches)
        true = outputs["float32"]
        for name, logits in outputs.items():
            error = float((logits - true).norm() / true.norm())
            kl = F.kl_div(logits.log_softmax(-1), true.log_softmax(-1), log_target=True, reduction="sum")
            same = float((logits.argmax(-1) == true.argmax(-1)).sum())
            found[name].append((error, same, float(kl), len(true)))
    result = {}
    for name, rows in found.items():
        num = sum(row[3] for row in rows)
        result[name] = {
            "relative_error": round(sum(row[0] * row[3] for row in rows) / num, 5),
            "same_token": round(sum(row[1] for row in rows) / num, 5),
            "kl_nats": round(sum(row[2] for row in rows) / num, 6),
            "positions": num,
        }
    return result


@torch.inference_mode()
def _logits(model: LocateModel, ids: list[int], num_answer: int, patches: Any) -> torch.Tensor:
    pixels = torch.as_tensor(patches.pixel_values, device=model.device)
    visual = model.encode_images(pixels, [patches.grid_hw])
    tokens = torch.tensor([ids], device=model.device)
    positions = torch.arange(len(ids), device=model.device)[None]
    hidden = model(tokens, positions, None, visual)
    return model.decoder.logits(hidden[0, -num_answer - 1 : -1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="+", default=["time", "error", "f1"], choices=["time", "error", "f1"])
    parser.add_argument("--note", default="", help="what a reader should know of the machine")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tune_cpu_allocator()
    device = torch.device(arguments.device)
    result: dict[str, Any] = {
        "benchmark": "quantization",
        "date": time.strftime("%Y-%m-%d"),
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {arguments.device}, {arguments.threads} threads",
        "note": arguments.note,
        "bytes": memory(),  # of weights, scales and offsets; kernels add nothing
    }
    locators = {
        name: load(device=device, dtype=dtype, quant=kind, max_rows=16)
        for name, (dtype, kind) in VARIANTS.items()
        if kind != "packed"
    }
    if "f1" in arguments.only:
        samples = [render(seed) for seed in range(FIRST_SEED, FIRST_SEED + arguments.images)]
        result["questions"] = sum(len(sample.questions) for sample in samples)
        result["f1"] = {}
        for name, locator in locators.items():
            if "," in name:  # the rounding is the same
                continue
            scores = score_modes(locator, samples, ("fast", "hybrid", "slow"))
            result["f1"][name] = {mode: round(score.counts.f1, 4) for mode, score in scores.items()}
            print(name, result["f1"][name], flush=True)
    if "error" in arguments.only:
        result["logits"] = logit_errors(locators, arguments.images)
        print(result["logits"], flush=True)
    if "time" in arguments.only:
        with torch.inference_mode():
            result["linear"] = linear_times(device)
            result["decoder"] = decoder_times(device)
    text = json.dumps(result)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
