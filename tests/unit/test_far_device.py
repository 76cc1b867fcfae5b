"""On a device that is not the CPU: nothing lies on the wrong one, and the host asks it for next to nothing.

The device is a stand-in (`tests/far.py`) that computes on the CPU: what kernels of a GPU do is not shown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch.utils import backend_registration

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch takes no devices that are written in Python",
)


def run_case(name: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.far_cases", name],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def assert_close(got: list[dict[str, float]], expected: list[dict[str, float]]) -> None:
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        assert mine == pytest.approx(theirs, abs=0.02)


def test_the_engine_answers_as_on_the_cpu_and_reads_once_a_step() -> None:
    found = run_case("engine")
    for (tokens, scores, finish), expected in zip(found["there"], found["here"], strict=True):
        assert [tokens, finish] == [expected[0], expected[2]]
        assert scores == pytest.approx(expected[1], abs=1e-3, nan_ok=True)
    assert len({finish for _, _, finish in found["here"]}) == 3
    assert set(found["reads"]) == {"to the host: engine/outcome.py:unpack"}
    assert sum(found["reads"].values()) <= found["steps"]  # the last one may be a step too far


def test_both_streams_learn_as_on_the_cpu_and_a_step_reads_nothing() -> None:
    found = run_case("both streams")
    assert_close(found["there"], found["here"])
    # Every step is reported and the last one is saved; nothing else asks for a number.
    saved = ("train/ranks.py:collect", "weights/save.py:")
    on_the_way = {place: n for place, n in found["reads"].items() if not any(s in place for s in saved)}
    assert on_the_way == {
        "to the host: train/report.py:check": found["steps"],
        "to the host: train/report.py:_added_up": found["steps"],
    }


def test_auxiliary_losses_are_those_of_the_cpu() -> None:
    found = run_case("with auxiliary losses")
    assert_close(found["there"], found["here"])
    assert "present" in found["there"][0]
