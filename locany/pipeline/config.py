"""What a build makes: sources, steps, shards. A recipe is a Python file with `recipe() -> BuildConfig`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, cast, get_args

from locany.errors import DataError, LocanyError
from locany.pipeline.duplicates import Deduplicate
from locany.pipeline.images import EncodeImage
from locany.pipeline.steps import BoxSide, HasQuestions, NotBlank, Step, TargetsPerQuestion
from locany.synth.renderer import ENGINES, Engine, engine

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
Mixture = Literal["interleaved", "sequential"]


@dataclass(frozen=True)
class RenderSource:
    """Samples of a render engine: seeds from `first_seed` up.

    Attributes:
        engine: its name, or the name of a module of your own with the same functions
            (`synth.renderer.Engine`), installed or beside the recipe.
        num_samples: how many.
        config: the engine's `Config`; None for its defaults.
        first_seed: keep training and evaluation apart by seeds, too.
        name: unique in the recipe; by default the engine's.
        step: progress of the curriculum, 0 easiest to 1 full.
    """

    engine: str
    num_samples: int
    config: Any = None
    first_seed: int = 0
    name: str = ""
    step: float = 1.0

    def __post_init__(self) -> None:
        if self.num_samples < 1 or self.first_seed < 0:
            raise DataError(
                f"source {self.engine!r}: num_samples is at least 1 and first_seed at least 0, got "
                f"{self.num_samples} and {self.first_seed}"
            )
        if not self.name:
            object.__setattr__(self, "name", self.engine.rpartition(".")[2])


@dataclass(frozen=True)
class DatasetSource:
    """Samples that exist: whatever `data.converters.read_samples` or `ShardFolder` reads.

    Attributes:
        path: of the data set. Not written into the manifest; what is in the data set is, as a fingerprint.
        num_samples: the first so many; None for all.
        name: unique in the recipe; by default the name of the file or folder.
        format: its format; recognised if None.
        root: the folder that image paths are relative to; None for the default of the format.
        split: "train", "val" or "test", to take only that one of a YOLO data set; None for all.
        skip_faults: leave faulty records out, with a warning; otherwise the first is an error.
    """

    path: Path = field(repr=False)
    num_samples: int | None = None
    name: str = ""
    format: str | None = None
    root: Path | None = field(default=None, repr=False)
    split: str | None = None
    skip_faults: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path).absolute())
        if self.num_samples is not None and self.num_samples < 1:
            raise DataError(f"source {self.path.name!r}: num_samples is at least 1, got {self.num_samples}")
        if self.split not in (None, "train", "val", "test"):
            raise DataError(f"source {self.path.name!r}: split is train, val or test, got {self.split!r}")
        if not self.name:
            object.__setattr__(self, "name", self.path.name)


Source = RenderSource | DatasetSource

DEFAULT_STEPS: tuple[Step, ...] = (
    HasQuestions(),
    TargetsPerQuestion(),
    NotBlank(),
    Deduplicate(),
    EncodeImage(),
    BoxSide(),  # after the image has its size
)


@dataclass(frozen=True)
class BuildConfig:
    """A build.

    Attributes:
        sources: where samples come from.
        steps: applied in order to every sample. Without `EncodeImage`, images of data sets that are JPEG, PNG
            or WebP keep their bytes, and all others are stored as PNG.
        shard_size: samples of one shard.
        format: "tar" (WebDataset) or "parquet".
        mixture: "interleaved": every stretch of the output has each source in its share; "sequential": one
            source after the other.
    """

    sources: tuple[Source, ...]
    steps: tuple[Step, ...] = DEFAULT_STEPS
    shard_size: int = 500
    format: Literal["tar", "parquet"] = "tar"
    mixture: Mixture = "interleaved"

    def __post_init__(self) -> None:
        if not self.sources:
            raise DataError("a recipe has at least one source")
        for what, names in (
            ("sources", [source.name for source in self.sources]),
            ("steps", [step.name for step in self.steps]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise DataError(
                    f"{what} of one recipe have different names; twice there are: {', '.join(twice)}"
                )
        if self.shard_size < 1:
            raise DataError(f"shard_size is at least 1, got {self.shard_size}")
        if self.format not in ("tar", "parquet"):
            raise DataError(f'format is "tar" or "parquet", got {self.format!r}')
        if self.mixture not in get_args(Mixture):
            raise DataError(f"mixture is one of {', '.join(get_args(Mixture))}, got {self.mixture!r}")


def find_engine(source: RenderSource) -> Engine:
    """The engine of a source, its config checked.

    Raises:
        DataError: there is no such engine, or the config is another engine's.
    """
    if source.engine in ENGINES or not _may_be_module(source.engine):
        found = engine(source.engine)
    else:
        try:
            found = cast(Engine, importlib.import_module(source.engine))
        except ModuleNotFoundError as error:
            raise DataError(f"source {source.name!r}: no module {source.engine!r} ({error})") from error
        missing = [name for name in ("NAME", "VERSION", "Config", "render", "names_used")
                   if not hasattr(found, name)]  # fmt: skip
        if missing:
            raise DataError(f"{source.engine} is no render engine: it lacks {', '.join(missing)}")
    if source.config is not None and not isinstance(source.config, found.Config):
        raise DataError(
            f"source {source.name!r}: its config is a {type(source.config).__name__}, but the engine "
            f"{source.engine!r} takes a {found.Config.__name__}"
        )
    return found


def _may_be_module(name: str) -> bool:
    """A dotted name, whose import then says what is wrong with it, or a module that is there."""
    return "." in name or (name.isidentifier() and find_spec(name) is not None)


def config_of(source: RenderSource) -> Any:
    """The engine's config of a source, with defaults where the recipe has none."""
    return find_engine(source).Config() if source.config is None else source.config


def load_recipe(path: Path) -> BuildConfig:
    """What the file's `recipe()` returns.

    Raises:
        DataError: there is no such file or function, it fails, or it returns something else.
    """
    module = load_module(path)
    make = getattr(module, "recipe", None)
    if not callable(make):
        raise DataError(f"{path} has no function recipe(); expected one that returns a BuildConfig")
    parameters = inspect.signature(make).parameters.values()
    if needed := [p.name for p in parameters if p.default is p.empty and p.kind not in _VARIADIC]:
        raise DataError(
            f"recipe() in {path} needs {', '.join(needed)}; expected one without arguments that returns a "
            "BuildConfig (recipes of `locany train` are no recipes of data)"
        )
    try:
        config = make()
    except LocanyError:
        raise
    except Exception as error:  # whatever the user's file raises
        raise DataError(f"{path}: recipe() failed with {type(error).__name__}: {error}") from error
    if not isinstance(config, BuildConfig):
        raise DataError(f"recipe() in {path} returned {type(config).__name__}, expected a BuildConfig")
    return config


def load_module(path: Path) -> ModuleType:
    """A recipe as a module of its own name, so that processes find the steps that it defines.

    Raises:
        DataError: it is no Python file, or running it fails.
    """
    if not path.is_file() or path.suffix != ".py":
        raise DataError(f"no recipe at {path}; expected a Python file with recipe() -> BuildConfig")
    name = f"locany_recipe_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if (folder := str(path.parent.absolute())) not in sys.path:
        sys.path.append(folder)  # engines and steps may lie beside the recipe
    try:
        spec.loader.exec_module(module)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"the recipe {path} cannot be run: {type(error).__name__}: {error}") from error
    return module
