"""Every stage agrees with the reference: on the copy in the repository, and on all vectors where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.check import STAGES, main, run_stage

_HERE = Path(__file__).resolve().parent
SUBSET = _HERE / "golden"
ALL = _HERE.parents[1].parent / "shared" / "golden"  # beside the repository, not a part of it


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(SUBSET, id="subset"),
        pytest.param(
            ALL, id="all", marks=pytest.mark.skipif(not ALL.is_dir(), reason="the golden folder is not here")
        ),
    ],
)
def test_stage_agrees_with_the_reference(folder: Path, stage: str) -> None:
    result = run_stage(stage, folder)
    assert not result.failures, str(result)
    assert result.passed > 0


def test_an_empty_folder_fails_every_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"parity: 0 passed, {len(STAGES)} failed"


def test_a_missing_stage_is_a_failure() -> None:
    result = run_stage("of_another_world", SUBSET)
    assert result.passed == 0
    assert len(result.failures) == 1
