"""Running a benchmark: order, resumption after a kill, errors of single examples, replicas."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locany.errors import CheckpointNotFoundError, DataError, LocanyError, RequestError
from locany.eval.benchmarks import open_benchmark
from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.predictions import PredictionFile, from_json, line_of, read_predictions, to_json
from locany.eval.replicas import ReplicaConfig, predict_on_replicas
from locany.eval.results_folder import ResultsFolder, digest_of, find_results
from locany.eval.run import PUBLISHED_SAMPLING, AskConfig, SharedClock, choose, predict, resized
from locany.image import load_image
from locany.tasks import Task
from locany.weights.folder_fingerprint import folder_fingerprint
from tests.unit.eval_fixtures import BOXES, SIZE_WH, KnowsAll, write_bundle

GREY = np.full((SIZE_WH[1], SIZE_WH[0], 3), 99, np.uint8)


def example(name: str, *queries: Query, image: Any = GREY) -> Example:
    asked = queries or (Query(Task.detect(["cat", "traffic light"])),)
    return Example(
        name, image, f"{name}.png", asked, Truth({n: tuple(map(tuple, b)) for n, b in BOXES.items()})
    )  # type: ignore[arg-type]


def answers(locator: Any, examples: Sequence[Example], config: AskConfig | None = None) -> list[Prediction]:
    return list(predict(locator, examples, config or AskConfig()))


class Silent:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.begun, self.items = (0, 0), 0

    def begin(self, num_items: int, num_done: int) -> None:
        self.begun = (num_items, num_done)

    def item(self) -> None:
        self.items += 1


# -- asking -------------------------------------------------------------------------------------------------


def test_predictions_come_in_the_order_of_examples_whatever_ends_first() -> None:
    examples = [example(f"e{i}") for i in range(7)]
    found = answers(KnowsAll(), examples)
    assert [p.id for p in found] == [e.id for e in examples]
    first = found[0]
    assert first.found == {name: tuple(tuple(b) for b in boxes) for name, boxes in BOXES.items()}
    assert first.scores == {"cat": (0.75,), "traffic light": (0.75, 0.75)}
    assert (first.size_wh, first.num_tokens, first.num_steps, first.num_malformed) == (SIZE_WH, 5, 2, 1)
    assert first.seconds > 0


def test_answers_of_several_queries_are_filed_under_their_names() -> None:
    queries = (Query(Task.point("cat"), "cat"), Query(Task.point("dog"), "dog"), Query(Task.ground("owl")))
    locator = KnowsAll()
    (found,) = answers(locator, [example("e", *queries)])
    assert found.found == {"cat": ((25.0, 25.0),)}
    assert found.absent == ("dog", "owl")
    assert found.num_tokens == 15
    assert found.answer == "<box>", "empty texts are not joined"


def test_an_image_is_decoded_once_for_the_queries_that_follow_each_other(tmp_path: Path) -> None:
    write_bundle(tmp_path, 2)
    one, two = (tmp_path / f"coco/{i}.png" for i in range(2))
    queries = (Query(Task.ground("cat"), "cat"), Query(Task.ground("dog"), "dog"))
    examples = [example("a", *queries, image=one), example("b", image=one), example("c", image=two)]
    locator = KnowsAll()
    answers(locator, examples)
    assert len(locator.asked) == 4
    assert len(locator.images) == 2


def test_short_side_is_taken_back(tmp_path: Path) -> None:
    locator = KnowsAll()
    (found,) = answers(locator, [example("e")], AskConfig(short_side=160))
    assert locator.images[0].shape == (160, 200, 3)
    assert found.found["cat"] == ((10.0, 10.0, 40.0, 40.0),)
    assert found.size_wh == SIZE_WH
    image = load_image(GREY)
    assert resized(image, 0) is image
    assert resized(image, 80) is image
    assert resized(image, 40).size_wh == (50, 40)


def test_what_goes_wrong_with_one_example_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    examples = [
        example("gone", image=tmp_path / "gone.png"),
        example("a"),
        example("torn", image=tmp_path / "torn.png"),
        example("b", Query(Task.ground("cat"), "cat"), Query(Task.ground("dog"), "dog")),
        example("none", image=tmp_path / "none.png"),
    ]
    found = answers(KnowsAll(fails=[2]), examples)  # the second query of b
    assert [bool(p.error) for p in found] == [True, False, True, True, True]
    assert found[0].error.startswith("ImageLoadError: ")
    assert found[3].error == "EngineError: no memory"
    assert found[3].found == {}, "half an answer is none"


def test_options_reach_the_model_and_wrong_ones_are_refused() -> None:
    locator = KnowsAll()
    config = AskConfig({"mode": "slow", "max_new_tokens": 9, **PUBLISHED_SAMPLING}, rows=2)
    answers(locator, [example("e")], config)
    assert locator.options == {"mode": "slow", "max_new_tokens": 9, **PUBLISHED_SAMPLING}
    assert config.settings()["temperature"] == 0.7
    for wrong in ({"params": {"mode": "turbo"}}, {"short_side": -1}, {"rows": 0}):
        with pytest.raises(RequestError):
            AskConfig(**wrong)  # type: ignore[arg-type]


def test_moments_are_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("locany.eval.run.time.perf_counter", lambda: now[0])
    clock = SharedClock()
    clock.begin(1)
    now[0] = 2.0
    clock.begin(2)
    now[0] = 4.0
    assert clock.end(1) == 3.0
    now[0] = 5.0
    assert clock.end(2) == 2.0


def test_loading_is_counted_once_and_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """While an image is loaded others are being answered: all seconds together are still the wall time."""
    now = [0.0]

    def slowly(image: Any) -> Any:
        now[0] += 1.0
        return load_image(image)

    monkeypatch.setattr("locany.eval.run.time.perf_counter", lambda: now[0])
    monkeypatch.setattr("locany.eval.run.load_image", slowly)
    found = answers(KnowsAll(), [example(f"e{i}", image=GREY.copy()) for i in range(6)])
    assert sum(p.seconds for p in found) == pytest.approx(6.0)
    assert found[0].seconds_loading == 1.0, "nothing else ran"
    assert found[1].seconds_loading == 0.5, "the first was being answered meanwhile"
    assert from_json(to_json(found[1]), "here") == found[1]


def test_a_limit_is_spread_over_the_whole() -> None:
    examples = [example(str(i)) for i in range(10)]
    assert [e.id for e in choose(examples, 3)] == ["0", "3", "6"]
    assert choose(examples, None) == choose(examples, 99) == examples
    with pytest.raises(RequestError, match="limit is 0"):
        choose(examples, 0)


# -- predictions on the disk --------------------------------------------------------------------------------


def test_a_prediction_survives_the_disk(tmp_path: Path) -> None:
    (one,) = answers(KnowsAll(), [example("é/1")])
    two = replace(one, id="2", error="EngineError: x", absent=("owl",), num_truncated=1)
    with PredictionFile(tmp_path / "p.jsonl") as file:
        file.add(one)
        file.add(two)
    assert read_predictions(tmp_path / "p.jsonl") == [one, two]
    assert "é/1" in (tmp_path / "p.jsonl").read_text(encoding="utf-8")
    assert to_json(Prediction("x")) == {"id": "x", "found": {}}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ([], "is not a prediction"),
        ({"found": {}}, "'id'"),
        ({"id": 3, "found": {}}, "is not text"),
        ({"id": "a", "found": {"cat": [["x"]]}}, "could not convert"),
        ({"id": "a", "found": {}, "seconds": float("nan")}, "nan is not finite"),
        ({"id": "a", "found": {}, "num_tokens": float("inf")}, "OverflowError"),
        (
            {"id": "a", "found": {"cat": [[1, 2, 3, 4]]}, "scores": {"cat": [0.1, 0.2]}},
            "2 scores of 'cat' for 1",
        ),
    ],
)
def test_lines_that_are_no_prediction(line: Any, words: str) -> None:
    with pytest.raises(DataError, match=r"p\.jsonl, line 1") as caught:
        from_json(line, "p.jsonl, line 1,")
    assert words in str(caught.value)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(line_of(Prediction("a")) + b"{torn\n" + line_of(Prediction("b")))
    with pytest.raises(DataError, match="line 2, is not JSON"):
        read_predictions(path)


# -- the folder of a run ------------------------------------------------------------------------------------


def collect(folder: Path, examples: Sequence[Example], locator: Any) -> tuple[list[Prediction], Silent]:
    results, watcher = ResultsFolder(folder), Silent()
    results.begin({"benchmark": "x", "mode": "fast"}, {"versions": {}})
    found = results.collect(examples, lambda rest: predict(locator, rest, AskConfig()), watcher)
    return found, watcher


def test_a_run_that_was_killed_goes_on_after_its_last_whole_line(tmp_path: Path) -> None:
    examples = [example(f"e{i}") for i in range(7)]
    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path / "run", examples, KnowsAll(stop_after=5))
    path = tmp_path / "run" / "predictions.jsonl"
    assert [p.id for p in read_predictions(path)] == ["e0", "e1", "e2"], "those that were all there"
    path.write_bytes(path.read_bytes()[:-9])  # killed in the middle of a write
    locator = KnowsAll()
    found, watcher = collect(tmp_path / "run", examples, locator)
    assert len(locator.asked) == 5
    assert (watcher.begun, watcher.items) == ((7, 2), 5)
    whole, _ = collect(tmp_path / "whole", examples, KnowsAll())
    assert [replace(p, seconds=0, seconds_loading=0) for p in found] == [
        replace(p, seconds=0, seconds_loading=0) for p in whole
    ]
    assert read_predictions(path) == found
    again = KnowsAll()
    assert collect(tmp_path / "run", examples, again)[0] == found
    assert again.asked == [], "nothing is left to ask"


def test_what_failed_is_asked_for_again(tmp_path: Path) -> None:
    image = tmp_path / "torn.png"
    image.write_bytes(b"\x89PNG torn")
    examples = [example("e0"), example("e1", image=image), *(example(f"e{i}") for i in range(2, 6))]
    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path / "run", examples, KnowsAll(stop_after=3, fails=[0]))
    path = tmp_path / "run" / "predictions.jsonl"
    assert [bool(p.error) for p in read_predictions(path)] == [True, True, False, False]
    Image.fromarray(GREY).save(image)
    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path / "run", examples, KnowsAll(stop_after=0))
    assert [bool(p.error) for p in read_predictions(path)] == [True, True, False, False], "nothing is lost"
    locator = KnowsAll()
    found, watcher = collect(tmp_path / "run", examples, locator)
    assert len(locator.asked) == 4, "two that failed, two that were not asked"
    assert (watcher.begun, watcher.items) == ((6, 2), 4)
    assert read_predictions(path) == found
    assert [p.id for p in found] == [e.id for e in examples]
    assert not any(p.error for p in found)


def test_another_run_is_refused_with_what_differs(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path / "run")
    results.begin({"mode": "fast", "rows": 8}, {})
    results.begin({"mode": "fast", "rows": 8}, {"threads": 3})
    with pytest.raises(RequestError, match=r"its mode is 'fast', now 'slow', its seed is None, now 1"):
        results.begin({"mode": "slow", "rows": 8, "seed": 1}, {})
    with pytest.raises(RequestError, match="holds another run: its weights are others; give"):
        results.begin({"mode": "fast", "rows": 8, "weights": "abc"}, {})
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "predictions.jsonl").write_text("")
    with pytest.raises(RequestError, match=r"no config\.json"):
        ResultsFolder(tmp_path / "odd").begin({}, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be a folder"):
        ResultsFolder(tmp_path / "file" / "run").begin({}, {})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.json").write_text("{}")
    with pytest.raises(RequestError, match=r"has files that are no run's \(a.json\)"):
        ResultsFolder(tmp_path / "data").begin({}, {})


def test_predictions_of_other_examples_are_refused(tmp_path: Path) -> None:
    collect(tmp_path, [example("a"), example("b")], KnowsAll())
    with pytest.raises(DataError, match="line 2, is about b, expected c"):
        collect(tmp_path, [example("a"), example("c")], KnowsAll())
    with pytest.raises(DataError, match="expected nothing more"):
        collect(tmp_path, [example("a")], KnowsAll())


@pytest.mark.skipif(os.name != "posix", reason="folders are locked on POSIX systems")
def test_two_processes_do_not_write_to_one_folder(tmp_path: Path) -> None:
    def answer(rest: Sequence[Example]) -> Iterator[Prediction]:
        with pytest.raises(DataError, match="another process writes"):
            collect(tmp_path, [example("a")], KnowsAll())
        yield from predict(KnowsAll(), rest, AskConfig())  # type: ignore[arg-type]

    results = ResultsFolder(tmp_path)
    results.begin({"benchmark": "x", "mode": "fast"}, {})
    assert len(results.collect([example("a")], answer, Silent())) == 1


def test_finished_and_unfinished_runs_are_found(tmp_path: Path) -> None:
    for name in ("b/fast", "a"):
        collect(tmp_path / name, [example("a")], KnowsAll())
    ResultsFolder(tmp_path / "a").finish({"x": 1})
    finished, unfinished = find_results([tmp_path, tmp_path / "a"])
    assert [f.path for f in finished] == [tmp_path / "a"]
    with pytest.raises(DataError, match=r"metrics\.json lacks benchmark, counts, .*another version wrote it"):
        finished[0].metrics()
    assert unfinished == [tmp_path / "b/fast"]
    for wrong in (tmp_path / "none", tmp_path / "b" / "fast" / "none"):
        with pytest.raises(DataError, match="is no folder"):
            find_results([wrong])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no run"):
        find_results([tmp_path / "empty"])


def test_digests_tell_questions_and_weights_apart(tmp_path: Path) -> None:
    assert digest_of([example("a"), example("b")]) == digest_of([example("a"), example("b")])
    others = ([example("b"), example("a")], [example("a"), example("b", Query(Task.text()))])
    assert len({digest_of(e) for e in ([example("a"), example("b")], *others)}) == 3
    (tmp_path / "model.safetensors").write_bytes(bytes(1 << 23))
    before = folder_fingerprint(tmp_path)
    assert before == folder_fingerprint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"1" * (1 << 23))
    assert folder_fingerprint(tmp_path) != before


# -- several copies -----------------------------------------------------------------------------------------


class FakeRay:
    """As much of Ray as replicas use; what was sent last is ready first."""

    class exceptions:  # noqa: N801 - a module of Ray
        class RayActorError(Exception):
            pass

    def __init__(self, locator: Any, lost: bool = False):
        self.locator, self.lost = locator, lost
        self.made: list[Any] = []
        self.sizes: list[int] = []
        self.results: list[Any] = []
        self.num_killed = 0

    def remote(self, kind: Any) -> Any:
        ray = self

        class Handle:
            def __init__(self, replica: Any):
                self.replica = replica
                self.answer = self

            def remote(self, examples: Sequence[Example]) -> Any:
                ray.sizes.append(len(examples))
                if ray.lost:
                    return ray.exceptions.RayActorError("the node died")
                ray.results.append(self.replica.answer(examples))
                return len(ray.results) - 1

        class Factory:
            def options(self, **how: Any) -> Factory:
                ray.made.append(how)
                return self

            def remote(self, *given: Any) -> Handle:
                replica = kind(*given)
                replica._load = lambda: ray.load()
                return Handle(replica)

        return Factory()

    def load(self) -> Any:
        if isinstance(self.locator, LocanyError):
            raise self.locator
        return self.locator

    def wait(self, running: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return [running[-1]], running[:-1]

    def get(self, ready: Any) -> Any:
        if isinstance(ready, Exception):
            raise ready
        return self.results[ready]

    def kill(self, replica: Any) -> None:
        self.num_killed += 1


def test_replicas_give_what_one_model_gives(tmp_path: Path) -> None:
    root = write_bundle(tmp_path, 5)
    examples = list(open_benchmark("coco", root).examples) * 7
    examples = [replace(e, id=f"{e.id}-{i}") for i, e in enumerate(examples)]
    ray: Any = FakeRay(KnowsAll())
    config = AskConfig(rows=2)
    found = list(predict_on_replicas(ray, {}, examples, config, ReplicaConfig(2)))
    assert [replace(p, seconds=0, seconds_loading=0) for p in found] == [
        replace(p, seconds=0, seconds_loading=0) for p in answers(KnowsAll(), examples, config)
    ]
    assert sum(ray.sizes) == 35
    assert len(ray.sizes) > 8
    assert ray.num_killed == 2


def test_a_model_that_no_replica_can_load_ends_the_run() -> None:
    ray: Any = FakeRay(CheckpointNotFoundError("no such folder"))
    with pytest.raises(CheckpointNotFoundError, match="no such folder"):
        list(predict_on_replicas(ray, {}, [example("a")], AskConfig(), ReplicaConfig(2)))
    lost: Any = FakeRay(KnowsAll(), lost=True)
    with pytest.raises(LocanyError, match="run the same command again"):
        list(predict_on_replicas(lost, {}, [example("a")], AskConfig(), ReplicaConfig(2, gpus=1)))
    assert lost.made[0]["num_gpus"] == 1
    assert lost.num_killed == 2


def test_the_settings_of_a_run_are_json() -> None:
    json.dumps(AskConfig().settings(), allow_nan=False)
