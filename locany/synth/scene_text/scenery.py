"""What scenes have in common: poses, bodies of signs, painted boards, filling what is left."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageChops

from locany.synth.scene_text.stage import Order, Pose, Stage
from locany.synth.textures import Color, colored, grey_piece, in_its_colors, ramp

_MISSES = 2  # signs without room before a scene is full, and one more for each of so many words left:
_WORDS_PER_MISS = 24
_OUTSIDE = (
    *("sign", "sign", "sign", "notice", "street", "price"),
    *("hours", "phone", "number", "word", "shop", "directions"),
)

_WORDY = ("notice", "hours", "directions", "menu", "menu")
_MANY = 15  # words left from which signs of many words are preferred


def chance(stage: Stage, rate: float) -> bool:
    """True at a rate."""
    return bool(stage.rng.random() < rate)


def between(stage: Stage, low: float, high: float) -> int:
    """A whole number from low to high, both included."""
    return int(stage.rng.integers(round(low), max(round(low), round(high)) + 1))


def one_of(stage: Stage, items: tuple[str, ...]) -> str:
    """One of the items, all alike."""
    return items[between(stage, 0, len(items) - 1)]


def free_pose(stage: Stage, *, free: float = 1.0, bend: bool = False) -> Pose:
    """How a sign stands: often straight, else turned by up to `free` of what the config allows."""
    rng, config = stage.rng, stage.config
    if bend and rng.random() < config.bend_rate * 2:
        kind = ("arc", "arc", "bowl", "wave")[int(rng.integers(4))]
        amount = float(rng.uniform(0.04, 0.09) if kind == "wave" else rng.uniform(0.7, 2.2))
        roll = float(rng.uniform(-0.3, 0.3)) * config.rotation
        return Pose(roll, bend=kind, amount=amount, phase=float(rng.uniform(0, 6.28)))
    if rng.random() < 0.4:
        return Pose()
    roll = float(rng.uniform(-1, 1)) ** 3 * config.rotation * free
    yaw, pitch = rng.uniform(-1, 1, 2) * config.perspective * free
    return Pose(roll, float(yaw), float(pitch) * 0.5)


def look(stage: Stage, share: float = 0.9) -> None:
    """Turn the whole scene in about half of the images."""
    config = stage.config
    if config.perspective and chance(stage, 0.5):
        yaw, pitch = stage.rng.uniform(-1, 1, 2) * config.perspective
        stage.look(
            float(yaw) * share,
            float(pitch) * share * 0.5,
            float(stage.rng.uniform(-0.2, 0.2)) * config.rotation,
        )


def against(stage: Stage, kind: str) -> None:
    """Take a surface as the backdrop, seen from the front or at an angle."""
    stage.image = grey_piece(stage.rng, stage.size_wh, kind)
    look(stage)  # before it has colours, as one channel takes half the time of three
    stage.image = in_its_colors(stage.rng, stage.image, kind)


def details(stage: Stage, *, wear: float = 0.3) -> dict[str, float | str | bool]:
    """What else a sign's body has."""
    rng = stage.rng
    return {
        "padding": float(rng.uniform(0.35, 1.0)),
        "rim": float(rng.uniform(0.06, 0.14)) if rng.random() < 0.35 else 0.0,
        "texture": ("plaster", "metal", "stone", "paper")[int(rng.integers(4))]
        if rng.random() < wear
        else "",
        "gloss": float(rng.uniform(0.2, 0.8)) if rng.random() < 0.25 else 0.0,
        "cast": float(rng.uniform(0.4, 1.0)) if rng.random() < 0.8 else 0.0,
        "screws": bool(rng.random() < 0.2),
    }


def street_sign(stage: Stage, pose: Pose, height: tuple[float, float]) -> Order:
    """Any sign that hangs outside."""
    wordy = stage.words_left > _MANY and chance(stage, 0.6)
    kind = one_of(stage, _WORDY if wordy else _OUTSIDE)
    colors = {
        "street": "street",
        "number": "street",
        "directions": "street",
        "price": "price",
        "hours": "paper",
    }
    body = "board" if kind in ("notice", "hours") else one_of(stage, ("board", "rounded", "rounded", "pill"))
    body = "arrow" if kind == "street" and chance(stage, 0.2) else body
    body = "tag" if kind == "price" and chance(stage, 0.4) else body
    return Order(
        kind,
        colors.get(kind) or one_of(stage, ("warning", "shop", "street")),
        height,
        body,
        ("flat", "flat", "flat", "worn", "raised", "outline"),
        ("sans", "sans", "serif", "display") if kind != "word" else (),
        pose,
        details=details(stage),
    )


def fill(stage: Stage, make: Callable[[], Order]) -> None:
    """Signs in free places until there are enough words or no room."""
    spare = _MISSES + stage.words_left // _WORDS_PER_MISS
    while stage.words_left > 0 and spare > 0:
        spare -= not stage.put(make())


def panel(stage: Stage, size_wh: tuple[int, int], color: Color) -> Image.Image:
    """A painted board, lit from above."""
    grain = grey_piece(stage.rng, size_wh, one_of(stage, ("plaster", "wood", "metal")))
    image = colored(grain, scaled(color, 0.86), scaled(color, 1.08))
    shade = ramp(size_wh, 255, 204)
    return ImageChops.multiply(image, Image.merge("RGB", (shade, shade, shade)))


def scaled(color: Color, factor: float) -> Color:
    """A darker or lighter colour."""
    r, g, b = (max(0, min(255, int(c * factor))) for c in color)
    return r, g, b
