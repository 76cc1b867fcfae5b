"""What unit tests share: the toy checkpoint of the golden vectors, whole; what rendering needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locany.codec import Tokenizer, Vocab
from tests.unit.render_fixtures import needs_render  # noqa: F401

if TYPE_CHECKING:
    from locany.model import LocateModel

_REPO = Path(__file__).resolve().parents[2]
_PLACES = (_REPO / "tests" / "parity" / "golden", _REPO.parent / "shared" / "golden")


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    """The folder of the toy checkpoint; read it, do not write to it."""
    for place in _PLACES:
        if (place / "tiny-checkpoint" / "model.safetensors").is_file():
            return place / "tiny-checkpoint"
    pytest.skip("the toy checkpoint is not here")


@pytest.fixture(scope="session")
def words(checkpoint: Path) -> Tokenizer:
    """The tokenizer of the toy checkpoint."""
    return Tokenizer.from_folder(checkpoint)


@pytest.fixture(scope="session")
def vocab(words: Tokenizer) -> Vocab:
    return words.vocab


@pytest.fixture(scope="session")
def golden_model(checkpoint: Path) -> LocateModel:
    """The toy model, float32 on the CPU."""
    import torch

    from locany.weights import load_model

    return load_model(checkpoint, device="cpu", dtype=torch.float32)
