"""A walk over what can be wrong: each time the right error, which says what was given and what to do.

One table. A row is a name, what a user does, the error, and pieces that its message must hold; where no error
is due because reading never fails (answers of a model), the pieces must be in the notes instead.
"""

from __future__ import annotations

import io
import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import locany
from locany import DataError, Detections, Locator, Params, RequestError, Task, load_image
from locany.codec import read_answer
from locany.draw import annotate
from locany.engine import EngineConfig, Thresholds
from locany.errors import (
    CheckpointConfigError,
    CheckpointNotFoundError,
    CheckpointTensorError,
    DeviceError,
    ImageFetchError,
    ImageLoadError,
    ImageTooLargeError,
)
from locany.image import ImageLimits

GREY = Image.new("RGB", (64, 48), (90, 90, 90))
NORM = "language_model.model.norm.weight"


@dataclass
class Desk:
    """What a row may use."""

    tmp: Path
    checkpoint: Path
    locator: Locator

    @cached_property
    def folder(self) -> Path:
        """A copy of the toy checkpoint to break."""
        folder = self.tmp / "broken"
        folder.mkdir()
        for path in self.checkpoint.iterdir():
            shutil.copyfile(path, folder / path.name)
        return folder

    def file(self, name: str, data: bytes) -> Path:
        path = self.tmp / name
        path.write_bytes(data)
        return path

    def load(self, **options: Any) -> Locator:
        return locany.load(self.folder, device="cpu", dtype="float32", **options)

    def load_with(self, name: str, data: bytes | None) -> Locator:
        """Load with one file replaced, or removed."""
        (self.folder / name).unlink()
        if data is not None:
            (self.folder / name).write_bytes(data)
        return self.load()

    def load_json(self, name: str, *path: str, value: Any) -> Locator:
        """Load with one field set; `...` removes it."""
        document = section = json.loads((self.folder / name).read_text())
        for key in path[:-1]:
            section = section[key]
        section[path[-1]] = value
        if value is ...:
            del section[path[-1]]
        return self.load_with(name, json.dumps(document).encode())

    def load_tensor(self, tensor: torch.Tensor | None) -> Locator:
        """Load with one tensor replaced, or removed."""
        tensors = load_file(self.folder / "model.safetensors")
        del tensors[NORM]
        save_file(tensors | ({} if tensor is None else {NORM: tensor}), self.folder / "model.safetensors")
        return self.load()

    def load_index(self, file: str) -> Locator:
        """Load with an index that puts a tensor elsewhere."""
        (self.folder / "model.safetensors").unlink()
        index = json.dumps({"weight_map": {NORM: file}}).encode()
        (self.folder / "model.safetensors.index.json").write_bytes(index)
        return self.load()

    def detect(self, image: Any, **options: Any) -> Detections:
        return self.locator.detect(image, "cat", **options)

    def notes(self, text: str) -> str:
        """What is said about an answer of a model."""
        words = self.locator.tokenizer
        return "\n".join(read_answer(words, words.encode(text)).dropped)


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, kind)
    return buffer.getvalue()


def found(**changes: Any) -> str:
    """A document of detections with something wrong in it."""
    detection = {"label": "cat", "box": [1, 2, 3, 4], "score": 0.5, "provenance": "parallel"}
    document = {"size": [64, 48], "detections": [detection | changes]}
    return json.dumps(document)


def some(size_wh: tuple[int, int] = (64, 48)) -> Detections:
    document = json.loads(found())
    return Detections.from_dict(document | {"size": size_wh})


def closed_file() -> io.BytesIO:
    file = io.BytesIO(encoded("PNG"))
    file.close()
    return file


def cramped(desk: Desk) -> Locator:
    locator = desk.locator
    config = EngineConfig(max_length=20)
    return Locator(locator.engine.runner.model, locator.tokenizer, locator.preprocess_config, config=config)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
Row = tuple[str, Callable[[Desk], Any], type[Exception] | None, tuple[str, ...]]

IMAGES: list[Row] = [
    ("no such image", lambda d: d.detect("gone.png"), ImageLoadError, ("gone.png", "check the spelling")),
    ("empty path", lambda d: d.detect(""), ImageLoadError, ("empty string", "name the file")),
    ("a folder", lambda d: d.detect(d.tmp), ImageLoadError, ("a folder", "one of the files in it")),
    ("an empty file", lambda d: d.detect(d.file("a.png", b"")),
     ImageLoadError, ("a.png", "0 bytes", "check")),
    ("text", lambda d: d.detect(d.file("a.png", b"hello")), ImageLoadError, ("a.png: text", "expected")),
    ("a PDF", lambda d: d.detect(d.file("a.pdf", b"%PDF-1.7\n")), ImageLoadError, ("PDF", "render the page")),
    ("an SVG", lambda d: d.detect(b"<svg></svg>"), ImageLoadError, ("<bytes>", "SVG", "render it to PNG")),
    ("a web page", lambda d: d.detect(b"<html></html>"), ImageLoadError, ("web page", "image itself")),
    ("HEIC", lambda d: d.detect(b"\0\0\0\x18ftypheic"), ImageLoadError, ("HEIC", "convert it to JPEG")),
    ("a video", lambda d: d.detect(b"\0\0\0\x18ftypisom"), ImageLoadError, ("a video", "still")),
    ("a zip file", lambda d: d.detect(b"PK\x03\x04" + bytes(30)), ImageLoadError, ("zip", "unpack it")),
    ("a numpy file", lambda d: d.detect(b"\x93NUMPY"), ImageLoadError, ("numpy array", "numpy.load")),
    ("an LFS pointer", lambda d: d.detect(LFS), ImageLoadError, ("Git LFS pointer", "git lfs pull")),
    ("half a JPEG", lambda d: d.detect(encoded("JPEG")[:400]),
     ImageLoadError, ("JPEG", "cut short", "again")),
    ("half a PNG", lambda d: d.detect(encoded("PNG")[:900]), ImageLoadError, ("PNG", "cut short", "again")),
    ("None", lambda d: d.detect(None), ImageLoadError, ("NoneType", "a path, bytes")),
    ("a list", lambda d: d.detect([[1, 2], [3, 4]]), ImageLoadError, ("type list", "convert it")),
    ("a tensor", lambda d: d.detect(torch.zeros(3, 8, 8)), ImageLoadError, ("Tensor", "numpy array")),
    ("channels first", lambda d: d.detect(np.zeros((3, 8, 8), "u1")),
     ImageLoadError, ("(3, 8, 8)", "transpose")),
    ("a batch", lambda d: d.detect(np.zeros((2, 8, 8, 3), "u1")),
     ImageLoadError, ("(2, 8, 8, 3)", "one at a time")),
    ("floats to 255", lambda d: d.detect(np.full((8, 8), 200.0)), ImageLoadError, ("200", "astype")),
    ("not a number", lambda d: d.detect(np.full((8, 8), np.nan)), ImageLoadError, ("nan", "expected")),
    ("int64", lambda d: d.detect(np.zeros((8, 8, 3), int)), ImageLoadError, ("int64", "astype(numpy.uint8)")),
    ("no pixels", lambda d: d.detect(np.zeros((0, 8, 3), "u1")), ImageLoadError, ("(0, 8, 3)", "no pixels")),
    ("a text stream", lambda d: d.detect(io.StringIO("a")), ImageLoadError, ("gives str", "binary mode")),
    ("a closed file", lambda d: d.detect(closed_file()), ImageLoadError, ("cannot be read", "'rb'")),
    ("a URL", lambda d: d.detect("https://a.org/b.png"), ImageFetchError, ("a.org/b.png", "allow_url=True")),
    ("ftp", lambda d: d.detect("ftp://a.org/b.png"), ImageFetchError, ("'ftp'", "http or https", "download")),
    ("a data URL", lambda d: d.detect("data:image/png;base64,iV"), ImageLoadError, ("data URL", "decode")),
    ("this machine", lambda d: d.detect("http://127.0.0.1/a.png", allow_url=True), ImageFetchError,
     ("127.0.0.1", "private")),
    ("many pixels", lambda d: load_image(GREY, limits=ImageLimits(max_pixels=99)), ImageTooLargeError,
     ("64 x 48 = 3,072 pixels", "at most 99", "smaller")),
    ("many bytes", lambda d: d.detect(encoded("PNG"), limits=ImageLimits(max_bytes=99)), ImageTooLargeError,
     ("bytes", "at most 99", "max_bytes")),
    ("a long strip", lambda d: d.detect(Image.new("RGB", (7168, 14))), ImageTooLargeError,
     ("7168 x 14", "at most 7140", "make it smaller")),
]  # fmt: skip

QUESTIONS: list[Row] = [
    ("empty phrase", lambda d: d.locator.ground(GREY, ""), RequestError, ("phrase is empty", "for example")),
    ("blank phrase", lambda d: d.locator.point(GREY, " \n"), RequestError, ("phrase is empty", "describe")),
    ("no string", lambda d: d.locator.refer(GREY, None),  # type: ignore[arg-type]
     RequestError, ("NoneType", "is a string")),
    ("a novel", lambda d: d.locator.gui(GREY, "x" * 2001), RequestError, ("2001 characters", "at most 2000")),
    ("no category", lambda d: d.locator.detect(GREY, []), RequestError, ("no category", "for example")),
    ("empty category", lambda d: Task.detect(["a", ""]), RequestError, ("phrase is empty", "describe")),
    ("a number", lambda d: Task.layout(3),  # type: ignore[arg-type]
     RequestError, ("int: 3", "list of strings")),
    ("a number among", lambda d: Task.detect(["a", 3]),  # type: ignore[list-item]
     RequestError, ("int: 3", "is a string")),
    ("no Task", lambda d: d.locator.locate(GREY, "cat"),  # type: ignore[arg-type]
     RequestError, ("the question is of type str", "expected a Task;", "Task.ground(")),
    ("no Task to watch", lambda d: d.locator.watch(GREY, "cat"),  # type: ignore[arg-type]
     RequestError, ("the question is of type str", "expected a Task;", "Task.ground(")),
    ("no pair", lambda d: d.locator.locate_many([GREY]), RequestError, ("question 0", "an image and a Task")),  # type: ignore[list-item]
    ("no questions", lambda d: d.locator.stream(None),  # type: ignore[arg-type]
     RequestError, ("type NoneType", "(image, task) pairs", "use locate")),
    ("unknown option", lambda d: d.detect(GREY, box=3), RequestError, ("unknown option box", "max_boxes")),
    ("a least score", lambda d: d.detect(GREY, conf=0.3), RequestError, ("found.filter(min_score=0.3)",)),
    ("overlap to ask with", lambda d: d.detect(GREY, iou=0.3), RequestError, ("found.with_nms(0.7)",)),
    ("unknown mode", lambda d: d.detect(GREY, mode="ar"), RequestError, ("'ar'", "fast, slow, hybrid")),
    ("too long", lambda d: cramped(d).detect(GREY, "cat"), RequestError, ("holds 20", "smaller or fewer")),
    ("cold", lambda d: Params(temperature=-1), RequestError, ("temperature is -1", "from 0.0 to")),
    ("nearly zero", lambda d: Params(temperature=1e-9), RequestError, ("temperature is 1e-09", "give 0")),
    ("nan", lambda d: Params(temperature=float("nan")), RequestError, ("temperature is nan", "a number")),
    ("words", lambda d: Params(temperature="hot"),  # type: ignore[arg-type]
     RequestError, ("'hot'", "a number")),
    ("top_p 0", lambda d: Params(top_p=0), RequestError, ("top_p is 0", "1 to turn it off")),
    ("top_p 1.5", lambda d: Params(top_p=1.5), RequestError, ("top_p is 1.5", "from 0.0 to 1.0")),
    ("top_k -1", lambda d: Params(top_k=-1), RequestError, ("top_k is -1", "an integer from 0")),
    ("top_k 0.5", lambda d: Params(top_k=0.5),  # type: ignore[arg-type]
     RequestError, ("top_k is 0.5", "an integer")),
    ("penalty 0", lambda d: Params(repetition_penalty=0), RequestError, ("repetition_penalty is 0", "0.01")),
    ("tokens -1", lambda d: Params(max_new_tokens=-1), RequestError, ("max_new_tokens is -1", "from 0")),
    ("boxes True", lambda d: Params(max_boxes=True), RequestError, ("max_boxes is True", "an integer")),
    ("huge seed", lambda d: Params(seed=2**63), RequestError, ("seed is 9223372036854775808", "from 0 to")),
    ("compat yes", lambda d: Params(compat="yes"),  # type: ignore[arg-type]
     RequestError, ("'yes'", "True or False")),
    ("thresholds", lambda d: Params(thresholds={}),  # type: ignore[arg-type]
     RequestError, ("{}", "Thresholds object")),
    ("candidates", lambda d: Thresholds(num_candidates=0),
     RequestError, ("num_candidates is 0", "at least 1")),
    ("no rows", lambda d: d.load(max_rows=0), RequestError, ("max_rows is 0", "at least 1")),
    ("device", lambda d: locany.load(d.folder, device="gpu"), DeviceError, ("'gpu'", "expected auto, cpu")),
    ("no such GPU", lambda d: locany.load(d.folder, device="cuda:99"),
     DeviceError, ("'cuda:99'", "available")),
    ("float16", lambda d: locany.load(d.folder, dtype="half"), DeviceError, ("float16", "use bfloat16 or")),
    ("dtype", lambda d: locany.load(d.folder, dtype="int8"), DeviceError, ("'int8'", "expected auto")),
]  # fmt: skip

RESULTS: list[Row] = [
    ("no JSON", lambda d: Detections.from_json("{"), DataError, ("not JSON", "column 2")),
    ("a JSON list", lambda d: Detections.from_json("[]"), DataError, ("not a detections document",)),
    ("no size", lambda d: Detections.from_json('{"detections": []}'), DataError, ("KeyError: 'size'",)),
    ("three numbers", lambda d: Detections.from_json(found(box=[1, 2, 3])), DataError, ("[1, 4]", "(1, 3)")),
    ("a score of 2", lambda d: Detections.from_json(found(score=2)), DataError, ("scores must be in 0..1",)),
    ("inside out", lambda d: Detections.from_json(found(box=[3, 4, 1, 2])), DataError, ("order_corners",)),
    ("provenance", lambda d: Detections.from_json(found(provenance="luck")), DataError, ("'luck'",)),
    ("two images", lambda d: Detections.merge([some(), some((9, 9))]), RequestError, ("(9, 9)", "one image")),
    ("COCO", lambda d: some().to_coco(1, {"dog": 1}), RequestError, ("'cat'", "filter them out")),
    ("another picture", lambda d: annotate(GREY, some((9, 9))),
     RequestError, ("(64, 48)", "the original")),
    ("no picture", lambda d: annotate(None, some()), RequestError, ("no image", "pass the one")),
]  # fmt: skip

FOLDERS: list[Row] = [
    ("no such folder", lambda d: locany.load(d.tmp / "gone"),
     CheckpointNotFoundError, ("gone", "config.json")),
    ("no name", lambda d: locany.load("mini!"), CheckpointNotFoundError, ("'mini!'", "'organisation/name'")),
    ("not cached", lambda d: locany.load("no-one/none", allow_download=False), CheckpointNotFoundError,
     ("no-one/none", "not allowed", "hf download")),
    ("a file", lambda d: locany.load(d.file("a", b"")), CheckpointNotFoundError, ("is a file", "the folder")),
    ("no config", lambda d: d.load_with("config.json", None),
     CheckpointNotFoundError, ("config.json", "give")),
    ("torn config", lambda d: d.load_with("config.json", b"{"),
     CheckpointConfigError, ("config.json", "again")),
    ("another model", lambda d: d.load_json("config.json", "model_type", value="llava"),
     CheckpointConfigError,
     ("'llava'", "LocateAnything checkpoint")),
    ("no field", lambda d: d.load_json("config.json", "text_config", "rope_theta", value=...),
     CheckpointConfigError, ("config.json", "text_config.rope_theta is missing")),
    ("a wrong type", lambda d: d.load_json("config.json", "text_config", "hidden_size", value="64"),
     CheckpointConfigError, ("hidden_size is '64'", "expected int")),
    ("heads", lambda d: d.load_json("config.json", "text_config", "num_attention_heads", value=7),
     CheckpointConfigError, ("7 heads", "multiple of 2")),
    ("rope scaling", lambda d: d.load_json("config.json", "text_config", "rope_scaling", value={}),
     CheckpointConfigError, ("rope_scaling is {}", "only null")),
    ("own head", lambda d: d.load_json("config.json", "text_config", "tie_word_embeddings", value=False),
     CheckpointConfigError, ("tie_word_embeddings is False", "only a head tied")),
    ("small blocks", lambda d: d.load_json("config.json", "text_config", "block_size", value=5),
     CheckpointConfigError, ("block_size is 5", "a box takes 6")),
    ("image token", lambda d: d.load_json("config.json", "image_token_index", value=-1),
     CheckpointConfigError,
     ("image_token_index -1", "outside the vocabulary")),
    ("box id", lambda d: d.load_json("config.json", "box_start_token_id", value=5), CheckpointConfigError,
     ("box_start_token_id is 5", "gives <box> the id 545")),
    ("coordinates", lambda d: d.load_json("config.json", "coord_end_token_id", value=3),
     CheckpointConfigError,
     ("coord_end_token_id is 3", "not behind")),
    ("None", lambda d: d.load_json("config.json", "none_token_id", value=545), CheckpointConfigError,
     ("none_token_id is 545", "an ordinary word")),
    ("no vocabulary", lambda d: d.load_with("vocab.json", None), CheckpointNotFoundError,
     ("missing vocab.json", "the tokenizer files")),
    ("torn vocabulary", lambda d: d.load_with("vocab.json", b"[1"), CheckpointConfigError,
     ("vocab.json", "download the file again")),
    ("a gap", lambda d: d.load_json("added_tokens.json", "</c>", value=9999), CheckpointConfigError,
     ("added_tokens.json", "without gaps")),
    ("merges", lambda d: d.load_with("merges.txt", b"#version: 0.2\na b c\n"), CheckpointConfigError,
     ("merges.txt, line 2", "'a b c'", "two tokens")),
    ("no preprocessing", lambda d: d.load_with("preprocessor_config.json", None), CheckpointNotFoundError,
     ("preprocessor_config.json", "again")),
    ("a mean of two", lambda d: d.load_json("preprocessor_config.json", "image_mean", value=[0.5, 0.5]),
     CheckpointConfigError, ("image_mean is [0.5, 0.5]", "three finite numbers")),
    ("other patches", lambda d: d.load_json("preprocessor_config.json", "patch_size", value=16),
     CheckpointConfigError, ("patch size is 14", "is 16", "different checkpoints")),
    ("no weights", lambda d: d.load_with("model.safetensors", None), CheckpointNotFoundError,
     ("model.safetensors", "copy or download")),
    ("pickles", lambda d: (d.folder / "model.safetensors").rename(d.folder / "model.bin") and d.load(),
     CheckpointNotFoundError, ("model.bin", "convert them to safetensors")),
    ("torn weights", lambda d: d.load_with("model.safetensors", struct.pack("<Q", 9) + b"{"),
     CheckpointTensorError, ("model.safetensors", "cut short", "again")),
    ("weights of LFS", lambda d: d.load_with("model.safetensors", LFS),
     CheckpointTensorError, ("git lfs pull",)),
    ("no tensor", lambda d: d.load_tensor(None), CheckpointTensorError, (NORM, "missing", "again")),
    ("a shape", lambda d: d.load_tensor(torch.zeros(7)), CheckpointTensorError, (NORM, "[7], expected [96]")),
    ("a dtype", lambda d: d.load_tensor(torch.zeros(96, dtype=torch.int8)), CheckpointTensorError,
     ("is I8", "before its quantisation")),
    ("a way out", lambda d: d.load_index("../a.safetensors"),
     CheckpointConfigError, ("'../a.", "same folder")),
    ("a lost shard", lambda d: d.load_index("b.safetensors"),
     CheckpointNotFoundError, ("b.safetensors", "again")),
]  # fmt: skip

ANSWERS: list[Row] = [
    ("cut in a box", lambda d: d.notes("<box><1><2><3>"),
     None, ("a box cut short, with 3", "<box><1><2><3>")),
    ("one coordinate", lambda d: d.notes("<box><1></box>"), None, ("a box with 1 coordinates",)),
    ("five", lambda d: d.notes("<box><1><2><3><4><5></box>"), None, ("a box with 5 coordinates",)),
    ("words in a box", lambda d: d.notes("<box><1>cat</box>"),
     None, ("other tokens than coordinates", "cat")),
    ("an open box", lambda d: d.notes("<box><1><2><3><4><|im_end|>"), None, ("mended (it is not closed)",)),
    ("null in a box", lambda d: d.notes("<box><1><null><2></box>"), None, ("mended (padding inside)",)),
    ("corners", lambda d: d.notes("<box><9><2><3><4></box>"), None, ("corners put in order",)),
    ("chatter", lambda d: d.notes("cat<box><1><2></box>"), None, ("between items", "cat")),
    ("after the end", lambda d: d.notes("<|im_end|><box>"), None, ("1 token after the end", "<box>")),
    ("a label alone", lambda d: d.notes("<ref>cat</ref>"), None, ("label 'cat' without a box",)),
    ("an empty label", lambda d: d.notes("<ref> </ref><box><1><2></box>"), None, ("an empty label",)),
    ("an open label", lambda d: d.notes("<ref>cat<box><1><2></box>"), None, ("label 'cat' is not closed",)),
    ("a box as label", lambda d: d.notes("<ref>cat<3></ref><box><1><2></box>"),
     None, ("do not belong in a label",)),
]  # fmt: skip

TABLE = [*IMAGES, *QUESTIONS, *RESULTS, *FOLDERS, *ANSWERS]


@pytest.fixture(scope="module")
def locator(checkpoint: Path) -> Locator:
    return locany.load(checkpoint, device="cpu", dtype="float32")


@pytest.mark.parametrize(
    ("act", "error", "pieces"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_bad_input(
    act: Callable[[Desk], Any],
    error: type[Exception] | None,
    pieces: tuple[str, ...],
    tmp_path: Path,
    checkpoint: Path,
    locator: Locator,
) -> None:
    desk = Desk(tmp_path, checkpoint, locator)
    if error is None:
        message = act(desk)
    else:
        with pytest.raises(error) as caught:
            act(desk)
        assert type(caught.value) is error
        assert isinstance(caught.value, locany.LocanyError)
        message = str(caught.value)
    for piece in pieces:
        assert piece in message, message
    assert len(message) < 900
    assert locator.engine.scheduler.is_idle


def test_the_table_is_long_and_repeats_nothing() -> None:
    assert len(TABLE) >= 70
    seen = [(error, pieces) for _, _, error, pieces in TABLE]
    assert len(set(seen)) >= len(TABLE) - 3  # an empty phrase is an empty phrase
