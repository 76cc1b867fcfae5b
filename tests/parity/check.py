"""Compare the package, stage by stage, with a folder of golden vectors.

    python tests/parity/check.py DIR

Every `stage_<name>.py` beside this file has `run(folder)`, which yields (case, passed, largest error) and
says on stderr what differed. A stage that is missing, breaks, or finds no case counts as a failure: silence
is no parity. The last line is `parity: N passed, M failed`; the exit code is 0 only if M is 0.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path

STAGES = ("preprocess", "vision", "language", "decode", "generate", "training")
_REPO = Path(__file__).resolve().parents[2]


@dataclass
class StageResult:
    """What one stage found."""

    name: str
    passed: int = 0
    failures: list[str] = field(default_factory=list)
    worst: float = 0.0

    def __str__(self) -> str:
        lines = [f"  FAIL {self.name}: {failure}" for failure in self.failures]
        lines.append(
            f"{self.name:<11} {self.passed:4d} passed, {len(self.failures):3d} failed, "
            f"largest error {self.worst:.3g}"
        )
        return "\n".join(lines)


def run_stage(name: str, folder: Path) -> StageResult:
    """Run one stage to its end; nothing that happens in it is raised."""
    result = StageResult(name)
    try:
        stage = importlib.import_module(f"tests.parity.stage_{name}")
        for case, passed, error in stage.run(folder):
            result.worst = max(result.worst, error)
            if passed:
                result.passed += 1
            else:
                result.failures.append(f"{case} (largest error {error:.3g})")
    except Exception as error:  # one broken stage must not hide the others
        traceback.print_exc()
        result.failures.append(f"broke off: {type(error).__name__}: {error}")
    if not result.passed and not result.failures:
        result.failures.append(f"no cases in {folder.name}")
    return result


def main(folder: Path) -> int:
    """Run all stages, print what they found, and return the exit code."""
    passed = failed = 0
    for name in STAGES:
        result = run_stage(name, folder)
        print(result, flush=True)
        passed += result.passed
        failed += len(result.failures)
    print(f"parity: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/parity/check.py DIR")
    sys.path.insert(0, str(_REPO))  # a checkout that is not installed can be checked too
    sys.exit(main(Path(sys.argv[1])))
