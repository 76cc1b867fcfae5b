"""The questions: detect, ground, point, text, layout, gui."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Group, Parameter

from locany.cli.answer import answer
from locany.cli.messages import say
from locany.cli.options import QUESTION_GROUP, LocateOptions
from locany.tasks import Task

GROUP = Group("Questions", sort_key=1)
NAMES = ("detect", "ground", "point", "text", "layout", "gui")

# A lone '-' looks like an option to the parser, hence the permission to begin with a hyphen.
Image = Annotated[
    str,
    Parameter(
        allow_leading_hyphen=True,
        help="Image file, folder of images, quoted pattern such as 'shots/*.png', URL, or - for stdin.",
    ),
]
# Of `*category`, not of a list: a list would end at the first option.
Category = Annotated[str, Parameter(required=True, help="What to look for; one word or phrase each.")]
Phrase = Annotated[str, Parameter(help="What to look for, in your own words.")]

# In the help of every question and of the program.
PLACES = """\
A box is x0 y0 x1 y1 and a point x y, in pixels from the upper left corner of the upright image (with \
--no-exif of the stored one); the right edge is x = width. --json and --stream write the same numbers."""

_DEFAULT = LocateOptions()


def _flag(text: str) -> Parameter:
    return Parameter(group=QUESTION_GROUP, negative=(), show_default=False, help=text)


def detect(source: Image, /, *category: Category, options: LocateOptions = _DEFAULT) -> int:
    """Find all things of each category."""
    if len(category) == 1 and "," in category[0] and not options.quiet:
        say(f"remark: {category[0]!r} is one category; give several apart: cat dog 'traffic light'")
    return answer(source, Task.detect(category), options)


def ground(
    source: Image,
    phrase: Phrase,
    /,
    *,
    single: Annotated[bool, _flag("The phrase means exactly one thing: find that one.")] = False,
    options: LocateOptions = _DEFAULT,
) -> int:
    """Find everything that a phrase describes."""
    return answer(source, Task.refer(phrase) if single else Task.ground(phrase), options)


def point(source: Image, phrase: Phrase, /, *, options: LocateOptions = _DEFAULT) -> int:
    """Put a point on everything that a phrase describes."""
    return answer(source, Task.point(phrase), options)


def text(
    source: Image,
    /,
    *,
    find: Annotated[
        str | None, Parameter(group=QUESTION_GROUP, help="Only find where these words are written.")
    ] = None,
    options: LocateOptions = _DEFAULT,
) -> int:
    """Find and read all text; the label of each box is what is written there."""
    return answer(source, Task.text() if find is None else Task.find_text(find), options)


def layout(source: Image, /, *category: Category, options: LocateOptions = _DEFAULT) -> int:
    """Find the regions of a page, such as title, table or figure."""
    return answer(source, Task.layout(category), options)


def gui(
    source: Image,
    phrase: Phrase,
    /,
    *,
    point: Annotated[bool, _flag("Give the place to click rather than the box.")] = False,
    options: LocateOptions = _DEFAULT,
) -> int:
    """Find the control of a user interface that a phrase describes."""
    return answer(source, Task.gui(phrase, point=point), options)


def _epilogue(*lines: str) -> str:
    """What a place means, then the examples."""
    return PLACES + "\n\n" + "\n".join(["Examples:", *(f"  locany {line}" for line in lines)])


def register(app: App) -> None:
    """Add the commands to `app`."""
    commands: Sequence[tuple[object, str, str]] = (
        (
            detect,
            "SOURCE CATEGORY...",
            _epilogue(
                "detect desk.png apple 'coffee cup'",
                "detect photos/ cat dog --out found/ --min-score 0.5",
                "detect 'shots/*.jpg' person --json > people.json",
                "detect - cat --model nvidia/LocateAnything-3B < cat.jpg",
                "detect map.png house --tiles auto --refine",
                'detect crowd.jpg face --stream | while read -r found; do echo "$found"; done',
            ),
        ),
        (
            ground,
            "SOURCE PHRASE",
            _epilogue(
                "ground street.jpg 'people waiting at the light'",
                "ground street.jpg 'the tallest building' --single --out tallest.png",
            ),
        ),
        (
            point,
            "SOURCE PHRASE",
            _epilogue("point shelf.jpg 'red bottle'", "point shelf.jpg 'red bottle' --max-boxes 3 --json"),
        ),
        (
            text,
            "SOURCE",
            _epilogue("text receipt.jpg", "text receipt.jpg --find Total --out total.png"),
        ),
        (
            layout,
            "SOURCE CATEGORY...",
            _epilogue("layout page.png title table figure", "layout 'pages/*.png' table --out tables/"),
        ),
        (
            gui,
            "SOURCE PHRASE",
            _epilogue("gui screen.png 'the save button'", "gui screen.png 'the search field' --point --json"),
        ),
    )
    for number, (function, arguments, epilogue) in enumerate(commands):
        name = function.__name__  # type: ignore[attr-defined]
        usage = f"Usage: locany {name} {arguments} [OPTIONS]"
        app.command(function, group=GROUP, sort_key=number, usage=usage, help_epilogue=epilogue)  # type: ignore[call-overload]
