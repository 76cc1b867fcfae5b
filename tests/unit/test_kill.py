"""Kill a training run at any moment, start it again, and nothing can tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from locany.train.checkpoint import States
from locany.train.log import read_log
from locany.train.report import TIMES

RECIPE = """
from dataclasses import replace
from pathlib import Path
from locany.codec import Tokenizer
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.synth.icons import IconsConfig
from locany.train.config import LossConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered
from tests.tiny import tiny_config

def recipe(out, tokenizer):
    vocab = Tokenizer.from_folder(Path(tokenizer)).vocab
    scene = IconsConfig(side=(112, 140), num_patches=(60, 100), max_objects=2, max_words=0)
    return TrainConfig(
        model=replace(tiny_config(vocab_size=vocab.size), image_token_id=vocab.image_token),
        tokenizer=tokenizer, out=out, data=DataConfig((Rendered("icons", scene),)),
        stream=StreamConfig(PackConfig(1024, buffer_size=3), num_lanes=4),
        rows=2, steps=18, dense_steps=3, save_every=4, log_every=1, num_workers=2, bf16=False,
        loss=LossConfig(deep_layers=1, guided_layer=1),
    )
"""


def command(recipe: Path, out: Path, tokenizer: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "locany", "train", str(recipe)),
        *(f"out={out}", f"tokenizer={tokenizer}"),
    ]


def test_a_killed_run_goes_on_bit_for_bit(mini_tokenizer: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.py"
    recipe.write_text(RECIPE)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    for file in mini_tokenizer.iterdir():
        if file.suffix != ".safetensors":
            (tokenizer / file.name).write_bytes(file.read_bytes())
    (tokenizer / "preprocessor_config.json").write_text('{"in_token_limit": 100}')
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    subprocess.run(
        command(recipe, whole, tokenizer), env=environment, cwd=root, check=True, capture_output=True
    )

    for moment in (5, 11):  # behind a state and, with luck, while another is written
        process = subprocess.Popen(
            command(recipe, parts, tokenizer),
            env=environment,
            cwd=root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < until:
            log = parts / "log.jsonl"
            if log.is_file() and log.read_bytes().count(b"\n") >= moment:
                break
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)  # with the workers
        assert process.wait() == -signal.SIGKILL, "the run ended before it was killed"
    subprocess.run(
        command(recipe, parts, tokenizer), env=environment, cwd=root, check=True, capture_output=True
    )

    def curve(out: Path) -> list[dict[str, float]]:
        return [
            {name: number for name, number in line.items() if name not in TIMES} for line in read_log(out)
        ]

    assert [line["step"] for line in curve(parts)] == list(range(1, 19))
    assert curve(parts) == curve(whole)
    ends = []
    for out in (whole, parts):
        newest = States(out).newest
        assert newest is not None
        ends.append(States(out).load(newest))
    assert ends[0]["progress"] == ends[1]["progress"]
    for name, tensor in ends[0]["learning"].items():
        assert torch.equal(tensor, ends[1]["learning"][name]), name
