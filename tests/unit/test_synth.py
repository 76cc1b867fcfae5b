"""locany.synth: a seed in, an exact sample out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from locany.data.sample import Sample
from locany.errors import DataError
from locany.synth import assets, backgrounds
from locany.synth.icons import IconsConfig, render
from locany.synth.renderer import engine
from locany.synth.screens import screen
from locany.synth.splits import HELD_OUT
from locany.tasks import TaskKind

Kind = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]

seeds = st.integers(0, 2**48)
few = settings(max_examples=40, deadline=None)


def shared(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def area(box: tuple[float, ...]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def boxes(sample: Sample) -> list[tuple[float, float, float, float]]:
    return [target.xyxy for target in sample.objects if target.xyxy is not None]


# --- assets ---


def test_sprites_have_distinct_names_and_visible_edges() -> None:
    sprites = assets.sprites()
    assert len(sprites) == len(set(assets.sprite_names())) == 100
    for sprite in sprites:
        alpha = sprite.rgba[..., 3]
        assert max(alpha.shape) >= 90, sprite.name
        edges = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
        assert all(edge.max() >= assets.VISIBLE_ALPHA for edge in edges), sprite.name


def test_held_out_families_are_not_in_train() -> None:
    train, held_out = assets.fonts("train"), assets.fonts("held-out")
    assert {f.family for f in train}.isdisjoint({f.family for f in held_out})
    assert {f.family for f in held_out} <= HELD_OUT["fonts"]
    assert {f.family for f in train}.isdisjoint(HELD_OUT["fonts"])
    assert all(0.5 < assets.cap_height(f.path) < 0.9 for f in (*train, *held_out))


def test_no_word_hides_in_another_or_names_a_sprite() -> None:
    words = assets.words()
    sprite_words = {w for s in assets.sprites() for n in (s.name, *s.synonyms) for w in (n, *n.split())}
    assert len(words) == len(set(words))
    assert all(3 <= len(word) <= 9 and word.isalpha() and word.islower() for word in words)
    assert not [(a, b) for a in words for b in words if a != b and a in b]
    assert not sprite_words & set(words)


def test_missing_assets_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "ASSETS", tmp_path)
    for load in (assets.sprites, assets.words, lambda: assets.fonts.__wrapped__("train")):
        with pytest.raises(DataError, match="reinstall locany"):
            getattr(load, "__wrapped__", load)()
    with pytest.raises(DataError, match="no split"):
        assets.fonts("test")


# --- backgrounds ---


@pytest.mark.parametrize("kind", backgrounds.CALM + backgrounds.BUSY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size_wh", [(224, 224), (140, 336), (1, 7), (601, 40)])
def test_background_kinds_fill_the_size(kind: Kind, size_wh: tuple[int, int]) -> None:
    for seed in range(5):
        rgb = kind(np.random.default_rng(seed), size_wh)
        assert rgb.shape == (size_wh[1], size_wh[0], 3)
        assert rgb.dtype == np.uint8


@pytest.mark.parametrize("size_wh", [(448, 448), (140, 336), (28, 28), (601, 40)])
def test_screens_fill_the_size_and_are_not_empty(size_wh: tuple[int, int]) -> None:
    for seed in range(12):
        rgb = screen(np.random.default_rng(seed), size_wh)
        assert rgb.shape == (size_wh[1], size_wh[0], 3)
        assert rgb.dtype == np.uint8
        assert rgb.flags.writeable
        assert rgb.std() > 0 or min(size_wh) < 100


def test_backgrounds_without_screens_are_what_they_were() -> None:
    for seed in range(20):
        plain, asked = (np.random.default_rng(seed) for _ in range(2))
        first = backgrounds.background(plain, (56, 56), busy=0.5)
        assert np.array_equal(first, backgrounds.background(asked, (56, 56), busy=0.5, screens=0.0))
        assert plain.integers(2**40) == asked.integers(2**40)


# --- samples ---


def test_same_seed_same_bytes_and_another_seed_another_image() -> None:
    for seed in range(12):
        first, again = render(seed), render(seed)
        assert first.pixels().tobytes() == again.pixels().tobytes()
        assert (first.questions, first.objects, first.provenance) == (
            again.questions,
            again.objects,
            again.provenance,
        )
    assert len({render(seed).pixels().tobytes() for seed in range(12)}) == 12


@few
@given(seeds)
def test_image_and_boxes_keep_the_limits(seed: int) -> None:
    config = IconsConfig()
    sample = render(seed, config)
    height, width = sample.pixels().shape[:2]
    assert sample.pixels().dtype == np.uint8
    assert sample.pixels().flags.writeable
    assert width % 28 == height % 28 == 0
    assert config.num_patches[0] <= width * height / 14**2 <= config.num_patches[1]

    kinds = sample.provenance["object_kinds"]
    assert len(kinds) == len(sample.objects)
    assert kinds
    assert kinds.count("emoji") <= config.max_objects
    assert kinds.count("word") <= config.max_words
    for target, kind in zip(sample.objects, kinds, strict=True):
        assert target.xyxy is not None
        x0, y0, x1, y1 = target.xyxy
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        names = assets.words() if kind == "word" else assets.sprite_names()
        assert target.label in names


@few
@given(seeds)
def test_no_object_is_covered_beyond_the_limit(seed: int) -> None:
    sample = render(seed, IconsConfig(max_objects=12, word_share=1.0))
    drawn, kinds = boxes(sample), sample.provenance["object_kinds"]
    for i, box in enumerate(drawn):
        covered = sum(shared(box, later) for later in drawn[i + 1 :])
        assert covered <= (0.0 if kinds[i] == "word" else 0.15 * area(box))


def test_boxes_are_the_changed_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """On black, without loss and fading, a bright object's box is the box of what is not black."""
    white = {name: image.copy() for name, image in _white_sprites().items()}
    monkeypatch.setattr("locany.synth.icons.catalogue._bundled", lambda: white)
    monkeypatch.setattr(
        "locany.synth.icons.background", lambda rng, wh, **_: np.zeros((wh[1], wh[0], 3), np.uint8)
    )
    config = IconsConfig(max_objects=1, word_share=0, blur_rate=0, jpeg_rate=0, jitter=0, opacity=(1.0, 1.0))
    for seed in range(30):
        sample = render(seed, config)
        seen = sample.pixels().max(axis=2) >= assets.VISIBLE_ALPHA
        ys, xs = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        assert sample.objects[0].xyxy == (xs[0], ys[0], xs[-1] + 1, ys[-1] + 1)


def _white_sprites() -> dict[str, Image.Image]:
    found = {}
    for sprite in assets.sprites():
        rgba = sprite.rgba.copy()
        rgba[..., :3] = 255
        found[sprite.name] = Image.fromarray(rgba)
    return found


@few
@given(seeds)
def test_questions_are_answered_by_all_and_only_the_objects_asked_for(seed: int) -> None:
    sample = render(seed, IconsConfig(num_questions=8, negative_rate=0.5))
    kinds = sample.provenance["object_kinds"]
    things = [t for t, k in zip(sample.objects, kinds, strict=True) if k == "emoji"]
    written = [t for t, k in zip(sample.objects, kinds, strict=True) if k == "word"]
    assert sample.questions
    assert len({q.task for q in sample.questions}) == len(sample.questions)
    for question in sample.questions:
        task = question.task
        if task.kind is TaskKind.TEXT:
            expected = written
        elif task.kind is TaskKind.FIND_TEXT:
            expected = [t for t in written if t.label == task.phrase]
            assert len(expected) <= 1
        else:
            asked = task.categories or (task.phrase,)
            expected = [t for t in things if t.label in asked]
        if task.kind is TaskKind.REFER:
            assert len(expected) == 1
        if task.kind is TaskKind.DETECT:
            assert len(task.categories) <= 3
        assert [(t.label, t.xyxy) for t in question.targets] == [(t.label, t.xyxy) for t in expected]
        for target in question.targets:
            assert (target.point is not None) == (task.kind is TaskKind.POINT)


def test_the_mixture_has_every_family_negatives_and_several_of_a_kind() -> None:
    samples = [render(seed) for seed in range(200)]
    questions = [q for s in samples for q in s.questions]
    families = {q.task.kind for q in questions}
    assert families == {kind for kind, _ in IconsConfig().weights}
    asked = [n for q in questions if q.task.kind is TaskKind.DETECT for n in q.task.categories]
    present = [n for q in questions if q.task.kind is TaskKind.DETECT for n in {t.label for t in q.targets}]
    assert 0.1 < 1 - len(present) / len(asked) < 0.35
    assert 0.25 < np.mean([len(q.targets) > 1 for q in questions]) < 0.8
    assert any(not q.targets for q in questions)


# --- config ---


def test_config_narrows_what_is_drawn_and_asked() -> None:
    names = ("cat", "dog", "star")
    config = IconsConfig(names=names, word_share=1.0, max_words=1, split="held-out")
    for seed in range(20):
        sample = render(seed, config)
        assert set(sample.provenance["kinds"]) <= set(names)
        for question in sample.questions:
            if question.task.kind not in (TaskKind.TEXT, TaskKind.FIND_TEXT):
                assert set(question.task.categories or (question.task.phrase,)) <= set(names)


def test_without_an_absent_name_there_is_no_negative() -> None:
    config = IconsConfig(names=("cat",), word_share=0.0, negative_rate=1.0, weights=((TaskKind.GROUND, 1.0),))
    assert render(3, config).questions == ()


def test_the_font_split_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()
    original = assets.load_font

    def noting(path: Path, size: int) -> ImageFont.FreeTypeFont:
        used.add(path.stem)
        return original(path, size)

    monkeypatch.setattr(assets, "load_font", noting)
    for seed in range(60):
        render(seed, IconsConfig(word_share=1.0))
    assert used == {font.name for font in assets.fonts("train")}


@few
@given(st.floats(0, 1), seeds)
def test_the_curriculum_gets_harder_and_ends_at_the_config(progress: float, seed: int) -> None:
    full = IconsConfig()
    easier = full.at(progress)
    assert easier.max_objects <= full.max_objects
    assert easier.sprite_side[0] >= full.sprite_side[0]
    assert easier.at(1.0) == easier
    assert render(seed, full, step=progress).pixels().tobytes() == render(seed, easier).pixels().tobytes()
    assert full.at(1.0) == full.at(7.0) == full


@pytest.mark.parametrize(
    "wrong",
    [
        {"sprite_side": (50, 20)},
        {"negative_rate": 1.5},
        {"max_objects": 0},
        {"weights": ()},
        {"names": ("no such thing",)},
    ],
)
def test_wrong_configs_are_refused(wrong: dict) -> None:
    with pytest.raises(DataError):
        IconsConfig(**wrong)


def test_impossible_sizes_and_seeds_are_refused() -> None:
    with pytest.raises(DataError, match="no image size"):
        render(0, IconsConfig(side=(28, 56)))
    with pytest.raises(DataError, match="seed"):
        render(-1)


def test_registry_knows_the_engine() -> None:
    icons = engine("icons")
    assert icons.NAME == "icons"
    assert icons.Config is IconsConfig
    assert icons.render(5, step=0.5).provenance["seed"] == 5
    with pytest.raises(DataError, match=r"there are: .*icons"):
        engine("photos")
