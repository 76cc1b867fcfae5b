"""Settings from the command line: right types, nothing guessed, and mistakes named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from locany.errors import DataError
from locany.train.override import override


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    colour: Colour = Colour.RED

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise DataError(f"the rate is at least 0, got {self.rate}")


@dataclass(frozen=True)
class Outer:
    steps: int = 10
    name: str = "run"
    compile: bool = False
    limit: int | None = None
    size: tuple[int, int] = (1, 2)
    words: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()
    maybe: tuple[str | None, ...] = ()
    anything: Any = None
    rates: Mapping[Colour, float] = field(default_factory=dict)
    folder: Path = Path()
    inner: Inner = field(default_factory=Inner)
    other: Inner | None = field(default_factory=Inner)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("steps=20", Outer(steps=20)),
        ("name=12", Outer(name="12")),
        ("name=a=b", Outer(name="a=b")),
        ("compile=true", Outer(compile=True)),
        ("limit=5", Outer(limit=5)),
        ("limit=null", Outer()),
        ("size=[3, 4]", Outer(size=(3, 4))),
        ("words=[a, 2]", Outer(words=("a", "2"))),
        ("words=[on, off, yes, 007, 1e3, ~]", Outer(words=("on", "off", "yes", "007", "1e3", "~"))),
        ("words=['a, b', \"1.0\", 1_000, 2024-01-02]", Outer(words=("a, b", "1.0", "1_000", "2024-01-02"))),
        ("words=a", Outer(words=("a",))),
        ("words=on", Outer(words=("on",))),
        ("name=on", Outer(name="on")),
        ("named={on: no, 010: 0.10}", Outer(named={"on": "no", "010": "0.10"})),
        ("folders=[007, off]", Outer(folders=(Path("007"), Path("off")))),
        ("maybe=[null, 'null', off]", Outer(maybe=(None, "null", "off"))),
        ("anything=[1, {on: 2}]", Outer(anything=[1, {True: 2}])),
        ("rates={red: 1, blue: .5}", Outer(rates={Colour.RED: 1.0, Colour.BLUE: 0.5})),
        ("folder=some/where", Outer(folder=Path("some/where"))),
        ("inner.rate=1e-4", Outer(inner=Inner(rate=1e-4))),
        ("inner.rate=2", Outer(inner=Inner(rate=2.0))),
        ("other=null", Outer(other=None)),
        ("other.rate=1", Outer(other=Inner(rate=1.0))),
        ("inner.colour=blue", Outer(inner=Inner(colour=Colour.BLUE))),
    ],
)
def test_a_setting_has_the_type_of_its_field(setting, expected):
    found = override(Outer(), [setting])
    assert found == expected
    assert repr(found) == repr(expected)


def test_the_last_setting_counts():
    assert override(Outer(), ["steps=1", "steps=2", "inner.rate=1"]).steps == 2
    assert override(Outer(), ["other.rate=1", "other=null"]).other is None
    assert override(Outer(), ["other=null", "other.rate=1"]).other == Inner(rate=1.0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("steps", "'steps' is no setting; write name=value"),
        ("=3", "'=3' is no setting"),
        ("step=3", "no setting 'step'; did you mean 'steps'"),
        ("inner.rat=3", "no setting 'inner.rat'; did you mean 'inner.rate'"),
        ("zzz=3", "no setting 'zzz'; there are: anything, compile, folder"),
        ("steps.x=3", "'steps.x': steps is a single value, 10"),
        ("inner=null", r"inner has parts"),
        ("inner=3", r"inner has parts; set one of them: inner.rate, inner.colour"),
        ("steps=2.5", "steps=2.5: expected int, got float"),
        ("steps=true", "expected int, got bool"),
        ("compile=1", "expected bool, got int"),
        ("size=[1]", "expected 2 values, got 1"),
        ("inner.colour=green", "expected one of red, blue"),
        ("inner.rate=fast", "inner.rate=fast: could not convert"),
        ("inner.rate=-1", "the rate is at least 0, got -1"),
        ("rates=3", "expected a mapping"),
        ("words=[a", "the value cannot be read"),
        ("words=[2024-13-01]", "the value cannot be read .month must be in 1..12.; put quotes around it"),
        ("size=['1', 2]", "size=.*: expected int, got str"),
        ("size=[on, 2]", "expected int, got bool"),
    ],
)
def test_a_mistake_is_named(setting, message):
    with pytest.raises(DataError, match=message):
        override(Outer(), [setting])
