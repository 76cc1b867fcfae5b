"""Measure what the guide to fine-tuning says: before, with LoRA, with all weights, with one stream alone.

    python scripts/measure_finetune.py [--model DIR] [--out runs/guide] [--only NAME] [--docs] [SETTINGS]

SETTINGS go to every run, for example steps=160. Run it again after a stop: runs go on where they were.
Numbers go to OUT/finetune.json; `--docs` writes the table into docs/finetune.md, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from locany.cli.main import run as run_command
from locany.cli.train import measure_checkpoint
from locany.files import write_whole
from locany.train.log import read_log
from locany.train.recipe import load_recipe
from locany.version import __version__
from locany.weights import find_checkpoint, stored_tensors

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "finetune.md"
START, STOP = "<!-- numbers -->\n", "<!-- end of numbers -->\n"
RUNS = {
    "lora": ("LoRA", "lora.py", ()),
    "all": ("all weights", "finetune.py", ()),
    "next-token": ("LoRA, next-token stream alone", "lora.py", ("loss.block=0",)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the guide to fine-tuning.")
    parser.add_argument("settings", nargs="*", help="name=value for every run")
    parser.add_argument("--model", default="locany-mini", help="checkpoint folder")
    parser.add_argument("--out", type=Path, default=Path("runs/guide"))
    parser.add_argument("--only", choices=RUNS, action="append", help="these runs; may be repeated")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/finetune.md")
    options = parser.parse_args()

    data = options.out / "circuits"
    if not (data / "test.json").is_file():
        subprocess.run([sys.executable, str(ROOT / "examples" / "circuits.py"), str(data)], check=True)
    common = [
        f"data={data / 'train.json'}",
        f"evaluation={data / 'test.json'}",
        f"model={options.model}",
        *options.settings,
    ]
    start = load_recipe(ROOT / "recipes" / "lora.py", common)
    result: dict[str, Any] = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "locany": __version__,
        "model": describe(options.model),
        "cpus": os.cpu_count(),
        "images": min(60, start.evaluation.num_samples),
        "runs": {"before": measure_checkpoint(start)},
    }
    for name in options.only or RUNS:
        title, recipe, more = RUNS[name]
        out = options.out / name
        settings = [*common, *more, f"out={out}"]
        code = run_command(["train", str(ROOT / "recipes" / recipe), *settings])
        if code:
            return code
        result["runs"][name] = {"title": title, **summary(out)}
    text = json.dumps(result, indent=1) + "\n"
    write_whole(options.out / "finetune.json", text.encode())
    print(table(result))
    if options.docs:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(START)
        _, _, after = rest.partition(STOP)
        write_whole(PAGE, f"{before}{START}{table(result)}{STOP}{after}".encode())
    return 0


def describe(model: str) -> str:
    """Name and size of a model."""
    folder = find_checkpoint(model, allow_download=False)
    num = 0
    for tensor in stored_tensors(folder).values():
        size = 1
        for side in tensor.shape:
            size *= side
        num += size
    return f"{model}, {num / 1e6:.1f} M parameters"


def summary(out: Path) -> dict[str, float]:
    """The last scores of a run, and what they took."""
    lines = read_log(out)
    scores = [line for line in lines if "f1" in line][-1]
    return {"minutes": max(line.get("minutes", 0.0) for line in lines), **scores}


def table(result: dict[str, Any]) -> str:
    """The numbers as Markdown."""
    runs = result["runs"]
    rows = [
        f"*{result['model']}; {result['images']} test images; {result['cpus']} CPUs; {result['date']}.*",
        "",
        "| what learns | steps | minutes | fast | hybrid | slow | absent names answered empty |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for found in runs.values():
        scores = " | ".join(f"{found[f'f1_{mode}']:.2f}" for mode in ("fast", "hybrid", "slow"))
        steps, minutes = found.get("step", 0), found.get("minutes", 0.0)
        title, absent = found.get("title", "nothing yet"), found.get("absent", 0.0)
        rows.append(f"| {title} | {steps:.0f} | {minutes:.1f} | {scores} | {100 * absent:.0f} % |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
