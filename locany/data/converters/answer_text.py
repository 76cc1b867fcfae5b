"""Answers as text, like `<ref>cat</ref><box><1><2><3><4></box>`: written from groups, read with all faults.

Reading is strict here, unlike in `codec/answer.py`, which makes the best of what a model wrote: these answers
are learnt from, token by token.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from locany.codec.answer import Bins
from locany.codec.vocab import BOX, BOX_END, CATEGORY_SEPARATOR, NONE_WORDS, REF, REF_END
from locany.data.converters.faults import FaultKind, RecordError, shorten

_MARK = re.compile(r"</?(?:ref|box)>")
_COORDINATES = re.compile(r"(?:<\d+>)+")
_LIKE_COORDINATES = re.compile(r"(?:<-?[\d.]+>)+")
_COORDINATE = re.compile(r"<(-?[\d.]+)>")
_SEPARATORS = re.compile(r"(?:[\s,;.|]|</c>)+")


@dataclass(frozen=True)
class TextItem:
    """One box, point or negative of an answer.

    Attributes:
        label: the label that holds for it; None before the first one.
        bins: four of a box, two of a point, none for a negative.
    """

    label: str | None
    bins: Bins


@dataclass(frozen=True)
class TextAnswer:
    """What an answer says.

    Attributes:
        items: in the order of the text.
        faults: of its form; empty if it can be learnt from.
        is_plain: whether there is neither a label nor a box in it: an answer in words.
    """

    items: tuple[TextItem, ...]
    faults: tuple[RecordError, ...]
    is_plain: bool


def write_answer_text(groups: Sequence[tuple[str, Sequence[Bins]]]) -> str:
    """The text of `codec.answer.write_answer`, without the end token."""
    parts = []
    for label, boxes in groups:
        parts.append(f"{REF}{label}{REF_END}" if label else "")
        parts += [BOX + "".join(f"<{b}>" for b in bins) + BOX_END for bins in boxes]
        parts.append("" if boxes else f"{BOX}{NONE_WORDS[0]}{BOX_END}")
    return "".join(parts)


def read_answer_text(text: str, max_bin: int = 1000) -> TextAnswer:
    """Read an answer and everything that is wrong with its form."""
    return _Reader(text, max_bin).read()


class _Reader:
    def __init__(self, text: str, max_bin: int):
        self.text, self.max_bin, self.position = text, max_bin, 0
        self.label: str | None = None
        self.label_used = True
        self.items: list[TextItem] = []
        self.faults: list[RecordError] = []

    def read(self) -> TextAnswer:
        is_plain = _MARK.search(self.text) is None
        while mark := _MARK.search(self.text, self.position):
            self.read_between(self.text[self.position : mark.start()])
            self.position = mark.end()
            if mark[0] == REF:
                self.read_label()
            elif mark[0] == BOX:
                self.read_box()
            else:
                self.fault(FaultKind.UNCLOSED, f"{mark[0]} closes nothing")
        if not is_plain:
            self.read_between(self.text[self.position :])
        elif CATEGORY_SEPARATOR in self.text:
            self.fault(
                FaultKind.SEPARATOR,
                f"{CATEGORY_SEPARATOR} in an answer; it belongs between categories asked for",
            )
        elif _COORDINATES.search(self.text):
            self.fault(FaultKind.COORDINATES, f"coordinates without {BOX}: {_quote(self.text)}")
        if not self.text.strip():
            self.fault(FaultKind.CUT_ANSWER, "the answer is empty")
        if not self.label_used:
            self.fault(
                FaultKind.CUT_ANSWER,
                f"the answer ends after the label {_quote(self.label or '')}, before its box",
            )
        return TextAnswer(tuple(self.items), tuple(self.faults), is_plain)

    def fault(self, kind: FaultKind, message: str) -> None:
        self.faults.append(RecordError(kind, message))

    def read_until(self, opening: str, closing: str) -> str | None:
        """What stands up to the closing mark; None, with a fault, if another mark or the end comes first."""
        start = self.position
        mark = _MARK.search(self.text, start)
        inside = self.text[start : mark.start()] if mark else self.text[start:]
        if mark and mark[0] == closing:
            self.position = mark.end()
            return inside
        self.position = mark.start() if mark else len(self.text)
        if mark:
            self.fault(FaultKind.UNCLOSED, f"{opening}{_plain(inside)} is not closed before {mark[0]}")
        else:
            self.fault(FaultKind.CUT_ANSWER, f"the answer ends inside {opening}{_plain(inside)}")
        return None

    def read_label(self) -> None:
        if not self.label_used:
            self.fault(FaultKind.CUT_ANSWER, f"the label {_quote(self.label or '')} has no box")
        label = self.read_until(REF, REF_END)
        self.label_used = label is None  # what was not closed is told already
        if label is None:
            return
        if CATEGORY_SEPARATOR in label:
            self.fault(
                FaultKind.SEPARATOR,
                f"{CATEGORY_SEPARATOR} in the label {_quote(label)}; each label has its own {REF}",
            )
        elif label != label.strip():
            self.fault(FaultKind.SEPARATOR, f"the label {_quote(label)} has blanks at its ends")
        elif not label:
            self.fault(FaultKind.NO_LABEL, f"an empty label: {REF}{REF_END}")
        self.label = label.strip()

    def read_box(self) -> None:
        inside = self.read_until(BOX, BOX_END)
        self.label_used = True
        if inside is None:
            return
        if inside in NONE_WORDS:
            self.items.append(TextItem(self.label, ()))
        elif _COORDINATES.fullmatch(inside):
            self.read_coordinates(_COORDINATE.findall(inside))
        elif _LIKE_COORDINATES.fullmatch(inside):
            self.fault(FaultKind.OUT_OF_RANGE, f"{BOX}{_plain(inside)}{BOX_END}: {self.expected()}")
        elif _COORDINATES.fullmatch(_SEPARATORS.sub("", inside)):
            self.fault(
                FaultKind.SEPARATOR, f"blanks or commas between coordinates: {BOX}{_plain(inside)}{BOX_END}"
            )
        elif any(c.isdigit() for c in inside):
            self.fault(
                FaultKind.TEXT_COORDINATES,
                f"a box in digits, {BOX}{_plain(inside)}{BOX_END}, which would be learnt as text; expected "
                "tokens like <box><120><200><450><500></box>",
            )
        else:
            self.fault(
                FaultKind.COORDINATES,
                f"{BOX}{_plain(inside)}{BOX_END}: expected two or four coordinate tokens, or {NONE_WORDS[0]}",
            )

    def read_coordinates(self, values: list[str]) -> None:
        # By length first: Python refuses to read a number of thousands of digits, with an error of its own.
        known = [
            len(v) <= len(str(self.max_bin)) and str(int(v)) == v and int(v) <= self.max_bin for v in values
        ]
        shown = BOX + _plain("".join(f"<{v}>" for v in values)) + BOX_END
        if not all(known):
            wrong = values[known.index(False)]
            self.fault(FaultKind.OUT_OF_RANGE, f"<{shorten(wrong, 20)}> in {shown}: {self.expected()}")
            return
        bins = tuple(int(v) for v in values)
        if len(bins) not in (2, 4):
            self.fault(
                FaultKind.COORDINATES, f"{shown} has {len(bins)} coordinates; a box has four, a point two"
            )
            return
        if len(bins) == 4 and (bins[0] > bins[2] or bins[1] > bins[3]):
            self.fault(FaultKind.INVERTED_BOX, f"{shown} is inverted; expected x0 <= x1 and y0 <= y1")
        self.items.append(TextItem(self.label, bins))

    def expected(self) -> str:
        return f"coordinates are the tokens <0> to <{self.max_bin}>"

    def read_between(self, text: str) -> None:
        """What stands between labels and boxes: nothing may."""
        if not text:
            return
        if _SEPARATORS.fullmatch(text):
            self.fault(
                FaultKind.SEPARATOR,
                f"stray {text!r} between labels and boxes, which shifts the blocks; remove it",
            )
        elif _COORDINATES.search(text):
            self.fault(FaultKind.COORDINATES, f"coordinates outside of {BOX}: {_quote(text)}")
        else:
            self.fault(FaultKind.STRAY_TEXT, f"words between labels and boxes: {_quote(text)}")


def _plain(text: str) -> str:
    return shorten(text, 60)


def _quote(text: str) -> str:
    return repr(_plain(text))
