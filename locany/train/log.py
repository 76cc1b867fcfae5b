"""What a run leaves behind of itself: its recipe, versions, a JSON line per report, curves; and trackers."""

from __future__ import annotations

import json
import platform
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from locany.errors import DataError, MissingExtraError
from locany.files import write_whole
from locany.version import __version__

LOG, CURVES, VERSIONS, WANDB_ID = "log.jsonl", "curves.png", "versions.json", "wandb_id"
RECIPE = "recipe.json"
TRACKERS = ("tensorboard", "wandb")
# Curves that are looked at together, by the name of their panel.
_KINDS = ("label", "box", "negative", "end", "null")
_PANELS = {
    **dict.fromkeys(_KINDS, "loss by kind of target"),
    **dict.fromkeys((f"{name}_acc" for name in ("next_token", "block", *_KINDS)), "accuracy"),
    **dict.fromkeys(("f1", "f1_fast", "f1_hybrid", "f1_slow", "f1_verified"), "F1"),
    **dict.fromkeys(("held_out_loss", "held_out_next_token", "held_out_block"), "held-out loss"),
    **dict.fromkeys((f"boxes_per_s_{m}" for m in ("fast", "hybrid", "slow", "verified")), "boxes/s"),
}


class Tracker(Protocol):
    """Where numbers go besides the log."""

    def __call__(self, step: int, numbers: Mapping[str, float]) -> None: ...


class RunLog:
    """The log of a run folder.

    A run that was killed may have logged steps behind its newest state. They are about to be made again, so
    their lines are taken out first: every step stands in the log once.

    Args:
        out: the run folder.
        step: of the state that the run goes on from.
        trackers: names of `TRACKERS`.
        recipe: every setting of the run, as JSON holds it.
    """

    def __init__(
        self, out: Path, step: int, trackers: tuple[str, ...] = (), recipe: Mapping[str, Any] | None = None
    ):
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self.lines = [line for line in read_log(out) if line["step"] <= step]
        write_whole(out / LOG, b"".join(_encode(line) for line in self.lines))
        versions = json.dumps(versions_of_run(), indent=1) + "\n"
        write_whole(out / VERSIONS, versions.encode())
        if recipe is not None:
            write_whole(out / RECIPE, (json.dumps(recipe, indent=1) + "\n").encode())
        check_trackers(trackers)
        self.trackers = [_tracker(name, out, step) for name in trackers]

    @property
    def minutes(self) -> float:
        """That the run has taken, up to the last line."""
        return max((line.get("minutes", 0.0) for line in self.lines), default=0.0)

    def report(self, numbers: Mapping[str, float]) -> None:
        """Log the numbers of a step; "step" is one of them."""
        line = dict(numbers)
        self.lines.append(line)
        with open(self.out / LOG, "ab") as file:
            file.write(_encode(line))
        for tracker in self.trackers:
            tracker(int(line["step"]), {name: v for name, v in line.items() if name != "step"})

    def draw(self) -> Path | None:
        """Write the curves; None where matplotlib is not installed or nothing is logged yet."""
        try:
            import matplotlib
        except ImportError:
            return None
        if not self.lines:
            return None
        matplotlib.use("agg")
        from matplotlib import pyplot

        panels: dict[str, list[str]] = {}
        for name in dict.fromkeys(name for line in self.lines for name in line):
            if name not in ("step", "minutes", "minutes_left"):
                panels.setdefault(_PANELS.get(name, name), []).append(name)
        columns = 4
        rows = -(-len(panels) // columns)
        figure, axes = pyplot.subplots(rows, columns, figsize=(4 * columns, 2.6 * rows), squeeze=False)
        for axis, (title, names) in zip(axes.flat, panels.items(), strict=False):
            for name in names:
                points = [(line["step"], line[name]) for line in self.lines if name in line]
                marker = "." if len(points) < 3 else None
                axis.plot(*zip(*points, strict=True), linewidth=1.2, marker=marker, label=name)
            axis.set_title(title, fontsize=10)
            axis.grid(alpha=0.3)
            if len(names) > 1:
                axis.legend(fontsize=6)
        for axis in list(axes.flat)[len(panels) :]:
            axis.set_visible(False)
        figure.supxlabel("step", fontsize=10)
        figure.tight_layout()
        path = self.out / CURVES
        write_whole(path, lambda file: figure.savefig(file, format="png", dpi=80))
        pyplot.close(figure)
        return path


def read_log(out: Path) -> list[dict[str, float]]:
    """The lines of a run's log; a last line that was cut short by a kill is left out.

    Raises:
        DataError: another line is not a report.
    """
    path = out / LOG
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")
    whole, found = lines[:-1], []
    for number, line in enumerate(whole, start=1):
        try:
            fields = json.loads(line)
            fields["step"] + 0
        except (ValueError, KeyError, TypeError):
            raise DataError(
                f"{path}:{number}: this line is no report of a step; we did not write it. Move the file away"
            ) from None
        found.append(fields)
    return found


def versions_of_run() -> dict[str, Any]:
    """What the numbers of a run may depend on."""
    import numpy
    import torch

    return {
        "locany": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "cuda": torch.version.cuda,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine(),
        "threads": torch.get_num_threads(),
    }


def _encode(line: Mapping[str, float]) -> bytes:
    return (json.dumps(dict(line)) + "\n").encode()


def check_trackers(names: Sequence[str]) -> None:
    """Raise DataError where one is not known."""
    if unknown := next((name for name in names if name not in TRACKERS), None):
        raise DataError(f"no tracker {unknown!r}; there are: {', '.join(TRACKERS)}")


def _tracker(name: str, out: Path, step: int) -> Tracker:
    """A tracker that goes on behind a step: what was reported of later ones is about to be made again."""
    if name == "tensorboard":
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboard", "train", "logging to TensorBoard") from None
        writer = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

        def to_tensorboard(step: int, numbers: Mapping[str, float]) -> None:
            for key, value in numbers.items():
                writer.add_scalar(key, value, step)
            writer.flush()

        return to_tensorboard
    if name == "wandb":
        try:
            import wandb
        except ImportError:
            raise MissingExtraError("wandb", "wandb", "logging to Weights & Biases") from None
        known = out / WANDB_ID  # without it, every restart would be another run there
        if not known.is_file():
            write_whole(known, uuid.uuid4().hex[:12].encode())
        number = known.read_text(encoding="utf-8").strip()
        run = wandb.init(project="locany", dir=str(out), name=out.name, id=number, resume="allow")
        return lambda step, numbers: run.log(dict(numbers), step=step)
    raise AssertionError(name)
