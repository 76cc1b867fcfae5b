"""Copy a small part of a golden folder to `golden/` beside this file, in the same format.

    python tests/parity/make_subset.py DIR

The tests of the repository run on the copy; `check.py` runs on either. Which records are kept follows from
what they are (kinds, modes, sizes), never from their names.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file

_REPO = Path(__file__).resolve().parents[2]
TARGET = Path(__file__).resolve().parent / "golden"
MAX_BYTES = 4_500_000
# What no code of ours reads, and large.
_UNREAD = ("special_tokens_map.json", "tokenizer_config.json")
_LARGE_ARRAY = 20_000  # bytes of pixel values that one preprocessing record may bring

Record = TypeVar("Record")


def cover(records: Sequence[Record], key: Callable[[Record], Hashable], limit: int) -> list[Record]:
    """At most `limit` records, in their order: the first of every kind, then an even sample of the rest."""
    first: dict[Hashable, int] = {}
    for number, record in enumerate(records):
        first.setdefault(key(record), number)
    chosen = list(first.values())[:limit]
    others = [number for number in range(len(records)) if number not in set(chosen)]
    room = min(limit - len(chosen), len(others))
    chosen += [others[i * len(others) // room] for i in range(room)]
    return [records[number] for number in sorted(chosen)]


def main(source: Path) -> None:
    """Write the copy anew and say how large it is."""
    shutil.rmtree(TARGET, ignore_errors=True)
    copy_checkpoint(source / "tiny-checkpoint", TARGET / "tiny-checkpoint")
    copy_preprocess(source / "preprocess", TARGET / "preprocess")
    copy_vision(source / "vision", TARGET / "vision")
    copy_language(source / "language", TARGET / "language")
    copy_decode(source / "decode", TARGET / "decode")
    copy_generate(source / "generate", TARGET / "generate")
    copy_training(source / "training", TARGET / "training")
    text = "Part of the project's golden vectors, written by `make_subset.py`. Not to be edited.\n"
    (TARGET / "README.md").write_text(text, encoding="utf-8")
    size = sum(path.stat().st_size for path in TARGET.rglob("*") if path.is_file())
    print(f"{size:,} bytes in {TARGET.name}/")
    if size > MAX_BYTES:
        raise SystemExit(f"more than {MAX_BYTES:,} bytes: keep fewer records")


def copy_checkpoint(source: Path, target: Path) -> None:
    """All files that are read; the head without its copy of the embedding, which may be absent."""
    from locany.weights.names import EMBEDDING_NAME, HEAD_NAME

    for path in sorted(source.iterdir()):
        if path.suffix != ".safetensors" and path.name not in _UNREAD:
            _copy(path, target / path.name)
    tensors = load_file(source / "model.safetensors")
    if HEAD_NAME in tensors and torch.equal(tensors[HEAD_NAME], tensors[EMBEDDING_NAME]):
        del tensors[HEAD_NAME]
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    (target / "model.safetensors").chmod(0o644)  # the library writes for the owner alone


def copy_preprocess(source: Path, target: Path) -> None:
    """Small pictures of every mode, and the refusals."""
    golden = _read(source / "preprocess.json")
    arrays = np.load(source / "pixel_values.npz")

    def key_of(case: dict[str, Any]) -> str | None:
        return case.get("npz_key") or case.get("npz_key_patches")

    def is_small(case: dict[str, Any]) -> bool:
        size = (source / case["file"]).stat().st_size
        stored = arrays[key_of(case)].nbytes if key_of(case) else 0
        return size < _LARGE_ARRAY // 2 and stored < _LARGE_ARRAY

    small = [case for case in golden["cases"] if is_small(case)]
    cases = cover(small, lambda case: (case["mode"], case.get("path"), "error" in case), limit=10)
    for case in cases:
        _copy(source / case["file"], target / case["file"])
    kept = {key: arrays[key] for key in map(key_of, cases) if key}
    np.savez_compressed(target / "pixel_values.npz", **kept)
    _write(target / "preprocess.json", {**golden, "cases": cases})


def copy_vision(source: Path, target: Path) -> None:
    """The smallest case of each number of images."""
    records = _read(source / "vision.json")
    records.sort(key=lambda record: (source / f"{record['name']}.safetensors").stat().st_size)
    _copy_cases(source, target, cover(records, lambda record: len(record["images"]), limit=2), "vision.json")


def copy_language(source: Path, target: Path) -> None:
    """The smallest case of each mode."""
    records = _read(source / "language.json")
    records.sort(key=lambda record: (source / f"{record['name']}.safetensors").stat().st_size)
    modes = {record["mode"] for record in records}
    _copy_cases(source, target, cover(records, lambda record: record["mode"], len(modes)), "language.json")


def copy_decode(source: Path, target: Path) -> None:
    """All patterns; blocks of every outcome in both layouts and with every kind of parameter."""
    for name in ("layouts.json", "patterns.json"):
        _copy(source / name, target / name)

    def kind(record: dict[str, Any]) -> Hashable:
        return record["layout"], record["fast"]["type"], record["hybrid"]["type"], tuple(record["params"])

    _write(target / "blocks.json", cover(_read(source / "blocks.json"), kind, limit=40))


def copy_generate(source: Path, target: Path) -> None:
    """Answers with and without fallback, with one image and several, in one turn and several; scripts."""

    def kind(record: dict[str, Any]) -> Hashable:
        falls_back = any(run["switch_to_ar"] for run in record["runs"])
        return len(record["messages"]), len(record["grid_hws"]), falls_back

    records = cover(_read(source / "generate.json"), kind, limit=6)
    for record in records:
        for message in record["messages"]:
            for item in message["content"] if not isinstance(message["content"], str) else ():
                if item["type"] == "image":
                    _copy(source / item["image"], target / item["image"])
    _write(target / "generate.json", records)
    scripts = _read(source / "scripted.json")
    _write(target / "scripted.json", cover(scripts, lambda script: script["mode"], limit=6))


def copy_training(source: Path, target: Path) -> None:
    """All samples and packs: they are small."""
    shutil.copytree(source, target)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # the source may be read-only


def _copy_cases(source: Path, target: Path, records: Sequence[dict[str, Any]], index: str) -> None:
    for record in records:
        for name in [*record["images"], f"{record['name']}.safetensors"]:
            _copy(source / name, target / name)
    _write(target / index, records)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, value: Any) -> None:
    """Plain JSON; a list has one record per line, so that a change shows as the lines it touches."""
    if isinstance(value, dict):
        text = json.dumps(value, indent=1)
    else:
        text = "[\n" + ",\n".join(json.dumps(record, separators=(",", ":")) for record in value) + "\n]"
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/parity/make_subset.py DIR")
    sys.path.insert(0, str(_REPO))
    main(Path(sys.argv[1]))
