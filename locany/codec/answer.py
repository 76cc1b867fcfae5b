"""An answer in tokens: write one from what is to be said, read one from whatever a model wrote.

Writing is exact; reading never fails. A model may stop in the middle of a box, forget a closing token, put
three coordinates in a frame or words between items: what can be understood is kept, and everything that was
dropped or mended is reported in words (spec `locateanything` 7.2, 7.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from locany.codec.places import read_place, write_place
from locany.codec.tokenizer import Tokenizer

Bins = tuple[int, ...]  # four bins x1 y1 x2 y2 for a box, two bins x y for a point


@dataclass(frozen=True)
class AnswerItem:
    """One thing said about one label.

    Attributes:
        label: what it is called; empty if the model gave no label.
        bins: four bins of a box (corners ordered), two of a point, or none at all: "it is not there".
        start, stop: the span of its tokens in the answer, for scores and provenance.
    """

    label: str
    bins: Bins
    start: int = 0
    stop: int = 0

    @property
    def is_negative(self) -> bool:
        return not self.bins


@dataclass(frozen=True)
class Answer:
    """What was understood of an answer.

    Attributes:
        items: boxes, points and negatives in the order of the answer.
        dropped: one sentence for each piece that was dropped or mended.
        ended: whether the end token was seen.
    """

    items: tuple[AnswerItem, ...]
    dropped: tuple[str, ...]
    ended: bool


def write_answer(
    tokenizer: Tokenizer, groups: Sequence[tuple[str, Sequence[Bins]]], *, end: bool = True
) -> list[int]:
    """Ids of a well-formed answer.

    Args:
        groups: (label, bins of its boxes or points); no bins at all says that it is not there; an empty label
            is left out, as in pointing data. A label holds until the next one, so nothing without a label
            can follow a label.
        end: close the answer with the end token.
    """
    vocab, ids = tokenizer.vocab, []
    current = ""
    for label, boxes in groups:
        assert label or not current, f"a group without a label would be read as {current!r}"
        current = label
        if label:
            ids += [vocab.ref, *tokenizer.encode_plain(label), vocab.ref_end]
        for bins in boxes:
            assert len(bins) in (2, 4), f"a box has 4 bins and a point 2, got {bins}"
            ids += [vocab.box, *write_place(vocab, bins), vocab.box_end]
        if not boxes:
            ids += [vocab.box, vocab.none, vocab.box_end]
    return [*ids, vocab.end] if end else ids


def read_answer(tokenizer: Tokenizer, ids: Sequence[int]) -> Answer:
    """Read any sequence of ids; see the module's text."""
    return _Reader(tokenizer, ids).read()


class _Reader:
    def __init__(self, tokenizer: Tokenizer, ids: Sequence[int]):
        self.tokenizer, self.vocab, self.ids = tokenizer, tokenizer.vocab, list(ids)
        self.padding = (self.vocab.null, self.vocab.pad)
        self.position = 0
        self.label, self.label_used = "", True
        self.items: list[AnswerItem] = []
        self.dropped: list[str] = []

    def read(self) -> Answer:
        vocab, ended = self.vocab, False
        strays: list[int] = []
        while self.position < len(self.ids) and not ended:
            token = self.ids[self.position]
            if token == vocab.ref:
                self.read_label()
            elif token == vocab.box:
                self.read_box()
            else:
                ended = token == vocab.end
                if not ended and token not in self.padding:
                    strays.append(token)
                self.position += 1
        rest = [t for t in self.ids[self.position :] if t not in (*self.padding, vocab.end)]
        if strays:
            self.drop(f"{_tokens(strays)} between items", strays)
        if not self.label_used:
            self.dropped.append(f"label {self.label!r} without a box")
        if rest:
            self.drop(f"{_tokens(rest)} after the end of the answer", rest)
        return Answer(tuple(self.items), tuple(self.dropped), ended)

    def drop(self, what: str, tokens: Sequence[int]) -> None:
        self.dropped.append(f"{what}: {self.tokenizer.decode(tokens)}")

    def read_until(self, closing: int) -> tuple[list[int], bool]:
        """Tokens from here to `closing`, or to the next label, frame or end token, which close it as well."""
        vocab = self.vocab
        start = self.position = self.position + 1
        closers = (closing, vocab.box, vocab.ref, vocab.end)
        while self.position < len(self.ids) and self.ids[self.position] not in closers:
            self.position += 1
        inside = self.ids[start : self.position]
        closed = self.position < len(self.ids) and self.ids[self.position] == closing
        self.position += closed
        return inside, closed

    def read_label(self) -> None:
        """`<ref> text </ref>`; a label cut off by a frame or by the end still counts."""
        inside, closed = self.read_until(self.vocab.ref_end)
        words = [t for t in inside if self.tokenizer.is_text(t)]
        if not self.label_used:
            self.dropped.append(f"label {self.label!r} without a box")
        if len(words) < len(inside):
            self.drop("tokens that do not belong in a label", inside)
        label = self.tokenizer.decode(words).strip()
        if not closed:
            self.dropped.append(f"label {label!r} is not closed")
        if not label:
            self.dropped.append("an empty label")
        self.label, self.label_used = label, not label

    def read_box(self) -> None:
        """`<box> ... </box>`; the frame also ends before the next frame, label or end token."""
        vocab, start = self.vocab, self.position
        inside, closed = self.read_until(vocab.box_end)
        span = self.ids[start : self.position]
        content = [t for t in inside if t not in self.padding]
        mended = [] if closed else ["it is not closed"]
        if len(content) < len(inside):
            mended.append("padding inside")
        is_negative = bool(content) and all(t in vocab.none_ids for t in content)
        bins = () if is_negative else read_place(vocab, content)
        if bins is None:
            self.drop("a box with other tokens than coordinates", span)
            return
        if len(bins) == 4:
            x1, y1, x2, y2 = bins
            if x1 > x2 or y1 > y2:
                mended.append("corners put in order")
            bins = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        elif not is_negative and (len(bins) != 2 or not closed):
            # An open frame with two coordinates may be half a box.
            what = "a box" if closed else "a box cut short,"
            self.drop(f"{what} with {len(bins)} coordinates", span)
            return
        self.items.append(AnswerItem(self.label, bins, start, self.position))
        self.label_used = True
        if mended:
            self.drop(f"a box was mended ({', '.join(mended)})", span)


def _tokens(ids: Sequence[int]) -> str:
    return "1 token" if len(ids) == 1 else f"{len(ids)} tokens"
