"""What tests share: tokenizers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from locany.codec import Tokenizer
from tests.vocabulary import write_vocabulary

settings.register_profile("locany", deadline=None)  # a busy machine is not a failure
settings.load_profile("locany")

GOLDEN = Path(__file__).parent / "parity" / "golden" / "tiny-checkpoint"


@pytest.fixture(scope="session")
def mini_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small vocabulary of our own; read it, do not write to it."""
    folder = tmp_path_factory.mktemp("mini_tokenizer")
    write_vocabulary(folder)
    return folder


@pytest.fixture(scope="session", params=["mini", *(["golden"] if GOLDEN.is_dir() else [])])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """Each small tokenizer there is: our own, and that of the golden checkpoint."""
    golden = request.param == "golden"
    return Tokenizer.from_folder(GOLDEN if golden else request.getfixturevalue("mini_tokenizer"))
