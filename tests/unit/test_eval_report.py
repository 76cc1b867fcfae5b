"""`locany eval` and `locany report` as commands, and what a report holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locany.cli.main import run
from locany.eval.benchmarks import BENCHMARKS
from locany.eval.benchmarks.home import edition
from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.metrics.profile import Profile
from locany.eval.predictions import line_of
from locany.eval.published import all_published, published_rows
from locany.eval.report import Report
from locany.eval.report_cells import Run, Table, told_apart
from locany.eval.report_pictures import FOUND, TRUE, Rated, best, draw_tile, true_boxes, worst
from locany.eval.report_tables import tables_of
from locany.tasks import Task
from tests.unit.cli_fixtures import Outcome
from tests.unit.eval_fixtures import BOXES, KnowsAll, write_bundle, write_instances


class Cli:
    def __init__(self, capsys: pytest.CaptureFixture[str]):
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Outcome:
        self._capsys.readouterr()
        return Outcome(run([*map(str, arguments)]), *self._capsys.readouterr())


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle")


@pytest.fixture
def locator(monkeypatch: pytest.MonkeyPatch) -> KnowsAll:
    """In place of the bundled model."""
    known = KnowsAll()
    monkeypatch.setattr("locany.locator.load", lambda *_, **__: known)
    return known


# -- locany eval --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["eval", "report"])
def test_help_has_examples_and_explains_every_option(cli: Cli, command: str) -> None:
    told = cli(command, "--help")
    assert told.code == 0
    assert f"  locany {command}" in told.out.partition("Examples")[2]
    assert all(len(line) <= 80 for line in told.out.splitlines())
    options = [line for line in told.out.splitlines() if line.startswith("│ --")]
    assert all(len(line.strip("│ ").split("  ", 1)) == 2 for line in options), options


def test_a_run_from_end_to_end(cli: Cli, bundle: Path, tmp_path: Path, locator: KnowsAll) -> None:
    told = cli("eval", "coco", bundle, "--mode", "fast,slow", "--out", tmp_path / "run", "--device", "cpu")
    assert told.code == 0, told.err
    assert "COCO, locany-mini, fast: 6 examples, 18 targets, 18 found; 0 cut" in told.out
    assert "F1@mean 100.0" in told.out
    assert "asking about 6 examples" in told.err
    for mode in ("fast", "slow"):
        folder = tmp_path / "run" / mode
        assert sorted(path.name for path in folder.iterdir()) == [
            "config.json",
            "metrics.json",
            "predictions.jsonl",
        ]
        config = json.loads((folder / "config.json").read_text())
        assert config["settings"]["mode"] == mode
        assert config["settings"]["short_side"] == 840, "what the published numbers were measured at"
        assert config["versions"]["locany"]
        metrics = json.loads((folder / "metrics.json").read_text())
        assert list(metrics["profiles"]) == ["published", "fixed"]
        for name, found in metrics["profiles"].items():
            assert found["scores"]["profile"] == found["speed"]["profile"] == name
            assert found["scores"]["f1@mean"] == pytest.approx(1)
        assert metrics["counts"]["num_malformed"] == 6
        assert metrics["more"]["calibration"]["ece"] == pytest.approx(0.25)
    asked = len(locator.asked)
    again = cli(
        "eval", "coco", bundle, "--mode", "fast,slow", "--out", tmp_path / "run", "--device", "cpu", "--json"
    )
    assert again.code == 0
    assert [found["mode"] for found in again.document["results"]] == ["fast", "slow"]
    assert "6 are there already" in again.err
    assert len(locator.asked) == asked
    other = cli("eval", "coco", bundle, "--mode", "fast,slow", "--out", tmp_path / "run", "--seed", 3)
    assert other.code == 2
    assert "its seed is 0, now 3" in other.err


def test_what_asking_is_told(cli: Cli, bundle: Path, tmp_path: Path, locator: KnowsAll) -> None:
    told = cli(
        *("eval", "coco", "--data", bundle, "--limit", 2, "--published", "--short-side", 0, "--negatives", 0),
        *("--profile", "published", "--name", "mine", "--max-new-tokens", 99, "--out", tmp_path / "run"),
    )
    assert told.code == 0, told.err
    assert locator.options == {
        "mode": "hybrid",
        "max_new_tokens": 99,
        "seed": 0,
        "temperature": 0.7,
        "top_p": 0.9,
        "repetition_penalty": 1.1,
    }
    assert "fixed" not in told.out
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["model"] == "mine"
    assert metrics["counts"]["num_examples"] == 2
    assert json.loads((tmp_path / "run" / "config.json").read_text())["data"]["limit"] == 2


def test_several_seeds_are_several_runs(cli: Cli, bundle: Path, tmp_path: Path, locator: KnowsAll) -> None:
    out = tmp_path / "run"
    told = cli("eval", "coco", bundle, "--limit", 2, "--published", "--seed", "0,3", "--out", out)
    assert told.code == 0, told.err
    assert sorted(path.name for path in out.iterdir()) == ["seed-0", "seed-3"]
    table = cli("report", out, "--profile", "fixed").out
    assert "| locany-mini | hybrid, seed 3 | **100.0** |" in table
    assert "### COCO: mean over seeds" in table
    assert "| locany-mini | hybrid | 2 | 100.0 ± 0.0 |" in table


def test_a_folder_of_its_own_by_default(
    cli: Cli, bundle: Path, tmp_path: Path, locator: KnowsAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("eval", "coco", bundle, "--limit", 1).code == 0
    assert (tmp_path / "runs/eval/coco_locany-mini_1/hybrid/metrics.json").is_file()


def test_an_interrupted_run_says_how_it_goes_on(
    cli: Cli, bundle: Path, tmp_path: Path, locator: KnowsAll
) -> None:
    locator.stop_after = 4
    told = cli("eval", "coco", bundle, "--out", tmp_path / "run")
    assert told.code == 130
    assert "the same command goes on from there" in told.err
    assert not (tmp_path / "run" / "metrics.json").exists()
    report = cli("report", tmp_path / "run")
    assert report.code == 1
    assert "is not finished" in report.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--list"),
        (["coco"], "DATA is missing"),
        (["coco", "{bundle}", "--mode", "turbo"], "--mode has 'turbo'"),
        (["coco", "{bundle}", "--option", "split"], "NAME=VALUE"),
        (["coco", "{bundle}", "--published", "--temperature", "1"], "leave one of them out"),
        (["coco", "{bundle}", "--limit", "0"], "--limit"),
        (["coco", "{bundle}", "--seed", "one"], "--seed is 'one'"),
        (["coco", "{bundle}", "--seed", "1,2"], "add --published"),
        (["coco", "{bundle}", "--threshold", "2"], "--threshold"),
        (["coco", "{bundle}", "--replicas", "0"], "--replicas"),
        (["coco", "{bundle}", "--raw-scores", "--calibration", "x"], "--raw-scores leaves them raw"),
    ],
)
def test_wrong_usage(cli: Cli, bundle: Path, arguments: list[str], words: str) -> None:
    told = cli("eval", *(text.format(bundle=bundle) for text in arguments))
    assert told.code == 2
    assert words in told.err


def test_what_cannot_be_measured(cli: Cli, tmp_path: Path) -> None:
    assert "there is no benchmark 'coca'" in cli("eval", "coca").err
    told = cli("eval", "coco", tmp_path)
    assert told.code == 1
    assert "Get the bundle" in told.err


@pytest.mark.parametrize("option", ["--adapter", "--calibration"])
def test_what_is_misspelt_leaves_no_run(cli: Cli, bundle: Path, tmp_path: Path, option: str) -> None:
    told = cli("eval", "coco", bundle, option, tmp_path / "nothing", "--out", tmp_path / "run")
    assert told.code == 1
    assert str(tmp_path / "nothing") in told.err
    assert not (tmp_path / "run").exists(), "which would refuse the right name as another run"


def test_the_list_names_every_benchmark(cli: Cli) -> None:
    told = cli("eval", "--list")
    assert told.code == 0
    assert [line.split()[0] for line in told.out.splitlines()] == list(BENCHMARKS)
    document = json.loads(cli("eval", "--list", "--json").out)
    assert [one["name"] for one in document["benchmarks"]] == list(BENCHMARKS)


def test_home_is_rendered_into_the_cache_once(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from locany.cli.evaluate_home import home_folder

    built: list[Path] = []

    def build(config: Any, out: Path, **_: Any) -> None:
        built.append(out)
        out.mkdir()
        (out / "manifest.json").write_text("{}")

    monkeypatch.setenv("LOCANY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("locany.pipeline.build.build", build)
    assert home_folder() == home_folder() == tmp_path / "cache" / "eval" / f"home-{edition()}"
    assert len(built) == 1


# -- predictions of others ----------------------------------------------------------------------------------


def test_coco_results_get_the_best_threshold(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    instances = write_instances(tmp_path / "instances.json")
    results = [
        {"image_id": 100 + i, "category_id": 7, "bbox": box, "score": score}
        for i in range(6)
        for box, score in (([10, 10, 30, 30], 0.8), ([60, 50, 20, 20], 0.45))
    ]
    (tmp_path / "found.json").write_text(json.dumps(results))
    told = cli(
        *("eval", "coco", bundle, "--predictions", tmp_path / "found.json", "--annotations", instances),
        *("--out", tmp_path / "run", "--name", "detector"),
    )
    assert told.code == 0, told.err
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert "the best threshold for all images is" in told.err
    kept = (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()
    assert len(kept) == 6
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["model"] == "detector"
    assert metrics["profiles"]["fixed"]["scores"]["precision@0.5"] >= 0.5
    assert 0 <= config["settings"]["threshold"] <= 0.8
    fixed = cli(
        *("eval", "coco", bundle, "--predictions", tmp_path / "found.json", "--annotations", instances),
        *("--out", tmp_path / "two", "--threshold", 0.5),
    )
    assert fixed.code == 0
    assert "6 found" in fixed.out
    assert (
        "found, " in cli("report", tmp_path / "two").out or "| found |" in cli("report", tmp_path / "two").out
    )


# -- locany report ------------------------------------------------------------------------------------------


@pytest.fixture
def runs(cli: Cli, bundle: Path, tmp_path: Path, locator: KnowsAll) -> Path:
    """Two runs of COCO, the second one with half the boxes, and one of its points."""
    out = tmp_path / "runs"
    assert cli("eval", "coco", bundle, "--out", out / "all", "--rows", 1).code == 0
    half = [Prediction(f"{i}.png", {"cat": ((10.0, 10.0, 40.0, 40.0 - 4 * i),)}) for i in range(6)]
    (tmp_path / "half.jsonl").write_bytes(b"".join(map(line_of, half)))
    assert (
        cli("eval", "coco", bundle, "--predictions", tmp_path / "half.jsonl", "--out", out / "half").code == 0
    )
    return out


def test_the_tables_of_a_report(cli: Cli, runs: Path) -> None:
    told = cli("report", runs)
    assert told.code == 0, told.err
    fixed, published = told.out.split("## Profile `published`")
    assert "| locany-mini | hybrid | **100.0** | **100.0** | **100.0** |" in fixed
    assert "| half |  |" in fixed
    assert "DINO" not in fixed
    assert "| DINO Swin-L | ≥ 0.32 | 75.6 | 25.4 | 62.1 | 68.2 | 57.0 |  | [" in published
    assert "COCO: speed" in fixed
    assert "COCO: endings" in fixed
    assert "COCO: speed" not in published
    assert "arXiv 2605.27365" in published
    assert "17.7 is not the harmonic mean" in published
    assert "the published numbers are about 4952" in published
    assert "Profile `published`" not in cli("report", runs, "--profile", "fixed").out


def test_a_report_as_files(cli: Cli, runs: Path, tmp_path: Path) -> None:
    told = cli("report", runs, "--out", tmp_path / "report", "--images", 4)
    assert told.code == 0, told.err
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"report.md", "report.html", "report_fixed.png", "report_published.png"} <= names
    assert {"coco-locany-mini-hybrid-best.jpg", "coco-half-best.jpg", "coco-half-worst.jpg"} <= names
    assert "coco-locany-mini-hybrid-worst.jpg" not in names, "nothing was wrong"
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3
    assert "<link" not in page
    assert 'src="http' not in page
    assert "<script" not in page
    assert "![COCO, half: worst](coco-half-worst.jpg)" in (tmp_path / "report" / "report.md").read_text()
    for name in ("report_fixed.png", "report_published.png"):
        with Image.open(tmp_path / "report" / name) as picture:
            assert picture.width > 600


def test_pictures_of_names_that_are_alike_are_files_of_their_own(
    cli: Cli, bundle: Path, tmp_path: Path
) -> None:
    row = Prediction("0.png", {"cat": ((10.0, 10.0, 40.0, 40.0),)})
    (tmp_path / "p.jsonl").write_bytes(line_of(row))
    for number, name in enumerate(("модель", "модель два", "a+b", "a/b", "ж" * 300)):
        out = tmp_path / "runs" / str(number)
        given = ("--predictions", tmp_path / "p.jsonl", "--name", name, "--out", out)
        assert cli("eval", "coco", bundle, *given).code == 0
    told = cli("report", tmp_path / "runs", "--out", tmp_path / "report", "--images", 1)
    assert told.code == 0, told.err
    names = {path.name for path in (tmp_path / "report").glob("*-best*.jpg")}
    some = {"coco-модель-best.jpg", "coco-модель-два-best.jpg", "coco-a-b-best.jpg", "coco-a-b-best-2.jpg"}
    assert some < names
    assert len(names) == 5
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in text for name in names)


def test_tables_are_worth_having_without_the_images(
    cli: Cli, runs: Path, bundle: Path, tmp_path: Path
) -> None:
    moved = bundle.rename(tmp_path / "moved")
    told = cli("report", runs, "--out", tmp_path / "report")
    assert told.code == 0
    assert "no pictures: " in told.err
    assert not list((tmp_path / "report").glob("*.jpg"))
    write_bundle(tmp_path / "other", 3)
    assert (
        "holds other examples"
        in cli("report", runs, "--out", tmp_path / "report", "--data", tmp_path / "other").err
    )
    assert cli("report", runs, "--out", tmp_path / "report", "--data", moved).code == 0
    assert list((tmp_path / "report").glob("*.jpg"))


def test_examples_without_a_prediction_are_told(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    """A published file with 1 of 6 rows, as a run that was stopped leaves it."""
    folder = bundle / "_annotations" / "box_eval"
    (folder / "Dense200.jsonl").write_text((folder / "COCO.jsonl").read_text())
    row = {"image_path": "coco/2.png", "categories": list(BOXES), "extracted_predictions": BOXES}
    (tmp_path / "part.jsonl").write_text(json.dumps(row) + "\n")
    given = ("--predictions", tmp_path / "part.jsonl")
    told = cli("eval", "dense200", bundle, *given, "--out", tmp_path / "runs" / "part")
    assert told.code == 0, told.err
    first, published, fixed = told.out.splitlines()[:3]
    assert "6 examples, 18 targets, 1 of 6 answered, 3 found" in first
    assert published.startswith("  published")
    assert published.endswith("  over 1 of 6 examples")
    assert fixed.startswith("  fixed")
    assert "examples" not in fixed
    rows = [{**row, "image_path": f"coco/{i}.png"} for i in range(6)]
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ("--predictions", tmp_path / "all.jsonl")
    assert cli("eval", "dense200", bundle, *given, "--out", tmp_path / "runs" / "all").code == 0
    fixed, published = cli("report", tmp_path / "runs").out.split("## Profile `published`")
    assert "| all |  | 6 | 6 | 0 | 0 | 0 | 0 |" in fixed, "queries, ended, cut, failed, missing, unreadable"
    assert "| part |  | 6 | 1 | 0 | 0 | 5 | 0 |" in fixed
    assert "6 examples, 18 targets / 6 examples, 18 targets, 1 of 6 answered" in fixed
    table = published.split("###")[1]
    assert "| examples |" in table
    assert "| 1 of 6 |" in table
    assert "**" not in table, "nothing is the best of what cannot be compared"
    assert "are not about the same examples" in table


def test_a_look_is_not_the_best_beside_the_whole(
    cli: Cli, bundle: Path, tmp_path: Path, locator: KnowsAll
) -> None:
    for limit in (2, 6):
        assert (
            cli("eval", "coco", bundle, "--limit", limit, "--out", tmp_path / "runs" / str(limit)).code == 0
        )
    told = cli("report", tmp_path / "runs").out
    assert "**" not in told
    assert "2 examples, 6 targets / 6 examples, 18 targets (a part of the benchmark: --limit)" in told


def test_seeds_of_a_look_lack_groups_that_others_have() -> None:
    def of(seed: int, limit: int, **scores: float) -> Run:
        one = made_up("x", "x", "one", 0.5)
        part = one.metrics["profiles"]["fixed"]
        scored = {**part, "scores": {**part["scores"], **scores}, "groups": {}}
        settings = {"temperature": 0.7, "seed": seed, "num_examples": limit}
        return Run({"settings": settings}, {**one.metrics, "profiles": {"fixed": scored}})

    runs = [of(0, 9, **{"accuracy@a": 0.5}), of(1, 9, **{"accuracy@a": 0.7}), of(0, 3), of(1, 3)]
    (table,) = (t for t in tables_of(runs, Profile.FIXED) if t.title == "X: mean over seeds")
    assert [row[-1] for row in table.rows] == ["60.0 ± 14.1", ""]


def made_up(benchmark: str, title: str, model: str, value: float) -> Run:
    scores = {"f1@0.5": value, "f1@mean": value / 2, "num_examples": 3}
    part = {"scores": scores, "speed": {"num_timed": 0}, "groups": {"kind": {"a": scores, "b": scores}}}
    counts = dict.fromkeys(
        ("num_examples", "num_targets", "num_queries", "num_truncated", "num_failed", "num_malformed"), 3
    )
    metrics = {
        "benchmark": benchmark,
        "title": title,
        "model": model,
        "mode": "fast",
        "headline": "f1@mean",
        "profiles": {"fixed": part},
        "more": {},
        "counts": counts,
    }
    return Run({}, metrics)


def test_several_benchmarks_get_an_overview() -> None:
    runs = [made_up("x", "x", "one", 0.5), made_up("y", "Y", "one", 0.4), made_up("x", "x", "<two>", 0.6)]
    tables = tables_of(runs, Profile.FIXED)
    assert tables[0].heads == ("model", "mode", "X, F1@mean", "Y, F1@mean")
    assert tables[0].rows == (("one", "fast", "25.0", "20.0"), ("<two>", "fast", "30.0", ""))
    assert tables[0].best == {(1, 2)}
    assert [table.title for table in tables[1:3]] == ["X: scores in percent", "X: F1@mean by kind"]
    assert tables_of(runs, Profile.PUBLISHED) == [], "not measured so"
    page = Report(runs, tuple(Profile)).page()
    assert "&lt;two&gt;" in page
    assert "<two>" not in page


def test_runs_of_one_name_are_told_apart() -> None:
    runs = [replace(made_up("x", "x", "one", 0.5), name=f"runs/{name}") for name in ("a", "b")]
    other = made_up("x", "x", "two", 0.5)
    assert [run.model for run in told_apart([*runs, other])] == ["one (a)", "one (b)", "two"]
    assert len(tables_of(told_apart(runs), Profile.FIXED)) == 3, "and are no seeds of each other"
    deep = [replace(run, name=f"{run.name}/hybrid") for run in runs]
    assert [run.model for run in told_apart(deep)] == ["one (a/hybrid)", "one (b/hybrid)"]


def test_a_table_as_markdown() -> None:
    table = Table("T", ("name", "n"), (("a|b", "1"), ("c", "2")), best=frozenset({(1, 1)}), notes=("see",))
    assert table.markdown() == "### T\n\n| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n| c | **2** |\n\nsee\n"


# -- printed rows -------------------------------------------------------------------------------------------


def test_printed_rows_are_shares_of_known_benchmarks() -> None:
    rows = all_published()
    assert {row.benchmark for row in rows} - set(BENCHMARKS) == {"ablation-coco"}
    assert all(row.source for row in rows)
    assert all(0 <= v <= 1 for row in rows for k, v in row.values.items() if k != "boxes_per_s")
    keys = [(row.benchmark, row.method, row.mode, row.source) for row in rows]
    assert len(set(keys)) == len(keys), "nothing twice"
    (la,) = [
        row for row in published_rows("lvis") if row.method == "LocateAnything-3B" and "f1@0.5" in row.values
    ]
    assert la.values == {"f1@0.5": 0.623, "f1@0.95": 0.311, "f1@mean": 0.507, "boxes_per_s": 12.7}
    assert la.mode == "hybrid"
    odd = [row.method for row in rows if "average" in row.remark or "no possible share" in row.remark]
    assert sorted(odd) == ["LocateAnything-3B", "Rex-Omni-3B"]


# -- pictures -----------------------------------------------------------------------------------------------


def rated(name: str, score: float, num_targets: int = 1, group: str = "") -> Rated:
    example = Example(
        name, np.full((80, 100, 3), 128, np.uint8), name, (Query(Task.detect(["cat"])),),
        Truth({"cat": ((10.0, 10.0, 40.0, 40.0),)}), {"set": group},
    )  # fmt: skip
    return Rated(example, Prediction(name, {"cat": ((12.0, 10.0, 42.0, 40.0), (1.0,))}), score, num_targets)


def test_best_and_worst_show_what_there_is_to_see() -> None:
    some = [rated("a", 1.0), rated("b", 1.0, 5), rated("c", 0.5), rated("d", 0.0), rated("e", 0.0, 4)]
    assert [one.example.id for one in best(some, 3)] == ["b", "a", "c"]
    assert [one.example.id for one in worst(some, 2)] == ["e", "d"]
    assert worst([rated("a", 1.0)], 2) == []
    groups = [rated(f"{g}{i}", 1.0, 9 - i, group=g) for g in "xy" for i in range(3)]
    assert [one.example.id for one in best(groups, 4)] == ["x0", "y0", "x1", "y1"], "from each in turn"
    assert len(best([rated("a", 1.0), rated("a", 0.9)], 2)) == 1, "an image once"


def test_truth_and_findings_are_drawn_in_their_colours() -> None:
    tile = np.asarray(draw_tile(rated("a", 0.9), "f1@mean"))
    for color in (TRUE, FOUND):
        rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (tile == rgb).all(axis=2).sum() > 200
    masks = Truth(masks={"cat": ({"counts": "d22b00d8", "size": [20, 20]},)})
    example = Example("m", np.zeros((20, 20, 3), np.uint8), "m", (Query(Task.point("cat"), "cat"),), masks)
    assert true_boxes(example) == [(4, 4, 6, 6)]
    draw_tile(Rated(example, Prediction("m", {"cat": ((5.0, 5.0),)}), 1.0, 1), "f1@point")
    gone = Example(
        "g", Path("none.png"), "g", (Query(Task.text()),), Truth(polygons={"x": ((0, 0, 4, 0, 4, 4),)})
    )
    assert draw_tile(Rated(gone, Prediction("g", error="x"), 0.0, 1), "f1@mean").width == tile.shape[1]
