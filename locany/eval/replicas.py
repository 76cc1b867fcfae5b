"""A benchmark asked of several copies of a model side by side, on this machine or on a Ray cluster.

Examples go out in small runs of neighbours and come back in whatever order they get ready; they are given on
in the order of the examples, as with one model. Every machine has locany installed and the model at the same
place; images travel with the questions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from locany import errors
from locany.errors import LocanyError, MissingExtraError
from locany.eval.example import Example, Prediction, Truth
from locany.eval.run import AskConfig, predict

_RUNS_EACH = 8  # of neighbours that a replica gets at least, so that all end at about the same time
_RETRIES = 3  # of a run of examples whose machine was lost


@dataclass(frozen=True)
class ReplicaConfig:
    """How many, and where.

    Attributes:
        number: of copies.
        gpus: of each; 0 keeps it on the CPU, where it has one thread.
        ship_images: send the images' bytes; False where every machine sees the same files.
    """

    number: int = 2
    gpus: float = 0
    ship_images: bool = True


def predict_on_replicas(
    ray: Any, model: Mapping[str, Any], examples: Sequence[Example], ask: AskConfig, config: ReplicaConfig
) -> Iterator[Prediction]:
    """Answer examples, in their order.

    Args:
        ray: the module, connected to a cluster.
        model: arguments of `locator.load`.
        examples, ask: as for `predict`.
        config: how many copies.

    Raises:
        LocanyError: the model cannot be loaded, or a machine was lost again and again.
    """
    actor = ray.remote(_Replica).options(
        num_cpus=0 if config.gpus else 1, num_gpus=config.gpus, max_restarts=-1, max_task_retries=_RETRIES
    )
    replicas = [actor.remote(dict(model), ask, config.gpus) for _ in range(config.number)]
    free = list(replicas)
    waiting = deque(enumerate(_runs(examples, ask.rows, config.number)))
    running: dict[Any, tuple[int, Any]] = {}
    done: dict[int, list[Prediction]] = {}
    next_number = 0
    try:
        while waiting or running:
            while waiting and free:
                number, run = waiting.popleft()
                replica = free.pop()
                sent = [_for_the_way(example, config.ship_images) for example in run]
                running[replica.answer.remote(sent)] = (number, replica)
            (ready,), _ = ray.wait(list(running), num_returns=1)
            number, replica = running.pop(ready)
            done[number] = _result(ray, ready)
            free.append(replica)
            while next_number in done:
                yield from done.pop(next_number)
                next_number += 1
    finally:
        for replica in replicas:
            ray.kill(replica)


def _runs(examples: Sequence[Example], rows: int, replicas: int) -> list[Sequence[Example]]:
    """Neighbours together: they may share an image. Large enough to fill the rows of an engine."""
    size = max(1, min(4 * rows, len(examples) // (replicas * _RUNS_EACH)))
    return [examples[at : at + size] for at in range(0, len(examples), size)]


def _for_the_way(example: Example, with_image: bool) -> Example:
    """What a replica needs of an example; a file that cannot be read is left for it to tell of."""
    image = example.image
    if with_image and isinstance(image, Path) and image.is_file():
        image = image.read_bytes()
    return replace(example, image=image, truth=Truth(), groups={})


def _result(ray: Any, ready: Any) -> list[Prediction]:
    try:
        answer = ray.get(ready)
    except ray.exceptions.RayActorError as error:
        raise LocanyError(
            f"a replica was lost and could not be started again ({str(error).splitlines()[0]}); "
            "run the same command again: it goes on from here"
        ) from error
    if isinstance(answer, tuple):
        kind, text = answer
        found = getattr(errors, kind, LocanyError)
        raise LocanyError(text) if found is MissingExtraError else found(text)
    return list(answer)


class _Replica:
    """One copy of the model in a process of its own."""

    def __init__(self, model: dict[str, Any], ask: AskConfig, gpus: float):
        self.model, self.ask, self.gpus = model, ask, gpus
        self.locator: Any = None

    def answer(self, examples: Sequence[Example]) -> list[Prediction] | tuple[str, str]:
        """The predictions, or kind and text of what keeps the model from answering at all."""
        try:
            if self.locator is None:
                self.locator = self._load()
            return list(predict(self.locator, examples, self.ask))
        except LocanyError as error:
            return type(error).__name__, str(error)

    def _load(self) -> Any:
        import torch

        from locany.locator import load

        if not self.gpus:
            torch.set_num_threads(1)
        return load(**self.model, max_rows=self.ask.rows)
