"""Answers on stdout: a table on a terminal, plain lines elsewhere, or one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from locany.cli.messages import clean

if TYPE_CHECKING:
    from locany.results import Detections

Row = tuple[str, str, str, str]  # label, score, place, how decoded

_MAX_PADDED = 40  # cells to which labels are aligned in plain text; longer ones stick out


class Report(Protocol):
    """Takes answers in the order of the images."""

    def answer(self, found: Detections, num_hidden: int) -> None:
        """One answer, of which `num_hidden` were left out for their score."""

    def failure(self, name: str, error: Exception) -> None:
        """An image that failed; stderr has said so already."""

    def close(self) -> None:
        """All has been said."""


class JsonReport:
    """One document, printed at the end: an object for a single image, else results and errors."""

    def __init__(self, several: bool, settings: dict[str, Any]):
        self.several, self.settings = several, settings
        self.results: list[dict[str, Any]] = []
        self.errors: list[dict[str, str]] = []

    def answer(self, found: Detections, num_hidden: int) -> None:
        self.results.append(found.to_dict())

    def failure(self, name: str, error: Exception) -> None:
        self.errors.append({"image": name, "error": str(error), "type": type(error).__name__})

    def close(self) -> None:
        if self.several:
            print_json({"results": self.results, "errors": self.errors, "settings": self.settings})
        else:
            one = {name: value for part in (*self.results, *self.errors) for name, value in part.items()}
            print_json({**one, "settings": self.settings})


class TextReport:
    """For people: a header, a table and remarks for every image."""

    def __init__(self, score_limit: float):
        self.score_limit = score_limit
        self.num_shown = 0

    def answer(self, found: Detections, num_hidden: int) -> None:
        if self.num_shown:
            write_line()
        self.num_shown += 1
        remarks = _remarks(found, num_hidden, self.score_limit)
        (_print_table if sys.stdout.isatty() else _print_plain)(found, remarks)

    def failure(self, name: str, error: Exception) -> None:
        pass

    def close(self) -> None:
        pass


def print_json(document: dict[str, Any]) -> None:
    """The document on stdout."""
    print(json_text(document, indent=2 if sys.stdout.isatty() else None), flush=True)


def json_text(document: dict[str, Any], indent: int | None = None) -> str:
    """The document, its letters escaped where stdout could not carry them."""
    text = json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=indent, allow_nan=False)
    return text


def write_line(text: str = "") -> None:
    """A line on stdout."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def _head(found: Detections) -> tuple[str, str]:
    width, height = found.size_wh
    num = f"{len(found)} found" if len(found) else "nothing found"
    seconds = found.stats.get("seconds")
    took = f"  {seconds:.2f} s" if seconds is not None else ""
    return clean(found.image_name) or "image", f"{width} x {height}  {num}{took}"


def _rows(found: Detections) -> Iterator[Row]:
    width = max((len(f"{value:.1f}") for value in found.xyxy.flat), default=0)
    for det in found:
        corners = det.xyxy[:2] if det.is_point else det.xyxy
        place = " ".join(f"{value:{width}.1f}" for value in corners)
        yield clean(det.label) or "(no label)", f"{det.score:.2f}", place, det.provenance.value


def _remarks(found: Detections, num_hidden: int, score_limit: float) -> list[str]:
    remarks = [f"{num_hidden} with a score below {score_limit:g} left out"] if num_hidden else []
    if found.absent:
        remarks.append("not there: " + ", ".join(clean(name) for name in found.absent))
    if found.unanswered:
        names = ", ".join(clean(name) for name in found.unanswered)
        advice = "" if found.truncated else " (ask for fewer at once, or with --parallel-categories)"
        remarks.append(f"not answered: {names}{advice}")
    if found.truncated:
        limit = {
            "max_boxes": "by --max-boxes",
            "limit": "by a limit (--max-new-tokens or what the model can hold)",
        }
        remarks.append(f"cut {limit.get(found.stats.get('finish', ''), 'by a limit')}; there may be more")
    return remarks + [f"dropped: {clean(note)}" for note in found.dropped]


def _print_plain(found: Detections, remarks: Sequence[str]) -> None:
    from rich.cells import cell_len

    rows = list(_rows(found))
    label_width = min(max((cell_len(row[0]) for row in rows), default=0), _MAX_PADDED)
    place_width = max((len(row[2]) for row in rows), default=0)
    write_line("  ".join(_head(found)))
    for (label, score, place, decoded), is_point in zip(rows, found.is_point, strict=True):
        padded = label + " " * (label_width - cell_len(label))
        kind = "point" if is_point else "box  "
        write_line(f"  {padded}  {score}  {kind} {place:<{place_width}}  {decoded}")
    for remark in remarks:
        write_line(f"  {remark}")


def _print_table(found: Detections, remarks: Sequence[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    name, facts = _head(found)
    console.print(Text.assemble((name, "bold"), "  ", facts), soft_wrap=True)
    if len(found):
        num_points = int(found.is_point.sum())
        place = "box x0 y0 x1 y1" if num_points == 0 else "point x y" if num_points == len(found) else "place"
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("label", overflow="fold", style="cyan")
        table.add_column("score", justify="right", no_wrap=True)
        table.add_column(place, no_wrap=True)
        table.add_column("decoded", no_wrap=True, style="dim")
        for row in _rows(found):
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
    for remark in remarks:
        console.print(Text(remark, style="yellow"), soft_wrap=True)


class Bar:
    """A progress bar on stderr. Outside a terminal, or when not `shown`, it does nothing."""

    def __init__(self, total: int, shown: bool):
        self._progress: Any = None
        if shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

            # Redirecting is Progress's default and would send results to stderr.
            self._progress = Progress(
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Bar:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def advance(self) -> None:
        """One more image is done."""
        if self._progress:
            self._progress.advance(self._task)

    def aside(self) -> AbstractContextManager[None]:
        """While something else is printed."""
        return self._aside() if self._progress else nullcontext()

    @contextmanager
    def _aside(self) -> Iterator[None]:
        self._progress.stop()  # transient: the bar is wiped away
        try:
            yield
        finally:
            self._progress.start()
