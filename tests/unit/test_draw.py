"""Drawing: what is painted, where, and that it never leaves the image."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from locany.draw import _fit, annotate
from locany.errors import RequestError
from locany.labels import PALETTE, label_colors, place_tag, text_color
from locany.results import Detections, Provenance


def found(boxes, labels, size_wh, *, points=(), **facts) -> Detections:
    corners = [*boxes, *[(x, y, x, y) for x, y in points]]
    return Detections(
        xyxy=np.array(corners, float),
        labels=labels,
        scores=np.full(len(labels), 0.5),
        provenance=[Provenance.PARALLEL] * len(labels),
        size_wh=size_wh,
        is_point=[False] * len(boxes) + [True] * len(points),
        **facts,
    )


def test_a_box_has_its_colour_on_the_edge_and_leaves_its_inside_alone():
    detections = found([(20, 30, 80, 90)], ["cat"], (120, 120))
    picture = np.asarray(annotate(np.full((120, 120, 3), 9, np.uint8), detections, colors={"cat": "#ff0000"}))
    assert picture[60, 20].tolist() == [255, 0, 0]
    assert picture[90, 50].tolist() == [255, 0, 0]
    assert (picture[40:80, 30:70] == 9).all()


def test_a_point_is_a_disc_around_its_pixel():
    detections = found([], ["eye"], (100, 100), points=[(50, 40)])
    picture = np.asarray(annotate(np.zeros((100, 100), np.uint8), detections, labels=False, scores=False))
    rows, cols = np.nonzero(picture.any(axis=-1))
    assert (rows.min() + rows.max(), cols.min() + cols.max()) == (80, 100)


def test_every_kind_of_image_gives_the_same_picture_and_is_not_painted_on():
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    before = pixels.copy()
    detections = found([(10, 10, 50, 50)], ["cat"], (80, 60), image=pixels)
    pil = Image.fromarray(pixels)
    pictures = [
        annotate(source, detections) for source in (pixels, pil, SimpleNamespace(pixels=pixels), None)
    ] + [annotate(detections)]
    assert len({picture.tobytes() for picture in pictures}) == 1
    assert pictures[0].size == (80, 60)
    assert np.array_equal(pixels, before)
    assert np.array_equal(np.asarray(pil), before)


def test_exif_rotation_is_applied_before_painting():
    sideways = Image.new("RGB", (60, 80))
    sideways.getexif()[0x0112] = 6  # "rotate by 90 degrees to see it upright"
    assert annotate(sideways, found([], [], (80, 60))).size == (80, 60)


def test_another_size_another_type_and_no_image_are_refused():
    nothing = found([], [], (80, 60))
    with pytest.raises(RequestError, match=r"\(80, 60\)"):
        annotate(np.zeros((80, 60, 3), np.uint8), nothing)
    with pytest.raises(RequestError, match=r"cannot be drawn on: .*int64"):
        annotate(np.zeros((60, 80, 3), int), nothing)
    with pytest.raises(RequestError, match="no image"):
        annotate(None, nothing)
    with pytest.raises(RequestError, match=r"nowhere\.ttf"):
        annotate(np.zeros((60, 80, 3), np.uint8), found([(0, 0, 9, 9)], ["a"], (80, 60)), font="nowhere.ttf")


def test_boxes_on_and_beyond_borders_and_without_extent_can_be_drawn():
    boxes = [(0, 0, 64, 48), (-30, -30, 5, 5), (60, 40, 900, 900), (70, 70, 80, 80), (3, 3, 3, 3)]
    detections = found(boxes, [*"abcde", "p", "q"], (64, 48), points=[(0, 0), (64, 48)])
    assert annotate(np.zeros((48, 64, 3), np.uint8), detections).size == (64, 48)


def test_one_pixel_and_long_or_strange_labels_can_be_drawn():
    annotate(np.zeros((1, 1, 3), np.uint8), found([(0, 0, 1, 1)], ["cat"], (1, 1)))
    labels = ["x" * 2000, "猫", "Кошка", "قطة", "naïve\ncafé", "", "\u0301", "🐈"]
    annotate(np.zeros((90, 90, 3), np.uint8), found([(5, 5, 50, 50)] * len(labels), labels, (90, 90)))


def test_a_long_label_is_shortened_and_its_score_kept():
    text, writer = _fit("a red button in the lower right corner", "0.93", 120, 12, None)
    assert text.startswith("a red")
    assert text.endswith("…  0.93")
    assert writer.getlength(text) <= 120
    assert _fit("cat", "0.93", 120, 12, None)[0] == "cat  0.93"


def test_tags_stay_inside_the_image_and_avoid_each_other():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 500, (25, 2))
    frames = np.round(np.concatenate([corner, corner + 60], axis=1))
    taken = np.zeros((0, 4))
    for i in range(len(frames)):
        place = place_tag(frames, i, False, taken, (50, 14), (560, 560))
        assert (place >= 0).all()
        assert (place <= 560).all()
        apart = (place[2:] <= taken[:, :2]) | (place[:2] >= taken[:, 2:])
        assert apart.any(axis=1).all()
        taken = np.vstack([taken, place])


def test_absent_categories_are_written_below_the_picture_on_request():
    nothing = found(
        [], [], (100, 80), absent=("unicorn", "dragon", "a very long phrase about nothing at all")
    )
    ground = np.full((80, 100, 3), 7, np.uint8)
    assert annotate(ground, nothing).size == (100, 80)
    taller = np.asarray(annotate(ground, nothing, absent=True))
    assert taller.shape[0] > 100
    assert (taller[:80] == 7).all()
    assert taller[80:].max() > 200  # something is written


def test_colours_belong_to_labels_and_differ_within_a_picture():
    names = [f"label {i}" for i in range(len(PALETTE))]
    assert len(set(label_colors(names).values())) == len(PALETTE)
    assert label_colors(["cat"])["cat"] == label_colors(["cat", "dog", "cat"])["cat"]
    assert len(label_colors([*names, "one more"])) == len(PALETTE) + 1


@pytest.mark.parametrize("color", PALETTE)
def test_text_on_every_palette_colour_is_readable(color):
    def luminance(name: str) -> float:
        channels = [int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return float(np.dot([0.2126, 0.7152, 0.0722], [((c + 0.055) / 1.055) ** 2.4 for c in channels]))

    light, dark = sorted([luminance(color), luminance(text_color(color))], reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 4.5  # WCAG level AA
