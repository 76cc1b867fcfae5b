"""The folder of a run: what was asked (config.json), came back (predictions.jsonl), came out (metrics.json).

config.json is written first and metrics.json last, each whole; predictions are added line by line. A run that
was stopped at any moment goes on from there, if it is the same run, and asks again for what failed.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from locany.errors import DataError, RequestError
from locany.eval.example import Example, Prediction
from locany.eval.predictions import PredictionFile, line_of, read_predictions
from locany.files import locked_folder, write_whole
from locany.version import __version__

_PARTS = {
    "benchmark",
    "title",
    "metric",
    "headline",
    "model",
    "mode",
    "profiles",
    "more",
    "counts",
    "remarks",
}
CONFIG, PREDICTIONS, METRICS = "config.json", "predictions.jsonl", "metrics.json"
# Settings that are digests, in words: their letters say nothing to a reader.
_DIGESTS = {
    "examples": "its questions",
    "weights": "its weights",
    "predictions": "its predictions",
    "calibration": "its calibrated scores",
}


class Watcher(Protocol):
    """Is told how a run goes on."""

    def begin(self, num_items: int, num_done: int) -> None:
        """So many examples are to be answered, of which so many were answered by an earlier run."""

    def item(self) -> None:
        """One more is answered."""


class ResultsFolder:
    """A folder of a run.

    Args:
        path: need not exist yet.
    """

    def __init__(self, path: Path):
        self.path = path

    def begin(self, settings: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Make the folder, or check that what it holds is a part of the same run.

        Args:
            settings: what decides the predictions; has to be the same when a run goes on.
            about: what is good to know; that of the first start is kept.

        Raises:
            RequestError: the folder holds another run, or files that are none.
            DataError: it cannot be made or read.
        """
        wanted = json.loads(json.dumps(settings))
        before = self._read(CONFIG) if (self.path / CONFIG).exists() else None
        if before is not None:
            if differences := _differences(before.get("settings", {}), wanted):
                raise RequestError(
                    f"{self.path} holds another run: {differences}; give another --out, or delete the folder"
                )
            return
        if (self.path / PREDICTIONS).exists():
            raise RequestError(
                f"{self.path} has predictions but no {CONFIG} that says what made them; give another --out"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            others = sorted(path.name for path in self.path.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise DataError(
                f"--out {self.path} cannot be a folder ({error.strerror}); give another one"
            ) from None
        if others:  # a data set, say, whose next reader would take our files for a part of it
            raise RequestError(
                f"--out {self.path} has files that are no run's ({others[0]}); give a folder of its own"
            )
        self._write(CONFIG, {"settings": wanted, **about})

    def resume(self, examples: Sequence[Example]) -> list[Prediction]:
        """The predictions that are there already: those of the first examples.

        Raises:
            DataError: they are not about these examples.
        """
        path = self.path / PREDICTIONS
        with PredictionFile(path):
            pass  # a line that was cut short is no prediction
        done = read_predictions(path)
        for number, prediction in enumerate(done):
            expected = examples[number].id if number < len(examples) else "nothing more"
            if prediction.id != expected:
                raise DataError(
                    f"{path}, line {number + 1}, is about {prediction.id}, expected {expected}; "
                    "the data changed since, or others wrote to the file; give another --out"
                )
        return done

    def collect(
        self,
        examples: Sequence[Example],
        answer: Callable[[Sequence[Example]], Iterator[Prediction]],
        watcher: Watcher,
    ) -> list[Prediction]:
        """The predictions of all examples: what is there, and the rest asked for and written down one by one.

        Examples that failed before are asked for again, first of all: an image may have been mended since, or
        memory be free. Their lines are replaced at once, when all have an answer or something stops the run.

        Args:
            examples: all of the run.
            answer: gives the predictions of some examples in their order; not called where none are left.
            watcher: is told about progress.

        Raises:
            DataError: the folder holds predictions of other examples, or another process writes to it.
        """
        with locked_folder(self.path):
            found = self.resume(examples)
            failed = [number for number, prediction in enumerate(found) if prediction.error]
            rest = examples[len(found) :]
            watcher.begin(len(examples), len(found) - len(failed))
            if failed or rest:
                answers = iter(answer([*(examples[number] for number in failed), *rest]))
                if failed:
                    self._replace_failed(found, failed, answers, watcher)
                with PredictionFile(self.path / PREDICTIONS) as file:
                    for prediction in answers:
                        file.add(prediction)
                        found.append(prediction)
                        watcher.item()
        assert [p.id for p in found] == [e.id for e in examples], "predictions come in order, one an example"
        return found

    def _replace_failed(
        self,
        found: list[Prediction],
        failed: Sequence[int],
        answers: Iterator[Prediction],
        watcher: Watcher,
    ) -> None:
        """Put new answers in the places of failed ones, here and in the file."""
        try:
            # The places come first: zip takes no answer after the last of them.
            for number, prediction in zip(failed, answers, strict=False):
                found[number] = prediction
                watcher.item()
        finally:
            self.replace_predictions(found)

    def replace_predictions(self, predictions: Sequence[Prediction]) -> None:
        """Write predictions that were made elsewhere, all at once."""
        write_whole(self.path / PREDICTIONS, b"".join(map(line_of, predictions)))

    def predictions(self) -> list[Prediction]:
        """All that are there."""
        return read_predictions(self.path / PREDICTIONS)

    def config(self) -> dict[str, Any]:
        """What was asked."""
        return self._read(CONFIG)

    def metrics(self) -> dict[str, Any]:
        """What came out.

        Raises:
            DataError: it cannot be read, or another version wrote it.
        """
        found = self._read(METRICS)
        if missing := sorted(_PARTS - found.keys()):
            raise DataError(
                f"{self.path / METRICS} lacks {', '.join(missing)}: another version wrote it; delete it "
                "and run the same 'locany eval' again, which asks only for what failed"
            )
        return found

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Write what came out: the run is over."""
        self._write(METRICS, metrics)

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}); run 'locany eval' again") from None
        if not isinstance(found, dict):
            raise DataError(f"{path} holds no JSON object; run 'locany eval' again")
        return found

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
        write_whole(self.path / name, f"{text}\n".encode())


def find_results(places: Sequence[Path]) -> tuple[list[ResultsFolder], list[Path]]:
    """The finished runs in or below some folders, and those that are not finished.

    Raises:
        DataError: a folder is not there or holds no run.
    """
    finished, unfinished = [], []
    for place in places:
        if not place.is_dir():
            raise DataError(f"{place} is no folder; give the folder that 'locany eval' wrote with --out")
        configs = sorted(place.rglob(CONFIG))
        runs = [path.parent for path in configs if (path.parent / PREDICTIONS).exists()]
        if not runs:
            raise DataError(f"{place} holds no run; give the folder that 'locany eval' wrote with --out")
        for run in runs:
            if (run / METRICS).exists():
                finished.append(ResultsFolder(run))
            else:
                unfinished.append(run)
    return list({folder.path.resolve(): folder for folder in finished}.values()), unfinished


def digest_of(examples: Sequence[Example]) -> str:
    """A short name for exactly these questions in this order; images are not read."""
    said = hashlib.sha256()
    for example in examples:
        tasks = [(q.name, q.task.kind.value, list(q.task.categories), q.task.phrase) for q in example.queries]
        said.update(json.dumps([example.id, example.image_name, tasks]).encode())
    return said.hexdigest()[:16]


def versions() -> dict[str, str]:
    """What may change numbers a little."""
    import numpy
    import torch

    return {
        "locany": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "platform": platform.platform(),
    }


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(
        f"{_DIGESTS[name]} are others"
        if name in _DIGESTS
        else f"its {name} is {before.get(name)!r}, now {now.get(name)!r}"
        for name in names
    )


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        DataError: it cannot be read.
    """
    said = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                said.update(part)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    return said.hexdigest()
