"""Make everything that recipes/mini_gpu.py needs on a machine without browser, fonts, icon sets and network.

    python scripts/device/prepare_mini.py [--out build/mini] [--parts 14] [--pages 480] [--workers 1]
    python scripts/device/prepare_mini.py --begin CHECKPOINT    (to go on from what came back)

Run again, it goes on where it was stopped. `out/work` holds what is made, `out/call-1`, `call-2` and `call-3`
what travels with the three calls, in files of at most 15 MiB:

    base     the vocabulary; names and pictures of the icon sets of the training split; the emoji and the
             Latin fonts that the engines write with, cut to what they use; the wheel that draws the icons;
             a held-out set to measure on
    pages-N  documents and screens, rendered here
    begin    weights and heads in 8 bits, to begin from where the other machine's disk is gone
"""

from __future__ import annotations

import argparse
import io
import lzma
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from locany.files import write_whole
from locany.pipeline.build import build
from locany.synth import emoji, fonts, lexicon, svg
from locany.synth.icons.catalogue import catalogue
from locany.synth.lexicon_words import LANGUAGES
from locany.synth.render_assets import assets_folder

ROOT = Path(__file__).resolve().parent.parent.parent
MINI = runpy.run_path(str(ROOT / "recipes" / "mini_gpu.py"))
PAGES = runpy.run_path(str(ROOT / "recipes" / "data" / "mini_pages.py"))
HELD_OUT = {"icons": 50, "scene_text": 50, "documents": 40, "gui": 40}
MAX_FILE = 15 * 2**20
NUM_CALLS = 3
MAX_TREE = 64 * 2**20  # what travels with a call, the repository included
ENDINGS = (".ttf", ".otf")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "mini")
    parser.add_argument("--parts", type=int, default=14, help="of pages, dealt to the three calls")
    parser.add_argument("--pages", type=int, default=480, help="in one part, half documents, half screens")
    parser.add_argument("--workers", type=int, default=1, help="processes that render pages")
    parser.add_argument("--python", default="3.12", help="of the other machine")
    parser.add_argument("--begin", type=Path, help="folder that train_mini.py --join has written")
    arguments = parser.parse_args()
    work = arguments.out / "work"
    base = work / "base"
    MINI["make_tokenizer"](base / "tokenizer")
    if not (base / "ready").is_file():
        pack_icons(base / "render")
        pack_fonts(base / "fonts")
        pack_wheel(base / "wheels", arguments.python)
        for engine, count in HELD_OUT.items():
            say(f"{count} of {engine} to measure on")
            build(PAGES["held_out"](engine, count), base / "held_out" / engine, workers=arguments.workers)
        write_whole(base / "ready", b"")
    first = archive(base, work)
    if arguments.begin:
        pack_begin(arguments.begin, work / "begin")
        first += archive(work / "begin", work)
    half = arguments.pages // 2
    parts = []
    for part in range(arguments.parts):
        folder = work / f"pages-{part}"
        for engine in ("documents", "gui"):
            say(f"part {part}: {half} of {engine}")
            build(PAGES["pages"](engine, half, part * half), folder / engine, workers=arguments.workers)
        parts.append(archive(folder, work))
    deal(first, parts, arguments.out)


def deal(first: list[Path], parts: list[list[Path]], out: Path) -> None:
    """Give `first` to the first call and parts to each in turn while there is room; say what travels."""
    tree = tree_bytes()
    say(f"repository: {tree / 2**20:.1f} MiB")
    left = list(parts)
    for number in range(1, NUM_CALLS + 1):
        taken = list(first) if number == 1 else []
        while left and tree + bytes_of(taken) + bytes_of(left[0]) < MAX_TREE - 2**20:
            taken += left.pop(0)
        call = out / f"call-{number}"
        shutil.rmtree(call, ignore_errors=True)
        call.mkdir(parents=True)
        for path in taken:
            os.link(path, call / path.name)
        total = tree + bytes_of(taken)
        say(f"{call.name}: {', '.join(path.name for path in taken)}; {total / 2**20:.1f} of 64 MiB in all")
        if total > MAX_TREE - 2**20:
            sys.exit(f"{call.name} is too large; make the repository or the checkpoint smaller")
    if left:
        say(f"no room for {len(left)} of {len(parts)} parts of pages")


def tree_bytes() -> int:
    """What travels with every call: the files of the repository that git does not ignore."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, capture_output=True, check=True).stdout.split(b"\0")
    paths = (ROOT / os.fsdecode(name) for name in names if name)
    return sum(path.stat().st_size for path in paths if path.is_file())


def bytes_of(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def say(text: str) -> None:
    print(text, flush=True)


def pack_icons(out: Path) -> None:
    """The pictures that the training split draws, in a folder like the one of `locany data setup`."""
    source = assets_folder()
    arts = (a for c in catalogue(MINI["NAMES"]["ICON_SETS"]).concepts.values() for a in c.arts)
    files = {a.key for a in arts if isinstance(a.key, Path)}
    names = source / "node_modules" / "emojibase-data" / "en"
    files |= {names / "data.json", *(names / "shortcodes" / f"{n}.json" for n in emoji._SHORTCODES)}
    for path in (*sorted(files), source / "ready"):
        target = out / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    assert svg.ICON_SETS, "the sets keep their folders"
    say(f"{len(files)} pictures and names of icon sets")


def pack_fonts(out: Path) -> None:
    """Latin fonts and the emoji that are drawn, and the list that `fc-list` gives of them."""
    out.mkdir(parents=True, exist_ok=True)
    letters = {c for name, e in LANGUAGES.items() if e.script == "latin" for c in lexicon.characters(name)}
    unicodes = sorted({*range(0x20, 0x7F), *range(0xA0, 0x250), *range(0x2010, 0x2045), *map(ord, letters)})
    lines = []
    for family in (f for f in fonts.FAMILIES if "latin" in f.scripts):
        for face in fonts.font_files(family):
            ending = face.path.suffix if face.path.suffix in ENDINGS else ".ttf"
            target = out / f"{family.name}-{700 if face.bold else 400}{ending}"
            cut_font(face.path, target, unicodes, face.index)
            weight = 200 if face.bold else 80
            lines.append(f"{family.css}|{weight}|0|100|False|0|@/{target.name}\n")
    (out / "fc-list.txt").write_text("".join(lines), encoding="utf-8")
    pictures = sorted({int(name.code, 16) for name in emoji.emoji_names()})
    cut_font(Path(str(emoji._font().path)), out / "emoji.ttf", pictures)
    say(f"{len(lines)} faces, {len(pictures)} emoji")


def cut_font(source: Path, target: Path, unicodes: Iterable[int], index: int = 0) -> None:
    """A font with some of its characters, unchanged."""
    from fontTools import subset, ttLib

    options = subset.Options()
    options.notdef_outline = options.glyph_names = options.hinting = options.legacy_kern = True
    options.layout_features = ["*"]
    options.name_IDs = ["*"]
    font = ttLib.TTFont(source, fontNumber=index)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=list(unicodes))
    cutter.subset(font)
    font.save(target)


def pack_wheel(out: Path, python: str) -> None:
    """The library that draws SVG, as a wheel for the other machine."""
    from importlib.metadata import version

    platforms = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
    wanted = ["--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
    wanted += [part for name in platforms for part in ("--platform", name)]
    package = f"resvg-py=={version('resvg-py')}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *wanted, "-d", str(out), package]
    subprocess.run(command, check=True)


def pack_begin(source: Path, out: Path) -> None:
    """A checkpoint and its heads with a byte for each number of a matrix, rounded row by row."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(source, out)
    for path in (out / "model" / "model.safetensors", out / "heads.safetensors"):
        rounded = {}
        for name, tensor in load_file(path).items():
            if tensor.ndim < 2:
                rounded[name] = tensor.to(torch.bfloat16)
                continue
            rows = tensor.float().flatten(1)
            scale = rows.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
            rounded[name] = (rows / scale).round().to(torch.int8).view(tensor.shape)
            rounded[f"{name}.scale"] = scale[:, 0].clone()
        save_file(rounded, path)


def archive(folder: Path, out: Path) -> list[Path]:
    """A folder as .tar.xz in which nothing depends on when it was made, in files of at most 15 MiB."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}")
            info.size = path.stat().st_size
            with open(path, "rb") as file:
                tar.addfile(info, file)
    packed = lzma.compress(stream.getvalue(), preset=6)
    files = []
    for number, at in enumerate(range(0, len(packed), MAX_FILE)):
        files.append(out / f"{folder.name}.tar.xz.{number}")
        write_whole(files[-1], packed[at : at + MAX_FILE])
    say(f"{folder.name}: {len(packed) / 2**20:.1f} MiB of {stream.tell() / 2**20:.1f}")
    return files


if __name__ == "__main__":
    main()
