"""What a benchmark of speed says: tables for a terminal, a summary, and how it compares with the last one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Seconds of the published implementation: 50 scripted boxes, one 672 x 672 image, shape "mid", one thread.
PUBLISHED = {
    "float32": {"vision": 2.88, "prefill": 0.47, "block step": 0.0254, "sequential step": 0.0129},
    "bfloat16": {"vision": 2.79, "prefill": 0.21, "block step": 0.0137, "sequential step": 0.0155},
}
PUBLISHED_AT = {"shape": "mid", "side": 672, "threads": 1}
GOALS = {  # least, or for costs most
    "speedup_20_boxes": 5.0,
    "speedup_100_boxes": 5.0,
    "speedup_16_concurrent": 3.0,
    "verified_over_slow": 2.0,
    "parallel_over_sequential_20_boxes": 2.0,
    "parallel_over_sequential_300_boxes": 6.0,
    "cost_per_box_300_over_20": 1.0,
    "cost_per_box_64_over_1_requests": 1.0,
}
KIND = ("device_type", "threads", "quick", "allocator")  # runs that differ in these are not compared
TOLERANCE = 0.3  # by which a ratio may be worse than the baseline's: the machines are shared and noisy
HEADLINES = ("speedup_20_boxes", "speedup_100_boxes", "speedup_16_concurrent", "verified_over_slow")
SCRIPTED = "answers are scripted: the compute is real, the tokens are given"

Row = Mapping[str, Any]


def was_busy(result: Row) -> bool:
    """Whether others used the machine so much that only processor time means something."""
    share = result["processor_share"]
    return share is not None and share < 0.9


def is_cost(name: str) -> bool:
    """Whether less is better."""
    return name.startswith("cost_")


def tables(result: Row) -> list[str]:
    """The lines of one shape's result."""
    floors, stages = result["floors"], result["stages"]
    lines = [
        f"{result['shape']}: {result['what']}",
        f"{result['device']}, {result['dtype']}, image {result['side']} x {result['side']} px "
        f"({result['patches']:,} patches, prompt of {result['prompt_tokens']:,} tokens); {SCRIPTED}",
        f"floors: memory {floors['memory_gb_s']} GB/s, a buffer of the decoder's size "
        f"{floors['weights_gb_s']} GB/s, products {floors['gflop_s']:,} GFLOP/s in {result['dtype']}",
        "",
        *_table("stage", stages, _stage_columns(result)),
    ]
    if was_busy(result):
        lines += [
            "",
            f"busy: {1 - result['processor_share']:.0%} of the time went to others; see processor time",
        ]
    if result["baseline_over_published"]:
        said = [f"{name} {value:.2f}" for name, value in result["baseline_over_published"].items()]
        lines += [
            "",
            "the baseline's least times over those of the published implementation, one thread each:",
        ]
        lines += [f"  {', '.join(said[at : at + 4])}" for at in range(0, len(said), 4)]
    lines += ["", *_table("answer", result["lengths"], _RUN_COLUMNS, _answer_name)]
    if result["sizes"]:
        lines += ["", *_table("image", result["sizes"], _RUN_COLUMNS, _size_name)]
    if result["concurrency"]:
        lines += ["", *_table("requests", result["concurrency"], _RUN_COLUMNS, _requests_name)]
    if result["memory"]:
        lines += ["", *_table("peak memory", result["memory"], _MEMORY_COLUMNS, _size_name)]
    return [*lines, "", *_ratio_lines(result), *gpu_goals(result)]


def headlines(ratios: Mapping[str, Mapping[str, float]]) -> dict[str, float | None]:
    """The ratios that every run reports, by their median; None where it did not measure one."""
    return {name: ratios[name]["median"] if name in ratios else None for name in HEADLINES}


def summary(results: Sequence[Row]) -> dict[str, Any]:
    """The headlines over all shapes, each of the shape that does worst, and those of every shape."""
    each = {r["shape"]: headlines(r["ratios"]) for r in results}
    worst: dict[str, float | None] = {}
    for name in HEADLINES:
        found = [value for headline in each.values() if (value := headline[name]) is not None]
        worst[name] = min(found, default=None)
    return {**worst, "shapes": each}


def compare(results: Sequence[Row], facts: Row, baseline: Row) -> tuple[list[str], list[str]]:
    """Hold ratios against those of an earlier run of the same kind.

    Processor time is compared where there is one: the machines are shared.

    Args:
        results: of this run; facts: what it depends on, `KIND` at least.
        baseline: what `as_baseline` made of that run.

    Returns:
        What is worse by more than the tolerance, in words; and what could not be compared, and why.
    """
    for name in KIND:
        if facts[name] != baseline[name]:
            return [], [f"the baseline has {name} {baseline[name]}, this run {facts[name]}: not compared"]
    worse, unknown = [], []
    for result in results:
        before = baseline["ratios"].get(result["shape"])
        if before is None:
            unknown.append(f"the baseline has no shape {result['shape']}")
            continue
        if (size := baseline["shapes"].get(result["shape"])) != result["what"]:
            unknown.append(f"{result['shape']} is {result['what']}, in the baseline {size}: not compared")
            continue
        now = compared_ratios(result)
        for name in sorted(before.keys() & now.keys()):
            limit = baseline["tolerance"]
            bad = (
                now[name] > before[name] * (1 + limit)
                if is_cost(name)
                else now[name] < before[name] * (1 - limit)
            )
            if bad:
                worse.append(f"{result['shape']}: {name} is {now[name]}, the baseline's is {before[name]}")
    return worse, unknown


def gpu_goals(result: Row) -> list[str]:
    """The absolute goals of the published size on a GPU, each with what was measured; of others none."""
    if result["shape"] != "3b" or result["device_type"] != "cuda":
        return []
    (step,) = (row["over_floor"] for row in result["stages"] if row["stage"] == "block step")
    measured = [("block step over its floor", step, 1.3, True)]
    for row in result["lengths"]:
        if (row["boxes"], row["who"], row["mode"]) == (20, "ours", "hybrid"):
            measured.append(("boxes/s, 20 boxes, 1 MP", row["boxes_per_s"]["median"], 250, False))
    for row in result["concurrency"]:
        if (row["requests"], row["mode"]) == (32, "hybrid"):
            name = f"boxes/s, 32 requests, {row['images']} image"
            measured.append((name, row["boxes_per_s"]["median"], 1500, False))
    most = {25600: 12.0, 5184: 8.0}
    for row in result["memory"]:
        if row["who"] == "ours" and row["patches"] in most:
            name = f"GB in all, {row['patches']:,} patches"
            measured.append((name, row["peak_bytes"] / 1e9, most[row["patches"]], True))
    return [
        f"  {name}: {value:.1f}, goal: at {'most' if is_most else 'least'} {goal:g}, "
        f"{'met' if (value <= goal) == is_most or value == goal else 'not met'}"
        for name, value, goal, is_most in measured
    ]


def as_baseline(results: Sequence[Row], facts: Row) -> dict[str, Any]:
    """What later runs of the same kind are compared with."""
    kind = {name: facts[name] for name in ("date", "device", *KIND)}
    return kind | {
        "tolerance": TOLERANCE,
        "shapes": {r["shape"]: r["what"] for r in results},
        "ratios": {r["shape"]: compared_ratios(r) for r in results},
    }


def compared_ratios(result: Row) -> dict[str, float]:
    """The ratios that a baseline holds, one number each."""
    source = result["cpu_ratios"] or result["ratios"]
    return {name: spread["median"] for name, spread in source.items()}


def seconds_text(seconds: float) -> str:
    """A time as people read it."""
    if abs(seconds) >= 0.1:
        return f"{seconds:.2f} s"
    return f"{1e3 * seconds:.1f} ms" if abs(seconds) >= 1e-3 else f"{1e6 * seconds:.0f} µs"


def _spread_text(spread: Row) -> str:
    return (
        f"{seconds_text(spread['median'])} ({seconds_text(spread['low'])} to {seconds_text(spread['high'])})"
    )


def _rate_text(spread: Row) -> str:
    return f"{spread['median']:.1f}" if spread["median"] < 100 else f"{spread['median']:,.0f}"


Columns = Mapping[str, Callable[[Row], str]]

_RUN_COLUMNS: Columns = {
    "time": lambda r: _spread_text(r["seconds"]),
    "first answer": lambda r: seconds_text(r["first_s"]["median"]),
    "a further box": lambda r: seconds_text(r["decode_s_per_box"]["median"]),
    "boxes/s": lambda r: _rate_text(r["boxes_per_s"]),
    "paper's boxes/s": lambda r: _rate_text(r["paper_boxes_per_s"]),
}
_MEMORY_COLUMNS: Columns = {
    "in all": lambda r: _bytes_text(r["peak_bytes"]),
    "above the start": lambda r: _bytes_text(r["above_bytes"]),
}


def _stage_columns(result: Row) -> Columns:
    def median(of: str) -> Callable[[Row], str]:
        return lambda row: seconds_text(row[of]["median"])

    columns = {f"plain {dtype}": median(dtype) for dtype in result["baseline_dtypes"]}
    columns[f"ours {result['dtype']}"] = median("ours")
    columns["its floor"] = lambda r: seconds_text(r["floor"])
    columns["over the floor"] = lambda r: f"{r['over_floor']:.1f}x"
    return columns


def _table(
    title: str, rows: Sequence[Row], columns: Columns, name: Callable[[Row], str] | None = None
) -> list[str]:
    """Aligned columns; a row that was left out says why."""
    naming = name or (lambda row: str(row["stage"]))
    cells = [[title, *columns]]
    for row in rows:
        cells.append(
            [naming(row), row["left_out"]]
            if "left_out" in row
            else [naming(row), *(column(row) for column in columns.values())]
        )
    widths = [max(len(line[i]) for line in cells if len(line) == len(cells[0])) for i in range(len(cells[0]))]
    widths[0] = max(len(line[0]) for line in cells)
    lines = []
    for line in cells:
        if len(line) < len(cells[0]):
            lines.append(f"  {line[0]:<{widths[0]}}  not run: {line[1]}")
        else:
            rest = (f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
            lines.append(f"  {line[0]:<{widths[0]}}  " + "  ".join(rest))
    return [lines[0], "  " + "-" * (len(lines[0]) - 2), *lines[1:]]


def _answer_name(row: Row) -> str:
    who = f"plain {row['dtype']}" if row["who"] == "plain" else "ours"
    accepted = f" ({row['accepted']:.0%} of drafts stood)" if "accepted" in row else ""
    return f"{row['boxes']:>3} boxes, {who}, {row['mode']}{accepted}"


def _size_name(row: Row) -> str:
    mode = f", {row['mode']}" if "mode" in row else ""
    return f"{row['patches']:>6,} patches, {row['who']}{mode}"


def _requests_name(row: Row) -> str:
    images = f"{row['images']} image{'s' if row['images'] == 'different' else ''}"
    return f"{row['requests']:>2}, {images}, {row['mode']}"


def _bytes_text(number: int | None) -> str:
    return "unknown" if number is None else f"{number / 1e9:.2f} GB"


def _ratio_lines(result: Row) -> list[str]:
    lines = [
        "  ratios, round by round: the median (least to most)"
        + ", by processor time" * bool(result["cpu_ratios"])
    ]
    width = max(map(len, result["ratios"]))
    for name, spread in result["ratios"].items():
        text = f"  {name:<{width}}  {spread['median']:6.2f} ({spread['low']:.2f} to {spread['high']:.2f})"
        medians = [spread["median"]]
        if name in result["cpu_ratios"]:
            medians.append(result["cpu_ratios"][name]["median"])
            text += f"  {medians[1]:6.2f}"
        goal = GOALS.get(name)
        if goal is not None:
            # By both: on a machine that others use, the clock alone may favour either side.
            is_met = max(medians) <= goal if is_cost(name) else min(medians) >= goal
            sign = "at most" if is_cost(name) else "at least"
            text += f"  goal: {sign} {goal:g}, {'met' if is_met else 'not met'}"
        lines.append(text)
    return lines
