"""`locany report ablation` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from locany.cli.main import run
from tests.unit.test_ablation import study  # noqa: F401


def test_tables_go_to_stdout(study: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    assert run(["report", "ablation", str(study)]) == 0
    assert capsys.readouterr().out.startswith("### (a) How a coordinate is written")


def test_files_are_written(study: Path, tmp_path: Path) -> None:  # noqa: F811
    assert run(["report", "ablation", str(study), "--out", str(tmp_path / "report")]) == 0
    assert "### (d)" in (tmp_path / "report" / "ablation.md").read_text()
    assert (tmp_path / "report" / "ablation.png").stat().st_size > 10_000


def test_a_folder_without_runs_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "ablation", str(tmp_path)]) == 1
    assert "no measured run of the ablation study" in capsys.readouterr().err
