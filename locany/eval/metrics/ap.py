"""Average precision as COCO and LVIS define it, computed by their evaluation library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from locany.errors import DataError, MissingExtraError
from locany.eval.example import Example, Prediction
from locany.eval.metrics.places import boxes_of_places, boxes_of_truth
from locany.eval.metrics.profile import Profile, account, answer_of
from locany.geometry import box_area

_AREAS = ("all", "small", "medium", "large")
_MAX_COCO, _MAX_LVIS = 100, 300  # detections of one image and name that count


def score_ap(
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    profile: Profile,
    *,
    federated: bool | None = None,
) -> dict[str, Any]:
    """Average precision over names, from the boxes and their scores.

    Every example is an image. Detections in a crowd's region are ignored. Sizes are of boxes, below
    32 x 32 and 96 x 96 pixels; COCO takes the area of the mask where it has one, so its counts by size
    differ a little. A place that is no box is a box that matches nothing; boxes under a name that has no
    truth anywhere do not count, as in COCO. Boxes without scores count as equally sure, score 1. The best
    100 boxes of an image and name count (LVIS 300), or more where there are more to find.

    Args:
        examples: with boxes, or outlines whose boxes are taken.
        predictions: by id; none is nothing found.
        profile: has no say here: nothing was published.
        federated: LVIS rules: a detection counts where its name is known to be there or absent, and one
            too many is no mistake where not everything was annotated. None: where any example has such
            names (`Truth.partial`).

    Returns:
        `ap@mean` (IoU 0.5 to 0.95), `ap@0.5`, `ap@0.75`, `ap_small@mean`, `ap_medium@mean`,
        `ap_large@mean` (a size that nothing has is left out), `ar@mean`, `num_names`, `num_unscored` boxes,
        and `account`.

    Raises:
        DataError: no example has a box.
        MissingExtraError: faster-coco-eval is not installed.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError:
        raise MissingExtraError("faster-coco-eval", "eval", "average precision") from None

    lvis = any(example.truth.partial for example in examples) if federated is None else federated
    dataset, num_targets = _dataset(examples)
    if not num_targets:
        raise DataError(f"average precision needs boxes to find; none of {len(examples)} examples has one")
    results, num_unscored = _results(
        examples, predictions, {c["name"]: c["id"] for c in dataset["categories"]}
    )
    truth = COCO(dataset)
    evaluation = COCOeval_faster(truth, truth.loadRes(results), iouType="bbox", lvis_style=lvis)
    evaluation.params.maxDets = [1, 10, max(_MAX_LVIS if lvis else _MAX_COCO, num_targets)]
    evaluation.evaluate()
    evaluation.accumulate()

    precision = np.asarray(evaluation.eval["precision"])  # IoU, recall, name, size, number of detections
    recall = np.asarray(evaluation.eval["recall"])  # the same without recall
    scores: dict[str, Any] = {
        "ap@mean": _mean(precision[:, :, :, 0, -1]),
        "ap@0.5": _mean(precision[0, :, :, 0, -1]),
        "ap@0.75": _mean(precision[5, :, :, 0, -1]),
        "ar@mean": _mean(recall[:, :, 0, -1]),
    }
    for index, size in enumerate(_AREAS):
        value = _mean(precision[:, :, :, index, -1])
        if index and value is not None:
            scores[f"ap_{size}@mean"] = value
    return scores | {
        **account(examples, predictions, profile),
        "num_names": len(dataset["categories"]),
        "num_unscored": num_unscored,
    }


def _dataset(examples: Sequence[Example]) -> tuple[dict[str, Any], int]:
    """The truth in COCO's form, and the most targets of one image and name."""
    names = sorted({name for e in examples for name in (*boxes_of_truth(e), *e.truth.crowd)})
    ids = {name: number for number, name in enumerate(names, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    most = 0
    for number, example in enumerate(examples, 1):
        targets = boxes_of_truth(example)
        images.append(
            {
                "id": number,
                "neg_category_ids": [ids[name] for name, boxes in targets.items() if not len(boxes)],
                "not_exhaustive_category_ids": [ids[n] for n in sorted(example.truth.partial) if n in ids],
            }
        )
        crowd = {name: boxes_of_places(places) for name, places in example.truth.crowd.items()}
        most = max([most, *map(len, targets.values())])
        for is_crowd, groups in enumerate((targets, crowd)):
            for name, boxes in groups.items():
                for box in boxes:
                    annotations.append(
                        {
                            "id": len(annotations) + 1,  # 0 reads as "no match" in this library's ancestors
                            "image_id": number,
                            "category_id": ids[name],
                            "bbox": _xywh(box),
                            "area": float(box_area(box)),
                            "iscrowd": is_crowd,
                        }
                    )
    # LVIS splits by how often a name occurs in its training set, which is not reported here.
    categories = [{"id": ids[name], "name": name, "frequency": "f"} for name in names]
    return {"images": images, "annotations": annotations, "categories": categories}, most


def _results(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], ids: Mapping[str, int]
) -> tuple[list[dict[str, Any]], int]:
    rows: list[dict[str, Any]] = []
    num_unscored = 0
    for number, example in enumerate(examples, 1):
        prediction = answer_of(example, predictions) or Prediction(example.id)
        for name, places in prediction.found.items():
            if name not in ids:
                continue
            scores = prediction.scores.get(name, ())
            if len(scores) != len(places):
                scores, num_unscored = (1.0,) * len(places), num_unscored + len(places)
            for box, score in zip(boxes_of_places(places), scores, strict=True):
                where = {"image_id": number, "category_id": ids[name]}
                rows.append({**where, "bbox": _xywh(box), "score": float(score)})
    return rows, num_unscored


def _xywh(box: np.ndarray) -> list[float]:
    x0, y0, x1, y1 = box.tolist()
    return [x0, y0, x1 - x0, y1 - y0]


def _mean(values: np.ndarray) -> float | None:
    """Of what is defined; the library writes -1 where nothing was to be found."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None
