"""Train a model by a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from locany.cli.data import GROUP
from locany.cli.messages import warnings_as_remarks
from locany.cli.report import write_line

if TYPE_CHECKING:
    from locany.data.sample import Sample
    from locany.locator import Locator
    from locany.train.config import TrainConfig
    from locany.train.run import Run

_EPILOGUE = """\
A recipe is a Python file with a function recipe() that returns a TrainConfig. SETTINGS replace single \
values of it, by the names of its fields: steps=500 optim.adam_lr=1e-4 data=my.coco.json out=runs/mine.

The run folder holds states, the log, curves and versions. Run the same command again after a stop of any \
kind: it goes on from the newest state.

Examples:
  locany train lora data=my.coco.json evaluation=other.coco.json --measure
  locany train lora data=my.coco.json evaluation=other.coco.json out=runs/mine
  locany train recipes/mini.py out=runs/mini minutes=60
  locany train recipes/mini.py --dry-run steps=100"""


def register(app: App) -> None:
    """Add the command."""
    app.command(
        train,
        group=GROUP,
        usage="Usage: locany train RECIPE [SETTINGS] [OPTIONS]",
        help_epilogue=_EPILOGUE,
    )


def train(
    recipe: Annotated[
        Path, Parameter(help="The recipe, a Python file; or one that comes with locany: lora, finetune.")
    ],
    /,
    *settings: Annotated[str, Parameter(help="name=value each; later ones win.")],
    dry_run: Annotated[
        bool,
        Parameter(
            negative=(), show_default=False, help="Print the whole config, if its data are there, and stop."
        ),
    ] = False,
    measure: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Measure the model that training would begin from, on evaluation=PATH or what "
            "data.held_out keeps apart, and stop.",
        ),
    ] = False,
) -> int:
    """Train a model by a recipe; resumes a run that was stopped."""
    import json

    from locany.train.recipe import load_recipe
    from locany.train.run import as_json
    from locany.train.sft import train as run
    from locany.train.sources import check_sources

    config = load_recipe(recipe, settings)
    if dry_run:
        check_sources((*config.data.sources, *config.evaluation.sources))
        write_line(json.dumps(as_json(config), indent=2))
    elif measure:
        write_line(json.dumps(measure_checkpoint(config)))
    else:
        with warnings_as_remarks(quiet=False):
            run(config, write_line, _evaluation(config) if config.measured else None)
    return 0


def measure_checkpoint(config: TrainConfig) -> dict[str, float]:
    """The scores of the checkpoint that a recipe begins from, on what `evaluation` names.

    Raises:
        DataError: nothing to measure on is named, or the recipe trains from scratch.
        CheckpointError: the checkpoint cannot be used.
    """
    from locany.errors import DataError
    from locany.locator import load

    if not config.measured:
        raise DataError(
            "there is nothing to measure on; add evaluation=PATH, a data set, or data.held_out=0.1"
        )
    if not isinstance(config.model, str):
        raise DataError("this recipe trains from scratch: there is no model yet; give model=DIR of a run")
    locator = load(config.model, device=config.device, dtype="float32", allow_download=False)
    return _scores(config, locator, _samples(config))


def _evaluation(config: TrainConfig) -> Callable[[Run], dict[str, float]]:
    """Measures a run on the samples that its recipe names, in each mode."""
    from locany.locator import Locator
    from locany.train.held_out_loss import held_out_loss

    samples = _samples(config)

    def evaluate(run: Run) -> dict[str, float]:
        was_training = run.model.training
        run.model.eval()
        try:
            scores = _scores(config, Locator(run.model, run.tokenizer, run.preprocess, name="run"), samples)
            return scores | held_out_loss(run, config, samples)
        finally:
            run.model.train(was_training)

    return evaluate


def _samples(config: TrainConfig) -> list[Sample]:
    from locany.train.data import chosen_samples

    number = config.evaluation.num_samples
    return [s for source in config.measured for s in chosen_samples(source, number, config.data)]


def _scores(config: TrainConfig, locator: Locator, samples: list[Sample]) -> dict[str, float]:
    """F1 in each mode and their mean.

    "absent": of the absent names asked for, the share answered empty; "cut": of the answers, those that a
    limit of their length ended, where there are any; "fallback": in hybrid, the share of boxes that were
    decoded again token by token; "boxes_per_s_*": in each mode.
    """
    from locany.engine.params import DecodeMode
    from locany.eval.modes import score_modes

    found_by_mode = score_modes(locator, samples, config.evaluation.modes)
    counts = {mode: found.counts for mode, found in found_by_mode.items()}
    scores = {f"f1_{mode}": round(found.f1, 4) for mode, found in counts.items()}
    num_absent = sum(found.num_absent for found in counts.values())
    if num_absent:
        scores["absent"] = round(sum(found.num_absent_right for found in counts.values()) / num_absent, 4)
    num_cut = sum(found.num_truncated for found in counts.values())
    if num_cut:
        scores["cut"] = round(num_cut / sum(found.num_questions for found in counts.values()), 4)
    if hybrid := found_by_mode.get(DecodeMode.HYBRID.value):
        scores["fallback"] = round(hybrid.fallback, 4)
    scores |= {f"boxes_per_s_{mode}": round(found.boxes_per_s, 1) for mode, found in found_by_mode.items()}
    return {"f1": round(sum(found.f1 for found in counts.values()) / len(counts), 4), **scores}
