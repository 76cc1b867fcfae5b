"""A place between `<box>` and `</box>`: bins to tokens and back. A coordinate is one token, or its digits."""

from __future__ import annotations

from collections.abc import Sequence

from locany.codec.formulation import Formulation
from locany.codec.vocab import Vocab


def write_place(vocab: Vocab, bins: Sequence[int]) -> list[int]:
    """Tokens of some bins."""
    if vocab.formulation is not Formulation.DIGITS:
        return [vocab.coord(bin_) for bin_ in bins]
    ids: list[int] = []
    for number, bin_ in enumerate(bins):
        assert 0 <= bin_ <= vocab.max_bin, f"bin {bin_} outside 0..{vocab.max_bin}"
        ids += [vocab.comma] if number else []
        ids += [vocab.digits[int(digit)] for digit in str(bin_)]
    return ids


def read_place(vocab: Vocab, tokens: Sequence[int]) -> tuple[int, ...] | None:
    """Bins of some tokens; None where there is something else among them. No token is no bin."""
    if vocab.formulation is not Formulation.DIGITS:
        return tuple(map(vocab.bin_of, tokens)) if all(map(vocab.is_coord, tokens)) else None
    if not tokens:
        return ()
    bins, digits, most_digits = [], "", len(str(vocab.max_bin))
    for token in (*tokens, vocab.comma):
        if token in vocab.digits and len(digits) < most_digits:
            digits += str(vocab.digits.index(token))
        elif token == vocab.comma and digits and int(digits) <= vocab.max_bin:
            bins.append(int(digits))
            digits = ""
        else:
            return None
    return tuple(bins)
