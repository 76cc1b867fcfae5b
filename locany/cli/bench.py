"""Measure speed on this machine, against a plain baseline and against what the hardware allows."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps, loads
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter, validators

from locany.cli.info import MEASURING_GROUP
from locany.cli.messages import say
from locany.cli.options import MODEL_GROUP, OUTPUT_GROUP, JsonFlag
from locany.cli.report import print_json, write_line

if TYPE_CHECKING:
    from locany.eval.shapes import Shape
    from locany.eval.throughput_cases import Plan

_BASELINE = Path("benchmarks/baselines/bench.json")

_EPILOGUE = """\
Answers are scripted: the network computes everything, the tokens are given, so that a model without trained \
weights can be timed. The plain baseline is the same network, run the way the published generator works. \
Ratios are taken within one run, round by round; absolute times depend on the machine and on who else uses it.

The last line of the output is one JSON document. With --json nothing else is printed.

Examples:
  locany bench --quick
  locany bench --shape mid --threads 1 --out benchmarks/results
  locany bench --shape 3b --device cuda --out benchmarks/results
  locany bench --model my-checkpoint/ --quick"""


def register(app: App) -> None:
    """Add the command."""
    app.command(bench, group=MEASURING_GROUP, usage="Usage: locany bench [OPTIONS]", help_epilogue=_EPILOGUE)


def bench(
    *,
    quick: Annotated[
        bool,
        Parameter(
            negative=(), show_default=False, help="The main ratios alone: under two minutes on two cores."
        ),
    ] = False,
    shape: Annotated[
        list[Literal["bundled", "mid", "3b"]] | None,
        Parameter(
            group=MODEL_GROUP,
            negative=(),
            help="bundled: the model in the package; mid: 40 million random weights; 3b: the published size, "
            "random weights. Can be given several times; default: bundled and mid on the CPU, 3b on a GPU.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        Parameter(
            name=("--model", "-m"),
            group=MODEL_GROUP,
            help="A checkpoint on this machine in place of a shape.",
        ),
    ] = None,
    device: Annotated[
        str,
        Parameter(group=MODEL_GROUP, help="auto, cpu, cuda, cuda:<number> or mps."),
    ] = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Parameter(group=MODEL_GROUP, help="Number type of the engine; the baseline takes its fastest."),
    ] = "auto",
    threads: Annotated[
        int,
        Parameter(
            group=MODEL_GROUP,
            help="Threads on the CPU; 0: as torch chooses.",
            validator=validators.Number(gte=0),
        ),
    ] = 0,
    allocator: Annotated[
        Literal["tuned", "default"],
        Parameter(
            group=MODEL_GROUP,
            help="tuned: on the CPU under Linux, freed memory is kept; that serves the baseline most.",
        ),
    ] = "tuned",
    out: Annotated[
        Path | None,
        Parameter(
            name=("--out", "-o"),
            group=OUTPUT_GROUP,
            help="Folder for the whole result as JSON and for plots.",
        ),
    ] = None,
    baseline: Annotated[
        Path,
        Parameter(
            group=OUTPUT_GROUP, help="Ratios of an earlier run to compare with, where there is such a file."
        ),
    ] = _BASELINE,
    new_baseline: Annotated[
        bool,
        Parameter(
            group=OUTPUT_GROUP, negative=(), show_default=False, help="Write this run's ratios to --baseline."
        ),
    ] = False,
    json: JsonFlag = False,
) -> int:
    """Measure speed: stages, boxes a second, memory, and how far from what the hardware allows."""
    import torch

    from locany.device import choose_device, choose_dtype, tune_cpu_allocator
    from locany.errors import RequestError
    from locany.eval.throughput_plots import require_matplotlib
    from locany.eval.throughput_report import compare, summary, tables
    from locany.eval.throughput_run import facts, load_average, measure_shape

    if shape and model:
        raise RequestError(f"both --shape {' '.join(shape)} and --model {model} were given; give one of them")
    if out is not None:
        require_matplotlib()
        _check_folder(out)
    before = None if new_baseline else _read_baseline(baseline)
    where, _ = choose_device(device)
    precision, _ = choose_dtype(dtype, where)
    if threads:
        torch.set_num_threads(threads)
    is_tuned = where.type == "cpu" and allocator == "tuned" and tune_cpu_allocator()
    if not json and where.type == "cpu" and (load := load_average()) > 0.5:
        say(f"others use this machine: load {load:.1f} on {cpu_count()} cores; look at processor time")
    results = []
    for one in _shapes(shape, model, where.type):
        plan = _plan(one, where.type, quick)
        about = {**facts(where, quick=quick), "allocator": "tuned" if is_tuned else "default"}
        # Else the softmax of the baseline's dense scores is slow where weights are sure (docs/log.md).
        torch.set_flush_denormal(True)
        try:
            results.append(measure_shape(one, where, precision, plan, say))
        finally:
            torch.set_flush_denormal(False)
        if not json:
            write_line("\n".join([*tables(results[-1]), ""]))
    document: dict[str, Any] = {**about, "dtype": str(precision).removeprefix("torch."), **summary(results)}
    if before is not None:
        worse, unknown = compare(results, about, before)
        document |= {"worse_than_baseline": worse, "not_compared": unknown}
        if not json:
            for line in [*worse, *unknown] or [
                f"no ratio is worse than in {baseline} by more than its tolerance"
            ]:
                write_line(line)
    if new_baseline:
        _write_baseline(baseline, results, about)
    if out is not None:
        for path in _write(out, document, results):
            say(f"wrote {path}")
    if json:
        print_json({**document, "results": results})
    else:
        write_line(dumps(document))  # one line, also on a terminal
    return 0


def _shapes(names: Sequence[str] | None, model: str | None, device_type: str) -> list[Shape]:
    from locany.eval.shapes import shape_named, shape_of_checkpoint

    if model:
        return [shape_of_checkpoint(Path(model).name, model)]
    return [shape_named(name) for name in names or (["bundled", "mid"] if device_type == "cpu" else ["3b"])]


def _plan(shape: Shape, device_type: str, quick: bool) -> Plan:
    """What is measured of a shape: a large one on the CPU is measured at few points."""
    from dataclasses import replace

    from locany.engine.params import DecodeMode
    from locany.eval.throughput_cases import Plan
    from locany.eval.throughput_run import parameters

    plan = Plan.quick() if quick else Plan()
    if parameters(shape) < 1e9:
        return plan
    plan = replace(plan, side=1000)
    if device_type == "cpu":
        few = replace(plan, boxes=(1, 20), modes_at=(20,), sides=(), concurrency=(1, 4), rounds=2)
        return replace(few, modes_beside=(DecodeMode.HYBRID,))
    return replace(plan, concurrency=(1, 16) if quick else (1, 4, 16, 32, 64))


def _read_baseline(path: Path) -> dict[str, Any] | None:
    """The ratios to compare with; None where there is no such file and none was named."""
    from locany.errors import DataError
    from locany.eval.throughput_report import KIND

    if not path.is_file():
        if path != _BASELINE:
            raise DataError(f"the baseline {path} is not a file; give the JSON file of an earlier run")
        return None
    try:
        found: dict[str, Any] = loads(path.read_text(encoding="utf-8"))
        for name in (*KIND, "tolerance", "shapes", "ratios"):
            found[name]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the baseline {path} cannot be read ({error}); benchmarks/baselines has the form"
        ) from None
    return found


def _write_baseline(path: Path, results: list[dict[str, Any]], about: dict[str, Any]) -> None:
    from locany.eval.throughput_report import as_baseline
    from locany.files import write_whole

    write_whole(path, (dumps(as_baseline(results, about), indent=1) + "\n").encode())
    say(f"wrote {path}")


def _check_folder(out: Path) -> None:
    """Raise unless the folder is one, or can be made; before anything is measured."""
    from locany.errors import DataError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--out {out} cannot be a folder ({error.strerror}); give another one") from None


def _write(out: Path, document: dict[str, Any], results: list[dict[str, Any]]) -> list[Path]:
    """The whole result and a plot per shape, named by shape, hardware and date."""
    from locany.eval.throughput_plots import draw
    from locany.eval.throughput_report import was_busy
    from locany.files import write_whole

    written = []
    for result in results:
        kind = "_quick" * document["quick"] + "_busy" * was_busy(result)
        name = f"bench_{result['shape']}{kind}_{document['hardware']}_{document['date']}"
        path = out / f"{name}.json"
        write_whole(path, (dumps({**document, "result": result}, indent=1) + "\n").encode())
        draw(result, path.with_suffix(".png"))
        written += [path, path.with_suffix(".png")]
    return written
