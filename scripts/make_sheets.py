"""Render what the engines make and lay it out for people: the contact sheets of docs/data.md.

python scripts/make_sheets.py [docs/sheets]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from locany.data.sample import Sample
from locany.pipeline.contact_sheet import contact_sheet
from locany.synth.icons import IconsConfig
from locany.synth.renderer import engine

ROOT = Path(__file__).resolve().parent.parent
FIRST_SEED = 900_000  # evaluation's side of the seeds
SHEETS = {  # name: engine, configs taken in turn, samples, columns
    "icons": ("icons", (IconsConfig.rich(), IconsConfig.dense(50), IconsConfig.rich("held-out")), 12, 4),
    "scene_text": ("scene_text", (None,), 12, 4),
    "documents": ("documents", (None,), 12, 4),
    "gui": ("gui", (None,), 12, 3),
}
TITLES = {
    "icons": "icons: names, colours, places and relations",
    "scene_text": "scene_text: words and lines in ten scripts",
    "documents": "documents: regions, lines and words, also as scanned",
    "gui": "gui: controls by label, role, function, place and state",
}


def few_questions(sample: Sample, number: int, at_most: int = 2) -> Sample:
    """A different part of the questions for each sample, the same every time."""
    questions = sample.questions
    if len(questions) > at_most:
        first = (7 * number) % (len(questions) - at_most)
        questions = questions[first : first + at_most]
    return replace(sample, questions=questions)


def samples_of(name: str, configs: Sequence[object], count: int) -> list[Sample]:
    module = engine(name)
    return [
        few_questions(module.render(FIRST_SEED + n, configs[n % len(configs)] or module.Config()), n)
        for n in range(count)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs" / "sheets")
    parser.add_argument("--only", choices=sorted(SHEETS))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, (engine_name, configs, count, columns) in SHEETS.items():
        if arguments.only in (None, name):
            sheet = contact_sheet(
                samples_of(engine_name, configs, count),
                columns,
                1560 // columns,
                title=TITLES[name],
                max_questions=2,
                max_tall=1.45,
            )
            path = arguments.folder / f"{name}.jpg"
            sheet.save(path, quality=82, optimize=True)
            print(path.name, sheet.size, f"{path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
