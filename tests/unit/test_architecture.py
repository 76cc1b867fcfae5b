"""The picture of the house, held against the imports: a change of shape is a decision, not an accident."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import locany

ROOT = Path(locany.__file__).parent
MAX_LINES = 420  # about 400 is where a file asks to be two

# Imports point down only; rooms on one level do not import each other, but for the two lines below.
LEVELS: dict[int, set[str]] = {
    6: {"__main__"},  # python -m locany: the same as the command
    5: {"cli", "serve", "integrations"},
    4: {"train", "eval", "pipeline"},
    3: {"locator", "draw", "synth"},
    2: {"engine", "weights", "data", "closer"},
    1: {"image", "codec", "model"},
    0: {
        "errors",
        "device",
        "geometry",
        "tasks",
        "results",
        "detection",
        "labels",
        "notebook",
        "version",
        "files",
        "fixed_list",
        "numeric",
        "wording",
    },
}
LEVEL_OF = {room: level for level, rooms in LEVELS.items() for room in rooms}
NEIGHBOURS = {("cli", "serve")}  # and the nouns of level 0, which may know each other without a cycle

NOT_IMPORTED = {  # room: what it must do without, besides what the levels forbid
    "codec": {"torch", "locany.image", "locany.model"},
    "image": {"torch", "locany.codec", "locany.model"},
    "model": {"locany.image", "locany.codec", "PIL"},
    "engine": {"locany.image", "locany.data", "locany.weights", "PIL"},
    "tasks": {"torch", "numpy", "PIL"},
    "errors": {"torch", "numpy", "PIL", "locany"},
    "geometry": {"torch", "PIL"},
    "results": {"torch"},
}

PUBLIC = [
    *("CheckpointError", "DataError", "DecodeMode", "Detection", "Detections", "DeviceError", "ImageError"),
    "ImageLimits",
    *("LocanyError", "Locator", "MissingExtraError", "Params", "Provenance", "RequestError", "Task"),
    *("TaskKind", "__version__", "annotate", "load", "load_image"),
]

MODULES = sorted(ROOT.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The part of the house: the second part of a dotted name; "" for the package itself and strangers."""
    parts = module.split(".")
    return parts[1] if parts[0] == "locany" and len(parts) > 1 else ""


def imports_of(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, inside functions and typing guards, too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are written in full"
            assert node.module
            # `from locany import geometry` and `from locany.synth import icons` name modules, too.
            is_module = (ROOT.parent.joinpath(*node.module.split("."))).is_dir()
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                path_of_it = ROOT.parent.joinpath(*inner.split("."))
                exists = path_of_it.is_dir() or path_of_it.with_suffix(".py").is_file()
                found.add(inner if is_module and exists else node.module)
    return found


def of_package(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] == "locany"}


IMPORTS = {name_of(path): imports_of(path) for path in MODULES}
ROOMS = sorted({room_of(name) for name in IMPORTS} - {""})


def test_every_room_has_its_place() -> None:
    assert set(ROOMS) <= set(LEVEL_OF), "a new room belongs into the picture, and into the design"


def test_imports_point_down() -> None:
    wrong = []
    for module, imported in IMPORTS.items():
        room = room_of(module)
        if not room:
            continue
        for name in sorted(of_package(imported)):
            other = room_of(name)
            siblings = LEVEL_OF[room] == 0 or (room, other) in NEIGHBOURS
            if not other:
                # The package itself holds nothing but the version.
                wrong += [f"{module} imports the package itself"] * (LEVEL_OF[room] < 5)
            elif other != room and not (
                LEVEL_OF[other] < LEVEL_OF[room] or (siblings and LEVEL_OF[other] == LEVEL_OF[room])
            ):
                wrong.append(f"{module} (level {LEVEL_OF[room]}) imports {name} (level {LEVEL_OF[other]})")
    assert not wrong, "\n".join(wrong)


def test_no_cycles() -> None:
    """Over all imports, deferred ones included; an import of a package counts as one of its __init__."""
    graph = {
        module: {name for name in of_package(imported) if name in IMPORTS and name != module}
        for module, imported in IMPORTS.items()
        if module != "locany"  # it imports its names when they are used
    }
    done: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done or module not in graph:
            return
        path.append(module)
        for name in sorted(graph[module]):
            visit(name)
        path.pop()
        done.add(module)

    for module in graph:
        visit(module)


@pytest.mark.parametrize("room", sorted(NOT_IMPORTED))
def test_what_a_room_does_without(room: str) -> None:
    wrong = []
    for module, imported in IMPORTS.items():
        if room_of(module) == room:
            for name in imported:
                parts = name.split(".")
                prefixes = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
                wrong += [f"{module} imports {name}"] * bool(prefixes & NOT_IMPORTED[room])
    assert not wrong, "\n".join(wrong)


def test_public_names() -> None:
    assert sorted(locany.__all__) == sorted(PUBLIC)
    assert dir(locany) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(locany, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'detect'"):
        locany.detect  # noqa: B018


def test_public_names_survive_the_import_of_their_modules() -> None:
    """A module named like a public function takes its place as soon as somebody imports the module."""
    script = "import locany.draw, locany; sys.exit(not callable(locany.annotate))"
    assert subprocess.run([sys.executable, "-c", f"import sys; {script}"], check=False).returncode == 0


@pytest.mark.parametrize("module", [m for m in IMPORTS if m.count(".") == 1])
def test_names_that_a_package_offers_exist(module: str) -> None:
    package = import_module(module)
    for name in getattr(package, "__all__", []):
        assert hasattr(package, name), f"{module}.{name}"


def loaded_by(code: str) -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after some code."""
    heavy = ["torch", "numpy", "PIL", "safetensors", "tokenizers", "huggingface_hub", "cyclopts"]
    script = f"import sys\n{code}\nprint(*[m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_is_cheap() -> None:
    assert loaded_by("import locany; locany.__version__, locany.__all__") == set()
    assert loaded_by("import locany; locany.Task, locany.LocanyError") == set()
    assert loaded_by("import locany.codec") <= {"tokenizers", "huggingface_hub", "numpy"}
    assert "torch" not in loaded_by("import locany; locany.load_image, locany.Detections, locany.annotate")


def test_files_stay_readable() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}
    assert not [name for name in IMPORTS if "utils" in name or "helpers" in name]


def test_every_file_says_what_it_is() -> None:
    texts = {name_of(path): path.read_text(encoding="utf-8") for path in MODULES}
    silent = [name for name, text in texts.items() if text.strip() and not ast.get_docstring(ast.parse(text))]
    assert not silent


def test_the_test_sees_imports() -> None:
    """A reader that found nothing would pass everything."""
    assert {"locany.codec", "locany.engine", "locany.image", "torch"} <= IMPORTS["locany.locator"]
    assert "torch" in IMPORTS["locany.device"]  # inside a function
    assert "locany.geometry" in IMPORTS["locany.image.resize"]  # from locany import geometry
    assert "locany.synth.assets" in IMPORTS["locany.synth.icons"]  # from locany.synth import assets
    assert len(IMPORTS) > 40
