"""How fast supervision is made: images per second of each render engine, samples per second through encode.

    python benchmarks/data.py [--workers 2] [--seconds 8] [--engines icons,gui] [--out result.json]

Every worker is a fresh process with one thread that renders its own seeds for some seconds after a warm-up;
rates of all workers are added, as they run side by side. Rendering only: writing a JPEG is measured apart.
`encode` takes rendered samples at 448 px to the arrays of both streams. The last line of output is one JSON
document; rates are compared with `benchmarks/baselines/data.json` as ratios to `reference`, a fixed piece of
Pillow and numpy work timed in the same run, because the machines are shared and noisy.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from locany.data.sample import Sample
from locany.synth.icons import IconsConfig
from locany.synth.renderer import ENGINES, engine

BASELINE = Path(__file__).parent / "baselines" / "data.json"
FIRST_SEED = 500_000_000  # nobody trains or evaluates on these
GOALS = {"icons": 150, "scene_text": 150, "documents": 4, "gui": 4, "encode": 500}
PIXELS_448 = IconsConfig(side=(448, 448), num_patches=(1024, 1024), max_objects=12)
RENDERED = {  # name of the measurement: engine, and what makes its config
    "icons": ("icons", lambda: PIXELS_448),
    "icons_rich": ("icons", IconsConfig.rich),
    "icons_dense_100": ("icons", lambda: IconsConfig.dense(100)),
    **{name: (name, None) for name in ENGINES if name != "icons"},
}


def timed(work: Callable[[int], object], seconds: float, warm_up: int) -> tuple[int, float]:
    """Calls of work(number) in about so many seconds, and the seconds that they took."""
    for number in range(warm_up):
        work(number)
    began, calls = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        work(warm_up + calls)
        calls += 1
    return calls, passed


def render_rate(name: str, worker: int, seconds: float) -> dict[str, float]:
    """What one worker renders."""
    engine_name, make_config = RENDERED[name]
    module = engine(engine_name)
    config = make_config() if make_config else module.Config()
    first = FIRST_SEED + worker * 1_000_000
    samples: list[Sample] = []

    def work(number: int) -> None:
        samples.append(module.render(first + number, config))
        if len(samples) > 64:
            del samples[0]

    calls, passed = timed(work, seconds, warm_up=8)
    return {
        "rate": calls / passed,
        "megapixels": float(np.mean([np.prod(s.size_wh) for s in samples])) / 1e6,
        "questions": float(np.mean([len(s.questions) for s in samples])),
        "targets": float(np.mean([sum(len(q.targets) for q in s.questions) for s in samples])),
        "jpeg_bytes": float(np.mean([jpeg_bytes(s) for s in samples])),
    }


def jpeg_bytes(sample: Sample) -> int:
    """Size of the image as JPEG of quality 90."""
    buffer = io.BytesIO()
    Image.fromarray(sample.pixels()).save(buffer, "JPEG", quality=90)
    return buffer.tell()


def encode_rate(name: str, worker: int, seconds: float) -> dict[str, float]:
    """Samples of 448 px, four questions each, to both streams, in one worker."""
    import torch

    from locany.codec import Tokenizer
    from locany.data.answers import AnswerConfig, answer_rng, choose_questions
    from locany.data.encode import encode_sample
    from locany.image import PreprocessConfig
    from locany.synth.assets import sprite_names
    from locany.tasks import TaskKind

    torch.set_num_threads(1)
    samples = [engine("icons").render(FIRST_SEED + worker * 1000 + i, PIXELS_448) for i in range(48)]
    folder = Path(__file__).resolve().parent.parent / "locany" / "assets" / "locany-mini"
    tokenizer, config = Tokenizer.from_folder(folder), PreprocessConfig(in_token_limit=1024)
    rules, names = AnswerConfig(negative_rate={TaskKind.DETECT: 0.2}), sprite_names()

    def work(number: int) -> None:
        sample = samples[number % len(samples)]
        chosen = choose_questions(sample, rules, answer_rng(0, number, 0), names)
        encode_sample(tokenizer, chosen.sample, config)

    calls, passed = timed(work, seconds, warm_up=16)
    return {"rate": calls / passed, "questions": float(np.mean([len(s.questions) for s in samples]))}


def reference_rate(name: str, worker: int, seconds: float) -> dict[str, float]:
    """A fixed piece of work: resize, blur by numpy, JPEG there and back."""
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)

    def work(number: int) -> None:
        image = Image.fromarray(noise).resize((512, 512), Image.Resampling.BICUBIC)
        pixels = np.asarray(image).astype(np.float32)
        pixels[1:-1] = (pixels[:-2] + pixels[1:-1] + pixels[2:]) / 3
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=90)
        np.asarray(Image.open(buffer))

    calls, passed = timed(work, seconds, warm_up=8)
    return {"rate": calls / passed}


def measure(
    function: Callable[..., dict[str, float]], name: str, workers: int, seconds: float
) -> dict[str, float]:
    """The same function in all workers at once: rates added, everything else averaged."""
    # Spawned: a browser does not survive a fork. One thread each, before any library counts the cores.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(function, [name] * workers, range(workers), [seconds] * workers))
    result = {key: round(float(np.mean([f[key] for f in found])), 3) for key in found[0]}
    result["rate"] = round(sum(f["rate"] for f in found), 2)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0, help="for each measurement")
    parser.add_argument("--engines", default=",".join(RENDERED))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", RAYON_NUM_THREADS="1")
    names = [name for name in arguments.engines.split(",") if name]
    result: dict[str, dict[str, float]] = {}
    jobs = [("reference", reference_rate), *((name, render_rate) for name in names), ("encode", encode_rate)]
    for name, function in jobs:
        result[name] = measure(function, name, arguments.workers, arguments.seconds)
        print(name, result[name], flush=True)
    ratios = {name: round(found["rate"] / result["reference"]["rate"], 4) for name, found in result.items()}
    document = {
        "benchmark": "data",
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {platform.system()}",
        "workers": arguments.workers,
        "per_second": result,
        "ratio_to_reference": ratios,
        "goals_met": {n: result[n]["rate"] >= goal for n, goal in GOALS.items() if n in result},
    }
    if BASELINE.is_file():
        before = json.loads(BASELINE.read_text())["ratio_to_reference"]
        document["change_of_ratio"] = {n: round(ratios[n] / before[n], 2) for n in ratios if n in before}
    text = json.dumps(document)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
