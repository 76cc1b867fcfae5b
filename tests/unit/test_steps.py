"""One step, however it is computed: in several forwards, with layers computed twice, and what it reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from locany.codec import Tokenizer
from locany.data.collate import collate
from locany.data.conversation import encode_conversation
from locany.data.converters import write_samples
from locany.data.encode import encode_sample
from locany.data.loader import Step
from locany.data.sample import Question, Sample, Target
from locany.device import on_device
from locany.errors import DataError, TrainingError
from locany.image import PreprocessConfig
from locany.tasks import Task
from locany.train.data import DataConfig
from locany.train.log import read_log
from locany.train.objective import compute_loss, encode, prepare, step_size
from locany.train.ranks import Ranks
from locany.train.report import KINDS, Window, kinds_of, line_for_people, numbers_by_kind
from locany.train.run import start
from locany.train.sft import loader, train
from locany.train.sources import Stored
from tests.unit.squares import Config, render
from tests.unit.train_fixtures import (
    WITH_TRUTH,
    assert_same_weights,
    losses,
    newest_state,
    run_folder,  # noqa: F401
    tiny_run,
)


def trained(folder: Path, name: str, **changes: object) -> Path:
    config = tiny_run(folder, out=str(folder / name), **changes)
    train(config, lambda _: None)
    return folder / name


def test_several_forwards_learn_what_one_learns(run_folder: Path) -> None:  # noqa: F811
    whole = trained(run_folder, "rows-4", micro_rows=4)
    for rows in (1, 2):
        parts = trained(run_folder, f"rows-{rows}", micro_rows=rows)
        assert losses(parts) == pytest.approx(losses(whole), abs=2e-4)
        assert_same_weights(parts, whole, atol=5e-6)


def test_auxiliary_losses_weigh_by_visual_tokens(run_folder: Path) -> None:  # noqa: F811
    """They are means of each forward, so parts learn nearly the same, and report the same present cells."""
    changes = {"loss": WITH_TRUTH, "dense_steps": 2, "steps": 3}
    whole = trained(run_folder, "truth-4", **changes)
    parts = trained(run_folder, "truth-1", micro_rows=1, **changes)
    assert losses(parts) == pytest.approx(losses(whole), rel=0.02)
    assert_same_weights(parts, whole, atol=1e-2)


def test_layers_computed_twice_learn_the_same(run_folder: Path) -> None:  # noqa: F811
    """Bit for bit, with every loss that reads a layer's output through a hook."""
    changes = {"loss": WITH_TRUTH, "dense_steps": 1, "steps": 3}
    once = newest_state(trained(run_folder, "once", **changes))
    twice = newest_state(trained(run_folder, "twice", checkpointing=True, **changes))
    for name, tensor in once["learning"].items():
        assert torch.equal(tensor, twice["learning"][name]), name


def test_packs_without_objects_and_images_with_them(run_folder: Path) -> None:  # noqa: F811
    """A forward without a single object has no auxiliary losses, and the step goes on."""
    samples = [render(seed, Config(blank_every=2)) for seed in range(4)]
    assert [bool(sample.objects) for sample in samples] == [True, False, True, False]
    write_samples(samples, run_folder / "blanks", "shards")
    data = DataConfig((Stored(str(run_folder / "blanks")),))
    pack = replace(tiny_run(run_folder).stream.pack, budget=240, buffer_size=1)
    stream = replace(tiny_run(run_folder).stream, pack=pack)
    changes = {"loss": WITH_TRUTH, "dense_steps": 1, "data": data, "stream": stream, "micro_rows": 1}
    assert all(np.isfinite(losses(trained(run_folder, "blank", **changes))))


@pytest.fixture
def step(run_folder: Path) -> tuple[Step, Tokenizer]:  # noqa: F811
    tokenizer = Tokenizer.from_folder(run_folder / "tokenizer")
    image = np.zeros((56, 84, 3), np.uint8)
    asked = Question(
        Task.detect(["red", "blue"]), (Target("red", (1, 2, 20, 24)), Target("red", (5, 6, 27, 27)))
    )
    sample = encode_sample(
        tokenizer, Sample(image, (asked,), asked.targets), PreprocessConfig(in_token_limit=100)
    )
    batch = collate([[sample, sample], [sample]], tokenizer.vocab.pad)
    return Step((batch,), {}, 2, 3, 3 * len(sample)), tokenizer


def test_every_target_has_a_kind(step: tuple[Step, Tokenizer]) -> None:
    batch, vocab = step[0].batches[0], step[1].vocab
    kinds = kinds_of(batch, vocab)
    found = {name: batch.targets[kinds == number].tolist() for number, name in enumerate(KINDS)}
    assert len(found["box"]) == 3 * 2 * 6
    assert set(found["null"]) == {vocab.null}
    assert found["end"] == [vocab.end] * 3
    assert len(found["negative"]) == 3 * 3  # <box> None </box> for blue
    assert found["label"].count(vocab.ref) == 3 * 2
    assert sum(map(len, found.values())) == int((batch.targets >= 0).sum())
    numbers = numbers_by_kind(torch.ones(batch.targets.shape), (kinds == 2).float(), kinds)
    assert {name: float(weight) for name, (_, weight) in numbers.items()}["box"] == 36
    assert [float(part) for part in numbers["box_acc"]] == [36, 36]
    assert [float(part) for part in numbers["end_acc"]] == [0, 3]


def test_a_line_has_means_over_its_steps(step: tuple[Step, Tokenizer], run_folder: Path) -> None:  # noqa: F811
    config = tiny_run(run_folder, steps=40, minutes=60.0)
    window = Window(config, Ranks(), began=0.0)
    block = {"block_acc": (torch.tensor(2.0), 4), "next_token": (1.0, 1), "block": (1.0, 1)}
    window.add(0, torch.tensor(1.0), torch.tensor(3.0), [{"loss": (torch.tensor(6.0), 2), **block}], step[0])
    window.add(1, torch.tensor(1.0), torch.tensor(1.0), [{"loss": (2.0, 6), **block}], step[0])
    line = window.line(2, sigma=0.0)
    assert (line["loss"], line["grad"], line["samples"], line["block_acc"]) == (1.0, 2.0, 3.0, 0.5)
    assert line["packed"] == pytest.approx(step[0].num_positions / 1000, abs=1e-4)
    assert line["minutes_left"] == 0  # the clock stands at far more than an hour
    text = line_for_people({**line, "minutes_left": 134.2, "tokens_per_s": 12345.6}, 40)
    assert text.startswith("step  2 of 40  loss 1.000 (next token 1.000, block 1.000, 50 % right)  12,346 ")
    assert text.endswith("full  2 h 14 min left")


def test_what_is_no_training_does_not_count_in_the_speed(
    step: tuple[Step, Tokenizer],
    run_folder: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("locany.train.report.time.monotonic", lambda: now[0])
    window = Window(tiny_run(run_folder, steps=40), Ranks(), began=40.0, minutes_before=5.0)

    def learn(number: int) -> None:
        now[0] += 10
        window.add(number, torch.tensor(1.0), torch.tensor(1.0), [], step[0])

    learn(0)
    window.stop_clock()
    now[0] += 1000  # saves, measures
    window.start_clock()
    learn(1)
    line = window.line(2, sigma=0.0)
    assert line["tokens_per_s"] == pytest.approx(2 * step[0].num_positions / 20, abs=0.1)
    assert line["minutes_left"] == pytest.approx(38 * 10 / 60, abs=0.1)
    assert line["minutes"] == pytest.approx(5 + (10 + 1000 + 10 + 60) / 60, abs=0.1)


@pytest.mark.parametrize(("loss", "norm"), [(float("nan"), 1.0), (1.0, float("inf"))])
def test_what_is_not_finite_stops_the_run(
    step: tuple[Step, Tokenizer],
    run_folder: Path,  # noqa: F811
    loss: float,
    norm: float,
) -> None:
    window = Window(tiny_run(run_folder), Ranks(), began=0.0)
    with pytest.raises(TrainingError, match=r"at step 7 .* lower optim\.muon_lr"):
        window.add(7, torch.tensor(loss), torch.tensor(norm), [], step[0])


def test_preparing_counts_on_the_cpu_what_a_step_is_over(
    step: tuple[Step, Tokenizer],
    run_folder: Path,  # noqa: F811
) -> None:
    batch, vocab = step[0].batches[0], step[1].vocab
    run = start(tiny_run(run_folder, out=str(run_folder / "none")), Ranks())
    forward = on_device(prepare(run, batch), torch.device("cpu"))
    labels = forward.labels
    assert labels.num_next_token + labels.num_block == int((batch.targets >= 0).sum()) == len(labels.at)
    assert labels.weight(1.0, 0.5) == labels.num_next_token + 0.5 * labels.num_block
    assert torch.equal(batch.targets.flatten()[labels.at], labels.wanted)
    assert forward.num_cells == sum(h * w for h, w in batch.grids) // 4
    for token, number in zip(labels.wanted.tolist(), labels.bins.tolist(), strict=True):
        assert number == (vocab.bin_of(token) if vocab.is_coord(token) else -1)


def test_a_rank_without_images_still_uses_the_encoder(run_folder: Path) -> None:  # noqa: F811
    """Else ranks would wait for gradients that one of them does not have."""
    run = start(tiny_run(run_folder, out=str(run_folder / "none")), Ranks())
    tokenizer = run.tokenizer
    turns = [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "1234567"}]
    sample = encode_conversation(tokenizer, turns, [], run.preprocess, lambda _: 0)
    batch = collate([[sample]], tokenizer.vocab.pad)
    assert not batch.grids
    forward = prepare(run, batch)
    assert encode(run, forward)[0] is None
    for ranks in (Ranks(), Ranks(0, 2)):  # one rank alone learns as two do
        run.model.zero_grad()
        visual, zero = encode(replace(run, ranks=ranks), forward)
        assert visual is None
        assert float(zero.detach()) == 0
        zero.backward()
        used = [*run.model.vision.parameters(), *run.model.projector.parameters()]
        assert all(p.grad is not None and not p.grad.any() for p in used)


@pytest.mark.parametrize("dense_steps", [0, 2])
def test_packs_with_and_without_objects_move_the_same_weights(
    run_folder: Path,  # noqa: F811
    dense_steps: int,
) -> None:
    """Ranks average their gradients one beside the other, whatever each of them saw."""
    config = tiny_run(
        run_folder, out=str(run_folder / "same"), rows=1, loss=WITH_TRUTH, dense_steps=dense_steps, steps=3
    )
    moved = []
    for without in (False, True):
        run = start(config, Ranks())
        sample = render(0)
        if without:
            sample = replace(sample, objects=())
        encoded = encode_sample(run.tokenizer, sample, run.preprocess)
        forward = prepare(run, collate([[encoded]], run.tokenizer.vocab.pad))
        assert bool(forward.num_cells) is not without
        loss, _ = compute_loss(run, forward, step_size(run, [forward], config.loss), config)
        loss.backward()
        moved.append({name for name, p in run.learning.items() if p.grad is not None})
    assert moved[0] == moved[1]


def test_fewer_than_no_rows_are_refused(run_folder: Path) -> None:  # noqa: F811
    with pytest.raises(DataError, match="recipe: micro_rows is -1"):
        tiny_run(run_folder, micro_rows=-1)


def test_compiled_layers_get_rows_of_one_width(run_folder: Path) -> None:  # noqa: F811
    """Compiled for any width, they fail on the CPU at the second one they meet."""
    widths = {}
    for compiled in (False, True):
        config = tiny_run(run_folder, out=str(run_folder / "width"), compile=compiled)
        batches = next(iter(loader(start(config, Ranks(0, 1)), config))).batches
        widths[compiled] = {batch.token_ids.shape[1] for batch in batches}
    assert widths[True] == {500}, "the budget"
    assert widths[False] != {500}


def test_few_cells_are_asked_for_their_sides(run_folder: Path) -> None:  # noqa: F811
    """With a limit above the number of cells nothing is drawn; below it the losses stay means."""
    found = {}
    for most in (10_000, 20_000, 8):
        changes = {"loss": replace(WITH_TRUTH, coord_cells=most), "dense_steps": 2, "steps": 3}
        lines = read_log(trained(run_folder, f"cells-{most}", **changes))
        found[most] = [line["sides"] for line in lines if "sides" in line]
    assert found[10_000] == found[20_000]
    assert found[8] != found[10_000]
    assert found[8] == pytest.approx(found[10_000], rel=0.2)
