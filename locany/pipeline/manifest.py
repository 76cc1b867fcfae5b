"""What a build says of itself: the recipe as data, versions, names, counts. No times, no paths."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np
import PIL
from PIL import features

from locany.data.fingerprint import dataset_fingerprint
from locany.errors import DataError
from locany.pipeline.config import DatasetSource, RenderSource, Source, config_of, find_engine
from locany.pipeline.plan import Plan, open_source
from locany.pipeline.steps import Step
from locany.version import __version__

FORMAT = 1  # of the manifest


def identity(plan: Plan) -> dict[str, Any]:
    """What has to be equal for two runs to be the same build."""
    config = plan.config
    recipe = {
        "sources": [_source(source, size) for source, size in zip(config.sources, plan.sizes, strict=True)],
        "steps": [_step(step) for step in config.steps],
        "shard_size": config.shard_size,
        "format": config.format,
        "mixture": config.mixture,
        "samples": plan.num_items,
    }
    return {"format": FORMAT, "recipe": recipe, "versions": _versions(plan)}


def differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Where two values of `identity` differ, in words."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        names = [*before, *(key for key in now if key not in before)]
        return [
            line
            for key in names
            for line in differences(before.get(key), now.get(key), f"{name}.{key}" if name else str(key))
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{name}[{i}]")]
    return [] if before == now else [f"{name} was {_short(before)}, now {_short(now)}"]


def manifest(
    plan: Plan, parts: Iterable[Mapping[str, Any]], shards: list[dict[str, Any]], duplicates: Counter[str]
) -> dict[str, Any]:
    """The whole document.

    Args:
        plan: the plan.
        parts: the facts of every part (`plan.make_part`), duplicates taken out of their counts.
        shards: file, samples, bytes and SHA-256 of every shard.
        duplicates: how many samples each reason of the duplicate search has dropped.
    """
    forwarded: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = {}
    counts: dict[str, list[int]] = {source.name: [0, 0, 0] for source in plan.config.sources}
    browsers: set[str] = set()
    for facts in parts:
        forwarded.update(facts["forwarded"])
        removed.update(facts["removed_questions"])
        browsers.update(facts["browsers"])
        for drop in facts["drops"]:
            dropped.setdefault(drop["step"], Counter())[drop["reason"]] += 1
        for name, count in facts["counts"].items():
            counts[name] = [a + b for a, b in zip(counts[name], count, strict=True)]
    for step in plan.config.steps:
        if step.name == "Deduplicate" and duplicates:
            forwarded[step.name] -= duplicates.total()
            dropped.setdefault(step.name, Counter()).update(duplicates)
    steps = [
        {
            "name": name,
            "forwarded": forwarded[name],
            "dropped": dict(sorted(dropped.get(name, Counter()).items())),
            "removed_questions": removed[name],
        }
        for name in _in_order_of_decision(plan, dropped)
    ]
    document = identity(plan)
    document["versions"]["browsers"] = sorted(browsers)
    for source, asked in zip(document["recipe"]["sources"], plan.asked, strict=True):
        source["asked"] = asked
        kept = dict(zip(("samples", "questions", "targets"), counts[source["name"]], strict=True))
        source["written"] = kept
    totals = [sum(count[i] for count in counts.values()) for i in range(3)]
    return {
        **document,
        **dict(zip(("samples", "questions", "targets"), totals, strict=True)),
        "steps": steps,
        "shards": shards,
    }


def _in_order_of_decision(plan: Plan, dropped: Mapping[str, Any]) -> list[str]:
    """Names of the steps; the duplicates are known last, when all samples are made."""
    names = [step.name for step in plan.config.steps]
    last = [name for name in names if name == "Deduplicate"]
    return ["read"] * ("read" in dropped) + [name for name in names if name not in last] + last


def to_data(value: Any) -> Any:
    """A config as JSON holds it, the same for the same config.

    Raises:
        DataError: it holds something that is no data, such as a function.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return to_data(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(to_data(key)): to_data(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((to_data(item) for item in value), key=repr)
    if isinstance(value, list | tuple):
        return [to_data(item) for item in value]
    raise DataError(f"a recipe is made of plain data; {value!r} in it is a {type(value).__name__}")


def _source(source: Source, size: int) -> dict[str, Any]:
    if isinstance(source, DatasetSource):
        samples = open_source(source)
        content = dataset_fingerprint(samples, size)
        return {"name": source.name, "kind": "dataset", "samples": size, "content": content}
    config = config_of(source)
    names = find_engine(source).names_used(config)
    return {
        "name": source.name,
        "kind": "render",
        "engine": source.engine,
        "samples": size,
        "first_seed": source.first_seed,
        "step": source.step,
        "config": to_data(config),
        "names_used": {kind: sorted(used) for kind, used in sorted(names.items())},
    }


def _step(step: Step) -> dict[str, Any]:
    return {"name": step.name, "settings": to_data(step)}


def _versions(plan: Plan) -> dict[str, Any]:
    """What the bytes depend on. The browser's stands in what it rendered."""
    engines = {
        source.engine: find_engine(source).VERSION
        for source in plan.config.sources
        if isinstance(source, RenderSource)
    }
    return {
        "locany": __version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "jpeg": features.version("jpg"),
        "webp": features.version("webp"),
        "engines": dict(sorted(engines.items())),
    }


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
