"""The tables of a report: runs beside each other, never of two profiles, printed rows where they may be."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from locany.eval.metrics.profile import Profile
from locany.eval.published import PublishedRow, published_rows
from locany.eval.report_cells import (
    Run,
    Table,
    best_of_columns,
    best_of_rows,
    head_of,
    number,
    percent,
    shown_scores,
)

_MORE = (  # of the profile that is ours: where it stands, its name, head of the column
    ("ap", "ap@mean", "AP"),
    ("calibration", "ece", "ECE"),
    ("absent", "absent_right", "absent right"),
)
PROFILE_WORDS = {
    Profile.FIXED: "Counted as one would expect: names have to agree, every image and every mistake counts.",
    Profile.PUBLISHED: "Counted as the published scripts count, defects included, so that printed numbers "
    "may stand beside ours. Printed numbers were measured by others, on the whole benchmark.",
}


def tables_of(runs: Sequence[Run], profile: Profile) -> list[Table]:
    """All tables of one profile: an overview where there are several benchmarks, then each benchmark."""
    measured = [run for run in runs if run.scores(profile) is not None]
    benchmarks = list(dict.fromkeys(run.benchmark for run in measured))
    tables = [_overview(measured, benchmarks, profile)] if len(benchmarks) > 1 else []
    for name in benchmarks:
        mine = [run for run in measured if run.benchmark == name]
        tables.append(_scores_table(mine, profile))
        tables += _spread_table(mine, profile)
        tables += _group_tables(mine, profile)
        if profile is Profile.FIXED:
            tables += [table for table in (_speed_table(mine), _endings_table(mine)) if table]
    return tables


def _overview(runs: Sequence[Run], benchmarks: Sequence[str], profile: Profile) -> Table:
    """Models and modes by benchmarks, one number each."""
    of = {(run.model, run.mode, run.benchmark): run for run in runs}
    heads, rows = ["model", "mode"], []
    for name in benchmarks:
        run = next(run for run in runs if run.benchmark == name)
        heads.append(f"{run.title}, {head_of(run.headline)}")
    for model, mode in dict.fromkeys((run.model, run.mode) for run in runs):
        cells = [of.get((model, mode, name)) for name in benchmarks]
        values = [percent(run.scores(profile)[run.headline]) if run else "" for run in cells]  # type: ignore[index]
        rows.append((model, mode, *values))
    alike = {name: _is_alike([run for run in runs if run.benchmark == name], profile) for name in benchmarks}
    best = best_of_columns(rows, [2 + i for i, name in enumerate(benchmarks) if alike[name]])
    odd = [next(run.title for run in runs if run.benchmark == name) for name in benchmarks if not alike[name]]
    notes = (f"{', '.join(odd)}: not all about the same examples.",) if odd else ()
    return Table("All benchmarks", tuple(heads), tuple(rows), 2, best=best, notes=notes)


def _scores_table(runs: Sequence[Run], profile: Profile) -> Table:
    """Runs of one benchmark, and in profile `published` what was printed about it."""
    printed = published_rows(runs[0].benchmark) if profile is Profile.PUBLISHED else []
    scores = [run.scores(profile) or {} for run in runs]
    keys = shown_scores(scores)
    more = [
        one
        for one in (_MORE if profile is Profile.FIXED else ())
        if any(one[1] in run.metrics["more"].get(one[0], {}) for run in runs)
    ]
    speeds = [_boxes_per_second(run, profile) for run in runs]
    has_speed = any(speeds) or any("boxes_per_s" in row.values for row in printed)
    sources = list(dict.fromkeys(row.source for row in printed))
    sizes = [_examples_cell(run, profile) for run in runs]
    has_sizes = len(set(sizes)) > 1 or any(" of " in size for size in sizes)
    heads = ["model", "mode", *(head_of(key) for key in keys), *(head for _, _, head in more)]
    heads += ["examples"] * has_sizes
    speed_head = "boxes/s, paper" if profile is Profile.PUBLISHED else "correct boxes/s"
    heads += [speed_head] * has_speed + ["from"] * bool(printed)
    rows = []
    for run, found, speed, size in zip(runs, scores, speeds, sizes, strict=True):
        cells = [percent(found.get(key)) for key in keys]
        cells += [percent(run.metrics["more"].get(part, {}).get(key)) for part, key, _ in more]
        cells += [size] * has_sizes + [speed] * has_speed + ["this run"] * bool(printed)
        rows.append((run.model, run.mode, *cells))
    num_ours = len(rows)
    is_alike = _is_alike(runs, profile)
    best = best_of_columns(rows, range(2, 2 + len(keys))) if is_alike else frozenset()
    notes, marks = [_asked(runs)], _Marks()
    if any(_num_counted(run, profile)[1] < run.metrics["counts"]["num_examples"] for run in runs):
        notes.append("Examples with nothing to find are left out: the published files have none.")
    if not is_alike:
        notes.append("The scores of these runs are not about the same examples, so none is called the best.")
    ordered = sorted(printed, key=lambda row: -row.values.get(runs[0].headline, -1))
    for row in ordered:
        cells = [percent(row.values.get(key)) for key in keys]
        cells += [""] * has_sizes
        cells += [f"{row.values['boxes_per_s']:.1f}" if "boxes_per_s" in row.values else ""] * has_speed
        cells.append(f"[{sources.index(row.source) + 1}]{marks.of(row)}")
        rows.append((row.method, row.mode, *cells))
    if any(row[1].startswith("≥") for row in rows):
        notes.append("≥: the scores of boxes that count, by one limit for the whole benchmark.")
    notes += [f"[{number}] {source}" for number, source in enumerate(sources, start=1)]
    notes += marks.notes()
    return Table(
        f"{runs[0].title}: scores in percent",
        tuple(heads),
        tuple(rows),
        2,
        num_ours if printed else None,
        best,
        tuple(note for note in notes if note),
    )


def _spread_table(runs: Sequence[Run], profile: Profile) -> list[Table]:
    """Mean and spread of runs that differ in their seed alone; nothing where there are none."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        settings = run.config.get("settings", {})
        if settings.get("temperature"):
            same = {name: value for name, value in settings.items() if name != "seed"}
            groups.setdefault(json.dumps(same, sort_keys=True), []).append(run)
    several = [group for group in groups.values() if len(group) > 1]
    keys = shown_scores([run.scores(profile) or {} for group in several for run in group])
    rows = []
    for group in several:
        cells = [_spread([(run.scores(profile) or {}).get(key) for run in group]) for key in keys]
        rows.append((group[0].model, str(group[0].metrics.get("mode", "")), str(len(group)), *cells))
    heads = ("model", "mode", "seeds", *(head_of(key) for key in keys))
    notes = ("± the standard deviation over seeds.",)
    return [Table(f"{runs[0].title}: mean over seeds", heads, tuple(rows), 2, notes=notes)] if rows else []


def _spread(shares: Sequence[Any]) -> str:
    """Mean and deviation in percent; nothing where a run has no such number, as with a limit."""
    if not all(isinstance(share, int | float) for share in shares):
        return ""
    values = [100 * share for share in shares]
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"


class _Marks:
    """Letters for remarks."""

    def __init__(self) -> None:
        self.remarks: dict[str, str] = {}

    def of(self, row: PublishedRow) -> str:
        if not row.remark:
            return ""
        number = len(self.remarks)
        letter = chr(ord("a") + number % 26) * (1 + number // 26)
        return f" {self.remarks.setdefault(row.remark, letter)}"

    def notes(self) -> list[str]:
        return [f"{letter}: {remark}" for remark, letter in self.remarks.items()]


def _asked(runs: Sequence[Run]) -> str:
    """How much was asked, where it differs by run, and what else is to be known about the data."""
    counts = [run.metrics["counts"] for run in runs]
    sizes = dict.fromkeys(_size(c) for c in counts)
    limited = any(run.config.get("data", {}).get("limit") for run in runs)
    remarks = dict.fromkeys(r for run in runs for r in run.config.get("data", {}).get("remarks", ()))
    parts = [" / ".join(sizes) + (" (a part of the benchmark: --limit)" if limited else ""), *remarks]
    return "; ".join(parts) + "."


def _size(counts: Mapping[str, Any]) -> str:
    """How much a run was asked, and whether there is an answer to all of it."""
    empty, missing, number = counts.get("num_empty", 0), counts.get("num_missing", 0), counts["num_examples"]
    words = f" ({empty:,} with nothing to find)" if empty else ""
    answered = f", {number - missing:,} of {number:,} answered" if missing else ""
    return f"{number:,} examples{words}, {counts['num_targets']:,} targets{answered}"


def _num_counted(run: Run, profile: Profile) -> tuple[int, int]:
    """How many examples are in the scores of a profile, and of how many."""
    scores = run.scores(profile) or {}
    number = int(scores.get("num_examples", run.metrics["counts"]["num_examples"]))
    return int(scores.get("num_scored", number)), number


def _examples_cell(run: Run, profile: Profile) -> str:
    counted, number = _num_counted(run, profile)
    return f"{number:,}" if counted == number else f"{counted:,} of {number:,}"


def _is_alike(runs: Sequence[Run], profile: Profile) -> bool:
    """Whether the scores of several runs are about the same examples, so that one can be the best."""
    asked = {
        (*_num_counted(run, profile), run.config.get("settings", {}).get("examples"))
        for run in runs
        if run.scores(profile) is not None
    }
    return len(asked) < 2


def _group_tables(runs: Sequence[Run], profile: Profile) -> list[Table]:
    """One table for each kind of group: values down, runs across."""
    found = []
    headline = runs[0].headline
    parts = [run.metrics["profiles"][profile.value]["groups"] for run in runs]
    for kind in dict.fromkeys(kind for groups in parts for kind in groups):
        values = dict.fromkeys(value for groups in parts for value in groups.get(kind, {}))
        if len(values) < 2:
            continue
        rows = []
        for value in values:
            cells = [groups.get(kind, {}).get(value) for groups in parts]
            numbers = [cell["num_examples"] if cell else 0 for cell in cells]
            shown = numbers[:1] if len(set(numbers)) == 1 else numbers
            rows.append(
                (
                    value,
                    " / ".join(f"{number:,}" for number in shown),
                    *(percent(cell.get(headline)) if cell else "" for cell in cells),
                )
            )
        heads = (kind, "examples", *(run.who() for run in runs))
        best = best_of_rows(rows, range(2, len(heads))) if _is_alike(runs, profile) else frozenset()
        found.append(
            Table(f"{runs[0].title}: {head_of(headline)} by {kind}", heads, tuple(rows), 1, best=best)
        )
    return found


def _speed_table(runs: Sequence[Run]) -> Table | None:
    """Speed in both definitions; None where nothing was timed."""
    rows = []
    for run in runs:
        own = run.metrics["profiles"].get("fixed", {}).get("speed", {})
        paper = run.metrics["profiles"].get("published", {}).get("speed", {})
        if not own.get("num_timed"):
            continue
        images = run.metrics["counts"]["num_images"]
        settings = run.config.get("settings", {})
        rows.append(
            (
                run.model,
                run.mode,
                number(paper.get("bps@mean")),
                number(own.get("correct_bps")),
                number(own.get("bps")),
                number(own["num_boxes"] / images if images else None),
                number(own.get("seconds@median"), 2),
                number(own.get("tokens_per_box")),
                number(own.get("tokens_per_step"), 2),
                str(settings.get("rows", "")),
                str(run.config.get("threads", "")),
            )
        )
    if not rows:
        return None
    heads = ("model", "mode", "boxes/s, paper", "correct boxes/s", "all boxes/s", "boxes/image", "s/example")
    hardware = list(dict.fromkeys(run.config.get("hardware", "") for run in runs))
    notes = (
        "boxes/s, paper: mean over answers of boxes written / seconds after loading the image, wrong and "
        "unreadable boxes too. correct boxes/s: boxes that are right at IoU 0.5 / all seconds, with loading "
        "the image.",
        f"On {', '.join(filter(None, hardware)) or 'unknown hardware'}; of questions side by side (rows) "
        "each moment is shared evenly. Published speeds are one question at a time.",
    )
    return Table(
        f"{runs[0].title}: speed",
        (*heads, "tokens/box", "tokens/step", "rows", "threads"),
        tuple(rows),
        2,
        notes=notes,
    )


def _endings_table(runs: Sequence[Run]) -> Table | None:
    """How answers ended, and answers that ran away."""
    rows = []
    has_missing = any(run.metrics["counts"].get("num_missing") for run in runs)
    kinds = ["num_truncated", "num_failed", *["num_missing"] * has_missing, "num_malformed"]
    for run in runs:
        counts, doubles = run.metrics["counts"], run.metrics["more"].get("duplicates", {})
        not_ended = counts["num_truncated"] + counts["num_failed"] + counts.get("num_missing", 0)
        ended = counts.get("num_ended", counts["num_queries"] - not_ended)
        rows.append(
            (
                run.model,
                run.mode,
                f"{counts['num_queries']:,}",
                f"{ended:,}",
                *(f"{counts.get(name, 0):,}" for name in kinds),
                percent(doubles.get("doubles")),
                *(str(doubles.get(f"num_{name}", "")) for name in ("repetitive", "large_box")),
            )
        )
    heads = ["model", "mode", "queries", "ended", "cut", "failed", *["missing"] * has_missing]
    notes = (
        "doubles: boxes that repeat an earlier one of the same name at IoU 0.9; repetitive: one coordinate "
        "ten times in a row and more than twice as many boxes as there are things; one box over all: a "
        "single box over 95 % of the image.",
        *["missing: examples without a prediction; failed are examples, too."] * has_missing,
    )
    return Table(
        f"{runs[0].title}: endings",
        (*heads, "unreadable boxes", "doubles %", "repetitive", "one box over all"),
        tuple(rows),
        2,
        notes=notes,
    )


def _boxes_per_second(run: Run, profile: Profile) -> str:
    speed = run.metrics["profiles"][profile.value]["speed"]
    if not speed.get("num_timed"):
        return ""
    return number(speed.get("bps@mean" if profile is Profile.PUBLISHED else "correct_bps"))


def summary_lines(run: Run) -> list[str]:
    """A few lines about a run that has just ended, for a terminal."""
    counts = run.metrics["counts"]
    lines = [
        f"{run.title}, {run.who()}: {_size(counts)}, "
        f"{counts['num_places']:,} found; {counts['num_truncated']} cut, {counts['num_failed']} failed, "
        f"{counts['num_malformed']} unreadable boxes"
    ]
    for profile in Profile:
        scores = run.scores(profile)
        if scores is not None:
            said = "  ".join(f"{head_of(key)} {percent(scores[key])}" for key in shown_scores([scores])[:5])
            speed = _boxes_per_second(run, profile)
            words = "boxes/s as the paper counts" if profile is Profile.PUBLISHED else "correct boxes/s"
            counted, number = _num_counted(run, profile)
            of = f"  over {counted:,} of {number:,} examples" if counted < number else ""
            lines.append(f"  {profile.value:<10} {said}" + (f"  {speed} {words}" if speed else "") + of)
    return lines
