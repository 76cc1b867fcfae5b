"""What is wrong with data or a run and shows late: it is named, skipped where asked, never silent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tarfile
import warnings
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locany.codec import Tokenizer
from locany.data import encode
from locany.data.loader import PackStream, StreamConfig, steps
from locany.data.packing import PackConfig
from locany.data.sample import Question, Target, place_of
from locany.errors import DataError
from locany.eval.detection import POINT_REACH, count
from locany.image import PreprocessConfig
from locany.results import Detections, Provenance
from locany.tasks import Task
from locany.train.checkpoint import States
from locany.train.config import EvaluationConfig
from locany.train.data import DataConfig, SampleStream, chosen_samples
from locany.train.ranks import Ranks
from locany.train.run import hold_to_data, measured_on, start
from locany.train.sources import Rendered, Stored
from tests.unit.test_finetune_data import NEGATIVES, coco
from tests.unit.test_finetune_sets import yolo
from tests.unit.train_fixtures import run_folder, tiny_run  # noqa: F401


def drawn(
    folder: Path, data: Path, num_steps: int, *, budget: int = 500, skip_faults: bool = False
) -> list[bytes]:
    """The first steps of a stream over one data set."""
    stream = PackStream(
        SampleStream(DataConfig((Stored(str(data)),), skip_faults=skip_faults)),
        str(folder),
        PreprocessConfig(in_token_limit=100),
        StreamConfig(PackConfig(budget, buffer_size=3), num_lanes=2),
        skip_faults=skip_faults,
    )
    pad = Tokenizer.from_folder(folder).vocab.pad
    return [s.batches[0].token_ids.numpy().tobytes() for s in islice(steps(stream, 2, pad), num_steps)]


def cut_short(path: Path) -> Path:
    """One image of a data set, cut in the middle: its header still says its size."""
    image = sorted(p for p in path.parent.rglob("*") if p.suffix in (".png", ".jpg"))[1]
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    return image


def test_an_image_that_is_cut_ends_a_run_with_its_name(mini_tokenizer: Path, tmp_path: Path) -> None:
    path = coco(tmp_path)
    image = cut_short(path)
    with pytest.raises(DataError, match=rf"image_id \d.*{image.name}"):
        drawn(mini_tokenizer, path, 8)


def test_or_is_left_out_where_faults_are_skipped(mini_tokenizer: Path, tmp_path: Path) -> None:
    path = coco(tmp_path)
    image = cut_short(path)
    with pytest.warns(UserWarning, match=rf"{image.name}.*another sample is learnt from in its place"):
        first = drawn(mini_tokenizer, path, 8, skip_faults=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert first == drawn(mini_tokenizer, path, 8, skip_faults=True)


def test_so_is_a_record_of_a_shard(run_folder: Path, tmp_path: Path) -> None:  # noqa: F811
    shards = tmp_path / "shards"
    shutil.copytree(run_folder / "squares", shards)
    (shard,) = shards.glob("*.tar")
    with tarfile.open(shard) as tar:
        places = [member.offset_data for member in tar if member.name.endswith(".json")]
    content = bytearray(shard.read_bytes())
    content[places[1]] = ord("?")
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"the record of sample \S+ is damaged"):
        drawn(run_folder / "tokenizer", shards, 8)
    with pytest.warns(UserWarning, match=r"is damaged.*; another sample is learnt from in its place"):
        assert len(drawn(run_folder / "tokenizer", shards, 8, skip_faults=True)) == 8


def test_nothing_but_faults_ends_even_so(mini_tokenizer: Path, tmp_path: Path) -> None:
    path = coco(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DataError, match=r"20 samples in a row .* a pack holds 1 to 30"):
            drawn(mini_tokenizer, path, 1, budget=30, skip_faults=True)


def test_a_question_that_no_pack_holds_is_told(mini_tokenizer: Path, tmp_path: Path) -> None:
    path = coco(tmp_path)
    tokenizer = Tokenizer.from_folder(mini_tokenizer)
    sample = SampleStream(DataConfig((Stored(str(path)),)))(0)
    lines = tuple(Target(f"line {n} of many words", (0, n, 9, n + 1)) for n in range(30))
    sample = replace(sample, questions=(*sample.questions, Question(Task.text(), lines)))
    encode._TOLD.clear()
    with pytest.warns(UserWarning, match=r"image_id \d.*a pack holds 500; such questions are never learnt"):
        encode.encode_sample(tokenizer, sample, PreprocessConfig(in_token_limit=100), max_positions=500)


@pytest.mark.parametrize(
    ("provenance", "place"),
    [
        ({"file": "a.jsonl", "line": 3}, "a.jsonl:3"),
        ({"file": "a.json", "image_id": 7}, "a.json, image_id 7"),
        ({"renderer": "icons", "seed": 5}, "icons 5"),
        ({}, "a sample"),
    ],
)
def test_places(provenance: dict[str, Any], place: str) -> None:
    assert place_of(provenance) == place


# -- other data under an old run ----------------------------------------------------------------------------


def test_changed_data_are_not_gone_on_with(run_folder: Path, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    path, same = coco(tmp_path / "a"), coco(tmp_path / "b")
    before, moved = (SampleStream(DataConfig((Stored(str(p)),))).fingerprint() for p in (path, same))
    assert before == moved != ""
    document = json.loads(path.read_text())
    document["annotations"][0]["bbox"][0] += 1
    path.write_text(json.dumps(document))
    after = SampleStream(DataConfig((Stored(str(path)),))).fingerprint()
    assert after != before
    config = tiny_run(run_folder, out=str(tmp_path / "run"))
    run = start(config, Ranks())
    hold_to_data(run, config, before)
    hold_to_data(run, config, before)
    with pytest.raises(DataError, match="before something in them was changed; give another run folder"):
        hold_to_data(run, config, after)


def test_shards_have_a_fingerprint(run_folder: Path) -> None:  # noqa: F811
    assert len(SampleStream(DataConfig((Stored(str(run_folder / "squares")),))).fingerprint()) == 64


def test_scores_on_other_data_are_not_compared(tmp_path: Path) -> None:
    states = States(tmp_path, keep_last=3)
    for step, score, on in ((1, 0.9, "easy"), (2, 0.4, "hard"), (3, 0.5, "hard")):
        states.save({"step": step}, step)
        states.score(step, score, on)
    best = States(tmp_path, keep_last=3).best
    assert best is not None
    assert (best.step, best.measured_on) == (3, "hard")


def test_what_scores_are_about(run_folder: Path) -> None:  # noqa: F811
    config = tiny_run(run_folder)
    other = replace(config, evaluation=EvaluationConfig(num_samples=7))
    assert measured_on(config) == measured_on(replace(config, steps=9)) != measured_on(other)


def test_training_images_are_not_measured_on(tmp_path: Path) -> None:
    source = Stored(str(yolo(tmp_path, train=(0, 1, 2, 3))))
    with pytest.raises(DataError, match=r"no images for val or test, .* learnt from"):
        chosen_samples(source, 4, DataConfig((source,)))
    assert len(chosen_samples(source, 4, DataConfig((Stored("other"),)))) == 4
    with pytest.raises(DataError, match="training renders those from 1000000 up"):
        EvaluationConfig((Rendered("icons"),))


# -- recipes ------------------------------------------------------------------------------------------------


def test_a_path_is_a_path_and_what_json_cannot_hold_is_refused_at_once(run_folder: Path) -> None:  # noqa: F811
    squares = Stored(run_folder / "squares")  # type: ignore[arg-type]
    assert squares == Stored(str(run_folder / "squares"))
    config = tiny_run(run_folder, data=DataConfig((Rendered("icons", Path("x")), squares)))
    with pytest.raises(DataError, match="cannot be kept as JSON"):
        start(config, Ranks())


def test_all_names_in_every_image_are_told(tmp_path: Path) -> None:
    path = coco(tmp_path)
    document = json.loads(path.read_text())
    images = [image["id"] for image in document["images"]]
    document["annotations"] = [
        {"id": 10 * i + c["id"], "image_id": i, "category_id": c["id"], "bbox": [1 + 5 * c["id"], 2, 4, 4]}
        for i in images
        for c in document["categories"]
    ]
    path.write_text(json.dumps(document))
    with pytest.warns(UserWarning, match="every image shows .*there is no other name"):
        SampleStream(DataConfig((Stored(str(path)),), NEGATIVES))


# -- points without boxes -----------------------------------------------------------------------------------


def test_a_point_near_a_bare_point_is_right() -> None:
    question = Question(Task.point("cat"), (Target("cat", None, (50.0, 50.0)),))

    def told(x: float) -> Detections:
        return Detections(
            xyxy=np.asarray([[x, 50, x, 50]], np.float32),
            labels=["cat"],
            scores=np.ones(1, np.float32),
            provenance=[Provenance.PARALLEL],
            size_wh=(200, 100),
            is_point=np.asarray([True]),
        )

    near, far = 50 + 0.9 * POINT_REACH * 200, 50 + 1.1 * POINT_REACH * 200
    assert count(question, told(near)).num_matched == count(question, told(near)).num_hits == 1
    assert count(question, told(far)).num_matched == count(question, told(far)).num_hits == 0


class DiesAt:
    """Samples of a data set; the process that asks for a certain one is killed, as for want of memory."""

    def __init__(self, samples: SampleStream, position: int, words: str = ""):
        """With `words`, it raises an error in place of being killed."""
        self.samples, self.position, self.words = samples, position, words

    def __call__(self, position: int) -> Any:
        if position >= self.position and self.words:
            raise RuntimeError(self.words)
        if position >= self.position:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.samples(position)


def test_a_killed_worker_is_told_in_words(mini_tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer").mkdir()
    for file in mini_tokenizer.iterdir():
        shutil.copy(file, tmp_path / "tokenizer")
    stream = PackStream(
        DiesAt(SampleStream(DataConfig((Stored(str(coco(tmp_path))),))), 30),
        str(tmp_path / "tokenizer"),
        PreprocessConfig(in_token_limit=100),
        StreamConfig(PackConfig(500, buffer_size=3), num_lanes=2),
    )
    with pytest.raises(DataError, match=r"ended by itself .*num_workers=0 to see its own error"):
        list(islice(steps(stream, 2, 0, num_workers=1), 40))
    stream.sample_at.words = "the font is broken"  # an error of its own keeps its words
    with pytest.raises(RuntimeError, match="the font is broken"):
        list(islice(steps(stream, 2, 0, num_workers=1), 40))
