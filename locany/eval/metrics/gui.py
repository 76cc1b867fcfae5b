"""Accuracy of finding a control: was the click in its box?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.profile import Profile, account, answer_of, is_numbers
from locany.geometry import order_corners, points_in_boxes

_SOURCES = {"pc_": "Desktop", "mobile_": "Mobile", "web_": "Web"}  # by the start of the file's name
UNKNOWN = "Unknown"


def score_gui(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """Share of controls that were found, over all examples and by group.

    Profile `published`: right where any point, or the centre of any box, lies in the control's box; examples
    without a prediction are left out. Profile `fixed`: right where there is exactly one answer and it lies
    there, as a user who clicks once would have it; nothing is left out.

    Returns:
        accuracy; accuracy@SOURCE-TYPE for each pair of groups["source"] and groups["type"] that the examples
        name; accuracy_first (profile `fixed`), which looks at the first answer and lets others be; num_scored
        and num_dropped examples; and what `account` says.
    """
    right: list[bool] = []
    first: list[bool] = []
    groups: dict[str, list[bool]] = {}
    for example in examples:
        answer = answer_of(example, predictions)
        if answer is None and profile is Profile.PUBLISHED:
            continue
        control = _control(example)
        places = [place for found in answer.found.values() for place in found] if answer is not None else []
        hits = [is_hit(place, control) for place in places]
        if profile is Profile.PUBLISHED:
            right.append(any(hits))
        else:
            unread = answer.num_malformed if answer is not None else 0
            first.append(bool(hits) and hits[0])
            right.append(hits == [True] and not unread)
        if {"source", "type"} <= set(example.groups):
            groups.setdefault("{source}-{type}".format(**example.groups), []).append(right[-1])
    numbers = {"accuracy": _share(right)}
    if profile is Profile.FIXED:
        numbers["accuracy_first"] = _share(first)
    numbers |= {f"accuracy@{name}": _share(groups[name]) for name in sorted(groups)}
    result = account(examples, predictions, profile)
    return {**numbers, **result, "num_scored": len(right), "num_dropped": len(examples) - len(right)}


def is_hit(place: Place, control: Sequence[float]) -> bool:
    """Whether a point, or the centre of a box, lies in a box or on its edge. Corners in any order."""
    if not is_numbers(place, 2, 4):
        return False
    point = np.asarray(place, dtype=np.float64).reshape(-1, 2).mean(axis=0)
    return bool(points_in_boxes(point, order_corners([control]))[0, 0])


def group_of(
    image_name: str, data_type: str = "", mapping: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, str]:
    """The groups "source" and "type" of a ScreenSpot row, as the published script finds them.

    The source comes from the start of the file's name (`pc_`, `mobile_`, `web_`), otherwise from the
    mapping; the type is the row's own, unless that is empty or "Unknown", otherwise the mapping's. What is
    nowhere is "Unknown".

    Args:
        image_name: the file's name without folders.
        data_type: of the row.
        mapping: by file name the fields data_type and data_source, or ui_type and group.
    """
    fields = (mapping or {}).get(image_name, {})
    kind, source = fields.get("data_type", ""), fields.get("data_source", "")
    if not (kind and source):
        other_kind, other_source = fields.get("ui_type", ""), fields.get("group", "")
        if other_kind and other_source:
            kind, source = other_kind, other_source
        else:
            kind, source = kind or other_kind, source or other_source
    for start, name in _SOURCES.items():
        if image_name.startswith(start):
            source = name
    if data_type and data_type != UNKNOWN:
        kind = data_type
    return {"source": source or UNKNOWN, "type": kind or UNKNOWN}


def _control(example: Example) -> Sequence[float]:
    boxes = [box for found in example.truth.boxes.values() for box in found]
    assert len(boxes) == 1, f"an example of a control has one box, {example.id} has {len(boxes)}"
    return boxes[0]


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right) if right else 0.0
