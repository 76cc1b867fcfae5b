"""What a renderer is: a seed in, an exact sample out."""

from __future__ import annotations

from typing import Protocol

from locany.data.sample import Sample
from locany.errors import DataError
from locany.synth import icons


class Renderer(Protocol):
    """Makes the sample of a seed: always the same one, in any process, without a network."""

    def __call__(self, seed: int, /, *, step: float = 1.0) -> Sample:
        """The sample of `seed` at curriculum progress `step`, 0 easiest to 1 full."""
        ...


RENDERERS: dict[str, Renderer] = {icons.NAME: icons.render}


def renderer(name: str) -> Renderer:
    """The renderer of this name, with its default config."""
    try:
        return RENDERERS[name]
    except KeyError:
        raise DataError(f"no renderer {name!r}; there are: {', '.join(sorted(RENDERERS))}") from None
