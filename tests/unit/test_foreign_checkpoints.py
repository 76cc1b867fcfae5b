"""Checkpoints as other tools leave them, caches that somebody else owns, images with a history."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import locany
from locany.codec import Tokenizer
from locany.draw import annotate
from locany.errors import CheckpointConfigError, CheckpointNotFoundError, CheckpointTensorError, RequestError
from locany.image import load_image
from locany.model import LocateConfig
from locany.results import Detections
from locany.weights import fetch
from locany.weights.fetch import find_checkpoint
from locany.weights.merge import token_ids_of
from locany.weights.quantize import quantize_checkpoint
from locany.weights.stored import read_preprocess
from tests.unit.test_locator import copied

RED = Image.new("RGB", (84, 56), (200, 30, 30))


@pytest.fixture(name="copied")
def copied_checkpoint(checkpoint: Path, tmp_path: Path) -> Path:
    return copied(checkpoint, tmp_path / "model")


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


# -- as transformers 5 writes them ------------------------------------------------------------------------


def test_fields_where_transformers_5_puts_them(copied: Path) -> None:
    expected = locany.load(copied, device="cpu", dtype="float32").detect(RED, "cat", max_new_tokens=12)
    text = json.loads((copied / "config.json").read_text())["text_config"]
    theta = text.pop("rope_theta")
    change(copied / "config.json", text_config={**text, "rope_parameters": {"rope_theta": theta}})
    cutting = json.loads((copied / "preprocessor_config.json").read_text())
    (copied / "preprocessor_config.json").unlink()
    (copied / "processor_config.json").write_text(json.dumps({"image_processor": cutting}))
    found = locany.load(copied, device="cpu", dtype="float32").detect(RED, "cat", max_new_tokens=12)
    assert found.answer == expected.answer
    assert read_preprocess(copied)[1].endswith("processor_config.json")


@pytest.mark.parametrize("given", [{"rope_type": "yarn", "rope_theta": 1e6}, {"rope_type": "default"}, {}])
def test_other_rotations_are_refused(given: dict[str, Any], copied: Path) -> None:
    raw = json.loads((copied / "config.json").read_text())
    del raw["text_config"]["rope_theta"]
    raw["text_config"]["rope_parameters"] = given
    with pytest.raises(CheckpointConfigError, match="rope_"):
        LocateConfig.from_json(raw)


def test_what_is_missing_is_told_before_the_weights_are_read(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copied / "preprocessor_config.json").unlink()
    monkeypatch.setattr(locany.locator, "load_model", lambda *_, **__: pytest.fail("weights were read"))
    with pytest.raises(CheckpointNotFoundError, match=r"preprocessor_config\.json"):
        locany.load(copied, device="cpu")


def test_the_formulation_goes_along(copied: Path, tmp_path: Path) -> None:
    change(copied / "config.json", formulation="tokens")
    assert token_ids_of(copied)["formulation"] == "tokens"
    quantize_checkpoint(copied, tmp_path / "small", "int8")
    before, after = (Tokenizer.from_folder(f).vocab.formulation for f in (copied, tmp_path / "small"))
    assert before is after
    assert after.value == "tokens"


# -- caches -----------------------------------------------------------------------------------------------


def test_weights_alone_are_no_checkpoint(copied: Path) -> None:
    fetch._verify(copied)
    for name in ("vocab.json", "tokenizer.json"):
        (copied / name).unlink(missing_ok=True)
    with pytest.raises(CheckpointNotFoundError, match="no vocabulary"):
        fetch._verify(copied)


def test_damage_in_a_cache_of_somebody_else(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = copied / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(CheckpointTensorError, match=r"cut short.*could not be removed.*delete it by hand"):
        fetch._verify(copied)


def test_weights_that_cannot_be_read_are_not_damaged(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("locany.weights.stored.safe_open", fail)
    with pytest.raises(CheckpointNotFoundError, match=r"cannot be read: .*Input/output error"):
        fetch._verify(copied)
    assert (copied / "model.safetensors").is_file()


@pytest.mark.parametrize("name", ["~nosuchuser/model", "x" * 300])
def test_names_that_cannot_be_looked_at(name: str) -> None:
    with pytest.raises(CheckpointNotFoundError):
        find_checkpoint(name, allow_download=False)


# -- images -----------------------------------------------------------------------------------------------


def palette_png(transparency: Any) -> Image.Image:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    file = io.BytesIO()
    image.save(file, "PNG", transparency=transparency)
    return Image.open(io.BytesIO(file.getvalue()))


def test_a_transparent_colour_of_another_mode_is_passed_over() -> None:
    image = palette_png(b"\x00\xff")
    for mode in ("1", "L", "RGB"):
        stale = image.convert("YCbCr").convert("RGB").convert(mode)
        stale.info["transparency"] = b"\x00\xff"
        assert load_image(stale).pixels.shape == (4, 4, 3)
    assert load_image(palette_png(1)).pixels[0, 0].tolist() == [255, 255, 255], "a real one is white"


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(np.full((4, 4), 20000, np.uint16)),
        Image.new("RGBA", (4, 4), (0, 0, 0, 0)),
        Image.new("LA", (4, 4), (0, 0)),
        np.zeros((4, 4, 4), np.uint8),
        np.full((4, 4), 0.5, np.float32),
        np.full((4, 4, 3), 40000, np.uint16),
        np.ones((4, 4), bool),
    ],
    ids=["16 bits", "RGBA", "LA", "four channels", "floats", "uint16", "bool"],
)
def test_what_is_drawn_on_is_what_the_model_saw(image: Any) -> None:
    nothing = Detections.from_dict({"size": [4, 4], "detections": []})
    assert np.array_equal(np.asarray(annotate(image, nothing)), load_image(image).pixels)


def test_drawing_with_the_rotation_that_was_asked_with() -> None:
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    image.getexif()[0x0112] = 3
    nothing = Detections.from_dict({"size": [4, 4], "detections": []})
    for exif in (True, False):
        seen = load_image(image, exif=exif).pixels
        assert np.array_equal(np.asarray(annotate(image, nothing, exif=exif)), seen)
    with pytest.raises(RequestError, match="cannot be drawn on"):
        annotate(np.zeros((2, 4, 4, 3), np.uint8), nothing)


def test_merging_into_float16_knows_its_base(copied: Path, tmp_path: Path) -> None:
    from locany.weights.adapter import Adapter, write_adapter
    from locany.weights.apply import fingerprint
    from locany.weights.load import load_model
    from locany.weights.merge import merge_adapter

    model = load_model(copied, device="cpu", dtype=torch.float32)
    pairs = {
        name: (torch.zeros(2, part.in_features), torch.zeros(part.out_features, 2))
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.Linear) and name.endswith(".q")
    }
    write_adapter(Adapter(2, 2.0, pairs, base=fingerprint(model)), tmp_path / "adapter")
    merge_adapter(copied, tmp_path / "adapter", tmp_path / "merged", dtype=torch.float16)
    merged = load_model(tmp_path / "merged", device="cpu", dtype=torch.float32)
    for name in pairs:
        weights = [m.get_submodule(name).weight for m in (merged, model)]
        assert torch.allclose(*weights, atol=1e-3)
