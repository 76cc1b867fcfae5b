"""What is said on stderr, and text made safe for a terminal."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def clean(text: str) -> str:
    """On one line and without control characters: labels and file names come from models and strangers."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))


def say(text: str) -> None:
    """A line on stderr."""
    stream = sys.stderr
    encoding = stream.encoding or "utf-8"
    line = clean(text).encode(encoding, "backslashreplace").decode(encoding)
    print(line, file=stream, flush=True)


def say_error(text: str) -> None:
    """An error on stderr."""
    say(f"locany: error: {text}")


@contextmanager
def warnings_as_remarks(quiet: bool) -> Iterator[None]:
    """Python warnings as one readable line each; none if `quiet`."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        say(f"locany: warning: {message}")

    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
        else:
            warnings.showwarning = show
        yield
