"""The pages of the benchmark `home`: rendered into the user's cache when they are first needed."""

from __future__ import annotations

import os
from pathlib import Path

from locany.cli.messages import say
from locany.cli.progress import progress
from locany.errors import MissingAssetsError, MissingExtraError, RequestError

_USE_OWN = "or give the folder of pages that were built elsewhere: locany eval home DIR"


def cache_folder() -> Path:
    """Where locany keeps what can be made again: LOCANY_CACHE, else ~/.cache/locany."""
    given = os.environ.get("LOCANY_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "locany"


def home_folder() -> Path:
    """The folder of the pages, built now where that was not done yet; a build that was stopped goes on.

    Raises:
        RequestError: what pages are rendered with is not installed.
    """
    from locany.eval.benchmarks.home import IMAGES, edition
    from locany.pipeline.build import MANIFEST, build
    from locany.pipeline.held_out import recipe

    folder = cache_folder() / "eval" / f"home-{edition()}"  # another version may draw other pages
    if (folder / MANIFEST).is_file():
        return folder
    say(f"the pages of home are rendered into {folder}, once")
    folder.parent.mkdir(parents=True, exist_ok=True)
    bar = progress("pages", "rendering")
    try:
        with bar:
            build(recipe(IMAGES), folder, workers=os.cpu_count() or 1, watcher=bar)
    except (MissingAssetsError, MissingExtraError) as error:
        raise RequestError(f"the pages of home cannot be rendered here: {error}; {_USE_OWN}") from error
    return folder
