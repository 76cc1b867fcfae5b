"""The render engines by name, and what each of them is: a seed in, an exact sample out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from locany.data.sample import Sample
from locany.errors import DataError

_MODULES = {
    "icons": "locany.synth.icons",
    "scene_text": "locany.synth.scene_text",
    "documents": "locany.synth.documents",
    "gui": "locany.synth.gui",
}
ENGINES = tuple(sorted(_MODULES))


class Engine(Protocol):
    """The module of an engine.

    Attributes:
        NAME: what recipes and provenance call it.
        VERSION: raised when a seed no longer gives the same sample.
        Config: a frozen dataclass with a default for every field; `split` is "train" or "held-out".
    """

    NAME: str
    VERSION: int
    Config: type

    def render(self, seed: int, config: Any = ..., *, step: float = 1.0) -> Sample:
        """The sample of a seed: always the same one, in any process, without a network.

        Args:
            seed: any integer from 0.
            config: what to draw and ask.
            step: progress of the curriculum, 0 easiest to 1 full.
        """
        ...

    def names_used(self, config: Any) -> Mapping[str, tuple[str, ...]]:
        """What a config may draw with, by the kinds of `splits.HELD_OUT`: fonts, icon sets, templates, ..."""
        ...


def engine(name: str) -> Engine:
    """The engine of this name; loaded here, since one needs a browser's library and another does not.

    Raises:
        DataError: there is none.
    """
    try:
        module = _MODULES[name]
    except KeyError:
        raise DataError(f"no render engine {name!r}; there are: {', '.join(ENGINES)}") from None
    return cast(Engine, import_module(module))
