"""Many requests, one model: add, step, generate.

Names are imported when they are first used: a command line that only wants the defaults of `Params` should
not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "Commit": "request",
    "DecodeMode": "params",
    "Engine": "engine",
    "EngineConfig": "config",
    "Finish": "request",
    "Found": "request",
    "ImageInput": "request",
    "Params": "params",
    "Phase": "request",
    "Request": "request",
    "Thresholds": "params",
}

__all__ = [
    "Commit",
    "DecodeMode",
    "Engine",
    "EngineConfig",
    "Finish",
    "Found",
    "ImageInput",
    "Params",
    "Phase",
    "Request",
    "Thresholds",
]

if TYPE_CHECKING:
    from locany.engine.config import EngineConfig
    from locany.engine.engine import Engine
    from locany.engine.params import DecodeMode, Params, Thresholds
    from locany.engine.request import Commit, Finish, Found, ImageInput, Phase, Request


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'locany.engine' has no attribute {name!r}")
    value = getattr(import_module(f"locany.engine.{_HOME[name]}"), name)
    globals()[name] = value
    return value
