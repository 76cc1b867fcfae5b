"""The options that commands share. Nothing heavy is imported here: `--help` reads this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter, validators

from locany.errors import RequestError

# In the order in which help shows them, after what belongs to a single command.
QUESTION_GROUP, OUTPUT_GROUP, MODEL_GROUP, DECODING_GROUP, CLOSER_GROUP, IMAGE_GROUP = (
    Group(name, sort_key=number)
    for number, name in enumerate(
        ("Question", "Output", "Model", "Decoding", "Looking closer", "Image"), start=1
    )
)

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps", re.IGNORECASE)


def _check_device(_: Any, value: str) -> None:
    if not _DEVICE.fullmatch(value.strip()):
        raise ValueError("Choose auto, cpu, cuda, cuda:<number> or mps.")


def _check_share(_: Any, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:  # also true of NaN
        raise ValueError("Give a number from 0 to 1.")


def _option(group: Group, text: str, *names: str, **more: Any) -> Parameter:
    return Parameter(name=names or None, group=group, help=text, **more)


def _flag(group: Group, text: str, *names: str) -> Parameter:
    return _option(group, text, *names, negative=(), show_default=False)


JsonFlag = Annotated[bool, _flag(OUTPUT_GROUP, "Print one JSON document and nothing else.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Which model, and where it runs."""

    model: Annotated[
        str | None,
        _option(
            MODEL_GROUP,
            "Checkpoint folder or hub id such as nvidia/LocateAnything-3B; default: the bundled locany-mini.",
            *("--model", "-m"),
        ),
    ] = None
    adapter: Annotated[
        Path | None,
        _option(MODEL_GROUP, "Folder of a LoRA adapter that was trained on this model."),
    ] = None
    device: Annotated[
        str,
        _option(MODEL_GROUP, "auto, cpu, cuda, cuda:<number> or mps.", validator=_check_device),
    ] = "auto"
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        _option(MODEL_GROUP, "Precision of weights and activations (dtype)."),
    ] = "auto"
    quant: Annotated[
        Literal["auto", "int8", "int4"],
        _option(
            MODEL_GROUP, "Round the decoder's weights to 8 or 4 bits; auto: as the checkpoint is stored."
        ),
    ] = "auto"
    calibration: Annotated[
        Path | None,
        _option(MODEL_GROUP, "Read scores off this calibration.json, or that of a run's folder."),
    ] = None
    raw_scores: Annotated[
        bool, _flag(MODEL_GROUP, "The model's own scores, where its checkpoint has a calibration.")
    ] = False

    def check_scores(self) -> None:
        """Refuse a curve for scores that are to stay raw (RequestError)."""
        if self.raw_scores and self.calibration is not None:
            raise RequestError(
                "--calibration is a curve for scores and --raw-scores leaves them raw; give one"
            )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LocateOptions(ModelOptions):
    """How a question is decoded, and what becomes of the answer."""

    batch: Annotated[
        int,
        _option(MODEL_GROUP, "Images answered side by side.", validator=validators.Number(gte=1)),
    ] = 8
    offline: Annotated[bool, _flag(MODEL_GROUP, "Download nothing, neither models nor images.")] = False

    mode: Annotated[
        Literal["fast", "hybrid", "verified", "slow"],
        _option(
            DECODING_GROUP,
            "fast: whole boxes at once; slow: token by token; hybrid: doubtful boxes again, token by token; "
            "verified: whole boxes, held against slow, whose answer it gives.",
        ),
    ] = "hybrid"
    max_boxes: Annotated[
        int,
        _option(DECODING_GROUP, "Stop after so many boxes and points per image; 0: no limit."),
    ] = 0
    presence: Annotated[
        float,
        _option(
            DECODING_GROUP,
            "How probable it must be that the thing is there at all, between 0 and 1: with more than 0.5 it "
            "finds less that is not there, and misses more.",
        ),
    ] = 0.5
    min_score: Annotated[
        float,
        _option(
            DECODING_GROUP,
            "Leave out what scores less, 0 to 1.",
            validator=_check_share,
        ),
    ] = 0.0
    nms: Annotated[
        float | None,
        _option(
            DECODING_GROUP,
            "Leave out boxes that overlap a better one of the same label by an IoU above this, such as 0.7.",
            validator=_check_share,
        ),
    ] = None
    max_new_tokens: Annotated[
        int,
        _option(DECODING_GROUP, "Longest answer in tokens; one that is cut says so."),
    ] = 2048
    temperature: Annotated[
        float, _option(DECODING_GROUP, "Randomness of sampling; 0: always the most probable token.")
    ] = 0.0
    top_p: Annotated[
        float,
        _option(DECODING_GROUP, "Choose among the most probable tokens of this total probability; 1: all."),
    ] = 1.0
    repetition_penalty: Annotated[
        float, _option(DECODING_GROUP, "Above 1 makes tokens that were used less likely; 1: off.")
    ] = 1.0
    seed: Annotated[int, _option(DECODING_GROUP, "Seed of sampling; equal seeds give equal answers.")] = 0

    parallel_categories: Annotated[
        bool,
        _flag(CLOSER_GROUP, "Ask for each category alone, side by side; for detect and layout."),
    ] = False
    tiles: Annotated[
        str | None,
        _option(
            CLOSER_GROUP,
            "Ask about overlapping tiles: columns x rows such as 3x2, or auto: the fewest that need not be "
            "shrunk.",
        ),
    ] = None
    overlap: Annotated[
        float, _option(CLOSER_GROUP, "Share of a tile that the next one shows, too, 0 to 0.5.")
    ] = 0.2
    no_whole_image: Annotated[
        bool,
        _flag(CLOSER_GROUP, "With --tiles: do not ask about the whole image as well.", "--no-whole-image"),
    ] = False
    zoom: Annotated[bool, _flag(CLOSER_GROUP, "Look again at a crop around each finding.")] = False
    refine: Annotated[
        bool,
        _flag(CLOSER_GROUP, "Coordinates finer than the bins: the mean of those near, by probability."),
    ] = False

    no_exif: Annotated[
        bool,
        _flag(
            IMAGE_GROUP, "Take the image as stored, without the camera's rotation (not TIFF).", "--no-exif"
        ),
    ] = False

    json: JsonFlag = False
    out: Annotated[
        Path | None,
        _option(
            OUTPUT_GROUP,
            "Write the image with the findings drawn on it: a .png or .jpg, or a folder for several images.",
            *("--out", "-o"),
        ),
    ] = None
    no_labels: Annotated[bool, _flag(OUTPUT_GROUP, "With --out: draw no labels.", "--no-labels")] = False
    no_scores: Annotated[bool, _flag(OUTPUT_GROUP, "With --out: draw no scores.", "--no-scores")] = False
    stream: Annotated[
        bool,
        _flag(
            OUTPUT_GROUP,
            "Print each finding the moment it is decoded, one line of JSON each, and a last line for each "
            "image with what is not there. One image after the other, whatever --batch says.",
        ),
    ] = False
    require: Annotated[
        bool,
        _flag(
            OUTPUT_GROUP,
            "Exit with 3 where an image lacks one of the things asked for, or has it below --min-score only.",
        ),
    ] = False
    quiet: Annotated[
        bool, _flag(OUTPUT_GROUP, "No progress bar and no notes on stderr, only errors.", "--quiet", "-q")
    ] = False

    def params(self) -> dict[str, Any]:
        """The options that are `Params` of the engine, by name."""
        names = (
            *("mode", "max_boxes", "presence", "max_new_tokens"),
            *("temperature", "top_p", "repetition_penalty", "seed"),
        )
        return {name: getattr(self, name) for name in names}

    def closer(self) -> dict[str, Any]:
        """The options that say how closely to look (`CloserConfig`), by name."""
        names = ("parallel_categories", "tiles", "overlap", "zoom", "refine")
        return {name: getattr(self, name) for name in names} | {"whole_image": not self.no_whole_image}
