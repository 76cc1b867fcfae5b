"""Scenes near at hand: posters, shelves, packages, papers on a desk, lit signs at night."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from locany.synth.scene_text.colors import paint, scheme
from locany.synth.scene_text.scenery import (
    against,
    between,
    chance,
    details,
    fill,
    free_pose,
    look,
    one_of,
    panel,
    scaled,
)
from locany.synth.scene_text.stage import Order, Pose, Stage
from locany.synth.textures import Color, colored, grey_piece, out_of_focus, ramp, surface

_TUBES: tuple[Color, ...] = ((255, 60, 90), (60, 190, 255), (90, 255, 130), (255, 170, 50), (230, 90, 255))


def poster(stage: Stage) -> None:
    """A poster or a cover that fills the image: lines of very different size."""
    rng, (width, height) = stage.rng, stage.size_wh
    body, ink = scheme(rng, "shop" if chance(stage, 0.6) else "paper", stage.config.min_contrast)
    roll = rng.random()
    if roll < 0.35:
        stage.image = colored(ramp(stage.size_wh), body, scaled(body, float(rng.uniform(0.6, 0.95))))
    elif roll < 0.6:
        stage.image = out_of_focus(rng, stage.size_wh, night=chance(stage, 0.4))
    else:
        stage.image = panel(stage, stage.size_wh, body)
    _shapes(stage, body)
    look(stage, 0.45)
    cut = int(height * rng.uniform(0.45, 0.75))
    upper, lower = (14, 12, width - 14, cut), (14, cut + 6, width - 14, height - 12)
    effects = ("flat", "flat", "shadow", "outline", "shaded")
    tall = (stage.config.text_height[1] * 0.5, stage.config.text_height[1])
    bend = free_pose(stage, free=0.0, bend=True)
    stage.put(Order("poster", "shop", tall, "none", effects, (), bend, (body, ink)), upper)
    stage.taken.append(upper)
    stage.put(
        Order(one_of(stage, ("poster", "label", "menu", "notice")), "shop", (8, 30), "none", ("flat",)), lower
    )
    stage.taken.append(lower)
    if chance(stage, 0.4):
        stage.taken.clear()
        stage.taken += [_outer(word.region) for word in stage.words]
    bodies = ("pill", "rounded", "tag")

    def make() -> Order:
        pose = Pose(float(rng.uniform(-0.6, 0.6)) * stage.config.rotation)
        kind = one_of(stage, ("price", "sign", "phone", "word"))
        return Order(
            kind, "price", (8, 30), one_of(stage, bodies), ("flat",), (), pose, details=details(stage)
        )

    if stage.view is None:
        fill(stage, make)


def _outer(region: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return region[0] - 6, region[1] - 6, region[2] + 6, region[3] + 6


def _shapes(stage: Stage, body: Color) -> None:
    """A few large fields of near colours, as designs have them."""
    rng, (width, height) = stage.rng, stage.size_wh
    draw = ImageDraw.Draw(stage.image, "RGBA")
    for _ in range(between(stage, 0, 4)):
        r, g, b = scaled(body, float(rng.uniform(0.75, 1.2))) if chance(stage, 0.7) else paint(rng)
        x, y = between(stage, -width // 3, width), between(stage, -height // 3, height)
        w, h = between(stage, width // 5, width), between(stage, height // 6, height // 2)
        shape = draw.ellipse if chance(stage, 0.4) else draw.rectangle
        shape((x, y, x + w, y + h), fill=(r, g, b, int(rng.integers(70, 200))))


def shelf(stage: Stage) -> None:
    """Backs of books side by side, or boxes on a shelf."""
    rng, (width, height) = stage.rng, stage.size_wh
    stage.image = panel(stage, stage.size_wh, scaled(paint(rng), 0.25))
    boards = between(stage, 1, 2 if height > 400 else 1)
    tall = height // boards
    places = []
    for row in range(boards):
        bottom = (row + 1) * tall - between(stage, 8, 16)
        plank = surface(rng, (width, 16), "wood")
        stage.image.paste(plank, (0, bottom))
        grain = grey_piece(rng, (width, tall), one_of(stage, ("plaster", "cloth", "wood")))
        x = between(stage, -8, 6)
        while x < width:
            thick = between(stage, 22, 72)
            top = bottom - int(tall * rng.uniform(0.7, 0.93))
            body, ink = scheme(rng, one_of(stage, ("shop", "paper", "warning")), stage.config.min_contrast)
            stage.image.paste(_back(stage, grain.crop((0, 0, thick, bottom - top)), body), (x, top))
            if x >= 0 and x + thick <= width:
                places.append(((x + 3, top + 10, x + thick - 3, bottom - 10), body, ink))
            x += thick + (0 if chance(stage, 0.8) else between(stage, 2, 18))
    look(stage)
    turn = 90.0 if chance(stage, 0.7) else -90.0
    for i in rng.permutation(len(places)).tolist():
        slot, body, ink = places[i]
        stacked = stage.script in ("chinese", "japanese", "korean")
        pose = Pose() if stacked else Pose(turn)
        effects = ("flat", "flat", "flat", "shaded")
        stage.put(
            Order("book", "shop", (8, 30), "none", effects, (), pose, (body, ink), {"padding": 0.2}), slot
        )


def _back(stage: Stage, grain: Image.Image, color: Color) -> Image.Image:
    """The back of a book: cloth or card of this grain, rounded to the sides."""
    size_wh = grain.size
    image = colored(grain, scaled(color, 0.82), scaled(color, 1.05))
    draw = ImageDraw.Draw(image)
    if chance(stage, 0.5):
        second = paint(stage.rng)
        for y in (between(stage, 4, 9), size_wh[1] - between(stage, 5, 10)):
            draw.line((0, y, size_wh[0], y), fill=second, width=between(stage, 1, 4))
    return ImageChops.multiply(image, _round_shade(size_wh, 0.45))


def _round_shade(size_wh: tuple[int, int], depth: float) -> Image.Image:
    """How a cylinder is shaded from left to right, RGB to multiply with."""
    x = np.linspace(-1, 1, size_wh[0])
    level = 255 * (1 - depth * np.abs(x + 0.25) ** 2.5 / 1.75)
    row = Image.fromarray(np.clip(level, 0, 255).astype(np.uint8)[None, :])
    return Image.merge("RGB", (row, row, row)).resize(size_wh, Image.Resampling.NEAREST)


def package(stage: Stage) -> None:
    """Tins, boxes and bottles in front of a shop's blur, their labels bent around them."""
    rng, (width, height) = stage.rng, stage.size_wh
    stage.image = (
        out_of_focus(rng, stage.size_wh) if chance(stage, 0.6) else surface(rng, stage.size_wh, "wood")
    )
    count = between(stage, 1, min(3, 1 + stage.words_left // 4))
    slots = []
    for i in range(count):
        spare = width // count // 4
        x0 = int(width * i / count) + between(stage, 4, spare)
        x1 = int(width * (i + 1) / count) - between(stage, 4, spare)
        y0, y1 = int(height * rng.uniform(0.04, 0.22)), int(height * rng.uniform(0.86, 0.98))
        body, ink = scheme(rng, one_of(stage, ("shop", "paper", "price")), stage.config.min_contrast)
        slots.append((_pack(stage, (x0, y0, x1, y1), body, ink), body, ink))
    for (slot, round_), body, ink in slots:
        x0, y0, x1, y1 = slot
        pose = Pose(bend="bowl", amount=float(rng.uniform(0.15, 0.5))) if round_ else Pose()
        middle = y0 + int((y1 - y0) * rng.uniform(0.4, 0.65))
        effects = ("flat", "flat", "shadow", "outline", "shaded")
        big = (stage.config.text_height[1] * 0.25, stage.config.text_height[1])
        stage.put(Order("label", "shop", big, "none", effects, (), pose, (body, ink)), (x0, y0, x1, middle))
        small = Order(
            one_of(stage, ("notice", "label", "price")), "price", (7, 18), "none", ("flat",), (), pose
        )
        stage.put(small, (x0, middle + 4, x1, y1))


def _pack(
    stage: Stage, area: tuple[int, int, int, int], body: Color, ink: Color
) -> tuple[tuple[int, int, int, int], bool]:
    """Draw a pack; returns where its label is, and whether it is round."""
    x0, y0, x1, y1 = area
    size = (x1 - x0, y1 - y0)
    round_ = chance(stage, 0.6)
    image = panel(stage, size, body)
    draw = ImageDraw.Draw(image)
    bow = size[0] // 12 if round_ else 0
    for share in (0.07, 0.93):
        y = int(size[1] * share)
        if round_:
            draw.arc((0, y - bow, size[0], y + bow), 0, 180, fill=ink, width=between(stage, 2, 5))
        else:
            draw.line((0, y, size[0], y), fill=ink, width=between(stage, 2, 6))
    if round_:
        image = ImageChops.multiply(image, _round_shade(size, 0.75))
    mask = Image.new("L", size)
    drawn = ImageDraw.Draw(mask)
    drawn.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), 4 + bow, fill=255)
    soft = Image.new("L", (size[0] // 8 + 3, size[1] // 8 + 3))  # the shadow on what is behind, at an eighth
    soft.paste(110, (2, 2, soft.width - 1, soft.height - 1))
    soft = soft.resize((soft.width * 8, soft.height * 8), Image.Resampling.BILINEAR)
    stage.image.paste(Image.new("RGB", soft.size), (x0 - 10, y0 - 8), soft)
    stage.image.paste(image, (x0, y0), mask)
    inner = size[1] // 10
    return (x0 + size[0] // 10, y0 + inner, x1 - size[0] // 10, y1 - inner), round_


def desk(stage: Stage) -> None:
    """Papers, receipts and menus on a table."""
    rng = stage.rng
    against(stage, one_of(stage, ("wood", "wood", "cloth", "stone", "metal")))

    def make() -> Order:
        kind = one_of(stage, ("menu", "menu", "hours", "notice", "label", "poster", "phone", "sign"))
        pose = Pose(float(rng.uniform(-1, 1)) * stage.config.rotation)
        body: dict[str, float | str | bool] = {
            "padding": float(rng.uniform(0.7, 1.6)),
            "texture": "paper",
            "cast": float(rng.uniform(0.5, 1.0)),
            "rim": 0.05 if chance(stage, 0.15) else 0.0,
        }
        styles = ("hand", "mono", "serif", "sans") if chance(stage, 0.6) else ("hand",)
        return Order(kind, "paper", (7, 22), "board", ("flat",), styles, pose, details=body)

    fill(stage, make)


def night(stage: Stage) -> None:
    """Neon, lamps and lit boxes in the dark."""
    rng = stage.rng
    if chance(stage, 0.6):
        stage.image = out_of_focus(rng, stage.size_wh, night=True)
    else:
        stage.image = grey_piece(rng, stage.size_wh, one_of(stage, ("brick", "plaster", "tiles")))
        look(stage)
        stage.image = colored(stage.image, (4, 4, 8), (62, 56, 60))
    top = stage.config.text_height[1]

    def make() -> Order:
        roll = rng.random()
        pose = free_pose(stage, free=0.5, bend=True)
        if roll < 0.45:
            kind = one_of(stage, ("word", "shop", "sign"))
            tube = _TUBES[between(stage, 0, len(_TUBES) - 1)]
            return Order(
                kind, "shop", (14, top), "none", ("neon",), ("hand", "sans", "display"), pose, (tube, tube)
            )
        if roll < 0.75:
            body = {"padding": 0.7, "rim": 0.0, "cast": 0.0}
            flat = free_pose(stage, free=0.4)
            rows = 8 if stage.script in ("latin", "cyrillic", "greek", "hebrew") else 14
            sans = ("sans", "mono")
            return Order("board", "board", (16, 40), "board", ("flat",), sans, flat, details=body, rows=rows)
        kind = one_of(stage, ("shop", "sign", "street", "price"))
        return Order(kind, "shop", (12, top * 0.6), "rounded", ("flat",), (), pose, details=details(stage))

    fill(stage, make)
