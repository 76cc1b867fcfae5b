"""Draws circuit diagrams with exact boxes: a small data set of a domain that locany-mini has never seen.

    python examples/circuits.py circuits

writes circuits/train.json (240 images) and circuits/test.json (60 others) in COCO's format, with the images
beside them. It is the data set of docs/finetune.md; yours takes its place.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZE_WH = (224, 168)
SCALE = 4  # drawn so much larger and then shrunk, for smooth lines
INK = ((25, 25, 30), (20, 40, 110), (110, 25, 25), (15, 75, 45))
PAPER = ((255, 255, 255), (250, 246, 232), (236, 242, 250), (238, 238, 238))

Point = tuple[float, float]


def arc(x: float, y: float, radius: float, start: float, stop: float) -> list[Point]:
    """Points of an arc around (x, y), angles in degrees."""
    angles = np.radians(np.linspace(start, stop, 25))
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]


# What each part looks like: strokes along a wire from x = -0.5 to 0.5, in lengths of the part.
PARTS: dict[str, list[list[Point]]] = {
    "resistor": [[(-0.5, 0), *((-0.4 + 0.16 * i, 0.2 * (-1) ** i) for i in range(6)), (0.5, 0)]],
    "capacitor": [[(-0.1, -0.4), (-0.1, 0.4)], [(0.1, -0.4), (0.1, 0.4)]],
    "inductor": [[p for i in range(4) for p in arc(-0.375 + 0.25 * i, 0, 0.125, 180, 360)]],
    "diode": [[(-0.3, -0.32), (0.3, 0), (-0.3, 0.32), (-0.3, -0.32)], [(0.3, -0.32), (0.3, 0.32)]],
    "switch": [arc(-0.42, 0, 0.07, 0, 360), arc(0.42, 0, 0.07, 0, 360), [(-0.36, -0.05), (0.34, -0.4)]],
    "transistor": [
        arc(0, 0, 0.48, 0, 360),
        [(-0.28, 0.14), (0.28, 0.14)],
        [(0, 0.14), (0, 0.46)],
        [(-0.46, -0.12), (-0.12, 0.14)],
        [(0.46, -0.12), (0.12, 0.14)],
    ],
}


def placed(
    part: Sequence[Sequence[Point]], start: Point, end: Point, rng: np.random.Generator
) -> tuple[list[list[Point]], list[Point]]:
    """The strokes of a part halfway along a wire, and where the wire ends on both sides of it."""
    (x0, y0), (x1, y1) = start, end
    length = float(rng.uniform(34, min(50, math.dist(start, end) - 4)))
    flip = -1 if rng.random() < 0.5 else 1
    cos, sin = flip * (x1 - x0) / math.dist(start, end), flip * (y1 - y0) / math.dist(start, end)

    def at(point: Point) -> Point:
        x, y = point[0] * length, point[1] * length
        return (x0 + x1) / 2 + x * cos - y * sin, (y0 + y1) / 2 + x * sin + y * cos

    half = max(x for points in part for x, _ in points)
    return [[at(point) for point in points] for points in part], [at((-flip * half, 0)), at((flip * half, 0))]


def draw_circuit(rng: np.random.Generator) -> tuple[Image.Image, list[tuple[str, list[float]]]]:
    """One diagram: its picture, and name and box (x, y, width, height in pixels) of every part."""
    paper = PAPER[int(rng.integers(len(PAPER)))]
    ink = INK[int(rng.integers(len(INK)))]
    width, height = SIZE_WH
    image = Image.new("RGB", (width * SCALE, height * SCALE), paper)
    draw = ImageDraw.Draw(image)
    line = float(rng.uniform(1.3, 2.4))

    def stroke(points: Sequence[Point]) -> None:
        draw.line([(x * SCALE, y * SCALE) for x, y in points], ink, round(line * SCALE), joint="curve")

    columns, rows = int(rng.integers(3, 5)), int(rng.integers(2, 4))
    xs = np.linspace(30, width - 30, columns) + rng.uniform(-4, 4, columns)
    ys = np.linspace(30, height - 30, rows) + rng.uniform(-4, 4, rows)
    edges = [((xs[i], y), (xs[i + 1], y)) for y in ys for i in range(columns - 1)]
    edges += [((x, ys[j]), (x, ys[j + 1])) for x in xs for j in range(rows - 1)]
    kinds = rng.permutation(list(PARTS))[: int(rng.integers(1, 4))].tolist()
    num_parts = int(rng.integers(2, 7))
    parts: list[tuple[str, list[float]]] = []
    for start, end in (edges[number] for number in rng.permutation(len(edges)).tolist()):
        name = kinds[int(rng.integers(len(kinds)))]
        strokes, ends = placed(PARTS[name], start, end, rng)
        points = np.asarray([point for points in strokes for point in points])
        low, high = points.min(0) - line / 2, points.max(0) + line / 2
        meets = any(
            x < high[0] and low[0] < x + w and y < high[1] and low[1] < y + h for _, (x, y, w, h) in parts
        )
        if len(parts) < num_parts and not meets:
            parts.append((name, [*low.tolist(), *(high - low).tolist()]))
            for points in (*strokes, (start, ends[0]), (ends[1], end)):
                stroke(points)
        elif rng.random() < 0.6:  # some wires are just wires, some are not there
            stroke((start, end))
    return image.resize(SIZE_WH, Image.Resampling.LANCZOS), parts


def write_split(folder: Path, split: str, count: int, seed: int) -> None:
    """Images and one COCO file."""
    categories = {name: number for number, name in enumerate(PARTS, start=1)}
    images, annotations = [], []
    (folder / split).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image, parts = draw_circuit(np.random.default_rng((seed, number)))
        name = f"{split}/{number:04d}.png"
        image.save(folder / name)
        images.append({"id": number, "file_name": name, "width": image.width, "height": image.height})
        for part, box in parts:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": categories[part],
                    "bbox": [round(v, 2) for v in box],
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                }
            )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    (folder / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")
    print(f"{folder / split}.json: {count} images, {len(annotations)} parts")


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw circuit diagrams with exact boxes, in COCO's format.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("circuits"))
    parser.add_argument("--train", type=int, default=240, help="images to learn from")
    parser.add_argument("--test", type=int, default=60, help="images to measure on")
    arguments = parser.parse_args()
    write_split(arguments.folder, "train", arguments.train, seed=1)
    write_split(arguments.folder, "test", arguments.test, seed=2)


if __name__ == "__main__":
    main()
