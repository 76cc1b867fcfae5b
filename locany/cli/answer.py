"""One question about every image of a SOURCE: load, ask, draw, report."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locany.cli.live import print_live
from locany.cli.messages import say, say_error, warnings_as_remarks
from locany.cli.options import LocateOptions
from locany.cli.report import Bar, JsonReport, Report, TextReport
from locany.cli.sources import Source, check_categories, find_sources, plan_outputs
from locany.errors import ImageFetchError, ImageTooLargeError, LocanyError, RequestError
from locany.files import beside
from locany.tasks import Task
from locany.wording import counted

if TYPE_CHECKING:
    from locany.locator import Locator
    from locany.results import Detections

NOT_FOUND = 3  # exit code, where something is required


@dataclasses.dataclass
class _Counts:
    """Detections shown, images that failed, images that lack something required."""

    found: int = 0
    failed: int = 0
    lacking: int = 0


def answer(source: str, task: Task, options: LocateOptions) -> int:
    """Ask `task` of every image, print the answers in the order of the images.

    Returns:
        The exit code: 0, 1 when an image failed, or 3 when `--require` misses something.

    Raises:
        LocanyError: nothing can be answered, and nothing was printed; a RequestError where the command line
            is wrong.
    """
    sources = find_sources(source)
    check_categories(task.categories)
    if options.offline and any(image.is_url for image in sources.images):
        raise RequestError("SOURCE is a URL and --offline is set; give a file, or leave --offline out")
    if options.stream and (options.json or options.out is not None):
        raise RequestError(
            "--stream prints findings before the answer is complete; leave out --json and --out, or --stream"
        )
    if options.stream and options.nms is not None:
        raise RequestError(
            "--nms compares findings and --stream prints each before the next is known; leave out one"
        )
    if options.stream and options.require:
        raise RequestError(
            "--require judges whole answers and --stream does not wait for them; leave out one"
        )
    outputs = plan_outputs(options.out, sources)
    if options.quiet:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with warnings_as_remarks(options.quiet):
        locator = _load(options, task, len(sources.images))
        if options.stream:
            settings = _questions_settings(options)
            num_failed = print_live(locator, sources.images, task, settings, options.min_score, _say_failure)
            return 1 if num_failed else 0
        report: Report
        if options.json:
            report = JsonReport(sources.several, _settings(locator, options))
        else:
            report = TextReport(options.min_score)
        shown = sources.several and not options.quiet
        counts = _answer_all(locator, sources.images, outputs, task, options, report, shown)
        report.close()
    if shown and not options.json:
        failed = f", {counts.failed} failed" if counts.failed else ""
        say(f"{counted(len(sources.images), 'image')}, {counts.found} found{failed}")
    return 1 if counts.failed else NOT_FOUND if counts.lacking else 0


def _load(options: LocateOptions, task: Task, num_images: int) -> Locator:
    from locany.closer import CloserConfig
    from locany.engine.params import Params

    # A wrong option is refused before anything is loaded.
    options.check_scores()
    Params(**options.params())
    closer = CloserConfig(**options.closer())
    closer.check(task)
    if options.stream and (closer.tiles or closer.zoom):
        raise RequestError(
            "--stream prints findings while they are decoded, before several looks can be compared; "
            "leave out --tiles and --zoom, or --stream"
        )
    from locany.locator import load

    several = closer.parallel_categories or closer.tiles or closer.zoom
    return load(
        options.model,
        adapter=options.adapter,
        device=options.device,
        dtype=options.dtype,
        quant=options.quant,
        calibrated=not options.raw_scores,
        calibration=options.calibration,
        allow_download=not options.offline,
        max_rows=options.batch if several else min(options.batch, num_images),
    )


def _answer_all(
    locator: Locator,
    images: Sequence[Source],
    outputs: Sequence[Path | None],
    task: Task,
    options: LocateOptions,
    report: Report,
    shown: bool,
) -> _Counts:
    """Ask, draw and report."""
    questions = ((image.given, task) for image in images)
    settings = _questions_settings(options)
    waiting: dict[int, tuple[Detections | None, int, list[Exception]]] = {}
    num_reported, counts = 0, _Counts()
    with Bar(len(images), shown) as bar:
        for number, result in locator.stream(questions, **settings):
            waiting[number] = _finish(result, images[number], outputs[number], options)
            bar.advance()
            while num_reported in waiting:  # rows finish in any order; people read in one
                found, num_hidden, errors = waiting.pop(num_reported)
                name = images[num_reported].name
                with bar.aside():
                    if found is not None:
                        report.answer(found, num_hidden)
                        counts.found += len(found)
                        if options.require and (missing := _missing(found, task)):
                            say(f"{name}: not found: {', '.join(missing)}")
                            counts.lacking += 1
                    for error in errors:
                        _say_failure(name, error)
                        report.failure(name, error)
                counts.failed += bool(errors)
                num_reported += 1
    return counts


def _missing(found: Detections, task: Task) -> list[str]:
    """What was asked for and is not there, as far as it is shown."""
    if task.categories:
        return [name for name in task.categories if name not in found]
    return [] if len(found) else [task.phrase or "any text"]


def _questions_settings(options: LocateOptions) -> dict[str, Any]:
    """What a question is asked with."""
    fetched = {"exif": not options.no_exif, "allow_url": not options.offline}
    return {**fetched, **options.params(), **options.closer()}


def _finish(
    result: Detections | LocanyError, image: Source, out: Path | None, options: LocateOptions
) -> tuple[Detections | None, int, list[Exception]]:
    """What is reported of an answer: detections, how many were left out, what went wrong."""
    if isinstance(result, LocanyError):
        return None, 0, [result]
    if options.nms is not None:
        result = result.with_nms(options.nms)
    kept = result.filter(min_score=options.min_score)
    errors: list[Exception] = []
    if out is not None:
        try:
            write_drawn(kept, out, labels=not options.no_labels, scores=not options.no_scores)
        except OSError as error:
            errors.append(LocanyError(f"the annotated image '{out}' cannot be written: {error}"))
    # Many answers may wait for an earlier one; their pixels need not.
    return dataclasses.replace(kept, image_name=image.name, image=None), len(result) - len(kept), errors


def write_drawn(found: Detections, out: Path, **looks: Any) -> None:
    """The annotated image, written beside its place and then moved there: never half a file.

    Args:
        looks: options of `annotate`.

    Raises:
        OSError: it cannot be written.
    """
    from locany.draw import annotate

    part = beside(out, f".{os.getpid()}.part")
    try:
        if out.suffix.lower() == ".png":
            annotate(found, **looks).save(part, format="PNG")
        else:
            annotate(found, **looks).save(part, format="JPEG", quality=92)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def _say_failure(name: str, error: Exception) -> None:
    text = str(error)
    say_error(text if name in text else f"{name}: {text}")
    if isinstance(error, ImageTooLargeError):
        say("hint: shrink the image, or cut it; where only its sides are long, --tiles auto looks at pieces")
    if isinstance(error, ImageFetchError):
        say("hint: download the image and give the file, or pipe it in with SOURCE '-'")


def _settings(locator: Locator, options: LocateOptions) -> dict[str, Any]:
    """What made the answers."""
    from locany.closer import CloserConfig
    from locany.engine.params import Params
    from locany.version import __version__

    params = locator.settings(Params(**options.params()), CloserConfig(**options.closer()))
    shown = {"min_score": options.min_score, **({} if options.nms is None else {"nms": options.nms})}
    return {"version": __version__, **params, **shown, "exif": not options.no_exif}
