"""The gui engine: what it says of a page is what the browser shows and a click meets."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from locany.data.sample import Sample
from locany.errors import DataError
from locany.synth import gui
from locany.synth.gui import GuiConfig
from locany.synth.gui import page as p
from locany.synth.gui.actions import CONFUSABLE, ICON_SETS, actions
from locany.synth.gui.config import VIEWPORTS
from locany.synth.gui.engine import compose
from locany.synth.gui.html import Writer
from locany.synth.gui.questions import ask
from locany.synth.gui.templates import TEMPLATES
from locany.synth.gui.theme import Theme, contrast, hsl, mix
from locany.synth.gui.toolkits.catalogue import TOOLKITS
from locany.synth.gui.truth import Truth, color_name, read_truth
from locany.synth.gui.wording import confusable, looks_alike, third_person, with_article
from locany.synth.gui.words import LANGUAGES, word, words
from locany.synth.splits import HELD_OUT, in_split
from locany.tasks import TaskKind

_SMALL = (((640, 480), 1.0), ((360, 640), 1.0))
_GUI = (TaskKind.GUI, TaskKind.GUI_POINT)
# Whether a click at a point meets the element or something in it, also across shadow roots; or, where the
# element is a tick box, its label, which toggles it.
_HIT = """(points) => points.map(([x, y, id]) => {
  let e = document.elementFromPoint(x, y);
  while (e && e.shadowRoot) {
    const inner = e.shadowRoot.elementFromPoint(x, y);
    if (!inner || inner === e) break;
    e = inner;
  }
  const wanted = document.querySelector(`[data-w="${id}"]`);
  const label = wanted.closest("label, .x-owner");
  for (let n = e; n; n = n.parentNode || n.host) if (n === wanted || n === label) return true;
  return false;
})"""


def _config(split: str = "train", **changes: object) -> GuiConfig:
    return replace(GuiConfig(split=split, viewports=_SMALL), **changes)  # type: ignore[arg-type]


def _split_of(toolkit: str) -> str:
    return "held-out" if toolkit in HELD_OUT["toolkits"] else "train"


def _digest(sample: Sample) -> str:
    facts = repr((sample.questions, sample.objects, sorted(sample.provenance.items())))
    return hashlib.sha256(sample.pixels().tobytes() + facts.encode()).hexdigest()


def _theme() -> Theme:
    return Theme(
        *(
            "light",
            False,
            "#1a56c4",
            "#ffffff",
            "#f2f4f7",
            "#ffffff",
            "#ffffff",
            "#111111",
            "#666666",
            "#cccccc",
        ),
        *("#ffffff", "#111111", 4, 16.0, 10, "none", "'Roboto'", "'Roboto'", ("roboto",)),
    )


def _truth(page: p.Page, size_wh: tuple[int, int] = (640, 480)) -> Truth:
    from locany.synth.browser import browser

    writer = Writer(TOOLKITS["bootstrap"], _theme(), "lucide", "en")
    document = writer.document(page, "{page}", "")
    browser().show(document, size_wh)
    return read_truth(browser(), writer.elements, size_wh, 1.0)[0]


# -- tables ------------------------------------------------------------


def test_every_language_has_every_word() -> None:
    for language in LANGUAGES:
        assert all(words(language))
        # Two keys with one word would make two controls look the same; a few languages have true homonyms.
        assert len(set(words(language))) > 0.93 * len(words(language)), language
    assert word("save", "de") == "Speichern"


def test_every_set_shows_most_actions() -> None:
    shown = [a for a in actions().values() if a.looks]
    for icon_set in ICON_SETS:
        assert sum(icon_set in a.icons for a in shown) > 0.88 * len(shown)
    for split in ("train", "held-out"):
        assert in_split("icon_sets", ICON_SETS, split)


def test_actions_of_one_group_are_confusable_both_ways() -> None:
    for group in CONFUSABLE:
        for one in group:
            assert all(confusable(one, other) and confusable(other, one) for other in group)
    assert not confusable("save", "")
    assert not confusable("print", "play")


def test_icons_that_are_called_the_same_look_alike() -> None:
    assert looks_alike("search", "search")
    assert looks_alike("left", "left")
    assert not looks_alike("delete", "save")
    assert not looks_alike("", "save")


def test_grammar_of_phrases() -> None:
    assert [third_person(v) for v in ("search", "copy", "play", "delete")] == [
        "searches",
        "copies",
        "plays",
        "deletes",
    ]
    assert with_article("open book") == "an open book"
    assert with_article("three lines") == "three lines"
    assert with_article("magnifying glass with a plus") == "a magnifying glass with a plus"


def test_colours_have_names_only_where_people_agree() -> None:
    assert color_name(np.array([220, 20, 20])) == "red"
    assert color_name(np.array([20, 90, 220])) == "blue"
    assert color_name(np.array([128, 128, 128])) == "grey"
    assert color_name(np.array([20, 160, 170])) == ""  # teal: green to some, blue to others
    assert mix("#ffffff", "#000000", 0.5) == "#808080"
    assert hsl("#ff0000")[0] == 0
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_a_config_refuses_names_of_the_other_split() -> None:
    with pytest.raises(DataError, match="pico"):
        GuiConfig(toolkits=("pico",))
    with pytest.raises(DataError, match="calendar"):
        GuiConfig(templates=("calendar",))
    with pytest.raises(DataError, match="languages"):
        GuiConfig(languages=(("xx", 1.0),))
    with pytest.raises(DataError, match="above max_pixels"):
        GuiConfig(max_pixels=100_000)
    with pytest.raises(DataError, match="no split"):
        GuiConfig(split="test")
    GuiConfig(split="held-out", toolkits=("pico",), templates=("calendar",))


def test_there_are_enough_toolkits_and_templates() -> None:
    assert len(TOOLKITS) >= 6
    assert len(TEMPLATES) >= 12
    assert HELD_OUT["toolkits"] <= set(TOOLKITS)
    assert HELD_OUT["gui_templates"] <= set(TEMPLATES)


# -- pages ------------------------------------------------------------


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize("toolkit", sorted(TOOLKITS))
def test_a_click_at_every_point_hits_its_element(toolkit: str) -> None:
    from locany.synth.browser import browser

    split = _split_of(toolkit)
    for seed in range(4):
        sample = gui.render(seed, _config(split, toolkits=(toolkit,), frame_rate=0.5))
        scale = float(sample.provenance["scale"])
        targets = [o for o in sample.objects if o.label != "text"]
        targets += [t for q in sample.questions if q.task.kind in _GUI for t in q.targets]
        points = []
        for target in targets:
            assert target.xyxy is not None
            assert target.point is not None
            (x0, y0, x1, y1), (x, y) = target.xyxy, target.point
            assert x0 <= x <= x1
            assert y0 <= y <= y1
            points.append((x / scale, y / scale, target.attributes["node"]))
        assert points
        missed = [t for t, hit in zip(targets, browser().evaluate(_HIT, points), strict=True) if not hit]
        assert not missed, (sample.provenance, missed)


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_template_gives_sound_questions(template: str) -> None:
    split = "held-out" if template in HELD_OUT["gui_templates"] else "train"
    sample = gui.render(7, _config(split, templates=(template,)))
    width, height = sample.size_wh
    for target in (*sample.objects, *(t for q in sample.questions for t in q.targets)):
        assert target.xyxy is not None
        x0, y0, x1, y1 = target.xyxy
        assert x0 >= 0
        assert y0 >= 0
        assert x1 <= width
        assert y1 <= height
        assert min(x1 - x0, y1 - y0) >= 3
    tasks = [q.task for q in sample.questions]
    assert len(set(tasks)) == len(tasks) >= 8
    for question in sample.questions:
        if question.task.kind in _GUI:
            assert len(question.targets) <= 1
        if question.task.kind is TaskKind.GROUND:
            assert len(question.targets) > 1


@pytest.mark.usefixtures("needs_render")
def test_one_phrase_means_one_element() -> None:
    for seed in range(6):
        sample = gui.render(seed, _config(max_questions=200))
        meant: dict[str, object] = {}
        for question in sample.questions:
            if question.task.kind in _GUI and question.targets:
                node = question.targets[0].attributes["node"]
                assert meant.setdefault(question.task.phrase.casefold(), node) == node


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize("toolkit", sorted(TOOLKITS))
def test_labels_are_the_words_that_are_shown(toolkit: str) -> None:
    from locany.synth.browser import browser

    script = """() => Object.fromEntries([...document.querySelectorAll("[data-w]")].map(
        (el) => [el.dataset.w, el.innerText.replace(/\\s+/g, " ").trim()]))"""
    checked = 0
    for seed in (11, 12, 13):
        config = _config(_split_of(toolkit), toolkits=(toolkit,))
        sample = gui.render(seed, config)
        elements = compose(seed, config).elements
        shown = browser().evaluate(script)
        for target in sample.objects:
            node = target.attributes.get("node")
            if node is not None and target.text and elements[node].inside:
                assert target.text in shown[str(node)], (target, shown[str(node)])
                checked += 1
    assert checked


@pytest.mark.usefixtures("needs_render")
def test_a_seed_gives_the_same_bytes_in_any_process() -> None:
    config = _config()
    first = [_digest(gui.render(seed, config)) for seed in (3, 4, 5)]
    assert [_digest(gui.render(seed, config)) for seed in (5, 4, 3)] == first[::-1]
    program = (
        "from tests.unit.test_gui import _config, _digest, gui\n"
        "print(*(_digest(gui.render(seed, _config())) for seed in (3, 4, 5)))"
    )
    fresh = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert fresh.stdout.split() == first


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize("split", ["train", "held-out"])
def test_pages_use_names_of_their_split_only(split: str) -> None:
    config = GuiConfig(split=split)
    allowed = gui.names_used(config)
    for kind, names in allowed.items():
        if kind == "fonts":  # scripts with one family only share it
            latin = gui.names_used(replace(config, languages=(("en", 1.0), ("ru", 1.0))))["fonts"]
            assert all((name in HELD_OUT[kind]) == (split == "held-out") for name in latin)
        else:
            assert all((name in HELD_OUT[kind]) == (split == "held-out") for name in names)
    for seed in range(60):
        facts = compose(seed, config).facts
        assert facts["toolkit"] in allowed["toolkits"]
        assert facts["template"] in allowed["gui_templates"]
        assert set(facts["icon_sets"]) <= set(allowed["icon_sets"])  # type: ignore[call-overload]
        assert set(facts["fonts"]) <= set(allowed["fonts"])  # type: ignore[call-overload]


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize("toolkit", sorted(TOOLKITS))
def test_all_text_is_in_the_fonts_of_the_theme(toolkit: str) -> None:
    from locany.synth.browser import browser
    from locany.synth.fonts import FAMILIES

    script = """() => {
      const found = new Set();
      const walk = (root) => root.querySelectorAll("*").forEach((el) => {
        const typed = el.nodeName === "INPUT" && !["checkbox", "radio", "range"].includes(el.type);
        const written = [...el.childNodes].some((n) => n.nodeType === 3 && n.nodeValue.trim());
        const drawn = getComputedStyle(el).opacity !== "0";
        if (drawn && (typed || written) && !["STYLE", "SCRIPT", "TITLE"].includes(el.nodeName))
          found.add(getComputedStyle(el).fontFamily.split(",")[0].replaceAll('"', "").trim());
        if (el.shadowRoot) walk(el.shadowRoot);
      });
      walk(document);
      return [...found];
    }"""
    css = {family.name: family.css for family in FAMILIES}
    for seed in range(5):
        sample = gui.render(seed, _config(_split_of(toolkit), toolkits=(toolkit,)))
        allowed = {css[name] for name in sample.provenance["fonts"]} | {"Noto Color Emoji"}
        assert set(browser().evaluate(script)) <= allowed


@pytest.mark.usefixtures("needs_render")
def test_nothing_behind_a_dialog_is_asked_for() -> None:
    behind = p.Box((p.Button("Archive"), p.Button("Close"), p.Field("Name"), p.Text("Behind")), "col pad")
    dialog = p.Dialog(
        "Really?", (p.Text("This cannot be undone."),), (p.Button("Close", look="main"), p.Button("Stay"))
    )
    truth = _truth(p.Page("Test", behind, dialog))
    clear = {t.element.name for t in truth.things if t.clear and t.element.role == "button"}
    assert clear == {"Close", "Stay"}
    assert all(t.element.over for t in truth.things if t.clear)
    config = GuiConfig(max_questions=500, negative_rate=0.0)
    questions = ask(np.random.default_rng(0), config, truth, "en", (640, 480))
    phrases = [q.task.phrase for q in questions]
    assert any("Stay" in phrase for phrase in phrases)
    assert not any("Archive" in phrase or "Name" in phrase or "Behind" in phrase for phrase in phrases)
    # Two buttons say "Close", one of them dimmed: the bare label means neither.
    assert not any(phrase.casefold() in ("close", "click on close", "the close button") for phrase in phrases)


@pytest.mark.usefixtures("needs_render")
def test_a_box_ends_where_something_lies_over_it() -> None:
    button = p.Button("Long label of a button", wide=True)
    cover = p.Box((), "abs", "left:0;top:0;width:200px;height:480px;background:#222;z-index:5")
    truth = _truth(p.Page("Test", p.Box((button, cover), "col")))
    (thing,) = truth.things
    assert thing.clear is False or thing.xyxy[0] == pytest.approx(200, abs=1)
    assert thing.xyxy[0] == pytest.approx(200, abs=1)
    assert thing.xyxy[2] == pytest.approx(640, abs=1)


@pytest.mark.usefixtures("needs_render")
def test_what_is_scrolled_away_is_cut_off() -> None:
    rows = tuple(p.Box((p.Button(f"Row {i}"),), style="height:100px;flex:none") for i in range(12))
    truth = _truth(p.Page("Test", p.Box(rows, "stack scroll grow", scroll=250)))
    seen = {t.element.name for t in truth.things if t.clear}
    assert "Row 3" in seen
    assert not seen & {"Row 0", "Row 1", "Row 9", "Row 11"}
    assert all(t.xyxy[1] >= 0 and t.xyxy[3] <= 480 for t in truth.things)


@pytest.mark.usefixtures("needs_render")
def test_boxes_grow_with_the_scale() -> None:
    one, two = (gui.render(21, _config(scales=((scale, 1.0),))) for scale in (1.0, 2.0))
    assert two.size_wh == (one.size_wh[0] * 2, one.size_wh[1] * 2)
    by_node = {o.attributes["node"]: o for o in one.objects if "node" in o.attributes}
    shared = 0
    for target in two.objects:
        other = by_node.get(target.attributes.get("node"))
        if other is not None and other.xyxy is not None and target.xyxy is not None:
            shared += 1
            assert np.allclose(np.array(other.xyxy) * 2, target.xyxy, atol=2.5)
    assert shared > 5


@pytest.mark.usefixtures("needs_render")
def test_boxes_of_text_hold_its_ink() -> None:
    sample = gui.render(33, _config(languages=(("en", 1.0),)))
    grey = sample.pixels().mean(axis=2)
    lines = [o for o in sample.objects if o.label == "text"]
    assert lines
    for line in lines:
        assert line.xyxy is not None
        x0, y0, x1, y1 = (round(v) for v in line.xyxy)
        inside = grey[y0:y1, x0:x1]
        assert inside.max() - inside.min() > 25, line  # letters stand out from their ground


@pytest.mark.usefixtures("needs_render")
def test_negatives_are_boxes_only_and_come_at_their_rate() -> None:
    config = _config(max_questions=30, negative_rate=0.3)
    empty = asked = 0
    for seed in range(8):
        for question in gui.render(seed, config).questions:
            if question.task.kind in _GUI:
                asked += 1
                if not question.targets:
                    empty += 1
                    assert question.task.kind is TaskKind.GUI
    assert 0.1 < empty / asked < 0.4
    for question in gui.render(1, _config(negative_rate=0.0)).questions:
        assert question.targets


def test_the_curriculum_starts_with_small_windows() -> None:
    from locany.synth.gui.engine import _window

    rng = np.random.default_rng(0)
    early = [_window(rng, GuiConfig(), 0.0)[0] for _ in range(50)]
    late = [_window(rng, GuiConfig(), 1.0)[0] for _ in range(200)]
    assert max(w * h for w, h in early) < 500_000
    assert max(w * h for w, h in late) == max(w * h for (w, h), _ in VIEWPORTS)
    for _ in range(100):
        (width, height), scale = _window(rng, GuiConfig(), 1.0)
        assert width * height * scale**2 <= GuiConfig().max_pixels
