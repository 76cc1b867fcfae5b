"""Our own held-out pages: what no training recipe draws with, rendered here, asked question by question.

The pages are those of `pipeline.held_out.recipe(IMAGES)`; a folder with more of them serves as well. Of every
set the first so many images are taken, and of each image a few questions of every task family, always the
same ones. The manifest in the package says what these pages and questions are; where fonts, icons or the
browser of a machine have drawn others, the remarks say so, since scores are compared only on the same pages.

At 0.02 to 0.06 seconds a question on one busy core (docs/results.md) a mode takes one to three minutes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from locany.data.sample import ImageRef, Question, Sample
from locany.data.shard_folder import ShardFolder
from locany.errors import DataError
from locany.eval.benchmarks.benchmark import Benchmark, Contents
from locany.eval.benchmarks.questions import asked_names, question_example
from locany.eval.benchmarks.rows import json_digest
from locany.eval.example import Example
from locany.eval.scorecard import Asked, choose_questions, set_of
from locany.files import write_whole

MANIFEST = Path(__file__).resolve().parents[2] / "assets" / "eval" / "home.json"
FORMAT = 1  # of the manifest
PER_KIND = 2  # questions of one task family about one image
FIRST_SEED = 200_000  # of every set, see `pipeline.held_out`
IMAGES: Mapping[str, int] = {
    "emoji": 40,
    "icons": 40,
    "icons_dense": 20,
    "scene_text": 40,
    "scene_text_others": 30,
    "documents_small": 30,
    "documents": 20,
    "gui_small": 30,
    "gui": 20,
}
_SHORT = 8  # hex digits of a page's digest in the manifest
GET = (
    "`locany eval home` renders the pages where `locany data setup` has been run; or build them with `locany "
    "data build recipes/data/held_out.py --out DIR` and give DIR"
)


def load(folder: Path, *, per_kind: int) -> Contents:
    """The chosen questions about the pages of a folder of shards.

    Args:
        folder: built from `pipeline.held_out.recipe()`, whole or in part.
        per_kind: questions of one task family about one image; the manifest is about 2.

    Raises:
        DataError: there is no shard, one is damaged, or it holds other sets.
    """
    if per_kind < 1:
        raise DataError(f"per_kind is at least 1, got {per_kind}")
    pages = _pages(folder)
    examples, remarks = [], []
    for name, samples in pages.items():
        for asked in choose_questions(samples.values(), most=per_kind):
            examples.append(_example(name, asked))
    if per_kind == PER_KIND:
        remarks = differences(pages, read_manifest())
    else:
        remarks = [f"{per_kind} questions of a family about an image in place of {PER_KIND}"]
    return Contents(tuple(examples), tuple(remarks), folder)


def _pages(folder: Path) -> dict[str, dict[int, Sample]]:
    """The first images of each set, by seed."""
    found: dict[str, dict[int, Sample]] = {name: {} for name in IMAGES}
    for sample in ShardFolder(folder):
        name, seed = set_of(sample), sample.provenance.get("seed")
        if name in found and isinstance(seed, int) and FIRST_SEED <= seed < FIRST_SEED + IMAGES[name]:
            found[name][seed] = sample
    if not any(found.values()):
        raise DataError(f"{folder} has no page of: {', '.join(IMAGES)}")
    return {name: dict(sorted(samples.items())) for name, samples in found.items()}


def _example(name: str, asked: Asked) -> Example:
    sample, question = asked.sample, asked.question
    assert isinstance(sample.image, ImageRef)
    seed = sample.provenance["seed"]
    number = next(i for i, other in enumerate(sample.questions) if other is question)
    groups = {"set": name, "task": question.task.kind.value}
    page = f"{name}/{seed}"
    image = sample.image.source
    return question_example(f"{page}/{number}", image, f"{page}.png", question, sample.size_wh, groups)


# -- the manifest -------------------------------------------------------------------------------------------


def manifest(folder: Path) -> dict[str, Any]:
    """What the pages of a folder are: for each set seeds, counts, and digests of what is asked and true."""
    pages = _pages(folder)
    return {"format": FORMAT, "per_kind": PER_KIND, "sets": {n: _facts(found) for n, found in pages.items()}}


def read_manifest(path: Path = MANIFEST) -> dict[str, Any]:
    """The manifest in the package.

    Raises:
        DataError: it is damaged or of another format.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']!r}, this version reads {FORMAT}")
        return dict(document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}); install locany again") from error


def edition() -> str:
    """A short name of the pages of this version."""
    return json_digest([facts["sha256"] for facts in read_manifest()["sets"].values()])[:_SHORT]


def write_manifest(folder: Path, path: Path = MANIFEST) -> None:
    """Make what a folder holds the manifest of this version."""
    write_whole(path, json.dumps(manifest(folder), indent=1).encode() + b"\n")


def differences(pages: Mapping[str, Mapping[int, Sample]], known: Mapping[str, Any]) -> list[str]:
    """Where pages are not those of a manifest, in words."""
    remarks = []
    for name, facts in known["sets"].items():
        found = _facts(pages.get(name, {}))
        if found["sha256"] == facts["sha256"]:
            continue
        there, expected = found["pages"], facts["pages"]
        gone = [seed for seed in expected if seed not in there]
        other = [seed for seed in there if seed in expected and there[seed] != expected[seed]]
        if gone:
            remarks.append(f"{name}: {len(gone)} of {len(expected)} pages of the manifest are not there")
        if other:
            remarks.append(
                f"{name}: {len(other)} of {len(expected)} pages are not those of the manifest (fonts, icons "
                "or browser of this machine draw others); compare scores on the same pages only"
            )
        if there and found["versions"] != facts["versions"]:
            remarks.append(
                f"{name}: drawn by version {found['versions']} of the engine, not {facts['versions']}"
            )
    return remarks


def _facts(samples: Mapping[int, Sample]) -> dict[str, Any]:
    asked = choose_questions(samples.values(), most=PER_KIND)
    by_page: dict[int, list[Question]] = {seed: [] for seed in samples}
    for one in asked:
        by_page[one.sample.provenance["seed"]].append(one.question)
    digests = {
        str(seed): json_digest(_record(samples[seed], questions))
        for seed, questions in sorted(by_page.items())
    }
    versions = sorted({str(s.provenance.get("version", "")) for s in samples.values()})
    return {
        "seeds": [min(samples), max(samples)] if samples else [],
        "images": len(samples),
        "questions": len(asked),
        "targets": sum(len(one.question.targets) for one in asked),
        "versions": versions,
        "sha256": json_digest(list(digests.values())),
        "pages": {seed: digest[:_SHORT] for seed, digest in digests.items()},
    }


def _record(sample: Sample, questions: Sequence[Question]) -> Any:
    """What is asked and true of a page, boxes rounded to a hundredth of a pixel."""
    return [list(sample.size_wh), [_question(question) for question in questions]]


def _question(question: Question) -> Any:
    targets = [[t.label, [round(v, 2) for v in t.xyxy or ()]] for t in question.targets]
    return [question.task.kind.value, list(asked_names(question.task)), targets]


BENCHMARKS = (
    Benchmark(
        "home",
        "held-out pages of our own",
        "mixed",
        GET,
        load,
        {"per_kind": PER_KIND},
        groups=("set", "task"),
    ),
)
