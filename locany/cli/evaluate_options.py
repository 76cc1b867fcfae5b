"""The options of `locany eval`. Nothing heavy is imported here: `--help` reads this file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter, validators

from locany.cli.options import DECODING_GROUP, MODEL_GROUP, OUTPUT_GROUP, JsonFlag
from locany.errors import RequestError

if TYPE_CHECKING:
    from locany.eval.benchmarks import Benchmark
    from locany.eval.run import AskConfig

BENCHMARK_GROUP = Group("Benchmark", sort_key=1)
OTHERS_GROUP = Group("Predictions of another model", sort_key=5)
REPLICAS_GROUP = Group("Several copies of the model", sort_key=5)
MODES = ("fast", "hybrid", "verified", "slow")

_AT_LEAST_0, _AT_LEAST_1 = validators.Number(gte=0), validators.Number(gte=1)
_SHARE = validators.Number(gte=0, lte=1)


def _option(group: Group, text: str, *names: str, **more: Any) -> Parameter:
    return Parameter(name=names or None, group=group, help=text, **more)


def _flag(group: Group, text: str, *names: str) -> Parameter:
    return _option(group, text, *names, negative=(), show_default=False)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """What is asked, and what becomes of the answers."""

    list_all: Annotated[bool, _flag(BENCHMARK_GROUP, "Name the benchmarks and stop.", "--list")] = False
    limit: Annotated[
        int | None,
        _option(BENCHMARK_GROUP, "Only so many examples, evenly spread: for a look.", validator=_AT_LEAST_1),
    ] = None
    short_side: Annotated[
        int | None,
        _option(
            BENCHMARK_GROUP,
            "Resize images to so many pixels on their shorter side; 0: leave them. Default: what published "
            "numbers were measured at.",
            validator=_AT_LEAST_0,
        ),
    ] = None
    negatives: Annotated[
        int | None,
        _option(
            BENCHMARK_GROUP,
            "Also ask about so many names per image that are not there.",
            validator=_AT_LEAST_0,
        ),
    ] = None
    option: Annotated[
        list[str] | None,
        _option(BENCHMARK_GROUP, "NAME=VALUE, what a single benchmark can be told; see --list.", negative=()),
    ] = None

    out: Annotated[
        Path | None,
        _option(
            OUTPUT_GROUP,
            "Folder of the run, new or to go on with; of several modes each gets a folder in it. "
            "Default: below runs/eval.",
            *("--out", "-o"),
        ),
    ] = None
    profile: Annotated[
        Literal["both", "published", "fixed"],
        _option(OUTPUT_GROUP, "How to count: as the published scripts do, as it should be, or both."),
    ] = "both"
    name: Annotated[
        str | None,
        _option(OUTPUT_GROUP, "What the model is called in tables; default: the name of its folder or file."),
    ] = None
    json: JsonFlag = False

    rows: Annotated[
        int,
        _option(
            MODEL_GROUP,
            "Questions answered side by side; published speeds are with 1.",
            validator=_AT_LEAST_1,
        ),
    ] = 8
    offline: Annotated[bool, _flag(MODEL_GROUP, "Download no model.")] = False

    mode: Annotated[
        str, _option(DECODING_GROUP, "fast, hybrid, verified or slow; or several, such as fast,slow.")
    ] = "hybrid"
    max_new_tokens: Annotated[
        int, _option(DECODING_GROUP, "Longest answer in tokens; those that are cut are counted.")
    ] = 4096
    published: Annotated[
        bool,
        _flag(
            DECODING_GROUP,
            "Sample as the published scripts: temperature 0.7, top-p 0.9, repetition penalty 1.1.",
        ),
    ] = False
    temperature: Annotated[
        float, _option(DECODING_GROUP, "Randomness of sampling; 0: always the most probable token.")
    ] = 0.0
    seed: Annotated[
        str,
        _option(
            DECODING_GROUP,
            "Seed of sampling; equal seeds give equal answers. Several, such as 0,1,2, are several runs.",
        ),
    ] = "0"

    predictions: Annotated[
        Path | None,
        _option(OTHERS_GROUP, "File of predictions; it is measured, and nothing is asked."),
    ] = None
    threshold: Annotated[
        float | None,
        _option(
            OTHERS_GROUP,
            "Keep what scores at least so much. Default for COCO results: of 0, 0.01, ... 1 the one with the "
            "best result; for others: keep all.",
            validator=_SHARE,
        ),
    ] = None
    annotations: Annotated[
        Path | None,
        _option(
            OTHERS_GROUP, "COCO annotations that the ids of COCO results are of; default: the benchmark's."
        ),
    ] = None

    replicas: Annotated[
        int,
        _option(
            REPLICAS_GROUP,
            "Copies of the model, each with a GPU or a CPU of its own, through Ray.",
            validator=_AT_LEAST_1,
        ),
    ] = 1
    ray: Annotated[
        str, _option(REPLICAS_GROUP, "Ray cluster: host:port, auto, or local for this machine.")
    ] = "local"

    def modes(self) -> list[str]:
        """The decode modes that were named, each once.

        Raises:
            RequestError: one is unknown.
        """
        names = [name.strip().lower() for name in self.mode.split(",")]
        if unknown := [name for name in names if name not in MODES]:
            raise RequestError(f"--mode has {unknown[0]!r}; the modes are {', '.join(MODES)}")
        return list(dict.fromkeys(names))

    def seeds(self) -> list[int]:
        """The seeds that were named, each once.

        Raises:
            RequestError: one is no number, or there are several and nothing is drawn by chance.
        """
        try:
            found = list(dict.fromkeys(int(text) for text in self.seed.split(",")))
        except ValueError:
            raise RequestError(f"--seed is {self.seed!r}, expected a number, or several as 0,1,2") from None
        if len(found) > 1 and not (self.published or self.temperature):
            raise RequestError(
                "--seed names several, but at temperature 0 all give the same answers; add --published or "
                "--temperature, or give one seed"
            )
        return found

    def reading(self, benchmark: Benchmark) -> dict[str, Any]:
        """What reading a benchmark is told.

        Raises:
            RequestError: an --option is not NAME=VALUE.
        """
        told: dict[str, Any] = {} if self.negatives is None else {"negatives": self.negatives}
        for text in self.option or ():
            name, equals, value = text.partition("=")
            if not equals or not name.strip():
                raise RequestError(f"--option takes NAME=VALUE, got {text!r}")
            told[name.strip()] = _value(value.strip(), benchmark.options.get(name.strip()))
        return told

    def asking(self, benchmark: Benchmark, mode: str, seed: int) -> AskConfig:
        """How questions are put in one mode.

        Raises:
            RequestError: an option is out of range.
        """
        from locany.eval.run import PUBLISHED_SAMPLING, AskConfig

        if self.published and self.temperature:
            raise RequestError("--published sets the temperature, too; leave one of them out")
        sampling = PUBLISHED_SAMPLING if self.published else {"temperature": self.temperature}
        short_side = benchmark.short_side or 0 if self.short_side is None else self.short_side
        params = {"mode": mode, "max_new_tokens": self.max_new_tokens, "seed": seed, **sampling}
        return AskConfig(params, short_side, self.rows)


def _value(text: str, default: Any) -> Any:
    """As what the default is, where it reads as that; otherwise the text."""
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return int(text) if isinstance(default, int) else text
    except ValueError:
        return text
