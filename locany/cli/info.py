"""Facts about this installation: version, model, device, number type."""

from __future__ import annotations

import math
import platform
from pathlib import Path
from typing import Any

from cyclopts import App, Group

from locany import __version__
from locany.cli.messages import say_error
from locany.cli.options import JsonFlag, ModelOptions
from locany.cli.report import print_json, write_line
from locany.errors import CheckpointError

GROUP = Group("This installation", sort_key=2)
MEASURING_GROUP = Group("Measuring", sort_key=2)

_DEFAULT = ModelOptions()


def version() -> None:
    """Print the version."""
    write_line(f"locany {__version__}")


def info(*, options: ModelOptions = _DEFAULT, json: JsonFlag = False) -> int:
    """Say which model, device and number type would be used, and why; nothing is loaded or downloaded."""
    import torch

    from locany.device import available_devices, choose_device, choose_dtype

    device, device_reason = choose_device(options.device)
    dtype, dtype_reason = choose_dtype(options.dtype, device)
    problem: CheckpointError | None = None
    model: dict[str, Any] = {}
    scores = ""
    try:
        model = _model_facts(options.model, options.adapter)
        scores = _scores(options, Path(model["folder"]))
    except CheckpointError as error:
        problem = error
    document = {
        "version": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "model": model or {"error": str(problem)},
        "device": {"name": str(device), "reason": _reason(device_reason)},
        "dtype": {"name": str(dtype).removeprefix("torch."), "reason": _reason(dtype_reason)},
        "quant": options.quant,
        "scores": scores or "unknown",
        "devices": available_devices(),
    }
    if json:
        print_json(document)
    else:
        _print(document)
    if problem:
        say_error(str(problem))
    return 1 if problem else 0


def _print(document: dict[str, Any]) -> None:
    model = document["model"]
    size = "{name}  {num_parameters:,} parameters, stored as {stored_as}, in {folder}"
    adapter = "rank {rank} on {num_layers} layers, in {folder}"
    for name, text in (
        ("locany", document["version"]),
        ("python", document["python"]),
        ("torch", document["torch"]),
        ("model", "cannot be used, see below" if "error" in model else size.format(**model)),
        *((("adapter", adapter.format(**model["adapter"])),) if "adapter" in model else ()),
        ("device", "{name}: {reason}".format(**document["device"])),
        ("dtype", "{name}: {reason}".format(**document["dtype"])),
        ("quant", document["quant"]),
        ("scores", document["scores"]),
        ("devices", ", ".join(document["devices"])),
    ):
        write_line(f"{name:<8} {text}")


def _reason(text: str) -> str:
    """Of 'cpu: no GPU is available' what follows the name."""
    return text.rpartition(": ")[2]


def _scores(options: ModelOptions, folder: Path) -> str:
    """What scores are read off."""
    from locany.locator.calibration import named_calibration, read_calibration

    options.check_scores()
    if options.calibration is not None:
        return f"calibrated by {options.calibration} ({named_calibration(options.calibration).kind})"
    curve = None if options.raw_scores or options.adapter is not None else read_calibration(folder)
    return "the model's own" if curve is None else f"calibrated by the checkpoint's curve ({curve.kind})"


def _model_facts(model: str | None, adapter: Path | None) -> dict[str, Any]:
    from locany.weights import HEAD_NAME, expected_tensors, find_checkpoint, load_config, stored_tensors
    from locany.weights.quantized import read_quantization

    folder: Path = find_checkpoint(model, allow_download=False)
    tensors = stored_tensors(folder).values()
    shapes = [tensor.shape for tensor in tensors]
    if quant := read_quantization(folder):  # what is stored are packed values and their scales
        expected = expected_tensors(load_config(folder))
        shapes = [shape for name, shape in expected.items() if name != HEAD_NAME]
    facts: dict[str, Any] = {
        "name": model or folder.name,
        "folder": str(folder),
        "num_parameters": sum(math.prod(shape) for shape in shapes),
        "stored_as": ", ".join(sorted({tensor.dtype for tensor in tensors})),
    }
    if quant:
        facts["stored_as"] += f" ({quant})"
    if adapter is not None:
        from locany.weights.adapter import read_adapter

        found = read_adapter(adapter, load_config(folder))
        facts["adapter"] = {"folder": str(adapter), "rank": found.rank, "num_layers": len(found.pairs)}
    return facts


def register(app: App) -> None:
    """Add the commands to `app`."""
    app.command(version, group=GROUP, help_epilogue="Example:\n  locany version")
    app.command(
        info,
        group=GROUP,
        usage="Usage: locany info [OPTIONS]",
        help_epilogue="Examples:\n  locany info\n  locany info --model my-checkpoint/ --device cpu --json",
    )
