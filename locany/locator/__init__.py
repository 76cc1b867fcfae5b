"""The front door: an image and a question in, `Detections` out.

The steps of a request (docs/architecture.md) are in `asking.py` and `reading.py`: load and cut the image,
word the prompt, hand both to the engine; read the answer, return it to the user's pixels.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from locany.codec import Tokenizer
from locany.device import choose_device, choose_dtype, tune_cpu_allocator
from locany.engine import DecodeMode, EngineConfig
from locany.errors import RequestError
from locany.image import PreprocessConfig
from locany.locator.calibration import check_calibration, named_calibration, read_calibration
from locany.locator.locator import Locator
from locany.model import LocateModel
from locany.model.packed import pack_model
from locany.numeric import check_flags
from locany.weights import find_checkpoint, load_config, load_model
from locany.weights.load import choose_quant
from locany.weights.stored import read_json, read_preprocess

_KEPT_BYTES = 64 << 20  # more than this saved nothing (docs/log.md)


def load(
    model: str | Path | None = None,
    *,
    adapter: str | Path | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    quant: str | None = None,
    revision: str | None = None,
    allow_download: bool = True,
    max_rows: int = 16,
    packed: bool = True,
    keeps_memory: bool = True,
    calibrated: bool = True,
    calibration: str | Path | None = None,
) -> Locator:
    """Load a model and be ready to answer.

    Args:
        model: a folder in the published layout, a hub id such as "nvidia/LocateAnything-3B", or None for the
            bundled locany-mini. Naming a hub id that is not cached yet downloads it.
        adapter: folder of a LoRA adapter that was trained on this model, by `locany train` or with peft.
        device: "cpu", "cuda", "cuda:1", "mps"; None takes the best there is.
        dtype: "float32" or "bfloat16"; None takes what is fastest and safe on the device.
        quant: "int8" or "int4" rounds the decoder's weights to 8 or 4 bits, after merging the adapter; None
            takes the checkpoint as it is stored. int8 rounds the activations of these layers, too.
        revision: branch, tag or commit of a hub id.
        allow_download: False never reaches the network.
        max_rows: questions that are answered side by side.
        packed: arrange weights for the matrix products of the device: faster, the same answers; the model's
            weights are then no tensors any more, or go by other names. False keeps them.
        keeps_memory: on the CPU of a Linux machine, let the process keep up to 64 MB of freed memory for its
            next image, which takes a fifth less time. False leaves the allocator as it is.
        calibrated: where the checkpoint has a `calibration.json` (`locany calibrate`), read scores off its
            curve. False gives the model's own; so does an adapter, since the curve is of the model without.
        calibration: a `calibration.json`, or the folder of a run that has one, in place of the checkpoint's.

    Raises:
        CheckpointError: not found, or damaged; the message names file and tensor. Or the adapter was trained
            on another model.
        DeviceError: the machine has no such device or dtype.
        RequestError: an argument of a wrong type, an unknown `quant`, a calibration for scores that are to
            stay raw, or one of another model's scores.
    """
    check_flags(
        allow_download=allow_download, packed=packed, keeps_memory=keeps_memory, calibrated=calibrated
    )
    for what, path in (("model", model), ("adapter", adapter), ("calibration", calibration)):
        if path is not None and not isinstance(path, str | os.PathLike):
            raise RequestError(
                f"{what} is of type {type(path).__name__}: {path!r}, expected a path; "
                "give the name as a string, or leave it out"
            )
    if calibration is not None and not calibrated:
        raise RequestError(
            "calibration= is a curve for scores and calibrated=False leaves them raw; give one"
        )
    chosen, _ = choose_device(device)  # first: a wrong name should not cost a download
    precision, _ = choose_dtype(dtype, chosen)
    EngineConfig(max_rows=max_rows)
    how = choose_quant(quant)
    if keeps_memory and chosen.type == "cpu":
        tune_cpu_allocator(_KEPT_BYTES)
    folder = find_checkpoint(model, revision=revision, allow_download=allow_download)
    curve = read_calibration(folder) if calibration is None else named_calibration(Path(calibration))
    name = str(model) if model is not None else folder.name
    adapter = None if adapter is None else Path(adapter).expanduser()
    if calibration is not None and curve is not None:
        check_calibration(curve, Path(calibration), folder, adapter)
    if adapter is not None:
        name = f"{name} + {adapter}"
    # Before the weights, which take long: what else is wrong is told at once.
    load_config(folder)
    tokenizer, cutting = Tokenizer.from_folder(folder), PreprocessConfig.from_json(*read_preprocess(folder))
    network = load_model(folder, device=chosen, dtype=precision, adapter=adapter, quant=how)
    if packed:
        pack_model(network)
    return Locator(
        network,
        tokenizer,
        cutting,
        name=name,
        config=EngineConfig(max_rows=max_rows, max_length=_max_length(folder, network)),
        calibration=curve,
        calibrated=calibrated and (adapter is None or calibration is not None),
    )


def _max_length(folder: Path, model: LocateModel) -> int:
    """Tokens of prompt and answer: the tokenizer's limit, and never more than the model has positions."""
    path = folder / "tokenizer_config.json"
    limit = read_json(path).get("model_max_length") if path.is_file() else None
    positions = model.config.text.max_positions
    return int(min(limit, positions)) if isinstance(limit, int | float) and limit >= 1 else positions


__all__ = ["DecodeMode", "Locator", "load"]
