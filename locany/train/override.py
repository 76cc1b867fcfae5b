"""Settings from the command line: `optim.adam_lr=1e-4` into a frozen config, typed as its field is."""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from locany.errors import DataError

Config = TypeVar("Config")


def override(config: Config, settings: Sequence[str]) -> Config:
    """A config with some of its values replaced.

    Args:
        config: a frozen dataclass, of dataclasses where a name has dots.
        settings: "name=value" each; the value is read as YAML reads it, then checked against the field.

    Raises:
        DataError: not of this form, an unknown name, or a value that the field cannot hold.
    """
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise DataError(f"{setting!r} is no setting; write name=value, for example steps=100")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise DataError(
                f"{name}={text}: the value cannot be read ({error}); put quotes around it"
            ) from None
        config = _replace(config, name.strip().split("."), value, text, name.strip())
    return config


def _replace(config: Any, path: Sequence[str], value: Any, text: str, name: str) -> Any:
    known = {field.name for field in fields(config)}
    if path[0] not in known:
        near = difflib.get_close_matches(path[0], known, n=1)
        hint = f"did you mean {'.'.join([*name.split('.')[: -len(path)], near[0]])!r}?" if near else ""
        raise DataError(f"there is no setting {name!r}; {hint or 'there are: ' + ', '.join(sorted(known))}")
    current = getattr(config, path[0])
    if len(path) > 1:
        if not is_dataclass(current):
            raise DataError(f"there is no setting {name!r}: {path[0]} is a single value, {current!r}")
        return replace(config, **{path[0]: _replace(current, path[1:], value, text, name)})
    if is_dataclass(current):
        inner = ", ".join(f"{name}.{field.name}" for field in fields(current))
        raise DataError(f"{name} has parts; set one of them: {inner}")
    wanted = get_type_hints(type(config))[path[0]]
    try:
        return replace(config, **{path[0]: _as_type(value, text, wanted)})
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}={text}: {error}") from None


def _as_type(value: Any, text: str, wanted: Any) -> Any:
    """The value as the field's type; only what loses nothing is converted."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        options = get_args(wanted)
        if value is None and type(None) in options:
            return None
        errors = []
        for option in options:
            try:
                return _as_type(value, text, option)
            except (TypeError, ValueError) as error:
                errors.append(str(error))
        raise TypeError(errors[-1])
    if origin is tuple:
        items = value if isinstance(value, list) else [value]
        inner = get_args(wanted)
        kinds = [inner[0]] * len(items) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) != len(items):
            raise TypeError(f"expected {len(kinds)} values, got {len(items)}")
        return tuple(_as_type(item, str(item), kind) for item, kind in zip(items, kinds, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise TypeError("expected a mapping such as {name: value}")
        key_type, value_type = get_args(wanted)
        return {_as_type(k, str(k), key_type): _as_type(v, str(v), value_type) for k, v in value.items()}
    return _as_plain(value, text, wanted)


def _as_plain(value: Any, text: str, wanted: Any) -> Any:
    if wanted is Any:
        return value
    if wanted is str:
        return text if not isinstance(value, str) else value
    if wanted is Path:
        return Path(text)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        try:
            return wanted(value)
        except ValueError:
            raise ValueError(f"expected one of {', '.join(str(m.value) for m in wanted)}") from None
    if wanted is float and isinstance(value, str):  # YAML reads 1e-4 as text: it wants 1.0e-4
        value = float(value)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise TypeError(f"expected {wanted.__name__}, got {type(value).__name__}")
    return value
