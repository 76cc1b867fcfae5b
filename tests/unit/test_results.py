"""Detections: what they hold, choose, write and read back."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.errors import DataError, MissingExtraError, RequestError
from locany.results import Detection, Detections, Provenance
from locany.tasks import Task

CAT = (10.0, 20.0, 110.0, 220.0)
DOG = (200.0, 100.0, 300.0, 200.0)
EYE = (30.0, 40.0, 30.0, 40.0)


def three(**changes) -> Detections:
    """A cat, a dog and the point of an eye."""
    fields = {
        "xyxy": np.array([CAT, DOG, EYE]),
        "labels": ["cat", "dog", "eye"],
        "scores": np.array([0.75, 0.5, 1.0]),
        "provenance": [Provenance.PARALLEL, Provenance.REDECODED, Provenance.SEQUENTIAL],
        "size_wh": (640, 480),
        "is_point": np.array([False, False, True]),
        "absent": ("unicorn",),
        "image_name": "pets.jpg",
        "task": Task.detect(["cat", "dog", "unicorn"]),
        "stats": {"num_steps": 4, "seconds": 0.5, "mode": "hybrid"},
    }
    return Detections(**{**fields, **changes})


def test_one_detection_knows_its_place():
    cat, _, eye = three()
    assert cat == Detection(CAT, "cat", 0.75, Provenance.PARALLEL)
    assert cat.point == (60.0, 120.0)
    assert eye.is_point
    assert eye.point == (30.0, 40.0)
    assert repr(eye) == "Detection('eye', point (30, 40), score 1.000, sequential)"
    assert "box (10, 20, 110, 220)" in repr(cat)
    assert three().points.tolist() == [[60, 120], [250, 150], [30, 40]]
    assert three().area.tolist() == [20000, 10000, 0]


@pytest.mark.parametrize(
    ("index", "labels"),
    [
        (slice(1, None), ["dog", "eye"]),
        (slice(None, None, -1), ["eye", "dog", "cat"]),
        (np.array([True, False, True]), ["cat", "eye"]),
        ([True, False, True], ["cat", "eye"]),
        ([2, 0, 0], ["eye", "cat", "cat"]),
        (np.array([], int), []),
        ([], []),
        ("dog", ["dog"]),
        (["dog", "bird", "cat"], ["cat", "dog"]),
        (("eye",), ["eye"]),
        (np.array(["eye", "dog"]), ["dog", "eye"]),
        ("bird", []),
    ],
)
def test_indexing_chooses_detections_and_keeps_the_facts(index, labels):
    chosen = three()[index]
    assert chosen.labels == labels
    assert [d.label for d in chosen] == labels
    assert (chosen.absent, chosen.task, chosen.size_wh) == (("unicorn",), three().task, (640, 480))


def test_indexing_by_one_number():
    assert three()[-1].label == three()[np.int64(2)].label == "eye"
    with pytest.raises(IndexError):
        three()[3]


def test_contains_asks_for_a_label():
    assert "cat" in three()
    assert "unicorn" not in three()


def test_filter_sort_and_top():
    assert three().filter(label="cat").labels == ["cat"]
    assert three().filter(label={"cat", "eye"}).labels == ["cat", "eye"]
    assert three().filter(min_score=0.75).labels == ["cat", "eye"]
    assert three().filter(min_area=10000).labels == ["cat", "dog"]
    assert three().filter(label="cat", min_score=0.8).labels == []
    assert three().sort().labels == ["eye", "cat", "dog"]
    assert three().sort("area").labels == ["cat", "dog", "eye"]
    assert three().top(2).labels == ["eye", "cat"]
    assert len(three().top(0)) == 0
    assert three().top(np.int64(1)).labels == ["eye"]


def test_nms_is_per_label_unless_asked_and_spares_points():
    near = (12.0, 20.0, 112.0, 220.0)
    pile = three(
        xyxy=np.array([CAT, near, near, EYE, EYE]),
        labels=["cat", "cat", "dog", "eye", "eye"],
        scores=np.array([0.5, 0.75, 0.9, 0.1, 0.2]),
        provenance=["parallel"] * 5,
        is_point=[False, False, False, True, True],
    )
    assert pile.with_nms().scores.tolist() == pytest.approx([0.75, 0.9, 0.1, 0.2])
    assert pile.with_nms(across_labels=True).labels == ["dog", "eye", "eye"]
    assert len(pile.with_nms(1.0)) == 5
    assert Detections.empty((5, 5)).with_nms(across_labels=True) == Detections.empty((5, 5))


def test_merge_joins_answers_about_one_image():
    other = Detections.empty((640, 480), absent=("cat", "horse"), truncated=True, stats={"num_steps": 2})
    merged = Detections.merge([other, three()])
    assert merged.labels == ["cat", "dog", "eye"]
    assert merged.absent == ("horse", "unicorn")  # the cat was found by the other part
    assert merged.truncated
    assert merged.stats == {"num_steps": 6, "seconds": 0.5, "mode": "hybrid"}
    assert merged.task is None
    assert Detections.merge([three()]) == three()
    with pytest.raises(RequestError, match="sizes"):
        Detections.merge([three(), Detections.empty((1, 1))])
    with pytest.raises(RequestError):
        Detections.merge([])


def test_arrays_are_private_and_read_only():
    mine = np.array([CAT, DOG, EYE])
    detections = three(xyxy=mine)
    mine[:] = 0
    assert detections.xyxy[0].tolist() == list(CAT)
    with pytest.raises(ValueError, match="read-only"):
        detections.scores[0] = 1
    with pytest.raises(AttributeError):
        detections.labels = []  # type: ignore[misc]


@pytest.mark.parametrize(
    "changes",
    [
        {"xyxy": np.zeros((2, 4))},
        {"xyxy": np.zeros((3, 5))},
        {"xyxy": np.array([CAT[::-1], DOG, EYE])},
        {"xyxy": np.array([CAT, DOG, (np.nan,) * 4])},
        {"is_point": np.array([True, False, True])},  # the cat is no point
        {"is_point": np.array([True])},
        {"scores": np.array([0.5, 0.5, np.nan])},
        {"scores": np.array([0.5, 0.5, 1.5])},
        {"scores": np.array([0.5])},
        {"provenance": ["parallel"]},
        {"labels": ["cat", "dog", 3]},
        {"size_wh": (0, 480)},
        {"image": np.zeros((640, 480, 3), np.uint8)},
    ],
)
def test_our_own_mistakes_are_asserts(changes):
    with pytest.raises(AssertionError):
        three(**changes)


def test_equality_sees_everything_but_the_image():
    assert three() == three(image=np.zeros((480, 640, 3), np.uint8))
    assert three() == pickle.loads(pickle.dumps(three()))
    assert three() != three(truncated=True)
    assert three() != three(scores=np.array([0.75, 0.5, 0.9]))
    assert three() != "three"
    with pytest.raises(TypeError):
        hash(three())


def test_the_document_is_as_described():
    document = three().to_dict()
    assert list(document) == [
        "image", "size", "task", "detections", "absent", "unanswered", "truncated", "dropped", "answer",
        "stats",
    ]  # fmt: skip
    assert document["task"] == {"kind": "detect", "categories": ["cat", "dog", "unicorn"], "phrase": ""}
    assert document["detections"][1:] == [
        {"label": "dog", "box": list(DOG), "score": 0.5, "provenance": "redecoded"},
        {"label": "eye", "point": [30.0, 40.0], "score": 1.0, "provenance": "sequential"},
    ]


def test_coordinates_are_written_short():
    wide = Detections.empty((1920, 1080))
    box = np.array([[0.333 * 1920, 0.1, 1000.123, 7.0]])
    wide = Detections(
        xyxy=box, labels=["a"], scores=[0.123456], provenance=["parallel"], size_wh=wide.size_wh
    )
    assert wide.to_dict()["detections"][0]["box"] == [639.36, 0.1, 1000.123, 7.0]
    assert wide.to_dict()["detections"][0]["score"] == 0.123456


texts = st.text(max_size=12)
coords = st.floats(-1e6, 1e6, width=32)


@st.composite
def any_detections(draw) -> Detections:
    num = draw(st.integers(0, 5))
    is_point = draw(st.lists(st.booleans(), min_size=num, max_size=num))
    corners = []
    for point in is_point:
        x0, x1, y0, y1 = *sorted([draw(coords), draw(coords)]), *sorted([draw(coords), draw(coords)])
        corners.append((x0, y0, x0, y0) if point else (x0, y0, x1, y1))
    return Detections(
        xyxy=np.array(corners, np.float32),
        labels=[draw(texts) for _ in range(num)],
        scores=[draw(st.floats(0, 1, width=32)) for _ in range(num)],
        provenance=[draw(st.sampled_from(Provenance)) for _ in range(num)],
        size_wh=draw(st.tuples(st.integers(1, 10_000), st.integers(1, 10_000))),
        is_point=is_point,
        absent=tuple(draw(st.lists(texts, max_size=3))),
        truncated=draw(st.booleans()),
        dropped=tuple(draw(st.lists(texts, max_size=3))),
        answer=draw(texts),
        stats=draw(st.dictionaries(texts, st.integers() | st.floats(allow_nan=False, allow_infinity=False))),
        image_name=draw(texts),
        task=draw(st.sampled_from([None, Task.text(), Task.point("an eye"), Task.detect(["a", "b"])])),
    )


@settings(deadline=None)
@given(any_detections())
def test_write_then_read_is_the_identity(detections):
    assert Detections.from_json(detections.to_json()) == detections
    assert Detections.from_dict(detections.to_dict()).to_dict() == detections.to_dict()


def test_a_score_as_written_chooses_what_it_was_written_of():
    fine = three(scores=np.array([0.55042946, 0.00001, 0.99999]))
    written = [det["score"] for det in json.loads(fine.to_json())["detections"]]
    for score, one in zip(written, fine, strict=True):
        assert one.label in fine.filter(min_score=score)
        assert one.label in fine.filter(min_score=np.float64(score))
        assert np.float32(score) == np.float32(one.score)
    assert Detections.from_json(fine.to_json()) == fine


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"size": [4, 4]}',
        '{"size": [4], "detections": []}',
        '{"size": [4, 4], "detections": [{"label": "a"}]}',
        '{"size": [4, 4], "detections": [{"label": "a", "box": [1], "score": 1, "provenance": "parallel"}]}',
        '{"size":[4,4], "detections": [{"label": "", "point": [1,1], "score": 2, "provenance": "parallel"}]}',
        '{"size": [4, 4], "detections": [{"label": "", "point": [1,1], "score": 1, "provenance": "magic"}]}',
        '{"size": [4, 4], "detections": [], "task": {"kind": "sing", "categories": [], "phrase": ""}}',
    ],
)
def test_what_is_no_document_is_refused(text):
    with pytest.raises(DataError, match="not"):
        Detections.from_json(text)


def test_a_document_of_several_images_says_so():
    document = {"results": [three().to_dict()], "errors": [], "settings": {}}
    with pytest.raises(DataError, match="several images; take each of its 'results'"):
        Detections.from_json(json.dumps(document))
    assert Detections.from_dict(document["results"][0]).labels == three().labels


def test_coco_has_boxes_and_no_points():
    assert three().to_coco(7, {"cat": 1, "dog": 2}) == [
        {"image_id": 7, "category_id": 1, "bbox": [10.0, 20.0, 100.0, 200.0], "score": 0.75},
        {"image_id": 7, "category_id": 2, "bbox": [200.0, 100.0, 100.0, 100.0], "score": 0.5},
    ]
    json.dumps(three().to_coco(7, {"cat": 1, "dog": 2}))
    with pytest.raises(RequestError, match="dog"):
        three().to_coco(7, {"cat": 1})


def test_supervision_gets_ids_by_the_question(monkeypatch):
    """The same ids for every image that is asked the same; what was not asked for comes behind."""
    monkeypatch.setitem(sys.modules, "supervision", SimpleNamespace(Detections=SimpleNamespace))
    assert three(labels=["dog", " dog ", "eye"]).to_supervision().class_id.tolist() == [1, 1, 3]
    assert three(task=None)[[1, 0, 1, 2]].to_supervision().class_id.tolist() == [0, 1, 0, 2]
    other = three()[[1, 0, 1, 2]].to_supervision()
    assert other.class_id.tolist() == [1, 0, 1, 3]
    assert other.data["class_name"].tolist() == ["dog", "cat", "dog", "eye"]
    assert other.xyxy.shape == (4, 4)
    other.xyxy[:] = 0  # a copy that may be written
    assert three().xyxy[0].tolist() == list(CAT)


def test_supervision_missing_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'locany\[supervision\]'"):
        three().to_supervision()


def test_supervision_itself_takes_them():
    supervision = pytest.importorskip("supervision")
    assert len(three().to_supervision()) == 3
    assert isinstance(Detections.empty((4, 4)).to_supervision(), supervision.Detections)


def test_text_tells_what_was_found_and_what_was_not():
    result = three(truncated=True, dropped=("3 coordinates",), labels=["cat", "cat", "an\neye"])
    assert repr(result) == "<Detections in pets.jpg: 3 found: cat x2, an eye>"
    lines = str(result).splitlines()
    assert lines[0] == "pets.jpg (640 x 480): 3 found: cat x2, an eye"
    assert lines[1].split() == ["cat", "0.75", "box", "10.0", "20.0", "110.0", "220.0", "parallel"]
    assert lines[3].split() == ["an", "eye", "1.00", "point", "30.0", "40.0", "sequential"]
    assert lines[4:] == [
        "  not there: unicorn",
        "  the answer was cut by a limit; there may be more",
        "  dropped: 3 coordinates",
    ]
    assert "nothing found" in str(Detections.empty((4, 4)))
    assert "... and 70 more" in str(three()[[0] * 100])


@pytest.mark.parametrize("image", [None, np.zeros((480, 640, 3), np.uint8)])
def test_the_notebook_picture_is_well_formed_and_escapes_labels(image):
    page = three(labels=["<script>alert(1)</script>", 'a"b', "cat"], image=image)._repr_html_()
    assert "<script" not in page
    svg = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + len("</svg>")])
    names = [element.tag.rpartition("}")[2] for element in svg.iter()]
    assert names.count("text") == 3
    assert names.count("circle") == 2  # halo and disc of the point
    assert ("image" in names) == (image is not None)
    ElementTree.fromstring(Detections.empty((4, 4))._repr_html_().replace("<br>", "<br/>"))


def test_provenance_of_a_whole_is_that_of_its_least_parallel_part() -> None:
    parallel, verified, again, one_by_one = (
        Provenance.PARALLEL, Provenance.VERIFIED, Provenance.REDECODED, Provenance.SEQUENTIAL,
    )  # fmt: skip
    assert Provenance.of_all([parallel, again, parallel]) is again
    assert Provenance.of_all([verified] * 3) is verified
    assert Provenance.of_all([again, one_by_one]) is one_by_one
    assert Provenance.of_all([]) is parallel


def test_what_was_not_answered_is_told():
    found = three(unanswered=("key",))
    assert "not answered: key" in str(found)
    assert Detections.from_json(found.to_json()) == found
    assert found[:1].unanswered == ("key",)
    other = three(labels=["key", "dog", "eye"], absent=("bird",), unanswered=("unicorn",))
    merged = Detections.merge([found, other])
    assert (merged.absent, merged.unanswered) == (("bird",), ("unicorn",))  # the key was found


def test_sort_names_what_it_takes():
    with pytest.raises(RequestError, match="'score' or 'area', got 'label'"):
        three().sort("label")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda found: found.filter(min_score=np.nan), "min_score is nan, expected a number from 0 to 1"),
        (lambda found: found.filter(min_score=50), "min_score is 50, expected a number from 0 to 1"),
        (lambda found: found.filter(min_area=-1), "min_area is -1, expected a number from 0 to inf"),
        (lambda found: found.filter(label=3), "a label is a string, got int: 3"),
        (lambda found: found.filter(label=["cat", None]), "a label is a string, got NoneType"),
        (lambda found: found.with_nms(np.nan), "iou_threshold is nan, expected a number from 0 to 1"),
        (lambda found: found.with_nms(-1), "iou_threshold is -1"),
        (lambda found: found.with_nms(2), "iou_threshold is 2"),
        (lambda found: found.with_nms(None), "iou_threshold is None"),
        (lambda found: found.top(-1), "an integer of at least 0, got -1"),
        (lambda found: found.top(1.5), r"an integer of at least 0, got 1\.5"),
        (lambda found: Detections.merge(found), "merge takes a list of Detections; give several"),
        (lambda found: Detections.merge([found, None]), "merge takes a list of Detections"),
        (lambda found: Detections.merge(None), "merge takes a list of Detections"),
    ],
)
def test_what_cannot_be_chosen_is_told(wrong, words):
    with pytest.raises(RequestError, match=words):
        wrong(three())


def test_a_document_is_text():
    for wrong in (None, 3):
        with pytest.raises(DataError, match="not JSON"):
            Detections.from_json(wrong)  # type: ignore[arg-type]


def test_labels_are_looked_up_in_the_spelling_that_they_were_asked_in():
    asked = ["sail  boat", "cafe\u0301", "eye"]
    found = three(labels=list(Task.detect(asked).categories))
    assert found.labels == ["sail boat", "caf\u00e9", "eye"]
    for position, label in enumerate(asked):
        assert label in found
        assert found[label].labels == found.filter(label=[label]).labels == [found.labels[position]]
    assert found[asked[:2]] == found[:2]
    assert [row["category_id"] for row in found.to_coco(1, {"sail  boat": 1, "cafe\u0301": 2})] == [1, 2]
    assert three(labels=["a  b", "a b", "c"]).to_coco(1, {"a  b": 1, "a b": 2})[0]["category_id"] == 1
    written = three(labels=["two  blanks", "cat", "eye"])  # a transcription is as the model wrote it
    assert "two  blanks" in written
    assert len(written["two  blanks"]) == 1
    assert 3 not in written


def test_lists_of_an_answer_are_lists_that_cannot_be_changed():
    found = three()
    for change in (
        lambda: found.labels.append("zz"),
        lambda: found.labels.sort(),
        lambda: found.labels.__setitem__(0, "zz"),
        lambda: found.labels.__iadd__(["zz"]),
        lambda: found.provenance.clear(),
        lambda: found.provenance.__delitem__(0),
    ):
        with pytest.raises(TypeError, match="belongs to an answer and cannot be changed; change a copy"):
            change()
    assert found == three()
    assert found.labels == ["cat", "dog", "eye"]
    mine = found.labels.copy()
    mine.append("zz")
    again = copy.deepcopy(found)
    assert again == found == pickle.loads(pickle.dumps(found))
    with pytest.raises(TypeError):
        again.labels.pop()


def test_the_settings_of_an_answer_are_its_own():
    settings_of_all = {"mode": "fast", "tiles": [2, 2]}
    first, second = (three(stats={"settings": settings_of_all}) for _ in range(2))
    part, document = first[:1], first.to_dict()
    for changed in (settings_of_all, first.stats["settings"], document["stats"]["settings"]):
        changed["mode"] = "slow"
        changed["tiles"].append(3)
    assert second.stats == part.stats == {"settings": {"mode": "fast", "tiles": [2, 2]}}


def test_captions_in_a_notebook_have_room_and_keep_the_score():
    long = "the second small sailboat from the left with a red and white striped sail"
    labels, corners = [long, long, "cat", "cat"], [(500, 100, 600, 300), (0, 0, 640, 480), CAT, CAT]
    found = three(
        labels=labels, xyxy=np.array(corners), scores=[0.25, 0.5, 0.75, 1], provenance=["parallel"] * 4,
        is_point=[False] * 4, absent=("x" * 400,),
    )  # fmt: skip
    page = found._repr_html_()
    assert "overflow-wrap:anywhere" in page
    svg = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + len("</svg>")])
    groups = [(group[0].text, group[-1]) for group in svg if group.tag.endswith("}g")]
    assert {title for title, _ in groups} == {f"{long} 0.25", f"{long} 0.50", "cat 0.75", "cat 1.00"}
    for title, text in groups:
        assert text.text[-4:] == title[-4:]
        assert ("…" in text.text) == title.endswith("0.25")  # the wide box has room for all of it
        assert 0 <= float(text.get("x")) <= 640
    [cut] = [text for title, text in groups if title.endswith("0.25")]
    assert cut.text.startswith("the second")
    assert cut.get("text-anchor") == "end"  # so that no other font moves the score out of the picture
    cats = [(text.get("x"), text.get("y")) for title, text in groups if title.startswith("cat")]
    assert cats[0] != cats[1]
