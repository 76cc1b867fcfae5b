"""What the tests of the evaluation share: a small benchmark, and a model that knows the answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from locany.errors import EngineError, LocanyError
from locany.image import LoadedImage
from locany.results import Detections, Provenance
from locany.tasks import Task

NAMES = ("cat", "traffic light")
BOXES = {  # of every image: one cat, two lights
    "cat": [[10.0, 10.0, 40.0, 40.0]],
    "traffic light": [[50.0, 10.0, 60.0, 30.0], [70.0, 10.0, 80.0, 30.0]],
}
SIZE_WH = (100, 80)


def write_bundle(root: Path, number: int = 6) -> Path:
    """COCO as the published bundle has it, with images that a model can tell apart by their grey."""
    (root / "coco").mkdir(parents=True, exist_ok=True)
    folder = root / "_annotations" / "box_eval"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(number):
        Image.fromarray(np.full((SIZE_WH[1], SIZE_WH[0], 3), 10 * i, np.uint8)).save(root / f"coco/{i}.png")
        rows.append({"image_path": f"coco/{i}.png", "categories": list(NAMES), "gt": BOXES})
    lines = [
        json.dumps({**row, "task_name": "common_object_detection", "dataset_name": "COCO"}) for row in rows
    ]
    (folder / "COCO.jsonl").write_text("\n".join(lines) + "\n")
    return root


def write_instances(path: Path, number: int = 6) -> Path:
    """The original annotation of the same images."""
    images = [
        {"id": 100 + i, "file_name": f"{i}.png", "width": SIZE_WH[0], "height": SIZE_WH[1]}
        for i in range(number)
    ]
    categories = [{"id": 7, "name": "cat"}, {"id": 9, "name": "traffic light"}]
    annotations: list[dict[str, Any]] = []
    for image in images:
        for category in categories:
            for x0, y0, x1, y1 in BOXES[category["name"]]:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image["id"],
                        "category_id": category["id"],
                        "bbox": [x0, y0, x1 - x0, y1 - y0],
                        "area": (x1 - x0) * (y1 - y0),
                        "iscrowd": 0,
                    }
                )
    document = {"images": images, "categories": categories, "annotations": annotations}
    path.write_text(json.dumps(document))
    return path


class KnowsAll:
    """Stands for a locator: answers every question with the boxes above, the last one first.

    Attributes:
        asked: the tasks, in order; images: their pixels, each time they were decoded.
    """

    def __init__(self, stop_after: int | None = None, fails: Iterable[int] = ()):
        self.stop_after, self.fails = stop_after, set(fails)
        self.asked: list[Task] = []
        self.images: list[np.ndarray] = []
        self.options: Mapping[str, Any] = {}

    def stream(
        self, questions: Iterable[tuple[LoadedImage, Task]], **options: Any
    ) -> Iterator[tuple[int, Detections | LocanyError]]:
        self.options = options
        waiting: list[tuple[int, Detections | LocanyError]] = []
        for number, (image, task) in enumerate(questions):
            if self.stop_after is not None and number >= self.stop_after:
                raise KeyboardInterrupt
            self.asked.append(task)
            if not any(image.pixels is known for known in self.images):
                self.images.append(image.pixels)
            failed = EngineError("no memory") if number in self.fails else None
            waiting.append((number, failed or self._answer(image, task)))
            if len(waiting) == 3:  # rows end in another order than they began
                yield from reversed(waiting)
                waiting = []
        yield from reversed(waiting)

    def _answer(self, image: LoadedImage, task: Task) -> Detections:
        names = task.categories or (task.phrase,)
        scale = image.size_wh[0] / SIZE_WH[0]
        pairs = [(name, box) for name in names for box in BOXES.get(name, [])]
        xyxy = np.asarray([box for _, box in pairs], float).reshape(-1, 4) * scale
        if task.expects_points:
            xyxy = np.tile((xyxy[:, :2] + xyxy[:, 2:]) / 2, 2)
        return Detections(
            xyxy=xyxy,
            labels=[name for name, _ in pairs],
            scores=np.full(len(pairs), 0.75),
            provenance=[Provenance.PARALLEL] * len(pairs),
            is_point=np.full(len(pairs), task.expects_points),
            size_wh=image.size_wh,
            absent=tuple(name for name in names if name not in BOXES),
            dropped=("a box with 3 coordinates: x", "a box was mended (padding inside): y"),
            answer="<box>" * len(pairs),
            stats={"num_tokens": 5, "num_steps": 2},
        )
