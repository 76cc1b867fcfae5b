"""The benchmark of speed, on a toy model: what it measures is right, what it says adds up."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from locany.cli.main import run
from locany.codec.grammar import State, state_after
from locany.codec.vocab import Vocab
from locany.engine import DecodeMode
from locany.errors import DataError, RequestError
from locany.eval.floors import (
    Floors,
    Work,
    layer_weights,
    measure_floors,
    prefill_work,
    projector_weights,
    step_work,
    vision_weights,
    vision_work,
)
from locany.eval.scripted import script
from locany.eval.shapes import NAMES, Shape, build, grid_of_side, noise_image, prompt_about, shape_named
from locany.eval.throughput import Bench, Reading
from locany.eval.throughput_cases import Plan, Ratios, _why_not
from locany.eval.throughput_plots import draw
from locany.eval.throughput_report import (
    HEADLINES,
    KIND,
    as_baseline,
    compare,
    compared_ratios,
    gpu_goals,
    seconds_text,
    summary,
    tables,
    was_busy,
)
from locany.eval.throughput_run import baseline_dtypes, facts, measure_shape, parameters
from locany.eval.timing import PeakMemory, Spread, interleave, ratio
from tests.tiny import tiny_config

CPU = torch.device("cpu")
SMALL = Plan(
    side=56,
    boxes=(2, 20),
    baseline_boxes=(2, 20),
    modes_at=(20,),
    verified_at=20,
    sides=(56, 84),
    concurrency=(1, 3),
    rounds=2,
)


@pytest.fixture(scope="module")
def shape(vocab: Vocab) -> Shape:
    """Toy sizes, random weights."""
    return Shape("tiny", tiny_config(), vocab)


@pytest.fixture(scope="module")
def result(shape: Shape) -> dict[str, object]:
    """Everything that is measured of a shape."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("locany.eval.floors._BUFFER_BYTES", {"cpu": 1 << 24})
        patch.setattr("locany.eval.floors._MATRIX_SIDE", {"cpu": 128})
        return measure_shape(shape, CPU, torch.float32, SMALL, lambda _: None)


# -- scripts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 20, 300])
def test_scripts_are_well_formed_blocks_of_different_boxes(vocab: Vocab, count: int) -> None:
    given = script(vocab, count, boxes_per_label=7, wrong=0.25, seed=2)
    assert given.tokens == script(vocab, count, boxes_per_label=7, wrong=0.25, seed=2).tokens
    assert state_after(vocab, given.tokens) is State.ENDED
    blocks = [given.tokens[i : i + 6] for i in range(0, len(given.tokens) - 1, 6)]
    boxes = [block for block in blocks if block[0] == vocab.box]
    assert len(set(boxes)) == len(boxes) == given.num_boxes == count
    assert all(b[1] <= b[3] and b[2] <= b[4] for b in boxes)
    assert len(blocks) - count == math.ceil(count / 7)
    drafts = [given.drafts[i : i + 6] for i in range(0, len(given.drafts) - 1, 6)]
    differing = [sum(a != b for a, b in zip(x, y, strict=True)) for x, y in zip(blocks, drafts, strict=True)]
    assert differing.count(1) == given.num_wrong == round(0.25 * count)
    assert set(differing) <= {0, 1}


@pytest.mark.parametrize("mode", list(DecodeMode))
@pytest.mark.parametrize("rows", [1, 3])
def test_the_engine_gives_the_scripted_answer(shape: Shape, mode: DecodeMode, rows: int) -> None:
    bench = Bench(shape, CPU, torch.float32)
    wrong = 0.3 if mode is DecodeMode.VERIFIED else 0.0
    given = script(shape.vocab, 10, boxes_per_label=4, wrong=wrong)
    images = [bench.new_image((4, 4)) for _ in range(rows)]
    reading = bench.answer(given, mode, images=images)  # asserts the tokens itself
    assert reading.num_boxes == reading.num_frames == [10] * rows
    assert len(reading.latencies) == rows
    assert reading.first_s <= max(reading.latencies) <= reading.seconds
    assert sum(reading.step_s) <= reading.seconds
    if mode is DecodeMode.VERIFIED:
        assert reading.accepted is not None
        assert 0 < reading.accepted < 1


def test_every_run_sees_a_new_image(shape: Shape) -> None:
    bench = Bench(shape, CPU, torch.float32)
    given = script(shape.vocab, 1)
    for _ in range(3):
        bench.answer(given, DecodeMode.FAST, images=[bench.new_image((4, 4))])
    before = bench.engine(1).stats.num_images
    bench.answer(given, DecodeMode.FAST, images=[bench.new_image((4, 4))])
    assert bench.engine(1).stats.num_images == before + 1


# -- shapes -------------------------------------------------------------------------------------------------


def test_shapes_by_name() -> None:
    assert [shape_named(name).name for name in NAMES] == list(NAMES)
    with pytest.raises(RequestError, match="bundled, mid, 3b"):
        shape_named("7b")
    large = shape_named("3b")
    assert (large.vocab.box, large.vocab.coord_end, large.vocab.image_token) == (151668, 152677, 151665)
    assert 3.4e9 < parameters(large) < 3.6e9
    assert baseline_dtypes(large) == (torch.bfloat16,)
    mid = shape_named("mid")
    assert mid.config.text.vocab_size == mid.vocab.size == 8192
    assert grid_of_side(672, mid.config.vision) == (48, 48)
    assert grid_of_side(2240, mid.config.vision) == (160, 160)


def test_weights_and_images_follow_from_the_seed(shape: Shape) -> None:
    first, again, other = (build(shape, CPU, torch.float32, seed) for seed in (1, 1, 2))
    half = build(shape, CPU, torch.bfloat16, 1)
    for (name, a), b, c, d in zip(
        first.named_parameters(), again.parameters(), other.parameters(), half.parameters(), strict=True
    ):
        assert torch.equal(a, b)
        assert not torch.equal(a, c), name
        assert torch.equal(a.bfloat16(), d)
    vision = shape.config.vision
    assert (noise_image(vision, (4, 4), 1).pixel_values == noise_image(vision, (4, 4), 1).pixel_values).all()


def test_prompts_are_as_long_as_published_ones(shape: Shape) -> None:
    image = noise_image(shape.config.vision, (4, 6), 0)
    one, two = prompt_about(shape, image, 1), prompt_about(shape, image, 2)
    assert len(one) == len(two) == 41 + 6
    assert one != two
    assert one[: 19 + 6] == two[: 19 + 6]
    assert one.count(shape.vocab.image_token) == 6
    longer = prompt_about(shape, image, 1, num_more=10)
    assert len(longer) == 41 + 6 + 10
    at = one.index(shape.vocab.image_token)
    assert longer[at + 10 :] == one[at:], "the further words are prefilled with the image"


# -- floors and timing --------------------------------------------------------------------------------------


def test_work_of_the_stages_is_that_of_their_sizes(shape: Shape) -> None:
    config, dtype = shape.config, torch.float32
    text, vision = config.text, config.vision
    model = build(shape, CPU, dtype)
    linear = [m.weight.numel() for m in model.decoder.layers.modules() if isinstance(m, torch.nn.Linear)]
    assert layer_weights(config) == sum(linear)
    linear = [m.weight.numel() for m in model.vision.modules() if isinstance(m, torch.nn.Linear)]
    assert vision_weights(config) == sum(linear) + model.vision.patch_embed.weight.numel()
    linear = [m.weight.numel() for m in model.projector.modules() if isinstance(m, torch.nn.Linear)]
    assert projector_weights(config) == sum(linear)
    step = step_work(config, dtype, num_rows=1, num_fed=1, num_keys=0)
    weights = layer_weights(config) + text.vocab_size * text.hidden_size
    assert (step.num_bytes, step.flops) == (4 * weights, 2 * weights)
    one, four = (step_work(config, dtype, num_rows=n, num_fed=6, num_keys=100) for n in (1, 4))
    assert four.flops == 4 * one.flops
    assert four.num_bytes < 4 * one.num_bytes  # the weights are read once for all rows
    small, twice = (vision_work(config, dtype, [(4, 4)] * n).flops for n in (1, 2))
    assert twice == 2 * small
    more = vision_work(config, dtype, [(4, 8)]).flops - twice
    assert more == 4 * vision.hidden_size * vision.num_layers * (32**2 - 2 * 16**2)
    assert prefill_work(config, dtype, 20).flops > 2 * prefill_work(config, dtype, 10).flops


def test_floors_are_measured(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locany.eval.floors._BUFFER_BYTES", {"cpu": 1 << 24})
    monkeypatch.setattr("locany.eval.floors._MATRIX_SIDE", {"cpu": 128})
    floors = measure_floors(shape.config, CPU, torch.float32)
    assert 1e8 < floors.memory_bytes_s < 1e13
    assert 1e8 < floors.flops < 1e16
    assert Floors(1.0, 10.0, 5.0).seconds(Work(20, 5)) == 2.0
    assert Floors(1.0, 10.0, 5.0).seconds(Work(20, 50)) == 10.0


def test_rounds_interleave_and_keep_to_the_budget() -> None:
    order: list[str] = []
    work = {name: lambda name=name: order.append(name) or len(order) for name in "ab"}
    found = interleave(work, 3, warm_up=True)
    assert order == list("ab" * 4)
    assert found == {"a": [3, 5, 7], "b": [4, 6, 8]}
    assert len(interleave(work, 9, least=2, budget_s=0.0)["a"]) == 2


def test_ratios_are_taken_within_a_round() -> None:
    assert ratio([2.0, 12.0, 4.0], [1.0, 4.0, 1.0]) == Spread(3.0, 2.0, 4.0)

    def reading(seconds: float) -> Reading:
        return Reading(seconds, 2 * seconds, 0.0, [], [seconds], [1], [1], 0.0)

    ratios = Ratios(CPU)
    ratios.add("speedup", [reading(3.0)], [reading(1.0)], 2.0)
    assert ratios.by_clock["speedup"].median == ratios.by_processor["speedup"].median == 6.0
    on_gpu = Ratios(torch.device("cuda"))
    on_gpu.add("speedup", [reading(3.0)], [reading(1.0)])
    assert not on_gpu.by_processor


def test_rates_count_real_boxes_and_the_papers() -> None:
    reading = Reading(4.0, 4.0, 1.0, [], [2.0, 4.0], [10, 0], [10, 4], 0.0)
    assert reading.boxes_per_s == 2.5
    assert reading.paper_boxes_per_s == (10 / 2 + 4 / 4) / 2  # a None counts, and every request by itself


def test_peak_memory_sees_what_was_held() -> None:
    with PeakMemory(CPU) as peak:
        held = torch.ones(16 << 20)
        del held
    if peak.total is not None and peak.above is not None:  # not every system says
        assert peak.total > peak.above > 50e6


# -- results ------------------------------------------------------------------------------------------------


def test_a_result_has_every_table(result: dict) -> None:
    json.dumps(result, allow_nan=False)
    assert [row["stage"] for row in result["stages"]] == [
        "vision",
        "prefill",
        "block step",
        "sequential step",
    ]
    assert {(row["boxes"], row["who"], row["mode"]) for row in result["lengths"]} == {
        (2, "plain", "hybrid"),
        (2, "ours", "hybrid"),
        (20, "plain", "hybrid"),
        *((20, "ours", mode.value) for mode in DecodeMode),
    }
    assert [(row["images"], row["mode"], row["requests"]) for row in result["concurrency"]] == [
        (images, mode.value, requests)
        for images in ("same", "different")
        for mode in DecodeMode
        for requests in (1, 3)
    ]
    assert [(row["side"], row["who"], row["mode"]) for row in result["sizes"]] == [
        (side, who, mode)
        for side in (56, 84)
        for who, mode in (*(("ours", mode.value) for mode in DecodeMode), ("plain", "hybrid"))
    ]
    assert len(result["memory"]) == 4
    assert {"speedup_2_boxes", "speedup_20_boxes", "verified_over_slow"} <= set(result["ratios"])
    assert {"speedup_3_concurrent", "speedup_3_concurrent_different_images"} <= set(result["ratios"])
    text = "\n".join(tables(result))
    assert "scripted" in text
    assert "over the floor" in text


def test_goals_of_a_gpu_are_held_against_what_was_measured(result: dict) -> None:
    assert gpu_goals(result) == []
    rate = {"boxes_per_s": {"median": 300.0}}
    large = result | {
        "shape": "3b",
        "device_type": "cuda",
        "stages": [{"stage": "block step", "over_floor": 1.5}],
        "lengths": [{"boxes": 20, "who": "ours", "mode": "hybrid", **rate}],
        "concurrency": [{"requests": 32, "images": "same", "mode": "hybrid", **rate}],
        "memory": [{"patches": 25600, "who": "ours", "peak_bytes": 11e9}],
    }
    step, alone, together, memory = gpu_goals(large)
    assert step.endswith("1.5, goal: at most 1.3, not met")
    assert alone.endswith("300.0, goal: at least 250, met")
    assert together.endswith("goal: at least 1500, not met")
    assert memory.endswith("11.0, goal: at most 12, met")


def test_a_busy_machine_is_told(result: dict) -> None:
    assert was_busy({"processor_share": 0.5})
    assert not was_busy({"processor_share": None})
    assert "busy: 50% of the time" in "\n".join(tables(result | {"processor_share": 0.5}))


def test_a_goal_is_met_by_the_clock_and_by_processor_time(result: dict) -> None:
    spread = {"median": 36.8, "low": 30.0, "high": 40.0}
    told = []
    for by_processor in (3.8, 5.2):
        ratios = {"speedup_100_boxes": spread}
        cpu = {"speedup_100_boxes": spread | {"median": by_processor}}
        text = tables(result | {"ratios": ratios, "cpu_ratios": cpu})
        told += [line for line in text if "speedup_100_boxes" in line]
    assert told[0].endswith("goal: at least 5, not met")
    assert told[1].endswith("goal: at least 5, met")


def test_the_summary_has_the_worst_of_the_shapes(result: dict) -> None:
    better = {**result, "shape": "other", "ratios": dict(result["ratios"])}
    spread = {"median": 1e9, "low": 1e9, "high": 1e9}
    better["ratios"]["speedup_20_boxes"] = spread
    found = summary([better, result])
    assert found["speedup_20_boxes"] == result["ratios"]["speedup_20_boxes"]["median"]
    assert set(found["shapes"]) == {"tiny", "other"}
    assert set(found) - {"shapes"} <= set(HEADLINES)


def test_a_baseline_says_what_became_worse(result: dict) -> None:
    about = facts(CPU, quick=True) | {"allocator": "tuned"}
    ratios = compared_ratios(result)
    before = as_baseline([result], about)
    assert compare([result], about, before) == ([], [])
    before["ratios"] = {"tiny": {**ratios, "speedup_20_boxes": 2 * ratios["speedup_20_boxes"]}}
    (worse,) = compare([result], about, before)[0]
    assert "speedup_20_boxes" in worse
    costs = {name: value / 2 for name, value in ratios.items() if name.startswith("cost_")}
    before["ratios"] = {"tiny": costs}
    assert len(compare([result], about, before)[0]) == len(costs) > 0
    (unknown,) = compare([result], about, {**before, "shapes": {"tiny": "larger"}})[1]
    assert unknown.endswith("in the baseline larger: not compared")
    (unknown,) = compare([result], about, {**before, "threads": 99})[1]
    assert "threads" in unknown


def test_a_baseline_too_large_is_left_out_and_says_why(shape: Shape) -> None:
    bench = Bench(shape, CPU, torch.float32)
    assert _why_not(bench, SMALL, 56, 0.1) == ""
    assert "GB" in _why_not(bench, SMALL, 28000, 0.1)
    assert "it would take" in _why_not(bench, replace(SMALL, baseline_s=0.01), 84, 0.1)


def test_plots_are_drawn(result: dict, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw(result, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.884, "2.88 s"), (0.0254, "25.4 ms"), (0.0000468, "47 µs"), (0.1, "0.10 s")]
)
def test_times_are_readable(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


# -- the command --------------------------------------------------------------------------------------------


@pytest.fixture
def tiny_bench(monkeypatch: pytest.MonkeyPatch, shape: Shape, result: dict) -> None:
    """The command on the toy shape, which has been measured already."""
    monkeypatch.setattr("locany.cli.bench._shapes", lambda *_: [shape])
    monkeypatch.setattr("locany.eval.throughput_run.measure_shape", lambda *_: result)


@pytest.mark.usefixtures("tiny_bench")
def test_the_command_ends_with_one_json_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert run(["bench", "--quick", "--device", "cpu", "--dtype", "float32", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    last = json.loads(out.strip().splitlines()[-1])
    assert {"speedup_20_boxes", "verified_over_slow", "device", "date", "dtype"} <= set(last)
    written = sorted(path.suffix for path in tmp_path.iterdir())
    assert written == [".json", ".png"]
    (path,) = tmp_path.glob("bench_tiny_quick_*cpu_*.json")
    assert json.loads(path.read_text())["result"]["shape"] == "tiny"


@pytest.mark.usefixtures("tiny_bench")
def test_a_new_baseline_is_what_the_next_run_is_compared_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["bench", "--device", "cpu", "--dtype", "float32", "--baseline", str(tmp_path / "ours.json")]
    assert run([*common, "--new-baseline"]) == 0
    capsys.readouterr()
    assert run(common) == 0
    assert "no ratio is worse" in capsys.readouterr().out
    assert run([*common, "--quick"]) == 0
    assert "not compared" in capsys.readouterr().out


@pytest.mark.usefixtures("tiny_bench")
def test_with_json_there_is_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--device", "cpu", "--dtype", "float32", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["results"][0]["shape"] == "tiny"


def test_wrong_options_are_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", "--shape", "mid", "--model", "x"]) == 2
    assert run(["bench", "--baseline", str(tmp_path / "none.json")]) == 1
    assert "none.json" in capsys.readouterr().err
    (tmp_path / "wrong.json").write_text("{}")
    assert run(["bench", "--baseline", str(tmp_path / "wrong.json")]) == 1
    (tmp_path / "file").write_text("")
    assert run(["bench", "--out", str(tmp_path / "file")]) == 1
    assert DataError.__name__ not in capsys.readouterr().err


def test_the_stored_baseline_can_be_read() -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "baselines" / "bench.json"
    stored = json.loads(path.read_text())
    assert set(stored) >= {*KIND, "tolerance", "shapes", "ratios", "date"}
    assert set(stored["ratios"]) == {"bundled", "mid"}
    for ratios in stored["ratios"].values():
        assert set(HEADLINES) <= set(ratios)
