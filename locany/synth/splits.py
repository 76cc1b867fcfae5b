"""What is kept from training, by name, so that evaluation meets what the model has never seen.

The one definition: renderers ask here, and a test holds every training recipe against it. A whole family,
set, toolkit or template is held out, never a part of one: a bold of a known family is not a new font.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from locany.errors import DataError

Split = Literal["train", "held-out"]
SPLITS: tuple[Split, ...] = get_args(Split)

HELD_OUT: dict[str, frozenset[str]] = {
    "fonts": frozenset(
        {
            *("noto-serif", "nunito", "poppins"),  # bundled with the package
            *("lato", "cabin", "eb-garamond", "comic-neue", "fira-code", "yanone-kaffeesatz"),
        }
    ),
    "icon_sets": frozenset({"phosphor", "heroicons", "twemoji"}),
    "toolkits": frozenset({"pico", "antd"}),
    "gui_templates": frozenset({"calendar", "product", "player", "article"}),
    "document_templates": frozenset({"thesis", "statement", "menu", "manual"}),
}


def in_split(kind: str, names: Iterable[str], split: str) -> tuple[str, ...]:
    """Those of `names` that belong to a split, in their order.

    Args:
        kind: a key of `HELD_OUT`.
        names: fonts (by family), icon sets, toolkits or templates.
        split: "train" or "held-out".

    Raises:
        DataError: no such split.
    """
    if split not in SPLITS:
        raise DataError(f"no split {split!r}; the splits are {', '.join(SPLITS)}")
    held_out = HELD_OUT[kind]
    return tuple(name for name in names if (name in held_out) == (split == "held-out"))
