"""The supervised loop: render, encode, both streams, update. Reads from top to bottom."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from locany.data.loader import PackStream, Step, steps
from locany.device import on_device, tune_cpu_allocator
from locany.engine.memory import is_out_of_memory, release_memory
from locany.errors import DataError, LocanyError, TrainingError
from locany.files import locked_folder
from locany.train.checkpoint import States
from locany.train.config import TrainConfig
from locany.train.data import SampleStream
from locany.train.log import RunLog
from locany.train.objective import compute_loss, prepare, sigma_at, step_size
from locany.train.ranks import Ranks, join_ranks
from locany.train.report import Numbers, Window, line_for_people, scores_for_people
from locany.train.run import (
    ADAPTER,
    Run,
    as_json,
    export,
    hold_to_data,
    measured_on,
    save,
    start,
    take_best,
    whole_run,
)
from locany.train.sources import check_sources

Evaluate = Callable[[Run], dict[str, float]]
_LARGE_STEP = (
    "lower rows of one forward (micro_rows) or stream.pack.budget, set checkpointing=true, or take smaller "
    "images"
)
_LARGE_MODEL = "take a smaller model or a device with more memory, or split it among several (shard=true)"
DRAW_EVERY = 60.0  # seconds at least between drawings of the curves
PATIENCE = 30.0  # seconds to wait for the folder: loader workers of a killed run live a little longer


def train(config: TrainConfig, say: Callable[[str], None] = print, evaluate: Evaluate | None = None) -> Run:
    """Train until `config.steps` or `config.minutes`, saving as it goes; resumes what `config.out` holds.

    Started by torchrun, it is one of several ranks; the first one speaks, logs, measures and writes.

    Args:
        say: prints a line for people.
        evaluate: measures the run at its present weights; "f1" in its answer is the score of the state.

    Raises:
        DataError, CheckpointError: the recipe, its data or its checkpoint cannot be used; or another process
            writes to the run folder.
        TrainingError: the loss is not a number, or memory has run out.
    """
    check_sources((*config.data.sources, *config.evaluation.sources))
    if config.device == "cpu":
        tune_cpu_allocator()
    out = Path(config.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"out={out} cannot be the run folder ({error.strerror}); give another one") from None
    with (
        join_ranks(config.device) as ranks,
        locked_folder(out, PATIENCE) if ranks.is_first else nullcontext(),
    ):
        return train_on(ranks, config, say if ranks.is_first else _silent, evaluate)


def train_on(ranks: Ranks, config: TrainConfig, say: Callable[[str], None], evaluate: Evaluate | None) -> Run:
    """`train` on one of the ranks."""
    began = drawn = time.monotonic()
    ranks.wait()  # until the first one has the folder to itself: whoever had it may have saved another state
    with no_memory_left("in loading the model", _LARGE_MODEL):
        run = start(config, ranks)
    if ranks.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(ranks.device)  # of the steps, not of reading the weights
    log = RunLog(Path(config.out), run.step, config.trackers, as_json(config)) if ranks.is_first else None
    say(opening(run, config))
    window = Window(config, ranks, began, minutes_before=log.minutes if log else 0.0)
    if evaluate and run.step < config.steps and ranks.agree(is_measure_missing(config, run.step)):
        try_measure(run, config, evaluate, say, log)
        ranks.wait()
    run.model.train()
    window.start_clock()
    saved = time.monotonic()
    for step in itertools.islice(loader(run, config), config.steps - run.step):
        # For dropout, and the cells whose places are asked: the same after a restart.
        torch.manual_seed(hash_of(config.seed, run.step, ranks.rank))
        with no_memory_left(f"at step {run.step}", _LARGE_STEP):
            learn(run, step, config, window)
        run.advance(config.rows, step.lanes)
        last = run.step == config.steps
        at_line = last or run.step % config.log_every == 0  # else a short run would say nothing of its loss
        if at_line:
            line = window.line(run.step, sigma_at(config, run.step - 1))
            say(line_for_people(line, config.steps))
            if log:
                log.report(line)
        out_of_time, save_due = has_passed(config.minutes, began), has_passed(config.save_minutes, saved)
        if (config.minutes > 0 or config.save_minutes > 0) and not ranks.is_alone:
            # Ranks agree where they wait for each other anyway.
            out_of_time, save_due = ranks.agree((out_of_time, save_due)) if at_line else (False, False)
        if last or out_of_time or save_due or run.step % config.save_every == 0:
            window.stop_clock()
            window.check()
            save(run, config)
            every = config.evaluation.every
            if evaluate and not last and (out_of_time or (every and run.step % every == 0)):
                try_measure(run, config, evaluate, say, log)
            if log and (last or out_of_time or time.monotonic() - drawn > DRAW_EVERY):
                log.draw()
                drawn = time.monotonic()
            ranks.wait()
            window.start_clock()
            saved = time.monotonic()
        if out_of_time:
            break
    if run.step == config.steps:
        finish(run, config, say, evaluate, log)
    return run


def is_measure_missing(config: TrainConfig, step: int) -> bool:
    """Whether a run was killed in measuring the state of this step, from which it goes on."""
    every, newest = config.evaluation.every, States(Path(config.out)).newest
    return bool(every and step and step % every == 0 and newest is not None and newest.score is None)


def opening(run: Run, config: TrainConfig) -> str:
    """What a run says of itself before it begins."""
    known = {**dict(run.model.named_parameters()), **run.learning}  # with auxiliary heads
    num_parameters = sum(p.numel() for p in known.values())
    num_learning = sum(p.numel() for p in run.learning.values())
    ranks = "" if run.ranks.is_alone else f", {run.ranks.count} ranks"
    return (
        f"{num_learning / 1e6:.2f} M of {num_parameters / 1e6:.2f} M parameters learn, "
        f"step {run.step} of {config.steps}, {run.ranks.device}, {torch.get_num_threads()} threads{ranks}"
    )


def loader(run: Run, config: TrainConfig) -> Iterator[Step]:
    """What this rank learns from, from where the run stands."""
    ranks, packing = run.ranks, config.stream
    if config.compile:  # rows of one width: layers compiled for any width fail on the CPU (docs/log.md)
        packing = replace(packing, multiple=packing.pack.budget)
    samples = SampleStream(config.data)
    hold_to_data(run, config, samples.fingerprint())
    stream = PackStream(
        samples,
        str(run.folder),
        run.preprocess,
        packing,
        progress=run.progress,
        rank=ranks.rank,
        num_ranks=ranks.count,
        skip_faults=config.data.skip_faults,
    )
    return steps(
        stream,
        config.rows // ranks.count,
        run.tokenizer.vocab.pad,
        num_workers=config.num_workers,
        micro_rows=config.micro_rows,
        pinned=ranks.device.type == "cuda",
    )


def learn(run: Run, step: Step, config: TrainConfig, window: Window) -> None:
    """One update of the weights."""
    ranks, device = run.ranks, run.ranks.device
    forwards = [prepare(run, batch) for batch in step.batches]
    size = step_size(run, forwards, config.loss)
    total, reports = torch.zeros((), device=device), list[Numbers]()
    for forward in forwards:
        moved = on_device(forward, device)
        # Its cache would keep every layer whole in bfloat16, which sharding is there to avoid.
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16, cache_enabled=not config.shard):
            loss, report = compute_loss(run, moved, size, config)
        # Gradients are averaged over ranks, while the losses of all forwards add up.
        if loss.requires_grad:  # not where only the encoder learns, of text alone
            (loss * ranks.count).backward()
        total += loss.detach()
        reports.append(report)
    ranks.mean_gradients(run.learning.values())
    norm = run.optimizers.step(run.step, config.steps)
    window.add(run.step, total, norm, reports, step)


def measure(
    run: Run, config: TrainConfig, evaluate: Evaluate, say: Callable[[str], None], log: RunLog | None
) -> None:
    """Measure the present weights on the first rank and enter the score of their state."""
    complete = whole_run(run)
    if complete is None or log is None:
        return
    device = run.ranks.device
    release_memory(device)  # for the engine that answers, whose caches go before training goes on
    try:
        if complete is not run:
            dtype = torch.bfloat16 if device.type == "cuda" else None
            complete = replace(complete, model=complete.model.to(device, dtype))
        found = evaluate(complete)
    finally:
        del complete
        gc.collect()  # captured steps know their runner and it them
        release_memory(device)
    say(scores_for_people(run.step, found))
    log.report({"step": run.step, **found})
    States(Path(config.out), config.keep_last).score(run.step, found["f1"], measured_on(config))


def try_measure(
    run: Run, config: TrainConfig, evaluate: Evaluate, say: Callable[[str], None], log: RunLog | None
) -> None:
    """`measure`, on the way: a run goes on without a score where, say, the engine has no memory left."""
    try:
        measure(run, config, evaluate, say, log)
        return
    except Exception as error:
        if not isinstance(error, LocanyError) and not is_out_of_memory(error):
            raise
        say(f"step {run.step} could not be measured: {error}")
    run.model.train()
    gc.collect()  # what the error held
    release_memory(run.ranks.device)


def finish(
    run: Run, config: TrainConfig, say: Callable[[str], None], evaluate: Evaluate | None, log: RunLog | None
) -> None:
    """What a whole run leaves, its model and its score; also after a stop between its last step and these."""
    with no_memory_left("in writing the model", _LARGE_MODEL):
        model = export(run, config)  # first: what it is measured on may be faulty
    say(f"wrote {model}" + (f" and {model.with_name(ADAPTER)}" if config.lora else ""))
    states = States(Path(config.out), config.keep_last)
    newest = states.newest
    known = newest is not None and newest.score is not None and newest.measured_on == measured_on(config)
    if evaluate and run.ranks.agree(not known):
        measure(run, config, evaluate, say, log)
        if log:
            log.draw()
    run.ranks.wait()
    best = States(Path(config.out)).best
    if best is None or best.step == run.step:
        return
    if config.export_best:
        take_best(run, config)
        export(run, config)
        run.ranks.wait()
        say(f"exported the weights of step {best.step}, which scored best ({best.score:.3f})")
    else:
        say(
            f"step {best.step} scored better ({best.score:.3f}) than the last one, which is exported; the "
            "same command with export_best=true takes it"
        )


@contextmanager
def no_memory_left(when: str, advice: str) -> Iterator[None]:
    """Say what to change where memory runs out.

    Raises:
        TrainingError: in place of the allocator's error.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingError(
            f"memory ran out {when} ({(str(error) or 'no room').splitlines()[0]}); {advice}, and run again: "
            "it goes on from the newest state"
        ) from error


def has_passed(minutes: float, since: float) -> bool:
    """Whether so long has passed since a reading of `time.monotonic`; never for 0."""
    return minutes > 0 and time.monotonic() - since > 60 * minutes


def hash_of(seed: int, step: int, rank: int = 0) -> int:
    """One seed for each step of each rank of a run."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1)[0])


def _silent(_: str) -> None:
    """What ranks other than the first have to say."""
