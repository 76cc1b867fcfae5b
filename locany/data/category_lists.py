"""Which names are absent from an image that has no box of them, by the markers of shards.

A marker has lists of names, {"absent": {"coco": ["cat", "dog"], "icons": []}}, each of what some of its
images were annotated for exhaustively. A sample's list is the one that `provenance["category_list"]` names
or, without that, `provenance["source"]`; where there is none of this name, it is the list "", if there is
that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from locany.data.sample import Sample
from locany.data.shards import read_marker

Lists = Mapping[str, tuple[str, ...]]

_LIST = "category_list"


def marker_lists(shard: Path) -> dict[str, tuple[str, ...]]:
    """The lists in the marker of a shard; older markers have none.

    Raises:
        DataError: the marker is damaged.
    """
    marker = read_marker(shard) or {}
    return {name: tuple(names) for name, names in marker.get("absent", {}).items()}


def join_lists(
    groups: Sequence[Lists], defaults: Sequence[str]
) -> tuple[dict[str, tuple[str, ...]], list[dict[str, str]]]:
    """Lists of several groups as one group, numbered where different lists have the same name.

    Args:
        groups: lists by name.
        defaults: for each group, what its list "" is to be called.

    Returns:
        The lists by their new names, and for each group its names with the new ones.
    """
    joined: dict[str, tuple[str, ...]] = {}
    renamed: list[dict[str, str]] = []
    for group, default in zip(groups, defaults, strict=True):
        renamed.append({})
        for name, names in group.items():
            new, number = name or default, 1
            while joined.setdefault(new, names) != names:
                number += 1
                new = f"{name or default} {number}"
            renamed[-1][name] = new
    return joined, renamed


def list_mark(provenance: Mapping[str, Any], lists: Lists, name: str) -> dict[str, Any]:
    """What a provenance needs in addition for its sample to have this list; nothing if it has it already.

    Args:
        provenance: of the sample.
        lists: of the marker that the sample is written under.
        name: of the sample's list in it; "" where there is none.
    """
    found = lists.get(list_name(provenance, lists), ())
    return {} if found == lists.get(name, ()) else {_LIST: name}


class CategoryLists:
    """The lists of a folder, given shard by shard; markers need not agree.

    Attributes:
        by_name: every list. Names are those of the markers, unless markers differ: then "" is "all", and
            different lists of one name are numbered.
    """

    def __init__(self, shards: Sequence[Lists]):
        self._shards = shards
        self.by_name: dict[str, tuple[str, ...]]
        if all(lists == shards[0] for lists in shards):
            self.by_name = dict(shards[0])
            self._renamed = [{name: name for name in shards[0]}] * len(shards)
        else:
            self.by_name, self._renamed = join_lists(shards, ["all"] * len(shards))

    def name(self, shard: int, sample: Sample) -> str:
        """The name of a sample's list in `by_name`; "" where there is none."""
        return self._renamed[shard].get(list_name(sample.provenance, self._shards[shard]), "")

    def names(self, shard: int, sample: Sample) -> tuple[str, ...]:
        """What is absent from a sample's image unless it has a box of it."""
        return self.by_name.get(self.name(shard, sample), ())

    @property
    def common(self) -> tuple[str, ...]:
        """Names that are in every list; none where a shard has no list."""
        first, *others = (names for lists in self._shards for names in (lists.values() or [()]))
        rest = set(first).intersection(*others)
        return tuple(name for name in first if name in rest)

    def mark(self, shard: int, sample: Sample) -> Sample:
        """The sample as it is written to a shard with all of `by_name` in its marker."""
        mark = list_mark(sample.provenance, self.by_name, self.name(shard, sample))
        return replace(sample, provenance={**sample.provenance, **mark}) if mark else sample


def list_name(provenance: Mapping[str, Any], lists: Mapping[str, Any]) -> str:
    """The name of the list that a sample has among these; "" where there is none of its own."""
    name = str(provenance.get(_LIST, provenance.get("source", "")))
    return name if name in lists else ""
