"""YAML whose single values are also known as they are written: `on` is True, and a good name for a thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Scalar:
    """A single value as YAML reads it, and as it is written."""

    value: Any
    written: str


class _Loader(yaml.SafeLoader):
    """Reads what the safe loader reads, each single value as a `Scalar`."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        found = super().construct_object(node, deep)
        return Scalar(found, node.value) if isinstance(node, yaml.ScalarNode) else found


def load(text: str) -> Any:
    """What the safe loader reads, each single value, keys included, as a `Scalar`.

    Raises:
        yaml.YAMLError: it is not YAML.
        ValueError: it has a day that does not exist.
    """
    return yaml.load(text, Loader=_Loader)


def plain(value: Any) -> Any:
    """What the safe loader reads."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return value.value if isinstance(value, Scalar) else value
