"""Train a model by a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from locany.cli.data import GROUP
from locany.cli.report import write_line

if TYPE_CHECKING:
    from locany.train.config import TrainConfig
    from locany.train.run import Run

_EPILOGUE = """\
A recipe is a Python file with a function recipe() that returns a TrainConfig. SETTINGS replace single \
values of it, by the names of its fields: steps=500 optim.adam_lr=1e-4 data=my.coco.json out=runs/mine.

The run folder holds states, the log, curves and versions. Run the same command again after a stop of any \
kind: it goes on from the newest state.

Examples:
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
    recipe: Annotated[Path, Parameter(help="The recipe, a Python file.")],
    /,
    *settings: Annotated[str, Parameter(help="name=value each; later ones win.")],
    dry_run: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Print the whole config and stop.")
    ] = False,
) -> int:
    """Train a model by a recipe; goes on with a run that was stopped."""
    from locany.train.recipe import load_recipe
    from locany.train.run import as_json
    from locany.train.sft import train as run

    config = load_recipe(recipe, settings)
    if dry_run:
        import json

        write_line(json.dumps(as_json(config), indent=2))
        return 0
    run(config, write_line, _evaluation(config) if config.evaluation.sources else None)
    return 0


def _evaluation(config: TrainConfig) -> Callable[[Run], dict[str, float]]:
    """Measures a run on the samples that its recipe names, in each mode."""
    from locany.eval.modes import count_modes
    from locany.locator import Locator
    from locany.train.data import first_samples

    wanted = config.evaluation
    samples = [s for source in wanted.sources for s in first_samples(source, wanted.num_samples)]

    def evaluate(run: Run) -> dict[str, float]:
        was_training = run.model.training
        run.model.eval()
        locator = Locator(run.model, run.tokenizer, run.preprocess, name="run")
        counts = count_modes(locator, samples, wanted.modes)
        run.model.train(was_training)
        scores = {f"f1_{mode}": round(found.f1, 4) for mode, found in counts.items()}
        return {"f1": round(sum(scores.values()) / len(scores), 4), **scores}

    return evaluate
