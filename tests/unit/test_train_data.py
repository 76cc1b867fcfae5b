"""What a run learns from: engines and data sets in one stream, with negatives, each time anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from locany.data.answers import AnswerConfig
from locany.errors import DataError
from locany.synth.icons import IconsConfig
from locany.tasks import TaskKind
from locany.train.data import DataConfig, SampleStream
from locany.train.sources import Rendered, Stored

ICONS = Rendered("icons", IconsConfig(side=(112, 140), num_patches=(60, 100)))


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    images, annotations = [], []
    for number in range(3):
        Image.new("RGB", (64, 48)).save(tmp_path / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 64, "height": 48})
        box = [number, 2, 10, 20]
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1 + number % 2,
                "bbox": box,
                "iscrowd": 0,
                "area": 200,
            }
        )
    categories = [{"id": i, "name": name} for i, name in ((1, "cat"), (2, "dog"), (3, "cow"), (4, "owl"))]
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def test_the_stream_mixes_sources_and_begins_easy(coco: Path) -> None:
    config = DataConfig((ICONS, Stored(str(coco), weight=1.0)), curriculum=1000, easiest=0.2)
    stream, again = SampleStream(config), SampleStream(config)
    found = [stream(position) for position in range(200)]
    rendered = [s for s in found if s.provenance.get("renderer") == "icons"]
    assert 80 <= len(rendered) <= 120
    assert max(len(s.objects) for s in rendered[:40]) <= 4  # of up to nine
    for position in (0, 7, 150):
        assert again(position).questions == found[position].questions


def test_a_data_set_gets_negatives_of_its_own_categories_anew_each_epoch(coco: Path) -> None:
    answers = AnswerConfig(negative_rate={TaskKind.DETECT: 0.6})
    stream = SampleStream(DataConfig((Stored(str(coco)),), answers=answers))
    asked: dict[str, set[frozenset[str]]] = {}
    for position in range(120):
        sample = stream(position)
        (question,) = sample.questions
        names = set(question.task.categories)
        present = {target.label for target in question.targets}
        assert present < {"cat", "dog"}
        assert names <= {"cat", "dog", "cow", "owl"}
        asked.setdefault(sorted(present)[0], set()).add(frozenset(names - present))
    assert all(len(negatives) > 3 for negatives in asked.values())


def test_what_cannot_be_learnt_from(coco: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.sources is empty"):
        DataConfig(())
    with pytest.raises(DataError, match="no render engine 'photos'"):
        SampleStream(DataConfig((Rendered("photos"),)))
    (tmp_path / "0.png").unlink()
    with pytest.raises(DataError, match=r"0\.png"):
        SampleStream(DataConfig((Stored(str(coco)),)))
