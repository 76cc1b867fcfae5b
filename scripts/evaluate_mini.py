"""Measure a model on what training never saw, per task and decode mode, beside the goals.

    locany data build recipes/data/held_out.py --out data/held_out
    python scripts/evaluate_mini.py --data data/held_out [--model DIR] [--modes fast,hybrid,slow]
        [--limit 20] [--out result.json] [--docs]

Markdown tables go to stdout, everything to the JSON file. `--docs` also writes the tables into docs/mini.md,
`--docs --from result.json` without measuring again. The pages of others in examples/pages are always asked.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import locany
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.data.shard_folder import ShardFolder
from locany.eval.detection import Counts, count_labels, total
from locany.eval.scorecard import Answers, Asked, Line, ask, choose_questions, cost, facts, score
from locany.files import write_whole
from locany.tasks import Task, TaskKind
from locany.version import __version__
from locany.weights import find_checkpoint, stored_tensors

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mini.md"
PAGES = ROOT / "examples" / "pages"
START, STOP = "<!-- {} -->\n", "<!-- end of {} -->\n"
MODES = ("fast", "hybrid", "slow")
SPREAD_GOAL = 0.03  # slow minus fast
PRESENCES = (0.3, 0.5, 0.7, 0.8, 0.9)

NAMING = (TaskKind.DETECT, TaskKind.GROUND, TaskKind.REFER)
SMALL = ("scene_text", "documents_small", "gui_small")
LARGE = ("documents", "gui")
WITH_ABSENT = ("icons", "emoji")
FIND, ALL_TEXT, LAYOUT = (TaskKind.FIND_TEXT,), (TaskKind.TEXT,), (TaskKind.LAYOUT,)
GUI, CLICK = (TaskKind.GUI,), (TaskKind.GUI_POINT,)

LINES = (
    Line("icons and emoji", ("icons",), NAMING, goal=0.75),
    Line("icons: absent names answered empty", ("icons",), NAMING, "absent_right", goal=0.9),
    Line("icons: pointing", ("icons",), (TaskKind.POINT,)),
    Line("icons: 50 in one image", ("icons_dense",), NAMING),
    Line("known emoji in new images", ("emoji",), NAMING),
    Line("text grounding", SMALL, FIND, goal=0.75),
    Line("text grounding, usual sizes", LARGE, FIND, goal=0.75),
    Line("text grounding, other scripts", ("scene_text_others",), FIND),
    Line("text detection", SMALL, ALL_TEXT, labels=False, goal=0.7),
    Line("text detection, usual sizes", LARGE, ALL_TEXT, labels=False, goal=0.7),
    Line("text detection, other scripts", ("scene_text_others",), ALL_TEXT, labels=False),
    Line("text detected and read", SMALL, ALL_TEXT),
    Line("layout", ("documents_small",), LAYOUT, goal=0.7),
    Line("layout, usual sizes", ("documents",), LAYOUT, goal=0.7),
    Line("referring to parts of pages", ("documents_small",), (TaskKind.REFER,)),
    Line("referring to text on signs", ("scene_text",), (TaskKind.REFER,)),
    Line("GUI box", ("gui_small",), GUI, goal=0.65),
    Line("GUI box, usual sizes", ("gui",), GUI, goal=0.65),
    Line("GUI point in box", ("gui_small",), CLICK, "accuracy", goal=0.75),
    Line("GUI point in box, usual sizes", ("gui",), CLICK, "accuracy", goal=0.75),
    Line("GUI: all of a role", ("gui_small",), (TaskKind.DETECT, TaskKind.GROUND)),
)


def read_pages(folder: Path) -> list[Sample]:
    """Screenshots with their named controls, each asked for as a point and as a box."""
    samples = []
    for page in json.loads((folder / "pages.json").read_text(encoding="utf-8"))["pages"]:
        questions = [
            Question(Task.gui(name, point=point), (Target(Task.gui(name).phrase, tuple(xyxy)),))
            for name, xyxy in page["controls"].items()
            for point in (True, False)
        ]
        image = ImageRef(folder / page["image"], tuple(page["size"]))
        samples.append(Sample(image, tuple(questions), provenance={"source": page["image"]}))
    return samples


def evaluate(
    locator: locany.Locator, samples: Iterable[Sample], options: argparse.Namespace
) -> dict[str, Any]:
    """Everything that is measured, as values that JSON can hold."""
    asked = choose_questions(samples, most=options.per_kind, images=options.limit)
    controls = choose_questions(read_pages(PAGES), most=100)
    found: dict[str, Any] = {"lines": {}, "categories": {}, "languages": {}, "sets": {}, "pages": {}}
    for mode in options.modes:
        print(f"{mode}: {len(asked)} questions", file=sys.stderr, flush=True)
        answers = ask(locator, asked, mode, max_new_tokens=options.max_tokens)
        found["sets"][mode] = cost(answers)
        found["lines"][mode] = {name: facts(counts) for name, counts in score(LINES, answers).items()}
        found["categories"][mode] = {name: facts(c) for name, c in by_category(answers).items()}
        found["languages"][mode] = by_language(answers)
        on_pages = ask(locator, controls, mode, max_new_tokens=options.max_tokens)
        found["pages"][mode] = {name: facts(c) for name, c in score(page_lines(on_pages), on_pages).items()}
    found["presence"] = by_presence(locator, asked, options)
    return found


def by_presence(
    locator: locany.Locator, asked: Sequence[Asked], options: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """The lines of icons in `hybrid`, by how sure the model must be that something is there."""
    mode = "hybrid" if "hybrid" in options.modes else options.modes[0]
    lines = [line for line in LINES if {*line.sets} & {*WITH_ABSENT} and line.measure == "f1"]
    some = [a for a in asked if a.set in WITH_ABSENT]
    found: dict[str, dict[str, Any]] = {}
    for presence in PRESENCES:
        answers = ask(locator, some, mode, max_new_tokens=options.max_tokens, presence=presence)
        found[str(presence)] = {name: facts(c) for name, c in score(lines, answers).items()}
    return found


def by_category(answers: Answers) -> dict[str, Counts]:
    """Layout at both sizes by category, those with the most targets first."""
    parts: dict[str, list[Counts]] = {}
    for asked, answer in answers.pairs():
        if asked.question.task.kind is TaskKind.LAYOUT:
            for name, counts in count_labels(asked.question, answer).items():
                parts.setdefault(name, []).append(counts)
    sums = {name: total(counts) for name, counts in parts.items()}
    return dict(sorted(sums.items(), key=lambda item: (-item[1].num_targets, item[0])))


def by_language(answers: Answers) -> dict[str, dict[str, Any]]:
    """Lines about pages and screens, in English and in other languages."""
    lines = [line for line in LINES if any(name.startswith(("documents", "gui")) for name in line.sets)]
    found: dict[str, dict[str, Any]] = {}
    for english in (True, False):
        pairs = [
            (asked, answer)
            for asked, answer in answers.pairs()
            if (language := asked.sample.provenance.get("language")) and (language == "en") == english
        ]
        part = Answers(tuple(asked for asked, _ in pairs), tuple(answer for _, answer in pairs))
        for name, counts in score(lines, part).items():
            found.setdefault(name, {})["en" if english else "other"] = facts(counts)
    return found


def page_lines(answers: Answers) -> list[Line]:
    """One line a screenshot and kind of answer."""
    names = dict.fromkeys(a.set for a in answers.asked)
    return [
        line
        for name in names
        for line in (
            Line(f"{name}: point", (name,), CLICK, "accuracy"),
            Line(f"{name}: box", (name,), GUI, "accuracy"),
        )
    ]


# -- tables -------------------------------------------------------------------------------------------------


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; all columns but the first are numbers."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def goals_table(result: Mapping[str, Any]) -> str:
    """The lines of the scorecard: one measure in every mode, the goal, and what the modes differ by."""
    modes, rows = list(result["lines"]), []
    for line in LINES:
        by_mode = [result["lines"][mode].get(line.name) for mode in modes]
        if not by_mode[0]:
            continue
        values = [each[line.measure] for each in by_mode]
        cells = [_value(value, line.goal) for value in values]
        spread = "" if {"fast", "slow"} - {*modes} else _spread(dict(zip(modes, values, strict=True)))
        asked = by_mode[0]["absent" if line.measure == "absent_right" else "questions"]
        goal = f"{line.goal:.2f}" if line.goal is not None else ""
        measure = {"f1": "F1", "accuracy": "accuracy", "absent_right": "share"}[line.measure]
        rows.append([line.name, measure, str(asked), *cells, goal, spread])
    return table(["", "measure", "questions", *modes, "goal", "slow − fast"], rows)


def _value(value: float | None, goal: float | None) -> str:
    """Bold where the goal is reached."""
    if value is None:
        return ""
    return f"**{value:.3f}**" if goal is not None and value >= goal else f"{value:.3f}"


def _spread(values: Mapping[str, float | None]) -> str:
    fast, slow = values["fast"], values["slow"]
    if fast is None or slow is None:
        return ""
    return f"{slow - fast:+.3f}" + (" (!)" if slow - fast >= SPREAD_GOAL else "")


def details_table(result: Mapping[str, Any]) -> str:
    """Precision, recall and endings of the mode that is the default."""
    mode = "hybrid" if "hybrid" in result["lines"] else next(iter(result["lines"]))
    rows = [
        [
            name,
            str(f["targets"]),
            *(f"{f[key]:.3f}" for key in ("precision", "recall", "f1")),
            str(f["truncated"]),
        ]
        for name, f in result["lines"][mode].items()
    ]
    return table([f"in `{mode}`", "targets", "precision", "recall", "F1", "cut by a limit"], rows)


def categories_table(result: Mapping[str, Any]) -> str:
    """Layout by category, F1."""
    modes = list(result["categories"])
    names = [name for name, f in result["categories"][modes[0]].items() if f["targets"]]
    rows = [
        [
            name,
            str(result["categories"][modes[0]][name]["targets"]),
            *(f"{result['categories'][mode][name]['f1']:.3f}" for mode in modes),
        ]
        for name in names
    ]
    return table(["layout, F1", "targets", *modes], rows)


def languages_table(result: Mapping[str, Any]) -> str:
    """Pages and screens in English and in other languages, in the mode that is the default."""
    mode = "hybrid" if "hybrid" in result["languages"] else next(iter(result["languages"]))
    measures = {line.name: line.measure for line in LINES}
    rows = []
    for name, parts in result["languages"][mode].items():
        cells = []
        for language in ("en", "other"):
            part = parts.get(language)
            cells += [str(part["questions"]), _value(part[measures[name]], None)] if part else ["0", ""]
        rows.append([name, *cells])
    return table(
        [f"pages and screens, `{mode}`", "questions", "English", "questions", "other languages"], rows
    )


def costs_table(result: Mapping[str, Any]) -> str:
    """Images, questions and seconds by set."""
    modes, rows = list(result["sets"]), []
    for name, first in result["sets"][modes[0]].items():
        costs = [result["sets"][mode][name] for mode in modes]
        cells = [f"{c['seconds_a_question']:.3f} / {c['seconds_an_image']:.2f}" for c in costs]
        rows.append([f"`{name}`", str(first["images"]), str(first["questions"]), *cells])
    return table(["seconds a question / an image", "images", "questions", *modes], rows)


def pages_table(result: Mapping[str, Any]) -> str:
    """Named controls found on pages of others: point in box; centre of the box in the box."""
    modes = list(result["pages"])
    rows, sums = [], dict.fromkeys(modes, (0, 0, 0))
    for name in dict.fromkeys(key.rpartition(": ")[0] for key in result["pages"][modes[0]]):
        cells, number = [], 0
        for mode in modes:
            point, box = (result["pages"][mode][f"{name}: {kind}"] for kind in ("point", "box"))
            number = point["questions"]
            hit, covered = (round(f["accuracy"] * number) for f in (point, box))
            cells.append(f"{hit} / {covered}")
            sums[mode] = tuple(a + b for a, b in zip(sums[mode], (hit, covered, number), strict=True))
        rows.append([f"`{name}`", str(number), *cells])
    rows.append(["all", str(sums[modes[0]][2]), *(f"**{a} / {b}**" for a, b, _ in sums.values())])
    return table(["screenshot", "controls", *(f"{mode}, point / box" for mode in modes)], rows)


def presence_table(result: Mapping[str, Any]) -> str:
    """What `presence` trades."""
    rows = []
    for presence, lines in result.get("presence", {}).items():
        for name, f in lines.items():
            numbers = (f[key] for key in ("precision", "recall", "f1", "absent_right"))
            rows.append([name, presence, *("" if n is None else f"{n:.3f}" for n in numbers)])
    rows.sort(key=lambda row: row[0])
    return table(["", "`presence`", "precision", "recall", "F1", "absent names answered empty"], rows)


TABLES = {
    "scores": goals_table,
    "details": details_table,
    "categories": categories_table,
    "languages": languages_table,
    "costs": costs_table,
    "pages": pages_table,
    "presence": presence_table,
}


def made_with(result: Mapping[str, Any]) -> str:
    """What a table was measured with, in one sentence."""
    size = f"{result['parameters'] / 1e6:.1f} M parameters"
    return (
        f"Model `{result['model']}` ({size}), {result['images']} images, {result['questions']} questions, "
        f"locany {result['version']}, torch {result['torch']}, {result['device']} in {result['dtype']}.\n"
    )


def write_docs(result: Mapping[str, Any], page: Path = PAGE) -> None:
    """Put the tables between their markers."""
    text = page.read_text(encoding="utf-8")
    for name, make in {**TABLES, "made with": made_with}.items():
        start, stop = START.format(name), STOP.format(name)
        before, _, rest = text.partition(start)
        _, found, after = rest.partition(stop)
        if not found:
            raise SystemExit(f"{page} lacks the markers {start.strip()} and {stop.strip()}")
        text = before + start + make(result) + stop + after
    write_whole(page, text.encode())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="the folder that was built from recipes/data/held_out.py")
    parser.add_argument("--model", default="bundled", help="a folder, or bundled")
    parser.add_argument("--modes", type=lambda text: text.split(","), default=list(MODES))
    parser.add_argument("--limit", type=int, help="images of each set")
    parser.add_argument(
        "--per-kind", type=int, default=2, help="questions of one task family about one image"
    )
    parser.add_argument("--max-tokens", type=int, default=1024, help="of one answer")
    parser.add_argument("--rows", type=int, default=16, help="questions answered side by side")
    parser.add_argument("--device")
    parser.add_argument("--dtype")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/mini.md")
    parser.add_argument(
        "--from", dest="result", type=Path, help="tables of an earlier result; nothing is measured"
    )
    options = parser.parse_args()
    if options.result:
        result = json.loads(options.result.read_text(encoding="utf-8"))
    elif not options.data:
        parser.error("--data DIR is needed: locany data build recipes/data/held_out.py --out DIR")
    else:
        result = measure(options)
    print("\n".join(make(result) for make in TABLES.values()))
    if options.out:
        write_whole(options.out, json.dumps(result, indent=1).encode() + b"\n")
    if options.docs:
        write_docs(result)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The result of one run, with what it was made with."""
    if options.threads:
        torch.set_num_threads(options.threads)
    bundled = options.model == "bundled"
    folder = find_checkpoint(None if bundled else options.model, allow_download=False)
    locator = locany.load(
        None if bundled else options.model, device=options.device, dtype=options.dtype, max_rows=options.rows
    )
    found = evaluate(locator, ShardFolder(options.data), options)
    costs = found["sets"][options.modes[0]].values()
    return {
        "model": "locany-mini" if bundled else Path(options.model).name,
        # Of the files: weights in oneDNN's layout are no parameters of the model in memory.
        "parameters": sum(math.prod(tensor.shape) for tensor in stored_tensors(folder).values()),
        "version": __version__,
        "torch": torch.__version__,
        "device": str(locator.model.device),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "dtype": str(locator.model.dtype).removeprefix("torch."),
        "images": sum(c["images"] for c in costs),
        "questions": sum(c["questions"] for c in costs),
        "per_kind": options.per_kind,
        "max_tokens": options.max_tokens,
        **found,
    }


if __name__ == "__main__":
    main()
