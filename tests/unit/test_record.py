"""The record as JSON: what is written reads back equal, and what is wrong is named."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from locany.data.record import sample_from_json, sample_to_json
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError
from locany.tasks import Task

PIXELS = np.zeros((20, 30, 3), np.uint8)

numbers = st.floats(0, 1000, allow_nan=False) | st.integers(0, 1000)
words = st.text(min_size=1, max_size=12).filter(lambda text: text.split() and text.isprintable())
targets = st.builds(
    Target,
    words,
    st.none() | st.tuples(*[numbers] * 4),
    st.none() | st.tuples(numbers, numbers),
    st.lists(st.tuples(numbers, numbers), max_size=5).map(tuple),
    st.none() | st.text(),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.booleans() | st.none(), max_size=3),
)
tasks = st.one_of(
    st.builds(Task.detect, st.lists(words, min_size=1, max_size=4)),
    st.builds(Task.layout, st.lists(words, min_size=1, max_size=4)),
    *(st.builds(make, words) for make in (Task.ground, Task.refer, Task.point, Task.find_text, Task.gui)),
    st.builds(lambda phrase: Task.gui(phrase, point=True), words),
    st.just(Task.text()),
)
questions = st.builds(Question, tasks, st.lists(targets, max_size=3).map(tuple))
samples = st.builds(
    Sample,
    st.just(PIXELS),
    st.lists(questions, max_size=3).map(tuple),
    st.lists(targets, max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=5), st.integers() | st.lists(st.text(), max_size=2), max_size=3),
)


@given(samples)
def test_what_is_written_reads_back_equal(sample):
    fields = json.loads(json.dumps(sample_to_json(sample)))
    assert sample_from_json(fields, PIXELS) == sample


GOOD = {
    "format": 1,
    "size_wh": [30, 20],
    "questions": [{"task": {"kind": "ground", "phrase": "cat"}, "targets": [{"label": "cat"}]}],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2, this version reads 1"),
        ({"size_wh": [20, 30]}, r"of an image \[20, 30\], the image is \[30, 20\]"),
        ({"colour": "red"}, "unknown fields: colour"),
        ({"questions": {}}, "questions is a list, got dict"),
        ({"questions": [{"task": {"kind": "ground", "phrase": "cat"}}]}, "a question lacks targets"),
        ({"questions": [{"task": {"kind": "fly", "phrase": "cat"}, "targets": []}]}, "is no task"),
        ({"questions": [{"task": {"kind": "ground"}, "targets": []}]}, "the phrase is empty"),
        (
            {"questions": [{"task": {"kind": "detect", "categories": 5}, "targets": []}]},
            "categories are a list",
        ),
        ({"objects": [{"xyxy": [1, 2, 3, 4]}]}, "a target lacks label"),
        ({"objects": [{"label": "cat", "xyxy": [1, 2, 3]}]}, r"xyxy is 4 numbers, got \[1, 2, 3\]"),
        ({"objects": [{"label": "cat", "point": [1, "2"]}]}, "point is 2 numbers"),
        ({"objects": [{"label": "cat", "polygon": [[1, 2], [3]]}]}, r"polygon is a list of \[x, y\]"),
        ({"objects": ["cat"]}, "a target is an object, got str"),
    ],
)
def test_a_wrong_record_says_what_is_wrong(change, message):
    assert sample_from_json(GOOD, PIXELS).questions[0].task.phrase == "cat"
    with pytest.raises(DataError, match=message):
        sample_from_json({**GOOD, **change}, PIXELS)


def test_an_image_by_reference_is_read_when_it_is_needed(tmp_path: Path):
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(buffer, "PNG")
    (tmp_path / "red.png").write_bytes(buffer.getvalue())
    for source in (tmp_path / "red.png", buffer.getvalue()):
        sample = Sample(ImageRef(source, (30, 20)), ())
        assert sample.size_wh == (30, 20)
        assert sample.pixels().shape == (20, 30, 3)
        assert (sample.pixels() == [255, 0, 0]).all()
    with pytest.raises(DataError, match="is 30 x 20, but its record says 20 x 30"):
        Sample(ImageRef(tmp_path / "red.png", (20, 30)), ()).pixels()
