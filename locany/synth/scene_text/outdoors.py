"""Scenes outside: walls, shop fronts, streets."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from locany.synth.scene_text.colors import paint, readable, scheme
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
    street_sign,
)
from locany.synth.scene_text.stage import Order, Pose, Stage
from locany.synth.scene_text.warps import Region
from locany.synth.textures import Color, colored, glass, grey_piece, out_of_focus, ramp, sky, surface

_WALLS = ("plaster", "plaster", "brick", "brick", "wood", "metal", "shutter", "tiles", "stone")


def wall(stage: Stage) -> None:
    """A wall with signs on it and letters painted on it."""
    against(stage, one_of(stage, _WALLS))
    common = free_pose(stage, free=0.6)
    top = stage.config.text_height[1]

    def make() -> Order:
        pose = replace(common, roll=common.roll + float(stage.rng.uniform(-3, 3)) * bool(common.roll))
        if chance(stage, 0.3):  # painted on the wall
            pose = free_pose(stage, free=0.4, bend=True)
            effects = ("worn", "worn", "flat", "shadow", "outline", "shaded", "raised")
            kind = one_of(stage, ("word", "shop", "sign", "phone"))
            return Order(kind, "shop", (top * 0.25, top), "none", effects, (), pose)
        return street_sign(stage, pose, (8, top * 0.6))

    fill(stage, make)


def shopfront(stage: Stage) -> None:
    """A shop from across the street: its name, lettered windows, signs in them."""
    rng, (width, height) = stage.rng, stage.size_wh
    image = surface(rng, stage.size_wh, one_of(stage, _WALLS))
    draw = ImageDraw.Draw(image)
    top = int(height * rng.uniform(0.04, 0.22))
    band = int(height * rng.uniform(0.14, 0.26))
    body, ink = scheme(rng, "shop", stage.config.min_contrast)
    fascia = panel(stage, (width, band), body)
    image.paste(fascia, (0, top))
    draw.line((0, top, width, top), fill=scaled(body, 1.3), width=3)
    draw.line((0, top + band, width, top + band), fill=scaled(body, 0.4), width=4)
    low = top + band + 4
    if chance(stage, 0.35):
        low = _awning(stage, image, low)
    floor = int(height * rng.uniform(0.86, 0.97))
    frame = scaled(body, 0.6) if chance(stage, 0.5) else paint(rng)
    windows = _windows(stage, image, (0, low, width, floor), frame)
    if floor < height:
        image.paste(surface(rng, (width, height - floor), "asphalt"), (0, floor))
    stage.image = image
    look(stage)

    styles = ("display", "serif", "sans", "hand")
    effects = ("flat", "raised", "shadow", "shaded", "outline")
    big = Order("shop", "shop", (band * 0.35, band * 0.6), "none", effects, styles, paint=(body, ink))
    stage.put(big, (int(width * 0.05), top + 4, int(width * 0.95), top + band - 4))
    for x0, y0, x1, y1 in windows:
        if not chance(stage, 0.75):
            continue
        lettering = chance(stage, 0.55)
        kind = one_of(stage, ("hours", "sign", "shop", "price", "notice", "menu", "phone"))
        pose = Pose() if lettering else free_pose(stage, free=0.25, bend=True)
        pale = readable(rng, 60, 90, 90) or (245, 245, 245)
        third = (y1 - y0) // 3
        slot = (x0 + 8, y0 + third * between(stage, 0, 1), x1 - 8, y1 - third // 2)
        stage.put(
            Order(
                kind,
                one_of(stage, ("paper", "price", "warning")),
                (9, 40),
                "none" if lettering else "board",
                ("flat", "flat", "shadow"),
                (),
                pose,
                paint=((40, 40, 40), pale) if lettering else None,
                details={} if lettering else details(stage),
            ),
            slot,
        )
    stage.taken += [(0, top, width, top + band)]
    fill(stage, lambda: street_sign(stage, free_pose(stage, free=0.3), (8, 26)))


def _awning(stage: Stage, image: Image.Image, top: int) -> int:
    """Striped cloth under the fascia; returns where it ends."""
    height = int(image.height * stage.rng.uniform(0.06, 0.12))
    first, second = paint(stage.rng), (240, 238, 230)
    pitch = between(stage, 18, 44)
    draw = ImageDraw.Draw(image)
    for i, x in enumerate(range(0, image.width, pitch)):
        color = first if i % 2 else second
        draw.rectangle((x, top, x + pitch, top + height), fill=color)
        bow = (x, top + height - pitch // 4, x + pitch, top + height + pitch // 4)
        draw.pieslice(bow, 0, 180, fill=scaled(color, 0.85))
    return top + height + pitch // 4


def _windows(stage: Stage, image: Image.Image, area: Region, frame: Color) -> list[Region]:
    """Panes with frames across an area."""
    x0, y0, x1, y1 = area
    pane = glass(stage.rng, (x1 - x0, max(8, y1 - y0)))
    image.paste(pane, (x0, y0))
    draw = ImageDraw.Draw(image)
    count, bar = between(stage, 1, 3), between(stage, 5, 14)
    edges = np.linspace(x0, x1, count + 1).round().astype(int).tolist()
    panes = []
    for left, right in pairwise(edges):
        draw.rectangle((left, y0, right - 1, y1 - 1), outline=frame, width=bar)
        draw.rectangle((left + bar, y0 + bar, right - bar, y1 - bar), outline=scaled(frame, 0.5), width=1)
        panes.append((left + bar, y0 + bar, right - bar, y1 - bar))
    return panes


def street(stage: Stage) -> None:
    """Posts with signs before what is out of focus; sometimes a car."""
    rng, (width, height) = stage.rng, stage.size_wh
    roll = rng.random()
    if roll < 0.5:
        stage.image = out_of_focus(rng, stage.size_wh)
    elif roll < 0.75:
        stage.image = sky(rng, stage.size_wh)
        if chance(stage, 0.6):
            leaves = surface(rng, (width, height // 2), "foliage")
            thinner = ramp(leaves.size).point([min(255, v * 4) for v in range(256)])
            edge = ImageChops.add(grey_piece(rng, leaves.size, "foliage"), thinner, 1, -190)
            edge = edge.point([255 if v > 70 else 0 for v in range(256)])
            stage.image.paste(leaves, (0, height - leaves.height), edge)
    else:
        stage.image = surface(rng, stage.size_wh, "foliage")
    for x in rng.permutation([0.28, 0.72] if chance(stage, 0.5) else [0.5]).tolist():
        _post(stage, int(width * (x + rng.uniform(-0.08, 0.08))))
    if chance(stage, 0.25):
        _car(stage)
    fill(stage, lambda: street_sign(stage, free_pose(stage), (8, 36)))


def _post(stage: Stage, x: int) -> None:
    """Signs one under another on a pole."""
    rng, (width, height) = stage.rng, stage.size_wh
    thick = between(stage, 5, 14)
    tone = scaled((150, 152, 155), float(rng.uniform(0.4, 1.2)))
    y = int(height * rng.uniform(0.03, 0.2))
    strip = ramp((height - y, thick)).transpose(Image.Transpose.ROTATE_90)
    stage.image.paste(colored(strip, scaled(tone, 1.2), scaled(tone, 0.5)), (x - thick // 2, y))
    half = min(x, width - x, int(width * 0.45)) - 4
    for _ in range(between(stage, 1, 4)):
        tall = int(height * rng.uniform(0.1, 0.26))
        if y + tall > height - 4 or half < 30:
            break
        order = street_sign(stage, free_pose(stage, free=0.7), (9, stage.config.text_height[1]))
        stage.put(order, (x - half, y, x + half, y + tall))
        y += tall + between(stage, 2, 10)


def _car(stage: Stage) -> None:
    """The rear of a car with its number."""
    rng, (width, height) = stage.rng, stage.size_wh
    w, h = int(width * rng.uniform(0.45, 0.8)), int(height * rng.uniform(0.25, 0.4))
    x, y = between(stage, 0, width - w), height - h + between(stage, 0, h // 4)
    area = (x, y, x + w, y + h)
    if any(min(a[2], x + w) > max(a[0], x) and a[3] > y for a in stage.taken):
        return
    color = paint(rng)
    mask = Image.new("L", (w, h))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, w - 1, h * 2), h // 4, fill=255)
    stage.image.paste(colored(ramp((w, h)), scaled(color, 1.15), scaled(color, 0.45)), (x, y), mask)
    draw = ImageDraw.Draw(stage.image)
    lamp = (h // 3, h // 5)
    for left in (x + 6, x + w - 6 - lamp[0]):
        draw.rounded_rectangle(
            (left, y + h // 4, left + lamp[0], y + h // 4 + lamp[1]), 5, fill=(150, 20, 24)
        )
    body = {"padding": 0.3, "rim": 0.06, "cast": 0.5}
    order = Order("plate", "plate", (9, 34), "rounded", ("flat",), ("sans", "mono"), Pose(), details=body)
    middle = x + w // 2
    stage.put(order, (middle - w // 4, y + h // 3, middle + w // 4, min(height - 3, y + h - 6)))
    stage.taken.append(area)
