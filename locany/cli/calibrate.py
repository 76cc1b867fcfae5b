"""`locany calibrate RUN`: fit a curve to a run, so that scores say how often boxes are right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter, validators

from locany.cli.info import MEASURING_GROUP
from locany.cli.options import MODEL_GROUP, OUTPUT_GROUP, JsonFlag
from locany.cli.report import print_json, write_line
from locany.errors import RequestError

if TYPE_CHECKING:
    from locany.eval.calibrate import Fit

PLOT = "calibration.png"

_EPILOGUE = """\
RUN is a folder that 'locany eval' wrote; its benchmark has to be where it was. The images are cut into two \
halves, and each is calibrated by a curve fitted on the other, so the numbers are about images that a curve \
has not seen. RUN gets calibration.json and calibration.png.

With --model the curve is put beside the weights, too, and from then on every score of that model is read \
off it; --raw-scores and locany.load(calibrated=False) still give the model's own. Boxes never change, nor \
does the order of scores.

Examples:
  locany eval home --model my-checkpoint/ --raw-scores --out runs/home
  locany calibrate runs/home
  locany calibrate runs/home --model my-checkpoint/"""


def register(app: App) -> None:
    """Add the command."""
    usage = "Usage: locany calibrate RUN [OPTIONS]"
    app.command(calibrate, group=MEASURING_GROUP, usage=usage, help_epilogue=_EPILOGUE)


def calibrate(
    run: Annotated[Path, Parameter(help="Folder of a run.")],
    /,
    *,
    model: Annotated[
        Path | None,
        Parameter(
            name=("--model", "-m"),
            group=MODEL_GROUP,
            help="Checkpoint folder of the model that made the run, to put the calibration into.",
        ),
    ] = None,
    iou: Annotated[
        float,
        Parameter(
            group=OUTPUT_GROUP,
            help="A box is right from this IoU on; a point has to lie inside.",
            validator=validators.Number(gt=0, lte=1),
        ),
    ] = 0.5,
    json: JsonFlag = False,
) -> int:
    """Measure how far scores mean what they say, and fit the curve that corrects them."""
    from locany.eval.calibrate import draw_reliability, fit_calibration, read_run
    from locany.eval.throughput_plots import require_matplotlib
    from locany.locator.calibration import write_calibration

    require_matplotlib()
    config, examples, predictions = read_run(run)
    settings = config["settings"]
    if "calibration" in settings:
        raise RequestError(
            f"the scores of {run} are calibrated already; evaluate with --raw-scores for a new calibration"
        )
    if model is not None:
        _check_model(model, run, settings)
    about = " ".join(filter(None, [settings["benchmark"], settings.get("mode", "")]))
    fit = fit_calibration(examples, predictions, iou=iou, fitted_on=f"{about}, {len(examples)} examples")
    draw_reliability(fit, run / PLOT, f"{settings['model']}, {about}, IoU {iou:g}")
    written = [run / PLOT]
    if fit.calibration is not None:
        curve = replace(fit.calibration, weights=settings.get("weights", "other"))
        written += [write_calibration(curve, folder) for folder in (run, model) if folder is not None]
    document = {
        "kind": fit.calibration.kind if fit.calibration else "",
        "num_places": fit.num_places,
        "num_images": fit.num_images,
        "before": fit.before,
        "after": fit.after,
        "brier_by_kind": fit.kinds,
        "files": [str(path) for path in written],
    }
    if json:
        print_json(document)
    else:
        _print(fit, written)
    return 0


def _check_model(model: Path, run: Path, settings: dict[str, Any]) -> None:
    """Raise unless the run was made by the model in this folder."""
    from locany.weights.folder_fingerprint import folder_fingerprint
    from locany.weights.stored import check_folder

    check_folder(model)
    if settings.get("weights") != folder_fingerprint(model):
        raise RequestError(
            f"{run} was not made by the model in {model} as it is now, without an adapter; a calibration is "
            "of one model's scores, so evaluate this one"
        )


def _print(fit: Fit, written: list[Path]) -> None:
    places = f"{fit.num_places:,} boxes and points on {fit.num_images:,} images"
    write_line(f"{places}, each half calibrated by the other's curve")
    write_line(f"{'':<38} {'before':>8} {'after':>8}")
    for key, words in (
        ("ece", "expected calibration error"),
        ("ece_equal_mass", "the same, bins of equally many"),
        ("brier", "Brier score"),
        ("mean_score", "mean score"),
        ("share_right", "share that is right"),
    ):
        write_line(f"{words:<38} {fit.before[key]:>8.4f} {fit.after[key]:>8.4f}")
    if fit.calibration is None:
        write_line("no curve does better than the scores as they are: there is nothing to calibrate")
    else:
        write_line(f"the curve is {fit.calibration.kind}")
    for path in written:
        write_line(f"wrote {path}")
