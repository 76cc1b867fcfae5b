"""`--stream`: one line of JSON for each detection, the moment it is decoded, and a last one for the image."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from locany.cli.report import json_text, write_line
from locany.cli.sources import Source
from locany.errors import LocanyError
from locany.tasks import Task

if TYPE_CHECKING:
    from locany.locator import Locator
    from locany.results import Detection, Detections


def print_live(
    locator: Locator,
    images: Sequence[Source],
    task: Task,
    settings: dict[str, Any],
    min_score: float,
    say_failure: Callable[[str, Exception], None],
) -> int:
    """Ask about one image after the other; print what is found while it is decoded.

    The line that closes an image says what else is known of the answer, or why there is none.

    Returns:
        The number of images that failed.
    """
    import numpy as np

    from locany.results import Detections

    num_failed = 0
    for image in images:
        closing: dict[str, Any] = {"image": image.name, "done": True, "num": 0}
        try:
            for found in _with_answer(locator.watch(image.given, task, **settings)):
                if isinstance(found, Detections):
                    facts = ("absent", "unanswered", "truncated")
                    closing |= {name: value for name, value in found.to_dict().items() if name in facts}
                elif np.float32(found.score) >= np.float32(min_score):  # as `filter` and the document have it
                    closing["num"] += 1
                    write_line(_line(image.name, found))
        except LocanyError as error:
            num_failed += 1
            say_failure(image.name, error)
            closing |= {"error": str(error), "type": type(error).__name__}
        write_line(json_text(closing))
    return num_failed


def _with_answer(
    watched: Generator[Detection, None, Detections],
) -> Iterator[Detection | Detections]:
    """The detections, and at last the answer as a whole."""
    yield (yield from watched)


def _line(name: str, found: Detection) -> str:
    """The detection as in the JSON document of an answer, with the image it is in."""
    return json_text({"image": name, **found.to_dict()})
