"""Which device and dtype are chosen, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from locany import device as device_module
from locany.device import (
    available_devices,
    avoid_cudnn_attention,
    choose_device,
    choose_dtype,
    on_device,
    tune_cpu_allocator,
)
from locany.engine import Engine
from locany.errors import DeviceError
from locany.model.masks import text_layout
from locany.train.ranks import join_ranks
from tests.unit.test_engine_crowd import VOCAB, toy_model

CPU = torch.device("cpu")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("name", [None, "auto", "cpu", " CPU "])
def test_cpu_only_machine(name: str | None) -> None:
    device, reason = choose_device(name)
    assert device == CPU
    assert reason.startswith("cpu: ")


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_missing_device_is_an_error(name: str) -> None:
    with pytest.raises(DeviceError, match=r"not available .*available: cpu"):
        choose_device(name)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "mps:1", "", "tpu"])
@pytest.mark.usefixtures("no_gpu")
def test_unknown_device_is_an_error(name: str) -> None:
    with pytest.raises(DeviceError):
        choose_device(name)


@pytest.mark.usefixtures("two_gpus")
def test_gpus_come_first() -> None:
    assert available_devices() == ["cuda:0", "cuda:1", "cpu"]
    assert choose_device(None)[0] == torch.device("cuda:0")
    assert choose_device("cuda")[0] == torch.device("cuda:0")
    assert choose_device("cuda:1")[0] == torch.device("cuda:1")
    assert choose_device("cpu")[0] == CPU
    with pytest.raises(DeviceError, match="cuda:0, cuda:1, cpu"):
        choose_device("cuda:2")


def test_mps_comes_before_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto")[0] == torch.device("mps")
    assert choose_dtype(None, torch.device("mps"))[0] == torch.float32


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("float32", torch.float32),
        ("fp32", torch.float32),
        ("bfloat16", torch.bfloat16),
        ("BF16", torch.bfloat16),
    ],
)
def test_dtype_by_name(name: str, dtype: torch.dtype) -> None:
    chosen, reason = choose_dtype(name, CPU)
    assert chosen == dtype
    assert "asked for" in reason


@pytest.mark.parametrize(("name", "words"), [("float16", "65504"), ("half", "bfloat16"), ("int8", "unknown")])
def test_dtype_refused(name: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        choose_dtype(name, CPU)


@pytest.mark.parametrize(("has", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_dtype_on_cpu_follows_the_instructions(
    has: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_module, "_cpu_has_bfloat16", lambda: has)
    chosen, reason = choose_dtype("auto", CPU)
    assert chosen == dtype
    assert "instructions" in reason


def test_x86_without_the_instructions_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module.platform, "machine", lambda: "x86_64")
    for question in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, question, raising=False)  # as in a torch that lacks them
    assert choose_dtype(None, CPU)[0] == torch.float32


def test_dtype_on_gpu_is_that_of_the_gpu_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {"cuda:0": (9, 0), "cuda:1": (7, 5), "cuda:2": (8, 0)}
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: ages[str(device)])
    chosen = [choose_dtype(None, torch.device(name))[0] for name in ages]
    assert chosen == [torch.bfloat16, torch.float32, torch.bfloat16]


@pytest.mark.parametrize(("has", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_dtype_on_rocm(has: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.4")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: has)
    assert choose_dtype(None, torch.device("cuda:0"))[0] == dtype


def test_a_gpu_fetches_copies_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def to(tensor: torch.Tensor, *where: object, **how: object) -> torch.Tensor:
        asked.append((*where, how))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: (asked.append("pinned"), tensor)[1])
    monkeypatch.setattr(torch.Tensor, "to", to)
    layout, gpu = text_layout(1, 3), torch.device("cuda:0")
    assert on_device(layout, gpu) == layout
    assert asked == ["pinned", (gpu, {"non_blocking": True})] * 4
    asked.clear()
    assert on_device(layout.index, CPU) is layout.index
    assert on_device(7, gpu) == 7
    assert asked == [(CPU, {})]


def test_cudnn_attention_is_avoided_wherever_a_gpu_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bool] = []
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", said.append)
    avoid_cudnn_attention(CPU)
    Engine(toy_model(), VOCAB)
    with join_ranks("cpu"):
        pass
    assert not said
    avoid_cudnn_attention(torch.device("cuda:1"))
    assert said == [False]
    monkeypatch.setattr("locany.train.ranks.choose_device", lambda _: (torch.device("cuda:0"), ""))
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
    with join_ranks("cuda"):
        assert said == [False] * 2
    asked: list[torch.device] = []
    monkeypatch.setattr("locany.engine.runner.avoid_cudnn_attention", asked.append)
    Engine(toy_model(), VOCAB)
    assert asked == [CPU]


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_allocator_keeps_freed_blocks() -> None:
    """In a process of its own: the setting cannot be undone."""
    # 256 MiB are taken and given back twice; the second time no page needs to be faulted in again.
    code = """
import ctypes, resource
from locany.device import tune_cpu_allocator
done = tune_cpu_allocator()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
faults = []
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = libc.malloc(256 << 20)
    ctypes.memset(block, 1, 256 << 20)
    libc.free(block)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(done, *faults)
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    done, _, faults_again = run.stdout.split()
    if done == "False":
        pytest.skip("not glibc")
    assert int(faults_again) < 100


def test_allocator_is_left_to_who_has_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "100000")
    assert tune_cpu_allocator() is False


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_allocator_keeps_no_less_than_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training keeps a gigabyte; a model that is loaded beside it asks for 64 MB."""
    asked: list[int] = []

    class Libc:
        gnu_get_libc_version = None

        class mallopt:  # noqa: N801
            def __new__(cls, what: int, size: int) -> int:  # type: ignore[misc]
                asked.append(size)
                return 1

    monkeypatch.setattr(device_module.ctypes, "CDLL", lambda name: Libc)
    monkeypatch.setattr(device_module, "_kept_bytes", 0)
    for size in (1 << 30, 64 << 20, 2 << 30):
        assert tune_cpu_allocator(size)
    assert set(asked) == {1 << 30, 2 << 30}


def test_allocator_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module.sys, "platform", "darwin")
    assert tune_cpu_allocator() is False


def test_import_is_light() -> None:
    code = "import sys, locany.device; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
