"""What a model does about names that are not in the image: silence, a statement, or a false alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from locany.eval.example import Example, Prediction
from locany.eval.metrics.profile import Profile, account, answer_of


def score_absent(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """Of the names that are known to be absent, how many were answered so.

    A name is absent where the truth has it without a place, and present where it has one. A model can
    state an absence (`Prediction.absent`) or be silent; both are right. An example that failed was not
    answered, and none of its names is right.

    Args:
        examples: `Truth` names the absent ones with no place.
        predictions: by id; where there is none, no name is right.
        profile: has no say here: the published metrics ask for no absent name.

    Returns:
        `absent_right`, share of absent names with nothing found; `absent_stated` and `absent_silent`, the
        two ways to it; `false_alarms`, places per absent name; `present_denied`, share of present names
        with nothing found and a statement that there is none; `num_absent`, `num_present`, and `account`.
        Without names of a kind its shares are left out.
    """
    num_absent = num_present = stated = silent = alarms = denied = 0
    for example in examples:
        truth = example.truth
        prediction = answer_of(example, predictions) or Prediction(example.id, error="no answer")
        said = set(prediction.absent)
        for name in sorted({*truth.boxes, *truth.masks, *truth.polygons}):
            there = any(
                places.get(name) for places in (truth.boxes, truth.masks, truth.polygons, truth.crowd)
            )
            num_found = len(prediction.found.get(name, ()))
            num_present += there
            num_absent += not there
            if there:
                denied += name in said and not num_found
            else:
                alarms += num_found
                stated += name in said and not num_found
                silent += name not in said and not num_found and not prediction.error
    scores: dict[str, Any] = {}
    if num_absent:
        scores |= {
            "absent_right": (stated + silent) / num_absent,
            "absent_stated": stated / num_absent,
            "absent_silent": silent / num_absent,
            "false_alarms": alarms / num_absent,
        }
    if num_present:
        scores["present_denied"] = denied / num_present
    counts = {"num_absent": num_absent, "num_present": num_present}
    return scores | counts | account(examples, predictions, profile)
