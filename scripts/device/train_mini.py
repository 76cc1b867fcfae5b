"""Train locany-mini for some minutes on a bare machine, and hand back what is needed to go on from there.

    python3 scripts/device/train_mini.py --travel build/mini/call-1 --out $OUT --minutes 8.3 [--decay 0]
        [NAME=VALUE ...]
    python3 scripts/device/train_mini.py --join FOLDER --to CHECKPOINT     (at home: FOLDER is what came back)

What `prepare_mini.py` packed is unpacked below --work, where the run lives, too: the next call goes on from
its newest state, with the pages of all calls. Where that disk is gone, it begins from the `begin` that was
packed, if any: weights, heads and the place in the stream. --decay lets the rate fall to zero over so many
last minutes. Every few minutes and at the end --out gets the checkpoint in parts of at most 15 MiB, the log,
the curves and a report that says whether the card was busy.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import lzma
import os
import queue
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

PROCESS_BEGAN = time.monotonic()
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of each worker; they fill the machine

import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from locany.data.lanes import LaneState  # noqa: E402
from locany.data.loader import Progress, Step  # noqa: E402
from locany.device import tune_cpu_allocator  # noqa: E402
from locany.files import write_whole  # noqa: E402
from locany.train.config import TrainConfig  # noqa: E402
from locany.train.log import CURVES, LOG, RunLog, versions_of_run  # noqa: E402
from locany.train.objective import sigma_at  # noqa: E402
from locany.train.ranks import join_ranks  # noqa: E402
from locany.train.recipe import load_recipe  # noqa: E402
from locany.train.report import Window, line_for_people  # noqa: E402
from locany.train.run import MODEL, Run, export, save, start  # noqa: E402
from locany.train.sft import hash_of, learn, loader, no_memory_left, opening  # noqa: E402
from locany.train.sources import Rendered  # noqa: E402
from locany.train.warm_start import HEADS_FILE  # noqa: E402

PART = 15 * 2**20
# Pythons before 3.10.12 and 3.11.4 know no filters.
PLAIN: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
CHECKPOINT, REPORT, PROGRESS = "checkpoint.tar", "report.json", "progress.json"
MODES = ("fast", "hybrid", "slow")
MAX_NEW_TOKENS = 256  # of an answer when measuring


def extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Extract plain files and folders below `folder`; refuse an archive that holds anything else."""
    for member in tar.getmembers():
        path = Path(member.name)
        if not (member.isfile() or member.isdir()) or path.is_absolute() or ".." in path.parts:
            sys.exit(f"the archive holds {member.name!r}, which is no plain file of its own; make it again")
    tar.extractall(folder, **PLAIN)


def say(text: str) -> None:
    print(f"[{time.monotonic() - PROCESS_BEGAN:6.1f} s] {text}", flush=True)


# -- before -------------------------------------------------------------------------------------------------


def unpack(travel: Path, work: Path) -> None:
    """Put what came with this call beside what came before, and make it known to the engines."""
    for first in sorted(travel.glob("*.tar.xz.0")):
        files = sorted(travel.glob(f"{first.stem}.*"), key=lambda path: int(path.suffix[1:]))
        packed = b"".join(path.read_bytes() for path in files)
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress(packed))) as tar:
            extract(tar, work)
    base = work / "base"
    site = work / "site"
    for wheel in (base / "wheels").glob("*.whl"):
        with zipfile.ZipFile(wheel) as file:
            file.extractall(site)
    sys.path.append(str(site))
    os.environ["LOCANY_RENDER_ASSETS"] = str(base / "render")
    # The engines ask fontconfig for fonts; here a script answers with the list that was packed.
    tool = work / "bin" / "fc-list"
    tool.parent.mkdir(parents=True, exist_ok=True)
    fonts = base / "fonts"
    tool.write_text(
        f'#!/bin/sh\ncase "$*" in\n*Emoji*) echo "{fonts}/emoji.ttf: " ;;\n'
        f'*) sed "s|@|{fonts}|" "{fonts}/fc-list.txt" ;;\nesac\n'
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    os.environ["PATH"] = f"{tool.parent}{os.pathsep}{os.environ['PATH']}"


def open_begin(folder: Path) -> dict[str, Any] | None:
    """Turn a packed beginning into files that a run can begin from; returns how far it has come."""
    if not (folder / PROGRESS).is_file():
        return None
    for path in (folder / MODEL / "model.safetensors", folder / HEADS_FILE):
        packed = load_file(path)
        whole = {}
        for name, tensor in packed.items():
            if name.endswith(".scale"):
                continue
            scale = packed.get(f"{name}.scale")
            if scale is not None:
                tensor = tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
            whole[name] = tensor.to(torch.bfloat16)
        if any(name.endswith(".scale") for name in packed):
            save_file(whole, path, metadata={"format": "pt"})
    found: dict[str, Any] = json.loads((folder / PROGRESS).read_text())
    return found


def beginning_from(folder: Path, before: dict[str, Any]) -> list[str]:
    """Settings of a run that begins from another one's weights."""
    return [
        f"begin={folder / MODEL}",
        f"begin_heads={folder / HEADS_FILE}",
        "dense_steps=0",
        f"loss.sigma_start={before['sigma']}",
    ]


def progress_of(fields: dict[str, Any]) -> Progress:
    lanes = {
        int(number): LaneState(lane["drawn"], tuple((p, age) for p, age in lane["waiting"]))
        for number, lane in fields["lanes"].items()
    }
    return Progress(fields["packs"], lanes)


# -- meanwhile ----------------------------------------------------------------------------------------------


def ahead(steps: Iterator[Step], depth: int = 2) -> Iterator[Step]:
    """The same steps, put together in a thread while the card is at work."""
    ready: queue.Queue[Step | BaseException] = queue.Queue(depth)
    ready.put(next(steps))  # workers are forked here, while there is no other thread

    def fill() -> None:
        try:
            for step in steps:
                ready.put(step)
        except BaseException as error:
            ready.put(error)

    threading.Thread(target=fill, daemon=True).start()
    while True:
        found = ready.get()
        if isinstance(found, BaseException):
            raise found
        yield found


class Watch:
    """How busy the card is, by nvidia-smi, every few seconds."""

    def __init__(self) -> None:
        self.percent: list[float] = []
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while True:
            try:
                found = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
                self.percent.append(float(found.stdout.split()[0]))
            except (OSError, ValueError, IndexError, subprocess.SubprocessError):
                return
            time.sleep(3)

    def mean(self, last: int = 15) -> float | None:
        found = self.percent[-last:]
        return round(sum(found) / len(found), 1) if found else None


class Piece:
    """One call's share of the run.

    Args:
        end: `time.monotonic` when the last step should be over.
        decay: seconds before the end from which the rate falls to zero; 0 holds it.
        before: samples learnt from before this run began.
    """

    def __init__(self, run: Run, config: TrainConfig, end: float, decay: float, before: dict[str, Any]):
        self.run, self.config, self.end, self.decay, self.before = run, config, end, decay, before
        self.first_step, self.num_samples, self.waited = run.step, 0, 0.0
        self.began = time.monotonic()
        self.steady: tuple[float, int, int, float] | None = None  # time, step, samples, waited
        self.falling = False
        self.watch: Watch | None = None

    def train(self, log: RunLog, deliver: Callable[[], object], every: float) -> None:
        """Learn until the time is up, delivering every so many seconds."""
        run, config = self.run, self.config
        window = Window(config, run.ranks, PROCESS_BEGAN, log.minutes)
        steps = ahead(loader(run, config))
        first = next(steps)
        self.watch = Watch()
        say(f"the first step is there: {first.num_samples} samples")
        steps = itertools.chain([first], steps)
        run.model.train()
        delivered, told = time.monotonic(), 0
        while run.step < self.config.steps and time.monotonic() < self.end:
            at = time.monotonic()
            step = next(steps)
            self.waited += time.monotonic() - at
            torch.manual_seed(hash_of(config.seed, run.step))
            with no_memory_left(f"at step {run.step}", "lower rows or the budget of a pack"):
                learn(run, step, self.config, window)
            run.advance(config.rows, step.lanes)
            self.num_samples += step.num_samples
            now = time.monotonic()
            if self.steady is None and run.step >= self.first_step + 10:  # compiled, workers warm
                self.steady = now, run.step, self.num_samples, self.waited
            if run.step % config.log_every == 0:
                line = {**window.line(run.step, sigma_at(config, run.step - 1)), **self.speed()}
                line["rate"] = round(self._share(), 4)
                log.report(line)
                say(line_for_people(line, self.config.steps))
            if now - PROCESS_BEGAN > (30, 60, 120, 1e9)[told]:
                told += 1
                say(f"the card: {json.dumps(self.speed())}")
            if self.decay and not self.falling and now > self.end - self.decay:
                self._begin_to_fall(now)
            if now - delivered > every:
                window.stop_clock()
                window.check()
                deliver()
                delivered = time.monotonic()
                window.start_clock()
        window.check()

    def _begin_to_fall(self, now: float) -> None:
        """From here the schedule ends when the time does."""
        since, step = (self.steady or (self.began, self.first_step, 0, 0.0))[:2]
        seconds = (now - since) / max(1, self.run.step - step)
        left = max(1, int(0.98 * (self.end - now) / seconds))
        steps = self.run.step + left  # behind the dense steps, however slow the machine is
        self.config = replace(self.config, steps=steps, dense_steps=min(self.config.dense_steps, steps - 1))
        share = left / self.config.steps
        self.run.optimizers.config = replace(self.config.optim, decay_share=share)
        self.falling = True
        say(f"the rate falls to zero over {left} steps of {seconds:.3f} s")

    def _share(self) -> float:
        from locany.train.optim import rate_scale

        return rate_scale(self.run.step, self.config.steps, self.run.optimizers.config)

    def speed(self) -> dict[str, float]:
        """Since the first steps: samples a second, share of the time that waits for data; of the card."""
        if self.steady is None:
            return {}
        at, step, samples, waited = self.steady
        passed = time.monotonic() - at
        found = {
            "steps_s": round((self.run.step - step) / passed, 2),
            "samples_s": round((self.num_samples - samples) / passed, 1),
            "waiting": round((self.waited - waited) / passed, 3),
        }
        busy = self.watch.mean() if self.watch else None
        return found if busy is None else {**found, "gpu_percent": busy}

    def progress(self) -> dict[str, Any]:
        """How far the whole training has come, for whoever goes on."""
        lanes = {
            number: {"drawn": lane.drawn, "waiting": lane.waiting}
            for number, lane in self.run.progress.lanes.items()
        }
        return {
            "step": self.run.step,
            "steps_before": self.before.get("steps_before", 0) + self.before.get("step", 0),
            "samples": self.before.get("samples", 0) + self.num_samples,
            "sigma": round(sigma_at(self.config, self.run.step), 3),
            "rate": round(self._share(), 4),
            "packs": self.run.progress.packs,
            "lanes": lanes,
        }


# -- afterwards ---------------------------------------------------------------------------------------------


def deliver(out: Path, piece: Piece, facts: dict[str, Any]) -> dict[str, Any]:
    """Write the checkpoint in parts, the log and the report; older ones are replaced when all is written."""
    run, config = piece.run, piece.config
    save(run, config)
    folder = export(run, config)
    heads = {n: t.to(torch.bfloat16) for n, t in load_file(Path(config.out) / HEADS_FILE).items()}
    progress = piece.progress()
    write_whole(Path(config.out) / PROGRESS, json.dumps(progress).encode())
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.add(folder, MODEL)
        write_whole(Path(config.out) / "heads.bf16", lambda file: file.write(_safetensors(heads)))
        tar.add(Path(config.out) / "heads.bf16", HEADS_FILE)
        tar.add(Path(config.out) / PROGRESS, PROGRESS)
    content = stream.getvalue()
    parts = [content[at : at + PART] for at in range(0, len(content), PART)]
    report = {
        **facts,
        "parts": len(parts),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "parameters": sum(p.numel() for p in run.model.parameters()),
        **{name: progress[name] for name in ("step", "steps_before", "samples", "sigma", "rate")},
        "speed": piece.speed(),
        "seconds": round(time.monotonic() - PROCESS_BEGAN, 1),
    }
    fresh = {f"{CHECKPOINT}.{number}": part for number, part in enumerate(parts)}
    fresh[LOG] = (Path(config.out) / LOG).read_bytes()
    curves = Path(config.out) / CURVES
    if curves.is_file():
        fresh[CURVES] = curves.read_bytes()
    out.mkdir(parents=True, exist_ok=True)
    for name, file in fresh.items():
        (out / f"new-{name}").write_bytes(file)
    for name in fresh:
        (out / f"new-{name}").replace(out / name)
    write_report(out, report)
    say(f"delivered step {run.step}: {len(content) / 2**20:.1f} MiB in {len(parts)} parts")
    return report


def write_report(out: Path, report: dict[str, Any]) -> None:
    write_whole(out / REPORT, (json.dumps(report, indent=1) + "\n").encode())


def _safetensors(tensors: dict[str, torch.Tensor]) -> bytes:
    from safetensors.torch import save as as_bytes

    return as_bytes({name: tensor.contiguous() for name, tensor in tensors.items()})


def evaluate(
    folder: Path, held_out: Path, device: str, seconds: float, tell: Callable[[dict[str, Any]], None]
) -> None:
    """F1 of every held-out set in every mode, on as many images as there is time for, one after the other.

    Args:
        tell: is given what is known so far, again and again.
    """
    from locany.data.shard_folder import ShardFolder
    from locany.eval.detection import Counts, count, total
    from locany.locator import load

    began = time.monotonic()
    locator = load(str(folder), device=device, dtype="float32", allow_download=False)
    sets = {p.parent.name: ShardFolder(p.parent) for p in sorted(held_out.glob("*/manifest.json"))}
    found: dict[str, dict[str, list[Counts]]] = {name: {mode: [] for mode in MODES} for name in sets}
    for number in range(max(map(len, sets.values()), default=0)):
        for name, samples in sets.items():
            if number >= len(samples):
                continue
            sample, by_mode = samples[number], found[name]
            for mode in MODES:
                if time.monotonic() - began > seconds:
                    return
                asked = ((sample.pixels(), question.task) for question in sample.questions[:6])
                answers = locator.locate_many(asked, mode=mode, max_new_tokens=MAX_NEW_TOKENS)
                counts = [count(q, a) for q, a in zip(sample.questions[:6], answers, strict=True)]
                by_mode[mode].append(total(counts))
            scores = {mode: round(total(c).f1, 4) for mode, c in by_mode.items()}
            tell({name: {"images": len(by_mode[MODES[0]]), **scores}})


def join(folder: Path, to: Path) -> None:
    """Put parts together, check them, and write the checkpoint folder."""
    from locany.weights.load import load_model

    report = json.loads((folder / REPORT).read_text())
    content = b"".join((folder / f"{CHECKPOINT}.{n}").read_bytes() for n in range(report["parts"]))
    if hashlib.sha256(content).hexdigest() != report["sha256"]:
        sys.exit(f"{folder}: the parts are not those of the report; take what another call delivered")
    to.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        extract(tar, to)
    model = load_model(to / MODEL, device="cpu", dtype=torch.float32)
    count = sum(p.numel() for p in model.parameters())
    finite = all(bool(p.isfinite().all()) for p in model.parameters())
    if count != report["parameters"] or not finite:
        sys.exit(f"{to}: {count} parameters, expected {report['parameters']}, all of them finite: {finite}")
    print(f"{to}: {count / 1e6:.2f} M parameters of step {report['step']}, {report['samples']} samples")


# -- all of it ----------------------------------------------------------------------------------------------


def run_piece(arguments: argparse.Namespace, settings: Sequence[str]) -> None:
    """Everything that one call does."""
    work, out = arguments.work, arguments.out
    end = PROCESS_BEGAN + 60 * arguments.minutes
    unpack(arguments.travel, work)
    given = [f"out={work / 'run'}", f"travel={work}", *settings]
    before: dict[str, Any] = {}
    is_new = not (work / "run" / "states" / "index.json").is_file()
    brought = open_begin(work / "begin") if is_new else None
    began = work / "began_with.json"  # settings of the first call, which hold for those that go on
    if brought:
        added = beginning_from(work / "begin", brought)
        write_whole(began, json.dumps(added).encode())
        given += added
        before = brought
    elif is_new:
        began.unlink(missing_ok=True)
    elif began.is_file():
        given += json.loads(began.read_text())
    if not is_new and (work / "run" / PROGRESS).is_file():
        last = json.loads((work / "run" / PROGRESS).read_text())
        before = {"samples": last["samples"], "steps_before": last["steps_before"]}
    config = load_recipe(ROOT / "recipes" / "mini_gpu.py", given)
    sources = [s.engine if isinstance(s, Rendered) else Path(s.path).parent.name for s in config.data.sources]
    say(f"{versions_of_run()}; {os.cpu_count()} cores; sources: {', '.join(sources)}")
    if config.device == "cuda":
        torch.set_float32_matmul_precision("high")
    else:
        tune_cpu_allocator()
    with join_ranks(config.device) as ranks:
        run = start(config, ranks)
        if brought:
            run.progress = progress_of(brought)
        how = "goes on from the disk" if run.step else "begins from what was brought" if brought else "is new"
        say(f"the run {how}: {opening(run, config)}")
        piece = Piece(run, config, end, 60 * arguments.decay, before)
        log = RunLog(Path(config.out), run.step)
        facts = {"how": how, "settings": list(settings), "versions": versions_of_run()}
        piece.train(log, lambda: deliver(out, piece, facts), 60 * arguments.every)
        log.draw()
        report = deliver(out, piece, facts)
        say(f"the card over the whole piece: {json.dumps(report['speed'])}")
        checkpoint, held_out = Path(config.out) / MODEL, work / "base" / "held_out"
        # What is delivered is safe; a model that does not stop to write may be stopped while it is measured.
        threading.Timer(arguments.evaluate + 15, finish, (out, report)).start()
        report["f1"] = {}
        evaluate(checkpoint, held_out, config.device, arguments.evaluate, report["f1"].update)
        finish(out, report)


def finish(out: Path, report: dict[str, Any]) -> None:
    """Write what was measured and end: workers and threads make what nobody will learn from any more."""
    say(f"held out: {json.dumps(report['f1'])}")
    write_report(out, report)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("settings", nargs="*", help="NAME=VALUE of the recipe")
    parser.add_argument("--travel", type=Path, default=ROOT / "build" / "mini" / "call-1")
    parser.add_argument("--work", type=Path, default=Path("/tmp/mini"))
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "/tmp/mini/out")))
    parser.add_argument("--minutes", type=float, default=8.3, help="from the start of this process")
    parser.add_argument("--decay", type=float, default=0.0, help="minutes at the end in which the rate falls")
    parser.add_argument("--every", type=float, default=2.5, help="minutes between deliveries")
    parser.add_argument("--evaluate", type=float, default=25.0, help="seconds of measuring at the end")
    parser.add_argument("--join", type=Path, help="folder with the parts that came back")
    parser.add_argument("--to", type=Path, help="checkpoint folder to write")
    arguments = parser.parse_intermixed_args()
    if arguments.join:
        join(arguments.join, arguments.to or arguments.join / "checkpoint")
    else:
        run_piece(arguments, arguments.settings)


if __name__ == "__main__":
    main()
