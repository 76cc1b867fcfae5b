"""Conversations and recipes: verbatim records, the way to samples and back, what has no place in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from locany.codec.prompts import WORDING, question_text
from locany.data.converters import Fault, FaultKind, read_samples
from locany.data.converters.answer_text import read_answer_text, write_answer_text
from locany.data.converters.chat import ChatRecord, read_records, write_records
from locany.data.converters.chat_samples import read, sample_to_records, write
from locany.data.converters.files import parse_json
from locany.data.converters.recipe import RecipeEntry, read_recipe, write_recipe
from locany.data.converters.wording import Prompt, read_prompt
from locany.data.encode import answer_groups
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError
from locany.tasks import Task, TaskKind

SIZE = (201, 97)
DETECT = "Locate all the instances that matches the following description: "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chat")
    for name in ("a.png", "b.png"):
        Image.new("RGB", SIZE).save(path / name)
    return path


def line(*texts: str, **fields: Any) -> dict[str, Any]:
    turns = [{"from": ("human", "gpt")[i % 2], "value": text} for i, text in enumerate(texts)]
    return {"image": "a.png", "conversations": turns, **fields}


def write_lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


# --- records --------------------------------------------------------------------------------------

VERBATIM = [
    line("<image>\nPoint to: circle.", "<box><500><500></box>", id="x-1"),
    {"conversations": line("Hello?", "Hi. Grüße, 猫!")["conversations"]},
    {
        "image_list": ["a.png", "b.png"],
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "<image-2> or <image-1>?"},
            {"from": "gpt", "value": "The first."},
            {"from": "human", "value": "Why?"},
            {"from": "gpt", "value": "</c> \u2028 \t"},
        ],
    },
    {**line("q", "a"), "image": {"lmdb_file": "x.lmdb", "lmdb_key": "k"}},
    {**line("q", "a"), "image": {"data": [["a.png", {"b": 1}], 0.1]}},
    {"video": "v.mp4", "conversations": []},
]


def test_records_are_verbatim(folder: Path) -> None:
    path = write_lines(folder / "verbatim.jsonl", *VERBATIM)
    records = list(read_records(path))
    assert [record.fields for record in records] == VERBATIM
    assert [(r.file, r.line) for r in records] == [(str(path), n) for n in range(1, len(VERBATIM) + 1)]
    write_records(records, folder / "again.jsonl")
    assert (folder / "again.jsonl").read_bytes() == path.read_bytes()
    assert records[2].turns == VERBATIM[2]["conversations"]
    assert records[2].image_names() == ("a.png", "b.png")


def test_empty_lines_are_passed_over_and_numbers_stay(folder: Path) -> None:
    path = folder / "gaps.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(line("q", "a")).encode() + b"\r\n\r\n   \n" + b'{"id": 1}')
    assert [record.line for record in read_records(path)] == [1, 4]


def test_a_write_that_fails_leaves_nothing(folder: Path) -> None:
    def broken() -> Any:
        yield ChatRecord({"id": "1"})
        raise DataError("stop")

    with pytest.raises(DataError, match="stop"):
        write_records(broken(), folder / "broken.jsonl")
    assert not list(folder.glob("broken*"))


# --- prompts --------------------------------------------------------------------------------------

TASKS = [
    Task.detect(["cat", "traffic light"]),
    Task.ground("people waiting, in red."),
    Task.refer("the left: one"),
    Task.point("the eye"),
    Task.find_text("EXIT 3."),
    Task.text(),
    Task.gui("the save button"),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind.value)
def test_prompts_read_back(task: Task) -> None:
    for text in (question_text(task), f"<image>\n{question_text(task)}", f"<image-1>{question_text(task)}"):
        prompt = read_prompt(text)
        assert prompt is not None
        assert prompt.kind is task.kind
        assert prompt.names == (task.categories or ((task.phrase,) if task.phrase else ()))


def test_every_wording_is_known() -> None:
    for kind, wording in WORDING.items():
        prompt = read_prompt(wording.format("thing"))
        assert prompt is not None
        assert WORDING[prompt.kind] == WORDING[kind]


def test_the_papers_layout_prompt_and_strangers() -> None:
    text = "Detect all the objects in the image that belong to the category set: Title, List-item."
    assert read_prompt(text) == Prompt(TaskKind.LAYOUT, "Title, List-item")
    assert read_prompt(text).names == ("Title", "List-item")  # type: ignore[union-attr]
    assert read_prompt("What is this?") is None


# --- from lines to samples ------------------------------------------------------------------------


def test_several_turns_are_several_questions(folder: Path) -> None:
    cats = "<ref>cat</ref><box><1><2><300><1000></box><ref>dog</ref><box>None</box>"
    record = line(
        *(f"<image>\n{DETECT}cat</c>dog.", cats),
        *("Point to: the  eye.", "<box><500><250></box>"),
        *("Detect all the text in box format.", "<ref>No smoking</ref><box><0><0><1000><1000></box>"),
    )
    (sample,) = read(write_lines(folder / "turns.jsonl", record))
    assert isinstance(sample.image, ImageRef)
    assert sample.size_wh == SIZE
    assert sample.provenance == {"file": str(folder / "turns.jsonl"), "line": 1}
    assert sample.questions == (
        Question(Task.detect(["cat", "dog"]), (Target("cat", (0.201, 0.194, 60.3, 97.0)),)),
        Question(Task.point("the eye"), (Target("the eye", point=(100.5, 24.25)),)),
        Question(Task.text(), (Target("No smoking", (0.0, 0.0, 201.0, 97.0), text="No smoking"),)),
    )


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"conversations": line("q", "a")["conversations"]}, "it has no images"),
        ({**line("q", "a"), "image": None, "image_list": ["a.png"]}, "both"),
        (
            {"image_list": ["a.png", "b.png"], "conversations": line("q", "a")["conversations"]},
            "it has 2 images",
        ),
        (line("What is it?", "A cat."), "none of our wordings"),
        (line("<image-1>Point to: x, <image-1>.", "<box><1><2></box>"), "several places"),
        (
            {
                "image": "a.png",
                "conversations": [
                    {"from": "system", "value": "Be brief."},
                    *line("Point to: x.", "<box><1><2></box>")["conversations"],
                ],
            },
            "system text of its own",
        ),
    ],
)
def test_conversations_that_are_no_sample(folder: Path, record: dict[str, Any], reason: str) -> None:
    path = write_lines(folder / "other.jsonl", record)
    with pytest.raises(DataError, match=rf"other\.jsonl:1: .*{reason}"):
        list(read(path))


def test_the_default_system_text_is_no_obstacle(folder: Path) -> None:
    record = line("Point to: x.", "<box><1><2></box>")
    record["conversations"].insert(0, {"from": "system", "value": "You are a helpful assistant."})
    assert len(list(read(write_lines(folder / "system.jsonl", record)))) == 1


def test_a_fault_stops_reading_or_is_reported(folder: Path) -> None:
    good = line("Point to: x.", "<box><1><2></box>")
    path = write_lines(folder / "mixed.jsonl", good, line("Point to: x.", "<box><1><2>"), good)
    with pytest.raises(DataError, match=r"mixed\.jsonl:2: the answer ends inside <box>"):
        list(read(path))
    faults: list[Fault] = []
    assert [s.provenance["line"] for s in read_samples(path, report=faults.append)] == [1, 3]
    assert [(f.line, f.kind) for f in faults] == [(2, FaultKind.CUT_ANSWER)]


# --- there and back -------------------------------------------------------------------------------

names = (
    st.text(
        st.characters(codec="utf-8", exclude_characters="<>", exclude_categories=["Cs", "Cc"]),
        min_size=1,
        max_size=12,
    )
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: text and not text.endswith(","))
    .map(lambda text: Task.ground(text).phrase)
)
spans = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)
boxes = st.tuples(spans, spans).map(
    lambda s: (s[0][0] * SIZE[0], s[1][0] * SIZE[1], s[0][1] * SIZE[0], s[1][1] * SIZE[1])
)
points = st.tuples(st.floats(0, SIZE[0]), st.floats(0, SIZE[1]))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    kind = draw(st.sampled_from([task.kind for task in TASKS]))
    if kind is TaskKind.DETECT:
        task = Task.detect(draw(st.lists(names, min_size=1, max_size=4)))
        labels = draw(st.lists(st.sampled_from(task.categories), max_size=6))
        return Question(task, tuple(Target(label, draw(boxes)) for label in labels))
    if kind is TaskKind.TEXT:
        labels = draw(st.lists(names, max_size=4))
        return Question(Task.text(), tuple(Target(label, draw(boxes), text=label) for label in labels))
    task = Task(kind, phrase=draw(names))
    limit = 1 if kind is TaskKind.REFER else 5
    found = draw(st.lists(points if task.expects_points else boxes, max_size=limit))
    key = "point" if task.expects_points else "xyxy"
    return Question(task, tuple(Target(task.phrase, **{key: place}) for place in found))


def said(sample: Sample) -> list[Any]:
    """Each question with its bins, repetitions once."""
    found = []
    for question in sample.questions:
        groups = answer_groups(question, sample.size_wh, 1000)
        found.append(
            (question.task, sorted({(label, bins) for label, rows in groups for bins in rows or [()]}))
        )
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(questions(), min_size=1, max_size=3), st.booleans())
def test_samples_survive_to_the_bin(folder: Path, asked: list[Question], multi_turn: bool) -> None:
    sample = Sample(ImageRef(folder / "a.png", SIZE), tuple(asked))
    path = folder / "round.jsonl"
    write([sample], path, multi_turn=multi_turn)
    back = list(read(path))
    assert len(back) == (1 if multi_turn else len(asked))
    assert [q for s in back for q in said(s)] == said(sample)

    write(back, folder / "second.jsonl", multi_turn=multi_turn)  # text of ours is text of ours again
    assert (folder / "second.jsonl").read_bytes() == path.read_bytes()


def test_lines_are_sorted_and_grouped(folder: Path) -> None:
    targets = [
        Target("dog", (100, 0, 150, 50)),
        Target("cat", (9, 9, 20, 20)),
        Target("dog", (0, 0, 10.05, 9.7)),
    ]
    sample = Sample(
        ImageRef(folder / "a.png", SIZE), (Question(Task.detect(["dog", "cow", "cat"]), tuple(targets)),)
    )
    (record,) = sample_to_records(sample, "x/a.png")
    assert record == {
        "image": "x/a.png",
        "conversations": [
            {"from": "human", "value": f"<image-1>{DETECT}dog</c>cow</c>cat."},
            {
                "from": "gpt",
                "value": "<ref>dog</ref><box><0><0><50><100></box><box><498><0><746><515></box>"
                "<ref>cow</ref><box>None</box><ref>cat</ref><box><45><93><100><206></box>",
            },
        ],
    }


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question(Task.detect(["a,"])), "a separator at an end"),
        (Question(Task.text(), (Target(" ", (1, 2, 3, 4)),)), "without <ref>"),
        (
            Question(Task.refer("x"), (Target("x", (1, 2, 3, 4)), Target("x", (9, 9, 20, 20)))),
            "a single instance",
        ),
    ],
)
def test_what_would_not_be_read_is_not_written(folder: Path, question: Question, words: str) -> None:
    with pytest.raises(DataError, match=f"cannot be written as a conversation: .*{words}"):
        sample_to_records(Sample(ImageRef(folder / "a.png", SIZE), (question,)), "a.png")


@pytest.mark.parametrize("word", ["a </c> b", "<box>", "see <image-1>", "<|im_end|>", "<17>"])
def test_words_of_the_template_are_refused(folder: Path, word: str) -> None:
    sample = Sample(ImageRef(folder / "a.png", SIZE), (Question(Task.ground(word)),))
    with pytest.raises(DataError, match="has a meaning in conversations"):
        sample_to_records(sample, "a.png")


def test_pixels_become_files_beside(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    encoded = (folder / "b.png").read_bytes()
    question = (Question(Task.text(), (Target("a", (0, 0, 20, 30)),)),)
    write([Sample(pixels, question), Sample(ImageRef(encoded, SIZE), question)], folder / "new" / "out.jsonl")
    first, second = read(folder / "new" / "out.jsonl")
    assert (first.pixels() == pixels).all()
    assert isinstance(second.image, ImageRef)
    assert Path(second.image.source).read_bytes() == encoded  # type: ignore[arg-type]


def test_answers_as_text() -> None:
    groups = [("cat", [(1, 2, 3, 4), (5, 6)]), ("dog", [])]
    text = "<ref>cat</ref><box><1><2><3><4></box><box><5><6></box><ref>dog</ref><box>None</box>"
    assert write_answer_text(groups) == text
    answer = read_answer_text(text)
    assert [(item.label, item.bins) for item in answer.items] == [
        ("cat", (1, 2, 3, 4)),
        ("cat", (5, 6)),
        ("dog", ()),
    ]
    assert not answer.faults
    assert not answer.is_plain


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(["<ref>", "</ref>", "<box>", "</box>", "<5>", "<1001>", "None", "cat", "</c>", ", "])
    )
)
def test_reading_an_answer_never_fails(parts: list[str]) -> None:
    text = "".join(parts)
    answer = read_answer_text(text)
    rewritten = "".join(
        write_answer_text([(i.label or "", [i.bins] if i.bins else [])]) for i in answer.items
    )
    if not answer.faults and not answer.is_plain:
        labelled = text.replace("<ref>", "").count("</ref>")
        assert labelled <= len(answer.items)
        assert rewritten.count("<box>") == text.count("<box>")


# --- recipes --------------------------------------------------------------------------------------


def test_recipes_survive(folder: Path) -> None:
    recipe = {
        "one": RecipeEntry("a.jsonl"),
        "two": RecipeEntry(("b.jsonl", "c.jsonl"), "images/", 0.25, True, True),
        "three": RecipeEntry("d.jsonl", repeat_time=3),
    }
    write_recipe(recipe, folder / "recipe.json")
    assert read_recipe(folder / "recipe.json") == recipe


def test_the_defaults_of_a_recipe(folder: Path) -> None:
    (folder / "r.json").write_text('{"x": {"annotation": "a.jsonl"}}')
    assert read_recipe(folder / "r.json") == {"x": RecipeEntry("a.jsonl", "", 1.0, False, False)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "a recipe is an object"),
        ("{}", "names no data set"),
        ('{"x": 3}', "data set 'x': the settings is an object"),
        ('{"x": {}}', "'annotation' is a path or a list"),
        ('{"x": {"annotation": []}}', "got none"),
        ('{"x": {"annotation": "a", "repeat": 2}}', "unknown key 'repeat'; known: annotation"),
        ('{"x": {"annotation": "a", "repeat_time": 0}}', "above 0"),
        ('{"x": {"annotation": "a", "repeat_time": true}}', "above 0"),
        ('{"x": {"annotation": "a", "data_augment": 1}}', "'data_augment' is true or false"),
        ('{"x": {"annotation": "a"}, "x": {"annotation": "b"}}', "'x' stands twice"),
        ("{", "not JSON"),
    ],
)
def test_recipes_that_are_wrong(folder: Path, text: str, message: str) -> None:
    (folder / "bad.json").write_text(text)
    with pytest.raises(DataError, match=f"bad.json: .*{message}"):
        read_recipe(folder / "bad.json")


def test_the_two_meanings_of_repeat_time() -> None:
    for length in (0, 1, 7, 1000):
        assert RecipeEntry("a", repeat_time=2.5).kept(length).tolist() == list(range(length))
        assert RecipeEntry("a", repeat_time=2.5).weight(length) == 2.5 * length
    part, more = RecipeEntry("a", repeat_time=0.3), RecipeEntry("a", repeat_time=0.6)
    kept = part.kept(1000)
    assert len(kept) == part.weight(1000) == 300
    assert kept.tolist() == sorted(set(kept.tolist()))
    assert kept.tolist() == part.kept(1000).tolist()  # always the same ones
    assert set(kept.tolist()) <= set(more.kept(1000).tolist())
    assert kept[:5].tolist() == [0, 3, 4, 5, 11]


def test_a_recipe_is_a_data_set(folder: Path) -> None:
    good = line("Point to: x.", "<box><1><2></box>")
    write_lines(folder / "p.jsonl", good, good)
    write_lines(folder / "q.jsonl", {**good, "image": "b.png"})
    recipe = {"p": {"annotation": ["p.jsonl"]}, "q": {"annotation": "q.jsonl", "root": "."}}
    (folder / "both.json").write_text(json.dumps(recipe))
    found = [(s.provenance["dataset"], s.provenance["line"]) for s in read_samples(folder / "both.json")]
    assert found == [("p", 1), ("p", 2), ("q", 1)]


@pytest.mark.parametrize(("value", "why"), [("1e999", "too large a number"), (r'"\ud83d"', "its other half")])
def test_what_could_not_be_written_again_is_refused(value: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        parse_json(f'{{"id": {value}}}')
    assert parse_json(r'"\ud83d\ude00"') == "\N{GRINNING FACE}"
