"""Scene text: what stands in the picture is where its boxes say, and reads as its label says."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import unicodedata
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw

from locany.data.record import sample_from_json, sample_to_json
from locany.data.sample import Sample
from locany.errors import DataError, MissingAssetsError
from locany.synth import assets, fonts, lexicon, scene_text, splits, textures
from locany.synth.lexicon_words import LANGUAGES
from locany.synth.scene_text import SceneTextConfig, draw, names_used, render, typefaces
from locany.synth.scene_text.colors import color_name, luma, scheme
from locany.synth.scene_text.config import SCRIPTS
from locany.synth.scene_text.scenes import SCENES
from locany.synth.scene_text.stage import Written
from locany.tasks import TaskKind

BUNDLED = SceneTextConfig.bundled()
SEEDS = range(24)
_FINE = 4  # parts of a pixel that a polygon is filled with


@cache
def pictures() -> tuple[scene_text.Picture, ...]:
    return tuple(draw(seed, BUNDLED) for seed in SEEDS)


def words() -> list[Written]:
    return [written for picture in pictures() for written in picture.words]


def digest(sample: Sample) -> str:
    record = sample_to_json(sample)
    return hashlib.sha256(sample.pixels().tobytes() + repr(record).encode()).hexdigest()


def only(script: str, **changes: object) -> SceneTextConfig:
    return SceneTextConfig(scripts=((script, 1.0),), **changes)  # type: ignore[arg-type]


# --- determinism ---


def test_same_seed_same_bytes_also_in_a_fresh_process() -> None:
    once, again = ([digest(render(seed, BUNDLED)) for seed in range(6)] for _ in range(2))
    assert once == again
    assert len(set(once)) == 6
    script = (
        "from tests.unit.test_scene_text import BUNDLED, digest, render\n"
        "print(*[digest(render(seed, BUNDLED)) for seed in (5, 3, 0)])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [once[5], once[3], once[0]]


def test_render_and_draw_are_the_same_picture() -> None:
    sample, picture = render(3, BUNDLED), pictures()[3]
    assert sample.pixels().tobytes() == np.asarray(picture.image).tobytes()
    assert [t.label for t in sample.objects] == [w.word.text for w in picture.words]
    assert sample.provenance["renderer"] == scene_text.NAME == "scene_text"
    again = sample_from_json(sample_to_json(sample), sample.image)
    assert (again.objects, again.questions) == (sample.objects, sample.questions)


# --- truth ---


def test_boxes_are_inside_and_tight_around_the_word_drawn_alone() -> None:
    """The word's own coverage, warped into an otherwise empty image, has its box to the pixel."""
    for picture in pictures():
        width, height = picture.image.size
        for written in picture.words:
            x0, y0, x1, y1 = written.xyxy
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            alone = written.warp.apply(written.word.mask, written.word.at, (0, 0, width, height))
            seen = np.asarray(alone) >= assets.VISIBLE_ALPHA
            ys, xs = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
            drawn = (xs[0], ys[0], xs[-1] + 1, ys[-1] + 1)
            assert np.abs(np.array(drawn) - np.array(written.xyxy)).max() <= 1, written.word.text


def test_letters_stand_out_where_their_coverage_is() -> None:
    """In a picture without light and noise, covered pixels differ from bare ones in the same box."""
    config = SceneTextConfig.bundled(degrade=0.0, scenes=(("wall", 0.5), ("street", 0.5)))
    compared = 0
    for seed in range(16):
        picture = draw(seed, config)
        image = np.asarray(picture.image.convert("L"), np.int16)
        for written in picture.words:
            if written.word.core is not written.word.mask:
                continue  # an outline has a colour of its own
            size = picture.image.size
            alpha = np.asarray(written.warp.apply(written.word.mask, written.word.at, (0, 0, *size)))
            ink, bare = image[alpha > 230], image[(alpha == 0) & _inside(written, image.shape)]
            if len(ink) > 20 and len(bare) > 20:
                compared += 1
                assert abs(np.median(ink) - np.median(bare)) > 18, (seed, written.word.text)
    assert compared > 60


def _inside(written: Written, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    x0, y0, x1, y1 = (int(v) for v in written.xyxy)
    mask[y0:y1, x0:x1] = True
    return mask


def test_polygons_enclose_the_ink_tightly() -> None:
    for written in words():
        x0, y0, _, _ = written.region
        alpha = np.asarray(written.alpha, np.float64)
        outline = Image.new("L", (alpha.shape[1] * _FINE, alpha.shape[0] * _FINE))
        corners = [((x - x0) * _FINE - 0.5, (y - y0) * _FINE - 0.5) for x, y in written.polygon]
        ImageDraw.Draw(outline).polygon(corners, fill=255)
        inside = np.asarray(outline.reduce(_FINE), np.float64) / 255
        assert (alpha * inside).sum() >= 0.95 * alpha.sum(), written.word.text
        assert len(written.polygon) == 4 or (written.warp.bend and 8 <= len(written.polygon) <= 14)

        lows, highs = np.min(written.polygon, axis=0), np.max(written.polygon, axis=0)
        bounds = np.array([*lows, *highs])
        outwards = (bounds - np.array(written.xyxy)) * np.array([-1, -1, 1, 1])
        assert outwards.min() > -2, written.word.text  # the polygon never leaves out what the box holds
        if written.warp.shift is not None:  # upright: the same; turned: corners stick out of a tight box
            assert np.abs(outwards).max() <= 2


def test_a_polygon_is_tight_in_the_words_own_frame() -> None:
    """The ink touches all four sides of the flat rectangle that the polygon is the image of."""
    for written in words():
        seen = np.asarray(written.word.mask) >= assets.VISIBLE_ALPHA
        ys, xs = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        left, top = written.word.at
        assert written.ink == (left + xs[0], top + ys[0], left + xs[-1] + 1, top + ys[-1] + 1)
        corner = written.warp.inverse(np.array(written.polygon[0]))
        assert np.abs(corner - np.array(written.ink[:2])).max() < 0.6


def test_words_do_not_lie_on_each_other() -> None:
    for picture in pictures():
        by_sign: dict[int, np.ndarray] = {}
        size = picture.image.size
        for written in picture.words:
            layer = Image.new("L", size)
            layer.paste(written.alpha, written.region)
            drawn = by_sign.setdefault(written.sign, np.zeros(size[::-1], bool))
            drawn |= np.asarray(layer) > 128
        assert np.sum(list(by_sign.values()), axis=0).max(initial=0) <= 1


def test_warps_are_their_own_inverse() -> None:
    points = np.stack(np.meshgrid(np.linspace(0, 160, 9), np.linspace(0, 40, 5)), axis=-1)
    flat = [written.warp for written in words() if written.warp.bend is None]
    bent = [scene_text.stage.Pose(10, bend=kind, amount=a).warp((160, 40)) for kind, a in _BENDS]
    for warp in (*flat[::9], *bent):
        assert np.abs(warp.inverse(warp.forward(points)) - points).max() < 1e-6


_BENDS = (("arc", 1.5), ("bowl", 1.0), ("wave", 0.07))


# --- what is written ---


def test_labels_are_what_the_signs_say() -> None:
    for picture in pictures():
        said = [word for sign in picture.signs for line in sign.wording.lines for word in line.words]
        assert [written.word.text for written in picture.words] == said
        assert all(typefaces.covers(written.word.face, written.word.text) for written in picture.words)


def test_wordings_keep_the_limit_and_single_spaces() -> None:
    rng = np.random.default_rng(0)
    for kind in lexicon.KINDS:
        for language in LANGUAGES:
            limit = int(rng.integers(1, 30))
            wording = lexicon.wording(rng, kind, language, max_words=limit)
            assert 1 <= wording.num_words <= limit
            assert all(word for line in wording.lines for word in line.words)


def test_case_follows_the_language() -> None:
    assert lexicon.cased("çıkış giriş", "tr", "upper") == "ÇIKIŞ GİRİŞ"
    assert lexicon.cased("έξοδος", "el", "upper") == "ΕΞΟΔΟΣ"
    assert lexicon.cased("straße", "de", "upper") == "STRASSE"
    assert lexicon.cased("出口", "zh", "upper") == "出口"


def test_lookalikes_differ_but_little() -> None:
    rng = np.random.default_rng(1)
    for word, language in (("OPEN", "en"), ("8:30", "en"), ("выход", "ru"), ("مفتوح", "ar"), ("出口", "zh")):
        for _ in range(20):
            assert lexicon.lookalike(rng, word, language) != word


# --- questions ---


def test_answers_hold_every_place_of_a_text_and_nothing_else() -> None:
    negatives = asked = 0
    config = SceneTextConfig.bundled(num_questions=10, repeat_rate=0.3, decoy_rate=0.3, negative_rate=0.3)
    for seed in range(20):
        sample = render(seed, config)
        labels = [t.label for t in sample.objects]
        for question in sample.questions:
            kind, phrase = question.task.kind, question.task.phrase
            if kind is TaskKind.TEXT:
                assert question.targets == sample.objects
                continue
            text = phrase.removeprefix('the word "').removesuffix('"')
            if kind in (TaskKind.FIND_TEXT, TaskKind.POINT):
                asked += 1
                negatives += not question.targets
                if " " not in text:
                    assert [t.text for t in question.targets] == [text] * labels.count(text)
                    assert question.targets or not any(text.casefold() in la.casefold() for la in labels)
            for target in question.targets:
                assert target.label == phrase
                assert target.xyxy is not None
            if kind is TaskKind.POINT:
                assert all(_holds(t.xyxy, t.point) for t in question.targets)
            if kind is TaskKind.REFER:
                assert len(question.targets) == 1
    assert 0.15 < negatives / asked < 0.45


def _holds(box: tuple[float, ...] | None, point: tuple[float, float] | None) -> bool:
    assert box is not None
    assert point is not None
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def test_lines_as_objects() -> None:
    config = SceneTextConfig.bundled(level="line")
    for seed in range(6):
        as_words, as_lines = render(seed, BUNDLED), render(seed, config)
        lines: dict[int, list[str]] = {}
        for target in as_words.objects:
            lines.setdefault(target.attributes["line"], []).append(target.label)
        assert [t.label for t in as_lines.objects] == [" ".join(parts) for parts in lines.values()]


def test_repeats_give_several_targets() -> None:
    config = SceneTextConfig.bundled(repeat_rate=1.0, num_words=(12, 20), num_questions=8)
    questions = [q for seed in range(8) for q in render(seed, config).questions]
    assert any(len(q.targets) > 1 for q in questions if q.task.kind is TaskKind.FIND_TEXT)


# --- config ---


def test_colors_keep_their_contrast() -> None:
    rng = np.random.default_rng(2)
    for kind in ("street", "warning", "price", "shop", "paper", "plate", "board"):
        for need in (30.0, 60.0, 110.0):
            for _ in range(30):
                body, ink = scheme(rng, kind, need)
                assert abs(luma(body) - luma(ink)) >= need - 1
    assert color_name((200, 20, 25)) == "red"
    assert color_name((20, 60, 160)) == "blue"
    assert color_name((128, 90, 80)) is None


@pytest.mark.parametrize("scene", sorted(SCENES))
def test_every_scene_writes_words(scene: str) -> None:
    config = SceneTextConfig.bundled(scenes=((scene, 1.0),), num_words=(8, 20))
    assert sum(len(draw(seed, config).words) for seed in range(3)) >= 6


def test_held_out_fonts_stay_held_out() -> None:
    held_out = splits.HELD_OUT["fonts"]
    assert not set(names_used(BUNDLED)["fonts"]) & held_out
    assert set(names_used(SceneTextConfig.bundled(split="held-out"))["fonts"]) <= held_out
    for picture in pictures():
        assert not {name.rpartition("-")[0] for name in picture.provenance["fonts"]} & held_out


def test_small_images_for_small_models() -> None:
    config = SceneTextConfig.bundled(side=(140, 336), num_patches=(140, 256), num_words=(1, 6))
    for seed in range(5):
        width, height = render(seed, config).size_wh
        assert width % 28 == height % 28 == 0
        assert 140 <= width * height / 14**2 <= 256


def test_the_curriculum_ends_at_the_config() -> None:
    assert BUNDLED.at(1.0) is BUNDLED
    easy = BUNDLED.at(0.0)
    assert (easy.rotation, easy.perspective, easy.degrade) == (0, 0, 0)
    assert easy.text_height[0] > BUNDLED.text_height[0]
    assert all(written.warp.shift is not None for written in draw(2, BUNDLED, step=0.0).words[:1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_words": (5, 2)},
        {"negative_rate": 2.0},
        {"scripts": ()},
        {"scripts": (("klingon", 1.0),)},
        {"level": "page"},
        {"font_source": "web"},
        {"text_height": (2, 20)},
        {"font_source": "bundled"},
    ],
)
def test_wrong_configs_are_refused(wrong: dict) -> None:
    with pytest.raises(DataError, match="SceneTextConfig"):
        SceneTextConfig(**wrong)


def test_missing_fonts_say_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "missing_families", lambda: ("noto-sans-thai",))
    typefaces.faces.cache_clear()
    with pytest.raises(MissingAssetsError, match=r"noto-sans-thai.*locany data setup.*bundled"):
        render(0, only("thai"))
    typefaces.faces.cache_clear()
    with pytest.raises(DataError, match="seed"):
        render(-1, BUNDLED)


@pytest.mark.parametrize("kind", textures.SURFACES)
def test_surfaces_fill_the_size(kind: str) -> None:
    rng = np.random.default_rng(4)
    for size_wh in ((448, 448), (20, 700), (3, 1)):
        image = textures.surface(rng, size_wh, kind)
        assert (image.size, image.mode) == (size_wh, "RGB")


# --- with the system's fonts ---


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_written(script: str) -> None:
    for split in ("train", "held-out"):
        used = set()
        for seed in range(4):
            picture = draw(seed, only(script, split=split, num_words=(6, 12)))
            used |= {written.word.script for written in picture.words}
            assert all(typefaces.covers(w.word.face, w.word.text) for w in picture.words)
        assert script in used


@pytest.mark.usefixtures("needs_render")
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_has_a_font_for_all_its_letters(language: str) -> None:
    script = LANGUAGES[language].script
    for split in ("train", "held-out"):
        able = [
            f
            for f in typefaces.faces(split, "system", script)
            if typefaces.languages_of(f, script, (language,))
        ]
        assert able, (split, language)


@pytest.mark.usefixtures("needs_render")
def test_arabic_joins_and_runs_leftwards() -> None:
    face = typefaces.faces("train", "system", "arabic")[0]
    joined = typefaces.draw_word(face, 60, "بيت", shaped=True).mask
    apart = typefaces.draw_word(face, 60, "ب\u200cي\u200cت", shaped=True).mask
    assert joined.width < 0.85 * apart.width
    first = np.asarray(
        typefaces.draw_word(face, 60, "اب", shaped=True).mask
    )  # a tall letter, then a flat one
    half = first.shape[1] // 2
    assert first[: first.shape[0] // 3, half:].sum() > first[: first.shape[0] // 3, :half].sum()


@pytest.mark.usefixtures("needs_render")
def test_lines_of_arabic_start_on_the_right() -> None:
    for seed in range(6):
        picture = draw(seed, only("arabic", rotation=0, perspective=0, bend_rate=0, num_words=(10, 20)))
        rows: dict[tuple[int, int], list[Written]] = {}
        for written in picture.words:
            if written.word.script == "arabic":
                rows.setdefault((written.sign, written.word.line), []).append(written)
        for row in rows.values():
            letters = "".join(written.word.text for written in row)
            if row[0].warp.shift is not None and any(unicodedata.bidirectional(c) == "AL" for c in letters):
                lefts = [written.xyxy[0] for written in row]
                assert lefts == sorted(lefts, reverse=True)
