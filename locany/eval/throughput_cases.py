"""What is compared: stages with their floors, lengths of answers, sizes of images, requests side by side.

Whatever is compared is measured in turn, round by round, and compared within the round. Every number is the
median over the rounds, with the least and the most beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, TypeVar

import torch

from locany.engine import DecodeMode
from locany.eval.floors import Floors, Work, measure_floors, prefill_work, step_work, vision_work
from locany.eval.plain import PlainAnswer
from locany.eval.scripted import Script, script
from locany.eval.shapes import prompt_about
from locany.eval.throughput import Bench, Reading
from locany.eval.timing import PeakMemory, Spread, interleave, ratio

FAST, SLOW, HYBRID, VERIFIED = DecodeMode.FAST, DecodeMode.SLOW, DecodeMode.HYBRID, DecodeMode.VERIFIED
Table = list[dict[str, Any]]
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What is measured, and how often.

    Attributes:
        side: pixels a side of the image, where the size is not what varies.
        boxes: lengths of answers; baseline_boxes: those that the baseline gives, too.
        modes_at: lengths of answers that all `modes` give; the others are given in hybrid.
        sides: sizes of images, in pixels a side; with 20 boxes.
        concurrency: requests side by side; with 20 boxes.
        modes_beside: in which sizes and requests side by side are measured; hybrid is one of them.
        verified_at: length of the answer for which verified is compared with slow in the summary.
        wrong: share of the boxes whose draft is wrong, in mode verified.
        rounds: how often everything is measured.
        budget_s: a table takes no further round that would end later than this.
        baseline_s: the baseline is left out where it would take longer than this.
        memory: whether peak memory is measured.
    """

    side: int = 672
    boxes: tuple[int, ...] = (1, 20, 100, 300)
    baseline_boxes: tuple[int, ...] = (1, 20, 100, 300)
    modes_at: tuple[int, ...] = (20, 100, 300)
    modes: tuple[DecodeMode, ...] = tuple(DecodeMode)
    sides: tuple[int, ...] = (560, 1000, 2000, 2240)
    concurrency: tuple[int, ...] = (1, 4, 16, 64)
    modes_beside: tuple[DecodeMode, ...] = tuple(DecodeMode)
    verified_at: int = 100
    wrong: float = 0.1
    rounds: int = 5
    budget_s: float = 300.0
    baseline_s: float = 60.0
    memory: bool = True

    @classmethod
    def quick(cls) -> Plan:
        """The ratios that are watched, in about a minute and a half for two small shapes."""
        return cls(
            boxes=(20, 100),
            baseline_boxes=(20, 100),
            modes_at=(100,),
            modes=tuple(mode for mode in DecodeMode if mode is not FAST),
            sides=(),
            concurrency=(1, 16),
            modes_beside=(HYBRID,),
            rounds=3,
            budget_s=15.0,
            memory=False,
        )


class Ratios:
    """Ratios of runs that were made in the same rounds.

    Attributes:
        by_clock: of seconds.
        by_processor: of processor time, on the CPU; on a machine that others use, too, it says more.
    """

    def __init__(self, device: torch.device):
        self.by_clock: dict[str, Spread] = {}
        self.by_processor: dict[str, Spread] = {}
        self._is_cpu = device.type == "cpu"

    def add(self, name: str, over: Sequence[Reading], under: Sequence[Reading], times: float = 1.0) -> None:
        """The time of some runs over that of others, times a constant."""
        self.by_clock[name] = ratio([r.seconds for r in over], [r.seconds for r in under], times)
        if self._is_cpu:
            self.by_processor[name] = ratio([r.cpu_s for r in over], [r.cpu_s for r in under], times)


@dataclass(frozen=True)
class Stages:
    """What the parts of a request take.

    Attributes:
        rows: per stage the engine's and the baseline's seconds, the floor, and how far the engine is from it.
        floors: what the machine does at best.
        baseline_s: seconds of each stage of the baseline, by dtype.
    """

    rows: Table
    floors: Floors
    baseline_s: dict[str, dict[str, float]]

    def fastest_dtype(self, num_boxes: int) -> str:
        """In which the baseline gives an answer of so many boxes soonest."""
        return min(self.baseline_s, key=lambda dtype: self._seconds(self.baseline_s[dtype], num_boxes))

    @staticmethod
    def _seconds(stage: dict[str, float], num_boxes: int) -> float:
        return stage["vision"] + stage["prefill"] + num_boxes * stage["block step"]


def stages(bench: Bench, plan: Plan, dtypes: Sequence[torch.dtype]) -> Stages:
    """Vision, prefill and steps, of the engine, and of the baseline in each dtype."""
    few, grid = script(bench.vocab, 8), bench.grid(plan.side)
    num_tokens = len(prompt_about(bench.shape, bench.new_image(grid), 0))
    floors = [measure_floors(bench.shape.config, bench.device, bench.dtype)]

    def plainly(dtype: torch.dtype) -> list[PlainAnswer]:
        return bench.parts_of_plain(dtype, few, bench.new_image(grid))

    def only_prompt() -> Reading:
        """A prompt as long as that with the image, of words: what is not vision."""
        small = bench.new_image((2, 2))
        missing = num_tokens - len(prompt_about(bench.shape, small, 0))
        return bench.answer(few, FAST, images=[small], num_more=missing)

    work: dict[str, Callable[[], Any]] = {
        "vision": lambda: bench.encode(bench.new_image(grid)),
        "prompt": only_prompt,
        "fast": partial(bench.ask, few, FAST, grid),
        "slow": partial(bench.ask, few, SLOW, grid),
    }
    for dtype in dtypes:
        bench.plain(dtype)  # made and warmed up before the clock runs
        work[_name(dtype)] = partial(plainly, dtype)
    bench.engine(1)
    found = _in_turn(bench, plan, work)
    floors.append(measure_floors(bench.shape.config, bench.device, bench.dtype))
    best = Floors(*(max(getattr(f, field.name) for f in floors) for field in fields(Floors)))

    block_s, token_s = _steps(found["fast"]), _steps(found["slow"])
    first_step_s = statistics.median(block_s)
    sizes_of = (bench.shape.config, bench.dtype)
    rows = [
        # What cannot be done without: of a block step, six committed tokens, six slots, their logits.
        _stage("vision", found["vision"], vision_work(*sizes_of, [grid]), best),
        _stage(
            "prefill",
            [max(r.first_s - first_step_s, 0.0) for r in found["prompt"]],
            prefill_work(*sizes_of, num_tokens),
            best,
        ),
        _stage(
            "block step", block_s, step_work(*sizes_of, num_rows=1, num_fed=12, num_keys=num_tokens), best
        ),
        _stage(
            "sequential step", token_s, step_work(*sizes_of, num_rows=1, num_fed=1, num_keys=num_tokens), best
        ),
    ]
    baseline_s: dict[str, dict[str, float]] = {}
    for dtype in dtypes:
        name = _name(dtype)
        spreads = _baseline_stages(found[name])
        baseline_s[name] = {stage: spread.median for stage, spread in spreads.items()}
        for row in rows:
            row[name] = spreads[row["stage"]].to_dict()
    return Stages(rows, best, baseline_s)


def _stage(name: str, seconds: Sequence[float], needed: Work, floors: Floors) -> dict[str, Any]:
    floor = floors.seconds(needed)
    return {
        "stage": name,
        "ours": Spread.of(seconds).to_dict(),
        "floor": float(f"{floor:.4g}"),
        "over_floor": round(statistics.median(seconds) / floor, 2),
    }


def _baseline_stages(answers: Sequence[Sequence[PlainAnswer]]) -> dict[str, Spread]:
    """Of answers in modes fast and slow, by round."""
    seconds = {
        "vision": [fast.vision_s for fast, _ in answers],
        "prefill": [answer.prefill_s for both in answers for answer in both],
        "block step": [s for fast, _ in answers for s in fast.block_s],
        "sequential step": [s for _, slow in answers for s in slow.token_s],
    }
    return {stage: Spread.of(values) for stage, values in seconds.items()}


def lengths(bench: Bench, plan: Plan, known: Stages, ratios: Ratios) -> Table:
    """Answers of several lengths in every mode, and the baseline in hybrid."""
    grid, work = bench.grid(plan.side), dict[str, Callable[[], Reading]]()
    for n in plan.boxes:
        if n in plan.baseline_boxes:
            dtype = getattr(torch, known.fastest_dtype(n))
            bench.plain(dtype)
            given = script(bench.vocab, n)
            work[f"plain hybrid {n}"] = partial(bench.ask_plainly, dtype, given, HYBRID, grid)
        for mode in plan.modes if n in plan.modes_at else (HYBRID,):
            given = script(bench.vocab, n, wrong=plan.wrong if mode is VERIFIED else 0.0)
            work[f"ours {mode.value} {n}"] = partial(bench.ask, given, mode, grid)
    bench.engine(1)
    found = _in_turn(bench, plan, work)
    table: Table = []
    for name, readings in found.items():
        who, how, length = name.split()
        row = {"boxes": int(length), "who": who, "mode": how, **_summary(readings)}
        if who == "plain":
            row["dtype"] = known.fastest_dtype(row["boxes"])
        table.append(row)
    for n in plan.boxes:
        ours = found[f"ours hybrid {n}"]
        if f"plain hybrid {n}" in found:
            ratios.add(f"speedup_{n}_boxes", found[f"plain hybrid {n}"], ours)
        if n in plan.modes_at:
            slow = found[f"ours slow {n}"]
            ratios.add(f"parallel_over_sequential_{n}_boxes", slow, ours)
            if f"ours verified {n}" in found:
                ratios.add(f"verified_over_slow_{n}_boxes", slow, found[f"ours verified {n}"])
    for held in (ratios.by_clock, ratios.by_processor):
        at_one_length = f"verified_over_slow_{plan.verified_at}_boxes"
        if at_one_length in held:
            held["verified_over_slow"] = held.pop(at_one_length)
    if {20, 300} <= set(plan.boxes):
        many, few = found["ours hybrid 300"], found["ours hybrid 20"]
        ratios.add("cost_per_box_300_over_20", many, few, 20 / 300)
    return table


def sizes(bench: Bench, plan: Plan, known: Stages, ratios: Ratios) -> Table:
    """Images of several sizes, 20 boxes each; the baseline where it has the memory and the time."""
    work, left_out = dict[str, Callable[[], Reading]](), dict[int, str]()
    name = known.fastest_dtype(20)
    dtype = getattr(torch, name)
    for side in plan.sides:
        grid = bench.grid(side)
        for mode in plan.modes_beside:
            work[f"ours {mode.value} {side}"] = partial(bench.ask, _twenty(bench, plan, mode), mode, grid)
        reason = _why_not(bench, plan, side, known.baseline_s[name]["vision"])
        if reason:
            left_out[side] = reason
        else:
            given = script(bench.vocab, 20)
            work[f"plain {side}"] = partial(bench.ask_plainly, dtype, given, HYBRID, grid)
    found = _in_turn(bench, plan, work)
    table: Table = []
    for side in plan.sides:
        height, width = bench.grid(side)
        row = {"side": side, "patches": height * width, "megapixels": round(side * side / 1e6, 2)}
        for mode in plan.modes_beside:
            mine = found[f"ours {mode.value} {side}"]
            table.append(row | {"who": "ours", "mode": mode.value} | _summary(mine))
        plain = row | {"who": "plain", "mode": HYBRID.value}
        if f"plain {side}" in found:
            over, under = found[f"plain {side}"], found[f"ours {HYBRID.value} {side}"]
            table.append(plain | {"dtype": name} | _summary(over))
            ratios.add(f"speedup_{height * width}_patches", over, under)
        else:
            table.append(plain | {"left_out": left_out[side]})
    return table


def _twenty(bench: Bench, plan: Plan, mode: DecodeMode) -> Script:
    """An answer of 20 boxes, with wrong drafts where they cost something."""
    return script(bench.vocab, 20, wrong=plan.wrong if mode is VERIFIED else 0.0)


def concurrency(bench: Bench, plan: Plan, ratios: Ratios) -> Table:
    """Requests side by side, 20 boxes each: questions about one image, and each about an image of its own."""
    grid = bench.grid(plan.side)
    table: Table = []

    def ask(mode: DecodeMode, rows: int, is_shared: bool) -> Reading:
        images = [bench.new_image(grid) for _ in range(1 if is_shared else rows)]
        return bench.answer(_twenty(bench, plan, mode), mode, images=images * (rows if is_shared else 1))

    for is_shared in (True, False):
        work = {
            (mode, rows): partial(ask, mode, rows, is_shared)
            for mode in plan.modes_beside
            for rows in plan.concurrency
        }
        for rows in plan.concurrency:
            bench.engine(rows)
        found = _in_turn(bench, plan, work)
        images = "same" if is_shared else "different"
        for (mode, rows), readings in found.items():
            table.append({"requests": rows, "images": images, "mode": mode.value} | _summary(readings))
        alone, end = found[HYBRID, 1], "" if is_shared else "_different_images"
        for rows in plan.concurrency[1:]:
            ratios.add(f"speedup_{rows}_concurrent{end}", alone, found[HYBRID, rows], rows)
        if is_shared:
            most = plan.concurrency[-1]
            ratios.add(f"cost_per_box_{most}_over_1_requests", found[HYBRID, most], alone, 1 / most)
            for rows in plan.concurrency[1:]:
                ratios.by_clock[f"speedup_{rows}_concurrent_decoding"] = ratio(
                    [r.decode_s_per_box for r in alone], [r.decode_s_per_box for r in found[HYBRID, rows]]
                )
    bench.forget()
    return table


def memory(bench: Bench, plan: Plan, known: Stages) -> Table:
    """Peak memory of a request of 20 boxes for every size of image, of the engine and of the baseline."""
    given, table = script(bench.vocab, 20), []
    name = known.fastest_dtype(20)
    for who, dtype in (("ours", bench.dtype), ("plain", getattr(torch, name))):
        bench.forget(models=True)
        for side in plan.sides:
            height, width = bench.grid(side)
            row = {"side": side, "patches": height * width, "who": who}
            reason = who == "plain" and _why_not(bench, plan, side, known.baseline_s[name]["vision"])
            if reason:
                table.append(row | {"left_out": reason})
                continue
            image = bench.new_image((height, width))
            if who == "ours":
                bench.forget()
                bench.model()
            else:
                bench.plain(dtype)
            with PeakMemory(bench.device) as peak:
                if who == "ours":
                    bench.answer(given, HYBRID, images=[image])
                else:
                    bench.answer_plainly(dtype, given, HYBRID, image=image)
            table.append(row | {"peak_bytes": peak.total, "above_bytes": peak.above})
    return table


def _why_not(bench: Bench, plan: Plan, side: int, vision_s: float) -> str:
    """Why the baseline is not run on an image of this size; "" if it is."""
    vision = bench.shape.config.vision
    patches = bench.grid(side)[0] ** 2
    needed = 3 * 4 * vision.num_heads * patches**2  # scores, their softmax and the mask, in float32
    free = _free_bytes(bench.device)
    if needed > 0.6 * free:
        return f"its scores need {needed / 1e9:.0f} GB, {free / 1e9:.0f} GB are free"
    seconds = vision_s * (patches / bench.grid(plan.side)[0] ** 2) ** 2
    return f"it would take about {seconds:.0f} s" if seconds > plan.baseline_s else ""


def _free_bytes(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("MemAvailable:"))
        return float(line.split()[1]) * 1024
    except OSError:
        return 8e9  # of a machine that does not say


def _summary(readings: Sequence[Reading]) -> dict[str, Any]:
    columns = {
        "seconds": [r.seconds for r in readings],
        "cpu_s": [r.cpu_s for r in readings],
        "first_s": [r.first_s for r in readings],
        "latency_s": [statistics.median(r.latencies) for r in readings],
        "boxes_per_s": [r.boxes_per_s for r in readings],
        "paper_boxes_per_s": [r.paper_boxes_per_s for r in readings],
        "decode_s_per_box": [r.decode_s_per_box for r in readings],
    }
    row: dict[str, Any] = {name: Spread.of(values).to_dict() for name, values in columns.items()}
    row["steps"] = statistics.median([len(r.step_s) for r in readings])
    accepted = [r.accepted for r in readings if r.accepted is not None]
    if accepted:
        row["accepted"] = round(statistics.median(accepted), 3)
    return row


def _steps(readings: Sequence[Reading]) -> list[float]:
    return [s for reading in readings for s in reading.step_s]


def _in_turn(bench: Bench, plan: Plan, work: Mapping[K, Callable[[], T]]) -> dict[K, list[T]]:
    """On a GPU the first run of a shape chooses kernels and captures graphs: it does not count there."""
    is_gpu = bench.device.type != "cpu"
    return interleave(work, plan.rounds, least=2, warm_up=is_gpu, budget_s=plan.budget_s)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
