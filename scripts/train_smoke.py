"""From render to F1 in about three minutes on two cores, through the command line as a user types it.

    python scripts/train_smoke.py [--out runs/train-smoke] [SETTINGS of recipes/smoke.py, such as seed=1]

Begins anew each time: the folder of the last smoke run is removed. Fails where the F1 of a mode is one that
guessing could reach, or where the modes are far from each other.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from locany.train.log import CURVES, read_log

ROOT = Path(__file__).resolve().parent.parent
MARK = ".train-smoke"  # in a folder that may be removed: it was made here
MODES = ("fast", "hybrid", "slow")
# One place for every name reaches 0.25 at best; seeds that were tried reach 0.92 to 0.94 in each mode.
LEAST_F1 = 0.7
WIDEST = 0.15  # between two modes


def faults_of(scores: Mapping[str, float]) -> list[str]:
    """What is wrong with the last scores of a run, in words; empty if it has learnt."""
    missing = [mode for mode in MODES if f"f1_{mode}" not in scores]
    if missing:
        return [f"the run did not measure {', '.join(missing)}"]
    found = {mode: scores[f"f1_{mode}"] for mode in MODES}
    faults = [
        f"F1 is {f1:.3f} in {mode} mode, expected at least {LEAST_F1}"
        for mode, f1 in found.items()
        if f1 < LEAST_F1
    ]
    apart = max(found.values()) - min(found.values())
    if apart > WIDEST:
        faults.append(f"the modes are {apart:.3f} apart, expected at most {WIDEST}: {found}")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "train-smoke")
    parser.add_argument("settings", nargs="*", help="name=value each, as for locany train")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    if out.exists():
        if any(out.iterdir()) and not (out / MARK).is_file():
            print(f"{out} was not made by a smoke run; give another --out", file=sys.stderr)
            return 2
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / MARK).touch()
    began = time.monotonic()
    command = [sys.executable, "-m", "locany", "train", "recipes/smoke.py", f"out={out}", *arguments.settings]
    print("locany", *command[3:], flush=True)
    code = subprocess.run(command, cwd=ROOT).returncode
    if code:
        print(f"train-smoke: locany train ended with code {code}", file=sys.stderr)
        return code
    lines = read_log(out)
    faults = faults_of(lines[-1] if lines else {})
    if (out / CURVES).is_file():
        print(f"curves: {out / CURVES}")
    for fault in faults:
        print(f"train-smoke: {fault}", file=sys.stderr)
    print(f"train-smoke: {'failed' if faults else 'passed'} after {time.monotonic() - began:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
