"""Finding checkpoints: folders, the bundled model, and the hub, played by a server on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from locany.errors import CheckpointNotFoundError, CheckpointTensorError
from locany.weights import find_checkpoint, load_model, save_model
from tests.tiny import TINY_TOKEN_IDS, tiny_model

huggingface_hub = pytest.importorskip("huggingface_hub")

REPO = "someone/some-model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "checkpoint"
    others = {"preprocessor_config.json": "{}", "vocab.json": "{}"}  # looked for, not into
    save_model(tiny_model(), folder, token_ids=TINY_TOKEN_IDS, files=others, max_shard_bytes=500_000)
    (folder / "remote_code.py").write_text("raise SystemExit('this must never be fetched')\n")
    return folder


@dataclass
class FakeHub:
    """The part of the hub's protocol that a snapshot download uses."""

    files: dict[str, bytes]
    url: str = ""
    requested: list[str] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)  # files whose connection dies half way
    corrupt: set[str] = field(default_factory=set)  # files that arrive complete, with one byte changed
    status: int = 200

    def describe(self, path: str) -> Any:
        listing = [
            {
                "type": "file",
                "path": name,
                "oid": hashlib.sha1(data).hexdigest(),
                "size": len(data),
                **(
                    {"lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}}
                    if name.endswith(".safetensors")
                    else {}
                ),
            }
            for name, data in self.files.items()
        ]
        if "/tree/" in path:
            return listing
        return {"id": REPO, "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files]}


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            path = self.path.split("?")[0]
            hub.requested.append(path)
            if hub.status != 200:
                self.send_response(hub.status)
                self.send_header("X-Error-Code", "RepoNotFound" if hub.status == 404 else "GatedRepo")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            name = path.rsplit("/", 1)[-1]
            is_file = "/resolve/" in path
            data = hub.files[name] if is_file else json.dumps(hub.describe(path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            if is_file:
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            else:
                self.send_header("Content-Type", "application/json")
            self.end_headers()
            if not body:
                return
            if is_file and name in hub.corrupt:
                data = data[:-1] + bytes([data[-1] ^ 1])
            if is_file and name in hub.cut:
                data = data[: len(data) // 2]
                self.close_connection = True
            self.wfile.write(data)

    return Handler


@pytest.fixture
def hub(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    fake = FakeHub({path.name: path.read_bytes() for path in checkpoint.iterdir()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    use_endpoint(monkeypatch, fake.url)
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


def use_endpoint(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """What HF_ENDPOINT does, which the library reads only once, when it is imported."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    real = huggingface_hub.snapshot_download
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *a, **k: real(*a, endpoint=url, **k))


def weights_in(cache: Path) -> list[str]:
    """Files in the cache that anything could take for weights."""
    return sorted(p.name for p in cache.rglob("*.safetensors"))


def blobs_of(cache: Path, data: bytes) -> list[Path]:
    return [p for p in cache.rglob(hashlib.sha256(data).hexdigest()) if p.is_file()]


# ---------------------------------------------------------------- local names


def test_local_folder_wins(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_checkpoint(checkpoint) == checkpoint
    assert find_checkpoint(str(checkpoint)) == checkpoint
    folder = checkpoint.parent / "locany-mini"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(checkpoint.parent)
    assert find_checkpoint("locany-mini") == Path("locany-mini")


def test_bundled_model(checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("locany.weights.fetch._BUNDLED_FOLDER", checkpoint)
    assert find_checkpoint() == find_checkpoint(None) == find_checkpoint("locany-mini") == checkpoint
    monkeypatch.setattr("locany.weights.fetch._BUNDLED_FOLDER", tmp_path / "nothing")
    with pytest.raises(CheckpointNotFoundError, match="not in this installation"):
        find_checkpoint()


@pytest.mark.parametrize("model", ["locany-maxi", "./not/here", "/not/here", "a/b/c", "", "-x/y", "a b/c"])
def test_names_that_are_nothing(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", forbidden)
    with pytest.raises(CheckpointNotFoundError, match="no such folder"):
        find_checkpoint(model)


def test_path_that_does_not_exist_is_never_a_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", forbidden)
    with pytest.raises(CheckpointNotFoundError, match="no such folder"):
        find_checkpoint(Path("org/name"))
    file = tmp_path / "model.safetensors"
    file.touch()
    with pytest.raises(CheckpointNotFoundError, match="is a file"):
        find_checkpoint(str(file))


def forbidden(*_: object, **__: object) -> str:
    raise AssertionError("the hub was asked")


# ---------------------------------------------------------------- hub


def test_download_then_cache_without_network(hub: FakeHub, tmp_path: Path) -> None:
    folder = find_checkpoint(REPO, cache_dir=tmp_path)
    load_model(folder, device="cpu", dtype=torch.float32)
    assert not list(tmp_path.rglob("*.py"))
    assert not any(path.endswith(".py") for path in hub.requested)
    hub.requested.clear()
    assert find_checkpoint(REPO, cache_dir=tmp_path) == folder
    assert find_checkpoint(REPO, cache_dir=tmp_path, allow_download=False) == folder
    assert hub.requested == []


def test_nothing_is_asked_when_downloads_are_not_allowed(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=f"not allowed; .*hf download {REPO}"):
        find_checkpoint(REPO, cache_dir=tmp_path, allow_download=False)
    assert hub.requested == []


def test_killed_download_leaves_nothing_behind(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the library waits a second before each retry
    name = next(n for n in sorted(hub.files) if n.endswith(".safetensors"))
    hub.cut.add(name)
    with pytest.raises(CheckpointNotFoundError, match="download failed"):
        find_checkpoint(REPO, cache_dir=tmp_path)
    assert name not in weights_in(tmp_path)
    with pytest.raises(CheckpointNotFoundError, match="not allowed"):
        find_checkpoint(REPO, cache_dir=tmp_path, allow_download=False)
    hub.cut.clear()
    load_model(find_checkpoint(REPO, cache_dir=tmp_path), device="cpu", dtype=torch.float32)


def test_corrupt_file_leaves_nothing_behind(hub: FakeHub, tmp_path: Path) -> None:
    name = next(n for n in sorted(hub.files) if n.endswith(".safetensors"))
    hub.corrupt.add(name)
    with pytest.raises(CheckpointTensorError, match=r"SHA-256 .*removed from the cache"):
        find_checkpoint(REPO, cache_dir=tmp_path)
    assert name not in weights_in(tmp_path)
    assert blobs_of(tmp_path, hub.files[name]) == []
    hub.corrupt.clear()
    load_model(find_checkpoint(REPO, cache_dir=tmp_path), device="cpu", dtype=torch.float32)


@pytest.mark.parametrize("damage", ["cut", "garbage", "no config", "broken config", "no shard", "no blob"])
def test_damaged_cache_is_mended(hub: FakeHub, tmp_path: Path, damage: str) -> None:
    folder = find_checkpoint(REPO, cache_dir=tmp_path)
    config, shard = folder / "config.json", sorted(folder.glob("*.safetensors"))[0]
    if damage == "cut":
        shard.resolve().write_bytes(shard.read_bytes()[:-100])
    elif damage == "garbage":
        shard.resolve().write_bytes(b"x" * 1000)
    elif damage == "no config":
        config.unlink()
    elif damage == "broken config":
        config.resolve().write_text("{")
    elif damage == "no shard":
        shard.unlink()
    else:
        shard.resolve().unlink()
    with pytest.raises(CheckpointNotFoundError, match="not allowed"):
        find_checkpoint(REPO, cache_dir=tmp_path, allow_download=False)
    load_model(find_checkpoint(REPO, cache_dir=tmp_path), device="cpu", dtype=torch.float32)


def test_offline_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_endpoint(monkeypatch, "http://127.0.0.1:9")  # the discard port: nothing listens
    with pytest.raises(CheckpointNotFoundError) as caught:
        find_checkpoint(REPO, revision="v1", cache_dir=tmp_path)
    message = str(caught.value)
    assert "could not be reached" in message
    assert f"hf download {REPO} --revision v1" in message


@pytest.mark.parametrize(("status", "words"), [(404, "check the name"), (403, "accept its terms")])
def test_hub_refuses(hub: FakeHub, tmp_path: Path, status: int, words: str) -> None:
    hub.status = status
    with pytest.raises(CheckpointNotFoundError, match=words):
        find_checkpoint(REPO, cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda e: e.OfflineModeIsEnabled("off"), "HF_HUB_OFFLINE"),
        (lambda e: e.HFValidationError("bad id"), "bad id"),
        (lambda e: OSError(28, "No space left on device"), "free space"),
        (lambda e: TimeoutError("slow"), "try again"),
        (lambda e: RuntimeError("transfer died\nlong story"), "transfer died; try again"),
    ],
)
def test_library_errors_become_ours(
    make: Any, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, local_files_only: bool, **__: object) -> str:
        if local_files_only:
            raise huggingface_hub.errors.LocalEntryNotFoundError("not cached")
        raise make(huggingface_hub.errors)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(CheckpointNotFoundError, match=words) as caught:
        find_checkpoint(REPO, cache_dir=tmp_path)
    assert caught.value.__cause__ is not None


def test_only_data_files_are_asked_for(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[dict[str, Any]] = []

    def record(repo: str, **options: Any) -> str:
        calls.append({"repo": repo, **options})
        return str(checkpoint)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", record)
    assert find_checkpoint("a/b", revision="r", cache_dir=tmp_path) == checkpoint
    assert calls == [
        {
            "repo": "a/b",
            "revision": "r",
            "cache_dir": tmp_path,
            "allow_patterns": ["*.json", "*.txt", "*.safetensors"],
            "local_files_only": True,
        }
    ]
