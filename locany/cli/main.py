"""The command `locany`: names of commands, exit codes, and what happens to errors.

Nothing heavy is imported before a command runs, so that help is instant.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress

from cyclopts import (
    App,
    CycloptsError,
    Group,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from locany import __version__
from locany.cli import bench, calibrate, compare, data, evaluate, info, locate, train, weights
from locany.cli.messages import say, say_error
from locany.cli.report import print_json
from locany.errors import LocanyError, RequestError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OK, FAILED, WRONG_USAGE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141

# What Python and the documents call a question, and its command.
_ALSO_CALLED = {"refer": "ground --single", "find_text": "text --find", "gui_point": "gui --point"}
# Of a question with words too many.
_ADVICE = {
    "text": "; words to find are given with --find",
    **dict.fromkeys(
        ("ground", "point", "gui"), "; a phrase of several words, or a pattern, needs quotes around it"
    ),
    **dict.fromkeys(("detect", "layout"), "; a pattern needs quotes around it"),
}

_EPILOGUE = f"""\
SOURCE is an image file, a folder (the images directly in it), a quoted pattern such as 'shots/*.png', \
a URL, or - for an image on stdin.

{locate.PLACES}

--json prints one document: for a single image an object with "detections" (or, if it failed, with "error"); \
for a folder or pattern an object with "results" and "errors". "settings" says what made it. \
Where nothing could be asked, because there is no such SOURCE, option or model, \
it is an object with "error" and "type".

Exit codes: 0 all is well; 1 an image or the model failed, other images are still answered; \
2 wrong usage; 3 something is missing that --require asks for; 130 interrupted; 141 broken pipe.

Words that begin with a hyphen come last, behind a lone --: locany ground map.png -- '-5 degrees'

Examples:
  locany detect desk.png apple 'coffee cup' --out found.png
  locany ground street.jpg 'people waiting at the light'
  locany gui screen.png 'the save button' --point --json"""

app = App(
    name="locany",
    help="Describe anything in words, get its exact place in an image.",
    usage="Usage: locany COMMAND SOURCE [WORDS] [OPTIONS]",
    version=f"locany {__version__}",
    group_commands=Group("Options", sort_key=3),
    help_format="plaintext",
    help_epilogue=_EPILOGUE,
    result_action="return_value",
)
locate.register(app)
data.register(app)
train.register(app)
weights.register(app)
calibrate.register(app)
bench.register(app)
evaluate.register(app)
compare.register(app)
info.register(app)


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: without the program's name; None for that of this process.

    Returns:
        The exit code. Errors that are not a user's to mend are raised: they are bugs.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `locany ... | head`: nobody reads on
        _let_go_of_stdout()
        return BROKEN_PIPE
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _let_go_of_stdout()
        say_error(f"writing failed: {error.strerror}; make room, or write elsewhere")
        return FAILED


def _open_closed_streams() -> None:
    """`locany ... >&-`: Python then has no stream at all, and what would be said is said to nobody."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for good


def _run(arguments: list[str]) -> int:
    try:
        code = app(arguments, exit_on_error=False, print_error=False)
        return code if isinstance(code, int) else OK
    except CycloptsError as error:
        command = " ".join(("locany", *(error.command_chain or ())))
        _tell_document(arguments, RequestError(_explain(error)))
        return _wrong_usage(_explain(error), command)
    except RequestError as error:
        _tell_document(arguments, error)
        return _wrong_usage(str(error), " ".join(["locany", *_command(arguments)]))
    except LocanyError as error:
        _tell_document(arguments, error)
        say_error(str(error))
        return FAILED
    except SystemExit as error:  # from cyclopts on Ctrl-C, from rich on a broken pipe
        return error.code if isinstance(error.code, int) else FAILED


def _command(arguments: Sequence[str]) -> list[str]:
    """The words that name the command."""
    names: list[str] = []
    at = app
    for word in arguments:
        if word not in at:
            break
        names.append(word)
        at = at[word]
    return names


def _tell_document(arguments: Sequence[str], error: LocanyError) -> None:
    """The document of a question that could not be asked: who reads the document reads this, too.

    The words decide, not the parsed options: a command line that cannot be parsed has none.
    """
    if arguments and arguments[0] in locate.NAMES and "--json" in arguments:
        print_json({"error": str(error), "type": type(error).__name__})


def _explain(error: CycloptsError) -> str:
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        meant = _ALSO_CALLED.get(error.unused_tokens[0].replace("-", "_"))
        if meant:
            return f"there is no command {error.unused_tokens[0]!r} here; give 'locany {meant}'"
        if os.path.exists(error.unused_tokens[0]):  # unlike Path.exists it takes any text
            return f"{error}; to find things in it: locany detect {error.unused_tokens[0]} WORDS"
    if isinstance(error, UnusedCliTokensError):
        rest = " ".join(f"'{token}'" for token in error.unused_tokens or ())
        return f"too many arguments: {rest}{_ADVICE.get((error.command_chain or ('',))[0], '')}"
    if isinstance(error, UnknownOptionError) and re.match(r"-$|-\d|-.*\s", error.token.value):
        return f"{error}; words that begin with a hyphen come behind a lone --, at the end of the line"
    return str(error)


def _wrong_usage(message: str, command: str) -> int:
    say_error(message)
    say(f"hint: try '{command} --help'")
    return WRONG_USAGE


def _let_go_of_stdout() -> None:
    """Give stdout somewhere to write to: Python flushes it once more at the end."""
    with suppress(OSError, ValueError):  # where no real file is behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
