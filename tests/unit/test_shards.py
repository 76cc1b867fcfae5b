"""locany.data.shards, parquet, shard_folder: what is written is read, and damage is named."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import tarfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from locany.data.entry import Entry, pack
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.data.shard_folder import ShardFolder
from locany.data.shards import (
    marker_of,
    read_marker,
    read_shards,
    tar_bytes,
    verify_shard,
    write_shard,
)
from locany.errors import DataError
from locany.files import write_whole
from locany.tasks import Task
from tests.unit import squares

SUFFIXES = ("tar", "parquet")

coordinates = st.floats(0, 4096, allow_nan=False, width=32).map(float)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abé", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
words = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cn"]), min_size=1, max_size=12
)
targets = st.builds(
    Target,
    words,
    st.none() | st.tuples(*[coordinates] * 4),
    st.none() | st.tuples(coordinates, coordinates),
    st.lists(st.tuples(coordinates, coordinates), max_size=4).map(tuple),
    st.none() | words,
    st.dictionaries(st.text("abc", min_size=1, max_size=5), json_values, max_size=3),
)
tasks = st.one_of(
    st.lists(words, min_size=1, max_size=3).map(Task.detect),
    words.map(Task.ground),
    words.map(lambda word: Task.gui(word, point=True)),
    st.just(Task.text()),
)
questions = st.builds(Question, tasks, st.lists(targets, max_size=3).map(tuple))


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    pixels = np.random.default_rng(draw(st.integers(0, 99))).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    provenance = draw(st.dictionaries(st.text("abc", min_size=1, max_size=5), json_values, max_size=3))
    image: np.ndarray | ImageRef = pixels
    if draw(st.booleans()):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, draw(st.sampled_from(["JPEG", "WEBP", "PNG"])))
        image = ImageRef(stream.getvalue(), (width, height))
    asked = draw(st.lists(questions, max_size=3).map(tuple))
    return Sample(image, asked, draw(st.lists(targets, max_size=3).map(tuple)), provenance)


def some(count: int, first: int = 0) -> list[tuple[str, Sample]]:
    return [(f"{i:06}", squares.render(i)) for i in range(first, first + count)]


def same(a: Sample, b: Sample) -> bool:
    fields = (a.questions, a.objects, a.provenance, a.size_wh) == (
        b.questions,
        b.objects,
        b.provenance,
        b.size_wh,
    )
    return fields and bool((a.pixels() == b.pixels()).all())


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(samples(), max_size=5))
def test_what_is_written_is_read(suffix: str, written: list[Sample], tmp_path: Path) -> None:
    path = tmp_path / f"shard.{suffix}"
    marker = write_shard(path, [(f"k{i}", sample) for i, sample in enumerate(written)])
    read = list(read_shards(path, verify=True))
    assert len(read) == len(written) == marker["samples"]
    assert all(same(a, b) for a, b in zip(written, read, strict=True))
    folder = ShardFolder(path)
    assert all(same(a, folder[i]) for i, a in enumerate(written))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_samples_give_equal_bytes(suffix: str, tmp_path: Path) -> None:
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    write_shard(first, some(5))
    os.utime(first, (1, 1))
    write_shard(second, some(5))
    assert first.read_bytes() == second.read_bytes()
    assert marker_of(first).read_bytes() == marker_of(second).read_bytes()
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_tar_is_what_webdataset_reads(tmp_path: Path) -> None:
    """Files of one sample stand together and share all of the name before its first dot."""
    write_shard(tmp_path / "a.tar", some(3))
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [
            f"{i:06}.{suffix}" for i in range(3) for suffix in ("png", "json")
        ]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
            (0, 0, 0, "", "", 0o644)
        }
        record = tar.extractfile("000001.json")
        assert record is not None
        assert json.load(record)["provenance"]["seed"] == 1


def test_parquet_is_what_datasets_reads(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    write_shard(tmp_path / "a.parquet", some(40))
    table = datasets.Dataset.from_parquet(str(tmp_path / "a.parquet"), cache_dir=str(tmp_path / "cache"))
    row = table[33]
    assert (np.asarray(row["image"]) == squares.render(33).pixels()).all()
    assert row["tasks"] == ["detect", "ground"]
    assert (row["width"], row["height"], row["num_questions"]) == (96, 96, 2)


def test_folder_by_number(tmp_path: Path) -> None:
    write_shard(tmp_path / "shard-0.tar", some(3))
    write_shard(tmp_path / "shard-1.parquet", some(40, 3))
    write_shard(tmp_path / "shard-2.tar", some(2, 43))
    folder = ShardFolder(tmp_path)
    assert len(folder) == 45
    for again in (folder, pickle.loads(pickle.dumps(folder))):
        for i in (44, 0, 42, 3, 2, 43, 34, 35):
            assert same(again[i], squares.render(i))
            assert again.key(i) == f"{i:06}"
    assert [sample.provenance["seed"] for sample in folder] == list(range(45))
    assert [sample.provenance["seed"] for sample in read_shards(tmp_path)] == list(range(45))
    for outside in (-1, 45):
        with pytest.raises(IndexError):
            folder[outside]


def test_tar_without_marker_is_scanned(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    write_shard(path, some(4))
    marker_of(path).unlink()
    assert same(ShardFolder(path)[2], squares.render(2))
    with pytest.raises(DataError, match="no marker"):
        verify_shard(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_flipped_byte_is_seen(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write_shard(path, some(3))
    whole = path.read_bytes()
    for at in range(0, len(whole), 211):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with pytest.raises(DataError, match=re.escape(str(path))):
            list(read_shards(path, verify=True))
        with suppress(DataError):  # without the checksum it may go unseen, but is never another error
            list(read_shards(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cut_shards_are_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write_shard(path, some(3))
    whole = path.read_bytes()
    content = len(whole.rstrip(b"\0"))
    for length in {0, 1, 511, 512, 1024, content // 3, content // 2, content - 1, content // 512 * 512}:
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=re.escape(str(path))):
            list(read_shards(path))
        with pytest.raises(DataError, match=re.escape(str(path))):
            ShardFolder(path)[2]


def entries() -> list[Entry]:
    return [pack(key, sample) for key, sample in some(3)]


def tar_of(members: list[tuple[str, bytes]], path: Path) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_mixed_up_shards_name_file_and_key(tmp_path: Path) -> None:
    a, b, _ = entries()
    path = tmp_path / "bad.tar"
    wrong: list[tuple[list[tuple[str, bytes]], str]] = [
        ([("000000.json", a.record)], "000000 has no image"),
        ([("000000.png", a.image)], "000000 has an image, but the shard ends"),
        ([("000000.png", a.image), ("000001.json", b.record)], "000000 is followed by 000001.json"),
        ([("000000.png", a.image), ("000000.txt", b"x")], "000000 is followed by 000000.txt"),
        ([("000000.png", a.image), ("000000.json", a.record[:-5])], "record of sample 000000 is damaged"),
        ([("000000.png", a.image), ("000000.json", b"\xff\xfe")], "record of sample 000000 is damaged"),
        ([("000000.png", a.image), ("000000.json", b"[]")], "record of sample 000000 is damaged"),
        (
            [("000000.png", a.image), ("000000.json", b'{"size_wh": [96, 96]}')],
            "sample 000000: the record lacks",
        ),
        ([("000000.gif", b"GIF89a"), ("000000.json", a.record)], "000000: a shard holds JPEG, PNG or WebP"),
    ]
    for members, message in wrong:
        tar_of(members, path)
        with pytest.raises(DataError, match=re.escape(message)) as caught:
            list(read_shards(path))
        assert str(path) in str(caught.value)


def test_image_of_another_size_is_seen_when_it_is_read(tmp_path: Path) -> None:
    a = entries()[0]
    stream = io.BytesIO()
    Image.new("RGB", (10, 10)).save(stream, "PNG")
    content, _ = tar_bytes([Entry(a.key, stream.getvalue(), a.record)])
    write_whole(tmp_path / "a.tar", content)
    (sample,) = read_shards(tmp_path / "a.tar")
    with pytest.raises(DataError, match="10 x 10, but its record says 96 x 96"):
        sample.pixels()


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    sample = squares.render(0)
    for key in ("", "a.b", "a/b", "ä"):
        with pytest.raises(DataError, match="a key is made of"):
            write_shard(tmp_path / "a.tar", [(key, sample)])
    for suffix in SUFFIXES:
        with pytest.raises(DataError, match="comes twice"):
            write_shard(tmp_path / f"a.{suffix}", [("a", sample), ("a", sample)])
    with pytest.raises(DataError, match=r"a \.tar or a \.parquet"):
        write_shard(tmp_path / "a.zip", [("a", sample)])
    odd = Sample(sample.pixels(), (), (), {"seed": np.float32(1)})
    with pytest.raises(DataError, match="sample a cannot be written as JSON"):
        write_shard(tmp_path / "a.tar", [("a", odd)])
    with pytest.raises(DataError, match=r"sample a: the image cannot be read: .* GIF data is cut short"):
        write_shard(tmp_path / "a.tar", [("a", Sample(ImageRef(b"GIF89a", (1, 1)), ()))])
    stream = io.BytesIO()
    Image.new("RGB", (10, 10)).save(stream, "BMP")
    with pytest.raises(DataError, match=r"sample a: the image .* is 10 x 10, but its record says 1 x 1"):
        write_shard(tmp_path / "a.tar", [("a", Sample(ImageRef(stream.getvalue(), (1, 1)), ()))])
    with pytest.raises(DataError, match="no shards here"):
        ShardFolder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_damaged_marker(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    write_shard(path, some(1))
    marker_of(path).write_text("{")
    with pytest.raises(DataError, match=r"a\.tar\.json is damaged"):
        read_marker(path)
