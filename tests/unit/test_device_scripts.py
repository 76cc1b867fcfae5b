"""The scripts for a borrowed GPU: what is packed is what is unpacked, and damage is noticed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import runpy
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file

from locany.errors import DataError
from locany.synth.renderer import engine
from locany.synth.splits import HELD_OUT
from tests.unit.scripts import load_script

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def train_mini() -> ModuleType:
    return load_script("scripts/device/train_mini.py")


@pytest.fixture(scope="module")
def prepare_mini() -> ModuleType:
    pytest.importorskip("fontTools")
    return load_script("scripts/device/prepare_mini.py")


def test_a_beginning_is_rounded_to_a_byte_and_back(
    train_mini: ModuleType, prepare_mini: ModuleType, tmp_path: Path
) -> None:
    source, packed = tmp_path / "source", tmp_path / "packed"
    (source / "model").mkdir(parents=True)
    weights = {"a": torch.randn(32, 48), "table": torch.randn(4, 5, 6), "norm": torch.rand(7)}
    save_file(weights, source / "model" / "model.safetensors")
    save_file({"b": torch.zeros(3, 3)}, source / "heads.safetensors")
    (source / "progress.json").write_text('{"step": 3}')
    prepare_mini.pack_begin(source, packed)
    size = (packed / "model" / "model.safetensors").stat().st_size
    assert size < 0.5 * (source / "model" / "model.safetensors").stat().st_size
    assert train_mini.open_begin(packed) == {"step": 3}
    found = load_file(packed / "model" / "model.safetensors")
    assert found.keys() == weights.keys()
    for name, tensor in weights.items():
        error = (found[name].float() - tensor).norm() / tensor.norm()
        assert error < 0.02
    assert not load_file(packed / "heads.safetensors")["b"].any()


def test_nothing_to_begin_from(train_mini: ModuleType, tmp_path: Path) -> None:
    assert train_mini.open_begin(tmp_path) is None


def test_archives_are_cut_and_joined(
    train_mini: ModuleType,
    prepare_mini: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("LOCANY_RENDER_ASSETS", "")
    monkeypatch.setattr(prepare_mini, "MAX_FILE", 1000)
    base, out, work = tmp_path / "base", tmp_path / "out", tmp_path / "work"
    (base / "fonts").mkdir(parents=True)
    out.mkdir()
    content = bytes(torch.randint(0, 256, (12_000,)).tolist())
    (base / "noise").write_bytes(content)
    (base / "fonts" / "fc-list.txt").write_text("Inter|80|0|100|False|0|@/inter.ttf\n")
    assert len(prepare_mini.archive(base, out)) > 10
    train_mini.unpack(out, work)
    assert (work / "base" / "noise").read_bytes() == content
    listed = subprocess.run(["fc-list", "--format", "x"], capture_output=True, text=True, check=True)
    assert listed.stdout == f"Inter|80|0|100|False|0|{work}/base/fonts/inter.ttf\n"
    emoji = subprocess.run(
        ["fc-list", ":family=Noto Color Emoji", "file"], capture_output=True, text=True, check=True
    )
    assert emoji.stdout.startswith(f"{work}/base/fonts/emoji.ttf:")


def test_parts_of_different_deliveries_are_refused(train_mini: ModuleType, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w"):
        pass
    (tmp_path / "checkpoint.tar.0").write_bytes(stream.getvalue() + b"x")
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    (tmp_path / "report.json").write_text(json.dumps({"parts": 1, "sha256": digest}))
    with pytest.raises(SystemExit, match="not those of the report"):
        train_mini.join(tmp_path, tmp_path / "to")


def test_steps_are_made_ahead_in_order_and_errors_arrive(train_mini: ModuleType) -> None:
    def made() -> Iterator[int]:
        yield from range(5)
        raise ValueError("no more")

    found = train_mini.ahead(made())
    assert [next(found) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match="no more"):
        next(found)


def test_progress_survives_json(train_mini: ModuleType) -> None:
    fields = {"packs": 7, "lanes": {"3": {"drawn": 9, "waiting": [[12, 1], [15, 0]]}}}
    found = train_mini.progress_of(fields)
    assert found.packs == 7
    assert found.lanes[3].drawn == 9
    assert found.lanes[3].waiting == ((12, 1), (15, 0))


@pytest.mark.usefixtures("needs_render")
def test_the_recipe_draws_nothing_that_is_held_out() -> None:
    recipe = runpy.run_path(str(ROOT / "recipes" / "mini_gpu.py"))
    for name, config, *_ in (*recipe["RENDERED"], *recipe["FROM_BROWSER"]):
        used = engine(name).names_used(config)
        assert config.split == "train"
        assert not {n for kind, names in used.items() for n in names if n in HELD_OUT[kind]}


def test_the_recipe_asks_for_its_preparation(tmp_path: Path) -> None:
    recipe = runpy.run_path(str(ROOT / "recipes" / "mini_gpu.py"))["recipe"]
    with pytest.raises(DataError, match="prepare_mini"):
        recipe(travel=str(tmp_path))


@pytest.mark.parametrize("name", ["../outside", "/outside", "link"])
def test_an_archive_writes_below_its_folder_only(train_mini: ModuleType, tmp_path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    if name == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(member)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as tar, pytest.raises(SystemExit, match="no plain file"):
        train_mini.extract(tar, tmp_path / "in")
    assert not list(tmp_path.rglob("*"))
