"""A short name for the files of a checkpoint."""

from __future__ import annotations

import hashlib
from pathlib import Path

from locany.weights.stored import CALIBRATION_FILE

_READ_AT_ONCE, _PLACES_READ = 1 << 16, 64  # bytes, and places of a large file of weights


def folder_fingerprint(checkpoint: Path, adapter: Path | None = None) -> str:
    """A short name for the weights of a checkpoint, so that what was measured is not taken for others.

    Of large files a few places are read; training changes every tensor. A calibration is no part of it.
    """
    said = hashlib.sha256()
    for folder in (checkpoint, *([adapter] if adapter else [])):
        for path in sorted(folder.glob("*")):
            if path.suffix in (".json", ".safetensors") and path.is_file() and path.name != CALIBRATION_FILE:
                size = path.stat().st_size
                said.update(f"{path.name} {size}".encode())
                with open(path, "rb") as file:
                    for at in range(0, size, max(_READ_AT_ONCE, size // _PLACES_READ)):
                        file.seek(at)
                        said.update(file.read(_READ_AT_ONCE))
    return said.hexdigest()[:16]
