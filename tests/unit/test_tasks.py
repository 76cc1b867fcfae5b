"""Tasks: what can be asked, and what is said to those who ask something else."""

from __future__ import annotations

import pytest

from locany.errors import LocanyError, RequestError
from locany.tasks import MAX_PHRASE_LEN, Task, TaskKind

WITH_PHRASE = {
    TaskKind.GROUND: Task.ground,
    TaskKind.REFER: Task.refer,
    TaskKind.POINT: Task.point,
    TaskKind.FIND_TEXT: Task.find_text,
    TaskKind.GUI: Task.gui,
    TaskKind.GUI_POINT: lambda phrase: Task.gui(phrase, point=True),
}
WITH_CATEGORIES = {TaskKind.DETECT: Task.detect, TaskKind.LAYOUT: Task.layout}
ALL = {**WITH_PHRASE, **WITH_CATEGORIES}


def test_there_is_a_constructor_for_every_kind():
    assert {*ALL, Task.text().kind} == set(TaskKind)


@pytest.mark.parametrize(("kind", "make"), WITH_PHRASE.items())
def test_a_phrase(kind, make):
    task = make("the red button")
    assert (task.kind, task.phrase, task.categories) == (kind, "the red button", ())
    assert not task.takes_categories
    assert task.expects_points == (kind in (TaskKind.POINT, TaskKind.GUI_POINT))


@pytest.mark.parametrize(("kind", "make"), WITH_CATEGORIES.items())
def test_categories(kind, make):
    task = make(["cat", "red car"])
    assert (task.kind, task.phrase, task.categories) == (kind, "", ("cat", "red car"))
    assert task.takes_categories
    assert not task.expects_points
    assert make("cat") == make(["cat"]) == make(("cat",)) == make(name for name in ["cat"])


def test_text_takes_nothing():
    assert Task.text() == Task(TaskKind.TEXT)
    assert not Task.text().takes_categories
    assert not Task.text().expects_points


def test_tasks_are_values():
    assert hash(Task.detect(["a", "b"])) == hash(Task.detect(["a", "b"]))
    assert Task.detect(["a", "b"]) != Task.detect(["b", "a"])
    assert Task.detect("a") != Task.layout("a")
    with pytest.raises(AttributeError):
        Task.text().phrase = "x"  # type: ignore[misc]


def test_blanks_and_newlines_become_one_blank():
    assert Task.ground("  the\n\tred   button \u3000") == Task.ground("the red button")
    assert Task.detect([" a  b ", "c"]).categories == ("a b", "c")


def test_a_category_asked_twice_is_asked_once_in_the_first_place():
    assert Task.detect(["cat", "dog", " cat", "Cat", "dog"]).categories == ("cat", "dog", "Cat")


@pytest.mark.parametrize("make", ALL.values())
@pytest.mark.parametrize("blank", ["", " ", "\n\t \u3000"])
def test_an_empty_phrase_is_refused(make, blank):
    with pytest.raises(RequestError, match="the phrase is empty; describe what to find, for example"):
        make(blank)


@pytest.mark.parametrize("make", WITH_PHRASE.values())
@pytest.mark.parametrize(
    ("wrong", "name"), [(None, "NoneType"), (7, "int"), (b"cat", "bytes"), (["cat"], "list")]
)
def test_a_phrase_of_a_wrong_type_is_refused(make, wrong, name):
    with pytest.raises(RequestError, match=f"a phrase is a string, got {name}: "):
        make(wrong)


@pytest.mark.parametrize("make", ALL.values())
def test_a_phrase_that_is_too_long_is_refused(make):
    assert make("x" * MAX_PHRASE_LEN)
    assert make(" " * MAX_PHRASE_LEN + "x")
    with pytest.raises(
        RequestError, match=f"has {MAX_PHRASE_LEN + 1} characters; at most {MAX_PHRASE_LEN} are"
    ):
        make("x" * (MAX_PHRASE_LEN + 1))


@pytest.mark.parametrize("make", WITH_CATEGORIES.values())
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "no category given; name at least one"),
        ((), "no category given"),
        (iter([]), "no category given"),
        (None, "categories are a list of strings, got NoneType: None"),
        (7, "categories are a list of strings, got int: 7"),
        (b"cat", "a phrase is a string, got int"),
        (["cat", None], "a phrase is a string, got NoneType"),
        (["cat", ["dog"]], "a phrase is a string, got list"),
        (["cat", " "], "the phrase is empty"),
        (["cat", "x" * (MAX_PHRASE_LEN + 1)], "at most"),
    ],
)
def test_wrong_categories_are_refused(make, wrong, message):
    with pytest.raises(RequestError, match=message):
        make(wrong)


def test_a_wrong_request_is_also_a_value_error():
    with pytest.raises(ValueError, match="the phrase is empty") as caught:
        Task.ground("")
    assert isinstance(caught.value, LocanyError)


def test_the_constructor_gives_what_the_class_methods_give():
    assert Task("detect", ("cat",)) == Task.detect("cat")  # type: ignore[arg-type]
    assert Task("detect", ("cat",)).kind is TaskKind.DETECT  # type: ignore[arg-type]
    assert Task(TaskKind.DETECT, "cat") == Task.detect("cat")  # type: ignore[arg-type]
    assert Task(TaskKind.LAYOUT, ["a  b", "a b"]) == Task.layout("a b")  # type: ignore[arg-type]
    assert hash(Task(TaskKind.DETECT, ["cat"])) == hash(Task.detect("cat"))  # type: ignore[arg-type]
    assert Task("ground", [], " red  car") == Task.ground("red car")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("foo", (), "x"), "the kind of task is 'foo', expected one of detect, ground, refer, "),
        ((None,), "the kind of task is None"),
        ((["detect"], ("cat",)), "the kind of task is "),
        (("detect", (3,)), "a phrase is a string, got int: 3"),
        (("detect",), "no category given"),
        (("ground", (), " "), "the phrase is empty"),
        (("ground", (), 3), "a phrase is a string, got int: 3"),
        (("detect", ("cat",), "cat"), "a detect task takes categories, got categories and phrase; build it"),
        (("ground", ("cat",)), "a ground task takes phrase, got categories; build it"),
        (("text", (), "cat"), "a text task takes no words, got phrase; build it"),
    ],
)
def test_the_constructor_refuses_what_the_class_methods_refuse(arguments, message):
    with pytest.raises(RequestError, match=message):
        Task(*arguments)


def test_a_set_of_categories_is_asked_in_the_order_of_the_alphabet():
    names = {f"cat {i}" for i in range(20)}
    assert Task.detect(names).categories == Task.layout(frozenset(names)).categories == tuple(sorted(names))
    assert Task.detect({"b": 1, "a": 2}.keys()).categories == ("b", "a")


def test_whether_a_point_is_asked_for_is_yes_or_no():
    with pytest.raises(RequestError, match="point is 'yes', expected True or False"):
        Task.gui("the red button", point="yes")  # type: ignore[arg-type]
