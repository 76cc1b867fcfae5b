"""The network as pure tensors: no text, no files, no tasks."""

from locany.model.cache import KVCache
from locany.model.config import LocateConfig, TextConfig, VisionConfig
from locany.model.decoder import CacheView
from locany.model.locate_model import LocateModel
from locany.model.masks import Layout, cache_layout, text_layout, visible

__all__ = [
    "CacheView",
    "KVCache",
    "Layout",
    "LocateConfig",
    "LocateModel",
    "TextConfig",
    "VisionConfig",
    "cache_layout",
    "text_layout",
    "visible",
]
