"""locany: describe anything in words, get its exact place in an image.

    import locany

    locator = locany.load()
    found = locator.detect("desk.png", ["apple", "key"])

Names are imported when they are first used, so that `import locany` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from locany.version import __version__ as __version__

_HOME = {
    "load": "locany.locator",
    "Locator": "locany.locator",
    "Task": "locany.tasks",
    "TaskKind": "locany.tasks",
    "Detection": "locany.results",
    "Detections": "locany.results",
    "Provenance": "locany.results",
    "DecodeMode": "locany.engine.params",
    "Params": "locany.engine.params",
    "annotate": "locany.draw",
    "load_image": "locany.image",
    "ImageLimits": "locany.image",
    "LocanyError": "locany.errors",
    "ImageError": "locany.errors",
    "CheckpointError": "locany.errors",
    "RequestError": "locany.errors",
    "DataError": "locany.errors",
    "DeviceError": "locany.errors",
    "MissingExtraError": "locany.errors",
}

__all__ = [
    "CheckpointError",
    "DataError",
    "DecodeMode",
    "Detection",
    "Detections",
    "DeviceError",
    "ImageError",
    "ImageLimits",
    "LocanyError",
    "Locator",
    "MissingExtraError",
    "Params",
    "Provenance",
    "RequestError",
    "Task",
    "TaskKind",
    "__version__",
    "annotate",
    "load",
    "load_image",
]

if TYPE_CHECKING:
    from locany.draw import annotate
    from locany.engine.params import DecodeMode, Params
    from locany.errors import (
        CheckpointError,
        DataError,
        DeviceError,
        ImageError,
        LocanyError,
        MissingExtraError,
        RequestError,
    )
    from locany.image import ImageLimits, load_image
    from locany.locator import Locator, load
    from locany.results import Detection, Detections, Provenance
    from locany.tasks import Task, TaskKind


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'locany' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
