"""What a user waits for before the first answer: import, help, load, and then one image.

    python benchmarks/startup.py [--out result.json]

Every figure is the best of several fresh processes, because the machines are shared and noisy. The last line
of output is one JSON document. Figures are compared with `benchmarks/baselines/startup.json` as ratios to the
start of an empty Python in the same run.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASELINE = Path(__file__).parent / "baselines" / "startup.json"
GOALS_S = {"import_locany": 0.3, "locany_help": 0.4}

COMMANDS = {
    "empty_python": ["-c", "pass"],
    "import_locany": ["-c", "import locany"],
    "locany_help": ["-m", "locany", "--help"],
    "load_mini": ["-c", "import locany; locany.load()"],
}
ONE_IMAGE = """
import sys, time, json, locany
locator = locany.load()
images = sys.argv[1:]
locator.detect(images[0], ["apple"])
times = []
for image in images * 3:
    began = time.perf_counter()
    locator.detect(image, ["apple", "star", "key"])
    times.append(time.perf_counter() - began)
print(min(times))
"""


def best_of(arguments: list[str], runs: int) -> float:
    """Seconds of the fastest of some runs of this Python."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    seconds = {name: round(best_of(command, arguments.runs), 3) for name, command in COMMANDS.items()}
    images = sorted(str(path) for path in (ROOT / "examples").glob("*.png"))
    if images:
        answer = subprocess.run(
            [sys.executable, "-c", ONE_IMAGE, *images], cwd=ROOT, check=True, capture_output=True, text=True
        )
        seconds["detect_one_image"] = round(float(answer.stdout), 3)
    ratios = {name: round(value / seconds["empty_python"], 1) for name, value in seconds.items()}
    result = {
        "benchmark": "startup",
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {platform.system()}",
        "seconds": seconds,
        "ratio_to_empty_python": ratios,
        "goals_met": {name: seconds[name] <= goal for name, goal in GOALS_S.items()},
    }
    if BASELINE.is_file():
        before = json.loads(BASELINE.read_text())["ratio_to_empty_python"]
        result["change_of_ratio"] = {n: round(ratios[n] / before[n], 2) for n in ratios if n in before}
    text = json.dumps(result)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
