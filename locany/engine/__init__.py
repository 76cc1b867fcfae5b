"""Many requests, one model: add, step, generate."""

from locany.engine.engine import Engine, EngineConfig
from locany.engine.params import DecodeMode, Params, Thresholds
from locany.engine.request import Commit, Finish, ImageInput, Phase, Request

__all__ = [
    "Commit",
    "DecodeMode",
    "Engine",
    "EngineConfig",
    "Finish",
    "ImageInput",
    "Params",
    "Phase",
    "Request",
    "Thresholds",
]
