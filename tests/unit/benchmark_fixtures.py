"""Small files in the forms in which benchmarks are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

RLE = {"counts": "0`<", "size": [20, 20]}  # a mask of all of 20 x 20 pixels


def image(path: Path, size: tuple[int, int] = (200, 100)) -> Path:
    """An image where there was none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        Image.new("RGB", size).save(path)
    return path


def text(path: Path, content: str, encoding: str = "utf-8") -> Path:
    """A text file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding=encoding)
    return path


def json_file(path: Path, content: Any) -> Path:
    """A JSON file with its folders."""
    return text(path, json.dumps(content))


def bundle(folder: Path, kind: str, name: str, *rows: dict[str, Any]) -> Path:
    """A file of the bundle, with the images of its rows."""
    for row in rows:
        image(folder / row["image_path"])
    return text(folder / "_annotations" / kind / f"{name}.jsonl", "".join(json.dumps(r) + "\n" for r in rows))


def instances(
    images: list[dict[str, Any]], annotations: list[tuple[Any, ...]], names: list[str]
) -> dict[str, Any]:
    """COCO's form. Annotations are (image, category, box as x, y, width, height, and more fields)."""
    listed = [
        {"id": number, "image_id": image_id, "category_id": category, "bbox": box, **dict(*more)}
        for number, (image_id, category, box, *more) in enumerate(annotations, start=1)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    return {"images": images, "annotations": listed, "categories": categories}
