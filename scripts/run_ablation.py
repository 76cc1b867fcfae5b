"""Train every row of the ablation study with several seeds, and measure each.

    python scripts/run_ablation.py [--out runs/ablation] [--rows parallel,tokens] [--seeds 0,1,2] [--jobs 2]

Goes on where it was stopped: a run folder goes on from its newest state, one that has been measured is left
alone. `locany report ablation runs/ablation` makes the tables. Each job takes one core; a row takes four to
six minutes of it.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from locany.eval.ablation import measure
from locany.eval.ablation_report import RESULT, SCALING
from locany.eval.scaling import measure_scaling, untrained
from locany.eval.shapes import shape_named
from locany.files import write_whole
from locany.locator import load
from locany.synth.renderer import engine
from locany.train.log import read_log
from locany.train.run import MODEL
from locany.version import __version__

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "recipes" / "ablation" / "study.py"


def run_one(row: str, seed: int, folder: Path, num_images: int, settings: list[str]) -> int:
    """Train and measure one row with one seed; the exit code of what failed, else 0."""
    out = folder / f"{row}-{seed}"
    if (out / RESULT).is_file():
        return 0
    out.mkdir(parents=True, exist_ok=True)
    train = ["-m", "locany", "train", str(RECIPE), f"row={row}", f"seed={seed}", f"out={out}"]
    measure = [str(Path(__file__).resolve()), "--measure", str(out), "--images", str(num_images)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    with (out / "console.log").open("a") as log:
        for command in ([*train, *settings], measure):
            code = subprocess.run(
                [sys.executable, *command], stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=ROOT
            ).returncode
            if code:
                print(f"{row}, seed {seed}: failed with {code}, see {out / 'console.log'}", flush=True)
                return code
    print(f"{row}, seed {seed}: {(time.monotonic() - began) / 60:.1f} min", flush=True)
    return 0


def measure_one(out: Path, num_images: int) -> None:
    """Write what a trained run is worth on images that no run has seen."""
    study = runpy.run_path(str(RECIPE))
    row, _, seed = out.name.rpartition("-")
    renderer = engine("icons")
    samples = [renderer.render(number, study["ICONS"]) for number in range(num_images)]
    lines = read_log(out)
    result = {
        "row": row,
        "seed": int(seed),
        "formulation": study["ROWS"][row].formulation.value,
        "images": num_images,
        "steps": lines[-1]["step"],
        "samples": round(sum(line["samples"] for line in lines) / len(lines) * lines[-1]["step"]),
        "minutes": lines[-1]["minutes"],
        "modes": measure(load(out / MODEL, device="cpu", dtype="float32"), samples),
        "version": __version__,
        "torch": torch.__version__,
    }
    write_whole(out / RESULT, json.dumps(result, indent=1).encode() + b"\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    rows = list(runpy.run_path(str(RECIPE))["ROWS"])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "ablation")
    parser.add_argument("--rows", type=lambda text: text.split(","), default=rows)
    parser.add_argument("--seeds", type=lambda text: [int(s) for s in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, one core each")
    parser.add_argument("settings", nargs="*", help="name=value each, as for locany train")
    parser.add_argument("--images", type=int, default=120, help="to measure on")
    parser.add_argument("--measure", type=Path, help="measure this run folder and stop")
    parser.add_argument("--scaling", action="store_true", help="measure throughput against boxes and stop")
    options = parser.parse_args()
    if options.scaling:
        document = measure_scaling(untrained(shape_named("bundled")))
        options.out.mkdir(parents=True, exist_ok=True)
        write_whole(options.out / SCALING, json.dumps(document, indent=1).encode() + b"\n")
        return 0
    if options.measure:
        measure_one(options.measure, options.images)
        return 0
    if unknown := sorted(set(options.rows) - set(rows)):
        parser.error(f"no rows of the study: {', '.join(unknown)}; it has {', '.join(rows)}")
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = [
            pool.submit(run_one, row, seed, options.out, options.images, options.settings)
            for seed in options.seeds
            for row in options.rows
        ]
        return max(job.result() for job in jobs)


if __name__ == "__main__":
    raise SystemExit(main())
