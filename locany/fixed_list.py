"""A list that stays as it is."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class FixedList(list[T]):
    """A list in all that reads it, and equal to one; what would change it raises TypeError, as of a tuple.

    `copy()` and slices are plain lists, which may be changed.
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this list belongs to an answer and cannot be changed; change a copy: list(...)")

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self),)  # a list is unpickled by appending to it
