"""Predictions as lines of JSON: written one by one so that a kill loses at most the last, and read back."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from locany.errors import DataError
from locany.eval.example import Place, Prediction

_DECIMALS = 4  # of coordinates in pixels and of scores


def rounded(places: Iterable[Iterable[float]]) -> tuple[Place, ...]:
    """Places as they are written; rounding before scoring makes fresh and re-read predictions the same."""
    return tuple(tuple(round(float(value), _DECIMALS) for value in place) for place in places)


def to_json(prediction: Prediction) -> dict[str, Any]:
    """As values that JSON can hold; what is empty is left out."""
    found = {name: [list(place) for place in places] for name, places in prediction.found.items()}
    scores = {name: list(values) for name, values in prediction.scores.items() if values}
    line: dict[str, Any] = {"id": prediction.id, "found": found}
    optional = {
        "scores": scores,
        "absent": list(prediction.absent),
        "size_wh": list(prediction.size_wh) if prediction.size_wh else None,
        "seconds": round(prediction.seconds, 6),
        "seconds_loading": round(prediction.seconds_loading, 6),
        "num_tokens": prediction.num_tokens,
        "num_steps": prediction.num_steps,
        "num_truncated": prediction.num_truncated,
        "num_malformed": prediction.num_malformed,
        "error": prediction.error,
        "answer": prediction.answer,
    }
    return line | {name: value for name, value in optional.items() if value}


def line_of(prediction: Prediction) -> bytes:
    """Its line in a file."""
    text = json.dumps(to_json(prediction), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def from_json(line: Any, where: str) -> Prediction:
    """The prediction of a line that `to_json` made, or that somebody else wrote in this form.

    A place with a number that is not finite is one without numbers, and so malformed under its name.

    Args:
        line: a JSON object; "id" and "found" are needed.
        where: file and number of the line, for messages.

    Raises:
        DataError: a field is missing or of another kind, or a score is none.
    """
    try:
        size = line.get("size_wh")
        prediction = Prediction(
            id=_text(line["id"]),
            found={_text(name): _places(places) for name, places in line["found"].items()},
            scores={_text(name): _numbers(values) for name, values in line.get("scores", {}).items()},
            absent=tuple(_text(name) for name in line.get("absent", ())),
            size_wh=(int(size[0]), int(size[1])) if size else None,
            seconds=_finite(line.get("seconds", 0)),
            seconds_loading=_finite(line.get("seconds_loading", 0)),
            error=_text(line.get("error", "")),
            answer=_text(line.get("answer", "")),
            **{
                name: int(line.get(name, 0))
                for name in ("num_tokens", "num_steps", "num_truncated", "num_malformed")
            },
        )
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{where} is not a prediction ({type(error).__name__}: {error}); expected an object with "
            '"id" and "found" {name: [[x0, y0, x1, y1], ...]}'
        ) from None
    for name, values in prediction.scores.items():
        if values and len(values) != len(prediction.found.get(name, ())):
            raise DataError(
                f"{where} has {len(values)} scores of {name!r} for {len(prediction.found.get(name, ()))} "
                "places; give one each, or none"
            )
        for value in values:
            check_score(value, where)
    return prediction


def check_score(score: float, where: str) -> None:
    """Raise DataError where a score is not 0..1: thresholds and calibration would quietly be about nothing.

    Args:
        score: any number.
        where: file and line or result, for the message.
    """
    if not 0 <= score <= 1:  # what is no number is not, either
        raise DataError(
            f"{where} has the score {score:g}, expected 0 to 1; divide percentages by 100, apply a sigmoid "
            "to logits, or leave the scores out"
        )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not finite")
    return number


def _places(places: Any) -> tuple[Place, ...]:
    return tuple(finite_or_none(_numbers(place)) for place in places)


def finite_or_none(place: Place) -> Place:
    """The place, or one without numbers, which is malformed, where one of them is not finite."""
    return place if all(map(math.isfinite, place)) else ()


def read_lines(path: Path) -> list[tuple[str, Any]]:
    """(file and line number, JSON value) of each line of a file; blank lines are left out.

    Raises:
        DataError: the file cannot be read, or a line is not JSON.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{path}, line {number},"
        if line.strip():
            try:
                lines.append((where, json.loads(line)))
            except ValueError as error:
                raise DataError(f"{where} is not JSON ({error}); one object per line is expected") from None
    return lines


def read_predictions(path: Path) -> list[Prediction]:
    """All predictions of a file in our form, in its order.

    Raises:
        DataError: the file cannot be read, or a line is no prediction.
    """
    return [from_json(line, where) for where, line in read_lines(path)]


def by_id(predictions: Sequence[Prediction]) -> dict[str, Prediction]:
    """Predictions by the id of their example; of several about one example the last counts."""
    return {prediction.id: prediction for prediction in predictions}


class PredictionFile:
    """A file that predictions are added to. Each is on the disk before `add` returns.

    Args:
        path: made where there is none. A last line that a kill cut short is removed.
    """

    def __init__(self, path: Path):
        self.path = path
        _drop_torn_line(path)
        self._file: IO[bytes] = open(path, "ab")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> PredictionFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, prediction: Prediction) -> None:
        """Write one more."""
        self._file.write(line_of(prediction))
        self._file.flush()
        os.fsync(self._file.fileno())


def _drop_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with open(path, "r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
            os.fsync(file.fileno())


def is_ours(line: Any) -> bool:
    """Whether a line is in our form."""
    return isinstance(line, Mapping) and "id" in line and "found" in line
