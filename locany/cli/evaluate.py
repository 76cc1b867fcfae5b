"""Ask a model the questions of a benchmark, or take predictions of another, and say what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from locany.cli.evaluate_options import EvalOptions
from locany.cli.info import MEASURING_GROUP
from locany.cli.messages import say, warnings_as_remarks
from locany.cli.options import ModelOptions
from locany.cli.progress import progress
from locany.cli.report import print_json, write_line
from locany.errors import RequestError

if TYPE_CHECKING:
    from locany.cli.evaluate_model import AskedModel
    from locany.eval.benchmarks import Benchmark, Contents
    from locany.eval.example import Example, Prediction
    from locany.eval.results_folder import ResultsFolder
    from locany.eval.run import AskConfig

_DEFAULT, _DEFAULT_MODEL = EvalOptions(), ModelOptions()
_DEFAULT_OUT = Path("runs") / "eval"

_EPILOGUE = """\
The folder of a run holds predictions.jsonl, metrics.json and config.json. Run the same command again after \
a stop of any kind: it goes on where it was, and asks again for what failed. 'locany report' makes tables \
and pictures of such folders.

Everything is counted twice, and the two are never mixed: 'published' counts as the published scripts do, \
defects included, and may be held against printed tables; 'fixed' counts as one would expect.

--predictions takes our predictions.jsonl, the published JSONL (rows with image_path and \
extracted_predictions), or COCO results (a list of objects with image_id, category_id, bbox and score).

Examples:
  locany eval --list
  locany eval home --limit 50 --out runs/look
  locany eval home --mode fast,hybrid,slow --out runs/home
  locany eval coco EvalData -m nvidia/LocateAnything-3B --published --rows 1
  locany eval coco EvalData --predictions results.json --name 'my detector'
  locany eval lvis EvalData -m my-checkpoint/ --replicas 8 --ray head:6379"""


def register(app: App) -> None:
    """Add the command."""
    usage = "Usage: locany eval BENCHMARK [DATA] [OPTIONS]"
    app.command(evaluate, name="eval", group=MEASURING_GROUP, usage=usage, help_epilogue=_EPILOGUE)


def evaluate(
    benchmark: Annotated[str | None, Parameter(help="Name of the benchmark; see --list.")] = None,
    /,
    data: Annotated[
        Path | None,
        Parameter(help="Folder of its files. Only home needs none: it is rendered when it is first used."),
    ] = None,
    *,
    options: EvalOptions = _DEFAULT,
    model: ModelOptions = _DEFAULT_MODEL,
) -> int:
    """Measure a model on a benchmark: ask, write down every answer, score.

    Goes on with a run that was stopped.
    """
    if options.list_all:
        _list_all(options.json)
        return 0
    if benchmark is None:
        raise RequestError("no benchmark was named; 'locany eval --list' shows those there are")
    with warnings_as_remarks(options.json):
        done = _Session.open(benchmark, data, options, model).run()
    if options.json:
        print_json({"results": [{"out": str(results.path), **results.metrics()} for results in done]})
    else:
        _print(done)
    return 0


@dataclass(frozen=True)
class _Session:
    """A benchmark that is open, and who is measured on it."""

    benchmark: Benchmark
    folder: Path
    contents: Contents
    examples: Sequence[Example]
    options: EvalOptions
    model: ModelOptions

    @classmethod
    def open(cls, name: str, data: Path | None, options: EvalOptions, model: ModelOptions) -> _Session:
        """Check what can be checked before anything is read, then read the benchmark."""
        from locany.eval.benchmarks import find_benchmark
        from locany.eval.run import choose

        benchmark = find_benchmark(name)
        for mode in options.modes():
            options.asking(benchmark, mode, options.seeds()[0])
        knobs = options.reading(benchmark)
        folder = data if data is not None else _default_folder(benchmark)
        contents = benchmark.open(folder, **knobs)
        for remark in contents.remarks:
            say(remark)
        return cls(benchmark, folder, contents, choose(contents.examples, options.limit), options, model)

    def run(self) -> list[ResultsFolder]:
        """The folders of finished runs."""
        if self.options.predictions is not None:
            return [self._take(self.options.predictions)]
        from locany.cli.evaluate_model import AskedModel

        asked = AskedModel(self.model, self.options)
        modes, seeds = self.options.modes(), self.options.seeds()
        done = []
        for mode in modes:
            for seed in seeds:
                parts = [mode] * (len(modes) > 1 or self.options.out is None)
                parts += [f"seed-{seed}"] * (len(seeds) > 1)
                config = self.options.asking(self.benchmark, mode, seed)
                done.append(self._ask(asked, config, mode, self._out().joinpath(*parts)))
        return done

    def _ask(self, asked: AskedModel, config: AskConfig, mode: str, out: Path) -> ResultsFolder:
        from locany.eval.results_folder import ResultsFolder

        results = ResultsFolder(out)
        settings = {**self._settings(), **asked.settings(), **config.settings()}
        results.begin(settings, {**self._about(), **asked.facts()})
        bar = progress("examples", f"{self.benchmark.name}, {mode}: asking about")
        try:
            with bar:
                found = results.collect(self.examples, lambda rest: asked.answer(rest, config), bar)
        except KeyboardInterrupt:
            say(f"interrupted; the answers stay in {results.path}, and the same command goes on from there")
            raise
        self._finish(results, found)
        return results

    def _take(self, path: Path) -> ResultsFolder:
        """Measure predictions that somebody else made."""
        from locany.eval.foreign import filtered, read_foreign
        from locany.eval.results_folder import ResultsFolder, digest_of_file

        source = self.contents.source
        ids_of = source if source is not None and source.suffix == ".json" else None
        # Of all examples: with --limit a row could not tell that it is about one that is not asked.
        read = read_foreign(path, self.contents.examples, self.options.annotations or ids_of)
        for remark in read.remarks:
            say(remark)
        threshold, asked = self.options.threshold, {example.id for example in self.examples}
        ranked = [prediction for prediction in read.predictions if prediction.id in asked]
        if threshold is None and read.kind == "coco":
            threshold = self._best_threshold(ranked)
        found = [filtered(one, threshold or 0.0) for one in ranked]
        results = ResultsFolder(self._out())
        settings = {"mode": "", "predictions": digest_of_file(path)[:16], "threshold": threshold}
        results.begin({**self._settings(), **settings}, {**self._about(), "form": read.kind})
        results.replace_predictions(found)
        # What the user cut away does not count anywhere; what we cut for F1 does where all scores count.
        self._finish(results, found, ranked if self.options.threshold is None else None)
        return results

    def _best_threshold(self, predictions: Sequence[Prediction]) -> float:
        from locany.eval.foreign import THRESHOLDS, best_threshold
        from locany.eval.measure import counted
        from locany.eval.metrics.profile import Profile
        from locany.eval.metrics.table import HEADLINES, scorer_of
        from locany.eval.predictions import by_id

        metric = self.benchmark.metric
        scorer, headline = scorer_of(metric, self.contents.names), HEADLINES[metric]

        def value_of(kept: Sequence[Prediction]) -> float:
            profile = Profile.PUBLISHED
            asked, given = counted(self.benchmark, self.examples, by_id(kept), profile)
            return float(scorer(asked, given, profile)[headline])

        bar = progress("thresholds", "trying")
        with bar:
            bar.begin(len(THRESHOLDS), 0)
            chosen = best_threshold(predictions, value_of, bar.item)
        say(f"the best threshold for all images is {chosen:g}, by {headline} in profile published")
        return chosen

    def _name(self) -> str:
        """What the model is called in tables."""
        from locany.cli.evaluate_model import default_name

        if self.options.name:
            return self.options.name
        return self.options.predictions.stem if self.options.predictions else default_name(self.model)

    def _out(self) -> Path:
        """The folder that was named, or one that says what is measured."""
        if self.options.out is not None:
            return self.options.out
        model = "".join(c if c.isalnum() or c in "-_." else "_" for c in self._name())
        limit = f"_{self.options.limit}" if self.options.limit else ""
        return _DEFAULT_OUT / f"{self.benchmark.name}_{model}{limit}"

    def _settings(self) -> dict[str, Any]:
        """What decides predictions besides the model and how it is asked."""
        from locany.eval.results_folder import digest_of

        return {
            "benchmark": self.benchmark.name,
            "num_examples": len(self.examples),
            "examples": digest_of(self.examples),
            "model": self._name(),
        }

    def _about(self) -> dict[str, Any]:
        """What is good to know, and how the data are found again."""
        from locany.eval.results_folder import versions

        data = {
            "folder": str(self.folder.resolve()),
            "options": self.options.reading(self.benchmark),
            "limit": self.options.limit,
            "remarks": list(self.contents.remarks),
        }
        return {"data": data, "versions": versions()}

    def _finish(
        self, results: ResultsFolder, found: Sequence[Prediction], ranked: Sequence[Prediction] | None = None
    ) -> None:
        """Score, and write what came out; `ranked`: with what a threshold took away, see `measure`."""
        from locany.eval.measure import measure
        from locany.eval.metrics.profile import Profile
        from locany.eval.predictions import by_id

        chosen = self.options.profile
        profiles = tuple(Profile) if chosen == "both" else (Profile(chosen),)
        settings = results.config()["settings"]
        heads = {name: settings[name] for name in ("model", "mode")}
        whole = None if ranked is None else by_id(ranked)
        results.finish(
            {
                **heads,
                **measure(
                    self.benchmark, self.examples, by_id(found), profiles, self.contents.names, ranked=whole
                ),
            }
        )


def _default_folder(benchmark: Benchmark) -> Path:
    if benchmark.name == "home":
        from locany.cli.evaluate_home import home_folder

        return home_folder()
    raise RequestError(f"DATA is missing, the folder of the files of {benchmark.title}. {benchmark.needs}")


def _print(done: Sequence[ResultsFolder]) -> None:
    from locany.eval.report_cells import Run
    from locany.eval.report_tables import summary_lines

    for results in done:
        metrics = results.metrics()
        for line in summary_lines(Run(results.config(), metrics)):
            write_line(line)
        for remark in metrics["remarks"]:
            say(remark)
        if metrics["counts"]["num_failed"]:
            again = "" if "form" in results.config() else "; the same command asks for them again"
            say(f"examples that failed count as nothing found; predictions.jsonl says why{again}")
        say(f"wrote {results.path}")


def _list_all(as_json: bool) -> None:
    """Every benchmark: what it is called, what it is, and what it can be told."""
    from locany.eval.benchmarks import BENCHMARKS

    if as_json:
        every = [{"name": b.name, "title": b.title, "options": dict(b.options)} for b in BENCHMARKS.values()]
        print_json({"benchmarks": every})
        return
    for benchmark in BENCHMARKS.values():
        told = ", ".join(f"{name}={value}" for name, value in benchmark.options.items())
        write_line(f"{benchmark.name:<20} {benchmark.title}" + (f"; --option {told}" if told else ""))
    say("'locany eval NAME' without DATA says what to get for one of them")
