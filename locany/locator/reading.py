"""From a finished request to `Detections` in pixels of the user's image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from locany.codec import Tokenizer, read_answer
from locany.codec.answer import AnswerItem
from locany.codec.formulation import Formulation
from locany.codec.vocab import Vocab
from locany.engine import Finish, Found, Request
from locany.geometry import order_corners
from locany.image import LoadedImage
from locany.image.tile import Window, from_window_bins
from locany.results import Detection, Detections, Provenance
from locany.tasks import Task


def read(
    request: Request,
    tokenizer: Tokenizer,
    task: Task,
    window: Window,
    image: LoadedImage,
    *,
    refine: bool = False,
) -> Detections:
    """What a request found.

    Args:
        request: finished.
        tokenizer: that of its tokens.
        task: what was asked.
        window: the part of the image that it was asked about.
        image: the whole image.
        refine: take coordinates between the bins where the request knows them (`Request.expected_bins`).
    """
    vocab = tokenizer.vocab
    answer = read_answer(tokenizer, request.tokens)
    found = [item for item in answer.items if not item.is_negative]
    labels = [item.label or _asked_for(task) for item in found]
    absent = dict.fromkeys(item.label or _asked_for(task) for item in answer.items if item.is_negative)
    dropped = list(answer.dropped)
    if request.finish is Finish.REPEAT:
        dropped.append("the model began to repeat a box; the answer was ended there")
    return Detections(
        xyxy=_pixels([_bins(item, request, vocab, refine) for item in found], window, vocab),
        labels=labels,
        scores=np.asarray([request.score(item.start, item.stop) for item in found]),
        provenance=[Provenance.of_all(request.provenance[item.start : item.stop]) for item in found],
        size_wh=image.size_wh,
        is_point=np.asarray([len(item.bins) == 2 for item in found], dtype=bool),
        absent=tuple(name for name in absent if name and name not in labels),
        unanswered=unanswered(task, (*labels, *absent)),
        truncated=request.truncated,
        dropped=tuple(dropped),
        answer=tokenizer.decode(request.tokens),
        stats={
            "finish": request.finish.value if request.finish else "",
            "num_requests": 1,
            "num_prompt_tokens": len(request.prompt),
            "num_tokens": len(request.tokens),
            "num_steps": len(request.commits),
        },
        image_name=image.name,
        task=task,
        image=image.pixels,
    )


def detection_of(
    found: Found,
    tokenizer: Tokenizer,
    task: Task,
    window: Window,
    size_wh: tuple[int, int],
    *,
    refine: bool = False,
) -> Detection:
    """A box or point that was just committed, as `read` gives it once the answer is over.

    Args:
        found: not a negative.
        size_wh: of the whole image; the rest as for `read`.
    """
    means = found.means if refine and len(found.means) == len(found.bins) else found.bins
    label = tokenizer.decode([token for token in found.label if tokenizer.is_text(token)]).strip()
    return Detections(
        xyxy=_pixels([_ordered(means)], window, tokenizer.vocab),
        labels=[label or _asked_for(task)],
        scores=np.array([found.score]),
        provenance=[Provenance.of_all(found.provenance)],
        size_wh=size_wh,
        is_point=np.array([len(means) == 2]),
    )[0]


def unanswered(task: Task, said: Sequence[str]) -> tuple[str, ...]:
    """Categories that the answer does not name."""
    named = {name.casefold() for name in said}
    return tuple(name for name in task.categories if name.casefold() not in named)


def _pixels(bins: Sequence[Sequence[float]], window: Window, vocab: Vocab) -> np.ndarray:
    """[N, 4] pixels of the image; a point twice."""
    boxes = np.asarray([[*b, *b] if len(b) == 2 else b for b in bins], np.float64).reshape(-1, 4)
    return from_window_bins(boxes, window, vocab.max_bin + 1)


def _asked_for(task: Task) -> str:
    """What an answer without a label is about, where that is one thing."""
    return task.phrase or (task.categories[0] if len(task.categories) == 1 else "")


def _ordered(bins: Sequence[float]) -> Sequence[float]:
    """The corners of a box in order, as the reader of answers has them."""
    return bins if len(bins) == 2 else order_corners(bins).tolist()


def _bins(item: AnswerItem, request: Request, vocab: Vocab, refine: bool) -> Sequence[float]:
    """Two or four coordinates in bins; with `refine` between them, where the request knows more."""
    if not refine or vocab.formulation is Formulation.DIGITS:  # a digit says nothing of its neighbours
        return item.bins
    span = [i for i in range(item.start, item.stop) if vocab.is_coord(request.tokens[i])]
    assert len(span) == len(item.bins), "a place has as many coordinates as coordinate tokens"
    means = [(request.expected_bins[i], vocab.bin_of(request.tokens[i])) for i in span]
    return _ordered([nearest if math.isnan(mean) else mean for mean, nearest in means])
