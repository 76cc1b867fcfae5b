"""From what a user calls a model to a folder: a local folder, the bundled model, or a hub id.

The network is used only when a hub id is named and the local cache does not hold it completely. Only data
files are fetched, never code. Files that turn out damaged are removed from the cache before the error is
raised, so that a later call does not take them for good.
"""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path

from locany.errors import CheckpointError, CheckpointNotFoundError, CheckpointTensorError
from locany.weights.stored import (
    CONFIG_FILE,
    check_folder,
    read_header,
    read_json,
    read_preprocess,
    stored_tensors,
)

BUNDLED_NAME = "locany-mini"
_BUNDLED = (BUNDLED_NAME, "bundled")
ALLOWED_FILES = ("*.json", "*.txt", "*.safetensors")  # data only: a checkpoint's own code is never fetched

_BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "assets" / BUNDLED_NAME
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMOVED = "what was damaged has been removed from the cache"
_log = logging.getLogger(__name__)


def find_checkpoint(
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    allow_download: bool = True,
    cache_dir: str | Path | None = None,
) -> Path:
    """The folder of a checkpoint.

    Args:
        model: a folder, which wins over everything else; None, "locany-mini" or "bundled" for the model in
            the package; or a hub id such as "nvidia/LocateAnything-3B". The hub's local cache is looked at
            first: a name that is cached completely costs no network call, and a branch that has moved since
            is not noticed.
        revision: branch, tag or commit on the hub; only for hub ids.
        allow_download: False never reaches the network.
        cache_dir: the hub's cache folder, if not the default one.

    Returns:
        An existing folder; a downloaded one has been checked (sizes, headers, and checksums where known).

    Raises:
        CheckpointNotFoundError: nothing of that name, or the hub cannot be reached or refuses; the message
            says what was tried and how to get the files by hand.
        CheckpointTensorError: a downloaded file is damaged; it has been removed from the cache.
    """
    if model is not None and str(model):  # the empty string would be the current folder
        try:
            local = Path(model).expanduser()
            if local.is_dir():
                return local
            is_path = isinstance(model, Path) or local.exists()
        except (OSError, RuntimeError) as error:  # no permission, a name too long, a home that nobody has
            raise CheckpointNotFoundError(f"{model} cannot be looked at: {error}") from error
        if is_path:
            check_folder(local)  # raises: nothing there, or a file
    if model is None or str(model) in _BUNDLED:
        return _bundled()
    if not _HUB_ID.fullmatch(str(model)):
        raise CheckpointNotFoundError(
            f"no model {str(model)!r}: there is no such folder, and it is neither '{BUNDLED_NAME}' nor a hub "
            "id of the form 'organisation/name'"
        )
    return _from_hub(str(model), revision, allow_download, cache_dir)


def _bundled() -> Path:
    if not (_BUNDLED_FOLDER / CONFIG_FILE).is_file():
        raise CheckpointNotFoundError(
            f"the bundled model '{BUNDLED_NAME}' is not in this installation (looked in {_BUNDLED_FOLDER}); "
            "reinstall locany, or give a checkpoint folder or a hub id"
        )
    return _BUNDLED_FOLDER


def _from_hub(repo: str, revision: str | None, allow_download: bool, cache_dir: str | Path | None) -> Path:
    import huggingface_hub  # late: a local folder need not pay for it

    def snapshot(*, local_files_only: bool) -> Path:
        return Path(
            huggingface_hub.snapshot_download(
                repo,
                revision=revision,
                cache_dir=cache_dir,
                allow_patterns=list(ALLOWED_FILES),
                local_files_only=local_files_only,
            )
        )

    by_hand = f"hf download {repo}{f' --revision {revision}' if revision else ''} --local-dir <folder>"
    by_hand = f"to download by hand where there is a network: `{by_hand}`, then give that folder"
    try:
        cached = snapshot(local_files_only=True)
    except _hub_failures() as error:
        _log.debug("%s: %s", repo, error)  # it advises on settings of another library
        problem = "the local cache does not hold it"
    else:
        try:
            _verify(cached)
            return cached
        except CheckpointError as error:
            # Incomplete after a killed download, or damaged: worth a word, then fetched again if allowed.
            problem = f"the copy in the local cache cannot be used ({error})"
            _log.warning("%s: %s", repo, problem)
    taken = f"there is no folder {repo!r} here, so it is taken for a model of the hub"
    if not allow_download:
        raise CheckpointNotFoundError(
            f"{repo}: {taken}; {problem}, and downloading was not allowed; {by_hand}"
        )
    if Path(repo).parent.is_dir():  # what a stranger has uploaded under the name of one's own folder
        raise CheckpointNotFoundError(
            f"{repo}: there is a folder {str(Path(repo).parent)!r} here, but nothing of that name in it; if "
            f"the model of the hub is meant, take it from there by hand: {by_hand}"
        )
    try:
        downloaded = snapshot(local_files_only=False)
    except _hub_failures() as error:
        raise CheckpointNotFoundError(
            f"{repo}: {taken}; {problem}, and the download failed: {_advice(error, repo, revision)}; "
            f"{by_hand}"
        ) from error
    _verify(downloaded, checksums=True)
    return downloaded


def _verify(folder: Path, *, checksums: bool = False) -> None:
    """Check every file of a snapshot in the hub's cache, and remove from the cache those that are damaged.

    Args:
        checksums: also compare contents with the SHA-256 by which the cache names large files (all data is
            read, so only after a download).

    Raises:
        CheckpointError: something is damaged or missing.
    """
    damaged: list[CheckpointError] = []
    stays = ""  # why a damaged file is still there
    for path in sorted(folder.iterdir()):
        if not path.exists():  # a link to nothing: found missing below, and mended by the next download
            continue
        try:
            if path.suffix == ".safetensors":
                read_header(path)
                if checksums:
                    _check_sha256(path)
            elif path.name == CONFIG_FILE or path.name.endswith(".index.json"):
                read_json(path)
        except CheckpointNotFoundError:  # unreadable, which says nothing about what is in it
            raise
        except CheckpointError as error:
            damaged.append(error)
            try:
                _remove(path)
            except OSError as failure:
                stays = str(failure)
    if damaged:
        more = f" (and {len(damaged) - 1} more files)" if len(damaged) > 1 else ""
        done = f"it could not be removed ({stays}); delete it by hand" if stays else _REMOVED
        raise CheckpointTensorError(f"{damaged[0]}{more}; {done}") from damaged[0]
    check_folder(folder)
    stored_tensors(folder)
    read_preprocess(folder)  # other tools fetch the weights alone
    if not any((folder / name).is_file() for name in ("vocab.json", "tokenizer.json")):
        raise CheckpointNotFoundError(f"{folder}: no vocabulary (vocab.json or tokenizer.json)")


def _check_sha256(path: Path) -> None:
    expected = path.resolve().name  # the snapshot holds links to files that are named by their content
    if not path.is_symlink() or not _SHA256.fullmatch(expected):
        return
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        raise CheckpointTensorError(
            f"{path} is damaged: its SHA-256 is {digest.hexdigest()}, expected {expected}; download it again"
        )


def _remove(path: Path) -> None:
    """Remove a file of a snapshot together with the content that its link points to."""
    content = path.resolve()
    path.unlink(missing_ok=True)
    content.unlink(missing_ok=True)


def _hub_failures() -> tuple[type[Exception], ...]:
    """All exceptions by which the hub's library says that it could not deliver.

    Its own ones, and the base error of the HTTP library under it, which has changed twice within the versions
    that we accept and is found in the same module. OSError covers sockets, disks and `requests`; RuntimeError
    is what its native transfer raises; ValueError is a revision that cannot be one.
    """
    from huggingface_hub import errors

    own = (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception))
    return (*own, OSError, RuntimeError, ValueError)


def _advice(error: Exception, repo: str, revision: str | None) -> str:
    """What happened and what to do, from the most special exception to the least."""
    from huggingface_hub import errors

    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)

    def caused_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    if caused_by(errors.GatedRepoError):
        return f"access to {repo} must be granted first: accept its terms there, then run `hf auth login`"
    if caused_by(errors.RevisionNotFoundError):
        return f"{repo} has no revision {revision!r}; give an existing branch, tag or commit"
    if caused_by(errors.RepositoryNotFoundError):
        return f"the hub has no {repo}, or it is private: check the name, or run `hf auth login`"
    if caused_by(errors.HFValidationError):
        return f"{_first_line(error)}; check the name and the revision"
    if caused_by(errors.OfflineModeIsEnabled):
        return "offline mode is on (HF_HUB_OFFLINE); unset it to allow the download"
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return f"{error}; check the free space and the permissions of the cache folder"
    if caused_by(errors.LocalEntryNotFoundError):
        return f"the hub could not be reached ({_first_line(chain[-1])}); check the network and try again"
    return f"{type(error).__name__}: {_first_line(error)}; try again, a download goes on where it stopped"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
