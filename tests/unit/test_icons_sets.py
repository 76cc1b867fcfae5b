"""Icon sets from npm and emoji of the system's font: found, named, drawn, or missed with a message."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from locany.errors import DataError, MissingAssetsError, MissingExtraError
from locany.synth import assets, emoji, svg
from locany.synth.icon_names import read_names
from locany.synth.icons import IconsConfig, render
from locany.synth.icons.catalogue import catalogue
from locany.synth.icons.config import MORE_EMOJI_SETS, MORE_MONO_SETS
from locany.synth.icons.shapes import SHAPE_NAMES, shape_mask

needs_sets = pytest.mark.usefixtures("needs_render")
PRESETS = dict.fromkeys((*IconsConfig.rich().icon_sets, *IconsConfig.rich("held-out").icon_sets))
EVERY = (*PRESETS, *MORE_EMOJI_SETS, *MORE_MONO_SETS)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("arrow-up-right", "arrow up right"),
        ("arrow_up_right", "arrow up right"),
        ("heart-fill", "heart"),
        ("heart-bold", "heart"),
        ("paint-bucket", "paint bucket"),
    ],
)
def test_file_names_become_words(stem: str, name: str) -> None:
    assert svg.plain_name(stem) == name


@needs_sets
@pytest.mark.parametrize("set_name", EVERY)
def test_every_ninth_picture_of_a_set_is_cut_to_what_is_seen(set_name: str) -> None:
    concepts = catalogue((set_name,)).concepts.values()
    arts = [art for concept in concepts for art in concept.arts][::9]
    assert arts
    for art in arts:
        for side in (20, 60):
            image = art.draw(side)
            assert image.mode == ("RGBA" if art.kind == "emoji" else "L")
            alpha = np.asarray(image if image.mode == "L" else image.getchannel("A"))
            assert alpha.max() > 200, art
            edges = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
            assert all(edge.max() > 0 for edge in edges), art
            assert max(image.size) > 20, art


@needs_sets
def test_every_file_name_of_the_list_shows_something() -> None:
    """A name that matches no file is a mistake in the list, or a set that changed."""
    names = read_names()
    files = {set_name: svg.icon_files(set_name) for set_name in svg.ICON_SETS}
    for icon in names.icons:
        for stem, only_in in icon.files:
            assert any(stem in files[s] for s in files if only_in in ("", s)), (icon.name, stem)
    labels = {entry["label"] for entry in emoji._read("data.json")}
    assert {*names.emoji_called, *names.emoji_extra} <= labels


@needs_sets
def test_emoji_bear_the_names_of_the_bundled_ones() -> None:
    codes = {entry.code: entry for entry in emoji.emoji_names()}
    for entry in assets.sprite_entries():
        code = "-".join(f"{ord(c):04X}" for c in entry.char if c != "\ufe0f")
        assert code not in codes or codes[code].name == entry.name
    assert sum(entry.name in set(assets.sprite_names()) for entry in codes.values()) >= 95


def test_the_list_of_names_is_well_formed() -> None:
    names = read_names()
    shown = [icon.name for icon in names.icons]
    assert len(shown) == len(set(shown)) > 350
    for icon in names.icons:
        assert icon.name not in icon.synonyms
        assert icon.files
    assert names.leaves_out("one o’clock")
    assert not names.leaves_out("apple")


@pytest.mark.parametrize("name", SHAPE_NAMES)
def test_shapes_fill_their_side(name: str) -> None:
    for side in (16, 64):
        mask = shape_mask(name, side)
        assert side * 0.85 <= max(mask.size) <= side
        assert np.asarray(mask).max() == 255


def test_without_the_sets_the_message_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCANY_RENDER_ASSETS", str(tmp_path))
    with pytest.raises(MissingAssetsError, match="locany data setup"):
        svg.icon_files.__wrapped__("lucide")
    with pytest.raises(MissingAssetsError, match="locany data setup"):
        emoji.emoji_names.__wrapped__()


def test_without_the_library_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtraError, match=r"locany\[render\]"):
        svg.picture.__wrapped__(Path("heart.svg"), 64)


@needs_sets
def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "heart.svg"
    path.write_text("<svg", encoding="utf-8")
    with pytest.raises(DataError, match=r"heart\.svg"):
        svg.picture.__wrapped__(path, 64)


@needs_sets
def test_caches_change_nothing() -> None:
    config = IconsConfig.rich()
    before = render(7, config).pixels().tobytes()
    for cached in (svg.picture, svg.mask, emoji.noto_picture, shape_mask):
        cached.cache_clear()
    assert render(7, config).pixels().tobytes() == before


@needs_sets
def test_more_sets_bring_more_drawings_of_the_same_names() -> None:
    presets = catalogue(IconsConfig.rich().icon_sets)
    more = catalogue((*IconsConfig.rich().icon_sets, *MORE_EMOJI_SETS, *MORE_MONO_SETS))
    assert set(more.names) == set(presets.names)
    drawings = [sum(len(c.arts) for c in each.concepts.values()) for each in (presets, more)]
    assert drawings[1] > 2 * drawings[0]
    emoji_names = {concept.name for concept in catalogue(("fluent-flat",)).concepts.values()}
    assert len(emoji_names) > 500, "file names are matched to the standard's"


@needs_sets
def test_emoji_in_one_colour_are_icons() -> None:
    config = IconsConfig.rich(icon_sets=("fluent-mono",), families=(("icons", 1.0),), word_share=0)
    sample = render(3, config)
    assert {target.attributes["type"] for target in sample.objects} == {"icon"}
    assert all("color" in target.attributes for target in sample.objects)


@needs_sets
def test_the_presets_draw_what_they_drew() -> None:
    """More sets on disk are no reason for another picture: the seeds of earlier runs stay what they were."""
    assert not {*IconsConfig.rich().icon_sets} & {*MORE_EMOJI_SETS, *MORE_MONO_SETS}
    assert not {*IconsConfig.rich("held-out").icon_sets} & {*MORE_EMOJI_SETS, *MORE_MONO_SETS}
