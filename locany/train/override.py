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

from locany.data.yaml_values import Scalar, load, plain
from locany.errors import DataError

Config = TypeVar("Config")


def override(config: Config, settings: Sequence[str]) -> Config:
    """A config with some of its values replaced.

    Args:
        config: a frozen dataclass, of dataclasses where a name has dots.
        settings: "name=value" each; the value is read as YAML reads it, then checked against the field. Texts
            stay as they are written: a name may be "on" or "007". A dataclass that has a method
            `with_setting(text)` can be set as a whole, too.

    Raises:
        DataError: not of this form, an unknown name, or a value that the field cannot hold.
    """
    parsed: dict[str, tuple[Any, str]] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise DataError(f"{setting!r} is no setting; write name=value, for example steps=100")
        try:
            value = load(text)
        except (yaml.YAMLError, ValueError) as error:  # a day that does not exist is the latter
            raise DataError(
                f"{name}={text}: the value cannot be read ({error}); put quotes around it"
            ) from None
        parsed[name.strip()] = value.value if isinstance(value, Scalar) else value, text
    return _apply(config, parsed, "")


def _inner(value: Any) -> tuple[Any, str]:
    """Value and text of what is in a list or a mapping."""
    if isinstance(value, Scalar):
        return value.value, value.written
    return value, str(plain(value))


def _apply(config: Any, settings: Mapping[str, tuple[Any, str]], prefix: str) -> Any:
    """All settings of one dataclass at once: what is wrong only in between is not wrong.

    Args:
        settings: name below this dataclass to value and text; prefix: its own name with a dot.
    """
    changes: dict[str, Any] = {}
    inner: dict[str, dict[str, tuple[Any, str]]] = {}
    for name, (value, text) in settings.items():
        head, dot, rest = name.partition(".")
        current = _current(config, head, prefix)
        if dot:
            if not is_dataclass(current):
                raise DataError(
                    f"there is no setting {prefix + name!r}: {head} is a single value, {current!r}"
                )
            if changes.get(head, current) is None:  # the later one wins
                del changes[head]
            inner.setdefault(head, {})[rest] = value, text
        elif is_dataclass(current) and value is None and type(None) in get_args(_wanted(config, head)):
            changes[head] = None
            inner.pop(head, None)
        elif is_dataclass(current) and hasattr(current, "with_setting"):
            changes[head] = current.with_setting(text)
        elif is_dataclass(current):
            parts = ", ".join(f"{prefix}{head}.{field.name}" for field in fields(current))
            raise DataError(f"{prefix}{head} has parts; set one of them: {parts}")
        else:
            try:
                changes[head] = _as_type(value, text, _wanted(config, head))
            except (TypeError, ValueError) as error:
                raise DataError(f"{prefix}{head}={text}: {error}") from None
    for head, below in inner.items():
        changes[head] = _apply(changes.get(head, getattr(config, head)), below, f"{prefix}{head}.")
    try:
        return replace(config, **changes)
    except (TypeError, ValueError) as error:
        raise DataError(f"{prefix.rstrip('.') or 'the config'}: {error}") from None


def _wanted(config: Any, name: str) -> Any:
    """The type of a field."""
    return get_type_hints(type(config))[name]


def _current(config: Any, name: str, prefix: str) -> Any:
    known = {field.name for field in fields(config)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {prefix + near[0]!r}?" if near else f"there are: {', '.join(sorted(known))}"
        raise DataError(f"there is no setting {prefix + name!r}; {hint}")
    return getattr(config, name)


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
        items = [_inner(item) for item in value] if isinstance(value, list) else [(value, text)]
        inner = get_args(wanted)
        kinds = [inner[0]] * len(items) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) != len(items):
            raise TypeError(f"expected {len(kinds)} values, got {len(items)}")
        return tuple(_as_type(*item, kind) for item, kind in zip(items, kinds, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise TypeError("expected a mapping such as {name: value}")
        key_type, value_type = get_args(wanted)
        return {
            _as_type(*_inner(key), key_type): _as_type(*_inner(item), value_type)
            for key, item in value.items()
        }
    return _as_plain(value, text, wanted)


def _as_plain(value: Any, text: str, wanted: Any) -> Any:
    if wanted is Any:
        return plain(value)
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
