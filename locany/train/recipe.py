"""A recipe: a Python file with a function `recipe` that returns one frozen config."""

from __future__ import annotations

import inspect
import runpy
from collections.abc import Sequence
from pathlib import Path

from locany.errors import DataError, LocanyError
from locany.train.config import TrainConfig
from locany.train.override import override

_OURS = Path(__file__).with_name("recipes")


def load_recipe(path: Path, settings: Sequence[str] = ()) -> TrainConfig:
    """Run a recipe file and apply settings of the command line.

    The file is code and is run as such: it is the user's own.

    Args:
        path: a Python file, or the name of one in `locany/train/recipes`.
        settings: "name=value" each. What `recipe` takes as an argument of its own is given to it as a text;
            the rest replaces values of the config, see `override`.

    Raises:
        DataError: no such file, no function `recipe` in it, it returns something else, or a setting is wrong.
    """
    if not path.is_file():
        ours = {file.stem: file for file in _OURS.glob("[a-z]*.py")}
        if str(path) not in ours:
            raise DataError(
                f"{path}: there is no such recipe; give a Python file, or one that comes with locany: "
                f"{', '.join(sorted(ours))}"
            )
        path = ours[str(path)]
    try:
        function = runpy.run_path(str(path)).get("recipe")
    except Exception as error:  # whatever the user's file raises
        raise DataError(f"the recipe {path} cannot be run: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise DataError(f"{path}: a recipe defines a function recipe() that returns a TrainConfig")
    taken = inspect.signature(function).parameters
    arguments = {n: v for n, equals, v in (s.partition("=") for s in settings) if equals and n in taken}
    needed = [n for n, p in taken.items() if p.default is inspect.Parameter.empty and n not in arguments]
    if needed:
        raise DataError(f"{path}: this recipe needs {', '.join(f'{name}=...' for name in needed)}; add it")
    try:
        config = function(**arguments)
    except LocanyError:
        raise
    except Exception as error:
        raise DataError(f"{path}: recipe() failed with {type(error).__name__}: {error}") from error
    if not isinstance(config, TrainConfig):
        raise DataError(f"{path}: recipe() returned {type(config).__name__}, expected a TrainConfig")
    return override(config, [s for s in settings if "=" not in s or s.partition("=")[0] not in taken])
