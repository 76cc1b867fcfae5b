"""The states of a run: whole or not there, the best and the last, and nothing of others touched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from locany.errors import DataError
from locany.train.checkpoint import FOLDER, INDEX, States


def files(out: Path) -> list[str]:
    return sorted(path.name for path in (out / FOLDER).iterdir())


def test_the_newest_comes_back(tmp_path: Path) -> None:
    assert States(tmp_path).newest is None
    for step in (10, 20):
        States(tmp_path).save({"step": step, "weights": torch.full((2,), step)}, step)
    newest = States(tmp_path).newest
    assert newest is not None
    assert newest.step == 20
    assert torch.equal(States(tmp_path).load(newest)["weights"], torch.full((2,), 20))


def test_the_last_and_the_best_are_kept(tmp_path: Path) -> None:
    states = States(tmp_path, keep_last=2)
    for step, score in ((1, 0.3), (2, 0.9), (3, 0.9), (4, 0.5), (5, None), (6, 0.1)):
        states.save({"step": step}, step)
        if score is not None:
            states.score(step, score)
    assert files(tmp_path) == [INDEX, "step-00000002.pt", "step-00000005.pt", "step-00000006.pt"]
    again = States(tmp_path)
    assert again.best is not None
    assert (again.best.step, again.best.score) == (2, 0.9)


def test_what_others_wrote_stays(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for name in ("step-00000000.pt", "notes.txt"):
        (tmp_path / FOLDER / name).write_text("mine")
    states = States(tmp_path, keep_last=1)
    for step in (1, 2, 3):
        states.save({}, step)
    assert files(tmp_path) == [INDEX, "notes.txt", "step-00000000.pt", "step-00000003.pt"]


@pytest.mark.parametrize("moment", ["write", "index"])
def test_a_kill_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    states = States(tmp_path, keep_last=1)
    states.save({"step": 1}, 1)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if moment == "write":
        monkeypatch.setattr(torch, "save", die)
    else:
        monkeypatch.setattr(States, "_write_index", die)
    with pytest.raises(KeyboardInterrupt):
        states.save({"step": 2}, 2)
    left = States(tmp_path)
    assert left.newest is not None
    assert left.load(left.newest) == {"step": 1}


def test_a_damaged_state_is_named_and_not_passed_over(tmp_path: Path) -> None:
    states = States(tmp_path)
    states.save({"step": 1}, 1)
    entry = states.save({"step": 2}, 2)
    (tmp_path / FOLDER / entry.file).write_bytes(b"not a state")
    with pytest.raises(DataError, match=r"step-00000002\.pt.*cannot be read.*take its entry out of"):
        States(tmp_path).load(entry)
    (tmp_path / FOLDER / INDEX).write_text("{")
    with pytest.raises(DataError, match=r"index\.json.*cannot be read.*Move it away"):
        States(tmp_path)
